package replica

import (
	"slices"

	"muster/crdt"
)

// Compare returns how many operations held here dev is not known to hold, and whether it is known to hold something
// that is not here yet. Of a device that was not met since the start nothing is known.
func (r *Replica) Compare(dev crdt.DeviceID) (lacks int, ahead bool) {
	p := r.peers[dev]
	for _, id := range r.order {
		var past crdt.Past
		if p != nil {
			ahead = r.lacking(p, id) || ahead
			if h := p.holds[id]; h != nil {
				past = h.past
			}
		}
		g := r.docs[id].graph
		var authors []crdt.DeviceID
		for _, t := range g.Frontier() {
			if !slices.Contains(authors, t.Log.Device) {
				authors = append(authors, t.Log.Device)
				lacks += g.LogLacks(past, t.Log.Device)
			}
		}
	}
	return lacks, ahead
}
