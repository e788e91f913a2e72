package node

import (
	"bytes"
	"errors"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"muster/crdt"
	"muster/node/api"
	"muster/node/identity/vault"
)

// lock ends the i'th node, whose home a passphrase protects, and starts it without.
func (b *bubble) lock(i int) {
	b.t.Helper()
	b.halt(i)
	b.boot(i)
}

// relays is how many peers the i'th node, which is locked, relays for; -1: it does not relay.
func (b *bubble) relays(i int) int {
	n := b.nodes[i]
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.relay == nil {
		return -1
	}
	return int(n.relay.visible.Load())
}

// relayShown is the locked laptop that the i'th node shows among its peers.
func (b *bubble) relayShown(i int) (out api.Peer) {
	b.t.Helper()
	for _, p := range b.state(i).Peers {
		if p.Relay {
			out = p
		}
	}
	return out
}

// filesOf is what the home of the i'th node holds.
func (b *bubble) filesOf(i int) map[string][]byte {
	b.t.Helper()
	out := map[string][]byte{}
	err := filepath.WalkDir(b.dirs[i], func(path string, e fs.DirEntry, err error) error {
		if err == nil && e.Type().IsRegular() {
			out[path], err = os.ReadFile(path)
		}
		return err
	})
	if err != nil {
		b.t.Error(err)
	}
	return out
}

// split is p0 and p2 cut from each other, and between them p1, whose home a passphrase protects, locked and relaying.
func split(t *testing.T) *bubble {
	t.Helper()
	b := team(t, 3)
	b.declare()
	b.nodes[1].cfg.PassphraseWork = vault.WorkRandom
	if _, err := b.nodes[1].Protect(t.Context(), api.Protect{Mode: api.ProtectedPassphrase, Passphrase: passphrase}); err != nil {
		t.Fatal(err)
	}
	b.await(merge, "everyone sees everyone", b.equal)
	b.net.Partition(at(0), at(2))
	b.await(20*time.Second, "the split is noticed", func() bool { return !b.sees(0, 2) && !b.sees(2, 0) })
	b.lock(1)
	b.await(merge, "p1 relays", func() bool { return b.relays(1) == 2 })
	return b
}

// TestLockedLaptopRelays is T7 of a laptop that is on: p0 and p2 cannot reach each other, and p1 between them has started
// without its passphrase. What either writes is with the other at once, through p1. Neither says that p1's person has it;
// p1 shows nothing, its status names nobody, and not a byte in its home changes. Unlocked, it has all of it.
func TestLockedLaptopRelays(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := split(t)
		before := b.filesOf(1)
		for _, way := range [][2]int{{0, 2}, {2, 0}} {
			r := b.write(way[0], api.Write{Verb: "note", Text: "a xylophone"})
			took := b.await(time.Second, "it is on the other side", func() bool { return b.holds(way[1], r) })
			t.Logf("passed on within %v after the receipt", took)
			if d := r.Delivery; d.Delivered != 0 || len(d.DeliveredTo) != 0 || d.Known != 2 {
				t.Errorf("p%d's receipt says %+v, want nobody of 2", way[0], d)
			}
		}
		for _, i := range []int{0, 2} {
			if p := b.relayShown(i); p.Responder != "p1's locked laptop" || !p.Reachable || p.Addr != bubbleAddr(1).String() {
				t.Errorf("p%d shows %+v", i, p)
			}
			if p := b.peer(i, 1); p.Reachable {
				t.Errorf("p%d says that p1 is there: %+v", i, p)
			}
			for _, m := range b.state(i).Responders {
				if m.Handle == "p1" && m.Reachable {
					t.Errorf("p%d says that p1's person is there", i)
				}
			}
		}
		st := b.state(1)
		if text := strings.Join(st.Warnings, "\n"); st.Protection != api.ProtectedLocked || !strings.Contains(text, "connected: 2") || strings.Contains(text, "p0") || len(st.Peers)+len(st.Responders) > 0 || st.Team != "" {
			t.Errorf("the status of the locked one: %+v", st)
		}
		if _, err := b.nodes[1].Show(t.Context(), ""); api.AsError(err).Code != api.CodeLocked {
			t.Errorf("show: %v", err)
		}
		after := b.filesOf(1)
		for path, content := range after {
			if was, ok := before[path]; !ok || !bytes.Equal(was, content) {
				t.Errorf("%s was written while locked", path)
			}
			for _, name := range []string{"bubble", "xylophone", "checkout"} {
				if bytes.Contains(content, []byte(name)) {
					t.Errorf("%s holds %q: %s", path, name, content)
				}
			}
		}
		if len(after) != len(before) {
			t.Errorf("%d files were %d", len(after), len(before))
		}
		if _, err := b.nodes[1].Unlock(t.Context(), api.Unlock{Passphrase: passphrase}); err != nil {
			t.Fatal(err)
		}
		if n := b.relays(1); n != -1 {
			t.Errorf("unlocked it still relays for %d", n)
		}
		b.merges(merge, "p1 has what it passed on")
		b.await(30*time.Second, "nobody sees a relay", func() bool { return !b.relayShown(0).Relay && !b.relayShown(2).Relay })
		b.stop()
	})
}

// TestRelayOfRemovedIsRefused is T8 of a relay key: p1's laptop is stolen while it is locked. Nobody who has heard of its
// removal talks to its relay key, neither then nor when it starts again, and nothing goes through it.
func TestRelayOfRemovedIsRefused(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := split(t)
		b.trust(0, api.Trust{Verb: "revoke", Who: "p1", Mode: "stolen", Reason: "left in a taxi"})
		talks := func(i int) (out bool) {
			b.inside(i, func(s *session, _ time.Time) error {
				for _, p := range s.t.Peers() {
					_, relay := s.r.Team().RelayOf(p.Device)
					out = out || relay
				}
				return nil
			})
			return out
		}
		b.await(refusalTime, "p0 hangs up", func() bool { return !talks(0) })
		if b.role(2, "p1") == "out" { // the word may have gone through p1 in its last moment
			b.await(refusalTime, "p2 hangs up", func() bool { return !talks(2) })
		}
		r := b.write(0, api.Write{Verb: "note", Text: "behind its back"})
		again := func() {
			for range 60 {
				time.Sleep(time.Second)
				if talks(0) || b.holds(2, r) {
					t.Fatal("something goes through the stolen laptop")
				}
			}
		}
		again()
		b.lock(1)
		again()
		b.net.Heal()
		b.await(time.Minute, "p2 has it", func() bool { return b.alike(0, 2) && b.sees(0, 2) })
		b.await(refusalTime, "p2 hangs up", func() bool { return !talks(2) })
		b.lock(1)
		time.Sleep(time.Minute)
		if n := b.relays(1); n > 0 {
			t.Errorf("it relays for %d", n)
		}
		b.stop()
	})
}

// TestRelayKeyFollowsProtection: protecting names a relay key, which a restart keeps; without protection it is void, and
// the file is gone.
func TestRelayKeyFollowsProtection(t *testing.T) {
	cfg := guardedConfig(filepath.Join(t.TempDir(), "home"))
	n, _ := running(t, cfg)
	named := func() (key crdt.DeviceID, ok bool) {
		t.Helper()
		s, err := n.current(t.Context())
		if err == nil {
			err = s.do(t.Context(), func(time.Time) error { key, ok = s.r.Team().RelayKey(s.r.Device()); return nil })
		}
		if err != nil {
			t.Fatal(err)
		}
		return key, ok
	}
	if _, ok := named(); ok {
		t.Error("a plain home has a relay key")
	}
	if _, err := n.Protect(t.Context(), api.Protect{Mode: api.ProtectedPassphrase, Passphrase: passphrase}); err != nil {
		t.Fatal(err)
	}
	f, err := n.home.readRelay()
	if err != nil {
		t.Fatal(err)
	}
	if key, ok := named(); !ok || key != f.device().ID() || f.team != n.team {
		t.Errorf("named %s, the file has %s", key.Short(), f.device().ID().Short())
	}
	if info, err := os.Stat(n.home.relay()); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	if _, err := n.Protect(t.Context(), api.Protect{Mode: api.ProtectedNone}); err != nil {
		t.Fatal(err)
	}
	if key, ok := named(); !ok || key == f.device().ID() {
		t.Error("the key is still good")
	}
	if _, err := n.home.readRelay(); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the file: %v", err)
	}
}

// TestRelayFileIsChecked: what is written is read, and nothing else.
func TestRelayFileIsChecked(t *testing.T) {
	f, err := newRelay(crdt.DocID{7})
	if err != nil {
		t.Fatal(err)
	}
	f.addrs = slices.Repeat([]netip.AddrPort{bubbleAddr(1)}, relayAddrsMax)
	text := string(f.format())
	got, err := parseRelay(text)
	if err != nil || got.seed != f.seed || got.team != f.team || !slices.Equal(got.addrs, f.addrs) {
		t.Errorf("%+v, %v", got, err)
	}
	if len(text) >= relaySizeMax {
		t.Errorf("%d bytes", len(text))
	}
	lines := strings.SplitAfter(text, "\n")
	for _, bad := range []string{
		"", relayHeader, lines[0] + lines[1], strings.Join(lines[1:], ""), lines[0] + lines[2] + lines[1], text + lines[3], text + "by p0\n",
		strings.Replace(text, "v1", "v2", 1), strings.Replace(text, "seed ", "seed A", 1), strings.Replace(text, "at ", "at x", 1),
	} {
		if _, err := parseRelay(bad); err == nil {
			t.Errorf("read %q", bad)
		}
	}
}
