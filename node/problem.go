package node

import (
	"context"
	"errors"

	"muster/crdt"
	"muster/crdt/board"
	"muster/node/api"
	"muster/node/identity"
	"muster/node/identity/vault"
	"muster/node/replica"
	"muster/node/store"
	"muster/node/transport"
)

// problem maps every error that can reach a person to an [*api.Error]. It is the one place that does.
func problem(err error) error {
	if err == nil {
		return nil
	}
	var already *api.Error
	var rules *board.Problem
	var port *transport.AddrInUseError
	var unsafeKey *identity.UnsafeFileError
	var damagedKey *identity.DamagedFileError
	var corrupt *store.CorruptError
	var unsafeVault *vault.UnsafeError
	var damagedVault *vault.DamagedError
	switch {
	case errors.As(err, &already):
		return already
	case errors.As(err, &rules):
		return &api.Error{Code: rules.Code, Message: rules.Message, Hint: rules.Hint, Question: rules.Question, Candidates: rules.Candidates}
	case errors.As(err, &port):
		return api.Errorf(api.CodeAddrInUse, port.Hint(), "%s", port.Error())
	case errors.As(err, &unsafeKey):
		return api.Errorf(api.CodeRefused, unsafeKey.Hint(), "%s", unsafeKey.Error())
	case errors.As(err, &damagedKey):
		return api.Errorf(api.CodeDisk, damagedKey.Hint(), "%s", damagedKey.Error())
	case errors.As(err, &unsafeVault):
		return api.Errorf(api.CodeRefused, unsafeVault.Hint(), "%s", unsafeVault.Error())
	case errors.As(err, &damagedVault):
		return api.Errorf(api.CodeDisk, damagedVault.Hint(), "%s", damagedVault.Error())
	case errors.Is(err, vault.ErrPassphrase):
		return api.Errorf(api.CodeRefused, "it is the one that was given to muster protect on this laptop", "that is not the passphrase")
	case errors.Is(err, vault.ErrLocked):
		return api.Errorf(api.CodeUsage, "type it at a terminal, or give it in MUSTER_PASSPHRASE or --passphrase-file", "unlocking takes the passphrase")
	case errors.Is(err, vault.ErrNotInRing):
		return api.Errorf(api.CodeRefused, "open it in the session that made it; a copy of the directory opens nowhere else: restore your own laptop, or join anew with another --dir",
			"%s", vault.ErrNotInRing)
	case errors.Is(err, vault.ErrNoRing), errors.Is(err, vault.ErrRingSilent):
		return api.Errorf(api.CodeRefused, "unlock the keyring of your desktop session, or use a passphrase: muster protect passphrase", "%s", err)
	case errors.Is(err, store.ErrSealed), errors.Is(err, store.ErrWrongKey):
		return api.Errorf(api.CodeDisk, "was device.key replaced? put the old one back", "%s", err)
	case errors.As(err, &corrupt):
		return api.Errorf(api.CodeDisk, "start the node again: it sets the damaged part aside and fetches it from peers", "%s", corrupt.Error())
	case errors.Is(err, store.ErrDiskFull):
		return api.Errorf(api.CodeDiskFull, "free some space, then try again", "the disk is full")
	case errors.Is(err, store.ErrLocked):
		return api.Errorf(api.CodeDirInUse, `stop it with "muster down", or use another --dir`, "%s", err)
	case errors.Is(err, store.ErrNewer):
		return api.Errorf(api.CodeDisk, "install the newer muster again", "%s", err)
	case errors.Is(err, store.ErrOtherDevice):
		return api.Errorf(api.CodeDisk, "was device.key replaced? put the old one back, or use another --dir", "%s", err)
	case errors.Is(err, replica.ErrNoTeam):
		return api.Errorf(api.CodeDisk, "remove the file \"team\" from the node's directory, start, and join again with a new code; what is in teams stays",
			"the store is damaged and %s", err)
	case errors.Is(err, store.ErrStopped), errors.Is(err, store.ErrClosed):
		return api.Errorf(api.CodeDisk, "start the node again", "%s", err)
	case errors.Is(err, crdt.ErrTooLarge):
		return api.Errorf(api.CodeTooLarge, "shorten it", "%s", err)
	case errors.Is(err, crdt.ErrFormat):
		return api.Errorf(api.CodeUsage, "", "%s", err)
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return api.Errorf(api.CodeStopped, "try again", "no answer in time")
	}
	return api.Errorf(api.CodeInternal, "the node's log says more: node.log in its directory", "%s", err)
}
