package transport

import (
	"fmt"
	"time"
)

// health is what the watch remembers of one link between two looks. Only the watch touches it.
type health struct {
	received   uint64 // packets, at the last look that saw more
	sent       uint64 // packets, at that look
	receivedAt time.Time
	redialAt   time.Time // not before
}

// observe updates h from a connection's counts and reports whether the connection has stalled: we send and nothing comes
// back. An idle link that is well may send two packets into silence, an acknowledgement and a keep-alive.
func (h *health) observe(now time.Time, received, sent uint64) (stalled bool) {
	if received != h.received || h.receivedAt.IsZero() {
		h.received, h.sent, h.receivedAt = received, sent, now
		return false
	}
	return now.Sub(h.receivedAt) >= stallAfter && sent-h.sent >= stallPackets
}

// watchHealth replaces connections that have stalled, and the socket when the machine has slept. memberlist cannot tell
// a dead node from a wedged connection, for all its probes go over the same one.
func (t *Transport) watchHealth(ep *endpoint) {
	tick := time.NewTicker(healthEvery)
	defer tick.Stop()
	last := time.Now()
	for {
		select {
		case <-ep.ctx.Done():
			return
		case <-tick.C:
		}
		now := time.Now()
		if slept := asleep(now.Sub(last), now.Round(0).Sub(last.Round(0))); slept > 0 {
			ep.fail(fmt.Errorf("%w for %v", ErrSlept, slept.Round(time.Second)))
			return
		}
		last = now
		for _, l := range t.upLinks() {
			t.checkLink(l, now)
		}
	}
}

// asleep returns how long the machine slept: how much further the wall clock came than the monotonic one, which stands
// still during a suspend. A clock that someone sets forward looks the same and costs one reconnection.
func asleep(monotonic, wall time.Duration) time.Duration {
	if ahead := wall - monotonic; ahead >= sleptAfter {
		return ahead
	}
	return 0
}

// upLinks returns the links that are up.
func (t *Transport) upLinks() []*link {
	t.mu.Lock()
	defer t.mu.Unlock()
	links := make([]*link, 0, len(t.links))
	for _, l := range t.links {
		if l.control.isOpen() {
			links = append(links, l)
		}
	}
	return links
}

// checkLink dials a second connection beside one that has stalled. If that succeeds it is newer and takes over on both
// sides; if not, the old one is given up a little before the idle timeout. QUIC would end it in silence, and where only
// the way from the peer is cut, the peer, which hears us, would take as long again to notice that we do not hear it.
func (t *Transport) checkLink(l *link, now time.Time) {
	s := l.conn.ConnectionStats()
	stalled := l.health.observe(now, s.PacketsReceived, s.PacketsSent)
	l.stalled.Store(stalled)
	switch {
	case !stalled:
		return
	case now.Sub(l.health.receivedAt) >= silentAfter:
		l.stop(ErrSilent)
		return
	case now.Before(l.health.redialAt):
		return
	}
	l.health.redialAt = now.Add(redialEvery)
	l.ep.spawn(func() {
		t.count.stalls.Add(1)
		err := t.redial(l)
		t.log.Debug("redialed a stalled connection", "device", l.device.Short(), "result", err)
	})
}
