package membership

import (
	"cmp"
	"context"
	"net/netip"
	"slices"
	"time"

	"muster/crdt"
)

// A target is one dial of the rejoin loop: to a device, or to an address whose device is not known.
type target struct {
	device crdt.DeviceID
	addrs  []netip.AddrPort
	delay  time.Duration
}

// rejoin dials whoever is missing until ctx ends, and waits for its dials.
func (m *Membership) rejoin(ctx context.Context) {
	defer m.dials.Wait()
	round := time.NewTimer(0)
	defer round.Stop()
	for {
		floor := 0
		select {
		case <-ctx.Done():
			return
		case <-round.C:
			floor = floorPerRound
			round.Reset(m.jitter(roundMin, roundMax))
			m.joinUnheard()
		case <-m.wake:
		}
		targets, next := m.plan(time.Now(), floor)
		for _, t := range targets {
			m.dials.Go(func() { m.attempt(ctx, t) })
		}
		if next > 0 {
			m.wakeAfter(ctx, next)
		}
	}
}

// wakeAfter makes the loop look again after d.
func (m *Membership) wakeAfter(ctx context.Context, d time.Duration) {
	m.mu.Lock()
	waiting := m.paced
	m.paced = true
	m.mu.Unlock()
	if waiting {
		return
	}
	m.dials.Go(func() {
		pause(ctx, d)
		m.mu.Lock()
		m.paced = false
		m.mu.Unlock()
		m.poke()
	})
}

// plan chooses whom to dial now and marks them so: devices that are due, newest seen first; if those are fewer than
// floor, also some that are not; then addresses of unknown devices, at their pace. No device is tried twice in
// attemptGap, whoever wakes us. It returns how long until something that only waits for its pace may be dialed.
func (m *Membership) plan(now time.Time, floor int) (targets []target, next time.Duration) {
	absent := slices.DeleteFunc(m.absent(), func(d crdt.DeviceID) bool { return !m.cfg.Member(d) })
	m.mu.Lock()
	defer m.mu.Unlock()
	free := dialsMax - m.dialing
	var due, later []crdt.DeviceID
	for _, d := range absent {
		e := m.book.entries[d]
		if e == nil || e.connected || e.dialing {
			continue // since we looked
		}
		switch gap := e.tried.Add(attemptGap).Sub(now); {
		case e.next.After(now):
			later = append(later, d)
		case gap > 0:
			next = sooner(next, gap)
		default:
			due = append(due, d)
		}
	}
	slices.SortFunc(due, m.newestFirst)
	chosen := append(due, m.floor(later, floor-len(due))...)
	for _, d := range chosen[:min(len(chosen), free)] {
		e := m.book.entries[d]
		e.dialing, e.tried = true, now
		t := target{device: d, addrs: e.addrs()}
		if m.self.Compare(d) > 0 { // both may have seen the same: let one be first
			t.delay = m.jitterLocked(deferMin, deferMax)
		}
		targets = append(targets, t)
	}
	m.dialing += len(targets)
	if t, wait := m.planUnknown(now); t != nil {
		m.dialing++
		targets = append(targets, *t)
	} else {
		next = sooner(next, wait)
	}
	return targets, next
}

// absent lists the devices that could be dialed, if they are members.
func (m *Membership) absent() []crdt.DeviceID {
	m.mu.Lock()
	defer m.mu.Unlock()
	var out []crdt.DeviceID
	for d, e := range m.book.entries {
		if !e.connected && !e.dialing && len(e.worked)+len(e.signed)+len(e.hints) > 0 {
			out = append(out, d)
		}
	}
	return out
}

// newestFirst orders devices by when they were last connected.
func (m *Membership) newestFirst(a, b crdt.DeviceID) int {
	return cmp.Or(m.book.entries[b].seen.Compare(m.book.entries[a].seen), a.Compare(b))
}

// floor chooses up to n devices that are not due: the one seen last, whom we most likely lost to a cut, and then those
// tried longest ago.
func (m *Membership) floor(later []crdt.DeviceID, n int) []crdt.DeviceID {
	if n <= 0 || len(later) == 0 {
		return nil
	}
	slices.SortFunc(later, m.newestFirst)
	rest := later[1:]
	slices.SortFunc(rest, func(a, b crdt.DeviceID) int {
		return cmp.Or(m.book.entries[a].tried.Compare(m.book.entries[b].tried), a.Compare(b))
	})
	return later[:min(len(later), n)]
}

// sooner is the shorter of two waits, zero being none.
func sooner(a, b time.Duration) time.Duration {
	if a == 0 || b == 0 {
		return a + b
	}
	return min(a, b)
}

// attempt dials a target and notes how it went.
func (m *Membership) attempt(ctx context.Context, t target) {
	defer m.poke() // there is a free place
	pause(ctx, t.delay)
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	if t.device.IsZero() {
		device, err := m.cfg.Links.Probe(ctx, t.addrs[0])
		m.endUnknown(t.addrs[0], device, err)
		return
	}
	err := m.cfg.Links.Dial(ctx, t.device, t.addrs)
	if err != nil {
		m.log.Debug("dial failed", "device", t.device.Short(), "addrs", t.addrs, "err", err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.dialing--
	if e := m.book.entries[t.device]; e != nil {
		e.dialing, e.failed = false, err
		if err == nil {
			e.backoff, e.next = 0, time.Now().Add(backoffMin) // Connected follows
		} else {
			m.backOff(e)
		}
	}
}

// backOff puts the next attempt off, twice as far as the last time.
func (m *Membership) backOff(e *entry) {
	e.backoff = min(max(2*e.backoff, backoffMin), backoffMax)
	e.next = time.Now().Add(m.jitterLocked(e.backoff/2, e.backoff))
}

// trySoon makes a device due because of a hint, which anybody may have made up: there are only so many such dials, beyond
// those that the back-off allows. The caller holds the lock.
func (m *Membership) trySoon(e *entry) {
	now := time.Now()
	if e.next.After(now) {
		if !m.soon.AllowN(now, 1) {
			return
		}
		e.next, e.backoff = time.Time{}, 0
	}
	m.poke()
}

// poke makes the loop look, soon.
func (m *Membership) poke() {
	select {
	case m.wake <- struct{}{}:
	default:
	}
}

// resetLocked makes every absent device due now.
func (m *Membership) resetLocked() {
	for _, e := range m.book.entries {
		e.next, e.backoff = time.Time{}, 0
	}
	for i := range m.unknown {
		m.unknown[i].next, m.unknown[i].backoff = time.Time{}, 0
	}
}

func (m *Membership) jitter(low, high time.Duration) time.Duration {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.jitterLocked(low, high)
}

func (m *Membership) jitterLocked(low, high time.Duration) time.Duration {
	return low + time.Duration(m.random.Int64N(int64(high-low)+1))
}

// pause waits for d, or for ctx to end.
func pause(ctx context.Context, d time.Duration) {
	if d <= 0 {
		return
	}
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}
