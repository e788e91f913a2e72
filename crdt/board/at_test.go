package board

import (
	"bytes"
	"testing"

	"pgregory.net/rapid"

	"muster/crdt"
)

// TestAtIsTheBoardOfThoseOperations compares the board at a moment with one that was given those records alone, and
// the board at everything with the board itself.
func TestAtIsTheBoardOfThoseOperations(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := drawHistory(t, 5, 60)
		w.net([][]string{lawTeam})
		w.sync()
		n := w.nodes[0]
		want := n.board.Canonical()
		if got := n.board.At(func(crdt.Hash) bool { return true }).Canonical(); !bytes.Equal(got, want) {
			t.Fatal("the board at everything is another board")
		}
		moment := n.records[roll(t, len(n.records))].Hash
		past := n.graph.PastOf([]crdt.Hash{moment})
		in := func(h crdt.Hash) bool { return n.graph.Covers(past, h) }
		graph := crdt.NewGraph(n.graph.Doc())
		fresh := New(n.graph.Doc(), graph)
		for _, rec := range n.records {
			if !in(rec.Hash) {
				continue
			}
			if _, err := graph.Add(rec); err != nil {
				t.Fatal(err)
			}
			fresh.Apply(n.event(rec))
		}
		if got := n.board.At(in).Canonical(); !bytes.Equal(got, fresh.Canonical()) {
			t.Fatalf("the board at %s is not that of its past", moment)
		}
		if !bytes.Equal(n.board.Canonical(), want) {
			t.Fatal("looking back changed the board")
		}
	})
}

// BenchmarkAt100k looks back at half of a hundred thousand operations.
func BenchmarkAt100k(b *testing.B) {
	events, graph, _ := history(b, 100_000)
	board := New(graph.Doc(), graph)
	for _, ev := range events {
		board.Apply(ev)
	}
	past := graph.PastOf([]crdt.Hash{events[len(events)/2].Hash})
	for b.Loop() {
		if got := board.At(func(h crdt.Hash) bool { return graph.Covers(past, h) }); got.Len() > len(events) {
			b.Fatal(got.Len())
		}
	}
}
