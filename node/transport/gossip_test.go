package transport

import (
	"bytes"
	"errors"
	"io"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/hashicorp/memberlist"

	"muster/node/transport/nettest"
)

func gossipTo(n *node) memberlist.Address {
	return memberlist.Address{Addr: gossipAddr(n.dev.ID()), Name: n.dev.ID().String()}
}

// Packets arrive from the synthetic address of their sender, those too large for a datagram included.
func TestGossipPackets(t *testing.T) {
	simulate(t, func(t *testing.T, w *world) {
		a, b := w.start(1), w.start(2)
		w.connect(a, b)
		ga, gb := a.Memberlist(), b.Memberlist()
		sizes := []int{1, 1200}
		for range 300 { // more than the peer lets be open at one time: none may leak
			sizes = append(sizes, 4000)
		}
		for _, size := range sizes {
			sent := bytes.Repeat([]byte{byte(size)}, size)
			if _, err := ga.WriteToAddress(sent, gossipTo(b)); err != nil {
				t.Fatal(err)
			}
			got := <-gb.PacketCh()
			if !bytes.Equal(got.Buf, sent) || got.From.String() != gossipAddr(a.dev.ID()) {
				t.Errorf("%d bytes: got %d from %v", size, len(got.Buf), got.From)
			}
		}
		if n := a.Stats().GossipBig; n != 300 {
			t.Errorf("%d packets took a stream", n)
		}
	})
}

// Writing to a peer that has vanished, to one that is not connected, and to names that are none returns at once and
// without an error for minutes: any error would keep memberlist from suspecting the peer.
func TestGossipWriteNeverBlocks(t *testing.T) {
	simulate(t, func(t *testing.T, w *world) {
		a, b := w.start(1), w.start(2)
		w.connect(a, b)
		g := a.Memberlist()
		w.net.Partition([]netip.Addr{a.addr.Addr()}, []netip.Addr{b.addr.Addr()})
		for i := range 10_000 {
			begun := time.Now()
			if _, err := g.WriteToAddress(make([]byte, 1000), gossipTo(b)); err != nil {
				t.Fatal(err)
			}
			if took := time.Since(begun); took != 0 {
				t.Fatalf("write %d took %v", i, took)
			}
			if i%100 == 0 {
				time.Sleep(200 * time.Millisecond)
			}
		}
		if a.up(b) || a.Stats().GossipOutDropped == 0 {
			t.Errorf("up %v, stats %+v", a.up(b), a.Stats())
		}
		if _, err := g.WriteToAddress([]byte("x"), memberlist.Address{Addr: "10.0.0.1:1", Name: "nobody"}); err != nil {
			t.Errorf("a name that is none: %v", err)
		}
		var op *net.OpError
		if _, err := g.DialAddressTimeout(gossipTo(b), time.Second); !errors.As(err, &op) || op.Net != "udp" {
			t.Errorf("dial without a connection: %v", err)
		}
		if _, err := g.WriteTo(nil, "10.0.0.1:1"); err == nil {
			t.Error("wrote to an address")
		}
		if _, err := g.DialTimeout("10.0.0.1:1", time.Second); err == nil {
			t.Error("dialed an address")
		}
	})
}

// More gossip than memberlist takes is dropped and counted; it does not slow frames.
func TestGossipFloodIsDropped(t *testing.T) {
	simulate(t, func(t *testing.T, w *world) {
		a, b := w.start(1), w.start(2)
		w.connect(a, b)
		ga := a.Memberlist()
		b.Memberlist() // takes nothing
		for range 5000 {
			if _, err := ga.WriteToAddress(make([]byte, 1000), gossipTo(b)); err != nil {
				t.Fatal(err)
			}
			time.Sleep(100 * time.Microsecond)
		}
		if !a.Send(b.dev.ID(), Control, []byte("x")) {
			t.Fatal("not sent")
		}
		w.until("frame", time.Second, func() bool { return len(b.got(Control)) == 1 })
		if b.Stats().GossipInDropped == 0 {
			t.Errorf("stats are %+v", b.Stats())
		}
	})
}

// Five hundred streams are opened and closed one after the other, by either side and at either end first, and another
// five hundred refused: none is leaked, so none is ever waited for.
func TestStreamsDoNotLeak(t *testing.T) {
	simulate(t, func(t *testing.T, w *world) {
		w.net.SetAll(nettest.Link{Delay: time.Millisecond, Loss: 0.01})
		a, b := w.start(1), w.start(2)
		w.connect(a, b)
		ga, gb := a.Memberlist(), b.Memberlist()
		for i := range 500 {
			conn, err := ga.DialAddressTimeout(gossipTo(b), time.Second)
			if err != nil {
				t.Fatalf("stream %d: %v", i, err)
			}
			served := <-gb.StreamCh()
			if i%2 == 0 { // the usual order: all is read
				if _, err := conn.Write([]byte("\x00uestion")); err != nil {
					t.Fatal(err)
				}
				if _, err := io.ReadFull(served, make([]byte, 8)); err != nil {
					t.Fatal(err)
				}
			} else { // neither end reads what the other wrote
				for _, c := range []net.Conn{conn, served} {
					if _, err := c.Write(make([]byte, 5000)); err != nil {
						t.Fatal(err)
					}
				}
			}
			first, second := conn, served
			if i%3 == 0 {
				first, second = served, conn
			}
			if err := errors.Join(first.Close(), second.Close()); err != nil {
				t.Fatalf("stream %d: %v", i, err)
			}
		}
		if err := gb.Shutdown(); err != nil {
			t.Fatal(err)
		}
		for i := range 500 { // refused by the other end, which has no memberlist now
			conn, err := ga.DialAddressTimeout(gossipTo(b), time.Second)
			if err != nil {
				t.Fatalf("refused stream %d: %v", i, err)
			}
			if _, err := conn.Read(make([]byte, 1)); err == nil {
				t.Fatal("not refused")
			}
			_ = conn.Close() // the peer has refused it: an error is right, and so is none
		}
		if a.Stats().Connections != 1 {
			t.Errorf("stats are %+v", a.Stats())
		}
	})
}

// The synthetic address is in fd00::/8, and part of the protocol: it never changes.
func TestSynthIP(t *testing.T) {
	want := "fdc1:a04a:6972:4e8e:111a:fac1:a54b:55f4"
	if got := SynthIP(device(1).ID()).String(); got != want {
		t.Errorf("the address is %s, want %s", got, want)
	}
	if got, want := JoinAddr(device(1).ID()), device(1).ID().String()+"/["+want+"]:7946"; got != want {
		t.Errorf("the join address is %s, want %s", got, want)
	}
}
