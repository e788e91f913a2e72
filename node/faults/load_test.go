//go:build faults

package faults

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"muster/node/api"
)

const (
	convergeTimeout = 60 * time.Second
	writersPerNode  = 3
	breath          = 15 * time.Millisecond // of a person between two writes, and after an error
)

// A ledger holds what writers were told.
type ledger struct {
	mu     sync.Mutex
	acked  map[string]string // operation -> node on which it was written
	errors map[string]int    // code -> times
}

func newLedger() *ledger { return &ledger{acked: map[string]string{}, errors: map[string]int{}} }

func (g *ledger) note(node string, r api.Receipt, err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if err != nil {
		code := "?"
		if e, ok := errors.AsType[*api.Error](err); ok {
			code = e.Code
		}
		g.errors[code]++
		return
	}
	g.acked[r.Op] = node
}

func (g *ledger) len() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return len(g.acked)
}

// A load is people writing on all nodes, whatever happens to these.
type load struct {
	stop context.CancelFunc
	done sync.WaitGroup
	n    atomic.Int64
}

// write begins a load on the nodes; what they acknowledge is noted in g.
func write(ls []*laptop, g *ledger) *load {
	ctx, stop := context.WithCancel(context.Background())
	ld := &load{stop: stop}
	for _, l := range ls {
		for range writersPerNode {
			ld.done.Go(func() { ld.person(ctx, l, g) })
		}
	}
	return ld
}

// person writes until ctx ends.
func (ld *load) person(ctx context.Context, l *laptop, g *ledger) {
	pause := time.NewTimer(0)
	defer pause.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-pause.C:
		}
		n := ld.n.Add(1)
		one, cancel := context.WithTimeout(ctx, askTimeout)
		r, err := l.node.Write(one, api.Write{
			Verb: "note", Incident: fmt.Sprintf("outage %d", n%incidents), Text: fmt.Sprintf("%s sees %d of something", l.name, n),
		})
		cancel()
		if ctx.Err() == nil || err == nil {
			g.note(l.name, r, err)
		}
		pause.Reset(breath)
	}
}

// end makes everyone stop and waits for it.
func (ld *load) end() {
	ld.stop()
	ld.done.Wait()
}
