package api

import (
	"io/fs"
	"net"
	"os"
	"syscall"
)

// sameUser reports whether the process at the other end of a unix socket runs as this user, or one of the two is root.
// The kernel says so (SO_PEERCRED); file modes alone would trust whoever made the directory.
func sameUser(c net.Conn) bool {
	u, ok := c.(*net.UnixConn)
	if !ok {
		return true // not a unix socket: a test's pipe
	}
	raw, err := u.SyscallConn()
	if err != nil {
		return false
	}
	same := false
	err = raw.Control(func(fd uintptr) {
		cred, err := syscall.GetsockoptUcred(int(fd), syscall.SOL_SOCKET, syscall.SO_PEERCRED)
		same = err == nil && (int(cred.Uid) == os.Getuid() || cred.Uid == 0 || os.Getuid() == 0)
	})
	return err == nil && same
}

// owned reports whether a file is this user's.
func owned(info fs.FileInfo) bool {
	st, ok := info.Sys().(*syscall.Stat_t)
	return ok && int(st.Uid) == os.Getuid()
}
