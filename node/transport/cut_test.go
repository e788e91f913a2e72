package transport

import (
	"errors"
	"net/netip"
	"sync/atomic"
	"testing"
	"time"
)

// One of three nodes is cut from another by a drill. Both owners know at once, not a packet passes between them for a
// minute, dials either way fail, the third keeps both, and after the heal all is as before.
func TestCutAndHeal(t *testing.T) {
	simulate(t, func(t *testing.T, w *world) {
		a, b, c := w.start(1), w.start(2), w.start(3)
		w.connect(a, b)
		w.connect(a, c)
		w.connect(b, c)
		a.Cut(b.dev.ID())
		b.Cut(a.dev.ID())
		w.until("down", 50*time.Millisecond, func() bool { return !a.up(b) && !b.up(a) })
		if why := seen[PeerDown](a)[0].Reason; !errors.Is(why, ErrCut) {
			t.Errorf("reason is %v", why)
		}
		if a.Send(b.dev.ID(), Control, []byte("x")) {
			t.Error("sent through the cut")
		}
		if err := a.Dial(t.Context(), b.dev.ID(), []netip.AddrPort{b.addr}); !errors.Is(err, ErrCut) {
			t.Errorf("dial: %v", err)
		}
		if _, err := b.Probe(t.Context(), a.addr); err == nil {
			t.Error("probed through the cut")
		}
		time.Sleep(time.Minute)
		if !a.up(c) || !b.up(c) {
			t.Error("the third lost one")
		}
		a.Heal()
		b.Heal()
		w.connect(a, b)
		a.checkStory()
		b.checkStory()
	})
}

// Only one side runs the drill. The other sees what a real cut shows, silence, until its idle timeout.
func TestCutIsSilent(t *testing.T) {
	simulate(t, func(t *testing.T, w *world) {
		a, b := w.start(1), w.start(2)
		w.connect(a, b)
		time.Sleep(time.Second) // what is on its way arrives
		before := w.net.Count().Sent
		a.Cut(b.dev.ID())
		w.until("down here", 50*time.Millisecond, func() bool { return !a.up(b) })
		if now := w.net.Count().Sent; now != before {
			t.Errorf("%d packets left during the cut", now-before)
		}
		took := w.until("down there", idleTimeout+5*time.Second, func() bool { return !b.up(a) })
		if took < idleTimeout/2 {
			t.Errorf("the other side knew after %v", took)
		}
		if a.Stats().CutDropped == 0 {
			t.Error("nothing was dropped")
		}
	})
}

// A device that is cut comes back from another address: the handshake shows its key, and then that address is silent too.
func TestCutFollowsTheDevice(t *testing.T) {
	simulate(t, func(t *testing.T, w *world) {
		a, b := w.start(1), w.start(2)
		w.connect(a, b)
		a.Cut(b.dev.ID())
		b.mu.Lock()
		b.addr = hostAddr(77)
		b.mu.Unlock()
		b.Rebuild(errors.New("moved"))
		time.Sleep(time.Second)
		for range 3 {
			if err := b.Dial(t.Context(), a.dev.ID(), []netip.AddrPort{a.addr}); err == nil {
				t.Error("dialed through the cut")
			}
		}
		if a.up(b) || len(seen[PeerUp](a)) != 1 {
			t.Error("it came up")
		}
	})
}

// CutAll separates from everybody, announces included, and Heal ends it.
func TestCutAll(t *testing.T) {
	simulate(t, func(t *testing.T, w *world) {
		a, b, c := w.start(1), w.start(2), w.start(3)
		w.connect(a, b)
		w.connect(a, c)
		a.CutAll()
		w.until("alone", 50*time.Millisecond, func() bool { return !a.up(b) && !a.up(c) })
		if err := a.WriteAnnounce([]byte{1}, b.addr); err != nil {
			t.Errorf("announce: %v", err)
		}
		if err := b.WriteAnnounce([]byte{1}, a.addr); err != nil {
			t.Errorf("announce: %v", err)
		}
		time.Sleep(time.Second)
		if len(a.Announces())+len(b.Announces()) != 0 {
			t.Error("an announce got through")
		}
		a.Heal()
		w.connect(a, b)
		if err := b.WriteAnnounce([]byte{1, 2, 3}, a.addr); err != nil {
			t.Errorf("announce: %v", err)
		}
		if got := <-a.Announces(); string(got.Bytes) != "\x01\x02\x03" || got.From != b.addr {
			t.Errorf("announce is %+v", got)
		}
	})
}

// An announce that QUIC would take for its own, or that is too long, is refused; too many are dropped and counted.
func TestAnnounceLimits(t *testing.T) {
	simulate(t, func(t *testing.T, w *world) {
		a, b := w.start(1), w.start(2)
		w.connect(a, b)
		for _, bad := range [][]byte{nil, {0x40}, {0x80}, {0xc0}, make([]byte, AnnounceMax+1)} {
			if err := a.WriteAnnounce(bad, b.addr); err == nil {
				t.Errorf("%d bytes were sent", len(bad))
			}
		}
		for range 3 * announceQueue {
			if err := a.WriteAnnounce(make([]byte, AnnounceMax), b.addr); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Millisecond)
		}
		time.Sleep(time.Second)
		if len(b.Announces()) != announceQueue || b.Stats().AnnounceDropped == 0 {
			t.Errorf("%d announces wait, stats are %+v", len(b.Announces()), b.Stats())
		}
	})
}

// What is met while a cut is being healed is not cut with the next one: a connection was refused, then came the heal, and
// only then was its address noted.
func TestHealedCutLeavesNothingBehind(t *testing.T) {
	c := newCuts(&atomic.Uint64{})
	lena, kofi := device(1).ID(), device(2).ID()
	addr := hostAddr(1)
	c.cut(lena)
	if !c.refuses(lena) {
		t.Fatal("not cut")
	}
	c.learn(lena, addr)
	if !c.drops(addr) {
		t.Error("the address is not cut")
	}
	c.heal()
	c.learn(lena, addr)
	c.cut(kofi, hostAddr(2))
	if c.drops(addr) {
		t.Error("the address of a device that is not cut is")
	}
	if !c.drops(hostAddr(2)) || !c.refuses(kofi) || c.refuses(lena) {
		t.Error("the second cut is not what was asked for")
	}
}
