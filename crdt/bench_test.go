package crdt_test

import (
	"fmt"
	"slices"
	"testing"

	"muster/crdt"
)

func benchOp() crdt.Op {
	return crdt.Op{
		Doc: crdt.DocID{1}, Dot: crdt.Dot{Epoch: 1 << 60, Seq: 1000}, Prev: crdt.Hash{1}, Parents: manyHashes(1),
		WallMS: 1700000000000, Kind: 64,
	}
}

func BenchmarkSeal(b *testing.B) {
	s, body := crdt.Ed25519Signer(fixedKey(1)), make([]byte, 200)
	for b.Loop() {
		if _, err := crdt.Seal(benchOp(), [crdt.SaltBytes]byte{}, body, s); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkVerify(b *testing.B) {
	rec, err := crdt.Seal(benchOp(), [crdt.SaltBytes]byte{}, make([]byte, 200), crdt.Ed25519Signer(fixedKey(1)))
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if !rec.Verify(crdt.VerifyEd25519) {
			b.Fatal("not verified")
		}
	}
}

func BenchmarkParseRecord(b *testing.B) {
	rec, err := crdt.Seal(benchOp(), [crdt.SaltBytes]byte{}, make([]byte, 200), crdt.Ed25519Signer(fixedKey(1)))
	if err != nil {
		b.Fatal(err)
	}
	encoded := crdt.AppendRecord(nil, rec)
	b.SetBytes(int64(len(encoded)))
	for b.Loop() {
		if _, err := crdt.ParseRecord(encoded); err != nil {
			b.Fatal(err)
		}
	}
}

// longHistory returns n operations of ten devices that write in turn, each having seen, besides its own last operation,
// the one before the latest two: a conversation in which everyone is a little behind.
func longHistory(b *testing.B, n int) []*crdt.Record {
	b.Helper()
	const devices = 10
	recs := make([]*crdt.Record, 0, n)
	last := make([]*crdt.Record, devices) // device -> its last operation
	for i := range n {
		d := i % devices
		op := crdt.Op{Dot: crdt.Dot{Seq: 1}, WallMS: int64(i), Kind: 64}
		if i > 0 {
			op.Doc = recs[0].Doc()
			if last[d] != nil {
				op.Dot.Seq, op.Prev = last[d].Op.Dot.Seq+1, last[d].Hash
			}
			op.Parents = []crdt.Hash{recs[max(0, i-3)].Hash}
		}
		rec, err := crdt.Seal(op, [crdt.SaltBytes]byte{}, nil, hashSigner(deviceN(d)))
		if err != nil {
			b.Fatal(err)
		}
		recs, last[d] = append(recs, rec), rec
	}
	return recs
}

func graphOf(b *testing.B, recs []*crdt.Record) *crdt.Graph {
	b.Helper()
	g := crdt.NewGraph(recs[0].Doc())
	for _, rec := range recs {
		mustAdd(b, g, rec)
	}
	return g
}

// BenchmarkGraphAdd100k is a cold start: a document of 100,000 operations by ten devices, already decoded.
func BenchmarkGraphAdd100k(b *testing.B) {
	recs := longHistory(b, 100_000)
	b.ReportAllocs()
	for b.Loop() {
		if g := graphOf(b, recs); g.Len() != len(recs) {
			b.Fatal("operations are missing")
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(recs)), "ns/add")
}

func BenchmarkBefore(b *testing.B) {
	for _, n := range []int{100, 100_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			recs := longHistory(b, n)
			g := graphOf(b, recs)
			i := 0
			for b.Loop() {
				i = (i*7919 + 1) % (n - 20)
				if !g.Before(recs[i].Hash, recs[n-1].Hash) {
					b.Fatal("an operation has not seen what everyone had seen")
				}
			}
		})
	}
}

// BenchmarkLacks is the answer to a peer that is 100 operations behind in a document of 100,000.
func BenchmarkLacks(b *testing.B) {
	recs := longHistory(b, 100_000)
	g := graphOf(b, recs)
	f := slices.Clone(graphOf(b, recs[:len(recs)-100]).Frontier())
	for b.Loop() {
		if n := len(g.Lacks(g.Holds(f))); n != 100 {
			b.Fatalf("%d operations, want 100", n)
		}
	}
}
