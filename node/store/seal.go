package store

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"time"

	"github.com/dgraph-io/badger/v4"
)

// A sealed store differs from a plain one in two things. Badger encrypts with a key of its own, which it keeps in its
// KEYREGISTRY encrypted with ours. In the journal, both parts of each frame are AES-256-GCM ciphertexts:
//
//	nonce 12, random | ciphertext | tag 16
//
// with the frame's offset in the file, its kind and the part as additional data, under a key that belongs to this file.
// So a frame reads as nothing in another place or another journal. Everything around it, checksums included, is as in a
// plain journal: torn ends and damage are found without the key's help.
const (
	// KeyBytes is the size of a key that seals a store.
	KeyBytes = 32

	sealOverhead = 12 + 16
	checkBytes   = 16 // of the key check in the header of a sealed journal

	useArchive = "muster/store/badger/v1"
	useJournal = "muster/store/journal/v1"
	useCheck   = "muster/store/check/v1"

	partKeep  = 1
	partErase = 2

	// archiveKeyLife is longer than a store lives: Badger draws one key for its tables and keeps it.
	archiveKeyLife = 100 * 365 * 24 * time.Hour
)

// derive returns n bytes of key for one use. It cannot fail for the sizes asked for here.
func derive(key, salt []byte, use string, n int) []byte {
	out, err := hkdf.Key(sha256.New, key, salt, use, n)
	if err != nil {
		panic(fmt.Sprintf("derive %s: %v", use, err))
	}
	return out
}

func sameKey(a, b []byte) bool { return subtle.ConstantTimeCompare(a, b) == 1 }

// keys returns the keys that parts of the store may be sealed with.
func (c Config) keys() [][]byte {
	var out [][]byte
	for _, k := range [][]byte{c.Key, c.OldKey} {
		if k != nil {
			out = append(out, k)
		}
	}
	return out
}

// checkKeys refuses keys of another size.
func (c Config) checkKeys() error {
	for _, k := range c.keys() {
		if len(k) != KeyBytes {
			return fmt.Errorf("open a store: a key of %d bytes", len(k))
		}
	}
	return nil
}

// noKey is the error of a store that none of keys opens.
func noKey(keys [][]byte) error {
	if len(keys) == 0 {
		return ErrSealed
	}
	return ErrWrongKey
}

// sealing makes f a framing that seals; nil keys make none.
func (f framing) sealing(key []byte) framing {
	if key == nil {
		return f
	}
	block, err := aes.NewCipher(derive(key, f.nonce[:], useJournal, KeyBytes))
	if err == nil {
		f.aead, err = cipher.NewGCMWithRandomNonce(block)
	}
	if err != nil {
		panic(fmt.Sprintf("seal a journal: %v", err)) // the key has the size it must have
	}
	f.check = [checkBytes]byte(derive(key, f.nonce[:], useCheck, checkBytes))
	return f
}

// fits reports whether a journal whose header holds check was sealed with key.
func (f framing) fits(key []byte, check []byte) bool {
	return sameKey(derive(key, f.nonce[:], useCheck, checkBytes), check)
}

func sealedAs(at int64, kind, part byte) []byte {
	return append(binary.BigEndian.AppendUint64(nil, uint64(at)), kind, part)
}

// seal returns fr as it is written at offset at.
func (f framing) seal(fr frame, at int64) frame {
	if f.aead == nil {
		return fr
	}
	fr.keep = f.aead.Seal(nil, nil, fr.keep, sealedAs(at, fr.kind, partKeep))
	if len(fr.erase) > 0 {
		fr.erase = f.aead.Seal(nil, nil, fr.erase, sealedAs(at, fr.kind, partErase))
	}
	return fr
}

// open returns the frame that was written at offset at as fr.
func (f framing) open(fr frame, at int64) (frame, error) {
	if f.aead == nil {
		return fr, nil
	}
	var err error
	if fr.keep, err = f.aead.Open(nil, nil, fr.keep, sealedAs(at, fr.kind, partKeep)); err != nil {
		return fr, errors.New("the frame was not written there")
	}
	if fr.erased || len(fr.erase) == 0 {
		return fr, nil
	}
	if fr.erase, err = f.aead.Open(nil, nil, fr.erase, sealedAs(at, fr.kind, partErase)); err != nil {
		return fr, errors.New("the body of the frame was not written there")
	}
	return fr, nil
}

// frameBytes returns how long fr is once written.
func (f framing) frameBytes(fr frame) int64 {
	n := frameHead + len(fr.keep) + len(fr.erase)
	if f.aead != nil {
		n += sealOverhead
		if len(fr.erase) > 0 {
			n += sealOverhead
		}
	}
	return int64(n)
}

// Badger's key registry begins with an initial value of 16 bytes and twelve known bytes, encrypted where there is a key.
const (
	registryIVBytes = 16
	registryText    = "Hello Badger"
)

// archiveKey returns which key the archive in dir was made with; nil: none, it is plain. One that is still to be made gets
// cfg.Key. The error is ErrSealed or ErrWrongKey if none of the keys fits, or a *CorruptError if one should: when the
// journal shows that the keys are right, or what is there is what a damage has left of a plain registry.
func archiveKey(dir string, cfg Config, right bool) ([]byte, error) {
	b, err := os.ReadFile(filepath.Join(dir, badger.KeyRegistryFileName))
	if errors.Is(err, fs.ErrNotExist) {
		return cfg.Key, nil
	}
	if err != nil {
		return nil, fmt.Errorf("look into the store: %w", err)
	}
	if len(b) < registryIVBytes+len(registryText) {
		return nil, &CorruptError{What: "badger's key registry is too short"}
	}
	iv, text := b[:registryIVBytes], b[registryIVBytes:][:len(registryText)]
	if string(text) == registryText {
		return nil, nil
	}
	keys := cfg.keys()
	for _, k := range keys {
		block, err := aes.NewCipher(derive(k, nil, useArchive, KeyBytes))
		if err != nil {
			return nil, err
		}
		plain := make([]byte, len(text))
		cipher.NewCTR(block, iv).XORKeyStream(plain, text)
		if string(plain) == registryText {
			return k, nil
		}
	}
	if right || nonZero(iv) == 0 || alike(text, registryText) >= registryAlike {
		return nil, &CorruptError{What: "badger's key registry cannot be read"}
	}
	return nil, noKey(keys)
}

// registryAlike is how many bytes of a ciphertext are not equal to those of the text by chance.
const registryAlike = 5

func alike(b []byte, text string) (n int) {
	for i := range b {
		if b[i] == text[i] {
			n++
		}
	}
	return n
}

// registryOptions are for reading or making the key registry of the archive in dir.
func registryOptions(dir string, key []byte) badger.KeyRegistryOptions {
	return badger.KeyRegistryOptions{
		Dir: dir, EncryptionKey: derive(key, nil, useArchive, KeyBytes), EncryptionKeyRotationDuration: archiveKeyLife,
	}
}

// ensureArchiveKey gives the archive in dir the key for its tables before Badger would. Badger takes a registry without
// one, on a machine whose clock stands near 1970, for a registry with one, and writes everything in the clear.
func ensureArchiveKey(dir string, key []byte) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("make the store's key: %w", err)
	}
	o := registryOptions(dir, key)
	for range 2 {
		reg, err := badger.OpenKeyRegistry(o)
		if err != nil {
			return fmt.Errorf("make the store's key: %w", err)
		}
		k, err := reg.LatestDataKey()
		if err = errors.Join(err, reg.Close()); err != nil {
			return fmt.Errorf("make the store's key: %w", err)
		}
		if k != nil {
			return nil
		}
		o.EncryptionKeyRotationDuration = math.MinInt64 // whatever the clock says: a new one
	}
	return errors.New("make the store's key: badger makes none")
}
