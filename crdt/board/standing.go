package board

import (
	"slices"

	"muster/crdt"
	"muster/crdt/auth"
)

// A Ruling is whose word an operation is, and what it counts for. It follows from the team document, so it can change
// after the operation is here.
type Ruling struct {
	Person   PersonID
	Standing auth.Standing
}

// A Ruled is an operation to rule about, and how it was ruled about before.
type Ruled struct {
	Hash  crdt.Hash
	Dot   crdt.Dot
	Under uint32 // as [Event.Under]
	Ruling
}

// A Judgement is what a change of rulings did.
type Judgement struct {
	Changed  []crdt.Hash // operations that were ruled on anew, in canonical order
	Erase    []crdt.Hash // bodies that a redaction takes away that did not count before
	Withheld []crdt.Hash // bodies that a redaction took away that does not count any more, and that are not here
}

// Judge asks rule about every operation, and files everything anew when any of the answers is not what it was. bodies is
// asked at most once, for what redactions took away that do not count now: it returns a body for each operation, nil where
// there is none any more. The cost of a change is that of applying everything that is here once or twice.
func (b *Board) Judge(rule func(x Ruled) Ruling, bodies func(ops []crdt.Hash) [][]byte) Judgement {
	var out Judgement
	for _, o := range b.all.list() {
		was := Ruling{o.person, o.standing}
		if r := rule(Ruled{o.hash, o.dot(), o.under, was}); r != was {
			o.author, o.standing = b.authorOf(o.log, r.Person), r.Standing
			out.Changed = append(out.Changed, o.hash)
		}
	}
	if len(out.Changed) == 0 {
		return out
	}
	gone := b.takenBack()
	out.Erase = b.fileAll(nil)
	gone = slices.DeleteFunc(gone, b.retaken)
	if len(gone) == 0 {
		return out
	}
	for i, body := range bodies(gone) {
		if o := b.ops[gone[i]]; body != nil {
			o.erased = false
			b.read(o, body)
		}
	}
	out.Erase = append(out.Erase, b.fileAll(nil)...)
	out.Withheld = slices.DeleteFunc(gone, func(h crdt.Hash) bool { return !b.Withheld(h) })
	return out
}

// Redacted reports whether a redaction that counts has taken the body of an operation.
func (b *Board) Redacted(h crdt.Hash) bool { o := b.ops[h]; return o != nil && o.redact }

// Under returns what an operation that is here stands under, as it was given.
func (b *Board) Under(h crdt.Hash) uint32 { return b.ops[h].under }

// Standing returns what an operation that is here counts for.
func (b *Board) Standing(h crdt.Hash) auth.Standing { return b.ops[h].standing }

// takenBack makes everything that was redacted look as if its body had never come, and returns it.
func (b *Board) takenBack() []crdt.Hash {
	var gone []crdt.Hash
	for _, o := range b.all.list() {
		if o.redact {
			o.redact = false
			gone = append(gone, o.hash)
		}
	}
	return gone
}

// retaken reports whether a redaction that counts has taken the body of h. A revision that is gone does not say any more
// which note it was of: that was noted when it went, and it is marked here.
func (b *Board) retaken(h crdt.Hash) bool {
	o := b.ops[h]
	if note, ok := b.lost[h]; ok && b.redactedNote(note) {
		o.redact = true
	}
	return o.redact
}

// redactedNote reports whether a redaction that counts names the note that h made.
func (b *Board) redactedNote(h crdt.Hash) bool {
	if n := b.notes[h]; n != nil && n.redacts.ops != nil {
		return true
	}
	return b.shades[h] != nil && b.shades[h].redacted
}

// fileAll forgets where everything was filed and files it anew. It returns what must be erased now, and tells each what was
// done with one operation.
func (b *Board) fileAll(each func(o *op, changes []Change)) []crdt.Hash {
	fresh := New(b.doc, b.causal)
	fresh.ops, fresh.all, fresh.authors, fresh.lost, fresh.kin = b.ops, b.all, b.authors, b.lost, b.kin
	*b = *fresh
	var erase []crdt.Hash
	for _, o := range b.all.list() {
		o.inert = false
		if o.unread() {
			b.unknown++
		}
		changes := b.place(o)
		for _, ch := range changes {
			erase = append(erase, ch.Erase...)
		}
		if each != nil {
			each(o, changes)
		}
	}
	return erase
}

// counts reports whether o has an effect.
func (o *op) counts() bool { return o.standing == auth.Counts }

// unread reports whether o says something that this version cannot read.
func (o *op) unread() bool {
	return o.body == nil && !o.erased && o.kind != crdt.KindWeave && o.counts()
}
