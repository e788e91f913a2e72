package node

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"muster/crdt"
	"muster/node/api"
	"muster/node/replica"
	"muster/node/store"
	"muster/node/transport"
	"muster/node/wire"
)

// A call is something a person asks for. do runs on the loop; done is closed when what it changed is on disk.
type call struct {
	do   func(now time.Time) error
	err  error
	done chan struct{}

	taken atomic.Bool // by the loop, which then runs it, or by a caller who gave up, and then it never runs
}

// do runs f on the loop and returns its error once everything it changed is durable. After it has returned f does not
// run any more, so that what f writes belongs to the caller again.
func (s *session) do(ctx context.Context, f func(now time.Time) error) error {
	c := &call{do: f, done: make(chan struct{})}
	select {
	case s.calls <- c:
	case <-s.ctx.Done():
		return errStopped()
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case <-c.done:
		return c.err
	case <-s.done: // it may or may not be on disk: the board says
		select {
		case <-c.done:
			return c.err
		default:
			return errStopped()
		}
	case <-ctx.Done():
		if c.taken.CompareAndSwap(false, true) {
			return ctx.Err()
		}
	}
	select { // it runs already: the loop is quick
	case <-c.done:
		return c.err
	case <-s.done:
		return errStopped()
	}
}

func errStopped() error {
	return api.Errorf(api.CodeStopped, "look at the board, then try again", "the node is stopping")
}

// drainCalls answers the calls that came too late.
func (s *session) drainCalls() {
	for {
		select {
		case c := <-s.calls:
			c.err = errStopped()
			close(c.done)
		default:
			return
		}
	}
}

// loop owns the replica. What its select takes is everything that can happen to the board.
func (s *session) loop() error {
	s.tick, s.retry = time.NewTimer(0), time.NewTimer(fullRetry)
	defer s.tick.Stop()
	defer s.retry.Stop()
	for {
		events := s.t.Events()
		var answered []*call
		select {
		case <-s.ctx.Done():
			return context.Cause(s.ctx)
		case c := <-s.calls:
			answered = append(answered, s.call(c))
		case ev := <-events:
			s.event(ev)
		case <-s.tick.C:
			s.r.Tick(s.n.now())
		case <-s.retry.C:
			s.recheckRoom()
		}
		answered = s.drain(answered)
		err := s.flush(answered)
		for _, c := range answered {
			close(c.done)
		}
		if err != nil {
			return err
		}
	}
}

// drain takes what is there already together into one sync: calls first, since people wait for them, and events while
// they neither take long nor make the sync large.
func (s *session) drain(answered []*call) []*call {
	begun, frameBytes := time.Now(), 0
	for range drainMax {
		if s.r.NeedsEpoch() { // nothing can be written before there is one
			break
		}
		select {
		case c := <-s.calls:
			answered = append(answered, s.call(c))
			continue
		default:
		}
		if time.Since(begun) > drainTime || frameBytes > drainFrameBytes {
			break
		}
		select {
		case c := <-s.calls:
			answered = append(answered, s.call(c))
			continue
		case ev := <-s.t.Events():
			if f, ok := ev.(transport.Frame); ok {
				frameBytes += len(f.Bytes)
			}
			s.event(ev)
			continue
		default:
		}
		break
	}
	return answered
}

func (s *session) call(c *call) *call {
	if c.taken.CompareAndSwap(false, true) {
		c.err = c.do(s.n.now())
	}
	return c
}

// event tells the replica what the network says.
func (s *session) event(ev transport.Event) {
	now := s.n.now()
	switch ev := ev.(type) {
	case transport.PeerUp:
		s.peerUp(now, ev)
	case transport.PeerDown:
		s.m.Disconnected(ev.Device)
		s.clues.note(ev.Device, func(c *clue) { c.downAt, c.down = now, ev.Reason })
		s.merges.down(ev.Device, s.r.PeerPresence(ev.Device).Heard)
		s.r.PeerDown(now, ev.Device)
		s.changed()
	case transport.Frame:
		s.frame(now, ev)
	case transport.BulkReady: // the replica paces itself by acknowledgements
	case transport.Refused:
		if s.isMember(ev.Device) {
			s.clues.note(ev.Device, func(c *clue) { c.refusedAt = now })
		}
		select {
		case s.introduce <- ev:
		default: // it comes again with the next dial
		}
	case transport.Rebuilt:
		s.m.SetEndpoints(s.endpoints())
		s.m.Wake("the socket was replaced")
	}
	s.visible.Store(int64(len(s.t.Peers())))
}

func (s *session) peerUp(now time.Time, ev transport.PeerUp) {
	info := &peerInfo{addr: ev.Addr}
	s.peers[ev.Device] = info
	s.m.Connected(ev.Device, ev.Addr, ev.Inbound)
	m, err := wire.Parse(ev.Hello)
	cause := api.CauseProtocol
	theirs, ok := m.(*wire.Hello)
	if err == nil && !ok {
		err = errors.New("it did not say hello")
	}
	if err == nil {
		cause = api.CauseVersion
		_, err = wire.Agree(&wire.Hello{Lowest: wire.VersionLowest, Highest: wire.Version}, theirs)
	}
	if err == nil && theirs.Team != s.team {
		cause, err = api.CauseTeam, errors.New("it is working for another team")
	}
	if err != nil {
		info.problem, info.cause = err.Error(), cause
		s.n.cfg.Log.Warn("connected but not talking", "peer", ev.Device.Short(), "err", err)
		return
	}
	info.offsetMS = theirs.WallMS - ev.At.Add(s.n.cfg.Skew-ev.RTT/2).UnixMilli()
	s.holdAgain(ev.Device)
	s.merges.up(ev.Device)
	s.metWithKeys(ev.Device)
	s.relayMet(ev.Addr)
	s.r.PeerUp(now, ev.Device)
	s.changed()
}

func (s *session) frame(now time.Time, ev transport.Frame) {
	if info := s.peers[ev.Device]; info == nil || info.problem != "" {
		return
	}
	m, err := wire.Parse(ev.Bytes)
	if errors.Is(err, wire.ErrUnknown) {
		return // a later version has something to say that we need not understand
	}
	if err == nil && brings(m) && !s.hasRoom() {
		s.passed++
		return
	}
	if batch, ok := m.(*wire.Batch); err == nil && ok {
		s.charge(ev.Device, batch)
	}
	if err == nil {
		err = s.r.Step(now, ev.Device, m)
	}
	if err != nil {
		// A peer's bad message is its problem, not ours: stop listening to it and go on.
		s.peers[ev.Device].cause = api.CauseProtocol
		s.peers[ev.Device].problem = "it sent something no node should send: " + err.Error()
		s.r.PeerDown(now, ev.Device)
		s.n.cfg.Log.Warn("refused a message; not listening to the peer until it reconnects", "peer", ev.Device.Short(), "err", err)
	}
}

// brings reports whether a message has something to write in it.
func brings(m wire.Message) bool {
	switch m.(type) {
	case *wire.Batch, *wire.Bodies:
		return true
	}
	return false
}

// flush does what the replica asks for, in the order it asks for it.
func (s *session) flush(calls []*call) error {
	rd := s.r.Ready()
	if err := s.persist(rd); errors.Is(err, store.ErrDiskFull) {
		return s.unwritten(calls)
	} else if err != nil {
		for _, c := range calls {
			c.err = errors.Join(c.err, err)
		}
		return fmt.Errorf("write the board: %w", err) // fail stop: do not promise what cannot be kept
	}
	if s.r.NeedsEpoch() && s.hasRoom() { // only now: what was just written belongs to the old one
		if err := s.needEpoch("a peer knows more of this device's log than its own disk does"); err != nil && !errors.Is(err, store.ErrDiskFull) {
			return err
		}
	}
	for _, env := range rd.Send {
		class := transport.Control
		if env.Bulk {
			class = transport.Bulk
		}
		if !s.t.Send(env.To, class, wire.Append(nil, env.Msg)) {
			s.r.Lost(s.n.now(), env.To)
		}
	}
	s.notice(rd.Changes)
	s.noteSynced()
	s.settleWaiters()
	wait := time.Hour
	if !rd.Next.IsZero() {
		wait = max(rd.Next.Sub(s.n.now()), time.Millisecond)
	}
	s.tick.Reset(wait)
	return nil
}

func (s *session) persist(rd replica.Ready) error {
	if len(rd.Own)+len(rd.Peers) > 0 {
		if err := s.store.Put(rd.Own, rd.Peers); err != nil {
			return err
		}
	}
	if len(rd.Fill) > 0 {
		if err := s.store.Fill(rd.Fill); err != nil {
			return err
		}
	}
	if len(rd.Erase)+len(s.owed) == 0 {
		return nil
	}
	return s.erase(rd.Erase)
}

// notice spreads the word of what is new.
func (s *session) notice(changes []replica.Change) {
	if len(changes) == 0 {
		return
	}
	if slices.ContainsFunc(changes, func(c replica.Change) bool { return c.Team }) {
		s.refreshMembers()
		if s.n.relaying && !s.isMember(s.n.device.ID()) {
			s.stop(errRelayOut)
		}
		s.learnKeys()
		s.publishKeys()
		s.copyTeam()
		s.t.Recheck()
		s.m.Wake("the team changed")
	}
	for _, c := range changes {
		if c.Merged && len(s.merged) < mergedMax {
			s.merged[c.Hash] = true
		}
	}
	s.noteMerges(s.n.now(), changes)
	s.changed()
}

// A waiter is a write that waits for its delivery to be known.
type waiter struct {
	doc  crdt.DocID
	op   crdt.Hash
	done chan struct{}
}

// An arrival waits for all that a peer holds to be here.
type arrival struct {
	from crdt.DeviceID
	done chan struct{}
}

// settleWaiters lets go those whose operation every reachable peer holds, and those who wait for what a peer holds.
func (s *session) settleWaiters() {
	s.arrivals = slices.DeleteFunc(s.arrivals, func(a *arrival) bool {
		if !s.r.Synced(a.from) {
			return false
		}
		close(a.done)
		return true
	})
	s.waiters = slices.DeleteFunc(s.waiters, func(w *waiter) bool {
		for _, m := range s.r.Team().Members() {
			if m.Device != s.r.Device() && s.r.Reachable(m.Device) && !s.r.Holds(m.Device, w.doc, w.op) {
				return false
			}
		}
		close(w.done)
		return true
	})
}

// changed wakes whoever watches.
func (s *session) changed() {
	s.watchMu.Lock()
	defer s.watchMu.Unlock()
	for ch := range s.watchers {
		select {
		case ch <- struct{}{}:
		default:
		}
	}
}

// watch returns a channel that is told of changes, and how to give it back.
func (s *session) watch() (ch chan struct{}, stop func()) {
	ch = make(chan struct{}, 1)
	s.watchMu.Lock()
	defer s.watchMu.Unlock()
	s.watchers[ch] = true
	return ch, func() {
		s.watchMu.Lock()
		defer s.watchMu.Unlock()
		delete(s.watchers, ch)
	}
}
