package node

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"

	"muster/crdt"
	"muster/node/api"
)

// The figures of the README, each beside the limit or the peer it is measured against in the same run. They run real
// nodes with real sockets and disks on loopback; "make bench" prints them.

// live starts n real nodes of one team on loopback.
func live(b *testing.B, n int) []*Node {
	b.Helper()
	var nodes []*Node
	for i := range n {
		nodes = append(nodes, start(b, filepath.Join(b.TempDir(), "home"), fmt.Sprintf("p%d", i)))
		if i > 0 {
			enter(b, nodes[0], nodes[i], fmt.Sprintf("p%d", i))
		}
	}
	until(b, "everyone sees everyone", func() bool {
		for _, node := range nodes {
			st, err := node.Status(b.Context())
			if err != nil {
				b.Fatal(err)
			}
			for _, p := range st.Peers {
				if !p.Reachable {
					return false
				}
			}
		}
		return true
	}, nodes...)
	return nodes
}

// start runs a node on a free loopback port until the benchmark ends.
func start(b *testing.B, dir, who string) *Node {
	b.Helper()
	node, err := New(Config{Dir: dir, Responder: who, NoDiscover: true, NoAPI: true, Listen: netip.MustParseAddrPort("127.0.0.1:0")})
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	end := make(chan error, 1)
	go func() { end <- node.Run(ctx) }()
	select {
	case <-node.Ready():
	case err := <-end:
		b.Fatal(err)
	}
	b.Cleanup(func() {
		cancel()
		if err := <-end; err != nil {
			b.Error(err)
		}
	})
	return node
}

func enter(b *testing.B, member, node *Node, who string) {
	b.Helper()
	inv, err := member.Invite(b.Context(), api.Invite{})
	if err != nil {
		b.Fatal(err)
	}
	if _, err := node.Join(b.Context(), api.Join{Code: inv.Code, Responder: who}); err != nil {
		b.Fatal(err)
	}
}

// until waits for ok, looking again whenever one of the nodes has changed.
func until(b *testing.B, what string, ok func() bool, nodes ...*Node) {
	b.Helper()
	wake := make(chan struct{}, 1)
	for _, n := range nodes {
		s, err := n.current(b.Context())
		if err != nil {
			b.Fatal(err)
		}
		ch, stop := s.watch()
		defer stop()
		done := make(chan struct{})
		defer close(done)
		go func() {
			for {
				select {
				case <-ch:
					select {
					case wake <- struct{}{}:
					default:
					}
				case <-done:
					return
				}
			}
		}()
	}
	limit := time.NewTimer(2 * time.Minute)
	defer limit.Stop()
	for !ok() {
		again := time.NewTimer(20 * time.Millisecond)
		select {
		case <-wake:
		case <-again.C:
		case <-limit.C:
			b.Fatalf("not within two minutes: %s", what)
		}
		again.Stop()
	}
}

func write(b *testing.B, n *Node, w api.Write) api.Receipt {
	b.Helper()
	w.Yes = true
	r, err := n.Write(b.Context(), w)
	if err != nil {
		b.Fatal(err)
	}
	return r
}

// percentile returns the p'th percentile of ds in milliseconds.
func percentile(ds []time.Duration, p int) float64 {
	slices.Sort(ds)
	return float64(ds[min(len(ds)*p/100, len(ds)-1)].Microseconds()) / 1000
}

// BenchmarkDurableWrite measures a note from call to answer on a node alone, beside append and fsync of as many bytes to
// a plain file, taken in turns.
func BenchmarkDurableWrite(b *testing.B) {
	n := live(b, 1)[0]
	write(b, n, api.Write{Verb: "declare", Text: "bench", Severity: 3})
	raw, err := os.Create(filepath.Join(b.TempDir(), "raw"))
	if err != nil {
		b.Fatal(err)
	}
	defer func() {
		if err := raw.Close(); err != nil {
			b.Error(err)
		}
	}()
	bytes := make([]byte, 300) // about what an operation takes
	var ours, plain []time.Duration
	for b.Loop() {
		t := time.Now()
		write(b, n, api.Write{Verb: "note", Text: "load is falling on all three databases"})
		ours = append(ours, time.Since(t))
		t = time.Now()
		if _, err := raw.Write(bytes); err != nil {
			b.Fatal(err)
		}
		if err := raw.Sync(); err != nil {
			b.Fatal(err)
		}
		plain = append(plain, time.Since(t))
	}
	b.ReportMetric(percentile(ours, 50), "write-p50-ms")
	b.ReportMetric(percentile(ours, 99), "write-p99-ms")
	b.ReportMetric(percentile(plain, 50), "fsync-p50-ms")
	b.ReportMetric(percentile(plain, 99), "fsync-p99-ms")
	b.ReportMetric(percentile(ours, 50)/percentile(plain, 50), "p50-ratio")
}

// BenchmarkVisible measures a note from call on one node to being on the boards of four others over loopback.
func BenchmarkVisible(b *testing.B) {
	nodes := live(b, 5)
	write(b, nodes[0], api.Write{Verb: "declare", Text: "bench", Severity: 3})
	var seen []time.Duration
	for b.Loop() {
		arrived := make(chan error, len(nodes))
		done := make(chan struct{})
		var op crdt.Hash
		known := make(chan struct{})
		for _, n := range nodes[1:] {
			s, err := n.current(b.Context())
			if err != nil {
				b.Fatal(err)
			}
			ch, stop := s.watch()
			go func() {
				defer stop()
				<-known
				for {
					has := false
					err := s.do(context.Background(), func(time.Time) error {
						docs := s.r.Documents()
						has = len(docs) > 0 && s.r.Graph(docs[0]).Has(op)
						return nil
					})
					if has || err != nil {
						arrived <- err
						return
					}
					select {
					case <-ch:
					case <-done:
						return
					}
				}
			}()
		}
		s, err := nodes[0].current(b.Context())
		if err != nil {
			b.Fatal(err)
		}
		t := time.Now()
		w := &waiter{done: make(chan struct{})}
		err = s.do(b.Context(), func(now time.Time) error {
			_, err := s.write(now, api.Write{Verb: "note", Text: "load is falling"}, w)
			op = w.op
			close(known)
			return err
		})
		if err != nil {
			b.Fatal(err)
		}
		for range nodes[1:] {
			if err := <-arrived; err != nil {
				b.Fatal(err)
			}
		}
		seen = append(seen, time.Since(t))
		close(done)
	}
	b.ReportMetric(percentile(seen, 50), "visible-p50-ms")
	b.ReportMetric(percentile(seen, 99), "visible-p99-ms")
}

// history fills a node with notes and returns their number and what zstd makes of their texts and salts.
func history(b *testing.B, n *Node, ops int) (payload int) {
	b.Helper()
	s, err := n.current(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	write(b, n, api.Write{Verb: "declare", Text: "bench", Severity: 3})
	for done := 0; done < ops; done += 500 {
		err := s.do(b.Context(), func(now time.Time) error {
			for i := range min(500, ops-done) {
				w := &waiter{done: make(chan struct{})}
				if _, err := s.write(now, api.Write{Verb: "note", Text: fmt.Sprintf("db%d replica lag is %d ms, queue %d", i%5, (done+i)*7%900, i%40)}, w); err != nil {
					return err
				}
				s.waiters = nil
			}
			return nil
		})
		if err != nil {
			b.Fatal(err)
		}
	}
	var all []byte
	enc, err := zstd.NewWriter(nil)
	if err != nil {
		b.Fatal(err)
	}
	err = s.do(b.Context(), func(time.Time) error {
		for _, d := range s.r.Documents() {
			if err := s.store.Scan(d, func(r *crdt.Record) error {
				all = append(append(all, r.Salt[:]...), r.Body...)
				return nil
			}); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		b.Fatal(err)
	}
	return len(enc.EncodeAll(all, nil))
}

func benchmarkFirstSync(b *testing.B, ops int) {
	old := start(b, filepath.Join(b.TempDir(), "home"), "p0")
	payload := history(b, old, ops)
	for i := 0; b.Loop(); i++ {
		fresh := start(b, filepath.Join(b.TempDir(), "home"), fmt.Sprintf("f%d", i))
		t := time.Now()
		enter(b, old, fresh, fmt.Sprintf("f%d", i))
		until(b, "the history is here", func() bool {
			st, err := fresh.Status(b.Context())
			return err == nil && st.Operations >= ops
		}, fresh)
		b.ReportMetric(time.Since(t).Seconds(), "sync-s")
		s, err := fresh.current(b.Context())
		if err != nil {
			b.Fatal(err)
		}
		var in uint64
		for _, p := range s.t.Peers() {
			in += p.BytesIn
		}
		b.ReportMetric(float64(in), "wire-bytes")
		b.ReportMetric(float64(in)/float64(payload), "wire/payload")
	}
}

// BenchmarkFirstSync measures how long a new member needs for the whole history, and the bytes on the wire beside what
// zstd makes of nothing but the bodies and their salts.
func BenchmarkFirstSync(b *testing.B) {
	for _, ops := range []int{10_000, 100_000} {
		b.Run(fmt.Sprintf("%dk", ops/1000), func(b *testing.B) { benchmarkFirstSync(b, ops) })
	}
}

// BenchmarkStart measures from New to ready with 100,000 operations on disk.
func BenchmarkStart(b *testing.B) {
	dir := filepath.Join(b.TempDir(), "home")
	cfg := Config{Dir: dir, Responder: "p0", NoDiscover: true, NoAPI: true, Listen: netip.MustParseAddrPort("127.0.0.1:0")}
	run := func(use func(*Node)) {
		node, err := New(cfg)
		if err != nil {
			b.Fatal(err)
		}
		ctx, cancel := context.WithCancel(context.Background())
		end := make(chan error, 1)
		go func() { end <- node.Run(ctx) }()
		<-node.Ready()
		use(node)
		cancel()
		if err := <-end; err != nil {
			b.Fatal(err)
		}
	}
	run(func(n *Node) { history(b, n, 100_000) })
	for b.Loop() {
		t := time.Now()
		run(func(*Node) { b.ReportMetric(time.Since(t).Seconds(), "ready-s") })
	}
}

// BenchmarkIdle measures what a node of a team of five costs while nobody does anything, and a fresh node on disk.
func BenchmarkIdle(b *testing.B) {
	const span = 10 * time.Second
	nodes := live(b, 5)
	write(b, nodes[0], api.Write{Verb: "declare", Text: "bench", Severity: 3})
	disk := diskUse(b, nodes[0].cfg.Dir)
	for b.Loop() {
		runtime.GC()
		before := cpu(b)
		<-time.After(span)
		b.ReportMetric(float64(cpu(b)-before)/float64(span)/float64(len(nodes))*100, "cpu-%/node")
		b.ReportMetric(float64(runtime.NumGoroutine())/float64(len(nodes)), "goroutines/node")
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		b.ReportMetric(float64(m.Sys-m.HeapReleased)/1e6/float64(len(nodes)), "MB/node")
		b.ReportMetric(disk, "disk-MB")
	}
}

// cpu returns the processor time this process has used.
func cpu(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// diskUse returns the blocks a directory really takes, in megabytes.
func diskUse(b *testing.B, dir string) float64 {
	var blocks int64
	err := filepath.Walk(dir, func(path string, info os.FileInfo, err error) error {
		if err == nil {
			if st, ok := info.Sys().(*syscall.Stat_t); ok {
				blocks += st.Blocks
			}
		}
		return err
	})
	if err != nil {
		b.Fatal(err)
	}
	return float64(blocks) * 512 / 1e6
}
