package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestDamagedStore: one byte of each kind of file that a stopped node keeps is changed, on the laptop that founded the
// team and on one that joined. The node starts, its status says what was damaged, and its board is whole again as soon
// as a peer is there, with the words that it had written while alone and nobody else held.
func TestDamagedStore(t *testing.T) {
	a, b := pair(t)
	for i := range 20 {
		a.does("note", fmt.Sprintf("ann's word %d", i))
		b.does("note", fmt.Sprintf("bob's word %d", i))
	}
	until(t, "all words on both", same(a, b))
	notes := 40
	for _, damage := range []struct {
		victim, other *laptop
		pattern       string // of the file, in the store
		says          string // in a warning of the status
	}{
		{a, b, "badger/*.sst", "set aside"},
		{b, a, "badger/*.sst", "set aside"},
		{a, b, "badger/MANIFEST", "set aside"},
		{b, a, "badger/MANIFEST", "set aside"},
		{a, b, "journal", "journal was damaged"},
		{b, a, "journal", "journal was damaged"},
	} {
		t.Run(damage.victim.name+" "+filepath.Base(damage.pattern), func(t *testing.T) {
			victim, other := damage.victim, damage.other
			other.stop()
			victim.does("note", "alone before "+t.Name())
			victim.stop()
			flip(t, victim, damage.pattern)
			victim.start("--listen", victim.addr)
			if ws := victim.status().Warnings; !slices.ContainsFunc(ws, func(w string) bool { return strings.Contains(w, damage.says) }) {
				t.Errorf("status warns %q, want it to say %q", ws, damage.says)
			}
			other.start("--listen", other.addr, "--join", victim.addr)
			until(t, "fetched again", same(victim, other))
			victim.does("note", "and on after "+t.Name())
			until(t, "both go on", same(victim, other))
			notes += 2
			for _, l := range []*laptop{victim, other} {
				if got := len(l.notes()); got != notes {
					t.Errorf("%d notes on the board of %s, want %d", got, l.name, notes)
				}
			}
		})
	}
	a.stop()
	b.stop()
	dots(t, a)
	dots(t, b)
}

// notes returns the texts on a laptop's board.
func (l *laptop) notes() (texts []string) {
	l.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), callLimit)
	defer cancel()
	inc, err := l.node.Show(ctx, "")
	if err != nil {
		l.t.Fatalf("show on %s: %v", l.name, err)
	}
	for _, n := range inc.Notes {
		texts = append(texts, n.Text)
	}
	return texts
}

// flip inverts a byte in the middle of the first file of a store that matches.
func flip(t *testing.T, l *laptop, pattern string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(l.store(), pattern))
	if err != nil || len(files) == 0 {
		t.Fatalf("no file %s in the store: %v", pattern, err)
	}
	b, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	if pattern == "journal" { // most of it is preallocated: damage what is written
		b[min(len(b), 2000)] ^= 0xff
	} else {
		b[len(b)/2] ^= 0xff
	}
	if err := os.WriteFile(files[0], b, 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestDamagedPeersFile: the address book is a cache; a node whose copy is damaged starts and finds its peers by what it
// was told.
func TestDamagedPeersFile(t *testing.T) {
	a, b := pair(t)
	b.stop()
	if err := os.WriteFile(filepath.Join(filepath.Dir(b.store()), "peers"), []byte("not a book"), 0o600); err != nil {
		t.Fatal(err)
	}
	b.start("--listen", b.addr, "--join", a.addr)
	until(t, "found again", same(a, b))
}
