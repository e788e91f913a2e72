package board

import (
	"slices"
	"strings"

	"muster/crdt"
	"muster/crdt/auth"
)

// A remark is what an operation of the team document says about what counts, as far as a board is concerned.
type remark struct {
	device   crdt.DeviceID
	standing auth.Standing
	cut      map[crdt.Hash]bool // of a removal: what counts of the device all the same
	adopts   map[crdt.Hash]bool
	undoes   []*remark
}

// standing says what an operation counts for, by all remarks that n has heard.
func (n *node) standing(h crdt.Hash, dev crdt.DeviceID) auth.Standing {
	has := func(is func(r *remark) bool) bool { return slices.ContainsFunc(n.remarks, is) }
	if has(func(r *remark) bool { return r.adopts[h] }) {
		return auth.Counts
	}
	out := auth.Counts
	for _, r := range n.remarks {
		undone := has(func(x *remark) bool { return slices.Contains(x.undoes, r) })
		if r.device == dev && r.standing != auth.Counts && !undone && !r.cut[h] {
			out = max(out, r.standing) // any order of hearing gives the same
			if r.standing == auth.Quarantined {
				return auth.Quarantined
			}
		}
	}
	return out
}

// hear takes in remarks, and judges by them what it holds.
func (n *node) hear(w *world, remarks ...*remark) {
	was := len(n.remarks)
	for _, r := range remarks {
		if !slices.Contains(n.remarks, r) {
			n.remarks = append(n.remarks, r)
		}
	}
	if len(n.remarks) > was && n.board != nil {
		n.judge(w)
	}
}

// judge rules anew on everything n holds, and erases and restores what follows.
func (n *node) judge(w *world) Judgement {
	j := judge(w, n, n.board)
	for _, h := range j.Erase {
		n.records[n.at[h]] = n.records[n.at[h]].WithoutBody()
	}
	n.refill(w)
	return j
}

// refill gives n every body that it lacks and that no redaction took away, as those who have it still do when asked.
func (n *node) refill(w *world) {
	for i, rec := range n.records {
		if !rec.Erased || n.board.ops[rec.Hash].redact {
			continue
		}
		full := *rec
		full.Erased, full.Body = false, w.made[rec.Hash]
		n.records[i] = &full
		for _, ch := range n.board.Apply(n.event(&full)) {
			for _, h := range ch.Erase {
				n.records[n.at[h]] = n.records[n.at[h]].WithoutBody()
			}
		}
	}
}

// judge makes b agree with what n has heard. Every body can be had again.
func judge(w *world, n *node, b *Board) Judgement {
	return b.Judge(func(x Ruled) Ruling {
		return Ruling{Person: n.authors[x.Dot.Device], Standing: n.standing(x.Hash, x.Dot.Device)}
	}, func(ops []crdt.Hash) [][]byte {
		out := make([][]byte, len(ops))
		for i, h := range ops {
			out[i] = w.made[h]
		}
		return out
	})
}

// remove makes n's person say that of a device only what n holds of it counts.
func (n *node) remove(w *world, dev crdt.DeviceID, standing auth.Standing) {
	r := &remark{device: dev, standing: standing, cut: map[crdt.Hash]bool{}}
	for _, rec := range n.records {
		if rec.Op.Dot.Device == dev {
			r.cut[rec.Hash] = true
		}
	}
	n.hear(w, r)
}

// adopt makes n's person say that operations count.
func (n *node) adopt(w *world, ops ...crdt.Hash) {
	r := &remark{adopts: map[crdt.Hash]bool{}}
	for _, h := range ops {
		r.adopts[h] = true
	}
	n.hear(w, r)
}

// reinstate makes n's person undo what n has heard against a device.
func (n *node) reinstate(w *world, dev crdt.DeviceID) {
	r := &remark{}
	for _, x := range n.remarks {
		if x.device == dev && x.standing != auth.Counts {
			r.undoes = append(r.undoes, x)
		}
	}
	n.hear(w, r)
}

// remark does what a story says about what counts.
func (s *story) remark(word string, args []string) {
	n, dev := s.w.node(args[0]), deviceOf(args[1])
	s.printf("%s %s %s\n", clock(s.w.nowMS), word, strings.Join(args, " "))
	switch word {
	case "revoke":
		n.remove(s.w, dev, auth.Quarantined)
	case "observe":
		n.remove(s.w, dev, auth.AsObserver)
	case "reinstate":
		n.reinstate(s.w, dev)
	case "adopt":
		ops := n.board.FindAside(args[1])
		if len(ops) == 0 {
			ops = n.board.Aside(dev)
		}
		s.printf("    %s\n", count(len(ops), "operation"))
		n.adopt(s.w, ops...)
	}
	s.w.nowMS += durationMS("1m")
	s.w.sync()
}

// quarantined prints what of a board does not count.
func (s *story) quarantined(v View) {
	for _, q := range v.Quarantined {
		s.printf("  %d of %s do not count (%s): %s\n", q.Count, q.By, standingName(q.Standing), strings.Join(q.First, " "))
	}
}

func standingName(st auth.Standing) string {
	return map[auth.Standing]string{auth.Counts: "counts", auth.Quarantined: "quarantined", auth.AsObserver: "observer"}[st]
}

// standingMark is how a story's timeline shows that an operation has no effect.
func standingMark(e Entry) string {
	switch {
	case e.Standing != auth.Counts:
		return "  <" + standingName(e.Standing) + " " + e.Aside + ">"
	case e.Inert:
		return "  <no effect>"
	}
	return ""
}
