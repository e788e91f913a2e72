package store

import (
	"errors"
	"testing"

	"muster/crdt"
)

// TestAuditOfEveryStore: an audit counts what is there, passes what is right and finds a signature that is not.
func TestAuditOfEveryStore(t *testing.T) {
	eachStore(t, func(t *testing.T, im implementation) {
		s := im.open(t)
		me, peer := newAuthor(1), newAuthor(2)
		first := me.next(crdt.DocID{}, s.Epoch(), "first")
		second := me.next(first.Doc(), s.Epoch(), "second")
		mustPut(t, s, []*crdt.Record{first, second}, []*crdt.Record{peer.found(1)})
		var end Progress
		if err := s.Audit(crdt.VerifyEd25519, func(p Progress) { end = p }); err != nil {
			t.Fatalf("audit of a good store: %v", err)
		}
		if end != (Progress{Docs: 2, DocsTotal: 2, Records: 3}) {
			t.Errorf("progress %+v", end)
		}
		r := *peer.after(first.Doc(), 1, crdt.Tip{}, "forged")
		r.Sig = &[crdt.SignatureBytes]byte{1}
		mustPut(t, s, nil, []*crdt.Record{&r})
		err := s.Audit(crdt.VerifyEd25519, nil)
		if corrupt, ok := errors.AsType[*CorruptError](err); !ok || corrupt.Dot != r.Op.Dot || corrupt.What != WhatSignature {
			t.Errorf("audit: %v", err)
		}
		if err := s.Audit(nil, nil); err != nil {
			t.Errorf("without signatures: %v", err)
		}
		mustClose(t, s)
	})
}
