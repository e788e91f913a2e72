//go:build faults

package faults

import (
	"syscall"
	"testing"
	"time"
)

// TestSurvivesKills: nodes are killed at any moment while people write on all of them, and start again.
func TestSurvivesKills(t *testing.T) {
	since, rnd := time.Now(), random(t)
	ls, g := newTeam(t, tempHomes(t, 3)...), newLedger()
	ld := write(ls, g)
	for range *kills {
		l := ls[rnd.IntN(len(ls))]
		let(time.Duration(rnd.IntN(150)) * time.Millisecond)
		l.kill()
		l.start()
		if st, err := l.status(); err != nil || len(st.Warnings) > 0 {
			t.Errorf("%s after a kill, which damages nothing: %q, %v", l.name, st.Warnings, err)
		}
	}
	ld.end()
	report("kill -9", *kills, audit(t, ls, g), since, "")
}

// TestSurvivesPauses: nodes stand still for seconds, as a laptop does whose lid is closed, while people write on all of
// them.
func TestSurvivesPauses(t *testing.T) {
	t.Parallel()
	since, rnd := time.Now(), random(t)
	ls, g := newTeam(t, tempHomes(t, 3)...), newLedger()
	ld := write(ls, g)
	longest := time.Duration(0)
	for i := range *pauses {
		l := ls[rnd.IntN(len(ls))]
		d := 2*time.Second + time.Duration(rnd.IntN(3000))*time.Millisecond
		if i == 0 {
			d = 20 * time.Second // longer than the connections live
		}
		longest = max(longest, d)
		l.signal(syscall.SIGSTOP)
		let(d)
		l.signal(syscall.SIGCONT)
		let(time.Duration(rnd.IntN(500)) * time.Millisecond)
	}
	ld.end()
	report("pause", *pauses, audit(t, ls, g), since, "longest "+longest.String())
}
