package store

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"muster/crdt"
)

// TestTornJournal: a crash in the middle of an append, at whatever byte, costs at most the operation that nobody was told
// had been saved, and never one before it.
func TestTornJournal(t *testing.T) { eachForm(t, testTornJournal) }

func testTornJournal(t *testing.T) {
	d, a, _ := filled(t)
	mine := ownOf(t, d)
	end := d.journal.end
	last := a.next(mine[0].Doc(), d.Epoch(), "the last one")
	mustPut(t, d, []*crdt.Record{last}, nil)
	frame := d.journal.end - end
	mustClose(t, d)
	whole, err := os.ReadFile(filepath.Join(d.dir, journalName))
	if err != nil {
		t.Fatal(err)
	}
	whole = whole[:end+frame+512] // enough zeros behind; all of them only cost time
	dir := t.TempDir()
	path := filepath.Join(dir, journalName)
	for n := range frame + 1 {
		for name, cut := range map[string]func(b []byte) []byte{
			"zeros behind": func(b []byte) []byte { clear(b[end+n:]); return b },
			"file ends":    func(b []byte) []byte { return b[:end+n] },
			"garbage behind": func(b []byte) []byte {
				if n < frame {
					b[end+n] ^= 0x11
				}
				return b
			},
		} {
			if err := os.WriteFile(path, cut(bytes.Clone(whole)), 0o600); err != nil {
				t.Fatal(err)
			}
			want := mine
			if n == frame || name == "zeros behind" && nonZero(whole[end+n:end+frame]) == 0 { // the last bytes may be zeros
				want = append(mine[:len(mine):len(mine)], last)
			}
			reopenJournal(t, dir, fmt.Sprintf("%s byte %d", name, n), want, last)
		}
	}
}

// reopenJournal opens a journal, expects the operations want, writes next if it is not among them, and reads it back.
func reopenJournal(t *testing.T, dir, what string, want []*crdt.Record, next *crdt.Record) {
	t.Helper()
	c, err := readJournal(dir, me, testKey)
	if err != nil || c.damage != "" {
		t.Fatalf("%s: %v %s", what, err, c.damage)
	}
	same(t, what, c.ops, want)
	j, _, err := openJournal(dir, Config{}, &c)
	if err != nil {
		t.Fatalf("%s: %v", what, err)
	}
	if want[len(want)-1] != next {
		if _, err := j.appendOps([]*crdt.Record{next}); err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		want = append(want[:len(want):len(want)], next)
	}
	if err := j.file.Close(); err != nil {
		t.Fatal(err)
	}
	c, err = readJournal(dir, me, testKey)
	if err != nil || c.damage != "" || c.torn != 0 {
		t.Fatalf("%s, read back: %v %s %d", what, err, c.damage, c.torn)
	}
	same(t, what+", read back", c.ops, want)
}

// TestTornJournalKeepsEpoch: the same through the whole store: the torn operation was never told to anyone, so the epoch
// goes on.
func TestTornJournalKeepsEpoch(t *testing.T) { eachForm(t, testTornJournalKeepsEpoch) }

func testTornJournalKeepsEpoch(t *testing.T) {
	d, a, all := filled(t)
	epoch, end := d.Epoch(), d.journal.end
	mustClose(t, d)
	torn := d.journal.appendFrame(nil, opFrame(a.next(all[0].Doc(), epoch, "torn")))
	edit(t, filepath.Join(d.dir, journalName), func(b []byte) []byte {
		copy(b[end:], torn[:len(torn)-2])
		return b
	})
	d, rep := openDisk(t, d.dir)
	wantReport(t, rep, Report{TornBytes: int64(len(torn) - 2)})
	if rep.Epoch != epoch {
		t.Fatal("another epoch")
	}
	same(t, "scan", collect(t, d, all[0].Doc()), all)
	mustClose(t, d)
}

// A faultyFile fails the call that uses up left, and every one after it; a failing write writes half.
type faultyFile struct {
	journalFile
	left *int
	err  error
}

func (f faultyFile) fails() bool {
	*f.left--
	return *f.left < 0
}

func (f faultyFile) WriteAt(b []byte, at int64) (int, error) {
	if f.fails() {
		n, err := f.journalFile.WriteAt(b[:len(b)/2], at)
		return n, errors.Join(f.err, err)
	}
	return f.journalFile.WriteAt(b, at)
}

func (f faultyFile) Datasync() error {
	if f.fails() {
		return f.err
	}
	return f.journalFile.Datasync()
}

// TestNthJournalWriteFails: whichever write or sync of the journal fails, what was acknowledged is there after a restart,
// and nothing is acknowledged after the failure.
func TestNthJournalWriteFails(t *testing.T) { eachForm(t, testNthJournalWriteFails) }

func testNthJournalWriteFails(t *testing.T) {
	broken := errors.New("broken disk")
	for n := 0; ; n++ {
		dir := filepath.Join(t.TempDir(), "store")
		left := n
		cfg := Config{Device: me, Key: keyOf(t), wrapJournal: func(f journalFile) journalFile { return faultyFile{f, &left, broken} }}
		d, _, err := Open(dir, cfg)
		var acked []*crdt.Record
		var erased bool
		failed := err != nil
		if err == nil {
			acked, erased, failed = work(t, d, broken)
			mustClose(t, d)
		} else if !errors.Is(err, broken) {
			t.Fatalf("n %d: open: %v", n, err)
		}
		d, rep := openDisk(t, dir)
		if len(acked) > 0 && rep.FreshEpoch {
			t.Fatalf("n %d: %+v", n, rep)
		}
		got := ownOf(t, d)
		if len(got) < len(acked) || len(got) > len(acked)+1 {
			t.Fatalf("n %d: %d operations, %d acknowledged", n, len(got), len(acked))
		}
		for i, r := range acked {
			if got[i].Hash != r.Hash || (i == 0 && erased && !got[i].Erased) {
				t.Fatalf("n %d: operation %d is another", n, i)
			}
		}
		if len(got) > 0 {
			if err := d.Audit(crdt.VerifyEd25519, nil); err != nil {
				t.Fatalf("n %d: %v", n, err)
			}
		}
		mustClose(t, d)
		if !failed {
			if n < 10 {
				t.Fatalf("only %d writes were tried", n)
			}
			return
		}
	}
}

// work writes a few operations until something fails and returns what was acknowledged.
func work(t *testing.T, d *Disk, broken error) (acked []*crdt.Record, erased, failed bool) {
	t.Helper()
	a := newAuthor(1)
	doc := crdt.DocID{}
	check := func(err error) bool {
		if err == nil {
			return true
		}
		if !errors.Is(err, broken) {
			t.Fatalf("got %v", err)
		}
		if err := d.Put(nil, nil); !errors.Is(err, ErrStopped) || !errors.Is(err, broken) {
			t.Fatalf("after a failed write: %v", err)
		}
		return false
	}
	for i := range 4 {
		r := a.next(doc, d.Epoch(), fmt.Sprintf("operation %d", i))
		doc = r.Doc()
		if !check(d.Put([]*crdt.Record{r}, nil)) {
			return acked, false, true
		}
		acked = append(acked, r)
	}
	if !check(d.Erase(doc, []Ref{RefTo(acked[0])})) {
		return acked, false, true
	}
	_, err := d.NewEpoch("for the sake of it")
	return acked, true, !check(err)
}

// TestJournalCannotGrow: when preallocation finds the disk full, nothing has changed, and once there is room it goes on.
func TestJournalCannotGrow(t *testing.T) { eachForm(t, testJournalCannotGrow) }

func testJournalCannotGrow(t *testing.T) {
	left := 1 << 30
	full := &os.PathError{Op: "write", Path: journalName, Err: syscall.ENOSPC}
	cfg := Config{Device: me, Key: keyOf(t), wrapJournal: func(f journalFile) journalFile { return faultyFile{f, &left, full} }}
	d, _, err := Open(filepath.Join(t.TempDir(), "store"), cfg)
	if err != nil {
		t.Fatal(err)
	}
	a := newAuthor(1)
	first := a.found(d.Epoch())
	mustPut(t, d, []*crdt.Record{first}, nil)
	var big []*crdt.Record
	for range journalStep / crdt.MaxBodyBytes {
		big = append(big, a.next(first.Doc(), d.Epoch(), string(make([]byte, crdt.MaxBodyBytes))))
	}
	big = append(big, a.next(first.Doc(), d.Epoch(), string(make([]byte, crdt.MaxBodyBytes))))
	left = 0
	if err := d.Put(big, nil); !errors.Is(err, ErrDiskFull) {
		t.Fatalf("put: %v", err)
	}
	left = 1 << 30
	same(t, "own", ownOf(t, d), []*crdt.Record{first})
	mustPut(t, d, big, nil)
	mustClose(t, d)
	wantReport(t, openDiskOnce(t, d.dir), Report{})
}

// FuzzReadJournal: no bytes make reading a journal fail in another way than by saying so.
func FuzzReadJournal(f *testing.F) {
	var fr framing
	a := newAuthor(1)
	r := a.found(1)
	b := append(fr.header(me), fr.appendFrame(nil, epochMark{epoch: 1, reason: "new"}.frame())...)
	b = fr.appendFrame(b, opFrame(r))
	f.Add(append(fr.appendFrame(b, opFrame(r.WithoutBody())), 0, 0, 0))
	f.Add(b[:len(b)-3])
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, journalName), b, 0o600); err != nil {
			t.Fatal(err)
		}
		c, err := readJournal(dir, me, testKey)
		if err != nil || c.damage != "" {
			return
		}
		j, _, err := openJournal(dir, Config{}, &c)
		if err != nil {
			t.Fatal(err)
		}
		for i, want := range c.ops {
			got, err := j.read(i)
			if err != nil {
				t.Fatal(err)
			}
			same(t, "read", []*crdt.Record{got}, []*crdt.Record{want})
		}
		if err := j.file.Close(); err != nil {
			t.Fatal(err)
		}
	})
}
