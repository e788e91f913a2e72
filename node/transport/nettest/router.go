// Package nettest is a network in memory for tests: sockets joined by links that lose, repeat, delay, reorder and cut
// packets. With testing/synctest an hour of it takes as long as the packets in it.
//
// It builds on quic-go's simnet, whose sockets it returns, and adds what that lacks: conditions for each directed pair of
// addresses that change while packets fly, delivery in order on a link without jitter, broadcast to nobody (as on a network that
// filters it), and sockets that fail.
//
// What is random is drawn from the seed, but quic-go and memberlist draw from the system and goroutines race, so a run is not
// repeatable; only its time is virtual.
package nettest

import (
	"container/heap"
	"math/rand/v2"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/quic-go/quic-go/testutils/simnet"
)

// A Link is the condition of one direction between two addresses. The zero Link is perfect.
type Link struct {
	Delay  time.Duration // of every packet
	Jitter time.Duration // up to this much more, at random for each packet, which reorders them
	Loss   float64       // probability that a packet is lost, 0 to 1
	Dup    float64       // probability that it comes twice
	Cut    bool          // nothing passes
}

// A Router joins sockets. Its methods may be called at any time by any goroutine.
type Router struct {
	mu     sync.Mutex
	random *rand.Rand
	nodes  map[netip.AddrPort]*node
	normal Link
	links  map[[2]netip.Addr]Link // from, to -> condition that differs from normal
	count  Count
	nextID int // orders packets that are due at one time
}

// Count is what happened to packets so far.
type Count struct {
	Sent, Lost, Repeated, Cut int
}

var _ simnet.Router = (*Router)(nil)

// New returns a network of perfect links.
func New(seed uint64) *Router {
	return &Router{
		random: rand.New(rand.NewPCG(seed, 0)),
		nodes:  map[netip.AddrPort]*node{},
		links:  map[[2]netip.Addr]Link{},
	}
}

// Socket returns a socket bound to addr. It takes over from an earlier socket there, as after a restart; the caller closes both.
func (r *Router) Socket(addr netip.AddrPort) *Socket {
	return &Socket{SimConn: simnet.NewSimConn(net.UDPAddrFromAddrPort(addr), r)}
}

// SetAll makes l the condition of every pair that has none of its own.
func (r *Router) SetAll(l Link) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.normal = l
}

// Set makes l the condition of packets from one address to another.
func (r *Router) Set(from, to netip.Addr, l Link) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.links[[2]netip.Addr{from, to}] = l
}

// Cut stops packets from one address to another. The other direction stays as it is.
func (r *Router) Cut(from, to netip.Addr) {
	r.mu.Lock()
	defer r.mu.Unlock()
	l := r.link(from, to)
	l.Cut = true
	r.links[[2]netip.Addr{from, to}] = l
}

// Partition stops packets between the groups, both ways; within a group nothing changes.
func (r *Router) Partition(groups ...[]netip.Addr) {
	for i, a := range groups {
		for j, b := range groups {
			if i == j {
				continue
			}
			for _, from := range a {
				for _, to := range b {
					r.Cut(from, to)
				}
			}
		}
	}
}

// Heal gives every pair the condition of [Router.SetAll].
func (r *Router) Heal() {
	r.mu.Lock()
	defer r.mu.Unlock()
	clear(r.links)
}

// Count returns what happened so far.
func (r *Router) Count() Count {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.count
}

func (r *Router) link(from, to netip.Addr) Link {
	if l, ok := r.links[[2]netip.Addr{from, to}]; ok {
		return l
	}
	return r.normal
}

// AddNode implements simnet.Router.
func (r *Router) AddNode(addr net.Addr, receiver simnet.PacketReceiver) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.nodes[key(addr)] = &node{receiver: receiver}
}

// SendPacket implements simnet.Router. Like UDP it does not tell when a packet is lost.
func (r *Router) SendPacket(p simnet.Packet) error {
	from, to := key(p.From), key(p.To)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.count.Sent++
	dst := r.nodes[to]
	l := r.link(from.Addr(), to.Addr())
	switch {
	case dst == nil:
		r.count.Lost++
		return nil
	case l.Cut:
		r.count.Cut++
		return nil
	case r.random.Float64() < l.Loss:
		r.count.Lost++
		return nil
	}
	r.deliver(dst, p, l)
	if r.random.Float64() < l.Dup {
		r.count.Repeated++
		r.deliver(dst, p, l)
	}
	return nil
}

func (r *Router) deliver(dst *node, p simnet.Packet, l Link) {
	delay := l.Delay
	if l.Jitter > 0 {
		delay += time.Duration(r.random.Int64N(int64(l.Jitter)))
	}
	r.nextID++
	delay = max(delay, time.Nanosecond) // two timers of a bubble that run at once, in whoever sets them, upset the race detector of Go 1.26
	dst.put(flying{p, time.Now().Add(delay), r.nextID})
	time.AfterFunc(delay, dst.take)
}

func key(a net.Addr) netip.AddrPort {
	u, ok := a.(*net.UDPAddr)
	if !ok {
		return netip.AddrPort{}
	}
	addr := u.AddrPort()
	return netip.AddrPortFrom(addr.Addr().Unmap(), addr.Port())
}

// A node is where packets arrive, the earliest first.
type node struct {
	receiver simnet.PacketReceiver

	mu     sync.Mutex
	flying packets
}

func (n *node) put(p flying) {
	n.mu.Lock()
	defer n.mu.Unlock()
	heap.Push(&n.flying, p)
}

// take hands over what is due, in order, although the timers that call it may not be.
func (n *node) take() {
	n.mu.Lock()
	defer n.mu.Unlock()
	for now := time.Now(); len(n.flying) > 0 && !n.flying[0].at.After(now); {
		n.receiver.RecvPacket(heap.Pop(&n.flying).(flying).packet)
	}
}

type flying struct {
	packet simnet.Packet
	at     time.Time
	id     int
}

// packets implements heap.Interface, earliest first.
type packets []flying

func (p packets) Len() int { return len(p) }
func (p packets) Less(i, j int) bool {
	return p[i].at.Before(p[j].at) || p[i].at.Equal(p[j].at) && p[i].id < p[j].id
}
func (p packets) Swap(i, j int) { p[i], p[j] = p[j], p[i] }
func (p *packets) Push(x any)   { *p = append(*p, x.(flying)) }
func (p *packets) Pop() any {
	last := len(*p) - 1
	x := (*p)[last]
	*p = (*p)[:last]
	return x
}
