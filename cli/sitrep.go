package cli

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"muster/node/api"
)

// sitrepVerbs hold the one that writes the situation report and, alone, prints it.
func sitrepVerbs() []write {
	return []write{{
		use: `sitrep [FIELD "text" | next TIME]`, short: "the situation on one page; with words: write one field of it", group: groupIncident,
		example: "  muster sitrep\n  muster sitrep headline \"rolled back; errors fall\"\n  muster sitrep next 15m\n" +
			"fields: headline, impact, cause, actions, needs, next",
		grammar: grammar{ref: "field", text: "text"}, alone: (*app).sitrep,
		fill: func(w words, in *api.Write) error {
			in.Ref, in.Value = "", strings.ToLower(w.ref)
			if in.Value != "next" {
				return needText("sitrep", "what the "+in.Value+" says", w.text)
			}
			if err := needText("sitrep", "when the next update comes (as 15m)", w.text); err != nil {
				return err
			}
			ms, err := parseSpan(w.text)
			in.Text, in.ForMS = "", ms
			return err
		},
	}}
}

// resourceVerbs hold the one that says how something looks from here.
func resourceVerbs() []write {
	return []write{{
		use: `saw RESOURCE STATE ["text"] [--from PLACE]`, short: "how a resource looks from here: up, degraded, down, unknown",
		group: groupTimeline, grammar: grammar{ref: "resource", text: "text"}, example: "  muster saw db1 down \"no route\" --from VPN",
		flags: func(cmd *cobra.Command, in *api.Write) {
			cmd.Flags().StringVar(&in.Place, "from", "", "the place you see it from, as VPN or office")
		},
		fill: func(w words, in *api.Write) error {
			if len(w.rest) == 0 {
				return usage("saw", "how is %s? up, degraded, down or unknown", w.ref)
			}
			in.Ref, in.Resource, in.Value = "", w.ref, strings.ToLower(w.rest[0])
			in.Text = strings.TrimSpace(strings.Join(w.rest[1:], " "))
			return nil
		},
	}}
}

// A sitrepPage is what sitrep prints: what people wrote, and what is counted.
type sitrepPage struct {
	Schema    string          `json:"schema"` // muster.sitrep/1
	Incident  string          `json:"incident"`
	Title     string          `json:"title"`
	Severity  int             `json:"severity"`
	Status    string          `json:"status"`
	Commander string          `json:"commander,omitempty"`
	Sitrep    *api.Sitrep     `json:"sitrep,omitempty"`
	Tasks     map[string]int  `json:"tasks"` // by state, and overdue
	Owners    map[string]int  `json:"owners"`
	Settle    int             `json:"settle"`
	Criteria  []api.Criterion `json:"exit_criteria,omitempty"`
	People    []api.Standing  `json:"people,omitempty"`
	Resources []api.Resource  `json:"resources,omitempty"`
	Updates   []api.Update    `json:"updates,omitempty"`
	Runs      []api.Run       `json:"runs,omitempty"`
}

// sitrep prints the situation on one page.
func (a *app) sitrep(ctx context.Context) error {
	in, err := a.incident(ctx)
	if err != nil {
		return err
	}
	tasks, owners := countTasks(in)
	page := sitrepPage{
		Schema:   "muster.sitrep/1",
		Incident: in.Name, Title: in.Title, Severity: in.Severity, Status: in.Status, Commander: in.Command.Commander, Sitrep: in.Sitrep,
		Tasks: tasks, Owners: owners, Settle: len(in.Conflicts), Criteria: in.Criteria, People: in.People, Resources: in.Resources,
		Updates: in.Updates, Runs: in.Runs,
	}
	return a.print(page, func(p *printer) { printSitrepPage(p, in, now()) })
}

// countTasks counts tasks by state, with those that are overdue, and open tasks by owner.
func countTasks(in api.Incident) (byState, byOwner map[string]int) {
	byState, byOwner = map[string]int{}, map[string]int{}
	for _, t := range in.Tasks {
		byState[t.State]++
		if t.Overdue {
			byState["overdue"]++
		}
		if t.State != "done" && t.State != "cancelled" {
			for _, o := range t.Owners {
				byOwner[o]++
			}
		}
	}
	return byState, byOwner
}

// printSitrepPage is the situation: what people wrote, then what is counted.
func printSitrepPage(p *printer, in api.Incident, now time.Time) {
	printHead(p, in, now)
	if in.Sitrep == nil {
		p.line(section("SITUATION"))
		p.line(` nobody wrote it yet: muster sitrep headline "..."`)
	} else {
		printSitrep(p, in.Sitrep, now)
	}
	p.line(section("COUNTED"))
	byState, byOwner := countTasks(in)
	var counts []string
	for _, s := range []struct{ state, word string }{
		{"open", "UNOWNED"}, {"assigned", "UNACKED"}, {"overdue", "OVERDUE"}, {"blocked", "blocked"}, {"acked", "at work"}, {"done", "done"}, {"cancelled", "cancelled"},
	} {
		if n := byState[s.state]; n > 0 {
			counts = append(counts, fmt.Sprintf("%d %s", n, s.word))
		}
	}
	row(p, "tasks", orNone(strings.Join(counts, ", ")))
	var owners []string
	for name := range byOwner {
		owners = append(owners, name)
	}
	slices.SortFunc(owners, func(a, b string) int {
		if d := byOwner[b] - byOwner[a]; d != 0 {
			return d
		}
		return strings.Compare(a, b)
	})
	for i, name := range owners {
		owners[i] = fmt.Sprintf("%s %d", clean(name), byOwner[name])
	}
	if len(owners) > 0 {
		row(p, "owners", strings.Join(owners, ", "))
	}
	if n := len(in.Conflicts); n > 0 {
		row(p, "to settle", p.loud(fmt.Sprint(n))+": muster conflicts")
	}
	var people []string
	for _, x := range in.People {
		who := clean(x.Who) + " " + clean(x.State)
		if x.Fatigue > 0 {
			who += fmt.Sprintf(" (fatigue %d of 5)", x.Fatigue)
		}
		people = append(people, who)
	}
	if len(people) > 0 {
		row(p, "people", strings.Join(people, ", "))
	}
	for _, r := range telling(in.Resources) {
		row(p, clean(r.Name), resourceLine(p, r, now))
	}
	for _, u := range in.Updates {
		row(p, u.ID, updateLine(p, u))
	}
	for _, r := range in.Runs {
		row(p, r.ID+" "+clean(r.Name), runLine(r))
	}
}

// row is one line of a page: a name and what is said of it.
func row(p *printer, name, text string) { p.line(wrap(" "+pad(name, 10)+" ", text, 12)) }

// printSitrep is what people wrote.
func printSitrep(p *printer, s *api.Sitrep, now time.Time) {
	p.line(section("SITUATION"))
	for _, f := range s.Fields {
		text := fmt.Sprintf("%s (%s %s)", clean(f.Text), clean(f.By), clock(f.AtMS, now))
		for _, x := range f.Texts {
			if !x.Shown {
				text += fmt.Sprintf(" | or, by %s %s: %s", clean(x.By), clock(x.AtMS, now), clean(x.Value))
			}
		}
		row(p, clean(f.Field), text)
	}
	switch {
	case s.NextMS == 0:
	case now.UnixMilli() > s.NextMS:
		row(p, "next", p.loud("UPDATE LATE "+age(now.UnixMilli()-s.NextMS))+", promised by "+clean(s.NextBy)+" for "+clock(s.NextMS, now))
	default:
		row(p, "next", fmt.Sprintf("update in %s, promised by %s for %s", age(s.NextMS-now.UnixMilli()), clean(s.NextBy), clock(s.NextMS, now)))
	}
}

// telling returns the resources that somebody looked at or several people work on; of the others the tasks say it all.
func telling(all []api.Resource) []api.Resource {
	return slices.DeleteFunc(slices.Clone(all), func(r api.Resource) bool { return len(r.Observations) == 0 && len(r.Hands) < 2 })
}

// printResources lists what people see and hold.
func printResources(p *printer, all []api.Resource, now time.Time) {
	if all = telling(all); len(all) == 0 {
		return
	}
	p.line(section("RESOURCES"))
	for _, r := range all {
		row(p, clean(r.Name), resourceLine(p, r, now))
	}
}

// resourceLine says who sees what, the worst first, grouped by state and place, and who has hands on it.
func resourceLine(p *printer, r api.Resource, now time.Time) string {
	type group struct{ state, from string }
	var order []group
	who := map[group][]string{}
	for _, o := range r.Observations {
		g := group{o.State, o.From}
		if who[g] == nil {
			order = append(order, g)
		}
		seen := fmt.Sprintf("%s %s", clean(o.By), age(now.UnixMilli()-o.AtMS))
		if o.Text != "" {
			seen += ": " + clean(o.Text)
		}
		who[g] = append(who[g], seen)
	}
	var parts []string
	for _, g := range order {
		text := strings.ToUpper(clean(g.state))
		if g.state == "down" {
			text = p.loud(text)
		}
		if g.from != "" {
			text += " from " + clean(g.from)
		}
		parts = append(parts, fmt.Sprintf("%s (%s)", text, strings.Join(who[g], ", ")))
	}
	line := strings.Join(parts, " / ")
	if line == "" {
		line = "nobody looked"
	}
	for i, h := range r.Hands {
		if i == 0 {
			line += "; hands on it: "
		} else {
			line += ", "
		}
		line += clean(h.Person) + " " + h.Task
		if h.Off {
			line += " " + p.loud("HANDS OFF")
		}
	}
	return line
}
