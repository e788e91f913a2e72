package node

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"muster/crdt"
	"muster/node/api"
	"muster/node/identity"
	"muster/node/transport"
	"muster/node/transport/nettest"
)

// timed writes a note at the i'th node and checks how soon it is answered, and how soon the readers have it.
func (b *bubble) timed(i int, text string, limit time.Duration, readers ...int) {
	b.t.Helper()
	start := time.Now()
	r := b.write(i, api.Write{Verb: "note", Text: text})
	if took := time.Since(start); took > deliveryWait+50*time.Millisecond {
		b.t.Errorf("%s: the answer took %v", text, took)
	}
	b.await(limit, text+" is read", func() bool {
		for _, j := range readers {
			if !b.holds(j, r) {
				return false
			}
		}
		return true
	})
}

// TestBlackHole: a peer goes on taking packets and never says a word again. Writes are answered in time, the others are
// not affected, and the connection is given up within the idle timeout.
func TestBlackHole(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := team(t, 4)
		b.declare()
		for i := range 3 {
			b.net.Cut(bubbleAddr(3).Addr(), bubbleAddr(i).Addr())
		}
		start := time.Now()
		for k := 0; b.sees(0, 3) || b.sees(1, 3) || b.sees(2, 3); k++ {
			if time.Since(start) > 13*time.Second {
				t.Error("the connection is not given up within the idle timeout of 12 s")
				break
			}
			b.timed(k%3, fmt.Sprintf("note %d", k), time.Second, 0, 1, 2)
		}
		t.Logf("given up after %v", time.Since(start))
		r := b.write(0, api.Write{Verb: "note", Text: "without it"})
		if d := r.Delivery; d.Delivered != 2 || d.Known != 3 || len(d.Missing) != 1 || d.Missing[0].Responder != "p3" {
			t.Errorf("the receipt says %+v", d)
		}
		b.net.Heal()
		b.merges(merge, "it is back")
		b.stop()
	})
}

// TestWedgedPeer: a member's program hangs while its QUIC goes on answering: it never reads what it is sent, for
// minutes. Writes are answered in time, the others have them at once, and nobody claims that it was delivered. Then its
// owner starts it again.
func TestWedgedPeer(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := team(t, 3)
		b.declare()
		var s *session
		b.inside(2, func(in *session, _ time.Time) error { s = in; return nil })
		b.halt(2)
		b.await(merge, "its end is noticed", func() bool { return !b.sees(0, 2) && !b.sees(1, 2) })
		wedged, err := transport.New(transport.Config{
			Device: s.n.device, Member: s.isMember, Hello: s.hello,
			Open: func() (net.PacketConn, error) { return b.net.Socket(bubbleAddr(2)), nil },
		})
		if err != nil {
			t.Error(err)
		}
		ctx, cancel := context.WithCancelCause(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- wedged.Run(ctx) }() // and nobody takes its events
		b.await(10*time.Second, "it is taken for p2", func() bool { return b.sees(0, 2) && b.sees(1, 2) })
		begin := time.Now()
		for k := range 600 {
			if k%60 == 0 {
				b.fill(0, 500, 1000) // more than any queue on the way to it holds
			}
			b.timed(k%2, fmt.Sprintf("note %d", k), time.Second, 0, 1)
		}
		r := b.write(0, api.Write{Verb: "note", Text: "to whom it may concern"})
		if d := r.Delivery; d.Delivered != 1 || len(d.Missing) != 1 || d.Missing[0].Responder != "p2" {
			t.Errorf("the receipt says %+v", d)
		}
		t.Logf("%v beside a wedged peer", time.Since(begin))
		if !b.sees(0, 2) {
			t.Error("it does not count as reachable: nobody had to wait for it")
		}
		cancel(errStop)
		if err := <-ended; !errors.Is(err, errStop) {
			t.Errorf("it ended with %v", err)
		}
		b.boot(2)
		b.merges(merge, "it works again")
		b.stop()
	})
}

// TestHandshakeStorm: fifty strangers connect to every node as fast as they can, most of them hanging on for as long as
// they are let, so that there is no free place for an unfinished connection. What members write is still read by all within
// a second, and a member that starts again in the middle of it is back.
func TestHandshakeStorm(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := team(t, 3)
		b.declare()
		b.net.SetAll(nettest.Link{Delay: 20 * time.Millisecond})
		var wg sync.WaitGroup
		ctx, cancel := context.WithCancelCause(t.Context())
		var dials, refused atomic.Int64
		for k := range 50 {
			tr := b.stranger(netip.AddrFrom4([4]byte{10, 0, 1, byte(k)}))
			wg.Go(func() {
				if err := tr.Run(ctx); !errors.Is(err, errStop) {
					t.Errorf("stranger: %v", err)
				}
			})
			for i := range 3 {
				wg.Go(func() {
					for ctx.Err() == nil {
						if err := knockOn(ctx, tr, bubbleAddr(i), k%5 > 0); err != nil && ctx.Err() == nil {
							refused.Add(1)
						}
						dials.Add(1)
						time.Sleep(50 * time.Millisecond)
					}
				})
			}
		}
		for k := range 6 {
			time.Sleep(300 * time.Millisecond)
			b.timed(k%3, fmt.Sprintf("note %d", k), time.Second, 0, 1, 2)
		}
		b.halt(2)
		time.Sleep(time.Second)
		b.boot(2)
		t.Logf("a member that starts in the storm is back after %v", b.await(merge, "p2 is back", b.equal))
		var full uint64
		more := b.await(merge, "it has been a storm", func() bool {
			b.inside(0, func(s *session, _ time.Time) error { full = s.t.Stats().Refusals; return nil })
			return dials.Load() >= 500 && full > 0
		})
		cancel(errStop)
		wg.Wait()
		t.Logf("%d dials, %d of them failed; p0 had no place for %d; it went on for %v", dials.Load(), refused.Load(), full, more)
		b.merges(merge, "one board after the storm")
		b.stop()
	})
}

// knockOn connects to an address as somebody who is in no team, and hangs on to the joining stream or leaves at once.
func knockOn(ctx context.Context, tr *transport.Transport, addr netip.AddrPort, hold bool) error {
	if !hold {
		_, err := tr.Probe(ctx, addr)
		if errors.Is(err, transport.ErrStranger) { // as it must be: they are none of its team
			err = nil
		}
		return err
	}
	ctx, stop := context.WithTimeout(ctx, 6*time.Second)
	defer stop()
	return tr.DialStranger(ctx, addr, func(_ context.Context, _ crdt.DeviceID, _ []byte, rw io.ReadWriter) error {
		_, err := rw.Read(make([]byte, 1)) // until we are thrown out
		if errors.Is(err, io.EOF) {
			err = nil
		}
		return err
	})
}

// stranger returns a transport of somebody who is in no team.
func (b *bubble) stranger(addr netip.Addr) *transport.Transport {
	b.t.Helper()
	device, err := identity.Generate()
	if err != nil {
		b.t.Error(err)
	}
	tr, err := transport.New(transport.Config{
		Device: device, Member: func(crdt.DeviceID) bool { return false },
		Open: func() (net.PacketConn, error) { return b.net.Socket(netip.AddrPortFrom(addr, 7946)), nil },
	})
	if err != nil {
		b.t.Error(err)
	}
	return tr
}

// TestStrangerIsNotLetIn: a code with another secret is refused with a reason, and nothing of the team is told.
func TestStrangerIsNotLetIn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBubble(t)
		b.add()
		inv, err := b.nodes[0].Invite(t.Context(), api.Invite{})
		if err != nil {
			t.Fatal(err)
		}
		c, err := parseCode(inv.Code)
		if err != nil {
			t.Fatal(err)
		}
		c.secret[0] ^= 1
		b.boot(b.place(0))
		_, err = b.nodes[1].Join(t.Context(), api.Join{Code: c.String()})
		var e *api.Error
		if !errors.As(err, &e) || e.Code != api.CodeBadCode || e.Hint == "" {
			t.Errorf("a wrong code gives %v", err)
		}
		if st := b.state(1); len(st.Responders) != 1 || st.Team == b.state(0).Team && st.Digest == b.state(0).Digest {
			t.Errorf("it learnt of the team: %+v", st)
		}
		b.stop()
	})
}
