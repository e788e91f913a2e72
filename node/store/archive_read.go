package store

import (
	"fmt"
	"iter"
	"slices"

	"github.com/dgraph-io/badger/v4"

	"muster/crdt"
)

// iterator returns an iterator over keys that begin with prefix. Values are read on this goroutine, where a panic can be
// caught: prefetching would read them on others.
func iterator(txn *badger.Txn, prefix []byte, reverse bool) *badger.Iterator {
	return txn.NewIterator(badger.IteratorOptions{Prefix: prefix, Reverse: reverse})
}

// documents returns the documents of which there are records.
func (a *archive) documents() ([]crdt.DocID, error) {
	var docs []crdt.DocID
	err := a.view(func(txn *badger.Txn, _ *bool) error {
		it := iterator(txn, []byte{headPrefix}, false)
		defer it.Close()
		for it.Rewind(); it.Valid(); {
			doc, _, ok := parseLogKey(it.Item().Key())
			if !ok {
				return &CorruptError{What: "a key is unreadable"}
			}
			docs = append(docs, doc)
			it.Seek(append(docPrefix(headPrefix, doc), afterAny...))
		}
		return nil
	})
	return docs, err
}

// afterAny, appended to the beginning of a key, is behind every key that begins so and has no longer run of 0xff there.
var afterAny = slices.Repeat([]byte{0xff}, recordKeyBytes)

// logHead is a log of a document and its head.
type logHead struct {
	docLog
	head
}

// headsUnder returns the heads of the logs whose head keys begin with prefix, ascending.
func headsUnder(txn *badger.Txn, prefix []byte) ([]logHead, error) {
	it := iterator(txn, prefix, false)
	defer it.Close()
	var heads []logHead
	for it.Rewind(); it.Valid(); it.Next() {
		doc, log, ok := parseLogKey(it.Item().Key())
		if !ok {
			return nil, &CorruptError{What: "a key is unreadable"}
		}
		h := head{}
		if err := it.Item().Value(func(b []byte) error { h, ok = parseHead(b); return nil }); err != nil {
			return nil, err
		}
		if !ok {
			return nil, &CorruptError{doc, crdt.Dot{Device: log.Device, Epoch: log.Epoch}, "the head of a log is unreadable"}
		}
		heads = append(heads, logHead{docLog{doc, log}, h})
	}
	return heads, nil
}

// backwards yields the records of a log from its end; back is a reverse iterator over the document.
func backwards(back *badger.Iterator, at docLog) iter.Seq2[*crdt.Record, error] {
	prefix := logKey(recordPrefix, at.doc, at.log)
	return func(yield func(*crdt.Record, error) bool) {
		for back.Seek(append(slices.Clone(prefix), afterAny...)); back.ValidForPrefix(prefix); back.Next() {
			r, err := readItem(back.Item())
			if !yield(r, err) || err != nil {
				return
			}
		}
	}
}

// frontier returns the ends of the logs of a document.
func (a *archive) frontier(doc crdt.DocID) (crdt.Frontier, error) {
	var f crdt.Frontier
	err := a.view(func(txn *badger.Txn, _ *bool) error {
		heads, err := headsUnder(txn, docPrefix(headPrefix, doc))
		if err != nil || len(heads) == 0 {
			return err
		}
		back := iterator(txn, docPrefix(recordPrefix, doc), true)
		defer back.Close()
		for _, h := range heads {
			end, err := endOf(backwards(back, h.docLog), h.forked())
			if err != nil {
				return err
			}
			f = append(f, end.tips...)
		}
		return nil
	})
	return f, err
}

// scan implements [Store.Scan].
func (a *archive) scan(doc crdt.DocID, visit func(*crdt.Record) error) error {
	return a.view(func(txn *badger.Txn, calling *bool) error {
		heads, err := headsUnder(txn, docPrefix(headPrefix, doc))
		if err != nil {
			return err
		}
		all := iterator(txn, docPrefix(recordPrefix, doc), false)
		defer all.Close()
		back := iterator(txn, docPrefix(recordPrefix, doc), true)
		defer back.Close()
		all.Rewind()
		for _, h := range heads {
			end, err := endOf(backwards(back, h.docLog), h.forked())
			if err != nil {
				return err
			}
			prefix := logKey(recordPrefix, h.doc, h.log)
			check := logCheck{at: h.docLog}
			for ; all.ValidForPrefix(prefix); all.Next() {
				r, err := readItem(all.Item())
				if err != nil {
					return err
				}
				if err := check.next(r); err != nil {
					return err
				}
				if end.hidden[r.Hash] {
					continue
				}
				*calling = true
				err = visit(r)
				*calling = false
				if err != nil {
					return err
				}
			}
			if err := check.end(h.head); err != nil {
				return err
			}
		}
		if all.Valid() {
			_, ref, _ := parseRecordKey(all.Item().Key())
			return &CorruptError{doc, ref.Dot, "the head of a log is missing"}
		}
		return nil
	})
}

// A logCheck audits one log in passing: seq without gaps from 1, every operation behind one that is there, and in the
// end as many as were written.
type logCheck struct {
	at     docLog
	seen   head
	before []crdt.Hash // the operations at the seq before the current one; several where the log forked
	now    []crdt.Hash
}

func (c *logCheck) next(r *crdt.Record) error {
	if r.Op.Dot.Seq != c.seen.last {
		if r.Op.Dot.Seq != c.seen.last+1 {
			return &CorruptError{c.at.doc, r.Op.Dot, fmt.Sprintf("operations %d to %d are missing", c.seen.last+1, r.Op.Dot.Seq-1)}
		}
		c.before, c.now = c.now, c.before[:0]
	}
	if r.Op.Dot.Seq > 1 && !slices.Contains(c.before, r.Op.Prev) {
		return &CorruptError{c.at.doc, r.Op.Dot, "the operation before it is missing"}
	}
	c.now = append(c.now, r.Hash)
	c.seen.add(RefTo(r))
	return nil
}

func (c *logCheck) end(want head) error {
	if c.seen == want {
		return nil
	}
	dot := crdt.Dot{Device: c.at.log.Device, Epoch: c.at.log.Epoch, Seq: c.seen.last}
	return &CorruptError{c.at.doc, dot, fmt.Sprintf("%d operations to %d were written, %d to %d are there",
		want.count, want.last, c.seen.count, c.seen.last)}
}

// run implements [Store.Run].
func (a *archive) run(doc crdt.DocID, log crdt.LogID, from uint64, maxBytes int) ([]*crdt.Record, error) {
	at := docLog{doc, log}
	var run []*crdt.Record
	err := a.view(func(txn *badger.Txn, _ *bool) error {
		h, err := getHead(txn, at)
		if err != nil || h.count == 0 {
			return err
		}
		prefix := logKey(recordPrefix, doc, log)
		back := iterator(txn, docPrefix(recordPrefix, doc), true)
		defer back.Close()
		end, err := endOf(backwards(back, at), h.forked())
		if err != nil {
			return err
		}
		it := iterator(txn, prefix, false)
		defer it.Close()
		start := recordKey(doc, Ref{Dot: crdt.Dot{Device: log.Device, Epoch: log.Epoch, Seq: from}})
		for it.Seek(start); it.Valid(); it.Next() {
			r, err := readItem(it.Item())
			if err != nil {
				return err
			}
			if end.hidden[r.Hash] {
				continue
			}
			maxBytes -= int(it.Item().ValueSize())
			if maxBytes < 0 && len(run) > 0 {
				return nil
			}
			run = append(run, r)
		}
		return nil
	})
	return run, err
}
