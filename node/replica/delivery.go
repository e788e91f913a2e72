package replica

import (
	"time"

	"muster/crdt"
)

// A Presence is what this node knows about another person being there. It never changes the board.
type Presence struct {
	Reachable bool
	Heard     time.Time // last message from any of their devices; zero: never
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
		if p := r.peers[m.Device]; p != nil {
			out.Reachable = out.Reachable || p.up
			if p.heard.After(out.Heard) {
				out.Heard = p.heard
			}
		}
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
	if p := r.peers[dev]; p != nil {
		return Presence{Reachable: p.up, Heard: p.heard}
	}
	return Presence{}
}

// Synced reports whether dev has shown on this connection that it holds what we hold, and we lack nothing it named.
func (r *Replica) Synced(dev crdt.DeviceID) bool {
	p := r.peers[dev]
	return p != nil && p.up && p.equal
}
