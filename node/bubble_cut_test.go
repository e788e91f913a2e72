package node

import (
	"encoding/hex"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"muster/crdt"
	"muster/node/api"
	"muster/node/transport/nettest"
)

// TestHourApart: six nodes, three on each side of an hour's partition, all of them write; after the heal all show one
// board within five seconds.
func TestHourApart(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := team(t, 6)
		b.declare()
		b.net.Partition(at(0, 1, 2), at(3, 4, 5))
		for range minutesApart {
			time.Sleep(time.Minute)
			for i := range 6 {
				b.write(i, api.Write{Verb: "note", Text: fmt.Sprintf("p%d at %s", i, time.Now().Format("15:04"))})
			}
		}
		b.write(3, api.Write{Verb: "take"})
		b.write(1, api.Write{Verb: "sev", Severity: 1})
		b.write(4, api.Write{Verb: "sev", Severity: 3})
		b.net.Heal()
		b.merges(merge, "one board after an hour apart")
		for i, n := range b.nodes {
			inc, err := n.Show(t.Context(), "")
			if err != nil {
				t.Error(err)
			}
			if inc.Severity != 1 || inc.Command.Commander != "p0" || len(inc.Conflicts) != 1 || len(inc.Notes) != 6*minutesApart {
				t.Errorf("p%d shows sev %d, commander %q, %d conflicts, %d notes", i, inc.Severity, inc.Command.Commander, len(inc.Conflicts), len(inc.Notes))
			}
		}
		b.stop()
	})
}

// TestThreePartitionsInADay: three people write all verbs at random for a day and a night in which the network parts
// them three times, each time another way; after each heal there is one board within five seconds.
func TestThreePartitionsInADay(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := team(t, 3)
		b.declare()
		p := b.work(3*time.Minute/dayDivisor, 0, 1, 2)
		for i, cut := range [][][]int{{{0}, {1, 2}}, {{0}, {1}, {2}}, {{0, 1}, {2}}} {
			time.Sleep(6 * time.Hour / dayDivisor)
			for _, one := range cut {
				for _, other := range cut {
					if one[0] != other[0] {
						b.net.Partition(at(one...), at(other...))
					}
				}
			}
			time.Sleep([]time.Duration{time.Hour, 30 * time.Minute, 2 * time.Hour}[i] / dayDivisor)
			if b.same() {
				t.Errorf("partition %d: nobody wrote anything", i+1)
			}
			b.net.Heal()
			b.merges(merge, fmt.Sprintf("one board after partition %d", i+1))
		}
		time.Sleep((2*time.Hour + 30*time.Minute) / dayDivisor)
		p.rest()
		b.merges(merge, "one board at the end of the day")
		if p.writes < 500 || len(p.done) < 35 {
			t.Errorf("%d writes of %d verbs are too few to prove anything", p.writes, len(p.done))
		}
		b.stop()
	})
}

// TestFlappingLinks: for ten minutes the link of every two of five nodes comes and goes, each for one to twenty seconds,
// while all write; five seconds after the network has calmed down they show one board.
func TestFlappingLinks(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := team(t, 5)
		b.declare()
		p := b.work(10*time.Second, 0, 1, 2, 3, 4)
		end := time.Now().Add(10 * time.Minute)
		var flaps sync.WaitGroup
		for i := range 5 {
			for j := range i {
				flaps.Go(func() {
					r := rand.New(rand.NewPCG(uint64(i), uint64(j)))
					for up := true; time.Now().Before(end); up = !up {
						for _, way := range [][2]int{{i, j}, {j, i}} {
							b.net.Set(bubbleAddr(way[0]).Addr(), bubbleAddr(way[1]).Addr(), nettest.Link{Cut: up})
						}
						time.Sleep(time.Second + time.Duration(r.Int64N(int64(19*time.Second))))
					}
				})
			}
		}
		flaps.Wait()
		p.rest()
		b.net.Heal()
		start := time.Now()
		b.merges(merge, "one board after ten minutes of flapping")
		b.await(merge, "everyone sees everyone again", b.equal)
		t.Logf("everyone sees everyone %v after the calm", time.Since(start))
		b.stop()
	})
}

// TestAsymmetricCut: one node's packets to another are lost while the other's arrive. What both write reaches the other
// through a third, the dead link is given up although one of them hears the other, and it is used again when it heals.
func TestAsymmetricCut(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := team(t, 3)
		b.declare()
		b.net.Cut(bubbleAddr(0).Addr(), bubbleAddr(1).Addr())
		b.write(0, api.Write{Verb: "note", Text: "from the one that is not heard"})
		b.write(1, api.Write{Verb: "note", Text: "from the one that hears"})
		b.merges(2*time.Second, "both notes are everywhere, through the third")
		gone := b.await(13*time.Second, "both give the link up", func() bool { return !b.sees(0, 1) && !b.sees(1, 0) })
		t.Logf("link given up after %v", gone)
		time.Sleep(time.Minute)
		b.write(0, api.Write{Verb: "note", Text: "a minute later"})
		b.merges(2*time.Second, "a note written without the link")
		b.net.Heal()
		t.Logf("link used again after %v", b.await(merge, "everyone sees everyone", b.equal))
		b.stop()
	})
}

// TestErasedRevisionIsToldItsAuthor: on one side of a cut somebody rewrites their note, which is redacted on the other. Both
// show the same, but for what is said to the one whose words are gone.
func TestErasedRevisionIsToldItsAuthor(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := team(t, 2)
		b.declare()
		note := b.write(1, api.Write{Verb: "note", Text: "the door code is 4471"})
		b.await(merge, "p0 has it", b.same)
		b.net.Partition(at(0), at(1))
		b.write(1, api.Write{Verb: "edit", Ref: note.ID, Text: "the door code is 4471, of all doors"})
		b.write(0, api.Write{Verb: "redact", Ref: note.ID, Text: "a secret", Reason: "a secret"})
		b.net.Heal()
		b.merges(merge, "it is erased on both sides")
		for i := range 2 {
			told := slices.ContainsFunc(b.look(i, "").Merged, func(n api.Notice) bool { return strings.Contains(n.Text, "your revision") })
			if told != (i == 1) {
				t.Errorf("p%d is told: %t", i, told)
			}
		}
		b.stop()
	})
}

// TestRelay: A and C cannot reach each other, both reach B. What A writes is on C's board at once, and A says only what
// it knows of that: B has it, and of C there is word through B only. What C writes on top of it proves that C has it.
func TestRelay(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBubble(t)
		b.net.Partition(at(1), at(2))
		for range 3 {
			b.add()
		}
		b.await(merge, "the middle sees both", func() bool { return b.same() && b.sees(0, 1) && b.sees(0, 2) })
		b.declare()
		r := b.write(1, api.Write{Verb: "do", Text: "check the lag", Who: []string{"p2"}, ForMS: 60_000})
		if d := r.Delivery; d.Delivered != 1 || d.Known != 2 || len(d.Missing) != 1 || d.Missing[0].Responder != "p2" || d.Missing[0].Via != "p0" {
			t.Errorf("the receipt says %+v, want 1 of 2, p2 heard through p0", d)
		}
		took := b.await(time.Second, "p2 has it, through p0", func() bool { return b.holds(2, r) })
		t.Logf("relayed within %v after the receipt", took)
		b.write(2, api.Write{Verb: "ack"})
		b.await(time.Second, "the answer is back", b.same)
		b.inside(1, func(s *session, now time.Time) error {
			doc, err := s.find("")
			op, herr := hex.DecodeString(r.Op)
			if err = errors.Join(err, herr); err != nil {
				return err
			}
			if d := s.delivery(now, doc, crdt.Hash(op), nil); d.Delivered != 2 {
				t.Errorf("p2 has answered, and p1 says %+v of its order", d)
			}
			return nil
		})
		if p := b.peer(1, 2); p.Reachable || !p.Never || p.Lacks == 0 {
			t.Errorf("p1 says of p2, whom it has never met: %+v", p)
		}
		if inc, err := b.nodes[1].Show(t.Context(), ""); err != nil || len(inc.Tasks) != 1 || inc.Tasks[0].State != "acked" {
			t.Errorf("p1 shows %+v, %v", inc.Tasks, err)
		}
		b.net.Heal()
		b.await(merge, "p1 meets p2", b.equal)
		b.await(time.Second, "p1 knows what p2 holds", func() bool { return b.peer(1, 2).Lacks == 0 })
		b.stop()
	})
}

// TestSuspendedNode: a laptop sleeps for ten minutes; every packet from and to it arrives when it wakes, all stale. Nobody
// is confused by them, and five seconds later it has caught up. That a jump of the wall clock replaces the socket is
// shown in package transport.
func TestSuspendedNode(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := team(t, 4)
		b.declare()
		p := b.work(10*time.Second, 0, 1, 3)
		wake := time.Now().Add(10 * time.Minute)
		for left := time.Until(wake); left > 0; left = time.Until(wake) {
			for _, i := range []int{0, 1, 3} {
				b.net.Set(bubbleAddr(i).Addr(), bubbleAddr(2).Addr(), nettest.Link{Delay: left})
				b.net.Set(bubbleAddr(2).Addr(), bubbleAddr(i).Addr(), nettest.Link{Delay: left})
			}
			time.Sleep(100 * time.Millisecond)
		}
		if b.sees(0, 2) || b.sees(2, 0) {
			t.Error("they still count as connected")
		}
		p.rest()
		b.net.Heal()
		b.merges(merge, "the sleeper has caught up")
		b.await(merge, "everyone sees everyone", b.equal)
		b.stop()
	})
}
