package crdt_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"strings"
	"testing"

	"muster/crdt"

	"github.com/fxamacker/cbor/v2"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// values draws what a body may hold, nested up to depth containers deep.
func values(depth int) *rapid.Generator[any] {
	leaves := []*rapid.Generator[any]{
		rapid.Uint64().AsAny(), rapid.Int64Max(-1).AsAny(), rapid.String().AsAny(), rapid.Bool().AsAny(),
		rapid.SliceOfN(rapid.Byte(), 0, 40).AsAny(), rapid.Just[any](nil),
	}
	if depth == 0 {
		return rapid.OneOf(leaves...)
	}
	inner := values(depth - 1)
	keys := rapid.OneOf(rapid.Uint64().AsAny(), rapid.Int64Max(-1).AsAny(), rapid.String().AsAny())
	return rapid.OneOf(append(leaves, rapid.SliceOfN(inner, 0, 4).AsAny(), rapid.MapOfN(keys, inner, 0, 4).AsAny())...)
}

// checkBodyAgainstLibrary holds CheckBody to its word: what it lets pass, the CBOR library reads, and writes again as
// the same bytes, whether or not its strictest options are on.
func checkBodyAgainstLibrary(t fataler, b []byte) {
	t.Helper()
	if err := crdt.CheckBody(b); err != nil {
		if !errors.Is(err, crdt.ErrFormat) {
			t.Fatalf("CheckBody(%x): %v, which is not ErrFormat", b, err)
		}
		return
	}
	dec, err := cbor.DecOptions{DupMapKey: cbor.DupMapKeyEnforcedAPF, IndefLength: cbor.IndefLengthForbidden}.DecMode()
	if err != nil {
		t.Fatalf("DecMode: %v", err)
	}
	var v, w any
	if err := dec.Unmarshal(b, &v); err != nil {
		t.Fatalf("CheckBody(%x) passes, the library says: %v", b, err)
	}
	if err := crdt.DecodeBody(b, &w); err != nil {
		t.Fatalf("CheckBody(%x) passes, DecodeBody says: %v", b, err)
	}
	if got := crdt.EncodeBody(v); !bytes.Equal(got, b) {
		t.Fatalf("CheckBody(%x) passes, the library writes it as %x", b, got)
	}
}

// What is encoded here passes its own check and comes back the same, and so does nothing that differs from it in one
// byte, unless that too is the one encoding of something.
func TestBodiesHaveOneEncoding(t *testing.T) {
	gen := values(4)
	rapid.Check(t, func(t *rapid.T) {
		b := crdt.EncodeBody(gen.Draw(t, "value"))
		if err := crdt.CheckBody(b); err != nil {
			t.Fatalf("CheckBody(%x): %v", b, err)
		}
		checkBodyAgainstLibrary(t, b)
		for i := range b {
			if crdt.CheckBody(b[:i]) == nil {
				t.Fatalf("%x: its first %d bytes pass", b, i)
			}
		}
		if crdt.CheckBody(append(b[:len(b):len(b)], 0)) == nil {
			t.Fatalf("%x passes with a byte behind it", b)
		}
		changed := bytes.Clone(b)
		i := rapid.IntRange(0, len(b)-1).Draw(t, "at")
		changed[i] = rapid.Byte().Draw(t, "byte")
		checkBodyAgainstLibrary(t, changed)
	})
}

// One example of each thing that a body may not be.
func TestCheckBodyRefuses(t *testing.T) {
	deep := func(n int) string { return strings.Repeat("81", n) + "00" }
	text := func(n int) []byte { return crdt.EncodeBody(strings.Repeat("a", n)) }
	for name, b := range map[string]string{
		"nothing":                 "",
		"two items":               "0000",
		"a long small number":     "1817",
		"a long byte":             "1900ff",
		"a long 16-bit number":    "1a0000ffff",
		"a long 32-bit number":    "1b00000000ffffffff",
		"a number below int64":    "3b8000000000000000",
		"a long text length":      "780161",
		"a text cut short":        "6261",
		"a text not UTF-8":        "61ff",
		"bytes beyond the end":    "5bffffffffffffffff",
		"items beyond the end":    "8200",
		"too many items":          "9a00000401",
		"too many pairs":          "ba00000401",
		"too deep":                deep(8),
		"an indefinite array":     "9fff",
		"an indefinite text":      "7f6161ff",
		"a tag":                   "c000",
		"a big number":            "c24101",
		"a half float":            "f93c00",
		"a single float":          "fa3f800000",
		"a double float":          "fb3ff0000000000000",
		"undefined":               "f7",
		"a simple value":          "e0",
		"a long simple value":     "f8ff",
		"a break":                 "ff",
		"a reserved length":       "1c",
		"keys out of order":       "a202000100",
		"a key twice":             "a201000100",
		"a text key before a int": "a26161000100",
		"an array as a key":       "a18000",
		"a map as a key":          "a1a000",
		"null as a key":           "a1f600",
		"a key without a value":   "a101",
		"a map cut before a key":  "a1",
	} {
		if err := crdt.CheckBody(fromHex(t, b)); !errors.Is(err, crdt.ErrFormat) {
			t.Errorf("%s (%s): %v, want ErrFormat", name, b, err)
		}
	}
	if err := crdt.CheckBody(text(crdt.MaxTextBytes + 1)); !errors.Is(err, crdt.ErrFormat) {
		t.Errorf("a text over the limit: %v, want ErrFormat", err)
	}
	for name, b := range map[string][]byte{
		"a text at the limit":    text(crdt.MaxTextBytes),
		"bytes beyond that":      crdt.EncodeBody(make([]byte, crdt.MaxTextBytes+1)),
		"items at the limit":     crdt.EncodeBody(make([]bool, 1024)),
		"as deep as may be":      fromHex(t, deep(7)),
		"the least number":       fromHex(t, "3b7fffffffffffffff"),
		"the greatest number":    fromHex(t, "1bffffffffffffffff"),
		"keys of different kind": fromHex(t, "a401002000410100616100"),
	} {
		if err := crdt.CheckBody(b); err != nil {
			t.Errorf("%s (%s): %v", name, hex.EncodeToString(b[:min(len(b), 20)]), err)
		}
	}
}

// A reader of an earlier version ignores the fields it does not have, and one of a later version finds them absent.
func TestBodiesGrow(t *testing.T) {
	type older struct {
		Title string `cbor:"1,keyasint"`
	}
	type newer struct {
		Title string   `cbor:"1,keyasint"`
		Tags  []string `cbor:"7,keyasint,omitempty"`
	}
	var o older
	if err := crdt.DecodeBody(crdt.EncodeBody(newer{"db down", []string{"x"}}), &o); err != nil || o.Title != "db down" {
		t.Errorf("an older reader gets %+v, %v", o, err)
	}
	var n newer
	if err := crdt.DecodeBody(crdt.EncodeBody(o), &n); err != nil || !cmp.Equal(n, newer{Title: "db down"}) {
		t.Errorf("a newer reader gets %+v, %v", n, err)
	}
	if err := crdt.DecodeBody(crdt.EncodeBody("text"), &n); !errors.Is(err, crdt.ErrFormat) {
		t.Errorf("a body of another shape: %v, want ErrFormat", err)
	}
	if err := crdt.DecodeBody([]byte{0x9f, 0xff}, &n); !errors.Is(err, crdt.ErrFormat) {
		t.Errorf("a body not in its one encoding: %v, want ErrFormat", err)
	}
}
