//go:build netns

package nettest

import (
	"bytes"
	"cmp"
	"encoding/base32"
	"encoding/base64"
	"encoding/hex"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"
)

// A leak is something that a stranger on the link must not read.
type leak struct {
	what string
	text string // as it is shown; any case of it counts
	raw  []byte // as it is stored, instead of text
}

// forms returns what to look for, in lower case where text is: the thing itself, and what encodings make of it.
func (k *leak) forms() (exact, folded [][]byte) {
	b := k.raw
	if k.text != "" {
		b = []byte(k.text)
		folded = append(folded, bytes.ToLower(b))
	}
	exact = [][]byte{b, []byte(base64.RawStdEncoding.EncodeToString(b)[:len(b)*4/3]), []byte(base64.RawURLEncoding.EncodeToString(b)[:len(b)*4/3])}
	// The last character of base 32 may hold bits of what follows.
	short := func(s string) []byte { return []byte(strings.ToLower(s[:len(b)*8/5])) }
	folded = append(folded, []byte(hex.EncodeToString(b)), short(base32.StdEncoding.EncodeToString(b)), short(base32.HexEncoding.EncodeToString(b)))
	return exact, folded
}

// in returns the form in which a thing is in one of the texts; empty: it is in none.
func (k *leak) in(texts [][]byte) string {
	exact, folded := k.forms()
	for _, text := range texts {
		for _, f := range exact {
			if bytes.Contains(text, f) {
				return string(f)
			}
		}
		lower := bytes.ToLower(text)
		for _, f := range folded {
			if bytes.Contains(lower, f) {
				return string(f)
			}
		}
	}
	return ""
}

// allowed is what a stranger may read where nothing is encrypted: that muster runs here, keyed hashes that change every
// day, and numbers.
var allowed = regexp.MustCompile(`^(_muster|_muster-join|_udp|_tcp|local|_services|_dns-sd|v=1|[0-9a-f]{16}|id=[0-9a-f]{16}|tag=[0-9a-f]{16}|day=[0-9]{1,7})$`)

var (
	mustHold = []string{"_muster", "_udp", "local"} // else nothing was announced
	word     = regexp.MustCompile(`[ -~]{4,}`)
)

// TestStrangerLearnsOnlyThatMusterRuns: two laptops meet, fight an outage, are cut, heal, stop and start, while somebody
// records every frame of the switch and of every laptop. Nothing of the team, its people, its incident or its devices is
// in the record: not in a packet, not in the part of QUIC's handshake that anybody can decrypt, not compressed.
//
// T1: grep of the capture for team, person, device and incident: 0 hits.
func TestStrangerLearnsOnlyThatMusterRuns(t *testing.T) {
	l := newLab(t)
	a, b := l.plug("annabelle"), l.plug("bartholomew")
	taps := []*tap{l.tap(l.sw()), l.tap(a.ns), l.tap(b.ns)}
	hosts := []*host{a, b}
	for _, h := range hosts {
		h.start()
	}
	secrets := []leak{
		{what: "team", text: "Quicksilver Rescue"},
		{what: "person", text: a.name},
		{what: "person", text: b.name},
		{what: "title", text: "checkout answers 500"},
		{what: "note", text: "the pool is exhausted"},
		{what: "note", text: "written while cut off"},
		{what: "task", text: "restart the gateway"},
		{what: "phone", text: "+44 20 7946 0958"},
		{what: "callsign", text: "Nightjar-7"},
		{what: "service", text: "payments-api"},
		{what: "decision", text: "fail over to dc2"},
	}
	told := func(what string) string {
		i := slices.IndexFunc(secrets, func(k leak) bool { return k.what == what })
		return secrets[i].text
	}
	a.muster("init", "--name", a.name, "--team", told("team"))
	words, code := a.invites(9)
	b.muster("join", cmp.Or(words, code), "--name", b.name)
	b.muster("profile", "--phone", told("phone"), "--callsign", told("callsign"))
	a.muster("declare", told("title"), "--sev", "2", "--svc", told("service"))
	l.within(2*findLimit, time.Now(), "together", one(hosts...))
	b.muster("note", told("note"))
	a.muster("do", "@"+b.name, told("task"))
	b.muster("decide", told("decision"))
	l.within(findLimit, time.Now(), "one board", one(hosts...))
	l.isolate(b)
	b.muster("note", "written while cut off")
	a.muster("note", "written while cut off by the other")
	l.heal()
	l.within(2*findLimit+15*time.Second, time.Now(), "one board after the heal", one(hosts...))
	secrets = append(secrets, l.identities(hosts...)...)
	secrets = append(secrets, invitation(t, words, code)...)
	b.stop()
	b.start()
	l.within(2*findLimit, time.Now(), "together again", one(hosts...))
	for _, h := range hosts {
		h.muster("down")
		h.up.wait()
	}
	for _, p := range taps {
		p.stop()
	}
	l.inspect(secrets, taps)
}

// inspect looks for secrets in all that a stranger can make of what passed.
func (l *lab) inspect(secrets []leak, taps []*tap) {
	l.t.Helper()
	seen := map[string]bool{} // words that were in no encrypted packet
	frames, size, announced := 0, 0, 0
	for _, p := range taps {
		var texts [][]byte
		for _, f := range p.frames {
			frames, size = frames+1, size+len(f)
			texts = append(texts, f)
			payload, ok := udp(f)
			if !ok || len(payload) == 0 || payload[0]&0x40 != 0 { // QUIC sets the second bit
				continue
			}
			announced++
			for _, w := range word.FindAll(spoken(payload), -1) {
				seen[string(w)] = true
			}
		}
		hellos := decrypt(p.frames)
		if p.ns == l.sw() && !slices.ContainsFunc(hellos, func(b []byte) bool { return bytes.Contains(b, []byte("muster/1")) }) {
			l.t.Errorf("%d decrypted parts of handshakes, none of which names the protocol", len(hellos))
		}
		texts = slices.Concat(texts, hellos, inflate(p.frames))
		for _, k := range secrets {
			if form := k.in(texts); form != "" {
				l.t.Errorf("%s %q %x can be read in %s, as %q", k.what, k.text, k.raw, p.ns, form)
			}
		}
	}
	var words []string
	for w := range seen { // any order: sorted below
		words = append(words, label(w))
	}
	slices.Sort(words)
	words = slices.Compact(words)
	for _, w := range words {
		if len(w) >= byChance && !allowed.MatchString(w) {
			l.t.Errorf("%q is said in the clear", w)
		}
	}
	for _, w := range mustHold {
		if !slices.Contains(words, w) {
			l.t.Errorf("%q is nowhere in %d packets in the clear: was nothing announced", w, announced)
		}
	}
	l.t.Logf("%d frames, %d bytes, %d packets in the clear; %d secrets looked for, in the clear is %q", frames, size, announced, len(secrets), words)
}

// byChance is how long a run of printable characters must be to mean something: keyed hashes and addresses are bytes, and
// four or five of those in a row are printable every other day. Secrets are looked for by themselves, however short.
const byChance = 8

// An announcement of our own is a head, which says what it is and of which day, and three keyed hashes of eight bytes.
const (
	announceMagic = "\x01mst"
	announceHead  = 10 // bytes
	announceSize  = announceHead + 3*8
)

// spoken returns what of a packet can be words: not the hashes of an announcement. In one run of sixty some eight of their
// twenty-four bytes are printable in a row.
func spoken(payload []byte) []byte {
	if len(payload) == announceSize && bytes.HasPrefix(payload, []byte(announceMagic)) {
		return payload[:announceHead]
	}
	return payload
}

// label returns what a run of printable characters of a DNS packet says. The length of a text before it may be printable
// too: as in "+tag=0011223344556677".
func label(run string) string {
	for from := range min(2, len(run)) {
		if allowed.MatchString(run[from:]) {
			return run[from:]
		}
	}
	return run
}

// identities returns what names the team, the devices and the incidents in protocols.
func (l *lab) identities(hosts ...*host) []leak {
	l.t.Helper()
	var out []leak
	for _, h := range hosts {
		st, err := h.status()
		if err != nil {
			l.t.Fatal(err)
		}
		device, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(strings.ToUpper(st.Device))
		if err != nil {
			l.t.Fatalf("device %q: %v", st.Device, err)
		}
		out = append(out, leak{what: "device", raw: device}, leak{what: "start of a device", raw: device[:8]})
		for _, inc := range st.Incidents {
			id, err := hex.DecodeString(inc.ID)
			if err != nil {
				l.t.Fatal(err)
			}
			out = append(out, leak{what: "incident", raw: id}, leak{what: "start of an incident", raw: id[:8]}, leak{what: "name of an incident", text: inc.Name})
		}
		dirs, err := filepath.Glob(filepath.Join(h.dir, "teams", "*"))
		if err != nil || len(dirs) == 0 {
			l.t.Fatalf("no team below %s: %v", h.dir, err)
		}
		for _, d := range dirs {
			id, err := hex.DecodeString(filepath.Base(d))
			if err != nil {
				l.t.Fatal(err)
			}
			out = append(out, leak{what: "team", raw: id[:8]})
		}
	}
	if name, err := os.Hostname(); err == nil && tellsApart(name) {
		out = append(out, leak{what: "machine", text: name})
	}
	return out
}

// invitation returns what lets somebody into the team. The number before the words says only which invitation is meant.
func invitation(t *testing.T, words, code string) []leak {
	t.Helper()
	b, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(strings.ToUpper(strings.TrimPrefix(code, "muster-")))
	if err != nil || len(b) < 17 {
		t.Fatalf("code %q: %v", code, err)
	}
	out := []leak{{what: "secret of the invitation", raw: b[1:17]}}
	if words != "" {
		_, secret, _ := strings.Cut(words, "-")
		out = append(out, leak{what: "words of the invitation", text: words}, leak{what: "words of the invitation", text: secret})
		for _, w := range strings.Split(secret, "-") {
			if tellsApart(w) {
				out = append(out, leak{what: "word of the invitation", text: w})
			}
		}
	}
	return out
}

// public is what is said in the clear of every node, for tellsApart.
const public = "_muster-join _udp _tcp _services _dns-sd local"

// tellsApart reports whether a short text that is found was leaked: "local" is one of the words of invitations and may be
// the name of a machine, and fewer than five letters are in random bytes by chance.
func tellsApart(text string) bool {
	return len(text) >= 5 && !strings.Contains(public, strings.ToLower(text))
}

// inflate returns what looks compressed and is.
func inflate(frames [][]byte) [][]byte {
	magic := []byte{0x28, 0xb5, 0x2f, 0xfd}
	d, err := zstd.NewReader(nil, zstd.WithDecoderMaxMemory(1<<20), zstd.WithDecoderConcurrency(1))
	if err != nil {
		panic(err) // the options are constant
	}
	defer d.Close()
	var out [][]byte
	for _, f := range frames {
		for at := bytes.Index(f, magic); at >= 0; {
			if text, err := d.DecodeAll(f[at:], nil); err == nil {
				out = append(out, text)
			}
			next := bytes.Index(f[at+1:], magic)
			if next < 0 {
				break
			}
			at += 1 + next
		}
	}
	return out
}

// say sends a text in the clear to everybody on the link.
func (l *lab) say(h *host, text string) {
	l.t.Helper()
	err := inside(h.ns, func() error {
		link, err := net.InterfaceByName("eth0")
		if err != nil {
			return err
		}
		// The number and not the name: Go remembers the names of one namespace for all.
		c, err := net.DialUDP("udp6", nil, &net.UDPAddr{IP: net.IPv6linklocalallnodes, Port: 9, Zone: strconv.Itoa(link.Index)})
		if err != nil {
			return err
		}
		if _, err = c.Write([]byte(text)); err != nil {
			return err
		}
		return c.Close()
	})
	if err != nil {
		l.t.Fatal(err)
	}
}
