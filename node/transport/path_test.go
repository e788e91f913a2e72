package transport

import (
	"errors"
	"net/netip"
	"testing"
	"time"

	"github.com/quic-go/quic-go"
)

// The size of a path is known for who is up and for nobody else, and is never below what QUIC needs.
func TestPathBytes(t *testing.T) {
	simulate(t, func(t *testing.T, w *world) {
		a, b := w.start(1), w.start(2)
		if n := a.PathBytes(b.dev.ID()); n != 0 {
			t.Errorf("before the connection: %d", n)
		}
		if err := a.Dial(t.Context(), b.dev.ID(), []netip.AddrPort{b.addr}); err != nil {
			t.Fatal(err)
		}
		w.until("up", time.Second, func() bool { return a.up(b) && b.up(a) })
		if n := a.PathBytes(b.dev.ID()); n < 1200 || n > 1500 {
			t.Errorf("%d bytes", n)
		}
		if len(b.Peers()) != 1 {
			t.Error("asking for the size broke the connection")
		}
	})
}

// A peer that speaks no protocol of ours is told apart from one that does not answer.
func TestVersionOfTheTransport(t *testing.T) {
	err := reason(&quic.TransportError{ErrorCode: alertNoProtocol, Remote: true, ErrorMessage: "no application protocol"})
	if !errors.Is(err, ErrVersion) {
		t.Errorf("no common protocol: %v", err)
	}
	if err := reason(&quic.TransportError{ErrorCode: 0x100 + 42}); errors.Is(err, ErrVersion) {
		t.Errorf("a bad certificate: %v", err)
	}
}
