package api

import (
	"io/fs"
	"net"
	"os"
	"syscall"
)

// peerUID returns whose process is at the other end of a unix socket. The kernel says so (SO_PEERCRED); file modes alone
// would trust whoever made the directory. Not known is false; of what is no unix socket, a test's pipe, it is ours.
func peerUID(c net.Conn) (uid int, known bool) {
	u, ok := c.(*net.UnixConn)
	if !ok {
		return os.Getuid(), true
	}
	raw, err := u.SyscallConn()
	if err != nil {
		return 0, false
	}
	err = raw.Control(func(fd uintptr) {
		cred, err := syscall.GetsockoptUcred(int(fd), syscall.SOL_SOCKET, syscall.SO_PEERCRED)
		if known = err == nil; known {
			uid = int(cred.Uid)
		}
	})
	return uid, err == nil && known
}

// owned reports whether a file is this user's.
func owned(info fs.FileInfo) bool {
	st, ok := info.Sys().(*syscall.Stat_t)
	return ok && int(st.Uid) == os.Getuid()
}
