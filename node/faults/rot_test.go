//go:build faults

package faults

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// A sort is one kind of file of a store.
type sort struct {
	glob string
	kill bool // left by a crash only
	loud bool // what is lost is lost to people: status must say so
}

// sorts are all kinds of files that a store consists of, those that matter most first, and what lies beside it.
var sorts = []sort{
	{"journal", false, true},
	{"journal", true, true},
	{"badger/MANIFEST", false, true},
	{"badger/*.sst", false, true},
	{"badger/*.sst", true, true},
	{"badger/*.mem", true, true},
	{"badger/KEYREGISTRY", false, false}, // empty, since Badger does not encrypt
	{"badger/*.vlog", false, false},      // empty, since nothing is kept there
	{"badger/DISCARD", false, false},     // statistics
	{"lock", true, false},
	{"../peers", false, false}, // addresses, which are found again
	{"../roster", true, false}, // a copy of what the store holds
}

// TestSurvivesBitRot: one byte of a file of a store changes, or its end is gone, while the node is down. It comes back up,
// says what it lost, gets it from its peers, and signs nothing under a name it has used.
func TestSurvivesBitRot(t *testing.T) {
	since, rnd := time.Now(), random(t)
	ls, g := newTeam(t, tempHomes(t, 3)...), newLedger()
	ld := write(ls, g)
	hit, told := map[string]int{}, 0
	for i := range *flips {
		let(time.Duration(300+rnd.IntN(200)) * time.Millisecond)
		l, s := ls[rnd.IntN(len(ls))], sorts[i%len(sorts)]
		if !s.kill || strings.HasSuffix(s.glob, ".sst") { // an orderly end leaves a table
			if err := l.stop(); err != nil {
				t.Fatal(err)
			}
		}
		if s.kill {
			if l.cmd == nil {
				l.start()
			}
			l.kill()
		}
		what := rot(t, rnd, storeDir(t, l), s.glob, i%4 == 3)
		l.start()
		st, err := l.status()
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("%s: %s: %q", l.name, what, st.Warnings)
		if len(st.Warnings) > 0 {
			told++
		} else if s.loud {
			t.Errorf("%s: %s, and nobody is told", l.name, what)
		}
		hit[s.glob]++
		until(t, convergeTimeout, func() string { return reaches(l, ls) })
	}
	ld.end()
	report("bit rot", *flips, audit(t, ls, g), since, fmt.Sprintf("of %d kinds of files, %d times told", len(hit), told))
	if *flips >= len(sorts) {
		for _, s := range sorts {
			if hit[s.glob] == 0 {
				t.Errorf("%s never rotted; hit were %v", s.glob, slices.Sorted(maps.Keys(hit)))
			}
		}
	}
}

// reaches says whom l does not reach.
func reaches(l *laptop, ls []*laptop) string {
	st, err := l.status()
	if err != nil {
		return err.Error()
	}
	n := 0
	for _, p := range st.Peers {
		if p.Reachable {
			n++
		}
	}
	if n < len(ls)-1 || st.Syncing != nil {
		return fmt.Sprintf("%s reaches %d", l.name, n)
	}
	return ""
}

// rot changes one file, and says how: a bit flipped where something is written, or the end cut off.
func rot(t *testing.T, rnd *rand.Rand, dir, glob string, cut bool) string {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(dir, glob))
	if err != nil || len(paths) == 0 {
		t.Fatalf("no %s in %s: %v", glob, dir, err)
	}
	path := paths[len(paths)-1]
	b := slurp(t, path)
	used := len(strings.TrimRight(string(b), "\x00"))
	name := filepath.Base(path)
	if used == 0 {
		used = len(b)
	}
	what := name + " is empty"
	switch at := used * (1 + rnd.IntN(7)) / 10; { // not in the last entry, which nobody can tell from a torn write
	case len(b) == 0:
	case cut:
		b, what = b[:at], fmt.Sprintf("%s cut from %d bytes to %d", name, used, at)
	default:
		b[at] ^= 1 << rnd.IntN(8)
		what = fmt.Sprintf("byte %d of %d of %s flipped", at, used, name)
	}
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return what
}
