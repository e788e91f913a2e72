package replica

import (
	"fmt"
	"time"

	"muster/crdt"
	"muster/node/wire"
)

// Operations also travel without a connection: in a file that somebody carries. What is packed and unpacked here are the
// batches of a transfer, with nobody at the other end to say what they have.

// A Load is the rest of a document that is being packed. It is good as long as its replica lives; operations that come
// meanwhile are not in it.
type Load struct{ job job }

// Loads returns all of a document for packing. It keeps the names of the operations and not the operations.
func (r *Replica) Loads(doc crdt.DocID) (*Load, error) {
	d := r.docs[doc]
	if d == nil {
		return nil, fmt.Errorf("replica: no document %s here", doc)
	}
	return &Load{job{doc: doc, rest: d.graph.Lacks(crdt.Past{})}}, nil
}

// Left returns how many operations are still to be packed.
func (l *Load) Left() int { return len(l.job.rest) }

// Pack returns the next batch of a load, about as much as one of a transfer; nil when nothing is left. The error wraps
// [ErrStore] when the rest cannot be read, or waits here for its own past.
func (r *Replica) Pack(l *Load) (*wire.Batch, error) {
	if len(l.job.rest) == 0 {
		return nil, nil
	}
	b := r.nextBatch(&l.job)
	if b == nil {
		return nil, fmt.Errorf("%w: %d operations of document %s cannot be read", ErrStore, len(l.job.rest), l.job.doc)
	}
	return b, nil
}

// Unpacked counts what a batch brought.
type Unpacked struct {
	New     int // operations taken in, those too that had waited for them
	Known   int // that were here already
	Waiting int // whose past is not here: kept for a while, or to be brought again
}

// Unpack takes in a batch that [Replica.Pack] made somewhere. It is judged as one from a peer is, and costs nobody anything:
// the person of this node carried it here. An error means that no correct node packed it; what stood before the fault has
// been taken in.
func (r *Replica) Unpack(now time.Time, m *wire.Batch) (Unpacked, error) {
	var out Unpacked
	if !m.Verify(r.cfg.Verify) {
		return out, fmt.Errorf("%w: %w", crdt.ErrFormat, errSignature)
	}
	vouched, err := r.vouched(m)
	if err != nil {
		return out, err
	}
	before := r.stats.Accepted
	for i, rec := range m.Records {
		if r.held(m.Doc, rec.Hash) {
			out.Known++
		}
		held := false
		if vouched[i] {
			if held, err = r.take(rec, true); err != nil {
				break
			}
		}
		if !held {
			out.Waiting++
		}
	}
	out.New = r.stats.Accepted - before
	r.settle(now)
	r.dueBodies(now)
	if len(r.news) > 0 && r.newsDue.IsZero() {
		r.newsDue = now.Add(haveDelay)
	}
	return out, err
}
