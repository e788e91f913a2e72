package node

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"muster/crdt"
	"muster/crdt/auth"
	"muster/node/replica"
	"muster/node/store"
)

// home is the layout of a node's directory, and what its files are sealed with.
type home struct {
	dir  string
	disk *diskKeys
}

func newHome(dir string) home { return home{dir, new(diskKeys)} }

func (h home) key() string                 { return filepath.Join(h.dir, "device.key") }
func (h home) current() string             { return filepath.Join(h.dir, "team") }
func (h home) teams() string               { return filepath.Join(h.dir, "teams") }
func (h home) team(id crdt.DocID) string   { return filepath.Join(h.teams(), id.String()[:32]) }
func (h home) store(id crdt.DocID) string  { return filepath.Join(h.team(id), "store") }
func (h home) roster(id crdt.DocID) string { return filepath.Join(h.team(id), "roster") }
func (h home) book(id crdt.DocID) string   { return filepath.Join(h.team(id), "peers") }

// readCurrent returns the current team; zero when there is none yet.
func (h home) readCurrent() (crdt.DocID, error) {
	b, err := os.ReadFile(h.current())
	if errors.Is(err, fs.ErrNotExist) {
		return crdt.DocID{}, nil
	}
	if err != nil {
		return crdt.DocID{}, err
	}
	id, err := parseCurrent(string(b))
	if err != nil {
		return crdt.DocID{}, fmt.Errorf("%s: %w", h.current(), err)
	}
	return id, nil
}

// parseCurrent reads what [home.writeCurrent] writes.
func parseCurrent(text string) (crdt.DocID, error) {
	id, err := hex.DecodeString(strings.TrimSpace(text))
	if err != nil || len(id) != len(crdt.DocID{}) {
		return crdt.DocID{}, errors.New("it does not name a team")
	}
	return crdt.DocID(id), nil
}

// writeCurrent makes id the current team, durably and at once.
func (h home) writeCurrent(id crdt.DocID) error {
	return replaceFile(h.current(), []byte(id.String()+"\n"))
}

// replaceFile writes a file durably and at once: a crash leaves the one before or this one.
func replaceFile(path string, content []byte) error {
	tmp := path + ".new"
	f, err := os.OpenFile(tmp, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Rename(tmp, path); err != nil {
		return err
	}
	return syncDir(filepath.Dir(path))
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// randomBytes fills b from the system's random source, which does not fail.
func randomBytes(b []byte) { _, _ = rand.Read(b) }

// foundingPrefix begins the name of a team's directory that is in the making.
const foundingPrefix = "new-"

// found makes a team of one and returns its identity. The store is made under another name first, since the team's
// identity depends on the epoch that the store draws.
func (n *Node) found(handle, team string) (crdt.DocID, error) {
	if err := errors.Join(auth.CheckHandle(handle), auth.CheckName("team name", team)); err != nil {
		return crdt.DocID{}, err
	}
	tmp, err := os.MkdirTemp(n.home.teams(), foundingPrefix)
	if err != nil {
		return crdt.DocID{}, err
	}
	id, err := n.foundIn(tmp, handle, team)
	if err != nil {
		return crdt.DocID{}, errors.Join(err, os.RemoveAll(tmp))
	}
	if err := os.Rename(tmp, n.home.team(id)); err != nil {
		return crdt.DocID{}, err
	}
	return id, syncDir(n.home.teams())
}

func (n *Node) foundIn(dir, handle, team string) (crdt.DocID, error) {
	st, _, err := n.cfg.OpenStore(filepath.Join(dir, "store"), n.storeConfig())
	if err != nil {
		return crdt.DocID{}, err
	}
	label, err := os.Hostname()
	if err != nil || auth.CheckName("device", label) != nil {
		label = "laptop"
	}
	rec, err := replica.Genesis(crdt.Ed25519Signer(n.device.Key()), st.Epoch(), n.now(), auth.KindGenesis,
		auth.Genesis{Team: team, Handle: handle, Device: label}, randomBytes)
	if err == nil {
		err = st.Put([]*crdt.Record{rec}, nil)
	}
	if err = errors.Join(err, st.Close()); err != nil {
		return crdt.DocID{}, err
	}
	return crdt.DocID(rec.Hash), nil
}

func (n *Node) storeConfig() store.Config {
	key, old := n.home.disk.get()
	return store.Config{Device: n.device.ID(), Key: key, OldKey: old, Logger: n.cfg.Log}
}

// openHome makes the directories, loads the device key and finds the current team, founding one on a fresh machine. Where
// the key is locked away it leaves it at that.
func (n *Node) openHome() error {
	if err := os.MkdirAll(n.home.teams(), 0o700); err != nil {
		return err
	}
	if err := os.Chmod(n.home.dir, 0o700); err != nil {
		return err
	}
	var err error
	if n.lock, err = lockHome(n.home.dir); err != nil {
		return err
	}
	if err := n.openGuard(); err != nil {
		return err
	}
	if n.team, err = n.home.readCurrent(); err != nil || n.guard.locked != nil {
		return err
	}
	return n.ensureTeam()
}

// ensureTeam founds a team where there is none yet.
func (n *Node) ensureTeam() error {
	if !n.team.IsZero() {
		return nil
	}
	var err error
	if n.team, err = n.found(n.cfg.Responder, n.cfg.Team); err != nil {
		return err
	}
	return n.home.writeCurrent(n.team)
}
