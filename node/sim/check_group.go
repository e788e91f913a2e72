package sim

import (
	"fmt"
	"slices"

	"muster/crdt"
	"muster/crdt/board"
)

// groupIsRight checks what a group of several incidents shows against what each of them shows: the safer value of what
// they differ in, all of what they list, and a human is asked who commands when that is not one person.
func (w *world) groupIsRight(h *host, g *board.Group) error {
	docs := g.Docs()
	if len(docs) == 1 {
		return nil
	}
	v := g.View(w.now, h.r.Team())
	severity, live, tasks, notes := 0, false, 0, 0
	commanders := map[crdt.Hash]bool{}
	for _, doc := range docs {
		x := h.r.Board(doc).View(w.now, h.r.Team())
		if x.Severity > 0 && (severity == 0 || x.Severity < severity) {
			severity = x.Severity
		}
		live = live || x.Live()
		tasks, notes = tasks+len(x.Tasks), notes+len(x.Notes)
		for _, t := range x.Command.Terms {
			commanders[t.HolderID] = true
		}
	}
	asked := slices.ContainsFunc(v.Conflicts, func(c board.Conflict) bool { return c.Kind == board.ConflictCommand })
	switch {
	case v.Severity != severity:
		return fmt.Errorf("the group is severity %d, the worst of its incidents %d", v.Severity, severity)
	case v.Live() != live || g.Live() != live:
		return fmt.Errorf("the group goes on: %t and %t, its incidents: %t", v.Live(), g.Live(), live)
	case len(v.Tasks) != tasks || len(v.Notes) != notes:
		return fmt.Errorf("the group shows %d tasks and %d notes, its incidents %d and %d", len(v.Tasks), len(v.Notes), tasks, notes)
	case asked != (len(commanders) > 1):
		return fmt.Errorf("%d people command the group, and a human is asked: %t", len(commanders), asked)
	}
	for _, c := range v.Conflicts {
		if !slices.Contains(humanOnly, c.Kind) {
			return fmt.Errorf("a human is asked about %s: no rule says so", c.Kind)
		}
	}
	return nil
}
