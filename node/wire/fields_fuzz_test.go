package wire_test

import (
	"errors"
	"testing"

	"muster/crdt"
	"muster/node/wire"
)

// allocNoiseBytes is what the test's own machinery may allocate meanwhile.
const allocNoiseBytes = 64 << 10

// FuzzBatchFields gets behind the lengths of a batch: whatever its fields and raw bytes are, it is read or refused for its
// form, has one written form, and takes memory in proportion to what it holds and to the operations it may hold.
func FuzzBatchFields(f *testing.F) {
	f.Add([]byte{0, 0, 0}, []byte{}, uint8(0))
	f.Add(append([]byte{1, 0, 0, 0, 0, 0, 0, 0, 9, 1, 0, 1}, operation(0, 1, 0, 0)...), make([]byte, 32+16+64), uint8(0))
	f.Add([]byte{0x28, 0xb5, 0x2f, 0xfd}, make([]byte, 64), uint8(1))
	f.Fuzz(func(t *testing.T, fields, raw []byte, packing uint8) {
		b := payload(crdt.DocID{}, packing&1, fields, raw)
		var m *wire.Batch
		var err error
		got := allocated(func() { m, err = wire.ParseBatch(b) })
		if limit := uint64(allocFactor*len(b) + allocNoiseBytes); packing&1 == 0 && got > limit+uint64(allocOperationBytes*len(fields)/6) || got > allocBatchBytes {
			t.Fatalf("%d bytes allocate %d", len(b), got)
		}
		if err != nil {
			if !errors.Is(err, crdt.ErrFormat) {
				t.Fatalf("refused with %v", err)
			}
			return
		}
		checkCanonical(t, wire.Append(nil, m))
	})
}
