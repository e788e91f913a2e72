package crdt_test

import (
	"testing"

	"muster/crdt"
)

// Operations whose hashes begin alike are different operations: somebody may look for such hashes.
func TestHashesThatBeginAlike(t *testing.T) {
	name := func(last byte) crdt.Hash { return crdt.Hash{0: 1, 7: 9, 31: last} }
	dev := crdt.DeviceID{1}
	doc := crdt.DocID(name(1))
	g := crdt.NewGraph(doc)
	add := func(h, prev crdt.Hash, seq uint64, parents ...crdt.Hash) {
		t.Helper()
		op := crdt.Op{Doc: doc, Dot: crdt.Dot{Device: dev, Epoch: 1, Seq: seq}, Prev: prev, Parents: parents, Kind: 200, WallMS: int64(seq)}
		if seq == 1 {
			op.Doc = crdt.DocID{}
		}
		mustAdd(t, g, &crdt.Record{Op: op, Hash: h})
	}
	add(name(1), crdt.Hash{}, 1)
	add(name(2), name(1), 2)
	add(name(3), name(2), 3)
	if g.Has(name(4)) || g.Len() != 3 {
		t.Errorf("an unknown hash that begins like the others is held, of %d", g.Len())
	}
	for i := byte(1); i <= 3; i++ {
		if got := g.Dot(name(i)).Seq; got != uint64(i) {
			t.Errorf("operation %d is found at %d", i, got)
		}
		for j := byte(1); j <= 3; j++ {
			if got, want := g.Before(name(i), name(j)), i < j; got != want {
				t.Errorf("%d before %d: %t, want %t", i, j, got, want)
			}
		}
	}
	if got := g.Usage()[dev]; got.Operations != 3 || got.Bytes != g.Bytes() {
		t.Errorf("the device wrote %+v, of %d bytes", got, g.Bytes())
	}
	past := g.PastOf([]crdt.Hash{name(2)})
	if !g.Covers(past, name(1)) || !g.Covers(past, name(2)) || g.Covers(past, name(3)) || g.Covers(past, name(4)) {
		t.Error("the past of the second is not the first two")
	}
	if added, err := g.Add(&crdt.Record{Op: crdt.Op{Doc: doc, Dot: crdt.Dot{Device: dev, Epoch: 1, Seq: 2}, Prev: name(1), Kind: 200}, Hash: name(2)}); added || err != nil {
		t.Errorf("a second time: %t, %v", added, err)
	}
}
