package board

import (
	"slices"
	"strconv"
	"strings"
)

// settle ends a conflict of one incident there, and one between them in each of them.
func (g *Group) settle(in Intent, ctx CheckContext) ([]Placed, error) {
	open := g.conflicts(ctx.People)
	subject := strings.TrimSpace(in.Subject)
	if n, err := strconv.Atoi(subject); err == nil {
		if n < 1 || n > len(open) {
			if len(open) == 0 {
				return g.write(g.boards[:1], in, ctx) // says what was settled, or that nothing waits
			}
			return nil, problem(CodeNotFound, "muster conflicts lists them", "there is no conflict %d, there are %d", n, len(open))
		}
		return g.settleThis(open[n-1], in, ctx)
	}
	for _, c := range open {
		if strings.EqualFold(c.Key, subject) || strings.EqualFold(c.ID(), subject) || c.board == nil && strings.EqualFold(c.Subject, subject) {
			return g.settleThis(c, in, ctx)
		}
	}
	c := &checker{reader: reader{g.boards[0], ctx.People}}
	for _, x := range open {
		means := func(ch Choice) bool { return c.meansDecision(ch, in.Value) }
		if x.board == nil && x.Kind == ConflictDecision && strings.EqualFold(subject, ConflictDecision) && slices.ContainsFunc(x.Choices, means) {
			return g.settleThis(x, in, ctx)
		}
	}
	var fit []*Board
	var err error
	for _, b := range g.boards {
		_, e := Check(b, in, ctx)
		switch {
		case e == nil, asks(e):
			fit = append(fit, b)
		case err == nil, reader{b, ctx.People}.settledBefore(subject) != nil:
			err = e // of the incident where that was settled, else of the canonical one
		}
	}
	switch len(fit) {
	case 0:
		return nil, err
	case 1:
		return g.write(fit, in, ctx)
	}
	return nil, problem(CodeAmbiguous, "use its number: muster conflicts lists them", "%s is in conflict on %s and %s", subject, Name(fit[0].doc), Name(fit[1].doc))
}

// settleThis ends one conflict. One between incidents is settled in every one of them, those that agree with the choice
// included: somebody who settles it differently meanwhile then meets this settlement in each, and the same claim is shown
// as before the two.
func (g *Group) settleThis(conflict groupConflict, in Intent, ctx CheckContext) ([]Placed, error) {
	if conflict.board != nil {
		in.Subject = strconv.Itoa(conflict.local)
		return g.write([]*Board{conflict.board}, in, ctx)
	}
	v, err := findVerb("settle")
	if err != nil {
		return nil, err
	}
	c := &checker{reader: reader{g.boards[0], ctx.People}, in: in, ctx: ctx, nowMS: ctx.Now.UnixMilli()}
	if err := c.checkFields(v); err != nil {
		return nil, err
	}
	if claims := g.claims(); len(claims) > 0 && !c.commands(ctx.Actor) {
		who := c.reader.who(claims[0].term.holder)
		return nil, refused("ask "+who+", or take command first", "%s commands and settles %s", who, conflict.Kind)
	}
	choice, err := c.findChoice(conflict.For(ctx.Actor))
	if err != nil {
		return nil, err
	}
	teams := conflict.Kind == ConflictCommand && choice.Value == ValueTeams && choice.person.IsZero()
	if teams {
		choice.person = g.claims()[0].term.holder
	}
	if conflict.Kind == ConflictDecision {
		return g.settleDecision(c, conflict, choice), nil
	}
	body := &settleBody{
		Conflict: conflict.Kind, Reason: c.say, Person: choice.person, Subject: SubjectCommand,
		Heads: conflict.heads[:min(len(conflict.heads), maxSettleHeads)],
	}
	ref := Name(g.Doc())
	switch conflict.Kind {
	case ConflictRole:
		body.Subject, body.Topic, ref = SubjectRole, conflict.Subject, conflict.Subject
	case ConflictHands:
		body.Subject, body.Topic, ref = SubjectResource, conflict.Subject, conflict.Subject
	default:
		if teams {
			body.Value = ValueTeams
		}
		for _, other := range conflict.Choices {
			if other.person != choice.person && !other.person.IsZero() {
				c.warnAway(other.person, "they go on commanding until they see this")
			}
		}
	}
	var out []Placed
	for _, b := range g.boards {
		out = append(out, Placed{b.doc, about(KindSettle, body, ref, with("settled "+conflict.Kind+" -> "+choice.Label, c.say))})
	}
	out[0].Draft.Notes = c.notes
	return out, nil
}
