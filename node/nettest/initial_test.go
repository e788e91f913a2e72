//go:build netns

package nettest

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/binary"
)

// The first packets of a QUIC connection are encrypted with keys that anybody can compute who sees them (RFC 9001, 5.2):
// what the two sides say in their hellos is as good as in the clear.

var initialSalt = []byte{0x38, 0x76, 0x2c, 0xf7, 0xf5, 0x59, 0x34, 0xb3, 0x4d, 0x17, 0x9a, 0xe6, 0xa4, 0xc8, 0x0c, 0xad, 0xcc, 0xbb, 0x7f, 0x0a}

const (
	quicVersion  = 1
	initialMask  = 0xf0 // long header, fixed bit, type
	initialType  = 0xc0
	sampleOffset = 4 // from the packet number
	sampleBytes  = 16
)

// An initial is one Initial packet, not decrypted.
type initial struct {
	packet []byte // to its end
	pn     int    // offset of the packet number
	dcid   string
	scid   string
}

// decrypt returns what the Initial packets among frames say.
func decrypt(frames [][]byte) [][]byte {
	var out [][]byte
	origin := map[string]string{} // the name a client gave itself -> what its keys come from
	for _, f := range frames {
		b, ok := udp(f)
		for ok && len(b) > 0 {
			var p initial
			if p, b, ok = parseInitial(b); !ok {
				break
			}
			if text := p.open(p.dcid, "client in"); text != nil {
				origin[p.scid] = p.dcid
				out = append(out, text)
			} else if text := p.open(origin[p.scid], "client in"); text != nil {
				out = append(out, text)
			} else if text := p.open(origin[p.dcid], "server in"); text != nil {
				out = append(out, text)
			}
		}
	}
	return out
}

// parseInitial reads the Initial packet that b begins with, and returns what follows it in the datagram.
func parseInitial(b []byte) (p initial, rest []byte, ok bool) {
	if len(b) < 7 || b[0]&initialMask != initialType || binary.BigEndian.Uint32(b[1:]) != quicVersion {
		return p, nil, false
	}
	at := 5
	name := func() string {
		if at >= len(b) || at+1+int(b[at]) > len(b) {
			at = len(b)
			return ""
		}
		s := string(b[at+1 : at+1+int(b[at])])
		at += 1 + len(s)
		return s
	}
	number := func() int {
		if at >= len(b) {
			return 0
		}
		n := 1 << (b[at] >> 6)
		if at+n > len(b) {
			at = len(b)
			return 0
		}
		v := int(b[at] & 0x3f)
		for _, c := range b[at+1 : at+n] {
			v = v<<8 | int(c)
		}
		at += n
		return v
	}
	p.dcid, p.scid = name(), name()
	token := number()
	if token < 0 || at+token > len(b) {
		return p, nil, false
	}
	at += token
	length := number()
	p.pn = at
	if length < sampleOffset+sampleBytes || length > len(b)-at {
		return p, nil, false
	}
	p.packet = b[:at+length]
	return p, b[at+length:], true
}

// open decrypts a packet with the keys of one side that come from a connection's first name; nil: they are not its keys.
func (p *initial) open(from, side string) []byte {
	if from == "" {
		return nil
	}
	secret, err := hkdf.Extract(sha256.New, []byte(from), initialSalt)
	if err != nil {
		panic(err) // fails for no input
	}
	secret = expand(secret, side, sha256.Size)
	hp, err := aes.NewCipher(expand(secret, "quic hp", 16))
	if err != nil {
		panic(err) // the size is constant
	}
	block, err := aes.NewCipher(expand(secret, "quic key", 16))
	if err != nil {
		panic(err) // as above
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		panic(err) // as above
	}
	b := append([]byte(nil), p.packet...)
	mask := make([]byte, aes.BlockSize)
	hp.Encrypt(mask, b[p.pn+sampleOffset:][:sampleBytes])
	b[0] ^= mask[0] & 0x0f
	size := int(b[0]&3) + 1
	nonce := expand(secret, "quic iv", aead.NonceSize())
	for i := range size {
		b[p.pn+i] ^= mask[1+i]
		nonce[len(nonce)-size+i] ^= b[p.pn+i]
	}
	text, err := aead.Open(nil, nonce, b[p.pn+size:], b[:p.pn+size])
	if err != nil {
		return nil
	}
	return text
}

// expand is HKDF-Expand-Label of TLS 1.3 with an empty context.
func expand(secret []byte, label string, size int) []byte {
	label = "tls13 " + label
	info := append(binary.BigEndian.AppendUint16(nil, uint16(size)), byte(len(label)))
	out, err := hkdf.Expand(sha256.New, secret, string(append(append(info, label...), 0)), size)
	if err != nil {
		panic(err) // the sizes are constant
	}
	return out
}
