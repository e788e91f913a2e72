package store

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/dgraph-io/badger/v4"

	"muster/crdt"
)

// Compact implements [Store]. The journal was overwritten in place already. Badger keeps old values in logs and tables
// until its compactions happen to meet them, and none of its calls promises that they have, so everything that is
// current is copied into a new directory, which takes the place of the old one. Damaged copies go always: nobody erases
// in them. A file system that keeps snapshots, or writes copies on write, may still hold old blocks.
func (d *Disk) Compact() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return ErrClosed
	}
	if d.stopped != nil {
		return fmt.Errorf("%w: %w", ErrStopped, d.stopped)
	}
	if err := errors.Join(removeDamaged(d.dir, badgerName), removeDamaged(d.dir, journalName)); err != nil {
		return fmt.Errorf("compact: %w", err)
	}
	needed, err := d.archive.erasedSome()
	if err != nil || !needed {
		return err
	}
	path := filepath.Join(d.dir, badgerName)
	size, err := treeBytes(path)
	if err != nil {
		return err
	}
	if err := d.room(size + d.headroom()); err != nil {
		return err
	}
	if err := d.copyArchive(); err != nil {
		return errors.Join(fmt.Errorf("compact: %w", err), os.RemoveAll(filepath.Join(d.dir, copyName)))
	}
	d.gate.Lock()
	defer d.gate.Unlock()
	if err := d.swapArchive(); err != nil {
		return d.stop(fmt.Errorf("compact: %w", err))
	}
	return nil
}

// copyArchive writes the copy and closes it, which leaves it complete and on disk.
func (d *Disk) copyArchive() error {
	path := filepath.Join(d.dir, copyName)
	if err := os.RemoveAll(path); err != nil {
		return err
	}
	to, err := openArchive(path, d.cfg.Key, d.cfg.Logger)
	if err != nil {
		return err
	}
	return errors.Join(d.archive.copyTo(to), to.close())
}

// swapArchive puts the copy in the place of the archive. The caller holds d.mu and d.gate. On an error the archive may be
// closed, and the next Open finishes what was begun.
func (d *Disk) swapArchive() error {
	path := func(name string) string { return filepath.Join(d.dir, name) }
	if err := d.archive.close(); err != nil {
		return err
	}
	if err := os.Rename(path(badgerName), path(oldName)); err != nil {
		return err
	}
	if err := d.cfg.step("between the archives"); err != nil {
		return err
	}
	if err := os.Rename(path(copyName), path(badgerName)); err != nil {
		return err
	}
	if err := syncDir(d.dir); err != nil {
		return err
	}
	a, err := openArchive(path(badgerName), d.cfg.Key, d.cfg.Logger)
	if err != nil {
		return err
	}
	leftOver := !sameKey(d.archive.key, a.key)
	d.archive = a
	if err := d.cfg.step("replaced the archive"); err != nil {
		return err
	}
	return errors.Join(removeTree(path(oldName), leftOver), syncDir(d.dir))
}

// erasedSome reports whether anything was erased since the last compaction.
func (a *archive) erasedSome() (bool, error) {
	err := a.view(func(txn *badger.Txn, _ *bool) error {
		_, err := txn.Get([]byte(erasedKey))
		return err
	})
	if errors.Is(err, badger.ErrKeyNotFound) {
		return false, nil
	}
	return err == nil, err
}

// copyTo copies every current key but the mark of an erasure.
func (a *archive) copyTo(to *archive) error {
	w := to.db.NewWriteBatch()
	defer w.Cancel()
	err := a.view(func(txn *badger.Txn, _ *bool) error {
		it := iterator(txn, nil, false)
		defer it.Close()
		for it.Rewind(); it.Valid(); it.Next() {
			key := it.Item().KeyCopy(nil)
			if string(key) == erasedKey {
				continue
			}
			value, err := it.Item().ValueCopy(nil)
			if err == nil {
				err = w.Set(key, value)
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	return w.Flush()
}

// treeBytes returns the space the files under dir take, as far as they are not holes.
func treeBytes(dir string) (int64, error) {
	var sum int64
	err := filepath.WalkDir(dir, func(_ string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return err
		}
		info, err := e.Info()
		if err == nil {
			sum += allocated(info)
		}
		return err
	})
	return sum, err
}

// SetAside gives the Badger directory up after a [*CorruptError]: it is kept beside the store under another name, an
// empty one takes its place, and this device's operations are put back from the journal. Everything else has to come
// from peers again. reason is returned in the report.
func (d *Disk) SetAside(reason string) (Report, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.gate.Lock()
	defer d.gate.Unlock()
	if d.closed {
		return Report{}, ErrClosed
	}
	var ops []*crdt.Record
	for i := range d.journal.ops {
		r, err := d.journal.read(i)
		if err != nil {
			return Report{}, d.stop(err)
		}
		ops = append(ops, r)
	}
	d.cfg.Logger.Warn("set the store aside", "reason", reason, "close", d.archive.close())
	rep := Report{SetAside: reason, Epoch: d.logs.epoch}
	n, err := d.startOver(ops)
	if err != nil {
		return Report{}, d.stop(fmt.Errorf("set the store aside: %w", err))
	}
	rep.Restored = n
	return rep, nil
}

// startOver puts an archive that holds ops in the place of the closed one. The caller holds d.mu and d.gate.
func (d *Disk) startOver(ops []*crdt.Record) (int, error) {
	if err := keepDamaged(d.dir, badgerName); err != nil {
		return 0, err
	}
	a, err := openArchive(filepath.Join(d.dir, badgerName), d.cfg.Key, d.cfg.Logger)
	if err != nil {
		return 0, err
	}
	d.archive = a
	differ, err := compare(a, d.cfg.Device, ops)
	if err != nil {
		return 0, err
	}
	return differ.refill(a)
}
