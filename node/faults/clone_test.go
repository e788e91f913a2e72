//go:build faults

package faults

import (
	"context"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"muster/node/api"
)

// TestSurvivesClones: a home is copied and both copies run, as after a restored backup or with a cloned laptop. Both are
// told, the others too, what either wrote is kept, and all become equal.
//
// A copied directory is found out at its start, and writes a log of its own. The copy of a whole disk cannot be told from
// the original before they meet: both continue one log, so that this is the one fault after which a dot names two
// operations. They are kept side by side.
func TestSurvivesClones(t *testing.T) {
	since := time.Now()
	sum := audited{}
	for i := range *clones {
		name, test := "directory", cloneDirectory
		if i%2 == 1 {
			name, test = "disk", cloneDisk
		}
		t.Run(name, func(t *testing.T) {
			a := test(t)
			sum.acked, sum.lost, sum.reused = sum.acked+a.acked, sum.lost+a.lost, sum.reused+a.reused
		})
	}
	report("clone", *clones, sum, since, "in turn a directory and a whole disk, which forks")
}

func cloneDirectory(t *testing.T) audited {
	ls := newTeam(t, tempHomes(t, 3)...)
	twin := filepath.Join(t.TempDir(), "home")
	if err := ls[0].stop(); err != nil {
		t.Fatal(err)
	}
	shell(t, "cp", "-a", ls[0].dir, twin)
	return runTwins(t, ls, newLaptop(t, "twin", twin), false)
}

func cloneDisk(t *testing.T) audited {
	d := newExt4(t, 128)
	ls := newTeam(t, append([]string{d.dir}, tempHomes(t, 2)...)...)
	if err := ls[0].stop(); err != nil {
		t.Fatal(err)
	}
	d.close()
	dir := scratch(t)
	copied := &disk{t: t, dir: filepath.Join(dir, "mnt"), image: filepath.Join(dir, "image")}
	shell(t, "cp", "--sparse=always", d.image, copied.image)
	t.Cleanup(copied.close)
	d.open()
	copied.open()
	return runTwins(t, ls, newLaptop(t, "twin", filepath.Join(copied.dir, "home")), true)
}

// runTwins starts the first laptop, which is stopped, and its twin, lets people write on all, and audits them.
func runTwins(t *testing.T, ls []*laptop, twin *laptop, forks bool) audited {
	t.Helper()
	twin.join = ls[0].join
	g := newLedger()
	ls[0].start()
	twin.start()
	if !forks {
		warned(t, twin, "in another place")
	}
	if forks {
		apartFork(t, g, ls[0], twin)
	}
	everyone := append(ls, twin)
	ld := write(everyone, g)
	let(3 * time.Second)
	ld.end()
	ended := time.Now()
	warned(t, ls[0], "a copy of this directory")
	warned(t, twin, "a copy of this directory")
	warned(t, ls[1], "writes in two places")
	warned(t, ls[2], "writes in two places")
	t.Logf("all told %.1f s after the last write", time.Since(ended).Seconds())
	until(t, convergeTimeout, func() string { // not all at a time reach each other: who has two of a device talks to one
		for _, l := range everyone[1:] {
			if why := same(ls[0], l); why != "" {
				return why
			}
		}
		return ""
	})
	t.Logf("equal %.1f s after the last write", time.Since(ended).Seconds())
	return auditDisks(t, everyone, g, forks)
}

// apartFork makes both of two copies go on with their log before either hears of the other: whoever hears of it in time
// begins a new one.
func apartFork(t *testing.T, g *ledger, original, twin *laptop) {
	t.Helper()
	ask(t, twin, func(ctx context.Context) error { _, err := twin.node.Cut(ctx, nil); return err })
	for _, l := range []*laptop{original, twin} {
		say(t, g, l, api.Write{Verb: "note", Text: l.name + " is the only one of its kind"})
	}
	ask(t, twin, func(ctx context.Context) error { _, err := twin.node.Heal(ctx); return err })
}

// warned waits until a node warns of something.
func warned(t *testing.T, l *laptop, of string) {
	t.Helper()
	until(t, convergeTimeout, func() string {
		st, err := l.status()
		if err != nil {
			return err.Error()
		}
		if !strings.Contains(strings.Join(st.Warnings, "\n"), of) {
			return l.name + " warns of " + strings.Join(st.Warnings, "; ")
		}
		return ""
	})
}
