package crdt_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"slices"
	"testing"

	"muster/crdt"
)

// manyHashes returns n different hashes in ascending order.
func manyHashes(n int) []crdt.Hash {
	hs := make([]crdt.Hash, n)
	for i := range hs {
		hs[i] = crdt.Hash(binary.BigEndian.AppendUint64(make([]byte, 24), uint64(i+1)))
	}
	return hs
}

// fullOp returns an operation in which every field is as large as it may be.
func fullOp() crdt.Op {
	return crdt.Op{
		Doc:     crdt.DocID{1},
		Dot:     crdt.Dot{Epoch: 1<<64 - 1, Seq: 1<<64 - 1},
		Prev:    crdt.Hash{1},
		Parents: manyHashes(crdt.MaxParents),
		Team:    manyHashes(crdt.MaxTeamHeads),
		WallMS:  crdt.MaxWallMS,
		Kind:    1<<32 - 1,
		Ext:     bytes.Repeat([]byte{7}, crdt.MaxExtBytes),
	}
}

// At every limit an operation can be sealed and read back; one step beyond, it cannot be sealed, and the bytes that a
// node without limits would have written are refused.
func TestLimitsOfAnOperation(t *testing.T) {
	edit := func(f func(*crdt.Op)) crdt.Op {
		op := fullOp()
		f(&op)
		return op
	}
	founding := crdt.Op{Dot: crdt.Dot{Seq: 1}, Kind: 1}
	for name, tt := range map[string]struct {
		op crdt.Op
		ok bool
	}{
		"everything full":           {fullOp(), true},
		"the least":                 {founding, true},
		"seq 1 with a past":         {edit(func(op *crdt.Op) { op.Dot.Seq, op.Prev = 1, crdt.Hash{} }), true},
		"parents over the limit":    {edit(func(op *crdt.Op) { op.Parents = manyHashes(crdt.MaxParents + 1) }), false},
		"team heads over the limit": {edit(func(op *crdt.Op) { op.Team = manyHashes(crdt.MaxTeamHeads + 1) }), false},
		"wall clock over the limit": {edit(func(op *crdt.Op) { op.WallMS = crdt.MaxWallMS + 1 }), false},
		"wall clock before 1970":    {edit(func(op *crdt.Op) { op.WallMS = -1 }), false},
		"extension over the limit":  {edit(func(op *crdt.Op) { op.Ext = make([]byte, crdt.MaxExtBytes+1) }), false},
		"kind 0":                    {edit(func(op *crdt.Op) { op.Kind = 0 }), false},
		"seq 0":                     {edit(func(op *crdt.Op) { op.Dot.Seq = 0 }), false},
		"seq 2 without a previous":  {edit(func(op *crdt.Op) { op.Dot.Seq, op.Prev = 2, crdt.Hash{} }), false},
		"no past but not founding":  {edit(func(op *crdt.Op) { op.Dot.Seq, op.Prev, op.Parents = 1, crdt.Hash{}, nil }), false},
		"founding with parents":     {crdt.Op{Dot: crdt.Dot{Seq: 1}, Kind: 1, Parents: manyHashes(1)}, false},
		"founding with a previous":  {crdt.Op{Dot: crdt.Dot{Seq: 2}, Kind: 1, Prev: crdt.Hash{1}}, false},
		"parents out of order":      {edit(func(op *crdt.Op) { slices.Reverse(op.Parents) }), false},
		"team heads out of order":   {edit(func(op *crdt.Op) { slices.Reverse(op.Team) }), false},
		"a parent twice":            {edit(func(op *crdt.Op) { op.Parents[1] = op.Parents[0] }), false},
		"a parent that is zero":     {edit(func(op *crdt.Op) { op.Parents[0] = crdt.Hash{} }), false},
		"a team head that is zero":  {edit(func(op *crdt.Op) { op.Team[0] = crdt.Hash{} }), false},
		"the previous as a parent":  {edit(func(op *crdt.Op) { op.Prev = op.Parents[7] }), false},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := crdt.Seal(tt.op, [crdt.SaltBytes]byte{}, nil, hashSigner(deviceN(1)))
			if (err == nil) != tt.ok || err != nil && !errors.Is(err, crdt.ErrFormat) {
				t.Errorf("Seal: %v; want it sealed: %t", err, tt.ok)
			}
			tt.op.Dot.Device = deviceN(1)
			if _, err := crdt.ParseHeader(tt.op.AppendHeader(nil)); (err == nil) != tt.ok || err != nil && !errors.Is(err, crdt.ErrFormat) {
				t.Errorf("ParseHeader: %v; want it read: %t", err, tt.ok)
			}
		})
	}
}

// The size of a body is limited in the signed header, so a body that is gone is judged like one that is here.
func TestLimitsOfABody(t *testing.T) {
	body := make([]byte, crdt.MaxBodyBytes+1)
	if _, err := crdt.Seal(fullOp(), [crdt.SaltBytes]byte{}, body, hashSigner(deviceN(1))); !errors.Is(err, crdt.ErrTooLarge) {
		t.Errorf("a body over the limit: %v, want ErrTooLarge", err)
	}
	rec, err := crdt.Seal(fullOp(), [crdt.SaltBytes]byte{}, body[:crdt.MaxBodyBytes], hashSigner(deviceN(1)))
	if err != nil {
		t.Fatalf("a body at the limit: %v", err)
	}
	b := crdt.AppendRecord(nil, rec)
	if _, err := crdt.ParseRecord(b); err != nil {
		t.Errorf("the largest record does not read back: %v", err)
	}
	if len(b) > crdt.MaxRecordBytes || len(b) > 64<<10 {
		t.Errorf("the largest record has %d bytes, over the limit of %d or of 64 KiB", len(b), crdt.MaxRecordBytes)
	}
	if n := len(rec.Op.AppendHeader(nil)); n > crdt.MaxHeaderBytes {
		t.Errorf("the largest header has %d bytes, over the limit of %d", n, crdt.MaxHeaderBytes)
	}
	op := rec.Op
	op.BodySize++
	if _, err := crdt.ParseHeader(op.AppendHeader(nil)); !errors.Is(err, crdt.ErrFormat) {
		t.Errorf("a header that announces a body over the limit: %v, want ErrFormat", err)
	}
	if _, err := crdt.ParseRecord(make([]byte, crdt.MaxRecordBytes+1)); !errors.Is(err, crdt.ErrFormat) {
		t.Errorf("a record over the limit: %v, want ErrFormat", err)
	}
}

// A header in which an absent field is written out, as nothing, would be a second encoding of the same operation.
func TestHeaderRefusesEmptyFields(t *testing.T) {
	op := fullOp()
	op.Dot.Device, op.Team, op.Ext = deviceN(1), nil, nil
	plain := op.AppendHeader(nil)
	team := len(plain) - 32 - 1 - 5 - 7 // body hash, body size, kind, wall clock
	founding := crdt.Op{Dot: crdt.Dot{Device: deviceN(1), Seq: 1}, Kind: 1}
	found := founding.AppendHeader(nil)
	for name, b := range map[string][]byte{
		"no team heads":       slices.Insert(setFlag(plain, 1<<2), team, 0),
		"no extension":        append(setFlag(plain, 1<<3), 0),
		"a zero document":     slices.Insert(clearFlag(found, 1<<0), 2, make([]byte, 32)...),
		"a previous at seq 1": slices.Insert(clearFlag(found, 1<<1), 2+32+8+1, bytes.Repeat([]byte{7}, 32)...),
		"a zero previous":     slices.Insert(clearFlag(found, 1<<1), 2+32+8+1, make([]byte, 32)...),
		"an unknown flag":     setFlag(plain, 1<<4),
		"another version":     append([]byte{2}, plain[1:]...),
		"a device of zeroes":  append(bytes.Clone(found[:2]), append(make([]byte, 32), found[2+32:]...)...),
	} {
		if _, err := crdt.ParseHeader(b); !errors.Is(err, crdt.ErrFormat) {
			t.Errorf("%s: %v, want ErrFormat", name, err)
		}
	}
	again := fullOp()
	again.Dot.Seq = 1 // AppendHeader has nowhere to write its previous operation, so only the author's side can notice
	if _, err := crdt.Seal(again, [crdt.SaltBytes]byte{}, nil, hashSigner(deviceN(1))); !errors.Is(err, crdt.ErrFormat) {
		t.Errorf("sealing a previous at seq 1: %v, want ErrFormat", err)
	}
	if _, err := crdt.ParseHeader(plain); err != nil {
		t.Errorf("without any of that: %v", err)
	}
}

func setFlag(header []byte, flag byte) []byte {
	b := bytes.Clone(header)
	b[1] |= flag
	return b
}

func clearFlag(header []byte, flag byte) []byte {
	b := bytes.Clone(header)
	b[1] &^= flag
	return b
}

// A frontier may have MaxTips tips and not one more, and is read only in order.
func TestLimitsOfAFrontier(t *testing.T) {
	f := make(crdt.Frontier, crdt.MaxTips+1)
	for i := range f {
		f[i] = crdt.Tip{Log: crdt.LogID{Device: deviceN(1), Epoch: uint64(i)}, Seq: 1}
	}
	read := func(f crdt.Frontier) error {
		_, err := recodeFrontier(crdt.AppendFrontier(nil, f))
		return err
	}
	if err := read(f[:crdt.MaxTips]); err != nil {
		t.Errorf("a frontier at the limit: %v", err)
	}
	for name, bad := range map[string]crdt.Frontier{
		"over the limit":   f,
		"out of order":     {f[1], f[0]},
		"with a tip twice": {f[0], f[0]},
	} {
		if err := read(bad); !errors.Is(err, crdt.ErrFormat) {
			t.Errorf("a frontier %s: %v, want ErrFormat", name, err)
		}
	}
}
