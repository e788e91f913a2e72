package replica

import "muster/crdt/board"

// RemovedSince reports whether a person is out of the team, none of their devices being let in any more because each was
// removed, and when the last of those removals was written, in milliseconds.
func (r *Replica) RemovedSince(p board.PersonID) (atMS int64, out bool) {
	g := r.Graph(r.cfg.Team)
	for _, m := range r.team.Members() {
		switch {
		case m.Person != p:
		case r.team.Admitted(m.Device) || m.Removed == 0 || !g.Has(m.Removal):
			return 0, false
		default:
			atMS, out = max(atMS, g.Place(m.Removal).TimeMS), true
		}
	}
	return atMS, out
}
