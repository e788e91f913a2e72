package sim

import (
	"maps"
	"slices"
	"time"

	"muster/crdt"
	"muster/node/replica"
)

// faults queues everything that goes wrong.
func (w *world) faults() {
	w.every(w.o.Partition, w.partition)
	w.every(w.o.Clog, w.clog)
	w.every(w.o.Swizzle, w.swizzle)
	w.every(w.o.Crash, w.crash)
	w.every(w.o.Pause, w.pause)
	w.every(w.o.Step, w.stepClock)
	w.every(w.o.Full, w.fillUp)
	w.every(w.o.Flip, w.flip)
	w.every(w.o.Restore, w.backUp)
	if w.o.Clone {
		w.in(time.Duration(w.rng.Int64N(int64(w.o.Span))), w.copyDisk)
	}
	if w.o.Hostile {
		w.every(w.o.Span/40, w.mischief)
	}
	if w.o.Newer {
		w.every(w.o.Span/15, w.writeNewer)
	}
	w.every(w.o.Trust, w.govern)
	w.every(w.o.Feud, w.feud)
	if w.o.Thief {
		w.in(time.Duration(w.rng.Int64N(int64(w.o.Span/2))), w.steal)
	}
	if w.o.Founder {
		w.in(time.Duration(w.rng.Int64N(int64(w.o.Span))), w.loseFounder)
	}
}

func running(h *host) bool { return h.r != nil }

// crash takes a host down, at once or in the middle of what it does next, and starts it again some time later.
func (w *world) crash() {
	h := w.anyHost(running)
	if h == nil || h.crash != crashNot {
		return
	}
	switch point := crashPoint(w.rng.IntN(4)); point {
	case crashNot:
		w.down(h, "idle")
	default:
		h.crash = point
	}
}

// pause stops a process for a while, as a debugger or a closed lid does; sometimes all of them, for days.
func (w *world) pause() {
	if w.rng.IntN(3) == 0 {
		d := 10*time.Second + time.Duration(w.rng.Int64N(int64(72*time.Hour)))
		w.trace(nil, "sleep", "%.0fs", d.Seconds())
		w.count("fault: everyone sleeps")
		w.now = w.now.Add(d)
		return
	}
	h := w.anyHost(running)
	if h == nil {
		return
	}
	d := 10*time.Second + w.about(time.Minute)
	h.paused = w.now.Add(d)
	w.trace(h, "pause", "%.0fs", d.Seconds())
	w.count("fault: pause")
}

// stepClock sets a clock.
func (w *world) stepClock() {
	h := w.hosts[w.rng.IntN(len(w.hosts))]
	h.clock.set = time.Duration(w.rng.Int64N(2*int64(w.o.Skew)+1)) - w.o.Skew
	w.trace(h, "set clock", "%+.0fs", h.clock.set.Seconds())
	w.count("fault: clock set")
}

// fillUp lets a disk be full for a while.
func (w *world) fillUp() {
	h := w.anyHost(running)
	if h == nil {
		return
	}
	d := w.about(30 * time.Second)
	h.full = w.now.Add(d)
	w.trace(h, "disk full", "%.1fs", d.Seconds())
	w.count("fault: disk full")
}

// flip damages the store or the journal of a host, which is found when it starts the next time, soon.
func (w *world) flip() {
	h := w.anyHost(func(h *host) bool { return h.r != nil && !w.now.Before(h.full) })
	if h == nil {
		return
	}
	h.damaged = []string{"store", "journal"}[w.rng.IntN(2)]
	w.trace(h, "bit flip", "%s", h.damaged)
	w.count("fault: bit flip in the " + h.damaged)
	w.down(h, "idle")
}

// backUp keeps a copy of a disk for a restore.
func (w *world) backUp() {
	h := w.anyHost(func(h *host) bool { return h.member && !h.hostile })
	h.backup = h.disk.clone()
	w.trace(h, "backup", "%d operations", len(h.disk.have))
}

// restore takes the disk of a host that is down back to its backup. What its people were told is saved may be lost now.
// Nobody can be reached, so that nobody tells it, and what its people do next forks its logs.
func (w *world) restore(h *host) {
	h.disk, h.forks, h.backup = h.backup, true, nil
	h.acked = slices.DeleteFunc(h.acked, func(p replica.Proposed) bool { return !h.disk.have[p.Hash] })
	w.trace(h, "restore", "%d operations", len(h.disk.have))
	w.count("fault: backup restored")
	was := maps.Clone(w.net.cut)
	w.link(func(a, b *host) bool { return a == h || b == h || was[[2]int{a.n, b.n}] })
	w.in(w.about(time.Minute), func() {
		if !w.calm {
			w.link(func(a, b *host) bool { return false })
		}
	})
}

// copyDisk copies a disk to another laptop, and both are used.
func (w *world) copyDisk() {
	h := w.anyHost(func(h *host) bool { return h.member && !h.hostile && h.twin == nil })
	if h == nil || w.calm {
		return
	}
	t := w.newHost()
	t.signer, t.device, t.disk, t.clock = h.signer, h.device, h.disk.clone(), h.clock
	t.member, t.forks, h.forks, t.twin, h.twin = true, true, true, h, t
	w.trace(t, "copy", "of %s", h.name)
	w.count("fault: disk copied")
	w.boot(t)
}

// settle ends the faults: every link carries everything, every host is up, and of two laptops with one disk the copy is
// used first and the original after that.
func (w *world) settle() {
	w.trace(nil, "calm", "")
	w.calm = true
	w.net.clog = map[[2]int]time.Time{}
	twins := false
	for _, h := range w.hosts {
		if w.now.Before(h.paused) && h.r != nil { // its timer waits for the end of the pause
			h.timer = time.Time{}
			w.arm(h, w.mono(h))
		}
		h.crash, h.full, h.paused = crashNot, time.Time{}, time.Time{}
		if h.twin != nil && h.n < h.twin.n {
			w.retire(h)
			twins = true
		}
	}
	w.link(func(a, b *host) bool { return false })
	for _, h := range w.hosts {
		if h.member {
			w.boot(h)
		}
		for _, p := range w.hosts {
			w.connect(h, p)
		}
	}
	if w.twins = twins; twins {
		w.in(twinTurn, func() {
			for _, h := range w.hosts {
				if h.twin == nil {
					continue
				}
				if h.n > h.twin.n {
					w.retire(h)
				} else {
					h.gone = false
				}
			}
			for _, h := range w.hosts {
				w.boot(h)
			}
			w.twins = false
		})
	}
}

// retire takes a laptop out of use.
func (w *world) retire(h *host) {
	if h.r != nil {
		w.stop(h, "retired")
	}
	h.gone = true
}

// quiet reports whether all hosts that should agree do, so that a run need not wait for the limit.
func (w *world) quiet() bool {
	if w.twins {
		return false
	}
	var first *host
	for _, h := range w.honest() {
		if h.r == nil {
			return false
		}
	}
	hosts := w.correct()
	if len(hosts) < 2 {
		return false // one of two laptops with one disk may still have to hear from a thief what the other wrote
	}
	for _, h := range hosts {
		if first == nil {
			first = h
		}
		if h.r.Digest() != first.r.Digest() {
			return false
		}
		if n, _ := h.r.Waiting(); n > 0 && w.drains() {
			return false
		}
		if h.r.Withheld()+first.r.Withheld() > 0 && w.bodyToCome(h, first) {
			return false
		}
	}
	return true
}

// bodyToCome reports whether one of two hosts that hold the same operations lacks a body that the other has. The boards
// do not tell: what the body says may show nowhere.
func (w *world) bodyToCome(a, b *host) bool {
	for _, doc := range a.r.Documents() {
		x, y := a.r.Board(doc), b.r.Board(doc)
		if slices.ContainsFunc(a.r.Graph(doc).Lacks(crdt.Past{}), func(op crdt.Hash) bool { return x.Withheld(op) != y.Withheld(op) }) {
			return true
		}
	}
	return false
}

// documents returns the documents a disk holds, ascending.
func (d *disk) documents() []crdt.DocID {
	docs, err := d.Documents()
	if err != nil {
		panic(err) // a map cannot fail
	}
	return docs
}
