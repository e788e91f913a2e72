package replica_test

import (
	"cmp"
	"maps"
	"slices"

	"muster/crdt"
	"muster/node/replica"
)

// A disk is the store of one node in a test: it outlives crashes.
type disk struct {
	docs  []crdt.DocID                                 // in the order they came
	logs  map[crdt.DocID]map[crdt.LogID][]*crdt.Record // each by seq
	have  map[crdt.Hash]bool
	epoch uint64
}

var _ replica.Storage = (*disk)(nil)

func newDisk(epoch uint64) *disk {
	return &disk{logs: map[crdt.DocID]map[crdt.LogID][]*crdt.Record{}, have: map[crdt.Hash]bool{}, epoch: epoch}
}

func (d *disk) put(recs ...*crdt.Record) {
	for _, rec := range recs {
		doc, log := rec.Doc(), rec.Op.Dot.Log()
		if d.have[rec.Hash] {
			continue
		}
		if d.logs[doc] == nil {
			d.docs = append(d.docs, doc)
			d.logs[doc] = map[crdt.LogID][]*crdt.Record{}
		}
		d.have[rec.Hash] = true
		at := firstAt(d.logs[doc][log], rec.Op.Dot.Seq+1)
		d.logs[doc][log] = slices.Insert(d.logs[doc][log], at, rec)
	}
}

// firstAt returns the place of the first record of at least that seq.
func firstAt(recs []*crdt.Record, seq uint64) int {
	at, _ := slices.BinarySearchFunc(recs, seq, func(r *crdt.Record, seq uint64) int { return cmp.Compare(r.Op.Dot.Seq, seq) })
	for at > 0 && recs[at-1].Op.Dot.Seq >= seq {
		at--
	}
	return at
}

func (d *disk) erase(e replica.Erase) {
	recs := d.logs[e.Doc][e.Dot.Log()]
	for i, rec := range recs {
		if rec.Hash == e.Hash {
			recs[i] = rec.WithoutBody()
		}
	}
}

// fill adds bodies that came after their operations.
func (d *disk) fill(recs ...*crdt.Record) {
	for _, rec := range recs {
		held := d.logs[rec.Doc()][rec.Op.Dot.Log()]
		if i := slices.IndexFunc(held, func(r *crdt.Record) bool { return r.Hash == rec.Hash }); i >= 0 {
			held[i] = rec
		}
	}
}

// all returns the records of a document, log after log.
func (d *disk) all(doc crdt.DocID) []*crdt.Record {
	var out []*crdt.Record
	for _, log := range slices.SortedFunc(maps.Keys(d.logs[doc]), crdt.LogID.Compare) {
		out = append(out, d.logs[doc][log]...)
	}
	return out
}

// clone returns a copy that does not change with d, as copying a home directory makes one.
func (d *disk) clone() *disk {
	c := newDisk(d.epoch)
	for _, doc := range d.docs {
		c.put(d.all(doc)...)
	}
	return c
}

func (d *disk) Documents() ([]crdt.DocID, error) { return slices.Clone(d.docs), nil }

// Scan visits log after log, as a store with one key range a log does.
func (d *disk) Scan(doc crdt.DocID, visit func(*crdt.Record) error) error {
	for _, rec := range d.all(doc) {
		if err := visit(rec); err != nil {
			return err
		}
	}
	return nil
}

func (d *disk) Run(doc crdt.DocID, log crdt.LogID, from uint64, maxBytes int) ([]*crdt.Record, error) {
	recs := d.logs[doc][log]
	recs = recs[firstAt(recs, from):]
	size := 0
	for i, rec := range recs {
		if size += crdt.RecordSize(rec); i > 0 && size > maxBytes {
			return recs[:i], nil
		}
	}
	return recs, nil
}
