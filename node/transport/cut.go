package transport

import (
	"net/netip"
	"sync"
	"sync/atomic"

	"github.com/quic-go/quic-go"

	"muster/crdt"
)

// cuts is a drill's partition: devices and addresses with which no packet is exchanged. It filters at the socket, so
// that even the farewell of a connection does not get through and the other side sees what a real cut shows: nothing.
type cuts struct {
	active  atomic.Bool // anything to filter at all
	all     atomic.Bool
	dropped *atomic.Uint64

	mu      sync.RWMutex
	devices map[crdt.DeviceID]bool
	addrs   map[netip.AddrPort]bool
}

func newCuts(dropped *atomic.Uint64) *cuts {
	return &cuts{dropped: dropped, devices: map[crdt.DeviceID]bool{}, addrs: map[netip.AddrPort]bool{}}
}

// drops reports whether a packet to or from addr is lost, and counts it.
func (c *cuts) drops(addr netip.AddrPort) bool {
	if !c.active.Load() {
		return false
	}
	c.mu.RLock()
	drop := c.all.Load() || c.addrs[unmap(addr)]
	c.mu.RUnlock()
	if drop {
		c.dropped.Add(1)
	}
	return drop
}

// refuses reports whether the device is on the other side of the cut.
func (c *cuts) refuses(device crdt.DeviceID) bool {
	if !c.active.Load() {
		return false
	}
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.all.Load() || c.devices[device]
}

func (c *cuts) cut(device crdt.DeviceID, addrs ...netip.AddrPort) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.devices[device] = true
	for _, a := range addrs {
		c.learnLocked(a)
	}
	c.active.Store(true)
}

// learn adds an address at which a device was met, if it is still cut: what was learned after the cut was healed would
// stay, and be cut with the next one. Of too many, any one is forgotten: the device would be recognised there again.
func (c *cuts) learn(device crdt.DeviceID, addr netip.AddrPort) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.devices[device] {
		c.learnLocked(addr)
	}
}

func (c *cuts) learnLocked(addr netip.AddrPort) {
	if len(c.addrs) >= learnedCutMax {
		for a := range c.addrs {
			delete(c.addrs, a)
			break
		}
	}
	c.addrs[unmap(addr)] = true
}

func (c *cuts) heal() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.all.Store(false)
	c.active.Store(false)
	clear(c.devices)
	clear(c.addrs)
}

// Cut separates this node from the devices until [Transport.Heal]: their PeerDown comes at once, no packet leaves to or
// is taken from an address known to be theirs, and a connection that one of them makes from elsewhere is dropped without a
// word when the handshake shows its key. The devices are not told. Cutting more devices adds to those already cut.
func (t *Transport) Cut(devices ...crdt.DeviceID) {
	for _, d := range devices {
		addrs := t.cfg.Redial(d)
		if l := t.current(d); l != nil {
			addrs = append(addrs[:len(addrs):len(addrs)], remoteAddr(l.conn))
		}
		t.cuts.cut(d, addrs...)
	}
	t.stopLinks(ErrCut, t.cuts.refuses)
}

// CutAll separates this node from everybody until [Transport.Heal], announces included.
func (t *Transport) CutAll() {
	t.cuts.all.Store(true)
	t.cuts.active.Store(true)
	t.stopLinks(ErrCut, t.cuts.refuses)
}

// Heal ends every cut. Connecting again is the caller's, as after any cut.
func (t *Transport) Heal() { t.cuts.heal() }

// closeCut drops a connection of a device that is cut, silently.
func (t *Transport) closeCut(conn *quic.Conn, device crdt.DeviceID) {
	t.cuts.learn(device, remoteAddr(conn))
	closeConn(conn, codeStopped, "")
}
