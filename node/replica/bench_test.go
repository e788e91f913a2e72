package replica_test

import (
	"fmt"
	"testing"

	"muster/crdt"
	"muster/crdt/auth"
	"muster/crdt/board"

	"github.com/klauspost/compress/zstd"
)

// BenchmarkFirstSync10k is a laptop that joins and gets an incident of 10,000 operations by ten devices: encoding, parsing,
// checking and folding them, on both sides, without network and disk.
func BenchmarkFirstSync10k(b *testing.B) { benchmarkFirstSync(b, 10_000) }

func BenchmarkFirstSync100k(b *testing.B) { benchmarkFirstSync(b, 100_000) }

func benchmarkFirstSync(b *testing.B, n int) {
	g := newGroup()
	names := []string{"new"}
	for i := range 10 {
		names = append(names, fmt.Sprintf("n%d", i))
	}
	if err := g.found(append(names[1:], names[0])); err != nil {
		b.Fatal(err)
	}
	payload := g.talk(b, n)
	holder, empty := g.nodes[0], g.node("new").disk
	if err := g.start(holder); err != nil {
		b.Fatal(err)
	}
	bytes := 0
	for b.Loop() {
		fresh := g.node("new")
		fresh.disk = empty.clone()
		if err := g.start(fresh); err != nil {
			b.Fatal(err)
		}
		g.quiet, g.sum = true, sums{}
		g.connect(holder, fresh)
		g.settle()
		if fresh.r.Digest() != holder.r.Digest() {
			b.Fatal("not everything arrived")
		}
		bytes = g.sum.bytes
		if g.sum.records != n {
			b.Fatalf("%d operations were sent for %d", g.sum.records, n)
		}
		g.cut(holder, fresh)
	}
	b.ReportMetric(float64(n)*float64(b.N)/b.Elapsed().Seconds(), "operations/s")
	b.ReportMetric(float64(bytes)/float64(n), "wirebytes/operation")
	b.ReportMetric(float64(bytes)/float64(len(payload)), "wire/payload")
}

// talk puts an incident of n operations by the first ten nodes, who write in turn and are a little behind each other, on
// the disk of the first. It returns what of them is information, salts and bodies, under zstd.
func (g *group) talk(b *testing.B, n int) []byte {
	b.Helper()
	first := g.nodes[0]
	if err := g.propose(first, board.Intent{Verb: "declare", Text: "database", Severity: 1}); err != nil {
		b.Fatal(err)
	}
	recs := first.disk.all(g.docs[0])
	payload := append(recs[0].Salt[:], recs[0].Body...)
	lexicon := [...]string{"db1", "lag", "lb2", "drained", "restart", "edge", "is", "slow", "again", "failover", "page", "checking"}
	last := map[int]*crdt.Record{0: recs[0]} // node -> its last operation
	for i := 1; i < n; i++ {
		w := i % 10
		op := crdt.Op{Doc: g.docs[0], Dot: crdt.Dot{Epoch: g.nodes[w].disk.epoch, Seq: 1}, WallMS: recs[0].Op.WallMS + int64(i)*700 + g.rng.Int64N(500), Kind: board.KindNote}
		if last[w] != nil {
			op.Dot.Seq, op.Prev = last[w].Op.Dot.Seq+1, last[w].Hash
		} else {
			op.Team = recs[0].Op.Team
		}
		if seen := recs[max(0, i-1-g.rng.IntN(2))]; seen.Hash != op.Prev {
			op.Parents = []crdt.Hash{seen.Hash}
		}
		text := ""
		for range 4 + g.rng.IntN(6) {
			text += fmt.Sprintf("%s %d ", lexicon[g.rng.IntN(len(lexicon))], g.rng.IntN(100))
		}
		var salt [crdt.SaltBytes]byte
		g.bytes(salt[:])
		body := crdt.EncodeBody(map[int]any{1: text})
		rec, err := crdt.Seal(op, salt, body, g.nodes[w].signer)
		if err != nil {
			b.Fatal(err)
		}
		recs, last[w] = append(recs, rec), rec
		payload = append(append(payload, salt[:]...), body...)
	}
	first.disk.put(recs...)
	enc, err := zstd.NewWriter(nil)
	if err != nil {
		b.Fatal(err)
	}
	return enc.EncodeAll(payload, nil)
}

// BenchmarkLoad100k starts a node that holds an incident of 100,000 operations by ten devices.
func BenchmarkLoad100k(b *testing.B) {
	g := newGroup()
	names := []string{}
	for i := range 10 {
		names = append(names, fmt.Sprintf("n%d", i))
	}
	if err := g.found(names); err != nil {
		b.Fatal(err)
	}
	const n = 100_000
	g.talk(b, n)
	for b.Loop() {
		if err := g.start(g.nodes[0]); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(n)*float64(b.N)/b.Elapsed().Seconds(), "operations/s")
}

// BenchmarkRemoval100k removes a device with a tenth of the 100,000 operations of an incident, and takes it back: what it
// costs to judge and fold the incident anew.
func BenchmarkRemoval100k(b *testing.B) {
	g := newGroup()
	names := []string{}
	for i := range 10 {
		names = append(names, fmt.Sprintf("n%d", i))
	}
	if err := g.found(names); err != nil {
		b.Fatal(err)
	}
	g.talk(b, 100_000)
	first := g.nodes[0]
	if err := g.start(first); err != nil {
		b.Fatal(err)
	}
	dev := g.nodes[5].signer.Device()
	var junk auth.Hashes
	for i := range auth.MaxCut {
		junk = append(junk, crdt.SumHash([]byte{byte(i), byte(i >> 8)}))
	}
	junk = auth.SortHashes(junk)
	out := false
	for b.Loop() {
		var err error
		if out = !out; out {
			err = g.says(first, auth.KindRemove, auth.Remove{Device: dev, Mode: auth.ModeCompromised, Reason: "lost", Cut: junk})
		} else {
			err = g.says(first, auth.KindReinstate, auth.Reinstate{Device: dev})
		}
		if err != nil {
			b.Fatal(err)
		}
		if got := len(first.r.Board(g.docs[0]).Aside(dev)); out != (got == 10_000) {
			b.Fatalf("%d operations do not count", got)
		}
	}
}
