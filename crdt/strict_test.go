package crdt_test

import (
	"bytes"
	"encoding/binary"
	"math"
	"slices"
	"testing"

	"muster/crdt"

	"pgregory.net/rapid"
)

// hashSets draws up to n different hashes in ascending order.
func hashSets(n int) *rapid.Generator[[]crdt.Hash] {
	return rapid.Custom(func(t *rapid.T) []crdt.Hash {
		var hs []crdt.Hash
		for _, v := range rapid.SliceOfNDistinct(rapid.Uint32Min(1), 0, n, rapid.ID[uint32]).Draw(t, "hashes") {
			hs = append(hs, crdt.Hash(binary.BigEndian.AppendUint32(make([]byte, 28), v)))
		}
		slices.SortFunc(hs, crdt.Hash.Compare)
		return hs
	})
}

// records draws valid records of every shape, most of them small.
func records() *rapid.Generator[*crdt.Record] {
	return rapid.Custom(func(t *rapid.T) *crdt.Record {
		op := crdt.Op{
			Dot:    crdt.Dot{Epoch: rapid.Uint64().Draw(t, "epoch"), Seq: 1},
			WallMS: rapid.Int64Range(0, crdt.MaxWallMS).Draw(t, "wall"),
			Kind:   crdt.Kind(rapid.Uint32Min(1).Draw(t, "kind")),
			Team:   hashSets(3).Draw(t, "team"),
			Ext:    rapid.SliceOfN(rapid.Byte(), 0, 5).Draw(t, "ext"),
		}
		if rapid.IntRange(0, 5).Draw(t, "founds") > 0 {
			op.Doc = crdt.DocID{1, 2, 3}
			op.Parents = hashSets(3).Draw(t, "parents")
			if len(op.Parents) == 0 || rapid.Bool().Draw(t, "goes on") {
				op.Prev, op.Dot.Seq = crdt.Hash{4, 5, 6}, rapid.Uint64Min(2).Draw(t, "seq")
			}
		}
		salt := [crdt.SaltBytes]byte(rapid.SliceOfN(rapid.Byte(), crdt.SaltBytes, crdt.SaltBytes).Draw(t, "salt"))
		body := rapid.SliceOfN(rapid.Byte(), 0, 40).Draw(t, "body")
		rec, err := crdt.Seal(op, salt, body, hashSigner(deviceN(1)))
		if err != nil {
			t.Fatalf("Seal: %v", err)
		}
		if rapid.Bool().Draw(t, "erased") {
			rec = rec.WithoutBody()
		}
		if rapid.Bool().Draw(t, "unsigned") {
			kept := *rec
			kept.Sig = nil
			rec = &kept
		}
		return rec
	})
}

// frontiers draws frontiers in order.
func frontiers() *rapid.Generator[crdt.Frontier] {
	return rapid.Custom(func(t *rapid.T) crdt.Frontier {
		var f crdt.Frontier
		for range rapid.IntRange(0, 5).Draw(t, "tips") {
			f = append(f, crdt.Tip{
				Log:  crdt.LogID{Device: deviceN(rapid.IntRange(0, 3).Draw(t, "device")), Epoch: rapid.Uint64().Draw(t, "epoch")},
				Seq:  rapid.Uint64().Draw(t, "seq"),
				Hash: crdt.SumHash(rapid.SliceOfN(rapid.Byte(), 1, 4).Draw(t, "hash")),
			})
		}
		slices.SortFunc(f, crdt.Tip.Compare)
		return slices.CompactFunc(f, func(a, b crdt.Tip) bool { return a == b })
	})
}

// The three readers under test: each decodes b and encodes the result again.
func recodeHeader(b []byte) ([]byte, error) {
	op, err := crdt.ParseHeader(b)
	return op.AppendHeader(nil), err
}

func recodeRecord(b []byte) ([]byte, error) {
	rec, err := crdt.ParseRecord(b)
	if err != nil {
		return nil, err
	}
	return crdt.AppendRecord(nil, rec), nil
}

func recodeFrontier(b []byte) ([]byte, error) {
	r := crdt.NewReader(b)
	f := crdt.ReadFrontier(r)
	return crdt.AppendFrontier(nil, f), r.Close()
}

// What was written reads back as it was; any beginning of it, and anything longer, is refused; and nothing else that is one
// byte away from it, not even a number written in more bytes than it needs, reads as a second encoding of anything.
func TestEveryValueHasOneEncoding(t *testing.T) {
	recs, fronts := records(), frontiers()
	rapid.Check(t, func(t *rapid.T) {
		rec := recs.Draw(t, "record")
		checkStrict(t, "header", rec.Op.AppendHeader(nil), recodeHeader)
		checkStrict(t, "record", crdt.AppendRecord(nil, rec), recodeRecord)
		checkStrict(t, "frontier", crdt.AppendFrontier(nil, fronts.Draw(t, "frontier")), recodeFrontier)
	})
}

func checkStrict(t *rapid.T, what string, b []byte, recode func([]byte) ([]byte, error)) {
	t.Helper()
	again, err := recode(b)
	if err != nil || !bytes.Equal(again, b) {
		t.Fatalf("%s %x reads back as %x, %v", what, b, again, err)
	}
	for i := range b {
		if _, err := recode(b[:i]); err == nil {
			t.Fatalf("%s %x: its first %d bytes are accepted", what, b, i)
		}
	}
	extra := rapid.Byte().Draw(t, "extra")
	if _, err := recode(append(slices.Clip(b), extra)); err == nil {
		t.Fatalf("%s %x: accepted with %#x behind it", what, b, extra)
	}
	canonical := func(change string, i int, b []byte) {
		if again, err := recode(b); err == nil && !bytes.Equal(again, b) {
			t.Fatalf("%s, %s at %d: %x is accepted and is written as %x", what, change, i, b, again)
		}
	}
	bit := byte(1) << rapid.IntRange(0, 7).Draw(t, "bit")
	for i := range b {
		canonical("start gone", i, b[i+1:])
		flipped := bytes.Clone(b)
		flipped[i] ^= bit
		canonical("bit flipped", i, flipped)
		if b[i] < 0x80 { // were this byte the end of a varint, these would be the same number in more bytes
			canonical("longer varint", i, slices.Replace(bytes.Clone(b), i, i+1, b[i]|0x80, 0))
			canonical("much longer varint", i, slices.Replace(bytes.Clone(b), i, i+1, b[i]|0x80, 0x80, 0x80, 0))
		}
		canonical("byte gone", i, slices.Delete(bytes.Clone(b), i, i+1))
		canonical("byte doubled", i, slices.Insert(bytes.Clone(b), i, b[i]))
	}
}

// A reader takes a number in its shortest form only, and says so for every number of bytes too many.
func TestReaderRefusesLongVarints(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v := rapid.Uint64().Draw(t, "v")
		b := binary.AppendUvarint(nil, v)
		if r := crdt.NewReader(b); r.Uvarint() != v || r.Close() != nil {
			t.Fatalf("%d does not read back: %v", v, r.Err())
		}
		z := rapid.Int64().Draw(t, "z")
		if r := crdt.NewReader(binary.AppendVarint(nil, z)); r.Varint() != z || r.Close() != nil {
			t.Fatalf("%d does not read back: %v", z, r.Err())
		}
		for len(b) < binary.MaxVarintLen64+2 {
			b[len(b)-1] |= 0x80
			b = append(b, 0)
			if r := crdt.NewReader(b); r.Uvarint() != 0 || r.Err() == nil {
				t.Fatalf("%x is read as a number", b)
			}
		}
	})
	for _, b := range [][]byte{nil, {0x80}, bytes.Repeat([]byte{0xff}, 10), bytes.Repeat([]byte{0x80}, 100)} {
		if r := crdt.NewReader(b); r.Uvarint() != 0 || r.Err() == nil {
			t.Errorf("%x is read as a number", b)
		}
	}
}

// After its first error a reader gives zero values, keeps the error, and consumes nothing more.
func TestReaderKeepsItsFirstError(t *testing.T) {
	r := crdt.NewReader([]byte{1, 2, 3})
	r.Fail("first")
	err := r.Err()
	r.Fail("second")
	if r.Byte() != 0 || r.Uint64() != 0 || r.Uvarint() != 0 || r.Uvarint32() != 0 || r.Varint() != 0 || r.Count(9, 1) != 0 ||
		r.Hash() != (crdt.Hash{}) || r.Hashes(9) != nil || r.Bytes(9) != nil || r.Take(1) != nil {
		t.Error("a failed reader still reads")
	}
	if r.Err() != err || r.Close() != err || r.Len() != 3 {
		t.Errorf("a failed reader has error %v and %d bytes, want %v and 3", r.Err(), r.Len(), err)
	}
}

// A count is checked against its limit and against the bytes that are left, before anything is made of it.
func TestReaderBoundsCounts(t *testing.T) {
	count := func(v uint64, rest, limit, itemBytes int) error {
		r := crdt.NewReader(append(binary.AppendUvarint(nil, v), make([]byte, rest)...))
		if n := r.Count(limit, itemBytes); r.Err() == nil && uint64(n) != v {
			t.Errorf("Count = %d, want %d", n, v)
		}
		return r.Err()
	}
	for _, ok := range []error{count(4, 128, 4, 32), count(0, 0, 0, 32), count(200, 200, 1000, 1)} {
		if ok != nil {
			t.Errorf("a count within its bounds is refused: %v", ok)
		}
	}
	for name, err := range map[string]error{
		"over its limit":      count(5, 1000, 4, 32),
		"over what is left":   count(4, 127, 4, 32),
		"over every number":   count(math.MaxUint64, 10, math.MaxInt, 1),
		"over 32-bit numbers": count(1<<33, 10, 1<<32, 1),
	} {
		if err == nil {
			t.Errorf("a count %s is accepted", name)
		}
	}
	if r := crdt.NewReader(binary.AppendUvarint(nil, 1<<32)); r.Uvarint32() != 0 || r.Err() == nil {
		t.Error("a number of 33 bits is read as one of 32")
	}
	if r := crdt.NewReader(make([]byte, 4)); r.Take(-1) != nil || r.Err() == nil {
		t.Error("Take(-1) gives something")
	}
}
