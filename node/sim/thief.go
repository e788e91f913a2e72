package sim

import (
	"slices"

	"muster/crdt"
	"muster/crdt/auth"
	"muster/crdt/board"
	"muster/node/wire"
)

// A thief has somebody's laptop: all that was on its disk, its key, and a friend in the team who minds nothing that is
// said of it and passes on what he writes as if it had heard it elsewhere. He writes on as if nobody had noticed; loot is
// what he goes by.
type loot struct {
	heads []crdt.Hash                // of the team when it was taken: all he says he knows of it
	tips  map[crdt.DocID]crdt.Tip    // ends of the logs he writes
	seen  map[crdt.DocID][]crdt.Hash // heads of the boards then
}

// steal puts a laptop into the hands of a thief, and somebody who hears of it removes it.
func (w *world) steal() {
	h := w.anyHost(func(h *host) bool { return w.able(h) && h.n > 0 && h.twin == nil && !h.newer })
	if h == nil || w.calm || len(w.hosts) < 3 {
		return
	}
	friend := w.anyHost(func(p *host) bool { return w.able(p) && p != h })
	if friend == nil {
		return
	}
	h.thief = true
	h.loot = &loot{heads: h.r.Graph(w.team).Heads(), tips: map[crdt.DocID]crdt.Tip{}, seen: map[crdt.DocID][]crdt.Hash{}}
	for _, doc := range h.r.Documents() {
		h.loot.seen[doc] = h.r.Graph(doc).Heads()
	}
	w.trace(h, "stolen", "friend %s", friend.name)
	w.count("fault: laptop stolen")
	w.in(w.about(w.o.Span/8), func() {
		owner := w.anyHost(func(p *host) bool { return w.able(p) && p != h && !p.silent() })
		if owner != nil {
			w.remove(owner, h.device, auth.ModeCompromised)
		}
	})
	w.every(w.o.Span/25, func() { w.forge(h, friend) })
}

// forge writes one operation with a stolen key, dated back to when the laptop was taken, and gives it to the accomplice.
func (w *world) forge(h, friend *host) {
	if friend.r == nil || w.now.Before(friend.paused) || w.now.Before(friend.full) {
		return
	}
	doc := w.team
	kind, body := w.teamMischief(friend, h)
	if docs := friend.r.Documents(); len(docs) > 0 && w.rng.IntN(4) > 0 {
		doc = docs[w.rng.IntN(len(docs))]
		kind, body = w.boardMischief(friend, doc)
	}
	tip := h.loot.tips[doc]
	op := crdt.Op{
		Doc: doc, Dot: crdt.Dot{Device: h.device, Epoch: thiefEpoch, Seq: tip.Seq + 1}, Prev: tip.Hash, Kind: kind,
		WallMS: max(w.wall(h).UnixMilli()-w.rng.Int64N(1e6), 0),
	}
	op.Parents = h.loot.seen[doc]
	switch {
	case doc == w.team:
		op.Parents = h.loot.heads
	case len(op.Parents) == 0: // founded later: there is no other past
		op.Parents = friend.r.Graph(doc).Heads()
	}
	op.Parents = slices.DeleteFunc(slices.Clone(op.Parents), func(x crdt.Hash) bool { return x == tip.Hash })
	op.Parents = op.Parents[:min(len(op.Parents), crdt.MaxParents)]
	if doc != w.team {
		op.Team = h.loot.heads[:min(len(h.loot.heads), crdt.MaxTeamHeads)]
	}
	rec := w.sign(h, op, body)
	if missing := friend.r.Graph(doc).Missing(&rec.Op); len(missing) > 0 {
		return // the accomplice has lost what it builds on
	}
	w.smuggle(friend, h, rec)
}

// thiefEpoch names the logs that a thief writes.
const thiefEpoch = 13

// smuggle hands an operation to the accomplice.
func (w *world) smuggle(friend, h *host, rec *crdt.Record) {
	other := w.anyHost(func(p *host) bool { return p != h && p.device != friend.device && p.member && w.admits(friend, p) })
	if other == nil {
		return
	}
	if err := friend.r.Step(w.mono(friend), other.device, &wire.Batch{Doc: rec.Doc(), Records: []*crdt.Record{rec}}); err != nil {
		w.fail("%s does not take %.8s of %s: %w", friend.name, rec.Hash, h.name, err)
	}
	if w.work(friend) && friend.r.Graph(rec.Doc()).Has(rec.Hash) { // else he says the same again in other words
		h.loot.tips[rec.Doc()] = crdt.Tip{Log: rec.Op.Dot.Log(), Seq: rec.Op.Dot.Seq, Hash: rec.Hash}
		w.count("fault: backdated operation")
		w.trace(h, "backdated", "%d %.8s by %s", rec.Op.Kind, rec.Hash, friend.name)
	}
}

// teamMischief is what a thief would say in the team: others out, friends in.
func (w *world) teamMischief(friend, h *host) (crdt.Kind, any) {
	all := friend.r.Team().Members()
	m := all[w.rng.IntN(len(all))]
	switch w.rng.IntN(4) {
	case 0:
		return auth.KindRole, &auth.SetRole{Person: m.Person, Role: auth.Role(1 + w.rng.IntN(3))}
	case 1:
		key := make([]byte, 32)
		w.bytes(key)
		return auth.KindInvite, &auth.Invite{Key: key, Role: auth.RoleResponder, Uses: auth.MaxUses}
	case 2:
		return auth.KindReinstate, &auth.Reinstate{Device: h.device}
	}
	return auth.KindRemove, &auth.Remove{Device: m.Device, Mode: auth.Mode(1 + w.rng.IntN(3))}
}

// boardMischief is what he would say on a board: words, command, the end of it, and erasing what others wrote.
func (w *world) boardMischief(h *host, doc crdt.DocID) (crdt.Kind, any) {
	switch w.rng.IntN(5) {
	case 0:
		return board.KindTake, map[int]any{1: uint64(board.TakeForced), 2: "mine"}
	case 1:
		return board.KindStatus, map[int]any{1: board.StatusResolved}
	case 2:
		if notes := h.newest(doc, board.KindNote); len(notes) > 0 {
			return board.KindRedact, map[int]any{1: notes[w.rng.IntN(len(notes))], 2: "gone"}
		}
	}
	return board.KindNote, map[int]any{1: w.words()}
}
