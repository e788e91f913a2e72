package wire_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"slices"
	"strings"
	"testing"

	"muster/crdt"
	"muster/node/wire"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"
)

// batches draws a batch of any part of a document: what comes before it is named by its hashes.
func batches(maxOps int) *rapid.Generator[*wire.Batch] {
	gen := records(maxOps)
	return rapid.Custom(func(t *rapid.T) *wire.Batch {
		recs := gen.Draw(t, "records")
		part := recs[rapid.IntRange(0, len(recs)-1).Draw(t, "from"):]
		if rapid.Bool().Draw(t, "bare") {
			part = vouched(part)
		}
		return &wire.Batch{Doc: recs[0].Doc(), Number: rapid.Uint64().Draw(t, "number"), Records: part}
	})
}

// A batch reads back as it was written, with every hash, dot and previous hash derived and every signature good.
func TestBatchReadsBack(t *testing.T) {
	gen := batches(30)
	rapid.Check(t, func(t *rapid.T) {
		want := gen.Draw(t, "batch")
		b := wire.AppendBatch(nil, want)
		got, err := wire.ParseBatch(b)
		if err != nil {
			t.Fatalf("ParseBatch: %v", err)
		}
		clear(b) // a record that aliased it would change
		if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
			t.Fatalf("does not read back (-want +got):\n%s", diff)
		}
		if !got.Verify(verifyHash) {
			t.Fatal("a signature is bad")
		}
	})
}

// Whatever byte of a batch is changed, it is refused, or a signature in it is bad, or it names another transfer. This is
// the whole point of the chain: what was derived is vouched for.
func TestNoByteOfABatchCanChange(t *testing.T) {
	gen := batches(12)
	rapid.Check(t, func(t *rapid.T) {
		want := gen.Draw(t, "batch")
		want.Number = 1
		b := wire.AppendBatch(nil, want)
		at := rapid.IntRange(0, len(b)-1).Draw(t, "at")
		b[at] ^= byte(1) << rapid.IntRange(0, 7).Draw(t, "bit")
		got, err := wire.ParseBatch(b)
		if err != nil || !got.Verify(verifyHash) {
			return
		}
		if got.Number = 1; !cmp.Equal(want, got, cmpopts.EquateEmpty()) {
			t.Fatalf("with byte %d changed it is another batch:\n%s", at, cmp.Diff(want, got, cmpopts.EquateEmpty()))
		}
	})
}

// A batch whose last operation of some log is unsigned proves nothing about that log, and is refused.
func TestEveryLogMustEndSigned(t *testing.T) {
	recs := conversation(t)
	for i := range recs {
		bare := slices.Clone(recs)
		bare[i] = unsigned(recs[i])
		followed := slices.ContainsFunc(recs, func(r *crdt.Record) bool { return r.Op.Prev == recs[i].Hash })
		_, err := wire.ParseBatch(wire.AppendBatch(nil, &wire.Batch{Doc: recs[0].Doc(), Records: bare}))
		if refused := errors.Is(err, crdt.ErrFormat); refused == followed {
			t.Errorf("operation %d without its signature: %v; followed by another: %t", i, err, followed)
		}
	}
}

// An operation of one document cannot be passed off as one of another.
func TestBatchIsOfOneDocument(t *testing.T) {
	recs := conversation(t)
	b := wire.AppendBatch(nil, &wire.Batch{Doc: crdt.DocID{1}, Records: recs[:1]})
	if _, err := wire.ParseBatch(b); !errors.Is(err, crdt.ErrFormat) {
		t.Errorf("founding of another document: %v, want ErrFormat", err)
	}
	b = wire.AppendBatch(nil, &wire.Batch{Doc: crdt.DocID{1}, Records: recs[1:2]})
	if m, err := wire.ParseBatch(b); err == nil && m.Verify(crdt.VerifyEd25519) {
		t.Error("an operation of another document verifies")
	}
}

// payload puts a batch together from parts of it that no encoder of ours writes.
func payload(doc crdt.DocID, packing byte, fields, raw []byte) []byte {
	b := append(bytes.Clone(doc[:]), 1, packing)
	b = append(binary.AppendUvarint(b, uint64(len(fields))), fields...)
	return append(binary.AppendUvarint(b, uint64(len(raw))), raw...)
}

// operation is the fields of a signed operation of log 0 without a body: flags, wall, kind 70, and what comes after.
func operation(log, flags byte, rest ...byte) []byte {
	return append([]byte{log, flags, 0, 70}, append(rest, 0)...)
}

// Fields have one form. What could be said shorter, or in another order, or leads nowhere, is refused.
func TestBatchFieldsHaveOneForm(t *testing.T) {
	first := append(make([]byte, 8), 1)      // a log that begins
	goesOn := append(make([]byte, 8), 2)     // one that goes on
	dev, prev := hashOf(1), hashOf(2)        // its device, its previous operation
	name := hashOf(3)                        // an operation outside
	after := make([]byte, 16+64)             // salt, signature
	signed, oneName := byte(1), []byte{1, 1} // parents: one, name 0
	fields := func(parts ...[]byte) []byte { return slices.Concat(parts...) }
	raw := func(parts ...[]byte) []byte { return slices.Concat(parts...) }
	one, none := []byte{1}, []byte{0}
	for what, b := range map[string]struct {
		fields, raw []byte
		ok          bool
	}{
		"a good one":            {fields(one, first, one, one, operation(0, signed, oneName...)), raw(dev[:], name[:], after), true},
		"one that goes on":      {fields(one, goesOn, none, one, operation(0, signed, 0)), raw(dev[:], prev[:], after), true},
		"no operation at all":   {[]byte{0, 0, 0}, nil, true},
		"a log without use":     {fields([]byte{2}, first, first, one, one, operation(0, signed, oneName...)), raw(dev[:], dev[:], name[:], after), false},
		"a name without use":    {fields(one, goesOn, one, one, operation(0, signed, 0)), raw(dev[:], prev[:], name[:], after), false},
		"a name twice":          {fields(one, first, []byte{2}, one, operation(0, signed, 2, 1, 3)), raw(dev[:], name[:], name[:], after), false},
		"names out of order":    {fields(one, first, []byte{2}, one, operation(0, signed, 2, 3, 1)), raw(dev[:], name[:], prev[:], after), false},
		"logs out of order":     {fields([]byte{2}, goesOn, goesOn, none, []byte{2}, operation(1, signed, 0), operation(0, signed, 0)), raw(dev[:], prev[:], name[:], prev[:], after, after), false},
		"an unknown log":        {fields(one, first, one, one, operation(1, signed, oneName...)), raw(dev[:], name[:], after), false},
		"an unknown name":       {fields(one, first, one, one, operation(0, signed, 1, 3)), raw(dev[:], name[:], after), false},
		"itself as its parent":  {fields(one, first, one, one, operation(0, signed, 1, 0)), raw(dev[:], name[:], after), false},
		"a parent before all":   {fields(one, first, one, one, operation(0, signed, 2, 1, 2)), raw(dev[:], name[:], after), false},
		"an unknown flag":       {fields(one, first, one, one, operation(0, signed|1<<5, oneName...)), raw(dev[:], name[:], after), false},
		"no team heads":         {fields(one, first, one, one, operation(0, signed|1<<2, 1, 1, 0)), raw(dev[:], name[:], after), false},
		"an empty extension":    {fields(one, first, one, one, operation(0, signed|1<<3, oneName...), none), raw(dev[:], name[:], after), false},
		"a log from seq 0":      {fields(one, make([]byte, 9), one, one, operation(0, signed, oneName...)), raw(dev[:], name[:], after), false},
		"no past":               {fields(one, first, none, one, operation(0, signed, 0)), raw(dev[:], after), false},
		"bytes behind":          {fields(one, first, one, one, operation(0, signed, oneName...), none), raw(dev[:], name[:], after), false},
		"raw bytes behind":      {fields(one, first, one, one, operation(0, signed, oneName...)), raw(dev[:], name[:], after, none), false},
		"raw bytes cut short":   {fields(one, first, one, one, operation(0, signed, oneName...)), raw(dev[:], name[:], after[1:]), false},
		"a number in two bytes": {fields([]byte{0x81, 0}, first, one, one, operation(0, signed, oneName...)), raw(dev[:], name[:], after), false},
	} {
		m, err := wire.ParseBatch(payload(crdt.DocID{9}, 0, b.fields, b.raw))
		if b.ok && err != nil || !b.ok && !errors.Is(err, crdt.ErrFormat) {
			t.Errorf("%s: %v", what, err)
		}
		if err == nil && !bytes.Equal(wire.AppendBatch(nil, m), payload(crdt.DocID{9}, 0, b.fields, b.raw)) {
			t.Errorf("%s is written in another way", what)
		}
	}
}

// What an operation inside the batch can be called by, its distance or its log, it must be called by.
func TestBatchNamesNothingTwice(t *testing.T) {
	recs := conversation(t)
	doc := recs[0].Doc()
	good := wire.AppendBatch(nil, &wire.Batch{Doc: doc, Number: 1, Records: recs[1:3]})
	m, err := wire.ParseBatch(good)
	if err != nil || len(m.Records) != 2 {
		t.Fatalf("ParseBatch: %v", err)
	}
	opFields := func(rec *crdt.Record, log byte, wallDiff int64, parents, team []byte) []byte {
		flags := byte(1)
		if len(team) > 0 {
			flags |= 1 << 2
		}
		b := binary.AppendVarint([]byte{log, flags}, wallDiff)
		b = append(append(append(b, 70), parents...), team...)
		return append(append(b, byte(len(rec.Body))), rec.Body...)
	}
	rawOf := func(rec *crdt.Record) []byte { return slices.Concat(rec.Salt[:], rec.Sig[:]) }
	epoch := binary.BigEndian.AppendUint64(nil, 7)
	dev, parent, team := recs[1].Op.Dot.Device, recs[1].Op.Parents[0], recs[1].Op.Team[0]
	one := opFields(recs[1], 0, recs[1].Op.WallMS, []byte{1, 1}, []byte{1, 1})
	diff := recs[2].Op.WallMS - recs[1].Op.WallMS
	same := payload(doc, 0,
		slices.Concat([]byte{1}, epoch, []byte{1}, []byte{2}, []byte{2}, one, opFields(recs[2], 0, diff, []byte{0}, nil)),
		slices.Concat(dev[:], parent[:], team[:], rawOf(recs[1]), rawOf(recs[2])))
	if !bytes.Equal(same, good) {
		t.Fatalf("the test does not know the format:\n%x\n%x", same, good)
	}
	newLog := payload(doc, 0,
		slices.Concat([]byte{2}, epoch, []byte{1}, epoch, []byte{2}, []byte{2}, []byte{2}, one, opFields(recs[2], 1, diff, []byte{0}, nil)),
		slices.Concat(dev[:], dev[:], recs[1].Hash[:], parent[:], team[:], rawOf(recs[1]), rawOf(recs[2])))
	found := recs[0]
	founding := slices.Concat([]byte{0, 1 | 1<<2 | 1<<4}, binary.AppendVarint(nil, found.Op.WallMS), []byte{64, 0, 1, 0, byte(len(found.Body))}, found.Body)
	named := payload(doc, 0,
		slices.Concat([]byte{2}, binary.BigEndian.AppendUint64(nil, 0x0102), []byte{1}, epoch, []byte{1}, []byte{2}, []byte{2},
			founding, opFields(recs[1], 1, recs[1].Op.WallMS-found.Op.WallMS, []byte{1, 1<<1 | 1}, []byte{1, 0})),
		slices.Concat(found.Op.Dot.Device[:], dev[:], team[:], found.Hash[:], rawOf(found), rawOf(recs[1])))
	for what, b := range map[string][]byte{"a log begun again": newLog, "a name for an operation of the batch": named} {
		if _, err := wire.ParseBatch(b); !errors.Is(err, crdt.ErrFormat) || !strings.Contains(err.Error(), "given") {
			t.Errorf("%s: %v, want it refused for that", what, err)
		}
	}
}
