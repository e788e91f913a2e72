package auth_test

import (
	"crypto/ed25519"
	"fmt"
	"slices"
	"testing"

	"muster/crdt"
	"muster/crdt/auth"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// histories draws team documents: several replicas invite, let devices join and merge, each knowing a part only. The
// operations are in an order that agrees with causality.
func histories(steps int) *rapid.Generator[[]*crdt.Record] {
	return rapid.Custom(func(t *rapid.T) []*crdt.Record {
		genesis := found(t)
		all := []*crdt.Record{genesis}
		sides := []*replica{newReplica(t, genesis), newReplica(t, genesis), newReplica(t, genesis)}
		known := func(rec *crdt.Record) bool {
			return slices.ContainsFunc(all, func(r *crdt.Record) bool { return r.Hash == rec.Hash })
		}
		for range rapid.IntRange(0, steps).Draw(t, "steps") {
			s := rapid.IntRange(0, len(sides)-1).Draw(t, "side")
			r := sides[s]
			var rec *crdt.Record
			switch rapid.SampledFrom([]string{"invite", "join", "join", "merge"}).Draw(t, "what") {
			case "invite":
				// One device speaks on one side only, or its log would fork.
				if s > 0 && !slices.ContainsFunc(r.team.Members(), func(m auth.Member) bool { return m.Device == deviceKey(s).Device() }) {
					continue
				}
				inv := invite(rapid.IntRange(0, 1).Draw(t, "key"), uint32(rapid.IntRange(1, 2).Draw(t, "uses")))
				inv.Role = rapid.SampledFrom([]auth.Role{auth.RoleObserver, auth.RoleResponder}).Draw(t, "role")
				rec = r.write(t, s, auth.KindInvite, inv)
			case "join":
				n := rapid.IntRange(0, 1).Draw(t, "key")
				id, _, ok := r.team.Invitation(inviteKey(n).Public().(ed25519.PublicKey))
				if !ok {
					continue
				}
				device := s + len(sides)*rapid.IntRange(0, 2).Draw(t, "device")
				handle := rapid.SampledFrom([]string{"p0", "bob", "eve"}).Draw(t, "handle")
				rec = r.write(t, device, auth.KindJoin, r.join(t, device, id, n, handle))
			case "merge":
				from := sides[rapid.IntRange(0, len(sides)-1).Draw(t, "from")]
				for _, rec := range from.recs {
					if !r.graph.Has(rec.Hash) {
						r.mustTake(t, rec)
					}
				}
				continue
			}
			r.mustTake(t, rec)
			if !known(rec) {
				all = append(all, rec)
			}
		}
		return all
	})
}

// Every order of delivery that agrees with causality accepts the same operations and gives the same members with the same
// names, roles and sponsors; and no two of them have one name.
func TestEveryDeliveryOrderGivesTheSameMembers(t *testing.T) {
	gen := histories(25)
	rapid.Check(t, func(t *rapid.T) {
		recs := gen.Draw(t, "history")
		first, second := newReplica(t, recs...), newReplica(t, recs[0])
		for left := slices.Clone(recs[1:]); len(left) > 0; {
			var ready []int
			for i, rec := range left {
				if len(second.graph.Missing(&rec.Op)) == 0 {
					ready = append(ready, i)
				}
			}
			i := rapid.SampledFrom(ready).Draw(t, "next")
			second.mustTake(t, left[i])
			left = slices.Delete(left, i, i+1)
			if rapid.Bool().Draw(t, "look") { // what was read once must not stay when more arrives
				second.team.Members()
			}
		}
		if diff := cmp.Diff(first.team.Members(), second.team.Members()); diff != "" {
			t.Fatalf("another order, other members (-first +second):\n%s", diff)
		}
		names := map[string]bool{}
		for _, m := range first.team.Members() {
			if names[m.Handle] {
				t.Fatalf("two members are called %q", m.Handle)
			}
			names[m.Handle] = true
			if p, ok := first.team.Person(m.Handle); ok == m.Barred || ok && p != m.Person { // who is kept out is not found
				t.Fatalf("%q finds %v, not %v", m.Handle, p, m.Person)
			}
		}
	})
}

// An invitation for one is used on both sides of a split. Nobody is locked out; one of them, the same one everywhere, is
// an unconfirmed observer.
func TestOverusedInvitationAdmitsEverybody(t *testing.T) {
	genesis := found(t)
	r := newReplica(t, genesis)
	inv := r.write(t, 0, auth.KindInvite, invite(0, 1))
	left, right := newReplica(t, genesis, inv), newReplica(t, genesis, inv)
	bob := left.write(t, 1, auth.KindJoin, left.join(t, 1, inv.Hash, 0, "bob"))
	eve := right.write(t, 2, auth.KindJoin, right.join(t, 2, inv.Hash, 0, "eve"))
	for _, c := range []struct {
		r     *replica
		joins []*crdt.Record
	}{{left, []*crdt.Record{bob, eve}}, {right, []*crdt.Record{eve, bob}}} {
		for _, rec := range c.joins {
			c.r.mustTake(t, rec)
		}
		if len(c.r.team.Members()) != 3 {
			t.Fatalf("members %q", c.r.words())
		}
	}
	if diff := cmp.Diff(left.words(), right.words()); diff != "" {
		t.Errorf("the sides disagree:\n%s", diff)
	}
	var confirmed, not int
	for _, m := range left.team.Members()[1:] {
		switch {
		case m.Unconfirmed && m.Role == auth.RoleObserver:
			not++
		case !m.Unconfirmed && m.Role == auth.RoleResponder:
			confirmed++
		}
	}
	if confirmed != 1 || not != 1 {
		t.Errorf("members %q, want one confirmed and one not", left.words())
	}
	if _, n, _ := left.team.Invitation(inviteKey(0).Public().(ed25519.PublicKey)); n != -1 {
		t.Errorf("%d uses left, want -1", n)
	}
	after := left.write(t, 2, auth.KindInvite, invite(1, 1))
	if err := left.take(after); err != nil {
		t.Errorf("what an unconfirmed member writes in the team document is refused: %v", err)
	}
}

// People who chose one handle without knowing of each other keep it, the later ones with a mark; and a mark cannot be
// chosen.
func TestHandleClashesAreMarked(t *testing.T) {
	genesis := found(t)
	r := newReplica(t, genesis)
	inv := r.write(t, 0, auth.KindInvite, invite(0, 9))
	r.mustTake(t, inv)
	for n := 1; n <= 4; n++ {
		r.mustTake(t, r.write(t, n, auth.KindJoin, r.join(t, n, inv.Hash, 0, "p0")))
	}
	seen := map[string]bool{}
	for i, m := range r.team.Members() {
		want := "p0"
		if i > 0 {
			want = "p0~" + m.Person.Text()[:3]
		}
		if m.Handle != want || seen[m.Handle] {
			t.Errorf("member %d is called %q, want %q", i, m.Handle, want)
		}
		seen[m.Handle] = true
	}
}

// The same device that joins twice is one member, as it was first.
func TestJoiningAgainChangesNothing(t *testing.T) {
	r := newReplica(t, found(t))
	inv := r.write(t, 0, auth.KindInvite, invite(0, 9))
	r.mustTake(t, inv)
	for i := range 3 {
		r.mustTake(t, r.write(t, 1, auth.KindJoin, r.join(t, 1, inv.Hash, 0, fmt.Sprint("bob", i))))
	}
	if m := r.team.Members(); len(m) != 2 || m[1].Handle != "bob0" {
		t.Errorf("members %q", r.words())
	}
}
