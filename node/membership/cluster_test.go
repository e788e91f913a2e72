package membership

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/memberlist"

	"muster/crdt"
	"muster/node/identity"
	"muster/node/transport"
	"muster/node/transport/nettest"
)

func device(i int) identity.Device { return identity.FromSeed([32]byte{byte(i), 2}) }

func hostAddr(i int) netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, 0, byte(i)}), 4100)
}

// A member is a whole node below the board: transport, membership and the loop of their owner.
type member struct {
	t      *testing.T
	id     crdt.DeviceID
	addr   netip.AddrPort
	links  *transport.Transport
	m      *Membership
	sock   *nettest.Socket
	cancel context.CancelFunc
	ended  chan error
}

// startMember runs node i at addr. The path of its address book may be empty.
func startMember(t *testing.T, network *nettest.Router, i int, addr netip.AddrPort, path string) *member {
	t.Helper()
	n := &member{t: t, id: device(i).ID(), addr: addr, ended: make(chan error, 3)}
	everybody := func(crdt.DeviceID) bool { return true }
	var err error
	n.links, err = transport.New(transport.Config{
		Device: device(i), Member: everybody,
		Open: func() (net.PacketConn, error) {
			n.sock = network.Socket(n.addr)
			return n.sock, nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	n.m, err = New(Config{Device: device(i), Links: n.links, Member: everybody, Team: "acme", Path: path})
	if err != nil {
		t.Fatal(err)
	}
	n.m.SetEndpoints([]netip.AddrPort{addr})
	ctx, cancel := context.WithCancel(context.Background())
	n.cancel = cancel
	go func() { n.ended <- n.links.Run(ctx) }()
	go func() { n.ended <- n.m.Run(ctx) }()
	go func() { n.ended <- n.own(ctx) }()
	t.Cleanup(n.stop)
	return n
}

// own is what package node does with the transport's events.
func (n *member) own(ctx context.Context) error {
	for {
		select {
		case ev := <-n.links.Events():
			switch ev := ev.(type) {
			case transport.PeerUp:
				n.m.Connected(ev.Device, ev.Addr, ev.Inbound)
			case transport.PeerDown:
				n.m.Disconnected(ev.Device)
			case transport.Rebuilt:
				n.m.Wake("socket replaced")
			}
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (n *member) stop() {
	n.cancel()
	for range cap(n.ended) {
		if err := <-n.ended; !errors.Is(err, context.Canceled) {
			n.t.Errorf("ended with %v", err)
		}
	}
	for range cap(n.ended) {
		n.ended <- context.Canceled // for the next stop
	}
}

// peers counts connections; alive counts devices that gossip has alive.
func (n *member) peers() int { return len(n.links.Peers()) }

func (n *member) alive() int {
	alive := 0
	for _, k := range n.m.Known() {
		if n.m.isHeard(k.Device) {
			alive++
		}
	}
	return alive
}

func (m *Membership) isHeard(d crdt.DeviceID) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.book.entries[d] != nil && m.book.entries[d].heard
}

// whole reports whether every node is connected to every other, and gossip agrees.
func whole(ns []*member) bool {
	for _, n := range ns {
		if n.peers() != len(ns)-1 || n.alive() != len(ns)-1 {
			return false
		}
	}
	return true
}

// until waits in virtual time.
func until(t *testing.T, what string, limit time.Duration, cond func() bool) time.Duration {
	t.Helper()
	begun := time.Now()
	for !cond() {
		if time.Since(begun) > limit {
			t.Fatalf("%s: not after %v", what, limit)
		}
		time.Sleep(10 * time.Millisecond)
	}
	return time.Since(begun)
}

// bubble runs f in virtual time. memberlist's last goroutines end a while after its Shutdown.
func bubble(t *testing.T, f func(t *testing.T)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		t.Cleanup(func() { time.Sleep(2 * time.Minute) })
		f(t)
	})
}

// cluster starts n nodes that know only the first one's address, and waits until all are connected to all.
func cluster(t *testing.T, network *nettest.Router, n int) []*member {
	t.Helper()
	var ns []*member
	for i := 1; i <= n; i++ {
		ns = append(ns, startMember(t, network, i, hostAddr(i), ""))
		if i > 1 {
			ns[i-1].m.Sight(ns[0].addr, crdt.DeviceID{})
		}
	}
	took := until(t, "one group", 10*time.Second, func() bool { return whole(ns) })
	t.Logf("%d nodes were one group after %v", n, took)
	return ns
}

func addrsOf(ns []*member) []netip.Addr {
	var out []netip.Addr
	for _, n := range ns {
		out = append(out, n.addr.Addr())
	}
	return out
}

// Six nodes are cut three from three for an hour (five minutes under the race detector), on a network that loses and repeats packets. Nothing announces the heal.
// They are one group again in under five seconds.
func TestHealsAfterAnHourApart(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		network := nettest.New(1)
		network.SetAll(nettest.Link{Delay: 2 * time.Millisecond, Jitter: 4 * time.Millisecond, Loss: 0.02, Dup: 0.02})
		ns := cluster(t, network, 6)
		network.Partition(addrsOf(ns[:3]), addrsOf(ns[3:]))
		until(t, "noticed", 20*time.Second, func() bool { return whole(ns[:3]) || ns[0].peers() == 2 })
		time.Sleep(apart)
		for i, n := range ns {
			if n.peers() != 2 || n.alive() != 2 {
				t.Errorf("node %d has %d peers, %d alive during the cut", i, n.peers(), n.alive())
			}
		}
		network.Heal()
		took := until(t, "merged", 5*time.Second, func() bool { return whole(ns) })
		t.Logf("one group %v after the heal", took)
	})
}

// One direction between two halves is cut for ten minutes: to QUIC that is a cut like any other, and it heals like one.
func TestHealsAfterOneWayCut(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		network := nettest.New(2)
		network.SetAll(nettest.Link{Delay: 2 * time.Millisecond})
		ns := cluster(t, network, 4)
		for _, from := range ns[:2] {
			for _, to := range ns[2:] {
				network.Cut(from.addr.Addr(), to.addr.Addr())
			}
		}
		until(t, "noticed", 30*time.Second, func() bool { return ns[0].peers() == 1 && ns[3].peers() == 1 })
		time.Sleep(10 * time.Minute)
		network.Heal()
		took := until(t, "merged", 5*time.Second, func() bool { return whole(ns) })
		t.Logf("one group %v after the heal", took)
	})
}

// One link of many is cut: the two that lose each other still hear of each other, and both stay with the rest.
func TestCutLinkIsHeardThroughOthers(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		network := nettest.New(3)
		network.SetAll(nettest.Link{Delay: 2 * time.Millisecond})
		ns := cluster(t, network, 4)
		network.Partition(addrsOf(ns[:1]), addrsOf(ns[1:2]))
		until(t, "link down", 20*time.Second, func() bool { return ns[0].peers() == 2 && ns[1].peers() == 2 })
		time.Sleep(time.Minute)
		for _, k := range ns[0].m.Known() {
			if k.Device == ns[1].id && k.State != Heard {
				t.Errorf("the lost peer is %v", k.State)
			}
		}
		network.Heal()
		until(t, "merged", 5*time.Second, func() bool { return whole(ns) })
	})
}

// A node vanishes and is started again on the same address with the same book: it is back in under two seconds.
func TestRestartedNodeIsBackSoon(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		network := nettest.New(4)
		network.SetAll(nettest.Link{Delay: 2 * time.Millisecond})
		path := filepath.Join(t.TempDir(), "book")
		a := startMember(t, network, 1, hostAddr(1), "")
		b := startMember(t, network, 2, hostAddr(2), path)
		b.m.Sight(a.addr, crdt.DeviceID{})
		until(t, "one group", 5*time.Second, func() bool { return whole([]*member{a, b}) })
		time.Sleep(time.Minute)
		b.sock.FailWrites(net.ErrClosed) // no farewell
		b.stop()
		b = startMember(t, network, 2, hostAddr(2), path)
		begun := time.Now()
		// The survivor must have noticed and be on a new connection, not on the dead one.
		until(t, "back", 2*time.Second, func() bool {
			pa := a.links.Peers()
			return b.peers() == 1 && len(pa) == 1 && !pa[0].Since.Before(begun)
		})
		until(t, "gossip agrees", 5*time.Second, func() bool { return whole([]*member{a, b}) })
	})
}

// A node gets a new address, as a laptop does that changes networks. It finds the others with what its book says.
func TestMovedNodeIsBackSoon(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		network := nettest.New(5)
		network.SetAll(nettest.Link{Delay: 2 * time.Millisecond})
		ns := cluster(t, network, 3)
		time.Sleep(time.Minute)
		network.Partition([]netip.Addr{ns[2].addr.Addr()}, addrsOf(ns[:2])) // the old address is gone
		ns[2].addr = netip.MustParseAddrPort("10.7.7.7:4100")
		ns[2].m.SetEndpoints([]netip.AddrPort{ns[2].addr})
		ns[2].links.Rebuild(errors.New("the address changed"))
		begun := time.Now()
		until(t, "back", 5*time.Second, func() bool {
			for _, n := range ns[:2] {
				for _, p := range n.links.Peers() {
					if p.Device == ns[2].id && p.Addr == ns[2].addr && p.Since.After(begun) {
						continue
					} else if p.Device == ns[2].id {
						return false
					}
				}
			}
			return whole(ns)
		})
		until(t, "new address spread", 15*time.Second, func() bool {
			for _, k := range ns[0].m.Known() {
				if k.Device == ns[2].id {
					return len(k.Addrs) > 0 && k.Addrs[0] == ns[2].addr && ns[0].m.Addrs(k.Device)[0] == ns[2].addr
				}
			}
			return false
		})
	})
}

// Gossip is not believed: a name that is no member, or a list that its device did not sign, goes nowhere.
func TestForgedGossipIsRefused(t *testing.T) {
	t.Parallel()
	id := device(2).ID()
	m, err := New(Config{
		Device: device(1), Links: &fakeLinks{}, Team: "acme",
		Member: func(d crdt.DeviceID) bool { return d == id },
	})
	if err != nil {
		t.Fatal(err)
	}
	d := delegate{m}
	good, err := formatMeta(device(2), []netip.AddrPort{hostAddr(2)})
	if err != nil {
		t.Fatal(err)
	}
	forged, err := formatMeta(device(3), []netip.AddrPort{hostAddr(3)})
	if err != nil {
		t.Fatal(err)
	}
	node := func(edit func(*memberlist.Node)) *memberlist.Node {
		n := &memberlist.Node{Name: id.String(), Addr: transport.SynthIP(id), Port: transport.GossipPort, Meta: good}
		edit(n)
		return n
	}
	for name, n := range map[string]*memberlist.Node{
		"another's list": node(func(n *memberlist.Node) { n.Meta = forged }),
		"no list":        node(func(n *memberlist.Node) { n.Meta = nil }),
		"no name":        node(func(n *memberlist.Node) { n.Name = "laptop" }),
		"an address":     node(func(n *memberlist.Node) { n.Addr = net.IPv4(10, 0, 0, 2) }),
		"a stranger": node(func(n *memberlist.Node) {
			n.Name, n.Addr, n.Meta = device(3).ID().String(), transport.SynthIP(device(3).ID()), forged
		}),
	} {
		if err := d.NotifyAlive(n); err == nil {
			t.Errorf("%s was accepted", name)
		}
	}
	if got := m.Known(); len(got) != 0 {
		t.Errorf("the book has %v", got)
	}
	if err := d.NotifyAlive(node(func(*memberlist.Node) {})); err != nil {
		t.Errorf("a good node was refused: %v", err)
	}
	if got := fmt.Sprint(m.Known()[0].Addrs); got != "[10.0.0.2:4100]" {
		t.Errorf("the book has %v", got)
	}
	if err := d.NotifyMerge(make([]*memberlist.Node, gossipNodes+1)); err == nil {
		t.Error("a merge of too many was accepted")
	}
}
