package node

import (
	"context"

	"muster/node/api"
)

// Arrivals returns whom words of this node let in since it was asked last, oldest first.
func (n *Node) Arrivals(ctx context.Context) ([]api.Arrival, error) {
	s, err := n.current(ctx)
	if err != nil {
		return nil, err
	}
	return s.plates.untold(), nil
}

// untold returns those who came in and were not told of, and notes that they are now.
func (ps *plates) untold() []api.Arrival {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	out := []api.Arrival{}
	for _, p := range ps.all {
		out = append(out, p.came[p.told:]...)
		p.told = len(p.came)
	}
	return out
}
