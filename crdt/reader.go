package crdt

import (
	"encoding/binary"
	"fmt"
	"math"
)

// A Reader takes apart a strict binary encoding: varints are minimal, counts are bounded before anything is allocated,
// and nothing may be left over. After the first error every read returns zero values and [Reader.Err] keeps that error.
type Reader struct {
	b   []byte
	err error
}

// NewReader returns a Reader of b, which it does not copy.
func NewReader(b []byte) *Reader { return &Reader{b: b} }

// Err returns the first error met.
func (r *Reader) Err() error { return r.err }

// Len returns the number of bytes not yet read.
func (r *Reader) Len() int { return len(r.b) }

// Close returns the first error met, or an error if bytes are left over.
func (r *Reader) Close() error {
	if r.err == nil && len(r.b) > 0 {
		r.err = fmt.Errorf("%w: %d bytes too many", ErrFormat, len(r.b))
	}
	return r.err
}

// Fail records an error found by the caller, unless there is one already.
func (r *Reader) Fail(what string) {
	if r.err == nil {
		r.err = fmt.Errorf("%w: %s", ErrFormat, what)
	}
}

// Take returns the next n bytes, which alias the input; nil when there are fewer.
func (r *Reader) Take(n int) []byte {
	if r.err != nil || n < 0 || n > len(r.b) {
		r.Fail("cut short")
		return nil
	}
	b := r.b[:n:n]
	r.b = r.b[n:]
	return b
}

// Byte reads one byte.
func (r *Reader) Byte() byte {
	if b := r.Take(1); b != nil {
		return b[0]
	}
	return 0
}

// Uint64 reads eight bytes, big-endian.
func (r *Reader) Uint64() uint64 {
	if b := r.Take(8); b != nil {
		return binary.BigEndian.Uint64(b)
	}
	return 0
}

// Uvarint reads an unsigned varint in its shortest form.
func (r *Reader) Uvarint() uint64 {
	if r.err != nil {
		return 0
	}
	v, n := binary.Uvarint(r.b)
	if n <= 0 || n > 1 && r.b[n-1] == 0 {
		r.Fail("bad varint")
		return 0
	}
	r.b = r.b[n:]
	return v
}

// Uvarint32 reads a varint that fits 32 bits.
func (r *Reader) Uvarint32() uint32 {
	v := r.Uvarint()
	if v > math.MaxUint32 {
		r.Fail("number out of range")
		return 0
	}
	return uint32(v)
}

// Varint reads a signed (zigzag) varint in its shortest form.
func (r *Reader) Varint() int64 {
	u := r.Uvarint()
	return int64(u>>1) ^ -int64(u&1)
}

// Count reads a number of items of at least itemBytes each and checks it against limit and against what is left.
func (r *Reader) Count(limit, itemBytes int) int {
	n := r.Uvarint()
	if n > uint64(limit) || n*uint64(itemBytes) > uint64(len(r.b)) {
		r.Fail("count out of range")
		return 0
	}
	return int(n)
}

// Hash reads 32 bytes.
func (r *Reader) Hash() Hash {
	if b := r.Take(32); b != nil {
		return Hash(b)
	}
	return Hash{}
}

// Hashes reads a count and that many hashes; nil when there are none.
func (r *Reader) Hashes(limit int) []Hash {
	n := r.Count(limit, 32)
	if n == 0 {
		return nil
	}
	hs := make([]Hash, n)
	for i := range hs {
		hs[i] = r.Hash()
	}
	return hs
}

// Bytes reads a count and that many bytes, which alias the input.
func (r *Reader) Bytes(limit int) []byte { return r.Take(r.Count(limit, 1)) }
