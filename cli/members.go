package cli

import (
	"cmp"
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"muster/node/api"
)

// membersCommand lists the team.
func (a *app) membersCommand() *cobra.Command {
	return &cobra.Command{
		Use: "members", Short: "the people and laptops of the team, their roles, and who is out", GroupID: groupTeam, Args: none,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.call(cmd.Context(), func(ctx context.Context, s api.Service) error {
				m, err := s.Members(ctx)
				if err != nil {
					return err
				}
				return a.print(m, func(p *printer) { printMembers(p, m, now()) })
			})
		},
	}
}

// whoisCommand says who is behind a name or a line of the timeline.
func (a *app) whoisCommand() *cobra.Command {
	return &cobra.Command{
		Use: "whois @WHO|DEVICE|WORDS|ID", Short: "who is behind a name, a laptop, or a line of the timeline", GroupID: groupTeam,
		Example: "  muster whois @bob\n  muster whois @bob/laptop-2\n  muster whois amber-falcon-ridge-stone\n  muster whois n3q",
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usage("whois", "who is who? give a name, a laptop, its words, or the id of a line")
			}
			what := strings.TrimPrefix(strings.Join(args, "-"), "@")
			return a.call(cmd.Context(), func(ctx context.Context, s api.Service) error {
				w, err := s.Whois(ctx, what, a.set.incident)
				if err != nil {
					return err
				}
				return a.print(w, func(p *printer) { printWhois(p, w, now()) })
			})
		},
	}
}

func printMembers(p *printer, m api.Members, now time.Time) {
	people, devices, out := 0, 0, 0
	for _, who := range m.People {
		if who.Out {
			out++
			continue
		}
		people++
		for _, d := range who.Devices {
			if connects(d) {
				devices++
			}
		}
	}
	folk := "1 person"
	if people != 1 {
		folk = fmt.Sprintf("%d people", people)
	}
	p.line(wrap("", fmt.Sprintf("team %s: %s, %s; stewards: %s", clean(m.Team), folk, count(devices, "laptop"), cmp.Or(clean(strings.Join(m.Stewards, ", ")), "none")), 2))
	for _, n := range m.Notes {
		p.line(wrap("  ", clean(n), 4))
	}
	for _, who := range m.People {
		if !who.Out {
			printPerson(p, who, now)
		}
	}
	if out > 0 {
		p.line(section("OUT"))
		for _, who := range m.People {
			if who.Out {
				printPerson(p, who, now)
			}
		}
	}
	if len(m.Waiting) > 0 {
		p.line(section("WAITS FOR A SECOND PERSON"))
		for _, q := range m.Waiting {
			printProposal(p, q, now)
		}
	}
	printBeaten(p, m.Removals, now)
}

// connects reports whether a device may connect.
func connects(d api.TeamDevice) bool {
	return d.State != api.DeviceRetired && d.State != api.DeviceStolen && d.State != api.DeviceBarred
}

// printBeaten names the removals that lost against others: nobody should have to wonder where one went.
func printBeaten(p *printer, all []api.Removal, now time.Time) {
	for _, r := range all {
		if r.Beat == "" {
			continue
		}
		text := fmt.Sprintf("%s removed %s (%s), which has no effect: another removal, %s, weighs more", clean(r.By), clean(r.Device), clean(r.Mode), clean(r.Beat))
		p.line(wrap("  "+clock(r.AtMS, now)+" ", text, 4))
	}
}

func printPerson(p *printer, who api.TeamPerson, now time.Time) {
	line := pad(clean(who.Handle), 10) + " " + clean(who.Role)
	if who.Name != "" {
		line += ", " + clean(who.Name)
	}
	if who.Me {
		line += " (you)"
	}
	p.line(wrap("", line, 2))
	for _, d := range who.Devices {
		printDevice(p, d, now)
	}
}

func printDevice(p *printer, d api.TeamDevice, now time.Time) {
	text := clean(d.Words)
	if text == "" {
		text = "key " + clean(d.Short)
	}
	switch {
	case d.Mine:
		text += "; this node"
	case d.Reachable:
		text += "; reachable"
	case connects(d):
		text += "; " + heard(d.HeardMS, "", d.Never)
	}
	switch {
	case d.BoundBy != "":
		text += "; bound by " + clean(d.BoundBy)
	case d.Sponsor != "":
		text += "; invited by " + clean(d.Sponsor)
	default:
		text += "; founded the team"
	}
	p.line(wrap("  "+pad(clean(d.Name), 16)+" ", text, 19))
	if note := deviceState(p, d, now); note != "" {
		p.line(wrap("    ", note, 6))
	}
}

// deviceState says what is not as it should be with a device, and what to do.
func deviceState(p *printer, d api.TeamDevice, now time.Time) string {
	var out string
	switch d.State {
	case api.DeviceUnconfirmed:
		out = p.loud("UNCONFIRMED") + ": joined by a code that was used up; if you know them: muster confirm @" + clean(d.Name)
	case api.DeviceBarred:
		out = p.loud("KEPT OUT") + ": joined by a code that did not count any more; if you know them: muster confirm @" + clean(d.Name)
	}
	if r := d.Removal; r != nil {
		out = p.loud(strings.ToUpper(r.Mode)) + " " + clock(r.AtMS, now) + " by " + clean(strings.Join(behind(*r), " and "))
		if r.Reason != "" {
			out += `: "` + clean(r.Reason) + `"`
		}
		out += "; undo: muster reinstate @" + clean(d.Name)
	}
	if d.Forked {
		if out != "" {
			out += "; "
		}
		out += p.loud("FORKED") + ": its key is at work in two places (copied, restored or stolen); it decides nothing in the team any more"
	}
	return out
}

func behind(r api.Removal) []string {
	if len(r.Behind) > 0 {
		return r.Behind
	}
	return []string{r.By}
}

func printWhois(p *printer, w api.Whois, now time.Time) {
	if e := w.Entry; e != nil {
		printEntry(p, *e, now)
		where := ""
		if w.Device != nil {
			where = " on " + clean(w.Device.Name)
		}
		p.line(wrap("  ", "written by "+clean(w.Person.Handle)+where, 4))
	}
	printPerson(p, api.TeamPerson{Handle: w.Person.Handle, Name: w.Person.Name, Role: w.Person.Role, Me: w.Person.Me}, now)
	for _, d := range w.Person.Devices {
		if w.Device == nil || w.Device.Device == d.Device {
			printDevice(p, d, now)
			p.line("    key " + clean(d.Device))
		}
	}
	for _, s := range w.Chain {
		text := clean(s.Handle) + " was invited by " + clean(s.By)
		if s.By == "" {
			text = clean(s.Handle) + " founded the team"
		}
		if s.Out {
			text += " (out now)"
		}
		p.line("  " + clock(s.AtMS, now) + " " + text)
	}
}
