package replica

import (
	"slices"
	"time"

	"muster/crdt"
	"muster/node/wire"
)

// A job is a transfer of what a peer lacks of one document.
type job struct {
	doc  crdt.DocID
	past crdt.Past   // what the peer has, or has been sent
	rest []crdt.Hash // to send, in an order that agrees with causality
	last uint64      // number of the last batch, once rest is empty
}

// serve queues what p lacks of a document, of which it says it has f. A transfer of that document that is under way is
// left alone: what it has sent is not in f yet.
func (r *Replica) serve(now time.Time, p *peer, id crdt.DocID, f crdt.Frontier) {
	d := r.docs[id]
	if d == nil || slices.ContainsFunc(p.jobs, func(j *job) bool { return j.doc == id }) {
		return
	}
	past := d.graph.Holds(f)
	rest := d.graph.Lacks(past)
	if len(rest) == 0 {
		return
	}
	var size uint64
	for _, h := range rest {
		size += uint64(d.graph.Size(h))
	}
	r.send(p.dev, false, &wire.Offer{Operations: uint64(len(rest)), Bytes: size})
	if len(p.jobs) == 0 {
		p.progress = now
	}
	p.jobs = append(p.jobs, &job{doc: id, past: past, rest: rest})
}

// pump sends batches while the window allows. A batch is built only when it may leave, so memory does not grow with
// what a peer lacks.
func (r *Replica) pump(now time.Time, p *peer) {
	for len(p.jobs) > 0 {
		j := p.jobs[0]
		if len(j.rest) == 0 {
			if p.acked < j.last {
				return
			}
			p.jobs = p.jobs[1:]
			if len(p.jobs) == 0 {
				p.soonRoot(now) // are we equal now?
			}
			continue
		}
		if p.sent-p.acked >= window {
			return
		}
		b := r.nextBatch(j)
		if b == nil { // not readable now; what the store has to say about that it says to whoever opens it
			p.jobs = p.jobs[1:]
			continue
		}
		p.sent++
		p.progress = now
		b.Number, j.last = p.sent, p.sent
		r.send(p.dev, true, b)
	}
}

// nextBatch takes the next operations of a job.
func (r *Replica) nextBatch(j *job) *wire.Batch {
	g := r.docs[j.doc].graph
	var chosen, rest []crdt.Hash
	for ops, size := batchOps, batchBytes; ; ops, size = 2*ops, 2*size {
		n, bytes := 0, 0
		for n < len(j.rest) && n < ops && (n == 0 || bytes < size) {
			bytes += g.Size(j.rest[n])
			n++
		}
		chosen, rest = g.SignedCut(j.past, j.rest[:n])
		if len(chosen) > 0 || n == len(j.rest) {
			rest = slices.Concat(rest, j.rest[n:])
			break
		}
	}
	recs := r.read(j.doc, chosen)
	if recs == nil {
		return nil
	}
	j.rest = rest
	j.past = j.past.Union(g.PastOf(chosen))
	return &wire.Batch{Doc: j.doc, Records: recs}
}

// read fetches operations from the store, in the order asked for, and leaves out every signature but the last of each
// log, since the others are implied. It returns nil when the store does not have them all.
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
