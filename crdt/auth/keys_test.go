package auth_test

import (
	"slices"
	"testing"

	"muster/crdt"
	"muster/crdt/auth"
)

// Whatever hostile members hand out under the name of an honest key, before or after it and however often, what its
// maker sealed is found, and no more is kept than is to be tried.
func TestJunkDoesNotHideATeamKey(t *testing.T) {
	for _, early := range []bool{false, true} {
		r := newReplica(t, found(t))
		inv := r.write(t, 0, auth.KindInvite, invite(0, 9))
		r.mustTake(t, inv)
		for n, name := range []string{"ben", "carol", "dan", "eve", "fay", "gus", "hal"} {
			r.mustTake(t, r.write(t, n+1, auth.KindJoin, r.join(t, n+1, inv.Hash, 0, name)))
		}
		victim, id := deviceKey(1).Device(), auth.TeamKeyID([]byte("honest"))
		hand := func(r *replica, author int, text string) {
			body := auth.TeamKey{Gen: 1, ID: id, Sealed: []auth.SealedKey{{Device: victim, Sealed: []byte(text)}}}
			r.mustTake(t, r.write(t, author, auth.KindTeamKey, body))
		}
		honest, hostile := newReplica(t, r.recs...), newReplica(t, r.recs...)
		hand(honest, 0, "honest")
		authors := []int{3, 4, 5, 6, 7}
		if early { // as of before it: four persons would fill all places
			authors = authors[:auth.MaxSealings-1]
			honest = newReplica(t, r.recs...)
			honest.mustTake(t, honest.write(t, 2, auth.KindClose, auth.Close{Invite: inv.Hash}))
			hand(honest, 0, "honest")
		}
		for range 3 {
			for _, n := range authors {
				hand(hostile, n, "junk")
			}
		}
		if !early {
			hostile, honest = honest, hostile
			for i := len(r.recs); i < len(honest.recs); i++ { // all of it having seen the honest one
				hand(hostile, authors[(i-len(r.recs))%len(authors)], "junk")
			}
		}
		hostile.pull(t, honest)
		ring := hostile.team.KeyRing()
		if len(ring) != 1 || !ring[0].SealedTo(victim) || ring[0].SealedTo(crdt.DeviceID{1}) {
			t.Fatalf("early %t: ring %+v", early, ring)
		}
		got := ring[0].Sealed(victim)
		if len(got) != auth.MaxSealings || !slices.ContainsFunc(got, func(b []byte) bool { return string(b) == "honest" }) {
			t.Errorf("early %t: %q", early, got)
		}
	}
}
