package node

import (
	"time"

	"muster/crdt"
	"muster/crdt/auth"
	"muster/node/wire"
)

// What a member sends is taken in whatever it is, or the nodes of a team would not come to hold the same. But a member
// that sends without end is made to wait: its frames stay with it, by QUIC's flow control, until it has as much as its
// allowance again. Each person has one for all their devices and connections to this node, so that more devices are not
// more allowance. It is counted in units of about what a note costs.
//
// All that is taken in stays in memory, so the longer a flood lasts the less of it is let in: the rate falls with what came
// lately beyond what was free, from unitsPerSecond to, in hours, unitsForgiven. Ten minutes of it are some 50,000 notes
// beyond what was free, where a rate that stays would be 120,000. What a person's devices have brought before the session
// began has been free once, and whoever is suspended has nothing free.
const (
	unitsFree       = 1 << 17 // of one person, at once: what years of a person's work amount to
	unitsFreeLeast  = 1 << 14 // however much of theirs is here: a day apart
	unitsFreeAll    = 1 << 18 // of all persons together, since the session began
	unitsPerSecond  = 200     // after that
	unitsForgiven   = 20      // a second, of what came beyond what was free
	unitsTired      = 20_000  // of that, at which the rate is half
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

// An allowance is what one person's devices may still send at once.
type allowance struct {
	free  float64  // units left of unitsFree
	pool  *float64 // units left of unitsFreeAll: the session's
	level float64  // units left of unitsBurst; below zero: a debt
	over  float64  // units that came beyond what was free, and are not forgiven yet
	at    time.Time
	logs  map[docLog]uint64 // epoch of the first log that a device began in a document since the session began
}

// docLog is a document and a device that writes in it.
type docLog struct {
	doc crdt.DocID
	dev crdt.DeviceID
}

// newAllowance returns the allowance of somebody of whom held operations are here already.
func newAllowance(now time.Time, held int, pool *float64) *allowance {
	free := max(unitsFreeLeast, unitsFree-held)
	return &allowance{free: float64(free), pool: pool, level: unitsBurst, at: now, logs: map[docLog]uint64{}}
}

// price returns the units that a batch costs whose sender's devices are those that own names. What is held already is cheap:
// a transfer that was delayed for too long begins again.
func (a *allowance) price(own func(crdt.DeviceID) bool, m *wire.Batch, held func(crdt.Hash) bool) float64 {
	var units float64
	for _, rec := range m.Records {
		u := 1 + float64(len(rec.Body)/unitBytes) + float64(len(rec.Op.Parents)/unitParents)
		if !own(rec.Op.Dot.Device) || held(rec.Hash) {
			units += u / relayedShare
			continue
		}
		if rec.Op.Doc.IsZero() {
			u += unitsDocument
		}
		if rec.Op.Dot.Seq == 1 {
			log := docLog{m.Doc, rec.Op.Dot.Device}
			switch epoch, known := a.logs[log]; {
			case known && epoch == rec.Op.Dot.Epoch: // sent again
			case known, len(a.logs) == allowanceDocs:
				u += unitsLogAgain
			default:
				u += unitsLog
				a.logs[log] = rec.Op.Dot.Epoch
			}
		}
		units += u
	}
	return units
}

// spend takes units and returns how long their sender has to wait for that.
func (a *allowance) spend(now time.Time, units float64) time.Duration {
	if past := now.Sub(a.at).Seconds(); past > 0 {
		a.level = min(unitsBurst, a.level+past*a.rate())
		a.over = max(0, a.over-past*unitsForgiven)
		a.at = now
	}
	a.level -= units
	if a.level < 0 {
		paid := min(-a.level, a.free, *a.pool)
		a.free, *a.pool, a.level = a.free-paid, *a.pool-paid, a.level+paid
	}
	if a.level < 0 {
		a.over += min(units, -a.level)
	}
	return a.wait()
}

// rate returns how many units a second may come now.
func (a *allowance) rate() float64 { return unitsPerSecond / (1 + a.over/unitsTired) }

// wait returns how long it takes until there is no debt.
func (a *allowance) wait() time.Duration {
	if a.level >= 0 {
		return 0
	}
	return time.Duration(-a.level / a.rate() * float64(time.Second))
}

// allowanceOf returns the allowance of dev's person.
func (s *session) allowanceOf(now time.Time, dev crdt.DeviceID) *allowance {
	m, _ := s.memberOf(dev)
	a := s.allowances[m.Person]
	if a == nil {
		held := 0
		for _, doc := range s.r.Documents() {
			for _, other := range s.r.Team().Members() {
				if other.Person == m.Person {
					held += s.r.Graph(doc).LogLacks(crdt.Past{}, other.Device)
				}
			}
		}
		a = newAllowance(now, held, &s.pool)
		s.allowances[m.Person] = a
	}
	if m.Removed == auth.ModeSuspend {
		a.free = 0
	}
	return a
}

// charge makes the person of dev pay for a batch, and dev wait when they have not enough.
func (s *session) charge(dev crdt.DeviceID, m *wire.Batch) {
	now := time.Now()
	held := func(crdt.Hash) bool { return false }
	if g := s.r.Graph(m.Doc); g != nil {
		held = g.Has
	}
	sender, _ := s.memberOf(dev)
	own := func(d crdt.DeviceID) bool {
		if d == dev {
			return true
		}
		author, ok := s.r.Team().Member(d)
		return ok && author.Person == sender.Person
	}
	a := s.allowanceOf(now, dev)
	if wait := a.spend(now, a.price(own, m, held)); wait > 0 {
		s.t.Hold(dev, now.Add(min(wait, holdMax)))
	}
}

// holdAgain makes dev wait on a new connection for what its person owes from an earlier one.
func (s *session) holdAgain(dev crdt.DeviceID) {
	m, _ := s.memberOf(dev)
	if a := s.allowances[m.Person]; a != nil {
		now := time.Now()
		if wait := a.spend(now, 0); wait > 0 {
			s.t.Hold(dev, now.Add(min(wait, holdMax)))
		}
	}
}
