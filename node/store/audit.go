package store

import (
	"errors"
	"fmt"

	"muster/crdt"
)

// Progress says how far an audit is.
type Progress struct {
	Docs, DocsTotal int
	Records         uint64
}

// WhatSignature is the What of a [CorruptError] that only [Store.Audit] finds: opening a store checks no signatures.
const WhatSignature = "the signature does not verify"

// Audit implements [Store]: every block of Badger's tables, too.
func (d *Disk) Audit(verify crdt.Verifier, progress func(Progress)) error {
	tables := d.reading(func(a *archive) error { return a.verifyTables() })
	return errors.Join(tables, audit(d, verify, progress))
}

// Audit implements [Store].
func (m *Memory) Audit(verify crdt.Verifier, progress func(Progress)) error {
	return audit(m, verify, progress)
}

// audit reads whatever a Store shows.
func audit(s Store, verify crdt.Verifier, progress func(Progress)) error {
	docs, err := s.Documents()
	if err != nil {
		return err
	}
	var errs []error
	p := Progress{DocsTotal: len(docs)}
	for _, doc := range docs {
		errs = append(errs, s.Scan(doc, func(r *crdt.Record) error {
			p.Records++
			return checkSignature(doc, r, verify)
		}))
		p.Docs++
		if progress != nil {
			progress(p)
		}
	}
	errs = append(errs, s.Own(func(r *crdt.Record) error { return checkSignature(r.Doc(), r, verify) }))
	return errors.Join(errs...)
}

func checkSignature(doc crdt.DocID, r *crdt.Record, verify crdt.Verifier) error {
	if verify != nil && r.Sig != nil && !r.Verify(verify) {
		return &CorruptError{doc, r.Op.Dot, WhatSignature}
	}
	return nil
}

// verifyTables checks every block of every table.
func (a *archive) verifyTables() (err error) {
	defer asDamage(&err)
	if err := a.db.VerifyChecksum(); err != nil {
		return &CorruptError{What: fmt.Sprintf("badger: %.200s", err)}
	}
	return nil
}
