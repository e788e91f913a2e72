package node

import (
	"net/netip"
	"sync"
	"time"

	"muster/crdt"
)

// clues are what happened between this node and others, kept for whoever asks why one is not seen. Members only, so
// that there are as many as the team has devices.
type clues struct {
	mu sync.Mutex
	of map[crdt.DeviceID]clue
}

// A clue is about one device. Times are zero for what has not happened since the session began.
type clue struct {
	sightedAt time.Time // discovery heard it announce itself
	sighted   netip.AddrPort

	refusedAt time.Time // it said that it does not know us as a member
	notLetIn  string    // and why not, when we introduced ourselves

	downAt time.Time // the last connection ended
	down   error     // because of this
}

// note changes what is known of a device.
func (c *clues) note(d crdt.DeviceID, change func(*clue)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.of == nil {
		c.of = map[crdt.DeviceID]clue{}
	}
	k := c.of[d]
	change(&k)
	c.of[d] = k
}

// about returns what is known of a device.
func (c *clues) about(d crdt.DeviceID) clue {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.of[d]
}
