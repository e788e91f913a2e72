package auth_test

import (
	"crypto/ed25519"
	"fmt"
	"slices"
	"testing"

	"muster/crdt"
	"muster/crdt/auth"
)

// fixedKey returns the private key whose RFC 8032 seed is 32 times b.
func fixedKey(b byte) ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed(slices.Repeat([]byte{b}, ed25519.SeedSize))
}

func deviceKey(n int) crdt.Ed25519Signer { return crdt.Ed25519Signer(fixedKey(byte(1 + n))) }

func inviteKey(n int) ed25519.PrivateKey { return fixedKey(byte(100 + n)) }

// A fataler is what helpers need of a *testing.T or a *rapid.T.
type fataler interface {
	Helper()
	Fatalf(format string, args ...any)
}

// A replica is one copy of a team document.
type replica struct {
	graph *crdt.Graph
	team  *auth.Team
	recs  []*crdt.Record // in the order they came
}

// found returns the founding operation of a team by device 0.
func found(t fataler) *crdt.Record {
	t.Helper()
	return seal(t, 0, crdt.Op{Dot: crdt.Dot{Seq: 1}, Kind: auth.KindGenesis}, auth.Genesis{Team: "ops", Handle: "p0"})
}

func seal(t fataler, device int, op crdt.Op, body any) *crdt.Record {
	t.Helper()
	b, ok := body.([]byte)
	if !ok {
		b = crdt.EncodeBody(body)
	}
	rec, err := crdt.Seal(op, [crdt.SaltBytes]byte{byte(op.WallMS)}, b, deviceKey(device))
	if err != nil {
		t.Fatalf("Seal: %v", err)
	}
	return rec
}

func newReplica(t fataler, recs ...*crdt.Record) *replica {
	t.Helper()
	g := crdt.NewGraph(recs[0].Doc())
	r := &replica{graph: g, team: auth.New(g)}
	for _, rec := range recs {
		r.mustTake(t, rec)
	}
	return r
}

// take does what a node does with an operation of the team document.
func (r *replica) take(rec *crdt.Record) error {
	if err := r.team.Check(rec); err != nil {
		return err
	}
	if _, err := r.graph.Add(rec); err != nil {
		return err
	}
	r.team.Apply(rec)
	r.recs = append(r.recs, rec)
	return nil
}

func (r *replica) mustTake(t fataler, rec *crdt.Record) {
	t.Helper()
	if err := r.take(rec); err != nil {
		t.Fatalf("operation %s is refused: %v", rec.Op.Dot, err)
	}
}

// write seals an operation of a device on top of all that is here, and does not take it in.
func (r *replica) write(t fataler, device int, kind crdt.Kind, body any) *crdt.Record {
	t.Helper()
	op := crdt.Op{Doc: r.graph.Doc(), Dot: crdt.Dot{Seq: 1}, Kind: kind, WallMS: int64(len(r.recs))}
	op.Dot.Device = deviceKey(device).Device()
	if log := r.graph.Log(op.Dot.Log()); len(log) > 0 {
		op.Prev, op.Dot.Seq = log[0].Hash, log[0].Seq+1
	}
	op.Parents = slices.DeleteFunc(r.graph.Heads(), func(h crdt.Hash) bool { return h == op.Prev })
	return seal(t, device, op, body)
}

// invite is the body of an invitation with the nth key.
func invite(n int, uses uint32) auth.Invite {
	return auth.Invite{Key: inviteKey(n).Public().(ed25519.PublicKey), Role: auth.RoleResponder, Uses: uses}
}

// join is the body with which a device joins by an invitation that has the nth key.
func (r *replica) join(t fataler, device int, invite crdt.Hash, n int, handle string) auth.Join {
	t.Helper()
	proof, err := auth.Prove(inviteKey(n), r.graph.Doc(), deviceKey(device).Device())
	if err != nil {
		t.Fatalf("Prove: %v", err)
	}
	return auth.Join{Invite: invite, Handle: handle, Device: "laptop", Proof: proof}
}

// words returns the members as text.
func (r *replica) words() []string {
	var out []string
	for _, m := range r.team.Members() {
		s := fmt.Sprintf("%s %s %s", m.Handle, m.Role, m.Device.Short())
		if m.Unconfirmed {
			s += " unconfirmed"
		}
		if !m.Sponsor.IsZero() {
			s += " by " + r.team.Handle(m.Sponsor)
		}
		out = append(out, s)
	}
	return out
}

// The founder is a steward, whoever joins what the invitation says, and each is found by device, person and handle.
func TestFoundAndJoin(t *testing.T) {
	r := newReplica(t, found(t))
	inv := r.write(t, 0, auth.KindInvite, invite(0, 2))
	r.mustTake(t, inv)
	r.mustTake(t, r.write(t, 1, auth.KindJoin, r.join(t, 1, inv.Hash, 0, "bob")))
	short := func(n int) string { return deviceKey(n).Device().Short() }
	if got, want := r.words(), []string{"p0 steward " + short(0), "bob responder " + short(1) + " by p0"}; !slices.Equal(got, want) {
		t.Errorf("members %q, want %q", got, want)
	}
	if r.team.Name() != "ops" || r.team.Doc() != r.graph.Doc() {
		t.Errorf("team %q of %s", r.team.Name(), r.team.Doc())
	}
	bob, ok := r.team.Member(deviceKey(1).Device())
	if !ok || bob.Label != "laptop" {
		t.Fatalf("Member = %+v, %t", bob, ok)
	}
	if p, ok := r.team.Person("bob"); !ok || p != bob.Person || r.team.Handle(p) != "bob" || !slices.Contains(r.team.All(), p) {
		t.Errorf("bob is %v, %t", p, ok)
	}
	if _, ok := r.team.Person("carol"); ok {
		t.Error("carol is known")
	}
	if _, ok := r.team.Member(deviceKey(2).Device()); ok {
		t.Error("a stranger is a member")
	}
	if got, want := r.team.Handle(crdt.Hash{}), "~aaaa"; got != want {
		t.Errorf("a stranger is called %q, want %q", got, want)
	}
	if id, left, ok := r.team.Invitation(inviteKey(0).Public().(ed25519.PublicKey)); id != inv.Hash || left != 1 || !ok {
		t.Errorf("Invitation = %v, %d, %t", id, left, ok)
	}
	if _, _, ok := r.team.Invitation(inviteKey(1).Public().(ed25519.PublicKey)); ok {
		t.Error("an invitation that nobody wrote")
	}
}

// Membership at heads is membership in their past, whatever became known since; heads not here make no answer.
func TestMemberAtLooksAtThePast(t *testing.T) {
	r := newReplica(t, found(t))
	inv := r.write(t, 0, auth.KindInvite, invite(0, 2))
	r.mustTake(t, inv)
	joined := r.write(t, 1, auth.KindJoin, r.join(t, 1, inv.Hash, 0, "bob"))
	r.mustTake(t, joined)
	bob := deviceKey(1).Device()
	for _, c := range []struct {
		heads []crdt.Hash
		want  bool
	}{{[]crdt.Hash{joined.Hash}, true}, {[]crdt.Hash{inv.Hash}, false}, {nil, false}, {[]crdt.Hash{inv.Hash, joined.Hash}, true}} {
		if got, err := r.team.MemberAt(bob, c.heads); got != c.want || err != nil {
			t.Errorf("MemberAt(%d heads) = %t, %v; want %t", len(c.heads), got, err, c.want)
		}
	}
	if _, err := r.team.MemberAt(bob, []crdt.Hash{joined.Hash, {1}}); !errorsIs(err, crdt.ErrMissing) {
		t.Errorf("under a head that is not here: %v, want ErrMissing", err)
	}
}
