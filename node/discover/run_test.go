package discover

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/netip"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"muster/crdt"
)

// pair starts devices a and b on a fake network, both IPv6 link-local only.
func pair(t *testing.T, change func(*Config)) (*fakeLAN, [2]*fakeHost, [2]*running) {
	lanv := &fakeLAN{}
	hosts := [2]*fakeHost{lanv.host(lan(2, "eth0", "fe80::a/64")), lanv.host(lan(5, "wlan0", "fe80::b/64"))}
	var runs [2]*running
	for i, letter := range []byte{'a', 'b'} {
		cfg := Config{Device: device(letter), Announcer: hosts[i]}
		if change != nil {
			change(&cfg)
		}
		runs[i] = goRun(t, hosts[i].environment(), cfg)
		hosts[i].deliverTo(runs[i])
	}
	return lanv, hosts, runs
}

// is matches sightings of a device, by one source, that come or go.
func is(letter byte, source Source, gone bool) func(Sighting) bool {
	return func(s Sighting) bool { return s.Device == device(letter) && s.Source == source && s.Gone == gone }
}

// TestFindEachOtherBothWays: with nothing but IPv6 link-local addresses, each by multicast DNS and by announcement.
func TestFindEachOtherBothWays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, _, runs := pair(t, nil)
		began := time.Now()
		at := netip.MustParseAddrPort("[fe80::b%eth0]:7946")
		runs[0].sees("b", is('b', SourceMDNS, false), is('b', SourceAnnounce, false), func(s Sighting) bool { return s.Addr == at })
		runs[1].sees("a", is('a', SourceMDNS, false), is('a', SourceAnnounce, false))
		if d := time.Since(began); d > 3*time.Second {
			t.Errorf("took %v", d)
		}
		if err := runs[1].stop(); !errors.Is(err, context.Canceled) {
			t.Errorf("Run ended with %v", err)
		}
		stopped := time.Now()
		runs[0].sees("b's goodbye", is('b', SourceMDNS, true), is('b', SourceAnnounce, true))
		if d := time.Since(stopped); d > time.Second {
			t.Errorf("goodbye took %v", d)
		}
	})
}

// TestEachWayAlone: where multicast groups are filtered the announcement is enough, and the other way round.
func TestEachWayAlone(t *testing.T) {
	for source, change := range map[Source]func(*Config){
		SourceAnnounce: func(c *Config) { c.NoMDNS = true },
		SourceMDNS:     func(c *Config) { c.Announcer = nil },
	} {
		synctest.Test(t, func(t *testing.T) {
			_, _, runs := pair(t, change)
			runs[0].sees("b", is('b', source, false))
			runs[1].sees("a", is('a', source, false))
		})
	}
}

// TestSilentPeerExpires: a peer that crashed or was cut off is gone after its time, and back as soon as it is heard.
func TestSilentPeerExpires(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lan, _, runs := pair(t, nil)
		runs[0].sees("b", is('b', SourceMDNS, false), is('b', SourceAnnounce, false))
		lan.mu.Lock()
		lan.cut = true
		lan.mu.Unlock()
		cutAt := time.Now()
		runs[0].sees("b's expiry", is('b', SourceMDNS, true), is('b', SourceAnnounce, true))
		if d := time.Since(cutAt); d < recordTTL-queryEvery || d > announceLifetime+time.Second {
			t.Errorf("expired after %v", d)
		}
		lan.mu.Lock()
		lan.cut = false
		lan.mu.Unlock()
		healed := time.Now()
		runs[0].sees("b again", is('b', SourceAnnounce, false))
		if d := time.Since(healed); d > aloneEvery*6/5+time.Second {
			t.Errorf("seen again after %v", d)
		}
		runs[0].sees("b again", is('b', SourceMDNS, false))
	})
}

// TestLateInterface: a node without any interface waits; when one comes up, or changes its address, both sides know at
// once, told by the system or found by polling.
func TestLateInterface(t *testing.T) {
	for _, unwatched := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			lans := &fakeLAN{}
			a, b := lans.host(lan(2, "eth0", "10.0.0.1/24")), lans.host()
			b.unwatched = unwatched
			runA := goRun(t, a.environment(), Config{Device: device('a'), Announcer: a})
			runB := goRun(t, b.environment(), Config{Device: device('b'), Announcer: b})
			a.deliverTo(runA)
			b.deliverTo(runB)
			time.Sleep(time.Hour)
			synctest.Wait()

			up := time.Now()
			b.setLinks(lan(7, "usb0", "10.0.0.2/24"))
			runA.sees("b", is('b', SourceMDNS, false), is('b', SourceAnnounce, false))
			runB.sees("a", is('a', SourceMDNS, false))
			<-runB.Changes()
			if d := time.Since(up); d > 2500*time.Millisecond {
				t.Errorf("found each other after %v", d)
			}

			moved := time.Now()
			b.setLinks(lan(7, "usb0", "10.0.0.77/24"))
			at := netip.MustParseAddrPort("10.0.0.77:7946")
			runA.sees("b's new address", func(s Sighting) bool { return s.Addr == at && !s.Gone })
			<-runB.Changes()
			if d := time.Since(moved); d > 1500*time.Millisecond {
				t.Errorf("new address seen after %v", d)
			}

			b.setLinks()
			runB.sees("that a is out of reach", is('a', SourceMDNS, true))
			<-runB.Changes()
		})
	}
}

// TestRoutesAndFirstLook: a changed route is a change, told once however often the system repeats it; what is there at
// the start is none.
func TestRoutesAndFirstLook(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, hosts, runs := pair(t, nil)
		time.Sleep(10 * time.Second)
		synctest.Wait()
		changes := func() (n int) {
			for {
				synctest.Wait()
				select {
				case <-runs[0].Changes():
					n++
				default:
					return n
				}
			}
		}
		if n := changes(); n != 0 {
			t.Errorf("%d changes at the start", n)
		}
		hosts[0].news(true)
		if n := changes(); n != 1 {
			t.Errorf("%d changes after a route changed, want 1", n)
		}
		for range 100 {
			hosts[0].news(true)
			hosts[0].news(false) // nothing to be seen
		}
		time.Sleep(5 * time.Second)
		if n := changes(); n > 1 {
			t.Errorf("%d changes for one burst of news", n)
		}
	})
}

// TestPortHeldByAnother: without the multicast DNS port a node says so once, with a hint, goes on by announcement, and
// takes the port when it is free.
func TestPortHeldByAnother(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lans := &fakeLAN{}
		a, b := lans.host(lan(2, "eth0", "10.0.0.1/24")), lans.host(lan(2, "eth0", "10.0.0.2/24"))
		b.held = true
		var logged bytes.Buffer
		runA := goRun(t, a.environment(), Config{Device: device('a'), Announcer: a})
		runB := goRun(t, b.environment(), Config{Device: device('b'), Announcer: b, Log: slog.New(slog.NewTextHandler(&logged, nil))})
		a.deliverTo(runA)
		b.deliverTo(runB)
		runA.sees("b", is('b', SourceAnnounce, false))
		runB.sees("a", is('a', SourceAnnounce, false))
		time.Sleep(10 * time.Minute)
		r, err := runB.Diagnose(t.Context())
		if err != nil || !strings.Contains(r.MDNS4, "in use") || !strings.Contains(r.MDNS6, "in use") {
			t.Errorf("diagnosed %+v, %v", r, err)
		}
		b.mu.Lock()
		b.held = false
		b.mu.Unlock()
		runB.sees("a", is('a', SourceMDNS, false))
		if r, err := runB.Diagnose(t.Context()); err != nil || r.MDNS4+r.MDNS6 != "" {
			t.Errorf("diagnosed %+v, %v", r, err)
		}
		if err := runB.stop(); err == nil {
			t.Errorf("Run ended without a reason")
		}
		if n := strings.Count(logged.String(), "hint="); n != 2 {
			t.Errorf("warned %d times, want once per address family:\n%s", n, logged.String())
		}
	})
}

// TestSocketFailsAndIsReopened: a socket that breaks, as after a resume, is replaced.
func TestSocketFailsAndIsReopened(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, hosts, runs := pair(t, func(c *Config) { c.Announcer = nil })
		runs[0].sees("b", is('b', SourceMDNS, false))
		hosts[0].mu.Lock()
		conns := slices.Clone(hosts[0].conns)
		hosts[0].mu.Unlock()
		for _, c := range conns {
			if err := c.Close(); err != nil {
				t.Fatal(err)
			}
		}
		if err := runs[1].stop(); !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Second)
		again := goRun(t, hosts[1].environment(), Config{Device: device('c')})
		runs[0].sees("c", is('c', SourceMDNS, false))
		again.sees("a", is('a', SourceMDNS, false))
	})
}

// TestClocksYearsApart: a laptop whose battery is dead and whose clock began again at 1970 finds the others.
func TestClocksYearsApart(t *testing.T) {
	b := newBench(t) // in 2026
	id := identify(teamKeys[0], 0, device('b'))
	b.deliver("10.0.0.2:5353", recordsOn(lan(9, "eth0", "10.0.0.2/24"), id, 7000).response(wantAll))
	if got := b.take(); len(got) != 1 || got[0].Device != device('b') {
		t.Errorf("told %+v, want b", got)
	}
}

// TestOverMidnight: after the change of names everyone still sees everyone, under the new ones.
func TestOverMidnight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, _, runs := pair(t, nil)
		old := runs[0].sees("b", is('b', SourceMDNS, false))
		renamed := func(s Sighting) bool { return s.Device == device('b') && s.Origin != old.Origin && !s.Gone }
		s := runs[0].sees("b's new name", renamed)
		if s.Tag == old.Tag || s.Addr != old.Addr {
			t.Errorf("%+v after %+v", s, old)
		}
		if at := time.Since(time.Now().Truncate(24 * time.Hour)); at > 5*time.Second {
			t.Errorf("renamed %v after midnight", at)
		}
	})
}

// TestFloodIsBounded (T4): a hundred thousand spoofed announcements and as many spoofed responses leave no trace but
// counts, and the peer is found behind them.
func TestFloodIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, hosts, runs := pair(t, nil)
		synctest.Wait() // before Run has begun nothing is counted
		flood := &fakeConn{host: hosts[1].lan.host(lan(4, "eth0", "fe80::bad/64")), port: DefaultMDNSPort, v6: true}
		id := identify(teamKeys[0], Day(time.Now()), device('z'))
		genuine := appendAnnouncement(nil, id, false)
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		for n := range 100_000 {
			fake := slices.Clone(genuine)
			fake[18], fake[19], fake[20] = byte(n), byte(n>>8), byte(n>>16)
			runs[0].HandleAnnounce(fake, netip.MustParseAddrPort("[fe80::bad%eth0]:7946"))
			if n%10 == 0 {
				id.origin = Origin(fake[18:26])
				m, err := recordsOn(lan(4, "eth0", "fe80::bad/64"), id, 7946).response(wantAll).Pack()
				if err != nil {
					t.Fatal(err)
				}
				if err := flood.write(m, netip.AddrPort{}, lan(4, "eth0")); err != nil {
					t.Fatal(err)
				}
			}
			if n%100 == 0 {
				time.Sleep(10 * time.Millisecond) // 10,000 a second
			}
		}
		runtime.GC()
		runtime.ReadMemStats(&after)
		if grown := int64(after.HeapAlloc) - int64(before.HeapAlloc); grown > 4<<20 {
			t.Errorf("the heap grew by %d bytes", grown)
		}
		r, err := runs[0].Diagnose(t.Context())
		if err != nil || r.Candidates > MaxStrangers+4 || r.Forged != 100_000 || r.Overload == 0 || r.Refused == 0 {
			t.Errorf("diagnosed %+v, %v", r, err)
		}
		told := 0
		for b := false; !b; told++ {
			s := runs[0].sees("b", func(Sighting) bool { return true })
			b = s.Device == device('b')
		}
		if told > MaxQueued {
			t.Errorf("%d sightings before that of b", told)
		}
	})
}

// TestAnnouncementsAreCounted: what cannot be used is counted by its reason.
func TestAnnouncementsAreCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := (&fakeLAN{}).host(lan(2, "eth0", "10.0.0.1/24"))
		r := goRun(t, h.environment(), Config{Device: device('a')})
		at := netip.MustParseAddrPort("[::ffff:10.0.0.2]:7946") // as a socket for both families has it
		b := appendAnnouncement(nil, identify(teamKeys[0], Day(time.Now()), device('b')), false)
		r.HandleAnnounce(b, at) // maybe before Run: ignored then
		synctest.Wait()
		r.HandleAnnounce(b, at)
		if s := r.sees("b", is('b', SourceAnnounce, false)); s.Addr != netip.MustParseAddrPort("10.0.0.2:7946") {
			t.Errorf("b is at %v", s.Addr)
		}
		r.HandleAnnounce(b[:5], at)
		r.HandleAnnounce(appendAnnouncement(nil, identify([]byte("other"), 1, device('b')), false), at)
		r.HandleAnnounce(append(b[:33:33], b[33]^1), at)
		r.HandleAnnounce(append([]byte("\x01mst\x02"), b[5:]...), at)
		got, err := r.Diagnose(t.Context())
		if err != nil || got.Malformed != 1 || got.OtherTeam != 1 || got.Forged != 1 || got.OtherVersion != 1 {
			t.Errorf("diagnosed %+v, %v", got, err)
		}
		if !got.Watched || len(got.Links) != 1 || got.Links[0].Name != "eth0" || got.Links[0].Announce4.Heard == 0 {
			t.Errorf("diagnosed %+v", got)
		}
	})
}

// TestSurvivesFailingSystem: no list of interfaces means keeping the last one.
func TestSurvivesFailingSystem(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, hosts, runs := pair(t, nil)
		runs[0].sees("b", is('b', SourceMDNS, false))
		hosts[0].mu.Lock()
		hosts[0].links, hosts[0].linksErr = nil, errors.New("too many open files")
		hosts[0].mu.Unlock()
		time.Sleep(time.Minute)
		if r, err := runs[0].Diagnose(t.Context()); err != nil || len(r.Links) != 1 {
			t.Errorf("diagnosed %+v, %v", r, err)
		}
	})
}

func TestSlept(t *testing.T) {
	for _, c := range []struct {
		wall, monotonic time.Duration
		want            bool
	}{
		{time.Second, time.Second, false},
		{10 * time.Second, 10 * time.Second, false}, // a busy machine
		{time.Hour, time.Second, true},
		{-time.Hour, time.Second, false}, // set back: nothing was missed
	} {
		if got := slept(c.wall, c.monotonic); got != c.want {
			t.Errorf("slept(%v, %v) = %v", c.wall, c.monotonic, got)
		}
	}
}

func TestNewRefusesBadConfig(t *testing.T) {
	good := func() Config {
		return Config{Device: device('a'), Port: 1, Keys: func() [][]byte { return nil }}
	}
	for name, spoil := range map[string]func(*Config){
		"no device":      func(c *Config) { c.Device = crdt.DeviceID{} },
		"no port":        func(c *Config) { c.Port = 0 },
		"no keys":        func(c *Config) { c.Keys = nil },
		"too many ports": func(c *Config) { c.AnnouncePorts = []uint16{1, 2, 3, 4, 5} },
		"port 0":         func(c *Config) { c.AnnouncePorts = []uint16{0} },
	} {
		cfg := good()
		spoil(&cfg)
		if _, err := New(cfg); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	d, err := New(good())
	if err != nil {
		t.Fatal(err)
	}
	d.HandleAnnounce(nil, netip.AddrPort{}) // before Run: ignored
	ctx, cancel := context.WithCancelCause(t.Context())
	why := errors.New("enough")
	cancel(why)
	if _, err := d.Diagnose(ctx); !errors.Is(err, why) {
		t.Errorf("Diagnose without Run: %v", err)
	}
	if err := d.Run(ctx); !errors.Is(err, why) {
		t.Errorf("Run ended with %v, want %v", err, why)
	}
	if err := d.Run(ctx); err == nil || errors.Is(err, why) {
		t.Errorf("second Run ended with %v", err)
	}
}
