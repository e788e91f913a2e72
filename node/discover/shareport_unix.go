//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package discover

import (
	"errors"

	"golang.org/x/sys/unix"
)

// sharePort lets a socket live on a port beside other responders, of this user or another.
func sharePort(fd uintptr) error {
	return errors.Join(
		unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEADDR, 1),
		unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEPORT, 1),
	)
}
