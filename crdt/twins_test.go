package crdt_test

import (
	"slices"
	"testing"

	"muster/crdt"
)

// A twinStory is a history told one operation after the other.
type twinStory struct {
	h    *history
	tips map[crdt.LogID]crdt.Tip
}

// write appends an operation to a log of deviceN(0) that has seen the ends of others.
func (s *twinStory) write(epoch uint64, seen ...uint64) {
	log := crdt.LogID{Device: deviceN(0), Epoch: epoch}
	tip := s.tips[log]
	op := crdt.Op{Dot: crdt.Dot{Device: log.Device, Epoch: epoch, Seq: tip.Seq + 1}, Prev: tip.Hash, Kind: 64}
	if len(s.h.recs) > 0 {
		op.Doc = s.h.doc()
	}
	for _, e := range seen {
		op.Parents = append(op.Parents, s.tips[crdt.LogID{Device: log.Device, Epoch: e}].Hash)
	}
	slices.SortFunc(op.Parents, crdt.Hash.Compare)
	rec := s.h.add(op, log.Device)
	s.tips[log] = crdt.Tip{Log: log, Seq: op.Dot.Seq, Hash: rec.Hash}
}

// TestTwins: a device that begins a new log, with or without knowing the end of the one before, is one device. One that
// goes on with the old log knowing of the new one is two, and so is one that continues a log in two ways.
func TestTwins(t *testing.T) {
	for _, c := range []struct {
		name  string
		story func(s *twinStory)
		twins bool
	}{
		{"one log", func(s *twinStory) { s.write(1) }, false},
		{"a new log on top", func(s *twinStory) { s.write(2, 1); s.write(2) }, false},
		{"a new log that learns of the lost end of the old", func(s *twinStory) {
			s.write(2, 1)
			s.write(1)
			s.write(2, 1)
		}, false},
		{"the old log goes on beside the new", func(s *twinStory) {
			s.write(2, 1)
			s.write(1, 2)
		}, true},
		{"a fork", func(s *twinStory) {
			before := s.tips[crdt.LogID{Device: deviceN(0), Epoch: 1}]
			s.write(1)
			s.tips[before.Log] = before
			s.write(1)
		}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := &twinStory{&history{index: map[crdt.Hash]int{}}, map[crdt.LogID]crdt.Tip{}}
			s.write(1)
			s.write(1)
			c.story(s)
			g := crdt.NewGraph(s.h.doc())
			for _, rec := range s.h.recs {
				mustAdd(t, g, rec)
			}
			want := []crdt.DeviceID(nil)
			if c.twins {
				want = []crdt.DeviceID{deviceN(0)}
			}
			if got := g.Twins(); !slices.Equal(got, want) {
				t.Errorf("twins %v, want %v", got, want)
			}
		})
	}
}
