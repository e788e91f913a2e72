package auth

import (
	"errors"
	"fmt"
	"slices"

	"muster/crdt"
)

// ErrRight is wrapped by what [Team.May] answers to who has no right. The text says who has.
var ErrRight = errors.New("not allowed")

// May is what a node asks before it writes an operation with this body, one of the types of this package or a pointer to
// it, by d on top of all that is held. alone false without an error: it is a proposal that another person must co-sign. The
// error says why not even that, for people.
func (t *Team) May(d crdt.DeviceID, kind crdt.Kind, body any) (alone bool, err error) {
	s := t.now()
	all := &s.everything
	if _, member := s.byDevice[d]; !member {
		return false, fmt.Errorf("%w: %s", ErrRight, whyStranger)
	}
	switch kind {
	case KindProfile, KindKeys, KindRelay:
		return true, nil
	}
	body, err = pointer(body)
	if err != nil {
		return false, err
	}
	role := s.role(d, all)
	alone, why := s.right(d, role, all, kind, body)
	if role == 0 && !s.out(d, all) {
		why = whyForked
	}
	if why == "" {
		alone, why = s.about(d, role, alone, body)
	}
	if why != "" {
		return false, fmt.Errorf("%w: %s", ErrRight, why)
	}
	return alone, nil
}

// about looks at what an operation is about: whether that exists, and what a right to it depends on besides.
func (s *state) about(d crdt.DeviceID, role Role, alone bool, body any) (bool, string) {
	me, all := s.personOf(d, &s.everything), &s.everything
	switch b := body.(type) {
	case *Invite:
		if b.Person.IsZero() || b.Person == me {
			break
		}
		if _, ok := s.people[b.Person]; !ok {
			return false, whyNoPerson
		}
		return role == RoleSteward, ""
	case *SetRole:
		if _, ok := s.people[b.Person]; !ok {
			return false, whyNoPerson
		}
	case *Confirm:
		i, ok := s.byDevice[b.Device]
		switch {
		case !ok:
			return false, whyNoDevice
		case !s.members[i].Unconfirmed && !s.members[i].Barred && !s.forked(b.Device, all):
			return false, whyNothing
		}
	case *Remove:
		if _, ok := s.byDevice[b.Device]; !ok {
			return false, whyNoDevice
		}
	case *Reinstate:
		any, each := false, true
		for _, r := range s.removals[b.Device] {
			if s.standingRemoval(r) {
				any = true
				own := me == s.personOf(b.Device, all)
				suspender := r.body.(*Remove).Mode == ModeSuspend && s.get(r).person == me
				each = each && !own && (role == RoleSteward || suspender)
			}
		}
		if !any {
			return false, whyNothing
		}
		return each, ""
	case *Cosign:
		a := s.byOp[b.Op]
		if a == nil || !slices.Contains([]crdt.Kind{KindRole, KindRemove, KindReinstate, KindPolicy, KindInvite, KindClose, KindConfirm}, a.kind) {
			return false, whyNoOp
		}
		if s.get(a).person == me {
			return false, whyOwnOp
		}
	case *Close:
		if _, ok := s.invite(b.Invite); !ok {
			return false, whyNoInvite
		}
		return true, ""
	}
	return alone, ""
}

// pointer returns a pointer to the body, after its Check.
func pointer(body any) (any, error) {
	switch b := body.(type) {
	case Invite:
		return &b, nil
	case SetRole:
		return &b, b.Check()
	case Confirm:
		return &b, b.Check()
	case Remove:
		return &b, b.Check()
	case Reinstate:
		return &b, b.Check()
	case Cosign:
		return &b, b.Check()
	case Close:
		return &b, b.Check()
	case TeamKey:
		return &b, b.Check()
	case Adopt:
		return &b, b.Check()
	case SetPolicy:
		return &b, b.Check()
	case interface{ Check() error }:
		return b, b.Check()
	}
	return body, nil
}
