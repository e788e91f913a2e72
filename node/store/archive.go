package store

import (
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"

	"github.com/dgraph-io/badger/v4"
	"github.com/dgraph-io/badger/v4/options"

	"muster/crdt"
)

// An archive holds all records in one Badger directory. Writes come from one goroutine at a time; reads from any.
type archive struct {
	db  *badger.DB
	key []byte // what it is sealed with; nil: it is plain
}

const (
	memTableBytes    = 8 << 20
	memTables        = 2
	indexCacheBytes  = 8 << 20
	blockCacheBytes  = 8 << 20   // of decrypted blocks, in a sealed store
	valueThreshold   = 128 << 10 // more than a record: the value log stays empty, space in it would never come back
	valueLogBytes    = 1 << 20   // the least Badger accepts, for a file that stays empty
	compactors       = 2
	transactionShare = 2 // a transaction is filled to 1/transactionShare of what Badger accepts
)

// badgerOptions are the tuned options: a small footprint in memory and on disk. Blocks are not compressed: measured on
// 100,000 short operations that would save 39 % of the space, and cost a third of the speed of reading and a cache of
// decompressed blocks. A sealed store has to have a cache, of decrypted ones.
func badgerOptions(dir string, key []byte, log *slog.Logger) badger.Options {
	o := badger.DefaultOptions(dir)
	o.SyncWrites = false // synced by put where it matters
	o.Compression = options.None
	o.MemTableSize = memTableBytes
	o.NumMemtables = memTables
	o.BlockCacheSize = 0
	o.IndexCacheSize = indexCacheBytes
	o.ValueThreshold = valueThreshold
	o.ValueLogFileSize = valueLogBytes
	o.NumCompactors = compactors
	o.DetectConflicts = false // one writer
	o.MetricsEnabled = false
	o.ChecksumVerificationMode = options.OnBlockRead
	o.Logger = badgerLog{log}
	if key != nil {
		o.BlockCacheSize = blockCacheBytes
		o.EncryptionKey = derive(key, nil, useArchive, KeyBytes)
		o.EncryptionKeyRotationDuration = archiveKeyLife
	}
	return o
}

// badgerLog passes on what Badger complains about.
type badgerLog struct{ log *slog.Logger }

func (l badgerLog) Errorf(format string, args ...any) {
	l.log.Error(fmt.Sprintf("badger: "+format, args...))
}

func (l badgerLog) Warningf(format string, args ...any) {
	l.log.Warn(fmt.Sprintf("badger: "+format, args...))
}
func (l badgerLog) Infof(string, ...any)  {}
func (l badgerLog) Debugf(string, ...any) {}

// openArchive opens or creates a Badger directory, sealed with key; nil: plain. An error wraps ErrNewer, or is a
// *CorruptError, or is the system's.
func openArchive(dir string, key []byte, log *slog.Logger) (a *archive, err error) {
	defer asDamage(&err)
	if key != nil {
		if err := ensureArchiveKey(dir, key); err != nil {
			return nil, err
		}
	}
	o := badgerOptions(dir, key, log)
	if tight, err := isTight(dir); err != nil {
		return nil, err
	} else if tight {
		tighten(&o)
	}
	db, err := badger.Open(o)
	if err != nil {
		return nil, fmt.Errorf("open badger: %w", err)
	}
	a = &archive{db, key}
	if err := a.checkFormat(); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return a, nil
}

// asDamage, deferred, turns a panic of Badger in this goroutine into a *CorruptError.
func asDamage(err *error) {
	if p := recover(); p != nil {
		*err = damage(p)
	}
}

func damage(panicked any) error { return &CorruptError{What: fmt.Sprintf("badger: %.200v", panicked)} }

// checkFormat refuses a later format, and notes this one in an empty archive.
func (a *archive) checkFormat() error {
	var found []byte
	err := a.db.View(func(txn *badger.Txn) error {
		item, err := txn.Get([]byte(formatKey))
		if err == nil {
			found, err = item.ValueCopy(nil)
		}
		return err
	})
	if errors.Is(err, badger.ErrKeyNotFound) {
		return a.db.Update(func(txn *badger.Txn) error {
			return txn.Set([]byte(formatKey), binary.BigEndian.AppendUint32(nil, plainVersion)) // keys and values have not changed since
		})
	}
	switch {
	case err != nil:
		return fmt.Errorf("read the format: %w", err)
	case len(found) != 4:
		return &CorruptError{What: "the format is unreadable"}
	case binary.BigEndian.Uint32(found) > formatVersion:
		return fmt.Errorf("%w (format %d, this one reads %d)", ErrNewer, binary.BigEndian.Uint32(found), formatVersion)
	}
	return nil
}

// close flushes everything to tables and closes the files.
func (a *archive) close() (err error) {
	defer asDamage(&err)
	if err := a.db.Close(); err != nil {
		return fmt.Errorf("close badger: %w", err)
	}
	return nil
}

// leave makes everything written durable and lets go of the archive without the tables that closing would write. Its
// goroutines and maps stay until the process ends.
func (a *archive) leave() (err error) {
	defer asDamage(&err)
	if err := a.db.Sync(); err != nil {
		return fmt.Errorf("sync badger: %w", err)
	}
	return nil
}

// put stores records, in one transaction if they fit. With durable it returns when they are on disk. Badger's Sync
// covers only its newest log, and a transaction may begin a new one, so that each transaction is synced by itself.
func (a *archive) put(records []*crdt.Record, durable bool) error {
	for len(records) > 0 {
		n, err := a.putSome(records)
		if err != nil {
			return fmt.Errorf("store operations: %w", err)
		}
		if durable {
			if err := a.db.Sync(); err != nil {
				return fmt.Errorf("sync operations: %w", err)
			}
		}
		records = records[n:]
	}
	return nil
}

// docLog names a log within the store.
type docLog struct {
	doc crdt.DocID
	log crdt.LogID
}

// putSome stores as many records as fit in a transaction, at least one, and returns how many.
func (a *archive) putSome(records []*crdt.Record) (int, error) {
	txn := a.db.NewTransaction(true)
	defer txn.Discard()
	heads := make(map[docLog]*head)
	const headCost = logKeyBytes + headBytes + 32
	bytes, count := int64(0), int64(0)
	n := 0
	for ; n < len(records); n++ {
		r := records[n]
		at := docLog{r.Doc(), r.Op.Dot.Log()}
		h, ok := heads[at]
		value := crdt.AppendRecord(nil, r)
		bytes += int64(recordKeyBytes + len(value) + 32)
		count++
		if !ok {
			bytes += headCost
			count++
		}
		if n > 0 && (bytes > a.db.MaxBatchSize()/transactionShare || count > a.db.MaxBatchCount()/transactionShare) {
			break
		}
		if !ok {
			var err error
			if h, err = getHead(txn, at); err != nil {
				return 0, err
			}
			heads[at] = h
		}
		if err := putRecord(txn, h, r, value); err != nil {
			return 0, err
		}
	}
	for at, h := range heads {
		if err := txn.Set(logKey(headPrefix, at.doc, at.log), h.encode()); err != nil {
			return 0, err
		}
	}
	return n, txn.Commit()
}

// putRecord adds r, encoded as value, to txn and to the head of its log, unless it is there already.
func putRecord(txn *badger.Txn, h *head, r *crdt.Record, value []byte) error {
	ref := RefTo(r)
	key := recordKey(r.Doc(), ref)
	if ref.Dot.Seq <= h.last { // else there is nothing to look for
		held, err := getRecord(txn, key)
		if err != nil {
			return err
		}
		if held != nil {
			if signed := merge(held, r); signed != nil {
				return txn.Set(key, crdt.AppendRecord(nil, signed))
			}
			return nil
		}
	}
	h.add(ref)
	return txn.Set(key, value)
}

// getHead returns the head of a log, an empty one if there is none.
func getHead(txn *badger.Txn, at docLog) (*head, error) {
	item, err := txn.Get(logKey(headPrefix, at.doc, at.log))
	if errors.Is(err, badger.ErrKeyNotFound) {
		return new(head), nil
	}
	if err != nil {
		return nil, err
	}
	h, ok := head{}, false
	if err := item.Value(func(b []byte) error { h, ok = parseHead(b); return nil }); err != nil {
		return nil, err
	}
	if !ok {
		return nil, &CorruptError{at.doc, crdt.Dot{Device: at.log.Device, Epoch: at.log.Epoch}, "the head of a log is unreadable"}
	}
	return &h, nil
}

// getRecord returns the record stored at key, or nil.
func getRecord(txn *badger.Txn, key []byte) (*crdt.Record, error) {
	item, err := txn.Get(key)
	if errors.Is(err, badger.ErrKeyNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return readItem(item)
}

// readItem parses the record an item holds and checks that it is the one its key names.
func readItem(item *badger.Item) (*crdt.Record, error) {
	doc, ref, ok := parseRecordKey(item.Key())
	if !ok {
		return nil, &CorruptError{What: "a key is unreadable"}
	}
	var r *crdt.Record
	err := item.Value(func(b []byte) (err error) {
		r, err = crdt.ParseRecord(b)
		return err
	})
	if err != nil {
		return nil, &CorruptError{doc, ref.Dot, err.Error()}
	}
	if RefTo(r) != ref || r.Doc() != doc {
		return nil, &CorruptError{doc, ref.Dot, fmt.Sprintf("another operation in its place: %s", r.Op.Dot)}
	}
	return r, nil
}

// erase drops the bodies of records and notes that there is something to compact. It is durable on return.
func (a *archive) erase(doc crdt.DocID, refs []Ref) error {
	changed := false
	for len(refs) > 0 {
		some := refs[:min(len(refs), erasePerTransaction)]
		refs = refs[len(some):]
		err := a.db.Update(func(txn *badger.Txn) error {
			for _, ref := range some {
				key := recordKey(doc, ref)
				held, err := getRecord(txn, key)
				if err != nil {
					return err
				}
				if held == nil || held.Erased {
					continue
				}
				changed = true
				if err := txn.Set(key, crdt.AppendRecord(nil, held.WithoutBody())); err != nil {
					return err
				}
			}
			if !changed {
				return nil
			}
			return txn.Set([]byte(erasedKey), nil)
		})
		if err != nil {
			return fmt.Errorf("erase: %w", err)
		}
		if changed {
			if err := a.db.Sync(); err != nil {
				return fmt.Errorf("sync an erasure: %w", err)
			}
		}
	}
	return nil
}

// fill adds bodies to records that are held without them, each in a transaction of its own, since they are large and rare.
func (a *archive) fill(records []*crdt.Record) error {
	for _, r := range records {
		err := a.db.Update(func(txn *badger.Txn) error {
			key := recordKey(r.Doc(), RefTo(r))
			held, err := getRecord(txn, key)
			if err != nil {
				return err
			}
			if full := withBody(held, r); full != nil {
				return txn.Set(key, crdt.AppendRecord(nil, full))
			}
			return nil
		})
		if err != nil {
			return fmt.Errorf("add a body: %w", err)
		}
	}
	if err := a.db.Sync(); err != nil {
		return fmt.Errorf("sync bodies: %w", err)
	}
	return nil
}

// erasePerTransaction keeps a transaction of headers, of at most 4 KiB each, within what Badger accepts.
const erasePerTransaction = 100

// view runs fn in a read transaction. Damage that makes Badger panic, or that the system reports as a fault in a mapped
// file, comes back as a *CorruptError; a panic of the caller's own code, which fn marks through calling, goes on.
func (a *archive) view(fn func(txn *badger.Txn, calling *bool) error) (err error) {
	calling := false
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if calling {
			return
		}
		if p := recover(); p != nil {
			err = damage(p)
		}
	}()
	return a.db.View(func(txn *badger.Txn) error { return fn(txn, &calling) })
}
