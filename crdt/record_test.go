package crdt_test

import (
	"crypto"
	"crypto/ed25519"
	"errors"
	"strings"
	"testing"

	"muster/crdt"

	"pgregory.net/rapid"
)

func sealed(t fataler, body string) *crdt.Record {
	t.Helper()
	op := crdt.Op{Dot: crdt.Dot{Seq: 1}, Kind: 64, WallMS: 1700000000000}
	rec, err := crdt.Seal(op, [crdt.SaltBytes]byte{1}, []byte(body), crdt.Ed25519Signer(fixedKey(1)))
	if err != nil {
		t.Fatalf("Seal: %v", err)
	}
	return rec
}

// Only Ed25519ctx under the context of operations counts: the same key's signature of the same bytes as plain Ed25519,
// as Ed25519ph or under another context, as a certificate or a gossip message would carry, is not an operation's.
func TestVerifyRefusesSignaturesMadeForOtherUses(t *testing.T) {
	key, rec := fixedKey(1), sealed(t, "x")
	header := rec.Op.AppendHeader(nil)
	if !rec.Verify(crdt.VerifyEd25519) {
		t.Fatal("the right signature is refused")
	}
	ctx := func(s string) crypto.SignerOpts { return &ed25519.Options{Context: s} }
	for name, opts := range map[string]crypto.SignerOpts{
		"plain Ed25519":       crypto.Hash(0),
		"no context":          ctx(""),
		"a shorter context":   ctx("muster/op/v"),
		"a longer context":    ctx("muster/op/v1\x00"),
		"a later version":     ctx("muster/op/v2"),
		"another use":         ctx("muster/meta/v1"),
		"prehashed, same ctx": &ed25519.Options{Hash: crypto.SHA512, Context: "muster/op/v1"},
	} {
		message := header
		if opts.HashFunc() == crypto.SHA512 {
			h := crypto.SHA512.New()
			h.Write(header)
			message = h.Sum(nil)
		}
		sig, err := key.Sign(nil, message, opts)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		forged := *rec
		forged.Sig = (*[crdt.SignatureBytes]byte)(sig)
		if forged.Verify(crdt.VerifyEd25519) {
			t.Errorf("a signature made for %s is accepted", name)
		}
	}
}

// A signature holds for one device and one header: any bit changed in either, or in itself, breaks it.
func TestVerifyCoversEveryBit(t *testing.T) {
	rec := sealed(t, "x")
	header := rec.Op.AppendHeader(nil)
	rapid.Check(t, func(t *rapid.T) {
		h, sig, device := append([]byte(nil), header...), *rec.Sig, rec.Op.Dot.Device
		bit := byte(1) << rapid.IntRange(0, 7).Draw(t, "bit")
		at := rapid.IntRange(0, len(h)+len(sig)+len(device)-1).Draw(t, "at")
		switch {
		case at < len(h):
			h[at] ^= bit
		case at < len(h)+len(sig):
			sig[at-len(h)] ^= bit
		default:
			device[at-len(h)-len(sig)] ^= bit
		}
		if crdt.VerifyEd25519(device, h, &sig) {
			t.Fatalf("still verifies with bit %#x of byte %d changed", bit, at)
		}
	})
	unsigned := *rec
	unsigned.Sig = nil
	if unsigned.Verify(func(crdt.DeviceID, []byte, *[crdt.SignatureBytes]byte) bool { return true }) {
		t.Error("a record without a signature verifies")
	}
}

// Erasing a body leaves name, signature, document and size as they were, and the bytes of the body nowhere.
func TestErasedRecordKeepsItsName(t *testing.T) {
	rec := sealed(t, "the customer's password is swordfish")
	erased := rec.WithoutBody()
	b := crdt.AppendRecord(nil, erased)
	got, err := crdt.ParseRecord(b)
	if err != nil {
		t.Fatalf("ParseRecord: %v", err)
	}
	if got.Hash != rec.Hash || got.Doc() != rec.Doc() || !got.Erased || !got.Verify(crdt.VerifyEd25519) {
		t.Errorf("an erased record reads back as %+v", got)
	}
	if strings.Contains(string(b), "swordfish") || got.Salt != [crdt.SaltBytes]byte{} || got.Body != nil {
		t.Error("the body or its salt outlived its erasure")
	}
	if full := len(crdt.AppendRecord(nil, rec)); crdt.RecordSize(rec) != full || crdt.RecordSize(erased) != full {
		t.Errorf("RecordSize = %d, erased %d, want %d for both", crdt.RecordSize(rec), crdt.RecordSize(erased), full)
	}
	if rec.Erased || string(rec.Body) == "" {
		t.Error("erasing changed the record it was asked of")
	}
}

// A body that is not the one the header was signed with is refused, whichever of its parts was changed.
func TestParseRecordRefusesAnotherBody(t *testing.T) {
	rec := sealed(t, "ann has command")
	for name, change := range map[string]func(*crdt.Record){
		"another body of that size": func(r *crdt.Record) { r.Body = []byte("bob has command") },
		"a shorter body":            func(r *crdt.Record) { r.Body = r.Body[1:] },
		"no body":                   func(r *crdt.Record) { r.Body = nil },
		"another salt":              func(r *crdt.Record) { r.Salt[0]++ },
		"salt shifted into body":    func(r *crdt.Record) { r.Body = append([]byte{0}, r.Body...) },
	} {
		changed := *rec
		change(&changed)
		if _, err := crdt.ParseRecord(crdt.AppendRecord(nil, &changed)); !errors.Is(err, crdt.ErrFormat) {
			t.Errorf("%s: %v, want ErrFormat", name, err)
		}
	}
}

// What was parsed stays as it is when the buffer it came from is used again.
func TestParseRecordCopies(t *testing.T) {
	op := fullOp()
	rec, err := crdt.Seal(op, [crdt.SaltBytes]byte{1}, []byte("body"), crdt.Ed25519Signer(fixedKey(1)))
	if err != nil {
		t.Fatalf("Seal: %v", err)
	}
	b := crdt.AppendRecord(nil, rec)
	got, err := crdt.ParseRecord(b)
	if err != nil {
		t.Fatalf("ParseRecord: %v", err)
	}
	clear(b)
	if err := got.CheckBody(); err != nil || !got.Verify(crdt.VerifyEd25519) || string(got.Body) != "body" {
		t.Errorf("the record changed with its buffer: %v", err)
	}
}

// A device has one name and a name one device.
func TestDeviceNames(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := crdt.DeviceID(rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "device"))
		name := d.String()
		if got, err := crdt.ParseDeviceID(name); err != nil || got != d {
			t.Fatalf("%q reads back as %v, %v", name, got, err)
		}
		if len(name) != 52 || !strings.HasPrefix(name, d.Short()) {
			t.Fatalf("%q, short %q", name, d.Short())
		}
		i := rapid.IntRange(0, len(name)-1).Draw(t, "at")
		changed := name[:i] + string(rapid.Byte().Draw(t, "byte")) + name[i+1:]
		if got, err := crdt.ParseDeviceID(changed); err == nil && got.String() != changed {
			t.Fatalf("%q is read as %q", changed, got)
		}
	})
	name := deviceN(1).String()
	last := name[:len(name)-1]
	for _, bad := range []string{"", name[1:], name + "a", strings.ToUpper(name), name + "====", last + "b", "\n" + name, last + "\n" + name[len(last):]} {
		if d, err := crdt.ParseDeviceID(bad); err == nil {
			t.Errorf("%q is read as device %v", bad, d)
		}
	}
}
