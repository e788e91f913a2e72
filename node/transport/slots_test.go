package transport

import (
	"context"
	"net"
	"net/netip"
	"testing"

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
