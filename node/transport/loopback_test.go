package transport

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"testing"
	"time"

	"muster/crdt"
	"muster/node/identity"
)

// startReal runs a node on a UDP socket of the loopback.
func startReal(t testing.TB, i int, listen netip.AddrPort) *node {
	t.Helper()
	n := &node{t: t, dev: device(i), ended: make(chan error, 1)}
	n.run(Config{
		Device: n.dev,
		Listen: listen,
		Member: func(crdt.DeviceID) bool { return true },
		Hello:  func() []byte { return fmt.Appendf(nil, "hello from %d", i) },
	})
	n.addr = n.LocalAddr()
	return n
}

var anyPort = netip.MustParseAddrPort("127.0.0.1:0")

// soon waits for cond on real time, for the events that the nodes bring about: for so long that only a hang exceeds it.
func soon(t testing.TB, what string, cond func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for !cond() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("%s: it did not happen", what)
		}
	}
}

func connectReal(t testing.TB, a, b *node) {
	t.Helper()
	if err := a.Dial(t.Context(), b.dev.ID(), []netip.AddrPort{b.addr}); err != nil {
		t.Fatal(err)
	}
	soon(t, "both up", func() bool { return a.up(b) && b.up(a) })
}

// On real sockets: frames of both classes, announces, a cut that is one, and a heal.
func TestLoopback(t *testing.T) {
	a, b := startReal(t, 1, anyPort), startReal(t, 2, anyPort)
	connectReal(t, a, b)
	var want [][]byte
	for i := range 40 {
		frame := bytes.Repeat([]byte{byte(i)}, 1+i*20_000)
		soon(t, "room", func() bool { return a.Send(b.dev.ID(), Bulk, frame) })
		want = append(want, frame)
	}
	if !b.Send(a.dev.ID(), Control, []byte("hi")) {
		t.Error("not sent")
	}
	soon(t, "frames", func() bool { return len(b.got(Bulk)) == len(want) && len(a.got(Control)) == 1 })
	equalFrames(t, b.got(Bulk), want)

	if err := a.WriteAnnounce([]byte("\x01here"), b.addr); err != nil {
		t.Fatal(err)
	}
	if got := <-b.Announces(); string(got.Bytes) != "\x01here" || got.From != a.addr {
		t.Errorf("announce is %+v", got)
	}

	a.Cut(b.dev.ID())
	b.Cut(a.dev.ID())
	soon(t, "cut", func() bool { return !a.up(b) && !b.up(a) })
	if err := b.WriteAnnounce([]byte("\x01cut"), a.addr); err != nil {
		t.Errorf("announce: %v", err)
	}
	a.Heal()
	b.Heal()
	connectReal(t, b, a)
	if len(a.Announces()) != 0 {
		t.Error("an announce passed the cut")
	}
	a.checkStory()
	b.checkStory()
}

// The filter between QUIC and the socket must not cost what the socket can do: segmentation offload, and path MTU
// discovery, which the loopback lets grow from 1,243 bytes in a datagram to over 1,400.
func TestFilterKeepsSocketFeatures(t *testing.T) {
	a, b := startReal(t, 1, anyPort), startReal(t, 2, anyPort)
	connectReal(t, a, b)
	l := a.current(b.dev.ID())
	if !l.conn.ConnectionState().GSO {
		t.Error("no segmentation offload")
	}
	n := 0
	soon(t, "a datagram of 1,400 bytes", func() bool {
		if n++; n%2 == 0 { // traffic is what probes ride on
			a.Send(b.dev.ID(), Control, make([]byte, 20_000))
		}
		return l.conn.SendDatagram(make([]byte, 1400)) == nil
	})
}

// A port that is taken is an error with a hint; the zero port is free and stays the same when the socket is replaced.
func TestPortInUse(t *testing.T) {
	a := startReal(t, 1, anyPort)
	_, err := New(Config{Device: device(2), Listen: a.addr, Member: func(crdt.DeviceID) bool { return true }})
	var used *AddrInUseError
	if !errors.As(err, &used) || used.Addr != a.addr || used.Hint() == "" {
		t.Errorf("got %v", err)
	}
	a.Rebuild(errors.New("test"))
	soon(t, "rebuilt", func() bool { return len(seen[Rebuilt](a)) == 1 })
	if a.LocalAddr() != a.addr {
		t.Errorf("now at %v, was at %v", a.LocalAddr(), a.addr)
	}
	connectReal(t, startReal(t, 3, anyPort), a)
}

// Without an address the node answers on IPv4 and IPv6 alike, or on the one that the machine has.
func TestListensOnBothFamilies(t *testing.T) {
	a, b := startReal(t, 1, netip.AddrPort{}), startReal(t, 2, netip.AddrPort{})
	ips := []string{"127.0.0.1"}
	if c, err := net.ListenPacket("udp6", "[::1]:0"); err == nil {
		ips = append(ips, "::1")
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	}
	for _, ip := range ips {
		addr := netip.AddrPortFrom(netip.MustParseAddr(ip), a.addr.Port())
		if got, err := b.Probe(t.Context(), addr); err != nil || got != a.dev.ID() {
			t.Errorf("%s: %v, %v", ip, got.Short(), err)
		}
		soon(t, "up", func() bool { return a.up(b) && b.up(a) })
		b.Rebuild(errors.New("next family"))
		soon(t, "down", func() bool { return !a.up(b) && !b.up(a) })
	}
}

// What New refuses, and that nothing is left open by a Transport that is not run.
func TestNewChecks(t *testing.T) {
	member := func(crdt.DeviceID) bool { return true }
	for _, bad := range []Config{{}, {Device: device(1)}, {Member: member}, {Device: identity.Device{}, Member: member}} {
		if _, err := New(bad); err == nil {
			t.Error("accepted")
		}
	}
	for range 2 { // the port is free again
		tr, err := New(Config{Device: device(1), Listen: anyPort, Member: member})
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(tr.Close(), tr.Close()); err != nil {
			t.Fatal(err)
		}
		if err := tr.Run(t.Context()); err == nil {
			t.Error("ran after Close")
		}
		if err := tr.Dial(t.Context(), device(2).ID(), []netip.AddrPort{hostAddr(2)}); !errors.Is(err, ErrStopped) {
			t.Errorf("dial after Close: %v", err)
		}
	}
}

// BenchmarkControlRoundTrip measures a small frame there and one back over the loopback.
func BenchmarkControlRoundTrip(b *testing.B) {
	x, y := startReal(b, 1, anyPort), startReal(b, 2, anyPort)
	connectReal(b, x, y)
	frame := make([]byte, 200)
	n := 0
	for b.Loop() {
		n++
		if !x.Send(y.dev.ID(), Control, frame) {
			b.Fatal("not sent")
		}
		y.await(n)
		if !y.Send(x.dev.ID(), Control, frame) {
			b.Fatal("not sent")
		}
		x.await(n)
	}
}

// BenchmarkBulk measures runs of 1 MiB over the loopback.
func BenchmarkBulk(b *testing.B) {
	x, y := startReal(b, 1, anyPort), startReal(b, 2, anyPort)
	connectReal(b, x, y)
	frame := make([]byte, 1<<20)
	b.SetBytes(int64(len(frame)))
	n := 0
	for b.Loop() {
		for !x.Send(y.dev.ID(), Bulk, frame) {
			y.await(n - bulkQueueFrames/2)
		}
		n++
	}
	y.await(n)
}
