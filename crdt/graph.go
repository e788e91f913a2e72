package crdt

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"slices"
)

// ErrMissing is wrapped when an operation's past is not here yet; [Graph.Missing] says what to ask for.
var ErrMissing = errors.New("past not here yet")

// A Graph is the causal order of one document: every accepted operation, and what follows from their parents. It holds
// no bodies. It is not safe for concurrent use; queries do not change it.
type Graph struct {
	doc    DocID
	index  map[uint64]int32 // start of the hash -> place in nodes; see find
	twins  map[Hash]int32   // of those whose start is another's too
	nodes  []node           // in the order of arrival
	chains []chain          // a log is one chain, unless it forked
	logs   map[LogID][]int32
	heads  map[Hash]struct{}
	bytes  uint64
}

// node is what the graph keeps of one operation.
type node struct {
	hash   Hash
	past   vector // covers the operation's causal past but for what its own chain implies: all before it there
	timeMS int64
	height uint32
	chain  int32
	seq    uint32 // place in the chain's log, from 1
	size   uint32 // encoded record
	kind   Kind
	signed bool
}

// chain is a stretch of one log in which every operation has at most one successor. A fork starts a new chain at the
// operation that came second; which one that is differs between nodes, and nothing outside this file depends on it.
type chain struct {
	log   LogID
	bytes uint64  // of ops, as encoded records
	first uint32  // seq of ops[0]
	ops   []int32 // consecutive
}

// NewGraph returns the empty graph of doc.
func NewGraph(doc DocID) *Graph {
	return &Graph{
		doc: doc, index: map[uint64]int32{}, twins: map[Hash]int32{}, logs: map[LogID][]int32{}, heads: map[Hash]struct{}{},
	}
}

// Doc returns the document's name.
func (g *Graph) Doc() DocID { return g.doc }

// Len returns the number of operations.
func (g *Graph) Len() int { return len(g.nodes) }

// Bytes returns the size of all operations as encoded records. Erasing bodies does not lower it.
func (g *Graph) Bytes() uint64 { return g.bytes }

// Usage is how much of a document somebody wrote.
type Usage struct {
	Operations int
	Bytes      uint64 // as [Graph.Bytes] has it
}

// Usage returns how much each device wrote.
func (g *Graph) Usage() map[DeviceID]Usage {
	out := map[DeviceID]Usage{}
	for i := range g.chains {
		c := &g.chains[i]
		u := out[c.log.Device]
		out[c.log.Device] = Usage{u.Operations + len(c.ops), u.Bytes + c.bytes}
	}
	return out
}

// Has reports whether the operation named h is in the graph.
func (g *Graph) Has(h Hash) bool { _, ok := g.find(h); return ok }

// find returns the place of the operation named h in nodes. The index holds only the start of a hash, since the nodes hold
// all of it: a third of the memory. That somebody can make two hashes with one start costs them more than us.
func (g *Graph) find(h Hash) (at int32, ok bool) {
	if at, ok = g.index[start(h)]; ok && g.nodes[at].hash == h {
		return at, true
	}
	at, ok = g.twins[h]
	return at, ok
}

// start is the part of a hash that the index holds.
func start(h Hash) uint64 { return binary.BigEndian.Uint64(h[:]) }

// node returns the operation named h; the caller knows that it is here.
func (g *Graph) node(h Hash) *node {
	at, _ := g.find(h)
	return &g.nodes[at]
}

// Missing returns the operations op needs that are not in the graph.
func (g *Graph) Missing(op *Op) []Hash {
	var miss []Hash
	if !op.Prev.IsZero() && !g.Has(op.Prev) {
		miss = append(miss, op.Prev)
	}
	for _, p := range op.Parents {
		if !g.Has(p) {
			miss = append(miss, p)
		}
	}
	return miss
}

// A Place is what follows for an operation from its past; see [Graph.Place].
type Place struct {
	TimeMS int64  // derived time: max(wall clock, times of the parents + 1)
	Height uint64 // 1 + the greatest height of a parent; 1 for the founding operation
}

// Add puts rec into the graph. It reports whether it was new. The error is [ErrMissing] when the past is not complete,
// [ErrFormat] when rec cannot belong to this document or its log.
func (g *Graph) Add(rec *Record) (bool, error) {
	if g.Has(rec.Hash) {
		if rec.Sig != nil {
			g.node(rec.Hash).signed = true
		}
		return false, nil
	}
	op := &rec.Op
	if rec.Doc() != g.doc {
		return false, fmt.Errorf("%w: operation of another document", ErrFormat)
	}
	if miss := g.Missing(op); len(miss) > 0 {
		return false, fmt.Errorf("%w: %d operations before %s", ErrMissing, len(miss), op.Dot)
	}
	if op.Dot.Seq > MaxSeq {
		return false, fmt.Errorf("%w: seq %d", ErrFormat, op.Dot.Seq)
	}
	n := node{
		hash: rec.Hash, timeMS: op.WallMS, height: 1, seq: uint32(op.Dot.Seq), kind: op.Kind,
		size: uint32(RecordSize(rec)), signed: rec.Sig != nil,
	}
	parents := op.Parents
	if !op.Prev.IsZero() {
		p := g.node(op.Prev)
		if c := &g.chains[p.chain]; c.log != op.Dot.Log() || p.seq+1 != n.seq {
			return false, fmt.Errorf("%w: %s does not follow its previous operation", ErrFormat, op.Dot)
		}
		parents = append([]Hash{op.Prev}, op.Parents...)
	}
	for _, h := range parents {
		p := g.node(h)
		n.timeMS = max(n.timeMS, p.timeMS+1)
		n.height = max(n.height, p.height+1)
		n.past = n.past.union(p.past)
	}
	at := int32(len(g.nodes))
	n.chain = g.extend(op, at)
	for _, h := range parents {
		// What only continues its own log shares the vector of the operation before it: a run of them costs none.
		if p := g.node(h); p.chain != n.chain && n.past.at(p.chain) < p.seq {
			n.past = n.past.with(p.chain, p.seq)
		}
	}
	for _, h := range parents {
		delete(g.heads, h)
	}
	g.nodes = append(g.nodes, n)
	if _, taken := g.index[start(rec.Hash)]; taken {
		g.twins[rec.Hash] = at
	} else {
		g.index[start(rec.Hash)] = at
	}
	g.heads[rec.Hash] = struct{}{}
	g.bytes += uint64(n.size)
	g.chains[n.chain].bytes += uint64(n.size)
	return true, nil
}

// extend appends the operation at position at to the chain that ends in its previous operation, or starts a chain.
func (g *Graph) extend(op *Op, at int32) int32 {
	log := op.Dot.Log()
	if !op.Prev.IsZero() {
		ci := g.node(op.Prev).chain
		c := &g.chains[ci]
		if c.last() == uint32(op.Dot.Seq)-1 {
			c.ops = append(c.ops, at)
			return ci
		}
	}
	g.chains = append(g.chains, chain{log: log, first: uint32(op.Dot.Seq), ops: []int32{at}})
	ci := int32(len(g.chains) - 1)
	g.logs[log] = append(g.logs[log], ci)
	return ci
}

func (c *chain) last() uint32 { return c.first + uint32(len(c.ops)) - 1 }

// Place returns the derived time and height of the operation named h, which must be in the graph.
func (g *Graph) Place(h Hash) Place {
	n := g.at(h)
	return Place{TimeMS: n.timeMS, Height: uint64(n.height)}
}

func (g *Graph) at(h Hash) *node {
	i, ok := g.find(h)
	if !ok {
		panic("crdt: operation " + h.String() + " is not in the graph")
	}
	return &g.nodes[i]
}

// Before reports whether a is in the causal past of b. Both false for (a, b) and (b, a) of two operations means that
// they are concurrent. Operations that are not in the graph are before nothing.
func (g *Graph) Before(a, b Hash) bool {
	i, ok := g.find(a)
	j, ok2 := g.find(b)
	return ok && ok2 && i != j && g.covers(&g.nodes[j], &g.nodes[i])
}

// covers reports whether n, another operation, is in the past of o.
func (g *Graph) covers(o, n *node) bool {
	if o.chain == n.chain {
		return n.seq < o.seq
	}
	return o.past.at(n.chain) >= n.seq
}

// Heads returns the operations that no other operation has seen, ascending.
func (g *Graph) Heads() []Hash { return slices.SortedFunc(maps.Keys(g.heads), Hash.Compare) }

// compareNodes is the order of the timeline: derived time, height, hash. It agrees with causality.
func compareNodes(a, b *node) int {
	return cmp.Or(cmp.Compare(a.timeMS, b.timeMS), cmp.Compare(a.height, b.height), a.hash.Compare(b.hash))
}

// Forks returns the dots that name more than one operation, and those operations, as proof that a device's history
// was continued twice.
func (g *Graph) Forks() []Fork {
	var out []Fork
	for _, log := range slices.SortedFunc(maps.Keys(g.logs), LogID.Compare) {
		bySeq := map[uint32][]Hash{}
		if len(g.logs[log]) < 2 {
			continue
		}
		for _, ci := range g.logs[log] {
			c := &g.chains[ci]
			for i, at := range c.ops {
				seq := c.first + uint32(i)
				bySeq[seq] = append(bySeq[seq], g.nodes[at].hash)
			}
		}
		for _, seq := range slices.Sorted(maps.Keys(bySeq)) {
			if hs := bySeq[seq]; len(hs) > 1 {
				slices.SortFunc(hs, Hash.Compare)
				out = append(out, Fork{Dot{log.Device, log.Epoch, uint64(seq)}, hs})
				break // the first one is proof enough
			}
		}
	}
	return out
}

// A Fork is the proof that two operations carry one Dot.
type Fork struct {
	Dot Dot
	Ops []Hash // ascending
}

// Dot returns the place of the operation named h, which must be in the graph.
func (g *Graph) Dot(h Hash) Dot {
	n := g.at(h)
	log := g.chains[n.chain].log
	return Dot{log.Device, log.Epoch, uint64(n.seq)}
}

// Size returns the encoded size of the operation named h, which must be in the graph, as [RecordSize] has it.
func (g *Graph) Size(h Hash) int { return int(g.at(h).size) }
