package identity

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"muster/crdt"
)

// A key is made once, with a mode that keeps it from others, and read from then on.
func TestKeyIsMadeOnce(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "device.key")
	first, err := LoadOrCreate(path)
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode is %v, %v", info.Mode(), err)
	}
	again, err := LoadOrCreate(path)
	if err != nil || again.ID() != first.ID() {
		t.Errorf("got %v, want %v: %v", again.ID(), first.ID(), err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 1 {
		t.Errorf("files left: %v, %v", left, err)
	}
}

// Ten that race make one key.
func TestRacingCreatorsAgree(t *testing.T) {
	path := filepath.Join(t.TempDir(), "device.key")
	var wg sync.WaitGroup
	ids := make([]crdt.DeviceID, 10)
	for i := range ids {
		wg.Go(func() {
			d, err := LoadOrCreate(path)
			if err != nil {
				t.Error(err)
				return
			}
			ids[i] = d.ID()
		})
	}
	wg.Wait()
	for _, id := range ids {
		if id != ids[0] {
			t.Fatal("two keys were made")
		}
	}
}

// A file that others can read is refused, with what to type.
func TestReadableByOthersIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "device.key")
	if _, err := LoadOrCreate(path); err != nil {
		t.Fatal(err)
	}
	for _, mode := range []fs.FileMode{0o640, 0o604, 0o620} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		_, err := LoadOrCreate(path)
		var unsafe *UnsafeFileError
		if !errors.As(err, &unsafe) || unsafe.Hint() != "chmod 600 "+path {
			t.Errorf("mode %o: %v", mode, err)
		}
	}
}

// A damaged file is an error, and stays as it is: a new key would be a new device.
func TestDamagedKeyIsNotReplaced(t *testing.T) {
	path := filepath.Join(t.TempDir(), "device.key")
	good := string(formatFile(FromSeed([32]byte{1})))
	lines := strings.Split(good, "\n")
	for name, text := range map[string]string{
		"empty":        "",
		"cut":          good[:len(good)-1],
		"header":       "muster device key v2\n" + lines[1] + "\n" + lines[2] + "\n",
		"seed changed": lines[0] + "\n" + "AB" + lines[1][2:] + "\n" + lines[2] + "\n",
		"seed short":   lines[0] + "\n" + lines[1][4:] + "\n" + lines[2] + "\n",
		"more lines":   good + "x\n",
		"long":         good + strings.Repeat(" ", fileSizeMax),
		"windows":      strings.ReplaceAll(good, "\n", "\r\n"),
	} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := LoadOrCreate(path)
		var damaged *DamagedFileError
		if !errors.As(err, &damaged) || damaged.Hint() == "" {
			t.Errorf("%s: %v", name, err)
		}
		if now, err := os.ReadFile(path); err != nil || string(now) != text {
			t.Errorf("%s: the file was changed", name)
		}
	}
	if _, err := LoadOrCreate(filepath.Join(path, "no", "such")); err == nil {
		t.Error("created in a directory that is none")
	}
	if _, err := LoadOrCreate(t.TempDir()); err == nil {
		t.Error("loaded a directory")
	}
}

// The format of the file and what is derived from a key are fixed: another result would lock every device out.
func TestFixedFormats(t *testing.T) {
	d := FromSeed([32]byte{1})
	want := "muster device key v1\nAQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n" + d.ID().String() + "\n"
	if got := string(formatFile(d)); got != want {
		t.Errorf("the file is %q, want %q", got, want)
	}
	for _, c := range []struct {
		derive func() ([32]byte, error)
		want   string
	}{
		{d.StatelessResetKey, "81beaca24545dc5ff7262b0b29cd7a03607f7e2444972d5d4adc2d7a365bb71c"},
		{d.TokenKey, "0d37a5e82ab7f371272b27c4ec0179d1b75efff8c4fe9a33c33f520952ea73bd"},
	} {
		if got, err := c.derive(); err != nil || hex.EncodeToString(got[:]) != c.want {
			t.Errorf("derived %x, want %s: %v", got, c.want, err)
		}
	}
}

// A signature counts for its device, its context and its message only.
func TestSignaturesAreBound(t *testing.T) {
	d, other := FromSeed([32]byte{1}), FromSeed([32]byte{2})
	sig, err := d.Sign("muster/test/v1", []byte("message"))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		device           crdt.DeviceID
		context, message string
		want             bool
	}{
		{d.ID(), "muster/test/v1", "message", true},
		{other.ID(), "muster/test/v1", "message", false},
		{d.ID(), "muster/test/v2", "message", false},
		{d.ID(), "", "message", false},
		{d.ID(), "muster/test/v1", "massage", false},
	} {
		if got := Verify(c.device, c.context, []byte(c.message), sig); got != c.want {
			t.Errorf("%s, %q, %q: %v", c.device.Short(), c.context, c.message, got)
		}
	}
	if Verify(d.ID(), "muster/test/v1", []byte("message"), sig[:63]) {
		t.Error("a short signature was accepted")
	}
	if _, err := d.Sign("", nil); err == nil {
		t.Error("signed for nothing")
	}
}

// The certificate is good at any time that a wrong clock may show, and names its device.
func TestCertificateOutlivesEveryClock(t *testing.T) {
	d := FromSeed([32]byte{1})
	cert, err := d.Certificate()
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(cert.Certificate[0])
	if err != nil {
		t.Fatal(err)
	}
	for _, clock := range []time.Time{time.Unix(0, 0), time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(9000, 1, 1, 0, 0, 0, 0, time.UTC)} {
		if clock.Before(leaf.NotBefore) || clock.After(leaf.NotAfter) {
			t.Errorf("not valid at %v", clock)
		}
	}
	state := tls.ConnectionState{PeerCertificates: []*x509.Certificate{leaf}}
	if got, err := PeerDevice(state); err != nil || got != d.ID() {
		t.Errorf("device is %v, %v", got, err)
	}
	for n := range 3 {
		state.PeerCertificates = make([]*x509.Certificate, n)
		for i := range n {
			state.PeerCertificates[i] = leaf
		}
		if _, err := PeerDevice(state); (err == nil) != (n == 1) {
			t.Errorf("%d certificates: %v", n, err)
		}
	}
}
