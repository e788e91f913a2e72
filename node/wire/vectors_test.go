package wire_test

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"testing"

	"muster/crdt"
	"muster/node/wire"

	"github.com/cockroachdb/datadriven"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// hashOf returns a hash of 32 equal bytes, which a reader of the vectors finds again.
func hashOf(b byte) crdt.Hash { return crdt.Hash(bytes.Repeat([]byte{b}, 32)) }

// conversation returns operations of two fixed keys: a founding, a log of three by the second device, an operation of
// the first that has seen them and cites the team, and a fork of the second device's log.
func conversation(t fataler) []*crdt.Record {
	ann, bob := crdt.Ed25519Signer(fixedKey(1)), crdt.Ed25519Signer(fixedKey(2))
	found := seal(t, crdt.Op{Dot: crdt.Dot{Epoch: 0x0102, Seq: 1}, WallMS: 1_700_000_000_000, Kind: 64, Team: []crdt.Hash{hashOf(0xee)}}, 1, []byte("\xa1\x01\x64disk"), ann)
	recs := []*crdt.Record{found}
	add := func(op crdt.Op, body string, s crdt.Signer) {
		op.Doc, op.Kind = found.Doc(), 70
		recs = append(recs, seal(t, op, byte(1+len(recs)), []byte(body), s))
	}
	add(crdt.Op{Dot: crdt.Dot{Epoch: 7, Seq: 1}, Parents: sortedHashes(found), WallMS: 1_700_000_000_500, Team: []crdt.Hash{hashOf(0xee)}}, "one", bob)
	add(crdt.Op{Dot: crdt.Dot{Epoch: 7, Seq: 2}, Prev: recs[1].Hash, WallMS: 1_700_000_000_400}, "two", bob)
	add(crdt.Op{Dot: crdt.Dot{Epoch: 7, Seq: 3}, Prev: recs[2].Hash, WallMS: 1_700_000_000_600, Ext: []byte{9}}, "three", bob)
	add(crdt.Op{Dot: crdt.Dot{Epoch: 0x0102, Seq: 2}, Prev: found.Hash, Parents: sortedHashes(recs[3]), WallMS: 1_700_000_001_000, Team: []crdt.Hash{hashOf(0xef)}}, "four", ann)
	add(crdt.Op{Dot: crdt.Dot{Epoch: 7, Seq: 3}, Prev: recs[2].Hash, WallMS: 1_700_000_002_000}, "other three", bob)
	return recs
}

// messages are what testdata/frames pins. A change there is a change of the protocol, which needs a new version.
func messages(t fataler) map[string]wire.Message {
	recs := conversation(t)
	doc := recs[0].Doc()
	g := crdt.NewGraph(doc)
	for _, rec := range recs {
		if _, err := g.Add(rec); err != nil {
			t.Fatalf("Add: %v", err)
		}
	}
	erased := slices.Clone(recs)
	erased[2] = recs[2].WithoutBody()
	long := slices.Clone(recs)
	long[1] = seal(t, recs[1].Op, 1, bytes.Repeat([]byte("restart lb2 "), 40), crdt.Ed25519Signer(fixedKey(2)))
	two := []wire.DocFrontier{{Doc: crdt.DocID(hashOf(1))}, {Doc: doc, Frontier: g.Frontier()}}
	if doc.Compare(two[0].Doc) < 0 {
		slices.Reverse(two)
	}
	return map[string]wire.Message{
		"hello":         &wire.Hello{Lowest: 1, Highest: 300, Team: crdt.DocID(hashOf(1)), WallMS: 1_700_000_000_000, Program: "muster 1.0"},
		"root":          &wire.Root{Digest: hashOf(2)},
		"buckets":       &wire.Buckets{Buckets: []wire.Bucket{{Index: 0, Digest: hashOf(3)}, {Index: 255, Digest: hashOf(4)}}},
		"no-buckets":    &wire.Buckets{},
		"docs":          &wire.Docs{Docs: []wire.DocState{{Doc: crdt.DocID(hashOf(1)), Digest: hashOf(2), Operations: 300}}},
		"docs-of-three": &wire.Docs{Covers: []byte{1, 2, 255}, Docs: []wire.DocState{{Doc: crdt.DocID(hashOf(1)), Digest: hashOf(2)}, {Doc: crdt.DocID(hashOf(2)), Digest: hashOf(3), Operations: 1}}},
		"frontiers":     &wire.Frontiers{Docs: two},
		"answer":        &wire.Frontiers{Answer: true, Docs: two[:1]},
		"have":          &wire.Have{Batches: 300, Docs: two},
		"have-none":     &wire.Have{},
		"offer":         &wire.Offer{Operations: 20_000, Bytes: 1 << 33},
		"need-bodies":   &wire.NeedBodies{Doc: doc, Ops: []crdt.Hash{hashOf(1), hashOf(2)}},
		"bodies":        &wire.Bodies{Doc: doc, Bodies: []wire.Body{{Op: hashOf(1), Salt: [crdt.SaltBytes]byte{7}, Body: []byte("one")}, {Op: hashOf(2)}}},
		"push":          &wire.Batch{Doc: doc, Records: recs[4:5]},
		"founding":      &wire.Batch{Doc: doc, Records: recs[:1]},
		"run":           &wire.Batch{Doc: doc, Number: 3, Records: vouched(recs[1:4])},
		"all":           &wire.Batch{Doc: doc, Number: 300, Records: vouched(recs)},
		"erased":        &wire.Batch{Doc: doc, Number: 1, Records: vouched(erased)},
		"packed":        &wire.Batch{Doc: doc, Number: 1, Records: long[:2]},
	}
}

// testdata/frames holds every kind of frame as bytes. What is written must be those bytes, except that another version of
// zstd may pack better; what is read from them must be the message.
func TestFrameVectors(t *testing.T) {
	made := messages(t)
	used := map[string]bool{}
	datadriven.RunTest(t, "testdata/frames", func(t *testing.T, d *datadriven.TestData) string {
		want, ok := made[d.Cmd]
		if !ok {
			t.Fatalf("no message %q", d.Cmd)
		}
		used[d.Cmd] = true
		frame := wire.Append(nil, want)
		if d.Cmd == "packed" && !d.Rewrite {
			frame = fromHex(t, d.Expected)
		}
		got, err := wire.Parse(frame)
		if err != nil {
			t.Fatalf("Parse: %v", err)
		}
		if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("does not read back (-want +got):\n%s", diff)
		}
		if b, ok := got.(*wire.Batch); ok && !b.Verify(crdt.VerifyEd25519) {
			t.Error("a signature is bad")
		}
		return toHex(frame)
	})
	for name := range made {
		if !used[name] {
			t.Errorf("no vector of %q", name)
		}
	}
}

// toHex returns b in lines of 32 bytes.
func toHex(b []byte) string {
	var s strings.Builder
	for chunk := range slices.Chunk(b, 32) {
		fmt.Fprintf(&s, "%x\n", chunk)
	}
	return s.String()
}

func fromHex(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, "\n", ""))
	if err != nil {
		t.Fatalf("not hexadecimal: %v", err)
	}
	return b
}

// The digest that ends most conversations fits any datagram.
func TestRootIsUnder100Bytes(t *testing.T) {
	if n := len(wire.Append(nil, &wire.Root{Digest: hashOf(1)})); n >= 100 {
		t.Errorf("a Root takes %d bytes", n)
	}
}

// All buckets, and as many documents as one frame may name, fit a control frame.
func TestLargestControlFramesFit(t *testing.T) {
	buckets, docs := &wire.Buckets{}, &wire.Docs{}
	for i := range 256 {
		buckets.Buckets = append(buckets.Buckets, wire.Bucket{Index: byte(i), Digest: hashOf(1)})
		docs.Covers = append(docs.Covers, byte(i))
	}
	for i := range wire.MaxDocs {
		docs.Docs = append(docs.Docs, wire.DocState{Doc: crdt.DocID{byte(i >> 8), byte(i)}, Operations: 1 << 62})
	}
	for _, m := range []wire.Message{buckets, docs} {
		if _, err := wire.Parse(wire.Append(nil, m)); err != nil {
			t.Errorf("%T: %v", m, err)
		}
	}
	if n := len(wire.Append(nil, buckets)); n > 8704 {
		t.Errorf("all buckets take %d bytes, documented are 8.5 KB", n)
	}
}
