package crdt_test

import (
	"bytes"
	"encoding/binary"
	"runtime"
	"runtime/debug"
	"testing"

	"muster/crdt"

	"pgregory.net/rapid"
)

// The promise of the decoders: at most allocFactor bytes of memory for a byte of input. allocFixedBytes is for what
// does not grow with it: the record itself, and the words of an error.
const (
	allocFactor     = 8
	allocFixedBytes = 1 << 10
)

// bytesAllocated returns what one call of f allocates, on average. While it counts there is one processor and no garbage
// collection: threads and workers that the runtime starts are memory too, and f is not to blame for them.
func bytesAllocated(f func()) uint64 {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	const calls = 8
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range calls {
		f()
	}
	runtime.ReadMemStats(&after)
	return (after.TotalAlloc - before.TotalAlloc) / calls
}

// decoders is every function that reads a peer's bytes.
var decoders = map[string]func([]byte){
	"ParseHeader":  func(b []byte) { use(crdt.ParseHeader(b)) },
	"ParseRecord":  func(b []byte) { use(crdt.ParseRecord(b)) },
	"CheckBody":    func(b []byte) { use(0, crdt.CheckBody(b)) },
	"ReadFrontier": func(b []byte) { r := crdt.NewReader(b); use(crdt.ReadFrontier(r), r.Close()) },
}

// use keeps what a decoder returned, so that the compiler cannot keep it off the heap.
func use[T any](v T, err error) { runtime.KeepAlive([]any{v, err}) }

func checkAllocation(t fataler, name string, b []byte) {
	t.Helper()
	limit := uint64(allocFactor*len(b) + allocFixedBytes)
	if got := bytesAllocated(func() { decoders[name](b) }); got > limit {
		t.Fatalf("%s allocates %d bytes for %d bytes of input, over %d", name, got, len(b), limit)
	}
}

// No input, well formed or not, makes a decoder allocate out of proportion: counts that promise much and deliver
// nothing, the largest values there are, and those cut short or with a byte changed.
func TestDecodersAllocateInProportion(t *testing.T) {
	full, err := crdt.Seal(fullOp(), [crdt.SaltBytes]byte{}, make([]byte, crdt.MaxBodyBytes), hashSigner(deviceN(1)))
	if err != nil {
		t.Fatalf("Seal: %v", err)
	}
	tips := make(crdt.Frontier, 200)
	for i := range tips {
		tips[i] = crdt.Tip{Log: crdt.LogID{Device: deviceN(1), Epoch: uint64(i)}, Seq: 1}
	}
	promises := binary.AppendUvarint(nil, 1<<60)
	for _, b := range [][]byte{
		nil,
		{1},
		promises, append(binary.AppendUvarint(nil, crdt.MaxTips), 1, 2, 3),
		full.Op.AppendHeader(nil), crdt.AppendRecord(nil, full), crdt.AppendFrontier(nil, tips), crdt.AppendFrontier(nil, tips)[:5000],
		bytes.Repeat([]byte{0x81}, 60<<10), bytes.Repeat([]byte{0xa1, 0x00}, 30<<10), append([]byte{0x99, 4, 0}, make([]byte, 1024)...),
		bytes.Repeat([]byte{0xff}, 64<<10), make([]byte, 64<<10),
	} {
		for name := range decoders {
			checkAllocation(t, name, b)
		}
	}
	recs := records()
	rapid.Check(t, func(t *rapid.T) {
		rec := recs.Draw(t, "record")
		name := rapid.SampledFrom([]string{"ParseHeader", "ParseRecord"}).Draw(t, "decoder")
		b := rec.Op.AppendHeader(nil)
		if name == "ParseRecord" {
			b = crdt.AppendRecord(nil, rec)
		}
		b = bytes.Clone(b[:rapid.IntRange(1, len(b)).Draw(t, "length")])
		b[rapid.IntRange(0, len(b)-1).Draw(t, "at")] = rapid.Byte().Draw(t, "byte")
		checkAllocation(t, name, b)
	})
}

// A body that passes is checked without any allocation, since that is done for every operation that is read.
func TestCheckBodyAllocatesNothing(t *testing.T) {
	b := crdt.EncodeBody(map[int]any{1: "title", 2: []string{"a", "b"}, 3: map[string]int{"x": 1, "y": 2}})
	if n := testing.AllocsPerRun(100, func() {
		if err := crdt.CheckBody(b); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("CheckBody makes %v allocations, want none", n)
	}
}
