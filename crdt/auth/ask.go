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
	Back   bool // by a device that is out, as of before, against a person who removed it
}

// Proposals returns what waits to be co-signed and would change something, in causal order. What a removed or forked
// device proposed is not among them, but for its word as of before against each device of
// the one person behind its removal.
func (t *Team) Proposals() []Proposal {
	s := t.now()
	var out []Proposal
	objections := map[objection]bool{}
	for _, a := range s.order {
		m := s.get(a)
		if s.objects(a) {
			o := objection{a.dev, a.body.(*Remove).Device}
			p := Proposal{Op: a.op, Kind: a.kind, Author: m.person, Behind: s.spokenFor(a), Back: true}
			if !objections[o] && s.describe(&p, a) {
				objections[o] = true
				out = append(out, p)
			}
			continue
		}
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
	all := &s.everything
	switch b := a.body.(type) {
	case *SetRole:
		p.Person, p.Role, p.Reason = b.Person, b.Role, b.Reason
		_, known := s.people[b.Person]
		return known && !s.superseded(a, s.roles[b.Person]) && s.wouldLower(a, b) != s.personRole(b.Person, all)
	case *Remove:
		p.Device, p.Person, p.Mode, p.Reason = b.Device, s.personOf(b.Device, all), b.Mode, b.Reason
		i, known := s.byDevice[b.Device]
		return known && stricter(b.Mode, s.members[i].Removed) && !s.undone(a, all)
	case *Reinstate:
		p.Device, p.Person, p.Reason = b.Device, s.personOf(b.Device, all), b.Reason
		return slices.ContainsFunc(s.removals[b.Device], func(r *act) bool { return s.before(r, a) && s.standingRemoval(r) })
	case *Confirm:
		p.Device, p.Person = b.Device, s.personOf(b.Device, all)
		i, known := s.byDevice[b.Device]
		return known && (s.members[i].Unconfirmed && s.before(s.seat(b.Device, all), a) || s.members[i].Forked)
	case *Invite:
		p.Person, p.Role = b.Person, b.Role
		_, known := s.people[b.Person]
		return known
	case *SetPolicy:
		p.Role = b.Invite
		return !s.superseded(a, s.policies) && s.wouldRaise(a, b) != s.policy(all)
	}
	return false
}

// superseded reports whether one of list that counts has seen a: of what one has seen of another the newer stands.
func (s *state) superseded(a *act, list []*act) bool {
	return slices.ContainsFunc(list, func(o *act) bool { return s.before(a, o) && s.counts(o, &s.everything) })
}

// wouldLower returns the role of a person if a counted, which nothing supersedes: of those that do not know of each other
// the lowest stands.
func (s *state) wouldLower(a *act, b *SetRole) Role {
	role := b.Role
	for _, o := range s.newest(s.roles[b.Person]) {
		if !s.before(o, a) {
			role = min(role, o.body.(*SetRole).Role)
		}
	}
	return role
}

// wouldRaise returns who might invite if a counted, which nothing supersedes.
func (s *state) wouldRaise(a *act, b *SetPolicy) Role {
	least := max(b.Invite, RoleResponder)
	for _, o := range s.newest(s.policies) {
		if !s.before(o, a) {
			least = max(least, o.body.(*SetPolicy).Invite)
		}
	}
	return least
}

// newest returns those of list that count and that no other one that counts has seen.
func (s *state) newest(list []*act) []*act {
	var out []*act
	for _, a := range list {
		if s.counts(a, &s.everything) {
			out = append(s.unseenBy(out, a), a)
		}
	}
	return out
}
