package transport

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/quic-go/quic-go"

	"muster/crdt"
	"muster/node/identity"
)

// An endpoint is the life of one socket: QUIC on it, and every goroutine that depends on it.
type endpoint struct {
	ctx    context.Context // ends with the socket
	runCtx context.Context // ends with Run; what outlives the socket waits on it
	quic   *quic.Transport
	ln     *quic.Listener
	failed chan error // capacity 1: why the socket is of no more use

	mu      sync.Mutex
	closing bool
	wg      sync.WaitGroup // no Add once closing
}

// spawn runs f unless the endpoint is closing, and reports whether it does.
func (e *endpoint) spawn(f func()) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closing {
		return false
	}
	e.wg.Go(f)
	return true
}

// fail ends the endpoint, from within it.
func (e *endpoint) fail(err error) {
	if e.ctx.Err() != nil {
		return
	}
	select {
	case e.failed <- err:
	default:
	}
}

// serveSocket runs QUIC on the open socket until ctx ends, the socket fails or a rebuild is asked for, and closes it.
func (t *Transport) serveSocket(ctx context.Context) error {
	ectx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	sock := t.wrapSocket()
	ep := &endpoint{
		ctx: ectx, runCtx: ctx, failed: make(chan error, 1),
		quic: &quic.Transport{
			Conn:                sock,
			ConnectionIDLength:  8,
			StatelessResetKey:   &t.resetKey,
			TokenGeneratorKey:   &t.tokenKey,
			VerifySourceAddress: t.slots.unproven,
			ConnContext:         t.slots.admit,
		},
	}
	ln, err := ep.quic.Listen(t.serverTLS(), serverConfig())
	if err != nil {
		return errors.Join(fmt.Errorf("listen: %w", err), ep.quic.Close(), sock.Close())
	}
	ep.ln = ln
	t.setEndpoint(ep)
	ep.spawn(func() { t.acceptConns(ep) })
	ep.spawn(func() { t.readAnnounces(ep) })
	ep.spawn(func() { t.watchHealth(ep) })

	var why error
	select {
	case <-ctx.Done():
		why = context.Cause(ctx)
	case why = <-ep.failed:
	case why = <-t.rebuild:
	}
	t.setEndpoint(nil)
	cancel(fmt.Errorf("%w: %w", errRebuild, why)) // if ctx has ended, its cause stays
	return errors.Join(why, ep.close(sock))
}

func (t *Transport) setEndpoint(ep *endpoint) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.ep = ep; ep != nil {
		close(t.ready)
	} else {
		t.ready = make(chan struct{})
	}
}

// endpoint returns the one in use, waiting for it while Run begins or the socket is replaced.
func (t *Transport) endpoint(ctx context.Context) (*endpoint, error) {
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	for {
		t.mu.Lock()
		ep, ready := t.ep, t.ready
		t.mu.Unlock()
		if ep != nil {
			return ep, nil
		}
		select {
		case <-ready:
		case <-t.stopped:
			return nil, ErrStopped
		case <-ctx.Done():
			return nil, ErrStopped
		}
	}
}

// close waits for the connections to say goodbye, which they do because the context has ended, and takes everything down.
func (e *endpoint) close(sock net.PacketConn) error {
	e.mu.Lock()
	e.closing = true
	e.mu.Unlock()
	done := make(chan struct{})
	go func() { e.wg.Wait(); close(done) }()
	select {
	case <-done:
	case <-time.After(closeWait): // one that hangs is ended by the QUIC transport's end
	}
	err := errors.Join(e.ln.Close(), e.quic.Close(), sock.Close())
	<-done
	return err
}

// serverConfig is for connections that others begin: whoever only begins is rid of within three seconds.
func serverConfig() *quic.Config {
	c := quicConfig()
	c.HandshakeIdleTimeout = halfOpenIdle
	return c
}

// clientConfig is for connections that we begin. A peer that has met us spares us the Retry for the token it gave us then,
// which is bound to our address.
func (t *Transport) clientConfig() *quic.Config {
	c := quicConfig()
	c.TokenStore = t.tokens
	return c
}

// quicConfig is the same whoever dials, but for the above.
func quicConfig() *quic.Config {
	return &quic.Config{
		Versions:                       []quic.Version{quic.Version1},
		HandshakeIdleTimeout:           handshakeIdle,
		MaxIdleTimeout:                 idleTimeout,
		KeepAlivePeriod:                keepAlive,
		InitialStreamReceiveWindow:     streamWindowInitial,
		MaxStreamReceiveWindow:         streamWindowMax,
		InitialConnectionReceiveWindow: connWindowInitial,
		MaxConnectionReceiveWindow:     connWindowMax,
		MaxIncomingStreams:             streamsMax,
		MaxIncomingUniStreams:          uniStreamsMax,
		EnableDatagrams:                true,
	}
}

func (t *Transport) acceptConns(ep *endpoint) {
	for {
		conn, err := ep.ln.Accept(ep.ctx)
		if err != nil {
			ep.fail(fmt.Errorf("accept: %w", err))
			return
		}
		t.count.connections.Add(1)
		if !ep.spawn(func() { t.inbound(ep, conn) }) {
			closeConn(conn, codeStopped, "stopped")
		}
	}
}

// inbound sorts a connection by who is at its other end.
func (t *Transport) inbound(ep *endpoint, conn *quic.Conn) {
	device, err := identity.PeerDevice(conn.ConnectionState().TLS)
	switch {
	case err != nil: // VerifyConnection has let it through, so this cannot be
		closeConn(conn, codeProtocol, err.Error())
	case device == t.self:
		closeConn(conn, codeSelf, "self")
	case t.cuts.refuses(device):
		t.closeCut(conn, device)
	case !t.cfg.Member(device):
		t.serveStranger(ep, conn, device)
	default:
		t.serveLink(newLink(t, ep, conn, device, true))
	}
}

// closeConn ends conn and waits until it has ended.
func closeConn(conn *quic.Conn, code quic.ApplicationErrorCode, text string) {
	_ = conn.CloseWithError(code, text) // always nil: "closed already" is what we want
}

// Announces returns the packets that are not QUIC. When nobody takes them they are dropped and counted.
func (t *Transport) Announces() <-chan Announce { return t.announces }

// WriteAnnounce sends a packet that is not QUIC, from the socket on which QUIC answers, so that its source address is the
// address to dial. The first byte must have its two top bits clear. The address may be a broadcast address, or a multicast
// address with a zone.
func (t *Transport) WriteAnnounce(b []byte, to netip.AddrPort) error {
	if len(b) == 0 || len(b) > AnnounceMax || b[0]&0xc0 != 0 {
		return fmt.Errorf("announce of %d bytes is not one", len(b))
	}
	t.mu.Lock()
	ep := t.ep
	t.mu.Unlock()
	if ep == nil {
		return ErrStopped
	}
	if _, err := ep.quic.WriteTo(b, net.UDPAddrFromAddrPort(to)); err != nil {
		return fmt.Errorf("announce to %s: %w", to, err)
	}
	return nil
}

func (t *Transport) readAnnounces(ep *endpoint) {
	var buf [AnnounceMax + 1]byte
	for {
		n, from, err := ep.quic.ReadNonQUICPacket(ep.ctx, buf[:])
		if err != nil {
			ep.fail(fmt.Errorf("read: %w", err))
			return
		}
		addr, err := addrPort(from)
		if err != nil || n > AnnounceMax {
			t.count.announces.Add(1)
			continue
		}
		select {
		case t.announces <- Announce{append([]byte(nil), buf[:n]...), addr}:
		default:
			t.count.announces.Add(1)
		}
	}
}

// addrPort is a's address in the one form this package compares: IPv4 never inside IPv6.
func addrPort(a net.Addr) (netip.AddrPort, error) {
	u, ok := a.(*net.UDPAddr)
	if !ok {
		return netip.AddrPort{}, fmt.Errorf("%v is not a UDP address", a)
	}
	return unmap(u.AddrPort()), nil
}

func unmap(a netip.AddrPort) netip.AddrPort {
	return netip.AddrPortFrom(a.Addr().Unmap(), a.Port())
}

// remoteAddr is where conn's packets go now.
func remoteAddr(conn *quic.Conn) netip.AddrPort {
	a, err := addrPort(conn.RemoteAddr())
	if err != nil {
		return netip.AddrPort{} // a test's socket with other addresses: shown as unknown
	}
	return a
}

// current returns the link of the device that is up or about to be, or nil.
func (t *Transport) current(device crdt.DeviceID) *link {
	t.mu.Lock()
	defer t.mu.Unlock()
	if l := t.links[device]; l != nil && !l.ended() {
		return l
	}
	return nil
}
