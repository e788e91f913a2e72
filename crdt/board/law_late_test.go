package board

import (
	"bytes"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"muster/crdt"
)

// lateBoard gives a new board everything that n has in a random order, some of it without bodies at first, looks at it on
// the way, and gives it the missing bodies in another order.
func lateBoard(t *rapid.T, w *world, n *node) *Board {
	var b *Board
	look := func() {
		if roll(t, 6) == 0 {
			b.View(time.UnixMilli(w.nowMS), w.team) // fills caches that must be dropped again
		}
	}
	late := map[crdt.Hash]bool{}
	for range roll(t, 6) {
		h := n.records[roll(t, len(n.records))].Hash
		if about, _, ok := targetOf(n.board.ops[h].body); ok && n.graph.Has(about) {
			h = about // what others are about has the most to go wrong
		}
		late[h] = true
	}
	b = n.replayed(func(ready []*crdt.Record) int { look(); return roll(t, len(ready)) }, func(b *Board, r *crdt.Record) {
		ev := n.event(r)
		if late[r.Hash] {
			ev.Body, ev.Erased = nil, true
		}
		b.Apply(ev)
	}, &b)
	b.Log(w.team) // must have words for all of it
	b.View(time.UnixMilli(w.nowMS), w.team)
	b.Conflicts(w.team)
	var missing []*crdt.Record
	for _, r := range n.records {
		if late[r.Hash] {
			missing = append(missing, r)
		}
	}
	for len(missing) > 0 {
		i := roll(t, len(missing))
		look()
		b.Apply(n.event(missing[i]))
		missing = slices.Delete(missing, i, i+1)
	}
	return b
}

// TestLateBodiesFoldTheSame: a board whose operations came before their bodies ends as one that had both at once, whatever
// the bodies are of.
func TestLateBodiesFoldTheSame(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := drawHistory(t, 5, 60)
		w.net([][]string{lawTeam})
		w.sync()
		n := w.nodes[0]
		want, log := n.board.Canonical(), n.board.Log(w.team)
		for range 2 {
			b := lateBoard(t, w, n)
			if !bytes.Equal(b.Canonical(), want) {
				t.Fatalf("late bodies give another board:\n%s", cmp.Diff(n.view(w), b.View(time.UnixMilli(w.nowMS), w.team), viewOpts))
			}
			if d := cmp.Diff(log, b.Log(w.team)); d != "" {
				t.Fatalf("late bodies give another timeline:\n%s", d)
			}
		}
	})
}

// TestSettlementOfAWithheldTextIsInert: a draft comes without its body, as from a node that keeps it back, and with it a
// settlement in its favour. The board can be looked at; when the body comes, the settlement counts.
func TestSettlementOfAWithheldTextIsInert(t *testing.T) {
	w := started(t)
	draft := w.must("ann", Intent{Verb: "update", Text: "one"})
	body := &settleBody{Subject: SubjectUpdate, Target: draft.Hash, Topic: "public", Conflict: ConflictPosts}
	w.raw("ann", KindSettle, crdt.EncodeBody(body))
	n := w.nodes[0]
	b := New(n.graph.Doc(), n.graph)
	for _, r := range n.records {
		ev := n.event(r)
		if r.Hash == draft.Hash {
			ev.Body, ev.Erased = nil, true
		}
		b.Apply(ev)
	}
	if v := b.View(time.UnixMilli(w.nowMS), w.team); len(v.Settled) != 0 || len(v.Updates) != 0 {
		t.Errorf("settled %+v, updates %+v", v.Settled, v.Updates)
	}
	b.Apply(n.event(n.records[n.at[draft.Hash]]))
	if v := b.View(time.UnixMilli(w.nowMS), w.team); len(v.Settled) != 1 || v.Updates[0].State != UpdateApproved {
		t.Errorf("settled %+v, updates %+v", v.Settled, v.Updates)
	}
}
