package discover

import (
	"net/netip"
	"time"

	"github.com/miekg/dns"
)

// A packet is a decoded multicast DNS message of a neighbour.
type packet struct {
	via  route
	from netip.AddrPort
	link int // index of the interface it came in by
	msg  *dns.Msg
}

// A beacon is a checked announcement of our team.
type beacon struct {
	announcement
	from netip.AddrPort
}

// multicast queues a message to the groups of the address families that the link has.
func (c *core) multicast(l *linkState, m *dns.Msg) {
	payload, err := m.Pack()
	if err != nil {
		panic("discover: own message does not pack: " + err.Error())
	}
	if l.has(false) {
		c.out = append(c.out, transmission{via: viaMDNS4, link: l.Index, payload: payload})
	}
	if l.has(true) && !l.Loopback { // ::1 has no multicast route
		c.out = append(c.out, transmission{via: viaMDNS6, link: l.Index, payload: payload})
	}
}

// hearPacket takes a multicast DNS message in. One from beyond the link is ignored (RFC 6762, 11).
func (c *core) hearPacket(now time.Time, mdnsPort uint16, p packet, n *counters) {
	l := c.link(p.link)
	if l == nil {
		return
	}
	from, ok := l.reaches(p.from.Addr())
	if !ok {
		n.offLink.Add(1)
		return
	}
	p.from = netip.AddrPortFrom(from, p.from.Port())
	if !p.msg.Response {
		c.asked(now, l, p, p.from.Port() != mdnsPort)
		return
	}
	found, newer := instances(p.msg)
	n.otherVersion.Add(uint64(newer))
	for _, i := range found {
		if MatchTag(c.keys, i.day, i.tag) == nil {
			n.otherTeam.Add(1)
			continue
		}
		c.hearInstance(now, l, p, i)
	}
}

// asked takes a question in. legacy says that the asker is no mDNS host and gets a plain answer of its own.
func (c *core) asked(now time.Time, l *linkState, p packet, legacy bool) {
	if c.id.key == nil {
		return
	}
	w, unicast := asks(p.msg, c.id)
	if w == 0 {
		return
	}
	if unicast || legacy {
		c.answerOne(now, l, p, w, legacy)
	}
	if legacy || unicast && now.Sub(l.answeredAt) < recordTTL/4 {
		return // others heard it lately (RFC 6762, 5.4)
	}
	if l.wanted == 0 {
		l.answerAt = now.Add(answerDelayMin + c.upTo(answerDelayMax-answerDelayMin))
		if free := l.answeredAt.Add(answerGap); l.answerAt.Before(free) {
			l.answerAt = free
		}
	}
	l.wanted |= w
}

// answerOne answers the asker alone.
func (c *core) answerOne(now time.Time, l *linkState, p packet, w wants, legacy bool) {
	set := recordsOn(l.Link, c.id, c.port)
	if legacy {
		set.ttl, set.plain = legacyTTL, true
	}
	m := set.response(w)
	if m == nil || !c.unicast.AllowN(now, 1) {
		return
	}
	if legacy {
		m.Id, m.Question = p.msg.Id, p.msg.Question[:min(len(p.msg.Question), 1)]
		for i := range m.Question {
			m.Question[i].Qclass &^= topBit
		}
	}
	payload, err := m.Pack()
	if err != nil {
		return // the question we repeat to it cannot be written down again: its problem
	}
	c.out = append(c.out, transmission{p.via, l.Index, p.from, payload})
}

// hearInstance takes in what a response says about one node of our team. Where the packet came from is the address
// most likely to work, so it is told first.
func (c *core) hearInstance(now time.Time, l *linkState, p packet, i instance) {
	if c.isOwn(i.day, i.origin) {
		c.hearSelf(p.from.Addr())
		return
	}
	l.heard[p.via]++
	l.heardLast = now
	if i.ttl == 0 {
		c.tell(c.known.leave(i.origin, SourceMDNS, l.Index))
		return
	}
	addrs := []netip.Addr{p.from.Addr()}
	for _, claimed := range i.addrs {
		if a, ok := l.reaches(claimed); ok && a != addrs[0] {
			addrs = append(addrs, a)
		}
	}
	for _, a := range addrs {
		c.hear(now, candidate{
			Sighting: Sighting{Origin: i.origin, Tag: i.tag, Addr: netip.AddrPortFrom(a, i.port), Source: SourceMDNS},
			link:     l.Index, expires: now.Add(i.ttl),
		}, i.day)
	}
}

// hearBeacon takes in an announcement of our team. The address it came from is the peer's QUIC socket.
func (c *core) hearBeacon(now time.Time, b beacon, n *counters) {
	l, from := c.linkTo(b.from.Addr())
	if l == nil {
		n.offLink.Add(1)
		return
	}
	if c.isOwn(b.day, b.origin) {
		c.hearSelf(from)
		return
	}
	l.heard[announceVia(from)]++
	l.heardLast = now
	if b.leaving {
		c.tell(c.known.leave(b.origin, SourceAnnounce, l.Index))
		return
	}
	c.hear(now, candidate{
		Sighting: Sighting{
			Origin: b.origin, Tag: b.tag, Addr: netip.AddrPortFrom(from, b.from.Port()), Source: SourceAnnounce,
		},
		member: true, // it carries a code made with the key
		link:   l.Index, expires: now.Add(announceLifetime),
	}, b.day)
}

// linkTo returns the link that a neighbour's address is on, and the address with its zone.
func (c *core) linkTo(a netip.Addr) (*linkState, netip.Addr) {
	for _, l := range c.links {
		if a.Zone() != "" && a.Zone() != l.Name {
			continue
		}
		if a.Zone() == "" && a.Is6() && a.IsLinkLocalUnicast() {
			continue // nobody can tell which link
		}
		if to, ok := l.reaches(a); ok {
			return l, to
		}
	}
	return nil, netip.Addr{}
}

// hear passes a candidate on to the list, naming its device first if it is new and there is time for that.
func (c *core) hear(now time.Time, k candidate, day uint32) {
	if k.Addr.Port() == 0 {
		return
	}
	known := c.known.find(k.Sighting)
	if known == nil && k.Source == SourceAnnounce {
		c.answerAnnounce(now)
	}
	if known == nil || known.Device.IsZero() {
		if c.members != nil && c.naming.AllowN(now, 1) {
			key := MatchTag(c.keys, day, k.Tag)
			k.Device = MatchOrigin(key, day, k.Origin, c.members())
		}
		k.member = k.member || !k.Device.IsZero()
	}
	c.tell(c.known.hear(now, k))
}

// answerAnnounce announces us soon to whoever is new on the link, and may not hear multicast DNS, as often as a burst
// would at most.
func (c *core) answerAnnounce(now time.Time) {
	at := now.Add(answerDelayMin + c.upTo(answerDelayMax-answerDelayMin))
	if free := c.announcedAt.Add(burstEvery); at.Before(free) {
		at = free
	}
	if c.announceAt.After(at) {
		c.announceAt, c.announceBursts = at, max(1, c.announceBursts)
	}
}

// isOwn reports whether we are who goes by origin on a day, under any of our keys: we hear ourselves, and after
// midnight our yesterday's goodbye.
func (c *core) isOwn(day uint32, origin Origin) bool {
	for _, key := range c.keys {
		if OriginOf(key, day, c.device) == origin {
			return true
		}
	}
	return false
}

// hearSelf takes note if what bears our name comes from another machine: a copied disk.
func (c *core) hearSelf(from netip.Addr) {
	for _, l := range c.links {
		if l.owns(from) { // maybe another interface than the one it came in by
			return
		}
	}
	if len(c.twins) < MaxStrangers {
		c.twins[from] = true
	}
}
