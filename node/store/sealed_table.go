package store

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"

	"github.com/dgraph-io/badger/v4/fb"
)

// Badger reads the tables of a sealed store through a cache that only an open database has, so that preflight takes them
// apart itself. All checksums are CRC-32C, of the index as it is stored and of blocks as they are decrypted:
//
//	table    block ... | index | length of it 4 | checksum | length of it 4
//	block    data | number of entries 4 | checksum | length of it 4 | initial value 16
//	checksum protobuf: algorithm, field 1; sum, field 2
var errTable = errors.New("it is not a table that badger wrote")

// verifySealedTable checks the checksums of the table's index and of all its blocks. It may panic where the index is
// nonsense in spite of its checksum.
func verifySealedTable(b, key []byte) error {
	rest, index, err := cutSummed(b)
	if err != nil {
		return fmt.Errorf("index: %w", err)
	}
	if index, err = decryptTail(index, key); err != nil {
		return err
	}
	table := fb.GetRootAsTableIndex(index, 0)
	for i := range table.OffsetsLength() {
		var at fb.BlockOffset
		if !table.Offsets(&at, i) || uint64(at.Offset())+uint64(at.Len()) > uint64(len(rest)) {
			return errTable
		}
		block, err := decryptTail(rest[at.Offset():][:at.Len()], key)
		if err == nil {
			_, err = summed(block)
		}
		if err != nil {
			return fmt.Errorf("block %d: %w", i, err)
		}
	}
	return nil
}

// cutSummed takes the index off the end of a table.
func cutSummed(b []byte) (rest, index []byte, err error) {
	body, sum, err := cutSum(b)
	if err != nil || len(body) < 4 {
		return nil, nil, errTable
	}
	n := binary.BigEndian.Uint32(body[len(body)-4:])
	body = body[:len(body)-4]
	if uint64(n) > uint64(len(body)) {
		return nil, nil, errTable
	}
	rest, index = body[:len(body)-int(n)], body[len(body)-int(n):]
	return rest, index, checkSum(index, sum)
}

// summed returns what the checksum at the end of b is of, if it is right.
func summed(b []byte) ([]byte, error) {
	body, sum, err := cutSum(b)
	if err != nil {
		return nil, err
	}
	return body, checkSum(body, sum)
}

func checkSum(b []byte, want uint64) error {
	if uint64(crc32.Checksum(b, castagnoli)) != want {
		return errors.New("checksum mismatch")
	}
	return nil
}

// cutSum takes a checksum and its length off the end of b.
func cutSum(b []byte) (body []byte, sum uint64, err error) {
	if len(b) < 4 {
		return nil, 0, errTable
	}
	n := binary.BigEndian.Uint32(b[len(b)-4:])
	b = b[:len(b)-4]
	if uint64(n) > uint64(len(b)) {
		return nil, 0, errTable
	}
	body, msg := b[:len(b)-int(n)], b[len(b)-int(n):]
	for len(msg) > 0 {
		tag, k := binary.Uvarint(msg)
		if k <= 0 {
			return nil, 0, errTable
		}
		v, m := binary.Uvarint(msg[k:])
		if m <= 0 || tag == 1<<3 && v != 0 { // another algorithm
			return nil, 0, errTable
		}
		if tag == 2<<3 {
			sum = v
		}
		msg = msg[k+m:]
	}
	return body, sum, nil
}

// decryptTail decrypts what ends in its initial value.
func decryptTail(b, key []byte) ([]byte, error) {
	if len(b) < aes.BlockSize {
		return nil, errTable
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	out := make([]byte, len(b)-aes.BlockSize)
	cipher.NewCTR(block, b[len(out):]).XORKeyStream(out, b[:len(out)])
	return out, nil
}
