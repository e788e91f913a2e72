package store

import (
	"errors"
	"fmt"
	"sync"

	"muster/crdt"
)

// Disk is the Store of a node: Badger and a journal in one directory.
type Disk struct {
	dir   string
	cfg   Config
	place place

	mu         sync.Mutex // held by whoever writes; guards journal, journalKey, logs and stopped
	lock       *dirLock
	journal    *journal
	journalKey []byte // what the journal is sealed with; nil: it is plain
	logs       *ownLogs
	stopped    error // the first failed write

	gate    sync.RWMutex // held for reading by whoever uses archive, for writing by whoever replaces it
	archive *archive
	closed  bool
}

var _ Store = (*Disk)(nil)

// writable reports whether a write may begin. The caller holds d.mu.
func (d *Disk) writable() error {
	switch {
	case d.closed:
		return ErrClosed
	case d.stopped != nil:
		return fmt.Errorf("%w: %w", ErrStopped, d.stopped)
	}
	return d.roomToWrite()
}

// stop notes that a write has failed. The caller holds d.mu.
func (d *Disk) stop(err error) error {
	d.stopped = err
	return err
}

// Put implements [Store]. Own operations cost one fdatasync, of the journal; Badger has them without a sync, because
// what it loses is put back from the journal at the next Open. Peers' operations cost one sync of Badger, before the
// journal is written: an own operation may stand on them, and must not be all that a power cut leaves.
func (d *Disk) Put(own, peers []*crdt.Record) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.writable(); err != nil {
		return err
	}
	fresh, err := d.logs.fresh(own)
	if err != nil {
		return err
	}
	if err := checkSizes(own, peers); err != nil {
		return err
	}
	if err := d.journal.reserve(fresh); errors.Is(err, ErrDiskFull) {
		return err
	} else if err != nil {
		return d.stop(err)
	}
	if err := d.archive.put(peers, true); err != nil {
		return d.stop(err)
	}
	if _, err := d.journal.appendOps(fresh); err != nil {
		return d.stop(err)
	}
	for _, r := range fresh {
		d.logs.add(r)
	}
	if err := d.archive.put(own, false); err != nil {
		return d.stop(err)
	}
	return nil
}

// Fill implements [Store]. It is about operations of peers: an own one is in the journal whole, or was erased there.
func (d *Disk) Fill(records []*crdt.Record) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.writable(); err != nil {
		return err
	}
	if err := checkSizes(records); err != nil {
		return err
	}
	if err := d.archive.fill(records); err != nil {
		return d.stop(err)
	}
	return nil
}

// Erase implements [Store]. The journal comes first: as long as Badger still has a body, Scan shows it, and the caller
// knows that the erasure is not complete.
func (d *Disk) Erase(doc crdt.DocID, refs []Ref) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	err := d.writable()
	if errors.Is(err, ErrDiskFull) {
		err = d.room(eraseRoom)
	}
	if err != nil {
		return err
	}
	var own []int
	for _, ref := range refs {
		if i, ok := d.logs.written[ref.Hash]; ok {
			own = append(own, i)
		}
	}
	if err := d.journal.erase(own); err != nil {
		return d.stop(err)
	}
	if err := d.archive.erase(doc, refs); err != nil {
		return d.stop(err)
	}
	return nil
}

// reading calls fn with the archive, which stays open meanwhile.
func (d *Disk) reading(fn func(a *archive) error) error {
	d.gate.RLock()
	defer d.gate.RUnlock()
	if d.closed {
		return ErrClosed
	}
	return fn(d.archive)
}

// Documents implements [Store].
func (d *Disk) Documents() (docs []crdt.DocID, err error) {
	err = d.reading(func(a *archive) error { docs, err = a.documents(); return err })
	return docs, err
}

// Frontier implements [Store].
func (d *Disk) Frontier(doc crdt.DocID) (f crdt.Frontier, err error) {
	err = d.reading(func(a *archive) error { f, err = a.frontier(doc); return err })
	return f, err
}

// Scan implements [Store]. visit must not call Compact, SetAside or Close, which wait for it.
func (d *Disk) Scan(doc crdt.DocID, visit func(*crdt.Record) error) error {
	return d.reading(func(a *archive) error { return a.scan(doc, visit) })
}

// Run implements [Store].
func (d *Disk) Run(doc crdt.DocID, log crdt.LogID, from uint64, maxBytes int) (run []*crdt.Record, err error) {
	err = d.reading(func(a *archive) error { run, err = a.run(doc, log, from, maxBytes); return err })
	return run, err
}

// Own implements [Store]. It reads the journal, each operation as it is at that moment.
func (d *Disk) Own(visit func(*crdt.Record) error) error {
	next := func(i int) (*crdt.Record, error) {
		d.mu.Lock()
		defer d.mu.Unlock()
		if d.closed {
			return nil, ErrClosed
		}
		if i == len(d.journal.ops) {
			return nil, nil
		}
		return d.journal.read(i)
	}
	for i := 0; ; i++ {
		r, err := next(i)
		if err != nil || r == nil {
			return err
		}
		if err := visit(r); err != nil {
			return err
		}
	}
}

// OwnHeads implements [Store].
func (d *Disk) OwnHeads() []Head {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.logs.sorted()
}

// Epoch implements [Store].
func (d *Disk) Epoch() uint64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.logs.epoch
}

// NewEpoch implements [Store].
func (d *Disk) NewEpoch(reason string) (uint64, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.writable(); err != nil {
		return 0, err
	}
	return d.beginEpoch(reason)
}

// beginEpoch draws an epoch and makes it durable. The caller holds d.mu.
func (d *Disk) beginEpoch(reason string) (uint64, error) {
	epoch, err := randomEpoch(d.cfg.Rand, d.logs.epoch)
	if err != nil {
		return 0, err
	}
	if err := d.journal.mark(epochMark{epoch, d.place, reason}); errors.Is(err, ErrDiskFull) {
		return 0, err
	} else if err != nil {
		return 0, d.stop(err)
	}
	d.logs.begin(epoch)
	return epoch, nil
}

// Close implements [Store].
func (d *Disk) Close() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.gate.Lock()
	defer d.gate.Unlock()
	if d.closed {
		return ErrClosed
	}
	d.closed = true
	full := d.roomToClose()
	if full != nil && !errors.Is(full, ErrDiskFull) {
		full = nil
	}
	var err error
	if full != nil {
		d.cfg.Logger.Warn("closed without writing tables, which the next start makes up for", "why", full)
		err = d.archive.leave()
	} else {
		err = d.archive.close()
	}
	err = errors.Join(err, d.journal.file.Close())
	return errors.Join(err, d.lock.release(err == nil && full == nil && d.stopped == nil))
}
