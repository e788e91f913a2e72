package sim

import (
	"maps"
	"slices"

	"muster/crdt"
	"muster/node/replica"
)

// A disk is what survives a crash of its host: what was persisted, and nothing of what was not.
type disk struct {
	docs  map[crdt.DocID]map[crdt.LogID][]*crdt.Record // each log by seq, then hash
	have  map[crdt.Hash]bool
	epoch uint64
}

func newDisk(epoch uint64) *disk {
	return &disk{docs: map[crdt.DocID]map[crdt.LogID][]*crdt.Record{}, have: map[crdt.Hash]bool{}, epoch: epoch}
}

// clone returns a copy that does not change with d.
func (d *disk) clone() *disk {
	c := newDisk(d.epoch)
	for _, doc := range slices.SortedFunc(maps.Keys(d.docs), crdt.DocID.Compare) {
		c.docs[doc] = map[crdt.LogID][]*crdt.Record{}
		for _, log := range slices.SortedFunc(maps.Keys(d.docs[doc]), crdt.LogID.Compare) {
			c.docs[doc][log] = slices.Clone(d.docs[doc][log])
		}
	}
	maps.Insert(c.have, maps.All(d.have))
	return c
}

func (d *disk) put(recs []*crdt.Record) {
	for _, rec := range recs {
		if d.have[rec.Hash] {
			continue
		}
		d.have[rec.Hash] = true
		logs := d.docs[rec.Doc()]
		if logs == nil {
			logs = map[crdt.LogID][]*crdt.Record{}
			d.docs[rec.Doc()] = logs
		}
		log := rec.Op.Dot.Log()
		at, _ := slices.BinarySearchFunc(logs[log], rec, func(a, b *crdt.Record) int {
			if a.Op.Dot.Seq != b.Op.Dot.Seq {
				return int(a.Op.Dot.Seq) - int(b.Op.Dot.Seq)
			}
			return a.Hash.Compare(b.Hash)
		})
		logs[log] = slices.Insert(logs[log], at, rec)
	}
}

func (d *disk) erase(e replica.Erase) {
	for i, rec := range d.docs[e.Doc][e.Dot.Log()] {
		if rec.Hash == e.Hash {
			d.docs[e.Doc][e.Dot.Log()][i] = rec.WithoutBody()
		}
	}
}

// forget loses an operation as if it had never been written.
func (d *disk) forget(p replica.Proposed) {
	delete(d.have, p.Hash)
	logs := d.docs[p.Doc]
	for _, log := range slices.SortedFunc(maps.Keys(logs), crdt.LogID.Compare) {
		logs[log] = slices.DeleteFunc(logs[log], func(r *crdt.Record) bool { return r.Hash == p.Hash })
	}
}

// Documents, Scan and Run make a disk a [replica.Storage].
func (d *disk) Documents() ([]crdt.DocID, error) {
	return slices.SortedFunc(maps.Keys(d.docs), crdt.DocID.Compare), nil
}

func (d *disk) Scan(doc crdt.DocID, visit func(*crdt.Record) error) error {
	logs := d.docs[doc]
	for _, log := range slices.SortedFunc(maps.Keys(logs), crdt.LogID.Compare) {
		for _, rec := range logs[log] {
			if err := visit(rec); err != nil {
				return err
			}
		}
	}
	return nil
}

func (d *disk) Run(doc crdt.DocID, log crdt.LogID, from uint64, maxBytes int) ([]*crdt.Record, error) {
	recs := d.docs[doc][log]
	at, _ := slices.BinarySearchFunc(recs, from, func(r *crdt.Record, seq uint64) int { return int(r.Op.Dot.Seq) - int(seq) })
	for at > 0 && recs[at-1].Op.Dot.Seq == from {
		at--
	}
	end, size := at, 0
	for end < len(recs) && (end == at || size+crdt.RecordSize(recs[end]) <= maxBytes) {
		size += crdt.RecordSize(recs[end])
		end++
	}
	return recs[at:end], nil
}
