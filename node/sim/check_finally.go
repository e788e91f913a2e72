package sim

import (
	"bytes"
	"fmt"
	"slices"

	"muster/crdt"
	"muster/crdt/board"
)

// finally checks what must hold after the calm phase, and counts what the run has met.
func (w *world) finally() error {
	if err := w.eventually(); err != nil {
		return err
	}
	again := w.correct()
	if len(again) == 0 {
		w.count(nobodyLeft)
		return nil
	}
	first := again[0]
	for _, h := range again[:min(len(again), startsMax)] {
		if err := w.startsAgain(h); err != nil {
			return err
		}
	}
	for _, check := range []func(*host) error{w.trustIsRight, w.refolds, w.nothingDisappears, w.boardsAreRight, w.mergesAreReported, w.redactedIsGone, w.dotsAreOnce} {
		if err := check(first); err != nil {
			return err
		}
	}
	w.tally(first)
	if w.err == nil && w.res.Counts["acknowledged"] == 0 {
		w.count(idle)
	}
	return w.err
}

// nobodyLeft counts the runs in which everybody is thrown out in the end.
const nobodyLeft = "saw: nobody left in the team"

// idle counts the runs in which nobody was told that anything is saved: all slept, or had full disks.
const idle = "saw: nobody did anything"

// startsMax is how many hosts of a team are started anew at the end of a run: each that is takes as long as its start did.
const startsMax = 2

// startsAgain checks that a host that starts from its disk holds and shows what it did before.
func (w *world) startsAgain(h *host) error {
	again, err := w.replica(h)
	if err != nil {
		return fmt.Errorf("%s does not start from its own disk: %w", h.name, err)
	}
	if again.Digest() != h.r.Digest() {
		return fmt.Errorf("%s has lost something by starting anew", h.name)
	}
	return w.sameBoards(&host{name: h.name + " started anew", r: again}, h)
}

// refolds checks that a board is what the rules make of its operations, in whatever order these are applied, and that on
// the way nobody loses command but as the rules say.
func (w *world) refolds(h *host) error {
	for _, doc := range h.r.Documents() {
		g := h.r.Graph(doc)
		b := board.New(doc, g)
		a := w.account(h, doc)
		var held []board.PersonID
		for _, op := range w.shuffled(g) {
			rec, dot := h.disk.get(doc, g, op), g.Dot(op)
			m, _ := h.r.Team().Member(dot.Device)
			b.Apply(board.Event{
				Hash: op, Dot: dot, Person: m.Person, WallMS: rec.Op.WallMS, Place: g.Place(op), Kind: rec.Op.Kind, Body: rec.Body, Erased: rec.Erased,
				Standing: w.standing(h, rec),
			})
			if f := a.at[op]; f != nil {
				now := w.claimants(b)
				if err := a.termsLast(held, now, f); err != nil {
					return err
				}
				held = now
			}
		}
		if !bytes.Equal(b.Canonical(), h.r.Board(doc).Canonical()) {
			return fmt.Errorf("%s shows of %.8s what the rules do not say", h.name, doc)
		}
	}
	return nil
}

// shuffled returns the operations of a document in a random order that agrees with causality.
func (w *world) shuffled(g *crdt.Graph) []crdt.Hash {
	waits := map[crdt.Hash]int{}
	next := map[crdt.Hash][]crdt.Hash{}
	var ready, out []crdt.Hash
	for _, op := range g.Lacks(crdt.Past{}) {
		rec := w.made[op]
		for _, p := range append([]crdt.Hash{rec.Op.Prev}, rec.Op.Parents...) {
			if !p.IsZero() {
				waits[op]++
				next[p] = append(next[p], op)
			}
		}
		if waits[op] == 0 {
			ready = append(ready, op)
		}
	}
	for len(ready) > 0 {
		i := w.rng.IntN(len(ready))
		op := ready[i]
		ready = slices.Delete(ready, i, i+1)
		out = append(out, op)
		for _, n := range next[op] {
			if waits[n]--; waits[n] == 0 {
				ready = append(ready, n)
			}
		}
	}
	return out
}

// boardsAreRight checks the boards against what their operations say.
func (w *world) boardsAreRight(h *host) error {
	for _, g := range h.groups() {
		w.check(h, g)
	}
	return w.err
}

// boardIsRight checks one board of a host: that exactly what the rules cannot decide waits for a human, and that nothing
// has disappeared.
func (w *world) boardIsRight(h *host, doc crdt.DocID) error {
	b := h.r.Board(doc)
	a, v := w.account(h, doc), w.view(h, b)
	if err := a.onlyC3(v); err != nil {
		return err
	}
	return a.everythingKept(b, v, h.r.Team())
}

// claimants are the people who hold a term of command, or would with a planted bug.
func (w *world) claimants(b *board.Board) []board.PersonID {
	all := b.Claimants()
	if w.o.Bug == BugSeizes && len(all) > 1 {
		return all[len(all)-1:]
	}
	return all
}

// view is what a host shows, or what it would show with a planted bug.
func (w *world) view(h *host, b *board.Board) *board.View {
	v := b.View(w.now, h.r.Team())
	w.spoil(&v)
	return &v
}

// nothingDisappears checks that everything a person was told is saved is in the log of the board, with what it says
// unless a redaction names it.
func (w *world) nothingDisappears(first *host) error {
	for _, h := range w.hosts {
		for _, p := range h.acked {
			if g := first.r.Graph(p.Doc); g == nil || !g.Has(p.Hash) {
				continue // of who is out of the team, see eventually
			}
			b := first.r.Board(p.Doc)
			if _, ok := b.Entry(p.Hash, first.r.Team()); !ok {
				return fmt.Errorf("%.8s of %s is held and not on the board", p.Hash, h.name)
			}
			rec := first.disk.get(p.Doc, first.r.Graph(p.Doc), p.Hash)
			if rec.Erased && !w.redacted(first, p.Doc, p.Hash) {
				return fmt.Errorf("what %.8s of %s says is gone, and no redaction names it", p.Hash, h.name)
			}
		}
	}
	return nil
}

// redacted reports whether a redaction names an operation, or the note that it revises. One that does not count any more
// may have taken the last copy while it did.
func (w *world) redacted(h *host, doc crdt.DocID, op crdt.Hash) bool {
	if !h.r.Board(doc).Withheld(op) {
		return true
	}
	f := said(w.made[op])
	named := func(target crdt.Hash) bool {
		return target == op || f.kind == board.KindEdit && target == f.target
	}
	if slices.ContainsFunc(h.r.Board(doc).Erasures(), named) {
		return true
	}
	return slices.ContainsFunc(w.account(h, doc).facts, func(r *fact) bool {
		return r.kind == board.KindRedact && r.grey && named(said(w.made[r.hash]).target)
	})
}

// get returns an operation that is on the disk.
func (d *disk) get(doc crdt.DocID, g *crdt.Graph, op crdt.Hash) *crdt.Record {
	dot := g.Dot(op)
	for _, rec := range d.docs[doc][dot.Log()] {
		if rec.Hash == op {
			return rec
		}
	}
	panic(fmt.Sprintf("sim: %s is shown and not on disk", dot))
}

// dotsAreOnce checks that nobody signed two operations with one dot, except those whose disk was copied or taken back,
// and who lie.
func (w *world) dotsAreOnce(first *host) error {
	for _, doc := range append(first.r.Documents(), w.team) {
		for _, f := range first.r.Graph(doc).Forks() {
			author := slices.IndexFunc(w.hosts, func(h *host) bool { return h.device == f.Dot.Device })
			switch h := w.hosts[author]; {
			case h.hostile, h.thief:
				w.count("saw: equivocation proven")
			case h.twin != nil:
				w.count("saw: fork of a copied disk")
			case h.forks:
				w.count("saw: fork of a restored disk")
			default:
				return fmt.Errorf("two operations with dot %s", f.Dot)
			}
		}
	}
	return nil
}

// tally counts the interesting states that the run ended in or went through.
func (w *world) tally(first *host) {
	r := first.r
	w.tallyTrust(first)
	for _, doc := range r.Documents() {
		v := r.Board(doc).View(w.now, r.Team())
		w.count("incidents")
		for _, o := range v.Command.Terms {
			if o.ConfirmedMS > 0 {
				w.count("saw: handover confirmed")
			}
		}
		for _, s := range v.Settled {
			w.count("settled: " + s.Kind)
		}
		for _, n := range v.Merged {
			w.count("merged: " + n.Kind)
		}
		w.tallyHistory(w.account(first, doc))
		for _, op := range r.Graph(doc).Lacks(crdt.Past{}) {
			if w.made[op].Op.Kind == kindNewer {
				w.count("saw: unknown kind kept")
			}
			if len(w.made[op].Op.Ext) > 0 {
				w.count("saw: unknown header field kept")
			}
		}
	}
	for _, h := range w.hosts {
		if h.r == nil {
			continue
		}
		s := h.r.Stats()
		w.res.Counts["saw: operation received again"] += s.Duplicates
		w.res.Counts["saw: digests equal"] += s.RootsEqual
		if s.Refused > 0 && !w.o.Hostile {
			w.fail("%s refused %d operations of correct nodes", h.name, s.Refused)
		}
	}
}

// tallyHistory counts what happened to an incident, whatever came of it.
func (w *world) tallyHistory(a *account) {
	for _, f := range a.facts {
		switch {
		case f.kind == board.KindAccept && !f.inert && a.at[f.target].kind == board.KindAccept:
			w.count("saw: command back after a break")
		case f.kind == board.KindTake && board.TakeMode(f.mode) == board.TakeAbsent:
			w.count("saw: somebody acts")
		case f.kind == board.KindTake && board.TakeMode(f.mode) == board.TakeForced:
			w.count("saw: command taken by force")
		case f.kind == board.KindEdit && f.gone:
			note := said(w.made[f.hash]).target
			if slices.ContainsFunc(a.kinds[board.KindRedact], func(r *fact) bool { return r.target == note && a.concurrent(f, r) }) {
				w.count("saw: redaction racing an edit")
			}
		}
	}
}
