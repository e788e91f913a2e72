//go:build faults

package faults

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/dgraph-io/badger/v4"
	"github.com/dgraph-io/badger/v4/table"

	"muster/node/api"
)

const (
	smallDisk  = 24              // MiB
	resumeTime = 5 * time.Second // from free space to the next write
	ownBallast = 6 << 20         // bytes taken from outside when people fill the rest
	largeNote  = 15 << 10        // bytes
)

// TestSurvivesFullDisks: a disk fills up while people write. The node there says so, shows and serves what it holds, claims
// nothing else, and goes on by itself when there is space again.
func TestSurvivesFullDisks(t *testing.T) {
	since := time.Now()
	acked := audited{}
	for i := range *fulls {
		kind, d := "tmpfs", (*disk)(nil)
		if i%2 == 0 {
			d = newTmpfs(t, fmt.Sprint(smallDisk))
		} else {
			kind, d = "ext4", newExt4(t, smallDisk)
		}
		t.Run(fmt.Sprintf("%s %d", kind, i), func(t *testing.T) {
			a := fullDisk(t, d, i%4 >= 2)
			acked.acked, acked.lost, acked.reused = acked.acked+a.acked, acked.lost+a.lost, acked.reused+a.reused
		})
	}
	report("full disk", *fulls, acked, since, fmt.Sprintf("of %d MiB, in turn tmpfs and ext4", smallDisk))
}

// fullDisk fills d once, on which the first of three nodes lives: own, with what people write there, else from outside.
func fullDisk(t *testing.T, d *disk, own bool) audited {
	ls, g := newTeam(t, append([]string{d.dir}, tempHomes(t, 2)...)...), newLedger()
	full, b, c := ls[0], ls[1], ls[2]
	ld := write(ls, g)
	let(time.Second)
	if _, err := c.node.Cut(t.Context(), nil); err != nil { // it will have missed something
		t.Fatal(err)
	}
	let(200 * time.Millisecond)
	var ballast *os.File
	if own {
		ballast = d.fill(ownBallast)
		large(t, full, g)
		ld.end() // else Badger does not come to rest
		for settled(t, full); !refuses(t, full); settled(t, full) {
			large(t, full, g) // the disk was full only while a compaction took its room
		}
	} else {
		ballast = d.fill(all)
	}
	says(t, full, func() string {
		_, err := full.node.Write(t.Context(), api.Write{Verb: "note", Incident: "outage 0", Text: "one too many"})
		if e, ok := errors.AsType[*api.Error](err); !ok || e.Code != api.CodeDiskFull || e.Hint == "" {
			return fmt.Sprintf("a write ends with %v", err)
		}
		return ""
	})
	ld.end()
	if out, code := full.muster("note", "one too many", "-i", "outage 0"); code != 1 || !strings.Contains(out, "the disk is full") || !strings.Contains(out, "hint: free some space") {
		t.Errorf("a note on a full disk: exit %d, %q", code, out)
	}
	if out, code := full.muster("status"); code != 0 || !strings.Contains(out, "warning") || !strings.Contains(out, "the disk is full") {
		t.Errorf("status on a full disk: exit %d, %q", code, out)
	}
	if out, code := full.muster("show", "-i", "outage 0"); code != 0 || !strings.Contains(out, "outage 0") {
		t.Errorf("show on a full disk: exit %d, %q", code, out)
	}

	// What is written elsewhere now is not claimed to be here.
	r, err := b.node.Write(t.Context(), api.Write{Verb: "note", Incident: "outage 1", Text: "written while a disk is full"})
	g.note(b.name, r, err)
	if err != nil || r.Delivery.Delivered != 0 {
		t.Errorf("a write with only a full disk in reach: %v, delivered to %d", err, r.Delivery.Delivered)
	}
	before, err := full.status()
	if err != nil {
		t.Fatal(err)
	}

	// The node with the full disk passes on what it holds to one who comes back while the author is away.
	b.kill()
	if _, err := c.node.Heal(t.Context()); err != nil {
		t.Fatal(err)
	}
	until(t, convergeTimeout, func() string {
		st, err := c.status()
		if err != nil {
			return err.Error()
		}
		if st.Operations < before.Operations {
			return fmt.Sprintf("%s holds %d of %d operations", c.name, st.Operations, before.Operations)
		}
		return ""
	})
	b.start()
	until(t, convergeTimeout, func() string { return same(b, c) }) // they exchange what the other does not take
	if st, err := full.status(); err != nil || st.Operations != before.Operations || !full.alive() {
		t.Errorf("%s held %d operations when its disk filled up, and now %d: %v", full.name, before.Operations, st.Operations, err)
	}

	d.free(ballast)
	freed := time.Now()
	says(t, full, func() string {
		r, err := full.node.Write(t.Context(), api.Write{Verb: "note", Incident: "outage 2", Text: "space again"})
		if err != nil {
			return "a write with space again: " + err.Error()
		}
		g.note(full.name, r, nil)
		return ""
	})
	converge(t, ls)
	t.Logf("equal %.1f s after there was space", time.Since(freed).Seconds())

	// The end of a node on a full disk is in order, and so is the next start. What Badger needs to end a compaction that is
	// under way nobody else may take: that would be the end of the process.
	settled(t, full)
	ballast = d.fill(all)
	if err := full.stop(); err != nil {
		t.Errorf("a node on a full disk ended with %v", err)
	}
	if err := full.tryStart(); err == nil || !strings.Contains(err.Error(), "the disk is full") {
		t.Errorf("a start on a full disk: %v", err)
	}
	d.free(ballast)
	full.start()
	return audit(t, ls, g)
}

// refuses reports whether a node's disk is full to it.
func refuses(t *testing.T, l *laptop) bool {
	t.Helper()
	_, err := l.node.Write(t.Context(), api.Write{Verb: "note", Incident: "outage 3", Text: "is there room?"})
	if e, ok := errors.AsType[*api.Error](err); ok && e.Code == api.CodeDiskFull {
		return true
	}
	if err != nil {
		t.Fatalf("%s: %v", l.name, err)
	}
	return false
}

// What Badger compacts on a small disk.
const (
	tablesDue = 2       // of level 0
	bytesDue  = 4 << 20 // of any level but the last
)

// settled waits until Badger has nothing to do for a node on which nobody writes: every log but the newest has become a
// table, no level is due for a compaction, and what compactions replaced is gone.
func settled(t *testing.T, l *laptop) {
	t.Helper()
	dir := filepath.Join(storeDir(t, l), "badger")
	until(t, convergeTimeout, func() string {
		f, err := os.Open(filepath.Join(dir, badger.ManifestFilename))
		if err != nil {
			return err.Error()
		}
		m, _, err := badger.ReplayManifestFile(f, 0, badger.DefaultOptions(dir))
		if err = errors.Join(err, f.Close()); err != nil {
			return err.Error() // it is being written
		}
		for i, level := range m.Levels[:max(0, len(m.Levels)-1)] {
			var size int64
			for id := range level.Tables { // any order: summed up
				info, err := os.Stat(table.NewFilename(id, dir))
				if err != nil {
					return err.Error()
				}
				size += info.Size()
			}
			if i == 0 && len(level.Tables) >= tablesDue || i > 0 && size >= bytesDue {
				return fmt.Sprintf("%d tables of %d bytes are on level %d", len(level.Tables), size, i)
			}
		}
		tables, err := filepath.Glob(filepath.Join(dir, "*.sst"))
		if err != nil || len(tables) != len(m.Tables) {
			return fmt.Sprintf("%d tables are in use, of %d: %v", len(m.Tables), len(tables), err)
		}
		if logs, err := filepath.Glob(filepath.Join(dir, "*.mem")); err != nil || len(logs) != 1 {
			return fmt.Sprintf("there are %d logs: %v", len(logs), err)
		}
		return ""
	})
}

// large makes people write long notes on a node until its disk is full.
func large(t *testing.T, l *laptop, g *ledger) {
	t.Helper()
	var writers sync.WaitGroup
	for range crowd {
		writers.Go(func() {
			for range smallDisk << 20 / largeNote {
				r, err := l.node.Write(t.Context(), api.Write{Verb: "note", Incident: "outage 3", Text: strings.Repeat("a long story ", largeNote/13)})
				g.note(l.name, r, err)
				if e, ok := errors.AsType[*api.Error](err); ok && e.Code == api.CodeDiskFull {
					return
				}
				if err != nil {
					t.Errorf("%s: a long note: %v", l.name, err)
					return
				}
			}
			t.Errorf("%s: its disk takes more than it has", l.name)
		})
	}
	writers.Wait()
}

// says waits until ok, which a node is to be in seconds.
func says(t *testing.T, l *laptop, ok func() string) {
	t.Helper()
	until(t, resumeTime, func() string {
		if !l.alive() {
			log, _ := os.ReadFile(l.log) // for the message only
			t.Fatalf("%s died: %s", l.name, tail(string(log), 500))
		}
		return ok()
	})
}
