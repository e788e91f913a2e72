package replica

import (
	"slices"
	"time"

	"muster/crdt"
)

// A Presence is what this node knows about another person, or device, being there. It never changes the board.
type Presence struct {
	Reachable bool
	Heard     time.Time // last message from any of their devices to this one; zero: never

	// Word is when the newest of their operations that others have brought, or that was on this disk when it started, was
	// written: by its author's clock, and not after it came. Zero: there is none.
	Word time.Time
	Via  crdt.DeviceID // who brought it; zero: it was here
}

// Last returns when they gave the last sign of being there, and through whom: via is zero when they gave it to this node
// itself, and at when they gave none. What a wrong clock puts after now says nothing.
func (p Presence) Last(now time.Time) (at time.Time, via crdt.DeviceID) {
	if p.Word.After(p.Heard) && !p.Word.After(now) {
		return p.Word, p.Via
	}
	return p.Heard, crdt.DeviceID{}
}

// add makes p the presence of somebody who is wherever p or q is.
func (p *Presence) add(q Presence) {
	p.Reachable = p.Reachable || q.Reachable
	if q.Heard.After(p.Heard) {
		p.Heard = q.Heard
	}
	if q.Word.After(p.Word) {
		p.Word, p.Via = q.Word, q.Via
	}
}

// A word is the newest operation of a device that came in a roundabout way.
type word struct {
	at  time.Time
	via crdt.DeviceID
}

// heardOf notes an operation of another member that from brought at now. What its author sends itself is noted as a
// message.
func (r *Replica) heardOf(now time.Time, from crdt.DeviceID, rec *crdt.Record) {
	author := rec.Op.Dot.Device
	if m, member := r.team.Member(author); !member || !trusted(&m) || author == from || author == r.self {
		return
	}
	at := time.UnixMilli(rec.Op.WallMS)
	if at.After(now) {
		at = now // its clock is ahead
	}
	if at.After(r.words[author].at) {
		r.words[author] = word{at, from}
	}
}

// recall notes an operation of the disk's.
func (r *Replica) recall(rec *crdt.Record) {
	author, at := rec.Op.Dot.Device, time.UnixMilli(rec.Op.WallMS)
	if author != r.self && at.After(r.words[author].at) {
		r.words[author] = word{at: at}
	}
}

// Presence returns what is known of a person. We are always present to ourselves.
func (r *Replica) Presence(person crdt.Hash) Presence {
	var out Presence
	for _, m := range r.team.Members() {
		if m.Person != person {
			continue
		}
		if m.Device == r.self {
			return Presence{Reachable: true}
		}
		if !r.team.Admitted(m.Device) {
			continue // whoever has it, it need not be them
		}
		p := r.PeerPresence(m.Device)
		if !trusted(&m) {
			p.Word, p.Via = time.Time{}, crdt.DeviceID{}
		}
		out.add(p)
	}
	return out
}

// Holds reports whether dev is known to hold an operation durably.
func (r *Replica) Holds(dev crdt.DeviceID, doc crdt.DocID, op crdt.Hash) bool {
	d, p := r.docs[doc], r.peers[dev]
	if d == nil || p == nil || p.holds[doc] == nil {
		return false
	}
	r.lacking(p, doc)
	return d.graph.Covers(p.holds[doc].past, op)
}

// Knew reports whether dev has written something on top of an operation, which then was on its disk: it has told us so
// through whoever brought that, also when it has never been met.
func (r *Replica) Knew(dev crdt.DeviceID, doc crdt.DocID, op crdt.Hash) bool {
	d := r.docs[doc]
	return d != nil && slices.ContainsFunc(d.graph.Frontier(), func(t crdt.Tip) bool {
		return t.Log.Device == dev && d.graph.Before(op, t.Hash)
	})
}

// Lacks returns how many of our own operations dev is not known to hold.
func (r *Replica) Lacks(dev crdt.DeviceID) int {
	n := 0
	p := r.peers[dev]
	for _, id := range r.order {
		var past crdt.Past
		if p != nil && p.holds[id] != nil {
			past = p.holds[id].past
		}
		n += r.docs[id].graph.LogLacks(past, r.self)
	}
	return n
}

// Incoming returns how far the transfers to us have come.
func (r *Replica) Incoming() Progress {
	var sum Progress
	for _, dev := range r.peerOrder() {
		o := r.peers[dev].offer
		sum.Operations += o.Operations
		sum.OperationsTotal += o.OperationsTotal
		sum.Bytes += o.Bytes
		sum.BytesTotal += o.BytesTotal
	}
	return sum
}

// Reachable reports whether messages to dev may arrive now.
func (r *Replica) Reachable(dev crdt.DeviceID) bool {
	p := r.peers[dev]
	return p != nil && p.up
}

// PeerPresence returns what is known of one device.
func (r *Replica) PeerPresence(dev crdt.DeviceID) Presence {
	w := r.words[dev]
	out := Presence{Word: w.at, Via: w.via}
	if p := r.peers[dev]; p != nil {
		out.Reachable, out.Heard = p.up, p.heard
	}
	return out
}

// Synced reports whether dev has shown on this connection that it holds what we hold, and we lack nothing it named.
func (r *Replica) Synced(dev crdt.DeviceID) bool {
	p := r.peers[dev]
	return p != nil && p.up && p.equal
}
