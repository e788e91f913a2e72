package store

import (
	"encoding/binary"

	"muster/crdt"
)

// Keys in Badger. Numbers are big-endian, so that the order of keys is the order of Scan.
//
//	f                                       format of the store: version 4
//	e                                       present: something was erased since the last compaction
//	h | doc 32 | device 32 | epoch 8        head of a log, see [head]
//	o | doc 32 | device 32 | epoch 8 |      record, as [crdt.AppendRecord] writes it
//	    seq 8 | hash 32
//
// The hash is in the key in full: of a shorter one an attacker could find two operations that overwrite each other.
const (
	formatKey = "f"
	erasedKey = "e"

	headPrefix   = 'h'
	recordPrefix = 'o'

	logKeyBytes    = 1 + 32 + 32 + 8
	recordKeyBytes = logKeyBytes + 8 + 32
)

// Versions of the layout of the whole directory: journal, keys and values. A muster from before there were sealed ones
// refuses a sealed journal as that of a newer one, and touches nothing.
const (
	plainVersion  = 1
	sealedVersion = 2
	formatVersion = sealedVersion // the latest that is read
)

// docPrefix returns the beginning of every key of one sort in a document.
func docPrefix(sort byte, doc crdt.DocID) []byte { return append([]byte{sort}, doc[:]...) }

func appendLogKey(b []byte, sort byte, doc crdt.DocID, log crdt.LogID) []byte {
	b = append(append(append(b, sort), doc[:]...), log.Device[:]...)
	return binary.BigEndian.AppendUint64(b, log.Epoch)
}

func logKey(sort byte, doc crdt.DocID, log crdt.LogID) []byte {
	return appendLogKey(make([]byte, 0, recordKeyBytes), sort, doc, log)
}

func recordKey(doc crdt.DocID, ref Ref) []byte {
	b := logKey(recordPrefix, doc, ref.Dot.Log())
	return append(binary.BigEndian.AppendUint64(b, ref.Dot.Seq), ref.Hash[:]...)
}

// parseLogKey reads the first logKeyBytes of a key.
func parseLogKey(k []byte) (crdt.DocID, crdt.LogID, bool) {
	if len(k) < logKeyBytes {
		return crdt.DocID{}, crdt.LogID{}, false
	}
	log := crdt.LogID{Device: crdt.DeviceID(k[33:65]), Epoch: binary.BigEndian.Uint64(k[65:])}
	return crdt.DocID(k[1:33]), log, true
}

func parseRecordKey(k []byte) (crdt.DocID, Ref, bool) {
	doc, log, ok := parseLogKey(k)
	if !ok || len(k) != recordKeyBytes {
		return doc, Ref{}, false
	}
	seq := binary.BigEndian.Uint64(k[logKeyBytes:])
	return doc, Ref{crdt.Dot{Device: log.Device, Epoch: log.Epoch, Seq: seq}, crdt.Hash(k[logKeyBytes+8:])}, true
}

// A head sums up the records of one log. It is written with them and compared with them by every Scan: Badger's
// iterator ends without an error where it cannot read on, and nothing else would show that the end of a log is gone.
// What a log holds is never concluded from it.
type head struct {
	count uint64    // records; more than last where the log forked
	last  uint64    // largest seq
	sum   crdt.Hash // exclusive or of all hashes
}

const headBytes = 8 + 8 + 32

func (h *head) add(ref Ref) {
	h.count++
	h.last = max(h.last, ref.Dot.Seq)
	for i := range h.sum {
		h.sum[i] ^= ref.Hash[i]
	}
}

func (h *head) forked() bool { return h.count != h.last }

func (h *head) encode() []byte {
	b := binary.BigEndian.AppendUint64(make([]byte, 0, headBytes), h.count)
	b = binary.BigEndian.AppendUint64(b, h.last)
	return append(b, h.sum[:]...)
}

func parseHead(b []byte) (head, bool) {
	if len(b) != headBytes {
		return head{}, false
	}
	return head{binary.BigEndian.Uint64(b), binary.BigEndian.Uint64(b[8:]), crdt.Hash(b[16:])}, true
}
