package sim

import (
	"bytes"
	"fmt"
	"slices"

	"muster/crdt"
	"muster/crdt/board"
	"muster/node/replica"
)

// anytime checks what must hold whenever an operation has become visible on a host: it is on the host's disk, and so is
// everything before it.
func (w *world) anytime(h *host, c replica.Change) {
	if !h.disk.have[c.Hash] {
		w.fail("n%d shows %.8s, which is not on its disk", h.n, c.Hash)
	}
}

// finally checks what must hold after the calm phase.
func (w *world) finally() error {
	first := w.hosts[0]
	for _, h := range w.hosts {
		if h.r == nil {
			return fmt.Errorf("n%d is still down", h.n)
		}
		if h.r.Digest() != first.r.Digest() {
			return fmt.Errorf("n%d and n0 differ %v after the last fault", h.n, calmLimit)
		}
		if err := w.sameBoards(h.r, first.r, fmt.Sprintf("n%d and n0 hold the same and show different boards", h.n)); err != nil {
			return err
		}
		again, err := w.replica(h, h.r.Team().Doc())
		if err != nil {
			return fmt.Errorf("n%d does not start from its own disk: %w", h.n, err)
		}
		if again.Digest() != h.r.Digest() {
			return fmt.Errorf("n%d has lost something by starting anew", h.n)
		}
		if err := w.sameBoards(again, h.r, fmt.Sprintf("n%d shows another board after starting anew", h.n)); err != nil {
			return err
		}
	}
	for _, h := range w.hosts {
		for _, p := range h.acked {
			if g := first.r.Graph(p.Doc); g == nil || !g.Has(p.Hash) {
				return fmt.Errorf("n%d was told that %.8s is saved, and it is lost", h.n, p.Hash)
			}
		}
		w.res.Counts["acknowledged"] += len(h.acked)
	}
	if err := w.dots(); err != nil {
		return err
	}
	w.tally()
	return nil
}

func (w *world) sameBoards(a, b *replica.Replica, what string) error {
	for _, doc := range b.Documents() {
		if !bytes.Equal(a.Board(doc).Canonical(), b.Board(doc).Canonical()) {
			return fmt.Errorf("%s: incident %.8s", what, doc)
		}
	}
	return nil
}

// dots checks that nobody signed two operations with one dot, except those whose disk was taken back.
func (w *world) dots() error {
	r := w.hosts[0].r
	for _, doc := range append(r.Documents(), r.Team().Doc()) {
		for _, f := range r.Graph(doc).Forks() {
			if !w.byID[f.Dot.Device].restored {
				return fmt.Errorf("two operations with dot %s", f.Dot)
			}
			w.count("forks")
		}
	}
	return nil
}

// tally counts the interesting states that the run ended in or went through.
func (w *world) tally() {
	r := w.hosts[0].r
	for _, doc := range r.Documents() {
		v := r.Board(doc).View(w.now, r.Team())
		w.count("incidents")
		for _, c := range v.Conflicts {
			w.count("conflict " + c.Kind)
		}
		for _, s := range v.Settled {
			w.count("settled " + s.Kind)
		}
		for _, n := range v.Merged {
			w.count("merged " + n.Kind)
		}
		if slices.ContainsFunc(v.Notes, noteRedacted) {
			w.count("redacted")
		}
	}
	for _, h := range w.hosts {
		s := h.r.Stats()
		w.res.Counts["duplicates received"] += s.Duplicates
		w.res.Counts["batches received"] += s.Batches
		w.res.Counts["roots equal"] += s.RootsEqual
		if s.Refused > 0 {
			w.fail("n%d refused %d operations of honest peers", h.n, s.Refused)
		}
	}
	if w.err == nil && w.res.Counts["acknowledged"] == 0 {
		w.fail("nobody did anything")
	}
}

var _ replica.Storage = (*disk)(nil)

var _ crdt.Signer = hashSigner{}

func noteRedacted(n board.Note) bool { return n.Redacted != nil }
