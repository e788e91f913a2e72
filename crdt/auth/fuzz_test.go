package auth_test

import (
	"errors"
	"testing"

	"muster/crdt"
	"muster/crdt/auth"
)

// FuzzTeamBodies offers arbitrary bodies of every kind to a team document, from its founder and from a stranger: what is
// refused is refused for its form or its author, what is accepted leaves a team that can be read, and nobody enters it
// without a proof of invitation.
func FuzzTeamBodies(f *testing.F) {
	r := newReplica(f, found(f))
	f.Add(uint32(auth.KindGenesis), crdt.EncodeBody(auth.Genesis{Team: "ops", Handle: "p0", Device: "laptop"}), true)
	f.Add(uint32(auth.KindInvite), crdt.EncodeBody(invite(1, 3)), true)
	inv := r.write(f, 0, auth.KindInvite, invite(1, 1))
	f.Add(uint32(auth.KindJoin), crdt.EncodeBody(r.join(f, 1, inv.Hash, 1, "p1")), false)
	f.Add(uint32(auth.KindJoin), crdt.EncodeBody(r.join(f, 1, inv.Hash, 2, "p1")), false)
	f.Add(uint32(auth.KindProfile), crdt.EncodeBody(auth.SetProfile{Name: new("Bob"), Phones: phones("+44 20 7946 0018"), TZ: new("Europe/London")}), true)
	f.Add(uint32(99), []byte{0xf6}, true)
	recs := r.recs
	f.Fuzz(func(t *testing.T, kind uint32, body []byte, founder bool) {
		if kind == 0 || len(body) > crdt.MaxBodyBytes {
			return
		}
		r := newReplica(t, recs...)
		device, members := 1, len(r.team.Members())
		if founder {
			device = 0
		}
		op := crdt.Op{Doc: recs[0].Doc(), Dot: crdt.Dot{Seq: 1, Epoch: 9}, Kind: crdt.Kind(kind), Parents: r.graph.Heads()}
		rec, err := crdt.Seal(op, [crdt.SaltBytes]byte{}, body, deviceKey(device))
		if err != nil {
			return
		}
		switch err := r.take(rec); {
		case err != nil && !errors.Is(err, crdt.ErrFormat) && !errors.Is(err, auth.ErrNotMember):
			t.Fatalf("refused with %v", err)
		case err == nil && !founder && op.Kind != auth.KindJoin:
			t.Fatal("a stranger wrote into the team document")
		case err == nil && op.Kind != auth.KindJoin && len(r.team.Members()) != members:
			t.Fatal("somebody entered without joining")
		}
		for _, m := range r.team.Members() {
			if auth.CheckHandle(m.Handle) != nil {
				t.Fatalf("a member is called %q", m.Handle)
			}
			p := r.team.Profile(m.Person)
			if said := (auth.SetProfile{Name: &p.Name, Callsign: &p.Callsign, Phones: &p.Phones, TZ: &p.TZ, Shift: &p.Shift}); said.Check() != nil {
				t.Fatalf("a member says %+v", p)
			}
		}
	})
}
