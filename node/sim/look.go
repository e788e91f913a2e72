package sim

import (
	"slices"

	"muster/crdt/board"
)

// lookEvery is how often a board that somebody looks at is checked while the run is on.
const lookEvery = 15

// look counts the interesting states that somebody meets when they look at a board, and now and then checks it: what is
// settled or overtaken in the end was right on the way there too.
func (w *world) look(h *host, g *board.Group, v *board.View) {
	for _, c := range v.Conflicts {
		w.count("conflict: " + c.Kind)
	}
	if v.Contested {
		w.count("saw: contested end")
	}
	m, _ := h.r.Team().Member(h.device)
	mine := func(t board.Term) bool { return t.HolderID == m.Person && !t.Acting }
	if slices.ContainsFunc(v.Command.Terms, mine) && slices.ContainsFunc(v.Command.Terms, func(t board.Term) bool { return t.Acting }) {
		w.count("saw: commander back while somebody acts")
	}
	for _, o := range v.Command.Offers {
		if o.Lapsed {
			w.count("saw: offer lapsed")
		}
		if o.Due {
			w.count("saw: break over")
		}
	}
	for _, r := range v.Roles {
		if r.Role == board.RoleTeamLead {
			w.count("saw: sub-teams")
		}
	}
	if len(v.Names) > 1 {
		w.count("saw: two incidents that are one")
	}
	if !h.hostile && w.rng.IntN(lookEvery) == 0 {
		w.check(h, g)
	}
}

// check checks the boards of one outage on a host.
func (w *world) check(h *host, g *board.Group) {
	if err := w.trustIsRight(h); err != nil {
		w.fail("%w", err)
		return
	}
	for _, doc := range g.Docs() {
		if err := w.boardIsRight(h, doc); err != nil {
			w.fail("on %s, %.8s: %w", h.name, doc, err)
		}
	}
	if err := w.groupIsRight(h, g); err != nil {
		w.fail("on %s, %s: %w", h.name, g.Names(), err)
	}
}
