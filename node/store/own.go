package store

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"io"
	"slices"

	"muster/crdt"
)

// ownLogs knows where this device's logs end, and refuses what would fork them.
type ownLogs struct {
	device  crdt.DeviceID
	epoch   uint64
	heads   map[crdt.DocID]crdt.Tip // of epoch only
	written map[crdt.Hash]int       // every own operation, of all epochs -> how many were written before it
}

func newOwnLogs(device crdt.DeviceID) *ownLogs {
	return &ownLogs{device: device, heads: make(map[crdt.DocID]crdt.Tip), written: make(map[crdt.Hash]int)}
}

// begin makes epoch the current one, in which nothing has been written.
func (o *ownLogs) begin(epoch uint64) {
	o.epoch = epoch
	clear(o.heads)
}

// add notes an operation as written, which it must not have been before.
func (o *ownLogs) add(r *crdt.Record) {
	o.written[r.Hash] = len(o.written)
	if r.Op.Dot.Epoch == o.epoch && r.Op.Dot.Seq >= o.heads[r.Doc()].Seq {
		o.heads[r.Doc()] = crdt.Tip{Log: r.Op.Dot.Log(), Seq: r.Op.Dot.Seq, Hash: r.Hash}
	}
}

// fresh returns those of own that are new, or ErrNotNext if one of them does not continue its log.
func (o *ownLogs) fresh(own []*crdt.Record) ([]*crdt.Record, error) {
	var out []*crdt.Record
	next := make(map[crdt.DocID]crdt.Tip)
	seen := make(map[crdt.Hash]bool)
	for _, r := range own {
		if _, ok := o.written[r.Hash]; ok || seen[r.Hash] {
			continue
		}
		tip, ok := next[r.Doc()]
		if !ok {
			tip = o.heads[r.Doc()]
		}
		d := r.Op.Dot
		if d.Device != o.device || d.Epoch != o.epoch || d.Seq != tip.Seq+1 || r.Op.Prev != tip.Hash {
			return nil, fmt.Errorf("%w: %s, expected %d in epoch %x", ErrNotNext, d, tip.Seq+1, o.epoch)
		}
		next[r.Doc()] = crdt.Tip{Log: d.Log(), Seq: d.Seq, Hash: r.Hash}
		seen[r.Hash] = true
		out = append(out, r)
	}
	return out, nil
}

// sorted returns the heads by document.
func (o *ownLogs) sorted() []Head {
	out := make([]Head, 0, len(o.heads))
	for doc, tip := range o.heads {
		out = append(out, Head{doc, tip})
	}
	slices.SortFunc(out, func(a, b Head) int { return cmp.Or(a.Doc.Compare(b.Doc), a.Tip.Compare(b.Tip)) })
	return out
}

// randomEpoch draws an epoch other than zero and not, the current one.
func randomEpoch(rand io.Reader, not uint64) (uint64, error) {
	const drawsMax = 8 // a working source needs a second one in 2^63
	for range drawsMax {
		var b [8]byte
		if _, err := io.ReadFull(rand, b[:]); err != nil {
			return 0, fmt.Errorf("draw an epoch: %w", err)
		}
		if e := binary.BigEndian.Uint64(b[:]); e != 0 && e != not {
			return e, nil
		}
	}
	return 0, fmt.Errorf("draw an epoch: the random source repeats itself")
}

// checkSizes refuses a body that no node would accept.
func checkSizes(batches ...[]*crdt.Record) error {
	for _, records := range batches {
		for _, r := range records {
			if len(r.Body) > crdt.MaxBodyBytes {
				return fmt.Errorf("%w: %s has %d bytes, at most %d", crdt.ErrTooLarge, r.Op.Dot, len(r.Body), crdt.MaxBodyBytes)
			}
		}
	}
	return nil
}
