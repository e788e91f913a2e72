package board

import (
	"muster/crdt"
)

// nameless shows people as the hexadecimal form of their id, and asks nobody to a roll call: the folded state must not
// depend on what somebody is called or who else is in the team.
type nameless struct{}

func (nameless) Handle(p PersonID) string       { return p.String() }
func (nameless) Person(string) (PersonID, bool) { return PersonID{}, false }
func (nameless) All() []PersonID                { return nil }

// Canonical returns the folded state in deterministic CBOR: everything a [View] shows, but nothing that depends on the
// time, on names or on who can be reached. It is equal on two boards that hold the same operations. The form may change
// between versions; it is for comparing, not for keeping.
func (b *Board) Canonical() []byte {
	v := reader{b, nameless{}}.view(0)
	return crdt.EncodeBody(&v)
}

// Digest returns the SHA-256 of [Board.Canonical].
func (b *Board) Digest() crdt.Hash { return crdt.SumHash(b.Canonical()) }
