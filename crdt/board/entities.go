package board

import (
	"cmp"
	"slices"
	"strings"

	"muster/crdt"
)

// note is one remark, its revisions and its redactions.
type note struct {
	op                   *op
	edits, redacts, pins bag
}

// note returns the note that h made. Most are never revised, redacted or pinned, and there may be very many, so that one is
// kept only where that has happened; see noteSaid.
func (b *Board) note(h crdt.Hash) *note {
	if n := b.notes[h]; n != nil {
		return n
	}
	return &note{op: b.ops[h]}
}

// noteSaid is note, for whoever adds something about it.
func (b *Board) noteSaid(h crdt.Hash) *note {
	n := b.note(h)
	b.notes[h] = n
	return n
}

// isNote reports whether h made a note.
func (b *Board) isNote(h crdt.Hash) bool {
	o := b.ops[h]
	return o != nil && o.kind == KindNote && !o.inert
}

// noteFold is what a note shows.
type noteFold struct {
	texts      []*op // heads of the text
	kinds      []string
	occurredMS int64
	times      []*op // heads of when it happened
	pinned     bool
	redacted   *op // the first redaction
}

// textOf returns the text a note or revision wrote.
func textOf(o *op) string {
	switch v := o.body.(type) {
	case *noteBody:
		return v.Text
	case *editBody:
		return v.Text
	}
	return ""
}

func (b *Board) foldNote(n *note) noteFold {
	var f noteFold
	if r := n.redacts.list(); len(r) > 0 {
		f.redacted = r[0]
		return f
	}
	v, ok := n.op.body.(*noteBody)
	if !ok {
		return f
	}
	var texts, times crdt.Register[*op]
	var kinds crdt.AddWinsSet[string]
	texts.Add(b.causal.Before, n.op.hash, n.op)
	if v.OccurredMS > 0 {
		times.Add(b.causal.Before, n.op.hash, n.op)
	}
	if v.Kind != "" {
		kinds.Add(b.causal.Before, n.op.hash, v.Kind)
	}
	for _, o := range n.edits.list() {
		e, ok := o.body.(*editBody)
		if !ok {
			continue
		}
		if e.Text != "" {
			texts.Add(b.causal.Before, o.hash, o)
		}
		if e.OccurredMS > 0 {
			times.Add(b.causal.Before, o.hash, o)
		}
		if e.Kind != "" {
			kinds.Add(b.causal.Before, o.hash, e.Kind)
		}
	}
	f.texts = b.headOps(&texts)
	f.kinds = kinds.Elems(cmp.Compare[string])
	f.times = b.headOps(&times)
	for _, h := range f.times {
		if at := occurredOf(h); f.occurredMS == 0 || at < f.occurredMS {
			f.occurredMS = at
		}
	}
	f.pinned = b.pinned(n)
	return f
}

// occurredOf returns when what o tells of happened, by its author's account; 0 when they did not say.
func occurredOf(o *op) int64 {
	switch v := o.body.(type) {
	case *noteBody:
		return v.OccurredMS
	case *editBody:
		return v.OccurredMS
	}
	return 0
}

// decision is one decision and what was said against it.
type decision struct {
	op                *op
	objections, reads bag
}

// topicKey makes topics that differ only in case or spacing one.
func topicKey(topic string) string { return strings.ToLower(strings.Join(strings.Fields(topic), " ")) }

// topicFold is what the decisions and settlements of one topic add up to.
type topicFold struct {
	name     string
	standing []*op // decisions that no decision or settlement has replaced; several contradict each other
	losers   map[crdt.Hash]bool
}

// foldTopic computes what stands on a topic. Texts that are equal do not contradict.
func (b *Board) foldTopic(key string) topicFold {
	f := topicFold{losers: map[crdt.Hash]bool{}}
	ops := b.topics[key].list()
	for _, o := range ops {
		if v, ok := o.body.(*decideBody); ok && f.name == "" {
			f.name = v.Topic
		}
	}
	for _, h := range b.headsOf(ops) {
		d := h
		if v, ok := h.body.(*settleBody); ok {
			d = b.ops[v.Target]
		}
		if !slices.ContainsFunc(f.standing, func(s *op) bool { return decisionText(s) == decisionText(d) }) {
			f.standing = append(f.standing, d)
		}
	}
	slices.SortFunc(f.standing, compareOps)
	for _, o := range ops {
		v, ok := o.body.(*settleBody)
		if !ok {
			continue
		}
		for _, h := range v.Heads {
			if x := b.ops[h]; x != nil && x.kind == KindDecide && h != v.Target && b.before(x, o) && !slices.Contains(f.standing, x) {
				f.losers[h] = true
			}
		}
	}
	return f
}

// decisionText returns what a decision says.
func decisionText(o *op) string {
	if v, ok := o.body.(*decideBody); ok {
		return v.Text
	}
	return ""
}

// theory is one hypothesis and what ended it.
type theory struct {
	op   *op
	ends bag
}

// States of a hypothesis.
const (
	TheoryOpen     = "open"
	TheoryRuledOut = "ruled-out"
)

// Roles whose holder must be one person, so that two are a conflict rather than a mention.
const (
	RoleLead = "lead"
	// RoleComms speaks to the public.
	RoleComms = "comms-public"
)

// soleRole reports whether two holders of a role are a conflict.
func soleRole(role string) bool { return role == RoleLead || role == RoleComms }

// roleHolder returns whom o gave a role; zero: nobody.
func roleHolder(o *op) PersonID {
	switch v := o.body.(type) {
	case *roleBody:
		return v.Person
	case *settleBody:
		return v.Person
	}
	return PersonID{}
}

// role returns the writes of a role that stand, one for each holder, nobody left out.
func (b *Board) role(name string) []*op {
	var out []*op
	for _, head := range b.headsOf(b.roles[name].list()) {
		writes := []*op{head}
		if splits(head) {
			writes = b.teamLeads(head)
		}
		for _, h := range writes {
			p := roleHolder(h)
			if !p.IsZero() && !slices.ContainsFunc(out, func(o *op) bool { return roleHolder(o) == p }) {
				out = append(out, h)
			}
		}
	}
	return out
}

// serviceNames returns the affected services, in order of name.
func (b *Board) serviceNames() []string {
	return b.namesIn(&b.services, func(o *op) (add, remove []string) {
		switch v := o.body.(type) {
		case *declareBody:
			add = v.Services
		case *servicesBody:
			add, remove = v.Add, v.Remove
		}
		return add, remove
	})
}

// sameAs returns the incidents that are this one.
func (b *Board) sameAs() []crdt.DocID {
	var set crdt.AddWinsSet[crdt.DocID]
	for _, o := range b.sames.list() {
		if v := o.body.(*sameBody); v.Remove {
			set.Remove(b.causal.Before, o.hash, v.Other)
		} else {
			set.Add(b.causal.Before, o.hash, v.Other)
		}
	}
	return set.Elems(crdt.DocID.Compare)
}
