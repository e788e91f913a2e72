package node

import (
	"testing"
	"testing/synctest"
	"time"

	"muster/node/api"
	"muster/node/transport/nettest"
)

// TestJoinDuringBulkRun: while one node fetches a long history over a slow link, another one joins. It is let
// in at once, what it writes is on the first board within a second, and in the end all three have everything.
func TestJoinDuringBulkRun(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const operations, size = bulkHistory, 6_000_000 / bulkHistory // as many bytes under the race detector: the link decides how long they take
		b := team(t, 2)
		b.declare()
		b.net.Partition(at(0), at(1))
		b.await(20*time.Second, "they are apart", func() bool { return !b.sees(0, 1) && !b.sees(1, 0) })
		b.fill(0, operations, size)
		b.net.SetAll(nettest.Link{Delay: 100 * time.Millisecond})
		b.net.Heal()
		lacks := func() int { return b.state(0).Operations - b.state(1).Operations }
		b.await(10*time.Second, "the transfer runs", func() bool { return lacks() < operations*9/10 })
		b.boot(b.place(0))
		start := time.Now()
		joined := make(chan api.Joined, 1)
		go func() { joined <- b.join(2) }()
		b.await(2*time.Second, "the newcomer is a member", func() bool { return len(b.state(0).Responders) == 3 })
		left := lacks()
		t.Logf("a member after %v, when p1 still lacked %d operations", time.Since(start), left)
		if left < operations/20 { // of which one is the newcomer's join
			t.Error("the transfer had ended before, or all but")
		}
		in := <-joined
		t.Logf("let in after %v with %d operations", time.Since(start), in.Operations)
		start = time.Now()
		r := b.write(2, api.Write{Verb: "note", Text: "hello, I am new"})
		b.await(time.Second, "the newcomer is heard", func() bool { return b.holds(0, r) })
		t.Logf("its note is on p0's board %v after it was typed", time.Since(start))
		b.merges(15*time.Second, "all three have everything")
		b.stop()
	})
}

// TestRestartMidTransfer: a node starts again in the middle of a transfer of five thousand operations. What it has is
// not sent again: nothing arrives twice but what was on its way when it ended, which the window bounds.
func TestRestartMidTransfer(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const operations, size, window = 5000, 1000, 2 << 20
		b := team(t, 2)
		b.declare()
		b.halt(1)
		b.fill(0, operations, size)
		b.net.SetAll(nettest.Link{Delay: 100 * time.Millisecond})
		b.boot(1)
		b.await(10*time.Second, "half of it is there", func() bool { return b.state(1).Operations > operations/2 })
		had, first := b.state(1).Operations, b.stats(1)
		sent := b.sentTo(0, 1)
		b.halt(1)
		b.boot(1)
		b.merges(10*time.Second, "the rest is there")
		second := b.stats(1)
		again := int(b.sentTo(0, 1)) / size // of this connection
		t.Logf("ended with %d operations, %d bytes sent; then accepted %d, refused %d, had %d already; %d KB came on the second connection",
			had, sent, second.Accepted, second.Refused, second.Duplicates, again)
		if all := first.Accepted + second.Accepted; all > operations+window/size {
			t.Errorf("%d operations were taken in, of %d", all, operations)
		}
		if second.Duplicates > window/size {
			t.Errorf("%d operations came twice, more than a window of %d", second.Duplicates, window/size)
		}
		if want := operations - had + window/size; again > want {
			t.Errorf("%d KB came on the second connection, want at most %d", again, want)
		}
		b.stop()
	})
}

// sentTo returns how many bytes the i'th node has sent to the j'th on the present connection.
func (b *bubble) sentTo(i, j int) (out uint64) {
	b.t.Helper()
	b.inside(i, func(s *session, _ time.Time) error {
		for _, p := range s.t.Peers() {
			if p.Device == b.nodes[j].device.ID() {
				out = p.BytesOut
			}
		}
		return nil
	})
	return out
}

// TestAwayForTheWholeIncident: a laptop is closed before the incident is declared and opened after it is closed. Five
// seconds later it shows all of it.
func TestAwayForTheWholeIncident(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := team(t, 4)
		b.halt(3)
		b.declare()
		p := b.work(20*time.Second, 0, 1, 2)
		time.Sleep(time.Hour)
		p.rest()
		b.merges(merge, "those who were there agree")
		for _, inc := range b.state(0).Incidents {
			if inc.Live && inc.Same == "" { // those that are one end together
				b.write(0, api.Write{Verb: "resolve", Incident: inc.ID, Reason: "it is over", Force: true})
			}
		}
		b.boot(3)
		b.merges(merge, "the one who was away has all of it")
		b.await(merge, "everyone sees everyone", b.equal)
		b.stop()
	})
}

// TestBadNetwork: six nodes on a network that loses, repeats and reorders packets work for ten minutes; when they stop
// they have one board within five seconds.
func TestBadNetwork(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBubble(t)
		b.net.SetAll(nettest.Link{Delay: 20 * time.Millisecond, Jitter: 30 * time.Millisecond, Loss: 0.02, Dup: 0.05})
		for range 6 {
			b.add()
		}
		b.await(10*time.Second, "everyone sees everyone", b.equal)
		b.declare()
		p := b.work(15*time.Second, 0, 1, 2, 3, 4, 5)
		time.Sleep(10 * time.Minute)
		p.rest()
		b.merges(merge, "one board")
		if c := b.net.Count(); c.Lost < 100 || c.Repeated < 100 {
			t.Errorf("the network was too good to prove anything: %+v", c)
		}
		b.stop()
	})
}

// TestClockADayAhead: one laptop's clock is a day ahead. Its people and the others understand each other, its operations
// do not win for being late, and its peers say how wrong its clock is.
func TestClockADayAhead(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBubble(t)
		b.add()
		b.addSkewed(24 * time.Hour)
		b.add()
		b.await(10*time.Second, "everyone sees everyone", b.equal)
		b.declare()
		if off := b.peer(0, 1).OffsetMS; off < 86_399_000 || off > 86_401_000 {
			t.Errorf("p0 says that p1's clock is %d ms ahead", off)
		}
		if off := b.peer(1, 0).OffsetMS; off < -86_401_000 || off > -86_399_000 {
			t.Errorf("p1 says that p0's clock is %d ms ahead", off)
		}
		b.write(1, api.Write{Verb: "sev", Severity: 4})
		b.await(time.Second, "the severity is everywhere", b.same)
		b.write(0, api.Write{Verb: "sev", Severity: 1}) // knowing the one from tomorrow
		b.await(time.Second, "the severity is everywhere", b.same)
		for i, n := range b.nodes {
			if inc, err := n.Show(t.Context(), ""); err != nil || inc.Severity != 1 || len(inc.Severities) > 1 {
				t.Errorf("p%d shows severity %d of %v, %v", i, inc.Severity, inc.Severities, err)
			}
		}
		p := b.work(10*time.Second, 0, 1, 2)
		time.Sleep(10 * time.Minute)
		b.net.Partition(at(0), at(1, 2))
		time.Sleep(10 * time.Minute)
		b.net.Heal()
		b.await(merge, "one board after the heal", b.same)
		p.rest()
		b.merges(merge, "one board at the end")
		b.stop()
	})
}
