package wire_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"muster/crdt"
	"muster/node/wire"

	"github.com/klauspost/compress/zstd"
)

// talk returns n operations of ten devices that write in turn, each having seen what the others wrote a moment before,
// as a transfer sends them, and what of them is information: salts and bodies.
func talk(b *testing.B, n int) (batch *wire.Batch, payload []byte) {
	b.Helper()
	const devices = 10
	rng := rand.New(rand.NewPCG(1, 2))
	lexicon := [...]string{"db1", "lag", "lb2", "drained", "restart", "edge", "is", "slow", "again", "failover", "page", "checking"}
	recs := make([]*crdt.Record, 0, n)
	last := make([]*crdt.Record, devices) // device -> its last operation
	for i := range n {
		d := i % devices
		op := crdt.Op{Dot: crdt.Dot{Epoch: uint64(d) << 50, Seq: 1}, WallMS: 1_700_000_000_000 + int64(i)*700 + rng.Int64N(500), Kind: 64 + crdt.Kind(rng.IntN(20))}
		if i > 0 {
			op.Doc = recs[0].Doc()
			if last[d] != nil {
				op.Dot.Seq, op.Prev = last[d].Op.Dot.Seq+1, last[d].Hash
			}
			op.Parents = sortedHashes(recs[max(0, i-1-rng.IntN(2))])
			if op.Parents[0] == op.Prev {
				op.Parents = nil
			}
		}
		if op.Prev.IsZero() {
			op.Team = []crdt.Hash{hashOf(1)}
		}
		text := ""
		for range 4 + rng.IntN(6) {
			text += fmt.Sprintf("%s %d ", lexicon[rng.IntN(len(lexicon))], rng.IntN(100))
		}
		var salt [crdt.SaltBytes]byte
		for i := range salt {
			salt[i] = byte(rng.Uint32())
		}
		body := crdt.EncodeBody(map[int]any{1: text, 3: rng.IntN(5)})
		rec, err := crdt.Seal(op, salt, body, hashSigner(deviceN(d)))
		if err != nil {
			b.Fatal(err)
		}
		recs, last[d] = append(recs, rec), rec
		payload = append(append(payload, salt[:]...), body...)
	}
	return &wire.Batch{Doc: recs[0].Doc(), Number: 1, Records: vouched(recs)}, payload
}

// BenchmarkBatch1000 writes and reads what a peer that was away for a while lacks. The ratio is of its bytes to those of the
// same salts and bodies under zstd alone; the aim is 1.2.
func BenchmarkBatch1000(b *testing.B) {
	batch, payload := talk(b, 1000)
	enc, err := zstd.NewWriter(nil)
	if err != nil {
		b.Fatal(err)
	}
	frame := wire.Append(nil, batch)
	ratio := float64(len(frame)) / float64(len(enc.EncodeAll(payload, nil)))
	if ratio > 1.2 {
		b.Errorf("a batch takes %.2f times the payload", ratio)
	}
	report := func(b *testing.B) {
		b.ReportMetric(float64(len(frame))/1000, "wirebytes/operation")
		b.ReportMetric(ratio, "wire/payload")
	}
	b.Run("append", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			wire.Append(nil, batch)
		}
		report(b)
	})
	b.Run("parse", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := wire.Parse(frame); err != nil {
				b.Fatal(err)
			}
		}
		report(b)
	})
}
