package store

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"github.com/dgraph-io/badger/v4"

	"muster/crdt"
)

// archived is what the archive holds of one own log.
type archived struct {
	head head
	refs map[crdt.Hash]Ref
}

// sum returns the head that refs should have.
func (a *archived) sum() head {
	var h head
	for _, ref := range a.refs {
		h.add(ref)
	}
	return h
}

// logsOf returns what is held of the logs of device, from the keys alone.
func (a *archive) logsOf(device crdt.DeviceID) (map[docLog]*archived, error) {
	found := make(map[docLog]*archived)
	err := a.view(func(txn *badger.Txn, _ *bool) error {
		heads, err := headsUnder(txn, []byte{headPrefix})
		if err != nil {
			return err
		}
		for _, h := range heads {
			if h.log.Device != device {
				continue
			}
			log := &archived{h.head, make(map[crdt.Hash]Ref)}
			found[h.docLog] = log
			it := iterator(txn, logKey(recordPrefix, h.doc, h.log), false)
			for it.Rewind(); it.Valid(); it.Next() {
				if _, ref, ok := parseRecordKey(it.Item().Key()); ok {
					log.refs[ref.Hash] = ref
				}
			}
			it.Close()
		}
		return nil
	})
	return found, err
}

// restore puts own records back that the archive has lost and makes the head of their log agree with what is there.
func (a *archive) restore(at docLog, lost []*crdt.Record, whole head) error {
	for len(lost) > 0 {
		txn := a.db.NewTransaction(true)
		bytes := int64(0)
		n := 0
		for ; n < len(lost) && n < int(a.db.MaxBatchCount()/transactionShare); n++ {
			value := crdt.AppendRecord(nil, lost[n])
			if bytes += int64(recordKeyBytes + len(value) + 32); n > 0 && bytes > a.db.MaxBatchSize()/transactionShare {
				break
			}
			if err := txn.Set(recordKey(at.doc, RefTo(lost[n])), value); err != nil {
				txn.Discard()
				return fmt.Errorf("restore own operations: %w", err)
			}
		}
		if err := txn.Commit(); err != nil {
			return fmt.Errorf("restore own operations: %w", err)
		}
		lost = lost[n:]
	}
	err := a.db.Update(func(txn *badger.Txn) error { return txn.Set(logKey(headPrefix, at.doc, at.log), whole.encode()) })
	if err != nil {
		return fmt.Errorf("restore own operations: %w", err)
	}
	return nil
}

// A comparison says how journal and archive differ in what this device wrote.
type comparison struct {
	lost   map[docLog][]*crdt.Record // in the journal, not in the archive
	wrong  map[docLog]head           // logs of the journal whose head in the archive is not this one, lost ones put back
	strays []*crdt.Record            // in the archive, not in the journal; by document, log, seq
}

// compare finds the differences. ops are the operations of the journal.
func compare(a *archive, device crdt.DeviceID, ops []*crdt.Record) (comparison, error) {
	found, err := a.logsOf(device)
	if err != nil {
		return comparison{}, err
	}
	c := comparison{lost: make(map[docLog][]*crdt.Record), wrong: make(map[docLog]head)}
	journaled := make(map[crdt.Hash]bool, len(ops))
	touched := make(map[docLog]bool)
	for _, r := range ops {
		journaled[r.Hash] = true
		at := docLog{r.Doc(), r.Op.Dot.Log()}
		touched[at] = true
		log := found[at]
		if log == nil {
			log = &archived{refs: make(map[crdt.Hash]Ref)}
			found[at] = log
		}
		if _, ok := log.refs[r.Hash]; !ok {
			c.lost[at] = append(c.lost[at], r)
			log.refs[r.Hash] = RefTo(r)
		}
	}
	for at := range touched {
		if whole := found[at].sum(); whole != found[at].head {
			c.wrong[at] = whole
		}
	}
	c.strays, err = a.strays(found, journaled)
	return c, err
}

// strays reads the records of found that are not in the journal. A damaged one is left out: peers may still have it.
func (a *archive) strays(found map[docLog]*archived, journaled map[crdt.Hash]bool) ([]*crdt.Record, error) {
	var strays []*crdt.Record
	err := a.view(func(txn *badger.Txn, _ *bool) error {
		for at, log := range found {
			for hash, ref := range log.refs {
				if journaled[hash] {
					continue
				}
				r, err := getRecord(txn, recordKey(at.doc, ref))
				var corrupt *CorruptError
				if errors.As(err, &corrupt) {
					continue
				}
				if err != nil {
					return err
				}
				if r != nil {
					strays = append(strays, r)
				}
			}
		}
		return nil
	})
	slices.SortFunc(strays, func(x, y *crdt.Record) int {
		return cmp.Or(x.Doc().Compare(y.Doc()), x.Op.Dot.Log().Compare(y.Op.Dot.Log()),
			cmp.Compare(x.Op.Dot.Seq, y.Op.Dot.Seq), x.Hash.Compare(y.Hash))
	})
	return strays, err
}

// refill makes the archive hold what the journal does and returns how many operations it had lost.
func (c *comparison) refill(a *archive) (int, error) {
	n := 0
	for at, whole := range c.wrong {
		if err := a.restore(at, c.lost[at], whole); err != nil {
			return n, err
		}
		n += len(c.lost[at])
	}
	if len(c.wrong) > 0 {
		if err := a.db.Sync(); err != nil {
			return n, fmt.Errorf("restore own operations: %w", err)
		}
	}
	return n, nil
}
