package store

import (
	"bytes"
	"testing"

	"muster/crdt"
)

// FuzzParseKey: a key of the archive reads as what it was made of, and no other key does.
func FuzzParseKey(f *testing.F) {
	doc, log := crdt.DocID{1}, crdt.LogID{Device: crdt.DeviceID{2}, Epoch: 3}
	f.Add(logKey(headPrefix, doc, log))
	f.Add(recordKey(doc, Ref{crdt.Dot{Device: log.Device, Epoch: log.Epoch, Seq: 4}, crdt.Hash{5}}))
	f.Add([]byte(formatKey))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, k []byte) {
		if doc, ref, ok := parseRecordKey(k); ok && !bytes.Equal(recordKey(doc, ref)[1:], k[1:]) {
			t.Errorf("%x reads as %v %v", k, doc, ref)
		}
		if doc, log, ok := parseLogKey(k); ok && !bytes.Equal(logKey(k[0], doc, log), k[:logKeyBytes]) {
			t.Errorf("%x reads as %v %v", k, doc, log)
		}
		if h, ok := parseHead(k); ok && !bytes.Equal(h.encode(), k) {
			t.Errorf("%x reads as %v", k, h)
		}
	})
}

// FuzzParseFrame: a frame of the journal is in the one form it is written in; so is what it holds.
func FuzzParseFrame(f *testing.F) {
	var fr framing
	a := newAuthor(1)
	r := a.found(1)
	for _, x := range []frame{opFrame(r), opFrame(r.WithoutBody()), epochMark{epoch: 1, reason: "new"}.frame(), {kind: 9}} {
		f.Add(fr.appendFrame(nil, x))
	}
	f.Add([]byte{0x6d, 0xf5, 0x0a, 0x72})
	f.Fuzz(func(t *testing.T, b []byte) {
		x, n, ok := fr.parseFrame(b)
		if !ok {
			if at := fr.findFrame(b); at == 0 {
				t.Error("found a frame where there is none")
			}
			checkFrame(t, frame{kind: frameOp, keep: b[:len(b)/2], erase: b[len(b)/2:]})
			checkFrame(t, frame{kind: frameEpoch, keep: b})
			return
		}
		if x.erased { // of which the sums of what was erased are not looked at
			return
		}
		again := fr.appendFrame(nil, x)
		copy(again[6:8], b[6:8]) // reserved: covered by the sum of the head only
		if y, m, ok := fr.parseFrame(again); !bytes.Equal(again, b[:n]) && (!ok || m != n || y.kind != x.kind) {
			t.Errorf("%x is written as %x", b[:n], again)
		}
		checkFrame(t, x)
	})
}

// checkFrame reads what a frame holds: its sum has not vouched for it when somebody else wrote it.
func checkFrame(t *testing.T, x frame) {
	if r, err := x.record(); err == nil && !x.erased {
		if again := opFrame(r); !bytes.Equal(again.keep, x.keep) || !bytes.Equal(again.erase, x.erase) {
			t.Errorf("operation %x %x is written as %x %x", x.keep, x.erase, again.keep, again.erase)
		}
	}
	if m, err := x.epochMark(); err == nil && len(m.reason) <= reasonMax {
		if again := m.frame(); !bytes.Equal(again.keep, x.keep) {
			t.Errorf("epoch %x is written as %x", x.keep, again.keep)
		}
	}
}
