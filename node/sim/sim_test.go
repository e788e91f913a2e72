package sim

import (
	"flag"
	"maps"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"
)

var (
	seeds = flag.Uint64("seeds", 500, "number of seeds to run")
	seed  = flag.Uint64("seed", 0, "run this one seed and print its transcript")
)

// mustHappen are the counters that may not stay at zero over all seeds: a fault or a state that was never met was never
// tested.
var mustHappen = []string{
	"sent", "dropped", "duplicated", "cut off", "partitions", "one-way partitions",
	"crashes idle", "crashes before persist", "crashes before send", "acknowledged",
	"restores", "forks", "new epochs",
	"conflict command", "merged severity", "redacted", "settled command",
}

// TestSeeds runs many bad days, each drawn from its seed, and some of them twice.
func TestSeeds(t *testing.T) {
	if *seed != 0 {
		o := Draw(*seed)
		o.Trace = true
		res, err := Run(*seed, o)
		t.Logf("%s%+v", res.Transcript, o)
		if err != nil {
			t.Fatalf("seed %d: %v", *seed, err)
		}
		return
	}
	var mu sync.Mutex
	sum := map[string]int{}
	var virtual time.Duration
	next := uint64(0)
	var wg sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			for {
				mu.Lock()
				next++
				s := next
				mu.Unlock()
				if s > *seeds {
					return
				}
				res, err := Run(s, Draw(s))
				if err != nil {
					t.Errorf("seed %d: %v\nreplay: go test ./node/sim -run TestSeeds -v -seed %d", s, err, s)
				}
				if s%50 == 0 {
					if again, err2 := Run(s, Draw(s)); again.Hash != res.Hash || (err == nil) != (err2 == nil) {
						t.Errorf("seed %d: two runs differ", s)
					}
				}
				mu.Lock()
				virtual += res.Virtual
				for _, k := range slices.Sorted(maps.Keys(res.Counts)) {
					sum[k] += res.Counts[k]
				}
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	for _, k := range slices.Sorted(maps.Keys(sum)) {
		t.Logf("%9d  %s", sum[k], k)
	}
	t.Logf("%d seeds, %.1f virtual hours", *seeds, virtual.Hours())
	for _, k := range mustHappen {
		if sum[k] == 0 {
			t.Errorf("%q never happened", k)
		}
	}
}

// A disk that loses what it said was written is found out. A simulator that passes it would pass anything.
func TestFindsAPlantedBug(t *testing.T) {
	found := 0
	const runs = 20
	for s := range uint64(runs) {
		o := Draw(s)
		o.LyingDisk, o.Crash = true, 20*time.Second
		if _, err := Run(s, o); err != nil {
			found++
		}
	}
	t.Logf("found in %d of %d runs", found, runs)
	if found < runs/2 {
		t.Errorf("found in %d of %d runs only", found, runs)
	}
}
