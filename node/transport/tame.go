package transport

import (
	"encoding/binary"
	"fmt"
	"io"
	"net"
)

// Memberlist trusts those who gossip with it: a few bytes make it take 140 MB for the nodes they announce, or unpack
// 40 MB. What it is given is therefore looked at first. Only the beginning of a stream and the frames of a packet are
// read here, the rest is memberlist's; the formats are those of its version 0.7.
const (
	gossipNodesMax        = 4096    // announced by one push/pull; each costs memberlist 140 bytes before any has come
	gossipStreamBytesMax  = 2 << 20 // that memberlist reads from one stream
	gossipStreamsPerPeer  = 4       // open at one time, inbound
	gossipNestingMax      = 4       // packets inside packets
	gossipHeaderFieldsMax = 8
	gossipHeaderBytesMax  = 256
)

// First bytes of memberlist's messages.
const (
	mlPing       = 0
	mlAck        = 2
	mlPushPull   = 6
	mlCompound   = 7
	mlCompressed = 9
	mlEncrypted  = 10
	mlChecked    = 12
	mlError      = 13
	mlLabel      = 244
)

// tame reports whether a packet holds nothing that unpacks to more than itself. Our own are never packed.
func tame(packet []byte) bool {
	if len(packet) > 1 && packet[0] == mlLabel {
		packet = packet[min(len(packet), 2+int(packet[1])):]
	}
	if len(packet) >= 5 && packet[0] == mlChecked {
		packet = packet[5:]
	}
	return tameMessage(packet, gossipNestingMax)
}

func tameMessage(b []byte, nesting int) bool {
	if len(b) == 0 {
		return true // which memberlist refuses by itself
	}
	switch b[0] {
	case mlCompressed, mlEncrypted:
		return false
	case mlCompound:
		if len(b) < 2 || len(b) < 2+2*int(b[1]) || nesting == 0 {
			return false
		}
		lengths, rest := b[2:2+2*int(b[1])], b[2+2*int(b[1]):]
		for ; len(lengths) > 0; lengths = lengths[2:] {
			n := int(binary.BigEndian.Uint16(lengths))
			if n > len(rest) || !tameMessage(rest[:n], nesting-1) {
				return false
			}
			rest = rest[n:]
		}
	}
	return true
}

// A tameConn is a stream of memberlist's that carries only what memberlist sends on streams here: a ping, or a push/pull
// of a bounded number of nodes without user data, or an answer to one of them. A stream that carries anything else
// breaks at its first Read.
type tameConn struct {
	net.Conn
	checked bool
	head    []byte // read already, to be given to memberlist
	left    int    // bytes that may still be read
	ended   func() // called by Close; nil: nothing to do
}

func newTameConn(c net.Conn) *tameConn { return &tameConn{Conn: c, left: gossipStreamBytesMax} }

// Read implements net.Conn. One goroutine at a time may call it.
func (c *tameConn) Read(b []byte) (int, error) {
	if !c.checked {
		c.checked = true
		r := &headReader{r: c.Conn}
		if err := readStreamHead(r); err != nil {
			c.left = 0
			return 0, err
		}
		c.head = r.taken
	}
	if len(c.head) > 0 {
		n := copy(b, c.head)
		c.head = c.head[n:]
		return n, nil
	}
	if c.left == 0 && len(b) > 0 {
		return 0, ErrTooMuch
	}
	n, err := c.Conn.Read(b[:min(len(b), c.left)])
	c.left -= n
	return n, err
}

// Close implements net.Conn.
func (c *tameConn) Close() error {
	if c.ended != nil {
		c.ended()
	}
	return c.Conn.Close()
}

// A headReader reads the first bytes of a stream one by one and keeps them.
type headReader struct {
	r     io.Reader
	taken []byte
	err   error // the first; everything read after it is zero
}

func (h *headReader) byte() byte {
	var b [1]byte
	if h.err == nil && len(h.taken) == gossipHeaderBytesMax+2+255 {
		h.err = fmt.Errorf("%w: gossip header too long", ErrProtocol)
	}
	if h.err == nil {
		switch _, h.err = io.ReadFull(h.r, b[:]); {
		case h.err == nil:
			h.taken = append(h.taken, b[0])
		case h.err == io.EOF && len(h.taken) > 0:
			h.err = io.ErrUnexpectedEOF
		}
	}
	return b[0]
}

// number reads n bytes, the highest first.
func (h *headReader) number(n int) (v uint64) {
	for range n {
		v = v<<8 | uint64(h.byte())
	}
	return v
}

func readStreamHead(h *headReader) error {
	kind := h.byte()
	if h.err == nil && kind == mlLabel {
		for range h.byte() {
			h.byte()
		}
		kind = h.byte()
	}
	switch {
	case h.err != nil:
		return h.err
	case kind == mlPing, kind == mlAck, kind == mlError:
		return nil
	case kind != mlPushPull:
		return fmt.Errorf("%w: gossip of kind %d on a stream", ErrProtocol, kind)
	}
	return readPushPullHead(h)
}

// readPushPullHead reads {"Nodes": n, "UserStateLen": n, "Join": b} in MessagePack.
func readPushPullHead(h *headReader) error {
	fields := h.byte()
	if h.err == nil && (fields&0xf0 != 0x80 || fields&0x0f > gossipHeaderFieldsMax) {
		return fmt.Errorf("%w: gossip header", ErrProtocol)
	}
	for range fields & 0x0f {
		key := make([]byte, 0, 32)
		length := h.byte()
		if h.err == nil && length&0xe0 != 0xa0 {
			return fmt.Errorf("%w: gossip header", ErrProtocol)
		}
		for range length & 0x1f {
			key = append(key, h.byte())
		}
		v := h.scalar()
		if h.err != nil {
			return h.err
		}
		switch string(key) {
		case "Nodes":
			if v > gossipNodesMax {
				return fmt.Errorf("%w: gossip of %d nodes", ErrProtocol, v)
			}
		case "UserStateLen":
			if v != 0 {
				return fmt.Errorf("%w: gossip with %d bytes of user data", ErrProtocol, v)
			}
		}
	}
	return h.err
}

// scalar reads a number that is not negative, or a truth value; any other sort of value is an error.
func (h *headReader) scalar() uint64 {
	switch c := h.byte(); {
	case h.err != nil:
	case c < 0x80:
		return uint64(c)
	case c == 0xc2, c == 0xc3:
		return uint64(c & 1)
	case c >= 0xcc && c <= 0xcf: // unsigned of 1, 2, 4 or 8 bytes
		return h.number(1 << (c - 0xcc))
	case c >= 0xd0 && c <= 0xd3: // signed: below zero reads as far too large
		n := 1 << (c - 0xd0)
		if v := h.number(n); v>>(8*n-1) == 0 {
			return v
		}
		h.err = fmt.Errorf("%w: negative number in a gossip header", ErrProtocol)
	default:
		h.err = fmt.Errorf("%w: gossip header", ErrProtocol)
	}
	return 0
}
