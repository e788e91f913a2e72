package store

import (
	"cmp"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
	"sync"

	"muster/crdt"
)

// Memory is a Store without a disk, for tests of what is built on one. It behaves as [Disk] does, is deterministic given
// Config.Rand, and can crash.
type Memory struct {
	cfg Config

	mu   sync.Mutex // guards everything below
	docs map[crdt.DocID]map[crdt.LogID]*memoryLog
	own  []*crdt.Record // in the order written
	logs *ownLogs
	fail error // what the next write fails with
	stop error // the first failure, after which nothing is written

	closed bool
}

// memoryLog holds one log by seq, then hash. It is forked when it holds more records than its last seq.
type memoryLog struct{ records []*crdt.Record }

var _ Store = (*Memory)(nil)

// NewMemory returns an empty store. It fails only if Config.Rand does.
func NewMemory(cfg Config) (*Memory, error) {
	cfg = cfg.withDefaults()
	m := &Memory{cfg: cfg, docs: make(map[crdt.DocID]map[crdt.LogID]*memoryLog), logs: newOwnLogs(cfg.Device)}
	epoch, err := randomEpoch(cfg.Rand, 0)
	if err != nil {
		return nil, err
	}
	m.logs.begin(epoch)
	return m, nil
}

// Crash ends m, open or closed, as a power cut would, and returns a store that holds what had been durable, in the same
// epoch. Every later call to m returns [ErrClosed]; a second Crash of m returns an empty store.
func (m *Memory) Crash() *Memory {
	m.mu.Lock()
	defer m.mu.Unlock()
	n := &Memory{cfg: m.cfg, docs: m.docs, own: m.own, logs: m.logs}
	m.docs, m.own, m.logs = nil, nil, newOwnLogs(m.cfg.Device)
	m.closed = true
	return n
}

// Fail makes the next write fail with err and store nothing. As with a disk, every write after that is refused with
// [ErrStopped], unless err is [ErrDiskFull].
func (m *Memory) Fail(err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.fail = err
}

// writable reports whether a write may begin. The caller holds m.mu.
func (m *Memory) writable() error {
	if m.closed {
		return ErrClosed
	}
	if m.stop != nil {
		return fmt.Errorf("%w: %w", ErrStopped, m.stop)
	}
	err := m.fail
	m.fail = nil
	if !errors.Is(err, ErrDiskFull) {
		m.stop = err
	}
	return err
}

// Room implements [Store].
func (m *Memory) Room() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if errors.Is(m.fail, ErrDiskFull) {
		return m.fail
	}
	return nil
}

// readable reports whether the store is open. The caller holds m.mu.
func (m *Memory) readable() error {
	if m.closed {
		return ErrClosed
	}
	return nil
}

// Put implements [Store].
func (m *Memory) Put(own, peers []*crdt.Record) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.readable(); err != nil {
		return err
	}
	fresh, err := m.logs.fresh(own)
	if err != nil {
		return err
	}
	if err := checkSizes(own, peers); err != nil {
		return err
	}
	if err := m.writable(); err != nil {
		return err
	}
	for _, r := range fresh {
		m.own = append(m.own, r)
		m.logs.add(r)
	}
	for _, r := range own {
		m.put(r)
	}
	for _, r := range peers {
		m.put(r)
	}
	return nil
}

func (m *Memory) put(r *crdt.Record) {
	logs := m.docs[r.Doc()]
	if logs == nil {
		logs = make(map[crdt.LogID]*memoryLog)
		m.docs[r.Doc()] = logs
	}
	log := logs[r.Op.Dot.Log()]
	if log == nil {
		log = new(memoryLog)
		logs[r.Op.Dot.Log()] = log
	}
	at, ok := log.find(RefTo(r))
	if !ok {
		log.records = slices.Insert(log.records, at, r)
	} else if merged := merge(log.records[at], r); merged != nil {
		log.records[at] = merged
	}
}

// find returns where ref is, or belongs.
func (l *memoryLog) find(ref Ref) (int, bool) {
	return slices.BinarySearchFunc(l.records, ref, func(r *crdt.Record, ref Ref) int {
		return cmp.Or(cmp.Compare(r.Op.Dot.Seq, ref.Dot.Seq), r.Hash.Compare(ref.Hash))
	})
}

// merge returns what is to be stored when r is put and held is there already, or nil if held stays as it is.
func merge(held, r *crdt.Record) *crdt.Record {
	if held.Sig != nil || r.Sig == nil {
		return nil
	}
	signed := *held
	signed.Sig = r.Sig
	return &signed
}

// withBody returns what is to be stored when r is given for its body, or nil if held stays as it is.
func withBody(held, r *crdt.Record) *crdt.Record {
	if held == nil || !held.Erased || r.Erased || r.CheckBody() != nil {
		return nil
	}
	full := *held
	full.Salt, full.Body, full.Erased = r.Salt, r.Body, false
	return &full
}

// Fill implements [Store].
func (m *Memory) Fill(records []*crdt.Record) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := checkSizes(records); err != nil {
		return err
	}
	if err := m.writable(); err != nil {
		return err
	}
	for _, r := range records {
		log := m.docs[r.Doc()][r.Op.Dot.Log()]
		if log == nil {
			continue
		}
		if at, ok := log.find(RefTo(r)); ok {
			if full := withBody(log.records[at], r); full != nil {
				log.records[at] = full
			}
		}
	}
	return nil
}

// Erase implements [Store].
func (m *Memory) Erase(doc crdt.DocID, refs []Ref) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.writable(); err != nil {
		return err
	}
	for _, ref := range refs {
		log := m.docs[doc][ref.Dot.Log()]
		if log == nil {
			continue
		}
		at, ok := log.find(ref)
		if !ok || log.records[at].Erased {
			continue
		}
		log.records[at] = log.records[at].WithoutBody()
		if own, ok := m.logs.written[ref.Hash]; ok {
			m.own[own] = m.own[own].WithoutBody()
		}
	}
	return nil
}

// Documents implements [Store].
func (m *Memory) Documents() ([]crdt.DocID, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.SortedFunc(maps.Keys(m.docs), crdt.DocID.Compare), m.readable()
}

// shown returns a copy of the records of a log that are shown, and the ends of its branches.
func (l *memoryLog) shown() ([]*crdt.Record, []crdt.Tip) {
	last := l.records[len(l.records)-1].Op.Dot.Seq
	end, err := endOf(l.descending(), uint64(len(l.records)) != last)
	if err != nil {
		panic("store: " + err.Error()) // reading memory cannot fail
	}
	records := slices.Clone(l.records)
	return slices.DeleteFunc(records, func(r *crdt.Record) bool { return end.hidden[r.Hash] }), end.tips
}

func (l *memoryLog) descending() iter.Seq2[*crdt.Record, error] {
	return func(yield func(*crdt.Record, error) bool) {
		for _, r := range slices.Backward(l.records) {
			if !yield(r, nil) {
				return
			}
		}
	}
}

// Frontier implements [Store].
func (m *Memory) Frontier(doc crdt.DocID) (crdt.Frontier, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var f crdt.Frontier
	for _, log := range slices.SortedFunc(maps.Keys(m.docs[doc]), crdt.LogID.Compare) {
		_, tips := m.docs[doc][log].shown()
		f = append(f, tips...)
	}
	return f, m.readable()
}

// Scan implements [Store].
func (m *Memory) Scan(doc crdt.DocID, visit func(*crdt.Record) error) error {
	var all []*crdt.Record
	m.mu.Lock()
	err := m.readable()
	for _, log := range slices.SortedFunc(maps.Keys(m.docs[doc]), crdt.LogID.Compare) {
		records, _ := m.docs[doc][log].shown()
		all = append(all, records...)
	}
	m.mu.Unlock()
	if err != nil {
		return err
	}
	return each(all, visit)
}

func each(records []*crdt.Record, visit func(*crdt.Record) error) error {
	for _, r := range records {
		if err := visit(r); err != nil {
			return err
		}
	}
	return nil
}

// Run implements [Store].
func (m *Memory) Run(doc crdt.DocID, log crdt.LogID, from uint64, maxBytes int) ([]*crdt.Record, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	l := m.docs[doc][log]
	if l == nil {
		return nil, m.readable()
	}
	records, _ := l.shown()
	at, _ := slices.BinarySearchFunc(records, from, func(r *crdt.Record, from uint64) int {
		return cmp.Compare(r.Op.Dot.Seq, from)
	})
	var run []*crdt.Record
	for _, r := range records[at:] {
		maxBytes -= len(crdt.AppendRecord(nil, r))
		if maxBytes < 0 && len(run) > 0 {
			break
		}
		run = append(run, r)
	}
	return run, nil
}

// Own implements [Store].
func (m *Memory) Own(visit func(*crdt.Record) error) error {
	m.mu.Lock()
	own, err := slices.Clone(m.own), m.readable()
	m.mu.Unlock()
	if err != nil {
		return err
	}
	return each(own, visit)
}

// OwnHeads implements [Store].
func (m *Memory) OwnHeads() []Head {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.logs.sorted()
}

// Epoch implements [Store].
func (m *Memory) Epoch() uint64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.logs.epoch
}

// NewEpoch implements [Store].
func (m *Memory) NewEpoch(string) (uint64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.writable(); err != nil {
		return 0, err
	}
	epoch, err := randomEpoch(m.cfg.Rand, m.logs.epoch)
	if err != nil {
		return 0, err
	}
	m.logs.begin(epoch)
	return epoch, nil
}

// Compact implements [Store].
func (m *Memory) Compact() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.writable()
}

// Close implements [Store].
func (m *Memory) Close() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.readable(); err != nil {
		return err
	}
	m.closed = true // the records stay, for Crash to hand on
	return nil
}
