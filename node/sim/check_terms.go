package sim

import (
	"fmt"
	"slices"

	"muster/crdt"
	"muster/crdt/board"
)

// termsLast checks who holds a term of command before and after an operation came. A term ends only by its holder's
// word, laid down, or offered to somebody who accepts; or by a settlement.
func (a *account) termsLast(before, after []board.PersonID, f *fact) error {
	for _, p := range before {
		if !slices.Contains(after, p) && !a.ends(f, p) {
			return fmt.Errorf("%.8s does not command %.8s any more, because of %s %.8s", p, a.doc, board.KindName(f.kind), f.hash)
		}
	}
	return nil
}

// ends reports whether f can end the term of p.
func (a *account) ends(f *fact, p crdt.Hash) bool {
	switch f.kind {
	case board.KindRelease:
		return f.person == p
	case board.KindAccept: // of what p offered, or of command back, which p offered by accepting a break
		offer := a.at[f.target]
		if offer.kind == board.KindAccept {
			return offer.person == p && a.at[offer.target].person == f.person
		}
		return offer.person == p && offer.given == f.person
	case board.KindSettle:
		return board.Subject(f.mode) == board.SubjectCommand
	}
	return false
}
