package crdt_test

import (
	"errors"
	"slices"
	"testing"

	"muster/crdt"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// what is everything a graph answers about a whole set of operations.
type what struct {
	Len      int
	Bytes    uint64
	Heads    []crdt.Hash
	Frontier crdt.Frontier
	Digest   crdt.Hash
	Forks    []crdt.Fork
	Timeline []crdt.Hash
	Places   []crdt.Place // by position in the history
}

func (h *history) ask(g *crdt.Graph) what {
	f := g.Frontier()
	w := what{
		Len: g.Len(), Bytes: g.Bytes(), Heads: g.Heads(), Frontier: f, Digest: f.Digest(), Forks: g.Forks(),
		Timeline: g.Lacks(crdt.Past{}),
	}
	for _, rec := range h.recs {
		w.Places = append(w.Places, g.Place(rec.Hash))
	}
	return w
}

// Whatever the order of delivery, and however often an operation comes, the same set gives the same answers. Operations
// that come too early are refused by name and leave no trace.
func TestEveryDeliveryOrderGivesTheSameGraph(t *testing.T) {
	gen := histories(30, true)
	rapid.Check(t, func(t *rapid.T) {
		h := gen.Draw(t, "history")
		all := h.closure(h.delivery(t, "all"))
		want := h.ask(h.graphOf(t, all))
		g := crdt.NewGraph(h.doc())
		order := h.delivery(t, "next")
		for n, i := range order {
			if early := rapid.SampledFrom(order[n:]).Draw(t, "early"); early != i {
				h.checkEarly(t, g, early)
			}
			mustAdd(t, g, h.recs[i])
			again := rapid.SampledFrom(order[:n+1]).Draw(t, "again")
			if added, err := g.Add(h.recs[again]); added || err != nil {
				t.Fatalf("Add a second time = %t, %v; want false, nil", added, err)
			}
		}
		if diff := cmp.Diff(want, h.ask(g)); diff != "" {
			t.Fatalf("another order gives another graph (-first +second):\n%s", diff)
		}
	})
}

// checkEarly adds an operation that may be ahead of its past, and checks that this has an effect only if it is not.
func (h *history) checkEarly(t *rapid.T, g *crdt.Graph, i int) {
	var want []crdt.Hash
	for _, p := range h.parents(i) {
		if hash := h.recs[p].Hash; !g.Has(hash) {
			want = append(want, hash)
		}
	}
	if len(want) == 0 {
		return
	}
	if diff := cmp.Diff(want, g.Missing(&h.recs[i].Op)); diff != "" {
		t.Fatalf("Missing (-want +got):\n%s", diff)
	}
	size, digest := g.Len(), g.Frontier().Digest()
	if added, err := g.Add(h.recs[i]); added || !errors.Is(err, crdt.ErrMissing) {
		t.Fatalf("Add before its past = %t, %v; want ErrMissing", added, err)
	}
	if g.Len() != size || g.Frontier().Digest() != digest || g.Has(h.recs[i].Hash) {
		t.Fatal("a refused operation left a trace")
	}
}

// Before is reachability, Place the formula of its comment, Heads the operations nobody has seen, and the timeline an
// order in which causes come first: each compared with a model that walks the edges.
func TestGraphAgreesWithNaiveReachability(t *testing.T) {
	gen := histories(30, true)
	rapid.Check(t, func(t *rapid.T) {
		h := gen.Draw(t, "history")
		g := crdt.NewGraph(h.doc())
		for _, i := range h.delivery(t, "next") {
			mustAdd(t, g, h.recs[i])
		}
		seen := make([]bool, len(h.recs))
		for i, a := range h.recs {
			if got := g.Place(a.Hash); got != h.place[i] {
				t.Fatalf("Place of %d = %v, want %v", i, got, h.place[i])
			}
			for j, b := range h.recs {
				if got, want := g.Before(a.Hash, b.Hash), h.before(i, j); got != want {
					t.Fatalf("Before(%d, %d) = %t, want %t", i, j, got, want)
				}
				seen[i] = seen[i] || h.before(i, j)
			}
		}
		var heads []crdt.Hash
		for i, s := range seen {
			if !s {
				heads = append(heads, h.recs[i].Hash)
			}
		}
		slices.SortFunc(heads, crdt.Hash.Compare)
		if diff := cmp.Diff(heads, g.Heads()); diff != "" {
			t.Fatalf("Heads (-want +got):\n%s", diff)
		}
		timeline := g.Lacks(crdt.Past{})
		for n, later := range timeline {
			for _, earlier := range timeline[:n] {
				if g.Before(later, earlier) {
					t.Fatalf("%v is listed after %v, its effect", later, earlier)
				}
			}
		}
	})
}

// Without forks, a frontier tells exactly what its sender holds, whichever side is ahead in whichever log: Lacks gives
// the difference of the two sets, and what it gives can be added in that order.
func TestLacksIsTheDifferenceOfTheSets(t *testing.T) {
	gen := histories(30, false)
	rapid.Check(t, func(t *rapid.T) {
		h := gen.Draw(t, "history")
		here, there := h.subset(t, "here"), h.subset(t, "there")
		g, peer := h.graphOf(t, here), h.graphOf(t, there)
		got := g.Lacks(g.Holds(peer.Frontier()))
		var want []crdt.Hash
		for i := range h.recs {
			if here[i] && !there[i] {
				want = append(want, h.recs[i].Hash)
			}
		}
		for _, hash := range got {
			mustAdd(t, peer, h.recs[h.index[hash]])
		}
		slices.SortFunc(want, crdt.Hash.Compare)
		slices.SortFunc(got, crdt.Hash.Compare)
		if diff := cmp.Diff(want, got); len(want)+len(got) > 0 && diff != "" {
			t.Fatalf("Lacks (-want +got):\n%s", diff)
		}
	})
}

// With forks, a peer that is ahead in a log may be on another branch of it. Then an exchange may send too little, or
// what the peer has; one that brings nothing is followed by one that takes nothing for granted, and all ends equal.
func TestForkedLogsConverge(t *testing.T) {
	gen := histories(30, true)
	rapid.Check(t, func(t *rapid.T) {
		h := gen.Draw(t, "history")
		here, there := h.subset(t, "here"), h.subset(t, "there")
		a, b := h.graphOf(t, here), h.graphOf(t, there)
		stalled := false
		for round := 0; a.Frontier().Digest() != b.Frontier().Digest(); round++ {
			if round == 4 {
				t.Fatalf("no agreement after four exchanges")
			}
			stalled = h.exchange(t, a, b, stalled) == 0
		}
		for i, rec := range h.recs {
			if want := here[i] || there[i]; a.Has(rec.Hash) != want || b.Has(rec.Hash) != want {
				t.Fatalf("operation %d: here %t, there %t, want %t", i, a.Has(rec.Hash), b.Has(rec.Hash), want)
			}
		}
	})
}

// exchange lets a and b tell each other their frontiers, send what the other lacks, and refuse what comes too early. It
// returns how many operations were new to either.
func (h *history) exchange(t fataler, a, b *crdt.Graph, certain bool) int {
	t.Helper()
	holds := (*crdt.Graph).Holds
	if certain {
		holds = (*crdt.Graph).Knows
	}
	toA, toB := b.Lacks(holds(b, a.Frontier())), a.Lacks(holds(a, b.Frontier()))
	return h.deliver(t, a, toA) + h.deliver(t, b, toB)
}

func (h *history) deliver(t fataler, g *crdt.Graph, hashes []crdt.Hash) int {
	t.Helper()
	news := 0
	for _, hash := range hashes {
		switch added, err := g.Add(h.recs[h.index[hash]]); {
		case err != nil && !errors.Is(err, crdt.ErrMissing):
			t.Fatalf("Add: %v", err)
		case added:
			news++
		}
	}
	return news
}

// Two cloned laptops meet. Each side has a short branch of one log and a long branch of the other, and each long branch
// follows the short one beside it. Both sides then withhold the very operation that the other waits for: the
// exchange of guesses brings nothing, however often it is repeated, and the exchange of certainties brings everything.
func TestKnowsEndsTheStallOfTwoForks(t *testing.T) {
	h := &history{index: map[crdt.Hash]int{}}
	next := func(device int, prev *crdt.Record, parents ...*crdt.Record) *crdt.Record {
		op := crdt.Op{Doc: h.doc(), Dot: crdt.Dot{Seq: 1}, Kind: 64}
		if prev != nil {
			op.Prev, op.Dot.Seq = prev.Hash, prev.Op.Dot.Seq+1
		}
		for _, p := range parents {
			op.Parents = append(op.Parents, p.Hash)
		}
		return h.add(op, deviceN(device))
	}
	root := h.add(crdt.Op{Dot: crdt.Dot{Seq: 1}, Kind: 16}, deviceN(0))
	one, two := next(1, nil, root), next(2, nil, root)
	shortOne, shortTwo := next(1, one), next(2, two)
	longOne := next(1, next(1, one, shortTwo))
	longTwo := next(2, next(2, two, shortOne))
	side := func(short, long *crdt.Record) *crdt.Graph {
		return h.graphOf(t, h.closure([]int{h.index[short.Hash], h.index[long.Hash]}))
	}
	a, b := side(shortOne, longTwo), side(shortTwo, longOne)
	for range 3 {
		if n := h.exchange(t, a, b, false); n != 0 {
			t.Fatalf("an exchange of guesses brought %d operations: the stall is gone, so Knows may go too", n)
		}
	}
	h.exchange(t, a, b, true)
	if a.Frontier().Digest() != b.Frontier().Digest() || a.Len() != 9 {
		t.Errorf("after the exchange of certainties: %d and %d operations, want 9 on both", a.Len(), b.Len())
	}
}

// Where a log has two branches here and the peer's tip is on neither, nothing tells which of them the peer has, so
// neither is taken for granted; where one of them is accounted for by another tip, the other is.
func TestHoldsGuessesOnlyWhatIsLeft(t *testing.T) {
	h := &history{index: map[crdt.Hash]int{}}
	root := h.add(crdt.Op{Dot: crdt.Dot{Seq: 1}, Kind: 16}, deviceN(0))
	next := func(prev *crdt.Record) *crdt.Record {
		return h.add(crdt.Op{Doc: h.doc(), Dot: crdt.Dot{Seq: prev.Op.Dot.Seq + 1}, Prev: prev.Hash, Kind: 64}, deviceN(0))
	}
	left, right := next(root), next(root)
	g := h.graphOf(t, []bool{true, true, true})
	log := root.Op.Dot.Log()
	unseen := crdt.Tip{Log: log, Seq: 9, Hash: crdt.Hash{9}}
	tip := func(rec *crdt.Record) crdt.Tip { return crdt.Tip{Log: log, Seq: rec.Op.Dot.Seq, Hash: rec.Hash} }
	for _, tt := range []struct {
		name string
		f    crdt.Frontier
		want int // operations the peer is believed to have
	}{
		{"a tip on neither branch", crdt.Frontier{unseen}, 0},
		{"one branch and a tip beyond the other", crdt.Frontier{tip(left), unseen}, 3},
		{"the other branch and a tip beyond the one", crdt.Frontier{tip(right), unseen}, 3},
		{"both branches and one not seen here", crdt.Frontier{tip(left), tip(right), unseen}, 3},
		{"one branch alone", crdt.Frontier{tip(left)}, 2},
		{"two tips not seen here", crdt.Frontier{tip(left), unseen, {Log: log, Seq: 10, Hash: crdt.Hash{10}}}, 2},
	} {
		if got := g.Len() - len(g.Lacks(g.Holds(tt.f))); got != tt.want {
			t.Errorf("%s: believed to have %d operations, want %d", tt.name, got, tt.want)
		}
	}
}

// Equal frontiers mean equal sets: two different closed sets never have the same digest.
func TestDigestNamesTheSet(t *testing.T) {
	gen := histories(20, true)
	rapid.Check(t, func(t *rapid.T) {
		h := gen.Draw(t, "history")
		a, b := h.subset(t, "a"), h.subset(t, "b")
		fa, fb := h.graphOf(t, a).Frontier(), h.graphOf(t, b).Frontier()
		if got, want := fa.Digest() == fb.Digest(), slices.Equal(a, b); got != want {
			t.Fatalf("digests equal: %t, sets equal: %t", got, want)
		}
	})
}

// Forks are reported if and only if a dot names two operations, and the first such dot of each log is the proof.
func TestForksAreProven(t *testing.T) {
	gen := histories(30, true)
	rapid.Check(t, func(t *rapid.T) {
		h := gen.Draw(t, "history")
		byDot := map[crdt.Dot][]crdt.Hash{}
		first := map[crdt.LogID]crdt.Dot{}
		for _, rec := range h.recs {
			d := rec.Op.Dot
			byDot[d] = append(byDot[d], rec.Hash)
			if f, ok := first[d.Log()]; len(byDot[d]) > 1 && (!ok || d.Seq < f.Seq) {
				first[d.Log()] = d
			}
		}
		var want []crdt.Fork
		for _, d := range first {
			ops := byDot[d]
			slices.SortFunc(ops, crdt.Hash.Compare)
			want = append(want, crdt.Fork{Dot: d, Ops: ops})
		}
		slices.SortFunc(want, func(a, b crdt.Fork) int { return a.Dot.Log().Compare(b.Dot.Log()) })
		all := h.closure(h.delivery(t, "all"))
		if diff := cmp.Diff(want, h.graphOf(t, all).Forks()); diff != "" {
			t.Fatalf("Forks (-want +got):\n%s", diff)
		}
	})
}

// An operation that lies about where it belongs is refused, and leaves the graph as it was.
func TestAddRefusesWhatCannotBelong(t *testing.T) {
	h := &history{index: map[crdt.Hash]int{}}
	root := h.add(crdt.Op{Dot: crdt.Dot{Seq: 1}, Kind: 16, WallMS: 1}, deviceN(0))
	second := h.add(crdt.Op{Doc: h.doc(), Dot: crdt.Dot{Seq: 2}, Prev: root.Hash, Kind: 64}, deviceN(0))
	g := h.graphOf(t, []bool{true, true})
	before := g.Frontier().Digest()
	for name, op := range map[string]struct {
		op     crdt.Op
		device int
	}{
		"another document":      {crdt.Op{Doc: crdt.DocID{9}, Dot: crdt.Dot{Seq: 3}, Prev: second.Hash, Kind: 64}, 0},
		"another founding":      {crdt.Op{Dot: crdt.Dot{Seq: 1}, Kind: 16, WallMS: 2}, 0},
		"a gap":                 {crdt.Op{Doc: h.doc(), Dot: crdt.Dot{Seq: 4}, Prev: second.Hash, Kind: 64}, 0},
		"a repeated seq":        {crdt.Op{Doc: h.doc(), Dot: crdt.Dot{Seq: 2}, Prev: second.Hash, Kind: 64}, 0},
		"a seq beyond counting": {crdt.Op{Doc: h.doc(), Dot: crdt.Dot{Seq: 1<<32 + 3}, Prev: second.Hash, Kind: 64}, 0},
		"another device's past": {crdt.Op{Doc: h.doc(), Dot: crdt.Dot{Seq: 3}, Prev: second.Hash, Kind: 64}, 1},
		"another epoch's past":  {crdt.Op{Doc: h.doc(), Dot: crdt.Dot{Epoch: 1, Seq: 3}, Prev: second.Hash, Kind: 64}, 0},
	} {
		rec, err := crdt.Seal(op.op, [crdt.SaltBytes]byte{}, nil, hashSigner(deviceN(op.device)))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if added, err := g.Add(rec); added || !errors.Is(err, crdt.ErrFormat) {
			t.Errorf("%s: Add = %t, %v; want ErrFormat", name, added, err)
		}
	}
	if g.Len() != 2 || g.Frontier().Digest() != before {
		t.Error("a refused operation left a trace")
	}
}

// A frontier of made-up tips is no harm: a tip nobody knows, in a log nobody knows, holds nothing.
func TestHoldsOfAnUnknownFrontierIsNothing(t *testing.T) {
	h := &history{index: map[crdt.Hash]int{}}
	h.add(crdt.Op{Dot: crdt.Dot{Seq: 1}, Kind: 16}, deviceN(0))
	g := h.graphOf(t, []bool{true})
	f := crdt.Frontier{
		{Log: crdt.LogID{Device: deviceN(0)}, Seq: 0, Hash: crdt.Hash{1}},
		{Log: crdt.LogID{Device: deviceN(0)}, Seq: 1, Hash: crdt.Hash{2}},
		{Log: crdt.LogID{Device: deviceN(7)}, Seq: 1 << 63, Hash: crdt.Hash{3}},
	}
	if got := g.Lacks(g.Holds(f)); len(got) != 1 {
		t.Errorf("Lacks = %v, want the founding operation", got)
	}
	if g.Before(crdt.Hash{1}, h.recs[0].Hash) || g.Before(h.recs[0].Hash, crdt.Hash{1}) {
		t.Error("an operation that is not here has a place in the order")
	}
	if got := g.Log(crdt.LogID{Device: deviceN(7)}); got != nil {
		t.Errorf("Log of an unknown device = %v, want nothing", got)
	}
	if diff := cmp.Diff(g.Frontier(), g.Log(crdt.LogID{Device: deviceN(0)})); diff != "" {
		t.Errorf("Log of the only device is not the frontier:\n%s", diff)
	}
}
