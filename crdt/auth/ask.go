package auth

import (
	"slices"

	"muster/crdt"
)

// RoleOf returns a person's role: the highest of their devices that are neither removed nor barred, or if there are none
// what it would be. Zero for who is not of the team.
func (t *Team) RoleOf(p PersonID) Role {
	s := t.now()
	first, ok := s.people[p]
	if !ok {
		return 0
	}
	var role Role
	for i := first; i < len(s.members); i++ {
		if m := &s.members[i]; m.Person == p && m.in() {
			role = max(role, m.Role)
		}
	}
	if role == 0 {
		role = s.personRole(p, &s.everything)
	}
	return role
}

// Stewards returns the persons who are stewards and have a device that can act as one, in the order they joined.
func (t *Team) Stewards() []PersonID {
	s := t.now()
	var out []PersonID
	for i := range s.members {
		m := &s.members[i]
		if s.role(m.Device, &s.everything) == RoleSteward && !slices.Contains(out, m.Person) {
			out = append(out, m.Person)
		}
	}
	return out
}

// An Invitation is an invitation as it stands.
type Invitation struct {
	ID        crdt.Hash
	Sponsor   PersonID
	Role      Role
	Uses      int
	Left      int // uses not known to be taken
	ExpiresMS int64
	Closed    bool     // who joins by it now is barred: it is closed, dead, or its author had no right to invite
	For       PersonID // whose further device joins; zero: a new person
}

// Invites returns all invitations, in causal order.
func (t *Team) Invites() []Invitation {
	s := t.now()
	var out []Invitation
	for _, a := range s.order {
		inv, ok := a.body.(*Invite)
		if !ok {
			continue
		}
		m := s.get(a)
		closed := !m.alive || !m.alone || slices.ContainsFunc(s.closes[a.op], func(c *act) bool { return s.standsBehind(c) })
		out = append(out, Invitation{
			ID: a.op, Sponsor: m.person, Role: inv.Role, Uses: int(inv.Uses), Left: max(0, int(inv.Uses)-len(s.uses[a.op])),
			ExpiresMS: inv.ExpiresMS, Closed: closed, For: inv.Person,
		})
	}
	return out
}

// A Removal is what became of one removal.
type Removal struct {
	Op        crdt.Hash
	Device    crdt.DeviceID
	Mode      Mode
	By        PersonID
	Behind    []PersonID // By first; none if it is dead or its author had no right to propose it
	Reason    string
	Cut       Hashes // for reading
	SinceMS   int64
	Effective bool
	Undone    bool
	Beat      crdt.Hash // the removal that won over it; zero: none, it lacks a co-signature or a right
}

// Removals returns all removals, in causal order, whatever became of them.
func (t *Team) Removals() []Removal {
	s := t.now()
	var out []Removal
	for i := range s.verdicts {
		v := &s.verdicts[i]
		b := v.act.body.(*Remove)
		r := Removal{
			Op: v.act.op, Device: b.Device, Mode: b.Mode, By: s.get(v.act).person, Behind: s.behind(v.act), Reason: b.Reason,
			Cut: b.Cut, SinceMS: b.SinceMS, Effective: v.effective, Undone: v.effective && s.undone(v.act, &s.everything),
		}
		if v.beat != nil && !v.effective {
			r.Beat = v.beat.op
		}
		out = append(out, r)
	}
	return out
}

// A Proposal is an operation that waits for another person to stand behind it.
type Proposal struct {
	Op     crdt.Hash
	Kind   crdt.Kind
	Author PersonID
	Device crdt.DeviceID // target, where it is a device
	Person PersonID      // target, or whose the device is
	Mode   Mode
	Role   Role // of a SetRole, an Invite or a SetPolicy
	Reason string
	Behind []PersonID
}

// Proposals returns what waits to be co-signed and would change something, in causal order. What a removed or forked
// device proposed is not among them.
func (t *Team) Proposals() []Proposal {
	s := t.now()
	var out []Proposal
	for _, a := range s.order {
		m := s.get(a)
		inv, invites := a.body.(*Invite)
		binding := invites && m.alone && !inv.Person.IsZero() && !s.binds(a, &s.everything) && len(s.uses[a.op]) == 0
		if !m.alive || m.alone && !binding || m.why != "" || s.behindTwo(a, &s.everything) || s.role(a.dev, &s.everything) < RoleResponder {
			continue
		}
		p := Proposal{Op: a.op, Kind: a.kind, Author: m.person, Behind: s.behind(a)}
		if s.describe(&p, a) {
			out = append(out, p)
		}
	}
	return out
}

// describe fills in what a proposal is about, and reports whether it would change anything.
func (s *state) describe(p *Proposal, a *act) bool {
	switch b := a.body.(type) {
	case *SetRole:
		p.Person, p.Role, p.Reason = b.Person, b.Role, b.Reason
		_, known := s.people[b.Person]
		return known && s.personRole(b.Person, &s.everything) != b.Role
	case *Remove:
		p.Device, p.Person, p.Mode, p.Reason = b.Device, s.personOf(b.Device, &s.everything), b.Mode, b.Reason
		i, known := s.byDevice[b.Device]
		return known && stricter(b.Mode, s.members[i].Removed)
	case *Reinstate:
		p.Device, p.Person, p.Reason = b.Device, s.personOf(b.Device, &s.everything), b.Reason
		i, known := s.byDevice[b.Device]
		return known && s.members[i].Removed != 0
	case *Confirm:
		p.Device, p.Person = b.Device, s.personOf(b.Device, &s.everything)
		i, known := s.byDevice[b.Device]
		return known && (s.members[i].Unconfirmed || s.members[i].Forked)
	case *Invite:
		p.Person, p.Role = b.Person, b.Role
		_, known := s.people[b.Person]
		return known
	case *SetPolicy:
		p.Role = b.Invite
		return s.policy(&s.everything) != b.Invite
	}
	return false
}
