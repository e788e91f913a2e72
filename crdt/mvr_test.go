package crdt

import (
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// order is a small random causal order: past[i] holds the indices of the operations before operation i.
type order struct {
	past [][]bool
}

func opName(i int) Hash { return Hash{0: byte(i*37 + 11), 1: byte(i)} }

func (o order) before(a, b Hash) bool { return o.past[b[1]][a[1]] }

func drawOrder(t *rapid.T) order {
	n := 10 - rapid.IntRange(0, 9).Draw(t, "fewer")
	o := order{past: make([][]bool, n)}
	for i := range n {
		o.past[i] = make([]bool, n)
		for j := range i {
			if !rapid.Bool().Draw(t, "seen") || !rapid.Bool().Draw(t, "seen too") {
				continue
			}
			o.past[i][j] = true
			for k := range j {
				o.past[i][k] = o.past[i][k] || o.past[j][k]
			}
		}
	}
	return o
}

// TestRegisterKeepsWhatNobodyReplaced compares the register with its definition, in any order and with repetitions.
func TestRegisterKeepsWhatNobodyReplaced(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		o := drawOrder(t)
		n := len(o.past)
		var r Register[int]
		for _, i := range rapid.SliceOfN(rapid.IntRange(0, n-1), 0, 10).Draw(t, "again") {
			r.Add(o.before, opName(i), i)
		}
		for _, i := range rapid.Permutation(slices.Collect(upTo(n))).Draw(t, "order") {
			r.Add(o.before, opName(i), i)
		}
		var got, want []int
		for _, h := range r.Heads() {
			if h.Op != opName(h.Value) {
				t.Fatalf("head %v holds %d", h.Op, h.Value)
			}
			got = append(got, h.Value)
		}
		if !slices.IsSortedFunc(r.Heads(), func(a, b Write[int]) int { return a.Op.Compare(b.Op) }) {
			t.Fatal("heads not in order")
		}
		for i := range n {
			if !slices.ContainsFunc(slices.Collect(upTo(n)), func(j int) bool { return o.past[j][i] }) {
				want = append(want, i)
			}
		}
		slices.Sort(got)
		if !slices.Equal(got, want) {
			t.Fatalf("heads %v, want %v", got, want)
		}
	})
}

func upTo(n int) func(yield func(int) bool) {
	return func(yield func(int) bool) {
		for i := range n {
			if !yield(i) {
				return
			}
		}
	}
}

// TestRegisterSaysWhatIsAHead checks the result of Add.
func TestRegisterSaysWhatIsAHead(t *testing.T) {
	o := order{past: [][]bool{{false, false}, {true, false}}}
	var r Register[string]
	for range 2 {
		if !r.Add(o.before, opName(0), "a") {
			t.Error("the first write is not a head")
		}
	}
	if !r.Add(o.before, opName(1), "b") || r.Add(o.before, opName(0), "a") {
		t.Error("a write that was replaced is a head again")
	}
	if h := r.Heads(); len(h) != 1 || h[0].Value != "b" {
		t.Errorf("heads %v", h)
	}
}
