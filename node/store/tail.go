package store

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"muster/crdt"
)

// Badger takes the first entry of a write-ahead log that it cannot read for the torn end of a crash, and forgets what is
// behind it without a word. Whether that was so can be told: behind a torn end there are zeros, behind damage there are
// entries, or nothing at all where the file was cut short.
//
//	log      head 20 | entry ... | zeros
//	entry    meta 1 | user meta 1 | key length, value length, expiry: uvarints | key | value | crc 4
//
// The CRC is 32C of all before it. A key ends in 8 bytes that are Badger's.
const (
	walHead      = 20
	walStampSize = 8
	walFinKey    = "!badger!txn" // key of the entry that ends a transaction
	pageBytes    = 4 << 10       // of memory, and a part of every size that Badger gives a new log
)

// lostTail says what of the write-ahead logs in dir cannot be read although it was written; empty: nothing. A power cut
// has that effect too, on what was not synced.
func lostTail(dir string) (string, error) {
	logs, err := filesOf(dir, ".mem")
	if err != nil {
		return "", err
	}
	for _, log := range logs {
		b, err := os.ReadFile(filepath.Join(dir, log.Name()))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return "", fmt.Errorf("read badger's write-ahead log: %w", err)
		}
		if at, n := walTail(b); n > 0 {
			return fmt.Sprintf("%d bytes of %s from byte %d on cannot be read", n, log.Name(), at), nil
		}
	}
	return "", nil
}

// walTail returns where the readable part of a log ends, and how much was written behind it.
func walTail(b []byte) (at, lost int) {
	if len(b) < walHead {
		return 0, 0
	}
	at = walHead
	for {
		n, ok := walEntry(b[at:])
		if !ok {
			break
		}
		at += n
	}
	written := int(nonZero(b))
	if written == len(b) || len(b)%pageBytes != 0 { // a log is whole pages and ends in zeros unless Badger has cut it behind an entry
		return at, max(0, written-at)
	}
	for i := at + 1; i < written; i++ {
		if _, ok := walEntry(b[i:]); ok {
			return at, written - at
		}
	}
	return at, 0
}

// walEntry returns the length of the intact entry at the beginning of b; false if there is none. Only keys that this
// package writes are looked at, so that looking for entries behind damage is quick.
func walEntry(b []byte) (int, bool) {
	at := 2
	var nums [3]uint64
	for i := range nums {
		v, n := binary.Uvarint(b[min(at, len(b)):])
		if n <= 0 {
			return 0, false
		}
		nums[i], at = v, at+n
	}
	key, value := nums[0], nums[1]
	sizes := []uint64{uint64(len(formatKey)), logKeyBytes, recordKeyBytes, uint64(len(walFinKey))}
	if key < walStampSize || !slices.Contains(sizes, key-walStampSize) || value > crdt.MaxRecordBytes {
		return 0, false
	}
	end := at + int(key+value)
	if end+crc32.Size > len(b) {
		return 0, false
	}
	return end + crc32.Size, crc32.Checksum(b[:end], castagnoli) == binary.BigEndian.Uint32(b[end:])
}
