package discover

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/miekg/dns"

	"muster/crdt"
)

var teamKeys = [][]byte{[]byte("key")}

// A bench is a core with a hand-wound clock.
type bench struct {
	*core
	t     *testing.T
	now   time.Time
	n     counters
	alone bool
	fails func(event) error // what comes of sending; nil: nothing fails
}

// newBench returns a core for device a with one link, eth0: 10.0.0.1/24 and fe80::1.
func newBench(t *testing.T) *bench {
	cfg := Config{
		Device: device('a'), Port: 7946, AnnouncePorts: []uint16{7946}, Announcer: mute{},
		Members: func() []crdt.DeviceID { return []crdt.DeviceID{device('a'), device('b'), device('c')} },
	}
	b := &bench{core: newCore(cfg, rand.New(rand.NewPCG(1, 2))), t: t, now: start}
	b.setKeys(b.now, teamKeys)
	b.setLinks(b.now, []Link{lan(2, "eth0", "10.0.0.1/24", "fe80::1/64")})
	return b
}

// mute is an announcer that says nothing.
type mute struct{}

func (mute) WriteAnnounce([]byte, netip.AddrPort) error { return nil }

// An event is a transmission and when it was due, since the start.
type event struct {
	at time.Duration
	transmission
}

// run winds the clock on for d and returns what was sent.
func (b *bench) run(d time.Duration) (events []event) {
	for end := b.now.Add(d); ; {
		b.tick(b.now, b.alone)
		for _, x := range b.out {
			e := event{b.now.Sub(start), x}
			events = append(events, e)
			var err error
			if b.fails != nil {
				err = b.fails(e)
			}
			b.sent(b.now, x, err)
		}
		b.out = nil
		next := b.next(b.now)
		if !next.After(b.now) {
			b.t.Fatalf("at %v next is %v: it would spin", b.now, next)
		}
		if next.After(end) {
			b.now = end
			return events
		}
		b.now = next
	}
}

// take returns the queued sightings.
func (b *bench) take() []Sighting {
	s := b.sightings
	b.sightings = nil
	return s
}

// kind tells transmissions apart: "announce", "response", "goodbye", "question", "beacon" or "last beacon".
func (e event) kind(t *testing.T) string {
	t.Helper()
	if e.via == viaAnnounce4 || e.via == viaAnnounce6 {
		a, err := parseAnnouncement(e.payload, teamKeys)
		switch {
		case err != nil:
			t.Fatal(err)
		case a.leaving:
			return "last beacon"
		}
		return "beacon"
	}
	m, err := decode(e.payload)
	switch {
	case err != nil:
		t.Fatal(err)
	case !m.Response:
		return "question"
	case m.Answer[0].Header().Ttl == 0:
		return "goodbye"
	case len(m.Extra) == 0 && len(m.Answer) > 1:
		return "announce"
	}
	return "response"
}

// times returns when events of a kind went out by a route.
func times(t *testing.T, events []event, via route, kind string) (at []time.Duration) {
	t.Helper()
	for _, e := range events {
		if e.via == via && e.kind(t) == kind {
			at = append(at, e.at)
		}
	}
	return at
}

// check compares times.
func check(t *testing.T, what string, got []time.Duration, want ...time.Duration) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s at %v, want %v", what, got, want)
	}
}

// hears delivers another device's full response as if it came from an address of eth0.
func (b *bench) hears(letter byte, from string, addrs ...string) {
	l := lan(9, "eth0", addrs...)
	b.deliver(from, recordsOn(l, identify(teamKeys[0], Day(b.now), device(letter)), 7000).response(wantAll))
}

// deliver delivers a message from an address of eth0.
func (b *bench) deliver(from string, m *dns.Msg) {
	b.t.Helper()
	ap := netip.MustParseAddrPort(from)
	via := viaMDNS4
	if ap.Addr().Is6() {
		via = viaMDNS6
	}
	b.hearPacket(b.now, DefaultMDNSPort, packet{via, ap, 2, wire(b.t, m)}, &b.n)
}

// TestAnnouncesThriceOnEachChange: at the start, when an address changes, when an interface comes; on each family of
// the interface concerned and by beacon.
func TestAnnouncesThriceOnEachChange(t *testing.T) {
	const s = time.Second
	b := newBench(t)
	first := b.run(4 * s)
	for _, via := range []route{viaMDNS4, viaMDNS6} {
		check(t, "announced", times(t, first, via, "announce"), 0, s, 2*s)
		check(t, "asked", times(t, first, via, "question"), 0, s, 2*s)
	}
	check(t, "beacons", times(t, first, viaAnnounce4, "beacon"), 0, s, 2*s)
	check(t, "beacons", times(t, first, viaAnnounce6, "beacon"), 0, s, 2*s)

	eth := lan(2, "eth0", "10.0.0.5/24", "fe80::1/64")
	changed, gone := b.setLinks(b.now, []Link{eth})
	if len(changed) != 1 || len(gone) != 0 {
		t.Errorf("%v changed, %v gone, want eth0", changed, gone)
	}
	check(t, "announced", times(t, b.run(4*s), viaMDNS4, "announce"), 4*s, 5*s, 6*s)

	if changed, gone := b.setLinks(b.now, []Link{eth}); len(changed)+len(gone) != 0 {
		t.Errorf("%v changed, %v gone, want none", changed, gone)
	}
	b.setLinks(b.now, []Link{eth, lan(3, "wlan0", "10.1.0.1/24")})
	var onLinks []int
	for _, e := range b.run(3 * s) {
		if e.kind(t) == "announce" {
			onLinks = append(onLinks, e.link)
		}
	}
	if !slices.Equal(onLinks, []int{3, 3, 3}) {
		t.Errorf("announced on links %v, want 3 only", onLinks)
	}
	b.hears('b', "10.0.0.2:5353", "10.0.0.2/24")
	b.take()
	if _, gone := b.setLinks(b.now, nil); len(gone) != 2 {
		t.Errorf("%v gone, want both", gone)
	}
	if got := b.take(); len(got) != 1 || !got[0].Gone {
		t.Errorf("told %v, want what was heard on eth0 to be gone", got)
	}
}

// TestAnswersOnlyWithAddressesOfTheLink: a host with two networks says on each only what can be reached there.
func TestAnswersOnlyWithAddressesOfTheLink(t *testing.T) {
	b := newBench(t)
	b.setLinks(b.now, []Link{lan(2, "eth0", "10.0.0.1/24", "fe80::1/64"), lan(3, "wlan0", "10.1.0.1/24")})
	want := map[int][]netip.Addr{
		2: {netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("fe80::1")}, 3: {netip.MustParseAddr("10.1.0.1")},
	}
	for _, e := range b.run(time.Second) {
		if e.via > viaMDNS6 || e.kind(t) != "announce" {
			continue
		}
		m, err := decode(e.payload)
		if err != nil {
			t.Fatal(err)
		}
		if found, _ := instances(m); len(found) != 1 || !slices.Equal(found[0].addrs, want[e.link]) {
			t.Errorf("on link %d: %+v, want %v", e.link, found, want[e.link])
		}
	}
}

// TestSteadyState: questions every third of the lifetime; beacons every 5 s while alone and 30 s otherwise, and the
// change from one to the other is not waited out.
func TestSteadyState(t *testing.T) {
	b := newBench(t)
	b.alone = true
	b.run(10 * time.Second)
	between := func(events []event, via route, kind string, low, high time.Duration, least int) {
		t.Helper()
		at := times(t, events, via, kind)
		if len(at) < least {
			t.Errorf("%d times %s, want at least %d", len(at), kind, least)
		}
		for i := 1; i < len(at); i++ {
			if d := at[i] - at[i-1]; d < low || d > high {
				t.Errorf("%s after %v, want %v to %v", kind, d, low, high)
			}
		}
	}
	alone := b.run(10 * time.Minute)
	between(alone, viaAnnounce4, "beacon", aloneEvery*4/5, aloneEvery*6/5, 95)
	between(alone, viaMDNS4, "question", queryEvery*4/5, queryEvery*6/5, 15)
	check(t, "announced", times(t, alone, viaMDNS4, "announce"))

	b.alone = false
	b.run(10 * time.Second)
	between(b.run(10*time.Minute), viaAnnounce6, "beacon", announceEvery*4/5, announceEvery*6/5, 15)

	b.alone = true
	if at := times(t, b.run(6*time.Second), viaAnnounce4, "beacon"); len(at) == 0 {
		t.Errorf("no beacon within 6 s of being left alone")
	}
}

// TestAnswersTogetherAndNotTooOften: many questions at once have one answer, after a short delay, and the next comes
// no sooner than a second later.
func TestAnswersTogetherAndNotTooOften(t *testing.T) {
	b := newBench(t)
	b.run(10 * time.Second)
	ask := func() { b.deliver("10.0.0.2:5353", question(identify(teamKeys[0], 1, device('b')), nil)) }
	var at []time.Duration
	asked := b.now.Sub(start)
	for range 300 {
		ask()
		at = append(at, times(t, b.run(10*time.Millisecond), viaMDNS4, "response")...)
	}
	if len(at) < 3 || len(at) > 4 {
		t.Fatalf("%d answers in 3 s, want 3 or 4: %v", len(at), at)
	}
	if d := at[0] - asked; d < answerDelayMin || d > answerDelayMax+10*time.Millisecond {
		t.Errorf("answered after %v, want %v to %v", d, answerDelayMin, answerDelayMax)
	}
	for i := 1; i < len(at); i++ {
		if at[i]-at[i-1] < answerGap {
			t.Errorf("answered again after %v", at[i]-at[i-1])
		}
	}
	if late := times(t, b.run(10*time.Second), viaMDNS4, "response"); len(late) > 1 {
		t.Errorf("%d answers without a question", len(late))
	}
}

// TestAnswersOneAsker: a question for a unicast answer, and one of a plain DNS client, get it at their own address.
func TestAnswersOneAsker(t *testing.T) {
	b := newBench(t)
	b.run(10 * time.Second) // announced 8 s ago: everyone knows
	q := question(identity{}, nil)
	q.Question[0].Qclass |= topBit
	b.deliver("10.0.0.2:5353", q)
	got := b.run(3 * time.Second)
	if len(got) != 1 || got[0].to != netip.MustParseAddrPort("10.0.0.2:5353") || got[0].via != viaMDNS4 {
		t.Fatalf("got %+v, want one packet to the asker", got)
	}
	if found, _ := instances(wire(t, mustDecode(t, got[0].payload))); len(found) != 1 || found[0].port != 7946 {
		t.Errorf("the answer holds %+v", found)
	}

	b.run(time.Minute) // announced long ago: the others may have forgotten
	b.deliver("[fe80::2%eth0]:5353", q)
	got = b.run(3 * time.Second)
	if len(got) == 0 || got[0].to != netip.MustParseAddrPort("[fe80::2%eth0]:5353") {
		t.Fatalf("got %+v, want a packet to the asker first", got)
	}
	if at := times(t, got, viaMDNS4, "response"); len(at) != 1 {
		t.Errorf("%d multicast answers, want one", len(at))
	}

	legacy := question(identity{}, nil)
	legacy.Id = 4711
	b.deliver("10.0.0.2:40000", legacy)
	got = b.run(3 * time.Second)
	if len(got) != 1 || got[0].to != netip.MustParseAddrPort("10.0.0.2:40000") {
		t.Fatalf("got %+v, want one packet to the asker", got)
	}
	m := mustDecode(t, got[0].payload)
	if m.Id != 4711 || len(m.Question) != 1 {
		t.Errorf("a plain client cannot match %v to its question", m)
	}
	for _, rr := range append(m.Answer, m.Extra...) {
		if h := rr.Header(); h.Class != dns.ClassINET || h.Ttl > uint32(legacyTTL/time.Second) {
			t.Errorf("class %x, TTL %d in %v", h.Class, h.Ttl, rr)
		}
	}
}

func mustDecode(t *testing.T, b []byte) *dns.Msg {
	t.Helper()
	m, err := decode(b)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// TestUnicastAnswersAreBounded: a flood of questions for unicast answers is answered a few times a second.
func TestUnicastAnswersAreBounded(t *testing.T) {
	b := newBench(t)
	b.run(10 * time.Second)
	q := question(identity{}, nil)
	q.Question[0].Qclass |= topBit
	sent := 0
	for range 1000 {
		b.deliver("10.0.0.2:5353", q)
		sent += len(b.run(time.Millisecond))
	}
	if most := 2*unicastPerSecond + 1; sent > most {
		t.Errorf("%d answers in a second, at most %d", sent, most)
	}
}

// TestSightings: the packet's own source comes first, with its zone; claimed addresses only if they are neighbours'.
func TestSightings(t *testing.T) {
	b := newBench(t)
	b.hears('b', "[fe80::2%eth0]:5353", "10.0.0.2/24", "192.0.2.7/24", "fe80::2/64")
	origin, tag := OriginOf(teamKeys[0], Day(b.now), device('b')), TeamTag(teamKeys[0], Day(b.now))
	want := []Sighting{
		{device('b'), origin, tag, netip.MustParseAddrPort("[fe80::2%eth0]:7000"), SourceMDNS, false},
		{device('b'), origin, tag, netip.MustParseAddrPort("10.0.0.2:7000"), SourceMDNS, false},
	}
	if got := b.take(); !slices.Equal(got, want) {
		t.Errorf("told\n%+v, want\n%+v", got, want)
	}

	b.hearBeacon(b.now, b.beaconOf('c', "[fe80::3%eth0]:7777", false), &b.n)
	if got := b.take(); len(got) != 1 || got[0].Device != device('c') || got[0].Source != SourceAnnounce ||
		got[0].Addr != netip.MustParseAddrPort("[fe80::3%eth0]:7777") {
		t.Errorf("told %+v, want c by announcement", got)
	}
	b.hears('x', "10.0.0.9:5353", "10.0.0.9/24")
	if got := b.take(); len(got) != 1 || !got[0].Device.IsZero() {
		t.Errorf("told %+v, want one of a device that is not known", got)
	}
}

// beaconOf returns a checked announcement of another device.
func (b *bench) beaconOf(letter byte, from string, leaving bool) beacon {
	b.t.Helper()
	id := identify(teamKeys[0], Day(b.now), device(letter))
	a, err := parseAnnouncement(appendAnnouncement(nil, id, leaving), teamKeys)
	if err != nil {
		b.t.Fatal(err)
	}
	return beacon{a, netip.MustParseAddrPort(from)}
}

// Whoever is new to the announcement, and may not hear multicast DNS, is answered within a moment. What it repeats is
// not, and however many newcomers there are, they get one answer a second.
func TestNewcomersAreAnswered(t *testing.T) {
	b := newBench(t)
	b.run(10 * time.Second) // the burst at the start is over, and the next announcement far
	heard := b.now.Sub(start)
	b.hearBeacon(b.now, b.beaconOf('b', "10.0.0.2:7946", false), &b.n)
	got := times(t, b.run(time.Second), viaAnnounce4, "beacon")
	if len(got) != 1 || got[0] < heard+answerDelayMin || got[0] > heard+answerDelayMax {
		t.Errorf("announced at %v to a newcomer at %v", got, heard)
	}
	b.hearBeacon(b.now, b.beaconOf('b', "10.0.0.2:7946", false), &b.n)
	check(t, "to one that is known", times(t, b.run(time.Second), viaAnnounce4, "beacon"))
	got = nil
	for i := range 40 { // four seconds
		b.hearBeacon(b.now, b.beaconOf('c', fmt.Sprintf("10.0.0.%d:7946", 10+i), false), &b.n)
		got = append(got, times(t, b.run(100*time.Millisecond), viaAnnounce4, "beacon")...)
	}
	if len(got) < 4 || len(got) > 5 {
		t.Errorf("announced %d times in four seconds of newcomers, at %v", len(got), got)
	}
	for i := 1; i < len(got); i++ {
		if got[i]-got[i-1] < burstEvery {
			t.Errorf("announced at %v: too often", got)
		}
	}
}

// TestIgnoresWhatIsNotForUs: other teams, packets from beyond the link, unknown interfaces, ourselves.
func TestIgnoresWhatIsNotForUs(t *testing.T) {
	b := newBench(t)
	b.run(10 * time.Second)
	nothing := func(what string) {
		t.Helper()
		if s, sent := b.take(), b.run(3*time.Second); len(s)+len(sent) != 0 {
			t.Errorf("%s: told %v, sent %d", what, s, len(sent))
		}
	}
	other := identify([]byte("other"), Day(b.now), device('b'))
	b.deliver("10.0.0.2:5353", recordsOn(lan(9, "eth0", "10.0.0.2/24"), other, 1).response(wantAll))
	nothing("another team")
	b.hears('b', "192.0.2.1:5353", "10.0.0.2/24")
	b.deliver("192.0.2.1:5353", question(identity{}, nil))
	b.hearBeacon(b.now, b.beaconOf('b', "192.0.2.1:7946", false), &b.n)
	b.hearBeacon(b.now, b.beaconOf('b', "[fe80::2]:7946", false), &b.n)
	b.hearBeacon(b.now, b.beaconOf('b', "[fe80::2%wlan0]:7946", false), &b.n)
	nothing("from beyond the link")
	b.hearPacket(b.now, DefaultMDNSPort, packet{viaMDNS4, netip.MustParseAddrPort("10.0.0.2:5353"), 77, question(identity{}, nil)}, &b.n)
	nothing("an interface we do not use")
	b.hears('a', "10.0.0.1:5353", "10.0.0.1/24")
	b.hearBeacon(b.now, b.beaconOf('a', "10.0.0.1:7946", false), &b.n)
	b.deliver("10.0.0.1:5353", question(b.id, nil))
	nothing("our own packets")
	b.hearBeacon(b.now, b.beaconOf('b', "10.0.0.2:0", false), &b.n)
	nothing("port 0")

	b.hears('a', "10.0.0.66:5353", "10.0.0.66/24")
	nothing("our twin")
	r := b.report(&b.n)
	if r.OtherTeam != 1 || r.OffLink != 5 || !slices.Equal(r.Twins, []netip.Addr{netip.MustParseAddr("10.0.0.66")}) {
		t.Errorf("counted %+v", r)
	}
}

// TestGoodbyeAndExpiry: who leaves is gone at once, who falls silent after its time, each source by itself.
func TestGoodbyeAndExpiry(t *testing.T) {
	b := newBench(t)
	gone := func(what string, want ...Source) {
		t.Helper()
		var got []Source
		for _, s := range b.take() {
			if !s.Gone {
				t.Errorf("%s: told of %v", what, s)
			}
			got = append(got, s.Source)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: gone by %v, want %v", what, got, want)
		}
	}
	all := func() {
		b.hears('b', "10.0.0.2:5353", "10.0.0.2/24")
		b.hearBeacon(b.now, b.beaconOf('b', "10.0.0.2:7000", false), &b.n)
		if got := b.take(); len(got) != 2 {
			t.Fatalf("told %v, want two", got)
		}
	}
	all()
	bye := recordsOn(lan(9, "eth0", "10.0.0.2/24"), identify(teamKeys[0], Day(b.now), device('b')), 7000)
	bye.ttl = 0
	b.deliver("10.0.0.2:5353", bye.response(wantAll))
	gone("goodbye", SourceMDNS)
	b.hearBeacon(b.now, b.beaconOf('b', "10.0.0.2:7000", true), &b.n)
	gone("last beacon", SourceAnnounce)
	all()
	b.run(recordTTL - time.Second)
	gone("not yet")
	b.run(2 * time.Second)
	gone("records expired", SourceMDNS)
	b.run(announceLifetime - recordTTL)
	gone("announcement expired", SourceAnnounce)
}

// TestRenamesItselfAtMidnight: the old name is taken back and the new one announced, within two seconds.
func TestRenamesItselfAtMidnight(t *testing.T) {
	b := newBench(t)
	b.run(10 * time.Second)
	old := b.id
	if b.setKeys(b.now, teamKeys) {
		t.Errorf("renamed without reason")
	}
	b.now = start.Add(12 * time.Hour)
	if !b.setKeys(b.now, teamKeys) || b.id.origin == old.origin || b.id.tag == old.tag {
		t.Errorf("%+v after %+v, want another name", b.id, old)
	}
	got := b.run(5 * time.Second)
	check(t, "goodbye", times(t, got, viaMDNS4, "goodbye"), 12*time.Hour)
	check(t, "last beacon", times(t, got, viaAnnounce4, "last beacon"), 12*time.Hour)
	if at := times(t, got, viaMDNS6, "announce"); len(at) != burstCount || at[0]-12*time.Hour > rotateSpread {
		t.Errorf("announced at %v, want thrice from within %v", at, rotateSpread)
	}
}

// TestSilentWithoutATeam: before there is a key nothing is said, nor answered; with the key all is, at once.
func TestSilentWithoutATeam(t *testing.T) {
	b := newBench(t)
	b.setKeys(b.now, nil)
	b.out = nil // the goodbye of what the bench had said
	if got := b.run(time.Minute); len(got) != 0 {
		t.Errorf("sent %d packets without a team", len(got))
	}
	b.deliver("10.0.0.2:5353", question(identity{}, nil))
	b.hears('b', "10.0.0.2:5353", "10.0.0.2/24")
	if got, s := b.run(time.Minute), b.take(); len(got)+len(s) != 0 {
		t.Errorf("sent %d packets and told %v without a team", len(got), s)
	}
	b.setKeys(b.now, teamKeys)
	if at := times(t, b.run(3*time.Second), viaMDNS4, "announce"); len(at) != 3 || at[0] != 2*time.Minute {
		t.Errorf("announced at %v, want thrice from 2m0s", at)
	}
}

// TestOldKeysAreHeard: a node that was away while the team's key changed is recognised by its old tag.
func TestOldKeysAreHeard(t *testing.T) {
	b := newBench(t)
	b.setKeys(b.now, [][]byte{[]byte("new"), teamKeys[0]})
	b.hears('b', "10.0.0.2:5353", "10.0.0.2/24")
	if got := b.take(); len(got) != 1 || got[0].Device != device('b') {
		t.Errorf("told %+v, want b", got)
	}
	many := make([][]byte, MaxKeys+3)
	b.setKeys(b.now, many)
	if len(b.keys) != MaxKeys {
		t.Errorf("%d keys kept, want %d", len(b.keys), MaxKeys)
	}
}

// TestRepeatsWhatCouldNotBeSent: an interface whose IPv6 address is not usable yet gets its announcement as soon as it
// is; one that never sends is tried ever less often.
func TestRepeatsWhatCouldNotBeSent(t *testing.T) {
	b := newBench(t)
	refused := errors.New("cannot assign requested address")
	b.fails = func(e event) error {
		if e.via == viaMDNS6 || e.via == viaAnnounce6 {
			return refused
		}
		return nil
	}
	if at := times(t, b.run(10*time.Minute), viaMDNS6, "announce"); len(at) < 15 || len(at) > 30 {
		t.Errorf("tried %d times in 10 min, want about every 32 s: %v", len(at), at)
	}
	r := b.report(&b.n)
	if got := r.Links[0].MDNS6.Err; got != refused.Error() || r.Links[0].MDNS4.Err != "" || r.Links[0].Announce6.Err != refused.Error() {
		t.Errorf("reported %+v", r.Links[0])
	}
	b.fails = nil
	if len(times(t, b.run(time.Minute), viaMDNS6, "announce")) == 0 {
		t.Errorf("not tried again")
	}
	if got := b.report(&b.n).Links[0].MDNS6.Err; got != "" {
		t.Errorf("still reported: %s", got)
	}
	check(t, "announced", times(t, b.run(10*time.Minute), viaMDNS6, "announce"))
	b.sent(b.now, transmission{link: 77}, refused) // an interface that has gone meanwhile
}

// TestQueueOfSightingsIsBounded: whoever does not read loses the oldest, and never sees an address twice.
func TestQueueOfSightingsIsBounded(t *testing.T) {
	b := newBench(t)
	for n := range uint64(MaxQueued + 10) {
		b.tell([]Sighting{heardAt(n, 1, true).Sighting})
	}
	last := heardAt(MaxQueued+9, 1, true).Sighting
	last.Gone = true
	b.tell([]Sighting{last})
	got := b.take()
	if len(got) != MaxQueued || got[0].Addr != heardAt(10, 1, true).Addr || got[len(got)-1] != last || b.lost != 10 {
		t.Errorf("%d queued from %v to %v, %d lost", len(got), got[0], got[len(got)-1], b.lost)
	}
}

// FuzzHearPacket: no packet breaks the core or its bounds.
func FuzzHearPacket(f *testing.F) {
	id := identify(teamKeys[0], Day(start), device('b'))
	for _, m := range []*dns.Msg{
		question(id, []Origin{{1}}),
		recordsOn(lan(9, "eth0", "10.0.0.2/24", "fe80::2/64"), id, 7000).response(wantAll),
		recordsOn(lan(9, "eth0", "10.0.0.2/24"), id, 7000).response(wantMeta | wantPTR),
		recordSet{id: id, port: 1}.response(wantSRV),
	} {
		b, err := m.Pack()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b, uint16(DefaultMDNSPort))
		f.Add(b[:len(b)/2], uint16(40000))
	}
	f.Fuzz(func(t *testing.T, data []byte, port uint16) {
		m, err := decode(data)
		if err != nil {
			return
		}
		b := newBench(t)
		b.hearPacket(b.now, DefaultMDNSPort, packet{viaMDNS4, netip.AddrPortFrom(netip.MustParseAddr("10.0.0.2"), port), 2, m}, &b.n)
		b.run(3 * time.Second)
		if got := len(b.take()); got > maxInstances*(1+maxLinkAddrs) {
			t.Errorf("%d sightings of one packet", got)
		}
	})
}
