package sim

import (
	"container/heap"
	"crypto/sha256"
	"fmt"
	"hash"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"muster/crdt"
)

// Result says what a run did. Counters of faults and of interesting states are summed over runs by the test, which
// fails when one stayed at zero.
type Result struct {
	Counts     map[string]int
	Virtual    time.Duration
	Operations int
	Hash       [32]byte // of the transcript, and of every message that was delivered
	Transcript string   // with Options.Trace
}

var start = time.UnixMilli(1_700_000_000_000)

const (
	calmLimit = 3 * time.Minute  // after the last fault, until everything must be equal
	twinTurn  = 30 * time.Second // of the calm, in which copies of a disk are connected and the originals are not
)

// quietEvery is after how many events of the calm it is looked whether it may end.
const quietEvery = 8

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
	old[len(old)-1] = event{}
	*q = old[:len(old)-1]
	return e
}

type world struct {
	o      Options
	rng    *rand.Rand
	now    time.Time
	seq    int
	events queue
	hosts  []*host
	team   crdt.DocID
	net    network
	calm   bool
	twins  bool // of the calm: the turn of the copies
	res    Result
	hash   hash.Hash // of the transcript and the messages
	lines  strings.Builder
	err    error

	made map[crdt.Hash]*crdt.Record // every operation anybody signed
	dots map[place]crdt.Hash        // what a device signed with a dot, where it may sign only one
	late *invitation                // of those who join while the run is on

	secrets int // numbers that were given out, see secret

	courts map[crdt.Hash]*court // digest of a team document -> what follows from it
}

// place is where an operation stands.
type place struct {
	doc crdt.DocID
	dot crdt.Dot
}

// Run runs one simulation. An error is a broken promise; Result then holds the transcript that led to it.
func Run(seed uint64, o Options) (Result, error) {
	w := newWorld(seed, o)
	err := w.run()
	return w.res, err
}

func newWorld(seed uint64, o Options) *world {
	return &world{
		o: o, rng: rand.New(rand.NewPCG(seed, 0)), now: start, res: Result{Counts: map[string]int{}}, hash: sha256.New(),
		made: map[crdt.Hash]*crdt.Record{}, dots: map[place]crdt.Hash{}, courts: map[crdt.Hash]*court{},
	}
}

// run goes through the whole story once.
func (w *world) run() error {
	if err := w.found(); err != nil {
		return err
	}
	for range w.o.Intents {
		w.in(time.Duration(w.rng.Int64N(int64(w.o.Span))), w.act)
	}
	w.faults()
	w.in(w.o.Span, w.settle)
	var end time.Time
	for n := 0; len(w.events) > 0 && w.err == nil; n++ {
		e := heap.Pop(&w.events).(event)
		if w.calm && end.IsZero() {
			end = w.now.Add(calmLimit)
		}
		if w.calm && e.at.After(end) {
			break
		}
		if e.at.After(w.now) { // an event can be overdue when everyone slept
			w.now = e.at
		}
		e.do()
		if w.calm && n%quietEvery == 0 && w.quiet() {
			break
		}
	}
	if w.err == nil {
		w.err = w.finally()
	}
	w.res.Virtual, w.res.Operations = w.now.Sub(start), len(w.made)
	w.hash.Sum(w.res.Hash[:0])
	w.res.Transcript = w.lines.String()
	return w.err
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
	w.in(w.about(mean), func() {
		if !w.calm {
			do()
			w.every(mean, do)
		}
	})
}

// about draws a time with the given mean.
func (w *world) about(mean time.Duration) time.Duration {
	return time.Duration(w.rng.ExpFloat64() * float64(mean))
}

// trace adds one line to the transcript: time, host, event, details.
func (w *world) trace(h *host, what, format string, args ...any) {
	who := "--"
	if h != nil {
		who = h.name
	}
	line := fmt.Sprintf("%12.3f %-4s %-10s %s\n", w.now.Sub(start).Seconds(), who, what, fmt.Sprintf(format, args...))
	w.hash.Write([]byte(line))
	if w.o.Trace {
		w.lines.WriteString(line)
	}
}

// note adds a line that is not part of the hash, because it costs too much to make in every run.
func (w *world) note(h *host, what, format string, args ...any) {
	if w.o.Trace {
		fmt.Fprintf(&w.lines, "%12.3f %-4s %-10s %s\n", w.now.Sub(start).Seconds(), h.name, what, fmt.Sprintf(format, args...))
	}
}

func (w *world) count(what string) { w.res.Counts[what]++ }

func (w *world) fail(format string, args ...any) {
	if w.err == nil {
		w.err = fmt.Errorf(format, args...)
	}
}

func (w *world) bytes(b []byte) {
	for i := 0; i < len(b); i += 8 {
		v := w.rng.Uint64()
		for j := i; j < min(i+8, len(b)); j++ {
			b[j] = byte(v)
			v >>= 8
		}
	}
}

// epoch draws a name for a log.
func (w *world) epoch() uint64 { return 1 + w.rng.Uint64N(1<<62) }

// anyHost returns one of the hosts for which ok, or nil.
func (w *world) anyHost(ok func(h *host) bool) *host {
	var some []*host
	for _, h := range w.hosts {
		if ok(h) {
			some = append(some, h)
		}
	}
	if len(some) == 0 {
		return nil
	}
	return some[w.rng.IntN(len(some))]
}

// honest returns the hosts that are up to the end and do what they should.
func (w *world) honest() []*host {
	return slices.DeleteFunc(slices.Clone(w.hosts), func(h *host) bool { return h.hostile || h.thief || h.gone || !h.member })
}
