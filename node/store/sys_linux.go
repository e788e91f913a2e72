package store

import (
	"errors"
	"os"
	"syscall"
)

func fsid(s *syscall.Statfs_t) uint64 {
	return uint64(uint32(s.Fsid.X__val[0]))<<32 | uint64(uint32(s.Fsid.X__val[1]))
}

// datasync makes the contents of f durable, without its times.
func datasync(f *os.File) error {
	for {
		err := syscall.Fdatasync(int(f.Fd()))
		if err == nil {
			return nil
		}
		if !errors.Is(err, syscall.EINTR) {
			return &os.PathError{Op: "fdatasync", Path: f.Name(), Err: err}
		}
	}
}
