package node

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"muster/crdt"
	"muster/crdt/auth"
	"muster/node/api"
	"muster/node/discover"
	"muster/node/membership"
	"muster/node/transport"
)

// Waits and bounds of an examination.
const (
	doctorDials    = 8                // devices tried at one time
	doctorDialWait = 5 * time.Second  // for one of them
	doctorWait     = 10 * time.Second // for all
	doctorSelfWait = 2 * time.Second  // for our own socket to answer us
	doctorProbes   = 4                // of our own addresses, and of those given by hand
	doctorSettle   = 500 * time.Millisecond
	doctorPoll     = 20 * time.Millisecond
)

// Doctor says why others are not seen. It gathers what this node remembers, tries now whoever is absent, and lets
// [evidence.explain] judge.
func (n *Node) Doctor(ctx context.Context, who []string) (api.Diagnosis, error) {
	if why := n.isLocked(); why != nil {
		return lockedDiagnosis(why), nil
	}
	s, err := n.current(ctx)
	if err != nil {
		return api.Diagnosis{}, err
	}
	x := &examination{s: s, now: n.now(), join: n.cfg.Join}
	if err := x.run(ctx, who); err != nil {
		return api.Diagnosis{}, problem(err)
	}
	x.out.Protection = n.protection()
	return x.out, nil
}

// An examination is one call of Doctor.
type examination struct {
	s    *session
	now  time.Time
	join []netip.AddrPort // given by hand
	out  api.Diagnosis

	people  []auth.PersonID // examined
	devices []*patient
	report  *discover.Report // nil: no discovery
	links   []netLink
	deaf    string      // why our own socket does not answer
	given   []givenAddr // answers at the addresses given by hand

	trouble, remedy string // with this node's own standing
}

// A patient is a device that is examined.
type patient struct {
	member  auth.Member
	known   membership.Known
	ev      evidence
	offset  time.Duration
	rtt     time.Duration
	path    int
	outcome finding
}

// givenAddr is what was found at an address given by hand.
type givenAddr struct {
	addr   netip.AddrPort
	device crdt.DeviceID
	err    error
}

func (x *examination) run(ctx context.Context, who []string) error {
	if err := x.s.do(ctx, func(time.Time) error { return x.choose(who) }); err != nil {
		return err
	}
	if err := x.look(ctx); err != nil {
		return err
	}
	x.discovery(ctx)
	x.links = netLinks()
	if err := x.attempt(ctx); err != nil {
		return err
	}
	x.judge()
	x.facts()
	return nil
}

// choose finds the persons examined, on the loop.
func (x *examination) choose(who []string) error {
	team, me := x.s.r.Team(), x.s.me().Person
	for _, h := range who {
		h = strings.TrimPrefix(h, "@")
		p, ok := team.Person(h)
		switch {
		case !ok:
			return api.Errorf(api.CodeNotFound, "muster status lists who is in the team", "nobody is called %s", h)
		case p == me:
			return api.Errorf(api.CodeUsage, "name the others, or nobody", "%s is you", h)
		case !slices.Contains(x.people, p):
			x.people = append(x.people, p)
		}
	}
	if len(who) == 0 {
		x.people = slices.DeleteFunc(slices.Clone(team.All()), func(p auth.PersonID) bool { return p == me })
	}
	x.trouble, x.remedy = x.s.ownTrouble()
	for _, m := range x.s.admitted() {
		if slices.Contains(x.people, m.Person) && m.Device != x.s.r.Device() {
			x.devices = append(x.devices, &patient{member: m})
		}
	}
	return nil
}

// look notes how each device stands now.
func (x *examination) look(ctx context.Context) error {
	up := map[crdt.DeviceID]transport.PeerInfo{}
	for _, p := range x.s.t.Peers() {
		up[p.Device] = p
	}
	known := map[crdt.DeviceID]membership.Known{}
	for _, k := range x.s.m.Known() {
		known[k.Device] = k
	}
	x.s.n.mu.Lock()
	cut := x.s.n.cut
	x.s.n.mu.Unlock()
	return x.s.do(ctx, func(time.Time) error {
		for _, p := range x.devices {
			d := p.member.Device
			link, linked := up[d]
			p.known, p.rtt, p.path = known[d], link.RTT, x.s.t.PathBytes(d)
			p.ev.who, p.ev.linked, p.ev.cut = p.member.Handle, linked, cut.all || cut.devices[d]
			p.ev.reachable = x.s.r.Reachable(d) && !p.ev.cut // of a fresh cut the loop may not have heard yet
			if info := x.s.peers[d]; info != nil {
				p.offset = time.Duration(info.offsetMS) * time.Millisecond
				p.ev.problem, p.ev.cause = info.problem, info.cause
			}
		}
		return nil
	})
}

// discovery asks discovery what works.
func (x *examination) discovery(ctx context.Context) {
	if x.s.d == nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	if r, err := x.s.d.Diagnose(ctx); err == nil { // else it has ended, which the log says
		x.report = &r
	}
}

// attempt tries everybody who is absent, our own socket, and the addresses given by hand, all at once. A connection that
// ended while it was looked at is the reason for trying twice.
func (x *examination) attempt(parent context.Context) error {
	ctx, cancel := context.WithTimeout(parent, doctorWait)
	defer cancel()
	var wg sync.WaitGroup
	wg.Go(func() { x.askSelf(ctx) })
	x.given = make([]givenAddr, min(doctorProbes, len(x.join)))
	for i := range x.given {
		wg.Go(func() {
			g := givenAddr{addr: x.join[i]}
			g.device, g.err = x.s.t.Probe(ctx, g.addr)
			x.given[i] = g
		})
	}
	var err error
	for range 2 {
		if err == nil && x.dialAbsent(ctx) {
			err = x.settle(parent)
		}
	}
	wg.Wait()
	return err
}

// dialAbsent tries all who are not connected and of whom it is not known why, and reports whether there were any.
func (x *examination) dialAbsent(ctx context.Context) bool {
	var wg sync.WaitGroup
	slots := make(chan struct{}, doctorDials)
	some := false
	for _, p := range x.devices {
		if p.ev.reachable || p.ev.cut || p.ev.dialed != nil {
			continue
		}
		some = true
		if p.ev.linked { // it talks soon, or ends soon
			continue
		}
		wg.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			ctx, cancel := context.WithTimeout(ctx, doctorDialWait)
			defer cancel()
			p.ev.dialed = x.s.t.Dial(ctx, p.member.Device, p.known.Addrs)
		})
	}
	wg.Wait()
	return some
}

// askSelf connects to our own addresses, through the system's network stack: whoever answers says that it is us.
func (x *examination) askSelf(ctx context.Context) {
	x.s.n.mu.Lock()
	all := x.s.n.cut.all
	x.s.n.mu.Unlock()
	if all {
		return // the drill cuts us from ourselves
	}
	addrs := x.s.endpoints()
	if len(addrs) == 0 {
		addrs = []netip.AddrPort{netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), x.s.t.LocalAddr().Port())}
	}
	ctx, cancel := context.WithTimeout(ctx, doctorSelfWait)
	defer cancel()
	for _, a := range addrs[:min(doctorProbes, len(addrs))] {
		_, err := x.s.t.Probe(ctx, a)
		switch {
		case errors.Is(err, transport.ErrSelf):
			x.deaf = ""
			return // one that works will do
		case isTimeout(err):
			x.deaf = "no answer at " + a.String()
		default:
			x.deaf = firstLine(errors.Join(err, errNotSelf))
		}
	}
}

var errNotSelf = errors.New("somebody else answers there")

// settle waits a moment for what became of connections to be known to the loop, and looks again.
func (x *examination) settle(ctx context.Context) error {
	for until := time.Now().Add(doctorSettle); ; {
		if err := x.look(ctx); err != nil {
			return err
		}
		open := slices.ContainsFunc(x.devices, func(p *patient) bool {
			return p.ev.dialed == nil && !p.ev.cut && !p.ev.reachable && p.ev.linked && p.ev.problem == ""
		})
		if !open || !time.Now().Before(until) {
			return nil
		}
		select {
		case <-time.After(doctorPoll):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// judge explains each device, and each person by the device that is nearest to being reachable.
func (x *examination) judge() {
	x.out = api.Diagnosis{Schema: "muster.doctor/1", Well: true, Responders: []api.Examined{}, Facts: []api.Fact{}}
	for _, p := range x.devices {
		x.complete(p)
		p.outcome = p.ev.explain()
		if p.outcome.cause == api.CauseRefused && x.trouble != "" { // it is known here why
			p.outcome.hint = x.remedy
		}
	}
	for _, person := range x.people {
		var e api.Examined
		rank := len(causeOrder) + 1
		for _, p := range x.devices {
			if p.member.Person != person {
				continue
			}
			e.Responder = p.member.Handle
			e.Devices = append(e.Devices, x.device(p))
			if at := slices.Index(causeOrder, p.outcome.cause); at < rank {
				rank = at
				e.Reachable, e.Cause, e.Text, e.Hint = p.ev.reachable, p.outcome.cause, p.outcome.text, p.outcome.hint
			}
		}
		x.out.Well = x.out.Well && e.Reachable
		x.out.Responders = append(x.out.Responders, e)
	}
}

// causeOrder ranks what is told of a person with several devices: the first of these.
var causeOrder = []string{
	"", api.CauseCut, api.CauseVersion, api.CauseTeam, api.CauseProtocol, api.CauseRefused, api.CauseMute, api.CauseFiltered,
	api.CauseIsolated, api.CauseSocket, api.CauseNetwork, api.CauseBlocked, api.CauseNoRoute, api.CauseOther, api.CauseBusy,
	api.CauseUnknown, api.CauseSilent, api.CauseStopped, api.CauseNever,
}

// complete fills in the evidence that is not the loop's.
func (x *examination) complete(p *patient) {
	e := &p.ev
	e.networks = -1
	if x.s.n.cfg.Open == nil {
		e.networks = 0
		for _, l := range x.links {
			if l.up {
				e.networks++
			}
		}
	}
	e.deaf, e.discovery, e.addrs = x.deaf, x.s.d != nil, p.known.Addrs
	e.heardAny = x.report != nil && heardAny(x.report)
	e.never, e.seen = p.known.LastSeen.IsZero(), time.Since(p.known.LastSeen)
	e.others = p.known.State == membership.Heard && len(x.s.t.Peers()) > 0 // without peers that is old news
	e.clue, e.sighted = x.s.clues.about(p.member.Device), -1
	e.saidGoodbye = errors.Is(e.clue.down, transport.ErrPeerStopped) && x.now.Sub(e.clue.downAt) < goodbyeLately
	if e.clue.sightedAt.After(e.clue.downAt) { // what it said before it was lost says nothing
		e.sighted = x.now.Sub(e.clue.sightedAt)
	}
}

// device is one device in the answer.
func (x *examination) device(p *patient) api.ExaminedDevice {
	d := api.ExaminedDevice{
		Device: p.member.Device.String(), Label: p.member.Label, Reachable: p.ev.reachable, Cause: p.outcome.cause,
		Text: p.outcome.text, Hint: p.outcome.hint, Addrs: []string{}, Never: p.ev.never && !p.ev.reachable,
	}
	for _, a := range p.known.Addrs {
		d.Addrs = append(d.Addrs, a.String())
	}
	if p.ev.reachable {
		d.RTTMS = float64(p.rtt.Microseconds()) / 1000
		d.OffsetMS, d.PathBytes = p.offset.Milliseconds(), p.path
		return d
	}
	if !p.ev.never {
		d.SeenMS = p.ev.seen.Milliseconds()
	}
	if err := cmpErr(p.ev.dialed, p.known.LastError); err != nil {
		d.LastError = firstLine(err)
	}
	return d
}

// cmpErr returns the first error that is one.
func cmpErr(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
