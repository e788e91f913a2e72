package transport

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"time"

	"github.com/quic-go/quic-go"

	"muster/crdt"
	"muster/node/identity"
)

// A dialCall is a dial to one device that several callers may wait for.
type dialCall struct {
	done chan struct{}
	err  error // read after done
}

// Dial connects to the device at one of the addresses, tried at most [candidatesMax] of them, each 200 ms after the one before
// or as soon as that has failed. It returns nil when the device is up, also if it already was, and otherwise why the last
// attempt failed: ErrRefused when the device does not know us as a member. A device with another key at an address is a
// failure like any other. Calls for one device share one dial. A dial ends after five seconds at the latest.
//
// The goroutine that takes [Transport.Events] may call it, but serves nobody meanwhile.
func (t *Transport) Dial(ctx context.Context, device crdt.DeviceID, addrs []netip.AddrPort) error {
	if t.current(device) != nil {
		return nil
	}
	return t.dialDevice(ctx, device, addrs)
}

// dialDevice dials also when there is a connection, which the new one then replaces.
func (t *Transport) dialDevice(ctx context.Context, device crdt.DeviceID, addrs []netip.AddrPort) error {
	switch {
	case device == t.self:
		return ErrSelf
	case t.cuts.refuses(device):
		return ErrCut
	case !t.cfg.Member(device):
		return ErrStranger
	case len(addrs) == 0:
		return ErrNoAddress
	}
	ep, err := t.endpoint(ctx)
	if err != nil {
		return err
	}
	t.mu.Lock()
	call := t.calls[device]
	first := call == nil
	if first {
		call = &dialCall{done: make(chan struct{})}
		t.calls[device] = call
	}
	t.mu.Unlock()
	if first && !ep.spawn(func() { t.runCall(ep, call, device, addrs) }) {
		t.endCall(call, device, ErrStopped)
	}
	select {
	case <-call.done:
		return call.err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (t *Transport) runCall(ep *endpoint, call *dialCall, device crdt.DeviceID, addrs []netip.AddrPort) {
	ctx, cancel := context.WithTimeout(ep.ctx, dialTimeout)
	defer cancel()
	turn := t.nextTurn(device) // of what is known now, not of what comes up while we dial
	conn, err := t.race(ctx, ep, device, addrs)
	if err == nil {
		err = t.useDialed(ep, conn, device, turn)
	}
	t.endCall(call, device, err)
}

func (t *Transport) endCall(call *dialCall, device crdt.DeviceID, err error) {
	t.mu.Lock()
	delete(t.calls, device)
	t.mu.Unlock()
	call.err = err
	close(call.done)
}

// useDialed makes conn a link and waits until it is known whether it will be up.
func (t *Transport) useDialed(ep *endpoint, conn *quic.Conn, device crdt.DeviceID, turn uint32) error {
	l := newLink(t, ep, conn, device, false)
	l.turn = turn
	if !ep.spawn(func() { t.serveLink(l) }) {
		closeConn(conn, codeStopped, "stopped")
		return ErrStopped
	}
	<-l.settled
	if errors.Is(l.refused, ErrDuplicate) && t.current(device) != nil {
		return nil // it was up before us
	}
	return l.refused
}

// nextTurn numbers a connection that we dial.
func (t *Transport) nextTurn(device crdt.DeviceID) uint32 {
	t.mu.Lock()
	defer t.mu.Unlock()
	return max(t.turns[device], t.turns[device]+1) // it does not wrap, whatever a peer said
}

// Probe connects to an address without knowing who is there, and returns who it is. A member is kept as if dialed; of
// anyone else the error is ErrStranger, and the other side learns that we do not know it as a member.
func (t *Transport) Probe(ctx context.Context, addr netip.AddrPort) (crdt.DeviceID, error) {
	ep, err := t.endpoint(ctx)
	if err != nil {
		return crdt.DeviceID{}, err
	}
	conn, device, err := t.dialAnyone(ctx, ep, addr)
	if err != nil {
		return device, err
	}
	switch {
	case !t.cfg.Member(device):
		t.refuse(conn, device)
		return device, ErrStranger
	case t.current(device) != nil:
		closeConn(conn, codeDuplicate, "already connected")
		return device, nil
	default:
		return device, t.useDialed(ep, conn, device, t.nextTurn(device))
	}
}

// dialAnyone dials an address and identifies who answered. Ourselves and devices that are cut are errors.
func (t *Transport) dialAnyone(ctx context.Context, ep *endpoint, addr netip.AddrPort) (*quic.Conn, crdt.DeviceID, error) {
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	conn, err := t.race(ctx, ep, crdt.DeviceID{}, []netip.AddrPort{addr})
	if err != nil {
		return nil, crdt.DeviceID{}, err
	}
	device, err := identity.PeerDevice(conn.ConnectionState().TLS)
	switch {
	case err != nil: // VerifyConnection has let it through, so this cannot be
		closeConn(conn, codeProtocol, err.Error())
	case device == t.self:
		err = ErrSelf
		closeConn(conn, codeSelf, "self")
	case t.cuts.refuses(device):
		err = ErrCut
		t.closeCut(conn, device)
	}
	return conn, device, err
}

// race tries the addresses, each [dialStagger] after the one before or when that has failed, and returns the first
// connection whose handshake succeeds (RFC 8305, "happy eyeballs"). The others never say hello, so that the
// device does not count them.
func (t *Transport) race(ctx context.Context, ep *endpoint, want crdt.DeviceID, addrs []netip.AddrPort) (*quic.Conn, error) {
	addrs = candidates(addrs)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	type result struct {
		conn *quic.Conn
		err  error
	}
	results := make(chan result, len(addrs))
	started, failed := 0, 0
	var last error
	start := func() {
		addr := addrs[started]
		started++
		if !ep.spawn(func() {
			conn, err := t.handshake(ctx, ep, want, addr)
			if err == nil && ctx.Err() != nil { // another was faster
				closeConn(conn, codeDuplicate, "not needed")
				conn, err = nil, context.Cause(ctx)
			}
			results <- result{conn, err}
		}) {
			results <- result{nil, ErrStopped}
		}
	}
	for failed < len(addrs) {
		if started == failed {
			start() // none is under way: no reason to wait
		}
		var next <-chan time.Time
		if started < len(addrs) {
			next = time.After(dialStagger)
		}
		select {
		case <-next:
			start()
		case r := <-results:
			if r.err == nil {
				cancel()
				rest := started - failed - 1
				ep.spawn(func() { // those that won at the same moment
					for range rest {
						if r := <-results; r.conn != nil {
							closeConn(r.conn, codeDuplicate, "not needed")
						}
					}
				})
				return r.conn, nil
			}
			failed++
			last = r.err
		}
	}
	return nil, last
}

// handshake dials one address. A dial that does not return long after it was told to means that quic-go has locked up,
// which users of it have seen after a laptop woke: the socket is then replaced.
func (t *Transport) handshake(ctx context.Context, ep *endpoint, want crdt.DeviceID, addr netip.AddrPort) (*quic.Conn, error) {
	select {
	case t.dialSlots <- struct{}{}:
		defer func() { <-t.dialSlots }()
	default:
		return nil, ErrBusy
	}
	ended := make(chan struct{})
	defer close(ended)
	unwatch := context.AfterFunc(ctx, func() {
		select {
		case <-ended:
		case <-ep.ctx.Done():
		case <-time.After(dialStuck):
			t.Rebuild(fmt.Errorf("a dial to %s does not end", addr))
		}
	})
	defer unwatch()
	conn, err := ep.quic.Dial(ctx, net.UDPAddrFromAddrPort(addr), t.clientTLS(want), t.clientConfig())
	if err != nil {
		return nil, fmt.Errorf("dial %s: %w", addr, reason(err))
	}
	t.count.connections.Add(1)
	return conn, nil
}

// candidates removes what cannot be dialed and what is there twice, keeps the order and at most candidatesMax.
func candidates(addrs []netip.AddrPort) []netip.AddrPort {
	var out []netip.AddrPort
	for _, a := range addrs {
		a = unmap(a)
		if a.IsValid() && a.Port() != 0 && !slices.Contains(out, a) {
			out = append(out, a)
		}
	}
	return out[:min(len(out), candidatesMax)]
}
