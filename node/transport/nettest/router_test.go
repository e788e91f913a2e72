package nettest

import (
	"errors"
	"net"
	"net/netip"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

var (
	addrA = netip.MustParseAddrPort("10.0.0.1:1")
	addrB = netip.MustParseAddrPort("10.0.0.2:1")
)

// send sends the numbers 0 to n-1 from one socket to another and returns what arrives within a second.
func send(t *testing.T, from, to *Socket, n int) []byte {
	t.Helper()
	for i := range n {
		if _, err := from.WriteTo([]byte{byte(i)}, to.UnicastAddr()); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Millisecond)
	}
	if err := to.SetReadDeadline(time.Now().Add(time.Second)); err != nil {
		t.Fatal(err)
	}
	var got []byte
	for {
		var b [1]byte
		if _, _, err := to.ReadFrom(b[:]); err != nil {
			return got
		}
		got = append(got, b[0])
	}
}

// Each condition does what its name says, on its direction only, until it is healed.
func TestConditions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := New(1)
		a, b := r.Socket(addrA), r.Socket(addrB)
		r.SetAll(Link{Delay: 10 * time.Millisecond})
		for i, n := range send(t, a, b, 20) {
			if int(n) != i {
				t.Fatalf("packet %d came as number %d on a link without jitter", n, i)
			}
		}
		r.Cut(addrA.Addr(), addrB.Addr())
		if got := send(t, a, b, 5); len(got) != 0 {
			t.Errorf("%d packets passed a cut", len(got))
		}
		if got := send(t, b, a, 5); len(got) != 5 {
			t.Errorf("%d of 5 packets came against the direction of the cut", len(got))
		}
		r.Heal()
		r.Partition([]netip.Addr{addrA.Addr()}, []netip.Addr{addrB.Addr()})
		if got := send(t, b, a, 5); len(got) != 0 {
			t.Errorf("%d packets passed a partition", len(got))
		}
		r.Heal()
		r.Set(addrA.Addr(), addrB.Addr(), Link{Loss: 1})
		if got := send(t, a, b, 5); len(got) != 0 {
			t.Errorf("%d packets came on a link that loses all", len(got))
		}
		r.Set(addrA.Addr(), addrB.Addr(), Link{Dup: 1})
		if got := send(t, a, b, 5); len(got) != 10 {
			t.Errorf("%d packets came where all come twice", len(got))
		}
		if _, err := a.WriteTo([]byte{1}, net.UDPAddrFromAddrPort(netip.MustParseAddrPort("10.9.9.9:1"))); err != nil {
			t.Errorf("sending to nobody: %v", err)
		}
		if c := r.Count(); c.Cut != 10 || c.Lost != 6 || c.Repeated != 5 {
			t.Errorf("counts are %+v", c)
		}
	})
}

// A socket fails when told to, and a new one at its address takes over.
func TestSocketFailsAndIsReplaced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := New(1)
		a, b := r.Socket(addrA), r.Socket(addrB)
		a.FailWrites(syscall.ENETUNREACH)
		if _, err := a.WriteTo([]byte{1}, b.UnicastAddr()); !errors.Is(err, syscall.ENETUNREACH) {
			t.Errorf("write: %v", err)
		}
		a.FailWrites(nil)
		if err := b.Close(); err != nil {
			t.Fatal(err)
		}
		if got := send(t, a, r.Socket(addrB), 3); len(got) != 3 {
			t.Errorf("%d of 3 packets reached the new socket", len(got))
		}
	})
}
