package board

import (
	"fmt"
	"slices"
	"strings"
)

// criterion is one thing that must hold before the incident is over, and what was said of it.
type criterion struct {
	op   *op
	said bag // that it holds, or does not
}

// criterionFold is what the words about one criterion add up to.
type criterionFold struct {
	met   bool
	holds []*op // of the words that stand: that it holds
	fails []*op // of the words that stand: that it does not
}

// foldCriterion computes whether a criterion is met. Somebody who says that it does not hold, without having seen the word
// that it does, is believed: open beats closed.
func (b *Board) foldCriterion(c *criterion) criterionFold {
	var f criterionFold
	for _, h := range b.headsOf(c.said.list()) {
		if h.body.(*metBody).Remove {
			f.fails = append(f.fails, h)
		} else {
			f.holds = append(f.holds, h)
		}
	}
	f.met = len(f.holds) > 0 && len(f.fails) == 0
	return f
}

// criterionText returns what a criterion demands.
func criterionText(o *op) string {
	if v, ok := o.body.(*criterionBody); ok {
		return v.Text
	}
	return ""
}

// fileCriterion files the operation that made a criterion.
func (b *Board) fileCriterion(o *op) {
	if b.criteria[o.hash] == nil {
		b.criteria[o.hash] = &criterion{op: o}
		b.criterionList.add(o)
		b.ids[RefCriterion].add(o.hash)
	}
}

func (r reader) criterionViews() []Criterion {
	var out []Criterion
	for _, o := range r.criterionList.list() {
		f := r.foldCriterion(r.criteria[o.hash])
		v := Criterion{
			ID: r.shortID(RefCriterion, o.hash), Op: o.hash, Text: criterionText(o), By: r.who(o.person), AtMS: o.wallMS, Met: f.met,
			Erased: o.body == nil,
		}
		if n := len(f.holds); n > 0 {
			h := f.holds[n-1]
			v.MetBy, v.MetMS, v.Evidence = r.who(h.person), h.wallMS, h.body.(*metBody).Text
		}
		if n := len(f.fails); n > 0 {
			h := f.fails[n-1]
			v.Unmet = &Value{Value: h.body.(*metBody).Text, By: r.who(h.person), AtMS: h.wallMS, Shown: true}
		}
		out = append(out, v)
	}
	return out
}

// criterionNotices mentions criteria that somebody called met and somebody else not met, neither seeing the other.
func (r reader) criterionNotices() []Notice {
	var out []Notice
	for _, o := range r.criterionList.list() {
		c := r.criteria[o.hash]
		f := r.foldCriterion(c)
		differ := func(x, y *op) bool { return x.body.(*metBody).Remove != y.body.(*metBody).Remove }
		for _, p := range r.crossings(c.said.list(), differ) {
			yes, no := p[0], p[1]
			if yes.body.(*metBody).Remove {
				yes, no = no, yes
			}
			shown := "not met"
			if f.met {
				shown = "met"
			}
			out = append(out, Notice{
				Kind: NoticeCriterion, Subject: r.shortID(RefCriterion, o.hash),
				Open: slices.Contains(f.holds, yes) && slices.Contains(f.fails, no),
				Text: fmt.Sprintf("%s: met (%s), not met (%s), neither seeing the other; shown %s",
					quote(criterionText(o)), r.by(yes), r.by(no), shown),
			})
		}
	}
	return out
}

// criterion adds an exit criterion.
func (c *checker) criterion() (Draft, error) {
	text := oneLine(c.say)
	if err := fits("criterion", text, maxLineBytes); err != nil {
		return Draft{}, err
	}
	for _, o := range c.criterionList.list() {
		if loose(criterionText(o)) == loose(text) {
			return Draft{}, refused("say that it holds with: muster met "+c.shortID(RefCriterion, o.hash), "%s is an exit criterion already, by %s", quote(text), c.by(o))
		}
	}
	return c.made(KindCriterion, RefCriterion, &criterionBody{Text: text}, "before it is over: "+quoteAll(text)), nil
}

// met says that an exit criterion holds, or that it does not.
func (c *checker) met() (Draft, error) {
	o, err := c.find(RefCriterion, c.in.Ref)
	if err != nil {
		return Draft{}, err
	}
	id, f := c.shortID(RefCriterion, o.hash), c.foldCriterion(c.criteria[o.hash])
	doubt := len(f.holds) > 0 && len(f.fails) > 0
	named := id + " " + quote(criterionText(o))
	switch {
	case c.in.Withdraw && !f.met && !doubt:
		return Draft{}, refused("when it holds: muster met "+id, "%s is not met", named)
	case !c.in.Withdraw && f.met:
		return Draft{}, refused("if it does not hold any more: muster met "+id+" --withdraw", "%s is met already, by %s", named, c.by(f.holds[len(f.holds)-1]))
	}
	text := with(named+": met", c.say)
	if c.in.Withdraw {
		text = with(named+": not met", c.say)
		if st := c.foldStatus(); ended(st.shown) {
			c.notef("the incident is %s; if it goes on: muster reopen", st.shown)
		}
	} else if open := c.openCriteria(); len(open) == 1 {
		c.notef("every exit criterion is met now")
	}
	return about(KindMet, &metBody{Criterion: o.hash, Text: c.say, Remove: c.in.Withdraw}, id, text), nil
}

// openCriteria lists the exit criteria that are not met, at most maxCandidates of them.
func (c *checker) openCriteria() []string {
	var out []string
	for _, o := range c.criterionList.list() {
		if !c.foldCriterion(c.criteria[o.hash]).met && o.body != nil && len(out) < maxCandidates {
			out = append(out, c.shortID(RefCriterion, o.hash)+" "+quote(criterionText(o)))
		}
	}
	return out
}

// confirmEnd asks before an incident ends over vital tasks that are open, or, when it is said to have been dealt with, over
// exit criteria that do not hold.
func (c *checker) confirmEnd(value string) error {
	var doubts []string
	if open := c.openVital(); len(open) > 0 {
		doubts = append(doubts, "vital tasks are open: "+strings.Join(open, ", "))
	}
	if open := c.openCriteria(); len(open) > 0 && (value == StatusResolved || value == StatusClosed) {
		doubts = append(doubts, "exit criteria are not met: "+strings.Join(open, ", "))
	}
	if len(doubts) == 0 {
		return nil
	}
	how := c.in.Verb
	if how == "status" {
		how = value
	}
	return c.confirm("%s; %s anyway?", strings.Join(doubts, "; "), how)
}
