package crdt_test

import (
	"crypto/ed25519"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"testing"

	"muster/crdt"

	"github.com/cockroachdb/datadriven"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// fixedKey returns the private key whose RFC 8032 seed is 32 times b.
func fixedKey(b byte) ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed(slices.Repeat([]byte{b}, ed25519.SeedSize))
}

// testdata/format holds published vectors: what every muster must write, byte for byte, and read back. A change of its
// output is a change of the format, which needs a new version number and a reader of the old one.
//
//	seal name [keep=(signature,body)] key=B seq=N [prev=name] ...   an operation, and its record
//	frontier name ...                                               the frontier of a graph of these
func TestFormatVectors(t *testing.T) {
	made := map[string]*crdt.Record{}
	var order []string
	datadriven.RunTest(t, "testdata/format", func(t *testing.T, d *datadriven.TestData) string {
		switch d.Cmd {
		case "seal":
			rec := sealVector(t, d, made)
			name := d.CmdArgs[0].Key
			made[name], order = rec, append(order, name)
			return showRecord(t, rec, keptOf(d, rec))
		case "frontier":
			g := crdt.NewGraph(made[order[0]].Doc())
			for _, a := range d.CmdArgs {
				mustAdd(t, g, made[a.Key])
			}
			b := crdt.AppendFrontier(nil, g.Frontier())
			r := crdt.NewReader(b)
			if diff := cmp.Diff(g.Frontier(), crdt.ReadFrontier(r), cmpopts.EquateEmpty()); diff != "" || r.Close() != nil {
				t.Errorf("the frontier does not read back: %v\n%s", r.Err(), diff)
			}
			return field("bytes", b) + field("digest", hashBytes(g.Frontier().Digest()))
		}
		t.Fatalf("unknown command %q", d.Cmd)
		return ""
	})
}

func sealVector(t *testing.T, d *datadriven.TestData, made map[string]*crdt.Record) *crdt.Record {
	t.Helper()
	var op crdt.Op
	var key, kind int
	var salt [crdt.SaltBytes]byte
	d.ScanArgs(t, "key", &key)
	d.ScanArgs(t, "seq", &op.Dot.Seq)
	d.ScanArgs(t, "wall", &op.WallMS)
	d.ScanArgs(t, "kind", &kind)
	op.Kind = crdt.Kind(kind)
	d.MaybeScanArgs(t, "epoch", &op.Dot.Epoch)
	hashes := func(arg string) []crdt.Hash {
		var hs []crdt.Hash
		for _, name := range valuesOf(d, arg) {
			hs = append(hs, made[name].Hash)
		}
		slices.SortFunc(hs, crdt.Hash.Compare)
		return hs
	}
	for _, doc := range hashes("doc") {
		op.Doc = crdt.DocID(doc)
	}
	for _, prev := range hashes("prev") {
		op.Prev = prev
	}
	op.Parents, op.Team = hashes("parents"), hashes("team")
	for _, ext := range valuesOf(d, "ext") {
		op.Ext = fromHex(t, ext)
	}
	for i := range salt {
		salt[i] = byte(0xa0 + i)
	}
	rec, err := crdt.Seal(op, salt, fromHex(t, strings.TrimSpace(d.Input)), crdt.Ed25519Signer(fixedKey(byte(key))))
	if err != nil {
		t.Fatalf("Seal: %v", err)
	}
	return rec
}

// valuesOf returns the values of an argument, none when it is absent.
func valuesOf(d *datadriven.TestData, arg string) []string {
	a, _ := d.Arg(arg)
	return a.Vals
}

// keptOf returns rec without what the vector says is not kept.
func keptOf(d *datadriven.TestData, rec *crdt.Record) *crdt.Record {
	keep := []string{"signature", "body"}
	if d.HasArg("keep") {
		keep = valuesOf(d, "keep")
	}
	kept := *rec
	if !slices.Contains(keep, "body") {
		kept = *rec.WithoutBody()
	}
	if !slices.Contains(keep, "signature") {
		kept.Sig = nil
	}
	return &kept
}

// showRecord prints the encodings of rec, after checking that they read back.
func showRecord(t *testing.T, rec, kept *crdt.Record) string {
	t.Helper()
	header, encoded := rec.Op.AppendHeader(nil), crdt.AppendRecord(nil, kept)
	got, err := crdt.ParseRecord(encoded)
	if err != nil {
		t.Fatalf("ParseRecord: %v", err)
	}
	if diff := cmp.Diff(kept, got, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("the record does not read back (-want +got):\n%s", diff)
	}
	if !rec.Verify(crdt.VerifyEd25519) {
		t.Error("the signature is not the device's")
	}
	return field("header", header) + field("hash", hashBytes(rec.Hash)) + field("signature", rec.Sig[:]) + field("record", encoded)
}

// field returns a name and bytes in hexadecimal, 32 bytes a line.
func field(name string, b []byte) string {
	var s strings.Builder
	fmt.Fprintf(&s, "%s (%d bytes)\n", name, len(b))
	for chunk := range slices.Chunk(b, 32) {
		fmt.Fprintf(&s, "  %x\n", chunk)
	}
	return s.String()
}

func hashBytes(h crdt.Hash) []byte { return h[:] }

func fromHex(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatalf("not hexadecimal: %v", err)
	}
	return b
}
