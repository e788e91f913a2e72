package transport

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	"github.com/quic-go/quic-go"
)

// start begins the goroutines of a link that is up, one for each direction of each kind of traffic, so that none waits
// for another. They end with the connection.
func (l *link) start() {
	l.wg.Go(func() { l.readFrames(l.in, Control, ControlFrameMax) })
	l.wg.Go(func() { l.writeFrames(l.out, Control, l.control) })
	l.wg.Go(l.writeBulk)
	l.wg.Go(l.acceptUni)
	l.wg.Go(l.acceptBidi)
	l.wg.Go(l.readDatagrams)
	l.wg.Go(l.writeDatagrams)
}

// readFrames hands frames to the owner until the stream ends. While the owner is busy nothing is read, and QUIC flow
// control stops the peer on this stream only.
func (l *link) readFrames(s io.Reader, class Class, sizeMax int) {
	r := bufio.NewReaderSize(s, 16<<10)
	for {
		frame, err := readFrame(r, sizeMax)
		if err == io.EOF && class == Bulk {
			return // the peer has no more runs to send for now
		}
		if err != nil {
			l.stop(l.why(fmt.Errorf("%w: %s stream: %w", ErrProtocol, class, err)))
			return
		}
		if !l.mayRead() || !l.t.emit(l.ctx, Frame{l.device, class, frame}) {
			return
		}
	}
}

// writeFrames sends what is queued until the link ends.
func (l *link) writeFrames(s io.Writer, class Class, q *queue) {
	w := bufio.NewWriterSize(s, 16<<10)
	for {
		frame, more, ready, ok := q.pop(l.ctx)
		if !ok {
			return
		}
		var head [frameHeadSize]byte
		binary.BigEndian.PutUint32(head[:], uint32(len(frame)))
		_, err := w.Write(head[:])
		if err == nil {
			_, err = w.Write(frame)
		}
		if err == nil && !more {
			err = w.Flush()
		}
		if err != nil {
			l.stop(l.why(fmt.Errorf("write %s: %w", class, err)))
			return
		}
		if ready && class == Bulk && !l.t.emit(l.ctx, BulkReady{l.device}) {
			return
		}
	}
}

// writeBulk sends runs, each after the other, on a stream of their own.
func (l *link) writeBulk() {
	l.writeFrames(&lazyStream{l: l, kind: streamBulk, priority: 5}, Bulk, l.bulk)
}

// A lazyStream opens a one-way stream at the first write. Opened earlier it would look idle to the peer as soon as a later
// stream appears, and be refused.
type lazyStream struct {
	l        *link
	kind     byte
	priority int8
	s        *quic.SendStream
}

// Write implements io.Writer.
func (w *lazyStream) Write(b []byte) (int, error) {
	if w.s == nil {
		s, err := w.l.conn.OpenUniStreamSync(w.l.ctx)
		if err != nil {
			return 0, err
		}
		s.SetPriority(w.priority, true)
		if _, err := s.Write([]byte{w.kind}); err != nil {
			return 0, err
		}
		w.s = s
	}
	return w.s.Write(b)
}

// acceptUni takes the peer's one-way streams. QUIC bounds how many are open.
func (l *link) acceptUni() {
	for {
		s, err := l.conn.AcceptUniStream(l.ctx)
		if err != nil {
			l.stop(l.why(err))
			return
		}
		l.wg.Go(func() { l.serveUni(s) })
	}
}

// serveUni reads one stream to its end or refuses it: a stream left unread would cost the peer its credit for ever.
func (l *link) serveUni(s *quic.ReceiveStream) {
	defer s.CancelRead(codeOther)
	kind, err := readKind(s)
	if err != nil {
		return // refused alone; if the connection ended, its watch says so
	}
	switch kind {
	case streamBulk:
		if l.bulkIn.Add(1) > bulkStreamsMax {
			l.stop(fmt.Errorf("%w: more than %d bulk streams", ErrProtocol, bulkStreamsMax))
			return
		}
		l.readFrames(s, Bulk, BulkFrameMax)
		l.bulkIn.Add(-1)
	case streamPacket:
		l.readPacket(s)
	default:
		l.t.log.Debug("unknown stream refused", "device", l.device.Short(), "kind", kind)
	}
}

// readPacket takes a gossip packet that was too large for a datagram.
func (l *link) readPacket(s *quic.ReceiveStream) {
	if err := s.SetReadDeadline(time.Now().Add(packetTimeout)); err != nil {
		return // lost, as any packet may be
	}
	packet, err := io.ReadAll(io.LimitReader(s, gossipPacketMax+1))
	if err != nil || len(packet) > gossipPacketMax {
		return // lost, as any packet may be
	}
	l.t.gossip.receive(packet, l.device)
}

// acceptBidi takes the peer's two-way streams.
func (l *link) acceptBidi() {
	if l.early != nil {
		l.wg.Go(func() { l.serveKind(l.early, l.kind) })
	}
	for {
		s, err := l.conn.AcceptStream(l.ctx)
		if err != nil {
			l.stop(l.why(err))
			return
		}
		l.wg.Go(func() { l.serveBidi(s) })
	}
}

func (l *link) serveBidi(s *quic.Stream) {
	kind, err := readKind(s)
	if err != nil {
		kind = 0
	}
	l.serveKind(s, kind)
}

// serveKind serves a stream of which the first byte has been read; zero: it could not be.
func (l *link) serveKind(s *quic.Stream, kind byte) {
	if kind == streamMemberlist && l.acceptGossip(s) {
		return
	}
	s.CancelRead(codeOther)
	s.CancelWrite(codeOther)
}

// acceptGossip gives a stream to memberlist, which closes it when it is done, or reports false.
func (l *link) acceptGossip(s *quic.Stream) bool {
	c := newTameConn(&streamConn{s, l.conn})
	c.ended = sync.OnceFunc(func() { l.gossipIn.Add(-1) })
	if l.gossipIn.Add(1) <= gossipStreamsPerPeer && l.t.gossip.accept(c) {
		return true
	}
	c.ended()
	return false
}

// readKind reads a stream's first byte, within a time.
func readKind(s interface {
	io.Reader
	SetReadDeadline(time.Time) error
},
) (byte, error) {
	if err := s.SetReadDeadline(time.Now().Add(prefixTimeout)); err != nil {
		return 0, err
	}
	var b [1]byte
	if _, err := io.ReadFull(s, b[:]); err != nil {
		return 0, err
	}
	return b[0], s.SetReadDeadline(time.Time{})
}

// readDatagrams moves gossip out of QUIC's buffer, which holds 128 datagrams and drops the rest: it never waits.
func (l *link) readDatagrams() {
	for {
		b, err := l.conn.ReceiveDatagram(l.ctx)
		if err != nil {
			l.stop(l.why(err))
			return
		}
		l.t.gossip.receive(b, l.device)
	}
}

// writeDatagrams sends gossip. SendDatagram waits when 32 are unsent, for seconds if the peer has vanished, so it has this
// goroutine and a bounded queue for itself.
func (l *link) writeDatagrams() {
	for {
		var b []byte
		select {
		case b = <-l.datagrams:
		case <-l.ctx.Done():
			return
		}
		err := l.conn.SendDatagram(b)
		if _, big := errors.AsType[*quic.DatagramTooLargeError](err); big {
			l.t.count.gossipBig.Add(1)
			err = l.sendBig(b)
		}
		if err != nil {
			l.t.count.gossipOut.Add(1) // lost, as any packet may be
		}
	}
}

// sendBig sends a packet on a stream of its own, if that is possible without waiting.
func (l *link) sendBig(b []byte) error {
	s, err := l.conn.OpenUniStream()
	if err != nil {
		return err
	}
	if err := s.TryWriteAll(append([]byte{streamPacket}, b...)); err != nil {
		s.CancelWrite(codeOther)
		return err
	}
	return s.Close()
}

// streamConn is a bidirectional stream as a net.Conn.
type streamConn struct {
	*quic.Stream
	conn *quic.Conn
}

// LocalAddr implements net.Conn.
func (s *streamConn) LocalAddr() net.Addr { return s.conn.LocalAddr() }

// RemoteAddr implements net.Conn.
func (s *streamConn) RemoteAddr() net.Addr { return s.conn.RemoteAddr() }

// Close ends both directions. Closing a quic.Stream closes only what we send; the stream, and the peer's credit for it,
// would be kept until the peer has sent everything and we have read it.
func (s *streamConn) Close() error {
	err := s.Stream.Close()
	s.CancelRead(codeOther)
	return err
}

var _ net.Conn = (*streamConn)(nil)
