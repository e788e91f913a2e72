package crdt

// chunkLen is how many chains share one chunk of a vector.
const chunkLen = 16

// A vector is the causal past of an operation: for each chain of the document, how many of its operations are in the
// past (Mattern, 1989). Chunks are immutable and shared between the vectors of neighbouring operations, so that a
// vector costs what changed since the operation before it and not the number of devices.
type vector []*[chunkLen]uint32

// at returns how many operations of chain are covered.
func (v vector) at(chain int32) uint32 {
	if i := int(chain) / chunkLen; i < len(v) && v[i] != nil {
		return v[i][chain%chunkLen]
	}
	return 0
}

// with returns v with chain raised to n.
func (v vector) with(chain int32, n uint32) vector {
	i := int(chain) / chunkLen
	out := make(vector, max(len(v), i+1))
	copy(out, v)
	var c [chunkLen]uint32
	if out[i] != nil {
		c = *out[i]
	}
	c[chain%chunkLen] = max(c[chain%chunkLen], n)
	out[i] = &c
	return out
}

// union returns the vector that covers what v or o covers. It shares every chunk that one of them already has.
func (v vector) union(o vector) vector {
	if len(o) > len(v) {
		v, o = o, v
	}
	var out vector // nil while equal to v
	for i, oc := range o {
		vc := v[i]
		if oc == nil || oc == vc {
			continue
		}
		merged := oc
		if vc != nil {
			merged = mergeChunks(vc, oc)
		}
		if merged == vc {
			continue
		}
		if out == nil {
			out = append(vector(nil), v...)
		}
		out[i] = merged
	}
	if out == nil {
		return v
	}
	return out
}

// mergeChunks returns the pairwise maximum, as a or b itself where that is the one.
func mergeChunks(a, b *[chunkLen]uint32) *[chunkLen]uint32 {
	aMax, bMax := true, true
	for i := range a {
		aMax = aMax && a[i] >= b[i]
		bMax = bMax && b[i] >= a[i]
	}
	switch {
	case aMax:
		return a
	case bMax:
		return b
	}
	m := *a
	for i := range m {
		m[i] = max(m[i], b[i])
	}
	return &m
}
