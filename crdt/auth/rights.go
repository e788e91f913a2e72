package auth

import (
	"slices"

	"muster/crdt"
)

// Reasons why somebody may not do a thing, as the person reads them.
const (
	whyStranger  = "this device is not a member of the team"
	whyRemoved   = "this device was removed from the team"
	whyForked    = "the log of this device was continued in two places: somebody else must confirm it first"
	whyObserver  = "an observer may read and not write"
	whyPolicy    = "in this team only a steward may invite"
	whyOwnDevice = "somebody else must confirm a device: it cannot be one of the same person"
	whyNoDevice  = "no such device in the team"
	whyNoPerson  = "no such person in the team"
	whyNothing   = "there is nothing to undo"
	whyNoOp      = "no such operation that could be co-signed"
	whyOwnOp     = "a second person must co-sign it"
	whyNoInvite  = "no such invitation"
	whyKind      = "no right covers this kind of operation"
)

// right says what a device with this role may do as of v. alone: it takes nobody else. Otherwise a second person must
// co-sign; why is set if not even that would help.
func (e *eval) right(dev crdt.DeviceID, role Role, v *view, kind crdt.Kind, body any) (alone bool, why string) {
	if role == 0 {
		return false, whyRemoved
	}
	if r, ok := body.(*Remove); ok && r.Mode == ModeRetire && r.Device == dev {
		return !e.lastSteward(r.Device, PersonID{}, v), ""
	}
	if role < RoleResponder {
		return false, whyObserver
	}
	steward := role == RoleSteward
	switch b := body.(type) {
	case *Invite:
		if role < e.policy(v) {
			return false, whyPolicy
		}
		return true, ""
	case *SetRole:
		return steward && (b.Role == RoleSteward || !e.lastSteward(crdt.DeviceID{}, b.Person, v)), ""
	case *Confirm:
		if e.personOf(dev, v) == e.personOf(b.Device, v) {
			return false, whyOwnDevice
		}
		return role >= e.policy(v), "" // to confirm is to let in: else the policy would bind nobody
	case *Remove:
		if b.Mode == ModeSuspend {
			return steward || e.standing(b.Device, v) <= role, ""
		}
		return steward && !e.lastSteward(b.Device, PersonID{}, v), ""
	case *Reinstate:
		return steward && e.personOf(dev, v) != e.personOf(b.Device, v), ""
	case *SetPolicy, *Close:
		return steward, ""
	case *Cosign, *TeamKey, *Adopt:
		return true, ""
	}
	return false, whyKind
}

// lastSteward reports whether v has a steward, and none without this device or person.
func (e *eval) lastSteward(dev crdt.DeviceID, person PersonID, v *view) bool {
	return e.stewardsBut(crdt.DeviceID{}, PersonID{}, v) && !e.stewardsBut(dev, person, v)
}

// binds reports whether the invitation a makes who joins by it, as of v, a device of the person it names.
func (e *eval) binds(a *act, v *view) bool {
	inv := a.body.(*Invite)
	root := e.byOp[inv.Person]
	m := e.get(a)
	if root == nil || root.kind != KindGenesis && root.kind != KindJoin || !e.before(root, a) || !m.alive || !m.alone {
		return false
	}
	return m.person == e.get(root).person || m.role == RoleSteward || e.behindTwo(a, v)
}

// counts reports whether a, which is in v and no removal, has an effect as of v.
func (e *eval) counts(a *act, v *view) bool {
	m := e.get(a)
	return m.alive && (m.alone || m.why == "" && e.behindTwo(a, v))
}

// behindTwo reports whether two persons stand behind a as of v.
func (e *eval) behindTwo(a *act, v *view) bool {
	m := e.get(a)
	return m.alive && m.role >= RoleResponder && slices.ContainsFunc(e.cosigns[a.op], func(c *act) bool {
		return v.has(c) && e.standsBehind(c) && e.get(c).person != m.person
	})
}

// standsBehind reports whether a co-signature is one that counts.
func (e *eval) standsBehind(c *act) bool {
	m := e.get(c)
	return m.alive && m.role >= RoleResponder
}

// behind returns the persons who stand behind a as far as is known, its author first. Nobody stands behind what is dead
// or was written by somebody who had no part in it.
func (e *eval) behind(a *act) []PersonID {
	m := e.get(a)
	if !m.alive || m.role < RoleResponder && !m.alone {
		return nil
	}
	out := []PersonID{m.person}
	for _, c := range e.cosigns[a.op] {
		if p := e.get(c).person; e.standsBehind(c) && !slices.Contains(out, p) {
			out = append(out, p)
		}
	}
	return out
}
