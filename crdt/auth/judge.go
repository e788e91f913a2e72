package auth

import (
	"slices"

	"muster/crdt"
)

// A Standing is what an operation of an incident counts for.
type Standing uint8

// Standings.
const (
	Counts      Standing = iota
	Quarantined          // held, passed on, shown grey; no effect until a member adopts it
	AsObserver           // its author may not have written it: an observer's words
)

// A Claim is one operation of an incident, as far as its standing depends on it.
type Claim struct {
	Hash   crdt.Hash
	Device crdt.DeviceID
	Team   []crdt.Hash // team heads the operation stands under: its own, or those of the one before it in its log
}

// Suspect reports whether anything that d wrote may not count. It costs a look-up.
func (t *Team) Suspect(d crdt.DeviceID) bool {
	suspect, member := t.now().suspects[d]
	return suspect || !member
}

// Judge returns what an operation counts for; doc.go has the rule. within reports whether op is tip or before it in tip's
// own log of the incident; it is asked only of the cut of a removal. Team heads that are not here count as not seen.
func (t *Team) Judge(c Claim, within func(op, tip crdt.Hash) bool) Standing {
	s := t.now()
	at, ok := s.byDevice[c.Device]
	if !ok {
		return Quarantined
	}
	if !s.suspects[c.Device] {
		return Counts
	}
	heads := slices.DeleteFunc(slices.Clone(c.Team), func(h crdt.Hash) bool { return !s.graph.Has(h) })
	then := &view{e: s.eval, set: s.graph.PastOf(heads)}
	if !s.isAdopted(c) {
		for _, r := range s.removals[c.Device] {
			if s.standingRemoval(r) && !s.letsPass(r, c, then, within) {
				return Quarantined
			}
		}
	}
	if m := &s.members[at]; m.Barred || m.Role < RoleResponder && s.standing(c.Device, then) < RoleResponder {
		return AsObserver
	}
	return Counts
}

// standingRemoval reports whether a removal is in effect and not undone.
func (s *state) standingRemoval(r *act) bool {
	return s.verdictOf[r].effective && !s.undone(r, &s.everything)
}

// isAdopted reports whether a member with another device adopted the operation.
func (s *state) isAdopted(c Claim) bool {
	return slices.ContainsFunc(s.adopts, func(a *act) bool {
		if a.dev == c.Device || !s.counts(a, &s.everything) {
			return false
		}
		_, found := slices.BinarySearchFunc(a.body.(*Adopt).Ops, c.Hash, crdt.Hash.Compare)
		return found
	})
}

// letsPass reports whether a removal in effect leaves the operation what it was.
func (s *state) letsPass(r *act, c Claim, then *view, within func(op, tip crdt.Hash) bool) bool {
	b := r.body.(*Remove)
	if b.Mode == ModeRetire {
		return !then.has(r) || !s.inForce(r, then)
	}
	return slices.ContainsFunc(b.Cut, func(tip crdt.Hash) bool { return within(c.Hash, tip) })
}

// Mark returns a value that changes whenever what the operations of d count for, or whose they are, may have changed. It
// costs a look-up.
func (t *Team) Mark(d crdt.DeviceID) crdt.Hash { return t.now().marks[d] }

// mark computes the mark of a device: its person, and if anything of it may not count, all that [Team.Judge] looks at.
func (s *state) mark(m *Member) {
	suspect := m.Role < RoleResponder || m.Barred || slices.ContainsFunc(s.removals[m.Device], s.standingRemoval)
	s.suspects[m.Device], s.marks[m.Device] = suspect, m.Person
	if !suspect {
		return
	}
	b := slices.Clone(m.Person[:])
	put := func(a *act, more ...bool) {
		k := s.get(a)
		b = append(b, a.op[:]...)
		for _, flag := range append(more, k.alive, k.alone) {
			b = append(b, '0')
			if flag {
				b[len(b)-1] = '1'
			}
		}
		for _, c := range s.cosigns[a.op] {
			if s.standsBehind(c) {
				b = append(b, c.op[:]...)
			}
		}
	}
	for _, j := range s.joins[m.Device] {
		if inv := s.byOp[j.body.(*join).invite]; inv != nil {
			put(inv, m.Barred, m.Unconfirmed)
			for _, c := range s.closes[inv.op] {
				put(c)
			}
		}
	}
	for _, a := range s.roles[m.Person] {
		put(a)
	}
	for _, a := range s.confirms[m.Device] {
		put(a)
	}
	for _, a := range s.removals[m.Device] {
		put(a, s.standingRemoval(a))
	}
	for _, a := range s.adopts {
		put(a)
	}
	s.marks[m.Device] = crdt.SumHash(b)
}
