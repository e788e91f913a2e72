package transport

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync/atomic"
	"syscall"

	"golang.org/x/net/ipv4"
)

// listenUDP binds addr; the zero value is any address and any port.
func listenUDP(addr netip.AddrPort) (net.PacketConn, error) {
	local := &net.UDPAddr{Port: int(addr.Port())} // no IP: both families, or the one there is
	if addr.Addr().IsValid() && !addr.Addr().IsUnspecified() {
		local = net.UDPAddrFromAddrPort(addr)
	}
	conn, err := net.ListenUDP("udp", local)
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, &AddrInUseError{addr, err}
	}
	if err != nil {
		return nil, fmt.Errorf("listen on UDP %s: %w", addr, err)
	}
	return conn, nil
}

// wrapSocket puts the cuts between QUIC and the socket.
func (t *Transport) wrapSocket() net.PacketConn {
	t.mu.Lock()
	defer t.mu.Unlock()
	f := filter{t.cuts, &t.count.sendErrors}
	if u, ok := t.sock.(*net.UDPConn); ok {
		return &udpSocket{u, ipv4.NewPacketConn(u), f}
	}
	return &packetSocket{t.sock, f}
}

// A filter decides which packets a socket loses.
type filter struct {
	cuts *cuts
	lost *atomic.Uint64
}

// sent turns an error that means "not now" into packet loss, which QUIC repairs: any other error but EMSGSIZE makes
// quic-go end the connection. Errors about routes and addresses are let through on purpose. Hiding them keeps a connection over a
// short link bounce, but when this node's own address has changed it keeps a dead connection for the whole idle timeout.
func (f filter) sent(err error) error {
	if errors.Is(err, syscall.ENOBUFS) || errors.Is(err, syscall.EPERM) {
		f.lost.Add(1)
		return nil
	}
	return err
}

// udpSocket filters a UDP socket where quic-go uses it. Having the whole method set of *net.UDPConn keeps segmentation
// offload, ECN, batched reads and the don't-fragment bit, without which path MTU discovery stays at its minimum.
type udpSocket struct {
	*net.UDPConn
	batch  *ipv4.PacketConn
	filter filter
}

// WriteMsgUDP sends b, which may be many packets for segmentation offload, all to one address.
func (s *udpSocket) WriteMsgUDP(b, oob []byte, to *net.UDPAddr) (n, oobn int, err error) {
	if s.filter.cuts.drops(to.AddrPort()) {
		return len(b), len(oob), nil
	}
	n, oobn, err = s.UDPConn.WriteMsgUDP(b, oob, to)
	if err != nil {
		if err = s.filter.sent(err); err == nil {
			return len(b), len(oob), nil
		}
	}
	return n, oobn, err
}

// ReadBatch reads packets. One that is cut away becomes empty, which quic-go ignores: it pairs the messages with buffers
// by their index, so they cannot be moved.
func (s *udpSocket) ReadBatch(ms []ipv4.Message, flags int) (int, error) {
	n, err := s.batch.ReadBatch(ms, flags)
	for i := range n {
		if u, ok := ms[i].Addr.(*net.UDPAddr); ok && s.filter.cuts.drops(u.AddrPort()) {
			ms[i].N, ms[i].NN = 0, 0
		}
	}
	return n, err
}

// ReadFrom is what quic-go uses where it cannot read batches.
func (s *udpSocket) ReadFrom(b []byte) (int, net.Addr, error) {
	return (&packetSocket{s.UDPConn, s.filter}).ReadFrom(b)
}

// WriteTo is what quic-go uses where it cannot send control messages.
func (s *udpSocket) WriteTo(b []byte, to net.Addr) (int, error) {
	return (&packetSocket{s.UDPConn, s.filter}).WriteTo(b, to)
}

// packetSocket filters any other socket.
type packetSocket struct {
	net.PacketConn
	filter filter
}

// ReadFrom implements net.PacketConn.
func (s *packetSocket) ReadFrom(b []byte) (int, net.Addr, error) {
	for {
		n, from, err := s.PacketConn.ReadFrom(b)
		if u, ok := from.(*net.UDPAddr); err == nil && ok && s.filter.cuts.drops(u.AddrPort()) {
			continue
		}
		return n, from, err
	}
}

// WriteTo implements net.PacketConn.
func (s *packetSocket) WriteTo(b []byte, to net.Addr) (int, error) {
	if u, ok := to.(*net.UDPAddr); ok && s.filter.cuts.drops(u.AddrPort()) {
		return len(b), nil
	}
	n, err := s.PacketConn.WriteTo(b, to)
	if err != nil {
		if err = s.filter.sent(err); err == nil {
			return len(b), nil
		}
	}
	return n, err
}

// SetReadBuffer asks for a larger buffer if the socket can have one.
func (s *packetSocket) SetReadBuffer(sizeBytes int) error {
	if c, ok := s.PacketConn.(interface{ SetReadBuffer(int) error }); ok {
		return c.SetReadBuffer(sizeBytes)
	}
	return nil
}

// SetWriteBuffer asks for a larger buffer if the socket can have one.
func (s *packetSocket) SetWriteBuffer(sizeBytes int) error {
	if c, ok := s.PacketConn.(interface{ SetWriteBuffer(int) error }); ok {
		return c.SetWriteBuffer(sizeBytes)
	}
	return nil
}
