package auth_test

import (
	"testing"

	"muster/crdt"
	"muster/crdt/auth"
)

// A proposal is listed as long as a second person would change something by co-signing it, and no longer: not what
// somebody else has done, taken back or overruled in knowledge of it.
func TestProposalsThatNothingWaitsFor(t *testing.T) {
	carol := deviceKey(2).Device()
	remove := func(mode auth.Mode) auth.Remove { return auth.Remove{Device: carol, Mode: mode} }
	type step struct {
		author int
		kind   crdt.Kind
		body   func(person auth.PersonID) any
	}
	is := func(body any) func(auth.PersonID) any { return func(auth.PersonID) any { return body } }
	role := func(r auth.Role) func(auth.PersonID) any {
		return func(p auth.PersonID) any { return auth.SetRole{Person: p, Role: r} }
	}
	for name, tc := range map[string]struct {
		before, after []step // of the proposal, by the steward unless said
		proposal      step
		apart         bool // the proposal has not seen what comes before it, and nothing it
	}{
		"removed by another": {proposal: step{1, auth.KindRemove, is(remove(auth.ModeRetire))}, after: []step{{0, auth.KindRemove, is(remove(auth.ModeRetire))}}},
		"suspended, reinstated": {
			before: []step{{0, auth.KindRemove, is(remove(auth.ModeSuspend))}}, proposal: step{1, auth.KindReinstate, is(auth.Reinstate{Device: carol})},
			after: []step{{0, auth.KindReinstate, is(auth.Reinstate{Device: carol})}},
		},
		"looked at, and let be": {
			before: []step{{0, auth.KindRemove, is(remove(auth.ModeSuspend))}}, proposal: step{1, auth.KindRemove, is(remove(auth.ModeCompromised))},
			after: []step{{0, auth.KindReinstate, is(auth.Reinstate{Device: carol})}},
		},
		"suspended again": {
			before: []step{{0, auth.KindRemove, is(remove(auth.ModeSuspend))}}, proposal: step{1, auth.KindReinstate, is(auth.Reinstate{Device: carol})},
			after: []step{{0, auth.KindReinstate, is(auth.Reinstate{Device: carol})}, {0, auth.KindRemove, is(remove(auth.ModeSuspend))}},
		},
		"raised, then lowered":        {proposal: step{1, auth.KindRole, role(auth.RoleSteward)}, after: []step{{0, auth.KindRole, role(auth.RoleSteward)}, {0, auth.KindRole, role(auth.RoleObserver)}}},
		"raised, lowered elsewhere":   {proposal: step{1, auth.KindRole, role(auth.RoleSteward)}, after: []step{{0, auth.KindRole, role(auth.RoleObserver)}}, apart: true},
		"a policy that was set anew":  {proposal: step{1, auth.KindPolicy, is(auth.SetPolicy{Invite: auth.RoleSteward})}, after: []step{{0, auth.KindPolicy, is(auth.SetPolicy{Invite: auth.RoleResponder})}}},
		"a policy that is set so now": {proposal: step{1, auth.KindPolicy, is(auth.SetPolicy{Invite: auth.RoleSteward})}, after: []step{{0, auth.KindPolicy, is(auth.SetPolicy{Invite: auth.RoleSteward})}}, apart: true},
	} {
		r := newReplica(t, found(t))
		inv := r.write(t, 0, auth.KindInvite, invite(0, 9))
		r.mustTake(t, inv)
		for n, who := range []string{"ben", "carol"} {
			r.mustTake(t, r.write(t, n+1, auth.KindJoin, r.join(t, n+1, inv.Hash, 0, who)))
		}
		m, _ := r.team.Member(carol)
		write := func(r *replica, s step) { r.mustTake(t, r.write(t, s.author, s.kind, s.body(m.Person))) }
		for _, s := range tc.before {
			write(r, s)
		}
		other := r
		if tc.apart {
			other = newReplica(t, r.recs...)
		}
		write(r, tc.proposal)
		if got := r.team.Proposals(); len(got) != 1 {
			t.Errorf("%s: waiting at first: %+v", name, got)
		}
		for _, s := range tc.after {
			write(other, s)
		}
		if tc.apart {
			r.pull(t, other)
		}
		if got := r.team.Proposals(); len(got) != 0 {
			t.Errorf("%s: still waiting: %+v", name, got)
		}
	}
}
