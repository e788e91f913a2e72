package board

import "muster/crdt"

// At returns the board of only the operations that in holds, which must be closed under causality, such as the past of
// one operation or what this node held before a merge. Bodies are shared with b, which it leaves as it is; what a
// redaction has erased since is gone there too, since the node that saw it no longer has it. It costs about a
// microsecond for each operation, whether in holds it or not. The result is for reading: nothing can be applied to it.
func (b *Board) At(in func(h crdt.Hash) bool) *Board {
	all := b.all.list()
	past := New(b.doc, b.causal)
	held := make([]op, 0, len(all))
	past.ops = make(map[crdt.Hash]*op, len(all))
	past.all.ops = make([]*op, 0, len(all))
	for _, o := range all {
		if !in(o.hash) {
			continue
		}
		held = append(held, *o) // within its capacity: pointers into it stay valid
		c := &held[len(held)-1]
		c.inert = false
		past.ops[c.hash] = c
		past.all.add(c)
		if c.unread() {
			past.unknown++
		}
	}
	for _, c := range past.all.list() {
		past.place(c)
	}
	return past
}
