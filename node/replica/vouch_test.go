package replica_test

import (
	"errors"
	"testing"

	"muster/crdt"
	"muster/crdt/board"
	"muster/node/wire"
)

// A declaration whose author is not known to be a member yet waits for the team's operations, and is taken in by itself
// when they come.
func TestDeclarationWaitsForItsAuthor(t *testing.T) {
	g := newGroup()
	if err := g.found([]string{"a", "b"}); err != nil {
		t.Fatal(err)
	}
	a, b := g.nodes[0], g.nodes[1]
	d := g.add("d", crdt.Ed25519Signer(g.key()), newDisk(200))
	if err := g.join(d, a); err != nil {
		t.Fatal(err)
	}
	if err := g.propose(d, board.Intent{Verb: "declare", Text: "x", Severity: 1}); err != nil {
		t.Fatal(err)
	}
	step := func(doc crdt.DocID, from *node) {
		whole, err := from.r.Whole(doc)
		if err != nil {
			t.Fatal(err)
		}
		if err := b.r.Step(g.now, a.signer.Device(), whole); err != nil {
			t.Fatal(err)
		}
		g.work(b)
	}
	step(g.docs[0], d)
	if n, _ := b.r.Waiting(); n != 1 || len(b.r.Documents()) != 0 {
		t.Fatalf("%d operations wait, %d incidents are shown; want one and none", n, len(b.r.Documents()))
	}
	step(g.team, a)
	if n, size := b.r.Waiting(); n != 0 || size != 0 || len(b.r.Documents()) != 1 {
		t.Errorf("%d operations of %d bytes wait, %d incidents are shown; want none and one", n, size, len(b.r.Documents()))
	}
}

// In the document of the team nothing vouches for an operation but its own signature.
func TestTeamOperationsCarrySignatures(t *testing.T) {
	g := newGroup()
	if err := g.found([]string{"a", "b"}); err != nil {
		t.Fatal(err)
	}
	a, b := g.nodes[0], g.nodes[1]
	whole, err := a.r.Whole(g.team)
	if err != nil {
		t.Fatal(err)
	}
	for _, rec := range whole.Records {
		if rec.Sig == nil {
			t.Fatalf("%s is sent without a signature", rec.Op.Dot)
		}
	}
	bare := *whole.Records[0]
	bare.Sig = nil
	m := &wire.Batch{Doc: g.team, Records: append([]*crdt.Record{&bare}, whole.Records[1:]...)}
	if err := b.r.Step(g.now, a.signer.Device(), m); !errors.Is(err, crdt.ErrFormat) {
		t.Errorf("got %v, want ErrFormat", err)
	}
}

// What vouches for an operation must be certain to be taken in; if it waits for ever, or is refused, the operation does
// not stay behind without it.
func TestUncertainVouchersVouchForNothing(t *testing.T) {
	for name, spoil := range map[string]func(g *group, op *crdt.Op){
		"it waits for ever": func(_ *group, op *crdt.Op) { op.Parents = []crdt.Hash{{1}} },
		"it is refused":     func(g *group, op *crdt.Op) { op.Team = []crdt.Hash{g.foundingOfTeam()} },
	} {
		t.Run(name, func(t *testing.T) {
			g := newGroup()
			if err := g.found([]string{"a", "b"}); err != nil {
				t.Fatal(err)
			}
			a, b := g.nodes[0], g.nodes[1]
			if err := g.propose(a, board.Intent{Verb: "declare", Text: "x", Severity: 1}); err != nil {
				t.Fatal(err)
			}
			founding := a.disk.all(g.docs[0])[0]
			op := crdt.Op{Doc: g.docs[0], Dot: crdt.Dot{Epoch: 1, Seq: 1}, Parents: []crdt.Hash{founding.Hash}, Kind: board.KindNote, Team: founding.Op.Team}
			seal := func() *crdt.Record {
				rec, err := crdt.Seal(op, [crdt.SaltBytes]byte{}, crdt.EncodeBody(map[int]any{1: "x"}), b.signer)
				if err != nil {
					t.Fatal(err)
				}
				return rec
			}
			bare := *seal()
			bare.Sig = nil
			op.Prev, op.Dot.Seq, op.Parents, op.Team = bare.Hash, 2, nil, nil
			spoil(g, &op)
			before := a.r.Digest()
			err := a.r.Step(g.now, b.signer.Device(), &wire.Batch{Doc: g.docs[0], Records: []*crdt.Record{&bare, seal()}})
			if err != nil && !errors.Is(err, crdt.ErrFormat) {
				t.Fatal(err)
			}
			if rd := a.r.Ready(); len(rd.Peers) > 0 || a.r.Digest() != before {
				t.Error("the unsigned operation is kept")
			}
		})
	}
}
