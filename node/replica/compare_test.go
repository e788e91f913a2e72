package replica_test

import (
	"testing"

	"muster/crdt/board"
)

// Compare says who lacks what and who is ahead, while two are apart and when they are one again.
func TestCompare(t *testing.T) {
	g := newGroup()
	if err := g.found([]string{"a", "b", "c"}); err != nil {
		t.Fatal(err)
	}
	a, b, c := g.node("a"), g.node("b"), g.node("c")
	check := func(when string, of, with *node, lacks int, ahead bool) {
		t.Helper()
		if l, ah := of.r.Compare(with.r.Device()); l != lacks || ah != ahead {
			t.Errorf("%s: %s knows that %s lacks %d, ahead %t; want %d, %t", when, of.name, with.name, l, ah, lacks, ahead)
		}
	}
	propose := func(n *node, in board.Intent) {
		t.Helper()
		if err := g.propose(n, in); err != nil {
			t.Fatal(err)
		}
	}
	g.connect(a, b)
	g.settle()
	propose(a, board.Intent{Verb: "declare", Text: "checkout 500s", Severity: 2})
	g.settle()
	check("together", a, b, 0, false)
	check("together", b, a, 0, false)
	held := a.r.Graph(g.team).Len() + a.r.Graph(g.docs[0]).Len()
	check("never met", a, c, held, false)
	g.cut(a, b)
	propose(a, board.Intent{Verb: "note", Text: "one"})
	propose(a, board.Intent{Verb: "note", Text: "two"})
	check("apart", a, b, 2, false)
	g.connect(a, b)
	g.settle()
	check("one again", a, b, 0, false)
	check("one again", b, a, 0, false)
}
