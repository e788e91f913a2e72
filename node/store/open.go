package store

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"muster/crdt"
)

// A Report says what Open found and did, for the log and for `doctor`.
type Report struct {
	New        bool   // there was no store
	Unclean    bool   // the last process did not close it
	Epoch      uint64 // the epoch to write in
	FreshEpoch bool   // it was begun now
	Reason     string // why it was begun

	TornBytes     int64  // end of a write that a crash cut off; nobody was told that it had been saved
	JournalDamage string // what was wrong with the journal; a copy is kept beside the new one
	Recovered     int    // own operations the journal had lost, taken from Badger
	Restored      int    // own operations Badger had lost, taken from the journal
	SetAside      string // why the Badger directory was set aside; peers' operations have to be fetched again
	OtherKey      bool   // parts of it are not sealed with Config.Key, or not plain where there is none: see Disk.Rekey
	LostTail      string // what of Badger's write-ahead log cannot be read; peers' operations in it have to be fetched again
}

// Open opens the store in dir, or creates it there, repairs what it can and says so. Errors: [ErrLocked],
// [ErrDiskFull], [ErrNewer], [ErrOtherDevice], [ErrSealed], [ErrWrongKey], or what the system says. It starts Badger's goroutines; Close ends them.
func Open(dir string, cfg Config) (*Disk, Report, error) {
	if cfg.Device.IsZero() {
		return nil, Report{}, fmt.Errorf("open a store: no device given")
	}
	if err := cfg.checkKeys(); err != nil {
		return nil, Report{}, err
	}
	d := &Disk{dir: dir, cfg: cfg.withDefaults()}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, Report{}, fmt.Errorf("open a store: %w", err)
	}
	var rep Report
	var err error
	if d.lock, rep.Unclean, err = lockDir(dir); err != nil {
		return nil, Report{}, err
	}
	if err := d.open(&rep); err != nil {
		return nil, Report{}, errors.Join(err, d.abandon())
	}
	return d, rep, nil
}

// abandon closes what is open and leaves the mark of an unclean end.
func (d *Disk) abandon() error {
	var err error
	if d.archive != nil {
		err = d.archive.close()
	}
	if d.journal != nil {
		err = errors.Join(err, d.journal.file.Close())
	}
	return errors.Join(err, d.lock.release(false))
}

func (d *Disk) open(rep *Report) error {
	if err := d.roomToOpen(); err != nil {
		return err
	}
	content, err := readJournal(d.dir, d.cfg.Device, d.cfg.keys()...)
	if err != nil {
		return err
	}
	if err := d.checkArchiveKey(&content); err != nil {
		return err
	}
	if err := finishSwap(d.dir, d.cfg.Key != nil); err != nil {
		return fmt.Errorf("finish a compaction: %w", err)
	}
	hadBadger, err := exists(d.dir, badgerName)
	if err != nil {
		return err
	}
	rep.New = content.missing && !hadBadger
	rep.JournalDamage, rep.TornBytes = content.damage, content.torn
	differ, err := d.openArchive(&content, rep)
	if err != nil {
		return err
	}
	if err := d.openJournal(&content, differ.strays, rep); err != nil {
		return err
	}
	rep.Restored, err = differ.refill(d.archive)
	rep.OtherKey = !sameKey(d.archive.key, d.cfg.Key) || !sameKey(d.journalKey, d.cfg.Key)
	return err
}

// checkArchiveKey refuses a store that none of the keys opens, before anything is changed.
func (d *Disk) checkArchiveKey(content *journalContent) error {
	for _, name := range []string{badgerName, copyName, oldName} {
		if _, err := archiveKey(filepath.Join(d.dir, name), d.cfg, content.key != nil); isNoKey(err) {
			return err
		}
	}
	return nil
}

// isNoKey reports whether err says that a key is missing or another one.
func isNoKey(err error) bool { return errors.Is(err, ErrSealed) || errors.Is(err, ErrWrongKey) }

// openArchive opens Badger and compares it with the journal. What is damaged is set aside and begun anew, once.
func (d *Disk) openArchive(content *journalContent, rep *Report) (comparison, error) {
	path := filepath.Join(d.dir, badgerName)
	for {
		var err error
		if rep.SetAside == "" {
			rep.LostTail, err = lostTail(path)
		}
		if err == nil && rep.Unclean {
			err = dropUnborn(path)
		}
		var key []byte
		if err == nil {
			key, err = archiveKey(path, d.cfg, content.key != nil)
		}
		if err == nil {
			err = preflight(path, key, rep.Unclean, d.cfg.Logger)
		}
		if err == nil {
			d.archive, err = openArchive(path, key, d.cfg.Logger)
		}
		var differ comparison
		if err == nil {
			differ, err = compare(d.archive, d.cfg.Device, content.ops)
		}
		if err == nil || rep.SetAside != "" || errors.Is(err, ErrNewer) || isNoKey(err) {
			return differ, err
		}
		if system, full := systemFault(err); full {
			return differ, fmt.Errorf("%w: %w", ErrDiskFull, err)
		} else if system {
			return differ, err
		}
		if d.archive != nil {
			d.cfg.Logger.Warn("close a damaged store", "err", d.archive.close()) // the directory is given up
			d.archive = nil
		}
		rep.SetAside = err.Error()
		if err := keepDamaged(d.dir, badgerName); err != nil {
			return comparison{}, err
		}
	}
}

// openJournal opens the journal, after writing it anew where it is missing or damaged, adds strays, the own operations
// that only the archive holds, and begins an epoch where the end of the own logs is in doubt.
func (d *Disk) openJournal(content *journalContent, strays []*crdt.Record, rep *Report) error {
	epoch := content.last().epoch
	rep.Recovered = len(strays)
	if content.missing || content.damage != "" {
		rep.Reason = "the journal was missing"
		switch {
		case rep.New:
			rep.Reason = "the store is new"
		case content.damage != "":
			rep.Reason = "the journal was damaged: " + content.damage
		}
		fresh, err := randomEpoch(d.cfg.Rand, epoch)
		if err != nil {
			return err
		}
		if err := createJournal(d.dir, d.cfg, append(content.ops, strays...), fresh, rep.Reason); err != nil {
			return err
		}
		if *content, err = readJournal(d.dir, d.cfg.Device, d.cfg.keys()...); err != nil {
			return err
		}
		if content.missing || content.damage != "" {
			return &CorruptError{What: "the journal cannot be read back: " + content.damage}
		}
		rep.FreshEpoch, epoch, strays = true, fresh, nil
	}
	var err error
	if d.journal, d.place, err = openJournal(d.dir, d.cfg, content); err != nil {
		return err
	}
	d.journalKey = content.key
	d.logs = content.logs(d.cfg.Device)
	if _, err := d.journal.appendOps(strays); err != nil {
		return err
	}
	var doubts []string
	if content.last().place != d.place {
		doubts = append(doubts, "the store is in another place than before: a copy, or a backup restored")
	}
	ahead := 0
	for _, r := range strays {
		d.logs.add(r)
		if r.Op.Dot.Epoch == epoch {
			ahead++
		}
	}
	if ahead > 0 {
		doubts = append(doubts, fmt.Sprintf("the journal lacked %d of this epoch's operations", ahead))
	}
	if len(doubts) > 0 {
		rep.FreshEpoch, rep.Reason = true, strings.Join(doubts, "; ")
		if epoch, err = d.beginEpoch(rep.Reason); err != nil {
			return err
		}
	}
	rep.Epoch = epoch
	return nil
}

// systemFault reports whether err comes from the state of the machine, which setting a directory aside would not help.
// Badger passes the system's errors on as text only.
func systemFault(err error) (system, full bool) {
	is := func(e syscall.Errno) bool { return errors.Is(err, e) || strings.Contains(err.Error(), e.Error()) }
	if is(syscall.ENOSPC) {
		return true, true
	}
	return slices.ContainsFunc([]syscall.Errno{
		syscall.EACCES, syscall.EPERM, syscall.EROFS, syscall.EMFILE, syscall.ENFILE, syscall.ENOMEM,
	}, is), false
}
