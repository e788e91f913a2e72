package discover

import (
	"encoding/binary"
	"net/netip"
	"testing"
	"time"

	"pgregory.net/rapid"
)

var start = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// heardAt returns a candidate of the n'th origin at its m'th address.
func heardAt(n uint64, m uint8, member bool) candidate {
	c := candidate{member: member, link: 2, expires: start.Add(time.Hour)}
	binary.BigEndian.PutUint64(c.Origin[:], n)
	c.Addr = netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, byte(n >> 8), byte(n), m}), 7946)
	c.Source = SourceMDNS
	return c
}

// TestCandidatesStayBounded: whatever is heard in whatever order, the limits hold, what is told matches what is
// remembered, and no stranger takes a member's place.
func TestCandidatesStayBounded(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		cs := newCandidates()
		shown := map[Sighting]bool{} // what a reader of the sightings believes; Gone is false in all
		now := start
		for range rapid.IntRange(1, 300).Draw(t, "steps") {
			now = now.Add(time.Duration(rapid.IntRange(0, 2000).Draw(t, "ms")) * time.Millisecond)
			c := heardAt(uint64(rapid.IntRange(0, 40).Draw(t, "origin")), uint8(rapid.IntRange(0, 12).Draw(t, "addr")), false)
			c.member = c.Origin[7]%2 == 0
			c.expires = now.Add(time.Duration(rapid.IntRange(1, 90).Draw(t, "ttl")) * time.Second)
			var told []Sighting
			switch rapid.IntRange(0, 20).Draw(t, "what") {
			case 0:
				told = cs.expire(now)
			case 1:
				told = cs.leave(c.Origin, c.Source, c.link)
			case 2:
				told = cs.loseLink(rapid.IntRange(1, 2).Draw(t, "link"))
			default:
				told = cs.hear(now, c)
				for _, s := range told {
					if s.Gone && s.Origin[7]%2 == 0 && !c.member {
						t.Fatalf("a stranger took the place of a member: %+v", s)
					}
				}
			}
			for _, s := range told {
				gone := s.Gone
				s.Gone = false
				if gone {
					delete(shown, s)
				} else {
					shown[s] = true
				}
			}
			perOrigin, strangers := map[Origin]int{}, 0
			for _, k := range cs.all {
				if perOrigin[k.Origin]++; !k.member {
					strangers++
				}
				if perOrigin[k.Origin] > MaxPerOrigin || !shown[k.Sighting] {
					t.Fatalf("too many of one origin, or never told: %+v", k)
				}
			}
			if len(cs.all) > MaxCandidates || strangers > MaxStrangers || len(shown) != len(cs.all) {
				t.Fatalf("%d candidates, %d strangers, %d shown", len(cs.all), strangers, len(shown))
			}
		}
	})
}

// TestMembersKeepTheirPlaces: a hundred thousand made-up nodes neither displace the members of the team nor keep new
// ones out.
func TestMembersKeepTheirPlaces(t *testing.T) {
	cs := newCandidates()
	now := start
	for n := range uint64(40) {
		cs.hear(now, heardAt(n, 1, true))
	}
	told := 0
	for n := range uint64(100_000) {
		now = now.Add(100 * time.Microsecond)
		told += len(cs.hear(now, heardAt(1000+n, 1, false)))
	}
	for n := range uint64(40) {
		if c := heardAt(n, 1, true); cs.find(c.Sighting) == nil {
			t.Fatalf("member %d was displaced", n)
		}
	}
	if got := cs.hear(now, heardAt(50, 1, true)); len(got) == 0 || got[len(got)-1] != heardAt(50, 1, true).Sighting {
		t.Errorf("a new member was not told of: %v", got)
	}
	if most := 2 * (MaxStrangers + 10*strangerPerSecond + 1); told > most {
		t.Errorf("%d sightings in 10 s, at most %d", told, most)
	}
	if len(cs.all) != 40+1+MaxStrangers {
		t.Errorf("%d candidates, want %d", len(cs.all), 41+MaxStrangers)
	}
}

// TestNewestAddressesOfAnOriginStay: a device that changes its address for the ninth time is found at the ninth.
func TestNewestAddressesOfAnOriginStay(t *testing.T) {
	cs := newCandidates()
	for m := range uint8(MaxPerOrigin) {
		cs.hear(start.Add(time.Duration(m)*time.Second), heardAt(1, m, true))
	}
	got := cs.hear(start.Add(time.Minute), heardAt(1, 100, true))
	if len(got) != 2 || !got[0].Gone || got[0].Addr != heardAt(1, 0, true).Addr || got[1].Addr != heardAt(1, 100, true).Addr {
		t.Errorf("got %+v, want the first address gone and the new one told", got)
	}
	if got := cs.hear(start.Add(2*time.Minute), heardAt(1, 101, false)); got != nil {
		t.Errorf("a stranger that bears a member's name got in: %+v", got)
	}
}

// TestToldAgainNotTooOften: an address that is heard again is told again, after a while.
func TestToldAgainNotTooOften(t *testing.T) {
	cs := newCandidates()
	c := heardAt(1, 1, true)
	for _, step := range []struct {
		at   time.Duration
		want int
	}{{0, 1}, {time.Second, 0}, {retellAfter, 1}, {retellAfter + time.Second, 0}, {2 * retellAfter, 1}} {
		if got := cs.hear(start.Add(step.at), c); len(got) != step.want {
			t.Errorf("at %v: %d sightings, want %d", step.at, len(got), step.want)
		}
	}
}
