package node

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"sync"
	"time"

	"muster/crdt"
	"muster/node/api"
	"muster/node/identity"
)

// A Node is one laptop's muster. Its methods are safe for concurrent use.
type Node struct {
	cfg    Config
	home   home
	device identity.Device
	start  time.Time
	lock   *os.File      // held from New to the end of Run
	opened chan struct{} // closed when the first session runs
	ready  chan struct{} // closed when the socket answers too

	mu      sync.Mutex
	team    crdt.DocID    // current
	session *session      // nil while one ends and the next starts
	changed chan struct{} // closed and replaced whenever session changes
	ended   error         // why Run returned; nil while it has not
	cut     cutState
	guard   guard
	between func() error            // what a call wants done when no session runs; nil: nothing
	wake    context.CancelCauseFunc // ends the waiting of a locked node; nil while it does not wait
	port    uint16                  // bound by the first session, kept by the others

	relaying bool     // it is the relay of a locked node (relay.go), which is another Node
	relay    *session // of that one while this node is locked; nil: there is none

	guarding sync.Mutex // held by whoever changes the guard
}

// cutState is a drill's cut, which outlives a session.
type cutState struct {
	all     bool
	devices map[crdt.DeviceID]bool
}

var _ api.Service = (*Node)(nil)

// New opens the home directory, and founds a team on a fresh machine. It starts nothing. Errors are *[api.Error].
func New(cfg Config) (*Node, error) {
	if cfg.Dir == "" {
		return nil, api.Errorf(api.CodeUsage, "say where the node lives", "no directory given")
	}
	cfg = cfg.withDefaults()
	n := &Node{cfg: cfg, home: newHome(cfg.Dir), start: time.Now(), opened: make(chan struct{}), ready: make(chan struct{}), changed: make(chan struct{})}
	n.cut.devices = map[crdt.DeviceID]bool{}
	if err := n.openHome(); err != nil {
		if n.lock != nil {
			err = errors.Join(err, n.lock.Close())
		}
		return nil, problem(err)
	}
	return n, nil
}

// now is the time by this node's clock.
func (n *Node) now() time.Time { return time.Now().Add(n.cfg.Skew) }

// Ready is closed when the node can be called and reached.
func (n *Node) Ready() <-chan struct{} { return n.ready }

// Addrs returns where peers can reach this node, or where it listens if no interface has an address yet; empty before
// it is ready.
func (n *Node) Addrs() []netip.AddrPort {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.session == nil {
		return nil
	}
	if out := n.session.endpoints(); len(out) > 0 {
		return out
	}
	return []netip.AddrPort{n.session.t.LocalAddr()}
}

// errSwitch ends a session to start another one in its place.
var errSwitch = errors.New("another team has become the current one")

// errStop ends the node at its owner's wish.
var errStop = errors.New("the node was told to stop")

// Run serves until ctx ends, Stop is called or something fails; the first two return nil. Errors are *[api.Error].
func (n *Node) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	door := make(chan error, 1)
	go func() { door <- n.serveDoor(ctx, cancel) }()
	err := n.sessions(ctx)
	cancel(err)
	return n.end(errors.Join(err, <-door))
}

// end notes why the node ended, for calls that still come.
func (n *Node) end(err error) error {
	err = errors.Join(err, n.lock.Close())
	var out error
	if err != nil && !errors.Is(err, errStop) && !errors.Is(err, context.Canceled) {
		out = problem(err)
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.session, n.ended = nil, api.Errorf(api.CodeStopped, "", "the node has stopped")
	close(n.changed)
	n.changed = make(chan struct{})
	return out
}

// serveDoor serves the local socket, once there is a session to speak for, until ctx ends.
func (n *Node) serveDoor(ctx context.Context, cancel context.CancelCauseFunc) error {
	select {
	case <-n.opened:
	case <-ctx.Done():
		return nil
	}
	if n.cfg.NoAPI {
		close(n.ready)
		return nil
	}
	ln, err := api.Listen(n.cfg.Dir)
	if err != nil {
		cancel(err)
		return err
	}
	close(n.ready)
	if err := api.Serve(ctx, ln, n, n.cfg.Log); err != nil {
		cancel(err)
		return err
	}
	return nil
}

// sessions runs one session after another until one ends for good.
func (n *Node) sessions(ctx context.Context) error {
	for first := true; ; first = false {
		if err := n.changeBetween(); err != nil {
			return err
		}
		if n.isLocked() != nil {
			if first {
				close(n.opened)
			}
			if err := n.waitLocked(ctx); !errors.Is(err, errSwitch) {
				return err
			}
			continue
		}
		s, err := n.open()
		if err != nil {
			return err
		}
		n.publish(s)
		if first {
			close(n.opened)
		}
		err = s.run(ctx)
		n.publish(nil)
		if err = errors.Join(err, s.close()); !errors.Is(err, errSwitch) {
			return err
		}
	}
}

func (n *Node) publish(s *session) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.session = s
	close(n.changed)
	n.changed = make(chan struct{})
}

// current returns the session that is running, waiting for it while one starts.
func (n *Node) current(ctx context.Context) (*session, error) {
	ctx, cancel := context.WithTimeout(ctx, switchWait)
	defer cancel()
	for {
		n.mu.Lock()
		s, changed, ended, locked := n.session, n.changed, n.ended, n.guard.locked
		n.mu.Unlock()
		switch {
		case ended != nil:
			return nil, ended
		case locked != nil:
			return nil, errLocked()
		case s != nil:
			return s, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, api.Errorf(api.CodeStopped, "try again", "the node is starting")
		}
	}
}

// switchTo makes team the current one and waits until its session runs. from is the session that is to end.
func (n *Node) switchTo(ctx context.Context, from *session, team crdt.DocID) error {
	if err := n.home.writeCurrent(team); err != nil {
		return err
	}
	n.mu.Lock()
	n.team = team
	n.mu.Unlock()
	from.stop(errSwitch)
	for {
		s, err := n.current(ctx)
		if err != nil {
			return err
		}
		if s.team == team {
			return nil
		}
		select {
		case <-s.done:
		case <-ctx.Done():
			return fmt.Errorf("switch teams: %w", ctx.Err())
		}
	}
}

// Stop ends the node after what is in flight is on disk.
func (n *Node) Stop(ctx context.Context) error {
	n.mu.Lock()
	wake := n.wake
	n.mu.Unlock()
	if wake != nil {
		wake(errStop)
		return nil
	}
	s, err := n.current(ctx)
	if err != nil {
		return err
	}
	s.stop(errStop)
	return nil
}
