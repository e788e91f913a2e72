package identity

import (
	"bytes"
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"muster/crdt"
)

// A Device is this node's own key. The zero Device is not usable; take one from [LoadOrCreate], [Generate] or [FromSeed].
// It is a value that may be copied; copies share the key, which is never changed.
type Device struct {
	key ed25519.PrivateKey
}

// Generate makes a new device key from the system's random source.
func Generate() (Device, error) {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return Device{}, fmt.Errorf("generate device key: %w", err)
	}
	return Device{key}, nil
}

// FromSeed returns the device whose RFC 8032 private key is seed, for tests and simulations that must repeat.
func FromSeed(seed [ed25519.SeedSize]byte) Device {
	return Device{ed25519.NewKeyFromSeed(seed[:])}
}

// ID returns the device's public key, which is its name everywhere.
func (d Device) ID() crdt.DeviceID {
	return crdt.DeviceID(d.key.Public().(ed25519.PublicKey))
}

// Key returns the private key. The caller must not change it.
func (d Device) Key() ed25519.PrivateKey { return d.key }

// IsZero reports whether d holds no key.
func (d Device) IsZero() bool { return d.key == nil }

// Sign signs message with Ed25519ctx. Context keeps the uses of one key apart, so that a signature made for one of them
// can never pass for another; it is 1 to 255 bytes, a name with a version such as "muster/meta/v1".
func (d Device) Sign(context string, message []byte) ([]byte, error) {
	if context == "" {
		return nil, errors.New("sign: no context")
	}
	sig, err := d.key.Sign(nil, message, &ed25519.Options{Context: context})
	if err != nil {
		return nil, fmt.Errorf("sign for %s: %w", context, err)
	}
	return sig, nil
}

// Verify reports whether sig is device's signature of message in context.
func Verify(device crdt.DeviceID, context string, message, sig []byte) bool {
	return ed25519.VerifyWithOptions(device[:], message, sig, &ed25519.Options{Context: context, Hash: crypto.Hash(0)}) == nil
}

// An UnsafeFileError says that others on this machine can read or change the key file.
type UnsafeFileError struct {
	Path string
	Mode fs.FileMode
}

// Error implements error.
func (e *UnsafeFileError) Error() string {
	return fmt.Sprintf("the device key %s can be read by others (mode %#o)", e.Path, e.Mode.Perm())
}

// Hint says what to do about it.
func (e *UnsafeFileError) Hint() string { return "chmod 600 " + e.Path }

// A DamagedFileError says that the key file is not one this version of muster wrote. It is never repaired or replaced: a
// new key would be a new device.
type DamagedFileError struct {
	Path string
	Why  string
}

// Error implements error.
func (e *DamagedFileError) Error() string {
	return fmt.Sprintf("the device key %s is damaged: %s", e.Path, e.Why)
}

// Hint says what to do about it.
func (e *DamagedFileError) Hint() string {
	return "restore it from a copy, or move it away to become a new device of the team"
}

// The key file is three lines of text: the version, the seed and the public key. The last is redundant on purpose: a
// flipped bit in the seed would otherwise be another device, without a word.
const (
	fileHeader  = "muster device key v1"
	fileSizeMax = 512
	fileMode    = 0o600
)

// LoadOrCreate reads the device key from path, or makes one and writes it there, synced, with mode 0600. Its directory
// must exist. Two processes that race agree on one key. The errors to expect are *[UnsafeFileError],
// *[DamagedFileError] and those of the file system.
func LoadOrCreate(path string) (Device, error) {
	d, err := Load(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return d, err
	}
	if d, err = Generate(); err != nil {
		return Device{}, err
	}
	err = create(path, d)
	if errors.Is(err, fs.ErrExist) {
		return Load(path)
	}
	if err != nil {
		return Device{}, fmt.Errorf("create device key: %w", err)
	}
	return d, nil
}

// Load reads the device key from path. A missing file is fs.ErrNotExist.
func Load(path string) (Device, error) {
	info, err := os.Stat(path)
	if err != nil {
		return Device{}, fmt.Errorf("load device key: %w", err)
	}
	switch {
	case !info.Mode().IsRegular():
		return Device{}, &DamagedFileError{path, "not a regular file"}
	case info.Mode().Perm()&0o077 != 0:
		return Device{}, &UnsafeFileError{path, info.Mode()}
	case info.Size() > fileSizeMax:
		return Device{}, &DamagedFileError{path, "too long"}
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return Device{}, fmt.Errorf("load device key: %w", err)
	}
	d, err := parseFile(text)
	if err != nil {
		return Device{}, &DamagedFileError{path, err.Error()}
	}
	return d, nil
}

func formatFile(d Device) []byte {
	return fmt.Appendf(nil, "%s\n%s\n%s\n", fileHeader, base64.StdEncoding.EncodeToString(d.key.Seed()), d.ID())
}

func parseFile(text []byte) (Device, error) {
	lines := bytes.Split(text, []byte("\n"))
	if len(lines) != 4 || len(lines[3]) != 0 {
		return Device{}, errors.New("not three lines")
	}
	if string(lines[0]) != fileHeader {
		return Device{}, fmt.Errorf("does not start with %q", fileHeader)
	}
	seed, err := base64.StdEncoding.Strict().DecodeString(string(lines[1]))
	if err != nil || len(seed) != ed25519.SeedSize {
		return Device{}, errors.New("the seed is not 32 bytes of base64")
	}
	d := FromSeed([ed25519.SeedSize]byte(seed))
	if d.ID().String() != string(lines[2]) {
		return Device{}, errors.New("seed and public key do not belong together")
	}
	if !bytes.Equal(formatFile(d), text) { // the base64 decoder overlooks line ends
		return Device{}, errors.New("not in the form in which it is written")
	}
	return d, nil
}

// create writes the file under another name and links it to path, so that path is either absent or whole, and a key that
// another process put there first is never overwritten.
func create(path string, d Device) (err error) {
	dir := filepath.Dir(path)
	f, err := os.CreateTemp(dir, ".device-key-*") // made with mode 0600
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.Remove(f.Name())) }()
	_, werr := f.Write(formatFile(d))
	if err := errors.Join(werr, f.Chmod(fileMode), f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Link(f.Name(), path); err != nil {
		return err
	}
	return syncDir(dir)
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
