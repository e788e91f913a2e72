//go:build netns

package nettest

import (
	"fmt"
	"testing"
	"time"
)

// TestAddressChanges: the address of a node is taken away and another one given, first on the side that joined, then on
// the side that everybody knew from the start. Words pass both ways again in seconds.
func TestAddressChanges(t *testing.T) {
	t.Run("link-local", func(t *testing.T) {
		l := newLab(t)
		a, b, c := l.together()
		for i, h := range []*host{c, a} {
			old := h.addresses("6")[0]
			since := time.Now()
			l.ip(h.ns, "addr", "del", old.String(), "dev", "eth0")
			l.ip(h.ns, "addr", "add", fmt.Sprintf("fe80::%d/64", i+1), "dev", "eth0")
			l.wordsPass(moveLimit, since, "new link-local address of "+h.name, h, a, b, c)
		}
	})
	t.Run("IPv4", func(t *testing.T) {
		l := newLab(t)
		for i, name := range []string{"a", "b", "c"} {
			h := l.plug(name)
			l.run("", "ip", "netns", "exec", h.ns, "sysctl", "-q", "-w", "net.ipv6.conf.all.disable_ipv6=1")
			l.ip(h.ns, "addr", "add", fmt.Sprintf("10.77.0.%d/24", i+1), "dev", "eth0")
		}
		a, b, c := l.hosts[0], l.hosts[1], l.hosts[2]
		for _, h := range l.hosts {
			h.start()
		}
		l.team(a, b, c)
		a.muster("declare", "checkout 500s", "--sev", "2")
		l.within(findLimit, time.Now(), "together by IPv4", one(a, b, c))
		for i, h := range []*host{c, a} {
			old := h.addresses("4")[0]
			since := time.Now()
			l.ip(h.ns, "addr", "del", old.String(), "dev", "eth0")
			l.ip(h.ns, "addr", "add", fmt.Sprintf("10.77.0.%d/24", i+21), "dev", "eth0")
			l.wordsPass(moveLimit, since, "new IPv4 address of "+h.name, h, a, b, c)
		}
	})
}

// TestKilledNodeIsBack: a node is killed and started again where it was. The others still hold connections to the dead
// one; it is one of them in two seconds all the same, with what was written meanwhile.
func TestKilledNodeIsBack(t *testing.T) {
	l := newLab(t)
	a, b, c := l.together()
	for _, h := range []*host{c, a} {
		h.up.kill()
		other := map[*host]*host{a: c, c: a}[h]
		l.note("while "+h.name+" was dead", other)
		since := h.launch()
		h.ready()
		t.Logf("%s is ready after %.2f s", h.name, time.Since(since).Seconds())
		l.wordsPass(returnLimit, since, h.name+" is back after kill -9", h, a, b, c)
	}
}

// wordsPass waits until a host and the others are one, with a word of each side that was written after the event.
func (l *lab) wordsPass(limit time.Duration, since time.Time, what string, moved *host, all ...*host) {
	l.t.Helper()
	l.note(what, all...)
	l.within(limit, since, what, one(all...))
	for _, h := range all {
		if n := len(h.notes()); n != len(moved.notes()) {
			l.t.Errorf("%s shows %d notes, %s shows %d", h.name, n, moved.name, len(moved.notes()))
		}
	}
}
