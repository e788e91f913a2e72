package replica_test

import (
	"errors"
	"strings"
	"testing"

	"muster/crdt"
	"muster/crdt/board"
	"muster/node/replica"
	"muster/node/wire"
)

// pack returns everything a node holds as the frames of a file, the team first.
func (g *group) pack(t *testing.T, n *node) [][]byte {
	t.Helper()
	var out [][]byte
	for _, doc := range append([]crdt.DocID{g.team}, n.r.Documents()...) {
		l, err := n.r.Loads(doc)
		if err != nil {
			t.Fatal(err)
		}
		for l.Left() > 0 {
			m, err := n.r.Pack(l)
			if err != nil {
				t.Fatal(err)
			}
			out = append(out, wire.AppendBatch(nil, m))
		}
		if m, err := n.r.Pack(l); m != nil || err != nil {
			t.Fatalf("after the end: %v, %v", m, err)
		}
	}
	return out
}

// unpack lets a node take frames in.
func (g *group) unpack(t *testing.T, n *node, frames [][]byte) (sum replica.Unpacked) {
	t.Helper()
	for _, f := range frames {
		m, err := wire.ParseBatch(f)
		if err != nil {
			t.Fatal(err)
		}
		got, err := n.r.Unpack(g.now, m)
		if err != nil {
			t.Fatal(err)
		}
		g.work(n)
		sum.New, sum.Known, sum.Waiting = sum.New+got.New, sum.Known+got.Known, sum.Waiting+got.Waiting
	}
	return sum
}

// carriers are two who never meet; each has written, the first more than fits a batch.
func carriers(t *testing.T) (g *group, a, b *node) {
	t.Helper()
	g = newGroup()
	if err := g.found([]string{"a", "b"}); err != nil {
		t.Fatal(err)
	}
	a, b = g.node("a"), g.node("b")
	write := func(n *node, in board.Intent) {
		t.Helper()
		if err := g.propose(n, in); err != nil {
			t.Fatal(err)
		}
	}
	write(b, board.Intent{Verb: "declare", Text: "dns", Severity: 2})
	write(b, board.Intent{Verb: "note", Text: "seen from the north"})
	write(a, board.Intent{Verb: "declare", Text: "checkout 500s", Severity: 1})
	for range 1500 {
		write(a, board.Intent{Verb: "note", Text: strings.Repeat("x", 20)})
	}
	return g, a, b
}

// TestCarriedBothWays: two nodes that never meet hold the same after one file each way, and a file that is taken in twice
// brings nothing.
func TestCarriedBothWays(t *testing.T) {
	g, a, b := carriers(t)
	file := g.pack(t, a)
	if len(file) < 3 {
		t.Fatalf("only %d batches", len(file))
	}
	if got := g.unpack(t, b, file); got.New != 1501 || got.Waiting != 0 || got.Known != 3 {
		t.Errorf("b takes in %+v", got)
	}
	if got := g.unpack(t, b, file); got.New != 0 || got.Known != 1504 {
		t.Errorf("again b takes in %+v", got)
	}
	if got := g.unpack(t, a, g.pack(t, b)); got.New != 2 {
		t.Errorf("a takes in %+v", got)
	}
	if a.r.Digest() != b.r.Digest() {
		t.Error("they do not hold the same")
	}
	if err := g.crash(b); err != nil { // all of it is on the disk
		t.Fatal(err)
	}
	if a.r.Digest() != b.r.Digest() {
		t.Error("not after a restart")
	}
}

// TestCarriedInPart: whatever end a file loses, and in whatever order its parts come, what was taken in is whole, and the
// whole file brings the rest.
func TestCarriedInPart(t *testing.T) {
	g, a, b := carriers(t)
	file := g.pack(t, a)
	for n := range len(file) - 1 {
		part := g.add("part", b.signer, newDisk(999))
		part.disk.put(b.disk.all(g.team)...)
		if err := g.start(part); err != nil {
			t.Fatal(err)
		}
		g.unpack(t, part, file[:n])
		if err := g.crash(part); err != nil {
			t.Fatalf("after %d parts: %v", n, err)
		}
		g.unpack(t, part, file)
		if held := part.r.Graph(g.docs[1]); held == nil || held.Len() != 1501 {
			t.Errorf("after %d parts and all: %v", n, held)
		}
	}
	if got := g.unpack(t, b, [][]byte{file[2], file[1], file[0]}); got.Waiting == 0 {
		t.Errorf("in another order: %+v", got)
	}
	if g.unpack(t, b, file); b.r.Graph(g.docs[1]).Len() != 1501 {
		t.Errorf("in another order and all: %d", b.r.Graph(g.docs[1]).Len())
	}
}

// TestCarriedLies: a batch that no correct node packed is refused, and leaves nothing behind that is not so.
func TestCarriedLies(t *testing.T) {
	g, a, b := carriers(t)
	before := b.r.Digest()
	for _, f := range g.pack(t, a) {
		m, err := wire.ParseBatch(f)
		if err != nil {
			t.Fatal(err)
		}
		last := *m.Records[len(m.Records)-1]
		sig := *last.Sig
		sig[7] ^= 1
		last.Sig = &sig
		m.Records[len(m.Records)-1] = &last
		if _, err := b.r.Unpack(g.now, m); !errors.Is(err, crdt.ErrFormat) {
			t.Errorf("a forged signature: %v", err)
		}
	}
	if b.r.Digest() != before {
		t.Error("something of it was taken in")
	}
	if _, err := b.r.Loads(crdt.DocID{7}); err == nil {
		t.Error("a document that is not here can be packed")
	}
}
