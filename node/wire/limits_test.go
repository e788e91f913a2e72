package wire_test

import (
	"bytes"
	"encoding/binary"
	"runtime"
	"slices"
	"testing"

	"muster/crdt"
	"muster/node/wire"

	"github.com/klauspost/compress/zstd"
)

// Memory for a control frame is in proportion to its bytes. That for a batch is not, because it is packed: it is in
// proportion to what may be unpacked, plus what the greatest number of operations keeps.
const (
	allocFactor         = 8
	allocFixedBytes     = 1 << 10
	allocOperationBytes = 2 << 10 // record, its parents and team heads
	allocBatchBytes     = allocFactor*wire.MaxBatchBytes + wire.MaxBatchOps*allocOperationBytes
)

// allocated returns what one call of f allocates.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

func parseAllocates(frame []byte) uint64 {
	return allocated(func() {
		m, err := wire.Parse(frame)
		runtime.KeepAlive([]any{m, err})
	})
}

// leastParseAllocates returns what parsing a frame that is not packed allocates: the least of many times, for each takes
// as much, and what the runtime takes for itself meanwhile, now and then some kilobytes, is counted too.
func leastParseAllocates(frame []byte) uint64 {
	least := parseAllocates(frame)
	for range 20 {
		least = min(least, parseAllocates(frame))
	}
	return least
}

// No control frame makes the parser allocate out of proportion, whether it holds what it promises or not.
func TestControlFramesAllocateInProportion(t *testing.T) {
	empty := &wire.Have{}
	for i := range wire.MaxDocs {
		empty.Docs = append(empty.Docs, wire.DocFrontier{Doc: crdt.DocID{byte(i >> 8), byte(i)}})
	}
	docs := &wire.Docs{}
	for i := range wire.MaxDocs {
		docs.Docs = append(docs.Docs, wire.DocState{Doc: crdt.DocID{byte(i >> 8), byte(i)}})
	}
	frames := [][]byte{wire.Append(nil, empty), wire.Append(nil, docs), wire.Append(nil, docs)[:100_000]}
	for typ := range byte(9) {
		frames = append(frames, append([]byte{typ}, bytes.Repeat([]byte{0xff}, 64<<10)...), append([]byte{typ}, make([]byte, 64<<10)...),
			binary.AppendUvarint([]byte{typ, 0}, 1<<60), binary.AppendUvarint([]byte{typ}, wire.MaxDocs))
	}
	for _, b := range frames {
		if b[0] == 6 {
			continue
		}
		if got, limit := leastParseAllocates(b), uint64(allocFactor*len(b)+allocFixedBytes); got > limit {
			t.Errorf("frame %#x of %d bytes allocates %d, over %d", b[0], len(b), got, limit)
		}
	}
}

// A batch that unpacks to more than a batch may hold is refused before it is unpacked, however that is hidden: in one zstd
// frame that says so, in one that does not, in many one after the other, in a window out of proportion.
func TestZipBombsAreRefused(t *testing.T) {
	zeros := make([]byte, 64<<20)
	stream := func(window int) []byte { // a writer that does not know how much is to come cannot say it
		var b bytes.Buffer
		enc, err := zstd.NewWriter(&b, zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(window))
		if err != nil {
			t.Fatal(err)
		}
		for chunk := range slices.Chunk(zeros, 1<<20) {
			if _, err := enc.Write(chunk); err != nil {
				t.Fatal(err)
			}
		}
		if err := enc.Close(); err != nil {
			t.Fatal(err)
		}
		return b.Bytes()
	}
	enc, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1))
	if err != nil {
		t.Fatal(err)
	}
	pieces := bytes.Repeat(enc.EncodeAll(zeros[:1<<20], nil), 64)
	for name, b := range map[string][]byte{
		"declared": enc.EncodeAll(zeros, nil), "undeclared": stream(1 << 20), "of a large window": stream(zstd.MaxWindowSize), "in pieces": pieces,
	} {
		frame := append([]byte{0x06}, payload(crdt.DocID{}, 1, b, nil)...)
		got := allocated(func() {
			if _, err := wire.Parse(frame); err == nil {
				t.Errorf("%s: accepted", name)
			}
		})
		t.Logf("%s: %d bytes make it allocate %d KB", name, len(frame), got>>10)
		if got > allocFactor*wire.MaxBatchBytes {
			t.Errorf("%s: %d bytes allocate %d", name, len(frame), got)
		}
	}
}

// The batches that keep the most memory for the least bytes stay within the bound: operations without bodies, alone or
// each with as many parents and team heads as there may be.
func TestWorstBatchesAreBounded(t *testing.T) {
	for name, heads := range map[string]int{"no parents": 0, "all parents": crdt.MaxParents} {
		b := worstBatch(t, heads)
		got := parseAllocates(append([]byte{0x06}, b...))
		t.Logf("%s: %d bytes allocate %d KB", name, len(b), got>>10)
		if got > allocBatchBytes {
			t.Errorf("%s: %d bytes allocate %d, over %d", name, len(b), got, allocBatchBytes)
		}
	}
}

// worstBatch returns a batch of as many operations as there may be in one log, each with that many parents and team heads.
func worstBatch(t fataler, heads int) []byte {
	recs := []*crdt.Record{seal(t, crdt.Op{Dot: crdt.Dot{Seq: 1}, Kind: 64, Team: []crdt.Hash{{1}}}, 0, nil, hashSigner(deviceN(0)))}
	var team []crdt.Hash
	for i := range heads {
		team = append(team, crdt.Hash{1, byte(i)})
	}
	for len(recs) < wire.MaxBatchOps {
		prev := recs[len(recs)-1]
		op := crdt.Op{Doc: recs[0].Doc(), Dot: crdt.Dot{Seq: prev.Op.Dot.Seq + 1}, Prev: prev.Hash, Kind: 64, Team: team}
		if len(recs) > heads {
			op.Parents = sortedHashes(recs[len(recs)-1-heads : len(recs)-1]...)
		}
		recs = append(recs, seal(t, op, 0, nil, hashSigner(deviceN(0))))
	}
	return wire.AppendBatch(nil, &wire.Batch{Doc: recs[0].Doc(), Records: vouched(recs)})
}

// One operation more than a batch may hold, or one log more, is refused.
func TestBatchCountsAreBounded(t *testing.T) {
	for name, fields := range map[string][]byte{
		"operations": append([]byte{0, 0}, append(binary.AppendUvarint(nil, wire.MaxBatchOps+1), make([]byte, 100_000)...)...),
		"logs":       append(binary.AppendUvarint(nil, wire.MaxBatchOps+1), make([]byte, 100_000)...),
		"names":      append([]byte{0}, append(binary.AppendUvarint(nil, 1<<62), make([]byte, 100_000)...)...),
	} {
		b := payload(crdt.DocID{}, 0, fields, make([]byte, 100_000))
		if _, err := wire.ParseBatch(b); err == nil {
			t.Errorf("too many %s: accepted", name)
		}
		if got := leastParseAllocates(append([]byte{0x06}, b...)); got > allocFixedBytes {
			t.Errorf("too many %s: allocates %d bytes before it is refused", name, got)
		}
	}
}
