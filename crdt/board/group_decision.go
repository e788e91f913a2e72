package board

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"muster/crdt"
)

// topicKeys returns every topic on which anything was decided in any of the incidents, in order.
func (g *Group) topicKeys() []string {
	var out []string
	for _, b := range g.boards {
		for key := range b.topics { // any order: a set
			out = append(out, key)
		}
	}
	return set(out)
}

// shared returns the incidents in which something stands on a topic.
func (g *Group) shared(key string) []*Board {
	var out []*Board
	for _, b := range g.boards {
		if len(b.foldTopic(key).standing) > 0 {
			out = append(out, b)
		}
	}
	return out
}

// A ruling is a decision that stands and the incident it was written in.
type ruling struct {
	op    *op
	board *Board
}

// rulings returns what stands on a topic in all of the incidents, one for each text, in the order of the timeline.
func (g *Group) rulings(key string) (name string, out []ruling) {
	for _, b := range g.boards {
		f := b.foldTopic(key)
		if name == "" {
			name = f.name
		}
		for _, d := range f.standing {
			out = append(out, ruling{d, b})
		}
	}
	slices.SortStableFunc(out, func(x, y ruling) int { return compareOps(x.op, y.op) })
	var texts []string
	return name, slices.DeleteFunc(out, func(x ruling) bool {
		again := slices.Contains(texts, decisionText(x.op))
		texts = append(texts, decisionText(x.op))
		return again
	})
}

// decisionConflict is what contradicts each other on a topic that several of the incidents have decided on.
func (g *Group) decisionConflict(people People, key string) (Conflict, bool) {
	name, all := g.rulings(key)
	if len(g.shared(key)) < 2 || len(all) < 2 {
		return Conflict{}, false
	}
	c := Conflict{Kind: ConflictDecision, Subject: name, Shown: "both stand"}
	var parts []string
	for i, x := range all {
		text := decisionText(x.op)
		parts = append(parts, fmt.Sprintf("%s (%s, %s)", quote(text), reader{x.board, people}.by(x.op), Name(x.board.doc)))
		c.Choices = append(c.Choices, Choice{
			Key: strconv.Itoa(i + 1), Value: text, Label: quote(text), By: people.Handle(x.op.person), AtMS: x.op.wallMS, target: x.op.hash,
		})
		c.heads = append(c.heads, x.op.hash)
	}
	c.Text = "CONTRADICTION on " + name + ": " + strings.Join(parts, " | ")
	return c, true
}

// settleDecision ends a contradiction between incidents: the one that holds the choice settles on it, and in the others,
// which cannot refer to it, the same is decided once more.
func (g *Group) settleDecision(c *checker, conflict groupConflict, choice Choice) []Placed {
	said := with("settled "+conflict.Kind+" -> "+choice.Label, c.say)
	var out, others []Placed
	for _, b := range g.shared(topicKey(conflict.Subject)) {
		if x := b.ops[choice.target]; x != nil {
			body := &settleBody{
				Subject: SubjectDecision, Conflict: conflict.Kind, Target: choice.target, Topic: conflict.Subject, Reason: c.say,
				Heads: conflict.heads[:min(len(conflict.heads), maxSettleHeads)],
			}
			out = append(out, Placed{b.doc, about(KindSettle, body, conflict.Subject, said)})
			continue
		}
		k := &checker{reader: reader{b, c.people}, in: c.in, ctx: c.ctx}
		body := &decideBody{Text: choice.Value, Topic: conflict.Subject}
		others = append(others, Placed{b.doc, k.made(KindDecide, RefDecision, body, said)})
	}
	return append(out, others...)
}

// read says that the actor has read the only decision that they have not, wherever it was written.
func (g *Group) read(in Intent, ctx CheckContext) ([]Placed, error) {
	var fit []*Board
	var texts, ids []string
	for _, b := range g.boards {
		c := &checker{reader: reader{b, ctx.People}}
		v := b.voiceOf(ctx.Actor)
		for _, d := range b.decisionList.list() {
			if !b.unread(b.decisions[d.hash], ctx.Actor, v) {
				continue
			}
			if !slices.Contains(fit, b) {
				fit = append(fit, b)
			}
			if !slices.Contains(texts, decisionText(d)) {
				texts, ids = append(texts, decisionText(d)), append(ids, c.candidate(RefDecision, d))
			}
		}
	}
	switch len(texts) {
	case 0:
		return g.write(g.boards[:1], in, ctx) // says so
	case 1:
		return g.allow(fit, in, ctx)
	}
	p := problem(CodeAmbiguous, "name it: muster read ID", "there are %d decisions that you have not read", len(texts))
	p.Candidates = ids[:min(len(ids), maxCandidates)]
	return nil, p
}

// overruledElsewhere returns the decisions that a settlement in another incident went against, and that do not stand since.
func (g *Group) overruledElsewhere() map[crdt.Hash]bool {
	out := map[crdt.Hash]bool{}
	for _, b := range g.boards {
		for _, o := range b.settles.list() {
			v := o.body.(*settleBody)
			if v.Subject != SubjectDecision {
				continue
			}
			for _, h := range v.Heads {
				for _, k := range g.boards {
					x := k.ops[h]
					if k == b || x == nil || h == v.Target {
						continue
					}
					if d, ok := x.body.(*decideBody); ok && !slices.Contains(k.foldTopic(topicKey(d.Topic)).standing, x) {
						out[h] = true
					}
				}
			}
		}
	}
	return out
}
