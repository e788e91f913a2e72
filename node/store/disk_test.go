package store

import (
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/dgraph-io/badger/v4"
	"github.com/google/go-cmp/cmp"

	"muster/crdt"
)

// filled opens a store in a new directory and writes three own operations and two of a peer in one document.
func filled(t *testing.T) (*Disk, *author, []*crdt.Record) {
	t.Helper()
	d, rep := openDisk(t, filepath.Join(t.TempDir(), "store"))
	if !rep.New || !rep.FreshEpoch || rep.Reason != "the store is new" || rep.Epoch != d.Epoch() {
		t.Fatalf("report of a new store: %+v", rep)
	}
	a, p := newAuthor(1), newAuthor(2)
	first := a.found(rep.Epoch)
	all := []*crdt.Record{first, a.next(first.Doc(), rep.Epoch, "second"), a.next(first.Doc(), rep.Epoch, "third")}
	mustPut(t, d, all[:1], nil)
	peers := p.run(first.Doc(), 7, 2, 20)
	mustPut(t, d, nil, peers)
	mustPut(t, d, all[1:], nil)
	if p.device().Compare(me) < 0 {
		return d, a, append(peers, all...)
	}
	return d, a, append(all, peers...)
}

// onlyMine returns the operations of this device among rs.
func onlyMine(rs []*crdt.Record) []*crdt.Record {
	var out []*crdt.Record
	for _, r := range rs {
		if r.Op.Dot.Device == me {
			out = append(out, r)
		}
	}
	return out
}

func wantReport(t *testing.T, got, want Report) {
	t.Helper()
	want.Epoch = got.Epoch
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatalf("report (-want +got):\n%s", diff)
	}
}

// TestKilledProcessLosesNothing: what was acknowledged is there after a kill, in the same epoch.
func TestKilledProcessLosesNothing(t *testing.T) { eachForm(t, testKilledProcessLosesNothing) }

func testKilledProcessLosesNothing(t *testing.T) {
	d, _, all := filled(t)
	epoch := d.Epoch()
	d, rep := openDisk(t, crash(t, d))
	wantReport(t, rep, Report{Unclean: true})
	if rep.Epoch != epoch {
		t.Fatalf("epoch %x became %x", epoch, rep.Epoch)
	}
	same(t, "scan", collect(t, d, all[0].Doc()), all)
	mustClose(t, d)
}

// TestPowerCutBeforeBadgerSync: Badger has lost its log, but the journal has every own operation.
func TestPowerCutBeforeBadgerSync(t *testing.T) { eachForm(t, testPowerCutBeforeBadgerSync) }

func testPowerCutBeforeBadgerSync(t *testing.T) {
	d, a, all := filled(t)
	dir := crash(t, d)
	logs, err := filepath.Glob(filepath.Join(dir, badgerName, "*.mem"))
	if err != nil || len(logs) == 0 {
		t.Fatalf("badger's logs: %v %v", logs, err)
	}
	for _, l := range logs {
		if err := os.Remove(l); err != nil {
			t.Fatal(err)
		}
	}
	d, rep := openDisk(t, dir)
	wantReport(t, rep, Report{Unclean: true, Restored: 3})
	same(t, "scan", collect(t, d, all[0].Doc()), onlyMine(all))
	mustPut(t, d, []*crdt.Record{a.next(all[0].Doc(), rep.Epoch, "fourth")}, nil)
	mustClose(t, d)
}

// TestCopyStartsEpoch: a copy of the directory is not the store it was, or both would write the same dots.
func TestCopyStartsEpoch(t *testing.T) { eachForm(t, testCopyStartsEpoch) }

func testCopyStartsEpoch(t *testing.T) {
	d, a, all := filled(t)
	epoch := d.Epoch()
	mustClose(t, d)
	clone, rep := openDisk(t, copyDir(t, d.dir))
	if !rep.FreshEpoch || rep.Epoch == epoch || !strings.Contains(rep.Reason, "another place") {
		t.Fatalf("report: %+v", rep)
	}
	r := a.after(all[0].Doc(), rep.Epoch, crdt.Tip{}, "first of the new epoch")
	mustPut(t, clone, []*crdt.Record{r}, nil)
	mustClose(t, clone)
	clone, rep2 := openDisk(t, clone.dir)
	wantReport(t, rep2, Report{})
	if rep2.Epoch != rep.Epoch {
		t.Fatalf("epoch %x became %x", rep.Epoch, rep2.Epoch)
	}
	mustClose(t, clone)
	d, rep = openDisk(t, d.dir)
	wantReport(t, rep, Report{})
	if rep.Epoch != epoch {
		t.Fatal("the original changed its epoch")
	}
	mustClose(t, d)
}

// TestJournalDeleted: own operations come back from Badger, and the device writes in another epoch.
func TestJournalDeleted(t *testing.T) { eachForm(t, testJournalDeleted) }

func testJournalDeleted(t *testing.T) {
	d, _, all := filled(t)
	epoch := d.Epoch()
	mustClose(t, d)
	if err := os.Remove(filepath.Join(d.dir, journalName)); err != nil {
		t.Fatal(err)
	}
	d, rep := openDisk(t, d.dir)
	wantReport(t, rep, Report{FreshEpoch: true, Reason: "the journal was missing", Recovered: 3})
	if rep.Epoch == epoch {
		t.Fatal("same epoch")
	}
	same(t, "own", ownOf(t, d), onlyMine(all))
	same(t, "scan", collect(t, d, all[0].Doc()), all)
	mustClose(t, d)
	d, rep = openDisk(t, d.dir)
	wantReport(t, rep, Report{})
	mustClose(t, d)
}

// TestJournalShorterThanBadger: an older journal was put back in place; Badger knows better.
func TestJournalShorterThanBadger(t *testing.T) { eachForm(t, testJournalShorterThanBadger) }

func testJournalShorterThanBadger(t *testing.T) {
	d, _, all := filled(t)
	epoch := d.Epoch()
	last := d.journal.ops[len(d.journal.ops)-1]
	mustClose(t, d)
	edit(t, filepath.Join(d.dir, journalName), func(b []byte) []byte { clear(b[last.at:]); return b })
	d, rep := openDisk(t, d.dir)
	wantReport(t, rep, Report{FreshEpoch: true, Reason: "the journal lacked 1 of this epoch's operations", Recovered: 1})
	if rep.Epoch == epoch {
		t.Fatal("same epoch")
	}
	same(t, "own", ownOf(t, d), onlyMine(all))
	mustClose(t, d)
}

func edit(t *testing.T, path string, change func([]byte) []byte) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	// Overwritten in place, as a disk does it: the inode stays.
	if err := os.WriteFile(path, change(b), 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestFlippedBitInJournal: whatever byte is hit, no own operation is lost as long as Badger is whole, and where anything
// but unused space is hit, the device does not go on in an epoch whose end it cannot be sure of.
func TestFlippedBitInJournal(t *testing.T) { eachForm(t, testFlippedBitInJournal) }

func testFlippedBitInJournal(t *testing.T) {
	d, _, all := filled(t)
	dir, epoch, places, end := d.dir, d.Epoch(), d.journal.ops, d.journal.end
	mustClose(t, d)
	path := filepath.Join(d.dir, journalName)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for name, at := range map[string]int64{
		"magic": 3, "version": 11, "device": 20, "nonce": 50, "header checksum": 61,
		"mark": headerBytes + frameHead + 2, "frame magic": places[1].at, "state": places[1].at + frameStateAt,
		"length": places[1].at + 10, "operation": places[1].at + frameHead + 40,
		"body": places[1].at + frameHead + int64(places[1].keep) + 20, "last operation": end - 1,
	} {
		t.Run(name, func(t *testing.T) {
			edit(t, path, func([]byte) []byte {
				b := append([]byte(nil), whole...)
				b[at] ^= 0x10
				return b
			})
			d, rep := openDisk(t, dir)
			if !rep.FreshEpoch || rep.Epoch == epoch {
				t.Errorf("report: %+v", rep)
			}
			mine := ownOf(t, d)
			if len(mine) != 3 {
				t.Errorf("%d own operations in the journal, want 3", len(mine))
			}
			same(t, "scan", collect(t, d, all[0].Doc()), all)
			mustClose(t, d)
			wantReport(t, openDiskOnce(t, dir), Report{})
		})
	}
	kept, err := damagedCopies(dir, journalName)
	if err != nil || len(kept) > damagedMax {
		t.Fatalf("damaged journals kept: %v %v", kept, err)
	}
}

// openDiskOnce opens a store, closes it, and returns what the opening reported.
func openDiskOnce(t *testing.T, dir string) Report {
	t.Helper()
	d, rep := openDisk(t, dir)
	mustClose(t, d)
	return rep
}

// TestBadgerDamaged: whatever happens to Badger's files, the store opens, keeps own operations, and either still has the
// peers' operations or says that it has not.
func TestBadgerDamaged(t *testing.T) { eachForm(t, testBadgerDamaged) }

func testBadgerDamaged(t *testing.T) {
	table := func(t *testing.T, dir string) string {
		t.Helper()
		tables, err := filepath.Glob(filepath.Join(dir, badgerName, "*.sst"))
		if err != nil || len(tables) == 0 {
			t.Fatalf("tables: %v %v", tables, err)
		}
		return tables[0]
	}
	for name, harm := range map[string]func(t *testing.T, dir string) error{
		"MANIFEST deleted": func(_ *testing.T, dir string) error { return os.Remove(filepath.Join(dir, badgerName, "MANIFEST")) },
		"MANIFEST emptied": func(_ *testing.T, dir string) error {
			return os.Truncate(filepath.Join(dir, badgerName, "MANIFEST"), 0)
		},
		"MANIFEST flipped": func(t *testing.T, dir string) error {
			edit(t, filepath.Join(dir, badgerName, "MANIFEST"), func(b []byte) []byte { b[20] ^= 1; return b })
			return nil
		},
		"table deleted":   func(t *testing.T, dir string) error { return os.Remove(table(t, dir)) },
		"table truncated": func(t *testing.T, dir string) error { return os.Truncate(table(t, dir), 100) },
		"table emptied":   func(t *testing.T, dir string) error { return os.Truncate(table(t, dir), 0) },
		"table flipped at the start": func(t *testing.T, dir string) error {
			edit(t, table(t, dir), func(b []byte) []byte { b[60] ^= 1; return b })
			return nil
		},
		"table flipped in the middle": func(t *testing.T, dir string) error {
			edit(t, table(t, dir), func(b []byte) []byte { b[len(b)/2] ^= 1; return b })
			return nil
		},
		"table flipped at the end": func(t *testing.T, dir string) error {
			edit(t, table(t, dir), func(b []byte) []byte { b[len(b)-2] ^= 1; return b })
			return nil
		},
		"KEYREGISTRY emptied": func(_ *testing.T, dir string) error {
			return os.Truncate(filepath.Join(dir, badgerName, "KEYREGISTRY"), 0)
		},
		"directory deleted": func(_ *testing.T, dir string) error { return os.RemoveAll(filepath.Join(dir, badgerName)) },
	} {
		t.Run(name, func(t *testing.T) {
			d, a, all := filled(t)
			mustClose(t, d)
			if err := harm(t, d.dir); err != nil {
				t.Fatal(err)
			}
			d, rep := openDisk(t, d.dir)
			if rep.FreshEpoch || rep.Restored != 3 || (rep.SetAside == "") != (name == "directory deleted") {
				t.Errorf("report: %+v", rep)
			}
			same(t, "scan", collect(t, d, all[0].Doc()), onlyMine(all))
			mustPut(t, d, []*crdt.Record{a.next(all[0].Doc(), rep.Epoch, "on we go")}, all)
			mustClose(t, d)
			wantReport(t, openDiskOnce(t, d.dir), Report{})
		})
	}
}

// TestNoFlippedBitOfTheManifestHidesATable: Badger takes a MANIFEST whose last entries it cannot read for one that was cut off
// while it was written, and drops the tables. Here no bit can be wrong unnoticed; an entry that was really cut off is no
// damage after an unclean end.
func TestNoFlippedBitOfTheManifestHidesATable(t *testing.T) {
	eachForm(t, testNoFlippedBitOfTheManifestHidesATable)
}

func testNoFlippedBitOfTheManifestHidesATable(t *testing.T) {
	d, _, _ := filled(t)
	mustClose(t, d)
	dir := filepath.Join(d.dir, badgerName)
	path := filepath.Join(dir, badger.ManifestFilename)
	key, kerr := archiveKey(dir, d.cfg, d.cfg.Key != nil)
	whole, err := os.ReadFile(path)
	if err := errors.Join(kerr, err); err != nil {
		t.Fatal(err)
	}
	look := func(b []byte, unclean bool) error {
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		return preflight(dir, key, unclean, slog.New(slog.DiscardHandler))
	}
	for _, unclean := range []bool{false, true} {
		if err := look(whole, unclean); err != nil {
			t.Fatalf("undamaged, unclean %v: %v", unclean, err)
		}
		for bit := range len(whole) * 8 {
			b := slices.Clone(whole)
			b[bit/8] ^= 1 << (bit % 8)
			if err := look(b, unclean); !errors.As(err, new(*CorruptError)) {
				t.Errorf("bit %d of %d, unclean %v: %v", bit, len(whole)*8, unclean, err)
			}
		}
		for _, n := range []int{1, 4, 11} {
			if err := look(whole[:len(whole)-n], unclean); (err == nil) != unclean {
				t.Errorf("%d of %d bytes cut off, unclean %v: %v", n, len(whole), unclean, err)
			}
		}
	}
}

// TestKeepsFewDamagedCopies: a disk that keeps failing does not fill up with what was set aside.
func TestKeepsFewDamagedCopies(t *testing.T) { eachForm(t, testKeepsFewDamagedCopies) }

func testKeepsFewDamagedCopies(t *testing.T) {
	d, _, _ := filled(t)
	for range damagedMax + 2 {
		mustClose(t, d)
		if err := os.Remove(filepath.Join(d.dir, badgerName, "MANIFEST")); err != nil {
			t.Fatal(err)
		}
		d, _ = openDisk(t, d.dir)
	}
	got, err := damagedCopies(d.dir, badgerName)
	if diff := cmp.Diff([]int{3, 4, 5}, got); diff != "" || err != nil {
		t.Fatalf("%v %s", err, diff)
	}
	if err := d.Compact(); err != nil {
		t.Fatal(err)
	}
	if got, err := damagedCopies(d.dir, badgerName); err != nil || len(got) > 0 {
		t.Fatalf("after compaction: %v %v", got, err)
	}
	mustClose(t, d)
}

// TestSecondOpenIsLocked: two processes never share a directory; the second one hears who has it.
func TestSecondOpenIsLocked(t *testing.T) { eachForm(t, testSecondOpenIsLocked) }

func testSecondOpenIsLocked(t *testing.T) {
	d, _, _ := filled(t)
	_, _, err := Open(d.dir, Config{Device: me, Key: keyOf(t)})
	if !errors.Is(err, ErrLocked) || !strings.Contains(err.Error(), strconv.Itoa(os.Getpid())) {
		t.Fatalf("got %v", err)
	}
	mustClose(t, d)
	wantReport(t, openDiskOnce(t, d.dir), Report{})
}

// TestRefusesForeignStore: another device's store, a later format and no device at all are refused and left alone.
func TestRefusesForeignStore(t *testing.T) { eachForm(t, testRefusesForeignStore) }

func testRefusesForeignStore(t *testing.T) {
	d, _, all := filled(t)
	mustClose(t, d)
	if _, _, err := Open(d.dir, Config{}); err == nil {
		t.Error("no device: opened")
	}
	if _, _, err := Open(d.dir, Config{Device: newAuthor(2).device(), Key: keyOf(t)}); !errors.Is(err, ErrOtherDevice) {
		t.Errorf("other device: %v", err)
	}
	path := filepath.Join(d.dir, journalName)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	edit(t, path, func(b []byte) []byte {
		copy(b, framingOf(formatVersion+1, b))
		return b
	})
	if _, _, err := Open(d.dir, Config{Device: me, Key: keyOf(t)}); !errors.Is(err, ErrNewer) {
		t.Errorf("newer journal: %v", err)
	}
	edit(t, path, func([]byte) []byte { return whole })
	a, err := openArchive(filepath.Join(d.dir, badgerName), keyOf(t), Config{}.withDefaults().Logger)
	if err != nil {
		t.Fatal(err)
	}
	if err := a.setFormat(formatVersion + 1); err != nil {
		t.Fatal(err)
	}
	if err := a.close(); err != nil {
		t.Fatal(err)
	}
	if _, _, err := Open(d.dir, Config{Device: me, Key: keyOf(t)}); !errors.Is(err, ErrNewer) {
		t.Errorf("newer keys: %v", err)
	}
	if a, err = openArchiveAnyFormat(d.dir, keyOf(t)); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(a.setFormat(formatVersion), a.close()); err != nil {
		t.Fatal(err)
	}
	d, _ = openDisk(t, d.dir)
	same(t, "scan", collect(t, d, all[0].Doc()), all)
	mustClose(t, d)
}

// TestDiskFull: with too little space left, writes are refused, nothing changes, and reading goes on.
func TestDiskFull(t *testing.T) { eachForm(t, testDiskFull) }

func testDiskFull(t *testing.T) {
	d, a, all := filled(t)
	d.cfg.HeadroomBytes = 1 << 60
	next := a.next(all[0].Doc(), d.Epoch(), "no room")
	for range 2 {
		if err := d.Put([]*crdt.Record{next}, nil); !errors.Is(err, ErrDiskFull) {
			t.Fatalf("put: %v", err)
		}
	}
	same(t, "scan", collect(t, d, all[0].Doc()), all)
	if err := d.Erase(all[0].Doc(), []Ref{RefTo(all[0])}); err != nil {
		t.Fatalf("erase on a full disk: %v", err)
	}
	if err := d.Compact(); !errors.Is(err, ErrDiskFull) {
		t.Fatalf("compact: %v", err)
	}
	d.cfg.HeadroomBytes = 1
	mustPut(t, d, []*crdt.Record{next}, nil)
	mustClose(t, d)
}

// TestEmptyStoreIsSmall: a store that holds nothing takes next to no space.
func TestEmptyStoreIsSmall(t *testing.T) { eachForm(t, testEmptyStoreIsSmall) }

func testEmptyStoreIsSmall(t *testing.T) {
	d, _ := openDisk(t, filepath.Join(t.TempDir(), "store"))
	const wantBytes = 1 << 20
	if got, err := treeBytes(d.dir); err != nil || got > wantBytes {
		t.Fatalf("%d bytes, want at most %d (%v)", got, wantBytes, err)
	}
	mustClose(t, d)
}

// TestRunsInBubble: the store works on fake time, and leaves no goroutine behind.
func TestRunsInBubble(t *testing.T) { eachForm(t, testRunsInBubble) }

func testRunsInBubble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, _, all := filled(t)
		same(t, "scan", collect(t, d, all[0].Doc()), all)
		mustClose(t, d)
	})
}

// TestAuditFindsForgedSignature: what the form of a log cannot show, the signatures do.
func TestAuditFindsForgedSignature(t *testing.T) { eachForm(t, testAuditFindsForgedSignature) }

func testAuditFindsForgedSignature(t *testing.T) {
	d, _, all := filled(t)
	var steps []Progress
	if err := d.Audit(crdt.VerifyEd25519, func(p Progress) { steps = append(steps, p) }); err != nil {
		t.Fatalf("audit of a good store: %v", err)
	}
	if diff := cmp.Diff([]Progress{{1, 1, 5}}, steps); diff != "" {
		t.Fatal(diff)
	}
	p := newAuthor(3)
	r := *p.after(all[0].Doc(), 1, crdt.Tip{}, "forged")
	r.Sig = &[crdt.SignatureBytes]byte{1}
	mustPut(t, d, nil, []*crdt.Record{&r})
	var corrupt *CorruptError
	if err := d.Audit(crdt.VerifyEd25519, nil); !errors.As(err, &corrupt) || corrupt.Dot != r.Op.Dot {
		t.Fatalf("audit: %v", err)
	}
	mustClose(t, d)
}

// TestLeavesNothingOpenAfterFailedOpen: the directory can be opened once the cause is gone.
func TestLeavesNothingOpenAfterFailedOpen(t *testing.T) {
	eachForm(t, testLeavesNothingOpenAfterFailedOpen)
}

func testLeavesNothingOpenAfterFailedOpen(t *testing.T) {
	d, _, _ := filled(t)
	mustClose(t, d)
	path := filepath.Join(d.dir, journalName)
	if err := os.Rename(path, path+".away"); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(path, 0o700); err != nil {
		t.Fatal(err)
	}
	if _, _, err := Open(d.dir, Config{Device: me, Key: keyOf(t)}); err == nil || errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("opened a directory as a journal: %v", err)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path+".away", path); err != nil {
		t.Fatal(err)
	}
	wantReport(t, openDiskOnce(t, d.dir), Report{Unclean: true})
}

// TestOwnOperationsFromPeers: what peers give back of this device's lost past joins the journal and costs no epoch; an
// operation of the present epoch that the journal has never seen shows that somebody else writes in it.
func TestOwnOperationsFromPeers(t *testing.T) { eachForm(t, testOwnOperationsFromPeers) }

func testOwnOperationsFromPeers(t *testing.T) {
	d, _, all := filled(t)
	doc, epoch := all[0].Doc(), d.Epoch()
	past := newAuthor(1).next(doc, epoch+1, "from before the journal was lost")
	mustPut(t, d, nil, []*crdt.Record{past})
	mustClose(t, d)
	d, rep := openDisk(t, d.dir)
	wantReport(t, rep, Report{Recovered: 1})
	if rep.Epoch != epoch || len(ownOf(t, d)) != 4 {
		t.Fatalf("epoch %x became %x, %d own operations", epoch, rep.Epoch, len(ownOf(t, d)))
	}
	twin := newAuthor(1).after(doc, epoch, crdt.Tip{}, "of a clone")
	mustPut(t, d, nil, []*crdt.Record{twin})
	mustClose(t, d)
	rep = openDiskOnce(t, d.dir)
	if !rep.FreshEpoch || rep.Epoch == epoch || rep.Recovered != 1 {
		t.Fatalf("report: %+v", rep)
	}
}
