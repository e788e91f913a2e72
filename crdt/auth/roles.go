package auth

import (
	"slices"

	"muster/crdt"
)

// maxUsesSeen bounds how many earlier joins of an invitation are looked at to see whether one join was too many. A join
// that far behind is.
const maxUsesSeen = MaxUses + 4096

// maxForkOps bounds how many operations at forks of a device's logs a confirmation can answer for. A device whose logs were
// continued in more places is nobody's: it has to join anew. Without a bound the confirmations would be compared with all
// of them for every operation of the device.
const maxForkOps = 64

// A view is a set of operations that is closed under causality.
type view struct {
	e   *eval
	op  *act      // the strict past of this one, if not nil
	set crdt.Past // else this set, unless all
	all bool
}

// has reports whether a is in the view.
func (v *view) has(a *act) bool {
	switch {
	case v.all:
		return true
	case v.op != nil:
		return v.e.before(a, v.op)
	}
	v.e.steps++
	return v.e.graph.Covers(v.set, a.op)
}

// before reports whether a is in the past of b.
func (e *eval) before(a, b *act) bool {
	if a.height >= b.height {
		return false
	}
	e.steps++
	return e.graph.Before(a.op, b.op)
}

// seat returns the join by which dev is in the team as of v, or nil.
func (e *eval) seat(dev crdt.DeviceID, v *view) *act {
	for _, j := range e.joins[dev] {
		if v.has(j) {
			return j
		}
	}
	return nil
}

// role returns what dev may do as of v: doc.go's role(d, P). Zero: nothing.
func (e *eval) role(dev crdt.DeviceID, v *view) Role {
	r := e.standing(dev, v)
	if r == 0 || e.out(dev, v) || e.forked(dev, v) {
		return 0
	}
	return r
}

// standing is role but for what takes away the rights of the device alone: its removal and its forks.
func (e *eval) standing(dev crdt.DeviceID, v *view) Role {
	j := e.seat(dev, v)
	if j == nil {
		return 0
	}
	if (e.unconfirmed(j, v) || e.barred(j, v)) && !e.confirmed(j, v) {
		return RoleObserver
	}
	person := e.get(j).person
	if inv, ok := e.invite(j.body.(*join).invite); ok && person != j.op && inv.Role == RoleObserver {
		return RoleObserver
	}
	return e.personRole(person, v)
}

// personRole returns the role of a person as of v.
func (e *eval) personRole(p PersonID, v *view) Role {
	var newest []*act
	for _, a := range e.roles[p] {
		if v.has(a) && e.counts(a, v) {
			newest = append(e.unseenBy(newest, a), a)
		}
	}
	if len(newest) > 0 {
		role := RoleSteward
		for _, a := range newest {
			role = min(role, a.body.(*SetRole).Role)
		}
		return role
	}
	root := e.byOp[p]
	if inv, ok := e.invite(root.body.(*join).invite); ok {
		return inv.Role
	}
	return RoleSteward
}

// unseenBy returns those of list that a has not seen.
func (e *eval) unseenBy(list []*act, a *act) []*act {
	return slices.DeleteFunc(list, func(o *act) bool { return e.before(o, a) })
}

// policy returns the least role that may invite as of v.
func (e *eval) policy(v *view) Role {
	var newest []*act
	for _, a := range e.policies {
		if v.has(a) && e.counts(a, v) {
			newest = append(e.unseenBy(newest, a), a)
		}
	}
	least := RoleResponder
	for _, a := range newest {
		least = max(least, a.body.(*SetPolicy).Invite)
	}
	return least
}

// unconfirmed reports whether as many joins as the invitation of j allows come before j in v.
func (e *eval) unconfirmed(j *act, v *view) bool {
	inv, ok := e.invite(j.body.(*join).invite)
	if !ok {
		return false
	}
	uses := e.uses[j.body.(*join).invite]
	at, _ := slices.BinarySearchFunc(uses, j, (*act).compare)
	if v.all || at < int(inv.Uses) || at >= maxUsesSeen {
		return at >= int(inv.Uses)
	}
	n := 0
	for _, o := range uses[:at] {
		if v.has(o) {
			n++
		}
		if n == int(inv.Uses) {
			return true
		}
	}
	return false
}

// barred reports whether the invitation of j should have let nobody in, as of v.
func (e *eval) barred(j *act, v *view) bool {
	inv := e.byOp[j.body.(*join).invite]
	if inv == nil {
		return false // the founder
	}
	if m := e.get(inv); !m.alive || !m.alone {
		return true
	}
	for _, c := range e.closes[inv.op] {
		if !v.has(c) || e.before(j, c) {
			continue
		}
		m := e.get(c)
		if m.alive && m.role >= RoleResponder && (e.before(c, j) || m.alone || e.behindTwo(c, v)) {
			return true
		}
	}
	return false
}

// confirmed reports whether somebody stands for the device of j as of v.
func (e *eval) confirmed(j *act, v *view) bool {
	return slices.ContainsFunc(e.confirms[j.dev], func(c *act) bool {
		return v.has(c) && e.before(j, c) && e.counts(c, v)
	})
}

// forked reports whether two operations that continue a log of dev at one place are in v, and nobody in v has confirmed it since.
func (e *eval) forked(dev crdt.DeviceID, v *view) bool {
	var forks [][]crdt.Hash
	n := 0
	for _, ops := range e.forks[dev] {
		var here []crdt.Hash
		e.steps += len(ops)
		for _, h := range ops {
			if v.all || v.op != nil && e.graph.Before(h, v.op.op) || v.op == nil && e.graph.Covers(v.set, h) {
				here = append(here, h)
			}
		}
		if len(here) > 1 {
			forks, n = append(forks, here), n+len(here)
		}
		if n > maxForkOps {
			return true
		}
	}
	return slices.ContainsFunc(forks, func(here []crdt.Hash) bool {
		return !slices.ContainsFunc(e.confirms[dev], func(c *act) bool {
			unseen := func(h crdt.Hash) bool { e.steps++; return !e.graph.Before(h, c.op) }
			return v.has(c) && e.counts(c, v) && !slices.ContainsFunc(here, unseen)
		})
	})
}

// out reports whether a removal that takes all rights from dev is in effect as of v.
func (e *eval) out(dev crdt.DeviceID, v *view) bool {
	u := undoing{e: e, dev: dev, v: v}
	return slices.ContainsFunc(e.removals[dev], func(r *act) bool {
		return r.body.(*Remove).Mode != ModeSuspend && v.has(r) && e.inForce(r, v) && !u.undone(r)
	})
}

// undoing answers for many removals of one device, none of them a suspension, whether they are undone as of a view. What
// undoes one most likely undoes the next, so that is asked first: a device that was removed and reinstated a thousand times
// must not cost a million questions for each operation it wrote.
type undoing struct {
	e    *eval
	dev  crdt.DeviceID
	v    *view
	read bool
	by   []*act // reinstatements that undo what they have seen
}

func (u *undoing) undone(r *act) bool {
	if !u.read {
		u.read = true
		for _, z := range slices.Backward(u.e.reinstates[u.dev]) { // the newest has seen most
			if u.v.has(z) && u.e.counts(z, u.v) {
				u.by = append(u.by, z)
			}
		}
	}
	i := slices.IndexFunc(u.by, func(z *act) bool { return u.e.before(r, z) })
	if i > 0 {
		u.by[0], u.by[i] = u.by[i], u.by[0]
	}
	return i >= 0
}

// undone reports whether a removal is undone as of v.
func (e *eval) undone(r *act, v *view) bool {
	return slices.ContainsFunc(e.reinstates[r.body.(*Remove).Device], func(z *act) bool {
		return v.has(z) && e.before(r, z) && e.undoes(z, r, v)
	})
}

// undoes reports whether z, which has seen the removal r, has what it takes to undo it as of v.
func (e *eval) undoes(z, r *act, v *view) bool {
	m := e.get(z)
	if !m.alive || m.role < RoleResponder {
		return false
	}
	alone := m.person != e.personOf(r.body.(*Remove).Device, &view{e: e, op: z}) &&
		(m.role == RoleSteward || r.body.(*Remove).Mode == ModeSuspend && m.person == e.get(r).person)
	return alone || e.behindTwo(z, v)
}

// personOf returns the person of dev as of v; zero for a stranger's.
func (e *eval) personOf(dev crdt.DeviceID, v *view) PersonID {
	if j := e.seat(dev, v); j != nil {
		return e.get(j).person
	}
	return PersonID{}
}

// stewardsBut reports whether a steward is left as of v, not counting one device and one person.
func (e *eval) stewardsBut(dev crdt.DeviceID, person PersonID, v *view) bool {
	return slices.ContainsFunc(e.stewardish, func(d crdt.DeviceID) bool {
		return d != dev && e.role(d, v) == RoleSteward && e.personOf(d, v) != person
	})
}
