package store

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"muster/crdt"
)

// Rekey makes everything in the store sealed with Config.Key, or plain where that is nil. It does nothing where that is
// so. Archive and journal are rewritten one after the other, each into a copy that is complete on disk before it takes
// the place of the old one: after a crash at any step Open finds every operation, given both keys, and Rekey goes on.
//
// What was plain is overwritten with zeros before it is removed, damaged copies too. That reaches the blocks the files
// have now, on a disk and a file system that write in place (ext4 does, btrfs and the translation of an SSD do not), and
// no block that an earlier compaction gave back. A store that was sealed from its first byte leaves nothing to find.
//
// Writers wait for it; readers for its last step. Errors are as those of Compact.
func (d *Disk) Rekey() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case d.closed:
		return ErrClosed
	case d.stopped != nil:
		return fmt.Errorf("%w: %w", ErrStopped, d.stopped)
	}
	if sameKey(d.archive.key, d.cfg.Key) && sameKey(d.journalKey, d.cfg.Key) {
		return nil
	}
	if err := errors.Join(wipeDamaged(d.dir, badgerName), wipeDamaged(d.dir, journalName)); err != nil {
		return fmt.Errorf("rekey: %w", err)
	}
	if err := d.rekeyArchive(); err != nil {
		return fmt.Errorf("rekey: %w", err)
	}
	if err := d.rekeyJournal(); err != nil {
		return fmt.Errorf("rekey: %w", err)
	}
	return nil
}

func (d *Disk) rekeyArchive() error {
	if sameKey(d.archive.key, d.cfg.Key) {
		return nil
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
		return errors.Join(err, os.RemoveAll(filepath.Join(d.dir, copyName)))
	}
	if err := d.cfg.step("copied the archive"); err != nil {
		return err
	}
	if err := keepLogs(path); err != nil {
		return err
	}
	d.gate.Lock()
	defer d.gate.Unlock()
	if err := d.swapArchive(); err != nil {
		return d.stop(err)
	}
	return nil
}

// rekeyJournal writes the journal anew: the same operations, erased where they are, and the same epochs. The last epoch
// goes on, and names the new file as its place.
func (d *Disk) rekeyJournal() (err error) {
	if sameKey(d.journalKey, d.cfg.Key) {
		return nil
	}
	c, err := readJournal(d.dir, d.cfg.Device, d.cfg.keys()...)
	if err != nil {
		return err
	}
	if c.missing || c.damage != "" || len(c.ops) != len(d.journal.ops) {
		return &CorruptError{What: "the journal changed while it was open"}
	}
	if err := d.room(c.end + journalStep); err != nil {
		return err
	}
	path := filepath.Join(d.dir, journalName)
	f, err := os.OpenFile(path+newSuffix, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return fmt.Errorf("create the journal: %w", err)
	}
	fresh := journal{file: d.cfg.journalFile(f)}
	defer func() { err = errors.Join(err, fresh.file.Close()) }()
	rand.Read(fresh.nonce[:]) // crypto/rand cannot fail
	fresh.framing = fresh.sealing(d.cfg.Key)
	at, err := placeOf(d.dir, f)
	if err != nil {
		return err
	}
	if err := fresh.copyOf(&c, d.cfg.Device, at); err != nil {
		return err
	}
	if err := d.cfg.step("copied the journal"); err != nil {
		return err
	}
	if err := os.Rename(path+newSuffix, path); err != nil {
		return d.stop(fmt.Errorf("replace the journal: %w", err))
	}
	if err := syncDir(d.dir); err != nil {
		return d.stop(err)
	}
	if err := d.cfg.step("replaced the journal"); err != nil {
		return d.stop(err)
	}
	return d.takeJournal()
}

// takeJournal goes on with the journal that has just replaced the open one, which it overwrites.
func (d *Disk) takeJournal() error {
	c, err := readJournal(d.dir, d.cfg.Device, d.cfg.keys()...)
	if err == nil && (c.missing || c.damage != "" || len(c.ops) != len(d.journal.ops)) {
		err = &CorruptError{What: "the journal cannot be read back: " + c.damage}
	}
	if err != nil {
		return d.stop(err)
	}
	fresh, at, err := openJournal(d.dir, d.cfg, &c)
	if err != nil {
		return d.stop(err)
	}
	old := d.journal
	d.journal, d.journalKey, d.place = fresh, c.key, at
	return errors.Join(old.zero(0, old.size), old.file.Datasync(), old.file.Close())
}

// copyOf writes everything in c to an empty file, with one sync, and makes at the place of the last epoch.
func (j *journal) copyOf(c *journalContent, device crdt.DeviceID, at place) error {
	b := j.header(device)
	add := func(fr frame) { b = j.appendFrame(b, j.seal(fr, int64(len(b)))) }
	mark := 0
	for i := range len(c.ops) + 1 {
		for ; mark < len(c.marks) && c.marks[mark] == i; mark++ {
			m := c.epochs[mark]
			if mark == len(c.marks)-1 {
				m.place = at
			}
			add(m.frame())
		}
		if i < len(c.ops) {
			add(opFrame(c.ops[i]))
		}
	}
	return j.append(b)
}

// newSuffix is of a journal in the making.
const newSuffix = ".new"

// step is where a test may end a Rekey.
func (c Config) step(name string) error {
	if c.cut == nil {
		return nil
	}
	return c.cut(name)
}

// keptLog is the extension of a second name of a write-ahead log, which Badger does not look at.
const keptLog = ".kept"

// keepLogs gives the write-ahead logs in an archive a second name each: closing Badger removes them, and what has no name
// cannot be overwritten. Where the file system has no second names they go as they are.
func keepLogs(dir string) error {
	logs, err := filesOf(dir, ".mem")
	for _, log := range logs {
		name := filepath.Join(dir, log.Name())
		_ = os.Link(name, name+keptLog) // see above
	}
	return err
}

// removeKeptLogs takes the second names away again, without a look at what they name.
func removeKeptLogs(dir string) error {
	logs, err := filesOf(dir, keptLog)
	for _, log := range logs {
		err = errors.Join(err, os.Remove(filepath.Join(dir, log.Name())))
	}
	return err
}

// removeTree removes a directory and, with wipe, overwrites its files first.
func removeTree(dir string, wipe bool) error {
	if !wipe {
		return os.RemoveAll(dir)
	}
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil || !e.Type().IsRegular() {
			return err
		}
		return wipeFile(path)
	})
	return errors.Join(err, os.RemoveAll(dir))
}

// wipeDamaged overwrites and removes the damaged copies of name.
func wipeDamaged(dir, name string) error {
	numbers, err := damagedCopies(dir, name)
	for _, n := range numbers {
		err = errors.Join(err, removeTree(fmt.Sprintf("%s%s%d", filepath.Join(dir, name), damagedInfix, n), true))
	}
	return err
}

// wipeFile overwrites what is not zero in a file, and leaves holes as they are. A file with a second name stays: a crash
// may have left the name of a damaged copy on the live one.
func wipeFile(path string) (err error) {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if info, err := f.Stat(); err != nil || !soleName(info) {
		return err
	}
	piece, zeros := make([]byte, journalStep), make([]byte, journalStep)
	for at := int64(0); ; {
		n, rerr := f.ReadAt(piece, at) // at the end with an error that comes again
		if n == 0 {
			if !errors.Is(rerr, io.EOF) {
				return rerr
			}
			return f.Sync()
		}
		if nonZero(piece[:n]) > 0 {
			if _, err := f.WriteAt(zeros[:n], at); err != nil {
				return err
			}
		}
		at += int64(n)
	}
}
