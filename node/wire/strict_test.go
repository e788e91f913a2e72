package wire_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"slices"
	"testing"

	"muster/crdt"
	"muster/node/wire"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"
)

// frontiers draws frontiers in order.
func frontiers() *rapid.Generator[crdt.Frontier] {
	return rapid.Custom(func(t *rapid.T) crdt.Frontier {
		var f crdt.Frontier
		for range rapid.IntRange(0, 4).Draw(t, "tips") {
			f = append(f, crdt.Tip{
				Log:  crdt.LogID{Device: deviceN(rapid.IntRange(0, 3).Draw(t, "device")), Epoch: rapid.Uint64().Draw(t, "epoch")},
				Seq:  rapid.Uint64().Draw(t, "seq"),
				Hash: crdt.Hash{byte(rapid.IntRange(1, 3).Draw(t, "hash"))},
			})
		}
		slices.SortFunc(f, crdt.Tip.Compare)
		return slices.Compact(f)
	})
}

// docIDs draws document names, ascending.
func docIDs() *rapid.Generator[[]crdt.DocID] {
	return rapid.Custom(func(t *rapid.T) []crdt.DocID {
		var ids []crdt.DocID
		for _, b := range rapid.SliceOfDistinct(rapid.Byte(), rapid.ID[byte]).Draw(t, "docs") {
			ids = append(ids, crdt.DocID{b, 1})
		}
		slices.SortFunc(ids, crdt.DocID.Compare)
		return ids[:min(len(ids), 6)]
	})
}

// control draws every message but a batch, in the forms that nodes send.
func control() *rapid.Generator[wire.Message] {
	ids, fronts := docIDs(), frontiers()
	number := rapid.Uint64()
	docFrontiers := func(t *rapid.T) []wire.DocFrontier {
		var out []wire.DocFrontier
		for _, id := range ids.Draw(t, "docs") {
			out = append(out, wire.DocFrontier{Doc: id, Frontier: fronts.Draw(t, "frontier")})
		}
		return out
	}
	indexes := func(t *rapid.T) []byte {
		b := rapid.SliceOfNDistinct(rapid.Byte(), 0, 5, rapid.ID[byte]).Draw(t, "indexes")
		slices.Sort(b)
		return b
	}
	return rapid.Custom(func(t *rapid.T) wire.Message {
		switch rapid.IntRange(0, 8).Draw(t, "type") {
		case 0:
			return &wire.Hello{
				Lowest: number.Draw(t, "lowest"), Highest: number.Draw(t, "highest"), Team: crdt.DocID{1, 2},
				WallMS:  rapid.Int64Range(0, crdt.MaxWallMS).Draw(t, "wall"),
				Program: string(rapid.SliceOfN(rapid.Byte(), 0, 100).Draw(t, "program")),
			}
		case 1:
			return &wire.Root{Digest: hashOf(rapid.Byte().Draw(t, "digest"))}
		case 2:
			m := &wire.Buckets{}
			for _, i := range indexes(t) {
				m.Buckets = append(m.Buckets, wire.Bucket{Index: i, Digest: hashOf(i)})
			}
			return m
		case 3:
			m := &wire.Docs{Covers: indexes(t)}
			for _, id := range ids.Draw(t, "docs") {
				m.Docs = append(m.Docs, wire.DocState{Doc: id, Digest: hashOf(id[0]), Operations: number.Draw(t, "operations")})
			}
			return m
		case 4:
			return &wire.Frontiers{Answer: rapid.Bool().Draw(t, "answer"), Docs: docFrontiers(t)}
		case 5:
			return &wire.Have{Batches: number.Draw(t, "batches"), Docs: docFrontiers(t)}
		case 6:
			m := &wire.NeedBodies{Doc: crdt.DocID{3}}
			for _, i := range indexes(t) {
				m.Ops = append(m.Ops, hashOf(i))
			}
			return m
		case 7:
			m := &wire.Bodies{Doc: crdt.DocID{4}}
			for _, i := range indexes(t) {
				m.Bodies = append(m.Bodies, wire.Body{Op: hashOf(i), Body: rapid.SliceOfN(rapid.Byte(), 0, 20).Draw(t, "body")})
			}
			return m
		}
		return &wire.Offer{Operations: number.Draw(t, "operations"), Bytes: number.Draw(t, "bytes")}
	})
}

// What was written reads back as it was; any beginning of it, and anything longer, is refused; and nothing that is one
// byte away from it is a second encoding of anything.
func TestEveryMessageHasOneFrame(t *testing.T) {
	controls, batched := control(), batches(4)
	rapid.Check(t, func(t *rapid.T) {
		m := controls.Draw(t, "message")
		if rapid.IntRange(0, 3).Draw(t, "batch") == 0 {
			m = batched.Draw(t, "batch")
		}
		b := wire.Append(nil, m)
		got, err := wire.Parse(b)
		if diff := cmp.Diff(m, got, cmpopts.EquateEmpty()); err != nil || diff != "" {
			t.Fatalf("does not read back: %v (-want +got):\n%s", err, diff)
		}
		for i := range b {
			if _, err := wire.Parse(b[:i]); err == nil {
				t.Fatalf("%x: its first %d bytes are accepted", b, i)
			}
		}
		if _, err := wire.Parse(append(slices.Clip(b), rapid.Byte().Draw(t, "extra"))); err == nil {
			t.Fatalf("%x is accepted with a byte behind it", b)
		}
		bit := byte(1) << rapid.IntRange(0, 7).Draw(t, "bit")
		for i := range b {
			flipped := bytes.Clone(b)
			flipped[i] ^= bit
			checkCanonical(t, flipped)
			checkCanonical(t, slices.Delete(bytes.Clone(b), i, i+1))
			if b[i] < 0x80 { // were this byte the end of a varint, this would be the same number in another byte
				checkCanonical(t, slices.Replace(bytes.Clone(b), i, i+1, b[i]|0x80, 0))
			}
		}
	})
}

// checkCanonical reports a frame that is read and then written in another way. Two parts of frames have more than one
// form: fields of later versions behind a Hello, and what zstd makes of a batch. They are compared as read again.
func checkCanonical(t fataler, b []byte) {
	t.Helper()
	m, err := wire.Parse(b)
	if err != nil {
		if !errors.Is(err, crdt.ErrFormat) && !errors.Is(err, wire.ErrUnknown) {
			t.Fatalf("%x is refused with %v", b, err)
		}
		return
	}
	again := wire.Append(nil, m)
	if bytes.Equal(again, b) {
		return
	}
	switch m.(type) {
	case *wire.Hello, *wire.Batch:
	default:
		t.Fatalf("%T: %x is accepted and is written as %x", m, b, again)
	}
	if batch, ok := m.(*wire.Batch); ok && !packed(b) && !packed(again) {
		t.Fatalf("%d operations: %x is accepted and is written as %x", len(batch.Records), b, again)
	}
	got, err := wire.Parse(again)
	if diff := cmp.Diff(m, got, cmpopts.EquateEmpty()); err != nil || diff != "" {
		t.Fatalf("%x is written as what reads differently: %v\n%s", b, err, diff)
	}
}

// packed reports whether the fields of a Batch frame are packed.
func packed(frame []byte) bool {
	_, n := binary.Uvarint(frame[1+32:])
	return frame[1+32+n] != 0
}

// Bytes that are no message are refused, and which of the two kinds of refusal it is decides whether the connection goes on.
func TestParseRefuses(t *testing.T) {
	unknown := func(err error) bool { return errors.Is(err, wire.ErrUnknown) && !errors.Is(err, crdt.ErrFormat) }
	malformed := func(err error) bool { return errors.Is(err, crdt.ErrFormat) && !errors.Is(err, wire.ErrUnknown) }
	hello := wire.Append(nil, &wire.Hello{Lowest: 1, Highest: 1})
	two := slices.Concat([]byte{2}, slices.Repeat([]byte{5}, 33), slices.Repeat([]byte{5}, 33))
	for name, c := range map[string]struct {
		frame []byte
		want  func(error) bool
	}{
		"nothing":                {nil, malformed},
		"type zero":              {[]byte{0}, unknown},
		"a type of the future":   {[]byte{0x7f, 1, 2, 3}, unknown},
		"another protocol":       {bytes.Replace(hello, []byte("muster"), []byte("master"), 1), malformed},
		"a program name of 129":  {wire.Append(nil, &wire.Hello{Program: string(make([]byte, 129))}), malformed},
		"a flag of two":          {[]byte{0x05, 2, 0}, malformed},
		"a bucket twice":         {append([]byte{0x03}, two...), malformed},
		"a bucket covered twice": {[]byte{0x04, 2, 7, 7, 0}, malformed},
		"a document twice":       {wire.Append(nil, &wire.Have{Docs: make([]wire.DocFrontier, 2)}), malformed},
		"a document state twice": {wire.Append(nil, &wire.Docs{Docs: make([]wire.DocState, 2)}), malformed},
		"a packing of the future": {
			slices.Concat([]byte{0x06}, make([]byte, 32), []byte{0, 2, 0, 0}), malformed,
		},
		"packed with something else": {
			slices.Concat([]byte{0x06}, make([]byte, 32), []byte{0, 1, 4}, []byte("gzip"), []byte{0}), malformed,
		},
		"too many bytes":            {append([]byte{0x05}, make([]byte, wire.MaxControlBytes)...), malformed},
		"too many bytes in a batch": {append([]byte{0x06}, make([]byte, wire.MaxBatchBytes)...), malformed},
	} {
		if m, err := wire.Parse(c.frame); !c.want(err) {
			t.Errorf("%s: %v, %v", name, m, err)
		}
	}
}

// What a later version adds behind a Hello is passed over, so that two versions can tell each other which they speak.
func TestHelloOfALaterVersion(t *testing.T) {
	want := &wire.Hello{Lowest: 2, Highest: 9, Program: "muster 9"}
	b := wire.Append(nil, want)
	b = append(b[:len(b)-1], 3, 'n', 'e', 'w')
	got, err := wire.Parse(b)
	if diff := cmp.Diff(wire.Message(want), got); err != nil || diff != "" {
		t.Errorf("%v\n%s", err, diff)
	}
}

// Two nodes use the highest version both speak, whichever of them asks.
func TestAgree(t *testing.T) {
	for _, c := range []struct {
		a, b wire.Hello
		want uint64 // 0: none
	}{
		{wire.Hello{Lowest: 1, Highest: 1}, wire.Hello{Lowest: 1, Highest: 1}, 1},
		{wire.Hello{Lowest: 1, Highest: 3}, wire.Hello{Lowest: 2, Highest: 9}, 3},
		{wire.Hello{Lowest: 1, Highest: 1}, wire.Hello{Lowest: 2, Highest: 2}, 0},
		{wire.Hello{}, wire.Hello{}, 0},
	} {
		for range 2 {
			if got, err := wire.Agree(&c.a, &c.b); got != c.want || (err == nil) != (c.want > 0) {
				t.Errorf("Agree(%v, %v) = %d, %v; want %d", c.a, c.b, got, err, c.want)
			}
			c.a, c.b = c.b, c.a
		}
	}
}
