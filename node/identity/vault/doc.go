// Package vault keeps the two secrets of a laptop at rest: the seed of its device key and the key its disk is sealed with.
// It also seals what leaves the laptop as a file (seal.go).
//
// The secrets are in one file, wrapped in one of three ways:
//
//	keyring      with a random key that is in the keyring of the desktop session, under a name that only the file says
//	passphrase   with a passphrase, by scrypt, as an age file (age-encryption.org/v1)
//	none         not at all: the mode 0600 of the file is all that guards them
//
// The package promises:
//
//   - Of a powered-off laptop in keyring or passphrase mode, whoever reads its disk has neither secret. A copy of the
//     directory in keyring mode opens nowhere but in the session it was made in, so that copying it clones no device. In
//     the other two modes a copy is a clone, which the epochs of its store show.
//   - The file is replaced at once and durably, and what it replaces is overwritten. A damaged one is an error that names
//     it, and is never repaired or replaced: a new seed would be a new device.
//   - No keyring, a locked one or one that hangs costs at most the time its caller grants.
//
// What it does not promise: secrets are in the clear in memory while the node runs; what was once written in the clear
// may survive in blocks of an SSD that the file system no longer reaches.
//
// The design had the board's key in a file even where nothing guards that file. A key beside its lock keeps nobody out and
// costs every write, so that a home in mode none without a key is plain, as before there was a vault.
package vault
