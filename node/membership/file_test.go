package membership

import (
	"bytes"
	"errors"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"muster/crdt"
)

func sampleBook() *book {
	b := newBook()
	e := b.entry(device(1).ID())
	e.seen = time.UnixMilli(1_700_000_000_123)
	e.worked = []netip.AddrPort{netip.MustParseAddrPort("10.0.0.1:4100"), netip.MustParseAddrPort("[fe80::1%wlan0]:4100")}
	e.signed = []netip.AddrPort{netip.MustParseAddrPort("[2001:db8::1]:4100")}
	b.entry(device(2).ID())
	return b
}

// A book that is written and read again is the same, and hints are not in it.
func TestBookRoundTrip(t *testing.T) {
	b := sampleBook()
	b.entries[device(2).ID()].learnHint(hostAddr(2))
	text := b.format(time.Now())
	got, err := parseBook(text)
	if err != nil {
		t.Fatal(err)
	}
	if again := got.format(time.Now()); !bytes.Equal(again, text) {
		t.Errorf("got\n%s\nwant\n%s", again, text)
	}
	if strings.Contains(string(text), hostAddr(2).String()) {
		t.Error("a hint was written")
	}
}

// A device that is connected while the book is written was seen then.
func TestBookSavesConnectedAsSeenNow(t *testing.T) {
	b := sampleBook()
	b.entries[device(1).ID()].connected = true
	now := time.UnixMilli(1_800_000_000_000)
	got, err := parseBook(b.format(now))
	if err != nil {
		t.Fatal(err)
	}
	if seen := got.entries[device(1).ID()].seen; !seen.Equal(now) {
		t.Errorf("seen %v", seen)
	}
}

// One flipped bit anywhere, or a cut anywhere, is noticed.
func TestBookRefusesDamage(t *testing.T) {
	text := sampleBook().format(time.Now())
	for i := range text {
		bad := slices.Clone(text)
		bad[i] ^= 4
		if _, err := parseBook(bad); err == nil {
			t.Errorf("accepted with byte %d changed", i)
		}
		if _, err := parseBook(text[:i]); err == nil {
			t.Errorf("accepted at %d bytes", i)
		}
	}
}

// A damaged file is set aside, said so, and the node starts with an empty book, which it can save.
func TestDamagedBookStartsEmpty(t *testing.T) {
	path := filepath.Join(t.TempDir(), "book")
	if err := os.WriteFile(path, []byte("muster address book v1\ngarbage"), 0o600); err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	m, err := New(Config{
		Device: device(1), Links: &fakeLinks{}, Team: "acme", Path: path,
		Member: func(crdt.DeviceID) bool { return true },
		Log:    slog.New(slog.NewTextHandler(&log, nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(m.Known()) != 0 || !strings.Contains(log.String(), "damaged") {
		t.Errorf("book %v, log %q", m.Known(), log.String())
	}
	if _, err := os.Stat(path + ".damaged"); err != nil {
		t.Error(err)
	}
	if err := saveFile(path, sampleBook().format(time.Now())); err != nil {
		t.Fatal(err)
	}
	if b, err := loadBook(path, os.ReadFile); err != nil || len(b.entries) != 2 {
		t.Errorf("loaded %v, %v", b, err)
	}
}

// A missing file is an empty book; a file that cannot be written is an error and leaves nothing behind.
func TestBookFileErrors(t *testing.T) {
	dir := t.TempDir()
	if b, err := loadBook(filepath.Join(dir, "none"), os.ReadFile); err != nil || len(b.entries) != 0 {
		t.Errorf("loaded %v, %v", b, err)
	}
	if err := os.Mkdir(filepath.Join(dir, "taken"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := saveFile(filepath.Join(dir, "taken"), nil); err == nil {
		t.Error("saved over a directory")
	}
	left, err := os.ReadDir(dir)
	if err != nil || len(left) != 1 {
		t.Errorf("left behind: %v, %v", left, err)
	}
	if _, err := loadBook(filepath.Join(dir, "taken"), os.ReadFile); err == nil || errors.Is(err, os.ErrNotExist) {
		t.Errorf("loading a directory: %v", err)
	}
}

// The order of addresses: the newest sighting, what worked last, then the rest; and nobody's hints push out what worked.
func TestAddressOrder(t *testing.T) {
	b := newBook()
	e := b.entry(device(1).ID())
	for i := range 20 {
		b.learnWorked(e, hostAddr(100+i))
	}
	b.learnSigned(e, []netip.AddrPort{hostAddr(50)})
	for i := range 20 {
		e.learnHint(hostAddr(200 + i))
	}
	got := e.addrs()
	if want := []netip.AddrPort{hostAddr(219), hostAddr(119), hostAddr(50), hostAddr(118)}; !slices.Equal(got[:4], want) {
		t.Errorf("starts with %v, want %v", got[:4], want)
	}
	if len(got) != addrsMax+1+hintsMax {
		t.Errorf("%d addresses", len(got))
	}
}

// The book never holds more than its limit of devices.
func TestBookIsBounded(t *testing.T) {
	b := newBook()
	for i := range devicesMax + 1 {
		e := b.entry(crdt.DeviceID{byte(i), byte(i >> 8)})
		if (e == nil) != (i == devicesMax) {
			t.Fatalf("device %d: %v", i, e)
		}
	}
}

// Whatever parses is written in a form that parses to the same.
func FuzzParseBook(f *testing.F) {
	f.Add(string(sampleBook().format(time.UnixMilli(0))))
	f.Add(bookHeader + "\n")
	f.Add(bookHeader + "\nworked 10.0.0.1:1\n")
	f.Fuzz(func(t *testing.T, text string) {
		if i := strings.LastIndex(text, "\nsum "); i >= 0 {
			text = text[:i+1]
		}
		b, err := parseBook([]byte(text + "sum " + bookSum([]byte(text)) + "\n"))
		if err != nil {
			return
		}
		once := b.format(time.UnixMilli(0))
		again, err := parseBook(once)
		if err != nil {
			t.Fatalf("%v in what was written:\n%s", err, once)
		}
		if twice := again.format(time.UnixMilli(0)); !bytes.Equal(once, twice) {
			t.Fatalf("got\n%s\nwant\n%s", twice, once)
		}
	})
}
