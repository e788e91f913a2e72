//go:build netns

package nettest

import (
	"cmp"
	"testing"
	"time"
)

const (
	boardLimit = 10 * time.Second // generous: what it takes is printed
	middleTrys = 3                // with words, and with a code, each
)

// TestTwoMachinesShareABoard: two machines that have never met, no internet, no address but link-local ones. One invites,
// the other types what it is told, and what is declared on one is on the other's screen.
//
// T2: the machine's part from the invitation to the shared board, printed; below a second on an idle machine.
func TestTwoMachinesShareABoard(t *testing.T) {
	l := newLab(t)
	a, b := l.plug("ann"), l.plug("ben")
	l.settled(a, b)
	for _, h := range l.hosts {
		h.start()
	}
	a.muster("init", "--name", a.name, "--team", "net")
	a.muster("declare", "checkout 500s", "--sev", "2")
	since := time.Now()
	words, code := a.invites(1)
	invited := time.Since(since)
	b.muster("join", cmp.Or(words, code), "--name", b.name)
	joined := time.Since(since)
	took := l.within(boardLimit, since, "from the invitation to a shared board", func() string {
		if why := one(a, b)(); why != "" {
			return why
		}
		if st, err := b.status(); err != nil || len(st.Incidents) != 1 {
			return "no incident yet"
		}
		return ""
	})
	t.Logf("invited with %q after %.2f s, joined after %.2f s, one board after %.2f s", cmp.Or(words, "a code"),
		invited.Seconds(), joined.Seconds(), took.Seconds())
}

// TestNobodyJoinsThroughAMiddle: an outsider has made himself the only way between the inviter and who was invited, with
// the address of each on the side of the other, and ends their connections with his own key. Whatever they tell each
// other through him, words or code, nobody joins, he no more than the one who was invited; and when he is gone, the one
// who was invited does.
//
// T2: joins through a machine in the middle: 0.
func TestNobodyJoinsThroughAMiddle(t *testing.T) {
	l := newLab(t)
	a, b := l.plug("ann"), l.plug("ben")
	l.settled(a, b)
	m := l.between(a, b)
	for _, h := range []*host{a, b} {
		h.start()
	}
	a.muster("init", "--name", a.name, "--team", "net")
	a.muster("declare", "checkout 500s", "--sev", "2")
	for range middleTrys {
		words, code := a.invites(1)
		for _, said := range []string{words, code} {
			if said == "" {
				continue
			}
			since, before := time.Now(), m.connections.Load()
			out, why, exit := b.tries("join", said, "--name", b.name)
			t.Logf("%.2f s, %d connections: exit %d: %s", time.Since(since).Seconds(), m.connections.Load()-before, exit, why)
			if exit == 0 {
				t.Errorf("joined through the middle: %s", out)
			}
			if m.connections.Load() == before {
				t.Error("the middle was not asked: nothing is tested")
			}
		}
	}
	if got := a.members(); got != a.name {
		t.Errorf("the team is %s, want %s alone", got, a.name)
	}
	t.Logf("the middle had %d connections and read %d bytes", m.connections.Load(), m.bytes.Load())
	m.stop()
	l.heal()
	for _, h := range []*host{a, b} {
		l.ip(h.ns, "neigh", "flush", "dev", "eth0")
	}
	words, code := a.invites(1)
	b.muster("join", cmp.Or(words, code), "--name", b.name)
	l.within(boardLimit, time.Now(), "together when the middle is gone", one(a, b))
}
