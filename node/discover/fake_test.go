package discover

import (
	"context"
	"errors"
	"math/rand/v2"
	"net"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"time"

	"muster/crdt"
)

// A fakeLAN is a network segment in memory: every host is on it with one interface.
type fakeLAN struct {
	mu    sync.Mutex
	hosts []*fakeHost
	cut   bool // nothing arrives
}

// A fakeHost is a machine on the segment and its operating system.
type fakeHost struct {
	lan       *fakeLAN
	mu        sync.Mutex
	links     []Link
	linksErr  error
	conns     []*fakeConn
	held      bool // the multicast DNS port is taken
	unwatched bool // the system tells of no changes
	news      func(routes bool)
	announced func(b []byte, from netip.AddrPort) // takes what arrives at the QUIC socket; guarded by lan.mu
}

func (l *fakeLAN) host(links ...Link) *fakeHost {
	h := &fakeHost{lan: l, links: links}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.hosts = append(l.hosts, h)
	return h
}

// environment is the host as the Discoverer sees it.
func (h *fakeHost) environment() environment {
	return environment{
		links: func(bool) ([]Link, error) {
			h.mu.Lock()
			defer h.mu.Unlock()
			return slices.Clone(h.links), h.linksErr
		},
		watch: func(ctx context.Context, changed func(bool)) error {
			if h.unwatched {
				return errors.ErrUnsupported
			}
			h.mu.Lock()
			h.news = changed
			h.mu.Unlock()
			<-ctx.Done()
			return ctx.Err()
		},
		listen: func(_ context.Context, v6 bool, port uint16) (conn, error) {
			h.mu.Lock()
			defer h.mu.Unlock()
			if h.held {
				return nil, errors.New("address already in use")
			}
			c := &fakeConn{host: h, v6: v6, port: port, in: make(chan fakePacket, 256), closed: make(chan struct{}), joined: map[int]bool{}}
			h.conns = append(h.conns, c)
			return c, nil
		},
		rng: rand.New(rand.NewPCG(3, 4)),
	}
}

// deliverTo makes r hear what arrives at the host's QUIC socket.
func (h *fakeHost) deliverTo(r *running) {
	h.lan.mu.Lock()
	defer h.lan.mu.Unlock()
	h.announced = r.HandleAnnounce
}

// setLinks changes the interfaces and tells the watch.
func (h *fakeHost) setLinks(links ...Link) {
	h.mu.Lock()
	h.links = links
	news := h.news
	h.mu.Unlock()
	if news != nil {
		news(false)
	}
}

// addr returns the host's address of a family, the sender of what it sends.
func (h *fakeHost) addr(v6 bool) (netip.Addr, bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, l := range h.links {
		for _, p := range l.Addrs {
			if p.Addr().Is6() == v6 {
				return p.Addr(), true
			}
		}
	}
	return netip.Addr{}, false
}

// iface returns the name and index of the host's interface.
func (h *fakeHost) iface() (string, int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.links) == 0 {
		return "", 0
	}
	return h.links[0].Name, h.links[0].Index
}

var errUnreachable = errors.New("network is unreachable")

// WriteAnnounce makes the host an [Announcer]: whatever the target, all other hosts hear it.
func (h *fakeHost) WriteAnnounce(b []byte, to netip.AddrPort) error {
	from, ok := h.addr(to.Addr().Is6())
	if !ok {
		return errUnreachable
	}
	h.lan.mu.Lock()
	defer h.lan.mu.Unlock()
	for _, o := range h.lan.hosts {
		name, _ := o.iface()
		if o == h || o.announced == nil || h.lan.cut || name == "" {
			continue
		}
		at := from
		if at.Is6() {
			at = at.WithZone(name)
		}
		o.announced(slices.Clone(b), netip.AddrPortFrom(at, to.Port()))
	}
	return nil
}

type fakePacket struct {
	b    []byte
	from netip.AddrPort
}

// A fakeConn is a multicast DNS socket of a fakeHost.
type fakeConn struct {
	host   *fakeHost
	v6     bool
	port   uint16
	in     chan fakePacket
	once   sync.Once
	closed chan struct{}
	joined map[int]bool
}

func (c *fakeConn) join(l Link) error {
	c.host.mu.Lock()
	defer c.host.mu.Unlock()
	c.joined[l.Index] = true
	return nil
}

func (c *fakeConn) leave(index int) error {
	c.host.mu.Lock()
	defer c.host.mu.Unlock()
	delete(c.joined, index)
	return nil
}

func (c *fakeConn) hears(link int) bool {
	c.host.mu.Lock()
	defer c.host.mu.Unlock()
	return c.joined[link]
}

func (c *fakeConn) read(b []byte) (int, netip.AddrPort, int, error) {
	select {
	case p := <-c.in:
		name, index := c.host.iface()
		if p.from.Addr().Is6() {
			p.from = netip.AddrPortFrom(p.from.Addr().WithZone(name), p.from.Port())
		}
		return copy(b, p.b), p.from, index, nil
	case <-c.closed:
		return 0, netip.AddrPort{}, 0, net.ErrClosed
	}
}

// write delivers to every socket of the family that joined the group, the sender's too, or to one address.
func (c *fakeConn) write(b []byte, to netip.AddrPort, l Link) error {
	from, ok := c.host.addr(c.v6)
	if _, index := c.host.iface(); !ok || index != l.Index {
		return errUnreachable
	}
	lan := c.host.lan
	lan.mu.Lock()
	defer lan.mu.Unlock()
	for _, h := range lan.hosts {
		_, index := h.iface()
		at, _ := h.addr(c.v6)
		h.mu.Lock()
		conns := slices.Clone(h.conns)
		h.mu.Unlock()
		for _, o := range conns {
			if o.v6 != c.v6 || o.port != c.port || lan.cut && h != c.host {
				continue
			}
			if to.IsValid() && to.Addr().WithZone("") != at || !to.IsValid() && !o.hears(index) {
				continue
			}
			select {
			case o.in <- fakePacket{slices.Clone(b), netip.AddrPortFrom(from, c.port)}:
			default: // full, as a socket buffer is
			}
		}
	}
	return nil
}

func (c *fakeConn) Close() error {
	err := net.ErrClosed
	c.once.Do(func() {
		close(c.closed)
		err = nil
	})
	c.host.mu.Lock()
	defer c.host.mu.Unlock()
	c.host.conns = slices.DeleteFunc(c.host.conns, func(o *fakeConn) bool { return o == c })
	return err
}

// everyone is the team of the tests: devices a to e.
func everyone() []crdt.DeviceID {
	return []crdt.DeviceID{device('a'), device('b'), device('c'), device('d'), device('e')}
}

// A running is a Discoverer and its Run.
type running struct {
	*Discoverer
	t      *testing.T
	stop   func() error // ends Run and returns what it returned
	gone   chan struct{}
	result error
}

// goRun starts a Discoverer; the test ends it.
func goRun(t *testing.T, env environment, cfg Config) *running {
	t.Helper()
	if cfg.Keys == nil {
		cfg.Keys = func() [][]byte { return teamKeys }
	}
	cfg.Port, cfg.Members = 7946, everyone
	d, err := newIn(env, cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	r := &running{Discoverer: d, t: t, gone: make(chan struct{})}
	go func() {
		r.result = d.Run(ctx)
		close(r.gone)
	}()
	r.stop = func() error {
		cancel()
		<-r.gone
		return r.result
	}
	t.Cleanup(func() {
		if err := r.stop(); !errors.Is(err, context.Canceled) {
			t.Errorf("Run: %v", err)
		}
	})
	return r
}

// sees waits until each of matches has matched a sighting, in any order, and returns the last sighting.
func (r *running) sees(what string, matches ...func(Sighting) bool) Sighting {
	r.t.Helper()
	giveUp := time.After(48 * time.Hour) // in a bubble that is soon
	for {
		select {
		case s := <-r.Sightings():
			matches = slices.DeleteFunc(matches, func(match func(Sighting) bool) bool { return match(s) })
			if len(matches) == 0 {
				return s
			}
		case <-r.gone:
			r.t.Fatalf("Run ended before it saw %s: %v", what, r.result)
		case <-giveUp:
			r.t.Fatalf("did not see %s", what)
		}
	}
}
