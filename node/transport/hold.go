package transport

import (
	"time"

	"muster/crdt"
)

// Hold stops reading frames from the device until then, on the connection there is now. What it sends meanwhile waits
// at its end, once the windows of QUIC are full; gossip goes on, and so does what is sent to it. A later Hold replaces
// an earlier one; a time that has passed ends it.
func (t *Transport) Hold(device crdt.DeviceID, until time.Time) {
	if l := t.current(device); l != nil {
		l.heldUntil.Store(until.UnixNano())
	}
}

// mayRead waits while the link is held, and reports false if it ends before.
func (l *link) mayRead() bool {
	for {
		until := l.heldUntil.Load()
		if until == 0 {
			return true
		}
		wait := time.Until(time.Unix(0, until))
		if wait <= 0 {
			return true
		}
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-l.ctx.Done():
			timer.Stop()
			return false
		}
	}
}
