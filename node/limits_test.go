package node

import (
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

// A history of years is taken in at once; whoever then goes on without end gets unitsPerSecond, and as much as it left
// unused up to unitsBurst.
func TestAllowanceDelaysOnlyWhatHasNoEnd(t *testing.T) {
	dev, doc, now := crdt.DeviceID{1}, crdt.DocID{1}, time.Unix(0, 0)
	a := newAllowance(now)
	spend := func(m *wire.Batch) time.Duration { return a.spend(now, a.price(dev, m, nothing)) }
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
	if wait, want := spend(sent(dev, doc, 1, 1<<21, unitsPerSecond, 100)), time.Second; wait != want {
		t.Errorf("after it a second's worth waits %v, want %v", wait, want)
	}
	now = now.Add(500 * time.Millisecond)
	if got, want := a.wait(), time.Second; got != want {
		t.Errorf("waits %v before it is looked at, want %v", got, want)
	}
	if got, want := a.spend(now, 0), 500*time.Millisecond; got != want {
		t.Errorf("half a second later it waits %v, want %v", got, want)
	}
	if got := a.spend(now.Add(-time.Hour), 0); got > time.Second {
		t.Errorf("a clock that goes back makes it wait %v", got)
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
		a := newAllowance(time.Unix(0, 0))
		var got float64
		for _, m := range c.batches {
			got = a.price(dev, m, nothing)
		}
		if got != c.want {
			t.Errorf("%s costs %v, want %v", c.name, got, c.want)
		}
	}
	a := newAllowance(time.Unix(0, 0))
	for i := range 2 * allowanceDocs {
		a.price(dev, sent(dev, crdt.DocID{byte(i >> 8), byte(i), 1}, 1, 1, 1, 0), nothing)
	}
	all := func(crdt.Hash) bool { return true }
	if got := a.price(dev, sent(dev, doc, 1, 1, 800, 0), all); got != 100 {
		t.Errorf("800 notes held already cost %v", got)
	}
	if len(a.logs) > allowanceDocs {
		t.Errorf("an allowance counts %d documents", len(a.logs))
	}
}
