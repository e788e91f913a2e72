package sim

import (
	"time"

	"muster/crdt/auth"
	"muster/node/replica"
)

// Doors: a host connects to nobody whom it takes for thrown out, and tells them why. The team document passes between
// two who are not connected all the same, as between a member and somebody who asks to be let in: what one of them has
// heard of the other may have been overtaken.

// doorPause is until a host that has heard news of the team tries again whom it can reach.
const doorPause = time.Second

// admits reports whether a host lets another in, by what it holds.
func (w *world) admits(h, p *host) bool { return h.r.Team().Admitted(p.device) }

// meet lets two hosts that can reach each other judge each other, and reports whether they let each other in.
func (w *world) meet(a, b *host) bool {
	for _, e := range [2][2]*host{{a, b}, {b, a}} {
		if e[0].r == nil || e[1].r == nil {
			return false
		}
		if !w.admits(e[0], e[1]) {
			w.introduce(a, b)
			w.introduce(b, a)
			break
		}
	}
	return a.r != nil && b.r != nil && w.admits(a, b) && w.admits(b, a)
}

// introduce shows a host the team as another knows it.
func (w *world) introduce(to, from *host) {
	if to.r == nil || from.r == nil || w.now.Before(to.full) || w.now.Before(to.paused) || w.now.Before(from.paused) {
		return
	}
	if to.r.DocDigest(w.team) == from.r.DocDigest(w.team) {
		return
	}
	whole, err := from.r.Whole(w.team)
	if err == nil {
		err = to.r.Admit(w.mono(to), whole)
	}
	if err != nil {
		w.fail("%s does not take the team from %s: %w", to.name, from.name, err)
		return
	}
	w.count("saw: team document at the door")
	w.work(to)
}

// heard does what news of the team ask for: who is out is shown the door, who is in again is let in.
func (w *world) heard(h *host, changes []replica.Change) {
	news := false
	for _, c := range changes {
		news = news || c.Team
	}
	if !news || w.teamOnly() {
		return
	}
	for _, p := range h.reachable() {
		if h.r != nil && h.links[p.device] == p && !w.admits(h, p) {
			w.count("saw: shown the door")
			w.trace(h, "door", "%s", p.name)
			w.disconnect(h, p)
			w.meet(h, p)
		}
	}
	w.in(doorPause, func() {
		for _, p := range w.hosts {
			if p.member {
				w.connect(h, p)
			}
		}
	})
}

// teamOnly reports whether nobody can be thrown out in this run.
func (w *world) teamOnly() bool { return w.o.Trust == 0 && w.o.Late == 0 }

// silent reports whether the person of a host would not write: they are told that it would not count.
func (h *host) silent() bool {
	m, _ := h.r.Team().Member(h.device)
	return m.Removed != 0 || m.Role < auth.RoleResponder
}
