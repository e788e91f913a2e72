package store

import (
	"errors"
	"fmt"

	"muster/crdt"
)

var (
	// ErrDiskFull is returned, with nothing changed, when there is not enough free space to write safely.
	ErrDiskFull = errors.New("the disk is full: free some space")

	// ErrLocked means another process uses the directory. The error that wraps it names the process if it is known.
	ErrLocked = errors.New("another node is using this directory")

	// ErrNewer means a later muster wrote the store.
	ErrNewer = errors.New("the store was written by a newer muster: upgrade this one")

	// ErrOtherDevice means the store belongs to another device.
	ErrOtherDevice = errors.New("the store belongs to another device")

	// ErrSealed means that the store is sealed and no key was given.
	ErrSealed = errors.New("the store is sealed, and opens with its key only")

	// ErrWrongKey means that the key given is not the one the store is sealed with. Nothing was changed.
	ErrWrongKey = errors.New("the store is sealed with another key")

	// ErrNotNext refuses an own operation that does not continue this device's log, which would fork it.
	ErrNotNext = errors.New("not the next operation of this device's log")

	// ErrStopped refuses writes after a write has failed. It is wrapped together with the first failure.
	ErrStopped = errors.New("the store has stopped after a failed write: restart the node")

	// ErrClosed is returned by every method after Close.
	ErrClosed = errors.New("the store is closed")
)

// A CorruptError says that the disk returns something other than what was written. The remedy is [Disk.SetAside]: own
// operations come back from the journal, all others from peers.
type CorruptError struct {
	Doc  crdt.DocID // zero when the damage is not in one document
	Dot  crdt.Dot   // place of the damage, as far as known
	What string
}

// Error says what is wrong and where.
func (e *CorruptError) Error() string {
	switch {
	case e.Doc.IsZero():
		return "the store is damaged: " + e.What
	case e.Dot.Device.IsZero():
		return fmt.Sprintf("the store is damaged in document %.8s: %s", e.Doc, e.What)
	default:
		return fmt.Sprintf("the store is damaged in document %.8s at %s: %s", e.Doc, e.Dot, e.What)
	}
}
