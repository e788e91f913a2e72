package board

import (
	"slices"
	"testing"

	"muster/crdt"
)

// TestWordsSurviveABadLine checks that no two words of a list differ by one letter only, and that no word is in both.
func TestWordsSurviveABadLine(t *testing.T) {
	for _, list := range [][]string{firstWords[:], secondWords[:]} {
		for i, a := range list {
			if len(a) < 3 || len(a) > 8 {
				t.Errorf("%s: %d letters", a, len(a))
			}
			for _, b := range list[i+1:] {
				if distance(a, b) < 2 {
					t.Errorf("%s and %s are alike", a, b)
				}
			}
		}
	}
	for _, a := range firstWords {
		if slices.Contains(secondWords[:], a) {
			t.Errorf("%s is in both lists", a)
		}
	}
}

// TestNamesNeverChange pins names of known hashes: people wrote them on walls.
func TestNamesNeverChange(t *testing.T) {
	for seed, want := range map[string]string{"one": "level-mantis", "two": "famous-quail"} {
		if got := Name(crdt.DocID(crdt.SumHash([]byte(seed)))); got != want {
			t.Errorf("Name(%s) = %s, want %s", seed, got, want)
		}
	}
}
