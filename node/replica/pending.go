package replica

import (
	"errors"
	"fmt"
	"slices"

	"muster/crdt"
)

// pending holds operations whose past is not here yet, because messages overtook each other. It is a cache: what does
// not fit is dropped and comes again by anti-entropy.
type pending struct {
	ops   map[crdt.Hash]*crdt.Record
	waits map[crdt.Hash][]crdt.Hash // missing operation -> operations that wait for it
	docs  map[crdt.DocID]int        // document -> number of its operations that wait
	kept  map[crdt.Hash]bool        // operations stored here that waited when we started: always room for them

	cached, bytes int // operations that are not kept, and their bodies
}

func newPending() pending {
	return pending{ops: map[crdt.Hash]*crdt.Record{}, waits: map[crdt.Hash][]crdt.Hash{}, docs: map[crdt.DocID]int{}, kept: map[crdt.Hash]bool{}}
}

// add keeps rec until missing arrives. It reports whether there was room.
func (p *pending) add(rec *crdt.Record, missing crdt.Hash) bool {
	full := p.cached >= MaxPending || p.bytes+len(rec.Body) > MaxPendingBytes
	if full && p.ops[rec.Hash] == nil && !p.kept[rec.Hash] {
		return false
	}
	p.wait(rec, missing)
	return true
}

// keep is add for what the disk holds, and perhaps nobody else: there is always room.
func (p *pending) keep(rec *crdt.Record, missing crdt.Hash) {
	p.kept[rec.Hash] = true
	p.wait(rec, missing)
}

func (p *pending) wait(rec *crdt.Record, missing crdt.Hash) {
	if p.ops[rec.Hash] == nil {
		p.ops[rec.Hash] = rec
		p.docs[rec.Doc()]++
		if !p.kept[rec.Hash] {
			p.cached++
			p.bytes += len(rec.Body)
		}
	}
	if !slices.Contains(p.waits[missing], rec.Hash) {
		p.waits[missing] = append(p.waits[missing], rec.Hash)
	}
}

// take returns the operations that waited for h, in the order they came.
func (p *pending) take(h crdt.Hash) []*crdt.Record {
	var out []*crdt.Record
	for _, w := range p.waits[h] {
		if rec := p.ops[w]; rec != nil {
			delete(p.ops, w)
			p.docs[rec.Doc()]--
			if !p.kept[rec.Hash] {
				p.cached--
				p.bytes -= len(rec.Body)
			}
			out = append(out, rec)
		}
	}
	delete(p.waits, h)
	return out
}

// take offers rec, and whatever was waiting for it, to the documents. It reports whether rec itself is now held, and
// which operation it waits for if not. An error means that no correct node would have sent rec.
func (r *Replica) take(rec *crdt.Record, merged bool) (held bool, err error) {
	type offer struct {
		rec   *crdt.Record
		first bool
	}
	for queue := []offer{{rec, true}}; len(queue) > 0; queue = queue[1:] {
		o := queue[0]
		id := o.rec.Doc()
		if d := r.docs[id]; d != nil && d.graph.Has(o.rec.Hash) {
			r.stats.Duplicates++
			r.fill(id, d, o.rec)
			held = held || o.first
			continue
		}
		err := r.accept(o.rec, merged)
		switch {
		case errors.Is(err, crdt.ErrMissing):
			if !r.pending.add(o.rec, r.firstMissing(o.rec)) {
				r.stats.Dropped++
			}
			continue
		case err != nil:
			r.stats.Refused++
			if o.first {
				return false, err
			}
			continue
		}
		held = held || o.first
		r.stats.Accepted++
		r.out.Peers = append(r.out.Peers, o.rec)
		if r.news[id] == nil {
			r.news[id] = map[crdt.LogID]bool{}
		}
		r.news[id][o.rec.Op.Dot.Log()] = true
		if dot := o.rec.Op.Dot; dot.Device == r.self && dot.Epoch == r.epoch {
			r.epoch = 0 // somebody knows more of our log than we do
			r.stats.Forks++
		}
		for _, w := range r.pending.take(o.rec.Hash) {
			queue = append(queue, offer{rec: w})
		}
	}
	return held, nil
}

// firstMissing names an operation that rec waits for.
func (r *Replica) firstMissing(rec *crdt.Record) crdt.Hash {
	d := r.docs[rec.Doc()]
	if d == nil && !rec.Op.Doc.IsZero() {
		return crdt.Hash(rec.Op.Doc) // the founding operation, whose hash is the document's name
	}
	if d != nil {
		if miss := d.graph.Missing(&rec.Op); len(miss) > 0 {
			return miss[0]
		}
	}
	for _, h := range rec.Op.Team {
		if !r.docs[r.cfg.Team].graph.Has(h) {
			return h
		}
	}
	panic(fmt.Sprintf("replica: %s waits for nothing", rec.Op.Dot))
}
