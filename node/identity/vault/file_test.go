package vault

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/zalando/go-keyring"
)

// mapRing is a keyring in memory.
type mapRing struct {
	mu     sync.Mutex
	held   map[string]string
	forget bool
}

func newRing() *mapRing { return &mapRing{held: map[string]string{}} }

func (r *mapRing) Get(entry string) (string, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	s, ok := r.held[entry]
	if !ok {
		return "", ErrNotInRing
	}
	return s, nil
}

func (r *mapRing) Set(entry, secret string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.forget {
		r.held[entry] = secret
	}
	return nil
}

func (r *mapRing) Delete(entry string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.held, entry)
	return nil
}

// hungRing never answers, until it is let go.
type hungRing struct{ let chan struct{} }

func (r hungRing) Get(string) (string, error) { <-r.let; return "", ErrNoRing }
func (r hungRing) Set(string, string) error   { <-r.let; return ErrNoRing }
func (r hungRing) Delete(string) error        { <-r.let; return ErrNoRing }

var (
	someSecrets = Secrets{Seed: [KeyBytes]byte{1, 2, 3}, Key: bytes.Repeat([]byte{4}, KeyBytes), Old: bytes.Repeat([]byte{5}, KeyBytes), Moving: true}
	hows        = []How{
		{Mode: None},
		{Mode: Passphrase, Passphrase: "correct horse", Work: WorkRandom},
		{Mode: Keyring},
	}
)

// how is one of hows with a keyring.
func how(h How, r Ring) How {
	h.Ring = r
	return h
}

func write(t *testing.T, path string, s Secrets, h How) {
	t.Helper()
	if err := Write(path, "dev1", s, h); err != nil {
		t.Fatal(err)
	}
}

// TestSecretsComeBack: in every mode, with and without a key, and the file says the mode and the device to anybody.
func TestSecretsComeBack(t *testing.T) {
	for _, h := range hows {
		for _, s := range []Secrets{someSecrets, {Seed: [KeyBytes]byte{9}}, {Key: someSecrets.Key}} {
			path, h := filepath.Join(t.TempDir(), "device.key"), how(h, newRing())
			write(t, path, s, h)
			f, err := Load(path)
			if err != nil || f.Mode != h.Mode || f.Device != "dev1" {
				t.Fatalf("%s: %+v, %v", h.Mode, f, err)
			}
			got, err := f.Open(h)
			if d := cmp.Diff(s, got); err != nil || d != "" {
				t.Errorf("%s: %v %s", h.Mode, err, d)
			}
			if info, err := os.Stat(path); err != nil || info.Mode().Perm() != fileMode {
				t.Errorf("mode %v, %v", info.Mode(), err)
			}
			raw, err := os.ReadFile(path)
			if plain := bytes.Contains(raw, []byte("AAAAAAAAAAAAAAAA")); err != nil || plain != (h.Mode == None) {
				t.Errorf("%s: zeros of the seed in the file: %v, %v", h.Mode, plain, err)
			}
		}
	}
}

// TestModesChange: from every mode to every other the secrets stay the same, the file before is overwritten where it
// was, and the keyring keeps nothing that opens nothing.
func TestModesChange(t *testing.T) {
	for _, from := range hows {
		for _, to := range hows {
			path, ring := filepath.Join(t.TempDir(), "device.key"), newRing()
			write(t, path, someSecrets, how(from, ring))
			before, err := os.Open(path)
			if err != nil {
				t.Fatal(err)
			}
			write(t, path, someSecrets, how(to, ring))
			old := make([]byte, 4096)
			n, _ := before.Read(old) // how much there is, is what the next line asks
			if err := before.Close(); err != nil || n == 0 || len(bytes.Trim(old[:n], "\x00")) > 0 {
				t.Errorf("%s to %s: left behind: %q, %v", from.Mode, to.Mode, old[:n], err)
			}
			f, err := Load(path)
			if err != nil {
				t.Fatal(err)
			}
			if got, err := f.Open(how(to, ring)); err != nil || !cmp.Equal(got, someSecrets) {
				t.Errorf("%s to %s: %+v, %v", from.Mode, to.Mode, got, err)
			}
			if want := map[bool]int{to.Mode == Keyring: 1}[true]; len(ring.held) != want {
				t.Errorf("%s to %s: the keyring holds %d entries, want %d", from.Mode, to.Mode, len(ring.held), want)
			}
		}
	}
}

// TestWithoutTheSecretItStaysShut: each way not to have it has its own error, and the file stays.
func TestWithoutTheSecretItStaysShut(t *testing.T) {
	ring := newRing()
	for _, c := range []struct {
		made, with How
		want       error
	}{
		{hows[1], How{}, ErrLocked},
		{hows[1], How{Passphrase: "correct horsf"}, ErrPassphrase},
		{how(hows[2], ring), How{}, ErrNoRing},
		{how(hows[2], ring), How{Ring: newRing()}, ErrNotInRing}, // another session, or another machine with a copy (T14)
	} {
		path := filepath.Join(t.TempDir(), "device.key")
		write(t, path, someSecrets, c.made)
		before, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		f, err := Load(path)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := f.Open(c.with); !errors.Is(err, c.want) || !cmp.Equal(got, Secrets{}) {
			t.Errorf("%s: %v, want %v", c.made.Mode, err, c.want)
		}
		if after, err := os.ReadFile(path); err != nil || !bytes.Equal(after, before) {
			t.Errorf("%s: the file changed", c.made.Mode)
		}
	}
}

// TestDamagedVaultIsNotOpened: whatever byte is hit or wherever it ends, it says so, and is never taken for another one.
func TestDamagedVaultIsNotOpened(t *testing.T) {
	for _, h := range hows {
		path, h := filepath.Join(t.TempDir(), "device.key"), how(h, newRing())
		write(t, path, someSecrets, h)
		whole, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		try := func(what string, at int, b []byte) {
			if err := os.WriteFile(path, b, fileMode); err != nil {
				t.Fatal(err)
			}
			f, err := Load(path)
			if err == nil {
				_, err = f.Open(h)
			}
			var damaged *DamagedError
			if !errors.As(err, &damaged) && !errors.Is(err, ErrNotVault) || damaged != nil && damaged.Hint() == "" {
				t.Fatalf("%s, %s %d: %v", h.Mode, what, at, err)
			}
		}
		for i := range whole {
			b := bytes.Clone(whole)
			b[i] ^= 1
			try("flipped", i, b)
			try("ends at", i, whole[:i])
		}
		try("longer by", 1, append(bytes.Clone(whole), '\n'))
		try("too long", fileSizeMax, bytes.Repeat(whole, fileSizeMax))
	}
	if _, err := Load(t.TempDir()); err == nil {
		t.Error("loaded a directory")
	}
	if _, err := Load(filepath.Join(t.TempDir(), "none")); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
}

// TestForgedVaultIsNotOpened: a file whose sum was made to fit is still bound to its key, its device and its entry.
func TestForgedVaultIsNotOpened(t *testing.T) {
	ring := newRing()
	path := filepath.Join(t.TempDir(), "device.key")
	write(t, path, someSecrets, how(hows[2], ring))
	f, err := Load(path)
	if err != nil {
		t.Fatal(err)
	}
	f.Device = "dev2"
	if err := os.WriteFile(path, f.format(), fileMode); err != nil {
		t.Fatal(err)
	}
	if f, err = Load(path); err != nil {
		t.Fatal(err)
	}
	var damaged *DamagedError
	if _, err := f.Open(how(hows[2], ring)); !errors.As(err, &damaged) {
		t.Errorf("another device: %v", err)
	}
	for _, text := range []string{
		"mode none\ndevice d\nentry e\n\n", "mode keyring\ndevice d\nentry -\n\n", "mode magic\ndevice d\nentry -\n\n", "mode none\ndevice d\nentry -\n!\n",
	} {
		b := []byte(header + "\n" + text)
		if _, err := parseFile(append(b, "sum "+sumOf(b)+"\n"...)); err == nil {
			t.Errorf("read %q", text)
		}
	}
	for _, b := range [][]byte{nil, make([]byte, 96), make([]byte, 98), append([]byte{8}, make([]byte, 96)...)} {
		if _, err := parseSecrets(b); err == nil {
			t.Errorf("read secrets of %d bytes", len(b))
		}
	}
}

// TestReadableByOthersIsRefused: with what to type.
func TestReadableByOthersIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "device.key")
	write(t, path, someSecrets, hows[1])
	if err := os.Chmod(path, 0o640); err != nil {
		t.Fatal(err)
	}
	var unsafe *UnsafeError
	if _, err := Load(path); !errors.As(err, &unsafe) || unsafe.Hint() != "chmod 600 "+path {
		t.Error(err)
	}
}

// TestHungKeyringCostsItsTime: a keyring that never answers, and one that forgets, are errors after two seconds at most;
// what was on disk stays.
func TestHungKeyringCostsItsTime(t *testing.T) {
	dir := t.TempDir()
	path, made := filepath.Join(dir, "device.key"), how(hows[2], newRing())
	write(t, path, someSecrets, made)
	synctest.Test(t, func(t *testing.T) {
		hung := hungRing{make(chan struct{})}
		defer close(hung.let)
		f, err := Load(path)
		if err != nil {
			t.Fatal(err)
		}
		begun := time.Now()
		if _, err := f.Open(How{Ring: hung}); !errors.Is(err, ErrRingSilent) || time.Since(begun) != RingWait {
			t.Errorf("open: %v after %s", err, time.Since(begun))
		}
		begun = time.Now()
		if err := Write(path, "dev1", someSecrets, How{Mode: Keyring, Ring: hung, Wait: time.Second}); !errors.Is(err, ErrRingSilent) || time.Since(begun) != time.Second {
			t.Errorf("write: %v after %s", err, time.Since(begun))
		}
	})
	if err := Write(path, "dev1", someSecrets, How{Mode: Keyring, Ring: &mapRing{held: map[string]string{}, forget: true}}); !errors.Is(err, ErrNotInRing) {
		t.Errorf("forgetful: %v", err)
	}
	f, err := Load(path)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := f.Open(made); err != nil || !cmp.Equal(got, someSecrets) {
		t.Errorf("afterwards: %+v, %v", got, err)
	}
}

// TestUnwritableStays: where the file cannot be replaced the keyring loses the new entry again.
func TestUnwritableStays(t *testing.T) {
	ring := newRing()
	if err := Write(filepath.Join(t.TempDir(), "none", "device.key"), "dev1", someSecrets, how(hows[2], ring)); err == nil || len(ring.held) > 0 {
		t.Errorf("%v, %d entries left", err, len(ring.held))
	}
	if err := Write(filepath.Join(t.TempDir(), "device.key"), "dev1", someSecrets, How{Mode: Passphrase, Passphrase: "short"}); err == nil || !strings.Contains(err.Error(), "8") {
		t.Error(err)
	}
	if err := Write(filepath.Join(t.TempDir(), "device.key"), "dev1", someSecrets, How{Mode: "magic"}); err == nil {
		t.Error("wrote in no mode")
	}
}

// TestEntryOfStandingVaultStays: what fails after the new vault is in place must not take its key out of the keyring. The
// device would be lost with it.
func TestEntryOfStandingVaultStays(t *testing.T) {
	path, ring := filepath.Join(t.TempDir(), "device.key"), newRing()
	if stands(path, "home-1") {
		t.Error("there is no vault, and it stands")
	}
	if err := os.WriteFile(path, []byte("a key from before"), 0o600); err != nil {
		t.Fatal(err)
	}
	if stands(path, "home-1") {
		t.Error("a key file from before there were vaults stands")
	}
	write(t, path, someSecrets, how(hows[2], ring))
	for entry := range ring.held {
		if !stands(path, entry) {
			t.Error("the vault in place does not stand")
		}
	}
	if stands(path, "home-1") {
		t.Error("the vault of another entry stands")
	}
}

// TestSystemRing: the library's own stand-in for the session's keyring, through the same file; and no session at all.
func TestSystemRing(t *testing.T) {
	keyring.MockInit()
	t.Setenv("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nowhere")
	path, h := filepath.Join(t.TempDir(), "device.key"), how(hows[2], System())
	write(t, path, someSecrets, h)
	write(t, path, someSecrets, h)
	f, err := Load(path)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := f.Open(h); err != nil || !cmp.Equal(got, someSecrets) {
		t.Errorf("%+v, %v", got, err)
	}
	if err := System().Delete(f.entry); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Open(h); !errors.Is(err, ErrNotInRing) {
		t.Error(err)
	}
	keyring.MockInitWithError(errors.New("org.freedesktop.secrets was not provided"))
	if _, err := f.Open(h); !errors.Is(err, ErrNoRing) {
		t.Error(err)
	}
	if haveSession() { // elsewhere than on Linux it cannot be missing
		t.Setenv("DBUS_SESSION_BUS_ADDRESS", "")
		t.Setenv("XDG_RUNTIME_DIR", "")
		if _, err := f.Open(h); !errors.Is(err, ErrNoRing) {
			t.Error(err)
		}
	}
}

// FuzzParseFile: what is read is what would be written.
func FuzzParseFile(f *testing.F) {
	for _, h := range hows {
		v := &File{Mode: h.Mode, Device: "dev1", body: []byte("body")}
		if h.Mode == Keyring {
			v.entry = "home-1"
		}
		f.Add(v.format())
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if v, err := parseFile(b); err == nil && !bytes.Equal(v.format(), b) {
			t.Errorf("%q is written as %q", b, v.format())
		}
	})
}

// BenchmarkUnlock measures what a person waits for.
func BenchmarkUnlock(b *testing.B) {
	path := filepath.Join(b.TempDir(), "device.key")
	if err := Write(path, "dev1", someSecrets, How{Mode: Passphrase, Passphrase: "correct horse"}); err != nil {
		b.Fatal(err)
	}
	f, err := Load(path)
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := f.Open(How{Passphrase: "correct horse"}); err != nil {
			b.Fatal(err)
		}
	}
}
