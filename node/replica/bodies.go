package replica

import (
	"maps"
	"slices"
	"time"

	"muster/crdt"
	"muster/node/wire"
)

// miss notes that an operation came without its body. If no redaction explains that soon, the peers are asked.
func (r *Replica) miss(d *document, h crdt.Hash) {
	if d.bare == nil {
		d.bare = map[crdt.Hash]bool{}
	}
	d.bare[h] = true
	r.withheld = true
}

// missing returns operations of a document whose bodies were withheld, at most as many as one question names, ascending
// from a random one on: where there are more, every one of them is asked for at some time.
func (r *Replica) missing(d *document) []crdt.Hash {
	maps.DeleteFunc(d.bare, func(h crdt.Hash, _ bool) bool { return !d.board.Withheld(h) })
	out := slices.SortedFunc(maps.Keys(d.bare), crdt.Hash.Compare)
	if extra := len(out) - wire.MaxBodies; extra > 0 {
		at := int(r.uint64n(uint64(extra + 1)))
		out = out[at : at+wire.MaxBodies]
	}
	return out
}

// dueBodies makes every peer be asked soon when a body was withheld since the last call.
func (r *Replica) dueBodies(now time.Time) {
	if !r.withheld {
		return
	}
	r.withheld = false
	for _, dev := range r.peerOrder() {
		if p := r.peers[dev]; p.up {
			p.bodies, p.bodiesPause = earliest(p.bodies, now.Add(r.jitter(bodiesDelay))), bodiesPauseMin
		}
	}
}

// askBodies asks p for what was withheld, if it is time to.
func (r *Replica) askBodies(now time.Time, p *peer) {
	if p.bodies.IsZero() || now.Before(p.bodies) {
		return
	}
	p.bodies = time.Time{}
	n := 0
	for _, id := range r.byUrgency(r.order) {
		d := r.docs[id]
		if len(d.bare) == 0 || n == eagerDocs {
			continue
		}
		if ops := r.missing(d); len(ops) > 0 {
			n++
			r.send(p.dev, false, &wire.NeedBodies{Doc: id, Ops: ops})
		}
	}
	if n > 0 {
		p.bodies = now.Add(r.jitter(p.bodiesPause))
		p.bodiesPause = min(2*p.bodiesPause, bodiesPauseMax)
	}
}

// stepNeedBodies sends those of the bodies asked for that are here, as many as fit. A peer that asks without a pause is
// not answered.
func (r *Replica) stepNeedBodies(now time.Time, p *peer, m *wire.NeedBodies) {
	d := r.docs[m.Doc]
	if d == nil || d.board == nil || now.Before(p.bodiesSent.Add(bodiesRest)) {
		return
	}
	var ops []crdt.Hash
	size := 0
	for _, h := range m.Ops {
		if !d.graph.Has(h) || d.bare[h] {
			continue
		}
		if size += d.graph.Size(h); size > bodiesBytes {
			break
		}
		ops = append(ops, h)
	}
	answer := &wire.Bodies{Doc: m.Doc}
	for _, rec := range r.read(m.Doc, ops) {
		if !rec.Erased {
			answer.Bodies = append(answer.Bodies, wire.Body{Op: rec.Hash, Salt: rec.Salt, Body: rec.Body})
		}
	}
	if len(answer.Bodies) > 0 {
		p.bodiesSent = now
		r.send(p.dev, true, answer)
	}
}

// stepBodies takes in the bodies that are missing here and are what was signed; others are passed over, for what was
// asked for may have been redacted or have come from somebody else.
func (r *Replica) stepBodies(now time.Time, p *peer, m *wire.Bodies) {
	d := r.docs[m.Doc]
	if d == nil {
		return
	}
	filled := 0
	for _, b := range m.Bodies {
		if !d.bare[b.Op] {
			continue
		}
		recs := r.read(m.Doc, []crdt.Hash{b.Op})
		if len(recs) == 0 {
			continue // the store says what is wrong to whoever opens it
		}
		full := *recs[0]
		full.Salt, full.Body, full.Erased = b.Salt, b.Body, false
		if full.CheckBody() == nil && r.fill(m.Doc, d, &full) {
			filled++
		}
	}
	if filled > 0 { // it has more, perhaps
		p.bodies, p.bodiesPause = now.Add(bodiesRest), bodiesPauseMin
	}
}

// fill adds the body of an operation that is held without it, unless a redaction took it away. rec has been checked.
func (r *Replica) fill(id crdt.DocID, d *document, rec *crdt.Record) bool {
	if rec.Erased || !d.bare[rec.Hash] {
		return false
	}
	delete(d.bare, rec.Hash)
	if !d.board.Withheld(rec.Hash) {
		return false
	}
	r.out.Fill = append(r.out.Fill, rec)
	r.erase(id, d, d.board.Apply(r.event(id, d, rec)))
	r.out.Changes = append(r.out.Changes, Change{Doc: id, Hash: rec.Hash, Device: rec.Op.Dot.Device, Merged: true})
	r.stats.Filled++
	return true
}

// Withheld returns how many operations are held without a body that no redaction took away.
func (r *Replica) Withheld() int {
	n := 0
	for _, id := range r.order {
		if d := r.docs[id]; d.board != nil {
			for h := range d.bare { // any order: counted
				if d.board.Withheld(h) {
					n++
				}
			}
		}
	}
	return n
}
