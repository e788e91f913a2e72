package api

import (
	"context"
	"net/http"
)

// Protector is the part of [Service] about what guards a node's disk.
type Protector interface {
	// Protect changes what guards the secrets of the node's directory, and seals or opens up everything in it that can be
	// read. It returns when that is through, which takes as long as writing the whole board anew; the status says what did
	// not work. Codes: usage, refused (no keyring), disk_full.
	Protect(ctx context.Context, in Protect) (Status, error)

	// Unlock opens a node that has started locked; it does nothing on one that is open. Codes: usage (no passphrase given),
	// refused (another passphrase, or no keyring).
	Unlock(ctx context.Context, in Unlock) (Status, error)
}

// What guards a node's disk, in [Status.Protection] and [Protect.Mode].
const (
	ProtectedKeyring    = "keyring"
	ProtectedPassphrase = "passphrase"
	ProtectedNone       = "none"   // whoever has the disk can read the board
	ProtectedLocked     = "locked" // keyring or passphrase, and not opened since the node started; of a status only
)

// Protect asks for another guard. A passphrase is needed for that mode only.
type Protect struct {
	Mode       string `json:"mode"`
	Passphrase string `json:"passphrase,omitempty"`
	NoRelay    bool   `json:"no_relay,omitempty"` // locked, the node is to connect to nobody; void with none
}

// Unlock opens a locked node. A node whose secrets are in the keyring needs no passphrase.
type Unlock struct {
	Passphrase string `json:"passphrase,omitempty"`
}

// Paths of the methods.
const (
	pathProtect = "/v1/protect"
	pathUnlock  = "/v1/unlock"
)

func serveProtector(mux *http.ServeMux, s Service) {
	method(mux, pathProtect, func(ctx context.Context, in Protect) (Status, error) { return s.Protect(ctx, in) })
	method(mux, pathUnlock, func(ctx context.Context, in Unlock) (Status, error) { return s.Unlock(ctx, in) })
}

// Protect implements [Service].
func (c *Client) Protect(ctx context.Context, in Protect) (Status, error) {
	return call[Status](ctx, c, pathProtect, in)
}

// Unlock implements [Service].
func (c *Client) Unlock(ctx context.Context, in Unlock) (Status, error) {
	return call[Status](ctx, c, pathUnlock, in)
}
