package node

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"muster/crdt"
	"muster/crdt/auth"
	"muster/node/api"
	"muster/node/identity"
	"muster/node/wire"
)

// boxes are three devices, a text that the first sealed for itself and the second, and its team.
func boxes(t testing.TB) (devices [3]identity.Device, team crdt.DocID, box []byte) {
	t.Helper()
	team = crdt.DocID{7}
	var to []sealKey
	for i := range devices {
		devices[i] = identity.FromSeed([32]byte{byte(i + 1)})
		if i < 2 {
			to = append(to, sealKey{devices[i].ID(), devices[i].SealKey()})
		}
	}
	box, err := sealText(team, devices[0].ID(), to, "root password is \x1bhunter2x")
	if err != nil {
		t.Fatal(err)
	}
	return devices, team, box
}

// TestSealedTextOpensForItsReadersOnly: on the devices it was sealed to, in the note of its author, in its team, and nowhere
// else; what came out is harmless to a terminal.
func TestSealedTextOpensForItsReadersOnly(t *testing.T) {
	d, team, box := boxes(t)
	for _, reader := range d[:2] {
		if got, err := openText(reader, team, d[0].ID(), box); got != "root password is \uFFFDhunter2x" || err != nil {
			t.Errorf("a reader gets %q, %v", got, err)
		}
	}
	if got, err := openText(d[2], team, d[0].ID(), box); got != "" || !errors.Is(err, errNotForUs) {
		t.Errorf("another gets %q, %v", got, err)
	}
	if got, err := openText(d[1], team, d[1].ID(), box); got != "" || err == nil {
		t.Errorf("copied into a note of another: %q", got)
	}
	if got, err := openText(d[1], crdt.DocID{8}, d[0].ID(), box); got != "" || err == nil {
		t.Errorf("copied into another team: %q", got)
	}
	stolen := bytes.Clone(box) // the place of a reader given to somebody else
	id := d[2].ID()
	copy(stolen[2:], id[:])
	if got, err := openText(d[2], team, d[0].ID(), stolen); got != "" || err == nil {
		t.Errorf("under another name: %q", got)
	}
	if want := 2 + 2*1200 + len("root password is \x1bhunter2x") + 16; len(box) != want {
		t.Errorf("%d bytes, want %d", len(box), want)
	}
}

// TestSealedTextThatWasChanged: no byte of it can be another.
func TestSealedTextThatWasChanged(t *testing.T) {
	d, team, box := boxes(t)
	for at := 0; at < len(box); at += 7 {
		bad := bytes.Clone(box)
		bad[at] ^= 1
		if got, err := openText(d[0], team, d[0].ID(), bad); err == nil {
			t.Errorf("byte %d: %q", at, got)
		}
	}
	for n := range box {
		if n%13 == 0 {
			if got, err := openText(d[0], team, d[0].ID(), box[:n]); err == nil {
				t.Errorf("cut at %d: %q", n, got)
			}
		}
	}
}

// FuzzOpenText: what a member writes into a sealed note opens or does not.
func FuzzOpenText(f *testing.F) {
	d, team, box := boxes(f)
	f.Add(box)
	f.Add([]byte{})
	f.Add([]byte{1, 0})
	f.Add([]byte{1, 255})
	f.Add(box[:1203])
	f.Fuzz(func(t *testing.T, b []byte) {
		text, err := openText(d[0], team, d[0].ID(), b)
		if err == nil && text != "root password is \uFFFDhunter2x" { // boxes differ from process to process, and say the same
			t.Fatalf("opens as %q", text)
		}
	})
}

// TestSealedNoteBetweenNodes: p0 seals a note for p1. p1 and p0 read it, on the board and in the log; p2 sees whom it is
// for; nothing that p2 stores has the words; it is redacted for all.
func TestSealedNoteBetweenNodes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := team(t, 3)
		b.declare()
		b.await(merge, "everyone has it", b.same)
		b.ghost(0, "ghost")
		for who, want := range map[string]string{"ghost": "no device with a key"} {
			_, err := b.nodes[0].Write(t.Context(), api.Write{Verb: "note", Text: "x", SealTo: []string{"p1", who}})
			if err == nil || api.AsError(err).Code != api.CodeRefused || api.AsError(err).Hint == "" || !strings.Contains(err.Error(), want) {
				t.Errorf("sealed for %s: %v", who, err)
			}
		}
		b.write(1, api.Write{Verb: "note", Text: "p1 is here"})
		b.await(merge, "p1 has said a key", b.same)
		const words = "the root password is correcthorse1"
		r := b.write(0, api.Write{Verb: "note", Text: words, SealTo: []string{"@p1"}, Kind: "risk"})
		if !strings.Contains(r.Text, "sealed for p1") || strings.Contains(r.Text, "correcthorse") {
			t.Errorf("the receipt says %q", r.Text)
		}
		b.await(merge, "everyone has the note", b.same)
		for i, reads := range []bool{true, true, false} {
			n := b.sealedNote(i, r.ID)
			if reads && (n.Text != words || n.Unreadable) || !reads && (n.Text != "sealed for p1 (not you)" || !n.Unreadable) || len(n.SealedFor) != 1 {
				t.Errorf("p%d sees %+v", i, n)
			}
			log, err := b.nodes[i].Log(t.Context(), "")
			if err != nil || strings.Contains(log[len(log)-1].Text, words) != reads || !strings.Contains(log[len(log)-1].Text, "sealed for p1") {
				t.Errorf("the log of p%d ends %+v, %v", i, log[len(log)-1], err)
			}
			brief, err := b.nodes[i].Brief(t.Context(), "")
			if err != nil || len(brief.Risks) != 1 || strings.Contains(brief.Risks[0].Text, words) != reads {
				t.Errorf("the briefing of p%d has %+v, %v", i, brief.Risks, err)
			}
		}
		b.inside(2, func(s *session, _ time.Time) error {
			return s.store.Scan(s.r.Documents()[0], func(rec *crdt.Record) error {
				if bytes.Contains(rec.Body, []byte("correcthorse")) {
					t.Error("p2 stores the words")
				}
				return nil
			})
		})
		for _, in := range []api.Write{
			{Verb: "decide", Text: "x", SealTo: []string{"p1"}},
			{Verb: "note", Text: "x", SealTo: []string{"nobody"}},
			{Verb: "note", Text: strings.Repeat("x", crdt.MaxTextBytes+1), SealTo: []string{"p1"}},
			{Verb: "note", SealTo: []string{"p1"}},
			{Verb: "edit", Ref: r.ID, Text: "in clear"},
		} {
			if _, err := b.nodes[0].Write(t.Context(), in); err == nil {
				t.Errorf("written: %+v", in)
			}
		}
		b.write(0, api.Write{Verb: "redact", Ref: r.ID, Reason: "changed", Yes: true})
		b.await(merge, "everyone has the redaction", b.same)
		for i := range 3 {
			if n := b.sealedNote(i, r.ID); n.Redacted == nil || n.Text != "" {
				t.Errorf("p%d sees %+v", i, n)
			}
		}
		b.stop()
	})
}

// sealedNote is how the i'th node shows a note.
func (b *bubble) sealedNote(i int, id string) api.Note {
	b.t.Helper()
	inc, err := b.nodes[i].Show(b.t.Context(), "")
	if err != nil {
		b.t.Error(err)
	}
	for _, n := range inc.Notes {
		if n.ID == id {
			return n
		}
	}
	return api.Note{}
}

// ghost lets somebody into the team whose muster has said no key: one from before there were any. There is no node.
func (b *bubble) ghost(i int, handle string) {
	b.t.Helper()
	inv, err := b.nodes[i].Invite(b.t.Context(), api.Invite{})
	if err != nil {
		b.t.Fatal(err)
	}
	c, err := parseCode(inv.Code)
	if err != nil {
		b.t.Fatal(err)
	}
	b.inside(i, func(s *session, now time.Time) error {
		key := c.key()
		id, _, _ := s.r.Team().Invitation(key.Public().(ed25519.PublicKey))
		device := identity.FromSeed([32]byte{99})
		proof, err := auth.Prove(key, s.team, device.ID())
		if err != nil {
			return err
		}
		op := crdt.Op{Doc: s.team, Dot: crdt.Dot{Epoch: 1, Seq: 1}, Parents: s.r.Graph(s.team).Heads(), WallMS: now.UnixMilli(), Kind: auth.KindJoin}
		body := crdt.EncodeBody(auth.Join{Invite: id, Handle: handle, Device: "old", Proof: proof})
		rec, err := crdt.Seal(op, [crdt.SaltBytes]byte{}, body, crdt.Ed25519Signer(device.Key()))
		if err != nil {
			return err
		}
		return s.r.Admit(now, &wire.Batch{Doc: s.team, Records: []*crdt.Record{rec}})
	})
}

// BenchmarkSealedNote is what showing one sealed note costs.
func BenchmarkSealedNote(b *testing.B) {
	d, team, box := boxes(b)
	for b.Loop() {
		if _, err := openText(d[1], team, d[0].ID(), box); err != nil {
			b.Fatal(err)
		}
	}
}
