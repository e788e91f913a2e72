package crdt

import (
	"cmp"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// TestAddWinsSetKeepsWhatNoRemovalSaw compares the set with its definition, in any order and with repetitions.
func TestAddWinsSetKeepsWhatNoRemovalSaw(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		o := drawOrder(t)
		n := len(o.past)
		type change struct {
			add  bool
			elem string
		}
		changes := make([]change, n)
		for i := range changes {
			changes[i] = change{rapid.Bool().Draw(t, "add"), rapid.SampledFrom([]string{"x", "y"}).Draw(t, "elem")}
		}
		var s AddWinsSet[string]
		apply := func(i int) {
			if c := changes[i]; c.add {
				s.Add(o.before, opName(i), c.elem)
			} else {
				s.Remove(o.before, opName(i), c.elem)
			}
		}
		for _, i := range rapid.SliceOfN(rapid.IntRange(0, n-1), 0, 10).Draw(t, "again") {
			apply(i)
		}
		for _, i := range rapid.Permutation(slices.Collect(upTo(n))).Draw(t, "order") {
			apply(i)
		}
		var want []string
		for i, c := range changes {
			removed := slices.ContainsFunc(slices.Collect(upTo(n)), func(j int) bool {
				return !changes[j].add && changes[j].elem == c.elem && o.past[j][i]
			})
			if c.add && !removed && !slices.Contains(want, c.elem) {
				want = append(want, c.elem)
			}
		}
		slices.Sort(want)
		if got := s.Elems(cmp.Compare[string]); !slices.Equal(got, want) {
			t.Fatalf("elements %v, want %v", got, want)
		}
		for _, k := range []string{"x", "y", "z"} {
			if s.Has(k) != slices.Contains(want, k) {
				t.Fatalf("Has(%s) = %t", k, s.Has(k))
			}
		}
	})
}
