package auth

import (
	"fmt"
	"slices"

	"muster/crdt"
)

// A device that was removed may write its word against that as of before the removal: an operation whose past holds
// neither the removal nor anything that has seen it. Nothing here changes what such an operation is worth; it is judged as
// any other that was written in ignorance of the removal.

// Reasons why somebody may not do a thing as of before.
const (
	whyNotBack = "a laptop that is out may only speak against who removed it, and co-sign such a word"
	whyKnew    = "that was written by somebody who had seen that you are out; write your own as of before"
)

// Against returns the removals that keep d out of the team, in causal order: those in effect that are not undone and no
// suspensions.
func (t *Team) Against(d crdt.DeviceID) []crdt.Hash {
	s := t.now()
	var out []crdt.Hash
	for _, r := range s.removals[d] {
		if s.keepsOut(r) {
			out = append(out, r.op)
		}
	}
	return out
}

// keepsOut reports whether a removal is in effect, not undone and takes all rights.
func (s *state) keepsOut(r *act) bool {
	return r.body.(*Remove).Mode != ModeSuspend && s.standingRemoval(r)
}

// MayBefore is [Team.May] for an operation that d writes on top of heads instead of all that is held. It is for removals
// and co-signatures. heads must be in the team's graph.
func (t *Team) MayBefore(d crdt.DeviceID, kind crdt.Kind, body any, heads []crdt.Hash) (alone bool, err error) {
	s := t.now()
	if kind != KindRemove && kind != KindCosign {
		return false, fmt.Errorf("%w: %s", ErrRight, whyNotBack)
	}
	if body, err = pointer(body); err != nil {
		return false, err
	}
	v := &view{e: s.eval, set: t.graph.PastOf(heads)}
	role := s.role(d, v)
	alone, why := s.right(d, role, v, kind, body)
	if why == "" {
		alone, why = s.about(d, role, alone, body)
	}
	if c, ok := body.(*Cosign); ok && why == "" && !t.graph.Covers(v.set, c.Op) {
		why = whyKnew
	}
	if why != "" {
		return false, fmt.Errorf("%w: %s", ErrRight, why)
	}
	return alone, nil
}

// objects reports whether a is the word of a device that is out against a person who removed it, written without
// knowledge of any removal that keeps the device out, by somebody who had a right to propose it then. What two persons
// stand behind is not put to the others again: else whoever was outvoted would be on everybody's list for good.
func (s *state) objects(a *act) bool {
	b, ok := a.body.(*Remove)
	if !ok || b.Mode == ModeSuspend || s.get(a).role < RoleResponder {
		return false
	}
	against, person := false, s.personOf(b.Device, &s.everything)
	for _, r := range s.removals[a.dev] {
		if !s.keepsOut(r) {
			continue
		}
		if s.before(r, a) || len(s.behind(r)) > 1 {
			return false
		}
		against = against || s.get(r).person == person
	}
	return against
}

// spokenFor returns the persons who put their names to an objection, its author first, whether or not it lost.
func (s *state) spokenFor(a *act) []PersonID {
	out := []PersonID{s.get(a).person}
	for _, c := range s.cosigns[a.op] {
		m := s.get(c)
		if m.role >= RoleResponder && !slices.Contains(out, m.person) {
			out = append(out, m.person)
		}
	}
	return out
}

// An objection is one device's word against another: of each pair one waits to be co-signed, however many were written.
type objection struct{ by, against crdt.DeviceID }
