package main

import (
	"context"
	"crypto/tls"
	"errors"
	"math/rand/v2"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/quic-go/quic-go"

	"muster/node/identity"
)

// TestOtherTeamLearnsNothing: a node of another team keeps dialing ours, which it takes for one of its own. The two
// speak, neither lets the other in, nothing of either board is on the other, and both go on.
func TestOtherTeamLearnsNothing(t *testing.T) {
	a, b := pair(t)
	wire := relay(t, a.addr)
	x := newLaptop(t, "xan")
	x.start("--listen", "127.0.0.1:0", "--join", wire.addr.String())
	x.does("init", "--name", "xan", "--team", "theirs")
	x.does("declare", "their own trouble")
	until(t, "the two have spoken, more than once", func() string {
		if wire.there.Load() < 10 || wire.back.Load() < 6 {
			return "too few packets"
		}
		return ""
	})
	a.does("note", "ours alone")
	until(t, "ours go on", same(a, b))
	st := x.status()
	if len(st.Peers) != 0 || len(st.Incidents) != 1 || len(st.Responders) != 1 {
		t.Errorf("the other team's node knows %d peers, %d incidents, %d people", len(st.Peers), len(st.Incidents), len(st.Responders))
	}
	if n := len(a.status().Incidents); n != 1 {
		t.Errorf("ours shows %d incidents", n)
	}
	x.does("note", "theirs goes on")
}

// TestGarbageOnTheNetwork: packets of noise at the node's port, and a stranger who completes a handshake and then sends
// noise on streams of every kind, cost the node nothing that people would notice.
func TestGarbageOnTheNetwork(t *testing.T) {
	a, b := pair(t)
	noise := rand.New(rand.NewPCG(7, 7))
	junk := func(size int) []byte {
		p := make([]byte, size)
		for i := range p {
			p[i] = byte(noise.Uint32())
		}
		return p
	}
	conn, err := net.Dial("udp", a.addr)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 3000 {
		p := junk(1 + noise.IntN(1400))
		if i%3 == 0 {
			p = append([]byte("\x01mst\x01"), p...) // as an announcement begins
		}
		if _, err := conn.Write(p); err != nil && !errors.Is(err, net.ErrClosed) {
			t.Logf("packet %d: %v", i, err) // the kernel's queue is full: so much the better
		}
	}
	if err := conn.Close(); err != nil {
		t.Fatal(err)
	}
	for i, first := range []string{"c", "b", "p", "m", "j", "j\x00\x00\x00\x01\x01", "j\x00\x00\x00\x61\x01", "j\xff\xff\xff\xff", "?"} {
		babble(t, a.addr, byte(i), append([]byte(first), junk(20_000)...))
	}
	a.does("note", "still here")
	until(t, "both go on", same(a, b))
	if ws := a.status().Warnings; len(ws) > 0 {
		t.Errorf("status warns %q of noise", ws)
	}
}

// babble connects as a stranger and writes text on streams of both kinds, until the node hangs up or has taken it all.
func babble(t *testing.T, addr string, who byte, text []byte) {
	t.Helper()
	cert, err := identity.FromSeed([32]byte{who, 99}).Certificate()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), callLimit)
	defer cancel()
	conn, err := quic.DialAddr(ctx, addr, &tls.Config{
		Certificates: []tls.Certificate{cert}, NextProtos: []string{"muster/1"}, MinVersion: tls.VersionTLS13,
		InsecureSkipVerify: true, // who answers does not matter here
	}, &quic.Config{EnableDatagrams: true, HandshakeIdleTimeout: callLimit})
	if err != nil {
		t.Fatalf("a stranger cannot even knock: %v", err)
	}
	defer func() {
		if err := conn.CloseWithError(0, ""); err != nil {
			t.Error(err)
		}
	}()
	var ends []error
	if s, err := conn.OpenStream(); err == nil {
		_, werr := s.Write(text)
		ends = append(ends, werr, s.Close())
	}
	if s, err := conn.OpenUniStream(); err == nil {
		_, werr := s.Write(text)
		ends = append(ends, werr, s.Close())
	}
	ends = append(ends, conn.SendDatagram(text[:min(len(text), 1000)]))
	select {
	case <-conn.Context().Done(): // it hung up, which is right
	case <-ctx.Done():
		t.Errorf("the node still listens to %q...: %v", text[:2], errors.Join(ends...))
	}
}

// A wiretap is a UDP relay in front of a node.
type wiretap struct {
	addr        netip.AddrPort
	there, back atomic.Int64 // packets
}

// relay passes packets on to the node at to, and its answers back, until the test ends.
func relay(t *testing.T, to string) *wiretap {
	t.Helper()
	in, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.MustParseAddrPort("127.0.0.1:0")))
	if err != nil {
		t.Fatal(err)
	}
	out, err := net.Dial("udp", to)
	if err != nil {
		t.Fatal(err)
	}
	w := &wiretap{addr: in.LocalAddr().(*net.UDPAddr).AddrPort()}
	var from atomic.Pointer[netip.AddrPort]
	var both sync.WaitGroup
	both.Go(func() {
		for b := make([]byte, 2048); ; {
			n, a, err := in.ReadFromUDPAddrPort(b)
			if err != nil {
				return
			}
			from.Store(&a)
			w.there.Add(1)
			_, _ = out.Write(b[:n]) // a network may lose it
		}
	})
	both.Go(func() {
		for b := make([]byte, 2048); ; {
			n, err := out.Read(b)
			if errors.Is(err, net.ErrClosed) {
				return
			}
			if a := from.Load(); err == nil && a != nil {
				w.back.Add(1)
				_, _ = in.WriteToUDPAddrPort(b[:n], *a) // a network may lose it
			}
		}
	})
	t.Cleanup(func() {
		if err := errors.Join(in.Close(), out.Close()); err != nil {
			t.Error(err)
		}
		both.Wait()
	})
	return w
}
