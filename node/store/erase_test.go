package store

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"muster/crdt"
)

const secret = "AKIA-a-secret-that-was-pasted-by-mistake"

// withSecret writes an own and a peer's operation that hold the secret, among others, so that it is in the journal, in a
// table and in Badger's log, and returns the store and the two.
func withSecret(t *testing.T) (*Disk, []*crdt.Record) {
	t.Helper()
	d, a, all := filled(t)
	doc := all[0].Doc()
	mine := a.next(doc, d.Epoch(), secret)
	theirs := newAuthor(3).next(doc, 1, "before "+secret+" after")
	mustPut(t, d, []*crdt.Record{mine}, []*crdt.Record{theirs})
	mustClose(t, d) // flushes Badger's log to a table
	d, _ = openDisk(t, d.dir)
	late := newAuthor(4).next(doc, 1, secret)
	mustPut(t, d, []*crdt.Record{a.next(doc, d.Epoch(), "more")}, []*crdt.Record{late})
	if got := filesWith(t, d.dir, secret); keyOf(t) == nil && len(got) < 3 || keyOf(t) != nil && len(got) > 0 {
		t.Fatalf("the secret is in %q: the test would prove little", got)
	}
	return d, []*crdt.Record{mine, theirs, late}
}

func refs(rs []*crdt.Record) []Ref {
	var out []Ref
	for _, r := range rs {
		out = append(out, RefTo(r))
	}
	return out
}

// TestErasedBytesLeaveTheDisk: after Erase nothing shows the bodies, and after Compact no file holds them; everything
// else is as it was, signatures included.
func TestErasedBytesLeaveTheDisk(t *testing.T) { eachForm(t, testErasedBytesLeaveTheDisk) }

func testErasedBytesLeaveTheDisk(t *testing.T) {
	d, secrets := withSecret(t)
	doc := secrets[0].Doc()
	want := collect(t, d, doc)
	for i, r := range want {
		if r.Hash == secrets[0].Hash || r.Hash == secrets[1].Hash || r.Hash == secrets[2].Hash {
			want[i] = r.WithoutBody()
		}
	}
	if err := d.Erase(doc, refs(secrets)); err != nil {
		t.Fatal(err)
	}
	same(t, "after erasing", collect(t, d, doc), want)
	if err := d.Compact(); err != nil {
		t.Fatal(err)
	}
	if got := filesWith(t, d.dir, secret); len(got) > 0 {
		t.Fatalf("the secret is still in %q", got)
	}
	same(t, "after compacting", collect(t, d, doc), want)
	mustPut(t, d, nil, secrets) // a peer that has not heard of the redaction
	same(t, "after receiving again", collect(t, d, doc), want)
	if err := d.Audit(crdt.VerifyEd25519, nil); err != nil {
		t.Fatal(err)
	}
	mustClose(t, d)
	d, rep := openDisk(t, d.dir)
	wantReport(t, rep, Report{})
	same(t, "after a restart", collect(t, d, doc), want)
	if got := filesWith(t, d.dir, secret); len(got) > 0 {
		t.Fatalf("the secret is back in %q", got)
	}
	mustClose(t, d)
}

// TestErasedBytesLeaveDamagedCopies: what was set aside before the redaction holds the secret too.
func TestErasedBytesLeaveDamagedCopies(t *testing.T) { eachForm(t, testErasedBytesLeaveDamagedCopies) }

func testErasedBytesLeaveDamagedCopies(t *testing.T) {
	d, secrets := withSecret(t)
	if _, err := d.SetAside("for the test"); err != nil {
		t.Fatal(err)
	}
	if err := d.Erase(secrets[0].Doc(), refs(secrets)); err != nil {
		t.Fatal(err)
	}
	if err := d.Compact(); err != nil {
		t.Fatal(err)
	}
	if got := filesWith(t, d.dir, secret); len(got) > 0 {
		t.Fatalf("the secret is still in %q", got)
	}
	mustClose(t, d)
}

// TestEraseCutByCrash: a crash between the journal's mark and its zeros is made good at the next opening, and Scan shows
// the body until Badger has been told, so that the erasure is asked for again.
func TestEraseCutByCrash(t *testing.T) { eachForm(t, testEraseCutByCrash) }

func testEraseCutByCrash(t *testing.T) {
	d, secrets := withSecret(t)
	doc := secrets[0].Doc()
	p := d.journal.ops[d.logs.written[secrets[0].Hash]]
	mustClose(t, d)
	path := filepath.Join(d.dir, journalName)
	edit(t, path, func(b []byte) []byte { b[p.at+frameStateAt] = frameErased; return b })
	d, rep := openDisk(t, d.dir)
	wantReport(t, rep, Report{})
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(b), secret) {
		t.Error("the secret is still in the journal")
	}
	shown := 0
	for _, r := range collect(t, d, doc) {
		if r.Hash == secrets[0].Hash && !r.Erased {
			shown++
		}
	}
	if shown != 1 {
		t.Error("the erasure looks complete and is not")
	}
	if err := errors.Join(d.Erase(doc, refs(secrets)), d.Compact()); err != nil {
		t.Fatal(err)
	}
	if got := filesWith(t, d.dir, secret); len(got) > 0 {
		t.Fatalf("the secret is still in %q", got)
	}
	mustClose(t, d)
}

// TestCompactionCutByCrash: whichever rename a crash comes before, the next opening finds one whole store.
func TestCompactionCutByCrash(t *testing.T) { eachForm(t, testCompactionCutByCrash) }

func testCompactionCutByCrash(t *testing.T) {
	for name, cut := range map[string]func(d *Disk, path func(string) string) error{
		"copy incomplete": func(d *Disk, path func(string) string) error {
			return errors.Join(d.Close(), os.MkdirAll(path(copyName), 0o700),
				os.WriteFile(filepath.Join(path(copyName), "000001.sst"), []byte("half"), 0o600))
		},
		"between the renames": func(d *Disk, path func(string) string) error {
			return errors.Join(d.copyArchive(), d.Close(), os.Rename(path(badgerName), path(oldName)))
		},
		"before the removal": func(d *Disk, path func(string) string) error {
			return errors.Join(d.copyArchive(), d.Close(), os.Rename(path(badgerName), path(oldName)),
				os.Rename(path(copyName), path(badgerName)))
		},
		"copy lost": func(d *Disk, path func(string) string) error {
			return errors.Join(d.Close(), os.Rename(path(badgerName), path(oldName)))
		},
	} {
		t.Run(name, func(t *testing.T) {
			d, _, all := filled(t)
			if err := cut(d, func(name string) string { return filepath.Join(d.dir, name) }); err != nil {
				t.Fatal(err)
			}
			d, rep := openDisk(t, d.dir)
			wantReport(t, rep, Report{})
			same(t, "scan", collect(t, d, all[0].Doc()), all)
			for _, left := range []string{copyName, oldName} {
				if there, err := exists(d.dir, left); err != nil || there {
					t.Errorf("%s is left over (%v)", left, err)
				}
			}
			mustClose(t, d)
		})
	}
}

// TestReadersDuringCompaction: readers see the whole document at every moment of a compaction.
func TestReadersDuringCompaction(t *testing.T) { eachForm(t, testReadersDuringCompaction) }

func testReadersDuringCompaction(t *testing.T) {
	d, secrets := withSecret(t)
	doc := secrets[0].Doc()
	want := len(collect(t, d, doc))
	done := make(chan error)
	go func() {
		for range 5 {
			if err := errors.Join(d.archive.set([]byte(erasedKey), nil), d.Compact()); err != nil {
				done <- err
				return
			}
		}
		done <- nil
	}()
	for {
		n := 0
		if err := d.Scan(doc, func(*crdt.Record) error { n++; return nil }); err != nil || n != want {
			t.Errorf("%d records, want %d (%v)", n, want, err)
		}
		select {
		case err := <-done:
			if err != nil {
				t.Fatal(err)
			}
			mustClose(t, d)
			return
		default:
		}
	}
}
