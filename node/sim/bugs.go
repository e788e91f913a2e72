package sim

import (
	"slices"

	"muster/crdt"
	"muster/crdt/auth"
	"muster/crdt/board"
)

// misjudges returns what a planted bug in the rules would make of the words of a device that was thrown out.
func (w *world) misjudges(c *court, rec *crdt.Record) (s auth.Standing, planted bool) {
	switch w.o.Bug {
	case BugHarmless:
		return auth.Counts, len(c.removals(rec.Op.Dot.Device, c.all)) > 0
	case BugByClock:
		for _, t := range c.removals(rec.Op.Dot.Device, c.all) {
			if planted = true; rec.Op.WallMS > w.made[t.hash].Op.WallMS {
				s = auth.Quarantined
			}
		}
	}
	return s, planted
}

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
