package membership

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"muster/crdt"
)

// The file of the address book is text, so that a person can read where the others were:
//
//	muster address book v1
//	device <name> <milliseconds since 1970 when last connected, 0 if never>
//	worked <address:port>      0 to 8 times, the latest first
//	signed <address:port>      0 to 8 times
//	sum <first 8 bytes of the SHA-256 of everything above, in hexadecimal>
const (
	bookHeader  = "muster address book v1"
	bookSizeMax = devicesMax * (80 + 2*addrsMax*80)
)

// loadBook reads the file. A damaged one is set aside beside it and an empty book returned together with the error: the
// caller says so and goes on.
func loadBook(path string, read func(path string) ([]byte, error)) (*book, error) {
	text, err := read(path)
	if errors.Is(err, fs.ErrNotExist) {
		return newBook(), nil
	}
	if err != nil {
		return newBook(), fmt.Errorf("read address book: %w", err)
	}
	b, err := parseBook(text)
	if err != nil {
		aside := path + ".damaged"
		return newBook(), errors.Join(fmt.Errorf("address book is damaged, set aside as %s: %w", aside, err), os.Rename(path, aside))
	}
	return b, nil
}

// saveFile replaces the file in one step.
func saveFile(path string, text []byte) (err error) {
	f, err := os.CreateTemp(filepath.Dir(path), ".address-book-*")
	if err != nil {
		return fmt.Errorf("save address book: %w", err)
	}
	_, err = f.Write(text)
	if err = errors.Join(err, f.Sync(), f.Close()); err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("save address book: %w", err), os.Remove(f.Name()))
	}
	return nil
}

// format returns the file as of now, which is when the devices that are connected were last seen.
func (b *book) format(now time.Time) []byte {
	var out bytes.Buffer
	fmt.Fprintln(&out, bookHeader)
	devices := slices.SortedFunc(maps.Keys(b.entries), crdt.DeviceID.Compare)
	for _, d := range devices {
		e := b.entries[d]
		var seen int64
		if e.connected {
			seen = now.UnixMilli()
		} else if !e.seen.IsZero() {
			seen = e.seen.UnixMilli()
		}
		fmt.Fprintf(&out, "device %s %d\n", d, seen)
		for _, a := range e.worked {
			fmt.Fprintf(&out, "worked %s\n", a)
		}
		for _, a := range e.signed {
			fmt.Fprintf(&out, "signed %s\n", a)
		}
	}
	fmt.Fprintf(&out, "sum %s\n", bookSum(out.Bytes()))
	return out.Bytes()
}

func bookSum(text []byte) string {
	h := sha256.Sum256(text)
	return hex.EncodeToString(h[:8])
}

func parseBook(text []byte) (*book, error) {
	if len(text) > bookSizeMax {
		return nil, fmt.Errorf("%d bytes", len(text))
	}
	end := bytes.LastIndex(text, []byte("\nsum ")) + 1
	if end == 0 || string(text[end:]) != fmt.Sprintf("sum %s\n", bookSum(text[:end])) {
		return nil, errors.New("the sum is wrong")
	}
	lines := strings.Split(strings.TrimSuffix(string(text[:end]), "\n"), "\n")
	if lines[0] != bookHeader {
		return nil, fmt.Errorf("does not start with %q", bookHeader)
	}
	b := newBook()
	var e *entry
	for i, line := range lines[1:] {
		var err error
		if e, err = b.parseLine(e, line); err != nil {
			return nil, fmt.Errorf("line %d: %w", i+2, err)
		}
	}
	return b, nil
}

// parseLine adds what a line says of the entry e, or of the new one it begins, and returns that.
func (b *book) parseLine(e *entry, line string) (*entry, error) {
	word, rest, _ := strings.Cut(line, " ")
	if word == "device" {
		return b.parseDevice(rest)
	}
	addr, err := netip.ParseAddrPort(rest)
	switch {
	case err != nil:
		return nil, err
	case e == nil:
		return nil, errors.New("an address of nobody")
	case word == "worked" && len(e.worked) < addrsMax:
		e.worked = append(e.worked, addr)
	case word == "signed" && len(e.signed) < addrsMax:
		e.signed = append(e.signed, addr)
	default:
		return nil, fmt.Errorf("%q is not allowed here", word)
	}
	return e, nil
}

func (b *book) parseDevice(rest string) (*entry, error) {
	name, ms, _ := strings.Cut(rest, " ")
	device, err := crdt.ParseDeviceID(name)
	seen, merr := strconv.ParseInt(ms, 10, 64)
	if err := cmp.Or(err, merr); err != nil {
		return nil, err
	}
	if b.entries[device] != nil || len(b.entries) == devicesMax {
		return nil, errors.New("a device too many")
	}
	e := &entry{}
	if seen > 0 {
		e.seen = time.UnixMilli(seen)
	}
	b.entries[device] = e
	return e, nil
}
