package board

import (
	"fmt"
	"slices"
	"strings"

	"muster/crdt"
)

// Silence after which a holder of command may be taken for absent (domain C2.3), in milliseconds.
const (
	quietUrgentMS = 3 * 60 * 1000  // severity 1 and 2
	quietMS       = 10 * 60 * 1000 // else
)

// commandDraft is about for operations on command.
func (c *checker) commandDraft(kind crdt.Kind, body any, text string) Draft {
	return about(kind, body, Name(c.doc), text)
}

// take takes command: at once when nobody has it; acting, after a yes, when the holders are out of reach; by force with
// a reason; and otherwise it asks for it.
func (c *checker) take() (Draft, error) {
	f := c.foldCommand()
	claims := f.claimants()
	if f.holds(c.ctx.Actor) {
		if len(claims) == 1 {
			return Draft{}, refused("", "you command already")
		}
		me := c.reader.who(c.ctx.Actor)
		return Draft{}, refused(fmt.Sprintf(`muster settle command %s "why"`, me), "you and %s both command", c.otherNames(claims))
	}
	if len(claims) == 0 {
		return c.commandDraft(KindTake, &takeBody{Mode: TakeVacant, Reason: c.say}, "you command"), nil
	}
	var near []string
	heard, silent := int64(1<<62), ""
	for _, t := range claims {
		ok, ms, words := c.reach(t.holder)
		if ok {
			near = append(near, c.reader.who(t.holder))
			continue
		}
		if ms < heard {
			heard, silent = ms, words
		}
	}
	all := c.otherNames(claims)
	switch {
	case c.in.Force && c.say == "":
		return Draft{}, usage(`muster take --force "why"`, "taking command by force needs a reason")
	case c.in.Force:
		if err := c.confirm("%s keeps command too until somebody settles it; take it by force?", all); err != nil {
			return Draft{}, err
		}
		c.notef(`command is in conflict now: muster settle command NAME "why"`)
		return c.commandDraft(KindTake, &takeBody{Mode: TakeForced, Reason: c.say}, fmt.Sprintf("you took command; %s is shown until it is settled", c.reader.who(claims[0].holder))), nil
	case len(near) > 0:
		c.notef(`taking it against %s's will: muster take --force "why"`, strings.Join(near, "'s and "))
		return c.commandDraft(KindTake, &takeBody{Mode: TakeRequest, Reason: c.say},
			fmt.Sprintf("asked %s for command; %s commands until handing it over", strings.Join(near, " and "), c.reader.who(claims[0].holder))), nil
	}
	if limit := c.quiet(); heard < limit {
		if err := c.confirm("%s was %s, less than %s; take command of those you can reach?", all, silent, span(limit)); err != nil {
			return Draft{}, err
		}
	} else if err := c.confirm("%s is out of reach, %s; take command of those you can reach?", all, silent); err != nil {
		return Draft{}, err
	}
	c.notef("you act until %s is back; then one of you settles it", all)
	return c.commandDraft(KindTake, &takeBody{Mode: TakeAbsent, Reason: c.say, HeardMS: heard}, "you command, acting for "+all), nil
}

// quiet returns after how much silence a holder counts as absent, in milliseconds.
func (c *checker) quiet() int64 {
	limit := int64(quietMS)
	if sev, _ := c.Board.severity(); sev <= 2 {
		limit = quietUrgentMS
	}
	if c.ctx.Quiet > 0 {
		limit = int64(float64(limit) * c.ctx.Quiet)
	}
	return limit
}

// otherNames lists the claimants but the actor.
func (c *checker) otherNames(claims []*term) string {
	var out []string
	for _, t := range claims {
		if t.holder != c.ctx.Actor {
			out = append(out, c.reader.who(t.holder))
		}
	}
	return strings.Join(out, " and ")
}

// needCommand checks that the actor holds command.
func (c *checker) needCommand(f *commandFold) error {
	switch {
	case f.holds(c.ctx.Actor):
		return nil
	case len(f.live) == 0:
		return refused("muster take", "nobody commands")
	}
	return refused("", "you do not command, %s does", c.reader.who(f.live[0].holder))
}

func (c *checker) handoff() (Draft, error) {
	f := c.foldCommand()
	if err := c.needCommand(f); err != nil {
		return Draft{}, err
	}
	if len(c.who) == 0 {
		return Draft{}, usage(`muster handoff @dan "why"`, "name the person who is to command")
	}
	to := c.who[0]
	if to == c.ctx.Actor {
		return Draft{}, usage("", "you command already")
	}
	for _, of := range f.offers {
		if of.op.person == c.ctx.Actor && c.waits(f, of) {
			return Draft{}, refused("muster handoff --withdraw", "command is offered to %s already", c.reader.who(of.body.To))
		}
	}
	if len(f.claimants()) > 1 {
		c.notef("command is in conflict; this hands over your claim only")
	}
	name := c.reader.who(to)
	c.warnAway(to, "they cannot answer now")
	c.notef("you command until %s accepts", name)
	text := "offered command to " + name
	if c.in.ForMS > 0 {
		text += fmt.Sprintf(" while you take a break of %s", span(c.in.ForMS))
		c.notef("%s hands it back with: muster handoff @%s", name, c.reader.who(c.ctx.Actor))
	}
	return c.commandDraft(KindOffer, &offerBody{To: to, Reason: c.say, ForMS: c.in.ForMS}, text), nil
}

func (c *checker) withdraw() (Draft, error) {
	f := c.foldCommand()
	for _, of := range slices.Backward(f.offers) {
		if of.op.person == c.ctx.Actor && c.waits(f, of) {
			to := of.body.To
			c.warnAway(to, "they may have accepted out of your sight")
			return c.commandDraft(KindWithdraw, &withdrawBody{Offer: of.op.hash, Reason: c.say},
				"took the offer to "+c.reader.who(to)+" back"), nil
		}
	}
	return Draft{}, refused("", "you have no offer of command open")
}

// offerToMe returns the newest offer that waits for the actor.
func (c *checker) offerToMe() (*offer, error) {
	f := c.foldCommand()
	for _, of := range slices.Backward(f.offers) {
		if of.body.To == c.ctx.Actor && c.waits(f, of) {
			return of, nil
		}
	}
	if f.holds(c.ctx.Actor) {
		return nil, refused("", "you command already")
	}
	return nil, refused("to ask for command: muster take", "nobody offers you command")
}

func (c *checker) accept() (Draft, error) {
	of, err := c.offerToMe()
	if err != nil {
		return Draft{}, err
	}
	from := of.op.person
	c.warnAway(from, "they go on commanding until they see this")
	return c.commandDraft(KindAccept, &acceptBody{Offer: of.op.hash, ReadBack: c.say},
		"you command, "+c.reader.who(from)+" handed it over"), nil
}

func (c *checker) decline() (Draft, error) {
	of, err := c.offerToMe()
	if err != nil {
		return Draft{}, err
	}
	return c.commandDraft(KindDecline, &declineBody{Offer: of.op.hash, Reason: c.say},
		"declined; "+c.reader.who(of.op.person)+" goes on commanding"), nil
}

func (c *checker) release() (Draft, error) {
	if c.in.Ref != "" {
		return c.refuse()
	}
	f := c.foldCommand()
	if err := c.needCommand(f); err != nil {
		return Draft{}, err
	}
	text := "you laid down command"
	if len(f.claimants()) == 1 {
		text += "; NO COMMANDER"
		c.notef("somebody must take it: muster take")
	}
	return c.commandDraft(KindRelease, &releaseBody{Reason: c.say}, text), nil
}

func (c *checker) role() (Draft, error) {
	role := loose(clean(c.in.Value))
	if err := fits("role", role, maxNameBytes); err != nil {
		return Draft{}, err
	}
	if role == "" || strings.HasPrefix(role, "command") {
		return Draft{}, usage("command is handed over with: muster handoff @dan", "%q is not a role", c.in.Value)
	}
	if c.in.Withdraw {
		return c.commandDraft(KindRole, &roleBody{Role: role}, "nobody is "+role), nil
	}
	if len(c.who) == 0 {
		return Draft{}, usage("muster role @erin "+role, "name the person who is to be %s", role)
	}
	p := c.who[0]
	if c.foldCommand().holds(p) {
		c.notef("%s commands as well: a commander should wear no other hat", c.reader.who(p))
	}
	return c.commandDraft(KindRole, &roleBody{Role: role, Person: p}, c.reader.who(p)+" is "+role), nil
}
