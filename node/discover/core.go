package discover

import (
	"math/rand/v2"
	"net/netip"
	"slices"
	"time"

	"golang.org/x/time/rate"

	"muster/crdt"
)

// A route is a way out of this machine.
type route uint8

const (
	viaMDNS4 route = iota
	viaMDNS6
	viaAnnounce4
	viaAnnounce6
	routes // how many there are
)

// announceVia returns the route of an announcement to or from a.
func announceVia(a netip.Addr) route {
	if a.Is4() {
		return viaAnnounce4
	}
	return viaAnnounce6
}

// A transmission is a packet to send: best effort, may be lost.
type transmission struct {
	via     route
	link    int            // index of the interface
	to      netip.AddrPort // zero: the multicast group
	payload []byte
}

// A linkState is a link and what is due on it. A zero time means nothing is due.
type linkState struct {
	Link
	bursts     int       // announcements still to come
	burstAt    time.Time // the next of them
	queryAt    time.Time // next question
	wanted     wants     // records asked for by everyone
	answerAt   time.Time // when to answer them
	answeredAt time.Time // last multicast answer or announcement

	sent    [routes]uint64
	broken  [routes]error // last send failed
	retry   [routes]time.Duration
	retryAt [routes]time.Time

	heard     [routes]uint64 // packets of other nodes of the team
	heardLast time.Time
}

// A core decides what to send and what to tell. It does no I/O and reads no clock; one goroutine owns it.
type core struct {
	device    crdt.DeviceID
	port      uint16
	ports     []uint16 // announcements go there
	mdns      bool
	announces bool
	members   func() []crdt.DeviceID
	rng       *rand.Rand

	keys    [][]byte
	id      identity
	links   []*linkState // by index
	known   candidates
	unicast *rate.Limiter
	naming  *rate.Limiter

	announceBursts int
	announceAt     time.Time // next announcement
	announcedAt    time.Time

	out       []transmission // to send, then forget
	sightings []Sighting     // to hand over, oldest first
	twins     map[netip.Addr]bool
	lost      uint64 // sightings nobody took
}

func newCore(cfg Config, rng *rand.Rand) *core {
	return &core{
		device: cfg.Device, port: cfg.Port, ports: cfg.AnnouncePorts, mdns: !cfg.NoMDNS, announces: cfg.Announcer != nil,
		members: cfg.Members, rng: rng, known: newCandidates(), twins: map[netip.Addr]bool{},
		unicast: rate.NewLimiter(unicastPerSecond, unicastPerSecond),
		naming:  rate.NewLimiter(namingPerSecond, namingPerSecond),
	}
}

// setKeys takes the team keys as they are now, and the day. If either changes who we say we are, the old name is said
// goodbye to and the new one announced.
func (c *core) setKeys(now time.Time, keys [][]byte) (changed bool) {
	keys = keys[:min(len(keys), MaxKeys)]
	day := Day(now)
	if day == c.id.day && slices.EqualFunc(keys, c.keys, slices.Equal) {
		return false
	}
	c.keys = nil
	for _, k := range keys {
		c.keys = append(c.keys, slices.Clone(k))
	}
	first := c.id.key == nil
	c.goodbye()
	c.id = identity{day: day}
	if len(c.keys) > 0 && len(c.keys[0]) > 0 {
		c.id = identify(c.keys[0], day, c.device)
	}
	delay := time.Duration(0)
	if !first {
		delay = c.upTo(rotateSpread)
	}
	for _, l := range c.links {
		l.wanted = 0
		c.arm(l, now.Add(delay))
	}
	c.armAnnouncer(now.Add(delay))
	return true
}

// setLinks takes the interfaces as they are now and reports which came or changed, and which went.
func (c *core) setLinks(now time.Time, links []Link) (changed []Link, gone []Link) {
	var next []*linkState
	for _, l := range links {
		at := slices.IndexFunc(c.links, func(s *linkState) bool { return s.Index == l.Index })
		switch {
		case at < 0:
			next = append(next, &linkState{Link: l})
		case !c.links[at].equal(l):
			c.links[at].Link = l
			next = append(next, c.links[at])
		default:
			next = append(next, c.links[at])
			continue
		}
		changed = append(changed, l)
		c.arm(next[len(next)-1], now)
	}
	for _, old := range c.links {
		if !slices.Contains(next, old) {
			gone = append(gone, old.Link)
			c.tell(c.known.loseLink(old.Index))
		}
	}
	c.links = next
	if len(changed) > 0 {
		c.armAnnouncer(now)
	}
	return changed, gone
}

// restart announces everything anew, as after a sleep.
func (c *core) restart(now time.Time) {
	for _, l := range c.links {
		c.arm(l, now)
	}
	c.armAnnouncer(now)
}

// arm starts a burst of announcements and questions on a link.
func (c *core) arm(l *linkState, at time.Time) {
	l.bursts, l.burstAt = burstCount, at
	for via := range l.retry {
		l.retry[via], l.retryAt[via] = 0, time.Time{}
	}
}

// armAnnouncer starts a burst of announcements on the QUIC socket.
func (c *core) armAnnouncer(at time.Time) {
	c.announceBursts, c.announceAt = burstCount, at
}

// tick does what is due. alone says that no peer is connected.
func (c *core) tick(now time.Time, alone bool) {
	for _, l := range c.links {
		c.tickLink(now, l)
	}
	c.tickAnnouncer(now, alone)
	c.tell(c.known.expire(now))
}

// tickLink does what is due by multicast DNS on a link.
func (c *core) tickLink(now time.Time, l *linkState) {
	if !c.mdns {
		return
	}
	for _, via := range []route{viaMDNS4, viaMDNS6} {
		if due(l.retryAt[via], now) {
			l.retryAt[via] = time.Time{}
			if l.bursts == 0 {
				l.bursts, l.burstAt = 1, now
			}
		}
	}
	if l.bursts > 0 && due(l.burstAt, now) {
		l.bursts--
		l.burstAt = now.Add(burstEvery)
		c.respond(now, l, wantAll)
		l.queryAt = now
	}
	if due(l.queryAt, now) && c.id.key != nil {
		c.multicast(l, question(c.id, c.known.fresh(now, l.Index)))
		l.queryAt = now.Add(c.jitter(queryEvery))
	}
	if l.wanted != 0 && due(l.answerAt, now) {
		c.respond(now, l, l.wanted)
	}
}

// tickAnnouncer sends the announcement on the QUIC socket if it is due.
func (c *core) tickAnnouncer(now time.Time, alone bool) {
	if alone {
		// Lately alone: do not wait out the long period.
		if soon := c.announcedAt.Add(aloneEvery); c.announceAt.After(soon) && c.announceBursts == 0 {
			c.announceAt = soon
		}
	}
	if !c.announcing() || !due(c.announceAt, now) {
		return
	}
	c.announce(false)
	c.announcedAt = now
	if c.announceBursts = max(0, c.announceBursts-1); c.announceBursts > 0 {
		c.announceAt = now.Add(burstEvery)
		return
	}
	every := announceEvery
	if alone {
		every = aloneEvery
	}
	c.announceAt = now.Add(c.jitter(every))
}

// announcing reports whether there is something to announce on the QUIC socket, and a way to.
func (c *core) announcing() bool { return c.announces && c.id.key != nil }

// announce sends the announcement on every link.
func (c *core) announce(leaving bool) {
	payload := appendAnnouncement(nil, c.id, leaving)
	for _, l := range c.links {
		l.retryAt[viaAnnounce4], l.retryAt[viaAnnounce6] = time.Time{}, time.Time{}
		for _, to := range l.targets() {
			for _, port := range c.ports {
				c.out = append(c.out, transmission{announceVia(to), l.Index, netip.AddrPortFrom(to, port), payload})
			}
		}
	}
}

// goodbye takes back what was announced.
func (c *core) goodbye() {
	if c.id.key == nil {
		return
	}
	for _, l := range c.links {
		if c.mdns {
			s := recordsOn(l.Link, c.id, c.port)
			s.ttl = 0
			c.multicast(l, s.response(wantAll))
		}
	}
	if c.announces {
		c.announce(true)
	}
}

// respond multicasts our records on a link.
func (c *core) respond(now time.Time, l *linkState, w wants) {
	l.wanted &^= w
	if c.id.key == nil {
		return
	}
	if m := recordsOn(l.Link, c.id, c.port).response(w); m != nil {
		l.answeredAt = now
		c.multicast(l, m)
	}
}

// next returns when tick has something to do besides housekeeping.
func (c *core) next(now time.Time) time.Time {
	at := now.Add(housekeeping)
	sooner := func(t time.Time) {
		if t.Before(at) {
			at = t
		}
	}
	for _, l := range c.links {
		if c.mdns && l.bursts > 0 {
			sooner(l.burstAt)
		}
		if c.mdns && l.wanted != 0 {
			sooner(l.answerAt)
		}
	}
	if c.announcing() && c.announceBursts > 0 {
		sooner(c.announceAt)
	}
	return at
}

// sent takes the outcome of a transmission. On an interface that refuses to send (an IPv6 address is tentative for a
// second or two after it appears) the announcement is repeated until it does, ever less often.
func (c *core) sent(now time.Time, t transmission, err error) {
	l := c.link(t.link)
	if l == nil {
		return
	}
	l.broken[t.via] = err
	if err == nil {
		l.sent[t.via]++
		l.retry[t.via], l.retryAt[t.via] = 0, time.Time{}
		return
	}
	announced := t.via == viaAnnounce4 || t.via == viaAnnounce6
	if t.to.IsValid() && !announced {
		return // to one asker: its loss
	}
	if !l.retryAt[t.via].IsZero() {
		return // one try fails in several packets
	}
	l.retry[t.via] = min(max(retryMin, 2*l.retry[t.via]), retryMax)
	l.retryAt[t.via] = now.Add(l.retry[t.via])
	if announced && l.retryAt[t.via].Before(c.announceAt) {
		c.announceAt = l.retryAt[t.via]
	}
}

// link returns the state of the interface with an index, or nil.
func (c *core) link(index int) *linkState {
	for _, l := range c.links {
		if l.Index == index {
			return l
		}
	}
	return nil
}

// tell queues sightings, dropping the oldest beyond [MaxQueued]. A later one about the same address replaces an
// earlier one.
func (c *core) tell(ss []Sighting) {
	for _, s := range ss {
		c.sightings = slices.DeleteFunc(c.sightings, func(q Sighting) bool {
			return q.Addr == s.Addr && q.Origin == s.Origin && q.Source == s.Source
		})
		if c.sightings = append(c.sightings, s); len(c.sightings) > MaxQueued {
			c.sightings = slices.Delete(c.sightings, 0, 1)
			c.lost++
		}
	}
}

// due reports whether t has come; the zero time never comes.
func due(t, now time.Time) bool { return !t.IsZero() && !now.Before(t) }

// upTo returns a random duration in [0, d).
func (c *core) upTo(d time.Duration) time.Duration { return time.Duration(c.rng.Int64N(int64(d))) }

// jitter returns a random duration around d: from 4/5 to 6/5 of it.
func (c *core) jitter(d time.Duration) time.Duration { return d*4/5 + c.upTo(d*2/5) }
