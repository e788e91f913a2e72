package replica_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"muster/crdt"
	"muster/crdt/auth"
	"muster/crdt/board"
	"muster/node/replica"
	"muster/node/wire"
)

// drawCut draws the cut of a removal: what is held, less than that, or what no honest node would name.
func drawCut(t *rapid.T, g *group, n *node, dev crdt.DeviceID) auth.Hashes {
	cut := g.cutOf(n, dev)
	switch rapid.IntRange(0, 3).Draw(t, "cut") {
	case 0:
		cut = nil
	case 1: // anything by anybody, in any document, and nothing at all
		for _, rec := range g.signed() {
			if rapid.IntRange(0, 3).Draw(t, "in") == 0 {
				cut = append(cut, rec.Hash)
			}
		}
		cut = append(cut, crdt.Hash{}, crdt.Hash{9}, crdt.Hash(dev))
	}
	return auth.SortHashes(cut)
}

// drawWord lets n say something about who belongs to the team. Whether it has the right to is for the team to say.
func drawWord(t *rapid.T, g *group, n *node) {
	o := rapid.SampledFrom(g.nodes).Draw(t, "whom")
	dev := o.signer.Device()
	var err error
	switch rapid.IntRange(0, 6).Draw(t, "word") {
	case 0, 1:
		mode := auth.Mode(rapid.IntRange(1, 3).Draw(t, "mode"))
		err = g.says(n, auth.KindRemove, auth.Remove{Device: dev, Mode: mode, Cut: drawCut(t, g, n, dev)})
	case 2:
		err = g.says(n, auth.KindReinstate, auth.Reinstate{Device: dev})
	case 3:
		var ops []crdt.Hash
		for _, doc := range n.r.Documents() {
			ops = append(ops, n.r.Board(doc).Aside(dev)...)
		}
		if len(ops) > 0 {
			err = g.says(n, auth.KindAdopt, auth.Adopt{Ops: auth.SortHashes(ops[rapid.IntRange(0, len(ops)-1).Draw(t, "from"):])})
		}
	case 4:
		err = g.says(n, auth.KindRole, auth.SetRole{Person: g.person(n, o), Role: auth.Role(rapid.IntRange(1, 3).Draw(t, "role"))})
	case 5:
		err = g.says(n, auth.KindConfirm, auth.Confirm{Device: dev})
	default:
		ops := n.r.Graph(g.team).Heads()
		err = g.says(n, auth.KindCosign, auth.Cosign{Op: ops[0]})
	}
	if err != nil {
		t.Fatal(err)
	}
}

// drawTrouble makes a history of two incidents in which people remove each other's laptops while they are apart, one of which
// is at work twice.
func drawTrouble(t *rapid.T) *group {
	g := newGroup()
	g.rng = rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
	g.quiet = true
	if err := g.found([]string{"ann", "bob", "carol", "dave"}); err != nil {
		t.Fatal(err)
	}
	ann := g.nodes[0]
	for i := range 2 {
		if err := g.propose(ann, board.Intent{Verb: "declare", Text: fmt.Sprint("incident ", i), Severity: 2}); err != nil {
			t.Fatal(err)
		}
	}
	for _, n := range g.nodes[1:] {
		g.connect(ann, n)
	}
	g.settle()
	twin := g.add("twin", g.node("dave").signer, g.node("dave").disk.clone())
	if err := g.start(twin); err != nil {
		t.Fatal(err)
	}
	for i := range rapid.IntRange(5, 40).Draw(t, "steps") {
		g.now = g.now.Add(time.Duration(rapid.IntRange(-5, 60).Draw(t, "seconds")) * time.Second)
		n := rapid.SampledFrom(g.nodes).Draw(t, "who")
		doc := rapid.SampledFrom(g.docs).Draw(t, "incident")
		switch rapid.IntRange(0, 9).Draw(t, "what") {
		case 0, 1:
			drawWord(t, g, n)
		case 2:
			o := rapid.SampledFrom(g.nodes).Draw(t, "with")
			switch {
			case o.signer.Device() == n.signer.Device():
			case n.links[o.signer.Device()] != nil:
				g.cut(n, o)
			default:
				g.connect(n, o)
			}
		case 3:
			g.settle()
		case 4:
			g.types(n, doc, board.Intent{Verb: "take", Text: "mine", Force: true})
		case 5:
			if v := n.r.Board(doc).View(g.now, n.r.Team()); len(v.Notes) > 0 {
				note := rapid.SampledFrom(v.Notes).Draw(t, "note")
				if !g.types(n, doc, board.Intent{Verb: "redact", Ref: note.Op.String(), Text: "out"}) {
					g.types(n, doc, board.Intent{Verb: "edit", Ref: note.Op.String(), Text: fmt.Sprint("more ", i)})
				}
			}
		case 6:
			g.types(n, doc, board.Intent{Verb: "do", Text: fmt.Sprint("task ", i)})
		case 7:
			g.types(n, doc, board.Intent{Verb: "done", Ref: "task", Text: "did it"})
		default:
			g.types(n, doc, board.Intent{Verb: "note", Text: fmt.Sprint("note ", i)})
		}
	}
	return g
}

// shown is everything that a replica shows.
func shown(r *replica.Replica, now time.Time) string {
	var out strings.Builder
	for _, m := range r.Team().Members() {
		fmt.Fprintf(&out, "%+v %s\n", m, r.Team().Mark(m.Device))
	}
	for _, doc := range r.Documents() {
		b := r.Board(doc)
		fmt.Fprintf(&out, "%x\n", b.Digest())
		for _, e := range b.Log(r.Team()) {
			fmt.Fprintf(&out, "%s %s %d %t %s %s\n", e.Actor, e.Kind, e.Standing, e.Inert, e.Ref, e.Text)
		}
	}
	return out.String()
}

// TestEveryOrderOfTeamAndIncidentsShowsTheSame: whatever is written about who belongs to the team, and in the incidents, and
// in whatever order operations of either arrive, those who hold the same show the same, lack no body that is to be had, and
// keep none that is to be gone. (T8: identical state for all orders; with cuts no honest node would write.)
func TestEveryOrderOfTeamAndIncidentsShowsTheSame(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g := drawTrouble(t)
		all := g.signed()
		sets := map[crdt.DocID][]*crdt.Record{}
		for _, rec := range all {
			sets[rec.Doc()] = append(sets[rec.Doc()], rec)
		}
		want, erased := "", ""
		for i := range 4 {
			n := &node{name: "fresh", signer: crdt.Ed25519Signer(g.key()), disk: newDisk(9), links: map[crdt.DeviceID]*node{}}
			switch i {
			case 0: // from a disk
				n.disk.put(all...)
			default:
				for _, rec := range sets[g.team] {
					if rec.Op.Doc.IsZero() {
						n.disk.put(rec)
					}
				}
			}
			if err := g.start(n); err != nil {
				t.Fatal(err)
			}
			g.work(n)
			order := slices.Clone(all)
			switch i {
			case 1: // the team last
				slices.SortStableFunc(order, func(a, b *crdt.Record) int { return teamRank(g, a) - teamRank(g, b) })
			case 2: // the team first
				slices.SortStableFunc(order, func(a, b *crdt.Record) int { return teamRank(g, b) - teamRank(g, a) })
			case 3:
				g.rng.Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
			}
			for range 2 { // again for the bodies that were not needed when they came
				for _, rec := range order {
					if err := n.r.Step(g.now, crdt.DeviceID{1}, &wire.Batch{Doc: rec.Doc(), Records: []*crdt.Record{rec}}); err != nil {
						t.Fatal(err)
					}
					if g.rng.IntN(3) == 0 {
						g.work(n)
					}
				}
				g.work(n)
			}
			if waits, _ := n.r.Waiting(); waits > 0 || n.r.Withheld() > 0 {
				t.Fatalf("order %d: %d operations wait, %d lack their body", i, waits, n.r.Withheld())
			}
			got := shown(n.r, g.now)
			gone := n.erasures(g)
			if want == "" {
				want, erased = got, gone
			}
			if got != want {
				t.Fatalf("order %d shows something else:\n%s", i, cmp.Diff(strings.Split(want, "\n"), strings.Split(got, "\n")))
			}
			if gone != erased {
				t.Fatalf("order %d keeps other bodies:\n%s", i, cmp.Diff(strings.Split(erased, "\n"), strings.Split(gone, "\n")))
			}
		}
	})
}

// teamRank sorts operations of the team behind those of incidents.
func teamRank(g *group, rec *crdt.Record) int {
	if rec.Doc() == g.team {
		return 1
	}
	return 0
}

// erasures lists what the disk of n holds no body of.
func (n *node) erasures(g *group) string {
	var out []string
	for _, doc := range slices.SortedFunc(maps.Keys(n.disk.logs), crdt.DocID.Compare) {
		for _, rec := range n.disk.all(doc) {
			if rec.Erased {
				out = append(out, fmt.Sprintf("%s of %s", rec.Op.Dot, g.docName(doc)))
			}
		}
	}
	return strings.Join(out, "\n")
}
