package replica_test

import (
	"testing"

	"muster/crdt/board"
)

// T9: whoever has carol's key tells ann one thing and bob another, under one number. The two histories are kept, and as soon
// as ann and bob have met both hold the proof, for every number told twice: one exchange between them, no more. Both show
// the same.
func TestEquivocationIsProvenWhenBranchesMeet(t *testing.T) {
	const told = 3
	g := newTeam(t, "ann", "bob", "carol")
	ann, bob, carol, doc := g.node("ann"), g.node("bob"), g.node("carol"), g.docs[0]
	g.cutAll("ann", "bob carol")
	twin := g.add("twin", carol.signer, carol.disk.clone())
	must(t, g.start(twin))
	g.connect(ann, twin)
	for range told {
		g.types(carol, doc, board.Intent{Verb: "note", Text: "it is the database"})
		g.types(twin, doc, board.Intent{Verb: "note", Text: "it is the network"})
		g.settle()
	}
	for _, n := range []*node{ann, bob} {
		if forks := n.r.Graph(doc).Forks(); len(forks) > 0 {
			t.Fatalf("%s knows of a fork before the branches met: %v", n.name, forks)
		}
	}
	g.cut(ann, twin)
	g.cut(bob, carol)
	g.connect(ann, bob)
	g.settle()
	g.agree(t, "ann", "bob")
	for _, n := range []*node{ann, bob} {
		forks := n.r.Graph(doc).Forks()
		if len(forks) != 1 || forks[0].Dot.Device != carol.signer.Device() || len(forks[0].Ops) != 2 {
			t.Errorf("%s holds the proof %v, want one fork of carol's with two operations", n.name, forks)
		}
		if got := len(n.r.Board(doc).View(g.now, n.r.Team()).Notes); got != 2*told {
			t.Errorf("%s shows %d notes, want %d", n.name, got, 2*told)
		}
	}
}
