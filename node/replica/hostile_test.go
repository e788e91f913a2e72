package replica_test

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"slices"
	"testing"
	"time"

	"muster/crdt"
	"muster/crdt/auth"
	"muster/crdt/board"
	"muster/node/wire"

	"pgregory.net/rapid"
)

// What a member sends beside operations, true or not, in any order, changes nothing that is held and calls for a bounded
// answer.
func TestLiesAreHarmless(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g := newGroup()
		if err := g.found([]string{"a", "b"}); err != nil {
			t.Fatal(err)
		}
		a, b := g.nodes[0], g.nodes[1]
		for i := range 3 {
			if err := g.propose(a, board.Intent{Verb: "declare", Text: "x", Severity: 1 + i}); err != nil {
				t.Fatal(err)
			}
		}
		g.connect(a, b)
		g.work(a)
		want := a.r.Digest()
		docs := append(slices.Clone(g.docs), g.team, crdt.DocID{1}, crdt.DocID{255})
		slices.SortFunc(docs, crdt.DocID.Compare)
		for range rapid.IntRange(1, 10).Draw(t, "messages") {
			m := g.lie(t, docs)
			if err := a.r.Step(g.now, b.signer.Device(), m); err != nil && !errors.Is(err, crdt.ErrFormat) {
				t.Fatalf("%T: %v", m, err)
			}
			rd := a.r.Ready()
			if len(rd.Own)+len(rd.Peers)+len(rd.Changes) > 0 || a.r.Digest() != want {
				t.Fatalf("%T changed something", m)
			}
			if len(rd.Send) > 2+len(docs) {
				t.Fatalf("%T makes it send %d messages", m, len(rd.Send))
			}
			g.now = g.now.Add(time.Duration(rapid.IntRange(0, 2000).Draw(t, "pause")) * time.Millisecond)
			a.r.Tick(g.now)
			a.r.Ready()
		}
	})
}

// lie draws a message about docs, most of which is not so.
func (g *group) lie(t *rapid.T, docs []crdt.DocID) wire.Message {
	frontiers := func() []wire.DocFrontier {
		var out []wire.DocFrontier
		for _, doc := range docs {
			if rapid.Bool().Draw(t, "named") {
				continue
			}
			var f crdt.Frontier
			for i := range rapid.IntRange(0, 2).Draw(t, "tips") {
				n := rapid.SampledFrom(g.nodes).Draw(t, "device")
				tip := crdt.Tip{Log: crdt.LogID{Device: n.signer.Device(), Epoch: n.disk.epoch}, Seq: rapid.Uint64().Draw(t, "seq"), Hash: crdt.Hash{byte(i)}}
				if log := n.disk.logs[doc][tip.Log]; len(log) > 0 && rapid.Bool().Draw(t, "true") {
					tip.Seq, tip.Hash = uint64(len(log)), log[len(log)-1].Hash
				}
				f = append(f, tip)
			}
			slices.SortFunc(f, crdt.Tip.Compare)
			out = append(out, wire.DocFrontier{Doc: doc, Frontier: slices.Compact(f)})
		}
		return out
	}
	hash := func() crdt.Hash { return crdt.Hash{rapid.Byte().Draw(t, "hash")} }
	switch rapid.IntRange(0, 9).Draw(t, "type") {
	case 0:
		return &wire.Root{Digest: hash()}
	case 1:
		return &wire.Buckets{Buckets: []wire.Bucket{{Index: rapid.Byte().Draw(t, "bucket"), Digest: hash()}}}
	case 2:
		m := &wire.Docs{}
		if rapid.Bool().Draw(t, "covers") {
			m.Covers = []byte{rapid.Byte().Draw(t, "covered")}
		}
		for _, doc := range docs {
			if rapid.Bool().Draw(t, "listed") {
				m.Docs = append(m.Docs, wire.DocState{Doc: doc, Digest: hash(), Operations: rapid.Uint64().Draw(t, "operations")})
			}
		}
		return m
	case 3:
		return &wire.Frontiers{Answer: rapid.Bool().Draw(t, "answer"), Docs: frontiers()}
	case 4:
		return &wire.Have{Batches: rapid.Uint64().Draw(t, "batches"), Docs: frontiers()}
	case 5:
		return &wire.Offer{Operations: rapid.Uint64().Draw(t, "operations"), Bytes: rapid.Uint64().Draw(t, "bytes")}
	case 6:
		return &wire.Hello{}
	case 7:
		return &wire.NeedBodies{Doc: rapid.SampledFrom(docs).Draw(t, "doc"), Ops: []crdt.Hash{hash(), crdt.Hash(docs[0])}}
	case 8:
		return &wire.Bodies{Doc: rapid.SampledFrom(docs).Draw(t, "doc"), Bodies: []wire.Body{{Op: hash()}, {Op: crdt.Hash(docs[0])}}}
	}
	return &wire.Batch{Doc: rapid.SampledFrom(docs).Draw(t, "doc"), Number: rapid.Uint64().Draw(t, "number")}
}

// Operations that are well signed and yet no correct node's are refused: of somebody who is no member, of one who cites
// nothing, of another team.
func TestOperationsOfStrangersAreRefused(t *testing.T) {
	g := newGroup()
	if err := g.found([]string{"a", "b"}); err != nil {
		t.Fatal(err)
	}
	a, b := g.nodes[0], g.nodes[1]
	if err := g.propose(a, board.Intent{Verb: "declare", Text: "x", Severity: 1}); err != nil {
		t.Fatal(err)
	}
	g.connect(a, b)
	founding := a.disk.all(g.docs[0])[0]
	stranger := crdt.Ed25519Signer(ed25519.NewKeyFromSeed(bytes.Repeat([]byte{9}, 32)))
	note := crdt.Op{Doc: g.docs[0], Dot: crdt.Dot{Epoch: 1, Seq: 1}, Parents: []crdt.Hash{founding.Hash}, Kind: board.KindNote, Team: founding.Op.Team}
	bare := note
	bare.Team = nil
	early := note
	early.Team = []crdt.Hash{g.foundingOfTeam()}
	team := crdt.Op{Dot: crdt.Dot{Epoch: 1, Seq: 1}, Kind: auth.KindGenesis}
	for name, c := range map[string]struct {
		op     crdt.Op
		signer crdt.Signer
	}{
		"a stranger's note":                     {note, stranger},
		"a member's that cites nothing":         {bare, b.signer},
		"a member's from before it joined":      {early, b.signer},
		"the founding of another team":          {team, b.signer},
		"a previous operation of another's log": {crdt.Op{Doc: g.docs[0], Dot: crdt.Dot{Epoch: 1, Seq: 2}, Prev: founding.Hash, Kind: board.KindNote}, b.signer},
	} {
		rec, err := crdt.Seal(c.op, [crdt.SaltBytes]byte{}, crdt.EncodeBody(map[int]any{1: "x"}), c.signer)
		if err != nil {
			t.Fatalf("%s: Seal: %v", name, err)
		}
		m := &wire.Batch{Doc: rec.Doc(), Records: []*crdt.Record{rec}}
		if err := a.r.Step(g.now, b.signer.Device(), m); !errors.Is(err, crdt.ErrFormat) {
			t.Errorf("%s: %v, want ErrFormat", name, err)
		}
		if rd := a.r.Ready(); len(rd.Peers)+len(rd.Changes) > 0 {
			t.Errorf("%s is kept", name)
		}
	}
}

// foundingOfTeam returns the operation that founded the team, under which only the founder is a member.
func (g *group) foundingOfTeam() crdt.Hash { return crdt.Hash(g.team) }

// An operation that waits for its past waits once, however often it comes, and what does not fit is let go and comes again.
func TestWaitingIsBounded(t *testing.T) {
	g := newGroup()
	if err := g.found([]string{"a", "b"}); err != nil {
		t.Fatal(err)
	}
	a, b := g.nodes[0], g.nodes[1]
	if err := g.propose(a, board.Intent{Verb: "declare", Text: "x", Severity: 1}); err != nil {
		t.Fatal(err)
	}
	for range 200 {
		if err := g.propose(a, board.Intent{Verb: "note", Text: "x"}); err != nil {
			t.Fatal(err)
		}
	}
	recs := a.disk.all(g.docs[0])
	for range 3 {
		for _, rec := range recs[1:] {
			if err := b.r.Step(g.now, a.signer.Device(), &wire.Batch{Doc: g.docs[0], Records: []*crdt.Record{rec}}); err != nil {
				t.Fatal(err)
			}
		}
	}
	if len(b.r.Documents()) != 0 {
		t.Fatal("an incident without its declaration")
	}
	if err := b.r.Step(g.now, a.signer.Device(), &wire.Batch{Doc: g.docs[0], Records: recs[:1]}); err != nil {
		t.Fatal(err)
	}
	if rd := b.r.Ready(); len(rd.Peers) != len(recs) || len(rd.Changes) != len(recs) {
		t.Errorf("%d operations arrived, %d are shown; want %d", len(rd.Peers), len(rd.Changes), len(recs))
	}
	if n := b.r.Stats().Dropped; n != 0 {
		t.Errorf("%d were let go", n)
	}
}
