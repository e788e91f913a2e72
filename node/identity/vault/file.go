package vault

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// A Mode says what guards the secrets.
type Mode string

// The modes.
const (
	None       Mode = "none"
	Keyring    Mode = "keyring"
	Passphrase Mode = "passphrase"
)

const (
	// KeyBytes is the size of a seed and of a key.
	KeyBytes = 32

	// PassphraseMin is how many bytes a passphrase must have.
	PassphraseMin = 8

	fileMode    = 0o600
	fileSizeMax = 16 << 10
	header      = "muster vault v1"
	workMax     = 20 // of a vault's passphrase: a gigabyte, some seconds
)

// Errors of opening a vault, besides those of a keyring.
var (
	// ErrNotVault says that the file does not begin like a vault.
	ErrNotVault = errors.New("it is not a vault")
	// ErrLocked says that a passphrase is needed.
	ErrLocked = errors.New("it opens with a passphrase")
	// ErrPassphrase says that it is another passphrase.
	ErrPassphrase = errors.New("that is not the passphrase")
)

// An UnsafeError says that others on this machine can read or change the file.
type UnsafeError struct {
	Path string
	Mode fs.FileMode
}

// Error implements error.
func (e *UnsafeError) Error() string {
	return fmt.Sprintf("%s can be read by others (mode %#o)", e.Path, e.Mode.Perm())
}

// Hint says what to do about it.
func (e *UnsafeError) Hint() string { return "chmod 600 " + e.Path }

// A DamagedError says that the file is not one that this version of muster wrote.
type DamagedError struct {
	Path string
	Why  string
}

// Error implements error.
func (e *DamagedError) Error() string { return fmt.Sprintf("%s is damaged: %s", e.Path, e.Why) }

// Hint says what to do about it.
func (e *DamagedError) Hint() string {
	return "restore it from a copy; without it this laptop is no device of the team any more, and its board cannot be read"
}

// Secrets are what a vault holds.
type Secrets struct {
	Seed [KeyBytes]byte // of the device key

	Key    []byte // KeyBytes long, seals what is on the disk; nil: it is plain
	Old    []byte // what sealed it before; nil: it was plain
	Moving bool   // not everything has been moved from Old to Key yet
}

const (
	flagKey    = 1
	flagOld    = 2
	flagMoving = 4
)

// encode returns the secrets as they are wrapped: flags 1 | seed | key, zeros if none | old, zeros if none.
func (s Secrets) encode() []byte {
	b := make([]byte, 1+3*KeyBytes)
	copy(b[1:], s.Seed[:])
	if s.Key != nil {
		b[0] |= flagKey
		copy(b[1+KeyBytes:], s.Key)
	}
	if s.Old != nil {
		b[0] |= flagOld
		copy(b[1+2*KeyBytes:], s.Old)
	}
	if s.Moving {
		b[0] |= flagMoving
	}
	return b
}

func parseSecrets(b []byte) (Secrets, error) {
	if len(b) != 1+3*KeyBytes || b[0]&^(flagKey|flagOld|flagMoving) != 0 {
		return Secrets{}, errors.New("what is wrapped is not what a vault holds")
	}
	s := Secrets{Seed: [KeyBytes]byte(b[1:]), Moving: b[0]&flagMoving != 0}
	if b[0]&flagKey != 0 {
		s.Key = bytes.Clone(b[1+KeyBytes:][:KeyBytes])
	}
	if b[0]&flagOld != 0 {
		s.Old = bytes.Clone(b[1+2*KeyBytes:][:KeyBytes])
	}
	return s, nil
}

// NewKey returns a random key.
func NewKey() []byte {
	k := make([]byte, KeyBytes)
	rand.Read(k) // crypto/rand cannot fail
	return k
}

// A How says how secrets are wrapped, or unwrapped. What its mode does not need may be missing.
type How struct {
	Mode       Mode
	Passphrase string
	Work       int           // base-2 logarithm of scrypt's N; 0: [WorkUnlock]
	Ring       Ring          // nil: there is none
	Wait       time.Duration // for the keyring; 0: [RingWait]
}

// CheckPassphrase refuses a passphrase that is too short to guard anything.
func CheckPassphrase(p string) error {
	if len(p) < PassphraseMin {
		return fmt.Errorf("a passphrase has at least %d characters", PassphraseMin)
	}
	return nil
}

// A File is a vault as it was found on disk. The zero File is not usable; take one from [Load].
type File struct {
	Mode   Mode
	Device string // public key of the device, as its owner writes it; not secret

	path  string
	entry string // in the keyring
	body  []byte
}

// The file is lines of text:
//
//	muster vault v1
//	mode <mode>
//	device <name>
//	entry <name in the keyring, or ->
//	<what is wrapped, in base64>
//	sum <first 8 bytes of the SHA-256 of everything above, in hexadecimal>
func (f *File) format() []byte {
	entry := f.entry
	if entry == "" {
		entry = "-"
	}
	b := fmt.Appendf(nil, "%s\nmode %s\ndevice %s\nentry %s\n%s\n", header, f.Mode, f.Device, entry, base64.StdEncoding.EncodeToString(f.body))
	return fmt.Appendf(b, "sum %s\n", sumOf(b))
}

func sumOf(b []byte) string {
	h := sha256.Sum256(b)
	return hex.EncodeToString(h[:8])
}

// Load reads the vault at path without opening it. Errors: fs.ErrNotExist, [ErrNotVault], *[UnsafeError],
// *[DamagedError], or the system's.
func Load(path string) (*File, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() || info.Size() > fileSizeMax {
		return nil, &DamagedError{path, "not a file of a vault's size"}
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	if !bytes.HasPrefix(text, []byte(header[:len(header)-1])) {
		return nil, ErrNotVault
	}
	if info.Mode().Perm()&0o077 != 0 {
		return nil, &UnsafeError{path, info.Mode()}
	}
	f, err := parseFile(text)
	if err != nil {
		return nil, &DamagedError{path, err.Error()}
	}
	f.path = path
	return f, nil
}

func parseFile(text []byte) (*File, error) {
	lines := strings.Split(string(text), "\n")
	if lines[0] != header {
		return nil, fmt.Errorf("does not start with %q: was it written by a newer muster?", header)
	}
	if len(lines) != 7 || lines[6] != "" {
		return nil, errors.New("not six lines")
	}
	fields := [3]string{}
	for i, name := range []string{"mode ", "device ", "entry "} {
		v, ok := strings.CutPrefix(lines[1+i], name)
		if !ok || v == "" {
			return nil, fmt.Errorf("line %d is not %s", i+2, name)
		}
		fields[i] = v
	}
	body, err := base64.StdEncoding.Strict().DecodeString(lines[4])
	if err != nil {
		return nil, errors.New("what is wrapped is not base64")
	}
	f := &File{Mode: Mode(fields[0]), Device: fields[1], entry: strings.TrimPrefix(fields[2], "-"), body: body}
	switch {
	case f.Mode != None && f.Mode != Keyring && f.Mode != Passphrase:
		return nil, fmt.Errorf("there is no mode %q", f.Mode)
	case (f.entry != "") != (f.Mode == Keyring):
		return nil, errors.New("mode and entry do not belong together")
	case !bytes.Equal(f.format(), text):
		return nil, errors.New("the sum is wrong")
	}
	return f, nil
}

// Open unwraps the secrets. how.Mode does not count. Errors: [ErrLocked] without a passphrase where one is needed,
// [ErrPassphrase], [ErrNoRing], [ErrRingSilent], [ErrNotInRing], *[DamagedError], or the keyring's.
func (f *File) Open(how How) (Secrets, error) {
	b, err := f.unwrap(how)
	if err != nil {
		return Secrets{}, err
	}
	s, err := parseSecrets(b)
	if err != nil {
		return Secrets{}, &DamagedError{f.path, err.Error()}
	}
	return s, nil
}

func (f *File) unwrap(how How) ([]byte, error) {
	switch f.Mode {
	case None:
		return f.body, nil
	case Passphrase:
		if how.Passphrase == "" {
			return nil, ErrLocked
		}
		var b []byte
		r, err := OpenFrom(bytes.NewReader(f.body), how.Passphrase, workMax)
		if err == nil {
			b, err = io.ReadAll(r)
		}
		if errors.Is(err, ErrSecret) {
			return nil, ErrPassphrase
		}
		if err != nil {
			return nil, &DamagedError{f.path, err.Error()}
		}
		return b, nil
	}
	text, err := get(how, f.entry)
	if err != nil {
		return nil, err
	}
	key, err := base64.StdEncoding.DecodeString(text)
	if err != nil || len(key) != KeyBytes {
		return nil, fmt.Errorf("%w: the entry %s holds something else", ErrNotInRing, f.entry)
	}
	aead, err := wrapper(key)
	if err != nil {
		return nil, err
	}
	b, err := aead.Open(nil, nil, f.body, f.bound())
	if err != nil {
		return nil, &DamagedError{f.path, "the key in the keyring does not open it"}
	}
	return b, nil
}

// bound is what belongs to the wrapped secrets in keyring mode.
func (f *File) bound() []byte { return []byte(header + "\n" + f.Device + "\n" + f.entry) }

func wrapper(key []byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCMWithRandomNonce(block)
}

// Write wraps the secrets of device and puts them at path, in place of whatever is there, durably and at once. The
// keyring has its new entry before, and has lost the one that a vault there named afterwards, as far as it lets us. Errors
// are those of the keyring and of the file system; then what was there still is, or the new vault if what failed came after
// it was in place: either opens.
func Write(path, device string, s Secrets, how How) error {
	old, err := Load(path)
	if err != nil {
		old = nil // a key file from before there were vaults, or nothing
	}
	f := &File{Mode: how.Mode, Device: device, path: path}
	if err := f.wrap(s, how); err != nil {
		return err
	}
	if err := replace(path, f.format()); err != nil {
		if f.entry != "" && !stands(path, f.entry) {
			err = errors.Join(err, remove(how, f.entry))
		}
		return err
	}
	if old != nil && old.entry != "" {
		_ = remove(how, old.entry) // it opens nothing any more
	}
	return nil
}

// stands reports whether the vault at path may be the one that opens with this entry of the keyring. What failed may have
// come after the new vault took its place, and without the entry the device would be lost.
func stands(path, entry string) bool {
	now, err := Load(path)
	switch {
	case errors.Is(err, ErrNotVault), errors.Is(err, fs.ErrNotExist):
		return false
	case err != nil:
		return true // nobody knows; an entry too many does no harm
	}
	return now.entry == entry
}

func (f *File) wrap(s Secrets, how How) error {
	switch f.Mode {
	case None:
		f.body = s.encode()
		return nil
	case Passphrase:
		if err := CheckPassphrase(how.Passphrase); err != nil {
			return err
		}
		work := how.Work
		if work == 0 {
			work = WorkUnlock
		}
		var b bytes.Buffer
		w, err := SealTo(&b, how.Passphrase, work)
		if err == nil {
			_, err = w.Write(s.encode())
		}
		if err == nil {
			err = w.Close()
		}
		f.body = b.Bytes()
		return err
	case Keyring:
		f.entry = "home-" + hex.EncodeToString(NewKey()[:8])
		key := NewKey()
		aead, err := wrapper(key)
		if err != nil {
			return err
		}
		f.body = aead.Seal(nil, nil, s.encode(), f.bound())
		return put(how, f.entry, base64.StdEncoding.EncodeToString(key))
	}
	return fmt.Errorf("there is no mode %q", f.Mode)
}

// replace writes a file durably and at once, and overwrites the one before it where nothing else names that.
func replace(path string, content []byte) (err error) {
	old, oerr := os.OpenFile(path, os.O_RDWR, 0)
	if oerr == nil {
		defer func() { err = errors.Join(err, old.Close()) }()
	}
	tmp := path + ".new"
	f, err := os.OpenFile(tmp, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, fileMode)
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return errors.Join(err, os.Remove(tmp))
	}
	if err := os.Rename(tmp, path); err != nil {
		return errors.Join(err, os.Remove(tmp))
	}
	if oerr == nil {
		if info, serr := old.Stat(); serr == nil && info.Mode().IsRegular() && info.Size() <= fileSizeMax {
			_, werr := old.WriteAt(make([]byte, info.Size()), 0)
			err = errors.Join(werr, old.Sync())
		}
	}
	d, derr := os.Open(filepath.Dir(path))
	if derr != nil {
		return errors.Join(err, derr)
	}
	return errors.Join(err, d.Sync(), d.Close())
}
