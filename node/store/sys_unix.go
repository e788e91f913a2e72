//go:build linux || darwin

package store

import (
	"errors"
	"fmt"
	"os"
	"syscall"
)

// freeBytes returns the space an ordinary user may still fill on the file system of dir.
func freeBytes(dir string) (int64, error) {
	var s syscall.Statfs_t
	if err := syscall.Statfs(dir, &s); err != nil {
		return 0, fmt.Errorf("free space of %s: %w", dir, err)
	}
	return int64(s.Bavail) * int64(s.Bsize), nil
}

// volumeBytes returns the size of the file system of dir.
func volumeBytes(dir string) (int64, error) {
	var s syscall.Statfs_t
	if err := syscall.Statfs(dir, &s); err != nil {
		return 0, fmt.Errorf("size of %s: %w", dir, err)
	}
	return int64(s.Blocks) * int64(s.Bsize), nil
}

// placeOf returns where dir and the journal f are. The file system is named by what statfs calls it, which on most is
// derived from its UUID; a device number may change with every start of the machine.
func placeOf(dir string, f *os.File) (place, error) {
	var fs syscall.Statfs_t
	if err := syscall.Statfs(dir, &fs); err != nil {
		return place{}, fmt.Errorf("identity of %s: %w", dir, err)
	}
	var d, j syscall.Stat_t
	if err := syscall.Stat(dir, &d); err != nil {
		return place{}, fmt.Errorf("identity of %s: %w", dir, err)
	}
	if err := syscall.Fstat(int(f.Fd()), &j); err != nil {
		return place{}, fmt.Errorf("identity of %s: %w", f.Name(), err)
	}
	p := place{filesystem: fsid(&fs), dir: d.Ino, file: j.Ino}
	if p.filesystem == 0 {
		p.filesystem = uint64(d.Dev)
	}
	return p, nil
}

// tryLock takes an exclusive lock on f, or returns ErrLocked. The lock ends with the process.
func tryLock(f *os.File) error {
	err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return ErrLocked
	}
	if err != nil {
		return fmt.Errorf("lock %s: %w", f.Name(), err)
	}
	return nil
}

// noSpace reports whether err says that the disk, or the user's share of it, is full.
func noSpace(err error) bool { return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) }

// soleName reports whether the file has one name only.
func soleName(info os.FileInfo) bool {
	s, ok := info.Sys().(*syscall.Stat_t)
	return ok && s.Nlink == 1
}

// allocated returns the space a file takes; holes are free.
func allocated(info os.FileInfo) int64 {
	if s, ok := info.Sys().(*syscall.Stat_t); ok {
		return s.Blocks * 512
	}
	return info.Size()
}
