//go:build netns

package nettest

import (
	"fmt"
	"slices"
	"testing"
	"time"
)

// TestHealsAfterCut: one of three is alone for a minute and a half, both sides write, and five seconds after the heal
// all show one board with everything on it.
func TestHealsAfterCut(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	a, b, c := l.together()
	l.isolate(c)
	if c.pings(a) {
		t.Fatal("the cut does not cut")
	}
	times := l.pass(90*time.Second, 10*time.Second, func(gone time.Duration) {
		t.Logf("cut for %.0f s", gone.Seconds())
		l.note(fmt.Sprintf("at %.0f s", gone.Seconds()), a, b, c)
	})
	if why := apart(c, a, b)(); why != "" {
		t.Errorf("after the whole cut %s", why)
	}
	if _, code := c.muster("note", "last words alone"); code != 3 {
		t.Errorf("a write that reaches nobody exits %d, want 3", code)
	}
	since := time.Now()
	l.heal()
	l.within(healLimit, since, "one board after a cut of 90 s", one(a, b, c))
	l.sameNotes(3*times + 1)
}

// TestHealsAfterOneWayCut: what b sends reaches a, what a sends is lost on its way to b. Both write; after the heal both
// show everything. The third, which reaches both, carries what it can meanwhile.
func TestHealsAfterOneWayCut(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	a, b, c := l.together()
	l.drop("iifname " + a.port + " oifname " + b.port)
	if a.pings(b) {
		t.Fatal("the cut does not cut")
	}
	times := l.pass(30*time.Second, 5*time.Second, func(gone time.Duration) {
		t.Logf("one-way cut for %.0f s", gone.Seconds())
		l.note(fmt.Sprintf("at %.0f s", gone.Seconds()), a, b)
	})
	if why := apart(b, a)(); why != "" {
		t.Errorf("after 30 s of silence %s", why)
	}
	since := time.Now()
	l.heal()
	l.within(healLimit, since, "one board after a one-way cut of 30 s", one(a, b, c))
	l.sameNotes(2 * times)
}

// together is three nodes in one team that have an incident.
func (l *lab) together() (a, b, c *host) {
	l.t.Helper()
	a, b, c = l.plugs()
	for _, h := range l.hosts {
		h.launch()
	}
	for _, h := range l.hosts {
		h.ready()
	}
	l.team(a, b, c)
	a.muster("declare", "checkout 500s", "--sev", "2")
	l.within(2*findLimit, time.Now(), "together", one(a, b, c)) // not what is measured here
	return a, b, c
}

// sameNotes checks that every board has the same notes in the same order, and how many.
func (l *lab) sameNotes(want int) {
	l.t.Helper()
	first := l.hosts[0].notes()
	if len(first) != want {
		l.t.Errorf("%d notes on the board, want %d: %q", len(first), want, first)
	}
	for _, h := range l.hosts[1:] {
		if got := h.notes(); !slices.Equal(got, first) {
			l.t.Errorf("%s shows %q, %s shows %q", h.name, got, l.hosts[0].name, first)
		}
	}
}
