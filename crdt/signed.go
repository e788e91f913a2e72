package crdt

// Signed reports whether the operation named h is in the graph with a signature of its own.
func (g *Graph) Signed(h Hash) bool {
	at, ok := g.find(h)
	return ok && g.nodes[at].signed
}
