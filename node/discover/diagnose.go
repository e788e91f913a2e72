package discover

import (
	"net/netip"
	"slices"
	"sync/atomic"
	"time"
)

// A Report says what of discovery works, for a person who wonders why two machines do not see each other. Counts are
// since the start of Run.
type Report struct {
	MDNS4, MDNS6 string // why the multicast DNS socket is not open; empty if it is, or none is wanted
	Watched      bool   // the system tells of interface changes; otherwise they are polled for every second
	Links        []LinkReport
	Candidates   int          // addresses remembered now
	Twins        []netip.Addr // other machines that announce themselves as this device: a copied disk

	OtherTeam    uint64 // packets of other teams
	OtherVersion uint64 // packets of versions this one does not speak
	Malformed    uint64 // announcements or DNS messages that cannot be read
	Forged       uint64 // announcements that bear our team's tag but were made without its key
	OffLink      uint64 // packets from addresses that are no neighbours'
	Overload     uint64 // packets dropped because too many came
	Refused      uint64 // new addresses not remembered because too many came
	Lost         uint64 // sightings dropped because nobody took them
}

// A LinkReport says what works on one interface.
type LinkReport struct {
	Link

	// By multicast DNS over IPv4 and IPv6, and by announcement over IPv4 and IPv6.
	MDNS4, MDNS6, Announce4, Announce6 Traffic

	HeardAt time.Time // when a node of the team was last heard here; zero: never
}

// Traffic is what went over an interface one way. Sent without Heard where other nodes are known to be means that the
// network swallows it.
type Traffic struct {
	Sent  uint64
	Heard uint64 // packets of other nodes of the team
	Err   string // why the last packet could not be sent, or the group not be joined; empty if it could
}

// counters are written by whoever handles packets.
type counters struct {
	otherTeam, otherVersion, malformed, forged, offLink, overload atomic.Uint64
}

// report describes the core's links and counts.
func (c *core) report(n *counters) Report {
	r := Report{
		Candidates: len(c.known.all),
		OtherTeam:  n.otherTeam.Load(), OtherVersion: n.otherVersion.Load(), Malformed: n.malformed.Load(),
		Forged: n.forged.Load(), OffLink: n.offLink.Load(), Overload: n.overload.Load(),
		Refused: c.known.refused, Lost: c.lost,
	}
	for a := range c.twins {
		r.Twins = append(r.Twins, a)
	}
	slices.SortFunc(r.Twins, netip.Addr.Compare)
	for _, l := range c.links {
		traffic := func(via route) Traffic {
			t := Traffic{Sent: l.sent[via], Heard: l.heard[via]}
			if err := l.broken[via]; err != nil {
				t.Err = err.Error()
			}
			return t
		}
		lr := LinkReport{
			Link: l.Link, HeardAt: l.heardLast,
			MDNS4: traffic(viaMDNS4), MDNS6: traffic(viaMDNS6),
			Announce4: traffic(viaAnnounce4), Announce6: traffic(viaAnnounce6),
		}
		lr.Addrs = slices.Clone(l.Addrs)
		r.Links = append(r.Links, lr)
	}
	return r
}
