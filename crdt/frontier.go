package crdt

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"maps"
	"slices"
)

// A Tip is the end of one log as far as it is known.
type Tip struct {
	Log  LogID
	Seq  uint64
	Hash Hash
}

// Compare orders tips by log, seq, hash.
func (t Tip) Compare(o Tip) int {
	return cmp.Or(t.Log.Compare(o.Log), cmp.Compare(t.Seq, o.Seq), t.Hash.Compare(o.Hash))
}

// A Frontier says which operations of a document someone holds: the ends of its logs, in order. A log that forked has
// one tip for each branch. Because a tip's hash covers its whole log, equal frontiers mean equal sets.
type Frontier []Tip

// Digest returns the SHA-256 of the frontier's encoding: equal digests if and only if equal sets of operations.
func (f Frontier) Digest() Hash { return sha256.Sum256(AppendFrontier(nil, f)) }

// MaxTips bounds the tips of one frontier on the wire.
const MaxTips = 1 << 14

// tipBytes is the least an encoded tip takes.
const tipBytes = 32 + 8 + 1 + 32

// AppendFrontier appends n and n × (device 32 | epoch 8 | seq | hash 32).
func AppendFrontier(b []byte, f Frontier) []byte {
	b = binary.AppendUvarint(b, uint64(len(f)))
	for _, t := range f {
		b = append(b, t.Log.Device[:]...)
		b = binary.BigEndian.AppendUint64(b, t.Log.Epoch)
		b = binary.AppendUvarint(b, t.Seq)
		b = append(b, t.Hash[:]...)
	}
	return b
}

// ReadFrontier reads what [AppendFrontier] wrote and checks the order.
func ReadFrontier(r *Reader) Frontier {
	n := r.Count(MaxTips, tipBytes)
	var f Frontier
	if n > 0 {
		f = make(Frontier, 0, n)
	}
	for range n {
		t := Tip{Log: LogID{DeviceID(r.Hash()), r.Uint64()}, Seq: r.Uvarint(), Hash: r.Hash()}
		if len(f) > 0 && f[len(f)-1].Compare(t) >= 0 {
			r.Fail("frontier not in order")
		}
		f = append(f, t)
	}
	if r.Err() != nil {
		return nil
	}
	return f
}

// Frontier returns the ends of all logs.
func (g *Graph) Frontier() Frontier {
	f := make(Frontier, 0, len(g.chains))
	for _, log := range slices.SortedFunc(maps.Keys(g.logs), LogID.Compare) {
		start := len(f)
		for _, ci := range g.logs[log] {
			c := &g.chains[ci]
			f = append(f, Tip{log, uint64(c.last()), g.nodes[c.ops[len(c.ops)-1]].hash})
		}
		slices.SortFunc(f[start:], Tip.Compare)
	}
	return f
}

// Log returns the ends of one log.
func (g *Graph) Log(log LogID) Frontier {
	var f Frontier
	for _, ci := range g.logs[log] {
		c := &g.chains[ci]
		f = append(f, Tip{log, uint64(c.last()), g.nodes[c.ops[len(c.ops)-1]].hash})
	}
	slices.SortFunc(f, Tip.Compare)
	return f
}

// Knows returns the part of this graph that the holder of f has for certain: the past of every tip known here.
func (g *Graph) Knows(f Frontier) Past {
	var v vector
	for _, t := range f {
		at, ok := g.find(t.Hash)
		if !ok {
			continue
		}
		n := &g.nodes[at]
		v = v.union(n.past)
		if v.at(n.chain) < n.seq {
			v = v.with(n.chain, n.seq)
		}
	}
	return Past{v}
}

// Holds returns what [Graph.Knows] does and, of a log whose tip is not known here because the holder is ahead, all that
// is known here: where no log forked and f is whole, exactly what the holder has of this graph. Of a part of a frontier
// the answer is a part too, and need not be closed under causality.
//
// That the holder is ahead on our branch of a log, and not on one we have not seen, is a guess, made only where one tip
// and one branch are left to be matched, and only about that log: what the branch had seen of others is not inferred
// from it, so a wrong guess does not spread. A wrong one usually corrects itself, as the holder's branch arrives and its
// tip becomes known. But each of two sides can withhold what it believes the other has, so an exchange that leaves the
// frontiers different and brings neither side anything new must be followed by one that uses Knows instead: it repeats
// what the other has, and always completes.
func (g *Graph) Holds(f Frontier) Past {
	v := g.Knows(f).v
	for len(f) > 0 {
		n := 1
		for n < len(f) && f[n].Log == f[0].Log {
			n++
		}
		if ci, ok := g.behind(f[:n], v); ok {
			v = v.with(ci, g.chains[ci].last())
		}
		f = f[n:]
	}
	return Past{v}
}

// behind returns the chain that may end before the one tip of tips that is not known here, if every other chain of
// their log is within v.
func (g *Graph) behind(tips Frontier, v vector) (ci int32, ok bool) {
	var ahead []Tip
	for _, t := range tips {
		if !g.Has(t.Hash) {
			ahead = append(ahead, t)
		}
	}
	var open []int32
	for _, ci := range g.logs[tips[0].Log] {
		if v.at(ci) < g.chains[ci].last() {
			open = append(open, ci)
		}
	}
	if len(ahead) != 1 || len(open) != 1 || uint64(g.chains[open[0]].last()) >= ahead[0].Seq {
		return 0, false
	}
	return open[0], true
}

// Lacks returns the operations outside p in an order that agrees with causality. A cost of one vector look-up per
// chain and one sort of what is returned.
func (g *Graph) Lacks(p Past) []Hash {
	var at []int32
	for ci := range g.chains {
		c := &g.chains[ci]
		have := p.v.at(int32(ci))
		from := 0
		if have >= c.first {
			from = int(have - c.first + 1)
		}
		at = append(at, c.ops[min(from, len(c.ops)):]...)
	}
	slices.SortFunc(at, func(a, b int32) int { return compareNodes(&g.nodes[a], &g.nodes[b]) })
	out := make([]Hash, len(at))
	for i, a := range at {
		out[i] = g.nodes[a].hash
	}
	return out
}
