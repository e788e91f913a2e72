package node

import (
	"time"

	"muster/crdt"
	"muster/node/wire"
)

// What a member sends is taken in whatever it is, or the nodes of a team would not come to hold the same. But a member
// that sends without end is made to wait: its frames stay with it, by QUIC's flow control, until it has as much as its
// allowance again. Each device has one for all its connections to this node, counted in units of about what a note costs.
const (
	unitsFree       = 1 << 17 // at once, since the session began: what years of a team's work amount to
	unitsPerSecond  = 200     // after that
	unitsBurst      = 2000
	unitsLog        = 8    // the first operation of a log: it makes every frontier longer
	unitsLogAgain   = 1000 // of another log of one device in one document: only the loss of a disk makes one
	unitsDocument   = 16
	unitBytes       = 256 // of a body, for which it costs another unit
	unitParents     = 8   // parents likewise
	relayedShare    = 8   // what others wrote, or is here already, costs its sender this much less
	holdMax         = 30 * time.Second
	allowanceDocs   = 1 << 12 // documents whose logs an allowance counts
	drainTime       = 10 * time.Millisecond
	drainFrameBytes = 256 << 10 // of frames, taken together into one sync
)

// An allowance is what one device may still send at once.
type allowance struct {
	free  float64               // units left of unitsFree
	level float64               // units left of unitsBurst; below zero: a debt
	at    time.Time             // of level
	logs  map[crdt.DocID]uint64 // document -> epoch of the first log it began there since the session began
}

func newAllowance(now time.Time) *allowance {
	return &allowance{free: unitsFree, level: unitsBurst, at: now, logs: map[crdt.DocID]uint64{}}
}

// price returns the units that a batch from dev costs. What is held already is cheap: a transfer that was delayed for too
// long begins again.
func (a *allowance) price(dev crdt.DeviceID, m *wire.Batch, held func(crdt.Hash) bool) float64 {
	var units float64
	for _, rec := range m.Records {
		u := 1 + float64(len(rec.Body)/unitBytes) + float64(len(rec.Op.Parents)/unitParents)
		if rec.Op.Dot.Device != dev || held(rec.Hash) {
			units += u / relayedShare
			continue
		}
		if rec.Op.Doc.IsZero() {
			u += unitsDocument
		}
		if rec.Op.Dot.Seq == 1 {
			switch epoch, known := a.logs[m.Doc]; {
			case known && epoch == rec.Op.Dot.Epoch: // sent again
			case known, len(a.logs) == allowanceDocs:
				u += unitsLogAgain
			default:
				u += unitsLog
				a.logs[m.Doc] = rec.Op.Dot.Epoch
			}
		}
		units += u
	}
	return units
}

// spend takes units and returns how long their device has to wait for that.
func (a *allowance) spend(now time.Time, units float64) time.Duration {
	if past := now.Sub(a.at); past > 0 {
		a.level = min(unitsBurst, a.level+past.Seconds()*unitsPerSecond)
		a.at = now
	}
	a.level -= units
	if a.level < 0 {
		paid := min(-a.level, a.free)
		a.free, a.level = a.free-paid, a.level+paid
	}
	return a.wait()
}

// wait returns how long it takes until there is no debt.
func (a *allowance) wait() time.Duration {
	if a.level >= 0 {
		return 0
	}
	return time.Duration(-a.level / unitsPerSecond * float64(time.Second))
}

// charge makes dev pay for a batch, and wait when it has not enough.
func (s *session) charge(dev crdt.DeviceID, m *wire.Batch) {
	now := time.Now()
	a := s.allowances[dev]
	if a == nil {
		a = newAllowance(now)
		s.allowances[dev] = a
	}
	held := func(crdt.Hash) bool { return false }
	if g := s.r.Graph(m.Doc); g != nil {
		held = g.Has
	}
	if wait := a.spend(now, a.price(dev, m, held)); wait > 0 {
		s.t.Hold(dev, now.Add(min(wait, holdMax)))
	}
}

// holdAgain makes dev wait on a new connection for what it owes from an earlier one.
func (s *session) holdAgain(dev crdt.DeviceID) {
	if a := s.allowances[dev]; a != nil {
		now := time.Now()
		if wait := a.spend(now, 0); wait > 0 {
			s.t.Hold(dev, now.Add(min(wait, holdMax)))
		}
	}
}
