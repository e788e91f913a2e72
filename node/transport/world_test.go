package transport

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"muster/crdt"
	"muster/node/identity"
	"muster/node/transport/nettest"
)

// A world is a simulated network and the nodes on it, in a bubble of virtual time.
type world struct {
	t       *testing.T
	net     *nettest.Router
	mu      sync.Mutex
	outside map[crdt.DeviceID]bool // who is no member
}

// simulate runs f in a bubble, and then waits for whatever f left behind to end: what does not is a leak, and reported.
func simulate(t *testing.T, f func(t *testing.T, w *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := &world{t: t, net: nettest.New(1), outside: map[crdt.DeviceID]bool{}}
		w.net.SetAll(nettest.Link{Delay: time.Millisecond})
		f(t, w)
	})
}

func (w *world) member(d crdt.DeviceID) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return !w.outside[d]
}

func (w *world) setMember(d crdt.DeviceID, is bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.outside[d] = !is
}

func device(i int) identity.Device {
	return identity.FromSeed([32]byte{byte(i), byte(i >> 8), 1})
}

func hostAddr(i int) netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)}), 4100)
}

// A node is a Transport and what its owner has seen.
type node struct {
	*Transport
	t      testing.TB
	dev    identity.Device
	addr   netip.AddrPort
	sock   *nettest.Socket
	cancel context.CancelFunc
	ended  chan error

	mu     sync.Mutex
	events []Event
	frames int           // how many of the events are frames
	came   chan struct{} // capacity 1: a frame came
	gate   chan struct{} // when not nil the owner waits for it before it takes the next event
}

// start runs node i with a configuration that edit may change, and stops it when the test ends.
func (w *world) start(i int, edit ...func(*Config)) *node {
	w.t.Helper()
	n := &node{t: w.t, dev: device(i), addr: hostAddr(i), ended: make(chan error, 1)}
	cfg := Config{
		Device: n.dev,
		Member: w.member,
		Hello:  func() []byte { return fmt.Appendf(nil, "hello from %d", i) },
		Open: func() (net.PacketConn, error) {
			n.sock = w.net.Socket(n.addr)
			return n.sock, nil
		},
	}
	for _, e := range edit {
		e(&cfg)
	}
	return n.run(cfg)
}

func (n *node) run(cfg Config) *node {
	n.t.Helper()
	tr, err := New(cfg)
	if err != nil {
		n.t.Fatal(err)
	}
	n.Transport = tr
	n.came = make(chan struct{}, 1)
	ctx, cancel := context.WithCancel(context.Background())
	n.cancel = cancel
	go func() { n.ended <- tr.Run(ctx) }()
	taken := make(chan struct{})
	go func() { defer close(taken); n.take(ctx) }()
	n.t.Cleanup(func() { n.stop(); <-taken })
	return n
}

// stop ends the node in an orderly way.
func (n *node) stop() {
	n.cancel()
	if err := <-n.ended; !errors.Is(err, context.Canceled) {
		n.t.Errorf("Run ended with %v", err)
	}
	n.ended <- context.Canceled // for the next stop
}

// crash makes the node vanish: its socket is closed first, so that no farewell gets out.
func (n *node) crash() {
	n.sock.FailWrites(net.ErrClosed)
	n.stop()
}

// take is the owner's loop.
func (n *node) take(ctx context.Context) {
	for {
		n.mu.Lock()
		gate := n.gate
		n.mu.Unlock()
		if gate != nil {
			select {
			case <-gate:
			case <-ctx.Done():
				return
			}
		}
		select {
		case ev := <-n.Events():
			n.mu.Lock()
			n.events = append(n.events, ev)
			if _, ok := ev.(Frame); ok {
				n.frames++
			}
			n.mu.Unlock()
			select {
			case n.came <- struct{}{}:
			default:
			}
		case <-ctx.Done():
			return
		}
	}
}

// seen returns the events so far of type E.
func seen[E Event](n *node) []E {
	n.mu.Lock()
	defer n.mu.Unlock()
	var es []E
	for _, ev := range n.events {
		if e, ok := ev.(E); ok {
			es = append(es, e)
		}
	}
	return es
}

// got returns the frames of a class so far.
func (n *node) got(class Class) [][]byte {
	var frames [][]byte
	for _, f := range seen[Frame](n) {
		if f.Class == class {
			frames = append(frames, f.Bytes)
		}
	}
	return frames
}

// await waits until the owner has seen count frames.
func (n *node) await(count int) {
	for {
		n.mu.Lock()
		have := n.frames
		n.mu.Unlock()
		if have >= count {
			return
		}
		<-n.came
	}
}

// up reports whether the owner of n believes that each of the others is up.
func (n *node) up(others ...*node) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	state := map[crdt.DeviceID]bool{}
	for _, ev := range n.events {
		switch ev := ev.(type) {
		case PeerUp:
			state[ev.Device] = true
		case PeerDown:
			state[ev.Device] = false
		}
	}
	return !slices.ContainsFunc(others, func(o *node) bool { return !state[o.dev.ID()] })
}

// until waits in virtual time for cond, and fails the test when it takes longer than limit.
func (w *world) until(what string, limit time.Duration, cond func() bool) time.Duration {
	w.t.Helper()
	begun := time.Now()
	for !cond() {
		if time.Since(begun) > limit {
			w.t.Fatalf("%s: not after %v", what, limit)
		}
		time.Sleep(time.Millisecond)
	}
	return time.Since(begun)
}

// connect dials b from a and waits until both owners know.
func (w *world) connect(a, b *node) {
	w.t.Helper()
	if err := a.Dial(w.t.Context(), b.dev.ID(), []netip.AddrPort{b.addr}); err != nil {
		w.t.Fatalf("dial: %v", err)
	}
	w.until("both up", time.Second, func() bool { return a.up(b) && b.up(a) })
}

// checkStory verifies what every owner relies on: per device PeerUp and PeerDown alternate, and frames come between.
func (n *node) checkStory() {
	n.t.Helper()
	n.mu.Lock()
	defer n.mu.Unlock()
	state := map[crdt.DeviceID]bool{}
	for i, ev := range n.events {
		switch ev := ev.(type) {
		case PeerUp:
			if state[ev.Device] {
				n.t.Errorf("event %d: PeerUp of a device that is up", i)
			}
			state[ev.Device] = true
		case PeerDown:
			if !state[ev.Device] || ev.Reason == nil {
				n.t.Errorf("event %d: PeerDown (%v) of a device that is up: %v", i, ev.Reason, state[ev.Device])
			}
			state[ev.Device] = false
		case Frame:
			if !state[ev.Device] {
				n.t.Errorf("event %d: a frame from a device that is not up", i)
			}
		}
	}
}

func equalFrames(t *testing.T, got, want [][]byte) {
	t.Helper()
	if !slices.EqualFunc(got, want, bytes.Equal) {
		t.Errorf("got %d frames, want %d, or they differ", len(got), len(want))
	}
}

var (
	errNetUnreachable error = syscall.ENETUNREACH
	errNoBuffers      error = syscall.ENOBUFS
)
