package node

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"muster/crdt"
	"muster/crdt/auth"
	"muster/node/discover"
	"muster/node/membership"
	"muster/node/replica"
	"muster/node/store"
	"muster/node/transport"
	"muster/node/wire"
)

// A session is everything that belongs to one team while the node runs.
type session struct {
	n    *Node
	team crdt.DocID

	store  store.Store
	report store.Report
	r      *replica.Replica // owned by loop
	t      *transport.Transport
	m      *membership.Membership
	d      *discover.Discoverer // nil when told not to discover

	ears   ears   // besides d: for a team that is being joined, and for words
	plates plates // words that let others in

	members  atomic.Pointer[memberSet]  // who may connect; replaced by loop
	outcry   atomic.Pointer[outcry]     // whom to tell of words as of before; replaced by loop
	announce atomic.Pointer[announcing] // what discovery says and recognises; replaced by loop
	calls    chan *call
	quit     context.CancelCauseFunc
	ctx      context.Context
	done     chan struct{} // closed when run has returned

	// owned by loop
	peers      map[crdt.DeviceID]*peerInfo
	allowances map[auth.PersonID]*allowance // of members that have sent operations
	pool       float64                      // units of unitsFreeAll that are left
	waiters    []*waiter
	arrivals   []*arrival
	full       error           // why nothing can be written; nil while there is room on the disk
	passed     int             // batches of peers let pass meanwhile
	owed       []replica.Erase // bodies to erase as soon as the disk allows it
	retry      *time.Timer
	tick       *time.Timer
	summaries  map[crdt.DocID]*summary
	recent     crdt.DocID // incident acted on last
	grouped    *grouping  // nil: not computed yet
	merged     map[crdt.Hash]bool
	introduce  chan transport.Refused
	merges     mergeLog
	keys       keyring
	relay      *relayFile // what a locked start relays with; nil: nothing yet, or for another team

	watchMu  sync.Mutex
	watchers map[chan struct{}]bool // each told, without waiting, that something changed

	erased  chan struct{} // bodies were erased: clean the files
	clues   clues         // why members are not seen
	visible atomic.Int64  // peers connected now
}

// peerInfo is what the loop knows of a device besides what the replica knows.
type peerInfo struct {
	addr     netip.AddrPort
	offsetMS int64
	problem  string // why we are not talking although connected
	cause    string // the same as one of api's causes
}

// open makes a session of the current team. Nothing runs yet but what the store and the socket need.
func (n *Node) open() (*session, error) {
	n.move()
	n.mu.Lock()
	team, port, cut := n.team, n.port, n.cut
	n.mu.Unlock()
	s := &session{
		n: n, team: team, calls: make(chan *call, callsMax), done: make(chan struct{}),
		peers: map[crdt.DeviceID]*peerInfo{}, allowances: map[auth.PersonID]*allowance{}, pool: unitsFreeAll, summaries: map[crdt.DocID]*summary{}, merged: map[crdt.Hash]bool{},
		watchers: map[chan struct{}]bool{}, erased: make(chan struct{}, 1), introduce: make(chan transport.Refused, 16),
	}
	s.merges, s.plates.poke = newMergeLog(), make(chan struct{}, 1)
	s.ctx, s.quit = context.WithCancelCause(context.Background())
	err := os.MkdirAll(n.home.team(team), 0o700) // of a team just joined, for what is kept beside the store
	if err != nil {
		return nil, err
	}
	if s.store, s.report, err = n.cfg.OpenStore(n.home.store(team), n.storeConfig()); err != nil {
		return nil, err
	}
	if err := s.openReplica(); err != nil {
		return nil, errors.Join(err, s.store.Close())
	}
	if err := s.openNetwork(port, cut); err != nil {
		return nil, errors.Join(err, s.store.Close())
	}
	n.mu.Lock()
	n.port = s.t.LocalAddr().Port()
	n.mu.Unlock()
	s.recallMerges()
	s.recallRelay()
	return s, nil
}

// openReplica reads the board. A store that turns out to be damaged is set aside: own operations come back from the
// journal, the team document from its copy, all others from peers.
func (s *session) openReplica() error {
	build := func() (err error) {
		s.r, err = replica.New(replica.Config{
			Signer: crdt.Ed25519Signer(s.n.device.Key()), Verify: crdt.VerifyEd25519, Team: s.team,
			Epoch: s.store.Epoch(), Rand: randomBytes, Storage: s.store,
		})
		return err
	}
	err := build()
	if _, damaged := errors.AsType[*store.CorruptError](err); damaged || errors.Is(err, replica.ErrStore) {
		disk, ok := s.store.(interface {
			SetAside(reason string) (store.Report, error)
		})
		if !ok {
			return err
		}
		s.n.cfg.Log.Error("the store is damaged and is set aside", "err", err)
		if s.report, err = disk.SetAside(err.Error()); err != nil {
			return err
		}
		err = build()
	}
	if errors.Is(err, replica.ErrNoTeam) {
		if err = s.restoreTeam(); err == nil {
			err = build()
		}
	}
	if err == nil {
		err = s.needEpoch("the store was damaged, so that the end of this device's own log is in doubt")
	}
	if err != nil {
		return err
	}
	s.refreshMembers()
	s.loadTeamKeys()
	s.copyTeam()
	return nil
}

// needEpoch begins a new log where the end of the one before cannot be continued.
func (s *session) needEpoch(why string) error {
	if !s.r.NeedsEpoch() {
		return nil
	}
	epoch, err := s.store.NewEpoch(why)
	if err != nil {
		return fmt.Errorf("begin a new epoch: %w", err)
	}
	s.r.SetEpoch(epoch)
	return nil
}

// copyTeam keeps a copy of the team document beside the store: without it a node whose store is damaged would not know
// from whom to get the rest. It is a cache, written whenever the team changes.
func (s *session) copyTeam() {
	batch, err := s.r.Whole(s.team)
	if err == nil {
		err = s.n.home.write(s.n.home.roster(s.team), wire.AppendBatch(nil, batch))
	}
	if err != nil {
		s.n.cfg.Log.Warn("cannot keep a copy of the team document", "err", err) // the store has it
	}
}

// restoreTeam puts the operations of the copy into the store.
func (s *session) restoreTeam() error {
	b, err := s.n.home.read(s.n.home.roster(s.team))
	if err != nil {
		return errors.Join(replica.ErrNoTeam, err)
	}
	batch, err := wire.ParseBatch(b)
	if err == nil && (batch.Doc != s.team || !batch.Verify(crdt.VerifyEd25519)) {
		err = errors.New("the copy of the team document is not this team's")
	}
	if err != nil {
		return errors.Join(replica.ErrNoTeam, err)
	}
	return s.store.Put(nil, batch.Records)
}

// discoveryKey is what the members of a team recognise each other's announcements by. It is derived from the founding
// operation's hash, which only members and holders of an invitation know.
func discoveryKey(team crdt.DocID) []byte {
	sum := sha256.Sum256(append([]byte("muster/discovery-key/v1"), team[:]...))
	return sum[:]
}

func (s *session) openNetwork(port uint16, cut cutState) error {
	cfg := transport.Config{
		Device: s.n.device, Member: s.isMember, Refusal: s.refusalText, Hello: s.hello, Stranger: s.stranger, Open: s.n.cfg.Open,
		Log: s.n.cfg.Log, Listen: s.n.cfg.Listen,
		Redial: func(d crdt.DeviceID) []netip.AddrPort { return s.addressesOf(d) },
	}
	var err error
	if s.t, err = listen(cfg, port); err != nil {
		return err
	}
	if cut.all {
		s.t.CutAll()
	}
	for d := range cut.devices {
		s.t.Cut(d)
	}
	s.m, err = membership.New(membership.Config{
		Device: s.n.device, Links: s.t, Member: s.isMember, Team: s.team.String(), Path: s.n.home.book(s.team), Log: s.n.cfg.Log,
		Read: s.n.home.read, Write: s.n.home.write,
	})
	if err == nil && !s.n.cfg.NoDiscover {
		s.d, err = discover.New(discover.Config{
			Device: s.n.device.ID(), Port: s.t.LocalAddr().Port(), Keys: s.discoveryKeys,
			Members: s.memberList, Announcer: s.t, AnnouncePorts: ports(s.t.LocalAddr().Port()), Log: s.n.cfg.Log,
			Alone: func() bool { return s.visible.Load() == 0 },
		})
	}
	if err != nil {
		return errors.Join(err, s.t.Close())
	}
	return nil
}

// listen binds the socket: at port, if the configuration names none and it is not 0.
func listen(cfg transport.Config, port uint16) (*transport.Transport, error) {
	if cfg.Listen.Port() == 0 && port != 0 {
		cfg.Listen = netip.AddrPortFrom(cfg.Listen.Addr(), port)
	}
	if !cfg.Listen.IsValid() && port == 0 && cfg.Open == nil {
		cfg.Listen = netip.AddrPortFrom(netip.IPv6Unspecified(), DefaultPort)
		if t, err := transport.New(cfg); err == nil {
			return t, nil
		}
		cfg.Listen = netip.AddrPort{} // somebody has the usual port: any other will do
	}
	return transport.New(cfg)
}

// ports returns where other nodes may listen: where we do, and where they do by default.
func ports(own uint16) []uint16 {
	if own == DefaultPort {
		return []uint16{own}
	}
	return []uint16{own, DefaultPort}
}

// addressesOf returns where a device was last seen.
func (s *session) addressesOf(d crdt.DeviceID) []netip.AddrPort {
	for _, k := range s.m.Known() {
		if k.Device == d {
			return k.Addrs
		}
	}
	return nil
}

// hello is the first frame of each connection.
func (s *session) hello() []byte {
	return wire.Append(nil, &wire.Hello{
		Lowest: wire.VersionLowest, Highest: wire.Version, Team: s.team, WallMS: s.n.now().UnixMilli(), Program: s.n.cfg.Version,
	})
}

// endpoints returns the addresses peers may reach this node at. Link-local ones are not among them: they mean nothing
// on another machine.
func (s *session) endpoints() []netip.AddrPort {
	local := s.t.LocalAddr()
	if !local.Addr().IsUnspecified() {
		return []netip.AddrPort{local}
	}
	var out []netip.AddrPort
	for _, a := range s.ownAddresses() {
		if !a.IsLinkLocalUnicast() {
			out = append(out, netip.AddrPortFrom(a, local.Port()))
		}
	}
	return out
}

// ownAddresses returns the addresses of this machine's interfaces, but for the loopback's.
func (s *session) ownAddresses() []netip.Addr {
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		s.n.cfg.Log.Warn("cannot list own addresses", "err", err)
		return nil
	}
	var out []netip.Addr
	for _, a := range addrs {
		if p, err := netip.ParsePrefix(a.String()); err == nil && !p.Addr().IsLoopback() {
			out = append(out, p.Addr().Unmap())
		}
	}
	return out
}

// stop makes run return because of why.
func (s *session) stop(why error) { s.quit(why) }

// run starts everything and returns why the session ended, when all of it has.
func (s *session) run(ctx context.Context) error {
	defer close(s.done)
	stopWatching := context.AfterFunc(ctx, func() { s.quit(context.Cause(ctx)) })
	defer stopWatching()
	var wg sync.WaitGroup
	part := func(name string, run func(context.Context) error) {
		wg.Go(func() {
			if err := run(s.ctx); s.ctx.Err() == nil {
				s.quit(fmt.Errorf("%s ended: %w", name, errors.Join(err, errEnded)))
			}
		})
	}
	part("transport", s.t.Run)
	part("membership", s.m.Run)
	part("discovery", s.discover)
	part("introductions", s.introductions)
	part("outcry", s.cryOut)
	part("words", s.words)
	part("cleaning", s.clean)
	part("merges", s.writeMerges)
	s.m.SetEndpoints(s.endpoints())
	err := s.loop()
	s.quit(err)
	wg.Wait()
	return err
}

var errEnded = errors.New("a part of the node ended by itself")

// close releases what open took.
func (s *session) close() error {
	s.drainCalls()
	select {
	case <-s.erased: // bodies were erased a moment ago, and cleaning has ended
		s.compact()
	default:
	}
	select {
	case b := <-s.merges.files:
		s.writeMergeFile(b)
	default:
	}
	s.keepRelay()
	return errors.Join(s.t.Close(), s.store.Close())
}

// discover feeds what is seen on the local links, and the addresses given by hand, to membership.
func (s *session) discover(ctx context.Context) error {
	var sightings <-chan discover.Sighting
	var changes <-chan struct{}
	if s.d != nil {
		sightings, changes = s.d.Sightings(), s.d.Changes()
		done := make(chan error, 1)
		go func() { done <- s.d.Run(ctx) }()
		defer func() {
			if err := <-done; err != nil && ctx.Err() == nil {
				s.n.cfg.Log.Warn("discovery ended", "err", err)
			}
		}()
	}
	own := s.ownAddresses()
	seek := time.NewTicker(seekEvery)
	defer seek.Stop()
	s.seek()
	for {
		select {
		case <-ctx.Done():
			return nil
		case sg := <-sightings:
			if !sg.Gone {
				if s.isMember(sg.Device) {
					s.clues.note(sg.Device, func(c *clue) { c.sightedAt, c.sighted = s.n.now(), sg.Addr })
				}
				s.m.Sight(sg.Addr, sg.Device)
			}
		case <-changes:
			s.m.SetEndpoints(s.endpoints())
			s.m.Wake("the network changed")
			if now := s.ownAddresses(); !slices.Equal(now, own) {
				own = now
				s.t.Refresh()
			}
		case a := <-s.t.Announces():
			if s.d != nil {
				s.d.HandleAnnounce(a.Bytes, a.From)
			}
			s.ears.handle(a.Bytes, a.From)
		case <-seek.C:
			if s.visible.Load() == 0 {
				s.seek()
			}
		}
	}
}

// seek looks at the addresses given by hand.
func (s *session) seek() {
	for _, a := range s.n.cfg.Join {
		s.m.Sight(a, crdt.DeviceID{})
	}
}

// clean makes erased bodies leave the files, a moment after the last erasure.
func (s *session) clean(ctx context.Context) error {
	s.compact() // what a crash left; it costs nothing when there is none
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-s.erased:
		}
		select {
		case <-ctx.Done(): // no pause then: nothing redacted stays behind on a node that is stopped
		case <-time.After(erasePause):
		}
		s.compact()
	}
}

// compact makes erased bodies leave the files. What fails is tried again at the next erasure or start.
func (s *session) compact() {
	if err := s.store.Compact(); err != nil {
		s.n.cfg.Log.Warn("cannot clean erased bodies out of the files yet", "err", err)
	}
}
