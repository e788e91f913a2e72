package sim

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"muster/crdt/board"
)

var (
	seeds = flag.Uint64("seeds", usualSeeds, "number of seeds to run")
	first = flag.Uint64("first", 1, "the first of them")
	seed  = flag.Uint64("seed", 0, "run this one seed and write its transcript; 0: all of them")
)

// often must happen in 500 runs, rarely in 5,000. A fault or a state that was never met was never tested.
var (
	often = []string{
		"acknowledged", "people: declare", "people: invite",
		"fault: message lost", "fault: message repeated", "fault: message overtaken", "fault: message cut off",
		"fault: message clogged", "fault: message of a slow peer", "fault: clog", "fault: swizzle",
		"fault: partition healed", "fault: partition split", "fault: partition one way", "fault: partition asymmetric",
		"fault: partition ring", "fault: partition star", "fault: partition alone",
		"fault: crash idle", "fault: crash before persist", "fault: crash torn write", "fault: crash before send",
		"fault: pause", "fault: everyone sleeps", "fault: clock set", "fault: disk full", "fault: bit flip in the store",
		"fault: bit flip in the journal", "fault: backup restored", "fault: disk copied",
		"fault: hostile digest", "fault: hostile frontier", "fault: hostile acknowledgement", "fault: hostile offer",
		"fault: hostile withheld body", "fault: hostile bad signature", "fault: hostile equivocation",
		"fault: hostile wrong clock", "fault: hostile future team", "fault: hostile past team", "fault: hostile forgery",
		"fault: hostile garbage", "fault: hostile oversized frame", "fault: hostile unsigned end", "fault: operation of a later version",
		"saw: equivocation proven", "saw: fork of a copied disk", "saw: epoch after a lost tail",
		"saw: epoch after a fork or a lost tail", "saw: operations stranded", "saw: unknown kind kept", "saw: unknown header field kept",
		"saw: redacted body", "saw: join", "saw: body came after all", "saw: disk full, read only", "saw: disk full, write undone", "saw: hostile message refused",
		"saw: operations waiting for their past",
		"conflict: command", "conflict: status", "conflict: decision", "conflict: done-vs-cancelled", "conflict: double", "conflict: ran-twice",
		"merged: severity", "merged: status", "settled: command", "settled: status",
		"fault: feud", "fault: laptop stolen", "fault: founder lost", "fault: backdated operation",
		"team: role", "team: confirm", "team: remove", "team: reinstate", "team: cosign", "team: close", "team: adopt", "team: policy",
		"team: proposed remove", "team: wrong remove", "saw: shown the door", "saw: team document at the door", "saw: operation judged anew",
		"trust: mutual removal", "trust: co-signed removal", "trust: reinstated", "trust: adopted", "trust: backdated and void",
		"trust: barred", "trust: invitation used too often",
		"saw: contested end", "saw: somebody acts", "saw: commander back while somebody acts", "saw: command taken by force", "saw: offer lapsed",
		"saw: break over", "saw: handover confirmed", "saw: sub-teams", "saw: two incidents that are one", "saw: one act in two incidents",
	}
	rarely = []string{
		"saw: fork of a restored disk", "saw: join at a node cut from the inviter",
		"saw: redaction racing an edit", "fault: hostile body", "trust: confirmed", "trust: removal lost to one that weighs more",
		"trust: no right left by a fork", "trust: demoted", "trust: joined after the invitation was closed",
		"saw: command back after a break", "merged: late-notes", "merged: still-working", "merged: redact",
	}
)

// TestSeeds runs many bad days, each drawn from its seed, and some of them twice.
func TestSeeds(t *testing.T) {
	if *seed != 0 {
		o := Draw(*seed)
		o.Trace = true
		res, err := Run(*seed, o)
		t.Logf("%+v: %d operations, transcript in %s", o, res.Operations, transcript(t, *seed))
		if err != nil {
			t.Fatalf("seed %d: %v", *seed, err)
		}
		return
	}
	defer debug.SetGCPercent(debug.SetGCPercent(1000)) // a run leaves little behind
	began := time.Now()
	var mu sync.Mutex
	sum := map[string]int{}
	var virtual time.Duration
	operations, failures := 0, 0
	next, last := *first, *first+*seeds
	var wg sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			for {
				mu.Lock()
				s := next
				next++
				enough := s >= last || failures >= maxFailures
				mu.Unlock()
				if enough {
					return
				}
				o := Draw(s)
				res, err := Run(s, o)
				if s%50 == 0 && err == nil {
					if again, err := Run(s, o); again.Hash != res.Hash || err != nil {
						t.Errorf("seed %d: two runs differ (%v)", s, err)
					}
				}
				mu.Lock()
				if err != nil {
					failures++
					t.Errorf("seed %d: %v\nreplay: make sim SEED=%d\ntranscript: %s", s, err, s, transcript(t, s))
				}
				virtual += res.Virtual
				operations += res.Operations
				for k, n := range res.Counts {
					sum[k] += n
				}
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	for _, k := range slices.Sorted(maps.Keys(sum)) {
		t.Logf("%9d  %s", sum[k], k)
	}
	t.Logf("seeds %d to %d: %.0f virtual hours, %d operations, %.1f s", *first, min(next, last)-1, virtual.Hours(), operations, time.Since(began).Seconds())
	if uint64(sum[idle]) > 1+*seeds/idlePer {
		t.Errorf("in %d of %d runs nobody did anything: too little was tested", sum[idle], *seeds)
	}
	must := often
	if *seeds >= 5000 {
		must = slices.Concat(often, rarely)
		for _, v := range board.Verbs() {
			must = append(must, "people: "+v.Name)
		}
		for _, kind := range humanOnly {
			must = append(must, "conflict: "+kind, "settled: "+kind)
		}
	}
	if *seeds < 500 || failures > 0 {
		return
	}
	for _, k := range must {
		if sum[k] == 0 {
			t.Errorf("%q never happened", k)
		}
	}
}

// idlePer is in how many runs one may be in which nobody could do anything.
const idlePer = 10_000

// maxFailures is when a run stops: one cause fails many seeds.
const maxFailures = 5

// transcript runs a seed again and returns the file that its transcript is in.
func transcript(t *testing.T, s uint64) string {
	o := Draw(s)
	o.Trace = true
	res, err := Run(s, o)
	path := filepath.Join(os.TempDir(), fmt.Sprintf("muster-sim-seed-%d.txt", s))
	text := fmt.Sprintf("%s%v\n%s\n", res.Transcript, err, strings.ReplaceAll(fmt.Sprintf("%+v", o), " ", "\n"))
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Errorf("write the transcript: %v", err)
	}
	return path
}
