package node

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"muster/crdt"
	"muster/node/api"
	"muster/node/identity"
	"muster/node/transport"
	"muster/node/wire"
)

func examined(t *testing.T, n *Node, who ...string) api.Diagnosis {
	t.Helper()
	d, err := n.Doctor(t.Context(), who)
	if err != nil {
		t.Fatal(err)
	}
	well := true
	for _, r := range d.Responders {
		well = well && r.Reachable
		if r.Reachable != (r.Cause == "") || r.Text == "" || !r.Reachable && r.Hint == "" || len(r.Devices) == 0 {
			t.Errorf("a diagnosis without words: %+v", r)
		}
	}
	if d.Schema != "muster.doctor/1" || d.Well != well {
		t.Errorf("schema %q, well %t of %+v", d.Schema, d.Well, d.Responders)
	}
	return d
}

// cause returns what is said of one responder.
func cause(t *testing.T, d api.Diagnosis, who string) api.Examined {
	t.Helper()
	for _, r := range d.Responders {
		if r.Responder == who {
			return r
		}
	}
	t.Fatalf("nothing is said of %s: %+v", who, d.Responders)
	return api.Examined{}
}

func fact(d api.Diagnosis, about, part string) bool {
	return slices.ContainsFunc(d.Facts, func(f api.Fact) bool { return f.About == about && strings.Contains(f.Text, part) })
}

// leaves ends the i'th node, and returns when the first one has noticed.
func (b *bubble) leaves(i int) {
	b.t.Helper()
	b.halt(i)
	b.await(20*time.Second, "it is noticed", func() bool { return !b.sees(0, i) })
}

// impostor runs a bare transport in the place of the i'th node, which has ended: with its key, or another's, and a hello
// of our making. Call what it returns to end it.
func (b *bubble) impostor(i int, device identity.Device, hello func() []byte) (stop func()) {
	b.t.Helper()
	tr, err := transport.New(transport.Config{
		Device: device, Member: func(crdt.DeviceID) bool { return true }, Hello: hello,
		Open: func() (net.PacketConn, error) { return b.net.Socket(bubbleAddr(i)), nil },
	})
	if err != nil {
		b.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(b.t.Context())
	ended, drained := make(chan error, 1), make(chan struct{})
	go func() { ended <- tr.Run(ctx) }()
	go func() {
		defer close(drained)
		for {
			select {
			case <-tr.Events():
			case <-ctx.Done():
				return
			}
		}
	}()
	return func() {
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			b.t.Error(err)
		}
		<-drained
	}
}

// TestDoctorWhenAllIsWell: everybody is reachable, the socket answers itself, the path is known.
func TestDoctorWhenAllIsWell(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBubble(t)
		b.add()
		if d := examined(t, b.nodes[0]); !d.Well || len(d.Responders) != 0 {
			t.Errorf("alone: %+v", d)
		}
		b.add()
		b.add()
		b.await(10*time.Second, "everyone sees everyone", b.equal)
		d := examined(t, b.nodes[0])
		if !d.Well || len(d.Responders) != 2 || !fact(d, "socket", "10.0.0.1:7946 is open and answers itself") || !fact(d, "path", "p2: round trip") || !fact(d, "mdns", "off") {
			t.Errorf("%+v", d)
		}
		if dev := d.Responders[0].Devices[0]; dev.PathBytes < 1200 || !dev.Reachable || len(dev.Addrs) == 0 {
			t.Errorf("device %+v", dev)
		}
		if d := examined(t, b.nodes[0], "@p2"); len(d.Responders) != 1 || d.Responders[0].Responder != "p2" {
			t.Errorf("asked for p2: %+v", d.Responders)
		}
		for who, want := range map[string]string{"nobody": api.CodeNotFound, "p0": api.CodeUsage} {
			if _, err := b.nodes[0].Doctor(t.Context(), []string{who}); api.AsError(err).Code != want {
				t.Errorf("%s: %v", who, err)
			}
		}
		b.stop()
	})
}

// TestDoctorNamesTheCause: of two nodes that do not see each other, for causes that can be made.
func TestDoctorNamesTheCause(t *testing.T) {
	hello := func(change func(*wire.Hello)) func(b *bubble) func() []byte {
		return func(b *bubble) func() []byte {
			h := wire.Hello{Lowest: wire.VersionLowest, Highest: wire.Version, Team: b.nodes[0].session.team, WallMS: time.Now().UnixMilli()}
			change(&h)
			return func() []byte { return wire.Append(nil, &h) }
		}
	}
	imitate := func(say func(b *bubble) func() []byte) func(b *bubble) func() {
		return func(b *bubble) func() {
			b.leaves(1)
			return b.impostor(1, b.nodes[1].device, say(b))
		}
	}
	for _, c := range []struct {
		name string
		make func(b *bubble) (undo func())
		want string
		text string // part of what is said
	}{
		{"cut by a drill", func(b *bubble) func() {
			if _, err := b.nodes[0].Cut(b.t.Context(), []string{"p1"}); err != nil {
				b.t.Fatal(err)
			}
			return nil
		}, api.CauseCut, "drill"},
		{"cut from all", func(b *bubble) func() {
			if _, err := b.nodes[0].Cut(b.t.Context(), nil); err != nil {
				b.t.Fatal(err)
			}
			return nil
		}, api.CauseCut, "drill"},
		{"cut by a drill over there", func(b *bubble) func() {
			if _, err := b.nodes[1].Cut(b.t.Context(), nil); err != nil {
				b.t.Fatal(err)
			}
			time.Sleep(20 * time.Second) // until the connection is given up
			return nil
		}, api.CauseSilent, "nobody answers at 10.0.0.2:7946; last connected"},
		{"a broken network", func(b *bubble) func() {
			b.net.Cut(bubbleAddr(0).Addr(), bubbleAddr(1).Addr())
			b.net.Cut(bubbleAddr(1).Addr(), bubbleAddr(0).Addr())
			time.Sleep(20 * time.Second)
			return nil
		}, api.CauseSilent, "nobody answers at 10.0.0.2:7946"},
		{"a network that carries one way", func(b *bubble) func() {
			b.net.Cut(bubbleAddr(0).Addr(), bubbleAddr(1).Addr())
			time.Sleep(time.Minute)
			return nil
		}, api.CauseSilent, "nobody answers"},
		{"stopped", func(b *bubble) func() { b.leaves(1); return nil }, api.CauseStopped, "was stopped; last connected"},
		{"another version", imitate(hello(func(h *wire.Hello) { h.Lowest, h.Highest = 7, 9 })), api.CauseVersion, "7 to 9 there"},
		{"another team", imitate(hello(func(h *wire.Hello) { h.Team[0] ^= 1 })), api.CauseTeam, "another team"},
		{"no hello", imitate(func(*bubble) func() []byte { return func() []byte { return []byte("good morning") } }), api.CauseProtocol, "connected, but"},
		{"another laptop at its address", func(b *bubble) func() {
			b.leaves(1)
			key, err := identity.Generate()
			if err != nil {
				b.t.Fatal(err)
			}
			return b.impostor(1, key, func() []byte { return nil })
		}, api.CauseOther, "another laptop answers at 10.0.0.2:7946"},
		{"a clock that is wrong", imitate(hello(func(h *wire.Hello) { h.WallMS += 3_600_000 })), "", "reachable"},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBubble(t)
				b.t = t
				b.add()
				b.add()
				b.await(10*time.Second, "they see each other", b.equal)
				undo := c.make(b)
				d := examined(t, b.nodes[0])
				got := cause(t, d, "p1")
				if got.Cause != c.want || !strings.Contains(got.Text, c.text) {
					t.Errorf("said %+v, want %s with %q", got, c.want, c.text)
				}
				if c.want == "" && !fact(d, "clock", "p1's clock is 59m ahead") && !fact(d, "clock", "p1's clock is 1h ahead") {
					t.Errorf("the clock is not mentioned: %+v", d.Facts)
				}
				if undo != nil {
					undo()
				}
				b.stop()
			})
		})
	}
}

// TestDoctorTellsSilenceFromIsolation: whom others reach is there; whom nobody has met was never seen.
func TestDoctorTellsSilenceFromIsolation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBubble(t)
		b.add()
		b.add()
		b.await(10*time.Second, "they see each other", b.equal)
		b.net.Cut(bubbleAddr(0).Addr(), bubbleAddr(2).Addr())
		b.net.Cut(bubbleAddr(2).Addr(), bubbleAddr(0).Addr())
		inviter := b.nodes[0]
		b.nodes[0] = b.nodes[1] // p1 invites p2, which p0 cannot reach
		b.add()
		b.nodes[0] = inviter
		b.await(20*time.Second, "p0 has heard of p2", func() bool {
			d := examined(t, b.nodes[0])
			return len(d.Responders) == 2 && cause(t, d, "p2").Cause == api.CauseIsolated
		})
		if got := cause(t, examined(t, b.nodes[0]), "p1"); !got.Reachable {
			t.Errorf("p1: %+v", got)
		}
		b.stop()
	})
}

// TestDoctorAtGivenAddresses: what answers at an address given by hand is told.
func TestDoctorAtGivenAddresses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBubble(t)
		b.add()
		b.add()
		key, err := identity.Generate()
		if err != nil {
			t.Fatal(err)
		}
		stop := b.impostor(2, key, func() []byte { return nil })
		x := &examination{
			s: b.nodes[0].session, now: time.Now(),
			join: []netip.AddrPort{bubbleAddr(0), bubbleAddr(1), bubbleAddr(2), bubbleAddr(9)},
		}
		if err := x.run(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
		d := x.out
		for i, want := range []string{"this node itself", "a member answers", "another team answers", "no answer"} {
			if !fact(d, "address", fmt.Sprintf("%s, given by hand: ", x.join[i])+want) &&
				!fact(d, "address", fmt.Sprintf("%s, given by hand: a muster of ", x.join[i])+want) {
				t.Errorf("%s: want %q of %+v", x.join[i], want, d.Facts)
			}
		}
		stop()
		b.stop()
	})
}

// TestExplain: what is said for evidence that a test network cannot produce, and which cause comes first.
func TestExplain(t *testing.T) {
	at := []netip.AddrPort{netip.MustParseAddrPort("10.1.2.3:7946")}
	route := &net.OpError{Op: "write", Err: os.NewSyscallError("sendto", syscall.ENETUNREACH)}
	for _, c := range []struct {
		name string
		e    evidence
		want string
	}{
		{"reachable", evidence{reachable: true, deaf: "x"}, ""},
		{"cut", evidence{cut: true, deaf: "x"}, api.CauseCut},
		{"deaf", evidence{deaf: "no answer at 127.0.0.1:7946", dialed: context.DeadlineExceeded}, api.CauseSocket},
		{"no network", evidence{networks: 0, addrs: at, dialed: route}, api.CauseNetwork},
		{"no network, a node on this machine", evidence{networks: 0, addrs: []netip.AddrPort{netip.MustParseAddrPort("127.0.0.1:1")}, dialed: os.ErrDeadlineExceeded, sighted: -1}, api.CauseSilent},
		{"refused", evidence{networks: 1, dialed: fmt.Errorf("dial: %w", transport.ErrRefused)}, api.CauseRefused},
		{"mute", evidence{networks: 1, dialed: transport.ErrNoHello}, api.CauseMute},
		{"firewall here", evidence{networks: 1, addrs: at, dialed: os.NewSyscallError("sendto", syscall.EPERM)}, api.CauseBlocked},
		{"no route", evidence{networks: 1, addrs: at, dialed: route}, api.CauseNoRoute},
		{"busy", evidence{networks: 1, dialed: transport.ErrBusy}, api.CauseBusy},
		{"transport version", evidence{networks: 1, dialed: fmt.Errorf("%w: x", transport.ErrVersion)}, api.CauseVersion},
		{"heard and silent", evidence{networks: 1, addrs: at, dialed: context.DeadlineExceeded, sighted: time.Second}, api.CauseFiltered},
		{"heard long ago", evidence{networks: 1, addrs: at, dialed: context.DeadlineExceeded, sighted: time.Hour}, api.CauseSilent},
		{"others", evidence{networks: 1, addrs: at, dialed: context.DeadlineExceeded, sighted: -1, others: true}, api.CauseIsolated},
		{"never, discovery off", evidence{networks: 1, dialed: transport.ErrNoAddress, sighted: -1}, api.CauseNever},
		{"never, nothing heard", evidence{networks: 1, discovery: true, dialed: transport.ErrNoAddress, sighted: -1}, api.CauseNever},
		{"never, others heard", evidence{networks: 1, discovery: true, heardAny: true, dialed: transport.ErrNoAddress, sighted: -1}, api.CauseNever},
		{"odd", evidence{networks: 1, addrs: at, dialed: errors.New("tls: bad \x1b[31m day")}, api.CauseUnknown},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.e.who = "bob"
			f := c.e.explain()
			if f.cause != c.want || f.text == "" || c.want != "" && f.hint == "" || strings.Contains(f.text, "\x1b") {
				t.Errorf("%+v, want %q", f, c.want)
			}
			if !slices.Contains(causeOrder, f.cause) {
				t.Errorf("%q has no rank", f.cause)
			}
		})
	}
}
