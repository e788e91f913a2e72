package auth_test

import (
	"slices"
	"testing"

	"muster/crdt"
	"muster/crdt/auth"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// quarrels draws team documents of five devices on three sides that know of each other now and then: everybody gives and
// takes whatever there is, with right and without.
func quarrels(steps int) *rapid.Generator[[]*crdt.Record] {
	return rapid.Custom(func(t *rapid.T) []*crdt.Record {
		main := newReplica(t, found(t))
		inv := main.write(t, 0, auth.KindInvite, invite(0, 3))
		main.mustTake(t, inv)
		for n := 1; n <= 3; n++ {
			main.mustTake(t, main.write(t, n, auth.KindJoin, main.join(t, n, inv.Hash, 0, []string{"", "ben", "carol", "dan"}[n])))
		}
		if rapid.Bool().Draw(t, "second steward") {
			ben, _ := main.team.Member(deviceKey(1).Device())
			main.mustTake(t, main.write(t, 0, auth.KindRole, auth.SetRole{Person: ben.Person, Role: auth.RoleSteward}))
		}
		sides := []*replica{newReplica(t, main.recs...), newReplica(t, main.recs...), newReplica(t, main.recs...)}
		for range rapid.IntRange(0, steps).Draw(t, "steps") {
			s := rapid.IntRange(0, 2).Draw(t, "side")
			r := sides[s]
			author := rapid.IntRange(0, 4).Draw(t, "author")
			if !slices.ContainsFunc(r.team.Members(), func(m auth.Member) bool { return m.Device == deviceKey(author).Device() }) {
				author = 0
			}
			kind, body := deed(t, r, &author)
			if body == nil {
				r.pull(t, sides[rapid.IntRange(0, 2).Draw(t, "from")])
				continue
			}
			op := crdt.Op{Doc: r.graph.Doc(), Dot: crdt.Dot{Seq: 1, Epoch: uint64(s)}, Kind: kind, WallMS: int64(len(r.recs))}
			if rapid.IntRange(0, 19).Draw(t, "fork") == 0 {
				op.Dot.Epoch = 9 // one epoch for all sides
			}
			op.Dot.Device = deviceKey(author).Device()
			if log := r.graph.Log(op.Dot.Log()); len(log) > 0 {
				op.Prev, op.Dot.Seq = log[0].Hash, log[0].Seq+1
			}
			op.Parents = slices.DeleteFunc(r.graph.Heads(), func(h crdt.Hash) bool { return h == op.Prev })
			if len(r.recs) < 55 { // the model counts to 64
				r.mustTake(t, seal(t, author, op, body))
			}
		}
		for _, side := range sides {
			main.pull(t, side)
		}
		return main.recs
	})
}

// deed draws what an author does; nothing: they talk to another side.
func deed(t *rapid.T, r *replica, author *int) (crdt.Kind, any) {
	target := rapid.IntRange(0, 4).Draw(t, "target")
	dev := deviceKey(target).Device()
	m, _ := r.team.Member(dev)
	recent := func() crdt.Hash {
		return r.recs[len(r.recs)-1-rapid.IntRange(0, min(5, len(r.recs)-1)).Draw(t, "recent")].Hash
	}
	switch rapid.SampledFrom([]string{
		"pull", "remove", "remove", "cosign", "cosign", "role", "reinstate", "confirm", "close", "policy", "invite", "join", "adopt",
	}).Draw(t, "deed") {
	case "remove":
		cut := auth.Hashes{}
		if rapid.Bool().Draw(t, "cut") {
			cut = auth.Hashes{recent()}
		}
		return auth.KindRemove, auth.Remove{Device: dev, Mode: auth.Mode(rapid.IntRange(1, 3).Draw(t, "mode")), Cut: cut}
	case "cosign":
		return auth.KindCosign, auth.Cosign{Op: recent()}
	case "role":
		return auth.KindRole, auth.SetRole{Person: m.Person, Role: auth.Role(rapid.IntRange(1, 3).Draw(t, "role"))}
	case "reinstate":
		return auth.KindReinstate, auth.Reinstate{Device: dev}
	case "confirm":
		return auth.KindConfirm, auth.Confirm{Device: dev}
	case "close":
		return auth.KindClose, auth.Close{Invite: r.recs[1].Hash}
	case "policy":
		return auth.KindPolicy, auth.SetPolicy{Invite: auth.Role(rapid.IntRange(2, 3).Draw(t, "policy"))}
	case "adopt":
		return auth.KindAdopt, auth.Adopt{Ops: auth.Hashes{crdt.SumHash([]byte{byte(target)})}}
	case "invite":
		inv := invite(len(r.recs)%100, 1)
		if rapid.Bool().Draw(t, "bound") {
			inv.Person = m.Person
		}
		return auth.KindInvite, inv
	case "join":
		for i := len(r.recs) - 1; i > 0; i-- {
			var inv auth.Invite
			if r.recs[i].Op.Kind == auth.KindInvite && crdt.DecodeBody(r.recs[i].Body, &inv) == nil {
				*author = 4
				n := slices.IndexFunc(make([]int, 100), func(int) bool { return false })
				for k := range 100 {
					if string(invite(k, 1).Key) == string(inv.Key) {
						n = k
					}
				}
				return auth.KindJoin, r.join(t, 4, r.recs[i].Hash, n, "eve")
			}
		}
	}
	return 0, nil
}

// Every order of delivery gives the same answer, that of the model; an operation that says nothing, and one that is
// already held, change nothing; and judging what anybody wrote agrees with who is suspect.
func TestEveryDeliveryOrderGivesTheSameTeam(t *testing.T) {
	gen := quarrels(30)
	rapid.Check(t, func(t *rapid.T) {
		recs := gen.Draw(t, "quarrel")
		first := newReplica(t, recs...)
		want := answers(first.team)
		if diff := newModel(recs).differs(first.team); diff != "" {
			t.Fatalf("not what the model says:\n%s", diff)
		}
		second := deliver(t, recs, func(n int) int { return rapid.IntRange(0, n-1).Draw(t, "next") })
		if diff := cmp.Diff(want, answers(second.team)); diff != "" {
			t.Fatalf("another order, another team (-first +second):\n%s", diff)
		}
		for _, m := range want.Members {
			c := auth.Claim{Hash: crdt.SumHash([]byte("x")), Device: m.Device, Team: second.graph.Heads()}
			no := func(crdt.Hash, crdt.Hash) bool { return false }
			if got := second.team.Judge(c, no); got != auth.Counts && !second.team.Suspect(m.Device) {
				t.Fatalf("%s is not suspect, and is judged %d", m.Handle, got)
			}
		}
		writer := rapid.IntRange(0, 3).Draw(t, "writer")
		second.mustTake(t, second.write(t, writer, rapid.SampledFrom(newKinds).Draw(t, "kind"), []byte{0xa0}))
		if diff := cmp.Diff(want, answers(second.team)); diff != "" {
			t.Fatalf("an operation that says nothing changed the team (-before +after):\n%s", diff)
		}
	})
}

// FuzzAuthority lets an observer, a stranger to every right, write any body of any kind: nobody's role, standing or
// admission changes but, by retiring it, that of their own device.
func FuzzAuthority(f *testing.F) {
	r := newReplica(f, found(f))
	inv := r.write(f, 0, auth.KindInvite, invite(0, 9))
	r.mustTake(f, inv)
	ob := invite(1, 9)
	ob.Role = auth.RoleObserver
	watch := r.write(f, 0, auth.KindInvite, ob)
	r.mustTake(f, watch)
	r.mustTake(f, r.write(f, 1, auth.KindJoin, r.join(f, 1, inv.Hash, 0, "ben")))
	r.mustTake(f, r.write(f, 2, auth.KindJoin, r.join(f, 2, watch.Hash, 1, "eve")))
	removal := r.write(f, 1, auth.KindRemove, auth.Remove{Device: deviceKey(0).Device(), Mode: auth.ModeCompromised})
	r.mustTake(f, removal) // waits for a second person, who eve is not
	for kind, body := range goodBodies(removal.Hash, deviceKey(0).Device()) {
		f.Add(uint32(kind), crdt.EncodeBody(body))
	}
	for kind, body := range goodBodies(inv.Hash, deviceKey(1).Device()) {
		f.Add(uint32(kind), crdt.EncodeBody(body))
	}
	recs, eve := r.recs, deviceKey(2).Device()
	f.Fuzz(func(t *testing.T, kind uint32, body []byte) {
		if kind == 0 || len(body) > crdt.MaxBodyBytes {
			return
		}
		r := newReplica(t, recs...)
		before := answers(r.team)
		op := crdt.Op{Doc: r.graph.Doc(), Dot: crdt.Dot{Seq: 1, Epoch: 9}, Kind: crdt.Kind(kind), Parents: r.graph.Heads()}
		rec, err := crdt.Seal(op, [crdt.SaltBytes]byte{}, body, deviceKey(2))
		if err != nil || r.take(rec) != nil {
			return
		}
		after := answers(r.team)
		for i, m := range before.Members {
			got := after.Members[i]
			if m.Device == eve {
				continue
			}
			if got != m || before.Admitted[i] != after.Admitted[i] || before.Marks[i] != after.Marks[i] {
				t.Fatalf("%+v became %+v", m, got)
			}
		}
		if m, _ := r.team.Member(eve); m.Role != auth.RoleObserver || m.Removed != 0 && m.Removed != auth.ModeRetire {
			t.Fatalf("eve became %+v", m)
		}
		if len(after.Proposals) != len(before.Proposals) || len(after.Stewards) != 1 || len(after.Ring) != 0 {
			t.Fatalf("proposals %v, stewards %v, keys %v", after.Proposals, after.Stewards, after.Ring)
		}
	})
}
