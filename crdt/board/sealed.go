package board

import (
	"slices"

	"muster/crdt"
)

// A sealed note has a text that only some people's devices can read. The board never reads it: it knows whom the note is
// for, and everything it shows of the note says that in place of the text. The Text of the body says it too, written by the
// author, because a muster from before sealed notes does not know the other fields and shows just that.
//
// It is a note in every other respect: it has a kind and a time, is pinned and is redacted. Its text is not revised: a
// revision would be a text for everybody.

// maxSealedFor bounds the people one note is sealed for.
const maxSealedFor = 16

// Sealed is the part of a sealed note that the board passes on unread.
type Sealed struct {
	For    []PersonID // for whom, besides the author; never empty
	Box    []byte     // what their devices can open; the caller must not change it
	Author crdt.DeviceID
}

// Sealed returns what the operation named h sealed, and whether it is a sealed note that was not redacted.
func (b *Board) Sealed(h crdt.Hash) (Sealed, bool) {
	o := b.ops[h]
	if o == nil || !isSealed(o) {
		return Sealed{}, false
	}
	v := o.body.(*noteBody)
	return Sealed{For: v.For, Box: v.Sealed, Author: o.log.Device}, true
}

// isSealed reports whether o is a note whose text is sealed.
func isSealed(o *op) bool {
	v, ok := o.body.(*noteBody)
	return ok && v.sealed()
}

func (v *noteBody) sealed() bool { return len(v.Sealed) > 0 }

// sealedFor names, in the words of now, whom a sealed note is for.
func (r reader) sealedFor(v *noteBody) string {
	return "sealed for " + r.everyone(v.For[:min(len(v.For), maxSealedFor)])
}

// checkSealed checks what the caller has sealed. It cannot look inside.
func (c *checker) checkSealed() error {
	switch {
	case len(c.in.Sealed) == 0:
		return nil
	case len(c.in.SealedFor) == 0:
		return usage(`muster note --sealed-to @bob "text"`, "whom is it for?")
	case len(c.in.SealedFor) > maxSealedFor:
		return usage("", "a note is sealed for at most %d people, not %d", maxSealedFor, len(c.in.SealedFor))
	case slices.ContainsFunc(c.in.SealedFor, PersonID.IsZero):
		return usage("", "a note cannot be sealed for nobody")
	}
	return nil
}

// sealedView says of a note that it is sealed, and for whom. What somebody with an older muster has made of its text stands
// beside that.
func (r reader) sealedView(n *note, v *Note) {
	body, ok := n.op.body.(*noteBody)
	if !ok || !body.sealed() {
		return
	}
	for _, p := range body.For[:min(len(body.For), maxSealedFor)] {
		v.SealedFor = append(v.SealedFor, r.who(p))
	}
	if v.Text == body.Text {
		v.Text = r.sealedFor(body)
	}
}

// Clean returns a text without what a terminal or a reader could be fooled with, as every text of a body is made when it
// comes in. It is for a text that the board has not read.
func Clean(s string) string { return clean(s) }
