package transport

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/quic-go/quic-go"
	"golang.org/x/time/rate"

	"muster/crdt"
)

// slots bounds what people who are no members can make us hold: unfinished handshakes and joining connections.
type slots struct {
	count *counters

	mu       sync.Mutex
	taken    int
	bySource map[netip.AddrPort]int
	members  map[netip.AddrPort]bool // where members were met lately, by source
	begun    *rate.Limiter           // handshakes from anywhere else
	begunBy  map[netip.AddrPort]*rate.Limiter
}

func newSlots(count *counters) *slots {
	return &slots{
		count: count, bySource: map[netip.AddrPort]int{}, members: map[netip.AddrPort]bool{},
		begun: rate.NewLimiter(handshakeRate, handshakeBurst), begunBy: map[netip.AddrPort]*rate.Limiter{},
	}
}

// source is what the limits per source count by: the address, and on the loopback, where all are this machine, the port.
func source(a netip.AddrPort) netip.AddrPort {
	if a.Addr().IsLoopback() {
		return a
	}
	return netip.AddrPortFrom(a.Addr(), 0)
}

// unproven makes every handshake prove first that it comes from where it says (a Retry, RFC 9000 section 8.1.2), unless it
// brings a token that we gave to that address on an earlier connection: for those we are not asked. A forged address then
// costs one answer, shorter than the question, and takes no slot; nor can anybody borrow a member's.
func (s *slots) unproven(net.Addr) bool {
	s.count.retries.Add(1)
	return true
}

// met notes an address at which a member was met.
func (s *slots) met(a netip.AddrPort) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.members) >= metSourcesMax {
		clear(s.members) // they come again with the members
	}
	s.members[source(a)] = true
}

// mayBegin reports whether there may be one more handshake from a source where no member was met. That a handshake must
// end before another takes its slot bounds what is held, not the work of those that do end. The caller holds the lock.
func (s *slots) mayBegin(src netip.AddrPort, now time.Time) bool {
	own := s.begunBy[src]
	if own == nil {
		if len(s.begunBy) >= sourcesMax {
			clear(s.begunBy) // whoever has so many addresses is held by the rate of all
		}
		own = rate.NewLimiter(sourceRate, sourceBurst)
		s.begunBy[src] = own
	}
	return own.AllowN(now, 1) && s.begun.AllowN(now, 1)
}

type slotKey struct{}

// admit gives an inbound handshake a slot, which ends with the connection at the latest, or refuses it. Who is there is
// known only after the handshake, so some slots are for the addresses of members: strangers who take all the others do
// not keep a member out that starts again.
func (s *slots) admit(ctx context.Context, info *quic.ClientInfo) (context.Context, error) {
	addr, err := addrPort(info.RemoteAddr)
	if err != nil {
		addr = netip.AddrPort{} // a test's socket: all of them are one source
	}
	src := source(addr)
	s.mu.Lock()
	defer s.mu.Unlock()
	free, member := strangersMax-s.taken, s.members[src]
	if member {
		free += memberSlots
	}
	if free <= 0 || s.bySource[src] >= strangersPerSource || !member && !s.mayBegin(src, time.Now()) {
		s.count.refusals.Add(1)
		return nil, errors.New("too many unfinished connections")
	}
	s.taken++
	s.bySource[src]++
	slot := &slot{s: s, src: src}
	context.AfterFunc(ctx, slot.release)
	return context.WithValue(ctx, slotKey{}, slot), nil
}

// A slot is one unit of strangersMax.
type slot struct {
	s    *slots
	src  netip.AddrPort
	once sync.Once
}

// slotOf returns conn's slot; nil, which is released just as well, if we dialed.
func slotOf(conn *quic.Conn) *slot {
	s, _ := conn.Context().Value(slotKey{}).(*slot)
	return s
}

func (s *slot) release() {
	if s == nil {
		return
	}
	s.once.Do(func() {
		s.s.mu.Lock()
		defer s.s.mu.Unlock()
		s.s.taken--
		if s.s.bySource[s.src]--; s.s.bySource[s.src] == 0 {
			delete(s.s.bySource, s.src)
		}
	})
}

// serveStranger gives a device that is no member its one stream. A device that opens the stream of a member instead is
// told, by the error code, that it is none.
func (t *Transport) serveStranger(ep *endpoint, conn *quic.Conn, device crdt.DeviceID) {
	ctx, cancel := context.WithTimeout(ep.ctx, t.cfg.StrangerTime)
	defer cancel()
	if t.cfg.Stranger == nil {
		t.refuse(conn, device)
		return
	}
	member := make(chan struct{})
	go func() {
		defer close(member)
		if _, err := conn.AcceptUniStream(ctx); err == nil {
			t.refuse(conn, device)
		}
	}()
	err := t.strangerStream(ctx, conn, device)
	cancel()
	<-member
	if err != nil {
		t.log.Debug("stranger", "device", device.Short(), "addr", remoteAddr(conn), "result", err)
	}
	closeConn(conn, codeDone, "done") // unless the above has
}

func (t *Transport) strangerStream(ctx context.Context, conn *quic.Conn, device crdt.DeviceID) error {
	s, err := conn.AcceptStream(ctx)
	if err != nil {
		return err
	}
	kind, err := readKind(s)
	if err != nil {
		return err
	}
	if kind != streamJoin {
		return fmt.Errorf("%w: stream of kind %q from a stranger", ErrProtocol, kind)
	}
	return t.serveJoin(ctx, conn, device, s)
}

// serveUnaware serves a member that takes us for no member of its own team: it does not know that we are one again, or has
// thrown us out, or was thrown out by word that has not come here. What it says may be just that.
func (t *Transport) serveUnaware(l *link) {
	if t.cfg.Stranger == nil {
		return
	}
	ctx, cancel := context.WithTimeout(l.ep.ctx, t.cfg.StrangerTime)
	defer cancel()
	if err := t.serveJoin(ctx, l.conn, l.device, l.early); err != nil {
		t.log.Debug("member as a stranger", "device", l.device.Short(), "addr", remoteAddr(l.conn), "result", err)
	}
	closeConn(l.conn, codeDone, "done")
}

// serveJoin serves a joining stream of which the first byte has been read.
func (t *Transport) serveJoin(ctx context.Context, conn *quic.Conn, device crdt.DeviceID, s *quic.Stream) error {
	deadline, _ := ctx.Deadline()
	if err := s.SetDeadline(deadline); err != nil {
		return err
	}
	t.count.strangers.Add(1)
	exporter, err := exporterOf(conn)
	if err != nil {
		return err
	}
	err = t.cfg.Stranger(ctx, device, exporter, &limited{rw: s, readLeft: strangerFirstBytes, writeLeft: strangerBytes})
	// Closing the connection would discard what the other side has not read: let it close first.
	if cerr := s.Close(); err == nil {
		err = cerr
	}
	s.CancelRead(codeOther)
	select {
	case <-conn.Context().Done():
	case <-time.After(strangerLinger):
	}
	return err
}

// DialStranger opens the joining stream to whoever is at addr, where this node is not known as a member, and runs f on it:
// the other end of [Config.Stranger], with the same exporter and the same 1 MiB each way. The error is f's if f ran.
func (t *Transport) DialStranger(ctx context.Context, addr netip.AddrPort,
	f func(ctx context.Context, device crdt.DeviceID, exporter []byte, rw io.ReadWriter) error,
) error {
	ep, err := t.endpoint(ctx)
	if err != nil {
		return err
	}
	conn, device, err := t.dialAnyone(ctx, ep, addr)
	if err != nil {
		return err
	}
	defer closeConn(conn, codeDone, "done")
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(ep.ctx, cancel)()
	s, err := conn.OpenStreamSync(ctx)
	if err != nil {
		return fmt.Errorf("join at %s: %w", addr, reason(err))
	}
	defer context.AfterFunc(ctx, func() { closeConn(conn, codeDone, "cancelled") })()
	if _, err := s.Write([]byte{streamJoin}); err != nil {
		return fmt.Errorf("join at %s: %w", addr, reason(err))
	}
	exporter, err := exporterOf(conn)
	if err != nil {
		return fmt.Errorf("join at %s: %w", addr, err)
	}
	return f(ctx, device, exporter, &limited{rw: s, readLeft: strangerBytes, writeLeft: strangerBytes, proven: true})
}

// exporterOf returns the bytes that only the two ends of conn share.
func exporterOf(conn *quic.Conn) ([]byte, error) {
	tls := conn.ConnectionState().TLS
	return tls.ExportKeyingMaterial("muster-join", nil, 32)
}

// Proven tells that whoever is at the other end of a joining stream has proved something that a stranger cannot: that it
// holds an invitation, or operations of the team. From then on the stream carries 1 MiB. rw is what Config.Stranger was
// given; anything else is left as it is.
func Proven(rw io.ReadWriter) {
	if l, ok := rw.(*limited); ok && !l.proven {
		l.proven = true
		l.readLeft += strangerBytes - strangerFirstBytes
	}
}

// limited is a stream that carries so many bytes each way.
type limited struct {
	rw        io.ReadWriter
	readLeft  int
	writeLeft int
	proven    bool // readLeft has been raised
}

// Read implements io.Reader.
func (l *limited) Read(b []byte) (int, error) {
	if l.readLeft == 0 && len(b) > 0 {
		return 0, ErrTooMuch
	}
	n, err := l.rw.Read(b[:min(len(b), l.readLeft)])
	l.readLeft -= n
	return n, err
}

// Write implements io.Writer.
func (l *limited) Write(b []byte) (int, error) {
	if len(b) > l.writeLeft {
		return 0, ErrTooMuch
	}
	n, err := l.rw.Write(b)
	l.writeLeft -= n
	return n, err
}
