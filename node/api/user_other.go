//go:build !linux

package api

import (
	"io/fs"
	"net"
)

// sameUser is left to the modes of the directory and the socket where the kernel is not asked.
func sameUser(net.Conn) bool { return true }

// owned says no, so that the mode of the directory is set again, which fails for another's.
func owned(fs.FileInfo) bool { return false }
