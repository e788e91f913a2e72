package sim

import (
	"slices"

	"muster/crdt"
	"muster/crdt/board"
	"muster/node/wire"
)

// A hostile member runs a correct replica and changes what it says: it tampers with messages on their way out, and signs
// operations that a correct node would not make.

// tamper sends a message of a hostile host, or something else.
func (w *world) tamper(from, to *host, env wire.Envelope) {
	if w.rng.IntN(3) > 0 {
		w.carry(from, to, wire.Append(nil, env.Msg))
		return
	}
	lie := func(what string, m wire.Message) {
		w.count("fault: hostile " + what)
		w.carry(from, to, wire.Append(nil, m))
	}
	switch m := env.Msg.(type) {
	case *wire.Root:
		if w.rng.IntN(2) == 0 {
			lie("digest", &wire.Root{Digest: w.anyHash()})
			return
		}
		lie("digest", &wire.Root{Digest: to.r.Digest()})
	case *wire.Docs:
		c := &wire.Docs{Covers: m.Covers, Docs: slices.Clone(m.Docs)}
		for i := range c.Docs {
			if w.rng.IntN(2) == 0 {
				c.Docs[i].Digest = w.anyHash()
			}
		}
		lie("digest", c)
	case *wire.Frontiers:
		lie("frontier", &wire.Frontiers{Answer: m.Answer, Docs: w.twist(m.Docs)})
	case *wire.Have:
		lie("acknowledgement", &wire.Have{Batches: m.Batches + uint64(w.rng.IntN(3)), Docs: w.twist(m.Docs)})
	case *wire.Offer:
		lie("offer", &wire.Offer{Operations: w.rng.Uint64(), Bytes: w.rng.Uint64()})
	case *wire.Bodies:
		c := &wire.Bodies{Doc: m.Doc, Bodies: slices.Clone(m.Bodies)}
		for i := range c.Bodies {
			c.Bodies[i].Body = []byte("something else")
		}
		lie("body", c)
	case *wire.Batch:
		c := &wire.Batch{Doc: m.Doc, Number: m.Number, Records: slices.Clone(m.Records)}
		if m.Doc != w.team && w.rng.IntN(3) > 0 {
			for i, rec := range c.Records {
				if w.rng.IntN(2) == 0 {
					c.Records[i] = rec.WithoutBody()
				}
			}
			lie("withheld body", c)
			return
		}
		for i, rec := range c.Records {
			if rec.Sig != nil {
				bad := *rec
				sig := *rec.Sig
				sig[w.rng.IntN(len(sig))] ^= 1
				bad.Sig = &sig
				c.Records[i] = &bad
			}
		}
		lie("bad signature", c)
	default:
		w.carry(from, to, wire.Append(nil, env.Msg))
	}
}

// twist makes frontiers say less, or more than there is.
func (w *world) twist(docs []wire.DocFrontier) []wire.DocFrontier {
	out := slices.Clone(docs)
	for i := range out {
		f := slices.Clone(out[i].Frontier)
		for j := range f {
			if w.rng.IntN(3) == 0 {
				f[j].Seq, f[j].Hash = f[j].Seq+uint64(w.rng.IntN(3)), w.anyHash()
			}
		}
		if len(f) > 0 && w.rng.IntN(2) == 0 {
			f = slices.Delete(f, 0, 1)
		}
		slices.SortFunc(f, crdt.Tip.Compare)
		out[i].Frontier = f
	}
	return out
}

func (w *world) anyHash() (h crdt.Hash) {
	w.bytes(h[:])
	return h
}

// mischief lets the hostile member do one thing that no correct node does.
func (w *world) mischief() {
	h := w.anyHost(func(h *host) bool { return h.hostile && h.r != nil })
	if h == nil || w.now.Before(h.paused) {
		return
	}
	peers := h.reachable()
	docs := h.r.Documents()
	if len(peers) == 0 || len(docs) == 0 {
		return
	}
	doc := docs[w.rng.IntN(len(docs))]
	to := peers[w.rng.IntN(len(peers))]
	push := func(what string, to *host, recs ...*crdt.Record) {
		w.count("fault: hostile " + what)
		w.trace(h, "hostile", "%s to %s", what, to.name)
		w.carry(h, to, wire.Append(nil, &wire.Batch{Doc: recs[0].Doc(), Records: recs}))
	}
	switch w.rng.IntN(8) {
	case 0: // two operations with one dot, told to different people
		op := w.draft(h, doc)
		a, b := w.seal(h, op, "one"), w.seal(h, op, "other")
		push("equivocation", to, a)
		push("equivocation", peers[w.rng.IntN(len(peers))], b)
	case 1:
		op := w.draft(h, doc)
		op.WallMS = []int64{0, crdt.MaxWallMS}[w.rng.IntN(2)]
		push("wrong clock", to, w.seal(h, op, "when"))
	case 2: // team heads nobody has
		op := w.draft(h, doc)
		op.Team = []crdt.Hash{w.anyHash()}
		push("future team", to, w.seal(h, op, "who"))
	case 3: // a time when it was no member
		op := w.draft(h, doc)
		op.Team = []crdt.Hash{crdt.Hash(w.team)}
		push("past team", to, w.seal(h, op, "who"))
	case 4: // in the name of another
		op := w.draft(h, doc)
		rec := *w.seal(h, op, "not me")
		rec.Op.Dot.Device = to.device
		rec.Hash = crdt.SumHash(rec.Op.AppendHeader(nil))
		push("forgery", to, &rec)
	case 5:
		frame := make([]byte, w.rng.IntN(300))
		w.bytes(frame)
		w.count("fault: hostile garbage")
		w.carry(h, to, frame)
	case 6:
		frame := make([]byte, wire.MaxControlBytes+1)
		frame[0] = 3
		w.count("fault: hostile oversized frame")
		w.carry(h, to, frame)
	case 7: // an operation vouched for by one that can never be taken in
		op := w.draft(h, doc)
		first := w.seal(h, op, "in doubt")
		op.Prev, op.Dot.Seq, op.Parents = first.Hash, op.Dot.Seq+1, []crdt.Hash{w.anyHash()}
		if w.rng.IntN(2) == 0 {
			op.Parents, op.Team = nil, []crdt.Hash{crdt.Hash(w.team)}
		}
		second := w.seal(h, op, "never")
		bare := *first
		bare.Sig = nil
		push("unsigned end", to, &bare, second)
	}
}

// draft returns the header of an operation that may follow what a host holds, in a log of its own.
func (w *world) draft(h *host, doc crdt.DocID) crdt.Op {
	g := h.r.Graph(doc)
	log := crdt.LogID{Device: h.device, Epoch: 7}
	if w.rng.IntN(3) == 0 {
		log.Epoch = h.disk.epoch // the one its replica writes
	}
	op := crdt.Op{
		Doc: doc, Dot: crdt.Dot{Device: h.device, Epoch: log.Epoch, Seq: 1}, WallMS: max(w.wall(h).UnixMilli(), 0), Kind: board.KindNote,
		Team: h.r.Graph(w.team).Heads(),
	}
	if tips := g.Log(log); len(tips) > 0 {
		op.Prev, op.Dot.Seq = tips[0].Hash, tips[0].Seq+1
	}
	op.Team = op.Team[:min(len(op.Team), crdt.MaxTeamHeads)]
	heads := slices.DeleteFunc(g.Heads(), func(x crdt.Hash) bool { return x == op.Prev })
	op.Parents = heads[:min(len(heads), crdt.MaxParents)]
	return op
}

// seal signs an operation outside the host's replica.
func (w *world) seal(h *host, op crdt.Op, text string) *crdt.Record {
	return w.sign(h, op, map[int]any{1: text})
}

// sign is seal with another body.
func (w *world) sign(h *host, op crdt.Op, body any) *crdt.Record {
	var salt [crdt.SaltBytes]byte
	w.bytes(salt[:])
	rec, err := crdt.Seal(op, salt, crdt.EncodeBody(body), h.signer)
	if err != nil {
		panic("sim: " + err.Error()) // a draft is within all limits
	}
	w.made[rec.Hash] = rec
	return rec
}

// Kinds that this version does not know, of an incident and of the team.
const (
	kindNewer     crdt.Kind = 4000
	kindNewerTeam crdt.Kind = 60
)

// writeNewer lets the host that runs a later version write what the others do not know: kinds, and header fields. Its
// program keeps a log of its own, beside the one that its replica here writes.
func (w *world) writeNewer() {
	h := w.anyHost(func(h *host) bool { return h.newer && h.r != nil && !w.now.Before(h.paused) && !w.now.Before(h.full) })
	if h == nil || h.r.NeedsEpoch() {
		return
	}
	if w.rng.IntN(4) == 0 {
		if _, err := h.r.ProposeTeam(w.wall(h), kindNewerTeam, map[int]any{1: "later"}); err != nil {
			w.fail("%s: unknown kind in the team: %w", h.name, err)
		}
		w.work(h)
		return
	}
	docs := h.r.Documents()
	if len(docs) == 0 {
		return
	}
	doc := docs[w.rng.IntN(len(docs))]
	op := w.draft(h, doc)
	log := crdt.LogID{Device: h.device, Epoch: 9}
	op.Dot, op.Prev = crdt.Dot{Device: h.device, Epoch: log.Epoch, Seq: 1}, crdt.Hash{}
	if tips := h.r.Graph(doc).Log(log); len(tips) > 0 {
		op.Prev, op.Dot.Seq = tips[0].Hash, tips[0].Seq+1
	}
	if len(h.disk.docs[doc][log]) >= int(op.Dot.Seq) {
		return // the end of the log waits for what was lost
	}
	heads := slices.DeleteFunc(h.r.Graph(doc).Heads(), func(x crdt.Hash) bool { return x == op.Prev })
	op.Parents, op.Kind = heads[:min(len(heads), crdt.MaxParents)], kindNewer
	if w.rng.IntN(2) == 0 {
		op.Ext = []byte("a later field")
	}
	rec := w.seal(h, op, "later")
	w.count("fault: operation of a later version")
	peer := w.anyHost(func(p *host) bool { return p != h && p.device != h.device && p.member })
	if err := h.r.Step(w.mono(h), peer.device, &wire.Batch{Doc: doc, Records: []*crdt.Record{rec}}); err != nil {
		w.fail("%s: operation of a later version: %w", h.name, err)
	}
	alive := w.work(h)
	if h.disk.have[rec.Hash] {
		h.disk.journal = append(h.disk.journal, rec)
	}
	if !alive {
		return
	}
	w.carry(h, peer, wire.Append(nil, &wire.Batch{Doc: doc, Records: []*crdt.Record{rec}}))
}
