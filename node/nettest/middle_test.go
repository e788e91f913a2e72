//go:build netns

package nettest

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"errors"
	"io"
	"math/big"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/quic-go/quic-go"
	"golang.org/x/sys/unix"
)

const (
	mustersPort = 7946
	shakeLimit  = 5 * time.Second
)

// A middle is a machine in the middle of two others: an outsider who has made himself the only way between them. Facing
// each of them he has the address of the other, repeats to it what the other announces, ends its connections with a key
// of his own, and passes on what is said in them.
type middle struct {
	l      *lab
	self   *host // with two interfaces: eth0 faces b, eth1 faces a
	facing [2]*face
	cancel context.CancelFunc
	all    sync.WaitGroup

	connections atomic.Int64 // in which he was believed to be the other, by both
	bytes       atomic.Int64 // that he read and passed on
}

// A face is one side of the middle: he is there who the other one is.
type face struct {
	device string
	peer   string // address of who is on this side
	quic   *quic.Transport
	wire   *os.File // the cable itself, for what goes to everybody
	mac    net.HardwareAddr
	index  int // instead of the name as a zone: Go remembers the names of one namespace for all
	tls    *tls.Config
}

// between makes a machine in the middle of a and b, who no longer reach each other but through it.
func (l *lab) between(a, b *host) *middle {
	l.t.Helper()
	m := &middle{l: l, self: l.plug("mallory")}
	second := "to2-" + m.self.name
	l.ip(l.sw(), "link", "add", second, "type", "veth", "peer", "name", "eth1", "netns", m.self.ns)
	l.ip(l.sw(), "link", "set", second, "master", "br0", "up")
	l.ip(m.self.ns, "link", "set", "eth1", "up")
	for _, apart := range [][2]string{{a.port, b.port}, {m.self.port, a.port}, {second, b.port}, {m.self.port, second}} {
		l.drop("iifname "+apart[0]+" oifname "+apart[1], "iifname "+apart[1]+" oifname "+apart[0])
	}
	at := func(h *host) string { return h.addresses("6")[0].Addr().String() }
	l.ip(m.self.ns, "addr", "add", at(a)+"/64", "dev", "eth0", "nodad")
	l.ip(m.self.ns, "addr", "add", at(b)+"/64", "dev", "eth1", "nodad")
	for _, h := range []*host{a, b} { // as an unasked answer about an address does
		l.ip(h.ns, "neigh", "flush", "dev", "eth0")
	}
	cert := selfSigned(l)
	for i, f := range []*face{{device: "eth0", peer: at(b)}, {device: "eth1", peer: at(a)}} {
		as := []string{at(a), at(b)}[i]
		err := inside(m.self.ns, func() error {
			link, err := net.InterfaceByName(f.device)
			if err != nil {
				return err
			}
			f.index, f.mac = link.Index, link.HardwareAddr
			conn, err := net.ListenUDP("udp6", &net.UDPAddr{IP: net.ParseIP(as), Port: mustersPort, Zone: strconv.Itoa(f.index)})
			if err != nil {
				return err
			}
			f.quic = &quic.Transport{Conn: conn}
			fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
			if err != nil {
				return err
			}
			f.wire = os.NewFile(uintptr(fd), "cable "+f.device)
			all := binary.BigEndian.Uint16(binary.NativeEndian.AppendUint16(nil, unix.ETH_P_IPV6))
			return unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: all, Ifindex: f.index})
		})
		if err != nil {
			l.t.Fatalf("the middle's %s: %v", f.device, err)
		}
		f.tls = &tls.Config{
			MinVersion: tls.VersionTLS13, Certificates: []tls.Certificate{cert}, InsecureSkipVerify: true,
			ClientAuth: tls.RequireAnyClientCert, NextProtos: []string{"muster/1", "muster-join/1"},
		}
		m.facing[i] = f
	}
	ctx, cancel := context.WithCancel(context.Background())
	m.cancel = cancel
	for i, f := range m.facing {
		other := m.facing[1-i]
		m.all.Go(func() { m.repeat(f, other) })
		m.all.Go(func() { m.serve(ctx, f, other) })
	}
	l.t.Cleanup(m.stop)
	return m
}

// stop takes the middle away: the two are as they were.
func (m *middle) stop() {
	if m.cancel == nil {
		return
	}
	m.cancel()
	m.cancel = nil
	for _, f := range m.facing {
		err := errors.Join(f.quic.Close(), f.quic.Conn.Close(), f.wire.Close())
		if err != nil {
			m.l.t.Errorf("stop the middle: %v", err)
		}
		m.l.ip(m.self.ns, "link", "set", f.device, "down")
	}
	m.all.Wait()
}

// repeat tells one side what is told to everybody on the other.
func (m *middle) repeat(from, to *face) {
	buf := make([]byte, frameBytes)
	for {
		n, err := from.wire.Read(buf)
		if err != nil {
			return // closed by stop
		}
		frame := buf[:n]
		if _, ok := udp(frame); !ok || frame[0]&1 == 0 || n < etherHeader+ipv6Header+8 {
			continue // to one machine alone
		}
		copy(frame[6:12], to.mac) // else the switch sends here what is meant for the one who spoke
		checksum(frame[etherHeader:])
		if _, err := to.wire.Write(frame); err != nil && !errors.Is(err, os.ErrClosed) {
			m.l.t.Errorf("repeat an announcement: %v", err)
			return
		}
	}
}

// checksum sets the sum of a UDP packet in IPv6: that of a packet which has not left its machine is not complete.
func checksum(packet []byte) {
	b := packet[ipv6Header:]
	b[6], b[7] = 0, 0
	sum := uint32(len(b)) + protocolUDP
	add := func(b []byte) {
		for i := 0; i+1 < len(b); i += 2 {
			sum += uint32(binary.BigEndian.Uint16(b[i:]))
		}
		if len(b)%2 == 1 {
			sum += uint32(b[len(b)-1]) << 8
		}
	}
	add(packet[8:ipv6Header]) // both addresses
	add(b)
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	binary.BigEndian.PutUint16(b[6:], uint16(^sum))
}

// serve takes the connections of one side and makes one to the other for each.
func (m *middle) serve(ctx context.Context, f, other *face) {
	in, err := f.quic.Listen(f.tls, &quic.Config{EnableDatagrams: true})
	if err != nil {
		m.l.t.Errorf("listen in the middle: %v", err)
		return
	}
	var passing sync.WaitGroup
	defer passing.Wait()
	for {
		conn, err := in.Accept(ctx)
		if err != nil {
			return // stop was called
		}
		passing.Go(func() { m.join(ctx, conn, other) })
	}
}

// join makes a connection to who conn was meant for, and passes on everything both ways.
func (m *middle) join(ctx context.Context, conn *quic.Conn, other *face) {
	c := other.tls.Clone()
	c.NextProtos = []string{conn.ConnectionState().TLS.NegotiatedProtocol}
	shake, cancel := context.WithTimeout(ctx, shakeLimit)
	defer cancel()
	to := &net.UDPAddr{IP: net.ParseIP(other.peer), Port: mustersPort, Zone: strconv.Itoa(other.index)}
	onward, err := other.quic.Dial(shake, to, c, &quic.Config{EnableDatagrams: true})
	if err != nil {
		m.end(conn, "nobody there")
		return
	}
	m.connections.Add(1)
	var all sync.WaitGroup
	for _, way := range [2][2]*quic.Conn{{conn, onward}, {onward, conn}} {
		from, to := way[0], way[1]
		all.Go(func() {
			for {
				s, err := from.AcceptStream(ctx)
				if err != nil {
					m.end(to, "the other side is gone")
					return
				}
				all.Go(func() { m.stream(ctx, s, to) })
			}
		})
		all.Go(func() {
			for {
				s, err := from.AcceptUniStream(ctx)
				if err != nil {
					return
				}
				all.Go(func() {
					if out, err := to.OpenUniStreamSync(ctx); err == nil {
						m.pass(out, s)
					}
				})
			}
		})
		all.Go(func() {
			for {
				b, err := from.ReceiveDatagram(ctx)
				if err != nil || to.SendDatagram(b) != nil {
					return
				}
			}
		})
	}
	all.Wait()
}

// stream passes on what is said on a stream, both ways.
func (m *middle) stream(ctx context.Context, s *quic.Stream, to *quic.Conn) {
	out, err := to.OpenStreamSync(ctx)
	if err != nil {
		s.CancelRead(0)
		s.CancelWrite(0)
		return
	}
	var both sync.WaitGroup
	both.Go(func() { m.pass(out, s) })
	both.Go(func() { m.pass(s, out) })
	both.Wait()
}

// pass copies until the reader ends; how it ends is told the writer.
func (m *middle) pass(w interface {
	io.WriteCloser
	CancelWrite(quic.StreamErrorCode)
}, r io.Reader,
) {
	n, err := io.Copy(w, r)
	m.bytes.Add(n)
	if err != nil || w.Close() != nil {
		w.CancelWrite(0)
	}
}

func (m *middle) end(c *quic.Conn, why string) {
	if err := c.CloseWithError(0, why); err != nil {
		m.l.t.Logf("the middle hangs up: %v", err)
	}
}

// selfSigned makes a certificate as nodes have: a bare key.
func selfSigned(l *lab) tls.Certificate {
	l.t.Helper()
	pub, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		l.t.Fatal(err)
	}
	der, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{SerialNumber: big.NewInt(1)}, &x509.Certificate{}, pub, key)
	if err != nil {
		l.t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// members returns the handles of the team that a host's node is in.
func (h *host) members() string {
	h.l.t.Helper()
	st, err := h.status()
	if err != nil {
		h.l.t.Fatal(err)
	}
	var out []string
	for _, r := range st.Responders {
		out = append(out, r.Handle)
	}
	return strings.Join(out, " ")
}
