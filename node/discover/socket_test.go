package discover

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"testing"
)

// reservePort returns a UDP port that the system gives to nobody else until release is called. Sockets that share theirs
// can be opened on it meanwhile and hear the group, but not all that is sent to one address: the holder takes some of it.
func reservePort(t *testing.T, v6 bool) (port uint16, release func()) {
	t.Helper()
	c, err := listenMDNS(t.Context(), v6, 0)
	if err != nil {
		t.Fatal(err)
	}
	release = func() {
		t.Helper()
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	}
	return addrPort(c.(interface{ LocalAddr() net.Addr }).LocalAddr()).Port(), release
}

// loopback returns the real loopback interface.
func loopback(t *testing.T) Link {
	t.Helper()
	links, err := systemLinks(true)
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range links {
		if l.Loopback {
			return l
		}
	}
	t.Fatal("no loopback interface")
	return Link{}
}

// TestSockets: the real socket and the fake one deliver to the group, to one address, and to several listeners on one
// port, name the interface, and end reading when closed.
func TestSockets(t *testing.T) {
	lo := loopback(t)
	fakeHosts := &fakeLAN{}
	fakeLink := lan(2, "eth0", "10.0.0.1/24")
	fake := fakeHosts.host(fakeLink).environment().listen
	for name, c := range map[string]struct {
		listen func(context.Context, bool, uint16) (conn, error)
		link   Link
		self   netip.Addr
	}{
		"real": {listenMDNS, lo, lo.Addrs[0].Addr()}, // 127.0.0.1 on most machines
		"fake": {fake, fakeLink, netip.MustParseAddr("10.0.0.1")},
	} {
		t.Run(name, func(t *testing.T) {
			port, release := reservePort(t, false)
			var conns []conn
			for range 2 { // both on one port
				s, err := c.listen(t.Context(), false, port)
				if err != nil {
					t.Fatal(err)
				}
				for range 2 { // joining again is no error
					if err := s.join(c.link); err != nil {
						t.Fatal(err)
					}
				}
				conns = append(conns, s)
			}
			release()
			if err := conns[0].write([]byte("to all"), netip.AddrPort{}, c.link); err != nil {
				t.Fatal(err)
			}
			b := make([]byte, 100)
			for _, s := range conns {
				n, from, link, err := s.read(b)
				if err != nil || string(b[:n]) != "to all" || from != netip.AddrPortFrom(c.self, port) || link != c.link.Index {
					t.Errorf("read %q from %v on %d, %v", b[:n], from, link, err)
				}
			}
			if err := conns[1].leave(c.link.Index); err != nil {
				t.Errorf("leave: %v", err)
			}
			if err := conns[1].Close(); err != nil {
				t.Errorf("close: %v", err)
			}
			if err := conns[0].write([]byte("to one"), netip.AddrPortFrom(c.self, port), c.link); err != nil {
				t.Fatal(err)
			}
			if n, _, link, err := conns[0].read(b); err != nil || string(b[:n]) != "to one" || link != c.link.Index {
				t.Errorf("read %q on %d, %v", b[:n], link, err)
			}
			ended := make(chan error)
			go func() {
				_, _, _, err := conns[0].read(b)
				ended <- err
			}()
			if err := conns[0].Close(); err != nil {
				t.Errorf("close: %v", err)
			}
			if err := <-ended; !errors.Is(err, net.ErrClosed) {
				t.Errorf("reading a closed socket: %v, want %v", err, net.ErrClosed)
			}
			if err := conns[0].write([]byte("late"), netip.AddrPort{}, lan(1<<20, "none")); err == nil {
				t.Errorf("sent on an interface that is not there")
			}
		})
	}
}

// TestRealSocketIPv6: as far as the loopback interface goes, which has no IPv6 multicast: joining, the interface a packet
// came in by, and its sender.
func TestRealSocketIPv6(t *testing.T) {
	lo := loopback(t)
	if !lo.has(true) {
		return // this machine has no IPv6: the socket is never opened on such a one
	}
	port, release := reservePort(t, true)
	c, err := listenMDNS(t.Context(), true, port)
	if err != nil {
		t.Fatal(err)
	}
	release()
	for range 2 {
		if err := c.join(lo); err != nil {
			t.Fatal(err)
		}
	}
	self := netip.AddrPortFrom(netip.IPv6Loopback(), port)
	if err := c.write([]byte("to one"), self, lo); err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 100)
	if n, from, link, err := c.read(b); err != nil || string(b[:n]) != "to one" || from != self || link != lo.Index {
		t.Errorf("read %q from %v on %d, %v", b[:n], from, link, err)
	}
	if err := c.leave(lo.Index); err != nil {
		t.Errorf("leave: %v", err)
	}
	if err := c.Close(); err != nil {
		t.Errorf("close: %v", err)
	}
	if _, _, _, err := c.read(b); !errors.Is(err, net.ErrClosed) {
		t.Errorf("reading a closed socket: %v", err)
	}
}

// TestPortInUse: a port that another program holds for itself is an error, not a wait.
func TestPortInUse(t *testing.T) {
	c, err := net.ListenUDP("udp4", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	}()
	if got, err := listenMDNS(t.Context(), false, c.LocalAddr().(*net.UDPAddr).AddrPort().Port()); err == nil {
		t.Errorf("opened %v on a port in use", got)
	}
}

// TestRealSocketsOnLoopback: two nodes on this machine find each other over the loopback interface, and one sees the
// other leave.
func TestRealSocketsOnLoopback(t *testing.T) {
	lo := loopback(t)
	port, release := reservePort(t, false)
	defer release()
	var runs [2]*running
	for i, letter := range []byte{'a', 'b'} {
		env := (&fakeLAN{}).host().environment()
		env.listen, env.watch = listenMDNS, watchSystem
		env.links = func(bool) ([]Link, error) { return []Link{lo}, nil } // whatever else this machine has
		runs[i] = goRun(t, env, Config{Device: device(letter), MDNSPort: port, Loopback: true})
	}
	want := netip.AddrPortFrom(lo.Addrs[0].Addr(), 7946)
	if s := runs[0].sees("b", is('b', SourceMDNS, false)); s.Addr != want {
		t.Errorf("b is at %v, want %v", s.Addr, want)
	}
	runs[1].sees("a", is('a', SourceMDNS, false))
	if err := runs[1].stop(); !errors.Is(err, context.Canceled) {
		t.Errorf("Run ended with %v", err)
	}
	runs[0].sees("b's goodbye", is('b', SourceMDNS, true))
}
