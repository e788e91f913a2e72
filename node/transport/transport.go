package transport

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/quic-go/quic-go"

	"muster/crdt"
)

// A Transport is made by [New], works while [Transport.Run] does, and is used by any goroutine.
type Transport struct {
	cfg      Config
	log      *slog.Logger
	self     crdt.DeviceID
	instance [instanceSize]byte // of this run of the node
	cert     tls.Certificate
	resetKey quic.StatelessResetKey
	tokenKey quic.TokenGeneratorKey
	tokens   quic.TokenStore // that peers gave us

	events    chan Event // unbuffered, so that a send has happened when the owner knows of it
	announces chan Announce
	rebuild   chan error // capacity 1: a second reason to do the same is not needed
	gossip    *gossip
	cuts      *cuts
	slots     *slots
	dialSlots chan struct{} // dialsMax tokens
	count     counters
	started   atomic.Bool
	refreshes atomic.Uint64 // begun so far
	stopped   chan struct{} // closed when Run has ended

	mu    sync.Mutex
	sock  net.PacketConn              // open, until Run ends
	addr  netip.AddrPort              // where sock is bound
	ep    *endpoint                   // nil while there is no socket in use
	ready chan struct{}               // closed while ep is not nil
	links map[crdt.DeviceID]*link     // the one connection of each device that may be, or is about to be, up
	calls map[crdt.DeviceID]*dialCall // dials under way
	turns map[crdt.DeviceID]uint32    // highest turn of a connection used so far; at most one for each member there ever was
}

// counters are the fields of Stats.
type counters struct {
	connections, duplicates, refusals, retries, strangers, gossipOut, gossipIn, gossipBig,
	announces, cut, sendErrors, rebuilds, stalls atomic.Uint64
}

// New binds the socket and checks the configuration. It starts nothing; whoever does not call Run calls Close. A port
// that is taken is an *[AddrInUseError].
func New(cfg Config) (*Transport, error) {
	if cfg.Device.IsZero() || cfg.Member == nil {
		return nil, errors.New("transport: Device and Member are required")
	}
	if cfg.StrangerTime == 0 {
		cfg.StrangerTime = strangerTime
	}
	if cfg.Hello == nil {
		cfg.Hello = func() []byte { return nil }
	}
	if cfg.Redial == nil {
		cfg.Redial = func(crdt.DeviceID) []netip.AddrPort { return nil }
	}
	log := cfg.Log
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	t := &Transport{
		cfg:       cfg,
		log:       log,
		self:      cfg.Device.ID(),
		events:    make(chan Event),
		announces: make(chan Announce, announceQueue),
		rebuild:   make(chan error, 1),
		dialSlots: make(chan struct{}, dialsMax),
		stopped:   make(chan struct{}),
		ready:     make(chan struct{}),
		links:     map[crdt.DeviceID]*link{},
		calls:     map[crdt.DeviceID]*dialCall{},
		turns:     map[crdt.DeviceID]uint32{},
	}
	if _, err := rand.Read(t.instance[:]); err != nil {
		return nil, fmt.Errorf("transport: %w", err)
	}
	cert, err := cfg.Device.Certificate()
	if err != nil {
		return nil, fmt.Errorf("transport: %w", err)
	}
	reset, err := cfg.Device.StatelessResetKey()
	if err != nil {
		return nil, fmt.Errorf("transport: %w", err)
	}
	token, err := cfg.Device.TokenKey()
	if err != nil {
		return nil, fmt.Errorf("transport: %w", err)
	}
	t.cert, t.resetKey, t.tokenKey = cert, quic.StatelessResetKey(reset), quic.TokenGeneratorKey(token)
	t.tokens = quic.NewLRUTokenStore(tokenPeersMax, tokensPerPeer)
	t.gossip = newGossip(t)
	t.cuts = newCuts(&t.count.cut)
	t.slots = newSlots(&t.count)
	if t.cfg.Open == nil {
		t.cfg.Open = func() (net.PacketConn, error) { return listenUDP(t.listenAddr()) }
	}
	if err := t.open(); err != nil {
		return nil, err
	}
	return t, nil
}

// listenAddr is where the next socket goes: where the last one was, once the system has chosen a port.
func (t *Transport) listenAddr() netip.AddrPort {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.addr.IsValid() && t.cfg.Listen.Port() == 0 {
		return netip.AddrPortFrom(t.cfg.Listen.Addr(), t.addr.Port())
	}
	return t.cfg.Listen
}

// open makes the socket.
func (t *Transport) open() error {
	sock, err := t.cfg.Open()
	if err != nil {
		return fmt.Errorf("open socket: %w", err)
	}
	addr, err := addrPort(sock.LocalAddr())
	if err != nil {
		return errors.Join(err, sock.Close())
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.sock, t.addr = sock, addr
	return nil
}

// Run serves the socket until ctx ends, and says why it ended: the cause of ctx, or that the socket was lost and could
// not be had again. Before it returns it has told the peers, closed the socket and waited for all it started.
func (t *Transport) Run(ctx context.Context) error {
	if !t.started.CompareAndSwap(false, true) {
		return errors.New("transport: Run was called before")
	}
	defer close(t.stopped)
	for {
		begun := time.Now()
		why := t.serveSocket(ctx)
		if time.Since(begun) < reopenEvery { // whatever ails the socket, do not spin
			pause(ctx, reopenEvery)
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		t.log.Warn("replacing the socket", "why", why)
		if err := t.reopen(ctx); err != nil {
			return err
		}
		t.count.rebuilds.Add(1)
		t.emit(ctx, Rebuilt{why})
	}
}

// reopen tries for about ten seconds: the port may be held for a moment, or by someone who took it while we slept.
func (t *Transport) reopen(ctx context.Context) error {
	for try := 1; ; try++ {
		err := t.open()
		if err == nil || try == reopenTries {
			return err
		}
		pause(ctx, reopenEvery)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
	}
}

// pause waits for d, or for ctx to end.
func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

// Close releases the socket of a Transport that was never run. After Run it does nothing.
func (t *Transport) Close() error {
	if !t.started.CompareAndSwap(false, true) {
		return nil
	}
	close(t.stopped)
	return t.sock.Close()
}

// Rebuild replaces the socket and every connection, for instance because an interface change left them useless. The peers
// are told, as far as they can be. Each gets a PeerDown, and a [Rebuilt] follows.
func (t *Transport) Rebuild(why error) {
	select {
	case t.rebuild <- why:
	default: // it is being done
	}
}

// Events returns the channel of everything that happens to peers. One goroutine must take from it for as long as Run runs.
func (t *Transport) Events() <-chan Event { return t.events }

// emit hands ev to the owner, and reports false when ctx ended first.
func (t *Transport) emit(ctx context.Context, ev Event) bool {
	select {
	case t.events <- ev:
		return true
	case <-ctx.Done():
		return false
	}
}

// LocalAddr returns where the socket is bound.
func (t *Transport) LocalAddr() netip.AddrPort {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.addr
}

// Send queues frame for the device and reports whether it did: false when the device is not up, the queue is full or
// the frame is empty or too long. It never blocks. The frame must not be changed afterwards; it may be sent to several.
// True is not delivery: a frame is lost if the connection ends.
func (t *Transport) Send(to crdt.DeviceID, class Class, frame []byte) bool {
	t.mu.Lock()
	l := t.links[to]
	t.mu.Unlock()
	if l == nil {
		return false
	}
	if class == Bulk {
		return l.bulk.push(frame)
	}
	return l.control.push(frame)
}

// Peers describes the peers that are up, in the order of their names.
func (t *Transport) Peers() []PeerInfo {
	t.mu.Lock()
	defer t.mu.Unlock()
	peers := make([]PeerInfo, 0, len(t.links))
	for _, l := range t.links {
		if l.control.isOpen() {
			peers = append(peers, l.info())
		}
	}
	slices.SortFunc(peers, func(a, b PeerInfo) int { return a.Device.Compare(b.Device) })
	return peers
}

// Recheck asks Config.Member again about every peer and drops those that are none any more, which are told what
// Config.Refusal says. Call it when the team changed. Someone who became a member is served at the next dial, by either side.
func (t *Transport) Recheck() {
	t.mu.Lock()
	links := slices.Collect(maps.Values(t.links))
	t.mu.Unlock()
	for _, l := range links {
		if !t.cfg.Member(l.device) { // asked without our lock: it may need the owner's
			l.stop(t.refusal(l.device))
		}
	}
}

// Reconnect ends every connection because of why, so that both sides begin anew. Each follows by a PeerDown, and comes
// back by the next dial of either side.
func (t *Transport) Reconnect(why error) {
	t.stopLinks(why, func(crdt.DeviceID) bool { return true })
}

// stopLinks ends the connections of the chosen devices. Their PeerDown follows at once.
func (t *Transport) stopLinks(why error, chosen func(crdt.DeviceID) bool) {
	t.mu.Lock()
	links := slices.Collect(maps.Values(t.links))
	t.mu.Unlock()
	for _, l := range links {
		if chosen(l.device) { // asked without our lock: it may need the owner's
			l.stop(why)
		}
	}
}

// Stats returns the counts so far.
func (t *Transport) Stats() Stats {
	c := &t.count
	return Stats{
		Connections:      c.connections.Load(),
		Duplicates:       c.duplicates.Load(),
		Refusals:         c.refusals.Load(),
		Retries:          c.retries.Load(),
		Strangers:        c.strangers.Load(),
		GossipOutDropped: c.gossipOut.Load(),
		GossipInDropped:  c.gossipIn.Load(),
		GossipBig:        c.gossipBig.Load(),
		AnnounceDropped:  c.announces.Load(),
		CutDropped:       c.cut.Load(),
		SendErrors:       c.sendErrors.Load(),
		Rebuilds:         c.rebuilds.Load(),
		Stalls:           c.stalls.Load(),
	}
}
