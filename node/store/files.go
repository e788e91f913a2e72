package store

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

const (
	lockName   = "lock"
	badgerName = "badger"
	copyName   = "badger.new" // a compaction's copy, complete once it is closed
	oldName    = "badger.old" // what the copy replaces

	damagedInfix = ".damaged-"
	damagedMax   = 3 // damaged copies of one thing that are kept for inspection
)

// A dirLock keeps other processes out of a store's directory. While it is held the file contains the process id, and
// after an orderly end it is empty: so the next one knows whether the last one got to close the store.
type dirLock struct{ f *os.File }

// lockDir locks dir. unclean says that the last holder did not release it.
func lockDir(dir string) (l *dirLock, unclean bool, err error) {
	f, err := os.OpenFile(filepath.Join(dir, lockName), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, false, fmt.Errorf("lock the store: %w", err)
	}
	var b [20]byte
	n, _ := f.ReadAt(b[:], 0) // short or empty in every good case; the text only serves to explain
	holder := strings.TrimSpace(string(b[:n]))
	if err := tryLock(f); err != nil {
		if _, perr := strconv.Atoi(holder); errors.Is(err, ErrLocked) && perr == nil {
			err = fmt.Errorf("%w: process %s", err, holder)
		}
		return nil, false, errors.Join(err, f.Close())
	}
	l = &dirLock{f}
	if err := l.write(fmt.Sprintf("%d\n", os.Getpid())); err != nil {
		return nil, false, errors.Join(err, f.Close())
	}
	return l, holder != "", nil
}

func (l *dirLock) write(text string) error {
	if err := l.f.Truncate(0); err != nil {
		return fmt.Errorf("lock the store: %w", err)
	}
	if _, err := l.f.WriteAt([]byte(text), 0); err != nil {
		return fmt.Errorf("lock the store: %w", err)
	}
	return nil
}

// release gives the directory up; clean records that the store was closed in order.
func (l *dirLock) release(clean bool) error {
	var err error
	if clean {
		err = l.write("")
	}
	return errors.Join(err, l.f.Close())
}

// syncDir makes the names in dir durable.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("sync %s: %w", dir, err)
	}
	return errors.Join(d.Sync(), d.Close())
}

// exists reports whether there is something called name in dir.
func exists(dir, name string) (bool, error) {
	_, err := os.Lstat(filepath.Join(dir, name))
	if errors.Is(err, os.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

// keepDamaged gives name, a file or a directory in dir, the next free damaged name. A file keeps its own name too, where
// the file system can do that, so that there is no moment without one.
func keepDamaged(dir, name string) error {
	old, err := damagedCopies(dir, name)
	if err != nil {
		return err
	}
	next := 1
	if len(old) > 0 {
		next = old[len(old)-1] + 1
	}
	from := filepath.Join(dir, name)
	to := fmt.Sprintf("%s%s%d", from, damagedInfix, next)
	if err := os.Link(from, to); err != nil {
		if err := os.Rename(from, to); err != nil {
			return fmt.Errorf("set the damaged %s aside: %w", name, err)
		}
	}
	for len(old) >= damagedMax {
		if err := os.RemoveAll(fmt.Sprintf("%s%s%d", from, damagedInfix, old[0])); err != nil {
			return fmt.Errorf("remove an old damaged %s: %w", name, err)
		}
		old = old[1:]
	}
	return syncDir(dir)
}

// damagedCopies returns the numbers of the damaged copies of name, ascending.
func damagedCopies(dir, name string) ([]int, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("look for damaged copies: %w", err)
	}
	var numbers []int
	for _, e := range entries {
		text, ok := strings.CutPrefix(e.Name(), name+damagedInfix)
		if n, err := strconv.Atoi(text); ok && err == nil {
			numbers = append(numbers, n)
		}
	}
	slices.Sort(numbers)
	return numbers, nil
}

// removeDamaged removes all damaged copies of name.
func removeDamaged(dir, name string) error {
	numbers, err := damagedCopies(dir, name)
	for _, n := range numbers {
		err = errors.Join(err, os.RemoveAll(fmt.Sprintf("%s%s%d", filepath.Join(dir, name), damagedInfix, n)))
	}
	return err
}

// finishSwap completes or undoes a compaction that a crash interrupted. With wipe it overwrites what it removes.
func finishSwap(dir string, wipe bool) error {
	cur, err1 := exists(dir, badgerName)
	old, err2 := exists(dir, oldName)
	if err := errors.Join(err1, err2); err != nil {
		return err
	}
	path := func(name string) string { return filepath.Join(dir, name) }
	if !cur && old {
		// The copy was complete before its forerunner was renamed. Without it, the forerunner is the store.
		if err := os.Rename(path(copyName), path(badgerName)); errors.Is(err, os.ErrNotExist) {
			if err := os.Rename(path(oldName), path(badgerName)); err != nil {
				return err
			}
		} else if err != nil {
			return err
		}
	}
	return errors.Join(removeKeptLogs(path(badgerName)), removeTree(path(copyName), wipe), removeTree(path(oldName), wipe))
}
