package board

import (
	"fmt"
	"slices"
	"sort"

	"muster/crdt"
)

// A voice is what one person wrote, device by device, each in the order it was written: along one device's log an operation
// has first not, then ever after, been seen, so that a binary search tells who had seen what.
type voice [][]*op

// voiceOf returns the voice of p.
func (b *Board) voiceOf(p PersonID) voice {
	var v voice
	at := map[crdt.DeviceID]int{}
	for _, o := range b.wrote[p].list() {
		i, ok := at[o.log.Device]
		if !ok {
			i = len(v)
			at[o.log.Device] = i
			v = append(v, nil)
		}
		v[i] = append(v[i], o)
	}
	return v
}

// voices returns a way to get the voices of people that goes through what each wrote once.
func (b *Board) voices() func(p PersonID) voice {
	known := map[PersonID]voice{}
	return func(p PersonID) voice {
		v, ok := known[p]
		if !ok {
			v = b.voiceOf(p)
			known[p] = v
		}
		return v
	}
}

// after reports whether anything in v was written by somebody who had seen o.
func (b *Board) after(v voice, o *op) bool {
	return slices.ContainsFunc(v, func(log []*op) bool { return b.before(o, log[len(log)-1]) })
}

// crossed reports whether anything in v is concurrent with o.
func (b *Board) crossed(v voice, o *op) bool {
	return slices.ContainsFunc(v, func(log []*op) bool {
		i := sort.Search(len(log), func(i int) bool { return log[i] == o || !b.before(log[i], o) }) // the first that o did not follow
		return i < len(log) && b.concurrent(log[i], o)
	})
}

// unread reports whether nothing shows that p, whose voice is v, has read decision d: they did not make it, say that they
// have read it, object to it, settle it, or decide on its topic with knowledge of it, and they either wrote nothing since it
// reached them or were writing elsewhere when it was made. What came from the other side of a cut must be read explicitly.
func (b *Board) unread(d *decision, p PersonID, v voice) bool {
	if p.IsZero() || d.op.person == p || d.op.body == nil {
		return false
	}
	theirs := func(o *op) bool { return o.person == p && b.before(d.op, o) }
	if slices.ContainsFunc(d.reads.list(), theirs) || slices.ContainsFunc(d.objections.list(), theirs) {
		return false
	}
	if t := d.op.body.(*decideBody).Topic; t != "" && slices.ContainsFunc(b.topics[topicKey(t)].list(), func(o *op) bool {
		return theirs(o) || o.person == p && o.kind == KindDecide && decisionText(o) == decisionText(d.op) // or decided the same
	}) {
		return false
	}
	return b.crossed(v, d.op) || !b.after(v, d.op)
}

// objectionNotices mentions objections that who decided had not seen when they went on.
func (r reader) objectionNotices() []Notice {
	var out []Notice
	voiceOf := r.voices()
	for _, o := range r.decisionList.list() {
		all := r.decisions[o.hash].objections.list()
		if len(all) == 0 {
			continue
		}
		v := voiceOf(o.person)
		for _, x := range all {
			if x.person == o.person || !r.crossed(v, x) {
				continue
			}
			out = append(out, Notice{
				Kind: NoticeObjected, Subject: r.shortID(RefDecision, o.hash), Open: !r.after(v, x),
				Text: fmt.Sprintf("%s objected to %s: %s; %s went on without seeing it",
					r.by(x), quote(decisionText(o)), quote(x.body.(*objectBody).Text), r.who(o.person)),
			})
		}
	}
	return out
}

// objectionViews returns what was said against a decision.
func (r reader) objectionViews(d *decision, voiceOf func(PersonID) voice) []Objection {
	all := d.objections.list()
	if len(all) == 0 {
		return nil
	}
	v := voiceOf(d.op.person)
	out := make([]Objection, len(all))
	for i, x := range all {
		out[i] = Objection{Value: x.body.(*objectBody).Text, By: r.who(x.person), AtMS: x.wallMS, Seen: x.person == d.op.person || r.after(v, x)}
	}
	return out
}

// read says that the actor has read a decision: the one named, or the only one they have not.
func (c *checker) read() (Draft, error) {
	var o *op
	if c.in.Ref != "" {
		var err error
		if o, err = c.find(RefDecision, c.in.Ref); err != nil {
			return Draft{}, err
		}
	} else {
		v := c.voiceOf(c.ctx.Actor)
		var open []*op
		for _, d := range c.decisionList.list() {
			if c.unread(c.decisions[d.hash], c.ctx.Actor, v) {
				open = append(open, d)
			}
		}
		switch {
		case len(open) == 0:
			return Draft{}, refused("", "you have read every decision")
		case len(open) > 1:
			p := problem(CodeAmbiguous, "name it: muster read "+c.shortID(RefDecision, open[0].hash), "there are %d decisions that you have not read", len(open))
			for _, d := range open[:min(len(open), maxCandidates)] {
				p.Candidates = append(p.Candidates, c.candidate(RefDecision, d))
			}
			return Draft{}, p
		}
		o = open[0]
	}
	id, d := c.shortID(RefDecision, o.hash), c.decisions[o.hash]
	for _, x := range d.reads.list() {
		if x.person == c.ctx.Actor {
			return Draft{}, refused("", "you have read %s already", id)
		}
	}
	if o.person == c.ctx.Actor {
		return Draft{}, refused("", "you made %s yourself", id)
	}
	c.notef("if you do not agree: muster object %s \"why\"", id)
	return about(KindRead, &readBody{Decision: o.hash}, id, quote(decisionText(o))+" ("+c.by(o)+"): you have read it"), nil
}

// subjectTopic returns the topic under which a decision about a task is kept: a task is named by an id that grows, and its
// first words do not. Anything else is a topic as it is.
func (c *checker) subjectTopic(topic string) string {
	if found := c.findID(RefTask, topic); len(found) == 1 && found[0].body != nil {
		return titleOf(found[0])
	}
	return topic
}
