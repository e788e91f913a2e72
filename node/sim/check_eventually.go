package sim

import (
	"bytes"
	"fmt"
	"slices"

	"muster/crdt"
)

// eventually checks what must hold some time after the last fault between all nodes that are correct: they hold the
// same, show the same, hold what they ever wrote, and have nothing left to do.
func (w *world) eventually() error {
	hosts := w.correct()
	if len(hosts) == 0 {
		return nil
	}
	first := hosts[0]
	for _, h := range hosts {
		if h.r == nil {
			return fmt.Errorf("%s is still down", h.name)
		}
		if h.r.Digest() != first.r.Digest() {
			return fmt.Errorf("%s and %s differ %v after the last fault%s", h.name, first.name, calmLimit, w.difference(h, first))
		}
		if err := w.sameBoards(h, first); err != nil {
			return err
		}
		if n, _ := h.r.Waiting(); n > 0 && w.drains() {
			return fmt.Errorf("%s has %d operations that wait for their past", h.name, n)
		}
		for _, rec := range h.disk.journal {
			if g := h.r.Graph(rec.Doc()); g == nil || !g.Has(rec.Hash) {
				return fmt.Errorf("%s wrote %.8s and does not show it", h.name, rec.Hash)
			}
		}
	}
	for _, h := range w.hosts {
		w.res.Counts["acknowledged"] += len(h.acked)
		if h.thief || !w.teamOnly() && !w.verdict().admits(h.device) {
			continue // out of the team, alone with what nobody else may have
		}
		if h.gone && len(hosts) < 2 {
			continue // of two laptops with one disk, and nobody was left to carry it from one to the other
		}
		for _, p := range h.acked {
			if g := first.r.Graph(p.Doc); g == nil || !g.Has(p.Hash) {
				return fmt.Errorf("%s was told that %.8s is saved, and it is lost", h.name, p.Hash)
			}
		}
	}
	return nil
}

// drains reports whether nothing may wait for its past in the end. What a hostile member signed may wait for what does
// not exist, what came from a disk before it was taken back for what is lost, and what somebody heard from one who was
// thrown out for what only that one has.
func (w *world) drains() bool { return !w.o.Hostile && w.o.Restore == 0 && w.o.Trust == 0 }

func (w *world) sameBoards(a, b *host) error {
	for _, doc := range b.r.Documents() {
		if !bytes.Equal(a.r.Board(doc).Canonical(), b.r.Board(doc).Canonical()) {
			return fmt.Errorf("%s and %s hold the same and show different boards of %.8s", a.name, b.name, doc)
		}
	}
	if x, y := outages(a), outages(b); !slices.EqualFunc(x, y, slices.Equal) {
		return fmt.Errorf("%s takes incidents for one that %s does not: %v and %v", a.name, b.name, x, y)
	}
	return nil
}

// outages returns which incidents are one on a host, the canonical one first.
func outages(h *host) [][]crdt.DocID {
	var out [][]crdt.DocID
	for _, g := range h.groups() {
		out = append(out, g.Docs())
	}
	return out
}

// difference names the documents in which two hosts differ, and by how many operations.
func (w *world) difference(a, b *host) string {
	s := ""
	for _, doc := range append(b.r.Documents(), w.team) {
		if a.r.DocDigest(doc) == b.r.DocDigest(doc) {
			continue
		}
		ga, gb := a.r.Graph(doc), b.r.Graph(doc)
		s += fmt.Sprintf("; %.8s: ", doc)
		if ga == nil {
			s += "not there"
			continue
		}
		for _, e := range [2]struct{ x, y *crdt.Graph }{{ga, gb}, {gb, ga}} {
			n := 0
			for _, op := range e.x.Lacks(crdt.Past{}) {
				if !e.y.Has(op) {
					n++
				}
			}
			s += fmt.Sprintf(" %d", n)
		}
	}
	return s
}
