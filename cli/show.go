package cli

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"muster/node/api"
)

// showCommand prints one incident whole.
func (a *app) showCommand() *cobra.Command {
	return &cobra.Command{
		Use: "show", Short: "the whole incident on one page", GroupID: groupIncident, Args: none,
		RunE: func(cmd *cobra.Command, _ []string) error {
			in, err := a.incident(cmd.Context())
			if err != nil {
				return err
			}
			return a.print(in, func(p *printer) { printIncident(p, in, now()) })
		},
	}
}

// incident asks the node for the incident that -i names, or the current one.
func (a *app) incident(ctx context.Context) (api.Incident, error) {
	return look(ctx, a, api.Service.Show)
}

// look asks the node, in bounded time, one thing about the incident that -i names, or the current one.
func look[T any](ctx context.Context, a *app, ask func(api.Service, context.Context, string) (T, error)) (T, error) {
	var none T
	s, err := a.service(ctx)
	if err != nil {
		return none, err
	}
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	return ask(s, ctx, a.set.incident)
}

// printIncident is the board as a page: what must not be overlooked first.
func printIncident(p *printer, in api.Incident, now time.Time) {
	printHead(p, in, now)
	if len(in.Conflicts) > 0 {
		p.line(section("TO SETTLE"))
		printConflicts(p, in)
	}
	if in.Sitrep != nil {
		printSitrep(p, in.Sitrep, now)
	}
	if len(in.Tasks) > 0 {
		p.line(section("TASKS"))
		for _, t := range in.Tasks {
			printTask(p, t, now)
		}
	}
	printResources(p, in.Resources, now)
	printRuns(p, in.Runs)
	printUpdates(p, in.Updates, now)
	if len(in.Decisions) > 0 {
		p.line(section("DECISIONS"))
		for _, d := range in.Decisions {
			printDecision(p, d, in.Command.Commander, now)
		}
	}
	if len(in.Theories) > 0 {
		p.line(section("HYPOTHESES"))
		for _, h := range in.Theories {
			state := h.State
			if h.Why != "" {
				state += ": " + clean(h.Why)
			}
			p.line(wrap(" "+pad(h.ID, 4)+" ", fmt.Sprintf("%s %s (%s)", pad(clean(h.By), 6), clean(h.Text), state), 6))
		}
	}
	if len(in.Notes) > 0 {
		p.line(section("NOTES"))
		for _, n := range pinnedFirst(in.Notes) {
			printNote(p, n, now)
		}
	}
	printPeople(p, in, now)
	printMerged(p, in)
}

// section is a rule across the page with a name in it.
func section(name string) string { return "-" + name + strings.Repeat("-", columns-2-len(name)) }

// printHead is the first lines of a board: what, how bad, who commands, what is not as it should be.
func printHead(p *printer, in api.Incident, now time.Time) {
	state := strings.ToUpper(in.Status)
	if in.Contested {
		state = "RESOLVED? contested"
	}
	head := fmt.Sprintf("%s SEV%d %s %s  ", strings.ToUpper(nameOf(in.Name, in.Drill)), in.Severity, state, stint(now.UnixMilli()-in.DeclaredMS))
	p.line(wrap(head, clean(in.Title), 2))
	printNames(p, in)
	p.line(wrap("CMD ", commandLine(in.Command, now), 4))
	printWarnings(p, in.Warnings)
	printGrey(p, in.Grey)
	if len(in.Roles) > 0 {
		var roles []string
		for _, r := range in.Roles {
			roles = append(roles, strings.ToUpper(clean(r.Role))+" "+clean(strings.Join(r.Holders, "+")))
		}
		p.line(wrap("", strings.Join(roles, "  "), 2))
	}
	if len(in.Services) > 0 {
		p.line(wrap("services: ", clean(strings.Join(in.Services, ", ")), 2))
	}
	if len(in.Labels) > 0 {
		p.line(wrap("labels: ", clean(strings.Join(in.Labels, ", ")), 2))
	}
	printCriteria(p, in, now)
	if c := counters(p, in); c != "" {
		p.line(wrap("", c, 2))
	}
	printSuggestions(p, in.Suggestions)
}

// counters are the numbers that should be zero.
func counters(p *printer, in api.Incident) string {
	var unowned, unacked, overdue, stalled, unread, help int
	for _, t := range in.Tasks {
		switch t.State {
		case "open":
			unowned++
		case "assigned":
			unacked++
		}
		if t.Overdue {
			overdue++
		}
		if t.Stalled {
			stalled++
		}
	}
	for _, d := range in.Decisions {
		if d.Unread && d.Stands && !d.Superseded {
			unread++
		}
	}
	for _, x := range in.People {
		if x.State == "help" {
			help++
		}
	}
	late := 0
	if in.Sitrep != nil && in.Sitrep.Late {
		late++
	}
	var out []string
	for _, c := range []struct {
		name string
		n    int
	}{
		{"TO SETTLE", len(in.Conflicts)},
		{"NEED HELP", help},
		{"UNOWNED", unowned},
		{"UNACKED", unacked},
		{"OVERDUE", overdue},
		{"STALLED", stalled},
		{"UNREAD", unread},
		{"UPDATE LATE", late},
	} {
		if c.n > 0 {
			out = append(out, p.loud(fmt.Sprintf("%s %d", c.name, c.n)))
		}
	}
	return strings.Join(out, "  ")
}

// printTask is one task: who, in what state, what is wrong with it, what it is.
func printTask(p *printer, t api.Task, now time.Time) {
	who := "UNOWNED"
	if len(t.Owners) > 0 {
		who = clean(strings.Join(t.Owners, "+"))
	} else if t.State == "done" || t.State == "cancelled" {
		who = "-"
	}
	state := t.State
	if t.Overdue && t.DueMS > 0 {
		state = p.loud("OVERDUE " + age(now.UnixMilli()-t.DueMS))
	} else if t.DueMS > 0 && t.State != "done" && t.State != "cancelled" {
		state += " " + age(t.DueMS-now.UnixMilli()) + " left"
	}
	if t.AsOfMS > 0 {
		state += " as of " + clock(t.AsOfMS, now)
	}
	text := clean(t.Text)
	for _, f := range []struct {
		is   bool
		word string
	}{{t.Once, "once"}, {t.Vital, "VITAL"}, {t.Resource != "", "on " + t.Resource}} {
		if f.is {
			text += "  " + clean(f.word)
		}
	}
	mark := " "
	if t.Conflict != "" || t.Overdue || len(t.Gone) > 0 || (t.State == "open" && len(t.Owners) == 0) {
		mark = "!"
	}
	p.line(wrap(mark+pad(t.ID, 4)+" ", pad(who, 8)+" "+pad(state, 12)+" "+text, 6))
	if t.Mark != "" {
		p.line("      " + p.loud(clean(t.Mark)))
	}
	if len(t.Gone) > 0 {
		p.line("      " + p.loud(clean(strings.Join(t.Gone, "+"))+" REMOVED FROM THE TEAM"))
	}
	if t.Blocked != "" {
		p.line(wrap("      stuck: ", clean(t.Blocked), 8))
	}
	for _, r := range t.Results {
		p.line(wrap("      ", fmt.Sprintf("%s %s: %s", clock(r.AtMS, now), clean(r.By), clean(r.Value)), 8))
	}
	printOrder(p, t)
}

func printDecision(p *printer, d api.Decision, commander string, now time.Time) {
	text := clean(d.Text)
	if d.Topic != "" {
		text += " [" + clean(d.Topic) + "]"
	}
	mark := " "
	switch {
	case !d.Stands:
		text += " (does not stand)"
	case d.Superseded:
		text += " (decided again since)"
	case d.Unread:
		mark = "!"
		text += " (" + unreadBy(commander) + ": muster read " + d.ID + ")"
	}
	p.line(wrap(mark+pad(d.ID, 4)+" ", fmt.Sprintf("%s %s %s", clock(d.AtMS, now), clean(d.By), text), 6))
	for _, o := range d.Objections {
		unseen := ""
		if !o.Seen {
			unseen = " (" + clean(d.By) + " has not seen it)"
		}
		p.line(wrap("      objection: ", fmt.Sprintf("%s: %s%s", clean(o.By), clean(o.Value), unseen), 8))
	}
}

// unreadBy says who has not read a decision of the other side: whoever commands must.
func unreadBy(commander string) string {
	if commander == "" {
		return "UNREAD"
	}
	return "UNREAD by " + clean(commander)
}

func printNote(p *printer, n api.Note, now time.Time) {
	text := sealedText(&n)
	if r := n.Redacted; r != nil {
		text = fmt.Sprintf("REDACTED by %s %s: %s", clean(r.By), clock(r.AtMS, now), clean(r.Value))
	}
	if len(n.Kinds) > 0 {
		text = "[" + clean(strings.Join(n.Kinds, " ")) + "] " + text
	}
	if n.Pinned {
		text = "PINNED " + text
	}
	for _, v := range n.Texts {
		if !v.Shown {
			text += fmt.Sprintf(" | or, by %s: %s", clean(v.By), clean(v.Value))
		}
	}
	if n.OccurredMS > 0 {
		text += fmt.Sprintf(" (happened %s)", clock(n.OccurredMS, now))
	}
	p.line(wrap(" "+pad(n.ID, 4)+" ", fmt.Sprintf("%s %s %s", clock(n.AtMS, now), clean(n.By), text), 6))
}

// printPeople is the roll call that is open, the last word about everybody, and thanks.
func printPeople(p *printer, in api.Incident, now time.Time) {
	if len(in.People)+len(in.Thanks)+len(in.RollCalls) == 0 {
		return
	}
	p.line(section("PEOPLE"))
	printRollCalls(p, in, now)
	for _, x := range in.People {
		printStanding(p, x, now)
	}
	for _, t := range in.Thanks {
		p.line(wrap(" ", fmt.Sprintf("%s %s thanks %s: %s", clock(t.AtMS, now), clean(t.By), clean(t.To), clean(t.Text)), 7))
	}
}
