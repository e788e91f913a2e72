package node

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base32"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"net/netip"
	"strings"

	"muster/crdt"
)

// An invitation code holds all a laptop needs to find a team and be let in, without asking anyone else:
//
//	version 1 | secret 16 | team 32 | n | n × (1 byte 4 or 16 | address | port 2) | first 2 bytes of CRC-32C of all before
//	version 2 | secret 16 | team 32 | announced 32 | n | ...
//
// as base32 in lower case after "muster-". The secret is the seed of the invitation's key, of which the team document
// holds the public half; whoever reads the code may join, so it is shown to people and kept nowhere. Version 2 holds what
// the team announces itself with on the links, where that is not what follows from its name any more.
type code struct {
	secret   [16]byte
	team     crdt.DocID
	announce []byte // 32 bytes; nil: what follows from team
	addrs    []netip.AddrPort
}

const (
	codeVersion  = 1
	codeVersion2 = 2
	codePrefix   = "muster-"
	codeAddrsMax = 3
)

var (
	codeText = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)
	codeCRC  = crc32.MakeTable(crc32.Castagnoli)
)

// key returns the invitation's private key.
func (c *code) key() ed25519.PrivateKey {
	seed := sha256.Sum256(append([]byte("muster/invite/v1"), c.secret[:]...))
	return ed25519.NewKeyFromSeed(seed[:])
}

// discoveryKey returns what the team's members are recognised by on the links.
func (c *code) discoveryKey() []byte {
	if c.announce != nil {
		return c.announce
	}
	return discoveryKey(c.team)
}

func (c *code) String() string {
	b := append([]byte{codeVersion}, c.secret[:]...)
	b = append(b, c.team[:]...)
	if c.announce != nil {
		b[0] = codeVersion2
		b = append(b, c.announce...)
	}
	addrs := c.addrs[:min(len(c.addrs), codeAddrsMax)]
	b = append(b, byte(len(addrs)))
	for _, a := range addrs {
		ip := a.Addr().AsSlice()
		b = append(b, byte(len(ip)))
		b = append(b, ip...)
		b = binary.BigEndian.AppendUint16(b, a.Port())
	}
	sum := binary.BigEndian.AppendUint32(nil, crc32.Checksum(b, codeCRC))
	return codePrefix + codeText.EncodeToString(append(b, sum[:2]...))
}

// parseCode reads a code as people paste it: in any case, with spaces, dashes and line ends anywhere.
func parseCode(s string) (*code, error) {
	s = strings.Map(func(r rune) rune {
		if r == '-' || r == ' ' || r == '\t' || r == '\r' || r == '\n' {
			return -1
		}
		return r
	}, strings.ToLower(s))
	b, err := codeText.DecodeString(strings.TrimPrefix(s, strings.TrimSuffix(codePrefix, "-")))
	if err != nil || len(b) < 3 {
		return nil, fmt.Errorf("this is not an invitation code")
	}
	body, sum := b[:len(b)-2], b[len(b)-2:]
	if got := binary.BigEndian.AppendUint32(nil, crc32.Checksum(body, codeCRC)); string(got[:2]) != string(sum) {
		return nil, fmt.Errorf("the code is mistyped or cut short")
	}
	r := crdt.NewReader(body)
	version := r.Byte()
	if version != codeVersion && version != codeVersion2 {
		return nil, fmt.Errorf("the code is of version %d, this muster reads up to %d: it is of a newer muster", version, codeVersion2)
	}
	c := &code{}
	copy(c.secret[:], r.Take(len(c.secret)))
	c.team = crdt.DocID(r.Hash())
	if version == codeVersion2 {
		announce := r.Hash()
		c.announce = announce[:]
	}
	for range min(r.Byte(), codeAddrsMax) {
		ip, ok := netip.AddrFromSlice(r.Take(int(r.Byte())))
		port := r.Take(2)
		if r.Err() == nil && ok {
			c.addrs = append(c.addrs, netip.AddrPortFrom(ip, binary.BigEndian.Uint16(port)))
		}
	}
	if r.Close() != nil {
		return nil, fmt.Errorf("the code is damaged")
	}
	return c, nil
}
