package discover

import (
	"net/netip"
	"slices"
	"time"

	"golang.org/x/time/rate"

	"muster/crdt"
)

// A Source is the way an address was learned.
type Source string

// The ways an address is learned.
const (
	SourceMDNS     Source = "mdns"
	SourceAnnounce Source = "announce"
)

// A Sighting says that somebody who claims to be of our team is, or no longer is, at an address. It proves nothing.
// Gone is for hurrying up, never for giving up an address that works: goodbyes can be replayed.
type Sighting struct {
	Device crdt.DeviceID  // who it claims to be; zero if no member we know of could have made Origin
	Origin Origin         // the same in all sightings of a device on a day
	Tag    Tag            // the team's tag on the announcer's day
	Addr   netip.AddrPort // where to dial; with the interface as zone if it is link-local
	Source Source
	Gone   bool // it said goodbye, was not heard for too long, or our interface went down
}

// A candidate is an address that is remembered because it was heard lately.
type candidate struct {
	Sighting
	member  bool // only a holder of the key can have made what was heard, or what it was copied from
	link    int  // index
	heard   time.Time
	told    time.Time // last sighting
	expires time.Time
}

// candidates remembers what was heard, [MaxCandidates] at most and of those [MaxStrangers] strangers.
type candidates struct {
	all     []candidate   // in order of first hearing
	members *rate.Limiter // of new ones of members
	others  *rate.Limiter // of new ones of strangers
	refused uint64
}

func newCandidates() candidates {
	return candidates{
		members: rate.NewLimiter(newPerSecond, MaxCandidates),
		others:  rate.NewLimiter(strangerPerSecond, MaxStrangers),
	}
}

// find returns the candidate with c's origin, address and source.
func (cs *candidates) find(c Sighting) *candidate {
	for i := range cs.all {
		if k := &cs.all[i]; k.Addr == c.Addr && k.Origin == c.Origin && k.Source == c.Source {
			return k
		}
	}
	return nil
}

// hear notes that c was heard now and returns the sightings to pass on: c if it is new or was last told of a while ago,
// and whatever had to go to make room. It returns nothing at all for a newcomer beyond the limits.
func (cs *candidates) hear(now time.Time, c candidate) []Sighting {
	c.heard = now
	if known := cs.find(c.Sighting); known != nil {
		c.member, c.told = c.member || known.member, known.told
		if c.Device.IsZero() {
			c.Device = known.Device
		}
		*known = c
		if now.Sub(known.told) < retellAfter {
			return nil
		}
		known.told = now
		return []Sighting{c.Sighting}
	}
	purse := cs.others
	if c.member {
		purse = cs.members
	}
	if !purse.AllowN(now, 1) {
		cs.refused++
		return nil
	}
	out, ok := cs.makeRoom(c)
	if !ok {
		cs.refused++
		return nil
	}
	c.told = now
	cs.all = append(cs.all, c)
	return append(out, c.Sighting)
}

// makeRoom drops the candidate that is in c's way, if one is: the one longest not heard of its origin, else of the
// strangers, else of all. It reports false if only members are and c is a stranger.
func (cs *candidates) makeRoom(c candidate) ([]Sighting, bool) {
	var ofOrigin, strangers int
	for _, k := range cs.all {
		if k.Origin == c.Origin {
			ofOrigin++
		}
		if !k.member {
			strangers++
		}
	}
	switch {
	case ofOrigin >= MaxPerOrigin:
		return cs.dropOldest(func(k candidate) bool { return k.Origin == c.Origin && (c.member || !k.member) })
	case !c.member && strangers >= MaxStrangers, len(cs.all) >= MaxCandidates && strangers > 0:
		return cs.dropOldest(func(k candidate) bool { return !k.member })
	case len(cs.all) >= MaxCandidates:
		return cs.dropOldest(func(candidate) bool { return c.member })
	}
	return nil, true
}

// dropOldest removes the candidate longest not heard among those that match, or reports that none does.
func (cs *candidates) dropOldest(match func(candidate) bool) ([]Sighting, bool) {
	oldest := -1
	for i, k := range cs.all {
		if match(k) && (oldest < 0 || k.heard.Before(cs.all[oldest].heard)) {
			oldest = i
		}
	}
	if oldest < 0 {
		return nil, false
	}
	gone := cs.all[oldest].Sighting
	gone.Gone = true
	cs.all = slices.Delete(cs.all, oldest, oldest+1)
	return []Sighting{gone}, true
}

// drop removes the candidates that match and returns the sightings that say so.
func (cs *candidates) drop(match func(candidate) bool) (out []Sighting) {
	cs.all = slices.DeleteFunc(cs.all, func(k candidate) bool {
		if !match(k) {
			return false
		}
		k.Gone = true
		out = append(out, k.Sighting)
		return true
	})
	return out
}

// expire removes what was not heard in its time.
func (cs *candidates) expire(now time.Time) []Sighting {
	return cs.drop(func(k candidate) bool { return !now.Before(k.expires) })
}

// leave removes what an origin had said by one source on one link.
func (cs *candidates) leave(origin Origin, source Source, link int) []Sighting {
	return cs.drop(func(k candidate) bool { return k.Origin == origin && k.Source == source && k.link == link })
}

// loseLink removes what was heard on a link.
func (cs *candidates) loseLink(link int) []Sighting {
	return cs.drop(func(k candidate) bool { return k.link == link })
}

// fresh returns the origins heard by multicast DNS on a link so lately that they need not answer our next question.
func (cs *candidates) fresh(now time.Time, link int) (out []Origin) {
	for _, k := range cs.all {
		if k.Source == SourceMDNS && k.link == link && now.Sub(k.heard) < freshFor && !slices.Contains(out, k.Origin) {
			out = append(out, k.Origin)
		}
	}
	return out
}
