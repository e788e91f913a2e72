package cli

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"muster/node/api"
)

// A duty is something that waits for a person: a line that says it, and what to type.
type duty struct {
	line string // empty: another line says it already
	do   string // empty: nothing, it is only good to know
}

// duties returns what waits for me on an incident, the most urgent first: what others wait for, what was lost in a split,
// what falls through the cracks. mine are my tasks, as [owed] has them.
func duties(me string, in api.Incident, mine []api.Task, now time.Time) []duty {
	var out []duty
	commands := in.Command.Commander == me
	claims := slices.ContainsFunc(in.Command.Terms, func(t api.Term) bool { return t.Holder == me })
	leads := commands || in.Command.Leads == me
	out = append(out, commandDuties(me, in.Command, now)...)
	if in.Rejoined != nil {
		out = append(out, duty{do: "muster merge   (what the merge did)"})
	}
	if len(in.Conflicts) > 0 && (commands || claims) {
		out = append(out, duty{line: waitsLong(in.Conflicts, now), do: "muster conflicts   (they wait for you)"})
	}
	if len(mine) > 0 && mine[0].State == "assigned" {
		out = append(out, duty{do: fmt.Sprintf("muster ack %s, or muster no %s \"why\"", mine[0].ID, mine[0].ID)})
	}
	if r, ok := openRollCall(in.RollCalls); ok && slices.Contains(r.Missing, me) {
		out = append(out, duty{fmt.Sprintf("%s calls the roll (%s): you have not answered", clean(r.By), clock(r.AtMS, now)), "muster here"})
	}
	if in.Command.Commander == "" {
		out = append(out, duty{do: "muster take   (nobody commands)"})
	}
	if do := vacated(me, in.Command); do != "" {
		out = append(out, duty{do: do})
	}
	if len(in.Suggestions) > 0 {
		out = append(out, duty{line: suggested(in.Suggestions[0])})
	}
	out = append(out, lost(me, leads, in.Tasks)...)
	if len(mine) > 0 && mine[0].Overdue {
		out = append(out, duty{do: fmt.Sprintf("muster done %s \"result\", or muster +5m %s, or muster stuck %s \"why\"", mine[0].ID, mine[0].ID, mine[0].ID)})
	}
	if leads {
		out = append(out, leaderDuties(in)...)
	}
	out = append(out, warned(me, in.Warnings)...)
	if len(mine) > 0 {
		out = append(out, duty{do: fmt.Sprintf("muster done %s \"result\"", mine[0].ID)})
	}
	return out
}

// commandDuties are about who commands: what is offered to me, what I have handed over, who asks me.
func commandDuties(me string, c api.Command, now time.Time) []duty {
	var out []duty
	for _, o := range c.Offers {
		if o.To == me {
			out = append(out, offered(o, now))
		}
	}
	for _, t := range c.Terms {
		if t.From == me && t.Holder != me && t.Pending {
			out = append(out, duty{
				fmt.Sprintf("%s has taken over from you (%s): confirm that you know", clean(t.Holder), clock(t.SinceMS, now)), "muster confirm",
			})
		}
	}
	if c.Commander != me {
		return out
	}
	for _, r := range c.Requests {
		if r.By != me {
			out = append(out, duty{
				fmt.Sprintf("%s asks you for command%s", clean(r.By), because(r.Value)),
				fmt.Sprintf("muster handoff @%s, or say why not: muster note", clean(r.By)),
			})
		}
	}
	return out
}

// vacated is what to do about a commander who is out of the team; empty: nothing.
func vacated(me string, c api.Command) string {
	if len(c.Terms) == 0 || c.Terms[0].RemovedMS == 0 || c.Terms[0].Holder == me {
		return ""
	}
	gone := clean(c.Terms[0].Holder)
	if len(c.Terms) == 1 {
		return fmt.Sprintf("muster take   (%s was removed from the team)", gone)
	}
	for _, t := range c.Terms[1:] {
		if t.Holder == me && t.RemovedMS == 0 {
			return fmt.Sprintf(`muster settle command %s "why"   (%s was removed)`, clean(me), gone)
		}
	}
	return ""
}

// offered is an offer of command to me. One that came too late, and command that comes back while the break is not over,
// are good to know and no more.
func offered(o api.Offer, now time.Time) duty {
	from, accept := clean(o.From), `muster accept "top risk, next action"`
	switch {
	case o.Lapsed:
		return duty{line: fmt.Sprintf("%s's offer of command lapsed %s ago: ask again, or muster take", from, age(now.UnixMilli()-o.LapsesMS))}
	case o.Back && o.Due:
		return duty{fmt.Sprintf("your break is over since %s: %s has command for you", clock(o.DueMS, now), from), accept}
	case o.Back:
		return duty{line: fmt.Sprintf("you are on a break until %s; %s has command (sooner: muster accept)", clock(o.DueMS, now), from)}
	}
	left := ""
	if o.LapsesMS > 0 {
		left = ", " + age(o.LapsesMS-now.UnixMilli()) + " left"
	}
	return duty{
		fmt.Sprintf("%s offers you command (%s%s)%s", from, clock(o.AtMS, now), left, because(o.Reason)),
		fmt.Sprintf(`%s, or muster decline   (%s asks)`, accept, from),
	}
}

// because is a reason behind what it is for.
func because(reason string) string {
	if reason == "" {
		return ""
	}
	return ": " + clean(reason)
}

// lost are my orders that have not reached their owners: nobody works on them, and nobody will know who does not look
// here. Who commands, or leads while the commander is out of reach, is told of everybody's.
func lost(me string, leads bool, tasks []api.Task) []duty {
	var out []duty
	for _, t := range tasks {
		if t.By != me && !leads || t.Delivery == nil {
			continue
		}
		for _, m := range t.Delivery.Missing {
			do := fmt.Sprintf("muster assign %s @WHO   (%s has not got it)", t.ID, clean(m.Responder))
			if len(m.Phones) > 0 {
				do = fmt.Sprintf("call %s, or muster assign %s @WHO", clean(m.Responder), t.ID)
			}
			out = append(out, duty{whole(t.ID + " NOT DELIVERED " + undelivered(m)), do})
		}
	}
	return out
}

// leaderDuties are those of who commands, or leads meanwhile.
func leaderDuties(in api.Incident) []duty {
	var out []duty
	if i := slices.IndexFunc(in.Tasks, func(t api.Task) bool { return t.State == "open" }); i >= 0 {
		out = append(out, duty{do: fmt.Sprintf("muster assign %s @WHO   (nobody has it)", in.Tasks[i].ID)})
	}
	for _, t := range in.Tasks {
		if len(t.Gone) > 0 && len(t.Gone) == len(t.Owners) {
			out = append(out, duty{do: fmt.Sprintf("muster assign %s @WHO   (%s was removed from the team)", t.ID, clean(t.Gone[0]))})
			break // the others are marked on the board
		}
	}
	for _, t := range in.Tasks {
		if len(t.Gone) == 0 && t.LateAck && (t.Delivery == nil || len(t.Delivery.Missing) == 0) {
			who := clean(strings.Join(t.Owners, "+"))
			out = append(out, duty{
				fmt.Sprintf("%s has not answered for %s %s", who, t.ID, clean(t.Text)),
				fmt.Sprintf("call %s, or muster assign %s @WHO", who, t.ID),
			})
			break // the others are in the counters
		}
	}
	var unread []string
	for _, d := range in.Decisions {
		if d.Unread {
			unread = append(unread, d.ID)
		}
	}
	if len(unread) > 0 {
		out = append(out, duty{
			fmt.Sprintf("%s you have not read: %s", count(len(unread), "decision"), strings.Join(unread, " ")),
			"muster read   (decisions of others)",
		})
	}
	if in.SuggestPAR != "" {
		out = append(out, duty{"a roll call is due: " + clean(in.SuggestPAR), "muster par --due 3m"})
	}
	return out
}

// openRollCall returns the roll call that waits for answers.
func openRollCall(calls []api.RollCall) (api.RollCall, bool) {
	i := slices.IndexFunc(calls, func(r api.RollCall) bool { return r.Open })
	if i < 0 {
		return api.RollCall{}, false
	}
	return calls[i], true
}
