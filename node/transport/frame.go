package transport

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// First bytes of streams.
const (
	streamControl    = 'c'
	streamBulk       = 'b'
	streamPacket     = 'p'
	streamMemberlist = 'm'
	streamJoin       = 'j'
)

const (
	frameHeadSize = 4
	frameChunk    = 64 << 10 // trusted at once; beyond it memory grows only as bytes arrive
	instanceSize  = 8
	helloVersion  = 1
	helloHeadSize = 1 + 4 + instanceSize
)

// appendFrame appends body as one frame.
func appendFrame(b, body []byte) []byte {
	b = binary.BigEndian.AppendUint32(b, uint32(len(body)))
	return append(b, body...)
}

// readFrame reads one frame of 1 to sizeMax bytes. It never holds more than twice what arrived, or 64 KiB. At the end of the
// stream between frames the error is io.EOF; a length out of range is ErrProtocol.
func readFrame(r io.Reader, sizeMax int) ([]byte, error) {
	var head [frameHeadSize]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return nil, err
	}
	size := binary.BigEndian.Uint32(head[:])
	if size == 0 || uint64(size) > uint64(sizeMax) {
		return nil, fmt.Errorf("%w: frame of %d bytes, at most %d are allowed", ErrProtocol, size, sizeMax)
	}
	body := make([]byte, min(int(size), frameChunk))
	for have := 0; ; {
		if _, err := io.ReadFull(r, body[have:]); err != nil {
			if errors.Is(err, io.EOF) {
				err = io.ErrUnexpectedEOF
			}
			return nil, err
		}
		if have = len(body); have == int(size) {
			return body, nil
		}
		body = append(body, make([]byte, min(int(size)-have, have))...)
	}
}

// A hello is the first frame of each side.
type hello struct {
	instance [instanceSize]byte // of the sender's run
	turn     uint32             // of the connection, by its dialer's count; 0 from the other side
	body     []byte             // of Config.Hello
}

// format returns the frame's body.
func (h hello) format() []byte {
	b := make([]byte, 0, helloHeadSize+len(h.body))
	b = append(b, helloVersion)
	b = binary.BigEndian.AppendUint32(b, h.turn)
	b = append(b, h.instance[:]...)
	return append(b, h.body...)
}

// parseHello takes the first frame's body apart. The result shares b.
func parseHello(b []byte) (hello, error) {
	if len(b) < helloHeadSize || len(b) > helloHeadSize+HelloMax {
		return hello{}, fmt.Errorf("%w: hello of %d bytes", ErrProtocol, len(b))
	}
	if b[0] != helloVersion {
		return hello{}, fmt.Errorf("%w: hello version %d, this node speaks %d", ErrProtocol, b[0], helloVersion)
	}
	return hello{[instanceSize]byte(b[5:helloHeadSize]), binary.BigEndian.Uint32(b[1:]), b[helloHeadSize:]}, nil
}
