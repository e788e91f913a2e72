package transport

import (
	"context"
	"crypto/sha256"
	"errors"
	"net"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/hashicorp/memberlist"

	"muster/crdt"
)

const (
	// GossipPort is the port of every synthetic address. Nothing listens on it.
	GossipPort = 7946
	// gossipPacketMax is the largest packet taken from a stream.
	gossipPacketMax = 64 << 10
)

// SynthIP returns the address under which memberlist knows the device: one in fd00::/8 (RFC 4193) made from its name.
// memberlist keys much on a node's address, refuses one that changes, and knows only one without zone; so it gets one
// that never changes, and packets find their way by name.
func SynthIP(device crdt.DeviceID) net.IP {
	h := sha256.Sum256(append([]byte("muster/synthip/v1"), device[:]...))
	h[0] = 0xfd
	return h[:16]
}

// JoinAddr returns what memberlist's Join takes for the device.
func JoinAddr(device crdt.DeviceID) string {
	return device.String() + "/" + gossipAddr(device)
}

func gossipAddr(device crdt.DeviceID) string {
	return net.JoinHostPort(SynthIP(device).String(), strconv.Itoa(GossipPort))
}

// gossip is memberlist's transport over the connections that are up. It never dials and never waits: memberlist probes
// and gossips in one goroutine each.
type gossip struct {
	t       *Transport
	on      atomic.Bool // memberlist takes what arrives
	packets chan *memberlist.Packet
	streams chan net.Conn
}

var _ memberlist.NodeAwareTransport = (*gossip)(nil)

func newGossip(t *Transport) *gossip {
	return &gossip{
		t:       t,
		packets: make(chan *memberlist.Packet, gossipInPackets),
		streams: make(chan net.Conn, gossipInStreams),
	}
}

// Memberlist returns what carries memberlist's packets and streams, to devices named by their ID, over connections that
// are up. Packets to others are dropped, as any packet may be. Until it is called, and after its Shutdown, arriving gossip is
// refused. At most one memberlist can use it at one time.
func (t *Transport) Memberlist() memberlist.NodeAwareTransport {
	t.gossip.on.Store(true)
	return t.gossip
}

func (g *gossip) FinalAdvertiseAddr(string, int) (net.IP, int, error) {
	return SynthIP(g.t.self), GossipPort, nil
}

// WriteToAddress always succeeds: any error but one from a kernel socket would keep memberlist from suspecting the node.
func (g *gossip) WriteToAddress(b []byte, to memberlist.Address) (time.Time, error) {
	now := time.Now()
	l := g.link(to.Name)
	if l == nil {
		g.t.count.gossipOut.Add(1)
		return now, nil
	}
	select {
	case l.datagrams <- append([]byte(nil), b...):
	default:
		g.t.count.gossipOut.Add(1)
	}
	return now, nil
}

// link returns the link to the named device if it is up.
func (g *gossip) link(name string) *link {
	device, err := crdt.ParseDeviceID(name)
	if err != nil {
		return nil
	}
	if l := g.t.current(device); l != nil && l.control.isOpen() {
		return l
	}
	return nil
}

func (g *gossip) DialAddressTimeout(to memberlist.Address, timeout time.Duration) (net.Conn, error) {
	l := g.link(to.Name)
	if l == nil {
		return nil, opError(to, errors.New("not connected"))
	}
	ctx, cancel := context.WithTimeout(l.ctx, timeout)
	defer cancel()
	s, err := l.conn.OpenStreamSync(ctx)
	if err != nil {
		return nil, opError(to, err)
	}
	if _, err := s.Write([]byte{streamMemberlist}); err != nil {
		s.CancelRead(codeOther)
		s.CancelWrite(codeOther)
		return nil, opError(to, err)
	}
	return newTameConn(&streamConn{s, l.conn}), nil
}

// opError has the form that memberlist takes for "the other node failed", not "we did".
func opError(to memberlist.Address, err error) error {
	return &net.OpError{Op: "dial", Net: "udp", Addr: stringAddr(to.Addr), Err: err}
}

type stringAddr string

func (stringAddr) Network() string  { return "udp" }
func (a stringAddr) String() string { return string(a) }

var errNoName = errors.New("gossip goes to names, not to addresses")

func (g *gossip) WriteTo([]byte, string) (time.Time, error) { return time.Time{}, errNoName }

func (g *gossip) DialTimeout(string, time.Duration) (net.Conn, error) { return nil, errNoName }

func (g *gossip) PacketCh() <-chan *memberlist.Packet { return g.packets }

func (g *gossip) StreamCh() <-chan net.Conn { return g.streams }

// Shutdown is called by memberlist when it ends. The connections stay.
func (g *gossip) Shutdown() error {
	g.on.Store(false)
	for {
		select {
		case s := <-g.streams:
			_ = s.Close() // nobody is left to be told
		case <-g.packets:
		default:
			return nil
		}
	}
}

// receive gives a packet from the device to memberlist, or drops it.
func (g *gossip) receive(b []byte, from crdt.DeviceID) {
	if !g.on.Load() {
		return
	}
	if !tame(b) {
		g.t.count.gossipIn.Add(1)
		return
	}
	p := &memberlist.Packet{Buf: b, From: &net.UDPAddr{IP: SynthIP(from), Port: GossipPort}, Timestamp: time.Now()}
	select {
	case g.packets <- p:
	default:
		g.t.count.gossipIn.Add(1)
	}
}

// accept gives a stream to memberlist, which then closes it, or reports false.
func (g *gossip) accept(s net.Conn) bool {
	if !g.on.Load() {
		return false
	}
	select {
	case g.streams <- s:
		return true
	default:
		g.t.count.gossipIn.Add(1)
		return false
	}
}
