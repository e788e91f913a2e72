package membership

import (
	"net/netip"
	"slices"
	"time"

	"muster/crdt"
)

// An unknownAddr is an address at which somebody announced a device without saying which.
type unknownAddr struct {
	addr    netip.AddrPort
	sighted time.Time
	dialing bool
	next    time.Time
	backoff time.Duration
}

// sightUnknown notes such an address. When there are too many, any one of them makes way: a flood cannot keep the rest
// out for long, nor push them all out.
func (m *Membership) sightUnknown(addr netip.AddrPort, now time.Time) {
	for _, e := range m.book.entries {
		if e.connected && len(e.worked) > 0 && e.worked[0] == addr {
			return // we are talking to them
		}
	}
	m.unknown = slices.DeleteFunc(m.unknown, func(u unknownAddr) bool {
		return !u.dialing && now.Sub(u.sighted) > unknownKeep
	})
	if i := slices.IndexFunc(m.unknown, func(u unknownAddr) bool { return u.addr == addr }); i >= 0 {
		m.unknown[i].sighted = now
		return
	}
	u := unknownAddr{addr: addr, sighted: now}
	if len(m.unknown) < unknownMax {
		m.unknown = append(m.unknown, u)
	} else if i := m.random.IntN(len(m.unknown)); !m.unknown[i].dialing {
		m.unknown[i] = u
	}
}

// planUnknown chooses the next of those addresses, or says how long until one may be dialed: at most one each
// unknownEvery, and never in the last free place, which is for members. The caller counts the dial.
func (m *Membership) planUnknown(now time.Time) (*target, time.Duration) {
	best := -1
	for i, u := range m.unknown {
		if !u.dialing && !u.next.After(now) && (best < 0 || u.next.Before(m.unknown[best].next)) {
			best = i
		}
	}
	if best < 0 || m.dialing >= dialsMax-1 {
		return nil, 0
	}
	if wait := m.unknownNext.Sub(now); wait > 0 {
		return nil, wait
	}
	m.unknownNext = now.Add(unknownEvery)
	m.unknown[best].dialing = true
	return &target{addrs: []netip.AddrPort{m.unknown[best].addr}}, 0
}

// endUnknown notes who answered at an address, if anybody.
func (m *Membership) endUnknown(addr netip.AddrPort, device crdt.DeviceID, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.dialing--
	i := slices.IndexFunc(m.unknown, func(u unknownAddr) bool { return u.addr == addr })
	if i < 0 {
		return
	}
	if err == nil {
		m.unknown = slices.Delete(m.unknown, i, i+1) // it is in the book now
		return
	}
	m.log.Debug("probe failed", "addr", addr, "device", device.Short(), "err", err)
	u := &m.unknown[i]
	u.dialing = false
	u.backoff = min(max(2*u.backoff, backoffMin), backoffMax)
	u.next = time.Now().Add(m.jitterLocked(u.backoff/2, u.backoff))
}
