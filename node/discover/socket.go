package discover

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"syscall"

	"golang.org/x/net/ipv4"
	"golang.org/x/net/ipv6"
)

// The multicast groups of mDNS (RFC 6762, 3).
var (
	group4 = netip.AddrFrom4([4]byte{224, 0, 0, 251})
	group6 = netip.AddrFrom16([16]byte{0: 0xff, 1: 0x02, 15: 0xfb})
)

// A conn is a multicast DNS socket of one address family. Interfaces are named by index in both directions, so that it
// works without any route. read is called by one goroutine, the rest by another.
type conn interface {
	join(Link) error
	leave(index int) error
	read(b []byte) (n int, from netip.AddrPort, link int, err error)
	write(b []byte, to netip.AddrPort, l Link) error // to: zero for the group
	Close() error                                    // makes read return net.ErrClosed
}

// listenMDNS opens the real socket.
func listenMDNS(ctx context.Context, v6 bool, port uint16) (conn, error) {
	lc := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) error {
		var err error
		return errors.Join(c.Control(func(fd uintptr) { err = sharePort(fd) }), err)
	}}
	network, address := "udp4", netip.AddrPortFrom(netip.IPv4Unspecified(), port)
	if v6 {
		network, address = "udp6", netip.AddrPortFrom(netip.IPv6Unspecified(), port)
	}
	pc, err := lc.ListenPacket(ctx, network, address.String())
	if err != nil {
		return nil, err
	}
	var c conn
	if v6 {
		c, err = newConn6(pc, port)
	} else {
		c, err = newConn4(pc, port)
	}
	if err != nil {
		return nil, errors.Join(err, pc.Close())
	}
	return c, nil
}

// A conn4 is the IPv4 socket.
type conn4 struct {
	*ipv4.PacketConn
	port uint16
}

func newConn4(pc net.PacketConn, port uint16) (conn, error) {
	c := conn4{ipv4.NewPacketConn(pc), port}
	return c, errors.Join(
		c.SetControlMessage(ipv4.FlagInterface, true),
		c.SetMulticastTTL(255), c.SetTTL(255), // RFC 6762, 11
		c.SetMulticastLoopback(true), // for the other nodes of this machine
	)
}

func (c conn4) join(l Link) error {
	return joined(c.JoinGroup(&net.Interface{Index: l.Index, Name: l.Name}, &net.UDPAddr{IP: group4.AsSlice()}))
}

func (c conn4) leave(index int) error {
	return c.LeaveGroup(&net.Interface{Index: index}, &net.UDPAddr{IP: group4.AsSlice()})
}

func (c conn4) read(b []byte) (int, netip.AddrPort, int, error) {
	n, cm, from, err := c.ReadFrom(b)
	if err != nil || cm == nil {
		return n, netip.AddrPort{}, 0, err
	}
	return n, addrPort(from), cm.IfIndex, nil
}

func (c conn4) write(b []byte, to netip.AddrPort, l Link) error {
	if !to.IsValid() {
		to = netip.AddrPortFrom(group4, c.port)
	}
	cm := &ipv4.ControlMessage{IfIndex: l.Index}
	if l.Loopback {
		cm.Src = l.Addrs[0].Addr().AsSlice() // Linux would take another interface's, and it would be no neighbour's
	}
	_, err := c.WriteTo(b, cm, net.UDPAddrFromAddrPort(to))
	return err
}

// A conn6 is the IPv6 socket.
type conn6 struct {
	*ipv6.PacketConn
	port uint16
}

func newConn6(pc net.PacketConn, port uint16) (conn, error) {
	c := conn6{ipv6.NewPacketConn(pc), port}
	return c, errors.Join(
		c.SetControlMessage(ipv6.FlagInterface, true),
		c.SetMulticastHopLimit(255), c.SetHopLimit(255),
		c.SetMulticastLoopback(true),
	)
}

func (c conn6) join(l Link) error {
	return joined(c.JoinGroup(&net.Interface{Index: l.Index, Name: l.Name}, &net.UDPAddr{IP: group6.AsSlice()}))
}

func (c conn6) leave(index int) error {
	return c.LeaveGroup(&net.Interface{Index: index}, &net.UDPAddr{IP: group6.AsSlice()})
}

func (c conn6) read(b []byte) (int, netip.AddrPort, int, error) {
	n, cm, from, err := c.ReadFrom(b)
	if err != nil || cm == nil {
		return n, netip.AddrPort{}, 0, err
	}
	return n, addrPort(from), cm.IfIndex, nil
}

func (c conn6) write(b []byte, to netip.AddrPort, l Link) error {
	if !to.IsValid() {
		to = netip.AddrPortFrom(group6, c.port)
	}
	_, err := c.WriteTo(b, &ipv6.ControlMessage{IfIndex: l.Index}, net.UDPAddrFromAddrPort(to))
	return err
}

// joined makes joining a group that the socket is in already a success: after a change of address nobody knows.
func joined(err error) error {
	if err == nil || errors.Is(err, syscall.EADDRINUSE) {
		return nil
	}
	return fmt.Errorf("join multicast group: %w", err)
}

// addrPort returns a UDP address in the form used here: IPv4 never as IPv6.
func addrPort(a net.Addr) netip.AddrPort {
	u, ok := a.(*net.UDPAddr)
	if !ok {
		return netip.AddrPort{}
	}
	ap := u.AddrPort()
	return netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port())
}
