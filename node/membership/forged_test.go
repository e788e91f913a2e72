package membership

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"net/netip"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hashicorp/memberlist"

	"muster/crdt"
	"muster/node/transport"
	"muster/node/transport/nettest"
)

// A liar is a member that speaks memberlist's protocol without keeping to it.
type liar struct {
	id     crdt.DeviceID
	gossip memberlist.NodeAwareTransport
	label  []byte
}

// Messages of memberlist 0.7.
const (
	sayAlive = 4
	sayDead  = 5
)

func newLiar(n *member) *liar {
	label := sha256.Sum256([]byte("muster/gossip/v1\x00acme"))
	text := fmt.Sprintf("%x", label[:8])
	return &liar{id: n.id, gossip: n.links.Memberlist(), label: append([]byte{244, byte(len(text))}, text...)}
}

// field appends a name in MessagePack.
func field(b []byte, name string) []byte { return append(append(b, 0xa0|byte(len(name))), name...) }

func blob(b, v []byte) []byte {
	return append(binary.BigEndian.AppendUint16(append(b, 0xda), uint16(len(v))), v...)
}

func number(b []byte, v uint32) []byte { return binary.BigEndian.AppendUint32(append(b, 0xce), v) }

// dead says that who is dead, in its incarnation.
func (l *liar) dead(who crdt.DeviceID, incarnation uint32) []byte {
	b := append(append([]byte(nil), l.label...), sayDead, 0x83)
	b = number(field(b, "Incarnation"), incarnation)
	b = blob(field(b, "Node"), []byte(who.String()))
	return blob(field(b, "From"), []byte(l.id.String()))
}

// alive says that who is alive, with an address list.
func (l *liar) alive(who crdt.DeviceID, incarnation uint32, meta []byte) []byte {
	b := append(append([]byte(nil), l.label...), sayAlive, 0x86)
	b = number(field(b, "Incarnation"), incarnation)
	b = blob(field(b, "Node"), []byte(who.String()))
	b = blob(field(b, "Addr"), transport.SynthIP(who))
	b = number(field(b, "Port"), transport.GossipPort)
	b = blob(field(b, "Meta"), meta)
	return blob(field(b, "Vsn"), []byte{1, 5, 2, 0, 0, 0})
}

// tell sends a message to one node.
func (l *liar) tell(to crdt.DeviceID, message []byte) error {
	_, err := l.gossip.WriteToAddress(message, memberlist.Address{Addr: transport.SynthIP(to).String(), Name: to.String()})
	return err
}

// T12: a member tells everybody, ten times a second for a minute, that everybody is dead, themselves included, and that
// they are alive with addresses that it made up. What is connected stays connected and carries what people write; no made-up
// address gets into a book, and when the liar is gone gossip finds the truth again by itself.
func TestForgedDeathsCutNobodyOff(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		network := nettest.New(7)
		ns := cluster(t, network, 5)
		honest, bad := ns[:4], ns[4]
		l := newLiar(bad)
		elsewhere, err := formatMeta(device(5), []netip.AddrPort{netip.MustParseAddrPort("10.66.6.6:666")}) // signed, by the liar
		if err != nil {
			t.Fatal(err)
		}
		begun := time.Now()
		said, believed := 0, 0
		for round := uint32(0); time.Since(begun) < time.Minute; round++ {
			incarnation := round
			if round%3 == 2 {
				incarnation = math.MaxUint32 // which nobody can outdo
			}
			for _, to := range honest {
				for _, about := range honest {
					for _, m := range [][]byte{l.dead(about.id, incarnation), l.alive(about.id, incarnation, elsewhere)} {
						if err := l.tell(to.id, m); err != nil {
							t.Fatal(err)
						}
						said++
					}
				}
			}
			time.Sleep(100 * time.Millisecond)
			for i, n := range honest {
				believed += len(ns) - 1 - n.alive()
				if got := n.peers(); got != len(ns)-1 {
					t.Fatalf("node %d has %d peers after %v of lies", i, got, time.Since(begun))
				}
				for _, p := range n.links.Peers() {
					if p.Since.After(begun) {
						t.Fatalf("node %d reconnected to %s", i, p.Device.Short())
					}
				}
			}
			from, to := honest[round%4], honest[(round+1)%4]
			if !from.links.Send(to.id, transport.Control, []byte("written meanwhile")) {
				t.Fatal("a frame is not sent")
			}
		}
		for i, n := range honest {
			for _, k := range n.m.Known() {
				for _, a := range k.Addrs {
					if a.Addr().String() == "10.66.6.6" && k.Device != bad.id {
						t.Errorf("node %d has the made-up address in its book", i)
					}
				}
			}
		}
		if believed == 0 {
			t.Error("gossip believed none of it: the lies are not what memberlist reads")
		}
		bad.stop()
		took := until(t, "gossip agrees again", 3*time.Minute, func() bool {
			for _, n := range honest {
				if n.peers() != 3 || n.alive() != 3 {
					return false
				}
			}
			return true
		})
		t.Logf("%d lies; gossip agreed %v after them", said, took)
	})
}

// T4, T12: a hundred members are away. Somebody who can make up sightings of them, 100,000 in ten seconds each with another
// address, gets little more dials out of us than there would be without, never more than four at a time, and the addresses
// that worked stay.
func TestForgedSightingsOfMembersMakeNoDialStorm(t *testing.T) {
	t.Parallel()
	const away = 100
	dials := func(t *testing.T, sighting bool) (n, most int) {
		bubble(t, func(t *testing.T) {
			f := &fakeLinks{}
			m := startFake(t, f)
			know(m, away)
			for i := range sightings {
				if sighting {
					addr := netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}), 4100)
					m.Sight(addr, device(10+i%away).ID())
				}
				if i%(sightings/10_000) == 0 {
					time.Sleep(time.Millisecond)
				}
			}
			f.mu.Lock()
			n, most = len(f.dials), f.most
			f.mu.Unlock()
			if got := m.Addrs(device(10).ID()); len(got) > addrsMax+hintsMax || got[len(got)-1] != hostAddr(10) && got[1] != hostAddr(10) {
				t.Errorf("the addresses of a member are %v", got)
			}
		})
		return n, most
	}
	without, _ := dials(t, false)
	with, most := dials(t, true)
	t.Logf("%d dials in ten seconds without, %d with", without, with)
	if most := without + soonMax + 2*10*soonPerSecond; with > most { // one made due before its time backs off from the start again
		t.Errorf("%d dials, want %d at most", with, most)
	}
	if most > dialsMax {
		t.Errorf("%d dials at a time", most)
	}
}

// T8, T12: a device that is a member no more is in nobody's gossip: it is not heard, not dialed and not in the book, also
// when those who have not heard of its removal go on telling of it.
func TestRemovedDeviceLeavesGossip(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		gone := device(2).ID()
		var removed atomic.Bool
		f := &fakeLinks{}
		m, err := New(Config{
			Device: device(1), Links: f, Team: "acme",
			Member: func(d crdt.DeviceID) bool { return d != gone || !removed.Load() },
		})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- m.Run(ctx) }()
		meta, err := formatMeta(device(2), []netip.AddrPort{hostAddr(2)})
		if err != nil {
			t.Fatal(err)
		}
		n := &memberlist.Node{Name: gone.String(), Addr: transport.SynthIP(gone), Port: transport.GossipPort, Meta: meta}
		if err := (delegate{m}).NotifyAlive(n); err != nil {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Second)
		removed.Store(true)
		m.Forget(gone)
		time.Sleep(10 * time.Second)
		f.mu.Lock()
		before := len(f.dials)
		f.mu.Unlock()
		if err := (delegate{m}).NotifyAlive(n); err == nil || before == 0 {
			t.Errorf("it is taken in again (%d dials before)", before)
		}
		m.Sight(hostAddr(2), gone)
		time.Sleep(time.Minute)
		f.mu.Lock()
		if len(f.dials) != before {
			t.Errorf("it was dialed %d times more", len(f.dials)-before)
		}
		f.mu.Unlock()
		if got := m.Known(); len(got) != 0 {
			t.Errorf("the book has %v", got)
		}
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	})
}
