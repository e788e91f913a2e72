package crdt_test

import (
	"slices"
	"testing"

	"muster/crdt"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// A Past is a set: of all, of the union of two, and of what a frontier's holder knows, it covers exactly the members,
// and goes on doing so when the graph has grown.
func TestPastIsASet(t *testing.T) {
	gen := histories(25, true)
	rapid.Check(t, func(t *rapid.T) {
		h := gen.Draw(t, "history")
		here, one, two := h.subset(t, "here"), h.subset(t, "one"), h.subset(t, "two")
		for i := range here { // a peer's frontier is known here as far as it is within here
			one[i], two[i] = one[i] && here[i], two[i] && here[i]
		}
		g := h.graphOf(t, here)
		p, q := g.Knows(h.graphOf(t, one).Frontier()), g.Knows(h.graphOf(t, two).Frontier())
		all, both := g.Everything(), p.Union(q)
		for i, rec := range h.recs { // later arrivals change nothing
			if !here[i] {
				mustAdd(t, g, rec)
			}
		}
		for i, rec := range h.recs {
			for name, is := range map[string]struct {
				past crdt.Past
				want bool
			}{
				"the zero past": {crdt.Past{}, false}, "everything": {all, here[i]}, "one": {p, one[i]}, "two": {q, two[i]},
				"the union": {both, one[i] || two[i]},
			} {
				if got := g.Covers(is.past, rec.Hash); got != is.want {
					t.Fatalf("%s covers operation %d: %t, want %t", name, i, got, is.want)
				}
			}
		}
		if g.Covers(all, crdt.Hash{1}) {
			t.Fatalf("an operation that is not here is covered")
		}
	})
}

// LogLacks counts what a peer still needs of one device, over all its epochs and branches.
func TestLogLacksCountsOneDevice(t *testing.T) {
	gen := histories(25, true)
	rapid.Check(t, func(t *rapid.T) {
		h := gen.Draw(t, "history")
		g := h.graphOf(t, h.closure(h.delivery(t, "all")))
		there := h.subset(t, "there")
		p := g.Knows(h.graphOf(t, there).Frontier())
		for d := range 5 {
			want := 0
			for i, rec := range h.recs {
				if rec.Op.Dot.Device == deviceN(d) && !there[i] {
					want++
				}
			}
			if got := g.LogLacks(p, deviceN(d)); got != want {
				t.Fatalf("LogLacks of device %d = %d, want %d", d, got, want)
			}
		}
	})
}

// SignedCut keeps what can be sent by itself. What it chooses is closed under causality and ends every log with a
// signature; without forks nothing that could have been chosen is left out.
func TestSignedCutCanBeSentByItself(t *testing.T) {
	for name, forks := range map[string]bool{"forked": true, "unforked": false} {
		gen := histories(25, forks)
		t.Run(name, func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				h := gen.Draw(t, "history")
				for i := range h.recs {
					if rapid.IntRange(0, 2).Draw(t, "signed") == 0 {
						unsigned := *h.recs[i]
						unsigned.Sig = nil
						h.recs[i] = &unsigned
					}
				}
				g := h.graphOf(t, h.closure(h.delivery(t, "all")))
				p := g.Knows(h.graphOf(t, h.subset(t, "there")).Frontier())
				ops := g.Lacks(p)
				ops = ops[:rapid.IntRange(0, len(ops)).Draw(t, "limit")]
				chosen, rest := g.SignedCut(p, slices.Clone(ops))
				h.checkSignedCut(t, g, p, ops, chosen, rest)
				if want := h.largestCut(g, p, ops); !forks && !slices.Equal(want, chosen) {
					t.Fatalf("SignedCut chooses (-could +does):\n%s", cmp.Diff(want, chosen))
				}
			})
		})
	}
}

func (h *history) checkSignedCut(t *rapid.T, g *crdt.Graph, p crdt.Past, ops, chosen, rest []crdt.Hash) {
	t.Helper()
	isChosen := func(hash crdt.Hash) bool { return slices.Contains(chosen, hash) }
	i, j := 0, 0
	for _, hash := range ops { // chosen and rest are ops, in order, taken apart
		switch {
		case i < len(chosen) && chosen[i] == hash:
			i++
		case j < len(rest) && rest[j] == hash:
			j++
		default:
			t.Fatalf("an operation was lost or moved")
		}
	}
	if i < len(chosen) || j < len(rest) {
		t.Fatalf("an operation came from nowhere")
	}
	for _, hash := range chosen {
		at := h.index[hash]
		for _, parent := range h.parents(at) {
			if ph := h.recs[parent].Hash; !isChosen(ph) && !g.Covers(p, ph) {
				t.Fatalf("operation %d is chosen without %d before it", at, parent)
			}
		}
		if h.recs[at].Sig == nil && !h.vouched(hash, isChosen) {
			t.Fatalf("operation %d is chosen, unsigned, and nothing chosen vouches for it", at)
		}
	}
}

// vouched reports whether one of the operations that in holds for follows hash directly in its log.
func (h *history) vouched(hash crdt.Hash, in func(crdt.Hash) bool) bool {
	return slices.ContainsFunc(h.recs, func(r *crdt.Record) bool { return r.Op.Prev == hash && in(r.Hash) })
}

// largestCut is the model of SignedCut: take away what cannot be sent until nothing is left that cannot.
func (h *history) largestCut(g *crdt.Graph, p crdt.Past, ops []crdt.Hash) []crdt.Hash {
	cut := slices.Clone(ops)
	in := func(hash crdt.Hash) bool { return slices.Contains(cut, hash) }
	for {
		bad := slices.IndexFunc(cut, func(hash crdt.Hash) bool {
			at := h.index[hash]
			return h.recs[at].Sig == nil && !h.vouched(hash, in) ||
				slices.ContainsFunc(h.parents(at), func(i int) bool { return !in(h.recs[i].Hash) && !g.Covers(p, h.recs[i].Hash) })
		})
		if bad < 0 {
			break
		}
		cut = slices.Delete(cut, bad, bad+1)
	}
	if len(cut) == 0 {
		return nil
	}
	return cut
}
