package transport

import (
	"net/netip"
	"sync"
	"sync/atomic"
)

// Refresh dials a second connection beside each that is up, which then takes over on both sides. Call it when this
// node's addresses have changed: a connection that it accepted goes on answering from the address that is gone, and the
// other end of one that it dialed sends to that address until it hears from the new one. It does not wait. Where a new
// address cannot be used at once, as one of IPv6 that is still being checked for uniqueness, it is tried again a few
// times; a later Refresh takes over from an earlier one.
func (t *Transport) Refresh() {
	t.mu.Lock()
	ep := t.ep
	t.mu.Unlock()
	if ep == nil {
		return // a new socket is on its way, and new connections with it
	}
	turn := t.refreshes.Add(1)
	ep.spawn(func() {
		links := t.upLinks()
		for try := 0; try < refreshTries && len(links) > 0; try++ {
			if try > 0 {
				pause(ep.ctx, refreshEvery)
			}
			if ep.ctx.Err() != nil || t.refreshes.Load() != turn {
				return
			}
			links = t.dialBeside(links)
		}
	})
}

// dialBeside dials the peers of links that have not ended, a few at a time, and returns the links for which it did not work.
func (t *Transport) dialBeside(links []*link) (left []*link) {
	var mu sync.Mutex // guards left
	var next atomic.Int64
	var wg sync.WaitGroup
	for range min(len(links), refreshDials) {
		wg.Go(func() {
			for {
				i := int(next.Add(1)) - 1
				if i >= len(links) {
					return
				}
				l := links[i]
				if l.ended() {
					continue
				}
				err := t.redial(l)
				if err == nil && t.current(l.device) == l {
					err = ErrDuplicate // l is so young that the new one was taken for a simultaneous dial
				}
				if err != nil {
					t.log.Debug("not redialed yet", "device", l.device.Short(), "why", err)
					mu.Lock()
					left = append(left, l)
					mu.Unlock()
				}
			}
		})
	}
	wg.Wait()
	return left
}

// redial dials the peer of a link that is up, where it is now and where else it may be.
func (t *Transport) redial(l *link) error {
	addrs := append([]netip.AddrPort{remoteAddr(l.conn)}, t.cfg.Redial(l.device)...)
	return t.dialDevice(l.ep.ctx, l.device, addrs)
}
