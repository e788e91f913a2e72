package crdt_test

import (
	"bytes"
	"errors"
	"testing"

	"muster/crdt"
)

// seeds are valid encodings for the fuzzer to start from: every field, but short, or it spends its time on making them
// shorter.
func seeds(f *testing.F) []*crdt.Record {
	plain := sealed(f, "\xa1\x01\x61x")
	op := fullOp()
	op.Parents, op.Team, op.Ext = manyHashes(2), manyHashes(1), []byte{1}
	full, err := crdt.Seal(op, [crdt.SaltBytes]byte{9}, crdt.EncodeBody(map[int]any{1: "x", 2: []int{1, -2}}), crdt.Ed25519Signer(fixedKey(2)))
	if err != nil {
		f.Fatalf("Seal: %v", err)
	}
	unsigned := *full
	unsigned.Sig = nil
	return []*crdt.Record{plain, full, &unsigned, plain.WithoutBody()}
}

// checkRecode reports bytes that are accepted and then written differently, and refusals that do not say whose fault
// they are.
func checkRecode(t *testing.T, b []byte, recode func([]byte) ([]byte, error)) {
	t.Helper()
	switch again, err := recode(b); {
	case err != nil && !errors.Is(err, crdt.ErrFormat):
		t.Errorf("refused with %v, which is not ErrFormat", err)
	case err == nil && !bytes.Equal(again, b):
		t.Errorf("read from %x, written as %x", b, again)
	}
}

func FuzzParseHeader(f *testing.F) {
	for _, rec := range seeds(f) {
		f.Add(rec.Op.AppendHeader(nil))
	}
	f.Fuzz(func(t *testing.T, b []byte) { checkRecode(t, b, recodeHeader) })
}

func FuzzParseRecord(f *testing.F) {
	for _, rec := range seeds(f) {
		f.Add(crdt.AppendRecord(nil, rec))
	}
	f.Fuzz(func(t *testing.T, b []byte) { checkRecode(t, b, recodeRecord) })
}

func FuzzReadFrontier(f *testing.F) {
	tip := crdt.Tip{Log: crdt.LogID{Device: deviceN(1), Epoch: 7}, Seq: 300, Hash: crdt.Hash{1}}
	next := tip
	next.Log.Epoch++
	for _, fr := range []crdt.Frontier{nil, {tip}, {tip, next}} {
		f.Add(crdt.AppendFrontier(nil, fr))
	}
	f.Fuzz(func(t *testing.T, b []byte) { checkRecode(t, b, recodeFrontier) })
}

func FuzzCheckBody(f *testing.F) {
	for _, v := range []any{0, -1, "text", []byte{1}, true, nil, []any{1, "a"}, map[int]any{1: "x", 24: map[string]int{"y": 2}}} {
		f.Add(crdt.EncodeBody(v))
	}
	f.Fuzz(func(t *testing.T, b []byte) { checkBodyAgainstLibrary(t, b) })
}
