package replica

import (
	"slices"
	"time"

	"muster/crdt"
	"muster/node/wire"
)

// A job is a transfer of what a peer lacks of one document. It ends when all of it is acknowledged.
type job struct {
	doc  crdt.DocID
	past crdt.Past   // what the peer has, or has been sent
	rest []crdt.Hash // to send, in an order that agrees with causality
	last uint64      // number of its last batch so far
}

// serve queues what p lacks of a document, of which it says it has f. A transfer of that document that is under way is
// left alone: what it has sent is not in f yet.
func (r *Replica) serve(now time.Time, p *peer, id crdt.DocID, f crdt.Frontier) {
	d := r.docs[id]
	if d == nil || slices.ContainsFunc(p.jobs, func(j *job) bool { return j.doc == id }) {
		return
	}
	past := d.graph.Holds(f)
	if p.vain(id, f.Digest(), d.frontierDigest()) {
		past = d.graph.Knows(f) // a fork, perhaps: each may take for granted that the other has its branch
	}
	rest := d.graph.Lacks(past)
	if len(rest) == 0 {
		return
	}
	var size uint64
	for _, h := range rest {
		size += uint64(d.graph.Size(h))
	}
	p.promise.Operations += uint64(len(rest))
	p.promise.Bytes += size
	if len(p.jobs) == 0 {
		p.progress = now
	}
	j := &job{doc: id, past: past, rest: rest}
	if id == r.cfg.Team { // who counts is to be known before what they wrote
		p.jobs = slices.Insert(p.jobs, 0, j)
		return
	}
	p.jobs = append(p.jobs, j)
}

// An exchange is what both sides had of a document when one began to send to the other.
type exchange struct {
	theirs, ours crdt.Hash // digests of the frontiers
	again        int       // times the same was the case since
}

// vain notes that an exchange about a document begins, and reports whether those before it changed nothing. While p
// has announced what has not arrived, that is no wonder.
func (p *peer) vain(id crdt.DocID, theirs, ours crdt.Hash) bool {
	x := p.served[id]
	switch {
	case x.theirs != theirs || x.ours != ours:
		x = exchange{theirs: theirs, ours: ours}
	case p.offer.OperationsTotal == 0:
		x.again++
	}
	p.served[id] = x
	return x.again >= maxVain
}

// pump announces what was queued and sends batches while the window allows. A batch is built only when it may leave, so
// memory does not grow with what a peer lacks.
func (r *Replica) pump(now time.Time, p *peer) {
	if p.promise.Operations > 0 {
		r.send(p.dev, false, &wire.Offer{Operations: p.promise.Operations, Bytes: p.promise.Bytes})
		p.promise = wire.Offer{}
	}
	for len(p.flight) < windowBatches && p.flightBytes < windowBytes {
		i := slices.IndexFunc(p.jobs, func(j *job) bool { return len(j.rest) > 0 })
		if i < 0 {
			break
		}
		j := p.jobs[i]
		b := r.nextBatch(j)
		if b == nil { // what a store has to say about that it says to whoever opens it
			p.jobs = slices.Delete(p.jobs, i, i+1)
			continue
		}
		size := 0
		for _, rec := range b.Records {
			size += r.docs[j.doc].graph.Size(rec.Hash)
		}
		p.sent++
		p.flight, p.flightBytes = append(p.flight, size), p.flightBytes+size
		p.progress = now
		b.Number, j.last = p.sent, p.sent
		r.send(p.dev, true, b)
	}
	busy := len(p.jobs) > 0
	p.jobs = slices.DeleteFunc(p.jobs, func(j *job) bool { return len(j.rest) == 0 && p.acked >= j.last })
	if busy && len(p.jobs) == 0 {
		p.soonRoot(now) // are we equal now?
	}
}

// landed notes that all batches up to the nth are done with, and reports whether that is news.
func (p *peer) landed(n uint64) bool {
	n = min(n, p.sent)
	if n <= p.acked {
		return false
	}
	for _, size := range p.flight[:n-p.acked] {
		p.flightBytes -= size
	}
	p.flight = p.flight[n-p.acked:]
	p.acked = n
	return true
}

// nextBatch takes the next operations of a job. It returns nil when none of them can be sent: the store cannot read them
// now, or the signed operation that vouches for them is still waiting here for its own past.
func (r *Replica) nextBatch(j *job) *wire.Batch {
	g := r.docs[j.doc].graph
	var chosen, rest []crdt.Hash
	for ops, size := batchOps, batchBytes; len(chosen) == 0; ops, size = 2*ops, 2*size {
		n, bytes := 0, 0
		for n < len(j.rest) && n < ops && (n == 0 || bytes < size) {
			bytes += g.Size(j.rest[n])
			n++
		}
		var left []crdt.Hash
		chosen, left = g.SignedCut(j.past, j.rest[:n])
		rest = j.rest[n:]
		if len(left) > 0 {
			rest = slices.Concat(left, rest)
		}
		if n == len(j.rest) {
			break
		}
	}
	recs := r.read(j.doc, chosen)
	if len(recs) == 0 {
		return nil
	}
	j.rest = rest
	j.past = j.past.Union(g.PastOf(chosen))
	return &wire.Batch{Doc: j.doc, Records: recs}
}

// read fetches operations from the store, in the order asked for, and leaves out every signature but the last of each
// log, since the others are implied, except of the team. It returns nil when the store does not have them all.
func (r *Replica) read(doc crdt.DocID, ops []crdt.Hash) []*crdt.Record {
	at := make(map[crdt.Hash]int, len(ops)) // operation -> position
	type span struct{ from, to uint64 }
	spans := map[crdt.LogID]span{}
	var logs []crdt.LogID // keys of spans, in the order met
	g := r.docs[doc].graph
	for i, h := range ops {
		at[h] = i
		dot := g.Dot(h)
		s, ok := spans[dot.Log()]
		if !ok {
			logs = append(logs, dot.Log())
			s = span{dot.Seq, dot.Seq}
		}
		spans[dot.Log()] = span{min(s.from, dot.Seq), max(s.to, dot.Seq)}
	}
	out := make([]*crdt.Record, len(ops))
	found := 0
	for _, fresh := range [][]*crdt.Record{r.out.Own, r.out.Peers} { // on their way to the store
		for _, rec := range fresh {
			if i, ok := at[rec.Hash]; ok && out[i] == nil {
				out[i] = rec
				found++
			}
		}
	}
	for _, log := range logs {
		if found == len(ops) {
			break
		}
		for s := spans[log]; s.from <= s.to; {
			recs, err := r.cfg.Storage.Run(doc, log, s.from, batchBytes)
			if err != nil || len(recs) == 0 {
				break // what is not found is noticed below
			}
			for _, rec := range recs {
				if i, ok := at[rec.Hash]; ok && out[i] == nil {
					out[i] = rec
					found++
				}
			}
			s.from = recs[len(recs)-1].Op.Dot.Seq + 1
		}
	}
	if found < len(ops) {
		return nil
	}
	if doc == r.cfg.Team {
		return out // see vouched
	}
	followed := map[crdt.Hash]bool{} // operations whose successor in the log is in out too
	for i := len(out) - 1; i >= 0; i-- {
		rec := out[i]
		if followed[rec.Hash] && rec.Sig != nil {
			c := *rec
			c.Sig = nil
			out[i] = &c
		}
		followed[rec.Op.Prev] = true
	}
	return out
}
