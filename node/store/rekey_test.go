package store

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"muster/crdt"
)

var otherKey = bytes.Repeat([]byte{9}, KeyBytes)

// rekeyings are the ways from one key to another; nil is none.
var rekeyings = []struct {
	name     string
	from, to []byte
}{
	{"sealing", nil, testKey},
	{"another key", testKey, otherKey},
	{"opening up", testKey, nil},
}

// history fills a store in dir with key: two epochs, operations of this device and of a peer, one of them erased, some
// in tables and some in Badger's log. It returns what a scan shows, and own operations.
func history(t *testing.T, dir string, key []byte) (all, own []*crdt.Record) {
	t.Helper()
	cfg := Config{Device: me, Key: key}
	d, _, err := Open(dir, cfg)
	if err != nil {
		t.Fatal(err)
	}
	a, peer := newAuthor(1), newAuthor(2)
	first := a.found(d.Epoch())
	doc := first.Doc()
	mustPut(t, d, []*crdt.Record{first, a.next(doc, d.Epoch(), secret)}, nil)
	gone := a.next(doc, d.Epoch(), "to be erased "+secret)
	mustPut(t, d, []*crdt.Record{gone}, peer.run(doc, 5, 3, 40))
	mustClose(t, d)
	if d, _, err = Open(dir, cfg); err != nil {
		t.Fatal(err)
	}
	epoch, err := d.NewEpoch("for the test")
	if err != nil {
		t.Fatal(err)
	}
	mustPut(t, d, []*crdt.Record{a.next(doc, epoch, "later "+secret)}, []*crdt.Record{peer.next(doc, 5, secret)})
	if err := d.Erase(doc, []Ref{RefTo(gone)}); err != nil {
		t.Fatal(err)
	}
	all, own = collect(t, d, doc), ownOf(t, d)
	mustClose(t, d)
	return all, own
}

// wantHistory opens a store, checks that it holds what it held, and returns its report.
func wantHistory(t *testing.T, dir string, cfg Config, epoch uint64, all, own []*crdt.Record) Report {
	t.Helper()
	d, rep, err := Open(dir, cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer mustClose(t, d)
	same(t, "scan", collect(t, d, all[0].Doc()), all)
	same(t, "own", ownOf(t, d), own)
	if d.Epoch() != epoch || rep.FreshEpoch || rep.SetAside != "" || rep.JournalDamage != "" {
		t.Fatalf("epoch %x, want %x: %+v", d.Epoch(), epoch, rep)
	}
	if err := d.Audit(crdt.VerifyEd25519, nil); err != nil {
		t.Fatal(err)
	}
	return rep
}

// TestRekeyKeepsEverything: the same operations and the same epoch under another key, and the one before opens nothing.
// What was plain is in no file any more.
func TestRekeyKeepsEverything(t *testing.T) {
	for _, c := range rekeyings {
		t.Run(c.name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "store")
			all, own := history(t, dir, c.from)
			d, rep, err := Open(dir, Config{Device: me, Key: c.to, OldKey: c.from})
			if err != nil {
				t.Fatal(err)
			}
			epoch := d.Epoch()
			if !rep.OtherKey || d.Rekey() != nil || d.Rekey() != nil {
				t.Fatalf("%+v", rep)
			}
			same(t, "scan", collect(t, d, all[0].Doc()), all)
			a := newAuthor(1)
			a.tips[docLog{all[0].Doc(), crdt.LogID{Device: me, Epoch: epoch}}] = d.OwnHeads()[0].Tip
			next := a.next(all[0].Doc(), epoch, "after")
			mustPut(t, d, []*crdt.Record{next}, nil)
			all, own = collect(t, d, all[0].Doc()), append(own, next)
			mustClose(t, d)
			if rep := wantHistory(t, dir, Config{Device: me, Key: c.to}, epoch, all, own); rep != (Report{Epoch: epoch}) {
				t.Errorf("%+v", rep)
			}
			if got := filesWith(t, dir, secret); c.to != nil && len(got) > 0 {
				t.Errorf("still plain in %q", got)
			}
			if c.to != nil {
				if _, _, err := Open(dir, Config{Device: me, Key: c.from}); !isNoKey(err) {
					t.Errorf("the key from before: %v", err)
				}
			}
		})
	}
}

// TestRekeyCutAtEveryStep: a crash at any step of a Rekey leaves a store that opens, with both keys, as it was, and the
// Rekey can be gone through with.
func TestRekeyCutAtEveryStep(t *testing.T) {
	steps := []string{"copied the archive", "between the archives", "replaced the archive", "copied the journal", "replaced the journal"}
	for _, c := range rekeyings {
		from := filepath.Join(t.TempDir(), "store")
		all, own := history(t, from, c.from)
		for _, step := range steps {
			t.Run(c.name+"/"+step, func(t *testing.T) {
				dir := copyDir(t, from)
				settle(t, dir, c.from)
				reached := false
				cfg := Config{Device: me, Key: c.to, OldKey: c.from}
				cutting := cfg
				cutting.cut = func(at string) error {
					if at != step {
						return nil
					}
					reached = true
					return errors.New("cut")
				}
				d, _, err := Open(dir, cutting)
				if err != nil {
					t.Fatal(err)
				}
				epoch := d.Epoch()
				if err := d.Rekey(); err == nil || !reached {
					t.Fatalf("not cut: %v", err)
				}
				cut := copyDir(t, dir)
				if err := d.Close(); err != nil {
					t.Fatal(err)
				}
				settle(t, cut, c.from, c.to)
				if rep := wantHistory(t, cut, cfg, epoch, all, own); !rep.OtherKey && step != steps[len(steps)-1] {
					t.Errorf("nothing to do: %+v", rep)
				}
				if d, _, err = Open(cut, cfg); err != nil {
					t.Fatal(err)
				}
				if err := d.Rekey(); err != nil {
					t.Fatal(err)
				}
				mustClose(t, d)
				wantHistory(t, cut, Config{Device: me, Key: c.to}, epoch, all, own)
				if got := filesWith(t, cut, secret); c.to != nil && len(got) > 0 {
					t.Errorf("still plain in %q", got)
				}
			})
		}
	}
}

// TestWrongKeyTouchesNothing: without the key, or with another one, a sealed store is refused by name and stays as it is,
// whichever of its parts are left.
func TestWrongKeyTouchesNothing(t *testing.T) {
	whole := filepath.Join(t.TempDir(), "store")
	history(t, whole, testKey)
	for name, damage := range map[string]func(dir string) error{
		"whole":            func(string) error { return nil },
		"journal missing":  func(dir string) error { return os.Remove(filepath.Join(dir, journalName)) },
		"journal damaged":  func(dir string) error { return os.Truncate(filepath.Join(dir, journalName), 3) },
		"archive missing":  func(dir string) error { return os.RemoveAll(filepath.Join(dir, badgerName)) },
		"cut while copied": func(dir string) error { return os.Rename(filepath.Join(dir, badgerName), filepath.Join(dir, oldName)) },
	} {
		t.Run(name, func(t *testing.T) {
			dir := copyDir(t, whole)
			if err := damage(dir); err != nil {
				t.Fatal(err)
			}
			before := contents(t, dir)
			if _, _, err := Open(dir, Config{Device: me}); !errors.Is(err, ErrSealed) {
				t.Errorf("no key: %v", err)
			}
			if _, _, err := Open(dir, Config{Device: me, Key: otherKey}); !errors.Is(err, ErrWrongKey) {
				t.Errorf("another key: %v", err)
			}
			if _, _, err := Open(dir, Config{Device: me, Key: otherKey[:5]}); err == nil {
				t.Error("half a key opened it")
			}
			if after := contents(t, dir); !slices.Equal(after, before) {
				t.Errorf("changed:\n%q\n%q", before, after)
			}
		})
	}
}

// contents lists the files of a store but its lock, each with its size and a sum.
func contents(t *testing.T, dir string) (out []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() || e.Name() == lockName {
			return err
		}
		b, err := os.ReadFile(path)
		out = append(out, fmt.Sprintf("%s %d %x", path[len(dir):], len(b), crdt.SumHash(b)))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// TestSealedFramesAreBound: two frames of a sealed journal that change places are damage, not operations.
func TestSealedFramesAreBound(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "store")
	d, _, err := Open(dir, Config{Device: me, Key: testKey})
	if err != nil {
		t.Fatal(err)
	}
	a := newAuthor(1)
	first := a.found(d.Epoch())
	mustPut(t, d, []*crdt.Record{first, a.next(first.Doc(), d.Epoch(), "one"), a.next(first.Doc(), d.Epoch(), "two")}, nil)
	x, y := d.journal.ops[1], d.journal.ops[2]
	mustClose(t, d)
	edit(t, filepath.Join(dir, journalName), func(b []byte) []byte {
		n := frameHead + int64(x.keep) + int64(x.erase)
		if n != y.at-x.at || y.keep != x.keep || y.erase != x.erase {
			t.Fatal("the frames differ in size: the test would prove nothing")
		}
		swapped := append(slices.Clone(b[y.at:y.at+n]), b[x.at:x.at+n]...)
		copy(b[x.at:], swapped)
		return b
	})
	d, rep, err := Open(dir, Config{Device: me, Key: testKey})
	if err != nil {
		t.Fatal(err)
	}
	if rep.JournalDamage == "" || rep.Recovered != 2 || !rep.FreshEpoch {
		t.Errorf("%+v", rep)
	}
	mustClose(t, d)
}

// TestRottenKeyRegistry: Badger's key registry is rotten, but the keys are right, or the store is plain: the archive is
// set aside, and the journal has the own operations.
func TestRottenKeyRegistry(t *testing.T) { eachForm(t, testRottenKeyRegistry) }

func testRottenKeyRegistry(t *testing.T) {
	for _, at := range []int{0, 3, registryIVBytes, registryIVBytes + len(registryText) - 1} {
		d, _, all := filled(t)
		mustClose(t, d)
		edit(t, filepath.Join(d.dir, badgerName, "KEYREGISTRY"), func(b []byte) []byte { b[at] ^= 0x10; return b })
		d, rep := openDisk(t, d.dir)
		if plainIV := keyOf(t) == nil && at < registryIVBytes; (rep.SetAside == "") != plainIV {
			t.Errorf("byte %d: %+v", at, rep)
		}
		same(t, "own", ownOf(t, d), onlyMine(all))
		mustClose(t, d)
	}
}
