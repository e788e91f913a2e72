package discover

import (
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/miekg/dns"
)

const (
	serviceName = "_muster._udp.local."
	metaName    = "_services._dns-sd._udp.local." // "which services are there?" (RFC 6763, 9)
	recordsV    = "1"                             // TXT v

	topBit = 1 << 15 // of a class: cache flush in a record, unicast response wanted in a question
)

// instanceName returns the full name of the DNS-SD instance of an origin.
func instanceName(o Origin) string { return o.String() + "." + serviceName }

// hostName returns the name that an origin's addresses are under.
func hostName(o Origin) string { return o.String() + ".local." }

// wants is a set of our records.
type wants uint8

const (
	wantMeta wants = 1 << iota
	wantPTR
	wantSRV
	wantTXT
	wantA
	wantAAAA

	wantHost = wantA | wantAAAA
	wantAll  = wantPTR | wantSRV | wantTXT | wantHost // what an announcement holds
)

// A recordSet is what this node says about itself on one link.
type recordSet struct {
	id    identity
	port  uint16
	addrs []netip.Addr
	ttl   time.Duration
	plain bool // for an asker that is no mDNS host: no cache-flush bit
}

// recordsOn returns the records for link: only the addresses of that link, for no other is known to be reachable over
// it.
func recordsOn(l Link, id identity, port uint16) recordSet {
	s := recordSet{id: id, port: port, ttl: recordTTL}
	for _, p := range l.Addrs[:min(len(l.Addrs), maxLinkAddrs)] {
		s.addrs = append(s.addrs, p.Addr())
	}
	return s
}

// records returns the records of the set that are in w.
func (s recordSet) records(w wants) []dns.RR {
	instance, host := instanceName(s.id.origin), hostName(s.id.origin)
	hdr := func(name string, rrtype uint16, unique bool) dns.RR_Header {
		h := dns.RR_Header{Name: name, Rrtype: rrtype, Class: dns.ClassINET, Ttl: uint32(s.ttl / time.Second)}
		if unique && !s.plain {
			h.Class |= topBit
		}
		return h
	}
	var rrs []dns.RR
	if w&wantMeta != 0 {
		rrs = append(rrs, &dns.PTR{Hdr: hdr(metaName, dns.TypePTR, false), Ptr: serviceName})
	}
	if w&wantPTR != 0 {
		rrs = append(rrs, &dns.PTR{Hdr: hdr(serviceName, dns.TypePTR, false), Ptr: instance})
	}
	if w&wantSRV != 0 {
		rrs = append(rrs, &dns.SRV{Hdr: hdr(instance, dns.TypeSRV, true), Port: s.port, Target: host})
	}
	if w&wantTXT != 0 {
		rrs = append(rrs, &dns.TXT{Hdr: hdr(instance, dns.TypeTXT, true), Txt: []string{
			"v=" + recordsV, "id=" + s.id.origin.String(), "tag=" + s.id.tag.String(),
			"day=" + strconv.FormatUint(uint64(s.id.day), 10),
		}})
	}
	for _, a := range s.addrs {
		switch {
		case a.Is4() && w&wantA != 0:
			rrs = append(rrs, &dns.A{Hdr: hdr(host, dns.TypeA, true), A: net.IP(a.AsSlice())})
		case a.Is6() && w&wantAAAA != 0:
			rrs = append(rrs, &dns.AAAA{Hdr: hdr(host, dns.TypeAAAA, true), AAAA: net.IP(a.AsSlice())})
		}
	}
	return rrs
}

// response returns the message that answers w, with the rest of the set beside it so that one packet is enough; nil if
// there is nothing to answer.
func (s recordSet) response(w wants) *dns.Msg {
	answer := s.records(w)
	if len(answer) == 0 {
		return nil
	}
	m := &dns.Msg{Compress: true, Answer: answer}
	m.Response, m.Authoritative = true, true
	if w&^wantMeta != 0 {
		m.Extra = s.records(wantAll &^ w)
	}
	return m
}

// question returns the message that asks who offers the service. Our own instance is listed as known: we hear our own
// packets and need not answer them; known are others heard so lately that they need not either (RFC 6762, 7.1).
func question(own identity, known []Origin) *dns.Msg {
	m := &dns.Msg{Compress: true}
	m.Question = []dns.Question{{Name: serviceName, Qtype: dns.TypePTR, Qclass: dns.ClassINET}}
	if own.key != nil {
		known = append([]Origin{own.origin}, known...)
	}
	for _, o := range known[:min(len(known), maxKnownAnswers)] {
		m.Answer = append(m.Answer, &dns.PTR{
			Hdr: dns.RR_Header{Name: serviceName, Rrtype: dns.TypePTR, Class: dns.ClassINET, Ttl: uint32(recordTTL / time.Second)},
			Ptr: instanceName(o),
		})
	}
	return m
}

// asks returns which of our records a query asks for and does not already know, and whether an answer to the asker
// alone will do.
func asks(m *dns.Msg, id identity) (w wants, unicast bool) {
	instance, host := instanceName(id.origin), hostName(id.origin)
	unicast = true
	for _, q := range m.Question {
		if class := q.Qclass &^ topBit; class != dns.ClassINET && class != dns.ClassANY {
			continue
		}
		kinds := map[uint16]wants{}
		switch strings.ToLower(q.Name) {
		case metaName:
			kinds[dns.TypePTR] = wantMeta
		case serviceName:
			kinds[dns.TypePTR] = wantPTR
		case instance:
			kinds[dns.TypeSRV], kinds[dns.TypeTXT] = wantSRV, wantTXT
		case host:
			kinds[dns.TypeA], kinds[dns.TypeAAAA] = wantA, wantAAAA
		}
		var asked wants
		for rrtype, kind := range kinds {
			if q.Qtype == rrtype || q.Qtype == dns.TypeANY {
				asked |= kind
			}
		}
		if asked != 0 && q.Qclass&topBit == 0 {
			unicast = false
		}
		w |= asked
	}
	for _, rr := range m.Answer {
		ptr, ok := rr.(*dns.PTR)
		if !ok || time.Duration(ptr.Hdr.Ttl)*time.Second < recordTTL/2 {
			continue
		}
		switch name, to := strings.ToLower(ptr.Hdr.Name), strings.ToLower(ptr.Ptr); {
		case name == serviceName && to == instance:
			w &^= wantPTR
		case name == metaName && to == serviceName:
			w &^= wantMeta
		}
	}
	return w, unicast && w != 0
}

// An instance is what one response says about a node.
type instance struct {
	origin Origin
	tag    Tag
	day    uint32
	host   string // SRV target, in lower case
	port   uint16
	ttl    time.Duration // 0: leaving
	addrs  []netip.Addr  // as claimed
}

// instances reads the nodes described in a response, at most [maxInstances]. Of an instance whose SRV or TXT is missing or not as
// the package comment says there is no trace; newer counts those of another version.
func instances(m *dns.Msg) (found []instance, newer int) {
	rrs := slices.Concat(m.Answer, m.Ns, m.Extra)
	for _, rr := range rrs {
		srv, ok := rr.(*dns.SRV)
		if !ok || len(found) == maxInstances {
			continue
		}
		name := strings.ToLower(srv.Hdr.Name)
		label, ok := strings.CutSuffix(name, "."+serviceName)
		if !ok {
			continue
		}
		origin, err := parseEight(label)
		if err != nil || slices.ContainsFunc(found, func(i instance) bool { return i.origin == Origin(origin) }) {
			continue
		}
		i := instance{
			origin: Origin(origin), host: strings.ToLower(srv.Target), port: srv.Port,
			ttl: min(time.Duration(srv.Hdr.Ttl)*time.Second, maxTTL),
		}
		switch ok, other := i.readTXT(rrs, name); {
		case other:
			newer++
		case ok && i.port != 0:
			i.readAddrs(rrs)
			found = append(found, i)
		}
	}
	return found, newer
}

// readTXT fills in what the instance's TXT record says. Keys we do not know belong to later versions and are ignored;
// of a key that is repeated the first counts (RFC 6763, 6.4).
func (i *instance) readTXT(rrs []dns.RR, name string) (ok, otherVersion bool) {
	at := slices.IndexFunc(rrs, func(rr dns.RR) bool {
		_, isTXT := rr.(*dns.TXT)
		return isTXT && strings.EqualFold(rr.Header().Name, name)
	})
	if at < 0 {
		return false, false
	}
	values := map[string]string{} // key -> value
	for _, s := range rrs[at].(*dns.TXT).Txt {
		key, value, _ := strings.Cut(s, "=")
		if key = strings.ToLower(key); key != "" {
			if _, seen := values[key]; !seen {
				values[key] = value
			}
		}
	}
	if v := values["v"]; v != recordsV {
		return false, v != ""
	}
	tag, err := parseEight(values["tag"])
	if err != nil || values["id"] != i.origin.String() {
		return false, false
	}
	day, err := strconv.ParseUint(values["day"], 10, 32)
	if err != nil {
		return false, false
	}
	i.tag, i.day = Tag(tag), uint32(day)
	return true, false
}

// readAddrs fills in the addresses of the instance's host.
func (i *instance) readAddrs(rrs []dns.RR) {
	for _, rr := range rrs {
		if len(i.addrs) == maxLinkAddrs || !strings.EqualFold(rr.Header().Name, i.host) {
			continue
		}
		var ip net.IP
		switch v := rr.(type) {
		case *dns.A:
			ip = v.A
		case *dns.AAAA:
			ip = v.AAAA
		}
		if a, ok := netip.AddrFromSlice(ip); ok {
			i.addrs = append(i.addrs, a.Unmap())
		}
	}
}

// concerns reports whether a packet may be about this service, without decoding it: on a busy network most are about
// printers and television sets. Labels are never compressed at their first use, so their text is in the packet.
func concerns(b []byte, id identity) bool {
	return containsFold(b, "_muster") || containsFold(b, "_dns-sd") || id.key != nil && containsFold(b, id.origin.String())
}

// containsFold reports whether b holds the lower-case text s in any case.
func containsFold(b []byte, s string) bool {
	for ; len(b) >= len(s); b = b[1:] {
		if strings.EqualFold(string(b[:len(s)]), s) {
			return true
		}
	}
	return false
}
