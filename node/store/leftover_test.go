package store

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// TestLeftoverJournalIsOverwritten: what a crash left of a plain journal that was being made is overwritten, not only
// given back to the file system, once the store is sealed.
func TestLeftoverJournalIsOverwritten(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, journalName+".new")
	plain := slices.Repeat([]byte(secret), 1000)
	if err := os.WriteFile(path, plain, 0o600); err != nil {
		t.Fatal(err)
	}
	old, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := old.Close(); err != nil {
			t.Error(err)
		}
	}()
	d, _, err := Open(dir, Config{Device: me, Key: testKey})
	if err != nil {
		t.Fatal(err)
	}
	mustClose(t, d)
	left, err := io.ReadAll(old)
	if err != nil || !bytes.Equal(left, make([]byte, len(plain))) {
		t.Errorf("%d of %d bytes are left, of them %d not zero; %v", len(left), len(plain), nonZero(left), err)
	}
	if _, err := os.Stat(path); !os.IsNotExist(err) {
		t.Errorf("the leftover is there: %v", err)
	}
}

// TestKilledWhileALogIsMade: a log that got its name and no size costs nothing. Badger by itself does not open it.
func TestKilledWhileALogIsMade(t *testing.T) { eachForm(t, testKilledWhileALogIsMade) }

func testKilledWhileALogIsMade(t *testing.T) {
	for _, name := range []string{"00077.mem", "000077.vlog"} {
		d, _, all := filled(t)
		doc := all[0].Doc()
		mustClose(t, d)
		path := filepath.Join(d.dir, badgerName, name)
		empty := func() {
			if err := os.WriteFile(path, nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		empty()
		if a, err := openArchiveAnyFormat(d.dir, keyOf(t)); err == nil {
			t.Errorf("badger opens a directory with an empty %s: nothing has to be done about it any more", name)
			if err := a.close(); err != nil {
				t.Fatal(err)
			}
		}
		empty()
		if err := os.WriteFile(filepath.Join(d.dir, lockName), []byte("1\n"), 0o600); err != nil { // as who was killed leaves it
			t.Fatal(err)
		}
		d, rep := openDisk(t, d.dir)
		if !rep.Unclean || rep.SetAside != "" || rep.LostTail != "" {
			t.Errorf("%s: %+v", name, rep)
		}
		same(t, "after a kill", collect(t, d, doc), all)
		mustClose(t, d)

		empty() // damage: the store was closed in order
		d, rep = openDisk(t, d.dir)
		if rep.SetAside == "" {
			t.Errorf("%s: %+v, though something emptied it", name, rep)
		}
		mustClose(t, d)
	}
}
