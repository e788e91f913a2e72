package crdt

import (
	"maps"
	"slices"
)

// An AddWinsSet is an observed-remove set (Shapiro et al., 2011): a removal takes away the additions its author had seen
// and no others, so an addition wins over a concurrent removal. It may be fed in any order and any number of times.
type AddWinsSet[K comparable] struct {
	elems map[K]*presence
}

// presence is what is known of one element.
type presence struct {
	adds    []Hash // additions no removal has seen
	removes []Hash // removals, without those that a later removal has seen
}

// Add records that op added k.
func (s *AddWinsSet[K]) Add(before func(a, b Hash) bool, op Hash, k K) {
	p := s.at(k)
	if slices.Contains(p.adds, op) || slices.ContainsFunc(p.removes, func(r Hash) bool { return before(op, r) }) {
		return
	}
	p.adds = append(p.adds, op)
}

// Remove records that op removed k.
func (s *AddWinsSet[K]) Remove(before func(a, b Hash) bool, op Hash, k K) {
	p := s.at(k)
	if slices.ContainsFunc(p.removes, func(r Hash) bool { return r == op || before(op, r) }) {
		return
	}
	p.removes = append(slices.DeleteFunc(p.removes, func(r Hash) bool { return before(r, op) }), op)
	p.adds = slices.DeleteFunc(p.adds, func(a Hash) bool { return before(a, op) })
}

// Has reports whether k is in the set.
func (s *AddWinsSet[K]) Has(k K) bool {
	p := s.elems[k]
	return p != nil && len(p.adds) > 0
}

// Elems returns the elements in the order of compare.
func (s *AddWinsSet[K]) Elems(compare func(a, b K) int) []K {
	return slices.DeleteFunc(slices.SortedFunc(maps.Keys(s.elems), compare), func(k K) bool { return !s.Has(k) })
}

func (s *AddWinsSet[K]) at(k K) *presence {
	if s.elems == nil {
		s.elems = map[K]*presence{}
	}
	if s.elems[k] == nil {
		s.elems[k] = &presence{}
	}
	return s.elems[k]
}
