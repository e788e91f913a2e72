package replica

import (
	"errors"
	"fmt"

	"muster/crdt"
	"muster/crdt/auth"
	"muster/node/wire"
)

// errUnsigned is about the team's document, in which every operation carries its own signature: what may enter it
// depends on what its operations say, which cannot be known before they are taken in.
var errUnsigned = errors.New("operation of the team document without a signature")

// vouchRounds bounds how often a batch is looked through for what may be taken in. A correct node's takes one round.
const vouchRounds = 8

// vouched says which operations of a batch may be taken in by themselves. An operation that is not signed may only
// where the one that vouches for it, its next signed successor, is certain to be taken in too: otherwise the log would
// end here in an operation that nobody else can be given, and two correct nodes would differ for good.
func (r *Replica) vouched(m *wire.Batch) ([]bool, error) {
	ok := make([]bool, len(m.Records))
	unsigned := 0
	for i, rec := range m.Records {
		ok[i] = true
		if rec.Sig == nil {
			unsigned++
		}
	}
	if unsigned == 0 {
		return ok, nil
	}
	if m.Doc == r.cfg.Team {
		return nil, fmt.Errorf("%w: %w", crdt.ErrFormat, errUnsigned)
	}
	index := make(map[crdt.Hash]int, len(m.Records))
	for i, rec := range m.Records {
		index[rec.Hash] = i
	}
	good := ok // so far: certain to be taken in
	for range vouchRounds {
		changed := false
		for i, rec := range m.Records {
			if good[i] && !r.certain(m, i, rec, index, good) {
				good[i], changed = false, true
			}
		}
		next := map[crdt.Hash]bool{} // operations with a successor in the batch that is certain
		for i := len(m.Records) - 1; i >= 0; i-- {
			rec := m.Records[i]
			if good[i] && rec.Sig == nil && !next[rec.Hash] && !r.held(m.Doc, rec.Hash) {
				good[i], changed = false, true
			}
			if good[i] {
				next[rec.Op.Prev] = true
			}
		}
		if !changed {
			return r.orSigned(m, good), nil
		}
	}
	clear(good)
	return r.orSigned(m, good), nil
}

// orSigned adds the operations that vouch for themselves: if they are not certain they wait or are refused.
func (r *Replica) orSigned(m *wire.Batch, good []bool) []bool {
	for i, rec := range m.Records {
		good[i] = good[i] || rec.Sig != nil
	}
	return good
}

func (r *Replica) held(doc crdt.DocID, h crdt.Hash) bool {
	d := r.docs[doc]
	return d != nil && d.graph.Has(h)
}

// certain reports whether [Replica.accept] takes the ith operation of an incident's batch, given that it takes those
// before it that are good.
func (r *Replica) certain(m *wire.Batch, i int, rec *crdt.Record, index map[crdt.Hash]int, good []bool) bool {
	if r.held(m.Doc, rec.Hash) {
		return true
	}
	here := func(h crdt.Hash) bool {
		j, ok := index[h]
		return ok && j < i && good[j] || r.held(m.Doc, h)
	}
	for _, h := range rec.Op.Parents {
		if !here(h) {
			return false
		}
	}
	op := &rec.Op
	switch {
	case op.Dot.Seq > crdt.MaxSeq, op.Doc.IsZero() && op.Kind == auth.KindGenesis:
		return false
	case !op.Prev.IsZero() && !here(op.Prev):
		return false
	case !op.Prev.IsZero() && r.held(m.Doc, op.Prev): // in the batch the decoder has seen to that
		if d := r.docs[m.Doc].graph.Dot(op.Prev); d.Log() != op.Dot.Log() || d.Seq+1 != op.Dot.Seq {
			return false
		}
	}
	return r.checkAuthor(rec) == nil
}
