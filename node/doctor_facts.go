package node

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"time"

	"muster/node/api"
	"muster/node/discover"
	"muster/node/transport"
)

const (
	linksMax     = 4                // interfaces told of
	linkAddrsMax = 2                // addresses told of one
	clockFar     = 10 * time.Second // a difference of clocks that people notice on a timeline
	quicBytes    = 1200             // without IP and UDP headers, that QUIC cannot do without
	headersBytes = 48               // of IPv6 and UDP
	pathsMax     = 4
)

// A netLink is one interface of this machine, not the loopback.
type netLink struct {
	name      string
	addrs     []netip.Addr
	up        bool // up, running, with an address
	multicast bool
	mtu       int
	err       error
}

// netLinks lists the interfaces that are switched on.
func netLinks() []netLink {
	ifs, err := net.Interfaces()
	if err != nil {
		return []netLink{{name: "interfaces", err: err}}
	}
	var out []netLink
	for _, i := range ifs {
		if i.Flags&net.FlagLoopback != 0 || i.Flags&net.FlagUp == 0 {
			continue
		}
		l := netLink{name: i.Name, multicast: i.Flags&net.FlagMulticast != 0, mtu: i.MTU}
		addrs, err := i.Addrs()
		l.err = err
		for _, a := range addrs {
			if p, err := netip.ParsePrefix(a.String()); err == nil {
				l.addrs = append(l.addrs, p.Addr().Unmap())
			}
		}
		l.up = i.Flags&net.FlagRunning != 0 && len(l.addrs) > 0
		out = append(out, l)
	}
	return out
}

func (x *examination) fact(bad bool, about, format string, args ...any) {
	x.out.Facts = append(x.out.Facts, api.Fact{About: about, Text: fmt.Sprintf(format, args...), Bad: bad})
}

// facts says what was observed, what concerns everybody first.
func (x *examination) facts() {
	if x.trouble != "" {
		x.fact(true, "standing", "%s; %s", x.trouble, x.remedy)
	}
	x.factsOfLinks()
	x.factsOfSocket()
	x.factsOfDiscovery()
	x.factsOfGiven()
	x.factsOfPeers()
}

func (x *examination) factsOfLinks() {
	told := 0
	for _, l := range x.links {
		if told++; told > linksMax {
			x.fact(false, "interface", "and %d more interfaces", len(x.links)-linksMax)
			return
		}
		if l.err != nil {
			x.fact(true, "interface", "%s: %s", l.name, firstLine(l.err))
			continue
		}
		var addrs []string
		for _, a := range l.addrs[:min(linkAddrsMax, len(l.addrs))] {
			addrs = append(addrs, a.String())
		}
		if n := len(l.addrs) - linkAddrsMax; n > 0 {
			addrs = append(addrs, fmt.Sprintf("%d more", n))
		}
		state := "up"
		if !l.up {
			state = "no link, or no address"
		}
		if !l.multicast {
			state += ", no multicast"
		}
		small := l.mtu > 0 && l.mtu < quicBytes+headersBytes
		if small {
			state += ", packets too small for QUIC"
		}
		x.fact(small, "interface", "%s %s, mtu %d: %s", l.name, state, l.mtu, strings.Join(addrs, " "))
	}
	if told == 0 {
		x.fact(x.s.n.cfg.Open == nil, "interface", "no network: only the loopback is up")
	}
}

func (x *examination) factsOfSocket() {
	x.s.n.mu.Lock()
	all := x.s.n.cut.all
	x.s.n.mu.Unlock()
	addr := x.s.t.LocalAddr()
	switch {
	case all:
		x.fact(true, "drill", "a drill cuts this node from everybody")
	case x.deaf != "":
		x.fact(true, "socket", "UDP %s does not answer itself: %s", addr, x.deaf)
	default:
		x.fact(false, "socket", "UDP %s is open and answers itself", addr)
	}
	st := x.s.t.Stats()
	if st.Rebuilds > 0 {
		x.fact(false, "socket", "replaced %d times since the start: sleep, or a network that came and went", st.Rebuilds)
	}
	if st.Refusals > 0 {
		x.fact(false, "socket", "%d connections turned away, because too many came at once", st.Refusals)
	}
}

// heardAny reports whether anything of the team was heard on any link.
func heardAny(r *discover.Report) bool {
	for _, l := range r.Links {
		if l.MDNS4.Heard+l.MDNS6.Heard+l.Announce4.Heard+l.Announce6.Heard > 0 {
			return true
		}
	}
	return false
}

func (x *examination) factsOfDiscovery() {
	r := x.report
	if r == nil {
		if x.s.d == nil {
			x.fact(false, "mdns", "discovery is off: nobody is found by itself")
		} else {
			x.fact(true, "mdns", "discovery has ended; node.log in the home says why")
		}
		return
	}
	switch {
	case r.MDNS4 != "" && r.MDNS6 != "":
		x.fact(true, "mdns", "port 5353 cannot be used: %s", r.MDNS4)
	case r.MDNS4 != "":
		x.fact(true, "mdns", "port 5353 open for IPv6, not for IPv4: %s", r.MDNS4)
	case r.MDNS6 != "":
		x.fact(false, "mdns", "port 5353 open for IPv4, not for IPv6: %s", r.MDNS6)
	default:
		x.fact(false, "mdns", "port 5353 open")
	}
	for _, l := range r.Links[:min(linksMax, len(r.Links))] {
		if l.Loopback {
			continue
		}
		x.factOfTraffic(l)
	}
	if r.OtherTeam > 0 {
		x.fact(!x.out.Well, "team", "other teams are heard, %d times; who is missing may be in one", r.OtherTeam)
	}
	if r.OtherVersion > 0 {
		x.fact(!x.out.Well, "team", "other versions of muster are heard, %d times", r.OtherVersion)
	}
	if r.Forged > 0 {
		x.fact(false, "team", "%d announcements forged, or damaged on the way", r.Forged)
	}
	for _, a := range r.Twins {
		x.fact(true, "team", "%s says that it is this laptop: a copied directory; delete one", a)
	}
}

func (x *examination) factOfTraffic(l discover.LinkReport) {
	dns, own := add(l.MDNS4, l.MDNS6), add(l.Announce4, l.Announce6)
	heard := "nothing heard"
	if n := dns.Heard + own.Heard; n > 0 {
		heard = fmt.Sprintf("%d heard by mDNS, %d by announce", dns.Heard, own.Heard)
		if !l.HeardAt.IsZero() {
			heard += ", the last " + ageText(time.Since(l.HeardAt)) + " ago"
		}
	}
	text := fmt.Sprintf("%s: %d sent, %s", l.Name, dns.Sent+own.Sent, heard)
	bad := dns.Err != "" || own.Err != ""
	if bad {
		text += "; " + firstLine(errors.New(strings.TrimPrefix(dns.Err+"; "+own.Err, "; ")))
	}
	x.fact(bad && dns.Heard+own.Heard == 0, "announce", "%s", strings.TrimSuffix(text, "; "))
}

// add sums the traffic of two address families. An error of one that has never got through counts if the other has one
// too or has sent nothing: a link without IPv6 is none.
func add(a, b discover.Traffic) discover.Traffic {
	sum := discover.Traffic{Sent: a.Sent + b.Sent, Heard: a.Heard + b.Heard}
	if a.Err != "" && (b.Err != "" || b.Sent == 0) {
		sum.Err = a.Err
	} else if b.Err != "" && a.Sent == 0 {
		sum.Err = b.Err
	}
	return sum
}

// factsOfGiven says who is at the addresses given by hand.
func (x *examination) factsOfGiven() {
	for _, g := range x.given {
		switch {
		case g.err == nil, errors.Is(g.err, transport.ErrDuplicate):
			x.fact(false, "address", "%s, given by hand: a member answers", g.addr)
		case errors.Is(g.err, transport.ErrSelf):
			x.fact(false, "address", "%s, given by hand: this node itself", g.addr)
		case errors.Is(g.err, transport.ErrStranger):
			x.fact(true, "address", "%s, given by hand: a muster of another team answers", g.addr)
		case errors.Is(g.err, transport.ErrRefused):
			x.fact(true, "address", "%s, given by hand: does not know this laptop as a member", g.addr)
		case errors.Is(g.err, transport.ErrCut):
			x.fact(true, "address", "%s, given by hand: cut by a drill", g.addr)
		case isTimeout(g.err):
			x.fact(true, "address", "%s, given by hand: no answer", g.addr)
		default:
			x.fact(true, "address", "%s, given by hand: %s", g.addr, firstLine(g.err))
		}
	}
}

// factsOfPeers tells of clocks that differ and of the paths to those who are reached.
func (x *examination) factsOfPeers() {
	told := 0
	for _, p := range x.devices {
		if !p.ev.reachable {
			continue
		}
		if off := p.offset; off > clockFar || off < -clockFar {
			way := "ahead of"
			if off < 0 {
				way = "behind"
			}
			x.fact(false, "clock", "%s's clock is %s %s this one: harmless, but odd on the timeline", p.member.Handle, ageText(off.Abs()), way)
		}
		if told++; told <= pathsMax {
			x.fact(false, "path", "%s: round trip %.1f ms, packets of up to %d bytes", p.member.Handle, float64(p.rtt.Microseconds())/1000, p.path)
		}
	}
}
