//go:build faults

package faults

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// TestSurvivesPowerCuts: the power fails at any moment while people write; the file system replays its journal, and the
// node goes on with everything it ever acknowledged.
func TestSurvivesPowerCuts(t *testing.T) {
	since, rnd := time.Now(), random(t)
	disks := []*disk{newExt4(t, 256), newExt4(t, 256), newExt4(t, 256)}
	ls, g := newTeam(t, disks[0].dir, disks[1].dir, disks[2].dir), newLedger()
	ld := write(ls, g)
	flushed, told := 0, 0
	for range *powerCuts {
		i := rnd.IntN(len(ls))
		how := uint32(shutdownNoFlush)
		if rnd.IntN(4) == 0 {
			how = shutdownFlush
			flushed++
		}
		let(time.Duration(rnd.IntN(400)) * time.Millisecond)
		disks[i].cut(how)
		let(time.Duration(rnd.IntN(50)) * time.Millisecond) // the machine is not dead at once
		ls[i].kill()
		disks[i].close()
		disks[i].open()
		ls[i].start()
		st, err := ls[i].status()
		if err != nil {
			t.Fatal(err)
		}
		for _, w := range st.Warnings {
			told++
			if !strings.Contains(w, "by a power cut") {
				t.Errorf("%s after a power cut, which damages nothing that was synced: %s", ls[i].name, w)
			}
		}
	}
	ld.end()
	report("power cut", *powerCuts, audit(t, ls, g), since,
		fmt.Sprintf("%d with the file system's log flushed; %d told of an unsynced tail", flushed, told))
}
