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
