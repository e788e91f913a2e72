package node

import (
	"bytes"
	"crypto/sha256"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"muster/crdt"
	"muster/node/wire"
)

// testBundle is the file of the doorway's team.
func (d *doorway) testBundle(t testing.TB) *bundle {
	t.Helper()
	c := &code{team: crdt.DocID(d.recs[0].Hash), secret: [16]byte{4}, addrs: []netip.AddrPort{netip.MustParseAddrPort("10.1.2.3:7946")}}
	return &bundle{code: c, doc: &wire.Batch{Doc: c.team, Records: d.recs}, keys: formatTeamKeys([]teamKey{{gen: 3, key: [teamKeyBytes]byte{5}}})}
}

// sealed gives a bundle's content the sum that it should have.
func sealed(content []byte) []byte {
	sum := sha256.Sum256(content)
	return append(content, sum[:]...)
}

// TestBundleReadsBack: a file is read as it was written, with and without team keys; no byte of it can be missing or changed
// unnoticed; and a right sum does not make a right file.
func TestBundleReadsBack(t *testing.T) {
	d := newDoorway(t)
	in := d.testBundle(t)
	b, err := in.append(nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("a team of one: %d bytes", len(b))
	out, err := parseBundle(b)
	if err != nil || out.keys != in.keys || out.code.String() != in.code.String() {
		t.Fatalf("%+v, %v", out, err)
	}
	if d := cmp.Diff(in.doc, out.doc, cmpopts.EquateEmpty()); d != "" {
		t.Error(d)
	}
	for i := range b {
		bent := bytes.Clone(b)
		bent[i] ^= 1
		if _, err := parseBundle(bent); err == nil {
			t.Fatalf("a wrong byte at %d goes unnoticed", i)
		}
		if _, err := parseBundle(b[:i]); err == nil {
			t.Fatalf("%d bytes are taken for all", i)
		}
	}
	body := b[:len(b)-sha256.Size]
	other := d.testBundle(t)
	other.code.team = crdt.DocID{9}
	wrong, err := other.append(nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string][]byte{
		"of two teams": wrong, "with more": sealed(append(bytes.Clone(body), 0)), "empty": sealed([]byte(bundleHeader)),
		"of another kind": sealed([]byte("muster export v1\n")),
	} {
		if _, err := parseBundle(content); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
	if _, err := parseBundle([]byte("muster bundle v2\n...")); err == nil || !strings.Contains(err.Error(), "newer") {
		t.Errorf("of another version: %v", err)
	}
	in.keys = ""
	if b, err = in.append([]byte("before")); err != nil {
		t.Fatal(err)
	}
	if out, err := parseBundle(b[len("before"):]); err != nil || out.keys != "" {
		t.Errorf("without keys: %+v, %v", out, err)
	}
}

// FuzzParseBundle: whatever a file holds behind a right sum is refused, or read as what is written the same.
func FuzzParseBundle(f *testing.F) {
	b, err := newDoorway(f).testBundle(f).append(nil)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b[len(bundleHeader) : len(b)-sha256.Size])
	f.Add([]byte{0, 0, 0, 1, 0})
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, content []byte) {
		in, err := parseBundle(sealed(append([]byte(bundleHeader), content...)))
		if err != nil {
			return
		}
		again, err := in.append(nil)
		if err != nil {
			t.Fatal(err)
		}
		if out, err := parseBundle(again); err != nil || out.keys != in.keys || out.code.String() != in.code.String() || len(out.doc.Records) != len(in.doc.Records) {
			t.Fatalf("it does not read back: %v", err)
		}
	})
}
