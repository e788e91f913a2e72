package sim

import (
	"slices"

	"muster/crdt/board"
)

// spoil makes what the checkers see of a board what a planted bug in the rules would make of it.
func (w *world) spoil(v *board.View) {
	switch w.o.Bug {
	case BugSilent:
		v.Conflicts = nil
	case BugAsks:
		for _, n := range v.Merged {
			if !slices.Contains(humanOnly, n.Kind) {
				c := board.Conflict{N: len(v.Conflicts) + 1, Kind: n.Kind, Subject: n.Subject, Text: n.Text, Choices: make([]board.Choice, 2)}
				v.Conflicts = append(v.Conflicts, c)
				return
			}
		}
	case BugPassesOver:
		for i := range v.Tasks {
			t := &v.Tasks[i]
			t.OwnerIDs = t.OwnerIDs[:min(1, len(t.OwnerIDs))]
		}
	case BugMislays:
		v.Notes = v.Notes[min(1, len(v.Notes)):]
	}
}
