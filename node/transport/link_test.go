package transport

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/quic-go/quic-go"

	"muster/crdt"
	"muster/node/transport/nettest"
)

// Two nodes connect, learn each other's hello, and exchange frames of both classes, in order and whole.
func TestFramesArriveInOrderAndWhole(t *testing.T) {
	simulate(t, func(t *testing.T, w *world) {
		w.net.SetAll(nettest.Link{Delay: 5 * time.Millisecond, Jitter: 5 * time.Millisecond, Loss: 0.05, Dup: 0.05})
		a, b := w.start(1), w.start(2)
		w.connect(a, b)
		up := seen[PeerUp](b)[0]
		if up.Device != a.dev.ID() || string(up.Hello) != "hello from 1" || !up.Inbound || up.Addr != a.addr || up.RTT == 0 {
			t.Errorf("PeerUp is %+v", up)
		}
		var want [2][][]byte
		for i := range 100 {
			for _, class := range []Class{Control, Bulk} {
				frame := bytes.Repeat([]byte{byte(i)}, 1+i*100)
				w.until("room", time.Minute, func() bool { return a.Send(b.dev.ID(), class, frame) })
				want[class] = append(want[class], frame)
			}
		}
		largest := bytes.Repeat([]byte{7}, ControlFrameMax)
		w.until("room", time.Minute, func() bool { return a.Send(b.dev.ID(), Control, largest) })
		want[Control] = append(want[Control], largest)
		w.until("all frames", time.Minute, func() bool {
			return len(b.got(Control)) == len(want[Control]) && len(b.got(Bulk)) == len(want[Bulk])
		})
		equalFrames(t, b.got(Control), want[Control])
		equalFrames(t, b.got(Bulk), want[Bulk])
		b.checkStory()
	})
}

// What cannot be sent is refused at once: to nobody, nothing, and too much.
func TestSendRefuses(t *testing.T) {
	simulate(t, func(t *testing.T, w *world) {
		a, b := w.start(1), w.start(2)
		if a.Send(b.dev.ID(), Control, []byte("x")) {
			t.Error("sent to a peer that is not up")
		}
		w.connect(a, b)
		for _, bad := range []struct {
			class Class
			size  int
		}{{Control, 0}, {Bulk, 0}, {Control, ControlFrameMax + 1}, {Bulk, BulkFrameMax + 1}} {
			if a.Send(b.dev.ID(), bad.class, make([]byte, bad.size)) {
				t.Errorf("sent %d bytes of %v", bad.size, bad.class)
			}
		}
		a.stop()
		if a.Send(b.dev.ID(), Control, []byte("x")) {
			t.Error("sent after the end")
		}
	})
}

// A node that stops says so: the other knows at once, not after the idle timeout.
func TestStopIsHeard(t *testing.T) {
	simulate(t, func(t *testing.T, w *world) {
		a, b := w.start(1), w.start(2)
		w.connect(a, b)
		a.stop()
		w.until("down", 100*time.Millisecond, func() bool { return !b.up(a) })
		if why := seen[PeerDown](b)[0].Reason; !errors.Is(why, ErrPeerStopped) {
			t.Errorf("reason is %v", why)
		}
	})
}

// Two nodes dial each other at the same moment, again and again with other delays: each time both end up with one and the
// same connection, and it carries frames both ways.
func TestSimultaneousDialEndsWithOneConnection(t *testing.T) {
	for round := range 12 {
		simulate(t, func(t *testing.T, w *world) {
			a, b := w.start(1), w.start(2)
			skew := time.Duration(round%6) * 700 * time.Microsecond
			if round >= 6 {
				a, b = b, a
			}
			var wg sync.WaitGroup
			wg.Go(func() { _ = a.Dial(context.Background(), b.dev.ID(), []netip.AddrPort{b.addr}) }) // either may lose
			wg.Go(func() {
				time.Sleep(skew)
				_ = b.Dial(context.Background(), a.dev.ID(), []netip.AddrPort{a.addr}) // either may lose
			})
			wg.Wait()
			time.Sleep(time.Second)
			pa, pb := a.Peers(), b.Peers()
			if len(pa) != 1 || len(pb) != 1 || pa[0].Inbound == pb[0].Inbound {
				t.Fatalf("skew %v: peers are %+v and %+v", skew, pa, pb)
			}
			if !a.Send(b.dev.ID(), Control, []byte("ab")) || !b.Send(a.dev.ID(), Control, []byte("ba")) {
				t.Fatal("not sent")
			}
			w.until("frames", time.Second, func() bool { return len(a.got(Control)) == 1 && len(b.got(Control)) == 1 })
			time.Sleep(10 * time.Second)
			if !a.up(b) || !b.up(a) {
				t.Error("the connection did not last")
			}
			a.checkStory()
			b.checkStory()
		})
	}
}

// A peer restarts on its address without a word. Its old connection dies of a stateless reset and the peer is back in
// under two seconds, whoever dials.
func TestRestartedPeerIsBackSoon(t *testing.T) {
	for _, dialer := range []string{"restarted", "survivor"} {
		t.Run(dialer, func(t *testing.T) {
			simulate(t, func(t *testing.T, w *world) {
				a, b := w.start(1), w.start(2)
				w.connect(a, b)
				time.Sleep(time.Minute)
				b.crash()
				b = w.start(2)
				begun := time.Now()
				if dialer == "restarted" {
					w.connect(b, a)
				} else {
					// the survivor has something to say, which is what makes the other answer with a reset
					if !a.Send(b.dev.ID(), Control, bytes.Repeat([]byte("x"), 100)) {
						t.Fatal("not sent")
					}
					w.until("reset", time.Second, func() bool { return !a.up(b) })
					var reset *quic.StatelessResetError
					if why := seen[PeerDown](a)[0].Reason; !errors.As(why, &reset) {
						t.Errorf("reason is %v", why)
					}
					w.connect(a, b)
				}
				if took := time.Since(begun); took > 2*time.Second {
					t.Errorf("back after %v", took)
				}
				a.checkStory()
			})
		})
	}
}

// A peer that restarts within a second of connecting is not mistaken for one that dialed at the same moment.
func TestRestartAtOnceIsNotASimultaneousDial(t *testing.T) {
	for _, pair := range [][2]int{{1, 2}, {2, 1}} {
		simulate(t, func(t *testing.T, w *world) {
			a, b := w.start(pair[0]), w.start(pair[1])
			w.connect(a, b)
			b.crash()
			b = w.start(pair[1])
			w.connect(b, a)
			time.Sleep(5 * time.Second)
			if !a.up(b) || !b.up(a) || len(seen[PeerDown](b)) != 0 {
				t.Errorf("the new connection did not last: %v", seen[PeerDown](b))
			}
			a.checkStory()
		})
	}
}

// An owner that takes nothing from a bulk stream for a minute loses nothing, and control frames pass it.
func TestSlowBulkDoesNotBlockControl(t *testing.T) {
	simulate(t, func(t *testing.T, w *world) {
		a, b := w.start(1), w.start(2)
		w.connect(a, b)
		// The owner takes one event at a time on its own, so "slow" is a bulk stream whose frames nobody takes: fill it
		// until flow control stops it, with the owner stopped, then see control come through first.
		gate := make(chan struct{})
		b.mu.Lock()
		b.gate = gate
		b.mu.Unlock()
		big := make([]byte, BulkFrameMax)
		var sent int
		for begun := time.Now(); time.Since(begun) < time.Minute; time.Sleep(10 * time.Millisecond) {
			if a.Send(b.dev.ID(), Bulk, big) {
				sent++
			}
		}
		if sent < 2 || sent > 4+bulkQueueBytes/BulkFrameMax {
			t.Errorf("%d frames were taken although nobody reads them", sent)
		}
		if !a.Send(b.dev.ID(), Control, []byte("urgent")) {
			t.Fatal("not sent")
		}
		time.Sleep(100 * time.Millisecond) // it is there now, beside the bulk
		close(gate)
		w.until("control", time.Second, func() bool { return len(b.got(Control)) == 1 })
		w.until("bulk", time.Minute, func() bool { return len(b.got(Bulk)) == sent })
		if len(seen[BulkReady](a)) == 0 {
			t.Error("no BulkReady although the queue was full and is empty")
		}
	})
}

// While the owner of one peer's bulk waits, the control stream of that peer keeps moving at its own pace.
func TestControlMovesWhileBulkIsStuck(t *testing.T) {
	simulate(t, func(t *testing.T, w *world) {
		a, b := w.start(1), w.start(2)
		w.connect(a, b)
		big := make([]byte, BulkFrameMax)
		stop := make(chan struct{})
		var wg sync.WaitGroup
		wg.Go(func() { // keeps the bulk stream full for as long as the test runs
			for {
				a.Send(b.dev.ID(), Bulk, big)
				select {
				case <-stop:
					return
				case <-time.After(time.Millisecond):
				}
			}
		})
		for i := range 50 {
			begun := time.Now()
			w.until("room", time.Second, func() bool { return a.Send(b.dev.ID(), Control, []byte{byte(i)}) })
			w.until("control", time.Second, func() bool { return len(b.got(Control)) == i+1 })
			if d := time.Since(begun); d > 500*time.Millisecond {
				t.Errorf("a control frame took %v", d)
			}
		}
		close(stop)
		wg.Wait()
	})
}

// A connection goes black in a way only QUIC could notice, while the network to the same peer works again from another
// path: the health watch dials a second one long before the idle timeout.
func TestStalledConnectionIsReplaced(t *testing.T) {
	simulate(t, func(t *testing.T, w *world) {
		other := netip.MustParseAddrPort("10.9.0.2:4100")
		a := w.start(1, func(c *Config) { c.Redial = func(crdt.DeviceID) []netip.AddrPort { return []netip.AddrPort{other} } })
		b := w.start(2)
		w.connect(a, b)
		time.Sleep(time.Minute)
		// b moves: same node, other address, the old one is dead.
		b.mu.Lock()
		b.addr = other
		b.mu.Unlock()
		w.net.Partition([]netip.Addr{a.addr.Addr()}, []netip.Addr{hostAddr(2).Addr()})
		b.Rebuild(errors.New("moved"))
		begun := time.Now()
		for i := 0; !b.up(a) || a.Stats().Stalls == 0; i++ {
			a.Send(b.dev.ID(), Control, fmt.Appendf(nil, "probe %d", i))
			time.Sleep(500 * time.Millisecond)
			if time.Since(begun) > 9*time.Second {
				t.Fatal("not replaced")
			}
		}
		w.until("up again", time.Second, func() bool { return a.up(b) && b.up(a) })
		if p := a.Peers()[0]; p.Addr != other {
			t.Errorf("connected to %v", p.Addr)
		}
		a.checkStory()
		b.checkStory()
	})
}

// An idle connection that is well is not taken for a stalled one.
func TestIdleConnectionIsHealthy(t *testing.T) {
	simulate(t, func(t *testing.T, w *world) {
		a, b := w.start(1), w.start(2)
		w.connect(a, b)
		time.Sleep(time.Hour)
		if s := a.Stats(); s.Stalls != 0 || !a.up(b) {
			t.Errorf("stats are %+v", s)
		}
	})
}

// A send error ends the connections, not the node: the next dial works.
func TestSendErrorKillsConnectionsNotTheNode(t *testing.T) {
	simulate(t, func(t *testing.T, w *world) {
		a, b := w.start(1), w.start(2)
		w.connect(a, b)
		a.sock.FailWrites(errNetUnreachable)
		a.Send(b.dev.ID(), Control, []byte("into the void"))
		w.until("down", time.Second, func() bool { return !a.up(b) })
		if err := a.Dial(t.Context(), b.dev.ID(), []netip.AddrPort{b.addr}); err == nil {
			t.Error("dialed without a network")
		}
		a.sock.FailWrites(nil)
		w.connect(a, b)
		if n := a.Stats().Rebuilds; n != 0 {
			t.Errorf("%d rebuilds", n)
		}
	})
}

// A full send buffer is packet loss and nothing worse.
func TestFullSendBufferIsPacketLoss(t *testing.T) {
	simulate(t, func(t *testing.T, w *world) {
		a, b := w.start(1), w.start(2)
		w.connect(a, b)
		a.sock.FailWrites(errNoBuffers)
		a.Send(b.dev.ID(), Control, []byte("late"))
		time.Sleep(2 * time.Second)
		a.sock.FailWrites(nil)
		w.until("frame", 3*time.Second, func() bool { return len(b.got(Control)) == 1 })
		if !a.up(b) || a.Stats().SendErrors == 0 {
			t.Errorf("stats are %+v", a.Stats())
		}
	})
}

// A dead socket is replaced, and peers can connect again.
func TestDeadSocketIsReplaced(t *testing.T) {
	simulate(t, func(t *testing.T, w *world) {
		a, b := w.start(1), w.start(2)
		w.connect(a, b)
		if err := a.sock.Close(); err != nil {
			t.Fatal(err)
		}
		w.until("rebuilt", 5*time.Second, func() bool { return len(seen[Rebuilt](a)) == 1 })
		w.connect(a, b)
		a.checkStory()
	})
}

// Ten addresses of a device are dead and the last one works: the race finds it without waiting for each to time out.
func TestDialRacesAddresses(t *testing.T) {
	simulate(t, func(t *testing.T, w *world) {
		a, b := w.start(1), w.start(2)
		addrs := []netip.AddrPort{}
		for i := range 10 {
			addrs = append(addrs, hostAddr(100+i))
		}
		begun := time.Now()
		if err := a.Dial(t.Context(), b.dev.ID(), append(addrs, b.addr)); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(begun); took > 11*dialStagger {
			t.Errorf("took %v", took)
		}
		if err := a.Dial(t.Context(), device(3).ID(), nil); !errors.Is(err, ErrNoAddress) {
			t.Errorf("dial without addresses: %v", err)
		}
	})
}

// A dial pinned to one device fails when another one, member or not, answers at the address.
func TestDialIsPinned(t *testing.T) {
	simulate(t, func(t *testing.T, w *world) {
		a, b := w.start(1), w.start(2)
		err := a.Dial(t.Context(), device(3).ID(), []netip.AddrPort{b.addr})
		if !errors.Is(err, ErrOtherDevice) {
			t.Errorf("dial: %v", err)
		}
		time.Sleep(5 * time.Second)
		if len(b.Peers()) != 0 || len(seen[PeerUp](b)) != 0 {
			t.Error("the connection came up")
		}
		if err := a.Dial(t.Context(), a.dev.ID(), []netip.AddrPort{a.addr}); !errors.Is(err, ErrSelf) {
			t.Errorf("dial of itself: %v", err)
		}
	})
}

// Probe learns who is at an address and keeps a member.
func TestProbeLearnsTheDevice(t *testing.T) {
	simulate(t, func(t *testing.T, w *world) {
		a, b, c := w.start(1), w.start(2), w.start(3)
		w.setMember(c.dev.ID(), false)
		if got, err := a.Probe(t.Context(), b.addr); err != nil || got != b.dev.ID() {
			t.Errorf("probe of a member: %v, %v", got.Short(), err)
		}
		w.until("up", time.Second, func() bool { return a.up(b) && b.up(a) })
		if got, err := a.Probe(t.Context(), b.addr); err != nil || got != b.dev.ID() {
			t.Errorf("probe of a peer: %v, %v", got.Short(), err)
		}
		if got, err := a.Probe(t.Context(), c.addr); !errors.Is(err, ErrStranger) || got != c.dev.ID() {
			t.Errorf("probe of a stranger: %v, %v", got.Short(), err)
		}
		if _, err := a.Probe(t.Context(), a.addr); !errors.Is(err, ErrSelf) {
			t.Errorf("probe of itself: %v", err)
		}
		if _, err := a.Probe(t.Context(), hostAddr(99)); err == nil {
			t.Error("probe of nobody succeeded")
		}
	})
}
