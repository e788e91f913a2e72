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

// Audit reads everything and returns what is wrong, joined, at most one error for each document: every block of Badger's
// tables, every log as [Store.Scan] checks it, every signature if verify is not nil, and every operation of the journal.
// progress, if not nil, is called after each document. Writing and reading go on meanwhile.
func (d *Disk) Audit(verify crdt.Verifier, progress func(Progress)) error {
	docs, err := d.Documents()
	if err != nil {
		return err
	}
	errs := []error{d.reading(func(a *archive) error { return a.verifyTables() })}
	p := Progress{DocsTotal: len(docs)}
	for _, doc := range docs {
		errs = append(errs, d.Scan(doc, func(r *crdt.Record) error {
			p.Records++
			return checkSignature(doc, r, verify)
		}))
		p.Docs++
		if progress != nil {
			progress(p)
		}
	}
	errs = append(errs, d.Own(func(r *crdt.Record) error { return checkSignature(r.Doc(), r, verify) }))
	return errors.Join(errs...)
}

func checkSignature(doc crdt.DocID, r *crdt.Record, verify crdt.Verifier) error {
	if verify != nil && r.Sig != nil && !r.Verify(verify) {
		return &CorruptError{doc, r.Op.Dot, "the signature does not verify"}
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
