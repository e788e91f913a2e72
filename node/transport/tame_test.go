package transport

import (
	"bytes"
	"encoding/binary"
	"io"
	"net"
	"strings"
	"testing"
	"time"
)

// bytesConn is a stream that holds some bytes and then ends.
type bytesConn struct{ r *bytes.Reader }

func (c bytesConn) Read(b []byte) (int, error)     { return c.r.Read(b) }
func (bytesConn) Write(b []byte) (int, error)      { return len(b), nil }
func (bytesConn) Close() error                     { return nil }
func (bytesConn) LocalAddr() net.Addr              { return stringAddr("a") }
func (bytesConn) RemoteAddr() net.Addr             { return stringAddr("b") }
func (bytesConn) SetDeadline(time.Time) error      { return nil }
func (bytesConn) SetReadDeadline(time.Time) error  { return nil }
func (bytesConn) SetWriteDeadline(time.Time) error { return nil }

// pushPull is the beginning of a push/pull of so many nodes and bytes of user data, as memberlist writes it.
func pushPull(nodes, user uint32) []byte {
	b := []byte("\x06\x83\xa5Nodes\xce")
	b = binary.BigEndian.AppendUint32(b, nodes)
	b = append(b, "\xacUserStateLen\xce"...)
	b = binary.BigEndian.AppendUint32(b, user)
	return append(b, "\xa4Join\xc3"...)
}

// A stream that would make memberlist take memory for what never comes breaks before memberlist sees a byte of it.
func TestStreamsOfGossipAreBounded(t *testing.T) {
	label := "\xf4\x04team"
	for _, c := range []struct {
		name, in string
		ok       bool
	}{
		{"push/pull", string(pushPull(4096, 0)) + "nodes", true},
		{"push/pull with a label", label + string(pushPull(3, 0)), true},
		{"small numbers", "\x06\x83\xa5Nodes\x02\xacUserStateLen\x00\xa4Join\xc2", true},
		{"ping", label + "\x00\x82", true},
		{"answer", "\x02\x81", true},
		{"refusal", "\x0d\x81", true},
		{"many nodes", string(pushPull(4097, 0)), false},
		{"very many nodes", "\x06\x81\xa5Nodes\xcf\x7f\xff\xff\xff\xff\xff\xff\xff", false},
		{"nodes below zero", "\x06\x81\xa5Nodes\xd0\xff", false},
		{"nodes given twice", "\x06\x82\xa5Nodes\x01\xa5Nodes\xce\x00\x10\x00\x00", false},
		{"user data", string(pushPull(1, 1)), false},
		{"packed", label + "\x09\x82", false},
		{"encrypted", "\x0a", false},
		{"user message", "\x08\x81\xaaUserMsgLen\x01", false},
		{"not a map", "\x06\x93\x01\x02\x03", false},
		{"a long map", "\x06\xde\x00\x03", false},
		{"nothing", "", false},
		{"cut short", "\x06\x83\xa5Nod", false},
	} {
		r := newTameConn(bytesConn{bytes.NewReader([]byte(c.in))})
		got, err := io.ReadAll(r)
		if c.ok && (err != nil || string(got) != c.in) {
			t.Errorf("%s: %q, %v", c.name, got, err)
		}
		if !c.ok && len(got) > 0 {
			t.Errorf("%s: %q passed", c.name, got)
		}
	}
	long := append(pushPull(1, 0), make([]byte, 2*gossipStreamBytesMax)...)
	got, err := io.ReadAll(newTameConn(bytesConn{bytes.NewReader(long)}))
	if err == nil || len(got) > gossipStreamBytesMax+gossipHeaderBytesMax {
		t.Errorf("%d bytes of a long stream, %v", len(got), err)
	}
}

// A packet that unpacks to more than itself is dropped, however it is wrapped.
func TestPackedGossipIsDropped(t *testing.T) {
	compound := func(parts ...string) string {
		lengths, all := "", ""
		for _, p := range parts {
			lengths += string([]byte{byte(len(p) >> 8), byte(len(p))})
			all += p
		}
		return "\x07" + string([]byte{byte(len(parts))}) + lengths + all
	}
	label, crc := "\xf4\x04team", "\x0c\x01\x02\x03\x04"
	nested := "\x04x"
	for range gossipNestingMax + 1 {
		nested = compound(nested)
	}
	for _, c := range []struct {
		in   string
		want bool
	}{
		{"", true},
		{"\x04alive", true},
		{label + crc + compound("\x04a", "\x03b"), true},
		{label, true},
		{"\x09", false},
		{label + "\x09x", false},
		{label + crc + "\x09x", false},
		{crc + compound("\x04a", "\x09x"), false},
		{compound(compound("\x09")), false},
		{nested, false},
		{"\x07", false},
		{"\x07\xff", false},
		{"\x07\x01\x00\x09", false},
		{"\x0akey", false},
		{strings.Repeat("\x07", 1000), false},
	} {
		if got := tame([]byte(c.in)); got != c.want {
			t.Errorf("%q: %v, want %v", c.in, got, c.want)
		}
	}
}

// FuzzGossip: whatever arrives is refused or passes unchanged, and costs no more memory than it has bytes.
func FuzzGossip(f *testing.F) {
	f.Add([]byte("\xf4\x04team\x0c\x01\x02\x03\x04\x07\x01\x00\x02\x04a"))
	f.Add(append([]byte("\xf4\x04team"), pushPull(2, 0)...))
	f.Add([]byte("\x06\x81\xa5Nodes\xd3\xff\xff\xff\xff\xff\xff\xff\xff"))
	f.Fuzz(func(t *testing.T, in []byte) {
		tame(in)
		c := newTameConn(bytesConn{bytes.NewReader(in)})
		got, err := io.ReadAll(c)
		if err == nil && !bytes.Equal(got, in) {
			t.Fatalf("%x passed as %x", in, got)
		}
	})
}
