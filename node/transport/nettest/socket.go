package nettest

import (
	"net"
	"sync"

	"github.com/quic-go/quic-go/testutils/simnet"
)

// A Socket is a simulated UDP socket that can be told to fail.
type Socket struct {
	*simnet.SimConn

	mu       sync.Mutex
	writeErr error
}

var _ net.PacketConn = (*Socket)(nil)

// FailWrites makes every write return err, such as syscall.ENETUNREACH; nil mends the socket.
func (s *Socket) FailWrites(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.writeErr = err
}

// WriteTo implements net.PacketConn.
func (s *Socket) WriteTo(b []byte, to net.Addr) (int, error) {
	s.mu.Lock()
	err := s.writeErr
	s.mu.Unlock()
	if err != nil {
		return 0, &net.OpError{Op: "write", Net: "udp", Addr: to, Err: err}
	}
	return s.SimConn.WriteTo(b, to)
}
