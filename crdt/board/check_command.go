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
			return Draft{}, refused("", "you command %s already", Name(c.doc))
		}
		me := c.reader.who(c.ctx.Actor)
		return Draft{}, refused(fmt.Sprintf(`muster settle command %s "why"`, me), "you and %s both command", c.otherNames(claims))
	}
	if of := c.offered(f); of != nil && !c.in.Force {
		from := c.reader.who(of.by)
		return Draft{}, refused(`muster accept "top risk: ...; next: ..."`, "%s offers you command: answer that", from)
	}
	better, role := c.better()
	if !better.IsZero() {
		c.notef("%s is %s and in reach: that is who should take it", c.reader.who(better), role)
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
	if gone := c.thrownOut(claims); gone != "" { // nobody has to be waited for
		c.notef(`that nobody is shown beside you: muster settle command %s "why"`, c.reader.who(c.ctx.Actor))
		return c.commandDraft(KindTake, &takeBody{Mode: TakeAbsent, Reason: c.say, HeardMS: heard}, "you command: "+gone), nil
	}
	first := ""
	if !better.IsZero() {
		first = fmt.Sprintf("; %s (%s) comes before you", c.reader.who(better), role)
	}
	question := fmt.Sprintf("%s is out of reach, %s", all, silent)
	if limit := c.quiet(); heard < limit {
		question = fmt.Sprintf("%s was %s, less than %s", all, silent, span(limit))
	}
	if err := c.confirm("%s%s; take command of those you can reach?", question, first); err != nil {
		return Draft{}, err
	}
	c.notef("you act until %s can be reached again; then they take it back, or one of you settles it", all)
	return c.commandDraft(KindTake, &takeBody{Mode: TakeAbsent, Reason: c.say, HeardMS: heard}, "you command, acting for "+all), nil
}

// thrownOut says that all who claim command are out of the team, and since when; empty: some are not.
func (c *checker) thrownOut(claims []*term) string {
	var out []string
	for _, t := range claims {
		if c.ctx.Removed == nil {
			return ""
		}
		atMS, gone := c.ctx.Removed(t.holder)
		if !gone {
			return ""
		}
		out = append(out, fmt.Sprintf("%s was removed from the team %s", c.reader.who(t.holder), clock(atMS)))
	}
	return strings.Join(out, ", ")
}

// offered returns an offer of somebody who commands, which the actor should answer rather than take command; nil when there
// is none.
func (c *checker) offered(f *commandFold) *offer {
	for _, of := range f.offers {
		if _, lapsed := of.lapsed(c.nowMS); of.to == c.ctx.Actor && !lapsed && f.holds(of.by) && c.waits(f, of) {
			return of
		}
	}
	return nil
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
	hint := "to ask for command: muster take"
	if c.in.Verb == "release" {
		hint = ""
	}
	return refused(hint, "you do not command, %s does", c.reader.who(f.live[0].holder))
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
	known := []string{RoleDeputy, RoleLead, RoleComms, "comms", "liaison", "scribe"}
	if near := nearest(role, known); len(near) > 0 && !slices.Contains(known, role) && c.roles[role] == nil {
		c.notef("%s is a team of its own; if you meant %s: muster role @%s %s", role, near[0], c.reader.who(p), near[0])
	}
	return c.commandDraft(KindRole, &roleBody{Role: role, Person: p}, c.reader.who(p)+" is "+role), nil
}
