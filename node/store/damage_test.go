package store

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"os"
	"path/filepath"
	"testing"

	"github.com/dgraph-io/badger/v4"

	"muster/crdt"
)

// framingOf returns the header of journal b with another version.
func framingOf(version uint32, b []byte) []byte {
	h := append([]byte(nil), b[:60]...)
	binary.BigEndian.PutUint32(h[8:], version)
	return binary.BigEndian.AppendUint32(h, crc32.Checksum(h, castagnoli))
}

func (a *archive) setFormat(version uint32) error {
	return a.set([]byte(formatKey), binary.BigEndian.AppendUint32(nil, version))
}

func (a *archive) set(key, value []byte) error {
	return a.db.Update(func(txn *badger.Txn) error { return txn.Set(key, value) })
}

func (a *archive) delete(key []byte) error {
	return a.db.Update(func(txn *badger.Txn) error { return txn.Delete(key) })
}

func openArchiveAnyFormat(dir string, key []byte) (*archive, error) {
	db, err := badger.Open(badgerOptions(filepath.Join(dir, badgerName), key, Config{}.withDefaults().Logger))
	return &archive{db, key}, err
}

// TestScanFindsDamage: a record that is gone, changed or out of place is found by the scan that would have shown it, and
// after SetAside the store works again.
func TestScanFindsDamage(t *testing.T) { eachForm(t, testScanFindsDamage) }

func testScanFindsDamage(t *testing.T) {
	key := func(r *crdt.Record) []byte { return recordKey(r.Doc(), RefTo(r)) }
	head := func(r *crdt.Record) []byte { return logKey(headPrefix, r.Doc(), r.Op.Dot.Log()) }
	for name, harm := range map[string]func(a *archive, log []*crdt.Record) error{
		"first gone":  func(a *archive, log []*crdt.Record) error { return a.delete(key(log[0])) },
		"middle gone": func(a *archive, log []*crdt.Record) error { return a.delete(key(log[1])) },
		"last gone":   func(a *archive, log []*crdt.Record) error { return a.delete(key(log[3])) },
		"all gone": func(a *archive, log []*crdt.Record) error {
			return errors.Join(a.delete(key(log[0])), a.delete(key(log[1])), a.delete(key(log[2])), a.delete(key(log[3])))
		},
		"head gone":    func(a *archive, log []*crdt.Record) error { return a.delete(head(log[0])) },
		"head cut":     func(a *archive, log []*crdt.Record) error { return a.set(head(log[0]), []byte{1}) },
		"empty value":  func(a *archive, log []*crdt.Record) error { return a.set(key(log[1]), nil) },
		"other record": func(a *archive, log []*crdt.Record) error { return a.set(key(log[1]), crdt.AppendRecord(nil, log[2])) },
		"other body": func(a *archive, log []*crdt.Record) error {
			r := *log[1]
			r.Body = []byte("another body of 20 b")
			return a.set(key(log[1]), crdt.AppendRecord(nil, &r))
		},
		"bit of header": func(a *archive, log []*crdt.Record) error {
			b := crdt.AppendRecord(nil, log[1])
			b[60] ^= 1
			return a.set(key(log[1]), b)
		},
		"stranger in the chain": func(a *archive, log []*crdt.Record) error {
			r := newAuthor(2).after(log[1].Doc(), 7, crdt.Tip{Seq: 1, Hash: crdt.Hash{1}}, "stranger")
			return errors.Join(a.delete(key(log[1])), a.set(key(r), crdt.AppendRecord(nil, r)))
		},
	} {
		t.Run(name, func(t *testing.T) {
			d, _, all := filled(t)
			doc := all[0].Doc()
			peer := newAuthor(2)
			log := peer.run(doc, 8, 4, 20)
			mustPut(t, d, nil, log)
			if err := harm(d.archive, log); err != nil {
				t.Fatal(err)
			}
			var corrupt *CorruptError
			err := d.Scan(doc, func(*crdt.Record) error { return nil })
			if !errors.As(err, &corrupt) || corrupt.Doc != doc && !corrupt.Doc.IsZero() {
				t.Fatalf("scan: %v", err)
			}
			if err := d.Audit(nil, nil); !errors.As(err, &corrupt) {
				t.Fatalf("audit: %v", err)
			}
			rep, err := d.SetAside(corrupt.Error())
			if err != nil || rep.Restored != 3 || rep.SetAside != corrupt.Error() {
				t.Fatalf("set aside: %+v %v", rep, err)
			}
			same(t, "after setting aside", collect(t, d, doc), onlyMine(all))
			mustPut(t, d, nil, append(log, all...))
			if err := d.Audit(nil, nil); err != nil {
				t.Fatal(err)
			}
			mustClose(t, d)
		})
	}
}

// TestPanicOfVisitorIsNotDamage: a bug of the caller must not look like a broken disk.
func TestPanicOfVisitorIsNotDamage(t *testing.T) { eachForm(t, testPanicOfVisitorIsNotDamage) }

func testPanicOfVisitorIsNotDamage(t *testing.T) {
	d, _, all := filled(t)
	func() {
		defer func() {
			if p := recover(); p != "a bug" {
				t.Errorf("recovered %v", p)
			}
		}()
		err := d.Scan(all[0].Doc(), func(*crdt.Record) error { panic("a bug") })
		t.Errorf("scan returned %v", err)
	}()
	mustClose(t, d)
}

// TestTableCutWhileOpen: a fault in a table that Badger has mapped is an error of the scan, not the end of the process.
func TestTableCutWhileOpen(t *testing.T) { eachForm(t, testTableCutWhileOpen) }

func testTableCutWhileOpen(t *testing.T) {
	d, _, all := filled(t)
	mustClose(t, d)
	d, _ = openDisk(t, d.dir)
	tables, err := filepath.Glob(filepath.Join(d.dir, badgerName, "*.sst"))
	if err != nil || len(tables) != 1 {
		t.Fatalf("tables: %v %v", tables, err)
	}
	if err := os.Truncate(tables[0], 0); err != nil {
		t.Fatal(err)
	}
	var corrupt *CorruptError
	err = d.Scan(all[0].Doc(), func(*crdt.Record) error { return nil })
	if keyOf(t) != nil && err == nil { // the blocks are decrypted in the cache
		mustClose(t, d)
		return
	}
	if !errors.As(err, &corrupt) {
		t.Fatalf("scan: %v", err)
	}
	if _, err := d.SetAside(corrupt.Error()); err != nil {
		t.Fatal(err)
	}
	same(t, "after setting aside", collect(t, d, all[0].Doc()), onlyMine(all))
	mustClose(t, d)
}
