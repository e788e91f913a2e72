package node

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net/netip"
	"slices"
	"sync"
	"time"

	"muster/crdt"
	"muster/crdt/auth"
	"muster/node/discover"
	"muster/node/identity"
	"muster/node/store"
	"muster/node/transport"
	"muster/node/wire"
)

// A locked node relays. Beside the vault of a protected home lies a second key, the relay key, which the device has named
// in the team document: its holder may connect and pass on, and nothing it writes would be taken. With that key, and a
// store in memory, a node that starts locked is a replica between members that do not reach each other. It asks a member
// for the team document first, over a joining stream of a key made for the occasion, since one that is let in as the relay
// has no such stream. Nothing it learns is written to disk or into the log.
//
// Whoever has the disk has the relay key, and so can read along from the team, as long as they reach it and until the
// device is removed: then its relay key is refused too. The board on the disk stays sealed. Who would rather not can have
// no relay key: then a locked node connects to nobody.
//
// A relay is nobody's presence: what it holds is not counted as delivered to its owner, and it lets nobody in.
const (
	relayContext  = "muster/relay/v1"
	relayAgain    = 3 * time.Second // asking for the team document again; doubles up to the next
	relayAgainMax = 30 * time.Second
	relayAsk      = 10 * time.Second // one member may take to give it
)

// errRelayOut ends a relay whose device is out of the team.
var errRelayOut = errors.New("this laptop is out of the team")

// relayOwner returns the member whose relay key d is.
func (s *session) relayOwner(d crdt.DeviceID) (auth.Member, bool) {
	owner, ok := s.r.Team().RelayOf(d)
	if !ok {
		return auth.Member{}, false
	}
	return s.r.Team().Member(owner)
}

// memberOf returns the member that d is, or whose relay key it is.
func (s *session) memberOf(d crdt.DeviceID) (auth.Member, bool) {
	if m, ok := s.r.Team().Member(d); ok {
		return m, true
	}
	return s.relayOwner(d)
}

// relayName is what a relay is called.
func relayName(owner auth.Member) string { return owner.Handle + "'s locked laptop" }

// recallRelay reads the relay key of this home.
func (s *session) recallRelay() {
	switch f, err := s.n.home.readRelay(); {
	case err == nil && (f.off || f.team == s.team):
		s.relay = f
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		s.n.cfg.Log.Warn("the relay key cannot be read; another one is made with the next write", "err", err)
	}
}

// ensureRelay sees to it that there is a relay key for this team, and that the team knows it. It runs on the loop.
func (s *session) ensureRelay(now time.Time) error {
	if s.relay == nil {
		f, err := newRelay(s.team)
		if err != nil {
			return err
		}
		f.addrs = s.relayAddrs()
		if err := s.n.home.writeRelay(f); err != nil {
			return err
		}
		s.relay = f
	}
	known, named := s.r.Team().RelayKey(s.r.Device())
	key := s.relay.void
	if !s.relay.off {
		key = s.relay.device().ID()
	}
	if known == key || s.relay.off && !named {
		return nil
	}
	_, err := s.r.ProposeTeam(now, auth.KindRelay, auth.SetRelay{Key: key})
	return err
}

// stopRelay says in the file that a protected home does not relay. What was said before stays, with the key that the team
// was told then.
func (s *session) stopRelay() error {
	if s.relay != nil && s.relay.off {
		return nil
	}
	f, err := noRelay()
	if err == nil {
		err = s.n.home.writeRelay(f)
	}
	if err == nil {
		s.relay = f
	}
	return err
}

// guardRelay makes the relay key what a change of the protection asks for. Of a home that is not protected any more, or
// whose owner wants no relaying (off), the key is void: another takes its place that nobody has. It runs on the loop.
func (s *session) guardRelay(now time.Time, protected, off bool) error {
	switch {
	case protected && off:
		if err := s.stopRelay(); err != nil {
			return err
		}
	case protected && s.relay != nil && s.relay.off:
		s.relay = nil
		if err := s.n.home.removeRelay(); err != nil {
			return err
		}
	case !protected:
		s.relay = nil
		if err := s.n.home.removeRelay(); err != nil {
			return err
		}
		if _, named := s.r.Team().RelayKey(s.r.Device()); !named {
			return nil
		}
	}
	switch {
	case s.mayWrite() != nil:
		return s.mayWrite()
	case s.canWrite() != nil:
		return s.canWrite()
	case protected:
		return s.ensureRelay(now)
	}
	void, err := newRelay(s.team)
	if err == nil {
		_, err = s.r.ProposeTeam(now, auth.KindRelay, auth.SetRelay{Key: void.device().ID()})
	}
	return err
}

// relayAddrs returns where peers are, those connected first.
func (s *session) relayAddrs() []netip.AddrPort {
	var out []netip.AddrPort
	for _, k := range s.m.Known() {
		for _, a := range k.Addrs[:min(len(k.Addrs), 2)] {
			if len(out) < relayAddrsMax && !slices.Contains(out, a) {
				out = append(out, a)
			}
		}
	}
	return out
}

// relayMet notes where a peer is, while there is room: a laptop that loses power writes nothing at its end.
func (s *session) relayMet(a netip.AddrPort) {
	if s.relay == nil || s.relay.off || len(s.relay.addrs) >= relayAddrsMax || slices.Contains(s.relay.addrs, a) {
		return
	}
	s.relay.addrs = append(s.relay.addrs, a)
	s.writeRelay()
}

// keepRelay notes at the end of a session where the peers are now.
func (s *session) keepRelay() {
	if s.relay == nil || s.relay.off {
		return
	}
	if now := s.relayAddrs(); len(now) > 0 && !slices.Equal(now, s.relay.addrs) {
		s.relay.addrs = now
		s.writeRelay()
	}
}

func (s *session) writeRelay() {
	if err := s.n.home.writeRelay(s.relay); err != nil {
		s.n.cfg.Log.Warn("where peers are is not noted for a locked start", "err", err) // there is discovery
	}
}

// serveRelay gives the team document to a locked laptop of the team.
func (s *session) serveRelay(ctx context.Context, dev crdt.DeviceID, exporter, b []byte, rw io.ReadWriter, no func(error) error) error {
	doc, err := s.answerRelay(ctx, dev, exporter, b)
	if err != nil {
		return no(err)
	}
	transport.Proven(rw)
	return writeDocument(rw, answerPart, answerYes, doc)
}

// answerRelay returns the team document for a device that holds the relay key of one that is admitted.
func (s *session) answerRelay(ctx context.Context, dev crdt.DeviceID, exporter, b []byte) (doc *wire.Batch, err error) {
	if len(b) != ed25519.PublicKeySize+ed25519.SignatureSize {
		return nil, fmt.Errorf("%w: relay", crdt.ErrFormat)
	}
	key := crdt.DeviceID(b[:ed25519.PublicKeySize])
	if !identity.Verify(key, relayContext, knockMessage(exporter, dev), b[ed25519.PublicKeySize:]) {
		return nil, errors.New("that is not the holder of the relay key")
	}
	err = s.do(ctx, func(time.Time) error {
		if _, ok := s.r.Team().RelayOf(key); !ok {
			return errors.New("that relay key is not known here")
		}
		if why := s.outText(key); why != "" {
			return errors.New(why)
		}
		var err error
		doc, err = s.r.Whole(s.team)
		return err
	})
	return doc, err
}

// relayFor relays until ctx ends. What goes wrong is tried again: a locked node has nothing else to do.
func (n *Node) relayFor(ctx context.Context, key *relayFile) {
	for ctx.Err() == nil {
		doc, via, err := n.fetchTeam(ctx, key)
		if err == nil {
			err = n.relayOnce(ctx, key, doc, via)
		}
		if ctx.Err() != nil {
			return
		}
		if !errors.Is(err, errRelayOut) { // the text of that names somebody
			n.cfg.Log.Warn("not relaying", "err", err)
		}
		select {
		case <-time.After(relayAgain):
		case <-ctx.Done():
		}
	}
}

// relayOnce is one session of the relay key, over a store in memory that begins with the team document.
func (n *Node) relayOnce(ctx context.Context, key *relayFile, doc *wire.Batch, via crdt.DeviceID) error {
	cfg := n.cfg
	cfg.Log = slog.New(slog.DiscardHandler) // it would name people
	cfg.OpenStore = func(_ string, in store.Config) (store.Store, store.Report, error) {
		m, err := store.NewMemory(in)
		if err == nil {
			err = m.Put(nil, doc.Records)
		}
		return m, store.Report{New: true}, err
	}
	n.mu.Lock()
	r := &Node{
		cfg: cfg, home: home{n.home.dir, &diskKeys{nothing: true}}, device: key.device(), start: n.start, changed: make(chan struct{}),
		team: key.team, port: n.port, relaying: true,
	}
	n.mu.Unlock()
	s, err := r.open()
	if err != nil {
		return err
	}
	if !s.isMember(via) || !s.isMember(r.device.ID()) {
		return errors.Join(errors.New("whoever answered is not of the team"), s.close())
	}
	n.setRelay(s, r.port)
	for _, a := range slices.Concat(key.addrs, n.cfg.Join) {
		s.m.Sight(a, crdt.DeviceID{})
	}
	err = s.run(ctx)
	n.setRelay(nil, r.port)
	return errors.Join(err, s.close())
}

// setRelay notes which session relays, and its port, which is kept.
func (n *Node) setRelay(s *session, port uint16) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.relay, n.port = s, port
}

// fetchTeam gets the team document from any member, asking until ctx ends or there is none to ask.
func (n *Node) fetchTeam(ctx context.Context, key *relayFile) (doc *wire.Batch, via crdt.DeviceID, err error) {
	device, err := identity.Generate()
	if err != nil {
		return nil, via, err
	}
	n.mu.Lock()
	port := n.port
	n.mu.Unlock()
	log := slog.New(slog.DiscardHandler) // refusals name people
	t, err := listen(transport.Config{
		Device: device, Member: func(crdt.DeviceID) bool { return false }, Open: n.cfg.Open, Listen: n.cfg.Listen, Log: log,
	}, port)
	if err != nil {
		return nil, via, err
	}
	a := &asker{t: t, self: device.ID(), key: key, addrs: slices.Concat(key.addrs, n.cfg.Join)}
	if !n.cfg.NoDiscover {
		port := t.LocalAddr().Port()
		a.d, err = discover.New(discover.Config{
			Device: device.ID(), Port: port, Keys: func() [][]byte { return [][]byte{discoveryKey(key.team)} },
			Announcer: t, AnnouncePorts: ports(port), Log: log,
		})
		if err != nil {
			return nil, via, errors.Join(err, t.Close())
		}
	}
	ctx, cancel := context.WithCancelCause(ctx)
	var parts sync.WaitGroup
	part := func(run func(context.Context) error) {
		parts.Go(func() {
			if err := run(ctx); ctx.Err() == nil {
				cancel(errors.Join(errEnded, err))
			}
		})
	}
	part(t.Run)
	if a.d != nil {
		part(a.d.Run)
	}
	doc, via, err = a.ask(ctx)
	cancel(nil)
	parts.Wait()
	return doc, via, errors.Join(err, t.Close())
}

// An asker looks for a member who gives it the team document.
type asker struct {
	t     *transport.Transport
	d     *discover.Discoverer // nil: this node does not discover
	self  crdt.DeviceID        // of the key made for the occasion
	key   *relayFile
	addrs []netip.AddrPort // of which those heard are at most seenMax
	heard int
}

// ask asks everybody, again and again, and at once when another one is heard.
func (a *asker) ask(ctx context.Context) (*wire.Batch, crdt.DeviceID, error) {
	for wait := relayAgain; ; wait = min(2*wait, relayAgainMax) {
		if doc, via := a.round(ctx); doc != nil {
			return doc, via, nil
		}
		if err := a.listen(ctx, wait); err != nil {
			return nil, crdt.DeviceID{}, err
		}
	}
}

// listen waits, or until somebody is heard who was not before.
func (a *asker) listen(ctx context.Context, wait time.Duration) error {
	var heard <-chan discover.Sighting
	if a.d != nil {
		heard = a.d.Sightings()
	}
	again := time.NewTimer(wait)
	defer again.Stop()
	for {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-again.C:
			return nil
		case m := <-a.t.Announces():
			if a.d != nil {
				a.d.HandleAnnounce(m.Bytes, m.From)
			}
		case sg := <-heard:
			if !sg.Gone && a.heard < seenMax && !slices.Contains(a.addrs, sg.Addr) {
				a.addrs = append(a.addrs, sg.Addr)
				a.heard++
				return nil
			}
		}
	}
}

// round asks at every address at once. Nil: nobody said yes.
func (a *asker) round(ctx context.Context) (*wire.Batch, crdt.DeviceID) {
	ctx, cancel := context.WithTimeout(ctx, relayAsk)
	defer cancel()
	type answer struct {
		doc *wire.Batch
		via crdt.DeviceID
	}
	answers := make(chan answer, len(a.addrs))
	var asking sync.WaitGroup
	for _, at := range a.addrs {
		asking.Go(func() {
			var got answer
			err := a.t.DialStranger(ctx, at, func(_ context.Context, dev crdt.DeviceID, exporter []byte, rw io.ReadWriter) (err error) {
				got.via = dev
				got.doc, err = a.show(exporter, rw)
				return err
			})
			if err == nil {
				answers <- got
				cancel() // the others
			}
		})
	}
	asking.Wait()
	select {
	case got := <-answers:
		return got.doc, got.via
	default:
		return nil, crdt.DeviceID{}
	}
}

// show proves that we hold the relay key, and returns what is given for it.
func (a *asker) show(exporter []byte, rw io.ReadWriter) (*wire.Batch, error) {
	key := a.key.device()
	sig, err := key.Key().Sign(nil, knockMessage(exporter, a.self), &ed25519.Options{Context: relayContext})
	if err != nil {
		return nil, err
	}
	id := key.ID()
	if err := writeFrame(rw, []byte{askRelay}, id[:], sig); err != nil {
		return nil, err
	}
	doc, err := readDocument(rw)
	if err == nil && (doc.Doc != a.key.team || !doc.Verify(crdt.VerifyEd25519)) {
		err = errors.New("whoever answered is not of that team")
	}
	return doc, err
}

// lockedWarnings says that a node is locked and what it does meanwhile, naming nobody.
func (n *Node) lockedWarnings(why error) []string {
	out := []string{"locked: " + why.Error() + "; muster unlock"}
	n.mu.Lock()
	defer n.mu.Unlock()
	if s := n.relay; s != nil {
		out = append(out, fmt.Sprintf("meanwhile it passes on what others write; peers connected: %d", s.visible.Load()))
	}
	return out
}
