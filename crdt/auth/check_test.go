package auth_test

import (
	"crypto/ed25519"
	"errors"
	"slices"
	"strings"
	"testing"

	"muster/crdt"
	"muster/crdt/auth"
)

func errorsIs(err, target error) bool { return errors.Is(err, target) }

// Proofs that were not made for this device, this team and this invitation let nobody in.
func TestForgedProofsAreRefused(t *testing.T) {
	r := newReplica(t, found(t))
	inv := r.write(t, 0, auth.KindInvite, invite(0, 9))
	r.mustTake(t, inv)
	good := r.join(t, 1, inv.Hash, 0, "eve")
	prove := func(key ed25519.PrivateKey, team crdt.DocID, device int) []byte {
		p, err := auth.Prove(key, team, deviceKey(device).Device())
		if err != nil {
			t.Fatalf("Prove: %v", err)
		}
		return p
	}
	flipped := slices.Clone(good.Proof)
	flipped[0] ^= 1
	plain := ed25519.Sign(inviteKey(0), auth.JoinMessage(r.graph.Doc(), deviceKey(1).Device()))
	for name, proof := range map[string][]byte{
		"of another device":     prove(inviteKey(0), r.graph.Doc(), 2),
		"of another team":       prove(inviteKey(0), crdt.DocID{1}, 1),
		"of another invitation": prove(inviteKey(1), r.graph.Doc(), 1),
		"by the device itself":  prove(ed25519.PrivateKey(deviceKey(1)), r.graph.Doc(), 1),
		"made for another use":  plain,
		"with a bit changed":    flipped,
		"cut short":             good.Proof[:63],
		"that is empty":         nil,
	} {
		j := good
		j.Proof = proof
		if err := r.take(r.write(t, 1, auth.KindJoin, j)); !errors.Is(err, auth.ErrNotMember) {
			t.Errorf("a proof %s: %v, want ErrNotMember", name, err)
		}
	}
	for name, h := range map[string]crdt.Hash{"that is not here": {1}, "that is no invitation": r.recs[0].Hash} {
		j := good
		j.Invite = h
		if err := r.take(r.write(t, 1, auth.KindJoin, j)); !errors.Is(err, auth.ErrNotMember) {
			t.Errorf("an invitation %s: %v, want ErrNotMember", name, err)
		}
	}
	if len(r.team.Members()) != 1 {
		t.Errorf("members %q", r.words())
	}
	r.mustTake(t, r.write(t, 1, auth.KindJoin, good))
}

// A join must have seen its invitation. Were it enough that the invitation is here, a node to which it came later would
// decide otherwise.
func TestJoinMustHaveSeenItsInvitation(t *testing.T) {
	genesis := found(t)
	early := newReplica(t, genesis)
	late := newReplica(t, genesis)
	inv := late.write(t, 0, auth.KindInvite, invite(0, 9))
	late.mustTake(t, inv)
	unseen := early.write(t, 1, auth.KindJoin, early.join(t, 1, inv.Hash, 0, "eve"))
	for name, r := range map[string]*replica{"without": early, "with": late} {
		if err := r.take(unseen); !errors.Is(err, auth.ErrNotMember) {
			t.Errorf("%s the invitation: %v, want ErrNotMember", name, err)
		}
	}
}

// What a stranger writes in the team document is refused, also when it becomes a member later, and also when its kind is
// not known here.
func TestStrangersAreRefused(t *testing.T) {
	r := newReplica(t, found(t))
	inv := r.write(t, 0, auth.KindInvite, invite(0, 9))
	r.mustTake(t, inv)
	before := r.write(t, 1, auth.KindInvite, invite(1, 1))
	future := r.write(t, 1, 40, []byte{0xf6})
	weave := r.write(t, 1, crdt.KindWeave, []byte{})
	check := func(when string) {
		for name, rec := range map[string]*crdt.Record{"invitation": before, "operation of a later version": future, "weave": weave} {
			if err := r.take(rec); !errors.Is(err, auth.ErrNotMember) {
				t.Errorf("a stranger's %s, %s: %v, want ErrNotMember", name, when, err)
			}
		}
	}
	check("before it joined")
	other := newReplica(t, r.recs...)
	op := crdt.Op{Doc: r.graph.Doc(), Dot: crdt.Dot{Epoch: 5, Seq: 1}, Kind: auth.KindJoin, Parents: []crdt.Hash{inv.Hash}}
	joined := seal(t, 1, op, other.join(t, 1, inv.Hash, 0, "eve"))
	r.mustTake(t, joined)
	check("after it joined")
	r.mustTake(t, r.write(t, 1, 40, []byte{0xf6})) // a member's is kept, whatever it means
}

// Bodies and headers that no correct node writes are refused.
func TestBadOperationsAreRefused(t *testing.T) {
	r := newReplica(t, found(t))
	inv := r.write(t, 0, auth.KindInvite, invite(0, 9))
	r.mustTake(t, inv)
	change := func(f func(*auth.Invite)) auth.Invite {
		i := invite(1, 1)
		f(&i)
		return i
	}
	for name, c := range map[string]struct {
		kind crdt.Kind
		body any
	}{
		"a second founding":          {auth.KindGenesis, auth.Genesis{Team: "ops", Handle: "p0"}},
		"an invitation of no shape":  {auth.KindInvite, []byte{0xff}},
		"an empty invitation":        {auth.KindInvite, []byte{}},
		"no key":                     {auth.KindInvite, change(func(i *auth.Invite) { i.Key = nil })},
		"a short key":                {auth.KindInvite, change(func(i *auth.Invite) { i.Key = i.Key[1:] })},
		"no uses":                    {auth.KindInvite, change(func(i *auth.Invite) { i.Uses = 0 })},
		"too many uses":              {auth.KindInvite, change(func(i *auth.Invite) { i.Uses = auth.MaxUses + 1 })},
		"no role":                    {auth.KindInvite, change(func(i *auth.Invite) { i.Role = 0 })},
		"the role of a steward":      {auth.KindInvite, change(func(i *auth.Invite) { i.Role = auth.RoleSteward })},
		"a join of no shape":         {auth.KindJoin, []byte{0xa0, 0xa0}},
		"a join without a handle":    {auth.KindJoin, r.join(t, 0, inv.Hash, 0, "")},
		"a handle with a mark":       {auth.KindJoin, r.join(t, 0, inv.Hash, 0, "eve~abc")},
		"a handle in capitals":       {auth.KindJoin, r.join(t, 0, inv.Hash, 0, "Eve")},
		"a handle of 33 characters":  {auth.KindJoin, r.join(t, 0, inv.Hash, 0, strings.Repeat("e", 33))},
		"a label that steers":        {auth.KindJoin, labelled(r.join(t, 0, inv.Hash, 0, "eve"), "\x1b]0;x\a")},
		"a label without end":        {auth.KindJoin, labelled(r.join(t, 0, inv.Hash, 0, "eve"), strings.Repeat("e", 65))},
		"a handle in another script": {auth.KindJoin, r.join(t, 0, inv.Hash, 0, "еve")},
	} {
		if err := r.take(r.write(t, 0, c.kind, c.body)); !errors.Is(err, crdt.ErrFormat) {
			t.Errorf("%s: %v, want ErrFormat", name, err)
		}
	}
	good := r.write(t, 0, auth.KindInvite, invite(1, 1))
	if err := r.take(good.WithoutBody()); !errors.Is(err, crdt.ErrFormat) {
		t.Errorf("an invitation without its body: %v, want ErrFormat", err)
	}
	op := good.Op
	op.Team = []crdt.Hash{inv.Hash}
	if err := r.take(seal(t, 0, op, invite(1, 1))); !errors.Is(err, crdt.ErrFormat) {
		t.Errorf("team heads in the team document: %v, want ErrFormat", err)
	}
}

func labelled(j auth.Join, label string) auth.Join {
	j.Device = label
	return j
}

// A team is founded by an operation that says so, with names that can be shown.
func TestBadFoundingsAreRefused(t *testing.T) {
	for name, c := range map[string]struct {
		kind crdt.Kind
		body any
	}{
		"another kind":           {64, auth.Genesis{Team: "ops", Handle: "p0"}},
		"no shape":               {auth.KindGenesis, []byte{1}},
		"no name":                {auth.KindGenesis, auth.Genesis{Handle: "p0"}},
		"a name of two lines":    {auth.KindGenesis, auth.Genesis{Team: "a\nb", Handle: "p0"}},
		"a name with an escape":  {auth.KindGenesis, auth.Genesis{Team: "\x1b[2Jops", Handle: "p0"}},
		"a name with C1 control": {auth.KindGenesis, auth.Genesis{Team: "\u009b2Jops", Handle: "p0"}},
		"a name that turns":      {auth.KindGenesis, auth.Genesis{Team: "\u202eops", Handle: "p0"}},
		"a long name":            {auth.KindGenesis, auth.Genesis{Team: strings.Repeat("ж", 65), Handle: "p0"}},
		"a label that steers":    {auth.KindGenesis, auth.Genesis{Team: "ops", Handle: "p0", Device: "\x1b"}},
		"no handle":              {auth.KindGenesis, auth.Genesis{Team: "ops"}},
	} {
		rec := seal(t, 0, crdt.Op{Dot: crdt.Dot{Seq: 1}, Kind: c.kind}, c.body)
		g := crdt.NewGraph(rec.Doc())
		if err := auth.New(g).Check(rec); !errors.Is(err, crdt.ErrFormat) {
			t.Errorf("%s: %v, want ErrFormat", name, err)
		}
	}
	for _, name := range []string{"ops", "Équipe réseau", strings.Repeat("ж", 64), "チーム"} {
		if err := auth.CheckName("team name", name); err != nil {
			t.Errorf("%q: %v", name, err)
		}
	}
}

// Roles have the names that the interface shows.
func TestRoleNames(t *testing.T) {
	for role, want := range map[auth.Role]string{auth.RoleObserver: "observer", auth.RoleResponder: "responder", auth.RoleSteward: "steward", 9: "role 9"} {
		if got := role.String(); got != want {
			t.Errorf("role %d is called %q, want %q", role, got, want)
		}
	}
}
