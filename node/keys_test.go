package node

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"muster/crdt"
	"muster/crdt/auth"
)

func keyOf(gen uint64, b byte) teamKey { return teamKey{gen: gen, key: [teamKeyBytes]byte{b}} }

// TestTeamKeyFile: keys come back newest first, each once, at most so many; a file that is none says so and is not taken
// for empty.
func TestTeamKeyFile(t *testing.T) {
	h, team := newHome(t.TempDir()), crdt.DocID{1}
	if err := os.MkdirAll(h.team(team), 0o700); err != nil {
		t.Fatal(err)
	}
	if got, err := h.readTeamKeys(team); err != nil || got != nil {
		t.Errorf("without a file: %v, %v", got, err)
	}
	in := []teamKey{keyOf(2, 1), keyOf(3, 2), keyOf(3, 3), keyOf(2, 1), keyOf(1, 4)}
	if err := h.writeTeamKeys(team, mergeKeys(in, nil)); err != nil {
		t.Fatal(err)
	}
	got, err := h.readTeamKeys(team)
	if err != nil || len(got) != 4 || got[0].gen != 3 || got[1].gen != 3 || got[2] != in[0] || got[3] != in[4] || got[0].id().Compare(got[1].id()) >= 0 {
		t.Errorf("got %v, %v", got, err)
	}
	info, err := os.Stat(h.keys(team))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	for name, text := range map[string]string{
		"empty": "", "another header": "muster team keys v2\n", "no key": keysHeader + "\n7\n", "short": keysHeader + "\n7 AAAA\n",
		"no number": keysHeader + "\nx " + strings.Repeat("A", 43) + "=\n", "zero": keysHeader + "\n0 " + strings.Repeat("A", 43) + "=\n", "large": keysHeader + "\n" + strings.Repeat("x", keysSizeMax+1),
	} {
		if err := os.WriteFile(filepath.Join(h.keys(team)), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if got, err := h.readTeamKeys(team); err == nil {
			t.Errorf("%s: read as %v", name, got)
		}
	}
	var many []teamKey
	for i := range 3 * teamKeysMax {
		many = append(many, keyOf(uint64(i+1), byte(i)))
	}
	if got := mergeKeys(many, many[:5]); len(got) != teamKeysMax || got[0].gen != 3*teamKeysMax {
		t.Errorf("%d keys, first of generation %d", len(got), got[0].gen)
	}
}

// TestTeamKeyNamesAgree: the name of a key is the one that package auth computes, and tells nothing that an announcement
// tells.
func TestTeamKeyNamesAgree(t *testing.T) {
	k := keyOf(2, 7)
	if k.id() != auth.TeamKeyID(k.key[:]) {
		t.Error("the names differ")
	}
	id := k.id()
	if slices.Equal(k.announceKey(), id[:]) || slices.Equal(k.announceKey(), keyOf(2, 8).announceKey()) {
		t.Error("announcements can be told from names")
	}
}

// FuzzTeamKeys: what a stranger says its team's keys are is refused or comes back as it was.
func FuzzTeamKeys(f *testing.F) {
	f.Add(formatTeamKeys([]teamKey{keyOf(3, 1), keyOf(2, 2)}))
	f.Add("1 A\n")
	f.Fuzz(func(t *testing.T, text string) {
		keys, err := parseTeamKeys(text)
		if err != nil {
			return
		}
		again, err := parseTeamKeys(formatTeamKeys(keys))
		if err != nil || !slices.Equal(keys, again) || len(keys) > teamKeysMax {
			t.Fatalf("%q is read as %v and then as %v, %v", text, keys, again, err)
		}
	})
}
