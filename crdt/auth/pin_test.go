package auth_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"muster/crdt"
	"muster/crdt/auth"
)

// newKinds are the kinds that came after the first release: to it they are unknown.
var newKinds = []crdt.Kind{
	auth.KindProfile, auth.KindKeys, auth.KindRole, auth.KindConfirm, auth.KindRemove, auth.KindReinstate, auth.KindCosign, auth.KindClose,
	auth.KindTeamKey, auth.KindAdopt, auth.KindPolicy, auth.KindRelay,
}

// goodBodies are bodies that mean something, by kind.
func goodBodies(op crdt.Hash, device crdt.DeviceID) map[crdt.Kind]any {
	return map[crdt.Kind]any{
		auth.KindProfile:   auth.SetProfile{Name: new("Bob")},
		auth.KindKeys:      auth.SetKeys{Seal: make([]byte, auth.SealKeyBytes)},
		auth.KindRole:      auth.SetRole{Person: op, Role: auth.RoleSteward, Reason: "he knows the way"},
		auth.KindConfirm:   auth.Confirm{Device: device},
		auth.KindRemove:    auth.Remove{Device: device, Mode: auth.ModeCompromised, Cut: auth.Hashes{op}, Reason: "lost", SinceMS: 5},
		auth.KindReinstate: auth.Reinstate{Device: device},
		auth.KindCosign:    auth.Cosign{Op: op},
		auth.KindClose:     auth.Close{Invite: op},
		auth.KindTeamKey:   auth.TeamKey{Gen: 1, ID: auth.TeamKeyID([]byte("k")), Sealed: []auth.SealedKey{{Device: device, Sealed: []byte{1}}}},
		auth.KindAdopt:     auth.Adopt{Ops: auth.Hashes{op}},
		auth.KindPolicy:    auth.SetPolicy{Invite: auth.RoleSteward},
		auth.KindRelay:     auth.SetRelay{Key: device},
	}
}

// badBodies are bodies of these kinds that mean nothing.
func badBodies() map[string]any {
	many := make(auth.Hashes, auth.MaxCut+1)
	for i := range many {
		many[i] = crdt.SumHash([]byte{byte(i), byte(i >> 8)})
	}
	slices.SortFunc(many, crdt.Hash.Compare)
	return map[string]any{
		"nothing":            []byte{},
		"not CBOR":           []byte{0xff},
		"a number":           []byte{0x01},
		"no field":           map[int]int{},
		"another type":       map[int]string{1: "x", 2: "y", 3: "z"},
		"numbers everywhere": map[int]int{1: 300, 2: 300, 3: 300, 4: 300, 5: -1},
		"too many hashes":    map[int]any{1: make([]byte, 32), 2: 2, 3: many},
		"hashes cut short":   map[int]any{1: make([]byte, 32), 2: 2, 3: make([]byte, 33)},
		"hashes unsorted":    map[int]any{1: make([]byte, 32), 3: []byte(strings.Repeat("b", 32) + strings.Repeat("a", 32))},
		"a long reason":      map[int]any{1: make([]byte, 32), 2: strings.Repeat("x", 300), 3: strings.Repeat("x", 300), 4: strings.Repeat("x", 300)},
		"a reason in red":    map[int]any{1: make([]byte, 32), 2: "\x1b[31m", 3: "\x1b[31m", 4: "\x1b[31m"},
		"60 kB":              []byte(strings.Repeat("\x00", crdt.MaxBodyBytes)),
	}
}

// What may enter the team document is what it was before there were roles and removals: any operation of a member of a
// kind that does not found, invite or join, whatever its body, and none of a stranger. A device that was removed is a
// member. No new kind or field changes who is a member where.
func TestAcceptanceIsWhatItWas(t *testing.T) {
	r := newReplica(t, found(t))
	inv := r.write(t, 0, auth.KindInvite, invite(0, 9))
	r.mustTake(t, inv)
	r.mustTake(t, r.write(t, 1, auth.KindJoin, r.join(t, 1, inv.Hash, 0, "bob")))
	ben := deviceKey(1).Device()
	bodies := goodBodies(inv.Hash, ben)
	offer := func(when string) {
		for _, kind := range append(slices.Clone(newKinds), 31, 40, 63, crdt.KindWeave) {
			all := badBodies()
			all["a good one"] = bodies[kind]
			for name, body := range all {
				if body == nil {
					continue
				}
				for device, want := range map[int]error{0: nil, 1: nil, 5: auth.ErrNotMember} {
					rec := r.write(t, device, kind, body)
					if err := r.team.Check(rec); !errors.Is(err, want) || want == nil && err != nil {
						t.Errorf("%s, kind %d, %s, by device %d: %v, want %v", when, kind, name, device, err, want)
					}
				}
			}
		}
	}
	offer("at first")
	for _, kind := range newKinds { // ben is confirmed, reinstated and all the rest, and in the end removed
		if kind != auth.KindRemove {
			r.mustTake(t, r.write(t, 0, kind, bodies[kind]))
		}
	}
	r.mustTake(t, r.write(t, 0, auth.KindRemove, bodies[auth.KindRemove]))
	offer("after the removal")
	if m, _ := r.team.Member(ben); m.Removed != auth.ModeCompromised || r.team.Admitted(ben) {
		t.Errorf("%+v is not removed", m)
	}
	if ok, err := r.team.MemberAt(ben, r.graph.Heads()); !ok || err != nil {
		t.Errorf("MemberAt of the removed device: %t, %v", ok, err)
	}
	dan := r.write(t, 2, auth.KindJoin, r.join(t, 2, inv.Hash, 0, "dan")) // the invitation is closed
	r.mustTake(t, dan)
	if ok, err := r.team.MemberAt(deviceKey(2).Device(), []crdt.Hash{dan.Hash}); !ok || err != nil {
		t.Errorf("MemberAt of who joined by a closed invitation: %t, %v", ok, err)
	}
}

// An invitation is accepted or not whatever is in the field that says whose device joins: versions that do not know the
// field do not look at it.
func TestPersonOfAnInvitationIsNoMatterOfAcceptance(t *testing.T) {
	for name, person := range map[string]any{
		"a text": "ben", "a number": 7, "a list": []int{1}, "too short": []byte{1}, "too long": make([]byte, 99), "null": nil, "nobody": make([]byte, 32),
	} {
		r := newReplica(t, found(t))
		b := invite(0, 2)
		inv := r.write(t, 0, auth.KindInvite, map[int]any{1: b.Key, 2: b.Role, 3: b.Uses, 5: person})
		r.mustTake(t, inv)
		r.mustTake(t, r.write(t, 1, auth.KindJoin, r.join(t, 1, inv.Hash, 0, "bob")))
		if got := len(r.team.All()); got != 2 {
			t.Errorf("%s: %d persons", name, got)
		}
	}
}

// Bodies that mean nothing change nothing.
func TestBadBodiesAreHeldAndSayNothing(t *testing.T) {
	r := newReplica(t, found(t))
	inv := r.write(t, 0, auth.KindInvite, invite(0, 9))
	r.mustTake(t, inv)
	r.mustTake(t, r.write(t, 1, auth.KindJoin, r.join(t, 1, inv.Hash, 0, "bob")))
	before := r.words()
	for name, body := range badBodies() {
		for _, kind := range newKinds {
			r.mustTake(t, r.write(t, 0, kind, body))
		}
		if after := r.words(); !slices.Equal(before, after) || len(r.team.Removals()) != 0 || len(r.team.KeyRing()) != 0 {
			t.Errorf("%s: %q, were %q", name, after, before)
		}
	}
}

// A responder cannot use up the generations of the team key; keys sealed in several operations add up.
func TestTeamKeys(t *testing.T) {
	r := newReplica(t, found(t))
	inv := r.write(t, 0, auth.KindInvite, invite(0, 9))
	r.mustTake(t, inv)
	r.mustTake(t, r.write(t, 1, auth.KindJoin, r.join(t, 1, inv.Hash, 0, "bob")))
	ana, ben := deviceKey(0).Device(), deviceKey(1).Device()
	key := func(author int, gen uint64, id string, d crdt.DeviceID) {
		r.mustTake(t, r.write(t, author, auth.KindTeamKey, auth.TeamKey{Gen: gen, ID: auth.TeamKeyID([]byte(id)), Sealed: []auth.SealedKey{{Device: d, Sealed: []byte(id)}}}))
	}
	key(0, 1, "one", ana)
	key(0, 1, "one", ben)
	key(0, 2, "two", ana)
	key(1, 1<<40, "far", ben)
	ring := r.team.KeyRing()
	if len(ring) != 2 || ring[0].Gen != 2 || ring[1].Sealed(ana) == nil || ring[1].Sealed(ben) == nil || ring[0].Sealed(ben) != nil {
		t.Errorf("ring %+v", ring)
	}
	// A relay key connects for its device, as long as that may.
	relay := deviceKey(9).Device()
	r.mustTake(t, r.write(t, 1, auth.KindRelay, auth.SetRelay{Key: relay}))
	if d, ok := r.team.RelayOf(relay); !ok || d != ben || !r.team.Admitted(relay) {
		t.Error("the relay key of a member is not admitted")
	}
	r.mustTake(t, r.write(t, 0, auth.KindRemove, auth.Remove{Device: ben, Mode: auth.ModeRetire}))
	if r.team.Admitted(relay) || r.team.Admitted(ben) || !r.team.Admitted(ana) {
		t.Error("a removed device or its relay key is admitted, or the founder is not")
	}
	seal := make([]byte, auth.SealKeyBytes)
	seal[0] = 7
	r.mustTake(t, r.write(t, 0, auth.KindKeys, auth.SetKeys{Seal: seal}))
	if got := r.team.SealKey(ana); len(got) != auth.SealKeyBytes || got[0] != 7 || r.team.SealKey(ben) != nil {
		t.Errorf("sealing key of %d bytes", len(got))
	}
}
