package board

import (
	"fmt"
	"slices"
	"strings"
)

// offerLapseMS is how long an offer of command stands unless its author says otherwise.
const offerLapseMS = 10 * 60 * 1000

// handoff offers command to somebody: for good, or, as break, for a while.
func (c *checker) handoff() (Draft, error) {
	f := c.foldCommand()
	if err := c.needCommand(f); err != nil {
		return Draft{}, err
	}
	if len(c.who) == 0 {
		return Draft{}, usage(`muster handoff @dan "why"`, "name the person who is to command")
	}
	to := c.who[0]
	name := c.reader.who(to)
	if to == c.ctx.Actor {
		return Draft{}, usage("", "you command %s already", Name(c.doc))
	}
	if err := c.noOtherOffer(f, to); err != nil {
		return Draft{}, err
	}
	if l := c.gone(to); l != nil {
		if err := c.confirm("%s left %s; offer command to them anyway?", name, clock(l.wallMS)); err != nil {
			return Draft{}, err
		}
	}
	if len(f.claimants()) > 1 {
		c.notef("command is in conflict; this hands over your claim only")
	}
	c.warnAway(to, "they cannot answer now")
	body := &offerBody{To: to, Reason: c.say, LapseMS: offerLapseMS}
	text := "offered command to " + name
	if c.in.Verb == "break" {
		body.ForMS = c.in.ForMS
		text += fmt.Sprintf(" while you take a break of %s", span(c.in.ForMS))
	} else if c.in.ForMS > 0 {
		body.LapseMS = c.in.ForMS
	}
	c.notef("you command until %s accepts; the offer lapses in %s", name, span(body.LapseMS))
	if body.ForMS > 0 {
		c.notef("it is offered back to you the moment %s accepts: come back with muster accept", name)
	}
	return c.commandDraft(KindOffer, body, text), nil
}

// noOtherOffer refuses a second offer while one stands, and warns of earlier ones that may have been accepted out of sight.
func (c *checker) noOtherOffer(f *commandFold, to PersonID) error {
	for _, of := range slices.Backward(f.offers) {
		if of.by != c.ctx.Actor {
			continue
		}
		name := c.reader.who(of.to)
		away, _, heard := c.reach(of.to)
		away = !away && of.to != to
		if c.waits(f, of) {
			ago, lapsed := of.lapsed(c.nowMS)
			switch {
			case of.isBack && of.to == to:
				return refused(name+" takes it with: muster accept", "command is offered back to %s already, since you accepted", name)
			case of.isBack:
				c.notef("%s, whose break you cover, cannot take command back once this is accepted: tell them", name)
			case !lapsed:
				return refused("muster handoff --withdraw", "command is offered to %s already", name)
			case away:
				c.notef("the offer to %s lapsed %s ago; they are out of reach (%s) and may have accepted out of your sight", name, span(ago), heard)
			}
			continue
		}
		mine := slices.ContainsFunc(of.terms, func(t *term) bool { return slices.Contains(f.live, t) })
		if mine && away && len(of.accepts) == 0 && len(of.withdrawn) > 0 && !c.knows(of.to, of.withdrawn[0]) {
			c.notef("%s is out of reach (%s) and may have accepted your earlier offer out of your sight", name, heard)
		}
	}
	return nil
}

// withdraw takes the newest offer of the actor back, the standing one after a break last.
func (c *checker) withdraw() (Draft, error) {
	f := c.foldCommand()
	var found, last *offer
	for _, of := range slices.Backward(f.offers) {
		if of.by != c.ctx.Actor {
			continue
		}
		if last == nil && !of.isBack {
			last = of
		}
		if c.waits(f, of) && (found == nil || found.isBack && !of.isBack) {
			found = of
		}
	}
	switch {
	case found != nil:
		name := c.reader.who(found.to)
		c.warnAway(found.to, "they may have accepted out of your sight")
		text := "took the offer to " + name + " back"
		if found.isBack {
			text = "command does not go back to " + name + " by itself any more"
		}
		return c.commandDraft(KindWithdraw, &withdrawBody{Offer: found.op.hash, Reason: c.say}, text), nil
	case last != nil:
		return Draft{}, refused("", "you have no offer of command open: %s", c.fate(f, last))
	}
	return Draft{}, refused("", "you have no offer of command open")
}

// fate says what became of an offer that cannot be accepted any more.
func (c *checker) fate(f *commandFold, of *offer) string {
	by, to := c.name(of.by), c.name(of.to)
	switch {
	case len(of.accepts) > 0:
		s := fmt.Sprintf("%s accepted it %s", to, clock(of.accepts[0].wallMS))
		switch {
		case f.holds(of.to):
		case len(f.live) > 0:
			s += ", and " + c.reader.who(f.live[0].holder) + " commands by now"
		default:
			s += ", and nobody commands by now"
		}
		return s
	case len(of.withdrawn) > 0:
		return fmt.Sprintf("%s took it back %s", by, clock(of.withdrawn[0].wallMS))
	case len(of.declines) > 0:
		return fmt.Sprintf("%s declined it %s", to, clock(of.declines[0].wallMS))
	case !c.waits(f, of):
		if t := f.live[0]; t.basis == BasisSettle {
			return fmt.Sprintf("%s settled command %s: %s commands", c.reader.who(t.op.person), clock(t.op.wallMS), c.reader.who(t.holder))
		}
		return fmt.Sprintf("%s does not command any more, %s does", by, c.reader.who(f.live[0].holder))
	}
	ago, _ := of.lapsed(c.nowMS)
	return "it lapsed " + span(ago) + " ago"
}

// name is a handle, or "you".
func (c *checker) name(p PersonID) string {
	if p == c.ctx.Actor {
		return "you"
	}
	return c.reader.who(p)
}

// offerToMe returns the newest offer that waits for the actor. A lapsed one is refused unless it may be.
func (c *checker) offerToMe(lapsedToo bool) (*offer, error) {
	f := c.foldCommand()
	var old, last *offer
	for _, of := range slices.Backward(f.offers) {
		if of.to != c.ctx.Actor {
			continue
		}
		if last == nil {
			last = of
		}
		if !c.waits(f, of) {
			continue
		}
		if _, is := of.lapsed(c.nowMS); !is || lapsedToo {
			return of, nil
		}
		if old == nil {
			old = of
		}
	}
	me := c.reader.who(c.ctx.Actor)
	switch {
	case old != nil:
		ago, _ := old.lapsed(c.nowMS)
		by := c.reader.who(old.by)
		hint := fmt.Sprintf("ask %s: muster handoff @%s, or muster take", by, me)
		return nil, refused(hint, "%s's offer lapsed %s ago", by, span(ago))
	case f.holds(c.ctx.Actor):
		return nil, refused("", "you command %s already", Name(c.doc))
	case last == nil:
		return nil, refused("to ask for command: muster take", "nobody offers you command")
	case len(f.live) == 0:
		return nil, refused("nobody commands: muster take", "that offer is gone: %s", c.fate(f, last))
	}
	hint := fmt.Sprintf("to ask for command: muster take; %s can offer it: muster handoff @%s", c.reader.who(f.live[0].holder), me)
	return nil, refused(hint, "that offer is gone: %s", c.fate(f, last))
}

// accept takes over what was offered. It takes a read-back in one's own words, or a tick for every open item of the briefing
// that goes with the offer: whoever takes over has then at least read what is open.
func (c *checker) accept() (Draft, error) {
	of, err := c.offerToMe(false)
	if err != nil {
		return Draft{}, err
	}
	ticks, err := c.ticks(of)
	if err != nil {
		return Draft{}, err
	}
	from := c.reader.who(of.by)
	c.warnAway(of.by, "they go on commanding until they see this")
	text := "you command, " + from + " handed it over"
	switch {
	case of.isBack:
		text = "you command again, " + from + " stood in for you"
	case of.forMS > 0:
		c.notef("it goes back to %s when they accept it, about %s: stay until then", from, clock(c.nowMS+of.forMS))
	}
	return c.commandDraft(KindAccept, &acceptBody{Offer: of.op.hash, ReadBack: c.say, Ticks: ticks}, text), nil
}

func (c *checker) decline() (Draft, error) {
	of, err := c.offerToMe(true)
	if err != nil {
		return Draft{}, err
	}
	text := "declined; " + c.reader.who(of.by) + " goes on commanding"
	return c.commandDraft(KindDecline, &declineBody{Offer: of.op.hash, Reason: c.say}, text), nil
}

// confirmHandover closes the loop: who handed over says that they have seen the acceptance.
func (c *checker) confirmHandover() (Draft, error) {
	f := c.foldCommand()
	var last *offer
	for _, of := range slices.Backward(f.offers) {
		if of.by != c.ctx.Actor {
			continue
		}
		if last == nil {
			last = of
		}
		for _, a := range slices.Backward(of.accepts) {
			i := slices.IndexFunc(f.live, func(t *term) bool { return t.op == a })
			if i < 0 {
				continue
			}
			to := c.reader.who(of.to)
			if ms := c.confirmed(f.live[i]); ms > 0 {
				return Draft{}, refused("", "you confirmed that %s commands, %s", to, clock(ms))
			}
			c.warnAway(of.to, "they do not see that you know yet")
			return c.commandDraft(KindConfirm, &confirmBody{Accept: a.hash}, to+" has command, and you know it"), nil
		}
	}
	switch {
	case last == nil:
		return Draft{}, refused("", "there is nothing to confirm: you have offered command to nobody")
	case c.waits(f, last):
		return Draft{}, refused("", "there is nothing to confirm: %s has not answered", c.reader.who(last.to))
	}
	return Draft{}, refused("", "there is nothing to confirm: %s", c.fate(f, last))
}

// takeBack is the word of the commander who is back, to those who acted meanwhile: what they heard of what went on. It
// settles command on the author; what was ordered in their absence stands.
func (c *checker) takeBack() (Draft, error) {
	f := c.foldCommand()
	if err := c.needCommand(f); err != nil {
		return Draft{}, err
	}
	i := slices.IndexFunc(f.live, func(t *term) bool { return t.holder == c.ctx.Actor })
	mine := f.live[i]
	claims := f.claimants()
	if actingNow(f, mine) {
		return Draft{}, refused(`muster settle command NAME "why"`, "you act for %s; only who held command before can take it back", c.otherNames(claims))
	}
	body := &settleBody{Subject: SubjectCommand, Conflict: ConflictCommand, Person: c.ctx.Actor, Reason: c.say}
	var stand []string
	for _, t := range claims {
		body.Heads = append(body.Heads, t.op.hash)
		if t.holder == c.ctx.Actor {
			continue
		}
		if !actingNow(f, t) {
			return Draft{}, refused(`muster settle command NAME "why"`, "%s commands too, and does not act for you", c.reader.who(t.holder))
		}
		c.warnAway(t.holder, "they go on acting until they see this")
		if open := c.ordered(t); len(open) > 0 {
			stand = append(stand, c.reader.who(t.holder)+"'s "+strings.Join(open, ", "))
		}
	}
	if len(claims) == 1 {
		return Draft{}, refused("", "nobody acts for you: you command alone")
	}
	if len(stand) > 0 {
		c.notef("orders stand: %s; what should not go on: muster cancel ID", strings.Join(stand, "; "))
	}
	return c.commandDraft(KindSettle, body, "you have command back from "+c.otherNames(claims)+": "+c.say), nil
}

// ordered lists the tasks that were ordered in t and are not over, at most maxCandidates of them.
func (c *checker) ordered(t *term) []string {
	var out []string
	for _, o := range c.orders[t.holder].list() {
		if !c.before(t.since, o) {
			continue
		}
		h := o.hash
		if about, _, ok := targetOf(o.body); ok {
			h = about
		}
		id := c.shortID(RefTask, h)
		if !c.foldTask(c.tasks[h]).over() && !slices.Contains(out, id) && len(out) < maxCandidates {
			out = append(out, id)
		}
	}
	return out
}
