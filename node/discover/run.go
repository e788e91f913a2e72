package discover

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/miekg/dns"
	"golang.org/x/time/rate"
)

// A socket is a multicast DNS socket that is open, or to be opened.
type socket struct {
	v6      bool
	conn    conn  // nil: not open
	err     error // why not
	retryAt time.Time
	told    bool           // that it cannot be opened
	join    map[int]string // index -> why the group could not be joined on that link
}

// A failure says that reading from a socket ended.
type failure struct {
	sock *socket
	err  error
}

// A runner is the state of one Run, all its own goroutine's.
type runner struct {
	*Discoverer
	group   sync.WaitGroup
	sockets []*socket

	alone    bool
	watched  bool
	scanAt   time.Time
	routesAt time.Time // last notice of changed routes
	keptAt   time.Time // last housekeeping
}

// Run announces and listens until ctx ends, then says goodbye, and returns why ctx ended. Whatever fails meanwhile, a
// socket, an interface, is tried again; see Diagnose. It can be called once.
func (d *Discoverer) Run(ctx context.Context) error {
	if !d.started.CompareAndSwap(false, true) {
		return errors.New("discover: Run called twice")
	}
	ctx, cancel := context.WithCancel(ctx)
	r := &runner{Discoverer: d}
	if !d.cfg.NoMDNS {
		r.sockets = []*socket{{v6: false}, {v6: true}}
	}
	unwatched := make(chan error, 1)
	r.watched = true
	r.group.Go(func() { unwatched <- d.env.watch(ctx, d.news) })
	defer func() {
		cancel()
		r.close()
		r.group.Wait()
		d.view.Store(nil)
	}()

	timer := time.NewTimer(0)
	defer timer.Stop()
	r.keep(ctx, time.Now())
	for {
		now := time.Now()
		if now.Sub(r.keptAt) >= housekeeping || due(r.scanAt, now) {
			r.keep(ctx, now)
		}
		d.core.tick(now, r.alone)
		r.flush(now)

		wake := d.core.next(now)
		if r.scanAt.Before(wake) {
			wake = r.scanAt
		}
		timer.Reset(wake.Sub(now))
		var first Sighting
		var sightings chan Sighting // nil, so never ready, while there is none
		if len(d.core.sightings) > 0 {
			first, sightings = d.core.sightings[0], d.sightings
		}
		select {
		case <-ctx.Done():
			d.core.goodbye()
			r.flush(time.Now())
			return context.Cause(ctx)
		case <-timer.C:
		case sightings <- first:
			d.core.sightings = d.core.sightings[1:]
		case p := <-d.packets:
			d.core.hearPacket(time.Now(), d.cfg.MDNSPort, p, &d.count)
		case b := <-d.beacons:
			d.core.hearBeacon(time.Now(), b, &d.count)
		case answer := <-d.questions:
			answer <- r.report()
		case f := <-d.failures:
			r.fail(time.Now(), f.sock, f.err)
		case <-d.linkNews:
			if soon := time.Now().Add(settle); soon.Before(r.scanAt) {
				r.scanAt = soon
			}
		case <-d.routeNews:
			if now := time.Now(); now.Sub(r.routesAt) >= routeQuiet {
				r.routesAt = now
				poke(d.changes)
			}
		case err := <-unwatched:
			r.watched, r.scanAt = false, time.Now()
			d.log.Debug("interface changes are polled for", "reason", err)
		}
	}
}

// news passes on what the watch tells.
func (d *Discoverer) news(routes bool) {
	if routes {
		poke(d.routeNews)
	} else {
		poke(d.linkNews)
	}
}

// keep does the housekeeping: who we are, which interfaces there are, whether we slept, sockets to be opened.
func (r *runner) keep(ctx context.Context, now time.Time) {
	r.alone = r.cfg.Alone()
	if r.core.setKeys(now, r.cfg.Keys()) || r.view.Load() == nil {
		r.view.Store(&view{keys: r.core.keys, id: r.core.id})
	}
	if !r.keptAt.IsZero() && slept(now.Round(0).Sub(r.keptAt.Round(0)), now.Sub(r.keptAt)) {
		r.log.Info("the machine was asleep or its clock was set")
		r.core.restart(now)
		r.scanAt = now
		poke(r.changes)
	}
	first := r.keptAt.IsZero()
	r.keptAt = now
	if first || due(r.scanAt, now) {
		r.scan(now, first)
	}
	for _, s := range r.sockets {
		if s.conn == nil && !now.Before(s.retryAt) {
			r.open(ctx, now, s)
		}
	}
}

// slept reports whether between two readings the wall clock ran so far ahead of the monotonic clock, which stands
// still while a machine sleeps, that it was asleep or its clock was set.
func slept(wall, monotonic time.Duration) bool { return wall-monotonic >= sleptAtLeast }

// scan looks at the interfaces.
func (r *runner) scan(now time.Time, first bool) {
	every := pollEvery
	if r.watched {
		every = pollWatched
	}
	r.scanAt = now.Add(every)
	links, err := r.env.links(r.cfg.Loopback)
	if err != nil {
		r.log.Debug("cannot list all interfaces", "error", err)
		if links == nil {
			return // what was there is more likely there still than not
		}
	}
	changed, gone := r.core.setLinks(now, links)
	for _, s := range r.sockets {
		if s.conn == nil {
			continue
		}
		for _, l := range gone {
			delete(s.join, l.Index)
			if err := s.conn.leave(l.Index); err != nil {
				r.log.Debug("cannot leave multicast group", "interface", l.Name, "error", err) // gone with the interface
			}
		}
		r.join(s, changed)
	}
	for _, l := range changed {
		r.log.Debug("interface in use", "interface", l.Name, "addresses", l.Addrs)
	}
	for _, l := range gone {
		r.log.Debug("interface gone", "interface", l.Name)
	}
	if !first && len(changed)+len(gone) > 0 {
		poke(r.changes)
	}
}

// open opens a socket and starts reading from it.
func (r *runner) open(ctx context.Context, now time.Time, s *socket) {
	s.conn, s.err = r.env.listen(ctx, s.v6, r.cfg.MDNSPort)
	if s.err != nil {
		s.conn, s.retryAt = nil, now.Add(reopenAfter)
		if !s.told {
			s.told = true
			r.log.Warn("no multicast DNS; other nodes are still found by our own announcement",
				"ipv6", s.v6, "port", r.cfg.MDNSPort, "error", s.err,
				"hint", "another program may hold the port for itself: ss -lunp")
		}
		return
	}
	s.join = map[int]string{}
	var links []Link
	for _, l := range r.core.links {
		links = append(links, l.Link)
	}
	r.join(s, links)
	r.core.restart(now)
	c := s.conn
	r.group.Go(func() {
		err := r.read(c, s.v6)
		select {
		case r.failures <- failure{s, err}:
		case <-ctx.Done():
		}
	})
}

// join joins the multicast group on links.
func (r *runner) join(s *socket, links []Link) {
	for _, l := range links {
		delete(s.join, l.Index)
		if !l.has(s.v6) || s.v6 && l.Loopback {
			continue
		}
		if err := s.conn.join(l); err != nil {
			s.join[l.Index] = err.Error()
			r.log.Debug("cannot listen to multicast DNS", "interface", l.Name, "ipv6", s.v6, "error", err)
		}
	}
}

// fail closes a socket that cannot be read from; it will be opened again.
func (r *runner) fail(now time.Time, s *socket, err error) {
	s.err, s.retryAt = err, now.Add(housekeeping)
	if cerr := s.conn.Close(); cerr != nil {
		s.err = errors.Join(err, cerr)
	}
	s.conn = nil
	r.log.Debug("multicast DNS socket failed", "ipv6", s.v6, "error", s.err)
}

// read hands the packets that concern us to Run, until the socket fails or is closed.
func (r *runner) read(c conn, v6 bool) error {
	via := viaMDNS4
	if v6 {
		via = viaMDNS6
	}
	allowed := rate.NewLimiter(packetsPerSecond, packetsPerSecond)
	b := make([]byte, maxPacketBytes)
	for {
		n, from, link, err := c.read(b)
		if err != nil {
			return err
		}
		v := r.view.Load()
		if v == nil || !concerns(b[:n], v.id) {
			continue
		}
		if !allowed.Allow() {
			r.count.overload.Add(1)
			continue
		}
		msg, err := decode(b[:n])
		if err != nil {
			r.count.malformed.Add(1)
			continue
		}
		select {
		case r.packets <- packet{via, from, link, msg}:
		default:
			r.count.overload.Add(1)
		}
	}
}

// decode reads a multicast DNS message. The result shares nothing with b.
func decode(b []byte) (*dns.Msg, error) {
	m := new(dns.Msg)
	if err := m.Unpack(b); err != nil {
		return nil, err
	}
	if m.Opcode != dns.OpcodeQuery || m.Rcode != dns.RcodeSuccess {
		return nil, fmt.Errorf("opcode %d, code %d", m.Opcode, m.Rcode) // RFC 6762, 18.3 and 18.11
	}
	return m, nil
}

// flush sends what the core has to send.
func (r *runner) flush(now time.Time) {
	for _, t := range r.core.out {
		if tried, err := r.send(t); tried {
			r.core.sent(now, t, err)
		}
	}
	r.core.out = nil
}

// send sends one packet, if there is a socket to send it from.
func (r *runner) send(t transmission) (tried bool, err error) {
	if t.via == viaAnnounce4 || t.via == viaAnnounce6 {
		return true, r.cfg.Announcer.WriteAnnounce(t.payload, t.to)
	}
	l := r.core.link(t.link)
	for _, s := range r.sockets {
		if l != nil && s.conn != nil && s.v6 == (t.via == viaMDNS6) {
			return true, s.conn.write(t.payload, t.to, l.Link)
		}
	}
	return false, nil
}

// report adds what the sockets know to the core's report.
func (r *runner) report() Report {
	rep := r.core.report(&r.count)
	rep.Watched = r.watched
	for _, s := range r.sockets {
		where := &rep.MDNS4
		if s.v6 {
			where = &rep.MDNS6
		}
		if s.conn == nil && s.err != nil {
			*where = s.err.Error()
		}
		for i := range rep.Links {
			t := &rep.Links[i].MDNS4
			if s.v6 {
				t = &rep.Links[i].MDNS6
			}
			if why := s.join[rep.Links[i].Index]; why != "" {
				t.Err = why
			}
		}
	}
	return rep
}

// close closes the sockets, which ends their readers.
func (r *runner) close() {
	for _, s := range r.sockets {
		if s.conn == nil {
			continue
		}
		if err := s.conn.Close(); err != nil {
			r.log.Debug("cannot close multicast DNS socket", "error", err)
		}
	}
}
