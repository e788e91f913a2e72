package crdt_test

import (
	"crypto/sha512"
	"fmt"
	"slices"

	"muster/crdt"

	"pgregory.net/rapid"
)

// hashSigner is a signer for histories in which nobody forges: a keyed hash costs a hundredth of a signature.
type hashSigner crdt.DeviceID

func (s hashSigner) Device() crdt.DeviceID { return crdt.DeviceID(s) }

func (s hashSigner) Sign(header []byte) [crdt.SignatureBytes]byte {
	return sha512.Sum512(append(slices.Clone(s[:]), header...))
}

// deviceN returns the name of the nth made-up device.
func deviceN(n int) crdt.DeviceID {
	return crdt.DeviceID(crdt.SumHash(fmt.Appendf(nil, "device %d", n)))
}

// A fataler is what helpers need of a *testing.T or a *rapid.T.
type fataler interface {
	Helper()
	Fatalf(format string, args ...any)
}

// A history is a set of operations that is closed under causality, in an order that agrees with causality, beside what
// a naive reading of the definitions says about it: the model that the graph is compared with.
type history struct {
	recs  []*crdt.Record
	index map[crdt.Hash]int
	past  [][]bool     // past[i][j]: operation j is in the past of i, by walking edges
	place []crdt.Place // by the formula, from the parents' places
}

func (h *history) doc() crdt.DocID { return crdt.DocID(h.recs[0].Hash) }

// parents returns the positions of everything the ith operation names as its past.
func (h *history) parents(i int) []int {
	var out []int
	if op := &h.recs[i].Op; !op.Prev.IsZero() {
		out = append(out, h.index[op.Prev])
	}
	for _, p := range h.recs[i].Op.Parents {
		out = append(out, h.index[p])
	}
	return out
}

// add seals op on top of the history and works out its place and past the slow way.
func (h *history) add(op crdt.Op, device crdt.DeviceID) *crdt.Record {
	salt := [crdt.SaltBytes]byte{byte(len(h.recs)), byte(len(h.recs) >> 8)} // makes every operation a different one
	rec, err := crdt.Seal(op, salt, nil, hashSigner(device))
	if err != nil {
		panic(err)
	}
	i := len(h.recs)
	h.recs = append(h.recs, rec)
	h.index[rec.Hash] = i
	past, place := make([]bool, i), crdt.Place{TimeMS: op.WallMS, Height: 1}
	for _, p := range h.parents(i) {
		past[p] = true
		for j, in := range h.past[p] {
			past[j] = past[j] || in
		}
		place.TimeMS = max(place.TimeMS, h.place[p].TimeMS+1)
		place.Height = max(place.Height, h.place[p].Height+1)
	}
	h.past = append(h.past, past)
	h.place = append(h.place, place)
	return rec
}

// before is the model of [crdt.Graph.Before].
func (h *history) before(i, j int) bool { return j > i && h.past[j][i] }

// closure returns the members of set and all that is in their past.
func (h *history) closure(set []int) []bool {
	in := make([]bool, len(h.recs))
	for _, i := range set {
		in[i] = true
		for j, p := range h.past[i] {
			in[j] = in[j] || p
		}
	}
	return in
}

// graphOf returns the graph of the members of in, added in the order of the history.
func (h *history) graphOf(t fataler, in []bool) *crdt.Graph {
	t.Helper()
	g := crdt.NewGraph(h.doc())
	for i, rec := range h.recs {
		if in[i] {
			mustAdd(t, g, rec)
		}
	}
	return g
}

func mustAdd(t fataler, g *crdt.Graph, rec *crdt.Record) {
	t.Helper()
	if added, err := g.Add(rec); err != nil || !added {
		t.Fatalf("Add(%v) = %t, %v; want true", rec.Op.Dot, added, err)
	}
}

// histories draws the operations of one to five devices, or of a crowd, with up to two epochs each. With forks, a log may go on from
// any of its operations and may begin twice. Parents are any operations, so they need not be heads of anything: a
// header cannot be asked to prove that.
func histories(maxOps int, forks bool) *rapid.Generator[*history] {
	return rapid.Custom(func(t *rapid.T) *history {
		devices := rapid.SampledFrom([]int{1, 2, 3, 4, 5, 40}).Draw(t, "devices")
		h := &history{index: map[crdt.Hash]int{}}
		h.add(crdt.Op{Dot: crdt.Dot{Seq: 1}, WallMS: 1000, Kind: 16}, deviceN(0))
		logs := map[crdt.LogID][]int{{Device: deviceN(0)}: {0}} // log -> its operations
		for range rapid.IntRange(0, maxOps-1).Draw(t, "ops") {
			op := crdt.Op{Doc: h.doc(), Kind: 64, WallMS: rapid.Int64Range(990, 1040).Draw(t, "wall")}
			log := crdt.LogID{
				Device: deviceN(rapid.IntRange(0, devices-1).Draw(t, "device")),
				Epoch:  uint64(max(0, rapid.IntRange(-4, 1).Draw(t, "epoch"))),
			}
			op.Dot = crdt.Dot{Device: log.Device, Epoch: log.Epoch, Seq: 1}
			own := logs[log]
			if from := len(own) - 1; from >= 0 {
				if forks && rapid.IntRange(0, 5).Draw(t, "fork") == 0 {
					from = rapid.IntRange(-1, from).Draw(t, "from") // -1: the log begins again
				}
				if from >= 0 {
					prev := h.recs[own[from]]
					op.Prev, op.Dot.Seq = prev.Hash, prev.Op.Dot.Seq+1
				}
			}
			seen := rapid.SliceOfNDistinct(rapid.IntRange(0, len(h.recs)-1), 0, min(3, len(h.recs)), rapid.ID[int]).Draw(t, "seen")
			for _, i := range seen {
				if p := h.recs[i].Hash; p != op.Prev {
					op.Parents = append(op.Parents, p)
				}
			}
			if op.Prev.IsZero() && len(op.Parents) == 0 {
				op.Parents = []crdt.Hash{h.recs[0].Hash}
			}
			slices.SortFunc(op.Parents, crdt.Hash.Compare)
			logs[log] = append(own, len(h.recs))
			h.add(op, log.Device)
		}
		return h
	})
}

// delivery draws an order of all operations that agrees with causality.
func (h *history) delivery(t *rapid.T, label string) []int {
	var order []int
	done := make([]bool, len(h.recs))
	for len(order) < len(h.recs) {
		var ready []int
		for i := range h.recs {
			if !done[i] && !slices.ContainsFunc(h.parents(i), func(p int) bool { return !done[p] }) {
				ready = append(ready, i)
			}
		}
		i := rapid.SampledFrom(ready).Draw(t, label)
		done[i] = true
		order = append(order, i)
	}
	return order
}

// subset draws a part of the history that is closed under causality and holds the founding operation.
func (h *history) subset(t *rapid.T, label string) []bool {
	tips := rapid.SliceOfN(rapid.IntRange(0, len(h.recs)-1), 0, 4).Draw(t, label)
	return h.closure(append(tips, 0))
}
