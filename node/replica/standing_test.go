package replica_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"muster/crdt"
	"muster/crdt/auth"
	"muster/crdt/board"
	"muster/node/wire"
)

// newTeam returns a group of nodes that know each other and one incident, declared by the first and held by all.
func newTeam(t *testing.T, names ...string) *group {
	t.Helper()
	g := newGroup()
	g.quiet = true
	if err := g.found(names); err != nil {
		t.Fatal(err)
	}
	if err := g.propose(g.nodes[0], board.Intent{Verb: "declare", Text: "edge down", Severity: 2}); err != nil {
		t.Fatal(err)
	}
	g.connectAll(names...)
	g.settle()
	return g
}

// connectAll brings up the links between all nodes named that are not up.
func (g *group) connectAll(names ...string) {
	for i, a := range names {
		for _, b := range names[i+1:] {
			if n, o := g.node(a), g.node(b); n.links[o.signer.Device()] == nil {
				g.connect(n, o)
			}
		}
	}
}

// cutAll takes down the links between two sides.
func (g *group) cutAll(left, right string) {
	for _, a := range strings.Fields(left) {
		for _, b := range strings.Fields(right) {
			g.cut(g.node(a), g.node(b))
		}
	}
}

// must fails the test on an error.
func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// agree fails the test unless all nodes named show the same.
func (g *group) agree(t *testing.T, names ...string) string {
	t.Helper()
	want := g.boards(g.node(names[0]))
	for _, name := range names[1:] {
		if got := g.boards(g.node(name)); got != want {
			t.Fatalf("%s shows\n%s%s shows\n%s", names[0], want, name, got)
		}
	}
	return want
}

// A laptop is stolen while the team is apart. The thief takes command, ends the incident, erases what others wrote and gives
// orders; carol's laptop, which cannot know, believes it all and passes it on when the sides meet. From the moment the
// removal is held none of it has an effect, on any laptop, and what was erased is back. (T8: no effect beyond the cut;
// accomplices relay; identical state.)
func TestRemovalWhileApart(t *testing.T) {
	for _, mode := range []auth.Mode{auth.ModeCompromised, auth.ModeSuspend} {
		t.Run(mode.String(), func(t *testing.T) {
			g := newTeam(t, "ann", "bob", "carol", "thief")
			ann, bob, carol, thief := g.node("ann"), g.node("bob"), g.node("carol"), g.node("thief")
			must(t, g.propose(carol, board.Intent{Verb: "note", Text: "the key is with the porter"}))
			must(t, g.propose(thief, board.Intent{Verb: "note", Text: "honest so far"}))
			must(t, g.propose(ann, board.Intent{Verb: "do", Text: "drain lb2"}))
			g.settle()
			before := g.agree(t, "ann", "bob", "carol", "thief")

			g.cutAll("ann bob", "carol thief")
			must(t, g.propose(thief, board.Intent{Verb: "take", Text: "mine", Force: true, Yes: true}))
			must(t, g.propose(thief, board.Intent{Verb: "redact", Ref: "the key", Text: "gone", Yes: true}))
			must(t, g.propose(thief, board.Intent{Verb: "claim", Ref: "drain"}))
			must(t, g.propose(thief, board.Intent{Verb: "done", Ref: "drain", Text: "done"}))
			must(t, g.propose(thief, board.Intent{Verb: "resolve", Text: "all is well"}))
			g.settle()
			if !strings.Contains(g.boards(carol), "REDACTED by thief") {
				t.Fatalf("carol does not believe the thief:\n%s", g.boards(carol))
			}
			must(t, g.remove(ann, thief, mode))
			g.settle()

			g.connect(bob, carol)
			g.settle()
			want := strings.TrimSuffix(before, "\n") + "\n  5 of thief do not count\n"
			if got := g.agree(t, "ann", "bob", "carol"); got != want {
				t.Errorf("the board is\n%swant\n%s", got, want)
			}
			for _, n := range []*node{ann, bob, carol} {
				if n.r.Digest() != ann.r.Digest() || n.r.Withheld() > 0 {
					t.Errorf("%s holds something else, or lacks %d bodies", n.name, n.r.Withheld())
				}
			}
			g.cut(carol, thief)
			g.connect(thief, carol)
			g.settle()
			if mode == auth.ModeSuspend {
				g.agree(t, "ann", "thief") // it may read
			}

			must(t, g.says(bob, auth.KindAdopt, auth.Adopt{Ops: auth.SortHashes(bob.r.Board(g.docs[0]).Aside(thief.signer.Device()))}))
			g.settle()
			if got := g.agree(t, "ann", "bob", "carol"); !strings.Contains(got, "resolved") || !strings.Contains(got, "REDACTED by thief") {
				t.Errorf("adopted, and the board is\n%s", got)
			}
			for _, n := range []*node{ann, bob, carol} {
				for _, rec := range n.disk.all(g.docs[0]) {
					if strings.Contains(string(rec.Body), "porter") {
						t.Errorf("%s still has what was redacted", n.name)
					}
				}
			}
			for _, n := range []*node{ann, bob, carol} {
				must(t, g.crash(n))
				g.work(n)
			}
			g.agree(t, "ann", "bob", "carol")
		})
	}
}

// A laptop that was given back writes on while it cannot know: that counts. What it writes when it knows does not.
func TestRetiredLaptopCountsUntilItKnows(t *testing.T) {
	g := newTeam(t, "ann", "bob", "old")
	ann, old := g.node("ann"), g.node("old")
	g.cutAll("ann bob", "old")
	must(t, g.propose(old, board.Intent{Verb: "note", Text: "before"}))
	must(t, g.remove(ann, old, auth.ModeRetire))
	g.settle()
	must(t, old.r.Admit(g.now, &wire.Batch{Doc: g.team, Records: ann.disk.all(g.team)}))
	g.work(old)
	// Its own node refuses to write. Another program with its key does not.
	heads := old.r.Graph(g.team).Heads()
	rec := g.sign(t, old, board.KindNote, map[int]any{1: "after"}, heads)
	g.connect(ann, g.node("bob"))
	for _, n := range []*node{ann, g.node("bob")} {
		batch := &wire.Batch{Doc: g.docs[0], Records: append(old.disk.all(g.docs[0])[1:], rec)}
		must(t, n.r.Step(g.now, crdt.DeviceID{1}, batch)) // somebody brings it
		g.work(n)
	}
	got := g.agree(t, "ann", "bob")
	if !strings.Contains(got, "note old: before") || strings.Contains(got, "note old: after") || !strings.Contains(got, "1 of old do not count") {
		t.Errorf("the board is\n%s", got)
	}
}

// sign signs an operation on top of what a node holds, as a program without rules would, and hands it to nobody.
func (g *group) sign(t *testing.T, n *node, kind crdt.Kind, body any, team []crdt.Hash) *crdt.Record {
	t.Helper()
	gr := n.r.Graph(g.docs[len(g.docs)-1])
	op := crdt.Op{
		Doc: gr.Doc(), Dot: crdt.Dot{Epoch: n.disk.epoch, Seq: 1}, Parents: gr.Heads(), Team: team, Kind: kind, WallMS: g.now.UnixMilli(),
	}
	if log := gr.Log(crdt.LogID{Device: n.signer.Device(), Epoch: n.disk.epoch}); len(log) > 0 {
		op.Prev, op.Dot.Seq = log[0].Hash, log[0].Seq+1
		op.Parents = op.Parents[:0]
		for _, h := range gr.Heads() {
			if h != op.Prev {
				op.Parents = append(op.Parents, h)
			}
		}
	}
	var salt [crdt.SaltBytes]byte
	g.bytes(salt[:])
	rec, err := crdt.Seal(op, salt, crdt.EncodeBody(body), n.signer)
	must(t, err)
	g.made[rec.Hash] = rec
	return rec
}

// From the moment a removal is held nothing that the removed laptop sends is listened to, on a live connection or a new one,
// and nothing is sent to it. (T8: refused in gossip and on live connections.)
func TestRemovedLaptopIsNotListenedTo(t *testing.T) {
	g := newTeam(t, "ann", "bob", "thief")
	ann, bob, thief := g.node("ann"), g.node("bob"), g.node("thief")
	must(t, g.remove(ann, thief, auth.ModeCompromised))
	dev := thief.signer.Device()
	if ann.r.Reachable(dev) {
		t.Error("the removed laptop is still a peer of who removed it")
	}
	for len(g.flying) > 0 { // the removal is on its way to bob, as the first thing
		if to := g.flying[0].to; to == bob {
			g.carry(0)
			break
		}
		g.flying = g.flying[1:]
	}
	g.flying = nil
	if bob.r.Reachable(dev) {
		t.Error("the removed laptop is still a peer of who has heard of it")
	}
	rec := g.sign(t, thief, board.KindNote, map[int]any{1: "hello"}, thief.r.Graph(g.team).Heads())
	before := bob.r.Digest()
	for _, m := range []wire.Message{
		&wire.Batch{Doc: g.docs[0], Records: []*crdt.Record{rec}}, &wire.Root{Digest: crdt.Hash{1}}, &wire.Frontiers{}, &wire.Hello{},
	} {
		bob.r.Ready()
		must(t, bob.r.Step(g.now, dev, m))
		bob.r.Tick(g.now.Add(time.Minute))
		rd := bob.r.Ready()
		for _, env := range rd.Send {
			if env.To == dev {
				t.Errorf("%T is answered with %T", m, env.Msg)
			}
		}
		if len(rd.Peers) > 0 || bob.r.Digest() != before {
			t.Errorf("%T brought something", m)
		}
	}
	bob.r.PeerUp(g.now, dev)
	if rd := bob.r.Ready(); bob.r.Reachable(dev) || bob.r.Stats().Ignored != 4 {
		t.Errorf("listened to after all: %d messages, %d ignored", len(rd.Send), bob.r.Stats().Ignored)
	}
	if p := bob.r.Presence(g.person(bob, thief)); p.Reachable || !p.Word.IsZero() || !p.Heard.IsZero() {
		t.Errorf("a removed laptop is a sign of life: %+v", p)
	}
}

// Whoever may not write is told so, and what to do, before anything is signed.
func TestWhoMayNotWriteIsTold(t *testing.T) {
	for _, c := range []struct {
		name string
		do   func(g *group, ann, bob *node) error
		want string
	}{
		{"suspended", func(g *group, ann, bob *node) error { return g.remove(ann, bob, auth.ModeSuspend) }, "suspended by ann: lost"},
		{"removed", func(g *group, ann, bob *node) error { return g.remove(ann, bob, auth.ModeCompromised) }, "removed from the team by ann: lost"},
		{"retired", func(g *group, ann, bob *node) error { return g.remove(ann, bob, auth.ModeRetire) }, "removed from the team by ann: lost"},
		{"an observer", func(g *group, ann, bob *node) error {
			return g.says(ann, auth.KindRole, auth.SetRole{Person: g.person(ann, bob), Role: auth.RoleObserver})
		}, "observers read and do not write"},
	} {
		t.Run(c.name, func(t *testing.T) {
			g := newTeam(t, "ann", "bob")
			ann, bob := g.node("ann"), g.node("bob")
			must(t, g.propose(bob, board.Intent{Verb: "note", Text: "while I may"}))
			must(t, c.do(g, ann, bob))
			must(t, bob.r.Admit(g.now, &wire.Batch{Doc: g.team, Records: ann.disk.all(g.team)}))
			g.work(bob)
			before := bob.r.Digest()
			for _, doc := range []crdt.DocID{{}, g.docs[0]} {
				_, err := bob.r.Propose(g.now, doc, board.Intent{Verb: "note", Text: "x"})
				var p *board.Problem
				if !errors.As(err, &p) || p.Code != board.CodeRefused || p.Hint == "" || !strings.Contains(p.Message, c.want) {
					t.Errorf("got %v, want %q", err, c.want)
				}
			}
			if _, err := bob.r.ProposeAll(g.now, func(board.CheckContext) ([]board.Placed, error) { return nil, nil }); err == nil {
				t.Error("may write in several incidents at once")
			}
			if rd := bob.r.Ready(); len(rd.Own) > 0 || bob.r.Digest() != before {
				t.Error("something was signed")
			}
		})
	}
}

// A laptop that joins by an invitation that was used up on the other side of a split is let in and may read. What it wrote
// before anybody could know counts; what a program with its key writes in knowledge of that waits, and counts when somebody
// confirms it.
func TestOverusedInvitationWaitsForAWord(t *testing.T) {
	g := newTeam(t, "ann", "bob")
	ann, bob := g.node("ann"), g.node("bob")
	g.invite = g.key()
	must(t, g.says(ann, auth.KindInvite, auth.Invite{Key: publicOf(g.invite), Role: auth.RoleResponder, Uses: 1}))
	g.settle()
	g.cutAll("ann", "bob")
	var late *node
	for i, sponsor := range []*node{ann, bob} {
		n := g.add(fmt.Sprint("new", i), crdt.Ed25519Signer(g.key()), newDisk(uint64(500+i)))
		must(t, g.join(n, sponsor))
		n.disk.put(sponsor.disk.all(g.docs[0])...)
		must(t, g.start(n))
		must(t, g.propose(n, board.Intent{Verb: "note", Text: "here I am"}))
		g.connect(n, sponsor)
		g.settle()
	}
	g.connect(ann, bob)
	g.settle()
	if got := g.agree(t, "ann", "bob", "new0", "new1"); strings.Count(got, "here I am") != 2 || strings.Contains(got, "do not count") {
		t.Fatalf("the board is\n%s", got)
	}
	for _, n := range g.nodes[2:] {
		if m, _ := ann.r.Team().Member(n.signer.Device()); m.Unconfirmed {
			late = n
		}
	}
	if err := g.propose(late, board.Intent{Verb: "note", Text: "me too"}); err == nil || !strings.Contains(err.Error(), "used up") {
		t.Errorf("an unconfirmed observer writes: %v", err)
	}
	rec := g.sign(t, late, board.KindNote, map[int]any{1: "all the same"}, late.r.Graph(g.team).Heads())
	for _, n := range g.nodes {
		must(t, n.r.Step(g.now, crdt.DeviceID{1}, &wire.Batch{Doc: g.docs[0], Records: []*crdt.Record{rec}}))
		g.work(n)
	}
	g.renew(late) // it has seen its own log go on without it
	if got := g.agree(t, "ann", "bob", "new0", "new1"); strings.Contains(got, "all the same") || !strings.Contains(got, "1 of new") {
		t.Fatalf("the board is\n%s", got)
	}
	must(t, g.says(ann, auth.KindConfirm, auth.Confirm{Device: late.signer.Device()}))
	g.settle()
	if got := g.agree(t, "ann", "bob", "new0", "new1"); !strings.Contains(got, "all the same") || strings.Contains(got, "do not count") {
		t.Errorf("confirmed, and the board is\n%s", got)
	}
	must(t, g.propose(late, board.Intent{Verb: "note", Text: "me too"}))
}

// What is known of the team is sent before what was written, also to a peer that is being sent much of that already.
func TestTeamIsSentFirst(t *testing.T) {
	g := newTeam(t, "ann", "bob", "thief")
	ann, bob, thief := g.node("ann"), g.node("bob"), g.node("thief")
	g.cutAll("ann thief", "bob")
	for range 400 { // more than is on its way to one peer at once
		must(t, g.propose(thief, board.Intent{Verb: "note", Text: strings.Repeat("and on ", 2000)}))
	}
	g.settle()
	g.connect(ann, bob)
	brings := func(m message) (doc crdt.DocID, ok bool) {
		msg, err := wire.Parse(m.frame)
		must(t, err)
		b, ok := msg.(*wire.Batch)
		if !ok || m.to != bob {
			return crdt.DocID{}, false
		}
		return b.Doc, true
	}
	pass := func(until time.Time) { // all but batches for bob, which are kept
		for {
			if len(g.flying) > 0 {
				if _, ok := brings(g.flying[0]); ok {
					g.kept, g.flying = append(g.kept, g.flying[0]), g.flying[1:]
					continue
				}
				g.carry(0)
			} else if n := g.sleeper(); n != nil && !n.next.After(until) {
				g.wake(n)
			} else {
				return
			}
		}
	}
	pass(g.now.Add(time.Second))
	must(t, g.remove(ann, thief, auth.ModeCompromised))
	for i, m := range g.flying {
		if _, ok := brings(m); ok { // the word of it is lost
			g.flying = append(g.flying[:i:i], g.flying[i+1:]...)
			break
		}
	}
	pass(g.now.Add(15 * time.Second)) // digests show that it is missing
	many := len(g.kept)
	for g.kept, g.flying = nil, g.kept; len(g.kept) == 0 && len(g.flying) > 0; many-- { // one arrives, another can leave
		if many == 0 {
			t.Fatal("no other batch was sent")
		}
		g.carry(0)
		for i := len(g.flying) - 1; i >= many-1; i-- {
			if _, ok := brings(g.flying[i]); ok {
				g.kept = append(g.kept, g.flying[i])
			} else {
				g.carry(i)
			}
		}
	}
	if doc, _ := brings(g.kept[len(g.kept)-1]); doc != g.team {
		t.Errorf("the next batch is of %s", g.docName(doc))
	}
}

// A member whose clock is a month slow or fast, because it is broken or because that is hoped to change something, changes
// nothing: what follows on what stays so, a claim of command dated before everybody else's takes it from nobody, and all
// nodes fold the same. How high an operation stands in the graph cannot be claimed at all: it is counted. (T10.)
func TestClocksDecideNothing(t *testing.T) {
	const month = 30 * 24 * time.Hour
	var want string
	for _, skew := range []time.Duration{0, -month, -time.Hour, time.Hour, month} {
		g := newTeam(t, "ann", "bob", "carol", "dave")
		dave := g.node("dave")
		act := func(n *node, in board.Intent) {
			t.Helper()
			now := g.now
			if n == dave {
				now = now.Add(skew)
			}
			in.Yes = true
			if _, err := n.r.Propose(now, g.docs[0], in); err != nil {
				t.Fatalf("%s %s: %v", n.name, in.Verb, err)
			}
			g.work(n)
			g.now = g.now.Add(time.Minute)
			g.settle()
		}
		ann, bob, carol := g.node("ann"), g.node("bob"), g.node("carol")
		act(ann, board.Intent{Verb: "handoff", Who: []string{"bob"}})
		act(dave, board.Intent{Verb: "sev", Severity: 3, Text: "better"})
		act(bob, board.Intent{Verb: "accept", Text: "edge is down"})
		act(dave, board.Intent{Verb: "do", Text: "drain lb2"})
		act(carol, board.Intent{Verb: "claim", Ref: "drain"})
		act(dave, board.Intent{Verb: "title", Text: "the edge"})
		act(carol, board.Intent{Verb: "title", Text: "the edge is down"})
		act(carol, board.Intent{Verb: "sev", Severity: 1, Text: "worse"})
		act(dave, board.Intent{Verb: "resolve", Text: "it is over"})
		act(bob, board.Intent{Verb: "reopen", Text: "it is not"})
		g.cutAll("ann bob", "carol dave")
		act(dave, board.Intent{Verb: "take", Text: "mine", Force: true})
		act(dave, board.Intent{Verb: "cancel", Ref: "drain", Text: "no"})
		act(carol, board.Intent{Verb: "done", Ref: "drain", Text: "drained"})
		act(bob, board.Intent{Verb: "decide", Text: "fail over", Topic: "db"})
		act(dave, board.Intent{Verb: "decide", Text: "wait", Topic: "db"})
		g.connectAll("ann", "bob", "carol", "dave")
		g.settle()
		got := g.agree(t, "ann", "bob", "carol", "dave")
		if want == "" {
			want = got
		}
		if got != want || !strings.Contains(got, "command bob") {
			t.Errorf("a clock that is wrong by %s gives\n%swant\n%s", skew, got, want)
		}
	}
}
