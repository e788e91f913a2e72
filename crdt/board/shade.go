package board

import (
	"slices"

	"muster/crdt"
)

// A shade is what belongs to a note and has no place on the board: the note itself if it does not count, revisions of it
// that do not, and revisions of a note that does not. It stands in the timeline, so a redaction of the note erases it too.
type shade struct {
	ops      []*op
	redacted bool
}

func (b *Board) shadeOf(note crdt.Hash) *shade {
	if b.shades == nil {
		b.shades = map[crdt.Hash]*shade{}
	}
	if b.shades[note] == nil {
		b.shades[note] = &shade{}
	}
	return b.shades[note]
}

// setAside keeps an operation that does not count where nothing but the timeline and redactions finds it. It returns what
// must be erased.
func (b *Board) setAside(o *op) []crdt.Hash {
	if o.kind == crdt.KindWeave {
		return nil
	}
	b.aside.add(o)
	b.asideIDs.add(o.hash)
	if v, ok := o.body.(*editBody); ok {
		return b.shadow(v.Note, o)
	}
	if o.kind == KindNote {
		return b.shadow(o.hash, o)
	}
	return nil
}

// shadow adds o to the shade of a note.
func (b *Board) shadow(note crdt.Hash, o *op) []crdt.Hash {
	s := b.shadeOf(note)
	s.ops = append(s.ops, o)
	if s.redacted {
		return b.eraseAll([]*op{o})
	}
	return nil
}

// redactShade erases the shade of a note, for good.
func (b *Board) redactShade(note crdt.Hash) []crdt.Hash {
	s := b.shadeOf(note)
	s.redacted = true
	return b.eraseAll(s.ops)
}

// eraseAll drops bodies for good, and returns those that were here.
func (b *Board) eraseAll(ops []*op) []crdt.Hash {
	var out []crdt.Hash
	for _, o := range ops {
		if !o.erased {
			out = append(out, o.hash)
		}
		b.erase(o)
	}
	return out
}

// aboutAside does what an operation that counts can do to t, which does not: what is said in it can be redacted, and what
// revised it goes with it. All else about it waits.
func (b *Board) aboutAside(t, o *op) []crdt.Hash {
	switch o.body.(type) {
	case *redactBody:
		return b.redactShade(t.hash)
	case *editBody:
		return b.shadow(t.hash, o)
	}
	return nil
}

// remindOf notes which note a revision is of, before its text goes.
func (b *Board) remindOf(o *op) {
	v, ok := o.body.(*editBody)
	if !ok {
		return
	}
	if b.lost == nil {
		b.lost = map[crdt.Hash]crdt.Hash{}
	}
	b.lost[o.hash] = v.Note
}

// shadeErasures is the part of [Board.Erasures] that has no place on the board.
func (b *Board) shadeErasures() []crdt.Hash {
	var out []crdt.Hash
	for _, s := range b.shades { // any order: sorted below
		for _, o := range s.ops {
			if s.redacted {
				out = append(out, o.hash)
			}
		}
	}
	slices.SortFunc(out, crdt.Hash.Compare)
	return out
}
