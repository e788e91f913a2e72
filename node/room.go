package node

import (
	"errors"
	"slices"

	"muster/crdt"
	"muster/node/api"
	"muster/node/replica"
	"muster/node/store"
	"muster/node/transport"
)

// On a full disk the node shows and serves what it holds. It refuses what people write and lets pass what peers send,
// before either reaches the replica, which therefore never claims to hold what the disk does not; peers send it again
// once there is room.

// errRoom ends connections so that peers begin again with what was let pass.
var errRoom = errors.New("there is room on the disk again")

// hasRoom looks whether the disk takes writes, and does what follows when that has changed.
func (s *session) hasRoom() bool {
	err := s.store.Room()
	full := errors.Is(err, store.ErrDiskFull) // any other error is for whoever writes
	switch {
	case full && s.full == nil:
		s.n.cfg.Log.Warn("not writing until there is room", "err", err)
		s.full = err
		s.retry.Reset(fullRetry)
		s.changed()
	case full:
		s.full = err
	case s.full != nil:
		s.n.cfg.Log.Info("writing again", "passed", s.passed)
		s.full = nil
		if s.passed > 0 {
			s.passed = 0
			s.t.Reconnect(errRoom)
			s.m.Wake(errRoom.Error())
		}
		s.changed()
	}
	return !full
}

// recheckRoom looks again while the disk is full.
func (s *session) recheckRoom() {
	if s.full != nil && !s.hasRoom() {
		s.retry.Reset(fullRetry)
	}
}

// errFull is what a person is told who writes.
func errFull() error {
	return api.Errorf(api.CodeDiskFull, "free some space, then repeat it; the board can be read meanwhile", "the disk is full: nothing was written")
}

// unwritten undoes what the disk did not take, although there was room a moment before: the replica is made anew of what
// the disk holds, and whoever waits is told.
func (s *session) unwritten(calls []*call) error {
	for _, c := range calls {
		if c.err == nil {
			c.err = errFull()
		}
	}
	s.hasRoom()
	if err := s.openReplica(); err != nil {
		return err
	}
	s.summaries, s.grouped = map[crdt.DocID]*summary{}, nil
	s.waiters = slices.DeleteFunc(s.waiters, func(w *waiter) bool {
		g := s.r.Graph(w.doc)
		gone := g == nil || !g.Has(w.op)
		if gone {
			close(w.done)
		}
		return gone
	})
	now := s.n.now()
	for dev, info := range s.peers {
		if info.problem == "" && slices.ContainsFunc(s.t.Peers(), func(p transport.PeerInfo) bool { return p.Device == dev }) {
			s.r.PeerUp(now, dev)
		}
	}
	s.changed()
	return nil
}

// erase forgets bodies for good. What a full disk does not allow yet is done when there is room.
func (s *session) erase(erase []replica.Erase) error {
	erase = append(s.owed, erase...)
	s.owed = nil
	byDoc := map[crdt.DocID][]store.Ref{}
	for _, e := range erase {
		byDoc[e.Doc] = append(byDoc[e.Doc], store.Ref{Dot: e.Dot, Hash: e.Hash})
	}
	for doc, refs := range byDoc {
		err := s.store.Erase(doc, refs)
		if errors.Is(err, store.ErrDiskFull) {
			s.owed = erase // erasing twice does no harm
			return nil
		}
		if err != nil {
			return err
		}
		select {
		case s.erased <- struct{}{}:
		default:
		}
	}
	return nil
}
