package sim

import (
	"fmt"
	"slices"
	"strings"

	"muster/crdt"
	"muster/crdt/auth"
)

// courtOf returns what follows from the team document as a host holds it.
func (w *world) courtOf(h *host) *court {
	digest := h.r.DocDigest(w.team)
	c := w.courts[digest]
	if c == nil {
		g := h.r.Graph(w.team)
		c = newCourt(w.team, slices.DeleteFunc(h.disk.all(w.team), func(rec *crdt.Record) bool { return !g.Has(rec.Hash) }), w.o.Bug == BugWeak)
		if len(w.courts) >= courtsMax {
			clear(w.courts)
		}
		w.courts[digest] = c
	}
	return c
}

// courtsMax bounds the courts that are kept: a court costs as much as a few of its questions.
const courtsMax = 16

// all returns the operations of a document on a disk, in any order.
func (d *disk) all(doc crdt.DocID) []*crdt.Record {
	var out []*crdt.Record
	for _, recs := range d.docs[doc] { // any order: for who sorts it
		out = append(out, recs...)
	}
	return out
}

// correct returns those of the honest hosts that are not thrown out, by all that any of them holds of the team.
func (w *world) correct() []*host {
	hosts := w.honest()
	if w.teamOnly() {
		return hosts
	}
	c := w.verdict()
	return slices.DeleteFunc(hosts, func(h *host) bool { return !c.admits(h.device) })
}

// verdict is what follows from all that any honest host holds of the team.
func (w *world) verdict() *court {
	var key []byte
	var records []*crdt.Record
	for _, h := range w.honest() {
		if h.r != nil {
			d := h.r.DocDigest(w.team)
			key = append(key, d[:]...)
		}
	}
	sum := crdt.SumHash(key)
	c := w.courts[sum]
	if c == nil {
		for _, h := range w.honest() {
			records = append(records, h.disk.all(w.team)...)
		}
		c = newCourt(w.team, records, false)
		w.courts[sum] = c
	}
	return c
}

// admits reports whether a device is let in.
func (c *court) admits(d crdt.DeviceID) bool {
	j := c.join(d, c.all)
	if j == nil {
		return false
	}
	_, _, barred := c.admission(j, c.all)
	return !barred && !slices.ContainsFunc(c.removals(d, c.all), func(t *act) bool { return t.body.(*auth.Remove).Mode != auth.ModeSuspend })
}

// removed returns the strictest removal of a device that is in effect; zero: none.
func (c *court) removed(d crdt.DeviceID) auth.Mode {
	var all []auth.Mode
	for _, t := range c.removals(d, c.all) {
		all = append(all, t.body.(*auth.Remove).Mode)
	}
	for _, m := range []auth.Mode{auth.ModeCompromised, auth.ModeRetire, auth.ModeSuspend} {
		if slices.Contains(all, m) {
			return m
		}
	}
	return 0
}

// judge returns what an operation of an incident counts for. heads are what it says its author knew of the team; within
// reports whether it is that operation, or of the same log and in its past.
func (c *court) judge(op crdt.Hash, d crdt.DeviceID, heads []crdt.Hash, within func(tip crdt.Hash) bool) auth.Standing {
	var known set
	for _, h := range heads {
		a := c.at[h]
		if a == nil {
			return auth.Counts // not taken in yet
		}
		known = known.or(a.past).with(a)
	}
	for _, t := range c.removals(d, c.all) {
		r := t.body.(*auth.Remove)
		switch {
		case c.adopted(op, d):
		case r.Mode == auth.ModeRetire && !(c.stands(t, known) && !c.undone(t, known)):
		case r.Mode != auth.ModeRetire && slices.ContainsFunc(r.Cut, within):
		default:
			return auth.Quarantined
		}
	}
	_, _, barred := c.admission(c.join(d, c.all), c.all)
	p := c.person(d, c.all) // what removals do is said above
	if barred || c.roleOf(p, d, known) < auth.RoleResponder && c.roleOf(p, d, c.all) < auth.RoleResponder {
		return auth.AsObserver
	}
	return auth.Counts
}

// adopted reports whether a member has let an operation count that is beyond the cut.
func (c *court) adopted(op crdt.Hash, d crdt.DeviceID) bool {
	for a := range func(yield func(*act) bool) { c.live(c.all, yield) } {
		if b, ok := a.body.(*auth.Adopt); ok && a.dot.Device != d && slices.Contains(b.Ops, op) && c.valid(a, c.all) {
			return true
		}
	}
	return false
}

// standing returns what an operation counts for, by what a host holds of the team and of the incident.
func (w *world) standing(h *host, rec *crdt.Record) auth.Standing {
	c := w.courtOf(h)
	if s, planted := w.misjudges(c, rec); planted {
		return s
	}
	heads := rec
	for len(heads.Op.Team) == 0 {
		heads = w.made[heads.Op.Prev]
	}
	return c.judge(rec.Hash, rec.Op.Dot.Device, heads.Op.Team, func(tip crdt.Hash) bool {
		if !h.r.Graph(rec.Doc()).Has(tip) {
			return false // where it ends is not known here
		}
		return tip == rec.Hash || w.made[tip].Op.Dot.Log() == rec.Op.Dot.Log() && h.r.Graph(rec.Doc()).Before(rec.Hash, tip)
	})
}

// trustIsRight checks what a host thinks of the others against what the rule says, and every word on its boards.
func (w *world) trustIsRight(h *host) error {
	c, team := w.courtOf(h), h.r.Team()
	if n := h.r.Graph(w.team).Len(); n != len(c.acts) {
		return fmt.Errorf("%s holds %d operations of the team, and the court heard %d", h.name, n, len(c.acts))
	}
	if err := c.agrees(team); err != nil {
		return fmt.Errorf("%s: %w%s", h.name, err, c.record())
	}
	for _, doc := range h.r.Documents() {
		grey := map[crdt.Hash]bool{}
		for _, op := range h.r.Board(doc).Aside(crdt.DeviceID{}) {
			grey[op] = true
		}
		for _, rec := range h.disk.all(doc) { // any order: one is enough
			if rec.Op.Kind == crdt.KindWeave || !h.r.Graph(doc).Has(rec.Hash) {
				continue
			}
			s := w.standing(h, w.made[rec.Hash])
			if s != auth.Counts && !c.suspects(rec.Op.Dot.Device) {
				return fmt.Errorf("%.8s counts for nothing, and nobody ever did anything about who wrote it", rec.Hash)
			}
			if grey[rec.Hash] != (s != auth.Counts) {
				return fmt.Errorf("%s shows %.8s by %.8s under %.8s as one that counts: %t, and its standing is %d%s", h.name, rec.Hash, rec.Op.Dot.Device,
					rec.Op.Team, !grey[rec.Hash], s, c.record())
			}
		}
	}
	return nil
}

// agrees compares what a team says of its members and removals with the rule.
func (c *court) agrees(team *auth.Team) error {
	for _, m := range team.Members() {
		j := c.join(m.Device, c.all)
		_, unconfirmed, barred := c.admission(j, c.all)
		role := c.roleOf(j.hash, m.Device, c.all)
		got := fmt.Sprint(m.Role, m.Unconfirmed, m.Barred, m.Removed, team.Admitted(m.Device))
		want := fmt.Sprint(role, unconfirmed, barred, c.removed(m.Device), c.admits(m.Device))
		if got != want {
			return fmt.Errorf("%s %.8s is %s (role, unconfirmed, barred, removed, let in), and the rule says %s", m.Handle, m.Device, got, want)
		}
	}
	for _, r := range team.Removals() {
		t := c.at[r.Op]
		if in := c.decided[t]; in != r.Effective || in && c.undone(t, c.all) != r.Undone {
			return fmt.Errorf("removal %.8s is in effect: %t, taken back: %t; and the rule says %t, %t", r.Op, r.Effective, r.Undone, in, c.undone(t, c.all))
		}
	}
	return nil
}

// suspects reports whether there is anything at all by which words of a device might not count: a removal of it, an
// invitation that may not stand, a role that was set. It is coarse, so that it cannot be wrong as the court can.
func (c *court) suspects(d crdt.DeviceID) bool {
	j := c.join(d, c.all)
	if _, founder := j.body.(*auth.Genesis); !founder {
		_, unconfirmed, _ := c.admission(j, j.past.with(j))
		_, later, _ := c.admission(j, c.all)
		if unconfirmed || later {
			return true
		}
	}
	return slices.ContainsFunc(c.acts, func(a *act) bool {
		switch b := a.body.(type) {
		case *auth.Remove:
			return b.Device == d
		case *auth.SetRole:
			return b.Person == j.hash
		}
		return false
	})
}

// tallyTrust counts what the team of a host has been through.
func (w *world) tallyTrust(h *host) {
	c := w.courtOf(h)
	for _, a := range c.acts {
		switch b := a.body.(type) {
		case *auth.Remove:
			switch {
			case c.decided[a] && len(c.behind(a, c.all)) > 1:
				w.count("trust: co-signed removal")
			case c.dead(a):
				w.count("trust: removal lost to one that weighs more")
			}
			if c.decided[a] && c.undone(a, c.all) {
				w.count("trust: reinstated")
			}
			for _, o := range c.acts[:a.n] {
				if r, ok := o.body.(*auth.Remove); ok && r.Device == a.dot.Device && o.dot.Device == b.Device && !a.past.has(o) {
					w.count("trust: mutual removal")
				}
			}
		case *auth.Join:
			_, now, barred := c.admission(a, c.all)
			_, then, _ := c.admission(a, a.past.with(a))
			switch {
			case barred:
				w.count("trust: barred")
			case now:
				w.count("trust: invitation used too often")
			case then:
				w.count("trust: confirmed")
			}
			for _, o := range c.acts {
				if k, ok := o.body.(*auth.Close); ok && k.Invite == b.Invite && !o.past.has(a) {
					w.count("trust: joined after the invitation was closed")
				}
			}
			if c.forked(a.dot.Device, c.all) {
				w.count("trust: no right left by a fork")
			}
		case *auth.SetRole:
			if b.Role == auth.RoleObserver && !c.dead(a) && c.valid(a, c.all) {
				w.count("trust: demoted")
			}
		}
	}
	for _, doc := range h.r.Documents() {
		for _, rec := range h.disk.all(doc) { // any order: counted
			if !h.r.Graph(doc).Has(rec.Hash) {
				continue
			}
			s := w.standing(h, w.made[rec.Hash])
			if s == auth.Quarantined && rec.Op.Dot.Epoch == thiefEpoch {
				w.count("trust: backdated and void")
			}
			if s == auth.Counts && c.removed(rec.Op.Dot.Device) != 0 && c.adopted(rec.Hash, rec.Op.Dot.Device) {
				w.count("trust: adopted")
			}
		}
	}
}

// record returns the court's view of the team document, for somebody who looks into a failure.
func (c *court) record() string {
	var b strings.Builder
	for _, a := range c.acts {
		fmt.Fprintf(&b, "\n  %3d %.8s by %.8s height %d kind %d dead %t past", a.n, a.hash, a.dot.Device, a.height, a.kind, c.dead(a))
		for _, x := range c.acts {
			if a.past.has(x) {
				fmt.Fprintf(&b, " %d", x.n)
			}
		}
		switch v := a.body.(type) {
		case *auth.Remove:
			fmt.Fprintf(&b, ": remove %.8s mode %s, effective %t, valid %t, behind %d", v.Device, v.Mode, c.decided[a], c.valid(a, c.all), len(c.behind(a, c.all)))
		case *auth.SetRole:
			fmt.Fprintf(&b, ": role of %.8s: %s, valid %t", v.Person, v.Role, c.valid(a, c.all))
		case *auth.Cosign:
			fmt.Fprintf(&b, ": cosign %.8s", v.Op)
		case *auth.Confirm:
			fmt.Fprintf(&b, ": confirm %.8s, valid %t", v.Device, c.valid(a, c.all))
		case *auth.Reinstate:
			fmt.Fprintf(&b, ": reinstate %.8s", v.Device)
		case *auth.Join:
			fmt.Fprintf(&b, ": join by %.8s", v.Invite)
		}
	}
	return b.String()
}
