//go:build netns

package nettest

import (
	"testing"
	"time"
)

const (
	findLimit   = 5 * time.Second // from the start of the last node, or from when it begins to join, to everyone seeing everyone
	healLimit   = 5 * time.Second // from the heal of a cut to one board
	moveLimit   = 5 * time.Second // from a new address to words passing both ways
	returnLimit = 2 * time.Second // from the start of a killed node to words passing both ways
)

// TestFreshNodesFindEachOther: three new laptops on a switch, link-local addresses only. One invites, the others join
// with a code that can hold no address, and all see each other.
func TestFreshNodesFindEachOther(t *testing.T) {
	l := newLab(t)
	a, b, c := l.plugs()
	l.settled(a, b)
	l.settled(b, c)
	began := a.launch()
	b.launch()
	c.launch()
	for _, h := range l.hosts {
		h.ready()
	}
	since := l.team(a, b, c)
	l.within(findLimit, since, "the last of three fresh nodes joined and all seeing each other", one(a, b, c))
	t.Logf("%.2f s since the first of them started", time.Since(began).Seconds())
	a.muster("declare", "checkout 500s", "--sev", "2")
	if out, code := b.muster("note", "the pool is exhausted"); code != 0 {
		t.Errorf("a write among nodes that see each other exits %d: %s", code, out)
	}
	l.within(findLimit, time.Now(), "a board of all", one(a, b, c))

	for _, h := range l.hosts {
		h.stop()
	}
	since = a.launch()
	b.launch()
	c.launch()
	l.within(findLimit, since, "all started again at once", one(a, b, c))
}

// TestFindWithoutMulticast: the switch drops the groups of multicast DNS, as many access points do. The nodes' own
// announcement finds them all the same.
func TestFindWithoutMulticast(t *testing.T) {
	l := newLab(t)
	a, b, c := l.plugs()
	l.settled(a, b)
	l.settled(b, c)
	l.drop("ether daddr 33:33:00:00:00:fb", "ether daddr 01:00:5e:00:00:fb")
	a.launch()
	b.launch()
	c.launch()
	for _, h := range l.hosts {
		h.ready()
	}
	since := l.team(a, b, c)
	l.within(findLimit, since, "found without multicast DNS", one(a, b, c))
}

// TestFindOnLateInterface: a node that started with its cable out finds the others when it is plugged in.
func TestFindOnLateInterface(t *testing.T) {
	l := newLab(t)
	a, b, c := l.plugs()
	for _, h := range l.hosts {
		h.start()
	}
	l.team(a, b, c)
	l.within(findLimit, time.Now(), "together", one(a, b, c))
	c.stop()
	l.ip(l.sw(), "link", "set", c.port, "down")
	c.start()
	a.muster("declare", "checkout 500s", "--sev", "2")
	l.within(findLimit, time.Now(), "the cable is out", apart(c, a, b))
	l.ip(l.sw(), "link", "set", c.port, "up")
	l.within(findLimit, time.Now(), "together after the cable is in", one(a, b, c))
}
