package store

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/dgraph-io/badger/v4"
)

// Badger writes through memory maps, where a full disk is not an error but the end of the process. So there must always
// be as much room as it may take at once: for a log in writing, for the tables that full ones become, and for a
// compaction, which writes the tables it reads anew before it removes them. Put looks before it writes, and what is
// written after it looked is bounded by this.
const (
	busyMemTables = 3        // a log in writing and two that become tables
	compactMax    = 72 << 20 // of tables that compactions rewrite at a time, on a large volume: level 0 and the next
	spareBytes    = 1 << 20  // for the journal, the address book and what else is written beside Badger
	eraseRoom     = 4 << 20  // to erase, which is allowed where writing is not: it adds next to nothing

	// A tight volume holds a store whose working set is small, for the price of more work for each operation.
	tightVolume    = 256 << 20
	tightMemTable  = 1 << 20
	tightTables    = 2 // of level 0 before they are compacted
	tightBaseLevel = 4 << 20
)

// tighten makes Badger's working set small.
func tighten(o *badger.Options) {
	o.MemTableSize = tightMemTable
	o.NumLevelZeroTables = tightTables
	o.BaseTableSize = tightMemTable
	o.BaseLevelSize = tightBaseLevel
}

// isTight reports whether the archive in dir, which may not exist yet, is to take as little room as possible. One that
// was left with the log of a large memory table is opened with large ones: a log must fit into its table.
func isTight(dir string) (bool, error) {
	volume, err := volumeBytes(filepath.Dir(dir))
	if err != nil || volume >= tightVolume {
		return false, err
	}
	logs, err := filesOf(dir, ".mem")
	if err != nil {
		return false, err
	}
	for _, log := range logs {
		if log.Size() > 2*tightMemTable+spareBytes {
			return false, nil
		}
	}
	return true, nil
}

// filesOf describes the files in dir with an extension; none if there is no dir. Files that vanish meanwhile are left
// out.
func filesOf(dir, ext string) ([]fs.FileInfo, error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("look into the store: %w", err)
	}
	var out []fs.FileInfo
	for _, e := range entries {
		if filepath.Ext(e.Name()) != ext {
			continue
		}
		info, err := e.Info()
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("look into the store: %w", err)
		}
		out = append(out, info)
	}
	return out, nil
}

// memTable returns the size of the memory tables in use.
func (d *Disk) memTable() int64 {
	if d.archive == nil {
		if tight, err := isTight(filepath.Join(d.dir, badgerName)); err == nil && tight {
			return tightMemTable
		}
		return memTableBytes
	}
	return d.archive.db.Opts().MemTableSize
}

// headroom returns how much must be free for Badger to go on safely.
func (d *Disk) headroom() int64 {
	if d.cfg.HeadroomBytes != 0 {
		return d.cfg.HeadroomBytes
	}
	rewritten := int64(0)
	tables, err := filesOf(filepath.Join(d.dir, badgerName), ".sst")
	if err != nil {
		rewritten = compactMax
	}
	for _, t := range tables {
		rewritten += t.Size()
	}
	return busyMemTables*d.memTable() + min(rewritten, compactMax) + spareBytes
}

// headroomMax is more than headroom ever returns by itself.
const headroomMax = busyMemTables*memTableBytes + compactMax + spareBytes

// room returns ErrDiskFull if less than need bytes are free.
func (d *Disk) room(need int64) error {
	free, err := freeBytes(d.dir)
	if err != nil {
		return err
	}
	if free < need {
		return fmt.Errorf("%w (%.1f MB are free, %.1f MB are needed)", ErrDiskFull, float64(free)/1e6, float64(need)/1e6)
	}
	return nil
}

// roomToWrite returns ErrDiskFull if a write might not be safe.
func (d *Disk) roomToWrite() error {
	if d.cfg.HeadroomBytes == 0 && d.room(headroomMax) == nil {
		return nil
	}
	return d.room(d.headroom())
}

// roomToOpen returns ErrDiskFull if opening Badger might not be safe: it makes tables of the logs it finds.
func (d *Disk) roomToOpen() error { return d.room(busyMemTables*d.memTable() + spareBytes) }

// roomToClose returns ErrDiskFull if closing Badger might not be safe: it makes tables of its logs.
func (d *Disk) roomToClose() error { return d.room(busyMemTables * d.memTable()) }

// Room implements [Store].
func (d *Disk) Room() error {
	d.gate.RLock()
	defer d.gate.RUnlock()
	if d.closed {
		return ErrClosed
	}
	return d.roomToWrite()
}
