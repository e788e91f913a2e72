package sim

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"muster/crdt"
	"muster/crdt/board"
	"muster/node/replica"
)

// host is one laptop.
type host struct {
	n      int
	name   string
	signer crdt.Signer
	device crdt.DeviceID
	disk   *disk
	clock  clock

	r     *replica.Replica // nil while down
	boots int
	timer time.Time // earliest Tick that is queued
	acked []replica.Proposed
	crash crashPoint
	shown map[crdt.Hash]bool      // what has become visible since the start, and what was on the disk before
	links map[crdt.DeviceID]*host // peers it takes as connected

	member  bool // of the team; others do not take part yet
	hostile bool
	newer   bool // runs a later version
	thief   bool // in the hands of somebody else, see loot
	loot    *loot
	gone    bool // a copy that is no longer used, or an original while its copy has its turn
	forks   bool // its disk was copied or taken back, so its logs may fork

	paused   time.Time // until then nothing runs
	full     time.Time // until then nothing can be written
	backup   *disk     // what a restore brings back; nil: none was made
	twin     *host     // the other laptop with this disk
	damaged  string    // what is found at the next start
	unsynced []unsynced
}

// unsynced is what a planted bug has not really written yet.
type unsynced struct {
	at time.Time
	op crdt.Hash
}

// crashPoint is where in handling the next piece of work a host is to crash.
type crashPoint int

const (
	crashNot crashPoint = iota
	crashBeforePersist
	crashWhilePersisting
	crashBeforeSend
)

// A clock has two faces: the one that timers use runs fast or slow; the one people read is off, and is set now and then.
type clock struct {
	off, set time.Duration
	drift    float64
}

// mono is what the host's timers go by.
func (w *world) mono(h *host) time.Time {
	d := w.now.Sub(start)
	return start.Add(d + time.Duration(h.clock.drift*float64(d)))
}

// wall is what the host's clock shows.
func (w *world) wall(h *host) time.Time { return w.mono(h).Add(h.clock.off + h.clock.set) }

func (w *world) replica(h *host) (*replica.Replica, error) {
	cfg := replica.Config{Signer: h.signer, Verify: w.verifier(), Team: w.team, Epoch: h.disk.epoch, Rand: w.bytes, Storage: h.disk}
	if rules := w.wrongRules(); rules != nil {
		cfg.Board = rules
	}
	return replica.New(cfg)
}

// boot starts a host from its disk and connects it to everyone it can reach.
func (w *world) boot(h *host) {
	if h.gone || h.r != nil {
		return
	}
	w.repair(h)
	if !w.load(h) {
		return
	}
	h.timer, h.crash, h.links = time.Time{}, crashNot, map[crdt.DeviceID]*host{}
	h.boots++
	w.trace(h, "boot", "docs=%-3d stranded=%-3d digest=%.8s", len(h.r.Documents()), h.r.Stats().Stranded, h.r.Digest())
	if h.r.Stats().Stranded > 0 {
		w.count("saw: operations stranded")
	}
	w.work(h)
	for _, p := range w.hosts {
		w.connect(h, p)
	}
}

// repair does what a store does when it is opened.
func (w *world) repair(h *host) {
	switch h.damaged {
	case "store": // set aside; the team is kept elsewhere too
		h.disk.lose(w.team)
	case "journal": // what it held is in the store; where it ended nobody can tell
		h.disk.journal = nil
		for _, doc := range h.disk.documents() {
			logs := h.disk.docs[doc]
			for _, log := range slices.SortedFunc(maps.Keys(logs), crdt.LogID.Compare) {
				if log.Device == h.device {
					h.disk.journal = append(h.disk.journal, logs[log]...)
				}
			}
		}
		h.disk.epoch = w.epoch()
		w.count("saw: epoch after a lost tail")
	}
	h.damaged = ""
	h.disk.open()
	if w.o.Bug == BugForgets {
		for _, doc := range h.disk.documents() {
			if rec := h.disk.last(doc); rec != nil && doc != w.team {
				h.disk.forget(rec.Hash)
			}
		}
	}
}

// load makes a host's replica from its disk, and finishes erasures that a crash cut off.
func (w *world) load(h *host) bool {
	r, err := w.replica(h)
	if err != nil {
		w.fail("%s does not start from its own disk: %w", h.name, err)
		return false
	}
	h.r = r
	h.shown = map[crdt.Hash]bool{}
	for _, doc := range append(r.Documents(), w.team) {
		for _, op := range r.Graph(doc).Lacks(crdt.Past{}) {
			h.shown[op] = true
		}
		if b := r.Board(doc); b != nil {
			for _, op := range b.Erasures() {
				h.disk.erase(doc, r.Graph(doc).Dot(op), op)
			}
		}
	}
	return true
}

// work does what a host's replica asks for, in the order it asks for it, and crashes in the middle when told to. It
// reports whether what people did is on disk.
func (w *world) work(h *host) bool {
	if h.r == nil {
		return false
	}
	full := w.now.Before(h.full)
	if h.r.NeedsEpoch() && !full {
		h.disk.epoch = w.epoch()
		h.r.SetEpoch(h.disk.epoch)
		w.count("saw: epoch after a fork or a lost tail")
		w.trace(h, "epoch", "%x", h.disk.epoch)
	}
	rd := h.r.Ready()
	writes := steps(&rd)
	busy := writes+len(rd.Send) > 0
	switch {
	case full && writes > 0:
		w.unwritten(h)
		return false
	case busy && h.crash == crashBeforePersist:
		w.down(h, "before persist")
		return false
	case writes > 0 && h.crash == crashWhilePersisting:
		h.disk.write(&rd, w.rng.IntN(writes))
		for _, rec := range rd.Own {
			if slices.Contains(h.disk.journal, rec) {
				w.signed(h, rec)
			}
		}
		w.down(h, "torn write")
		return false
	}
	w.learn(h, &rd)
	h.disk.write(&rd, writes)
	if w.o.Bug == BugUnsynced {
		for _, rec := range slices.Concat(rd.Own, rd.Peers) {
			h.unsynced = append(h.unsynced, unsynced{w.now, rec.Hash})
		}
	}
	if busy && h.crash == crashBeforeSend {
		w.down(h, "before send") // what people did is on disk, but nobody tells them
		return false
	}
	if len(rd.Fill) > 0 {
		w.res.Counts["saw: body came after all"] += len(rd.Fill)
	}
	for _, c := range rd.Changes {
		w.anytime(h, c)
	}
	for _, j := range rd.Judged {
		w.res.Counts["saw: operation judged anew"] += j.Operations
	}
	w.bounded(h)
	for _, env := range rd.Send {
		w.send(h, env)
	}
	w.arm(h, rd.Next)
	w.heard(h, rd.Changes)
	return true
}

// learn notes what a host has signed.
func (w *world) learn(h *host, rd *replica.Ready) {
	for _, rec := range rd.Own {
		w.signed(h, rec)
	}
}

func (w *world) signed(h *host, rec *crdt.Record) {
	w.made[rec.Hash] = rec
	at := place{rec.Doc(), rec.Op.Dot}
	if old, ok := w.dots[at]; ok && old != rec.Hash && !h.forks && !h.hostile && !h.thief {
		w.fail("%s signed two operations with dot %s: %.8s and %.8s", h.name, rec.Op.Dot, old, rec.Hash)
	}
	w.dots[at] = rec.Hash
}

// unwritten starts a host anew in memory, because its disk is full and its replica is ahead of it. Nothing was sent, and
// nobody was told.
func (w *world) unwritten(h *host) {
	w.count("saw: disk full, write undone")
	w.trace(h, "unwritten", "")
	if !w.load(h) {
		return
	}
	h.timer = time.Time{}
	for _, p := range w.hosts {
		if h.links[p.device] == p {
			h.r.PeerUp(w.mono(h), p.device)
		}
	}
	w.flush(h)
}

// flush is work for a host that has nothing to write.
func (w *world) flush(h *host) {
	rd := h.r.Ready()
	for _, env := range rd.Send {
		w.send(h, env)
	}
	w.arm(h, rd.Next)
}

// arm queues a Tick at the time the replica wants one, unless an earlier one is queued.
func (w *world) arm(h *host, next time.Time) {
	if next.IsZero() || !h.timer.IsZero() && !next.Before(h.timer) {
		return
	}
	h.timer = next
	boot := h.boots
	var tick func()
	tick = func() {
		switch {
		case h.r == nil || h.boots != boot || !h.timer.Equal(next):
			return
		case w.now.Before(h.paused):
			w.in(h.paused.Sub(w.now), tick)
			return
		}
		h.timer = time.Time{}
		h.r.Tick(w.mono(h))
		w.work(h)
	}
	w.in(max(next.Sub(w.mono(h)), time.Millisecond), tick)
}

// down takes a host down, and starts it again some time later.
func (w *world) down(h *host, how string) {
	w.stop(h, how)
	if h.backup != nil && !w.calm && w.rng.IntN(3) == 0 {
		w.restore(h)
	}
	w.in(time.Duration(w.rng.Int64N(int64(30*time.Second))), func() { w.boot(h) })
}

func (w *world) stop(h *host, how string) {
	w.trace(h, "crash", "%s", how)
	w.count("fault: crash " + how)
	h.r = nil
	for _, p := range w.hosts {
		if p != h && h.links[p.device] == p {
			w.disconnect(p, h)
		}
	}
	for _, u := range h.unsynced {
		if w.now.Sub(u.at) < time.Second {
			h.disk.journal = slices.DeleteFunc(h.disk.journal, func(r *crdt.Record) bool { return r.Hash == u.op })
			h.disk.forget(u.op)
		}
	}
	h.unsynced = nil
}

// wrongRules returns boards with a planted bug, or nil.
func (w *world) wrongRules() func(crdt.DocID, *crdt.Graph) *board.Board {
	if w.o.Bug != BugLastWins && w.o.Bug != BugNoOrder {
		return nil
	}
	return func(doc crdt.DocID, g *crdt.Graph) *board.Board {
		return board.New(doc, wrongOrder{g, w.o.Bug == BugNoOrder, map[crdt.Hash]int{}})
	}
}

// wrongOrder takes operations that know nothing of each other for one after the other.
type wrongOrder struct {
	*crdt.Graph
	arrival bool // in the order they were first asked about, not by the clock
	met     map[crdt.Hash]int
}

// Before implements [board.Causal].
func (o wrongOrder) Before(a, b crdt.Hash) bool {
	if a == b || o.Graph.Before(a, b) || o.Graph.Before(b, a) {
		return o.Graph.Before(a, b)
	}
	if o.arrival {
		for _, h := range [2]crdt.Hash{a, b} {
			if _, ok := o.met[h]; !ok {
				o.met[h] = len(o.met)
			}
		}
		return o.met[a] < o.met[b]
	}
	return o.Place(a).TimeMS < o.Place(b).TimeMS
}

func hostName(n int) string { return fmt.Sprintf("n%d", n) }
