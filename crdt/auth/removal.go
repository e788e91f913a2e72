package auth

import (
	"cmp"
	"container/heap"
	"slices"

	"muster/crdt"
)

// A verdict is what was decided about one removal.
type verdict struct {
	act       *act
	rank      rank
	version   int // of the rank: entries of the queue with another are stale
	decided   bool
	effective bool
	alone     bool        // in effect without co-signatures
	behind    []*act      // else the co-signatures that counted when it was decided
	cut       []crdt.Hash // of the cut, what is in the team document
	beat      *act        // of one without effect: the removal that killed it
}

// A rank orders removals that are to be decided; see doc.go.
type rank struct {
	persons  int
	role     Role
	distance int
	op       crdt.Hash
}

// above reports whether r is decided before o.
func (r *rank) above(o *rank) bool {
	return cmp.Or(cmp.Compare(o.persons, r.persons), cmp.Compare(o.role, r.role), cmp.Compare(r.distance, o.distance), r.op.Compare(o.op)) < 0
}

// rankNow computes the rank of an undecided removal.
func (e *eval) rankNow(a *act) rank {
	m := e.get(a)
	r := rank{role: m.role, op: a.op}
	if persons := len(e.behind(a)); m.alone || persons > 1 {
		r.persons = persons
	}
	r.distance = e.distance(a.dev)
	return r
}

// distance returns the number of sponsors between a device and the founder.
func (e *eval) distance(dev crdt.DeviceID) int {
	n := 0
	for js := e.joins[dev]; len(js) > 0; js = e.joins[dev] {
		inv := e.byOp[js[0].body.(*join).invite]
		if inv == nil {
			break
		}
		n, dev = n+1, inv.dev
	}
	return n
}

// inForce reports whether the removal r, which is in v, is in effect as of v: as decided, or while it is not, as it
// counts.
func (e *eval) inForce(r *act, v *view) bool {
	d := e.verdictOf[r]
	switch {
	case !d.decided:
		return e.counts(r, v)
	case !d.effective || d.alone:
		return d.effective
	}
	return slices.ContainsFunc(d.behind, v.has) // each is another person than the author
}

// queued is an entry of the queue of removals, in force while the version is that of the verdict.
type queued struct {
	v       *verdict
	version int
	rank    rank
}

// queue is a heap of undecided removals, the highest rank first.
type queue []queued

func (q queue) Len() int           { return len(q) }
func (q queue) Less(i, j int) bool { return q[i].rank.above(&q[j].rank) }
func (q queue) Swap(i, j int)      { q[i], q[j] = q[j], q[i] }
func (q *queue) Push(x any)        { *q = append(*q, x.(queued)) }
func (q *queue) Pop() any {
	last := (*q)[len(*q)-1]
	*q = (*q)[:len(*q)-1]
	return last
}

// A strand is removals each of which is in the past of the next, by one device. They are decided from the first on.
type strand struct {
	removals []*verdict
	next     int // first undecided
}

// A docket is the removals that are to be decided.
type docket struct {
	*eval
	queue   queue
	strands []*strand
}

// decideAll decides all removals.
func (e *eval) decideAll() {
	d := &docket{eval: e}
	open := map[crdt.LogID]*strand{}
	for i := range e.verdicts {
		v := &e.verdicts[i]
		v.rank = e.rankNow(v.act)
		d.queue = append(d.queue, queued{v, 0, v.rank})
		s := open[v.act.log]
		if s == nil || !e.before(s.removals[len(s.removals)-1].act, v.act) {
			s = &strand{}
			open[v.act.log] = s
			d.strands = append(d.strands, s)
		}
		s.removals = append(s.removals, v)
	}
	heap.Init(&d.queue)
	for len(d.queue) > 0 {
		q := heap.Pop(&d.queue).(queued)
		if !q.v.decided && q.version == q.v.version {
			d.settle(q.v)
		}
	}
}

// settle decides v, after all that is in its past.
func (d *docket) settle(v *verdict) {
	for stack := []*verdict{v}; len(stack) > 0; {
		top := stack[len(stack)-1]
		if first := d.highestBefore(top); first != nil {
			stack = append(stack, first)
			continue
		}
		d.decide(top)
		stack = stack[:len(stack)-1]
	}
}

// highestBefore returns the highest-ranked undecided removal in the past of v, or nil.
func (d *docket) highestBefore(v *verdict) *verdict {
	var best *verdict
	live := d.strands[:0]
	for _, s := range d.strands {
		for s.next < len(s.removals) && s.removals[s.next].decided {
			s.next++
		}
		if s.next == len(s.removals) {
			continue
		}
		live = append(live, s)
		if !d.before(s.removals[s.next].act, v.act) {
			continue
		}
		rest := s.removals[s.next:]
		n, _ := slices.BinarySearchFunc(rest, v.act, func(r *verdict, a *act) int {
			if d.before(r.act, a) {
				return -1
			}
			return 1
		})
		for _, r := range rest[:n] {
			if best == nil || r.rank.above(&best.rank) {
				best = r
			}
		}
	}
	clear(d.strands[len(live):])
	d.strands = live
	return best
}

// decide settles v, whose past is settled, and lets die what it kills.
func (d *docket) decide(v *verdict) {
	e, a := d.eval, v.act
	m := *e.get(a)
	v.decided, v.alone, v.beat = true, m.alive && m.alone, m.killer
	if !v.alone && m.alive && m.role >= RoleResponder {
		for _, c := range e.cosigns[a.op] {
			if e.standsBehind(c) && e.get(c).person != m.person {
				v.behind = append(v.behind, c)
			}
		}
	}
	v.effective = v.alone || len(v.behind) > 0
	body := a.body.(*Remove)
	if !v.effective || body.Mode != ModeCompromised {
		return
	}
	for _, h := range body.Cut {
		if e.graph.Has(h) && e.graph.Dot(h).Device == body.Device {
			v.cut = append(v.cut, h)
		}
	}
	e.killers[body.Device] = append(e.killers[body.Device], v)
	var dead []*act
	for _, o := range e.byDevice[body.Device] {
		if e.get(o).alive && !joins(o) && e.kills(v, o) {
			dead = append(dead, o)
		}
	}
	if len(dead) > 0 {
		e.forget(dead, d.rerank)
	}
}

// rerank puts a removal that a has to do with back into the queue, under its rank as it is now.
func (d *docket) rerank(a *act) {
	if c, ok := a.body.(*Cosign); ok {
		if a = d.byOp[c.Op]; a == nil {
			return
		}
	}
	v := d.verdictOf[a]
	if v == nil || v.decided {
		return
	}
	v.rank = d.rankNow(a)
	v.version++
	heap.Push(&d.queue, queued{v, v.version, v.rank})
}
