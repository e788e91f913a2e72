package board

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"muster/crdt"
)

// sealedNote lets ann write a note that is sealed for bob.
func sealedNote(w *world) *crdt.Record {
	return w.must("ann", Intent{Verb: "note", Text: "sealed", Kind: NoteRisk, Sealed: []byte("box"), SealedFor: []PersonID{person("bob")}})
}

// noteOf is how a laptop shows the note named.
func (n *node) noteOf(w *world, h crdt.Hash) Note {
	for _, x := range n.view(w).Notes {
		if x.Op == h {
			return x
		}
	}
	return Note{}
}

// TestSealedNoteIsANote: everybody sees that there is one and whom it is for, what is inside is passed on as it is, and it
// has a kind, is pinned and is redacted as any other.
func TestSealedNoteIsANote(t *testing.T) {
	w := newWorld(fatalOf(t), "ann", "bob", "carol")
	w.must("ann", Intent{Verb: "declare", Text: "checkout", Severity: 1})
	rec := sealedNote(w)
	w.sync()
	for _, n := range w.nodes {
		v := n.noteOf(w, rec.Hash)
		if v.Text != "sealed for bob" || !slices.Equal(v.SealedFor, []string{"bob"}) || !slices.Contains(v.Kinds, NoteRisk) {
			t.Errorf("%s shows %+v", n.name, v)
		}
		got, ok := n.board.Sealed(rec.Hash)
		if !ok || string(got.Box) != "box" || got.Author != rec.Op.Dot.Device || !slices.Equal(got.For, []PersonID{person("bob")}) {
			t.Errorf("%s passes on %+v, %t", n.name, got, ok)
		}
	}
	id := w.node("bob").noteOf(w, rec.Hash).ID
	if _, p := w.asked("bob", Intent{Verb: "edit", Ref: id, Text: "in clear"}); p == nil || p.Code != CodeRefused {
		t.Errorf("revised: %v", p)
	}
	w.must("bob", Intent{Verb: "edit", Ref: id, Kind: NoteTodo})
	w.must("bob", Intent{Verb: "pin", Ref: id})
	w.sync()
	if v := w.node("carol").noteOf(w, rec.Hash); !v.Pinned || !slices.Contains(v.Kinds, NoteTodo) || v.Text != "sealed for bob" {
		t.Errorf("revised and pinned: %+v", v)
	}
	again := sealedNote(w)
	d, _, err := w.do("ann", Intent{Verb: "redact", Ref: id, Text: "changed since", Yes: true})
	if err != nil || slices.ContainsFunc(d.Notes, func(s string) bool { return strings.Contains(s, "its words") }) {
		t.Errorf("redacted: %q, %v", d.Notes, err)
	}
	w.sync()
	for _, n := range w.nodes {
		if _, ok := n.board.Sealed(rec.Hash); ok || n.noteOf(w, rec.Hash).Redacted == nil {
			t.Errorf("%s still has what was redacted", n.name)
		}
		if _, ok := n.board.Sealed(again.Hash); !ok {
			t.Errorf("%s lost the other one", n.name)
		}
	}
	if err := w.same(); err != nil {
		t.Error(err)
	}
}

// TestSealedNoteOfAnOlderMuster: one that does not know sealed notes reads a note that says what it is, and one of a later
// version whose fields we do not know is not shown as empty.
func TestSealedNoteOfAnOlderMuster(t *testing.T) {
	var before struct {
		Text       string `cbor:"1,keyasint,omitempty"`
		Kind       string `cbor:"2,keyasint,omitempty"`
		OccurredMS int64  `cbor:"3,keyasint,omitempty"`
	}
	w := newWorld(fatalOf(t), "ann", "bob")
	w.must("ann", Intent{Verb: "declare", Text: "checkout", Severity: 1})
	rec := sealedNote(w)
	if err := crdt.DecodeBody(rec.Body, &before); err != nil || before.Text != "sealed for bob" || before.Kind != NoteRisk {
		t.Errorf("an older muster reads %+v, %v", before, err)
	}
	plain := w.must("ann", Intent{Verb: "note", Text: "db1 is back"})
	if fmt.Sprintf("%x", plain.Body) != "a1016b646231206973206261636b" {
		t.Errorf("a plain note is written as %x, not as ever", plain.Body)
	}
}

// TestSealedNoteForNobody: what makes no sense is not written, and where somebody writes it all the same it is a note without
// a text that can be redacted.
func TestSealedNoteForNobody(t *testing.T) {
	w := newWorld(fatalOf(t), "ann", "bob")
	w.must("ann", Intent{Verb: "declare", Text: "checkout", Severity: 1})
	for name, in := range map[string]Intent{
		"for nobody":  {Verb: "note", Text: "x", Sealed: []byte("box")},
		"for a zero":  {Verb: "note", Text: "x", Sealed: []byte("box"), SealedFor: []PersonID{{}}},
		"for a crowd": {Verb: "note", Text: "x", Sealed: []byte("box"), SealedFor: slices.Repeat([]PersonID{person("bob")}, maxSealedFor+1)},
		"a decision":  {Verb: "decide", Text: "x", Sealed: []byte("box"), SealedFor: []PersonID{person("bob")}},
	} {
		var p *Problem
		if _, _, err := w.do("ann", in); !errors.As(err, &p) || p.Code != CodeUsage {
			t.Errorf("%s: %v", name, err)
		}
	}
	bad := w.raw("ann", KindNote, crdt.EncodeBody(&noteBody{Text: "x", Sealed: []byte("box")}))
	many := w.raw("ann", KindNote, crdt.EncodeBody(&noteBody{Text: "y", Sealed: []byte("box"), For: slices.Repeat([]PersonID{person("bob")}, 900)}))
	w.sync()
	v := w.node("bob").noteOf(w, bad.Hash)
	if _, ok := w.node("bob").board.Sealed(bad.Hash); ok || v.Text != "" || v.ID == "" {
		t.Errorf("for nobody: %+v", v)
	}
	if v := w.node("bob").noteOf(w, many.Hash); len(v.SealedFor) != maxSealedFor || len(v.Text) > 200 {
		t.Errorf("for 900: %d names, %q", len(v.SealedFor), v.Text)
	}
}
