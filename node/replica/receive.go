package replica

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"muster/crdt"
	"muster/node/wire"
)

// learn notes what a peer says it has of a document: all of it, or (whole false) at least that.
func (r *Replica) learn(p *peer, id crdt.DocID, f crdt.Frontier, whole bool) {
	d, h := r.docs[id], p.holds[id]
	if h == nil && d == nil && len(p.holds) >= len(r.docs)+maxUnknown {
		return
	}
	if h == nil || whole {
		h = &holding{}
		p.holds[id] = h
	}
	if d == nil {
		h.ahead = f[:min(len(f), maxAheadUnknown)]
		return
	}
	h.past = h.past.Union(d.graph.Knows(f)) // not Holds: what is shown as delivered must not be a guess
	for _, t := range f {
		if !d.graph.Has(t.Hash) && len(h.ahead) < maxAhead && !slices.Contains(h.ahead, t) {
			h.ahead = append(h.ahead, t)
		}
	}
}

// lacking reports whether p is known to have something of the document that is not here, and forgets what has arrived.
func (r *Replica) lacking(p *peer, id crdt.DocID) bool {
	h := p.holds[id]
	if h == nil {
		return false
	}
	if d := r.docs[id]; d != nil {
		h.ahead = slices.DeleteFunc(h.ahead, func(t crdt.Tip) bool {
			if !d.graph.Has(t.Hash) {
				return false
			}
			h.past = h.past.Union(d.graph.Knows(crdt.Frontier{t}))
			return true
		})
	}
	return len(h.ahead) > 0
}

// stepHave notes what is durable at p, which may be more than we have, and goes on with the transfer to it.
func (r *Replica) stepHave(now time.Time, p *peer, m *wire.Have) {
	// An acknowledgement can be left over from an earlier connection; the next digest finds out what that confused.
	if p.landed(m.Batches) {
		p.progress = now
	}
	for _, d := range m.Docs {
		r.learn(p, d.Doc, d.Frontier, false)
		if r.lacking(p, d.Doc) {
			r.want(now, p, d.Doc)
		}
	}
	r.pump(now, p)
}

// stepBatch takes in operations and says which of them are now durable here.
func (r *Replica) stepBatch(now time.Time, p *peer, m *wire.Batch) error {
	if !m.Verify(r.cfg.Verify) {
		return fmt.Errorf("%w: %w in a batch from %s", crdt.ErrFormat, errSignature, p.dev.Short())
	}
	r.stats.Batches++
	logs := map[crdt.LogID]bool{}
	waits := false
	vouched, err := r.vouched(m)
	if err != nil {
		return err
	}
	for i, rec := range m.Records {
		if m.Number > 0 {
			p.offer.Operations++
			p.offer.Bytes += uint64(crdt.RecordSize(rec))
		}
		if !vouched[i] { // comes again with what vouches for it
			r.stats.Dropped++
			waits = true
			continue
		}
		fresh := !r.held(m.Doc, rec.Hash)
		held, err := r.take(rec, m.Number > 0)
		if err != nil {
			return err
		}
		if fresh {
			r.heardOf(now, p.dev, rec)
		}
		logs[rec.Op.Dot.Log()] = true
		waits = waits || !held
	}
	if p.offer.Operations >= p.offer.OperationsTotal {
		p.offer = Progress{}
	}
	have := &wire.Have{Batches: m.Number}
	if d := r.docs[m.Doc]; d != nil {
		var f crdt.Frontier
		for _, log := range slices.SortedFunc(maps.Keys(logs), crdt.LogID.Compare) {
			f = append(f, d.graph.Log(log)...)
		}
		if len(f) > 0 {
			have.Docs = []wire.DocFrontier{{Doc: m.Doc, Frontier: f}}
		}
		r.learn(p, m.Doc, tipsOf(m.Records, d.graph), false) // it sent them, so it has them
	}
	r.send(p.dev, false, have)
	if waits {
		r.want(now, p, m.Doc)
		if m.Doc != r.cfg.Team {
			r.want(now, p, r.cfg.Team) // perhaps it waits for team heads
		}
	}
	if len(r.news) > 0 && r.newsDue.IsZero() {
		r.newsDue = now.Add(haveDelay)
	}
	return nil
}

var errSignature = errors.New("bad signature")

// tipsOf returns the last operation of each log in recs that is in g.
func tipsOf(recs []*crdt.Record, g *crdt.Graph) crdt.Frontier {
	last := map[crdt.LogID]crdt.Tip{}
	for _, rec := range recs {
		if g.Has(rec.Hash) {
			log := rec.Op.Dot.Log()
			last[log] = crdt.Tip{Log: log, Seq: rec.Op.Dot.Seq, Hash: rec.Hash}
		}
	}
	return slices.SortedFunc(maps.Values(last), crdt.Tip.Compare)
}

// tellNews tells the peers which did not send it what has become durable here: for them it is news of what they may
// lack, for its author that it has arrived.
func (r *Replica) tellNews() {
	var docs []wire.DocFrontier
	for _, id := range slices.SortedFunc(maps.Keys(r.news), crdt.DocID.Compare) {
		var f crdt.Frontier
		for _, log := range slices.SortedFunc(maps.Keys(r.news[id]), crdt.LogID.Compare) {
			f = append(f, r.docs[id].graph.Log(log)...)
		}
		docs = append(docs, wire.DocFrontier{Doc: id, Frontier: f})
	}
	r.news, r.newsDue = map[crdt.DocID]map[crdt.LogID]bool{}, time.Time{}
	n := 0
	for _, dev := range r.pushOrder() {
		p := r.peers[dev]
		fresh := slices.DeleteFunc(slices.Clone(docs), func(d wire.DocFrontier) bool {
			h := p.holds[d.Doc]
			return h != nil && !slices.ContainsFunc(d.Frontier, func(t crdt.Tip) bool { return !r.docs[d.Doc].graph.Covers(h.past, t.Hash) })
		})
		if n++; len(fresh) > 0 && n <= MaxPushPeers {
			r.send(dev, false, &wire.Have{Docs: fresh})
		}
	}
}
