package auth_test

import (
	"fmt"
	"slices"
	"testing"

	"muster/crdt"
	"muster/crdt/auth"
)

// Whoever takes back and forth what they did to one device, which goes on writing, makes nobody ask more than a few
// questions for each pair of operations: never one for each three of them.
func TestBackAndForthCostsBoundedSteps(t *testing.T) {
	const n = 600
	dan := numbered(4).Device()
	for name, build := range map[string]func(c *crowd, last crdt.Hash) crdt.Hash{
		// The removals count, and the one reinstatement that does comes after many that do not.
		"retired and reinstated": func(c *crowd, last crdt.Hash) crdt.Hash {
			for range n {
				last = c.write(0, 0, auth.KindRemove, auth.Remove{Device: dan, Mode: auth.ModeRetire}, last)
			}
			for range n {
				last = c.write(2, 0, auth.KindReinstate, auth.Reinstate{Device: dan}, last)
			}
			return c.write(0, 0, auth.KindReinstate, auth.Reinstate{Device: dan}, last)
		},
		"compromised and reinstated": func(c *crowd, last crdt.Hash) crdt.Hash {
			for range n {
				last = c.write(0, 0, auth.KindRemove, auth.Remove{Device: dan, Mode: auth.ModeCompromised}, last)
			}
			for range n {
				last = c.write(0, 0, auth.KindReinstate, auth.Reinstate{Device: dan}, last)
			}
			return last
		},
		// One log goes on in many places. The confirmations have seen all of them but one.
		"forked and confirmed": func(c *crowd, last crdt.Hash) crdt.Hash {
			branches := forks(c, 4, n, last)
			seen := merged(c, 3, branches[1:])
			for range n {
				seen = c.write(3, 0, auth.KindConfirm, auth.Confirm{Device: dan}, seen)
			}
			return merged(c, 3, []crdt.Hash{seen, branches[0]})
		},
	} {
		t.Run(name, func(t *testing.T) {
			c := newCrowd(t)
			_, last := c.people(5)
			last = build(c, last)
			for range n {
				last = c.write(4, 1_000_000, auth.KindAdopt, auth.Adopt{Ops: auth.Hashes{c.root}}, last)
			}
			if steps, most := c.team.Steps(), 12*n*n; steps > most {
				t.Errorf("%d steps for %d operations, at most %d are allowed", steps, c.graph.Len(), most)
			}
		})
	}
}

// A log that was continued in a few places can be confirmed; in more than that the device has to join anew.
func TestTooManyForksStay(t *testing.T) {
	for places, want := range map[int]bool{2: false, 64: false, 65: true} {
		c := newCrowd(t)
		_, last := c.people(5)
		seen := merged(c, 3, forks(c, 4, places, last))
		c.write(3, 0, auth.KindConfirm, auth.Confirm{Device: numbered(4).Device()}, seen)
		if m, _ := c.team.Member(numbered(4).Device()); m.Forked != want {
			t.Errorf("continued in %d places and confirmed: forked is %t, not %t", places, m.Forked, want)
		}
	}
}

// A log that was continued in two places and confirmed, and then in two others, takes rights again; and a fork further back
// that comes to light later does not give back what a known one has taken.
func TestEveryForkOfALogTakesRights(t *testing.T) {
	c := newCrowd(t)
	_, last := c.people(5)
	dan := numbered(4).Device()
	log := crdt.LogID{Device: dan, Epoch: 1}
	adopt := func(reason string, prev crdt.Hash, seq uint64, seen ...crdt.Hash) crdt.Hash {
		c.tips[log], c.seqs[log] = prev, seq
		return c.write(4, 1, auth.KindAdopt, auth.Adopt{Ops: auth.Hashes{c.root}, Reason: reason}, seen...)
	}
	forked := func(want bool, when string) {
		t.Helper()
		if m, _ := c.team.Member(dan); m.Forked != want {
			t.Errorf("%s: forked is %t, not %t", when, m.Forked, want)
		}
	}
	a := adopt("a", crdt.Hash{}, 0, last)
	b := adopt("b", a, 1)
	seen := merged(c, 3, []crdt.Hash{adopt("b1", b, 2), adopt("b2", b, 2)})
	forked(true, "one fork")
	c.write(3, 0, auth.KindConfirm, auth.Confirm{Device: dan}, seen)
	forked(false, "one fork, confirmed")
	tip := adopt("b3", a, 1) // beside b: further back than the fork that was confirmed
	forked(true, "another fork further back")
	seen = merged(c, 3, []crdt.Hash{tip})
	c.write(3, 0, auth.KindConfirm, auth.Confirm{Device: dan}, seen)
	forked(false, "both confirmed")
	adopt("b31", tip, 2)
	forked(false, "one branch goes on")
	adopt("b32", tip, 2)
	forked(true, "that branch forks")
}

// forks continues one log of a device in n places.
func forks(c *crowd, dev, n int, last crdt.Hash) []crdt.Hash {
	var out []crdt.Hash
	log := crdt.LogID{Device: numbered(dev).Device(), Epoch: 1}
	for i := range n {
		delete(c.tips, log)
		delete(c.seqs, log)
		out = append(out, c.write(dev, log.Epoch, auth.KindAdopt, auth.Adopt{Ops: auth.Hashes{c.root}, Reason: fmt.Sprint(i)}, last))
	}
	return out
}

// merged has a device write something that has seen all of tips, and returns its name.
func merged(c *crowd, dev int, tips []crdt.Hash) (last crdt.Hash) {
	for some := range slices.Chunk(tips, crdt.MaxParents-1) {
		slices.SortFunc(some, crdt.Hash.Compare)
		last = c.write(dev, 0, auth.KindAdopt, auth.Adopt{Ops: auth.Hashes{c.root}}, some...)
	}
	return last
}
