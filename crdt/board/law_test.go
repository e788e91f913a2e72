package board

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"muster/crdt"
)

// lawTeam is small, so that people collide. bob has two laptops.
var lawTeam = []string{"ann", "bob", "bob2", "carol", "dave"}

// roll draws a number below n, each with about the same probability; rapid's own integers prefer small ones, which makes
// for dull incidents. (Mixing: Stafford's variant 13 of the 64-bit finalizer.)
func roll(t *rapid.T, n int) int {
	x := rapid.Uint64().Draw(t, "roll")
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return int((x ^ x>>31) % uint64(n))
}

func pick[T any](t *rapid.T, from ...T) T { return from[roll(t, len(from))] }

// drawIntent makes an intent for any verb from its description alone, so that a new verb joins by itself. Most fit the
// board; some do not. Things made lately are preferred, so that people meet.
// Some of the time it is one of the favourites, so that people come back to what others just did.
func drawIntent(t *rapid.T, b *Board, actor PersonID, favourites ...Verb) Intent {
	v := pick(t, Verbs()...)
	if len(favourites) > 0 && roll(t, 3) > 0 {
		v = pick(t, favourites...)
	}
	if v.RefNeed == Never && roll(t, 3) == 0 {
		v = pick(t, Verbs()...) // what is about something has the most to go wrong
	}
	f := b.foldCommand()
	mine := slices.ContainsFunc(f.offers, func(of *offer) bool { return of.to == actor && b.waits(f, of) })
	r := reader{b, team(lawTeam)}
	switch {
	case mine && roll(t, 3) == 0: // people mostly do what is asked of them
		v = verbNamed(t, "accept")
	case len(b.listOf(RefUpdate)) > 0 && roll(t, 12) == 0: // what was drafted gets out
		v = verbNamed(t, pick(t, "update", "approve", "publish"))
	case len(r.conflicts()) > 0 && roll(t, 4) == 0:
		v = verbNamed(t, "settle")
	}
	in := Intent{Verb: v.Name, Yes: roll(t, 4) > 0}
	use := func(n Need) bool { return n == Must || n == May && roll(t, 3) > 0 }
	flag := func(has bool) bool { return has && roll(t, 3) == 0 }
	if use(v.RefNeed) {
		in.Ref = "tzz"
		if all := b.listOf(v.Ref); len(all) > 0 {
			in.Ref = b.shortID(v.Ref, pick(t, all[max(0, len(all)-3):]...).hash)
		}
	}
	if use(v.Who) {
		in.Who = []string{pick(t, lawTeam...)}
	}
	if use(v.Text) {
		in.Text = pick(t, "alpha", "beta", "gamma", "delta")
	}
	if use(v.Topic) {
		in.Topic = pick(t, "x", "Y", "y")
	}
	if use(v.Value) {
		in.Value = pick(t, "scribe", "lead", "lead", "lead")
		if v.Values != nil {
			in.Value = pick(t, v.Values...)
		}
	}
	if v.Kinds != nil && roll(t, 2) == 0 {
		in.Kind = pick(t, v.Kinds...)
	}
	if use(v.Severity) {
		in.Severity = 1 + roll(t, maxSeverity)
	}
	if use(v.Fatigue) {
		in.Fatigue = 1 + roll(t, maxFatigue)
	}
	if use(v.Services) {
		in.Services = []string{pick(t, "db", "edge")}
	}
	if use(v.Resource) {
		in.Resource = "db1"
	}
	if use(v.Items) {
		in.Items = pick(t, []string{"look", "act"}, []string{"look", "act", "tell"})
	}
	if use(v.Item) {
		in.Item = 1 + roll(t, 3)
	}
	if use(v.Place) {
		in.Place = pick(t, "office", "vpn")
	}
	if use(v.Refs) {
		for i := range roll(t, 4) {
			in.Refs = append(in.Refs, fmt.Sprint(i+1))
		}
	}
	if use(v.Labels) {
		in.Labels = []string{pick(t, "region=eu", "region=us", "alert=17f3")}
	}
	if use(v.Other) {
		in.Other = crdt.DocID(crdt.SumHash([]byte(pick(t, "other", "third"))))
	}
	if use(v.At) {
		in.AtMS = 1_700_000_000_000 + int64(roll(t, 200))
	}
	if use(v.For) {
		in.ForMS = int64(1+roll(t, 200)) * 1000
	}
	switch { // people know that only the next update is a time
	case v.Name == "sitrep" && in.Value == SitrepNext:
		in.Text = ""
	case v.Name == "sitrep":
		in.ForMS = 0
	}
	in.Once, in.Vital = flag(v.Once), flag(v.Vital)
	in.Force, in.Withdraw = flag(v.Force), flag(v.Withdraw)
	if v.Subject != Never {
		in.Subject, in.Value = "1", "k"
		if open := (reader{b, team(lawTeam)}).conflicts(); len(open) > 0 {
			c := pick(t, open...)
			in.Subject, in.Value = fmt.Sprint(c.N), pick(t, c.Choices...).Key
		}
	}
	return in
}

// drawFamily returns a few verbs that help lists one after the other, because they are about the same things.
func drawFamily(t *rapid.T) []Verb {
	all := Verbs()
	at := roll(t, len(all)-5)
	return all[at : at+5]
}

// drawHistory lets random people write random intents while the network splits and heals at random.
func drawHistory(t *rapid.T, least, most int) *world { return drawHistoryWith(t, least, most, nil) }

// drawHistoryWith does between the steps what else happens.
func drawHistoryWith(t *rapid.T, least, most int, meanwhile func(w *world)) *world {
	w := newWorld(t.Fatalf, lawTeam...)
	if _, _, err := w.do("ann", Intent{Verb: "declare", Text: "x", Severity: 3}); err != nil {
		t.Fatal(err)
	}
	w.sync()
	favourites := drawFamily(t)
	steps := most - rapid.IntRange(0, most-least).Draw(t, "fewer") // rapid prefers small numbers, and long histories say more
	for i := range steps {
		if meanwhile != nil {
			meanwhile(w)
		}
		w.nowMS += pick(t, int64(0), 1, 1000, 60_000)
		what := roll(t, 24)
		if i > steps*2/3 && what == 5 {
			what = 0 // the end is a time apart
		}
		switch what {
		case 0:
			groups := make([][]string, 2)
			for _, h := range lawTeam {
				g := roll(t, 2)
				groups[g] = append(groups[g], h)
			}
			w.net(groups)
		case 1:
			pick(t, w.nodes...).pull(w, pick(t, w.nodes...))
		case 2, 3, 4:
			w.sync()
		case 5:
			w.net([][]string{lawTeam})
			w.sync()
		default:
			who := pick(t, lawTeam...)
			in := drawIntent(t, w.node(who).board, owner(who), favourites...)
			if _, _, err := w.do(who, in); err != nil {
				var p *Problem
				if !errors.As(err, &p) || p.Code == "" || p.Message == "" {
					t.Fatalf("%s %+v: %v is not a problem a person can read", who, in, err)
				}
			}
		}
	}
	return w
}

// TestEveryOrderFoldsTheSame is the law of the package: nodes that hold the same operations show the same board, and so
// does every other order of delivery that agrees with causality, looked at on the way or not.
func TestEveryOrderFoldsTheSame(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := drawHistory(t, 5, 60)
		w.net([][]string{lawTeam})
		w.sync()
		if err := w.same(); err != nil {
			t.Fatal(err)
		}
		n := w.nodes[0]
		want := n.board.Canonical()
		log := n.board.Log(w.team)
		for range 3 {
			var peeked *Board
			b := n.rebuilt(w, func(ready []*crdt.Record) int {
				if peeked != nil && roll(t, 4) == 0 {
					peeked.View(time.UnixMilli(w.nowMS), w.team) // fills caches that must be dropped again
				}
				return roll(t, len(ready))
			}, &peeked)
			if got := b.Canonical(); !bytes.Equal(got, want) {
				t.Fatalf("another order gives another board:\n%s", cmp.Diff(n.view(w), b.View(time.UnixMilli(w.nowMS), w.team), viewOpts))
			}
			if d := cmp.Diff(log, b.Log(w.team)); d != "" {
				t.Fatalf("another order gives another timeline:\n%s", d)
			}
		}
	})
}

var viewOpts = cmp.AllowUnexported(Conflict{}, Choice{})

// TestApplyIsIdempotent gives a board everything twice.
func TestApplyIsIdempotent(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := drawHistory(t, 5, 40)
		n := w.nodes[0]
		want := n.board.Canonical()
		for _, r := range slices.Backward(n.records) {
			if ch := n.board.Apply(n.event(r)); len(ch) > 0 {
				t.Fatalf("%s again: %+v", KindName(r.Op.Kind), ch)
			}
		}
		if !bytes.Equal(n.board.Canonical(), want) {
			t.Fatal("the second time changed the board")
		}
	})
}

// TestConflictsCanBeSettled settles whatever is open until nothing is: every choice offered is one that works, and a
// human always gets to the end.
func TestConflictsCanBeSettled(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := drawHistory(t, 5, 60)
		w.net([][]string{lawTeam})
		w.sync()
		for range 40 {
			n := w.nodes[0]
			v := n.view(w)
			if len(v.Conflicts) == 0 {
				return
			}
			c := v.Conflicts[0]
			who := v.Command.Commander
			if who == "" {
				who = "ann"
			}
			choice := pick(t, c.Choices...)
			if _, _, err := w.do(who, Intent{Verb: "settle", Subject: fmt.Sprint(c.N), Value: choice.Key}); err != nil {
				t.Fatalf("%s cannot settle %+v with %s: %v", who, c, choice.Key, err)
			}
			w.sync()
			for _, x := range n.view(w).Conflicts {
				if x.Kind == c.Kind && x.Subject == c.Subject {
					t.Fatalf("settled %+v with %s, still open: %+v", c, choice.Key, x)
				}
			}
		}
		t.Fatal("conflicts do not come to an end")
	})
}

// TestNothingIsShownThatWasRedacted looks for a secret in everything a board gives out, on nodes that had it and on
// nodes that did not.
func TestNothingIsShownThatWasRedacted(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := drawHistory(t, 5, 30)
		const secret = "hunter2"
		_, rec, err := w.do("bob", Intent{Verb: "note", Text: secret + " is the password"})
		if err != nil {
			t.Fatal(err)
		}
		id := rec.Hash.String()
		if rapid.Bool().Draw(t, "seen") {
			w.sync()
		}
		for _, who := range []string{"ann", "carol"} {
			if n := w.node(who); n.graph.Has(rec.Hash) {
				if _, _, err := w.do(who, Intent{Verb: "edit", Ref: id, Text: "it was " + secret}); err != nil {
					t.Fatal(err)
				}
			}
		}
		if _, _, err := w.do("bob", Intent{Verb: "redact", Ref: id, Text: "a secret"}); err != nil {
			t.Fatal(err)
		}
		w.net([][]string{lawTeam})
		w.sync()
		if err := w.same(); err != nil {
			t.Fatal(err)
		}
		for _, n := range w.nodes {
			all := fmt.Sprintf("%+v %+v %s", n.view(w), n.board.Log(w.team), n.board.Canonical())
			for _, r := range n.records {
				all += string(r.Body)
			}
			if bytes.Contains([]byte(all), []byte(secret)) {
				t.Fatalf("%s still has it", n.name)
			}
			if !slices.Contains(n.board.Erasures(), rec.Hash) {
				t.Fatalf("%s would not erase it after a restart", n.name)
			}
		}
	})
}

// TestRandomPeopleReachEverything makes sure that the laws above are about something: in a fixed set of histories every
// verb succeeds, and every kind of conflict comes up and is settled, and so does
// every kind of merge notice. It ends with the first history that completes the list.
func TestRandomPeopleReachEverything(t *testing.T) {
	const most = 2000 // histories
	seen := map[string]int{}
	want := everythingReachable()
	missing := func() (out []string) {
		for _, k := range want {
			if seen[k] == 0 {
				out = append(out, k)
			}
		}
		return out
	}
	gen := rapid.Custom(func(t *rapid.T) *world { return drawHistory(t, 150, 150) })
	for seed := 0; seed < most && len(missing()) > 0; seed++ {
		w := gen.Example(seed)
		w.net([][]string{lawTeam})
		w.sync()
		if err := w.same(); err != nil {
			t.Fatalf("history %d: %v", seed, err)
		}
		n := w.nodes[0]
		v := n.view(w)
		for _, e := range n.board.Log(w.team) {
			seen["kind "+e.Kind]++
		}
		for _, m := range v.Merged {
			seen["notice "+m.Kind]++
		}
		for _, s := range v.Settled {
			seen["settled "+s.Kind]++
		}
	}
	for _, k := range missing() {
		t.Errorf("%s never happened", k)
	}
}

// everythingReachable lists what random people must come across.
func everythingReachable() []string {
	want := []string{
		"notice " + NoticeSeverity, "notice " + NoticeStatus, "notice " + NoticeTitle, "notice " + NoticeNotes,
		"notice " + NoticeRole, "notice " + NoticeOffer, "notice " + NoticeEdit, "notice " + NoticeOccurred,
		"notice " + NoticeRedact, "notice " + NoticeCriterion, "notice " + NoticeObjected,
		"notice " + NoticeSitrep, "notice " + NoticeHands, "notice " + NoticeUpdate, "notice " + NoticeSkipped, "notice " + NoticeVersions,
	}
	for _, k := range kindNames {
		if k.kind != crdt.KindWeave {
			want = append(want, "kind "+k.name)
		}
	}
	for _, k := range taskNotices {
		want = append(want, "notice "+k)
	}
	for _, k := range []string{
		ConflictCommand, ConflictStatus, ConflictRole, ConflictDecision, ConflictDouble, ConflictDoneVsCancelled,
		ConflictRanTwice, ConflictDisputedDone, ConflictHands, ConflictPosts,
	} {
		want = append(want, "settled "+k) // so there was one
	}
	return want
}

// verbNamed returns a verb that there is.
func verbNamed(t *rapid.T, name string) Verb {
	v, err := findVerb(name)
	if err != nil {
		t.Fatal(err)
	}
	return v
}
