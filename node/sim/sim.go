package sim

import (
	"container/heap"
	"crypto/ed25519"
	"crypto/sha256"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"muster/crdt"
	"muster/crdt/auth"
	"muster/node/replica"
	"muster/node/wire"
)

// Options are the size of a run and the faults in it. Probabilities are per message.
type Options struct {
	Nodes     int
	Intents   int           // things people do
	Span      time.Duration // virtual time in which people act and faults happen
	Drop, Dup float64
	Delay     time.Duration // mean one-way delay
	Partition time.Duration // mean time between changes of the partition; zero: never
	Crash     time.Duration // mean time between crashes; zero: never
	Restore   bool          // now and then a disk comes back as it was some time ago, without its epoch being changed
	Notice    time.Duration // mean time until the ends of a cut link notice
	Skew      time.Duration // each clock is off by up to this much, either way
	RealKeys  bool          // Ed25519 signatures instead of a hash
	LyingDisk bool          // a planted bug, for the checkers to find: a crash loses what was said to be written last
	Trace     bool          // keep the transcript
}

// Draw chooses options from a seed, so that each seed is a different kind of bad day.
func Draw(seed uint64) Options {
	rng := rand.New(rand.NewPCG(seed, 1))
	o := Options{
		Nodes: 2 + rng.IntN(5), Intents: 40 + rng.IntN(160),
		Span:  time.Duration(1+rng.IntN(20)) * time.Minute,
		Delay: time.Duration(1+rng.IntN(80)) * time.Millisecond,
	}
	if rng.IntN(4) > 0 {
		o.Drop = rng.Float64() * 0.3
	}
	if rng.IntN(3) > 0 {
		o.Dup = rng.Float64() * 0.3
	}
	if rng.IntN(5) > 0 {
		o.Partition = time.Duration(10+rng.IntN(180)) * time.Second
	}
	if rng.IntN(3) > 0 {
		o.Crash = time.Duration(10+rng.IntN(120)) * time.Second
	}
	o.Restore = o.Crash > 0 && rng.IntN(5) == 0
	o.Notice = time.Duration(rng.IntN(10)) * time.Second
	if rng.IntN(2) > 0 {
		o.Skew = time.Duration(rng.Int64N(int64(30 * 24 * time.Hour)))
	}
	o.RealKeys = rng.IntN(50) == 0
	return o
}

// Result says what a run did. Counters of faults and of interesting states are summed over runs by the test, which
// fails when one stayed at zero.
type Result struct {
	Counts     map[string]int
	Virtual    time.Duration
	Hash       [32]byte // of the transcript, and of every message that was delivered
	Transcript string   // with Options.Trace
}

var start = time.UnixMilli(1_700_000_000_000)

// calmLimit is how long after the last fault everything must be equal again.
const calmLimit = time.Minute

type event struct {
	at  time.Time
	seq int // order of insertion: breaks ties, so that runs repeat
	do  func()
}

type queue []event

func (q queue) Len() int { return len(q) }
func (q queue) Less(i, j int) bool {
	if q[i].at.Equal(q[j].at) {
		return q[i].seq < q[j].seq
	}
	return q[i].at.Before(q[j].at)
}
func (q queue) Swap(i, j int) { q[i], q[j] = q[j], q[i] }
func (q *queue) Push(x any)   { *q = append(*q, x.(event)) }
func (q *queue) Pop() any {
	old := *q
	e := old[len(old)-1]
	*q = old[:len(old)-1]
	return e
}

// host is one laptop.
type host struct {
	n      int
	signer crdt.Signer
	disk   *disk
	r      *replica.Replica // nil while down
	boots  int
	skew   time.Duration
	timer  time.Time // earliest Tick that is queued
	acked  []replica.Proposed
	crash  crashPoint

	backup   *disk // what a restore brings back; nil: none was made
	restored bool  // its disk was once taken back, so its logs may have forked
}

// crashPoint is where in handling the next piece of work a host is to crash.
type crashPoint int

const (
	crashNot crashPoint = iota
	crashBeforePersist
	crashBeforeSend
)

type world struct {
	o      Options
	rng    *rand.Rand
	now    time.Time
	seq    int
	events queue
	hosts  []*host
	byID   map[crdt.DeviceID]*host
	cut    map[[2]int]bool // directed links that carry nothing
	calm   bool
	res    Result
	hash   []byte // running hash of the transcript and the messages
	lines  strings.Builder
	err    error
}

// Run runs one simulation. An error is a broken promise; Result then holds the transcript that led to it.
func Run(seed uint64, o Options) (Result, error) {
	w := &world{
		o: o, rng: rand.New(rand.NewPCG(seed, 0)), now: start, byID: map[crdt.DeviceID]*host{},
		cut: map[[2]int]bool{}, res: Result{Counts: map[string]int{}}, hash: make([]byte, 32),
	}
	if err := w.found(); err != nil {
		return w.res, err
	}
	for range o.Intents {
		w.in(time.Duration(w.rng.Int64N(int64(o.Span))), w.act)
	}
	w.every(o.Partition, w.partition)
	w.every(o.Crash, w.crash)
	if o.Restore {
		w.every(2*o.Crash, w.backUp)
	}
	w.in(o.Span, w.settle)
	for end := start.Add(o.Span + calmLimit); len(w.events) > 0 && w.err == nil; {
		e := heap.Pop(&w.events).(event)
		if e.at.After(end) {
			break
		}
		w.now = e.at
		e.do()
		if w.calm && w.quiet() {
			break
		}
	}
	if w.err == nil {
		w.err = w.finally()
	}
	w.res.Virtual = w.now.Sub(start)
	w.res.Hash = [32]byte(w.hash)
	w.res.Transcript = w.lines.String()
	return w.res, w.err
}

func (w *world) in(d time.Duration, do func()) {
	w.seq++
	heap.Push(&w.events, event{w.now.Add(d), w.seq, do})
}

// every runs do at random times with the given mean distance until the calm phase.
func (w *world) every(mean time.Duration, do func()) {
	if mean == 0 {
		return
	}
	w.in(time.Duration(w.rng.ExpFloat64()*float64(mean)), func() {
		if !w.calm {
			do()
			w.every(mean, do)
		}
	})
}

// trace adds one line to the transcript: time, host, event, details.
func (w *world) trace(h *host, what, format string, args ...any) {
	who := "--"
	if h != nil {
		who = fmt.Sprintf("n%d", h.n)
	}
	line := fmt.Sprintf("%10.3f %-3s %-10s %s\n", w.now.Sub(start).Seconds(), who, what, fmt.Sprintf(format, args...))
	sum := sha256.Sum256(append(w.hash, line...))
	w.hash = sum[:]
	if w.o.Trace {
		w.lines.WriteString(line)
	}
}

func (w *world) count(what string) { w.res.Counts[what]++ }

func (w *world) fail(format string, args ...any) {
	if w.err == nil {
		w.err = fmt.Errorf(format, args...)
	}
}

// clock is what the host's clock shows.
func (w *world) clock(h *host) time.Time { return w.now.Add(h.skew) }

func (w *world) bytes(b []byte) {
	for i := range b {
		b[i] = byte(w.rng.Uint32())
	}
}

// found makes the hosts and a team they are all members of.
func (w *world) found() error {
	for i := range w.o.Nodes {
		seed := make([]byte, ed25519.SeedSize)
		w.bytes(seed)
		key := crdt.Ed25519Signer(ed25519.NewKeyFromSeed(seed))
		h := &host{n: i, signer: key, disk: newDisk(1 + w.rng.Uint64N(1<<62))}
		if !w.o.RealKeys {
			h.signer = hashSigner(key.Device())
		}
		if w.o.Skew > 0 {
			h.skew = time.Duration(w.rng.Int64N(2*int64(w.o.Skew))) - w.o.Skew
		}
		w.hosts = append(w.hosts, h)
		w.byID[h.signer.Device()] = h
	}
	inviteSeed := make([]byte, ed25519.SeedSize)
	w.bytes(inviteSeed)
	invite := ed25519.NewKeyFromSeed(inviteSeed)
	founder := w.hosts[0]
	genesis, err := replica.Genesis(founder.signer, founder.disk.epoch, w.clock(founder), auth.KindGenesis, auth.Genesis{Team: "sim", Handle: "p0"}, w.bytes)
	if err != nil {
		return err
	}
	team := crdt.DocID(genesis.Hash)
	records := []*crdt.Record{genesis}
	write := func(h *host, kind crdt.Kind, body any) (crdt.Hash, error) {
		h.disk.put(records)
		r, err := w.replica(h, team)
		if err != nil {
			return crdt.Hash{}, err
		}
		op, err := r.ProposeTeam(w.clock(h), kind, body)
		records = append(records, r.Ready().Own...)
		return op, err
	}
	id, err := write(founder, auth.KindInvite, auth.Invite{Key: invite.Public().(ed25519.PublicKey), Role: auth.RoleResponder, Uses: uint32(w.o.Nodes)})
	if err != nil {
		return err
	}
	for _, h := range w.hosts[1:] {
		proof, err := auth.Prove(invite, team, h.signer.Device())
		if err != nil {
			return err
		}
		if _, err := write(h, auth.KindJoin, auth.Join{Invite: id, Handle: fmt.Sprintf("p%d", h.n), Proof: proof}); err != nil {
			return err
		}
	}
	for _, h := range w.hosts {
		h.disk.put(records)
		w.boot(h, team)
	}
	return nil
}

func (w *world) replica(h *host, team crdt.DocID) (*replica.Replica, error) {
	verify := crdt.Verifier(verifyHash)
	if w.o.RealKeys {
		verify = crdt.VerifyEd25519
	}
	return replica.New(replica.Config{Signer: h.signer, Verify: verify, Team: team, Epoch: h.disk.epoch, Rand: w.bytes, Storage: h.disk})
}

// boot starts a host from its disk and connects it to everyone it can reach.
func (w *world) boot(h *host, team crdt.DocID) {
	r, err := w.replica(h, team)
	if err != nil {
		w.fail("n%d does not start from its own disk: %w", h.n, err)
		return
	}
	h.r, h.timer, h.crash = r, time.Time{}, crashNot
	h.boots++
	w.trace(h, "boot", "docs=%d digest=%.8s", len(r.Documents()), r.Digest())
	for _, p := range w.hosts {
		w.connect(h, p)
	}
}

// connect tells both ends that they can reach each other, if they can.
func (w *world) connect(a, b *host) {
	if a == b || a.r == nil || b.r == nil || w.cut[[2]int{a.n, b.n}] || w.cut[[2]int{b.n, a.n}] {
		return
	}
	a.r.PeerUp(w.clock(a), b.signer.Device())
	b.r.PeerUp(w.clock(b), a.signer.Device())
	w.work(a)
	w.work(b)
}

func (w *world) disconnect(a, b *host) {
	for _, e := range [2][2]*host{{a, b}, {b, a}} {
		if e[0].r != nil {
			e[0].r.PeerDown(w.clock(e[0]), e[1].signer.Device())
			w.work(e[0])
		}
	}
}

// backUp keeps a copy of a disk for a restore.
func (w *world) backUp() {
	h := w.hosts[w.rng.IntN(len(w.hosts))]
	h.backup = h.disk.clone()
	w.trace(h, "backup", "%d operations", len(h.disk.have))
}

// restore takes the disk of a host that is down back to its backup. What its people were told is saved may be lost now.
// Nobody can be reached, so that nobody tells it, and what its people do next forks its logs.
func (w *world) restore(h *host) {
	h.disk, h.restored = h.backup.clone(), true
	h.acked = slices.DeleteFunc(h.acked, func(p replica.Proposed) bool { return !h.disk.have[p.Hash] })
	w.trace(h, "restore", "%d operations", len(h.disk.have))
	w.count("restores")
	was := maps.Clone(w.cut)
	w.link(func(a, b *host) bool { return a == h || b == h || was[[2]int{a.n, b.n}] })
}

// work does what a host's replica asks for, in the order it asks for it, and crashes in the middle when told to.
func (w *world) work(h *host) bool {
	if h.r == nil {
		return false
	}
	if h.r.NeedsEpoch() {
		h.disk.epoch = 1 + w.rng.Uint64N(1<<62)
		h.r.SetEpoch(h.disk.epoch)
		w.count("new epochs")
	}
	rd := h.r.Ready()
	busy := len(rd.Own)+len(rd.Peers)+len(rd.Send) > 0
	if busy && h.crash == crashBeforePersist {
		w.down(h, "before persist")
		return false
	}
	h.disk.put(rd.Own)
	h.disk.put(rd.Peers)
	for _, e := range rd.Erase {
		h.disk.erase(e)
	}
	if busy && h.crash == crashBeforeSend {
		w.down(h, "before send")
		return false
	}
	for _, c := range rd.Changes {
		w.anytime(h, c)
	}
	for _, env := range rd.Send {
		w.send(h, env)
	}
	w.arm(h, rd.Next)
	return true
}

// arm queues a Tick at the time the replica wants one, unless an earlier one is queued.
func (w *world) arm(h *host, next time.Time) {
	if next.IsZero() || !h.timer.IsZero() && !next.Before(h.timer) {
		return
	}
	h.timer = next
	boot := h.boots
	w.in(max(next.Sub(w.clock(h)), time.Millisecond), func() {
		if h.r == nil || h.boots != boot || !h.timer.Equal(next) {
			return
		}
		h.timer = time.Time{}
		h.r.Tick(w.clock(h))
		w.work(h)
	})
}

// send carries a message over the network. The bytes are real.
func (w *world) send(from *host, env wire.Envelope) {
	to := w.byID[env.To]
	frame := wire.Append(nil, env.Msg)
	w.count("sent")
	copies := 1
	if !w.calm && w.rng.Float64() < w.o.Dup {
		copies = 2
		w.count("duplicated")
	}
	for range copies {
		if w.cut[[2]int{from.n, to.n}] {
			w.count("cut off")
			continue
		}
		if !w.calm && w.rng.Float64() < w.o.Drop {
			w.count("dropped")
			continue
		}
		boot := to.boots
		w.in(time.Duration(w.rng.ExpFloat64()*float64(w.o.Delay)), func() {
			if to.r == nil || to.boots != boot || w.cut[[2]int{from.n, to.n}] {
				return
			}
			sum := sha256.Sum256(append(w.hash, frame...))
			w.hash = sum[:]
			m, err := wire.Parse(frame)
			if err != nil {
				w.fail("n%d cannot read what n%d wrote: %w", to.n, from.n, err)
				return
			}
			if err := to.r.Step(w.clock(to), from.signer.Device(), m); err != nil {
				w.fail("n%d refuses n%d: %w", to.n, from.n, err)
				return
			}
			w.work(to)
		})
	}
}

// partition splits the hosts anew: into two or three groups, one way only, or not at all.
func (w *world) partition() {
	side := make([]int, len(w.hosts))
	for i := range side {
		side[i] = w.rng.IntN(3)
	}
	oneWay := w.rng.IntN(4) == 0
	heal := w.rng.IntN(3) == 0
	w.trace(nil, "partition", "sides=%v one-way=%t heal=%t", side, oneWay, heal)
	w.count("partitions")
	if oneWay && !heal {
		w.count("one-way partitions")
	}
	w.link(func(a, b *host) bool {
		return !heal && side[a.n] != side[b.n] && (!oneWay || side[a.n] < side[b.n])
	})
}

// link sets which directed links carry nothing, and tells the ends of those that changed.
func (w *world) link(cut func(from, to *host) bool) {
	for _, a := range w.hosts {
		for _, b := range w.hosts[:a.n] {
			was := w.cut[[2]int{a.n, b.n}] || w.cut[[2]int{b.n, a.n}]
			w.cut[[2]int{a.n, b.n}], w.cut[[2]int{b.n, a.n}] = cut(a, b), cut(b, a)
			switch is := cut(a, b) || cut(b, a); {
			case is && !was:
				w.in(time.Duration(w.rng.ExpFloat64()*float64(w.o.Notice)), func() {
					if w.cut[[2]int{a.n, b.n}] || w.cut[[2]int{b.n, a.n}] {
						w.disconnect(a, b)
					}
				})
			case was && !is:
				w.connect(a, b)
			}
		}
	}
}

// crash takes a host down, at once or in the middle of what it does next, and starts it again some time later.
func (w *world) crash() {
	h := w.hosts[w.rng.IntN(len(w.hosts))]
	if h.r == nil || h.crash != crashNot {
		return
	}
	switch w.rng.IntN(3) {
	case 0:
		w.down(h, "idle")
	case 1:
		h.crash = crashBeforePersist
	case 2:
		h.crash = crashBeforeSend
	}
}

func (w *world) down(h *host, how string) {
	team := h.r.Team().Doc()
	w.trace(h, "crash", "%s", how)
	w.count("crashes " + how)
	h.r = nil
	for _, p := range w.hosts {
		if p != h {
			w.disconnect(p, h)
		}
	}
	if n := len(h.acked); n > 0 && w.o.LyingDisk {
		h.disk.forget(h.acked[n-1])
	}
	if h.backup != nil && !w.calm && w.rng.IntN(3) == 0 {
		w.restore(h)
	}
	w.in(time.Duration(w.rng.Int64N(int64(30*time.Second))), func() { w.boot(h, team) })
}

// settle ends the faults: every link carries everything, every host is up.
func (w *world) settle() {
	w.trace(nil, "calm", "")
	w.calm = true
	for _, h := range w.hosts {
		h.crash = crashNot
	}
	w.link(func(a, b *host) bool { return false })
}

// quiet reports whether all hosts are up and hold the same, so that a run need not wait for the limit.
func (w *world) quiet() bool {
	return !slices.ContainsFunc(w.hosts, func(h *host) bool { return h.r == nil || h.r.Digest() != w.hosts[0].r.Digest() })
}
