//go:build !unix

package node

import (
	"os"
	"path/filepath"
)

// lockHome opens the lock file of a home directory. The lock itself is the store's, where the system has no flock.
func lockHome(dir string) (*os.File, error) {
	return os.OpenFile(filepath.Join(dir, "lock"), os.O_RDWR|os.O_CREATE, 0o600)
}
