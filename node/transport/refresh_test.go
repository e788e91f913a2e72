package transport

import (
	"errors"
	"net/netip"
	"testing"
	"time"
)

// A node whose address has changed takes its peers to a new connection at once, whoever had dialed the old one and
// however young that is; nobody waits for a stall, and each side sees one ordered story.
func TestRefreshReplacesConnections(t *testing.T) {
	for _, c := range []struct {
		name    string
		moved   int // the node that moves; the other one has dialed
		other   int
		waiting time.Duration
	}{
		{"dialed by the smaller, young", 2, 1, 0},
		{"dialed by the larger, young", 1, 2, 0},
		{"dialed by the other, old", 1, 2, time.Minute},
	} {
		t.Run(c.name, func(t *testing.T) {
			simulate(t, func(t *testing.T, w *world) {
				moved, other := w.start(c.moved), w.start(c.other)
				w.connect(other, moved)
				time.Sleep(c.waiting)
				moved.Refresh()
				w.until("a new connection on both sides", time.Second, func() bool {
					return len(seen[PeerUp](moved)) == 2 && len(seen[PeerUp](other)) == 2
				})
				time.Sleep(5 * time.Second) // the outcome stands
				for _, n := range []*node{moved, other} {
					downs := seen[PeerDown](n)
					if len(downs) != 1 || !errors.Is(downs[0].Reason, ErrDuplicate) || len(n.Peers()) != 1 {
						t.Errorf("PeerDown %v, peers %v; want one down, replaced", downs, n.Peers())
					}
					n.checkStory()
				}
				if up := seen[PeerUp](other)[1]; !up.Inbound {
					t.Errorf("the second connection is not the one that the node which moved dialed: %+v", up)
				}
			})
		})
	}
}

// A refresh that fails, because the new address cannot be used yet, is repeated until it works.
func TestRefreshIsRepeated(t *testing.T) {
	simulate(t, func(t *testing.T, w *world) {
		a, b := w.start(1), w.start(2)
		w.connect(b, a)
		time.Sleep(10 * time.Second)
		w.net.Partition([]netip.Addr{a.addr.Addr()}, []netip.Addr{b.addr.Addr()})
		a.Refresh()
		time.Sleep(2500 * time.Millisecond)
		w.net.Heal()
		w.until("a new connection", 3*time.Second, func() bool { return len(seen[PeerUp](b)) == 2 && b.up(a) && a.up(b) })
		a.checkStory()
		b.checkStory()
	})
}
