package board

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"muster/crdt"
)

// Placed is a draft and the incident it is for.
type Placed struct {
	Doc   crdt.DocID
	Draft Draft
}

// Check turns an intent into the operations that may be signed, or says why not. A verb about a thing is written in the
// incident that holds it, and any other in the canonical one, except where the group would not show what was meant unless
// several incidents say it: who commands, who has a role, how bad it is, and how far along. The first operation is the
// one that a receipt is about; all of them are to be kept together or not at all. The error is a *[Problem].
func (g *Group) Check(in Intent, ctx CheckContext) ([]Placed, error) {
	if len(g.boards) == 1 {
		return g.write(g.boards, in, ctx)
	}
	part := g.join()
	defer part()
	v, err := findVerb(in.Verb)
	if err != nil {
		return nil, err
	}
	var out []Placed
	switch {
	case in.Verb == "settle":
		out, err = g.settle(in, ctx)
	case in.Ref != "" && v.RefNeed != Never:
		out, err = g.about(v, in, ctx)
	default:
		out, err = g.spread(v, in, ctx)
	}
	return g.keepJoined(out), err
}

// keepJoined makes what drafts ask later, about ids, look at the whole group as well.
func (g *Group) keepJoined(out []Placed) []Placed {
	for i := range out {
		d := &out[i].Draft
		if accept := d.Accept; accept != nil {
			d.Accept = func(h crdt.Hash) bool {
				defer g.join()()
				return accept(h)
			}
		}
		if ref := d.Ref; ref != nil {
			d.Ref = func(h crdt.Hash) string {
				defer g.join()()
				return ref(h)
			}
		}
	}
	return out
}

// write checks an intent on each of several boards, all of which must allow it.
func (g *Group) write(boards []*Board, in Intent, ctx CheckContext) ([]Placed, error) {
	out := make([]Placed, 0, len(boards))
	for _, b := range boards {
		d, err := Check(b, in, ctx)
		if err != nil {
			return nil, err
		}
		out = append(out, Placed{b.doc, d})
	}
	return out, nil
}

// allow is [Group.write] on those of several boards that allow it, one at least. A question that one of them asks is
// asked. The error is that of the first.
func (g *Group) allow(boards []*Board, in Intent, ctx CheckContext) ([]Placed, error) {
	var out []Placed
	var first, question error
	for _, b := range boards {
		d, err := Check(b, in, ctx)
		switch {
		case err == nil:
			out = append(out, Placed{b.doc, d})
		case asks(err) && question == nil:
			question = err
		case first == nil:
			first = err
		}
	}
	switch {
	case question != nil:
		return nil, question
	case len(out) == 0:
		return nil, first
	}
	return out, nil
}

// asks reports whether err is a question that can be answered with yes.
func asks(err error) bool {
	var p *Problem
	return errors.As(err, &p) && p.Code == CodeConfirm
}

// about writes in the incident that holds what the reference names.
func (g *Group) about(v Verb, in Intent, ctx CheckContext) ([]Placed, error) {
	var fit []*Board
	var found []*op
	var miss, first error
	for _, b := range g.boards {
		c := &checker{reader: reader{b, ctx.People}, in: in, ctx: ctx}
		o, err := c.find(v.Ref, in.Ref)
		var p *Problem
		switch {
		case err == nil:
			fit, found = append(fit, b), append(found, o)
		case errors.As(err, &p) && p.Code == CodeNotFound:
			if miss == nil || len(p.Candidates) > 0 && len(miss.(*Problem).Candidates) == 0 {
				miss = p // the one with something near
			}
		case first == nil:
			first = err
		}
	}
	switch {
	case len(fit) == 1 && first == nil:
		return g.write(fit, in, ctx)
	case len(fit) == 0 && first == nil:
		return nil, miss
	case len(fit) == 0:
		return nil, first
	}
	p := problem(CodeAmbiguous, "use the short id in front", "%d %s begin with %s", len(fit), plural(refWords[v.Ref]), quote(in.Ref))
	for i, b := range fit {
		c := &checker{reader: reader{b, ctx.People}}
		p.Candidates = append(p.Candidates, c.candidate(v.Ref, found[i])+" of "+Name(b.doc))
	}
	return nil, p
}

// spread writes what is not about a named thing in as many incidents as it takes.
func (g *Group) spread(v Verb, in Intent, ctx CheckContext) ([]Placed, error) {
	first := g.boards[:1]
	switch in.Verb {
	case "handoff", "break", "decline", "release", "confirm", "take-back":
		return g.allow(g.boards, in, ctx)
	case "accept":
		return g.accept(in, ctx)
	case "take":
		return g.take(in, ctx)
	case "role":
		name := loose(clean(in.Value))
		return g.allow(g.where(func(b *Board) bool { return len(b.role(name)) > 0 }, !in.Withdraw), in, ctx)
	case "sev":
		boards := g.where(func(b *Board) bool { s, _ := b.severity(); return s < in.Severity }, true)
		slices.SortStableFunc(boards, func(x, y *Board) int { // the receipt is about what is shown: the worst
			a, _ := x.severity()
			b, _ := y.severity()
			return cmp.Compare(a, b)
		})
		return g.allow(boards, in, ctx)
	case "status", "resolve":
		for _, b := range g.boards {
			if b.foldStatus().contested != nil {
				return g.write([]*Board{b}, in, ctx) // says how to settle it
			}
		}
		return g.allow(g.where(func(b *Board) bool { return !ended(b.foldStatus().shown) }, !g.Live()), in, ctx)
	case "service":
		if in.Withdraw {
			return g.allow(g.where(func(b *Board) bool { return overlap(b.serviceNames(), in.Services) != nil }, false), in, ctx)
		}
	case "label":
		if in.Withdraw {
			return g.allow(g.where(func(b *Board) bool { return overlap(b.labelNames(), in.Labels) != nil }, false), in, ctx)
		}
	case "decide":
		if in.Topic != "" { // what stands on the topic elsewhere is replaced too
			for _, b := range g.boards { // a task is a topic by its words, wherever it is
				c := &checker{reader: reader{b, ctx.People}}
				in.Topic = c.subjectTopic(in.Topic)
			}
			key := topicKey(in.Topic)
			return g.allow(g.where(func(b *Board) bool { return len(b.foldTopic(key).standing) > 0 }, true), in, ctx)
		}
	case "read":
		return g.read(in, ctx)
	case "sitrep":
		return g.allow(g.where(func(b *Board) bool { return b.sitreps[in.Value] != nil }, true), in, ctx)
	case "title", "reopen", "update":
		return g.write(first, in, ctx)
	}
	if v.RefNeed != May {
		return g.write(first, in, ctx)
	}
	return g.mine(in, ctx)
}

// where returns the boards for which is holds, and the canonical one first if always; the canonical one if there is none.
func (g *Group) where(is func(*Board) bool, always bool) []*Board {
	var out []*Board
	for i, b := range g.boards {
		if i == 0 && always || is(b) {
			out = append(out, b)
		}
	}
	if len(out) == 0 {
		return g.boards[:1]
	}
	return out
}

// overlap returns the words that are in both lists, in order.
func overlap(a, b []string) []string {
	var out []string
	for _, s := range a {
		if slices.Contains(b, s) {
			out = append(out, s)
		}
	}
	return out
}

// mine writes about the one thing that the verb can mean without naming it, in whichever incident that is.
func (g *Group) mine(in Intent, ctx CheckContext) ([]Placed, error) {
	var fit []*Board
	var first, several error
	for _, b := range g.boards {
		_, err := Check(b, in, ctx)
		var p *Problem
		switch {
		case err == nil, asks(err):
			fit = append(fit, b)
		case errors.As(err, &p) && p.Code == CodeAmbiguous:
			several = err
		case first == nil:
			first = err
		}
	}
	switch {
	case several != nil:
		return nil, several
	case len(fit) == 0:
		return nil, first
	case len(fit) > 1:
		names := make([]string, len(fit))
		for i, b := range fit {
			names[i] = Name(b.doc)
		}
		return nil, problem(CodeAmbiguous, "name it: muster "+in.Verb+" ID; muster show lists them", "it can mean something of %s", strings.Join(names, " and of "))
	}
	return g.write(fit, in, ctx)
}

// accept answers every offer that waits for the actor in any of the incidents, or none of them. What is ticked is ticked in
// the incident that has it; where nothing is open there is nothing to tick.
func (g *Group) accept(in Intent, ctx CheckContext) ([]Placed, error) {
	var out []Placed
	var first error
	unknown := slices.Clone(in.Refs)
	for _, b := range g.boards {
		c := &checker{reader: reader{b, ctx.People}, in: in, ctx: ctx, nowMS: ctx.Now.UnixMilli()}
		of, err := c.offerToMe(false)
		if err != nil {
			if first == nil {
				first = err
			}
			continue
		}
		items := c.reader.itemsOf(of, c.nowMS)
		unknown = slices.DeleteFunc(unknown, func(ref string) bool {
			return slices.ContainsFunc(items, func(i OpenItem) bool { return i.means(ref) })
		})
		here := in
		if len(in.Refs) > 0 && !slices.ContainsFunc(items, func(i OpenItem) bool { return !i.Closed }) {
			here.Text = cmp.Or(in.Text, in.Reason, "nothing is open under this name")
			here.Refs = nil
		}
		placed, err := g.write([]*Board{b}, here, ctx)
		if err != nil {
			return nil, err
		}
		out = append(out, placed...)
	}
	switch {
	case len(out) == 0:
		return nil, first
	case len(unknown) > 0:
		return nil, problem(CodeNotFound, "muster brief lists them", "no open item of the briefing is called %s", quote(unknown[0]))
	}
	return out, nil
}

// take takes command wherever somebody else has it, or, where nobody has, everywhere.
func (g *Group) take(in Intent, ctx CheckContext) ([]Placed, error) {
	claims := g.claims()
	if len(claims) == 0 {
		return g.allow(g.boards, in, ctx)
	}
	if slices.ContainsFunc(claims, func(c claim) bool { return c.term.holder == ctx.Actor }) {
		if !g.disputed() {
			return nil, refused("", "you command %s already", Name(g.Doc()))
		}
		me := ctx.People.Handle(ctx.Actor)
		return nil, refused(fmt.Sprintf(`muster settle command %s "why"`, me), "you and %s both command", g.otherHolders(ctx))
	}
	return g.allow(g.where(func(b *Board) bool { return len(b.foldCommand().live) > 0 }, false), in, ctx)
}

// otherHolders names who claims command besides the actor.
func (g *Group) otherHolders(ctx CheckContext) string {
	var out []string
	for _, c := range g.claims() {
		if c.term.holder != ctx.Actor {
			out = append(out, ctx.People.Handle(c.term.holder))
		}
	}
	return strings.Join(out, " and ")
}
