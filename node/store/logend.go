package store

import (
	"iter"
	"slices"

	"muster/crdt"
)

// A logEnd says where a log ends and what of it is not shown.
type logEnd struct {
	tips   []crdt.Tip         // ends of the branches, each signed; ascending; empty: nothing to show
	hidden map[crdt.Hash]bool // records that no signed operation vouches for
}

// endOf reads a log from its end backwards. A record is shown if it is signed or the ancestor of one that is. Where a
// log never forked the first signed record settles all before it, so that usually one record is read.
func endOf(descending iter.Seq2[*crdt.Record, error], forked bool) (logEnd, error) {
	var end logEnd
	vouched := make(map[crdt.Hash]bool) // hashes that shown records name as their previous operation
	for r, err := range descending {
		if err != nil {
			return logEnd{}, err
		}
		named := vouched[r.Hash]
		if !named && r.Sig == nil {
			if end.hidden == nil {
				end.hidden = make(map[crdt.Hash]bool)
			}
			end.hidden[r.Hash] = true
			continue
		}
		if !named {
			end.tips = append(end.tips, crdt.Tip{Log: r.Op.Dot.Log(), Seq: r.Op.Dot.Seq, Hash: r.Hash})
			if !forked {
				break
			}
		}
		vouched[r.Op.Prev] = true
	}
	slices.SortFunc(end.tips, crdt.Tip.Compare)
	return end, nil
}
