package node

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"io"
	"strings"
	"testing"
	"time"

	"muster/crdt"
	"muster/crdt/auth"
	"muster/node/identity"
	"muster/node/identity/pake"
	"muster/node/replica"
	"muster/node/store"
	"muster/node/wire"
)

// FuzzParseCode: an invitation code that is read is printed as one that reads the same, in any typing.
func FuzzParseCode(f *testing.F) {
	c := &code{secret: [16]byte{1}, team: crdt.DocID{2}}
	f.Add(c.String())
	f.Add(strings.ToUpper(c.String()) + "\n")
	f.Add("muster-")
	f.Add("MUSTER-aaaa aaaa")
	f.Fuzz(func(t *testing.T, s string) {
		c, err := parseCode(s)
		if err != nil {
			return
		}
		again, err := parseCode(c.String())
		if err != nil || again.String() != c.String() {
			t.Fatalf("%q is printed as %q: %v", s, c.String(), err)
		}
	})
}

// conversation is a stream on which everything the other side will ever say has arrived.
type conversation struct {
	in  *bytes.Reader
	out bytes.Buffer
}

func (c *conversation) Read(b []byte) (int, error)  { return c.in.Read(b) }
func (c *conversation) Write(b []byte) (int, error) { return c.out.Write(b) }

// frames returns parts each as one joining frame.
func frames(t testing.TB, parts ...[]byte) []byte {
	var b bytes.Buffer
	for _, p := range parts {
		if err := writeFrame(&b, p); err != nil {
			t.Fatal(err)
		}
	}
	return b.Bytes()
}

// A doorway is a team with an invitation, and what of a session answers strangers.
type doorway struct {
	recs   []*crdt.Record
	invite ed25519.PrivateKey
	joiner identity.Device
}

var doorExporter = bytes.Repeat([]byte{7}, 32)

func newDoorway(t testing.TB) *doorway {
	d := &doorway{invite: ed25519.NewKeyFromSeed(bytes.Repeat([]byte{3}, 32)), joiner: identity.FromSeed([32]byte{2})}
	s := d.founder()
	genesis, err := replica.Genesis(s, 1, time.UnixMilli(1), auth.KindGenesis, auth.Genesis{Team: "t", Handle: "ann"}, func(b []byte) { clear(b) })
	if err != nil {
		t.Fatal(err)
	}
	d.recs = []*crdt.Record{genesis}
	r := d.open(t).r
	pub := d.invite.Public().(ed25519.PublicKey)
	if _, err := r.ProposeTeam(time.UnixMilli(2), auth.KindInvite, auth.Invite{Key: pub, Role: auth.RoleResponder, Uses: 1}); err != nil {
		t.Fatal(err)
	}
	d.recs = append(d.recs, r.Ready().Own...)
	return d
}

func (d *doorway) founder() crdt.Signer {
	return crdt.Ed25519Signer(identity.FromSeed([32]byte{1}).Key())
}

// open returns a session of which nothing runs but what answers its calls, until the test ends.
func (d *doorway) open(t testing.TB) *session {
	m, err := store.NewMemory(store.Config{Device: d.founder().Device()})
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Put(nil, d.recs); err != nil {
		t.Fatal(err)
	}
	s := &session{n: &Node{cfg: Config{}.withDefaults(), device: identity.FromSeed([32]byte{1})}, team: crdt.DocID(d.recs[0].Hash), store: m, calls: make(chan *call), done: make(chan struct{})}
	s.ctx, s.quit = context.WithCancelCause(t.Context())
	s.r, err = replica.New(replica.Config{
		Signer: d.founder(), Verify: crdt.VerifyEd25519, Team: s.team, Epoch: 1, Rand: func(b []byte) { clear(b) }, Storage: m,
	})
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(s.done)
		for {
			select {
			case c := <-s.calls:
				close(s.call(c).done)
			case <-s.ctx.Done():
				return
			}
		}
	}()
	t.Cleanup(func() { s.quit(nil); <-s.done })
	return s
}

// knock is a right first frame, join the right second one.
func (d *doorway) knock(t testing.TB) []byte {
	sig, err := d.invite.Sign(nil, knockMessage(doorExporter, d.joiner.ID()), &ed25519.Options{Context: knockContext})
	if err != nil {
		t.Fatal(err)
	}
	return append(append([]byte{askKnock}, d.invite.Public().(ed25519.PublicKey)...), sig...)
}

func (d *doorway) join(t testing.TB) []byte {
	doc := crdt.DocID(d.recs[0].Hash)
	proof, err := auth.Prove(d.invite, doc, d.joiner.ID())
	if err != nil {
		t.Fatal(err)
	}
	op := crdt.Op{Doc: doc, Dot: crdt.Dot{Epoch: 5, Seq: 1}, Parents: []crdt.Hash{d.recs[1].Hash}, Kind: auth.KindJoin}
	body := crdt.EncodeBody(auth.Join{Invite: d.recs[1].Hash, Handle: "bob", Proof: proof})
	rec, err := crdt.Seal(op, [crdt.SaltBytes]byte{}, body, crdt.Ed25519Signer(d.joiner.Key()))
	if err != nil {
		t.Fatal(err)
	}
	return crdt.AppendRecord(nil, rec)
}

// FuzzStranger: whatever a stranger says, the answer is a frame, or nothing; and only one with the invitation's secret
// learns the team document or enters.
func FuzzStranger(f *testing.F) {
	d := newDoorway(f)
	knock, join := d.knock(f), d.join(f)
	f.Add(frames(f, knock, join))
	f.Add(frames(f, knock))
	f.Add(frames(f, append([]byte{askIntroduce}, wire.AppendBatch(nil, &wire.Batch{Doc: crdt.DocID(d.recs[0].Hash), Records: d.recs})...)))
	f.Add(frames(f, append([]byte{askIntroducePart}, wire.AppendBatch(nil, &wire.Batch{Doc: crdt.DocID(d.recs[0].Hash), Records: d.recs[:1]})...), []byte{askIntroduce}))
	f.Add(frames(f, []byte{9}))
	f.Add([]byte{0, 0, 0xf0, 0})
	_, first, err := pake.Start(wordsRun("7-amber-falcon-ridge", d.joiner.ID(), identity.FromSeed([32]byte{1}).ID(), doorExporter, wordsJoiner))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(frames(f, append([]byte{askWords, 0, 7}, first...), make([]byte, pake.TagSize), knock))
	f.Add(frames(f, []byte{askWords}))
	f.Fuzz(func(t *testing.T, in []byte) {
		s := d.open(t)
		d.words(s, 7)
		rw := &conversation{in: bytes.NewReader(in)}
		err := s.stranger(t.Context(), d.joiner.ID(), doorExporter, rw)
		knocked := bytes.HasPrefix(in, frames(t, knock))
		for answers := 0; rw.out.Len() > 0; answers++ {
			b, ferr := readFrame(&rw.out)
			if ferr != nil || answers > 1 {
				t.Fatalf("answer %d: %v", answers, ferr)
			}
			if b[0] == answerYes && len(b) > 1 && !knocked && !(answers == 0 && len(b) <= 1+pake.MessageMax) {
				t.Fatal("the team document was given away")
			}
		}
		if len(s.r.Team().Members()) > 1 && (err != nil || !knocked) {
			t.Fatalf("somebody is in: %v", err)
		}
	})
}

// FuzzAnswer: whatever answers a joiner is a frame with a yes, a no fit for a terminal, or an error; and a team document
// in it reads back as it was written.
func FuzzAnswer(f *testing.F) {
	d := newDoorway(f)
	doc := wire.AppendBatch(nil, &wire.Batch{Doc: crdt.DocID(d.recs[0].Hash), Records: d.recs})
	f.Add(frames(f, append([]byte{answerYes}, doc...)))
	f.Add(frames(f, []byte("\x01no\x1b[2J\u009b\xff")))
	f.Add([]byte{0, 0, 0, 0})
	f.Fuzz(func(t *testing.T, in []byte) {
		b, err := readAnswer(bytes.NewReader(in))
		if err != nil {
			if no, ok := err.(*refusal); ok {
				if strings.ContainsFunc(no.why, func(r rune) bool { return r < ' ' || r >= 0x7f && r < 0xa0 }) || len(no.why) > 800 {
					t.Fatalf("%q is shown", no.why)
				}
			}
			return
		}
		if whole, err := io.ReadAll(bytes.NewReader(in)); err != nil || !bytes.HasPrefix(whole, frames(t, append([]byte{answerYes}, b...))) {
			t.Fatalf("%x was read as %x", in, b)
		}
		if batch, err := wire.ParseBatch(b); err == nil && batch.Verify(crdt.VerifyEd25519) && batch.Doc.IsZero() {
			t.Fatal("a batch of no document")
		}
	})
}

// FuzzCurrentTeam: the file that names the current team is read as it is written, or refused.
func FuzzCurrentTeam(f *testing.F) {
	f.Add(crdt.DocID{1}.String() + "\n")
	f.Add("")
	f.Add("00ff\n")
	f.Fuzz(func(t *testing.T, text string) {
		id, err := parseCurrent(text)
		if err == nil && id.String() != strings.ToLower(strings.TrimSpace(text)) {
			t.Fatalf("%q is read as %s", text, id)
		}
	})
}
