package store

import (
	"os"
	"path/filepath"
	"testing"

	"muster/crdt"
)

// benchBody makes an operation of about 200 bytes with its header and signature.
const benchBody = "db-2 is out of disk, failing over to db-3 now"

// ownRun returns n signed operations of this device behind first.
func ownRun(a *author, first *crdt.Record, n int) []*crdt.Record {
	out := make([]*crdt.Record, n)
	for i := range out {
		out[i] = a.next(first.Doc(), first.Op.Dot.Epoch, benchBody)
	}
	return out
}

// BenchmarkPutOne: one own operation, durable. To be compared with BenchmarkRawAppendFsync.
func BenchmarkPutOne(b *testing.B) { eachFormMeasured(b, benchPutOne) }

func benchPutOne(b *testing.B) {
	d, _ := openDisk(b, filepath.Join(b.TempDir(), "store"))
	a := newAuthor(1)
	first := a.found(d.Epoch())
	mustPut(b, d, []*crdt.Record{first}, nil)
	ops := ownRun(a, first, 20_000)
	for i := 0; b.Loop(); i++ {
		mustPut(b, d, ops[i:i+1], nil)
	}
	mustClose(b, d)
}

// BenchmarkPutGroup16: sixteen own operations in one group commit; per operation.
func BenchmarkPutGroup16(b *testing.B) { eachFormMeasured(b, benchPutGroup16) }

func benchPutGroup16(b *testing.B) {
	d, _ := openDisk(b, filepath.Join(b.TempDir(), "store"))
	a := newAuthor(1)
	first := a.found(d.Epoch())
	mustPut(b, d, []*crdt.Record{first}, nil)
	ops := ownRun(a, first, 200_000)
	at := 0
	for b.Loop() {
		mustPut(b, d, ops[at:at+16], nil)
		at += 16
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(at), "ns/record")
	mustClose(b, d)
}

// BenchmarkRawAppendFsync: the same bytes appended to a plain file with an fsync each.
func BenchmarkRawAppendFsync(b *testing.B) {
	f, err := os.Create(filepath.Join(b.TempDir(), "plain"))
	if err != nil {
		b.Fatal(err)
	}
	record := crdt.AppendRecord(nil, newAuthor(1).next(crdt.DocID{}, 1, benchBody))
	for b.Loop() {
		if _, err := f.Write(record); err != nil {
			b.Fatal(err)
		}
		if err := f.Sync(); err != nil {
			b.Fatal(err)
		}
	}
	if err := f.Close(); err != nil {
		b.Fatal(err)
	}
}

// BenchmarkPutRun1000: a run of a thousand operations of a peer, durable.
func BenchmarkPutRun1000(b *testing.B) { eachFormMeasured(b, benchPutRun1000) }

func benchPutRun1000(b *testing.B) {
	d, _ := openDisk(b, filepath.Join(b.TempDir(), "store"))
	p := newAuthor(2)
	first := p.found(1)
	mustPut(b, d, nil, []*crdt.Record{first})
	for b.Loop() {
		b.StopTimer()
		run := p.run(first.Doc(), 1, 1000, len(benchBody))
		b.StartTimer()
		mustPut(b, d, nil, run)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/1000, "ns/record")
	mustClose(b, d)
}

// hundredThousand returns a closed store of 100,000 operations in 20 documents, 5 % of them own.
func hundredThousand(b *testing.B) (dir string, docs []crdt.DocID) {
	d, _ := openDisk(b, filepath.Join(b.TempDir(), "store"))
	a, p := newAuthor(1), newAuthor(2)
	for range 20 {
		first := p.found(1)
		mustPut(b, d, nil, []*crdt.Record{first})
		for range 5 {
			mustPut(b, d, ownRun(a, &crdt.Record{Op: crdt.Op{Doc: first.Doc(), Dot: crdt.Dot{Epoch: d.Epoch()}}}, 50), nil)
			mustPut(b, d, nil, p.run(first.Doc(), 1, 950, len(benchBody)))
		}
		docs = append(docs, first.Doc())
	}
	mustClose(b, d)
	return d.dir, docs
}

// BenchmarkOpen100k: opening and closing.
func BenchmarkOpen100k(b *testing.B) { eachFormMeasured(b, benchOpen100k) }

func benchOpen100k(b *testing.B) {
	dir, _ := hundredThousand(b)
	for b.Loop() {
		d, _ := openDisk(b, dir)
		mustClose(b, d)
	}
}

// BenchmarkScan100k: reading and auditing everything.
func BenchmarkScan100k(b *testing.B) { eachFormMeasured(b, benchScan100k) }

func benchScan100k(b *testing.B) {
	dir, docs := hundredThousand(b)
	d, _ := openDisk(b, dir)
	for b.Loop() {
		for _, doc := range docs {
			if err := d.Scan(doc, func(*crdt.Record) error { return nil }); err != nil {
				b.Fatal(err)
			}
		}
	}
	if size, err := treeBytes(dir); err == nil {
		b.ReportMetric(float64(size)/100_000, "disk-B/record")
	}
	mustClose(b, d)
}

// BenchmarkCompact100k: making one erased body leave the disk.
func BenchmarkCompact100k(b *testing.B) { eachFormMeasured(b, benchCompact100k) }

func benchCompact100k(b *testing.B) {
	dir, _ := hundredThousand(b)
	d, _ := openDisk(b, dir)
	for b.Loop() {
		if err := d.archive.set([]byte(erasedKey), nil); err != nil {
			b.Fatal(err)
		}
		if err := d.Compact(); err != nil {
			b.Fatal(err)
		}
	}
	mustClose(b, d)
}

// BenchmarkMemoryPutRun1000: the twin.
func BenchmarkMemoryPutRun1000(b *testing.B) {
	m, err := NewMemory(Config{Device: me})
	if err != nil {
		b.Fatal(err)
	}
	p := newAuthor(2)
	first := p.found(1)
	for b.Loop() {
		b.StopTimer()
		run := p.run(first.Doc(), 1, 1000, len(benchBody))
		b.StartTimer()
		mustPut(b, m, nil, run)
	}
}

// eachFormMeasured measures a plain store and a sealed one.
func eachFormMeasured(b *testing.B, bench func(b *testing.B)) {
	b.Run("plain", bench)
	b.Run("sealed", bench)
}
