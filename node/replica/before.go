package replica

import (
	"errors"
	"slices"
	"time"

	"muster/crdt"
)

// ErrLogPast is returned by [Replica.ProposeTeamBefore] when our log of the team document has seen what the operation is
// to be written without. The log is closed then: [Replica.NeedsEpoch] says so, and after [Replica.SetEpoch] it can be
// tried again. Nothing was written, and no log ever forks by it.
var ErrLogPast = errors.New("replica: a new log has to be begun first")

// HeadsBefore returns the heads of the team document without some of its operations and all that has seen them, ascending.
func (r *Replica) HeadsBefore(without ...crdt.Hash) []crdt.Hash {
	g := r.docs[r.cfg.Team].graph
	var heads []crdt.Hash
	for _, h := range slices.Backward(g.Lacks(crdt.Past{})) { // the newest first: what has seen another comes before it
		seen := slices.ContainsFunc(without, func(w crdt.Hash) bool { return w == h || g.Before(w, h) })
		if !seen && !slices.ContainsFunc(heads, func(o crdt.Hash) bool { return g.Before(h, o) }) {
			heads = append(heads, h)
		}
	}
	slices.SortFunc(heads, crdt.Hash.Compare)
	return heads
}

// ProposeTeamBefore writes an operation of the team document as of before some others: its past is all that is held but
// for those and what has seen them. What it is worth is for package auth to say; who is removed writes against that so.
func (r *Replica) ProposeTeamBefore(now time.Time, kind crdt.Kind, body any, without ...crdt.Hash) (crdt.Hash, error) {
	if r.NeedsEpoch() {
		panic("replica: asked to write before SetEpoch")
	}
	g := r.docs[r.cfg.Team].graph
	prev, _ := r.heads(r.cfg.Team)
	if !prev.Hash.IsZero() && slices.ContainsFunc(without, func(w crdt.Hash) bool { return w == prev.Hash || g.Before(w, prev.Hash) }) {
		r.epoch = 0
		return crdt.Hash{}, ErrLogPast
	}
	for {
		prev, _ = r.heads(r.cfg.Team)
		others := slices.DeleteFunc(r.HeadsBefore(without...), func(h crdt.Hash) bool { return h == prev.Hash })
		if len(others) <= crdt.MaxParents {
			rec, err := r.signOn(now, r.cfg.Team, prev, others, kind, crdt.EncodeBody(body), nil)
			if err != nil {
				return crdt.Hash{}, err
			}
			r.settle(now)
			r.dueBodies(now)
			return rec.Hash, nil
		}
		if _, err := r.signOn(now, r.cfg.Team, prev, others, crdt.KindWeave, nil, nil); err != nil {
			return crdt.Hash{}, err
		}
	}
}
