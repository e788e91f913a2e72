package cli

import (
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"muster/node/api"
)

// briefLinesMax is how many lines a briefing takes: it is read on a small screen, whole, or not at all.
const briefLinesMax = 24

// briefMargin is the width of the names in front of its parts.
const briefMargin = 10

// briefCommand prints what whoever takes command over must know.
func (a *app) briefCommand() *cobra.Command {
	return &cobra.Command{
		Use: "brief", Short: "the briefing for whoever takes command over, on one screen", GroupID: groupCommand, Args: none,
		RunE: func(cmd *cobra.Command, _ []string) error {
			b, err := look(cmd.Context(), a, api.Service.Brief)
			if err != nil {
				return err
			}
			return a.print(b, func(p *printer) {
				for _, l := range briefLines(b, now()) {
					p.line(l)
				}
			})
		},
	}
}

// briefLines is a briefing in at most briefLinesMax lines of at most columns characters. What does not fit is counted, and
// the open items are cut last.
func briefLines(b api.Briefing, now time.Time) []string {
	top := briefTop(b, now)
	mid := briefMiddle(b, now)
	lists := []briefList{briefItems(b), briefWork(b, now), briefHistory(b, now)}
	foot := briefFoot(b)
	room := briefLinesMax - len(top) - len(mid) - len(foot)
	for i, share := range [...]int{5, 3, 3} { // of the lines that are left, before any are given away
		lists[i].lines = min(len(lists[i].all), share)
		room -= lists[i].lines
	}
	for i := range lists {
		more := max(min(len(lists[i].all)-lists[i].lines, room), 0)
		lists[i].lines += more
		room -= more
	}
	out := append(top, lists[0].print()...)
	out = append(out, lists[1].print()...)
	out = append(out, mid...)
	out = append(out, lists[2].print()...)
	out = append(out, foot...)
	for i := range out {
		out[i] = cut(strings.TrimRight(out[i], " "), columns)
	}
	return out
}

// A briefList is a part of a briefing with as many lines as there is room for.
type briefList struct {
	name  string
	all   []string
	lines int
	rest  string // where those are that do not fit
}

// print returns the lines, the last of which counts what does not fit.
func (l *briefList) print() []string {
	var out []string
	for i, text := range l.all[:l.lines] {
		name := ""
		if i == 0 {
			name = l.name
		}
		if more := len(l.all) - i; i == l.lines-1 && more > 1 {
			text = fmt.Sprintf("and %d more: %s", more, l.rest)
		}
		out = append(out, pad(name, briefMargin)+text)
	}
	return out
}

// briefTop is what comes first: what, how it goes, who commands, and what is being handed over.
func briefTop(b api.Briefing, now time.Time) []string {
	state := strings.ToUpper(b.Status)
	if b.Contested {
		state = "RESOLVED? contested"
	}
	out := []string{fmt.Sprintf("BRIEFING %s SEV%d %s %s  %s", strings.ToUpper(nameOf(b.Incident, b.Drill)), b.Severity, state,
		stint(now.UnixMilli()-b.DeclaredMS), clean(b.Title))}
	if o := b.Offer; o != nil {
		line := fmt.Sprintf("%s to %s %s", clean(o.From), clean(o.To), clock(o.AtMS, now))
		switch {
		case o.Lapsed:
			line += ", LAPSED " + clock(o.LapsesMS, now)
		case o.LapsesMS > now.UnixMilli():
			line += ", " + age(o.LapsesMS-now.UnixMilli()) + " left"
		}
		if b.Later > 0 {
			line += fmt.Sprintf("; %d written since (muster log)", b.Later)
		}
		out = append(out, pad("OFFER", briefMargin)+line+because(o.Reason))
	}
	out = append(out, pad(strings.ToUpper(clean(b.Trend)), briefMargin)+clean(strings.Join(b.Why, "; ")))
	who := "nobody"
	if b.Command.Commander != "" {
		who = commandLine(api.Command{Commander: b.Command.Commander, SinceMS: b.Command.SinceMS, Terms: b.Command.Terms, Leads: b.Command.Leads}, now)
	}
	for _, r := range b.Roles {
		who += "; " + clean(r.Role) + " " + clean(strings.Join(r.Holders, "+"))
	}
	return append(out, pad("COMMAND", briefMargin)+who)
}

// briefMiddle is one line for each of what is meant to happen, what is known, and what may happen.
func briefMiddle(b api.Briefing, now time.Time) []string {
	var out []string
	part := func(name string, parts []string) {
		if len(parts) > 0 {
			out = append(out, pad(name, briefMargin)+fitParts(parts, columns-briefMargin))
		}
	}
	var goals, plan, said, res, risks, ifs, no []string
	for _, c := range b.Objectives {
		met := "open"
		if c.Met {
			met = "met"
		}
		goals = append(goals, fmt.Sprintf("%s %s (%s)", c.ID, clean(c.Text), met))
	}
	if b.Sitrep != nil {
		for _, f := range b.Sitrep.Fields {
			said = append(said, clean(f.Field)+": "+clean(f.Text))
		}
	}
	for i := range b.Plan { // the latest first
		d := b.Plan[len(b.Plan)-1-i]
		plan = append(plan, d.ID+" "+clean(d.Text))
	}
	for _, r := range b.Resources {
		if r.State != "" && r.State != "up" {
			res = append(res, clean(r.Name)+" "+strings.ToUpper(clean(r.State)))
		}
	}
	for i := range b.Risks {
		risks = append(risks, sealedText(&b.Risks[len(b.Risks)-1-i]))
	}
	for _, v := range b.IfThen {
		ifs = append(ifs, clean(v.Value))
	}
	for _, h := range b.RuledOut {
		no = append(no, clean(h.Text)+because(h.Why))
	}
	part("GOALS", goals)
	part("SITUATION", said)
	part("PLAN", plan)
	part("RESOURCES", res)
	part("OUTSIDE", briefOutside(b, now))
	part("RISKS", risks)
	part("IF", ifs)
	part("RULED OUT", no)
	return out
}

// fitParts joins as many parts as n characters hold, the first cut if it must be, and counts the others.
func fitParts(parts []string, n int) string {
	out := ""
	for i, s := range parts {
		sep := ""
		if i > 0 {
			sep = "; "
		}
		more := ""
		if left := len(parts) - i - 1; left > 0 {
			more = fmt.Sprintf("; and %d more", left)
		}
		if i > 0 && len([]rune(out+sep+s+more)) > n {
			return out + fmt.Sprintf("; and %d more", len(parts)-i)
		}
		out += sep + cut(s, n-len([]rune(out+sep+more)))
	}
	return out
}

// briefOutside says what the outside has been told and when it is told next.
func briefOutside(b api.Briefing, now time.Time) []string {
	var out []string
	if s := b.Sitrep; s != nil && s.NextMS > 0 {
		late := ""
		if s.Late {
			late = " LATE"
		}
		out = append(out, fmt.Sprintf("next update%s %s (%s)", late, clock(s.NextMS, now), clean(s.NextBy)))
	}
	for i := range b.Updates {
		u := b.Updates[len(b.Updates)-1-i]
		mark := u.State
		if u.Mark != "" {
			mark = clean(u.Mark)
		}
		out = append(out, fmt.Sprintf("%s %s: %s", u.ID, mark, clean(u.Text)))
	}
	return out
}

// briefItems are the open items, as they are ticked.
func briefItems(b api.Briefing) briefList {
	l := briefList{name: "OPEN", rest: "muster brief -o json"}
	for _, i := range b.Items {
		text := fmt.Sprintf("%d %s %s %s", i.N, pad(i.ID, 4), pad(i.Kind, 8), clean(i.Text))
		switch {
		case i.Closed:
			text = fmt.Sprintf("%d %s closed since: %s", i.N, pad(i.ID, 4), clean(i.Text))
		case len(i.Owners) > 0:
			text = fmt.Sprintf("%d %s %s %s: %s", i.N, pad(i.ID, 4), pad(i.Kind, 8), clean(strings.Join(i.Owners, "+")), clean(i.Text))
		}
		l.all = append(l.all, text)
	}
	return l
}

// briefWork are the tasks that are not over.
func briefWork(b api.Briefing, now time.Time) briefList {
	l := briefList{name: "WORK", rest: "muster show"}
	for _, t := range b.Work {
		who := "UNOWNED"
		if len(t.Owners) > 0 {
			who = clean(strings.Join(t.Owners, "+"))
		}
		state := t.State
		switch {
		case t.Overdue && t.DueMS > 0:
			state = "OVERDUE " + age(now.UnixMilli()-t.DueMS)
		case t.DueMS > 0:
			state += " " + age(t.DueMS-now.UnixMilli()) + " left"
		}
		text := fmt.Sprintf("%s %s %s %s", pad(t.ID, 4), pad(who, 8), pad(state, 12), clean(t.Text))
		if t.Blocked != "" {
			text += " (stuck: " + clean(t.Blocked) + ")"
		}
		l.all = append(l.all, text)
	}
	return l
}

// briefHistory is how it came to this.
func briefHistory(b api.Briefing, now time.Time) briefList {
	l := briefList{name: "HISTORY", rest: "muster log"}
	for _, h := range b.History {
		l.all = append(l.all, fmt.Sprintf("%s %s %s", clock(h.AtMS, now), clean(h.By), clean(h.Value)))
	}
	return l
}

// briefFoot is how to take over.
func briefFoot(b api.Briefing) []string {
	if b.Offer == nil || b.Offer.Lapsed {
		return nil
	}
	var ticks []string
	for _, i := range b.Items {
		if !i.Closed {
			ticks = append(ticks, "--tick "+i.ID)
		}
	}
	foot := []string{`muster accept "top risk: ...; next: ..."   or muster decline "why"`}
	if len(ticks) > 0 && len(ticks) <= 4 {
		foot = append(foot, "or: muster accept "+strings.Join(ticks, " "))
	}
	return foot
}
