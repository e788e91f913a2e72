package sim

import (
	"cmp"
	"maps"
	"slices"

	"muster/crdt"
	"muster/node/replica"
)

// A disk is what survives a crash of its host. Like the real store it is two things: the journal, the authority for what
// this device wrote, and the store of all operations.
type disk struct {
	device  crdt.DeviceID
	epoch   uint64
	journal []*crdt.Record                               // own operations of this device in the order written
	docs    map[crdt.DocID]map[crdt.LogID][]*crdt.Record // each log by seq, then hash
	have    map[crdt.Hash]bool
	slack   []*crdt.Record // old bytes that the store has not cleaned up
	keeps   bool           // a planted bug: does not erase
	litters bool           // a planted bug: erases and does not clean up
}

func newDisk(device crdt.DeviceID, epoch uint64) *disk {
	return &disk{device: device, epoch: epoch, docs: map[crdt.DocID]map[crdt.LogID][]*crdt.Record{}, have: map[crdt.Hash]bool{}}
}

// clone returns a copy that does not change with d.
func (d *disk) clone() *disk {
	c := newDisk(d.device, d.epoch)
	c.journal, c.keeps = slices.Clone(d.journal), d.keeps
	for doc, logs := range d.docs { // any order: fills a map
		c.docs[doc] = map[crdt.LogID][]*crdt.Record{}
		for log, recs := range logs { // any order: fills a map
			c.docs[doc][log] = slices.Clone(recs)
		}
	}
	maps.Insert(c.have, maps.All(d.have))
	return c
}

// write stores what a replica asks for in the order of the real store: what peers made, the journal, what was made
// here. At most steps records are written: a crash or a torn write can end it anywhere.
func (d *disk) write(rd *replica.Ready, steps int) {
	next := func() bool { steps--; return steps >= 0 }
	for _, rec := range rd.Peers {
		if next() {
			d.put(rec)
		}
	}
	for _, rec := range rd.Own {
		if next() {
			d.journal = append(d.journal, rec)
		}
	}
	for _, rec := range rd.Own {
		if next() {
			d.put(rec)
		}
	}
	for _, rec := range rd.Fill {
		if next() {
			d.fill(rec)
		}
	}
	for _, e := range rd.Erase {
		if next() {
			d.erase(e.Doc, e.Dot, e.Hash)
		}
	}
}

// steps returns how many steps write takes.
func steps(rd *replica.Ready) int {
	return len(rd.Peers) + 2*len(rd.Own) + len(rd.Fill) + len(rd.Erase)
}

func (d *disk) put(recs ...*crdt.Record) {
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
			return cmp.Or(cmp.Compare(a.Op.Dot.Seq, b.Op.Dot.Seq), a.Hash.Compare(b.Hash))
		})
		logs[log] = slices.Insert(logs[log], at, rec)
	}
}

// replace puts something else in the place of a record.
func (d *disk) replace(doc crdt.DocID, dot crdt.Dot, h crdt.Hash, with func(*crdt.Record) *crdt.Record) {
	for i, rec := range d.docs[doc][dot.Log()] {
		if rec.Hash == h {
			d.docs[doc][dot.Log()][i] = with(rec)
		}
	}
}

func (d *disk) fill(full *crdt.Record) {
	d.replace(full.Doc(), full.Op.Dot, full.Hash, func(held *crdt.Record) *crdt.Record {
		if !held.Erased {
			return held
		}
		c := *held
		c.Salt, c.Body, c.Erased = full.Salt, full.Body, false
		return &c
	})
}

func (d *disk) erase(doc crdt.DocID, dot crdt.Dot, h crdt.Hash) {
	if d.keeps {
		return
	}
	for i, rec := range d.journal {
		if rec.Hash == h {
			if d.litters && !rec.Erased {
				old := *rec
				old.Hash = crdt.Hash{} // nothing points to it
				d.slack = append(d.slack, &old)
			}
			d.journal[i] = rec.WithoutBody()
		}
	}
	d.replace(doc, dot, h, (*crdt.Record).WithoutBody)
}

// forget loses an operation as if it had never been stored.
func (d *disk) forget(h crdt.Hash) {
	delete(d.have, h)
	for _, logs := range d.docs { // any order: each log by itself
		for log, recs := range logs { // any order: each log by itself
			logs[log] = slices.DeleteFunc(recs, func(r *crdt.Record) bool { return r.Hash == h })
		}
	}
}

// lose empties the store of all documents but keep, as when a flipped bit has it set aside.
func (d *disk) lose(keep crdt.DocID) {
	for _, doc := range slices.SortedFunc(maps.Keys(d.docs), crdt.DocID.Compare) {
		if doc == keep {
			continue
		}
		for _, logs := range d.docs[doc] { // any order: empties a map
			for _, rec := range logs {
				delete(d.have, rec.Hash)
			}
		}
		delete(d.docs, doc)
	}
}

// open repairs what a crash or damage left: own operations come back from the journal, and what no signature vouches
// for is not shown.
func (d *disk) open() {
	d.put(d.journal...)
	for _, logs := range d.docs { // any order: each log by itself
		for log, recs := range logs { // any order: each log by itself
			vouched := map[crdt.Hash]bool{}
			for _, rec := range slices.Backward(recs) {
				if rec.Sig != nil {
					vouched[rec.Hash] = true
				}
				if vouched[rec.Hash] {
					vouched[rec.Op.Prev] = true
				}
			}
			logs[log] = slices.DeleteFunc(recs, func(rec *crdt.Record) bool {
				if !vouched[rec.Hash] {
					delete(d.have, rec.Hash)
				}
				return !vouched[rec.Hash]
			})
			if len(logs[log]) == 0 {
				delete(logs, log)
			}
		}
	}
	maps.DeleteFunc(d.docs, func(_ crdt.DocID, logs map[crdt.LogID][]*crdt.Record) bool { return len(logs) == 0 })
}

// last returns the last operation this device wrote in its current log of a document, or nil.
func (d *disk) last(doc crdt.DocID) *crdt.Record {
	recs := d.docs[doc][crdt.LogID{Device: d.device, Epoch: d.epoch}]
	if len(recs) == 0 {
		return nil
	}
	return recs[len(recs)-1]
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
	at, _ := slices.BinarySearchFunc(recs, from, func(r *crdt.Record, seq uint64) int { return cmp.Compare(r.Op.Dot.Seq, seq) })
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

var _ replica.Storage = (*disk)(nil)
