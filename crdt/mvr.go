package crdt

import "slices"

// A Write is one write of a register: the operation that made it and what it wrote.
type Write[T any] struct {
	Op    Hash
	Value T
}

// A Register is a multi-value register (Shapiro et al., 2011): a write replaces the writes its author had seen and no
// others, so that of several concurrent writes every one stays until somebody who has seen them all writes again. It
// may be fed in any order and any number of times; the zero Register is empty.
type Register[T any] struct {
	heads []Write[T] // pairwise concurrent, ascending by operation
}

// Add records that op wrote v. It reports whether the write is a head now. Its cost is two causality look-ups for each
// head, however many writes there were: a write that was replaced is before some head.
func (r *Register[T]) Add(before func(a, b Hash) bool, op Hash, v T) bool {
	for _, h := range r.heads {
		if h.Op == op || before(op, h.Op) {
			return h.Op == op
		}
	}
	r.heads = slices.DeleteFunc(r.heads, func(h Write[T]) bool { return before(h.Op, op) })
	at, _ := slices.BinarySearchFunc(r.heads, op, func(h Write[T], o Hash) int { return h.Op.Compare(o) })
	r.heads = slices.Insert(r.heads, at, Write[T]{op, v})
	return true
}

// Heads returns the writes that no other write has replaced, ascending by operation. The caller must not change them;
// they are valid until the next Add.
func (r *Register[T]) Heads() []Write[T] { return r.heads }
