package wire

import (
	"fmt"

	"github.com/klauspost/compress/zstd"

	"muster/crdt"
)

// packings
const (
	packedNot  = 0
	packedZstd = 1
)

// packFrom is the size from which compression is tried: below it the header of a zstd frame eats the gain.
const packFrom = 256

// encoder and decoder hold tables, not state: EncodeAll and DecodeAll of one call do not depend on another, and both
// are safe for concurrent use. Concurrency 1 keeps them from starting goroutines.
var encoder, decoder = newEncoder(), newDecoder()

func newEncoder() *zstd.Encoder {
	e, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithEncoderLevel(zstd.SpeedDefault), zstd.WithEncoderCRC(false))
	if err != nil {
		panic("wire: " + err.Error())
	}
	e.EncodeAll(nil, nil) // sets up what is shared now, and not in whoever happens to be first
	return e
}

func newDecoder() *zstd.Decoder {
	d, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(MaxBatchBytes))
	if err != nil {
		panic("wire: " + err.Error())
	}
	return d
}

func pack(b []byte) (packing byte, out []byte) {
	if len(b) < packFrom {
		return packedNot, b
	}
	if z := encoder.EncodeAll(b, nil); len(z) < len(b) {
		return packedZstd, z
	}
	return packedNot, b
}

func unpack(packing byte, b []byte) ([]byte, error) {
	switch packing {
	case packedNot:
		return b, nil
	case packedZstd:
		out, err := decoder.DecodeAll(b, nil)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", crdt.ErrFormat, err)
		}
		return out, nil
	}
	return nil, fmt.Errorf("%w: packing %d", crdt.ErrFormat, packing)
}
