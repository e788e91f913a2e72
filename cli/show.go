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
	s, err := a.service(ctx)
	if err != nil {
		return api.Incident{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	return s.Show(ctx, a.set.incident)
}

// printIncident is the board as a page: what must not be overlooked first.
func printIncident(p *printer, in api.Incident, now time.Time) {
	printHead(p, in, now)
	if len(in.Conflicts) > 0 {
		p.line(section("TO SETTLE"))
		printConflicts(p, in)
	}
	if len(in.Tasks) > 0 {
		p.line(section("TASKS"))
		for _, t := range in.Tasks {
			printTask(p, t, now)
		}
	}
	if len(in.Decisions) > 0 {
		p.line(section("DECISIONS"))
		for _, d := range in.Decisions {
			printDecision(p, d, now)
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
		for _, n := range in.Notes {
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
	head := fmt.Sprintf("%s SEV%d %s %s  ", strings.ToUpper(clean(in.Name)), in.Severity, state, stint(now.UnixMilli()-in.DeclaredMS))
	p.line(wrap(head, clean(in.Title), 2))
	p.line(wrap("CMD ", commandLine(in.Command, now), 4))
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
	if c := counters(p, in); c != "" {
		p.line(c)
	}
}

// commandLine says who commands, by what right, and what is being handed over.
func commandLine(c api.Command, now time.Time) string {
	if c.Commander == "" {
		line := "NO COMMANDER"
		for _, o := range c.Offers {
			line += fmt.Sprintf(" (offered to %s)", clean(o.To))
		}
		return line + `; anyone: muster take`
	}
	line := clean(c.Commander)
	if c.SinceMS > 0 {
		line += " " + stint(now.UnixMilli()-c.SinceMS)
	}
	for i, t := range c.Terms {
		switch {
		case i == 0 && t.Acting:
			line += " (acting)"
		case i > 0 && t.Acting:
			line += fmt.Sprintf("; %s acting since %s", clean(t.Holder), clock(t.SinceMS, now))
		case i > 0:
			line += fmt.Sprintf("; %s too, since %s", clean(t.Holder), clock(t.SinceMS, now))
		}
	}
	for _, o := range c.Offers {
		line += fmt.Sprintf(" (offered to %s %s)", clean(o.To), clock(o.AtMS, now))
	}
	for _, r := range c.Requests {
		line += fmt.Sprintf("; %s asks for command", clean(r.By))
	}
	return line
}

// counters are the numbers that should be zero.
func counters(p *printer, in api.Incident) string {
	var unowned, unacked, overdue int
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
	}
	var out []string
	for _, c := range []struct {
		name string
		n    int
	}{{"UNOWNED", unowned}, {"UNACKED", unacked}, {"OVERDUE", overdue}, {"TO SETTLE", len(in.Conflicts)}} {
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
	if t.Conflict != "" || t.Overdue || (t.State == "open" && len(t.Owners) == 0) {
		mark = "!"
	}
	p.line(wrap(mark+pad(t.ID, 4)+" ", pad(who, 8)+" "+pad(state, 12)+" "+text, 6))
	if t.Mark != "" {
		p.line("      " + p.loud(clean(t.Mark)))
	}
	if t.Blocked != "" {
		p.line(wrap("      stuck: ", clean(t.Blocked), 8))
	}
	for _, r := range t.Results {
		p.line(wrap("      ", fmt.Sprintf("%s %s: %s", clock(r.AtMS, now), clean(r.By), clean(r.Value)), 8))
	}
	if d := t.Delivery; d != nil && len(d.Missing) > 0 {
		p.line(wrap("      ", p.loud("NOT DELIVERED")+" to "+missing(*d), 8))
	}
}

func printDecision(p *printer, d api.Decision, now time.Time) {
	text := clean(d.Text)
	if d.Topic != "" {
		text += " [" + clean(d.Topic) + "]"
	}
	if !d.Stands {
		text += " (does not stand)"
	}
	p.line(wrap(" "+pad(d.ID, 4)+" ", fmt.Sprintf("%s %s %s", clock(d.AtMS, now), clean(d.By), text), 6))
	for _, o := range d.Objections {
		p.line(wrap("      objection: ", fmt.Sprintf("%s: %s", clean(o.By), clean(o.Value)), 8))
	}
}

func printNote(p *printer, n api.Note, now time.Time) {
	text := clean(n.Text)
	if r := n.Redacted; r != nil {
		text = fmt.Sprintf("REDACTED by %s %s: %s", clean(r.By), clock(r.AtMS, now), clean(r.Value))
	}
	if len(n.Kinds) > 0 {
		text = "[" + clean(strings.Join(n.Kinds, " ")) + "] " + text
	}
	if n.OccurredMS > 0 {
		text += fmt.Sprintf(" (happened %s)", clock(n.OccurredMS, now))
	}
	p.line(wrap(" "+pad(n.ID, 4)+" ", fmt.Sprintf("%s %s %s", clock(n.AtMS, now), clean(n.By), text), 6))
}

// printPeople is the last word of everybody about themselves, and thanks.
func printPeople(p *printer, in api.Incident, now time.Time) {
	if len(in.CheckIns)+len(in.Thanks) == 0 {
		return
	}
	p.line(section("PEOPLE"))
	seen := map[string]bool{}
	for i := len(in.CheckIns) - 1; i >= 0; i-- { // the newest of each
		c := in.CheckIns[i]
		if seen[c.By] {
			continue
		}
		seen[c.By] = true
		fatigue := ""
		if c.Fatigue > 0 {
			fatigue = fmt.Sprintf(", fatigue %d of 5", c.Fatigue)
		}
		p.linef(" %s %s %s%s", clock(c.AtMS, now), pad(clean(c.By), 8), clean(c.State), fatigue)
	}
	for _, t := range in.Thanks {
		p.line(wrap(" ", fmt.Sprintf("%s %s thanks %s: %s", clock(t.AtMS, now), clean(t.By), clean(t.To), clean(t.Text)), 7))
	}
}
