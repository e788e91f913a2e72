package transport

import (
	"errors"

	"github.com/quic-go/quic-go"

	"muster/crdt"
)

// datagramOverhead is what QUIC adds to the payload of a datagram by its own estimate: type, connection ID and seal.
const datagramOverhead = 1 + 20 + 16

// PathBytes returns the size in bytes of the largest UDP payload that path MTU discovery (RFC 8899) has found to reach a
// device, or the one it starts from; zero if the device is not up. QUIC needs 1200.
func (t *Transport) PathBytes(device crdt.DeviceID) int {
	l := t.current(device)
	if l == nil {
		return 0
	}
	// quic-go tells it only to whoever tries to send too much. Nothing is sent.
	err := l.conn.SendDatagram(make([]byte, 1<<16))
	if big, ok := errors.AsType[*quic.DatagramTooLargeError](err); ok {
		return int(big.MaxDatagramPayloadSize) + datagramOverhead
	}
	return 0
}
