package sim

import (
	"math/rand/v2"
	"time"
)

// Options are the size of a run and the faults in it. Times are means between two faults of a class in the whole team,
// zero: never; probabilities are per message.
type Options struct {
	Nodes     int
	Late      int           // of the nodes, at most all but two: join while the run is on
	Intents   int           // things people do
	Incidents int           // that one person knows of before they declare no more
	Span      time.Duration // virtual time in which people act and faults happen

	// The network.
	Delay     time.Duration // mean, one way
	Drop, Dup float64
	Reorder   float64       // part of the messages that take ten times as long
	Notice    time.Duration // mean time until the ends of a cut link notice
	Partition time.Duration // between changes of the partition
	Clog      time.Duration // between links that hold everything back for a while
	Swizzle   time.Duration // between times when all links of one node stop in one order and come back in another
	Slow      bool          // one node's links take a hundred times as long

	// The hosts.
	Crash time.Duration // between crashes
	Pause time.Duration // between stops of one process, or of all
	Skew  time.Duration // each clock is off by up to this much, either way
	Drift float64       // each clock runs fast or slow by up to this part
	Step  time.Duration // between steps of a clock by up to Skew

	// The disks.
	Full    time.Duration // between disks that fill up for a while
	Flip    time.Duration // between bits that flip in a store or a journal
	Restore time.Duration // between backups; a crash brings the last one back now and then
	Clone   bool          // somebody copies a disk to another laptop, and both are used

	// The members.
	Hostile bool // one of them does what no correct node does
	Newer   bool // one of them runs a later version, whose operations the others do not know

	// Who is in and who is out.
	Trust   time.Duration // between things that people do about it
	Feud    time.Duration // between two people who throw each other out, apart
	Thief   bool          // a laptop is stolen, and the thief has a friend in the team
	Founder bool          // the laptop of the only steward is lost

	RealKeys bool // Ed25519 signatures instead of a hash
	Bug      Bug  // planted, for the checkers to find
	Trace    bool // keep the transcript
}

// A Bug is a mistake that a run makes on purpose, in what stands around the replicas or in the rules they are given: a
// simulator that does not find it would find nothing.
type Bug int

// Bugs.
const (
	NoBug         Bug = iota
	BugUnsynced       // a crash loses what was written during the last second
	BugLastWins       // of two writes of a register the later is kept, by the clock
	BugNoOrder        // what no clock tells apart is in the order it came
	BugForgets        // a node that starts forgets the end of its own log
	BugForged         // every signature is good
	BugKeeps          // a disk does not erase
	BugNoBodies       // bodies that were withheld are never sent
	BugLitters        // a disk erases and leaves the old bytes where they were
	BugSilent         // what waits for a human is not shown
	BugAsks           // a human is asked what the rules have merged
	BugSeizes         // who takes command last is the only one to have it
	BugPassesOver     // of two people at work on one task only one is shown
	BugMislays        // the first note is not shown
	BugHarmless       // who was thrown out counts as before
	BugByClock        // what who was thrown out wrote before that by the clock counts
	BugWeak           // what a compromised device did to the team beyond the cut stands
)

// Draw chooses options from a seed, so that each seed is a different kind of bad day: every class of faults is on or
// off (Groce et al., "Swarm Testing", 2012).
func Draw(seed uint64) Options {
	rng := rand.New(rand.NewPCG(seed, 1))
	seconds := func(from, to int) time.Duration { return time.Duration(from+rng.IntN(to-from)) * time.Second }
	maybe := func(oneIn int, d time.Duration) time.Duration {
		if rng.IntN(oneIn) > 0 {
			return 0
		}
		return d
	}
	o := Options{
		Nodes: 3 + rng.IntN(4), Intents: 55 + rng.IntN(110), Span: seconds(60, 900),
		Delay: time.Duration(1+rng.IntN(80)) * time.Millisecond, Notice: seconds(0, 10),
		Partition: maybe(2, seconds(10, 180)), Clog: maybe(4, seconds(10, 120)), Swizzle: maybe(5, seconds(30, 200)),
		Slow: rng.IntN(8) == 0, Crash: maybe(2, seconds(10, 130)), Pause: maybe(4, seconds(60, 400)),
		Full: maybe(5, seconds(30, 300)), Hostile: rng.IntN(4) == 0, Newer: rng.IntN(5) == 0,
	}
	switch rng.IntN(10) {
	case 0:
		o.Nodes = 7 + rng.IntN(3)
	case 1:
		o.Intents = 300
	}
	if rng.IntN(3) > 0 {
		o.Drop = rng.Float64() * 0.3
	}
	if rng.IntN(3) == 0 {
		o.Dup = rng.Float64() * 0.5
	}
	if rng.IntN(3) == 0 {
		o.Reorder = rng.Float64() * 0.3
	}
	if rng.IntN(4) == 0 {
		o.Late = 1 + rng.IntN(2)
		o.Nodes += o.Late
	}
	if rng.IntN(2) > 0 {
		o.Skew = time.Duration(rng.Int64N(int64(30 * 24 * time.Hour)))
		o.Step = maybe(2, seconds(60, 300))
	}
	if rng.IntN(3) == 0 {
		o.Drift = rng.Float64() * 0.001
	}
	if o.Crash > 0 { // each of these can lose what another keeps: one at a time
		switch rng.IntN(6) {
		case 0:
			o.Restore = 2 * o.Crash
		case 1:
			o.Flip, o.Hostile = seconds(30, 200), false
		case 2:
			o.Clone = true
		}
	}
	if rng.IntN(70) == 0 { // a crowd, for a short while
		o.Nodes, o.Intents, o.Span, o.Late, o.Clone = 60, 16, seconds(15, 40), 0, false
	}
	o.RealKeys = rng.IntN(50) == 0
	o.Incidents = 1 + rng.IntN(3)
	o.drawTrust(rand.New(rand.NewPCG(seed, 2)))
	return o
}

// drawTrust draws what goes wrong with who is in and who is out, in a third of the runs. Somebody who is out keeps what
// nobody else may have, so no run also loses stores.
func (o *Options) drawTrust(rng *rand.Rand) {
	if rng.IntN(3) > 0 || o.Nodes >= 60 {
		return
	}
	o.Flip, o.Restore = 0, 0
	o.Trust = o.Span / time.Duration(4+rng.IntN(30))
	if rng.IntN(3) == 0 {
		o.Feud = o.Span / time.Duration(1+rng.IntN(3))
	}
	o.Thief, o.Founder = rng.IntN(3) == 0, rng.IntN(6) == 0
	if o.Late == 0 && rng.IntN(2) == 0 {
		o.Late = 1 + rng.IntN(2)
		o.Nodes += o.Late
	}
}
