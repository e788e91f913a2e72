package sim

import (
	"fmt"

	"muster/crdt"
	"muster/crdt/board"
)

// mergesAreReported checks what somebody who comes back is told, here the person of h, of everything that came since they
// last wrote: all that waits for a human is in it or was there before, and what it says of now is what the board says.
func (w *world) mergesAreReported(h *host) error {
	for _, doc := range h.r.Documents() {
		a := w.account(h, doc)
		var last *fact
		for _, f := range a.facts {
			if m, _ := h.r.Team().Member(h.device); f.person == m.Person {
				last = f
			}
		}
		if last == nil {
			continue
		}
		b, people := h.r.Board(doc), h.r.Team()
		seen := func(op crdt.Hash) bool { return op == last.hash || a.graph.Before(op, last.hash) }
		r := b.MergeReport(board.Merge{Before: seen, Viewer: last.person, Device: h.device, People: people, AtMS: last.wallMS, Now: w.now})
		came := 0
		for _, f := range a.facts {
			if !f.grey && !seen(f.hash) && a.graph.Dot(f.hash).Device != h.device {
				came++
			}
		}
		v := b.View(w.now, people)
		switch open := len(v.Conflicts); {
		case r.Operations != came:
			return fmt.Errorf("%s is told of %d operations in %.8s, and %d came", h.name, r.Operations, doc, came)
		case len(r.Settle)+r.Older != open:
			return fmt.Errorf("%s is told of %d new and %d old conflicts in %.8s, and %d are open", h.name, len(r.Settle), r.Older, doc, open)
		case r.Severity != v.Severity || r.Status != v.Status || r.Commander != v.Command.Commander:
			return fmt.Errorf("%s is told that %.8s is %d %s %q, and it is %d %s %q", h.name, doc,
				r.Severity, r.Status, r.Commander, v.Severity, v.Status, v.Command.Commander)
		}
		w.count("saw: merge reported")
	}
	return nil
}
