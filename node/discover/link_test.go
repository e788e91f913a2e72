package discover

import (
	"net"
	"net/netip"
	"slices"
	"testing"
)

// lan returns a link for tests with the given addresses.
func lan(index int, name string, addrs ...string) Link {
	l := Link{Index: index, Name: name, Broadcast: true, Multicast: true}
	for _, a := range addrs {
		l.Addrs = append(l.Addrs, netip.MustParsePrefix(a))
	}
	return l
}

// TestOnlyNeighboursAreReached: an address is worth dialling only if it is on the link it was heard on.
func TestOnlyNeighboursAreReached(t *testing.T) {
	l := lan(2, "eth0", "10.77.0.1/24", "fe80::1/64", "2001:db8:1::1/64")
	for _, c := range []struct{ addr, want string }{
		{"10.77.0.9", "10.77.0.9"},
		{"::ffff:10.77.0.9", "10.77.0.9"},
		{"10.77.0.1", "10.77.0.1"}, // another node on this machine
		{"fe80::9", "fe80::9%eth0"},
		{"fe80::9%wlan0", "fe80::9%eth0"},
		{"2001:db8:1::9", "2001:db8:1::9"},
		{"10.77.0.255", ""},
		{"10.77.1.9", ""},
		{"192.0.2.1", ""},
		{"2001:db8:2::9", ""},
		{"127.0.0.1", ""},
		{"::1", ""},
		{"::", ""},
		{"0.0.0.0", ""},
		{"224.0.0.251", ""},
		{"ff02::fb", ""},
		{"255.255.255.255", ""},
	} {
		got, ok := l.reaches(netip.MustParseAddr(c.addr))
		if ok != (c.want != "") || ok && got.String() != c.want {
			t.Errorf("%s is reached as %v, %v, want %q", c.addr, got, ok, c.want)
		}
	}
	if _, ok := l.reaches(netip.Addr{}); ok {
		t.Errorf("the zero address is reached")
	}
	only4 := lan(2, "eth0", "10.77.0.1/24")
	if _, ok := only4.reaches(netip.MustParseAddr("fe80::9")); ok {
		t.Errorf("an IPv6 address is reached over a link without one")
	}
}

// TestAnnouncementTargets: each subnet's broadcast address once, all nodes of IPv6, never 255.255.255.255.
func TestAnnouncementTargets(t *testing.T) {
	check := func(l Link, want ...string) {
		t.Helper()
		var got []string
		for _, a := range l.targets() {
			got = append(got, a.String())
		}
		if !slices.Equal(got, want) {
			t.Errorf("%v: %v, want %v", l.Addrs, got, want)
		}
	}
	check(lan(2, "eth0", "10.77.0.1/24", "10.77.0.2/24", "fe80::1/64"), "10.77.0.255", "ff02::1%eth0")
	check(lan(2, "eth0", "10.77.3.1/22", "169.254.8.9/16"), "10.77.3.255", "169.254.255.255")
	check(lan(2, "eth0", "10.77.3.5/30"), "10.77.3.7")
	check(lan(2, "wg0", "10.77.3.5/32", "10.77.3.8/31"))
	check(lan(2, "eth0", "fe80::1/64"), "ff02::1%eth0")
	lo := lan(1, "lo", "127.0.0.1/8", "::1/128")
	lo.Loopback, lo.Broadcast, lo.Multicast = true, false, false
	check(lo)
}

func TestPrefixesAreSortedAndUnmapped(t *testing.T) {
	ipNet := func(ip net.IP, ones, bits int) net.Addr { return &net.IPNet{IP: ip, Mask: net.CIDRMask(ones, bits)} }
	got := prefixes([]net.Addr{
		ipNet(net.ParseIP("fe80::1"), 64, 128),
		ipNet(net.ParseIP("10.0.0.2"), 120, 128), // 16 bytes, mapped
		ipNet(net.IPv4(10, 0, 0, 1).To4(), 24, 32),
		&net.UnixAddr{Name: "no address of an interface"},
		&net.IPNet{},
	})
	want := []netip.Prefix{
		netip.MustParsePrefix("10.0.0.1/24"), netip.MustParsePrefix("10.0.0.2/24"), netip.MustParsePrefix("fe80::1/64"),
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// TestSystemLinks: the real list keeps its promises, whatever machine this runs on.
func TestSystemLinks(t *testing.T) {
	links, err := systemLinks(true)
	if err != nil {
		t.Fatal(err)
	}
	if len(links) > MaxLinks || !slices.IsSortedFunc(links, func(a, b Link) int { return a.Index - b.Index }) {
		t.Errorf("not sorted or too many: %v", links)
	}
	if !slices.ContainsFunc(links, func(l Link) bool { return l.Loopback }) {
		t.Errorf("no loopback in %v", links)
	}
	without, err := systemLinks(false)
	if err != nil {
		t.Fatal(err)
	}
	if slices.ContainsFunc(without, func(l Link) bool { return l.Loopback || len(l.Addrs) == 0 }) {
		t.Errorf("loopback or a link without address in %v", without)
	}
}
