package discover

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/miekg/dns"
	"pgregory.net/rapid"
)

var compareUnexported = cmp.AllowUnexported(instance{})

// wire packs and decodes a message, as the network does.
func wire(t interface {
	Helper()
	Fatal(...any)
}, m *dns.Msg,
) *dns.Msg {
	t.Helper()
	b, err := m.Pack()
	if err != nil {
		t.Fatal(err)
	}
	back, err := decode(b)
	if err != nil {
		t.Fatal(err)
	}
	return back
}

// TestRecordsReadBack: what a node says about itself is what another one reads, whichever of its records were asked for.
func TestRecordsReadBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := recordSet{
			id:   identify([]byte("key"), rapid.Uint32().Draw(t, "day"), device('a')),
			port: rapid.Uint16Min(1).Draw(t, "port"),
			ttl:  time.Duration(rapid.IntRange(0, 120).Draw(t, "ttl")) * time.Second,
		}
		v4 := rapid.SliceOfN(rapid.Uint32(), 0, 4).Draw(t, "v4")
		for _, n := range v4 {
			s.addrs = append(s.addrs, netip.AddrFrom4([4]byte{byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)}))
		}
		if rapid.Bool().Draw(t, "v6") {
			s.addrs = append(s.addrs, netip.MustParseAddr("fe80::7"))
		}
		w := wants(rapid.IntRange(1, int(wantAll|wantMeta)).Draw(t, "wants"))
		m := s.response(w)
		if m == nil {
			if w&^wantHost != 0 {
				t.Fatalf("no answer to %b", w)
			}
			return
		}
		got, newer := instances(wire(t, m))
		if w == wantMeta {
			if len(got) != 0 {
				t.Fatalf("the list of services names instances: %+v", got)
			}
			return
		}
		want := []instance{{s.id.origin, s.id.tag, s.id.day, hostName(s.id.origin), s.port, s.ttl, nil}}
		byFamily := func(a, b netip.Addr) int { return a.Compare(b) }
		want[0].addrs = slices.SortedFunc(slices.Values(s.addrs), byFamily)
		slices.SortFunc(got[0].addrs, byFamily)
		if diff := cmp.Diff(want, got, compareUnexported, cmp.Comparer(func(a, b netip.Addr) bool { return a == b })); diff != "" || newer != 0 {
			t.Fatalf("newer %d, (-want +got):\n%s", newer, diff)
		}
	})
}

// TestNothingRevealingIsAnnounced: neither key nor device nor anything but keyed names is in a packet.
func TestNothingRevealingIsAnnounced(t *testing.T) {
	id := identify([]byte("team-discovery-key"), 20780, device('a'))
	b, err := recordsOn(lan(2, "eth0", "10.0.0.1/24"), id, 7946).response(wantAll | wantMeta).Pack()
	if err != nil {
		t.Fatal(err)
	}
	d := device('a')
	for _, secret := range []string{"team-discovery-key", d.String(), d.Short(), string(d[:8]), "eth0"} {
		if strings.Contains(string(b), secret) {
			t.Errorf("the packet holds %q", secret)
		}
	}
	if len(b) > 400 {
		t.Errorf("%d bytes: more than one small packet", len(b))
	}
}

// TestAsks lists which questions are ours and how they are answered.
func TestAsks(t *testing.T) {
	id := identify([]byte("key"), 20780, device('a'))
	inst, host := instanceName(id.origin), hostName(id.origin)
	const in, qu = dns.ClassINET, dns.ClassINET | topBit
	q := func(name string, rrtype, class uint16) dns.Question {
		return dns.Question{Name: name, Qtype: rrtype, Qclass: class}
	}
	for name, c := range map[string]struct {
		questions []dns.Question
		want      wants
		unicast   bool
	}{
		"browse":             {[]dns.Question{q(serviceName, dns.TypePTR, in)}, wantPTR, false},
		"browse, any case":   {[]dns.Question{q("_Muster._UDP.Local.", dns.TypePTR, in)}, wantPTR, false},
		"browse, unicast":    {[]dns.Question{q(serviceName, dns.TypePTR, qu)}, wantPTR, true},
		"any of service":     {[]dns.Question{q(serviceName, dns.TypeANY, in)}, wantPTR, false},
		"any class":          {[]dns.Question{q(serviceName, dns.TypePTR, dns.ClassANY)}, wantPTR, false},
		"list of services":   {[]dns.Question{q(metaName, dns.TypePTR, in)}, wantMeta, false},
		"resolve":            {[]dns.Question{q(inst, dns.TypeSRV, qu), q(inst, dns.TypeTXT, qu)}, wantSRV | wantTXT, true},
		"mixed":              {[]dns.Question{q(inst, dns.TypeSRV, qu), q(host, dns.TypeA, in)}, wantSRV | wantA, false},
		"any of instance":    {[]dns.Question{q(inst, dns.TypeANY, in)}, wantSRV | wantTXT, false},
		"addresses":          {[]dns.Question{q(host, dns.TypeA, in), q(host, dns.TypeAAAA, in)}, wantHost, false},
		"not ours, unicast":  {[]dns.Question{q("printer.local.", dns.TypeA, qu)}, 0, false},
		"other than unicast": {[]dns.Question{q("printer.local.", dns.TypeA, in), q(inst, dns.TypeSRV, qu)}, wantSRV, true},
		"other type":         {[]dns.Question{q(serviceName, dns.TypeSRV, in)}, 0, false},
		"other class":        {[]dns.Question{q(serviceName, dns.TypePTR, dns.ClassCHAOS)}, 0, false},
		"another's instance": {[]dns.Question{q("0011223344556677."+serviceName, dns.TypeSRV, in)}, 0, false},
		"nothing":            {nil, 0, false},
	} {
		m := &dns.Msg{Question: c.questions}
		if got, unicast := asks(m, id); got != c.want || unicast != c.unicast {
			t.Errorf("%s: %06b unicast %v, want %06b %v", name, got, unicast, c.want, c.unicast)
		}
	}
}

// TestKnownAnswersAreNotRepeated: an asker that knows us is not answered, unless it will soon forget.
func TestKnownAnswersAreNotRepeated(t *testing.T) {
	id, other := identify([]byte("key"), 20780, device('a')), identify([]byte("key"), 20780, device('b'))
	if w, _ := asks(wire(t, question(id, nil)), id); w != 0 {
		t.Errorf("our own question would be answered with %b", w)
	}
	if w, _ := asks(wire(t, question(other, []Origin{id.origin})), id); w != 0 {
		t.Errorf("a peer that lists us would be answered with %b", w)
	}
	if w, _ := asks(wire(t, question(other, nil)), id); w != wantPTR {
		t.Errorf("a peer that does not know us is answered with %b", w)
	}
	stale := question(other, []Origin{id.origin})
	stale.Answer[1].Header().Ttl = uint32(recordTTL/time.Second)/2 - 1
	if w, _ := asks(wire(t, stale), id); w != wantPTR {
		t.Errorf("a peer that will soon forget us is answered with %b", w)
	}
	services := &dns.Msg{Question: []dns.Question{{Name: metaName, Qtype: dns.TypePTR, Qclass: dns.ClassINET}}}
	services.Answer = recordSet{id: other, ttl: recordTTL}.records(wantMeta)
	if w, _ := asks(wire(t, services), id); w != 0 {
		t.Errorf("a list that has the service is answered with %b", w)
	}
	if n := len(question(id, make([]Origin, 100)).Answer); n != maxKnownAnswers {
		t.Errorf("%d known answers, want %d", n, maxKnownAnswers)
	}
}

// TestBadRecordsAreNoInstances: responses that do not keep to the format yield nothing and break nothing.
func TestBadRecordsAreNoInstances(t *testing.T) {
	id := identify([]byte("key"), 20780, device('a'))
	good := func() *dns.Msg {
		return recordsOn(lan(2, "eth0", "10.0.0.1/24", "fe80::1/64"), id, 7946).response(wantAll)
	}
	txt := func(m *dns.Msg) *dns.TXT { return m.Answer[2].(*dns.TXT) }
	srv := func(m *dns.Msg) *dns.SRV { return m.Answer[1].(*dns.SRV) }
	for name, c := range map[string]struct {
		spoil func(m *dns.Msg)
		found int
		newer int
	}{
		"as it should be":     {func(*dns.Msg) {}, 1, 0},
		"upper case name":     {func(m *dns.Msg) { srv(m).Hdr.Name = strings.ToUpper(srv(m).Hdr.Name) }, 1, 0},
		"unknown key":         {func(m *dns.Msg) { txt(m).Txt = append(txt(m).Txt, "later=1", "flag", "", "=") }, 1, 0},
		"repeated key":        {func(m *dns.Msg) { txt(m).Txt = append(txt(m).Txt, "v=2") }, 1, 0},
		"upper case key":      {func(m *dns.Msg) { txt(m).Txt[0] = "V=1" }, 1, 0},
		"the same again":      {func(m *dns.Msg) { m.Answer = append(m.Answer, m.Answer...) }, 1, 0},
		"no TXT":              {func(m *dns.Msg) { m.Answer = slices.Delete(m.Answer, 2, 3) }, 0, 0},
		"no SRV":              {func(m *dns.Msg) { m.Answer = slices.Delete(m.Answer, 1, 2) }, 0, 0},
		"empty TXT":           {func(m *dns.Msg) { txt(m).Txt = []string{""} }, 0, 0},
		"version 2":           {func(m *dns.Msg) { txt(m).Txt[0] = "v=2" }, 0, 1},
		"id of another":       {func(m *dns.Msg) { txt(m).Txt[1] = "id=0011223344556677" }, 0, 0},
		"tag too long":        {func(m *dns.Msg) { txt(m).Txt[2] += "0" }, 0, 0},
		"day beyond 32 bits":  {func(m *dns.Msg) { txt(m).Txt[3] = "day=4294967296" }, 0, 0},
		"day not a number":    {func(m *dns.Msg) { txt(m).Txt[3] = "day=-1" }, 0, 0},
		"port 0":              {func(m *dns.Msg) { srv(m).Port = 0 }, 0, 0},
		"label not a name":    {func(m *dns.Msg) { srv(m).Hdr.Name = "laptop." + serviceName }, 0, 0},
		"of another service":  {func(m *dns.Msg) { srv(m).Hdr.Name = id.origin.String() + "._ipp._tcp.local." }, 0, 0},
		"of a longer service": {func(m *dns.Msg) { srv(m).Hdr.Name = id.origin.String() + ".x" + serviceName }, 0, 0},
	} {
		m := good()
		c.spoil(m)
		found, newer := instances(wire(t, m))
		if len(found) != c.found || newer != c.newer {
			t.Errorf("%s: %d found, %d newer, want %d, %d", name, len(found), newer, c.found, c.newer)
		}
	}
}

// TestInstancesAreBounded: one packet yields only so many instances, addresses and seconds to live.
func TestInstancesAreBounded(t *testing.T) {
	m := new(dns.Msg)
	m.Response, m.Compress = true, true
	for i := range 20 {
		s := recordSet{id: identify([]byte("key"), uint32(i), device('a')), port: 1, ttl: 1000 * time.Hour}
		for j := range 20 {
			s.addrs = append(s.addrs, netip.AddrFrom4([4]byte{10, 0, 0, byte(j + 1)}))
		}
		m.Answer = append(m.Answer, s.records(wantAll)...)
	}
	found, _ := instances(wire(t, m))
	if len(found) != maxInstances {
		t.Errorf("%d instances, want %d", len(found), maxInstances)
	}
	for _, i := range found {
		if len(i.addrs) != maxLinkAddrs || i.ttl != maxTTL {
			t.Errorf("%d addresses for %v, want %d for %v", len(i.addrs), i.ttl, maxLinkAddrs, maxTTL)
		}
	}
}

// TestConcerns: packets about other services are not decoded, ours are, in any case of letters.
func TestConcerns(t *testing.T) {
	id := identify([]byte("key"), 20780, device('a'))
	ask := func(name string) []byte {
		b, err := new(dns.Msg).SetQuestion(name, dns.TypeANY).Pack()
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	for name, want := range map[string]bool{
		serviceName: true, "_MUSTER._udp.local.": true, metaName: true, instanceName(id.origin): true,
		hostName(id.origin): true, "_ipp._tcp.local.": false, "printer.local.": false,
		hostName(OriginOf([]byte("key"), 20780, device('b'))): false,
	} {
		if got := concerns(ask(name), id); got != want {
			t.Errorf("%s: %v, want %v", name, got, want)
		}
	}
	if concerns(ask("printer.local."), identity{}) {
		t.Errorf("without a team everything concerns us")
	}
}

func TestDecodeRefusesOtherMessages(t *testing.T) {
	for name, spoil := range map[string]func(*dns.Msg){
		"an update": func(m *dns.Msg) { m.Opcode = dns.OpcodeUpdate },
		"a failure": func(m *dns.Msg) { m.Rcode = dns.RcodeServerFailure },
	} {
		m := question(identity{}, nil)
		spoil(m)
		b, err := m.Pack()
		if err != nil {
			t.Fatal(err)
		}
		if got, err := decode(b); err == nil {
			t.Errorf("%s was read as %v", name, got)
		}
	}
	for n := range 12 {
		if _, err := decode(make([]byte, n)); err == nil {
			t.Errorf("%d bytes were read", n)
		}
	}
	if got := fmt.Sprint(instances(new(dns.Msg))); got != "[] 0" {
		t.Errorf("an empty message holds %s", got)
	}
}
