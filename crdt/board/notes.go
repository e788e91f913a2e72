package board

import (
	"fmt"
	"slices"

	"muster/crdt"
)

// remember files o with what its author wrote, and where revisions are counted that lost their bodies.
func (b *Board) remember(o *op) {
	switch o.kind {
	case crdt.KindWeave: // written by a node, not by a person
	case KindEdit:
		b.revisions.add(o)
		fallthrough
	default:
		bagOf(b.wrote, o.person).add(o)
	}
}

// pinned reports whether a note is kept on top. Somebody who pins it without having seen that it was taken off wins.
func (b *Board) pinned(n *note) bool {
	var set crdt.AddWinsSet[bool]
	for _, o := range n.pins.list() {
		if o.body.(*pinBody).Remove {
			set.Remove(b.causal.Before, o.hash, true)
		} else {
			set.Add(b.causal.Before, o.hash, true)
		}
	}
	return set.Has(true)
}

// noteNotices mentions what was revised on both sides, and tells the authors of revisions that a redaction took with it.
func (r reader) noteNotices() []Notice {
	var out []Notice
	for _, o := range r.noteList.list() {
		n := r.note(o.hash)
		if len(n.edits.ops) == 0 {
			continue
		}
		f := r.foldNote(n)
		if len(f.times) < 2 || !slices.ContainsFunc(f.times, func(x *op) bool { return occurredOf(x) != f.occurredMS }) {
			continue
		}
		out = append(out, Notice{
			Kind: NoticeOccurred, Subject: r.shortID(RefNote, o.hash), Open: true,
			Text: "two times for it, the earlier shown: " + r.versions(f.times, func(x *op) string { return clock(occurredOf(x)) }),
		})
	}
	return append(out, r.redactNotices()...)
}

// redactNotices tells who revised a note, without knowing that it was redacted, that their words were erased with it: a
// revision of a secret probably holds it too. The others learn that there was such a revision. Which note it revised is gone
// with its body, wherever that never came: so that everyone is told the same, a revision counts as one of the note of a
// redaction concurrent with it, and is tied to a note only when there is one such note.
func (r reader) redactNotices() []Notice {
	var out []Notice
	voiceOf := r.voices()
	for _, e := range r.revisions.list() {
		if !e.erased {
			continue
		}
		var over []*op // redactions its author did not know of
		for _, x := range r.redactions.list() {
			if r.concurrent(x, e) {
				over = append(over, x)
			}
		}
		if len(over) == 0 {
			continue
		}
		subject, what := "", "a note"
		if h := over[0].body.(*redactBody).Note; !slices.ContainsFunc(over, func(x *op) bool { return x.body.(*redactBody).Note != h }) {
			subject = r.shortID(RefNote, h)
			what = subject
		}
		out = append(out, Notice{
			Kind: NoticeRedact, Subject: subject, Open: false,
			Text: fmt.Sprintf("%s redacted %s %s; what %s wrote into it without knowing is erased too",
				r.who(over[0].person), what, clock(over[0].wallMS), r.who(e.person)),
		}, Notice{
			Kind: NoticeRedact, Subject: subject, Open: !r.after(voiceOf(e.person), over[0]), For: e.person,
			Text: fmt.Sprintf("%s redacted %s %s: your revision of %s is erased with it; say the rest again without what must go: muster note",
				r.who(over[0].person), what, clock(over[0].wallMS), clock(e.wallMS)),
		})
	}
	return out
}

// pin keeps a note on top of the board, or no longer.
func (c *checker) pin() (Draft, error) {
	o, err := c.find(RefNote, c.in.Ref)
	if err != nil {
		return Draft{}, err
	}
	id, n := c.shortID(RefNote, o.hash), c.noteOf(o)
	on := c.pinned(n)
	switch {
	case len(n.redacts.ops) > 0:
		return Draft{}, refused("", "%s was redacted, by %s", id, c.by(n.redacts.list()[0]))
	case on && !c.in.Withdraw:
		return Draft{}, refused("take it off with: muster pin "+id+" --withdraw", "%s is on top already", id)
	case !on && c.in.Withdraw:
		return Draft{}, refused("", "%s is not on top", id)
	}
	text := id + " stays on top"
	if c.in.Withdraw {
		text = id + " is not on top any more"
	}
	return about(KindPin, &pinBody{Note: o.hash, Remove: c.in.Withdraw}, id, text), nil
}
