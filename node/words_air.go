package node

import (
	"context"
	"net/netip"
	"slices"
	"sync"
	"time"

	"muster/node/discover"
)

// ears are the discoverers that run beside the session's own: for a team that is being joined, and one for each set of words
// that is open. All methods may be called by any goroutine.
type ears struct {
	mu     sync.Mutex
	all    map[*discover.Discoverer]bool
	closed bool
	group  sync.WaitGroup
}

// handle passes a packet of the QUIC socket on to all of them.
func (e *ears) handle(b []byte, from netip.AddrPort) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for d := range e.all {
		d.HandleAnnounce(b, from)
	}
}

// run runs d until ctx ends. It reports whether it does: not once close was called.
func (e *ears) run(ctx context.Context, d *discover.Discoverer, ended func(error)) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		return false
	}
	if e.all == nil {
		e.all = map[*discover.Discoverer]bool{}
	}
	e.all[d] = true
	e.group.Go(func() {
		err := d.Run(ctx)
		e.mu.Lock()
		delete(e.all, d)
		e.mu.Unlock()
		if ctx.Err() == nil {
			ended(err)
		}
	})
	return true
}

// spawn runs f, which ends when its context does. It does nothing once close was called.
func (e *ears) spawn(f func()) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if !e.closed {
		e.group.Go(f)
	}
}

// close waits for those that run, whose context has ended, and lets no more begin.
func (e *ears) close() {
	e.mu.Lock()
	e.closed = true
	e.mu.Unlock()
	e.group.Wait()
}

// tune announces this node with a key, and yields who else is heard with it, until ctx ends. Nil: this node does not
// discover.
func (s *session) tune(ctx context.Context, key []byte) <-chan discover.Sighting {
	if s.n.cfg.NoDiscover {
		return nil
	}
	d, err := discover.New(discover.Config{
		Device: s.n.device.ID(), Port: s.t.LocalAddr().Port(), Keys: func() [][]byte { return [][]byte{key} },
		Announcer: s.t, AnnouncePorts: ports(s.t.LocalAddr().Port()), Log: s.n.cfg.Log,
	})
	if err == nil && s.ears.run(ctx, d, func(err error) { s.n.cfg.Log.Warn("discovery ended", "err", err) }) {
		return d.Sightings()
	}
	return nil
}

// callOut announces this node anew, for a moment, whenever somebody who looks for a number is heard who was not a moment ago: a
// discoverer keeps its pace, by which the joiner would wait a second. It goes on until ctx ends.
func (s *session) callOut(ctx context.Context, key []byte, heard <-chan discover.Sighting) {
	var seen []netip.AddrPort
	for {
		select {
		case <-ctx.Done():
			return
		case sg := <-heard:
			if slices.Contains(seen, sg.Addr) || len(seen) == seenMax {
				continue
			}
			seen = append(seen, sg.Addr)
		}
		moment, end := context.WithTimeout(ctx, numberCall)
		s.tune(moment, key)
		<-moment.Done()
		end()
	}
}

// hears reports whether anybody is heard within numberListen.
func hears(ctx context.Context, heard <-chan discover.Sighting) bool {
	wait := time.NewTimer(numberListen)
	defer wait.Stop()
	select {
	case <-heard:
		return true
	case <-wait.C:
	case <-ctx.Done():
	}
	return false
}
