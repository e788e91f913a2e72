package store

import (
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"muster/crdt"
)

// TestRoomAgreesWithPut: Room says whether Put would be refused for want of space.
func TestRoomAgreesWithPut(t *testing.T) { eachForm(t, testRoomAgreesWithPut) }

func testRoomAgreesWithPut(t *testing.T) {
	d, a, all := filled(t)
	if err := d.Room(); err != nil {
		t.Fatalf("room: %v", err)
	}
	d.cfg.HeadroomBytes = 1 << 60
	if err := d.Room(); !errors.Is(err, ErrDiskFull) {
		t.Errorf("room without room: %v", err)
	}
	d.cfg.HeadroomBytes = 0
	if got, least := d.headroom(), busyMemTables*d.memTable(); got < least || got > headroomMax {
		t.Errorf("headroom %d, want %d to %d", got, least, headroomMax)
	}
	mustPut(t, d, []*crdt.Record{a.next(all[0].Doc(), d.Epoch(), "room")}, nil)
	mustClose(t, d)
	if err := d.Room(); !errors.Is(err, ErrClosed) {
		t.Errorf("room of a closed store: %v", err)
	}
}

// spyFile tells of every write to the journal.
type spyFile struct {
	journalFile
	told func()
}

func (f spyFile) WriteAt(b []byte, at int64) (int, error) {
	f.told()
	return f.journalFile.WriteAt(b, at)
}

// TestJournalFollowsPeers: an own operation may stand on one of a peer in the same Put. When it is written to the journal
// that one is in the archive, so that no power cut leaves an own operation without what it stands on.
func TestJournalFollowsPeers(t *testing.T) { eachForm(t, testJournalFollowsPeers) }

func testJournalFollowsPeers(t *testing.T) {
	var d *Disk
	var below *crdt.Record
	writes, early := 0, 0
	cfg := Config{Device: me, Key: keyOf(t), wrapJournal: func(f journalFile) journalFile {
		return spyFile{f, func() {
			if below == nil {
				return
			}
			writes++
			if run, err := d.Run(below.Doc(), below.Op.Dot.Log(), 1, 1); err != nil || len(run) == 0 {
				early++
			}
		}}
	}}
	var err error
	if d, _, err = Open(filepath.Join(t.TempDir(), "store"), cfg); err != nil {
		t.Fatal(err)
	}
	below = newAuthor(2).found(7)
	mustPut(t, d, []*crdt.Record{newAuthor(1).next(below.Doc(), d.Epoch(), "on top")}, []*crdt.Record{below})
	if writes == 0 || early > 0 {
		t.Errorf("%d of %d writes to the journal came before what they stand on", early, writes)
	}
	below = nil
	mustClose(t, d)
}

// TestLostTailIsTold: where Badger's log breaks off although more was written, the report says so; the end of a write that
// a crash cut off is nothing to tell of.
func TestLostTailIsTold(t *testing.T) { eachForm(t, testLostTailIsTold) }

func testLostTailIsTold(t *testing.T) {
	for _, c := range []struct {
		name string
		harm func(b []byte, used int) []byte
		told bool
	}{
		{"nothing", func(b []byte, _ int) []byte { return b }, false},
		{"flipped", func(b []byte, used int) []byte { b[used/2] ^= 4; return b }, true},
		{"first flipped", func(b []byte, _ int) []byte { b[walHead] ^= 1; return b }, true},
		{"cut short", func(b []byte, used int) []byte { return b[:used/2] }, true},
		{"cut behind a zero", func(b []byte, used int) []byte {
			at := walHead
			for at < used/2 {
				n, ok := walEntry(b[at:])
				if !ok {
					break
				}
				at += n
			}
			at += 2
			for range 2 {
				_, n := binary.Uvarint(b[at:])
				at += n
			}
			if b[at] != 0 {
				panic("an entry that expires")
			}
			return b[:at+1]
		}, true},
		{"torn", func(b []byte, used int) []byte { clear(b[used-20:]); return b }, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			d, _ := openDisk(t, filepath.Join(t.TempDir(), "store"))
			peer := newAuthor(2)
			genesis := peer.found(7)
			mustPut(t, d, nil, []*crdt.Record{genesis})
			for range 20 {
				mustPut(t, d, nil, []*crdt.Record{peer.next(genesis.Doc(), 7, "more")})
			}
			dir := crash(t, d)
			logs, err := filepath.Glob(filepath.Join(dir, badgerName, "*.mem"))
			if err != nil || len(logs) != 1 {
				t.Fatalf("logs: %v %v", logs, err)
			}
			b, err := os.ReadFile(logs[0])
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(logs[0], c.harm(b, int(nonZero(b))), 0o600); err != nil {
				t.Fatal(err)
			}
			d, rep := openDisk(t, dir)
			if (rep.LostTail != "") != c.told || rep.SetAside != "" {
				t.Errorf("report %+v; want the tail told of: %t", rep, c.told)
			}
			mustClose(t, d)
		})
	}
}

// FuzzWALTail: no content of a log makes looking at it fail, and what it says is within the log.
func FuzzWALTail(f *testing.F) {
	f.Add([]byte{})
	f.Add(make([]byte, 64))
	f.Fuzz(func(t *testing.T, b []byte) {
		if at, lost := walTail(b); at < 0 || lost < 0 || at+lost > len(b) {
			t.Errorf("%d bytes from %d on of %d", lost, at, len(b))
		}
	})
}
