package node

import (
	"slices"
	"testing"
	"time"

	"muster/crdt"
	"muster/node/wire"
)

// sent is a batch of n operations that dev wrote in doc, the first of them the seq'th of its log.
func sent(dev crdt.DeviceID, doc crdt.DocID, epoch, seq uint64, n, bodyBytes int) *wire.Batch {
	m := &wire.Batch{Doc: doc}
	for i := range n {
		m.Records = append(m.Records, &crdt.Record{
			Op:   crdt.Op{Doc: doc, Dot: crdt.Dot{Device: dev, Epoch: epoch, Seq: seq + uint64(i)}},
			Body: make([]byte, bodyBytes),
		})
	}
	return m
}

// nothing is held.
func nothing(crdt.Hash) bool { return false }

// by says that the devices of the sender are those given.
func by(devs ...crdt.DeviceID) func(crdt.DeviceID) bool {
	return func(d crdt.DeviceID) bool { return slices.Contains(devs, d) }
}

// newTestAllowance is of somebody nobody has heard of, with nobody else about.
func newTestAllowance(now time.Time) *allowance {
	pool := float64(unitsFreeAll)
	return newAllowance(now, 0, &pool)
}

// A history of years is taken in at once; whoever then goes on without end gets unitsPerSecond at first, and as much as
// they left unused up to unitsBurst.
func TestAllowanceDelaysOnlyWhatHasNoEnd(t *testing.T) {
	dev, doc, now := crdt.DeviceID{1}, crdt.DocID{1}, time.Unix(0, 0)
	a := newTestAllowance(now)
	spend := func(m *wire.Batch) time.Duration { return a.spend(now, a.price(by(dev), m, nothing)) }
	for i := range 128 {
		if wait := spend(sent(dev, doc, 1, uint64(1+i*1000), 1000, 100)); wait != 0 {
			t.Fatalf("waits %v after %d operations", wait, (i+1)*1000)
		}
	}
	for spend(sent(dev, doc, 1, 1<<20, 1000, 100)) == 0 {
	}
	now = now.Add(time.Hour)
	if wait := spend(sent(dev, doc, 1, 1<<21, unitsBurst, 100)); wait != 0 {
		t.Errorf("a burst waits %v", wait)
	}
	near := func(got, want time.Duration) bool { return got > want*98/100 && got < want*102/100 }
	if wait := spend(sent(dev, doc, 1, 1<<21, unitsPerSecond, 100)); !near(wait, time.Second) {
		t.Errorf("after it a second's worth waits %v, want a second", wait)
	}
	now = now.Add(500 * time.Millisecond)
	if got := a.wait(); !near(got, time.Second) {
		t.Errorf("waits %v before it is looked at, want a second", got)
	}
	if got := a.spend(now, 0); !near(got, 500*time.Millisecond) {
		t.Errorf("half a second later it waits %v, want half a second", got)
	}
	if got := a.spend(now.Add(-time.Hour), 0); got > time.Second {
		t.Errorf("a clock that goes back makes it wait %v", got)
	}
}

// T11: the longer a flood lasts, the less of it is taken in: ten minutes are no more than twice what was free, and whoever
// keeps at it for a day gets unitsForgiven a second in the end. After an hour's rest the rate is what it was.
func TestFloodGetsSlower(t *testing.T) {
	dev, doc, now := crdt.DeviceID{1}, crdt.DocID{1}, time.Unix(0, 0)
	a := newTestAllowance(now)
	batch := sent(dev, doc, 1, 2, 100, 100)
	taken := func(span time.Duration) (ops int) {
		for end := now.Add(span); now.Before(end); ops += 100 {
			now = now.Add(a.spend(now, a.price(by(dev), batch, nothing)))
		}
		return ops
	}
	first := taken(10 * time.Minute)
	t.Logf("ten minutes: %d operations", first)
	if first < unitsFree || first > unitsFree*3/2 {
		t.Errorf("ten minutes of a flood are %d operations", first)
	}
	day := taken(24 * time.Hour)
	if most := 24*3600*unitsForgiven + 400_000; day > most {
		t.Errorf("a day of it is %d operations, want %d at most", day, most)
	}
	now = now.Add(3 * time.Hour)
	if got := a.spend(now, 0); got != 0 || a.rate() != unitsPerSecond {
		t.Errorf("after a rest it waits %v, at %v a second", got, a.rate())
	}
}

// T11: what somebody's devices brought before is not free again when the node is started again, nor by way of another of
// their devices; a crowd has one pool; whoever is suspended has nothing.
func TestFreeOnlyOnce(t *testing.T) {
	now := time.Unix(0, 0)
	free := func(held int, pool float64) int {
		a := newAllowance(now, held, &pool)
		n := 0
		for a.spend(now, 1) == 0 {
			n++
		}
		return n - unitsBurst
	}
	for _, c := range []struct {
		held int
		pool float64
		want int
	}{
		{0, unitsFreeAll, unitsFree},
		{100_000, unitsFreeAll, unitsFree - 100_000},
		{unitsFree, unitsFreeAll, unitsFreeLeast},
		{1 << 30, unitsFreeAll, unitsFreeLeast},
		{0, 1000, 1000},
		{0, 0, 0},
	} {
		if got := free(c.held, c.pool); got != c.want {
			t.Errorf("%d held, %v in the pool: %d are free, want %d", c.held, c.pool, got, c.want)
		}
	}
	dev, second, other, doc := crdt.DeviceID{1}, crdt.DeviceID{2}, crdt.DeviceID{3}, crdt.DocID{1}
	a := newTestAllowance(now)
	if got := a.price(by(dev, second), sent(second, doc, 1, 2, 80, 0), nothing); got != 80 {
		t.Errorf("80 notes by another device of the sender's cost %v", got)
	}
	if got := a.price(by(dev, second), sent(other, doc, 1, 2, 80, 0), nothing); got != 10 {
		t.Errorf("80 notes by somebody else cost %v", got)
	}
}

// What costs this node more costs its sender more: bytes, documents, and logs that no honest device begins. What others
// wrote is cheap, and so is what comes twice.
func TestPricesFollowCosts(t *testing.T) {
	dev, other, doc := crdt.DeviceID{1}, crdt.DeviceID{2}, crdt.DocID{1}
	for _, c := range []struct {
		name    string
		batches []*wire.Batch
		want    float64 // of the last
	}{
		{"a note", []*wire.Batch{sent(dev, doc, 1, 2, 1, 100)}, 1},
		{"a large operation", []*wire.Batch{sent(dev, doc, 1, 2, 1, crdt.MaxBodyBytes)}, 241},
		{"a new document", []*wire.Batch{sent(dev, crdt.DocID{}, 1, 1, 1, 0)}, 1 + unitsDocument + unitsLog},
		{"a first log", []*wire.Batch{sent(dev, doc, 1, 1, 1, 0)}, 1 + unitsLog},
		{"the same again", []*wire.Batch{sent(dev, doc, 1, 1, 1, 0), sent(dev, doc, 1, 1, 1, 0)}, 1},
		{"another log", []*wire.Batch{sent(dev, doc, 1, 1, 1, 0), sent(dev, doc, 2, 1, 1, 0)}, 1 + unitsLogAgain},
		{"another's notes", []*wire.Batch{sent(other, doc, 1, 1, 80, 0)}, 10},
	} {
		a := newTestAllowance(time.Unix(0, 0))
		var got float64
		for _, m := range c.batches {
			got = a.price(by(dev), m, nothing)
		}
		if got != c.want {
			t.Errorf("%s costs %v, want %v", c.name, got, c.want)
		}
	}
	a := newTestAllowance(time.Unix(0, 0))
	for i := range 2 * allowanceDocs {
		a.price(by(dev), sent(dev, crdt.DocID{byte(i >> 8), byte(i), 1}, 1, 1, 1, 0), nothing)
	}
	all := func(crdt.Hash) bool { return true }
	if got := a.price(by(dev), sent(dev, doc, 1, 1, 800, 0), all); got != 100 {
		t.Errorf("800 notes held already cost %v", got)
	}
	if len(a.logs) > allowanceDocs {
		t.Errorf("an allowance counts %d documents", len(a.logs))
	}
}
