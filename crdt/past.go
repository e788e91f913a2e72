package crdt

// A Past is a set of operations of one graph that is closed under causality, such as what a peer is known to hold. The
// zero Past is empty. A Past is immutable and stays valid while its graph grows.
type Past struct{ v vector }

// Everything returns the set of all operations now in the graph.
func (g *Graph) Everything() Past {
	var v vector
	for ci := range g.chains {
		v = v.with(int32(ci), g.chains[ci].last())
	}
	return Past{v}
}

// Union returns the set of what is in p or in o, which must belong to the same graph.
func (p Past) Union(o Past) Past { return Past{p.v.union(o.v)} }

// Covers reports whether the operation named h is in p. An operation that is not in the graph is not.
func (g *Graph) Covers(p Past, h Hash) bool {
	at, ok := g.find(h)
	return ok && p.v.at(g.nodes[at].chain) >= g.nodes[at].seq
}

// LogLacks returns how many operations of one device are outside p.
func (g *Graph) LogLacks(p Past, d DeviceID) int {
	n := 0
	for ci := range g.chains {
		if c := &g.chains[ci]; c.log.Device == d {
			n += len(c.ops)
			if have := p.v.at(int32(ci)); have >= c.first {
				n -= int(have - c.first + 1)
			}
		}
	}
	return n
}

// SignedCut chooses from ops, which must be in the order of [Graph.Lacks] for a holder of p, the largest part that can
// be sent by itself: whatever is before a chosen operation is chosen too or in p, and the last chosen operation of
// every log is signed. It returns the chosen and the others, both in order.
//
// A holder of all of ops can always choose all, since every log it holds ends in a signed operation. Of a longer list
// it can choose at least what it once received in one batch, for that batch was such a part.
func (g *Graph) SignedCut(p Past, ops []Hash) (chosen, rest []Hash) {
	nodes := make([]*node, len(ops))
	cut := map[int32]uint32{}      // chain -> last seq chosen
	signed := map[int32][]uint32{} // chain -> seqs in ops that are signed, ascending
	for i, h := range ops {
		n := g.at(h)
		nodes[i] = n
		if n.signed {
			signed[n.chain] = append(signed[n.chain], n.seq)
			cut[n.chain] = n.seq
		}
	}
	lower := func(c int32, below uint32) { // chosen operations of c must come before seq below
		s := signed[c]
		for len(s) > 0 && s[len(s)-1] >= below {
			s = s[:len(s)-1]
		}
		signed[c], cut[c] = s, 0
		if len(s) > 0 {
			cut[c] = s[len(s)-1]
		}
	}
	for changed := true; changed; {
		changed = false
		for _, n := range nodes {
			if n.seq > cut[n.chain] || g.within(n, p, cut) {
				continue
			}
			lower(n.chain, n.seq)
			changed = true
		}
	}
	for i, n := range nodes {
		if n.seq <= cut[n.chain] {
			chosen = append(chosen, ops[i])
		} else {
			rest = append(rest, ops[i])
		}
	}
	return chosen, rest
}

// within reports whether the past of n is inside p and the cut, as that of its own chain is when n is.
func (g *Graph) within(n *node, p Past, cut map[int32]uint32) bool {
	for i, chunk := range n.past {
		if chunk == nil || i < len(p.v) && p.v[i] == chunk {
			continue
		}
		for j, seq := range chunk {
			c := int32(i*chunkLen + j)
			if seq > 0 && seq > p.v.at(c) && seq > cut[c] {
				return false
			}
		}
	}
	return true
}

// PastOf returns the smallest set that holds ops, which must be in the graph, and everything before them.
func (g *Graph) PastOf(ops []Hash) Past {
	var v vector
	for _, h := range ops {
		n := g.at(h)
		v = v.union(n.past)
		if v.at(n.chain) < n.seq {
			v = v.with(n.chain, n.seq)
		}
	}
	return Past{v}
}
