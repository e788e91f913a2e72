package node

import (
	"bytes"
	"crypto/ed25519"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"muster/crdt"
	"muster/crdt/auth"
	"muster/node/wire"
)

// numberedKey returns a private key of its own for each n.
func numberedKey(n int) ed25519.PrivateKey {
	seed := make([]byte, ed25519.SeedSize)
	binary.BigEndian.PutUint64(seed, uint64(n))
	return ed25519.NewKeyFromSeed(seed)
}

// crowd returns what n people write who join a team after head by an invitation, whose key is the one numbered 0, and who
// say all about themselves that they may.
func crowd(t testing.TB, team crdt.DocID, invitation crdt.Hash, n int) []*crdt.Record {
	t.Helper()
	var out []*crdt.Record
	seal := func(key ed25519.PrivateKey, op crdt.Op, body any) *crdt.Record {
		op.Doc, op.WallMS = team, time.Now().UnixMilli()
		rec, err := crdt.Seal(op, [crdt.SaltBytes]byte(key[8:]), crdt.EncodeBody(body), crdt.Ed25519Signer(key))
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, rec)
		return rec
	}
	head := invitation
	for i := 1; i <= n; i++ {
		key := numberedKey(i)
		device := crdt.DeviceID(key.Public().(ed25519.PublicKey))
		proof, err := auth.Prove(numberedKey(0), team, device)
		if err != nil {
			t.Fatal(err)
		}
		dot := crdt.Dot{Device: device, Epoch: 1, Seq: 1}
		join := seal(key, crdt.Op{Dot: dot, Kind: auth.KindJoin, Parents: []crdt.Hash{head}},
			auth.Join{Invite: invitation, Handle: fmt.Sprintf("member-%d", i), Device: "laptop", Proof: proof})
		dot.Seq++
		head = seal(key, crdt.Op{Dot: dot, Kind: auth.KindProfile, Prev: join.Hash}, auth.SetProfile{
			Name: new(fmt.Sprintf("Member Number %d", i)), Callsign: new(fmt.Sprintf("M%d", i)), TZ: new("Europe/London"),
			Phones: &[]string{fmt.Sprintf("+44 20 7946 %04d", i), fmt.Sprintf("+44 7700 90%04d", i)}, Shift: new("weekdays 09-17"),
		}).Hash
	}
	return out
}

// TestDocumentInParts: a team document of 400 people, each of whom says all about themselves, goes through a joining
// stream in parts and comes out as it went in; a small one is in one frame.
func TestDocumentInParts(t *testing.T) {
	team, invitation := crdt.DocID{1}, crdt.Hash{2}
	for _, people := range []int{1, 400} {
		in := &wire.Batch{Doc: team, Records: crowd(t, team, invitation, people)}
		var b bytes.Buffer
		if err := writeDocument(&b, answerPart, answerYes, in); err != nil {
			t.Fatal(err)
		}
		written, frames := b.Len(), 0
		for r := bytes.NewReader(b.Bytes()); r.Len() > 0; frames++ {
			if _, err := readFrame(r); err != nil {
				t.Fatal(err)
			}
		}
		t.Logf("%d people: %d bytes in %d frames", people, written, frames)
		if fits := (1 << 20) / (written / people); frames > 1 != (people > 1) || fits < 1500 {
			t.Errorf("%d frames; %d people fit a joining stream", frames, fits)
		}
		out, err := readDocument(&b)
		if err != nil || !out.Verify(crdt.VerifyEd25519) {
			t.Fatalf("%v", err)
		}
		if d := cmp.Diff(in, out, cmpopts.EquateEmpty()); d != "" {
			t.Errorf("it does not come out as it went in\n%s", d)
		}
	}
}

// TestBadDocumentsAreRefused: parts that end too soon, or belong to two documents, or are none, are no document; a no in
// the middle is a no.
func TestBadDocumentsAreRefused(t *testing.T) {
	recs := crowd(t, crdt.DocID{1}, crdt.Hash{2}, 1)
	part := func(kind byte, doc crdt.DocID, recs ...*crdt.Record) []byte {
		return append([]byte{kind}, wire.AppendBatch(nil, &wire.Batch{Doc: doc, Records: recs})...)
	}
	for name, in := range map[string][]byte{
		"nothing":             {},
		"no end":              frames(t, part(answerPart, crdt.DocID{1}, recs...)),
		"another document's":  frames(t, part(answerPart, crdt.DocID{1}, recs...), part(answerYes, crdt.DocID{3})),
		"not a batch":         frames(t, []byte{answerYes, 1, 2, 3}),
		"an end without part": frames(t, part(answerPart, crdt.DocID{1}, recs...), []byte{answerYes}),
	} {
		if _, err := readDocument(bytes.NewReader(in)); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
	_, err := readDocument(bytes.NewReader(frames(t, part(answerPart, crdt.DocID{1}, recs...), []byte("\x01not here"))))
	if no := (*refusal)(nil); !errors.As(err, &no) || no.why != "not here" {
		t.Errorf("a no in the middle: %v", err)
	}
}

// TestLargeTeamIsJoined: a team whose document fits no single frame lets somebody in, who introduces themselves to a
// member that had no word of it; both then know everybody and everybody's phone.
func TestLargeTeamIsJoined(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := team(t, 2)
		b.net.Partition(at(0), at(1))
		b.inside(0, func(s *session, now time.Time) error {
			pub := numberedKey(0).Public().(ed25519.PublicKey)
			op, err := s.r.ProposeTeam(now, auth.KindInvite, auth.Invite{Key: pub, Role: auth.RoleResponder, Uses: 200})
			if err != nil {
				return err
			}
			return s.r.Admit(now, &wire.Batch{Doc: s.team, Records: crowd(t, s.team, op, 150)})
		})
		b.place(0)
		b.boot(2)
		if in := b.join(2); in.Members != 153 {
			t.Errorf("p2 finds %d members, want 153", in.Members)
		}
		b.net.Partition(at(0), at(2)) // so that p1 hears of all that from p2 alone
		b.inside(2, func(s *session, _ time.Time) error { s.m.Sight(bubbleAddr(1), b.nodes[1].device.ID()); return nil })
		b.await(30*time.Second, "p2 has introduced itself to p1", func() bool { return b.sees(1, 2) && b.alike(1, 2) })
		for _, i := range []int{1, 2} {
			p, err := b.nodes[i].Profile(t.Context(), "member-150")
			if err != nil || len(p.Phones) != 2 || !strings.HasSuffix(p.Phones[0], "0150") || p.Callsign != "M150" {
				t.Errorf("p%d says of member-150: %+v, %v", i, p, err)
			}
		}
		b.net.Heal()
		b.merges(merge, "the founder too")
		b.stop()
	})
}
