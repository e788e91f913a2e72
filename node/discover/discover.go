package discover

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/netip"
	"slices"
	"sync/atomic"

	"muster/crdt"
)

// DefaultMDNSPort is the port of multicast DNS.
const DefaultMDNSPort = 5353

// An Announcer sends a packet from the node's QUIC socket. It must not block for long and need not be safe for
// concurrent use.
type Announcer interface {
	WriteAnnounce(b []byte, to netip.AddrPort) error
}

// Config says who is to be announced, and by what. Its functions are called by Run's goroutine, once a second or less
// but for Members; they must return at once and not call the Discoverer.
type Config struct {
	Device crdt.DeviceID
	Port   uint16 // UDP port of the QUIC socket

	// Keys returns the discovery keys of the team: the first is announced with, the others are older ones that a
	// node cut off for long may still announce with. None: not in a team yet, so neither speak nor listen.
	Keys func() [][]byte

	// Members returns the devices of the team, to recognise who announces itself. Nil: nobody is recognised.
	Members func() []crdt.DeviceID

	Announcer     Announcer   // nil: no announcement on the QUIC socket
	AnnouncePorts []uint16    // where other nodes' QUIC sockets are; nil: Port
	Alone         func() bool // whether no peer is connected: announce every 5 s rather than 30 s; nil: always

	NoMDNS   bool   // leave multicast DNS alone
	MDNSPort uint16 // 0: DefaultMDNSPort
	Loopback bool   // on the loopback interface too: several nodes on a machine without a network

	Log *slog.Logger // nil: none
}

// A Discoverer announces this node on the local links and hears of others.
type Discoverer struct {
	cfg  Config
	env  environment
	log  *slog.Logger
	core *core // Run's

	started atomic.Bool
	view    atomic.Pointer[view] // what readers of packets need to know of core
	count   counters

	linkNews, routeNews chan struct{} // from the watch, coalesced
	packets             chan packet
	beacons             chan beacon
	failures            chan failure
	questions           chan chan Report

	sightings chan Sighting
	changes   chan struct{}
}

// An environment is what the system provides; tests put fakes in its place.
type environment struct {
	links  func(loopback bool) ([]Link, error)
	watch  func(ctx context.Context, changed func(routes bool)) error
	listen func(ctx context.Context, v6 bool, port uint16) (conn, error)
	rng    *rand.Rand
}

// A view is a copy of who we are and whom we listen to.
type view struct {
	keys [][]byte
	id   identity
}

// New checks the configuration. It starts nothing.
func New(cfg Config) (*Discoverer, error) {
	return newIn(environment{
		links: systemLinks, watch: watchSystem, listen: listenMDNS,
		rng: rand.New(rand.NewPCG(rand.Uint64(), rand.Uint64())),
	}, cfg)
}

func newIn(env environment, cfg Config) (*Discoverer, error) {
	switch {
	case cfg.Device.IsZero():
		return nil, errors.New("discover: no device")
	case cfg.Port == 0:
		return nil, errors.New("discover: no port")
	case cfg.Keys == nil:
		return nil, errors.New("discover: no source of team keys")
	case len(cfg.AnnouncePorts) > MaxPorts:
		return nil, fmt.Errorf("discover: %d ports to announce to, at most %d", len(cfg.AnnouncePorts), MaxPorts)
	case slices.Contains(cfg.AnnouncePorts, 0):
		return nil, errors.New("discover: port 0 to announce to")
	}
	if cfg.AnnouncePorts == nil {
		cfg.AnnouncePorts = []uint16{cfg.Port}
	}
	if cfg.MDNSPort == 0 {
		cfg.MDNSPort = DefaultMDNSPort
	}
	if cfg.Alone == nil {
		cfg.Alone = func() bool { return true }
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	return &Discoverer{
		cfg: cfg, env: env, log: cfg.Log, core: newCore(cfg, env.rng),
		linkNews: make(chan struct{}, 1), routeNews: make(chan struct{}, 1),
		packets: make(chan packet, maxInbox), beacons: make(chan beacon, maxInbox),
		failures: make(chan failure), questions: make(chan chan Report),
		sightings: make(chan Sighting), changes: make(chan struct{}, 1),
	}, nil
}

// Sightings yields addresses as they are heard of. Whoever does not read loses the oldest, beyond [MaxQueued]. It is
// never closed.
func (d *Discoverer) Sightings() <-chan Sighting { return d.sightings }

// Changes yields whenever interfaces, addresses or routes have changed or the machine was asleep; several changes may
// be one value. It is never closed.
func (d *Discoverer) Changes() <-chan struct{} { return d.changes }

// HandleAnnounce takes in a packet that arrived on the QUIC socket and is not QUIC, whatever it is. It does not block,
// keeps no reference to b, and may be called by any goroutine, before Run and after it too.
func (d *Discoverer) HandleAnnounce(b []byte, from netip.AddrPort) {
	v := d.view.Load()
	if v == nil {
		return // not running
	}
	a, err := parseAnnouncement(b, v.keys)
	switch {
	case errors.Is(err, errOtherTeam):
		d.count.otherTeam.Add(1)
	case errors.Is(err, errVersion):
		d.count.otherVersion.Add(1)
	case errors.Is(err, errForged):
		d.count.forged.Add(1)
	case err != nil:
		d.count.malformed.Add(1)
	default:
		from = netip.AddrPortFrom(from.Addr().Unmap(), from.Port())
		select {
		case d.beacons <- beacon{a, from}:
		default:
			d.count.overload.Add(1)
		}
	}
}

// Diagnose asks a running Run what works. It fails only when ctx ends first.
func (d *Discoverer) Diagnose(ctx context.Context) (Report, error) {
	answer := make(chan Report, 1)
	select {
	case d.questions <- answer:
		return <-answer, nil
	case <-ctx.Done():
		return Report{}, context.Cause(ctx)
	}
}

// poke puts a value into a channel that holds one, unless it holds it already.
func poke(ch chan struct{}) {
	select {
	case ch <- struct{}{}:
	default:
	}
}
