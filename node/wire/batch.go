package wire

import (
	"encoding/binary"
	"fmt"

	"muster/crdt"
)

// A Batch carries operations of one document, in an order that agrees with causality: a receiver that holds what the
// sender believes it holds can take them one by one. Within a log only the last operation need be signed: the previous
// hash, the hash of the body and the dots are not sent but derived, so a change anywhere breaks the signature at the
// end (a hash chain in the manner of Schneier & Kelsey, 1999). Every log in a batch ends in a signed operation, so that
// a batch is accepted whole, in one store transaction, or not at all.
type Batch struct {
	Doc     crdt.DocID
	Number  uint64 // of a transfer, from 1 in each connection; 0: a push, not acknowledged by number
	Records []*crdt.Record
}

// operation flags
const (
	opSigned = 1 << iota
	opErased
	opTeam
	opExt
	opFounds
	opFlags = opSigned | opErased | opTeam | opExt | opFounds
)

// AppendBatch appends the payload of a Batch frame:
//
//	doc 32 | number | packing 1 | n, n bytes fields | n, n bytes raw
//
// Raw holds what does not compress (hashes, salts, signatures), in the order the fields call for it. Fields, packed
// with zstd when that makes them smaller, hold:
//
//	n logs,  each: epoch 8 | first seq                           raw: device 32, and if first > 1 its previous hash 32
//	n names                                                      raw: hashes of operations outside the batch
//	n operations, each: log | flags | wall ms, difference to the one before (zigzag) | kind |
//	         n parents, each: distance back << 1, or name << 1 | 1 | [n team heads, each: name] |
//	         size of body | body unless erased | [n bytes ext]   raw: salt 16, or hash of body 32 if erased; [signature 64]
func AppendBatch(b []byte, m *Batch) []byte {
	e := batchEncoder{logs: map[crdt.Hash]int{}, names: map[crdt.Hash]int{}, index: map[crdt.Hash]int{}}
	for i, r := range m.Records {
		e.add(i, r)
	}
	fields := binary.AppendUvarint(nil, uint64(e.nLogs))
	fields = append(fields, e.logFields...)
	fields = binary.AppendUvarint(fields, uint64(len(e.names)))
	fields = binary.AppendUvarint(fields, uint64(len(m.Records)))
	fields = append(fields, e.ops...)
	raw := append(append(e.logRaw, e.nameRaw...), e.opRaw...)

	packing, packed := pack(fields)
	b = append(b, m.Doc[:]...)
	b = binary.AppendUvarint(b, m.Number)
	b = append(b, packing)
	b = binary.AppendUvarint(b, uint64(len(packed)))
	b = append(b, packed...)
	b = binary.AppendUvarint(b, uint64(len(raw)))
	return append(b, raw...)
}

type batchEncoder struct {
	logs  map[crdt.Hash]int // hash of a log's last operation so far -> log
	names map[crdt.Hash]int // operation outside the batch -> name
	index map[crdt.Hash]int // operation inside the batch -> position
	nLogs int
	wall  int64

	logFields, logRaw, nameRaw, ops, opRaw []byte
}

func (e *batchEncoder) add(i int, r *crdt.Record) {
	op := &r.Op
	log, ok := e.logs[op.Prev]
	if !ok || op.Prev.IsZero() {
		log = e.nLogs
		e.nLogs++
		e.logFields = binary.BigEndian.AppendUint64(e.logFields, op.Dot.Epoch)
		e.logFields = binary.AppendUvarint(e.logFields, op.Dot.Seq)
		e.logRaw = append(e.logRaw, op.Dot.Device[:]...)
		if op.Dot.Seq > 1 {
			e.logRaw = append(e.logRaw, op.Prev[:]...)
		}
	}
	delete(e.logs, op.Prev) // a second operation after the same one is a fork, and starts a log of its own
	e.logs[r.Hash] = log
	e.index[r.Hash] = i

	var flags byte
	if r.Sig != nil {
		flags |= opSigned
	}
	if r.Erased {
		flags |= opErased
	}
	if len(op.Team) > 0 {
		flags |= opTeam
	}
	if len(op.Ext) > 0 {
		flags |= opExt
	}
	if op.Doc.IsZero() {
		flags |= opFounds
	}
	b := binary.AppendUvarint(e.ops, uint64(log))
	b = append(b, flags)
	b = binary.AppendVarint(b, op.WallMS-e.wall)
	e.wall = op.WallMS
	b = binary.AppendUvarint(b, uint64(op.Kind))
	b = binary.AppendUvarint(b, uint64(len(op.Parents)))
	for _, h := range op.Parents {
		if j, ok := e.index[h]; ok {
			b = binary.AppendUvarint(b, uint64(i-j)<<1)
		} else {
			b = binary.AppendUvarint(b, uint64(e.name(h))<<1|1)
		}
	}
	if len(op.Team) > 0 {
		b = binary.AppendUvarint(b, uint64(len(op.Team)))
		for _, h := range op.Team {
			b = binary.AppendUvarint(b, uint64(e.name(h)))
		}
	}
	b = binary.AppendUvarint(b, uint64(op.BodySize))
	if r.Erased {
		e.opRaw = append(e.opRaw, op.BodyHash[:]...)
	} else {
		b = append(b, r.Body...)
		e.opRaw = append(e.opRaw, r.Salt[:]...)
	}
	if len(op.Ext) > 0 {
		b = binary.AppendUvarint(b, uint64(len(op.Ext)))
		b = append(b, op.Ext...)
	}
	if r.Sig != nil {
		e.opRaw = append(e.opRaw, r.Sig[:]...)
	}
	e.ops = b
}

func (e *batchEncoder) name(h crdt.Hash) int {
	n, ok := e.names[h]
	if !ok {
		n = len(e.names)
		e.names[h] = n
		e.nameRaw = append(e.nameRaw, h[:]...)
	}
	return n
}

// ParseBatch reads what [AppendBatch] wrote, derives what was not sent and checks that every log ends in a signed
// operation. It accepts one form of the fields only: logs and names in the order in which operations use them, and none
// for what can be said without. It does not check the signatures: see [Batch.Verify]. Records do not alias b.
func ParseBatch(b []byte) (*Batch, error) {
	r := crdt.NewReader(b)
	m := &Batch{Doc: crdt.DocID(r.Hash()), Number: r.Uvarint()}
	packing := r.Byte()
	packed := r.Bytes(MaxBatchBytes)
	raw := crdt.NewReader(r.Bytes(MaxBatchBytes))
	if err := r.Close(); err != nil {
		return nil, fmt.Errorf("batch: %w", err)
	}
	fields, err := unpack(packing, packed)
	if err != nil {
		return nil, fmt.Errorf("batch: %w", err)
	}
	d := batchDecoder{
		f: crdt.NewReader(fields), raw: raw, doc: m.Doc, ends: map[crdt.Hash]struct{}{}, extern: map[crdt.Hash]struct{}{},
	}
	if m.Records, err = d.decode(); err != nil {
		return nil, fmt.Errorf("batch: %w", err)
	}
	return m, nil
}

type batchLog struct {
	id   crdt.LogID
	next uint64    // seq of the next operation
	last crdt.Hash // of the operation before it
	open bool      // the last operation read is not signed
}

type batchDecoder struct {
	f, raw *crdt.Reader
	doc    crdt.DocID
	logs   []batchLog
	names  []crdt.Hash
	named  int                    // names used so far
	opened int                    // logs used so far
	ends   map[crdt.Hash]struct{} // last operations of the logs used so far
	extern map[crdt.Hash]struct{} // names as a set
	wall   int64
	out    []*crdt.Record

	// What an operation is put together in, kept between operations so that none costs more memory than it keeps.
	parents, team []crdt.Hash
	header        []byte
}

func (d *batchDecoder) decode() ([]*crdt.Record, error) {
	for range d.f.Count(MaxBatchOps, 9) {
		l := batchLog{id: crdt.LogID{Device: crdt.DeviceID(d.raw.Hash()), Epoch: d.f.Uint64()}, next: d.f.Uvarint()}
		if l.next > 1 {
			l.last = d.raw.Hash()
		}
		d.logs = append(d.logs, l)
	}
	n := d.f.Uvarint()
	if n > uint64(d.raw.Len()/32) {
		d.f.Fail("count out of range")
		n = 0
	}
	for range n {
		h := d.raw.Hash()
		d.names, d.extern[h] = append(d.names, h), struct{}{}
	}
	if len(d.extern) < len(d.names) {
		d.f.Fail("name given twice")
	}
	for range d.f.Count(MaxBatchOps, 6) {
		if d.f.Err() != nil || d.raw.Err() != nil {
			break
		}
		if err := d.operation(); err != nil {
			return nil, err
		}
	}
	if err := d.f.Close(); err != nil {
		return nil, err
	}
	if err := d.raw.Close(); err != nil {
		return nil, err
	}
	if d.opened < len(d.logs) || d.named < len(d.names) {
		return nil, fmt.Errorf("%w: log or name without use", crdt.ErrFormat)
	}
	for i := range d.logs {
		if l := &d.logs[i]; l.open {
			return nil, fmt.Errorf("%w: log of %s does not end in a signed operation", crdt.ErrFormat, l.id.Device.Short())
		}
	}
	return d.out, nil
}

func (d *batchDecoder) operation() error {
	f, raw := d.f, d.raw
	li := f.Uvarint()
	if li >= uint64(len(d.logs)) || li > uint64(d.opened) {
		f.Fail("unknown log")
		return f.Err()
	}
	l := &d.logs[li]
	if int(li) == d.opened {
		d.opened++
		if _, ok := d.ends[l.last]; ok {
			f.Fail("log given twice")
		}
	}
	flags := f.Byte()
	if flags&^opFlags != 0 {
		f.Fail("unknown flags")
	}
	op := crdt.Op{Doc: d.doc, Dot: crdt.Dot{Device: l.id.Device, Epoch: l.id.Epoch, Seq: l.next}, Prev: l.last}
	if flags&opFounds != 0 {
		op.Doc = crdt.DocID{}
	}
	d.wall += f.Varint()
	op.WallMS = d.wall
	op.Kind = crdt.Kind(f.Uvarint32())
	d.parents, d.team = d.parents[:0], d.team[:0]
	for range f.Count(crdt.MaxParents, 1) {
		d.parents = append(d.parents, d.parent(f.Uvarint()))
	}
	if flags&opTeam != 0 {
		for range f.Count(crdt.MaxTeamHeads, 1) {
			d.team = append(d.team, d.name(f.Uvarint()))
		}
		if len(d.team) == 0 {
			f.Fail("empty list of team heads")
		}
	}
	op.Parents, op.Team = d.parents, d.team
	op.BodySize = f.Uvarint32()
	rec := &crdt.Record{Erased: flags&opErased != 0}
	if rec.Erased {
		op.BodyHash = raw.Hash()
	} else {
		if op.BodySize > crdt.MaxBodyBytes {
			f.Fail("body too long")
		}
		rec.Body = append([]byte(nil), f.Take(int(min(op.BodySize, crdt.MaxBodyBytes)))...)
		copy(rec.Salt[:], raw.Take(crdt.SaltBytes))
		op.BodyHash = crdt.HashBody(rec.Salt, rec.Body)
	}
	if flags&opExt != 0 {
		if op.Ext = f.Bytes(crdt.MaxExtBytes); len(op.Ext) == 0 {
			f.Fail("empty extension")
		}
	}
	if flags&opSigned != 0 {
		if s := raw.Take(crdt.SignatureBytes); s != nil {
			sig := [crdt.SignatureBytes]byte(s)
			rec.Sig = &sig
		}
	}
	if f.Err() != nil || raw.Err() != nil {
		return nil // reported by decode
	}
	d.header = op.AppendHeader(d.header[:0])
	var err error
	if rec.Op, err = crdt.ParseHeader(d.header); err != nil { // the same rules as for an operation that came in full
		return err
	}
	rec.Hash = crdt.SumHash(d.header)
	if got := rec.Doc(); got != d.doc {
		return fmt.Errorf("%w: operation founds another document", crdt.ErrFormat)
	}
	if _, ok := d.extern[rec.Hash]; ok {
		return fmt.Errorf("%w: operation of the batch given a name", crdt.ErrFormat)
	}
	delete(d.ends, l.last)
	d.ends[rec.Hash] = struct{}{}
	l.last, l.next, l.open = rec.Hash, l.next+1, rec.Sig == nil
	d.out = append(d.out, rec)
	return nil
}

func (d *batchDecoder) parent(v uint64) crdt.Hash {
	if v&1 == 1 {
		return d.name(v >> 1)
	}
	if back := v >> 1; back >= 1 && back <= uint64(len(d.out)) {
		return d.out[uint64(len(d.out))-back].Hash
	}
	d.f.Fail("parent outside the batch")
	return crdt.Hash{}
}

func (d *batchDecoder) name(i uint64) crdt.Hash {
	if i < uint64(len(d.names)) && i <= uint64(d.named) {
		d.named = max(d.named, int(i)+1)
		return d.names[i]
	}
	d.f.Fail("unknown name")
	return crdt.Hash{}
}

// Verify reports whether every signature in the batch is good, which with the derived hashes vouches for every
// operation in it.
func (m *Batch) Verify(v crdt.Verifier) bool {
	for _, r := range m.Records {
		if r.Sig != nil && !r.Verify(v) {
			return false
		}
	}
	return true
}
