package sim

import (
	"slices"
	"time"

	"muster/crdt"
	"muster/crdt/auth"
)

// govern lets somebody do something about who belongs to the team: mostly what the rules let them, sometimes what only a
// node without those rules would write, which must mean nothing.
func (w *world) govern() {
	h := w.anyHost(func(h *host) bool { return w.able(h) && !h.thief })
	if h == nil {
		return
	}
	team := h.r.Team()
	me, _ := team.Member(h.device)
	if all := team.Proposals(); len(all) > 0 && w.rng.IntN(3) > 0 {
		p := all[w.rng.IntN(len(all))]
		if !slices.Contains(p.Behind, me.Person) {
			w.rule(h, auth.KindCosign, &auth.Cosign{Op: p.Op})
			return
		}
	}
	devices := team.Members()
	m := devices[w.rng.IntN(len(devices))]
	waits := func(m auth.Member) bool { return m.Unconfirmed || m.Barred }
	switch w.rng.IntN(10) {
	case 0, 1, 2:
		w.remove(h, m.Device, []auth.Mode{auth.ModeRetire, auth.ModeCompromised, auth.ModeCompromised, auth.ModeSuspend}[w.rng.IntN(4)])
	case 3:
		w.rule(h, auth.KindRole, &auth.SetRole{Person: m.Person, Role: auth.Role(1 + w.rng.IntN(3)), Reason: w.words()})
	case 4, 5: // people look after who is waiting at the door
		if i := slices.IndexFunc(devices, waits); i >= 0 {
			m = devices[i]
		}
		w.rule(h, auth.KindConfirm, &auth.Confirm{Device: m.Device})
	case 6:
		if gone := slices.IndexFunc(devices, func(m auth.Member) bool { return m.Removed != 0 }); gone >= 0 {
			m = devices[gone]
		}
		w.rule(h, auth.KindReinstate, &auth.Reinstate{Device: m.Device, Reason: w.words()})
	case 7:
		w.adopt(h)
	case 8:
		if w.late != nil && w.rng.IntN(2) == 0 {
			w.rule(h, auth.KindClose, &auth.Close{Invite: w.late.op})
			return
		}
		w.rule(h, auth.KindPolicy, &auth.SetPolicy{Invite: auth.RoleResponder + auth.Role(w.rng.IntN(2))})
	case 9: // a removal of whoever is removed already, in another way
		if gone := slices.IndexFunc(devices, func(m auth.Member) bool { return m.Removed != 0 }); gone >= 0 {
			w.remove(h, devices[gone].Device, auth.Mode(1+w.rng.IntN(3)))
		}
	}
}

// able reports whether somebody can write on a host now.
func (w *world) able(h *host) bool {
	return h.r != nil && h.member && !h.hostile && !w.now.Before(h.paused) && !w.now.Before(h.full) && !h.r.NeedsEpoch()
}

// unruly is how many of those to whom their node says no have one that does not ask.
const unruly = 6

// rule writes an operation of the team document, if the node lets its person.
func (w *world) rule(h *host, kind crdt.Kind, body any) (crdt.Hash, bool) {
	alone, err := h.r.Team().May(h.device, kind, body)
	what := teamVerbs[kind]
	switch {
	case err == nil && alone:
		w.count("team: " + what)
	case err == nil:
		w.count("team: proposed " + what)
	case w.rng.IntN(unruly) > 0:
		w.count("team: refused " + what)
		return crdt.Hash{}, false
	default:
		w.count("team: wrong " + what)
	}
	op, err := h.r.ProposeTeam(w.wall(h), kind, body)
	if err != nil {
		w.fail("%s: %s: %w", h.name, what, err)
		return op, false
	}
	w.trace(h, "team", "%-10s %.8s", what, op)
	w.work(h)
	return op, true
}

var teamVerbs = map[crdt.Kind]string{
	auth.KindRole: "role", auth.KindConfirm: "confirm", auth.KindRemove: "remove", auth.KindReinstate: "reinstate",
	auth.KindCosign: "cosign", auth.KindClose: "close", auth.KindAdopt: "adopt", auth.KindPolicy: "policy",
}

// remove throws a device out. What it wrote before is what is held of it here; sometimes nothing of it is to count.
func (w *world) remove(h *host, d crdt.DeviceID, mode auth.Mode) (crdt.Hash, bool) {
	b := &auth.Remove{Device: d, Mode: mode, Reason: w.words()}
	if w.rng.IntN(5) > 0 {
		b.Cut = h.tips(d)
	}
	return w.rule(h, auth.KindRemove, b)
}

// tips returns the ends of all logs of a device that a host holds.
func (h *host) tips(d crdt.DeviceID) auth.Hashes {
	var out []crdt.Hash
	for doc := range h.disk.docs { // any order: sorted below
		g := h.r.Graph(doc)
		if g == nil {
			continue
		}
		for _, t := range g.Frontier() {
			if t.Log.Device == d {
				out = append(out, t.Hash)
			}
		}
	}
	return auth.SortHashes(out[:min(len(out), auth.MaxCut)])
}

// adopt lets some of what does not count on a host count after all.
func (w *world) adopt(h *host) {
	var grey []crdt.Hash
	for _, doc := range h.r.Documents() {
		grey = append(grey, h.r.Board(doc).Aside(crdt.DeviceID{})...)
	}
	if len(grey) == 0 {
		return
	}
	w.rng.Shuffle(len(grey), func(i, j int) { grey[i], grey[j] = grey[j], grey[i] })
	w.rule(h, auth.KindAdopt, &auth.Adopt{Ops: auth.SortHashes(grey[:1+w.rng.IntN(len(grey))]), Reason: w.words()})
}

// feud lets two people who cannot reach each other throw each other out, sometimes with somebody else behind them.
func (w *world) feud() {
	may := func(h *host) bool { return w.able(h) && !h.thief && !h.silent() }
	a := w.anyHost(may)
	b := w.anyHost(func(h *host) bool { return may(h) && h != a && h.device != a.device })
	if a == nil || b == nil {
		return
	}
	side := make([]bool, len(w.hosts))
	for i := range side {
		side[i] = w.rng.IntN(2) == 0
	}
	side[a.n], side[b.n] = true, false
	w.trace(nil, "feud", "%s and %s", a.name, b.name)
	w.count("fault: feud")
	w.link(func(x, y *host) bool { return x.n < len(side) && y.n < len(side) && side[x.n] != side[y.n] })
	mode := func() auth.Mode {
		return []auth.Mode{auth.ModeCompromised, auth.ModeCompromised, auth.ModeRetire, auth.ModeSuspend}[w.rng.IntN(4)]
	}
	for _, e := range [2][2]*host{{a, b}, {b, a}} {
		if e[0].r == nil || !w.able(e[0]) {
			continue
		}
		op, ok := w.remove(e[0], e[1].device, mode())
		if !ok || w.rng.IntN(2) == 0 {
			continue
		}
		w.in(w.about(10*time.Second), func() {
			friend := w.anyHost(func(h *host) bool {
				return may(h) && h != e[0] && h.n < len(side) && side[h.n] == side[e[0].n] && h.r.Graph(w.team).Has(op)
			})
			if friend != nil {
				w.rule(friend, auth.KindCosign, &auth.Cosign{Op: op})
			}
		})
	}
}

// loseFounder takes the laptop of the founder out of the world, and with it the only steward that the team began with.
func (w *world) loseFounder() {
	h := w.hosts[0]
	if w.calm || h.gone || h.twin != nil || h.hostile {
		return
	}
	w.trace(h, "lost", "")
	w.count("fault: founder lost")
	if h.r != nil {
		w.stop(h, "lost")
	}
	h.gone, h.acked = true, nil
}
