package node

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"strings"

	"muster/crdt"
	"muster/node/identity"
)

// The file of the relay key is text, and the one thing in a protected home that must be in the clear: the version, the
// seed of the key, the number of the team and where its peers were last. It names nobody.
//
//	muster relay v1
//	seed BASE64
//	team HEX
//	at 192.0.2.7:7946
//
// Where its owner wants no relaying it says so instead, with the public key that the team was told in place of the last:
// nobody has the private one.
//
//	muster relay v1
//	off HEX
const (
	relayHeader   = "muster relay v1"
	relayAddrsMax = 16
	relaySizeMax  = 4096
)

// A relayFile is what a locked start relays with, or the word that it does not.
type relayFile struct {
	seed  [32]byte
	team  crdt.DocID
	addrs []netip.AddrPort // at most relayAddrsMax

	off  bool // then nothing above is set
	void crdt.DeviceID
}

func (h home) relay() string { return filepath.Join(h.dir, "relay") }

// newRelay makes a key for a team.
func newRelay(team crdt.DocID) (*relayFile, error) {
	f := &relayFile{team: team}
	_, err := rand.Read(f.seed[:])
	return f, err
}

// noRelay makes the word that a home does not relay.
func noRelay() (*relayFile, error) {
	f, err := newRelay(crdt.DocID{})
	if err != nil {
		return nil, err
	}
	return &relayFile{off: true, void: f.device().ID()}, nil
}

// device is the identity that the file holds.
func (f *relayFile) device() identity.Device { return identity.FromSeed(f.seed) }

// format writes the file.
func (f *relayFile) format() []byte {
	if f.off {
		return fmt.Appendf(nil, "%s\noff %s\n", relayHeader, f.void)
	}
	out := fmt.Appendf(nil, "%s\nseed %s\nteam %s\n", relayHeader, base64.StdEncoding.EncodeToString(f.seed[:]), f.team)
	for _, a := range f.addrs {
		out = fmt.Appendf(out, "at %s\n", a)
	}
	return out
}

// parseRelay reads what format wrote.
func parseRelay(text string) (*relayFile, error) {
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	if len(lines) == 2 && lines[0] == relayHeader {
		text, off := strings.CutPrefix(lines[1], "off ")
		void, err := crdt.ParseDeviceID(text)
		if !off || err != nil {
			return nil, fmt.Errorf("%w: relay key", crdt.ErrFormat)
		}
		return &relayFile{off: true, void: void}, nil
	}
	if len(lines) < 3 || len(lines) > 3+relayAddrsMax || lines[0] != relayHeader {
		return nil, fmt.Errorf("%w: relay key", crdt.ErrFormat)
	}
	seed, okSeed := strings.CutPrefix(lines[1], "seed ")
	team, okTeam := strings.CutPrefix(lines[2], "team ")
	raw, err := base64.StdEncoding.Strict().DecodeString(seed)
	if !okSeed || !okTeam || err != nil || len(raw) != 32 {
		return nil, fmt.Errorf("%w: relay key", crdt.ErrFormat)
	}
	f := &relayFile{seed: [32]byte(raw)}
	if f.team, err = parseCurrent(team); err != nil {
		return nil, err
	}
	for _, line := range lines[3:] {
		text, ok := strings.CutPrefix(line, "at ")
		a, err := netip.ParseAddrPort(text)
		if !ok || err != nil {
			return nil, fmt.Errorf("%w: address in the relay key", crdt.ErrFormat)
		}
		f.addrs = append(f.addrs, a)
	}
	return f, nil
}

// readRelay reads the file; one that is not there is [fs.ErrNotExist].
func (h home) readRelay() (f *relayFile, err error) {
	if h.disk.nothing {
		return nil, fs.ErrNotExist
	}
	file, err := os.Open(h.relay())
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	b, err := io.ReadAll(io.LimitReader(file, relaySizeMax))
	if err != nil {
		return nil, err
	}
	return parseRelay(string(b))
}

// writeRelay replaces the file.
func (h home) writeRelay(f *relayFile) error { return replaceFile(h.relay(), f.format()) }

// removeRelay takes the file away if there is one.
func (h home) removeRelay() error {
	if err := os.Remove(h.relay()); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
