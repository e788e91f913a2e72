package node

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	"muster/node/store"
)

// The small files of a protected home, the roster, the peers, the merges and the team keys, are each a line that says so
// and an AES-256-GCM ciphertext behind its random nonce, with the file's name as additional data:
//
//	muster sealed v1 \n | nonce 12 | ciphertext | tag 16
//
// A file that does not begin so is plain, of a home that was not protected when it was written, and is read as it is.
const (
	sealedHeader = "muster sealed v1\n"
	fileUse      = "muster/home/file/v1"
)

// errSealedFile says that a file cannot be opened with the keys at hand.
var errSealedFile = errors.New("it is sealed with another key, or damaged")

// diskKeys are the keys to what is on this disk. They change only when the node is unlocked or its protection changed.
type diskKeys struct {
	mu  sync.RWMutex // guards what follows
	key []byte       // for all that is written; nil: in the clear
	old []byte       // what is not moved yet may be sealed with; nil: it is plain

	nothing bool // is read or written: a locked node relays
}

func (k *diskKeys) set(key, old []byte) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.key, k.old = key, old
}

func (k *diskKeys) get() (key, old []byte) {
	k.mu.RLock()
	defer k.mu.RUnlock()
	return k.key, k.old
}

// fileSealer returns what seals the small files under a key of the home.
func fileSealer(key []byte) (cipher.AEAD, error) {
	k, err := hkdf.Key(sha256.New, key, nil, fileUse, store.KeyBytes)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(k)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCMWithRandomNonce(block)
}

// sealFile returns content as it is written to the file called name.
func sealFile(key []byte, name string, content []byte) ([]byte, error) {
	if key == nil {
		return content, nil
	}
	aead, err := fileSealer(key)
	if err != nil {
		return nil, err
	}
	return aead.Seal([]byte(sealedHeader), nil, content, []byte(name)), nil
}

// openFile returns the content of what [sealFile] wrote with one of keys, and which it was; nil: none, it is plain.
func openFile(keys [][]byte, name string, b []byte) (content, key []byte, err error) {
	sealed, ok := bytes.CutPrefix(b, []byte(sealedHeader))
	if !ok {
		return b, nil, nil
	}
	for _, k := range keys {
		if k == nil {
			continue
		}
		aead, err := fileSealer(k)
		if err != nil {
			return nil, nil, err
		}
		if content, err := aead.Open(nil, nil, sealed, []byte(name)); err == nil {
			return content, k, nil
		}
	}
	return nil, nil, errSealedFile
}

// read returns the content of a small file.
func (h home) read(path string) ([]byte, error) {
	if h.disk.nothing {
		return nil, fs.ErrNotExist
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	key, old := h.disk.get()
	content, _, err := openFile([][]byte{key, old}, filepath.Base(path), b)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return content, nil
}

// write replaces a small file durably and at once. A plain one that is sealed from now on is overwritten.
func (h home) write(path string, content []byte) error {
	if h.disk.nothing {
		return nil
	}
	key, _ := h.disk.get()
	b, err := sealFile(key, filepath.Base(path), content)
	if err != nil {
		return err
	}
	if key == nil {
		return replaceFile(path, b)
	}
	return overwriting(path, func() error { return replaceFile(path, b) })
}

// overwriting replaces a file and then fills what it was with zeros, unless that was sealed.
func overwriting(path string, replace func() error) (err error) {
	old, err := os.OpenFile(path, os.O_RDWR, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return replace()
	}
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, old.Close()) }()
	head := make([]byte, len(sealedHeader))
	n, _ := old.ReadAt(head, 0) // of a shorter file there is less
	info, err := old.Stat()
	if err = errors.Join(err, replace()); err != nil || string(head[:n]) == sealedHeader {
		return err
	}
	_, err = old.WriteAt(make([]byte, info.Size()), 0)
	return errors.Join(err, old.Sync())
}
