package discover

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
)

// A Link is a network interface that can be used now: up, running, with at least one address.
type Link struct {
	Index     int
	Name      string         // the zone of link-local addresses on it
	Addrs     []netip.Prefix // own addresses with their subnets, ascending, IPv4 first, without zone
	Broadcast bool           // has directed broadcast addresses
	Multicast bool           // can send to groups
	Loopback  bool
}

// equal reports whether nothing about the link has changed.
func (l Link) equal(o Link) bool {
	return l.Index == o.Index && l.Name == o.Name && l.Broadcast == o.Broadcast && l.Multicast == o.Multicast &&
		slices.Equal(l.Addrs, o.Addrs)
}

// has reports whether the link has an address of the family.
func (l Link) has(v6 bool) bool {
	return slices.ContainsFunc(l.Addrs, func(p netip.Prefix) bool { return p.Addr().Is6() == v6 })
}

// owns reports whether a is one of our own addresses on the link.
func (l Link) owns(a netip.Addr) bool {
	return slices.ContainsFunc(l.Addrs, func(p netip.Prefix) bool { return p.Addr() == a.WithZone("") })
}

// reaches returns a as an address to dial over this link, with the zone if it needs one; false if a is not a neighbour:
// neither link-local nor in a subnet of the link, or no single host's address.
func (l Link) reaches(a netip.Addr) (netip.Addr, bool) {
	a = a.Unmap().WithZone("")
	switch {
	case !a.IsValid(), a.IsMulticast(), a.IsUnspecified(), a.IsLoopback() && !l.Loopback:
		return netip.Addr{}, false
	case a.Is6() && a.IsLinkLocalUnicast():
		return a.WithZone(l.Name), l.has(true)
	}
	for _, p := range l.Addrs {
		if p.Contains(a) && a != lastAddr(p) {
			return a, true
		}
	}
	return netip.Addr{}, false
}

// targets returns where an announcement goes on this link: the broadcast address of each IPv4 subnet, and all nodes of
// IPv6. 255.255.255.255 is not among them: without a default route the system refuses it.
func (l Link) targets() []netip.Addr {
	var to []netip.Addr
	for _, p := range l.Addrs {
		if a := lastAddr(p); a.IsValid() && l.Broadcast && !slices.Contains(to, a) {
			to = append(to, a)
		}
	}
	if l.Multicast && !l.Loopback && l.has(true) {
		to = append(to, netip.IPv6LinkLocalAllNodes().WithZone(l.Name))
	}
	return to
}

// lastAddr returns the directed broadcast address of an IPv4 subnet, or the zero address where there is none.
func lastAddr(p netip.Prefix) netip.Addr {
	if !p.Addr().Is4() || p.Bits() > 30 {
		return netip.Addr{}
	}
	a := p.Addr().As4()
	for bit := p.Bits(); bit < 32; bit++ {
		a[bit/8] |= 0x80 >> (bit % 8)
	}
	return netip.AddrFrom4(a)
}

// systemLinks lists the usable interfaces by index, at most [MaxLinks] of them.
func systemLinks(loopback bool) ([]Link, error) {
	ifs, err := net.Interfaces()
	if err != nil {
		return nil, fmt.Errorf("list interfaces: %w", err)
	}
	var links []Link
	var errs error
	for _, i := range ifs {
		const usable = net.FlagUp | net.FlagRunning
		isLoopback := i.Flags&net.FlagLoopback != 0
		if i.Flags&usable != usable || isLoopback && !loopback {
			continue
		}
		l := Link{
			Index: i.Index, Name: i.Name, Loopback: isLoopback,
			Broadcast: i.Flags&net.FlagBroadcast != 0, Multicast: i.Flags&net.FlagMulticast != 0,
		}
		if !l.Broadcast && !l.Multicast && !isLoopback {
			continue // a tunnel to one peer: nobody to discover
		}
		addrs, err := i.Addrs()
		if err != nil { // it may have gone since it was listed
			errs = errors.Join(errs, fmt.Errorf("addresses of %s: %w", i.Name, err))
			continue
		}
		if l.Addrs = prefixes(addrs); len(l.Addrs) > 0 {
			links = append(links, l)
		}
	}
	slices.SortFunc(links, func(a, b Link) int { return cmp.Compare(a.Index, b.Index) })
	return links[:min(len(links), MaxLinks)], errs
}

// prefixes turns interface addresses into sorted prefixes.
func prefixes(addrs []net.Addr) []netip.Prefix {
	var out []netip.Prefix
	for _, a := range addrs {
		n, ok := a.(*net.IPNet)
		if !ok {
			continue
		}
		ip, ok := netip.AddrFromSlice(n.IP)
		bits, _ := n.Mask.Size()
		if !ok {
			continue
		}
		if ip = ip.Unmap(); ip.Is4() && len(n.Mask) == net.IPv6len {
			bits -= 96
		}
		if p := netip.PrefixFrom(ip, bits); p.IsValid() {
			out = append(out, p)
		}
	}
	slices.SortFunc(out, func(a, b netip.Prefix) int {
		return cmp.Or(a.Addr().Compare(b.Addr()), cmp.Compare(a.Bits(), b.Bits()))
	})
	return out
}
