package node

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"maps"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"muster/crdt"
	"muster/node/api"
	"muster/node/identity/vault"
)

const passphrase = "correct horse battery"

// names is what nobody may read on a protected disk: team, people, incident, note, task, decision, phone.
var names = []string{"Zebra Squad", "annabelle", "bartholomew", "quagmire", "xylophone", "jackdaw", "flamingo", "7946 0018"}

// ringOf is a keyring in memory; nil entries of err let it work.
type ringOf struct {
	mu   sync.Mutex
	held map[string]string
	err  error
}

func newRing() *ringOf { return &ringOf{held: map[string]string{}} }

func (r *ringOf) Get(entry string) (string, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	s, ok := r.held[entry]
	if r.err == nil && !ok {
		return "", vault.ErrNotInRing
	}
	return s, r.err
}

func (r *ringOf) Set(entry, secret string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.err == nil {
		r.held[entry] = secret
	}
	return r.err
}

func (r *ringOf) Delete(entry string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.held, entry)
	return r.err
}

// guardedConfig is of a real node on loopback, whose passphrases are not stretched much.
func guardedConfig(dir string) Config {
	return Config{
		Dir: dir, Responder: "annabelle", Team: "Zebra Squad", NoDiscover: true, NoAPI: true,
		Listen: netip.MustParseAddrPort("127.0.0.1:0"), PassphraseWork: vault.WorkRandom,
	}
}

// running starts a node and returns how to stop it; the test's end does, too.
func running(t *testing.T, cfg Config) (n *Node, stop func()) {
	t.Helper()
	n, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- n.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(stop)
	select {
	case <-n.Ready():
	case err := <-ended:
		ended <- err
		t.Fatal(err)
	}
	return n, stop
}

// fillNode writes all that [names] has, with a second member, and returns the board's digest.
func fillNode(t *testing.T, n *Node) string {
	t.Helper()
	for _, w := range []api.Write{
		{Verb: "declare", Text: "quagmire payments", Severity: 1},
		{Verb: "note", Text: "a xylophone in the rack"},
		{Verb: "do", Text: "restart the jackdaw"},
		{Verb: "decide", Text: "use the flamingo", Topic: "birds"},
	} {
		if _, err := n.Write(t.Context(), w); err != nil {
			t.Fatalf("%s: %v", w.Verb, err)
		}
	}
	if _, err := n.SetProfile(t.Context(), api.SetProfile{Phones: &[]string{"+44 20 7946 0018"}}); err != nil {
		t.Fatal(err)
	}
	inv, err := n.Invite(t.Context(), api.Invite{})
	if err != nil {
		t.Fatal(err)
	}
	cfg := guardedConfig(filepath.Join(t.TempDir(), "home"))
	cfg.Responder, cfg.Team = "bartholomew", "another"
	bob, stop := running(t, cfg)
	if _, err := bob.Join(t.Context(), api.Join{Code: inv.Code}); err != nil {
		t.Fatal(err)
	}
	if _, err := bob.Write(t.Context(), api.Write{Verb: "note", Text: "another xylophone"}); err != nil {
		t.Fatal(err)
	}
	level(t, n, bob)
	stop()
	return digest(t, n)
}

// level waits until two nodes hold the same: an answer to a write does not wait for slow peers.
func level(t *testing.T, one, other *Node) {
	t.Helper()
	var wake [2]chan struct{}
	for i, n := range []*Node{one, other} {
		s, err := n.current(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		ch, stop := s.watch()
		defer stop()
		wake[i] = ch
	}
	for digest(t, one) != digest(t, other) {
		select {
		case <-wake[0]:
		case <-wake[1]:
		}
	}
}

func digest(t *testing.T, n *Node) string {
	t.Helper()
	st, err := n.Status(t.Context())
	if err != nil || st.Digest == "" {
		t.Fatalf("%+v, %v", st, err)
	}
	return st.Digest
}

// wantProtection checks what guards a node.
func wantProtection(t *testing.T, n *Node, want string) {
	t.Helper()
	st, err := n.Status(t.Context())
	if err != nil || st.Protection != want || want != api.ProtectedLocked && len(st.Warnings) > 0 {
		t.Fatalf("protection %q, want %q: %q, %v", st.Protection, want, st.Warnings, err)
	}
}

// namesIn returns which of names are in which file under dir.
func namesIn(t *testing.T, dir string) map[string][]string {
	t.Helper()
	found := map[string][]string{}
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return err
		}
		b, err := os.ReadFile(path)
		for _, name := range names {
			if bytes.Contains(b, []byte(name)) {
				found[name] = append(found[name], path[len(dir):])
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// TestProtectedHomeHoldsNoName is T7 on files: a home that was protected before its first start, or later by any mode,
// holds no name and no text in any file, and its board is as before. Without protection every name is found, so that the
// search proves something. What raw blocks of the disk hold is asked in node/faults.
func TestProtectedHomeHoldsNoName(t *testing.T) {
	t.Run("from the start", func(t *testing.T) {
		cfg := guardedConfig(filepath.Join(t.TempDir(), "home"))
		if err := Prepare(cfg, api.ProtectedPassphrase, passphrase); err != nil {
			t.Fatal(err)
		}
		if err := Prepare(cfg, api.ProtectedPassphrase, passphrase); api.AsError(err).Code != api.CodeRefused {
			t.Errorf("prepared twice: %v", err)
		}
		n, stop := running(t, cfg)
		wantProtection(t, n, api.ProtectedLocked)
		if _, err := n.Unlock(t.Context(), api.Unlock{Passphrase: passphrase}); err != nil {
			t.Fatal(err)
		}
		board := fillNode(t, n)
		stop()
		if found := namesIn(t, cfg.Dir); len(found) > 0 {
			t.Errorf("found %v", found)
		}
		cfg.Passphrase = passphrase
		n, _ = running(t, cfg)
		wantProtection(t, n, api.ProtectedPassphrase)
		if got := digest(t, n); got != board {
			t.Error("another board after a restart")
		}
	})
	for _, mode := range []string{api.ProtectedPassphrase, api.ProtectedKeyring} {
		t.Run("later by "+mode, func(t *testing.T) {
			cfg := guardedConfig(filepath.Join(t.TempDir(), "home"))
			n, stop := running(t, cfg)
			board := fillNode(t, n)
			wantProtection(t, n, api.ProtectedNone)
			stop()
			found := slices.Sorted(maps.Keys(namesIn(t, cfg.Dir)))
			if want := slices.Sorted(slices.Values(names)); !slices.Equal(found, want) {
				t.Fatalf("of the plain home only %q were found", found)
			}
			cfg.Keyring = newRing()
			n, stop = running(t, cfg)
			if _, err := n.Protect(t.Context(), api.Protect{Mode: mode, Passphrase: passphrase}); err != nil {
				t.Fatal(err)
			}
			wantProtection(t, n, mode)
			if _, err := n.Write(t.Context(), api.Write{Verb: "note", Text: "a third xylophone"}); err != nil {
				t.Fatal(err)
			}
			stop()
			if found := namesIn(t, cfg.Dir); len(found) > 0 {
				t.Errorf("found %v", found)
			}
			cfg.Passphrase = passphrase
			n, _ = running(t, cfg)
			if v := verified(t, n); !v.Sound || digest(t, n) == board {
				t.Errorf("%+v", v)
			}
			if _, err := n.Protect(t.Context(), api.Protect{Mode: api.ProtectedNone}); err != nil {
				t.Fatal(err)
			}
			wantProtection(t, n, api.ProtectedNone)
		})
	}
}

// TestLockedNodeNeverBlocks: a node without its passphrase starts, says that it is locked to whatever is asked, opens
// with the right one only, and can be stopped.
func TestLockedNodeNeverBlocks(t *testing.T) {
	cfg := guardedConfig(filepath.Join(t.TempDir(), "home"))
	cfg.Passphrase = passphrase
	if err := Prepare(cfg, api.ProtectedPassphrase, passphrase); err != nil {
		t.Fatal(err)
	}
	n, stop := running(t, cfg)
	board := digest(t, n)
	device := n.device.ID()
	stop()
	cfg.Passphrase = "not the passphrase"
	if _, err := New(cfg); api.AsError(err).Code != api.CodeRefused || api.AsError(err).Hint == "" {
		t.Errorf("a wrong passphrase at start: %v", err)
	}
	cfg.Passphrase = ""
	n, _ = running(t, cfg)
	wantProtection(t, n, api.ProtectedLocked)
	if d, err := n.Doctor(t.Context(), nil); err != nil || len(d.Facts) != 1 || !strings.Contains(d.Facts[0].Text, "muster unlock") {
		t.Errorf("doctor: %+v, %v", d, err)
	}
	for name, ask := range map[string]func() error{
		"write":  func() error { _, err := n.Write(t.Context(), api.Write{Verb: "note", Text: "x"}); return err },
		"show":   func() error { _, err := n.Show(t.Context(), ""); return err },
		"invite": func() error { _, err := n.Invite(t.Context(), api.Invite{}); return err },
		"verify": func() error { _, err := n.Verify(t.Context()); return err },
		"protect": func() error {
			_, err := n.Protect(t.Context(), api.Protect{Mode: api.ProtectedNone})
			return err
		},
	} {
		if err := ask(); api.AsError(err).Code != api.CodeLocked || api.AsError(err).Hint != "muster unlock" {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, wrong := range []string{"", "not the passphrase"} {
		if _, err := n.Unlock(t.Context(), api.Unlock{Passphrase: wrong}); err == nil {
			t.Errorf("%q opened it", wrong)
		}
	}
	wantProtection(t, n, api.ProtectedLocked)
	if st, err := n.Unlock(t.Context(), api.Unlock{Passphrase: passphrase}); err != nil || st.Digest != board || n.device.ID() != device {
		t.Errorf("unlocked: %+v, %v", st, err)
	}
	if _, err := n.Unlock(t.Context(), api.Unlock{}); err != nil {
		t.Errorf("unlocked again: %v", err)
	}
}

// TestLockedNodeStops at its owner's wish.
func TestLockedNodeStops(t *testing.T) {
	cfg := guardedConfig(filepath.Join(t.TempDir(), "home"))
	if err := Prepare(cfg, api.ProtectedPassphrase, passphrase); err != nil {
		t.Fatal(err)
	}
	n, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- n.Run(t.Context()) }()
	<-n.Ready()
	if err := n.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if _, err := n.Unlock(t.Context(), api.Unlock{Passphrase: passphrase}); api.AsError(err).Code != api.CodeStopped {
		t.Errorf("unlocked after its end: %v", err)
	}
}

// TestMoveGoesOnAfterCrash: whatever a crash left plain, or under the key before, the next start moves: the vault says so.
func TestMoveGoesOnAfterCrash(t *testing.T) {
	for name, cut := range map[string]func(n *Node) error{
		"nothing moved":         func(*Node) error { return nil },
		"stores, but no files":  func(n *Node) error { return n.moveStore(n.home.store(n.team)) },
		"files, but no store":   func(n *Node) error { return n.moveFiles(n.home.team(n.team)) },
		"all, but nobody knows": func(n *Node) error { return n.moveTeams() },
	} {
		t.Run(name, func(t *testing.T) {
			cfg := guardedConfig(filepath.Join(t.TempDir(), "home"))
			n, stop := running(t, cfg)
			board := fillNode(t, n)
			stop()
			g, err := n.nextGuard(n.guard, api.Protect{Mode: api.ProtectedPassphrase, Passphrase: passphrase})
			if err == nil {
				err = vault.Write(n.home.key(), n.device.ID().String(), g.secrets, g.how)
			}
			if err != nil {
				t.Fatal(err)
			}
			n.take(g)
			if err := cut(n); err != nil {
				t.Fatal(err)
			}
			cfg.Passphrase = passphrase
			n, stop = running(t, cfg)
			wantProtection(t, n, api.ProtectedPassphrase)
			if v := verified(t, n); !v.Sound || digest(t, n) != board {
				t.Errorf("%+v", v)
			}
			if n.guard.secrets.Moving || n.guard.secrets.Old != nil || n.guard.how.Passphrase != "" {
				t.Errorf("still moving: %+v", n.guard)
			}
			stop()
			if found := namesIn(t, cfg.Dir); len(found) > 0 {
				t.Errorf("found %v", found)
			}
		})
	}
}

// TestKeyFromTheClearIsNotKept: going from a key that lay in no clear file to another guard keeps it, since nothing must
// be written anew; one that comes back from the clear is another one.
func TestKeyFromTheClearIsNotKept(t *testing.T) {
	cfg := guardedConfig(filepath.Join(t.TempDir(), "home"))
	cfg.Keyring = newRing()
	n, _ := running(t, cfg)
	wantProtection(t, n, api.ProtectedKeyring)
	key := n.guard.secrets.Key
	for _, step := range []struct {
		mode string
		same bool
	}{{api.ProtectedPassphrase, true}, {api.ProtectedKeyring, true}, {api.ProtectedNone, false}, {api.ProtectedKeyring, false}} {
		if _, err := n.Protect(t.Context(), api.Protect{Mode: step.mode, Passphrase: passphrase}); err != nil {
			t.Fatal(err)
		}
		wantProtection(t, n, step.mode)
		if got := bytes.Equal(n.guard.secrets.Key, key); got != step.same {
			t.Errorf("%s: same key: %v", step.mode, got)
		}
	}
	for _, in := range []api.Protect{{}, {Mode: "magic"}, {Mode: api.ProtectedPassphrase, Passphrase: "short"}, {Mode: api.ProtectedLocked}} {
		if _, err := n.Protect(t.Context(), in); api.AsError(err).Code != api.CodeUsage {
			t.Errorf("%+v: %v", in, err)
		}
	}
}

// TestCopyOfKeyringHomeIsNoClone is T14 of a copied directory: without the keyring it was made with it is a locked node
// that signs nothing, whatever is done to it. A keyring that is gone or silent locks, and costs no start.
func TestCopyOfKeyringHomeIsNoClone(t *testing.T) {
	cfg := guardedConfig(filepath.Join(t.TempDir(), "home"))
	ring := newRing()
	cfg.Keyring = ring
	n, stop := running(t, cfg)
	wantProtection(t, n, api.ProtectedKeyring)
	board := digest(t, n)
	stop()
	twin := cfg
	twin.Dir = filepath.Join(t.TempDir(), "home")
	if err := os.CopyFS(twin.Dir, os.DirFS(cfg.Dir)); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(filepath.Join(twin.Dir, "device.key"), 0o600); err != nil {
		t.Fatal(err)
	}
	twin.Keyring = newRing()
	n, stop = running(t, twin)
	wantProtection(t, n, api.ProtectedLocked)
	if _, err := n.Unlock(t.Context(), api.Unlock{}); api.AsError(err).Code != api.CodeRefused || !n.device.IsZero() {
		t.Errorf("unlocked: %v", err)
	}
	stop()
	for _, why := range []error{vault.ErrNoRing, vault.ErrRingSilent} {
		ring.err = why
		n, stop = running(t, cfg)
		wantProtection(t, n, api.ProtectedLocked)
		ring.mu.Lock()
		ring.err = nil
		ring.mu.Unlock()
		if st, err := n.Unlock(t.Context(), api.Unlock{}); err != nil || st.Digest != board {
			t.Errorf("the keyring is back: %+v, %v", st, err)
		}
		stop()
	}
}

// TestNoKeyringIsNoObstacle: a fresh home whose keyring does not work starts at once, with the badge.
func TestNoKeyringIsNoObstacle(t *testing.T) {
	cfg := guardedConfig(filepath.Join(t.TempDir(), "home"))
	cfg.Keyring = &ringOf{err: vault.ErrNoRing}
	n, _ := running(t, cfg)
	wantProtection(t, n, api.ProtectedNone)
	if _, err := n.Protect(t.Context(), api.Protect{Mode: api.ProtectedKeyring}); api.AsError(err).Code != api.CodeRefused || api.AsError(err).Hint == "" {
		t.Error(err)
	}
	wantProtection(t, n, api.ProtectedNone)
}

// TestDamagedVaultIsLeftAlone: it is an error with a hint, and no new device takes its place.
func TestDamagedVaultIsLeftAlone(t *testing.T) {
	cfg := guardedConfig(filepath.Join(t.TempDir(), "home"))
	if err := Prepare(cfg, api.ProtectedPassphrase, passphrase); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(cfg.Dir, "device.key")
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	b[len(b)/2] ^= 1
	for _, c := range []struct {
		mode fs.FileMode
		code string
	}{{0o600, api.CodeDisk}, {0o644, api.CodeRefused}} {
		if err := errors.Join(os.WriteFile(path, b, 0o600), os.Chmod(path, c.mode)); err != nil {
			t.Fatal(err)
		}
		if _, err := New(cfg); api.AsError(err).Code != c.code || api.AsError(err).Hint == "" {
			t.Errorf("mode %o: %v", c.mode, err)
		}
		if now, err := os.ReadFile(path); err != nil || !bytes.Equal(now, b) {
			t.Error("the file changed")
		}
	}
}

// TestSealedFilesAreBound: a small file opens under its name and with its key, and a plain one is read as it is.
func TestSealedFilesAreBound(t *testing.T) {
	h := newHome(t.TempDir())
	key, other := vault.NewKey(), vault.NewKey()
	path := h.roster(crdt.DocID{1})
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte("plain"), 0o600); err != nil {
		t.Fatal(err)
	}
	before, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	h.disk.set(key, nil)
	if b, err := h.read(path); err != nil || string(b) != "plain" {
		t.Fatalf("%q, %v", b, err)
	}
	if err := h.write(path, []byte("content")); err != nil {
		t.Fatal(err)
	}
	left := make([]byte, 8)
	if n, _ := before.Read(left); before.Close() != nil || n != 5 || !bytes.Equal(left[:5], make([]byte, 5)) {
		t.Errorf("left behind: %q", left[:n])
	}
	if b, err := h.read(path); err != nil || string(b) != "content" {
		t.Fatalf("%q, %v", b, err)
	}
	h.disk.set(other, key)
	if b, err := h.read(path); err != nil || string(b) != "content" {
		t.Fatalf("with the key before: %q, %v", b, err)
	}
	for _, k := range [][]byte{nil, other} {
		h.disk.set(k, nil)
		if _, err := h.read(path); !errors.Is(err, errSealedFile) {
			t.Errorf("with another key: %v", err)
		}
	}
	h.disk.set(key, nil)
	if err := os.Rename(path, h.merges(crdt.DocID{1})); err != nil {
		t.Fatal(err)
	}
	if _, err := h.read(h.merges(crdt.DocID{1})); !errors.Is(err, errSealedFile) {
		t.Errorf("under another name: %v", err)
	}
}
