package sim

import (
	"slices"
	"testing"
	"time"

	"muster/crdt/board"
)

// Each planted bug is found within a few seeds. A simulator that passes one of them would pass anything.
func TestFindsPlantedBugs(t *testing.T) {
	crash := func(o *Options) { o.Crash = 20 * time.Second }
	hostile := func(o *Options) { o.Hostile, o.Flip = true, 0 }
	trust := func(o *Options) { o.Trust, o.Thief, o.Flip, o.Restore = o.Span/20, true, 0, 0 }
	for _, c := range []struct {
		name   string
		bug    Bug
		within uint64
		adjust func(o *Options)
	}{
		{"writes are not synced", BugUnsynced, 20, crash},
		{"the last writer wins", BugLastWins, 20, nil},
		{"no order where clocks agree", BugNoOrder, 20, nil},
		{"a frontier entry is forgotten", BugForgets, 20, crash},
		{"a forged signature is accepted", BugForged, 40, hostile},
		{"redacted bodies are kept", BugKeeps, 40, nil},
		{"withheld bodies are not sent", BugNoBodies, 80, hostile},
		{"erased bytes stay on the disk", BugLitters, 40, nil},
		{"conflicts are hidden", BugSilent, 20, nil},
		{"people are asked what the rules decide", BugAsks, 40, nil},
		{"command is seized", BugSeizes, 20, nil},
		{"one of two who work on a task is passed over", BugPassesOver, 80, nil},
		{"a note is mislaid", BugMislays, 20, nil},
		{"a removal has no effect", BugHarmless, 40, trust},
		{"a removal takes effect by the clock", BugByClock, 40, trust},
		{"removals are weak", BugWeak, 80, trust},
	} {
		t.Run(c.name, func(t *testing.T) {
			for s := uint64(1); s <= c.within; s++ {
				o := Draw(s)
				if c.adjust != nil {
					c.adjust(&o)
				}
				if _, err := Run(s, o); err != nil {
					t.Fatalf("seed %d fails without the bug: %v", s, err)
				}
				o.Bug = c.bug
				if _, err := Run(s, o); err != nil {
					t.Logf("found by seed %d: %v", s, err)
					return
				}
			}
			t.Errorf("not found in %d seeds", c.within)
		})
	}
}

// TestHumansAreAskedOnlyWhatC3Lists: the kinds of conflict that the board has are those that the checkers allow.
func TestHumansAreAskedOnlyWhatC3Lists(t *testing.T) {
	got, want := slices.Compact(slices.Sorted(slices.Values(board.ConflictKinds()))), slices.Sorted(slices.Values(humanOnly))
	if !slices.Equal(got, want) {
		t.Errorf("the board leaves to humans %q, want %q", got, want)
	}
}
