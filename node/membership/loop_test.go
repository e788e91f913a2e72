package membership

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/memberlist"

	"muster/crdt"
)

// fakeLinks is a transport on which dials do what the test says, and gossip goes nowhere.
type fakeLinks struct {
	took time.Duration                      // how long each dial takes
	dial func(crdt.DeviceID) error          // nil: every dial fails
	who  func(netip.AddrPort) crdt.DeviceID // who answers a probe; nil: nobody

	mu     sync.Mutex
	under  int // dials under way
	most   int
	dials  []dialed
	probes []dialed
}

type dialed struct {
	at     time.Time
	device crdt.DeviceID
	addrs  []netip.AddrPort
}

var errNoAnswer = errors.New("no answer")

func (f *fakeLinks) begin(list *[]dialed, d dialed) {
	f.mu.Lock()
	defer f.mu.Unlock()
	*list = append(*list, d)
	f.under++
	f.most = max(f.most, f.under)
}

func (f *fakeLinks) end() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.under--
}

func (f *fakeLinks) Dial(ctx context.Context, device crdt.DeviceID, addrs []netip.AddrPort) error {
	f.begin(&f.dials, dialed{time.Now(), device, addrs})
	defer f.end()
	pause(ctx, f.took)
	if f.dial == nil {
		return errNoAnswer
	}
	return f.dial(device)
}

func (f *fakeLinks) Probe(ctx context.Context, addr netip.AddrPort) (crdt.DeviceID, error) {
	f.begin(&f.probes, dialed{at: time.Now(), addrs: []netip.AddrPort{addr}})
	defer f.end()
	pause(ctx, f.took)
	if f.who == nil {
		return crdt.DeviceID{}, errNoAnswer
	}
	return f.who(addr), nil
}

func (f *fakeLinks) Memberlist() memberlist.NodeAwareTransport {
	return (&memberlist.MockNetwork{}).NewTransport("fake")
}

// startFake runs a Membership over f in a bubble.
func startFake(t *testing.T, f *fakeLinks) *Membership {
	t.Helper()
	m, err := New(Config{Device: device(1), Links: f, Team: "acme", Member: func(crdt.DeviceID) bool { return true }})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- m.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("Run ended with %v", err)
		}
	})
	return m
}

// know puts n devices in the book, device(10) first seen last.
func know(m *Membership, n int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for i := range n {
		e := m.book.entry(device(10 + i).ID())
		e.worked = []netip.AddrPort{hostAddr(10 + i)}
		e.seen = time.Now().Add(-time.Duration(i) * time.Hour)
	}
}

// Fifty devices are in the book and none answers for an hour. Never are more than four dialed at one time, every one
// is tried again and again, and the newest seen is tried first.
func TestDialsAreBoundedAndNeverEnd(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		f := &fakeLinks{took: 2 * time.Second}
		m := startFake(t, f)
		know(m, 50)
		m.Wake("test")
		time.Sleep(time.Hour)
		f.mu.Lock()
		defer f.mu.Unlock()
		if f.most > dialsMax {
			t.Errorf("%d dials at one time", f.most)
		}
		newest := []crdt.DeviceID{device(10).ID(), device(11).ID(), device(12).ID(), device(13).ID()}
		for _, d := range f.dials[:dialsMax] {
			if !slices.Contains(newest, d.device) {
				t.Error("the first dials were not to the devices seen last")
			}
		}
		late := map[crdt.DeviceID]bool{}
		for _, d := range f.dials {
			if time.Since(d.at) < 2*time.Minute {
				late[d.device] = true
			}
		}
		if len(late) != 50 {
			t.Errorf("%d of 50 devices were tried in the last two minutes", len(late))
		}
	})
}

// A single device is absent for an hour. It is still tried every few seconds: that is what makes two nodes meet within five
// seconds when nothing announces that they can.
func TestOneAbsentDeviceIsTriedForEver(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		f := &fakeLinks{took: 100 * time.Millisecond}
		m := startFake(t, f)
		know(m, 1)
		time.Sleep(time.Hour)
		f.mu.Lock()
		defer f.mu.Unlock()
		gap := time.Duration(0)
		for i := 1; i < len(f.dials); i++ {
			gap = max(gap, f.dials[i].at.Sub(f.dials[i-1].at))
		}
		if gap > roundMax+dialTimeout || gap == 0 {
			t.Errorf("once the device was not tried for %v", gap)
		}
	})
}

// A wake tries everybody at once, whatever the back-off; so does a connection.
func TestWakeTriesEverybodyNow(t *testing.T) {
	t.Parallel()
	for _, how := range []string{"wake", "connection"} {
		bubble(t, func(t *testing.T) {
			f := &fakeLinks{}
			m := startFake(t, f)
			know(m, 20)
			time.Sleep(10 * time.Minute)
			f.mu.Lock()
			f.dials = nil
			f.mu.Unlock()
			if how == "wake" {
				m.Wake("test")
			} else {
				m.Connected(device(9).ID(), hostAddr(9), true)
			}
			time.Sleep(attemptGap + 2*time.Second)
			f.mu.Lock()
			defer f.mu.Unlock()
			tried := map[crdt.DeviceID]bool{}
			for _, d := range f.dials {
				tried[d.device] = true
			}
			if len(tried) != 20 {
				t.Errorf("%s: %d of 20 devices were tried", how, len(tried))
			}
		})
	}
}

// A hundred thousand spoofed announces arrive in ten seconds, of unknown devices and of a known one: at most four
// unknown addresses a second are dialed, the known one is not dialed more often than once a second, nothing grows.
func TestAnnounceFloodMakesNoDialStorm(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		f := &fakeLinks{}
		m := startFake(t, f)
		know(m, 1)
		begun := time.Now()
		for i := range sightings {
			addr := netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}), 4100)
			if i%2 == 0 {
				m.Sight(addr, crdt.DeviceID{})
			} else {
				m.Sight(addr, device(10).ID())
			}
			if i%(sightings/10_000) == 0 {
				time.Sleep(time.Millisecond)
			}
		}
		seconds := int(time.Since(begun)/time.Second) + 1
		f.mu.Lock()
		defer f.mu.Unlock()
		if n := len(f.probes); n == 0 || n > 4*seconds {
			t.Errorf("%d unknown addresses were dialed in %d s", n, seconds)
		}
		if n := len(f.dials); n == 0 || n > seconds+1 {
			t.Errorf("the known device was dialed %d times in %d s", n, seconds)
		}
		m.mu.Lock()
		defer m.mu.Unlock()
		if n := len(m.unknown); n > unknownMax {
			t.Errorf("%d unknown addresses are remembered", n)
		}
		if got := m.book.entries[device(10).ID()].addrs(); len(got) > addrsMax+hintsMax || !slices.Contains(got, hostAddr(10)) {
			t.Errorf("the known device's addresses are %v", got)
		}
	})
}

// An unknown address is dialed until it answers, and never again once its device is connected.
func TestUnknownAddressIsProbed(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		f := &fakeLinks{}
		m := startFake(t, f)
		m.Sight(hostAddr(9), crdt.DeviceID{})
		time.Sleep(time.Minute)
		f.mu.Lock()
		if len(f.probes) < 2 {
			t.Errorf("%d probes of an address that does not answer", len(f.probes))
		}
		f.who = func(netip.AddrPort) crdt.DeviceID {
			m.Connected(device(9).ID(), hostAddr(9), false)
			return device(9).ID()
		}
		f.mu.Unlock()
		m.Wake("test")
		time.Sleep(time.Second)
		m.Sight(hostAddr(9), crdt.DeviceID{})
		f.mu.Lock()
		f.probes = nil
		f.mu.Unlock()
		time.Sleep(time.Minute)
		f.mu.Lock()
		defer f.mu.Unlock()
		if len(f.probes) != 0 {
			t.Errorf("%d probes of a connected peer", len(f.probes))
		}
		if got := fmt.Sprint(m.Known()[0].State); got != "connected" {
			t.Errorf("state is %s", got)
		}
	})
}

// A peer that connects and drops at once, over and over, is not dialed in a tight loop.
func TestFlappingPeerIsNotDialedInALoop(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		f := &fakeLinks{}
		m := startFake(t, f)
		f.dial = func(d crdt.DeviceID) error {
			m.Connected(d, hostAddr(10), false)
			m.Disconnected(d)
			return nil
		}
		know(m, 1)
		m.Wake("test")
		time.Sleep(time.Minute)
		synctest.Wait()
		f.mu.Lock()
		defer f.mu.Unlock()
		if n := len(f.dials); n < 10 || n > 61 {
			t.Errorf("%d dials in a minute", n)
		}
	})
}

// Forgetting a revoked device ends its dials; the book has it no more.
func TestForget(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		f := &fakeLinks{}
		m := startFake(t, f)
		know(m, 2)
		time.Sleep(time.Minute)
		m.Forget(device(10).ID())
		time.Sleep(time.Second) // a dial that had been decided on may still begin
		f.mu.Lock()
		f.dials = nil
		f.mu.Unlock()
		time.Sleep(time.Minute)
		f.mu.Lock()
		defer f.mu.Unlock()
		for _, d := range f.dials {
			if d.device == device(10).ID() {
				t.Fatal("a forgotten device was dialed")
			}
		}
		if got := m.Known(); len(got) != 1 {
			t.Errorf("the book has %d devices", len(got))
		}
	})
}
