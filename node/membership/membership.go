package membership

import (
	"context"
	crand "crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/netip"
	"os"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"muster/crdt"
)

// A Membership is made by [New] and works while [Membership.Run] does. Its methods may be called at any time by any
// goroutine and do not wait for the network.
type Membership struct {
	cfg  Config
	log  *slog.Logger
	self crdt.DeviceID

	wake   chan struct{}      // capacity 1: look whom to dial
	joins  chan crdt.DeviceID // to merge with in memberlist
	update chan struct{}      // capacity 1: the address list changed
	dials  sync.WaitGroup     // the rejoin loop's

	mu          sync.Mutex // guards all below
	random      *rand.Rand
	book        *book
	metas       map[crdt.DeviceID]crdt.Hash // device -> the address list verified last
	meta        []byte                      // our own
	dialing     int                         // attempts under way
	unknown     []unknownAddr
	unknownNext time.Time // when one of them may be dialed
	paced       bool      // a wakeAfter is under way
	soon        *rate.Limiter
}

// New reads the address book and checks the configuration. It starts nothing. A damaged book is not an error: it is set
// aside, said so in the log, and the node starts with an empty one.
func New(cfg Config) (*Membership, error) {
	if cfg.Device.IsZero() || cfg.Links == nil || cfg.Member == nil || cfg.Team == "" {
		return nil, errors.New("membership: Device, Links, Member and Team are required")
	}
	if cfg.Read == nil || cfg.Write == nil {
		cfg.Read, cfg.Write = os.ReadFile, saveFile
	}
	log := cfg.Log
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	var seed [16]byte
	if _, err := crand.Read(seed[:]); err != nil {
		return nil, fmt.Errorf("membership: %w", err)
	}
	meta, err := formatMeta(cfg.Device, nil)
	if err != nil {
		return nil, fmt.Errorf("membership: %w", err)
	}
	b := newBook()
	if cfg.Path != "" {
		if b, err = loadBook(cfg.Path, cfg.Read); err != nil {
			log.Warn("starting with an empty address book", "why", err)
		}
	}
	delete(b.entries, cfg.Device.ID())
	return &Membership{
		cfg: cfg, log: log, self: cfg.Device.ID(),
		wake:   make(chan struct{}, 1),
		joins:  make(chan crdt.DeviceID, joinQueue),
		update: make(chan struct{}, 1),
		random: rand.New(rand.NewPCG(binary.LittleEndian.Uint64(seed[:8]), binary.LittleEndian.Uint64(seed[8:]))),
		book:   b,
		metas:  map[crdt.DeviceID]crdt.Hash{},
		meta:   meta,
		soon:   rate.NewLimiter(soonPerSecond, soonMax),
	}, nil
}

// Run keeps connections until ctx ends, and returns its cause, or why memberlist could not start. The book is saved.
// Stop it before the transport, or at the same time.
func (m *Membership) Run(ctx context.Context) error {
	ml, err := m.startGossip()
	if err != nil {
		return err
	}
	var wg sync.WaitGroup
	wg.Go(func() { m.rejoin(ctx) })
	wg.Go(func() { m.work(ctx, ml) })
	wg.Go(func() { m.save(ctx) })
	<-ctx.Done()
	err = ml.Shutdown()
	wg.Wait()
	return errors.Join(context.Cause(ctx), err)
}

// save writes the book when it has changed, but not more often than every few seconds, and once more at the end.
func (m *Membership) save(ctx context.Context) {
	for {
		pause(ctx, saveEvery)
		m.mu.Lock()
		var text []byte
		if ended := ctx.Err() != nil; (m.book.dirty || ended) && m.cfg.Path != "" {
			text = m.book.format(time.Now())
			m.book.dirty = false
		}
		m.mu.Unlock()
		if text != nil {
			if err := m.cfg.Write(m.cfg.Path, text); err != nil {
				m.log.Warn("the address book is not saved", "why", err) // it is a cache: go on without
			}
		}
		if ctx.Err() != nil {
			return
		}
	}
}

// Sight tells of an address somebody announced. The device is zero when the announce hides it: then the address is
// dialed to learn who is there, again and again until it was not sighted for two minutes. Whatever it says is a hint.
func (m *Membership) Sight(addr netip.AddrPort, device crdt.DeviceID) {
	addr = netip.AddrPortFrom(addr.Addr().Unmap(), addr.Port())
	if !addr.IsValid() || addr.Port() == 0 || device == m.self {
		return
	}
	if !device.IsZero() && !m.cfg.Member(device) {
		return // if it became one and we have not heard, it dials us and proves it
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if device.IsZero() {
		m.sightUnknown(addr, time.Now())
		m.poke()
		return
	}
	e := m.book.entry(device)
	if e == nil {
		return
	}
	if e.learnHint(addr) && !e.connected {
		m.trySoon(e)
	}
}

// Wake forgets every back-off and tries all absent devices now: an interface changed, the machine woke, a person asked.
func (m *Membership) Wake(reason string) {
	m.log.Debug("wake", "reason", reason)
	m.mu.Lock()
	defer m.mu.Unlock()
	m.resetLocked()
	m.poke()
}

// Connected tells that the transport says PeerUp. The address is one that works; whoever else is absent may now be
// reachable too and is tried at once.
func (m *Membership) Connected(device crdt.DeviceID, addr netip.AddrPort, inbound bool) {
	m.log.Debug("connected", "device", device.Short(), "addr", addr, "inbound", inbound)
	m.mu.Lock()
	defer m.mu.Unlock()
	e := m.book.entry(device)
	if e == nil {
		return // the connection works all the same
	}
	now := time.Now()
	e.connected, e.upAt, e.seen, e.failed = true, now, now, nil
	m.book.learnWorked(e, addr)
	m.resetLocked()
	m.join(device)
	m.poke()
}

// Disconnected tells that the transport says PeerDown. The device is tried again at once, or after its back-off if the
// connection did not last.
func (m *Membership) Disconnected(device crdt.DeviceID) {
	m.mu.Lock()
	defer m.mu.Unlock()
	e := m.book.entries[device]
	if e == nil || !e.connected {
		return
	}
	now := time.Now()
	e.connected, e.seen = false, now
	m.book.dirty = true
	if now.Sub(e.upAt) < shortLived {
		m.backOff(e)
	} else {
		e.next, e.backoff = time.Time{}, 0
	}
	m.poke()
}

// Forget removes a revoked device from the book.
func (m *Membership) Forget(device crdt.DeviceID) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.book.entries, device)
	delete(m.metas, device)
	m.book.dirty = true
}

// SetEndpoints replaces the addresses at which this node can be reached. The first eight are spread by gossip; addresses
// with a zone, which mean nothing elsewhere, are not.
func (m *Membership) SetEndpoints(addrs []netip.AddrPort) {
	meta, err := formatMeta(m.cfg.Device, addrs)
	if err != nil {
		m.log.Error("addresses are not spread", "why", err)
		return
	}
	m.mu.Lock()
	m.meta = meta
	m.mu.Unlock()
	select {
	case m.update <- struct{}{}:
	default:
	}
}

// Addrs returns the addresses of a device in the order they would be tried, for whoever else wants to dial it.
func (m *Membership) Addrs(device crdt.DeviceID) []netip.AddrPort {
	m.mu.Lock()
	defer m.mu.Unlock()
	if e := m.book.entries[device]; e != nil {
		return e.addrs()
	}
	return nil
}

// Known lists the devices of the book, connected ones first, then newest seen first.
func (m *Membership) Known() []Known {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.book.known()
}
