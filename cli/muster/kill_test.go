package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"muster/crdt"
	"muster/node/api"
	"muster/node/identity"
	"muster/node/store"
)

const (
	kills      = 50
	checkEvery = 5 // kills
	writers    = 6
	writePause = 10 * time.Millisecond // between two words of one person
)

// A ledger is what people were told: that these words are saved.
type ledger struct {
	mu    sync.Mutex
	saved map[string]string // operation -> text
	twice []string          // operations acknowledged for two texts
}

func (g *ledger) add(op, text string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if _, ok := g.saved[op]; ok {
		g.twice = append(g.twice, op)
	}
	g.saved[op] = text
}

// TestKilledWhileWriting: a node is killed fifty times at random moments while six people write on it and a peer takes
// part. Everything that was acknowledged is on its board; no start finds damage or begins a new log, as it would if the
// peer had to give back what the disk had lost; in the end no two operations have one dot and the peer shows the same.
func TestKilledWhileWriting(t *testing.T) {
	a, b := pair(t)
	seed := uint64(20260101)
	random := rand.New(rand.NewPCG(seed, seed))
	book := &ledger{saved: map[string]string{}}
	ctx, cancel := context.WithCancel(t.Context())
	var all sync.WaitGroup
	for i := range writers {
		all.Go(func() { write(ctx, a.dir, i, book) })
	}
	listen := a.addr
	for i := range kills {
		moment := time.NewTimer(time.Duration(random.IntN(120)) * time.Millisecond)
		<-moment.C
		a.kill()
		a.start("--listen", listen)
		if st := a.status(); len(st.Warnings) > 0 {
			t.Fatalf("after kill %d: %q", i+1, st.Warnings)
		}
		if i%checkEvery == 0 {
			checkSaved(t, a, book)
		}
	}
	cancel()
	all.Wait()
	until(t, "the peer has everything", same(a, b))
	checkSaved(t, b, book)
	t.Logf("%d operations acknowledged over %d kills", len(book.saved), kills)
	if len(book.saved) < kills {
		t.Errorf("only %d operations were acknowledged: nothing was tried", len(book.saved))
	}
	if len(book.twice) > 0 {
		t.Errorf("operations acknowledged for two texts: %v", book.twice)
	}
	a.stop()
	b.stop()
	epochs := dots(t, a)
	if len(epochs) != 1 {
		t.Errorf("this device wrote in %d epochs, want 1: a kill is not damage", len(epochs))
	}
}

// write makes one person write notes as fast as they are saved, whether or not a node answers, until ctx ends.
func write(ctx context.Context, dir string, person int, book *ledger) {
	c := api.NewClient(dir)
	defer c.Close()
	pause := time.NewTicker(writePause)
	defer pause.Stop()
	for i := 0; ctx.Err() == nil; i++ {
		text := fmt.Sprintf("person %d, word %d", person, i)
		if r, err := c.Write(ctx, api.Write{Verb: "note", Text: text}); err == nil {
			book.add(r.Op, text)
		}
		select {
		case <-pause.C:
		case <-ctx.Done():
		}
	}
}

// checkSaved compares the board with what was acknowledged before it was asked for.
func checkSaved(t *testing.T, l *laptop, book *ledger) {
	t.Helper()
	book.mu.Lock()
	saved := make(map[string]string, len(book.saved))
	for op, text := range book.saved {
		saved[op] = text
	}
	book.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), callLimit)
	defer cancel()
	inc, err := l.node.Show(ctx, "")
	if err != nil {
		t.Fatalf("show on %s: %v", l.name, err)
	}
	for _, n := range inc.Notes {
		if text, ok := saved[n.Op]; ok && text != n.Text {
			t.Fatalf("operation %s was acknowledged as %q and is %q", n.Op, text, n.Text)
		}
		delete(saved, n.Op)
	}
	if len(saved) > 0 {
		t.Fatalf("%d acknowledged operations are missing on %s: %v", len(saved), l.name, saved)
	}
}

// dots reads the store of a laptop's current team, checks that every dot names one operation, and returns the epochs in
// which the laptop's own device wrote there.
func dots(t *testing.T, l *laptop) map[uint64]bool {
	t.Helper()
	device, err := identity.Load(filepath.Join(l.dir, "device.key"))
	if err != nil {
		t.Fatal(err)
	}
	st, _, err := store.Open(l.store(), store.Config{Device: device.ID()})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := st.Close(); err != nil {
			t.Error(err)
		}
	}()
	docs, err := st.Documents()
	if err != nil {
		t.Fatal(err)
	}
	type name struct {
		doc crdt.DocID
		dot crdt.Dot
	}
	seen, epochs := map[name]bool{}, map[uint64]bool{}
	for _, doc := range docs {
		err := st.Scan(doc, func(r *crdt.Record) error {
			n := name{doc, r.Op.Dot}
			if seen[n] {
				return fmt.Errorf("two operations are called %v", r.Op.Dot)
			}
			seen[n] = true
			if r.Op.Dot.Device == device.ID() {
				epochs[r.Op.Dot.Epoch] = true
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	}
	return epochs
}

// store is the store of the current team in a laptop's home.
func (l *laptop) store() string {
	l.t.Helper()
	team, err := os.ReadFile(filepath.Join(l.dir, "team"))
	if err != nil {
		l.t.Fatal(err)
	}
	return filepath.Join(l.dir, "teams", string(team[:32]), "store")
}
