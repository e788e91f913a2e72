package transport

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/quic-go/quic-go/testutils/simnet"

	"muster/crdt"
)

// an Initial packet of nobody who means to go on: version 1, 1200 bytes, no token, garbage where the handshake should be.
func strayInitial(n uint64) []byte {
	b := make([]byte, 1200)
	copy(b, "\xc3\x00\x00\x00\x01\x08")
	for i := range 8 {
		b[6+i], b[15+i] = byte(n>>(8*i)), byte(n>>(8*i))
	}
	b[14], b[23], b[24], b[25] = 8, 0, 0x44, 0x90
	return b
}

// A counting socket counts the bytes that leave it.
type counting struct {
	net.PacketConn
	bytes atomic.Int64
}

// WriteTo implements net.PacketConn.
func (c *counting) WriteTo(b []byte, to net.Addr) (int, error) {
	c.bytes.Add(int64(len(b)))
	return c.PacketConn.WriteTo(b, to)
}

func addrsOf(n *node) []netip.AddrPort { return []netip.AddrPort{n.addr} }

// T3: whoever begins a handshake must prove where it is before it costs anything, also from the address of a member, which
// anybody can forge: of 10,000 such packets in a second none takes a slot, and what is answered is less than what was
// asked, so that nobody can be hit by way of us. A member that is connected notices nothing.
func TestHandshakeFloodTakesNoSlot(t *testing.T) {
	simulate(t, func(t *testing.T, w *world) {
		sock := &counting{}
		host := w.start(1, func(c *Config) {
			c.Open = func() (net.PacketConn, error) {
				sock.PacketConn = w.net.Socket(hostAddr(1))
				return sock, nil
			}
		})
		friend := w.start(2)
		w.connect(friend, host)
		before := sock.bytes.Load()
		const packets = 10_000
		for n := range uint64(packets) {
			p := simnet.Packet{
				From: net.UDPAddrFromAddrPort(hostAddr(2 + int(n%2))), // 2 is the member's own address
				To:   net.UDPAddrFromAddrPort(host.addr), Data: strayInitial(n),
			}
			if err := w.net.SendPacket(p); err != nil {
				t.Fatal(err)
			}
			if n%10 == 9 {
				time.Sleep(time.Millisecond)
			}
			host.slots.mu.Lock()
			taken := host.slots.taken
			host.slots.mu.Unlock()
			if taken != 0 {
				t.Fatalf("%d slots are taken after %d packets", taken, n+1)
			}
		}
		time.Sleep(time.Second)
		out := int(sock.bytes.Load() - before)
		if asked := packets * 1200; out >= asked {
			t.Errorf("%d bytes were answered to %d", out, asked)
		}
		t.Logf("answered %.2f of what was asked, %d retries", float64(out)/(packets*1200), host.Stats().Retries)
		if len(host.Peers()) != 1 || !friend.Send(host.dev.ID(), Control, []byte("still here")) {
			t.Error("the member is gone")
		}
		w.until("frame", time.Second, func() bool { return len(host.got(Control)) == 1 })
	})
}

// T3: handshakes that are begun and never ended take at most eight slots for one address and 32 in all, and each for at
// most three seconds.
func TestHalfOpenHandshakesEndSoon(t *testing.T) {
	simulate(t, func(t *testing.T, w *world) {
		host := w.start(1)
		stuck := make(chan struct{})
		taken := func() (all, most int) {
			host.slots.mu.Lock()
			defer host.slots.mu.Unlock()
			for _, n := range host.slots.bySource {
				most = max(most, n)
			}
			return host.slots.taken, most
		}
		ended := make(chan struct{}, 60)
		for i := range 6 {
			c := w.rawClient(t, 10+i, device(10+i))
			c.tls = c.tls.Clone()
			c.tls.VerifyConnection = func(tls.ConnectionState) error { // which the other end waits for
				<-stuck
				return errors.New("never mind")
			}
			for range 10 {
				time.Sleep(5 * time.Millisecond) // more at once would lose their Retry, and come again later
				go func() {
					defer func() { ended <- struct{}{} }()
					if conn, err := c.dial(t, host); err == nil {
						_ = conn.CloseWithError(0, "")
						t.Error("a handshake was completed")
					}
				}()
			}
		}
		var high, perSource int
		begun := time.Now()
		for time.Since(begun) < 2*halfOpenIdle+100*time.Millisecond {
			all, most := taken()
			high, perSource = max(high, all), max(perSource, most)
			time.Sleep(10 * time.Millisecond)
		}
		if high != strangersMax || perSource > strangersPerSource {
			t.Errorf("%d handshakes were open at a time, %d of one address", high, perSource)
		}
		if all, _ := taken(); all != 0 {
			t.Errorf("%d handshakes are still open after %v", all, time.Since(begun))
		}
		close(stuck)
		for range cap(ended) {
			<-ended
		}
	})
}

// A member that has been here before brings the token it was given, and needs no Retry to be let in again.
func TestTokenSparesTheRetry(t *testing.T) {
	simulate(t, func(t *testing.T, w *world) {
		host, friend := w.start(1), w.start(2)
		w.connect(friend, host)
		first := host.Stats().Retries
		if first == 0 {
			t.Error("a first connection needs no Retry")
		}
		time.Sleep(time.Second)
		friend.Reconnect(errors.New("as a test"))
		w.until("down", 5*time.Second, func() bool { return !host.up(friend) })
		w.connect(friend, host)
		if got := host.Stats().Retries; got != first {
			t.Errorf("%d retries for the second connection", got-first)
		}
	})
}

// T8: a device that was removed is told why, wherever it meets the team: on the connection it has, on one that it begins, on
// one that is begun to it by who does not know that it is there. What it is told is bounded, and cannot draw on a screen.
func TestRefusalSaysWhy(t *testing.T) {
	const told = "removed by ana: stolen"
	longText := strings.Repeat("é", RefusalMax)
	simulate(t, func(t *testing.T, w *world) {
		why := told
		host := w.start(1, func(c *Config) { c.Refusal = func(crdt.DeviceID) string { return why } })
		thief := w.start(2)
		heard := func() []string {
			var out []string
			for _, r := range seen[Refused](thief) {
				out = append(out, r.Why)
			}
			return out
		}
		w.connect(thief, host)
		w.setMember(thief.dev.ID(), false)
		host.Recheck()
		w.until("down", time.Second, func() bool { return !thief.up(host) && !host.up(thief) })
		if got := seen[PeerDown](thief)[0].Reason; !errors.Is(got, ErrRefused) || WhyRefused(got) != told {
			t.Errorf("on the connection there was it heard %v", got)
		}
		if got := seen[PeerDown](host)[0].Reason; !errors.Is(got, ErrStranger) {
			t.Errorf("the reason here is %v", got)
		}

		thief.cfg.Member = func(crdt.DeviceID) bool { return true } // it knows nothing of its removal
		begun := time.Now()
		err := thief.dialDevice(t.Context(), host.dev.ID(), addrsOf(host))
		if !errors.Is(err, ErrRefused) || WhyRefused(err) != told {
			t.Errorf("a dial ended with %v", err)
		}
		if took := time.Since(begun); took > time.Second {
			t.Errorf("it was refused after %v", took)
		}
		w.until("told", time.Second, func() bool { return len(heard()) == 1 })
		if got := heard()[0]; got != told {
			t.Errorf("dialling, it heard %q", got)
		}

		why = "\x1b[31mstolen\n\xff" + strings.Repeat("\x00", 100) + longText
		if err := thief.dialDevice(t.Context(), host.dev.ID(), addrsOf(host)); len(WhyRefused(err)) > RefusalMax || WhyRefused(err) != clip("[31mstolen "+longText) {
			t.Errorf("a long reason became %q", WhyRefused(err))
		}

		why = told
		if _, err := host.Probe(t.Context(), thief.addr); !errors.Is(err, ErrStranger) {
			t.Errorf("a probe ended with %v", err)
		}
		w.until("refused again", 5*time.Second, func() bool { return len(heard()) == 3 })
		if got := heard()[2]; got != told {
			t.Errorf("probed, it heard %q", got)
		}
	})
}

// A refusal that the owner puts no words to is the one there always was.
func TestRefusalWithoutWords(t *testing.T) {
	simulate(t, func(t *testing.T, w *world) {
		host := w.start(1, func(c *Config) {
			c.Member = func(crdt.DeviceID) bool { return false }
			c.Refusal = func(crdt.DeviceID) string { return "\t\n" }
		})
		other := w.start(2)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		err := other.Dial(ctx, host.dev.ID(), addrsOf(host))
		if !errors.Is(err, ErrRefused) || WhyRefused(err) != "" {
			t.Errorf("dial: %v", err)
		}
		w.until("told", time.Second, func() bool { return len(seen[Refused](other)) == 1 })
		if r := seen[Refused](other)[0]; r.Why != "" {
			t.Errorf("told %q, where there is nothing to tell", r.Why)
		}
	})
}
