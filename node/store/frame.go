package store

import (
	"bytes"
	"crypto/cipher"
	"encoding/binary"
	"fmt"
	"hash/crc32"

	"muster/crdt"
)

// The journal file, numbers big-endian:
//
//	header   magic 8 | version 4 | device 32 | nonce 16 | crc 4 | zeros to headerBytes
//	         in a sealed journal: | nonce 16 | key check 16 | crc 4 |
//	frame    magic 4 | kind 1 | state 1 | zero 2 | n 4 | m 4 | crc of n 4 | crc of m 4 | crc of the head 4 |
//	         n bytes that stay | m bytes that can be erased
//	zeros    preallocated, to the end of the file
//
// Every CRC (32C) starts from the nonce, so that nothing a person wrote can look like a frame when frames are searched
// for behind a damage. The CRC of the head leaves out the state, which is overwritten in place: its two values differ in
// every bit, so that no single flipped bit turns one into the other.
const (
	journalMagic = "mustjrnl"
	headerBytes  = 128
	frameMagic   = 0x6d_f5_0a_72
	frameHead    = 4 + 1 + 1 + 2 + 5*4

	frameOp    = 1 // an own operation: record without salt and body | salt, body
	frameEpoch = 2 // the epoch of operations from here on, see epochMark

	frameStateAt = 5
	frameLive    = 0x5a
	frameErased  = 0xa5

	frameKeepMax  = crdt.MaxRecordBytes
	frameEraseMax = crdt.SaltBytes + crdt.MaxBodyBytes
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// framing writes and reads frames of one journal.
type framing struct {
	nonce [16]byte
	aead  cipher.AEAD      // nil: frames are written in the clear; see seal.go
	check [checkBytes]byte // of the key, where there is one
}

func (f framing) sum(b []byte) uint32 {
	return crc32.Update(crc32.Checksum(f.nonce[:], castagnoli), castagnoli, b)
}

func (f framing) header(device crdt.DeviceID) []byte {
	b := append(make([]byte, 0, headerBytes), journalMagic...)
	version := uint32(plainVersion)
	if f.aead != nil {
		version = sealedVersion
	}
	b = binary.BigEndian.AppendUint32(b, version)
	b = append(append(b, device[:]...), f.nonce[:]...)
	if f.aead != nil {
		b = append(b, f.check[:]...)
	}
	b = binary.BigEndian.AppendUint32(b, crc32.Checksum(b, castagnoli))
	return b[:headerBytes]
}

// parseHeader returns the device and framing of a journal, and which of keys it is sealed with; nil: it is plain. The
// error wraps ErrNewer if a later version wrote it, and ErrSealed or ErrWrongKey if no key fits.
func parseHeader(b []byte, keys [][]byte) (crdt.DeviceID, framing, []byte, error) {
	end := 8 + 4 + 32 + 16
	if len(b) < headerBytes || string(b[:8]) != journalMagic {
		return crdt.DeviceID{}, framing{}, nil, fmt.Errorf("it does not begin like a journal")
	}
	version := binary.BigEndian.Uint32(b[8:])
	if version == sealedVersion {
		end += checkBytes
	}
	if crc32.Checksum(b[:end], castagnoli) != binary.BigEndian.Uint32(b[end:]) {
		return crdt.DeviceID{}, framing{}, nil, fmt.Errorf("its header does not match its checksum")
	}
	if version > formatVersion {
		return crdt.DeviceID{}, framing{}, nil, fmt.Errorf("%w (format %d, this one reads %d)", ErrNewer, version, formatVersion)
	}
	device, f := crdt.DeviceID(b[12:44]), framing{nonce: [16]byte(b[44:60])}
	if version != sealedVersion {
		return device, f, nil, nil
	}
	for _, k := range keys {
		if f.fits(k, b[60:60+checkBytes]) {
			return device, f.sealing(k), k, nil
		}
	}
	return device, f, nil, noKey(keys)
}

// A frame is one entry of the journal.
type frame struct {
	kind   byte
	erased bool
	keep   []byte
	erase  []byte
}

func (f framing) appendFrame(b []byte, fr frame) []byte {
	start := len(b)
	state := byte(frameLive)
	if fr.erased {
		state = frameErased
	}
	b = binary.BigEndian.AppendUint32(b, frameMagic)
	b = append(b, fr.kind, state, 0, 0)
	b = binary.BigEndian.AppendUint32(b, uint32(len(fr.keep)))
	b = binary.BigEndian.AppendUint32(b, uint32(len(fr.erase)))
	b = binary.BigEndian.AppendUint32(b, f.sum(fr.keep))
	b = binary.BigEndian.AppendUint32(b, f.sum(fr.erase))
	b = binary.BigEndian.AppendUint32(b, f.headSum(b[start:]))
	return append(append(b, fr.keep...), fr.erase...)
}

// headSum is the CRC of a frame's head up to where it is stored, as if its state were zero.
func (f framing) headSum(head []byte) uint32 {
	var h [frameHead - 4]byte
	copy(h[:], head)
	h[frameStateAt] = 0
	return f.sum(h[:])
}

// parseFrame reads the frame at the beginning of b and returns its length; false if there is no intact one. The frame
// aliases b. What can be erased of an erased frame is not checked: a crash may have cut the erasing short.
func (f framing) parseFrame(b []byte) (frame, int, bool) {
	if len(b) < frameHead || binary.BigEndian.Uint32(b) != frameMagic ||
		f.headSum(b[:frameHead-4]) != binary.BigEndian.Uint32(b[frameHead-4:]) {
		return frame{}, 0, false
	}
	n, m := binary.BigEndian.Uint32(b[8:]), binary.BigEndian.Uint32(b[12:])
	if n > frameKeepMax+sealOverhead || m > frameEraseMax+sealOverhead || uint64(len(b)) < frameHead+uint64(n)+uint64(m) {
		return frame{}, 0, false
	}
	fr := frame{kind: b[4], keep: b[frameHead:][:n:n], erase: b[frameHead+n:][:m:m]}
	switch b[frameStateAt] {
	case frameErased:
		fr.erased = true
	case frameLive:
		if f.sum(fr.erase) != binary.BigEndian.Uint32(b[20:]) {
			return frame{}, 0, false
		}
	default:
		return frame{}, 0, false
	}
	if f.sum(fr.keep) != binary.BigEndian.Uint32(b[16:]) {
		return frame{}, 0, false
	}
	return fr, frameHead + int(n) + int(m), true
}

// findFrame returns where in b the first intact frame begins, or -1.
func (f framing) findFrame(b []byte) int {
	magic := binary.BigEndian.AppendUint32(nil, frameMagic)
	for at := 0; ; at++ {
		i := bytes.Index(b[at:], magic)
		if i < 0 {
			return -1
		}
		at += i
		if _, _, ok := f.parseFrame(b[at:]); ok {
			return at
		}
	}
}

// opFrame returns r as a frame.
func opFrame(r *crdt.Record) frame {
	fr := frame{kind: frameOp, erased: r.Erased, keep: crdt.AppendRecord(nil, r.WithoutBody())}
	if !r.Erased {
		fr.erase = append(append(make([]byte, 0, crdt.SaltBytes+len(r.Body)), r.Salt[:]...), r.Body...)
	}
	return fr
}

// record returns the operation of a frameOp. The result does not alias the frame.
func (fr frame) record() (*crdt.Record, error) {
	r, err := crdt.ParseRecord(fr.keep)
	if err != nil || fr.erased {
		return r, err
	}
	if len(fr.erase) < crdt.SaltBytes {
		return nil, fmt.Errorf("%w: frame without a salt", crdt.ErrFormat)
	}
	whole := *r
	whole.Erased = false
	copy(whole.Salt[:], fr.erase)
	whole.Body = append([]byte(nil), fr.erase[crdt.SaltBytes:]...)
	return &whole, whole.CheckBody()
}

// An epochMark begins an epoch and says where the store was at that moment.
type epochMark struct {
	epoch  uint64
	place  place
	reason string
}

// A place tells a store from a copy of it: a backup that was restored or a directory that was copied is somewhere else.
// A copy of a whole disk is in the same place and not found out; what it then writes is a fork, which is kept and shown.
type place struct {
	filesystem uint64 // identity of the file system, stable across restarts where the kernel offers that
	dir        uint64 // inode of the store's directory
	file       uint64 // inode of the journal
}

const reasonMax = 512 // bytes of a reason kept

func (m epochMark) frame() frame {
	b := binary.BigEndian.AppendUint64(nil, m.epoch)
	b = binary.BigEndian.AppendUint64(b, m.place.filesystem)
	b = binary.BigEndian.AppendUint64(b, m.place.dir)
	b = binary.BigEndian.AppendUint64(b, m.place.file)
	return frame{kind: frameEpoch, keep: append(b, m.reason[:min(len(m.reason), reasonMax)]...)}
}

func (fr frame) epochMark() (epochMark, error) {
	r := crdt.NewReader(fr.keep)
	m := epochMark{epoch: r.Uint64(), place: place{r.Uint64(), r.Uint64(), r.Uint64()}}
	m.reason = string(r.Take(r.Len()))
	if r.Err() == nil && m.epoch == 0 {
		r.Fail("epoch 0")
	}
	return m, r.Close()
}
