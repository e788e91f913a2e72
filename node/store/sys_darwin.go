package store

import (
	"os"
	"syscall"
)

func fsid(s *syscall.Statfs_t) uint64 {
	return uint64(uint32(s.Fsid.Val[0]))<<32 | uint64(uint32(s.Fsid.Val[1]))
}

// datasync makes f durable; there is no cheaper way here that survives a power cut.
func datasync(f *os.File) error { return f.Sync() }
