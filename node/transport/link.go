package transport

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/quic-go/quic-go"

	"muster/crdt"
)

// A link is a connection to a member, from the end of its handshake to its PeerDown. [Transport.serveLink] owns it.
type link struct {
	t       *Transport
	ep      *endpoint
	conn    *quic.Conn
	device  crdt.DeviceID
	inbound bool
	ctx     context.Context // ends when the link must stop; its cause is the reason
	cancel  context.CancelCauseFunc
	settled chan struct{} // closed when it is known whether the link comes up
	refused error         // why it does not; read after settled
	done    chan struct{} // closed when its PeerDown, if any, was taken

	turn uint32 // of the connection, by its dialer's count; of an inbound link set by greet

	// Set by greet.
	out      *quic.SendStream
	in       *quic.ReceiveStream
	instance [instanceSize]byte // of the peer's run
	hello    []byte
	helloAt  time.Time
	early    *quic.Stream // the first two-way stream, if it came before the hello
	kind     byte         // of early

	since     time.Time // adopted; guarded by Transport.mu
	control   *queue
	bulk      *queue
	datagrams chan []byte // gossip on its way out
	bulkIn    atomic.Int32
	gossipIn  atomic.Int32
	heldUntil atomic.Int64 // Unix nanoseconds; see Hold
	stalled   atomic.Bool
	health    health // the health watch's
	wg        sync.WaitGroup
}

func newLink(t *Transport, ep *endpoint, conn *quic.Conn, device crdt.DeviceID, inbound bool) *link {
	ctx, cancel := context.WithCancelCause(ep.ctx)
	return &link{
		t: t, ep: ep, conn: conn, device: device, inbound: inbound,
		ctx: ctx, cancel: cancel,
		settled: make(chan struct{}), done: make(chan struct{}),
		control:   newQueue(ControlFrameMax, controlQueueFrames, controlQueueBytes),
		bulk:      newQueue(BulkFrameMax, bulkQueueFrames, bulkQueueBytes),
		datagrams: make(chan []byte, gossipQueuePackets),
	}
}

// stop ends the link soon. The first reason counts.
func (l *link) stop(why error) {
	l.cancel(why)
	l.control.setOpen(false)
	l.bulk.setOpen(false)
}

// ended reports whether the link is over, or its connection is.
func (l *link) ended() bool {
	return l.ctx.Err() != nil || l.conn.Context().Err() != nil
}

// serveLink lives the life of l: greet, be chosen, be up, be down.
func (t *Transport) serveLink(l *link) {
	defer close(l.done)
	unwatch := context.AfterFunc(l.conn.Context(), func() {
		l.stop(reason(context.Cause(l.conn.Context())))
	})
	defer unwatch()

	err := l.greet()
	var displaced *link
	if err == nil {
		displaced, err = t.adopt(l)
	}
	if l.refused = err; err == nil {
		slotOf(l.conn).release()
	}
	close(l.settled)
	if errors.Is(err, errUnaware) {
		t.serveUnaware(l)
	}
	if err != nil {
		l.stop(err)
		l.hangUp()
		t.log.Debug("connection not used", "device", l.device.Short(), "inbound", l.inbound, "why", err)
		if errors.Is(err, ErrRefused) {
			t.emit(l.ep.runCtx, Refused{l.device, remoteAddr(l.conn), WhyRefused(err)})
		}
		return
	}
	if displaced != nil {
		displaced.stop(ErrDuplicate)
		<-displaced.done // its PeerDown comes before our PeerUp
	}
	up := l.beUp()
	l.hangUp()
	l.wg.Wait()
	if up {
		t.emit(l.ep.runCtx, PeerDown{l.device, context.Cause(l.ctx)})
	}
	t.release(l) // not before: the next link of the device waits for the PeerDown of the one it finds
}

// beUp opens the link, tells the owner and waits for its end. It reports whether the owner was told.
func (l *link) beUp() bool {
	l.control.setOpen(true)
	l.bulk.setOpen(true)
	if l.ctx.Err() != nil {
		l.stop(nil) // stop may have come between: close the queues again
		return false
	}
	rtt := l.conn.ConnectionStats().SmoothedRTT
	up := PeerUp{l.device, l.hello, l.helloAt, rtt, remoteAddr(l.conn), l.inbound}
	if !l.t.emit(l.ctx, up) {
		return false
	}
	l.start()
	<-l.ctx.Done()
	return true
}

// hangUp closes the connection, with the reason for the peer, which also ends every goroutine that uses it.
func (l *link) hangUp() {
	why := context.Cause(l.ctx)
	closeConn(l.conn, code(why), farewell(why))
}

// greet sends our hello and waits for the peer's: until then nothing proves that it has accepted us.
func (l *link) greet() error {
	out, err := l.conn.OpenUniStream()
	if err != nil {
		return l.why(err)
	}
	body := l.t.cfg.Hello()
	if len(body) > HelloMax {
		panic(fmt.Sprintf("transport: Config.Hello returned %d bytes, at most %d are allowed", len(body), HelloMax))
	}
	out.SetPriority(1, true)
	if _, err := out.Write(appendFrame([]byte{streamControl}, hello{l.t.instance, l.turn, body}.format())); err != nil {
		return l.why(err)
	}
	deadline := time.Now().Add(helloTimeout)
	ctx, cancel := context.WithDeadline(l.ctx, deadline)
	defer cancel()
	looked := make(chan struct{})
	go func() {
		defer close(looked)
		if l.lookForStranger(ctx) {
			cancel()
		}
	}()
	in, err := l.conn.AcceptUniStream(ctx)
	cancel()
	<-looked
	if l.early != nil && l.kind == streamJoin {
		return errUnaware
	}
	if err != nil {
		return l.why(err)
	}
	if err := in.SetReadDeadline(deadline); err != nil {
		return l.why(err)
	}
	var first [1]byte
	if _, err := io.ReadFull(in, first[:]); err != nil {
		return l.why(err)
	}
	if first[0] != streamControl {
		return fmt.Errorf("%w: the first stream is of kind %q", ErrProtocol, first[0])
	}
	frame, err := readFrame(in, helloHeadSize+HelloMax)
	if err != nil {
		return l.why(err)
	}
	l.helloAt = time.Now()
	theirs, err := parseHello(frame)
	if err != nil {
		return err
	}
	l.instance, l.hello = theirs.instance, theirs.body
	if l.inbound {
		l.turn = theirs.turn
	}
	if err := in.SetReadDeadline(time.Time{}); err != nil {
		return l.why(err)
	}
	l.out, l.in = out, in
	return nil
}

// lookForStranger takes the first two-way stream if it comes before ctx ends, and reports whether it is a stranger's. Any
// other one, which the network has brought before the hello, is kept.
func (l *link) lookForStranger(ctx context.Context) bool {
	if !l.inbound {
		return false
	}
	s, err := l.conn.AcceptStream(ctx)
	if err != nil {
		return false
	}
	l.early = s
	l.kind, err = readKind(s)
	return err == nil && l.kind == streamJoin
}

// why prefers the reason for which the link or the connection ended to what a call on it reported.
func (l *link) why(err error) error {
	if cause := context.Cause(l.conn.Context()); cause != nil {
		return reason(cause)
	}
	if cause := context.Cause(l.ctx); cause != nil {
		return cause
	}
	if errors.Is(err, context.DeadlineExceeded) || isTimeout(err) {
		return ErrNoHello
	}
	return reason(err)
}

func isTimeout(err error) bool {
	t, ok := errors.AsType[interface {
		error
		Timeout() bool
	}](err)
	return ok && t.Timeout()
}

// adopt makes l the connection of its device, unless the one there is better. It returns the one displaced. Whether the
// device is a member is asked afterwards, without our lock: whoever changes the team and then calls Recheck either finds l in
// the table or has changed it before we ask.
func (t *Transport) adopt(l *link) (displaced *link, err error) {
	if displaced, err = t.choose(l); err == nil && !t.cfg.Member(l.device) {
		l.stop(t.refusal(l.device))
	}
	return displaced, err
}

func (t *Transport) choose(l *link) (displaced *link, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch old := t.links[l.device]; {
	case t.ep != l.ep:
		return nil, ErrStopped
	case l.ended():
		return nil, l.why(ErrStopped)
	case t.cuts.refuses(l.device):
		return nil, ErrCut
	case old != nil && !l.beats(old):
		t.count.duplicates.Add(1)
		return nil, ErrDuplicate
	default:
		l.since = time.Now()
		t.turns[l.device] = max(t.turns[l.device], l.turn)
		t.links[l.device] = l
		t.slots.met(remoteAddr(l.conn))
		return old, nil
	}
}

// beats decides between two connections to one device so that both ends decide alike. A peer that was restarted knows
// nothing of the old one. Of two dialed by the two ends within moments, one may have been dialed in knowledge of the
// other, which is dead or to be replaced: it has the higher turn and stays. Of equal turns, dialed at one moment, the one
// dialed by the smaller name stays. Otherwise the old one is dead, or half dead, or the other end would not have dialed:
// the new one stays.
func (l *link) beats(old *link) bool {
	if old.ended() || old.instance != l.instance {
		return true
	}
	if old.inbound != l.inbound && time.Since(old.since) < simultaneousDial {
		if l.turn != old.turn {
			return l.turn > old.turn
		}
		selfSmaller := l.t.self.Compare(l.device) < 0
		return selfSmaller != l.inbound
	}
	return true
}

// release takes l out of the table, if it is still there.
func (t *Transport) release(l *link) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.links[l.device] == l {
		delete(t.links, l.device)
	}
}

// info describes the link; the caller holds Transport.mu.
func (l *link) info() PeerInfo {
	s := l.conn.ConnectionStats()
	return PeerInfo{
		Device: l.device, Addr: remoteAddr(l.conn), Inbound: l.inbound, Since: l.since,
		RTT: s.SmoothedRTT, BytesIn: s.BytesReceived, BytesOut: s.BytesSent,
		PacketsOut: s.PacketsSent, PacketsLost: s.PacketsLost,
		ControlQueue: l.control.size(), BulkQueue: l.bulk.size(), Stalled: l.stalled.Load(),
	}
}
