package sim

import (
	"errors"
	"maps"
	"slices"
	"time"

	"muster/node/wire"
)

// network is which links work, and how well. Links are directed: from, to.
type network struct {
	cut  map[[2]int]bool      // carry nothing
	clog map[[2]int]time.Time // hold everything back until then
	slow int                  // host whose links take a hundred times as long; -1: none
}

func (w *world) isCut(a, b *host) bool { return w.net.cut[[2]int{a.n, b.n}] }

// connect tells both ends that they can reach each other, if they can. Two laptops with one key cannot both be connected
// to a third: the one that comes later takes the place of the other.
func (w *world) connect(a, b *host) {
	if a == b || a.device == b.device || a.r == nil || b.r == nil || w.isCut(a, b) || w.isCut(b, a) || a.links[b.device] == b && b.links[a.device] == a {
		return
	}
	for _, e := range [2][2]*host{{a, b}, {b, a}} {
		if old := e[0].links[e[1].device]; old != nil && old != e[1] {
			w.disconnect(e[0], old)
		}
		if e[0].r == nil || e[1].r == nil { // a crash while disconnecting
			return
		}
	}
	if !w.meet(a, b) {
		return
	}
	a.links[b.device], b.links[a.device] = b, a
	a.r.PeerUp(w.mono(a), b.device)
	b.r.PeerUp(w.mono(b), a.device)
	w.work(a)
	w.work(b)
}

func (w *world) disconnect(a, b *host) {
	for _, e := range [2][2]*host{{a, b}, {b, a}} {
		if e[0].links[e[1].device] != e[1] {
			continue
		}
		delete(e[0].links, e[1].device)
		if e[0].r != nil {
			e[0].r.PeerDown(w.mono(e[0]), e[1].device)
			w.work(e[0])
		}
	}
}

// send carries a message over the network. The bytes are real.
func (w *world) send(from *host, env wire.Envelope) {
	to := from.links[env.To]
	if to == nil {
		return
	}
	if _, ok := env.Msg.(*wire.Bodies); ok && w.o.Bug == BugNoBodies {
		return
	}
	if from.hostile {
		w.tamper(from, to, env)
		return
	}
	w.carry(from, to, wire.Append(nil, env.Msg))
}

// carry sends one frame.
func (w *world) carry(from, to *host, frame []byte) {
	w.count("messages sent")
	copies := 1
	if !w.calm && w.rng.Float64() < w.o.Dup {
		copies = 2
		w.count("fault: message repeated")
	}
	for range copies {
		if w.isCut(from, to) {
			w.count("fault: message cut off")
			continue
		}
		if !w.calm && w.rng.Float64() < w.o.Drop {
			w.count("fault: message lost")
			continue
		}
		delay := w.about(w.o.Delay)
		if !w.calm && w.rng.Float64() < w.o.Reorder {
			delay *= 10
			w.count("fault: message overtaken")
		}
		if !w.calm && w.net.slow >= 0 && (from.n == w.net.slow || to.n == w.net.slow) {
			delay *= 100
			w.count("fault: message of a slow peer")
		}
		if until := w.net.clog[[2]int{from.n, to.n}]; w.now.Before(until) {
			delay += until.Sub(w.now)
			w.count("fault: message clogged")
		}
		boot, fromBoot := to.boots, from.boots
		held := false
		var arrive func()
		arrive = func() {
			switch {
			case to.r == nil || to.boots != boot || w.isCut(from, to):
				return
			case w.now.Before(to.paused):
				if !held {
					held = true
					w.in(to.paused.Sub(w.now), arrive)
				}
				return
			}
			w.deliver(from, to, frame, fromBoot == from.boots)
		}
		w.in(delay, arrive)
	}
}

// deliver hands a frame to a host. What no correct node would have sent ends the connection, and must have come from a
// hostile one.
func (w *world) deliver(from, to *host, frame []byte, current bool) {
	w.hash.Write(frame)
	if to.links[from.device] != from {
		return // the connection it came on is gone
	}
	m, err := wire.Parse(frame)
	if errors.Is(err, wire.ErrUnknown) {
		w.count("saw: frame of a later version")
		return
	}
	if err == nil && brings(m) && w.now.Before(to.full) {
		return // as good as lost: there is no room for it
	}
	if !to.r.Team().Admitted(from.device) {
		w.fail("%s takes what %s sends, and has thrown it out", to.name, from.name)
		return
	}
	w.note(to, "receive", "%s %T", from.name, m)
	if err == nil {
		err = to.r.Step(w.mono(to), from.device, m)
	}
	if err != nil {
		if !from.hostile {
			w.fail("%s refuses what %s sent: %w", to.name, from.name, err)
			return
		}
		w.count("saw: hostile message refused")
		w.trace(to, "refuse", "%s", from.name)
		w.disconnect(to, from)
		if current {
			w.in(w.about(3*time.Second), func() { w.connect(to, from) })
		}
	}
	w.work(to)
}

// brings reports whether a message has something to write in it.
func brings(m wire.Message) bool {
	switch m.(type) {
	case *wire.Batch, *wire.Bodies:
		return true
	}
	return false
}

// link sets which directed links carry nothing, and tells the ends of those that changed: of a cut some time later.
func (w *world) link(cut func(from, to *host) bool) {
	for _, a := range w.hosts {
		for _, b := range w.hosts[:a.n] {
			w.setLink(a, b, cut(a, b), cut(b, a))
		}
	}
}

func (w *world) setLink(a, b *host, there, back bool) {
	was := w.isCut(a, b) || w.isCut(b, a)
	w.net.cut[[2]int{a.n, b.n}], w.net.cut[[2]int{b.n, a.n}] = there, back
	switch is := there || back; {
	case is && !was:
		w.in(w.about(w.o.Notice), func() {
			if (w.isCut(a, b) || w.isCut(b, a)) && a.links[b.device] == b {
				w.disconnect(a, b)
			}
		})
	case was && !is:
		if a.links[b.device] == b { // nobody has noticed
			w.disconnect(a, b)
		}
		w.connect(a, b)
	}
}

// partition changes who reaches whom.
func (w *world) partition() {
	side := make([]int, len(w.hosts))
	for i := range side {
		side[i] = w.rng.IntN(3)
	}
	hub := w.rng.IntN(len(w.hosts))
	n := len(w.hosts)
	shapes := []struct {
		name string
		cut  func(a, b int) bool
	}{
		{"healed", func(a, b int) bool { return false }},
		{"split", func(a, b int) bool { return side[a] != side[b] }},
		{"one way", func(a, b int) bool { return side[a] < side[b] }},
		{"asymmetric", func(a, b int) bool { return (side[a]+2*side[b])%3 == 1 }},
		{"ring", func(a, b int) bool { return (a+1)%n != b && (b+1)%n != a }},
		{"star", func(a, b int) bool { return a != hub && b != hub }},
		{"alone", func(a, b int) bool { return a == hub || b == hub }},
	}
	s := shapes[w.rng.IntN(len(shapes))]
	w.trace(nil, "partition", "%-10s sides=%v hub=%d", s.name, side, hub)
	w.count("fault: partition " + s.name)
	w.link(func(a, b *host) bool { return s.cut(a.n, b.n) })
}

// clog makes one link hold everything back for a while.
func (w *world) clog() {
	a, b := w.hosts[w.rng.IntN(len(w.hosts))], w.hosts[w.rng.IntN(len(w.hosts))]
	d := w.about(20 * time.Second)
	w.net.clog[[2]int{a.n, b.n}] = w.now.Add(d)
	w.trace(a, "clog", "%s for %.1fs", b.name, d.Seconds())
	w.count("fault: clog")
}

// swizzle stops the links of one host in one random order and brings them back in another, which finds what a clean
// partition does not (after FoundationDB).
func (w *world) swizzle() {
	a := w.hosts[w.rng.IntN(len(w.hosts))]
	w.trace(a, "swizzle", "")
	w.count("fault: swizzle")
	for pass := range 2 {
		order := slices.Clone(w.hosts)
		w.rng.Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
		for i, b := range order {
			w.in(time.Duration(pass*20+i)*time.Second, func() {
				if b != a && !w.calm {
					w.setLink(a, b, pass == 0, pass == 0)
				}
			})
		}
	}
}

// reachable returns the hosts that a host is connected to.
func (h *host) reachable() []*host {
	return slices.SortedFunc(maps.Values(h.links), func(a, b *host) int { return a.n - b.n })
}
