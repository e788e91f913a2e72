package node

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"time"

	"muster/node/api"
	"muster/node/identity"
	"muster/node/identity/vault"
)

// A node's secrets, the device key and the key of its disk, are in the vault of its directory. A node that is started
// without what opens the vault is locked: it answers, relays for its team (relay.go), and waits to be unlocked. Nothing
// ever waits for a person at start.
//
// Protection changes in two steps. The vault comes first, and remembers that not everything is moved yet, and from which
// key. Then, between two sessions, the stores and files of all teams are written anew. A crash anywhere leaves a home
// that opens with the new guard and goes on moving at its next start.

// ringUnlockWait is how long a keyring may take when a person asked for it and can answer its question.
const ringUnlockWait = 60 * time.Second

// A guard is what stands before a node's secrets. It changes between sessions only, under the node's mutex.
type guard struct {
	mode    vault.Mode
	locked  error         // why the secrets are not here; nil: they are
	how     vault.How     // what they were opened with, to wrap them again once everything is moved
	secrets vault.Secrets // zero while locked
	unmoved error         // why not everything could be moved
}

// protection is the guard as [api.Status] tells it.
func (g *guard) protection() string {
	switch {
	case g.locked != nil:
		return api.ProtectedLocked
	case g.mode == vault.Keyring && g.secrets.Key != nil:
		return api.ProtectedKeyring
	case g.mode == vault.Passphrase && g.secrets.Key != nil:
		return api.ProtectedPassphrase
	}
	return api.ProtectedNone
}

// protection says what guards the home.
func (n *Node) protection() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.guard.protection()
}

// how says how this node opens or wraps its vault.
func (n *Node) how(mode vault.Mode, passphrase string) vault.How {
	return vault.How{Mode: mode, Passphrase: passphrase, Ring: n.cfg.Keyring, Work: n.cfg.PassphraseWork}
}

// openGuard opens the vault of the home, or the plain key file from before there were vaults, or makes a device for a
// fresh home: in the keyring if there is one that answers, else in a plain file.
func (n *Node) openGuard() error {
	f, err := vault.Load(n.home.key())
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return n.freshGuard()
	case errors.Is(err, vault.ErrNotVault):
		return n.plainGuard()
	case err != nil:
		return err
	}
	how := n.how(f.Mode, n.cfg.Passphrase)
	s, err := f.Open(how)
	if why := lockedBecause(err); why != nil {
		n.cfg.Log.Warn("the node is locked", "why", why)
		n.guard = guard{mode: f.Mode, locked: why}
		return nil
	}
	if err != nil {
		return err
	}
	n.take(guard{mode: f.Mode, how: how, secrets: s})
	debug.FreeOSMemory() // what stretching a passphrase took
	return nil
}

// lockedBecause returns err if it says no more than that what opens the vault is not here now.
func lockedBecause(err error) error {
	for _, why := range []error{vault.ErrLocked, vault.ErrNoRing, vault.ErrRingSilent, vault.ErrNotInRing} {
		if errors.Is(err, why) {
			return why
		}
	}
	return nil
}

// freshGuard makes the device of a fresh home.
func (n *Node) freshGuard() error {
	if n.cfg.Keyring == nil {
		return n.plainGuard()
	}
	d, err := identity.Generate()
	if err != nil {
		return err
	}
	g := guard{mode: vault.Keyring, how: n.how(vault.Keyring, ""), secrets: vault.Secrets{Seed: seedOf(d), Key: vault.NewKey()}}
	if err := vault.Write(n.home.key(), d.ID().String(), g.secrets, g.how); err != nil {
		n.cfg.Log.Info("no keyring: the key is in a file", "why", err)
		return n.plainGuard()
	}
	n.take(g)
	return nil
}

// plainGuard takes the device key from a plain file, which it makes where there is none.
func (n *Node) plainGuard() error {
	d, err := identity.LoadOrCreate(n.home.key())
	if err == nil {
		n.take(guard{mode: vault.None, secrets: vault.Secrets{Seed: seedOf(d)}})
	}
	return err
}

func seedOf(d identity.Device) [vault.KeyBytes]byte { return [vault.KeyBytes]byte(d.Key().Seed()) }

// take makes the secrets of g the node's own. No session runs.
func (n *Node) take(g guard) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if d := identity.FromSeed(g.secrets.Seed); n.device.IsZero() || n.device.ID() != d.ID() {
		n.device = d
	}
	n.home.disk.set(g.secrets.Key, g.secrets.Old)
	n.guard = g
}

// move writes everything in the home anew that the key of the guard does not seal yet. What cannot be moved stays
// readable, is said in the status, and is tried again at the next start.
func (n *Node) move() {
	n.mu.Lock()
	g := n.guard
	n.mu.Unlock()
	if !g.secrets.Moving {
		return
	}
	err := n.moveTeams()
	if err == nil {
		g.secrets.Moving, g.secrets.Old = false, nil
		err = vault.Write(n.home.key(), n.device.ID().String(), g.secrets, g.how)
	}
	if err != nil {
		n.cfg.Log.Warn("not everything in the home has its new protection yet", "err", err)
		g.secrets.Moving = true
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.guard.unmoved = err
	if err == nil {
		n.home.disk.set(g.secrets.Key, nil)
		g.how = vault.How{} // the passphrase is not needed any more
		n.guard = g
	}
}

func (n *Node) moveTeams() error {
	entries, err := os.ReadDir(n.home.teams())
	if err != nil {
		return err
	}
	var errs []error
	for _, e := range entries {
		dir := filepath.Join(n.home.teams(), e.Name())
		switch {
		case !e.IsDir():
		case strings.HasPrefix(e.Name(), foundingPrefix): // of a founding that a crash cut off
			errs = append(errs, os.RemoveAll(dir))
		default:
			if err := errors.Join(n.moveStore(filepath.Join(dir, "store")), n.moveFiles(dir)); err != nil {
				errs = append(errs, fmt.Errorf("team %.8s: %w", e.Name(), err))
			}
		}
	}
	return errors.Join(errs...)
}

// moveStore rekeys the store of one team.
func (n *Node) moveStore(dir string) error {
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	st, _, err := n.cfg.OpenStore(dir, n.storeConfig())
	if err != nil {
		return err
	}
	if disk, ok := st.(interface{ Rekey() error }); ok {
		err = disk.Rekey()
	}
	return errors.Join(err, st.Close())
}

// moveFiles writes the small files of one team anew.
func (n *Node) moveFiles(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	var errs []error
	for _, e := range entries {
		if path := filepath.Join(dir, e.Name()); e.Type().IsRegular() {
			errs = append(errs, n.moveFile(path))
		}
	}
	return errors.Join(errs...)
}

func (n *Node) moveFile(path string) error {
	b, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	key, old := n.home.disk.get()
	content, with, err := openFile([][]byte{key, old}, filepath.Base(path), b)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	if string(with) == string(key) {
		return nil
	}
	return n.home.write(path, content)
}

// Protect changes what guards the home.
func (n *Node) Protect(ctx context.Context, in api.Protect) (api.Status, error) {
	s, err := n.current(ctx)
	if err != nil {
		return api.Status{}, err
	}
	n.guarding.Lock()
	defer n.guarding.Unlock()
	n.mu.Lock()
	was := n.guard
	n.mu.Unlock()
	g, err := n.nextGuard(was, in)
	if err != nil {
		return api.Status{}, problem(err)
	}
	if err := vault.Write(n.home.key(), n.device.ID().String(), g.secrets, g.how); err != nil {
		return api.Status{}, problem(err)
	}
	if err := s.do(ctx, func(now time.Time) error { return s.guardRelay(now, g.mode != vault.None, in.NoRelay) }); err != nil {
		n.cfg.Log.Warn("the relay key is not as the protection has it", "err", err) // the next write tries again
	}
	if err := n.change(ctx, s, func() error { n.take(g); return nil }); err != nil {
		return api.Status{}, problem(err)
	}
	return n.Status(ctx)
}

// nextGuard is what Protect puts in the place of was. A key that lay in the clear, or none, is replaced by a fresh one;
// one that never did stays, so that nothing has to be written anew.
func (n *Node) nextGuard(was guard, in api.Protect) (guard, error) {
	g := guard{secrets: was.secrets}
	switch in.Mode {
	case api.ProtectedKeyring:
		g.mode = vault.Keyring
	case api.ProtectedPassphrase:
		g.mode = vault.Passphrase
		if err := vault.CheckPassphrase(in.Passphrase); err != nil {
			return guard{}, api.Errorf(api.CodeUsage, "take several words that nobody can guess", "%s", err)
		}
	case api.ProtectedNone:
		g.mode = vault.None
	default:
		return guard{}, api.Errorf(api.CodeUsage, "one of keyring, passphrase, none", "there is no protection %q", in.Mode)
	}
	g.how = n.how(g.mode, in.Passphrase)
	if was.secrets.Moving && (g.mode == vault.None) != (was.secrets.Key == nil) {
		return guard{}, api.Errorf(api.CodeRefused, "muster down, muster up, and look at muster status", "the last change of the protection is not through")
	}
	switch {
	case g.mode == vault.None && was.secrets.Key != nil:
		g.secrets.Key, g.secrets.Old, g.secrets.Moving = nil, was.secrets.Key, true
	case g.mode != vault.None && was.secrets.Key == nil:
		g.secrets.Key, g.secrets.Old, g.secrets.Moving = vault.NewKey(), nil, true
	}
	return g, nil
}

// Unlock opens a locked node.
func (n *Node) Unlock(ctx context.Context, in api.Unlock) (api.Status, error) {
	n.guarding.Lock()
	defer n.guarding.Unlock()
	n.mu.Lock()
	locked, ended := n.guard.locked, n.ended
	n.mu.Unlock()
	if ended != nil {
		return api.Status{}, ended
	}
	if locked == nil {
		return n.Status(ctx)
	}
	f, err := vault.Load(n.home.key())
	if err != nil {
		return api.Status{}, problem(err)
	}
	how := n.how(f.Mode, in.Passphrase)
	how.Wait = ringUnlockWait
	secrets, err := f.Open(how)
	if err != nil {
		return api.Status{}, problem(err)
	}
	debug.FreeOSMemory() // what stretching a passphrase took
	err = n.change(ctx, nil, func() error {
		n.take(guard{mode: f.Mode, how: how, secrets: secrets})
		return n.ensureTeam()
	})
	if err != nil {
		return api.Status{}, problem(err)
	}
	return n.Status(ctx)
}

// change ends the session that runs, or the waiting of a locked node, does what must be done while there is none, and
// returns when the next session runs.
func (n *Node) change(ctx context.Context, from *session, do func() error) error {
	done := make(chan error, 1)
	n.mu.Lock()
	n.between = func() error {
		err := do()
		done <- err
		return err
	}
	quit := n.wake
	n.mu.Unlock()
	switch {
	case from != nil:
		from.stop(errSwitch)
	case quit != nil:
		quit(errSwitch)
	}
	select {
	case err := <-done:
		if err != nil {
			return err
		}
	case <-ctx.Done():
		return ctx.Err()
	}
	for {
		s, err := n.current(ctx)
		if err != nil || s != from {
			return err
		}
		select {
		case <-s.done:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// changeBetween does what a call wants done between two sessions.
func (n *Node) changeBetween() error {
	n.mu.Lock()
	do := n.between
	n.between = nil
	n.mu.Unlock()
	if do == nil {
		return nil
	}
	return do()
}

// isLocked returns why the node is locked; nil: it is not.
func (n *Node) isLocked() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.guard.locked
}

// waitLocked is a locked node's session: it ends when the node is unlocked or stopped.
func (n *Node) waitLocked(ctx context.Context) error {
	ctx, quit := context.WithCancelCause(ctx)
	defer quit(nil)
	n.mu.Lock()
	n.wake = quit
	close(n.changed)
	n.changed = make(chan struct{})
	n.mu.Unlock()
	defer func() {
		n.mu.Lock()
		defer n.mu.Unlock()
		n.wake = nil
	}()
	switch key, err := n.home.readRelay(); {
	case err == nil && !key.off && key.team == n.team: // of another team it would be another board than the one that is unlocked
		n.relayFor(ctx, key)
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		n.cfg.Log.Warn("not relaying", "err", err)
	}
	<-ctx.Done()
	return context.Cause(ctx)
}

// SystemKeyring returns the keyring of the desktop session, for [Config].
func SystemKeyring() Keyring { return vault.System() }

// errLocked is what a locked node answers.
func errLocked() error {
	return api.Errorf(api.CodeLocked, "muster unlock", "this node is locked")
}

// lockedStatus is the status of a locked node: nothing of the board, and how to open it.
func (n *Node) lockedStatus(why error) api.Status {
	return api.Status{
		Schema: "muster.status/1", Listen: []string{}, UptimeMS: time.Since(n.start).Milliseconds(), Incidents: []api.IncidentStatus{},
		Peers: []api.Peer{}, Responders: []api.Responder{}, Home: n.cfg.Dir, Version: n.cfg.Version, PID: os.Getpid(),
		Warnings: n.lockedWarnings(why), Protection: api.ProtectedLocked,
	}
}

// lockedDiagnosis is what the doctor says of a locked node.
func lockedDiagnosis(why error) api.Diagnosis {
	return api.Diagnosis{Schema: "muster.doctor/1", Protection: api.ProtectedLocked, Responders: []api.Examined{}, Facts: []api.Fact{
		{About: "disk", Text: "this node is locked, and shows and writes nothing: " + why.Error() + "; muster unlock", Bad: true},
	}}
}

// guardWarnings says what of the home could not be protected yet.
func (n *Node) guardWarnings() []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.guard.unmoved == nil {
		return nil
	}
	return []string{"not everything on this disk has its new protection yet; it goes on at the next start: " + n.guard.unmoved.Error()}
}

// Prepare makes the vault of a home that does not exist yet, so that not one name of it is ever written in the clear. How
// opens it later, and dir gets its team when the node is first unlocked. Errors are *[api.Error].
func Prepare(cfg Config, mode, passphrase string) error {
	cfg = cfg.withDefaults()
	n := &Node{cfg: cfg, home: newHome(cfg.Dir)}
	if err := n.prepare(mode, passphrase); err != nil {
		return problem(err)
	}
	return nil
}

func (n *Node) prepare(mode, passphrase string) (err error) {
	if err := os.MkdirAll(n.home.teams(), 0o700); err != nil {
		return err
	}
	lock, err := lockHome(n.home.dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, lock.Close()) }()
	if _, err := os.Lstat(n.home.key()); !errors.Is(err, fs.ErrNotExist) {
		return errors.Join(err, api.Errorf(api.CodeRefused, "muster protect, with the node running", "there is a device in %s already", n.home.dir))
	}
	d, err := identity.Generate()
	if err != nil {
		return err
	}
	g, err := n.nextGuard(guard{mode: vault.None}, api.Protect{Mode: mode, Passphrase: passphrase})
	if err != nil {
		return err
	}
	g.secrets.Seed, g.secrets.Moving = seedOf(d), false
	return vault.Write(n.home.key(), d.ID().String(), g.secrets, g.how)
}
