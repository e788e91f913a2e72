package transport

import (
	"context"
	"net"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"github.com/quic-go/quic-go"
)

// TestMembersHaveSlotsOfTheirOwn: strangers who take every slot do not keep out whoever comes from where a member was
// met, nor does such an address get more than its own share.
func TestMembersHaveSlotsOfTheirOwn(t *testing.T) {
	s := newSlots(&counters{})
	admit := func(host byte) bool {
		_, err := s.admit(t.Context(), &quic.ClientInfo{RemoteAddr: &net.UDPAddr{IP: net.IP{10, 0, 0, host}, Port: 7946}})
		return err == nil
	}
	member := byte(200)
	s.met(netip.MustParseAddrPort("10.0.0.200:7946"))
	for i := range strangersMax {
		if !admit(byte(i)) {
			t.Fatalf("stranger %d is refused, want %d to fit", i+1, strangersMax)
		}
	}
	if admit(100) {
		t.Errorf("stranger %d got in", strangersMax+1)
	}
	for i := range memberSlots {
		if !admit(member) {
			t.Errorf("connection %d of a member is refused", i+1)
		}
	}
	if admit(member) {
		t.Errorf("one address holds %d slots", memberSlots+1)
	}
}

// TestSlotComesBack: a connection that ends gives its slot to the next.
func TestSlotComesBack(t *testing.T) {
	s := newSlots(&counters{})
	info := &quic.ClientInfo{RemoteAddr: &net.UDPAddr{IP: net.IP{10, 0, 0, 1}, Port: 7946}}
	for range strangersPerSource {
		if _, err := s.admit(t.Context(), info); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	if _, err := s.admit(ctx, info); err == nil {
		t.Fatal("one address holds more than its share")
	}
	other := &quic.ClientInfo{RemoteAddr: &net.UDPAddr{IP: net.IP{10, 0, 0, 2}, Port: 7946}}
	in, err := s.admit(ctx, other)
	if err != nil {
		t.Fatal(err)
	}
	slot, ok := in.Value(slotKey{}).(*slot)
	if !ok {
		t.Fatal("no slot in the context")
	}
	slot.release()
	slot.release() // the end of the handshake and of the connection
	if s.taken != strangersPerSource || len(s.bySource) != 1 {
		t.Errorf("%d slots are taken by %d addresses", s.taken, len(s.bySource))
	}
}

// T3: handshakes that are ended at once, and so hold no slot, take only so much of the processor: one address gets its
// share and leaves the rest to others, many get no more than the whole, and where a member was met nothing of it is felt.
func TestHandshakesAreRare(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSlots(&counters{})
		admit := func(part byte, host int) int {
			ctx, end := context.WithCancel(t.Context())
			defer synctest.Wait()
			defer end()
			if _, err := s.admit(ctx, &quic.ClientInfo{RemoteAddr: &net.UDPAddr{IP: net.IP{10, part, byte(host >> 8), byte(host)}, Port: 7946}}); err != nil {
				return 0
			}
			return 1
		}
		s.met(netip.MustParseAddrPort("10.9.0.1:7946"))
		const seconds = 10
		var one, other, member int
		for n := range seconds * 1000 {
			one += admit(1, 1)
			if n%1000 == 0 {
				other += admit(2, n/1000)
				member += admit(9, 1)
			}
			time.Sleep(time.Millisecond)
		}
		if most := sourceBurst + seconds*sourceRate; one > most || one < most-sourceRate {
			t.Errorf("%d handshakes of one address, want %d", one, most)
		}
		if other != seconds || member != seconds {
			t.Errorf("beside it %d of others and %d of a member got in, want %d of each", other, member, seconds)
		}
		many := 0
		for n := range seconds * 1000 {
			many += admit(3, n)
			if n%1000 == 0 {
				member += admit(9, 1)
			}
			time.Sleep(time.Millisecond)
		}
		if most := handshakeBurst + seconds*handshakeRate; many > most || many < most-handshakeRate {
			t.Errorf("%d handshakes of many addresses, want %d", many, most)
		}
		if member != 2*seconds {
			t.Errorf("a member got in %d times of %d", member, 2*seconds)
		}
		if len(s.begunBy) > sourcesMax {
			t.Errorf("%d addresses are counted by themselves", len(s.begunBy))
		}
	})
}
