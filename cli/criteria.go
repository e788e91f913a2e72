package cli

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"muster/node/api"
)

// criterionVerbs are about what must hold before an incident is over.
func criterionVerbs() []write {
	return []write{
		{
			use: `criterion "what must hold"`, short: "an exit criterion: what must hold before it is over", group: groupIncident,
			grammar: grammar{text: "criterion"}, example: `  muster criterion "errors below 1 % for 15 minutes"`,
			fill: func(w words, _ *api.Write) error { return needText("criterion", "what must hold", w.text) },
		},
		{
			use: `met CRITERION ["how you know"] [--withdraw]`, short: "an exit criterion holds", group: groupIncident,
			grammar: grammar{ref: "criterion", text: "evidence"}, example: "  muster met e3x \"0.2 % since 03:10\"\n  muster met e3x --withdraw",
			flags: func(cmd *cobra.Command, in *api.Write) {
				cmd.Flags().BoolVar(&in.Withdraw, "withdraw", false, "it does not hold")
			},
		},
	}
}

// labelVerbs hold the one that labels an incident.
func labelVerbs() []write {
	return []write{{
		use: "label KEY=VALUE... [--withdraw]", short: "label an incident, so that what belongs together is found", group: groupIncident,
		grammar: grammar{text: "labels"}, example: "  muster label region=eu alert=9f3c01",
		flags: func(cmd *cobra.Command, in *api.Write) {
			cmd.Flags().BoolVar(&in.Withdraw, "withdraw", false, "take the labels off")
		},
		fill: func(w words, in *api.Write) error {
			in.Text, in.Labels = "", w.rest
			return needText("label", "the label, as region=eu,", w.text)
		},
	}}
}

// pinVerbs hold the one that keeps a note on top.
func pinVerbs() []write {
	return []write{{
		use: "pin NOTE [--withdraw]", short: "keep a note on top of the board", group: groupTimeline, grammar: grammar{ref: "note"},
		flags: func(cmd *cobra.Command, in *api.Write) {
			cmd.Flags().BoolVar(&in.Withdraw, "withdraw", false, "not any more")
		},
	}}
}

// readVerbs hold the one by which a commander takes note of what others decided.
func readVerbs() []write {
	return []write{{
		use: "read [DECISION]", short: "you have read what somebody else decided", group: groupTimeline,
		grammar: grammar{ref: "decision", bare: true}, example: "  muster read d4m\n  muster read         when only one waits for you",
	}}
}

// nameOf is how an incident is called on every page: an exercise says so beside its name.
func nameOf(name string, drill bool) string {
	if drill {
		return clean(name) + " DRILL"
	}
	return clean(name)
}

// printCriteria lists what must hold before the incident is over: what does not hold yet first.
func printCriteria(p *printer, in api.Incident, now time.Time) {
	if len(in.Criteria) == 0 {
		return
	}
	met := 0
	for _, c := range in.Criteria {
		if c.Met {
			met++
		}
	}
	p.linef("OVER WHEN %d of %d met", met, len(in.Criteria))
	for _, c := range in.Criteria {
		if !c.Met {
			text := "NOT MET " + clean(c.Text)
			if u := c.Unmet; u != nil {
				text += fmt.Sprintf(" (%s says so %s", clean(u.By), clock(u.AtMS, now))
				if u.Value != "" {
					text += ": " + clean(u.Value)
				}
				if c.MetBy != "" {
					text += fmt.Sprintf("; %s says that it is, %s", clean(c.MetBy), clock(c.MetMS, now))
				}
				text += ")"
			}
			p.line(wrap("!"+pad(c.ID, 4)+" ", text, 6))
		}
	}
	for _, c := range in.Criteria {
		if c.Met {
			text := fmt.Sprintf("met %s %s %s", clock(c.MetMS, now), clean(c.MetBy), clean(c.Text))
			if c.Evidence != "" {
				text += ": " + clean(c.Evidence)
			}
			p.line(wrap(" "+pad(c.ID, 4)+" ", text, 6))
		}
	}
}

// pinnedFirst puts the notes that are kept on top before the others.
func pinnedFirst(notes []api.Note) []api.Note {
	out := slices.Clone(notes)
	slices.SortStableFunc(out, func(a, b api.Note) int {
		switch {
		case a.Pinned == b.Pinned:
			return 0
		case a.Pinned:
			return -1
		}
		return 1
	})
	return out
}

// printRollCalls says of every roll call that is open who has not answered, and when none was called that one is due.
func printRollCalls(p *printer, in api.Incident, now time.Time) {
	for _, r := range in.RollCalls {
		if !r.Open {
			continue
		}
		head := fmt.Sprintf(" roll call by %s %s: %d of %d", clean(r.By), clock(r.AtMS, now), r.Known-len(r.Missing), r.Known)
		if r.DueMS > 0 && now.UnixMilli() > r.DueMS {
			head += ", OVER TIME"
		}
		p.line(wrap(head+", missing ", clean(strings.Join(r.Missing, ", ")), 3))
	}
	if n := len(in.RollCalls); n > 0 && !in.RollCalls[n-1].Open {
		r := in.RollCalls[n-1]
		p.linef(" roll call by %s %s: all %d answered", clean(r.By), clock(r.AtMS, now), r.Known)
	}
	if in.SuggestPAR != "" && len(in.RollCalls) > 0 {
		p.line(wrap(" ", clean(in.SuggestPAR)+": muster par", 3))
	}
}

// printStanding is how one person is, by their own word or by that of who is with them.
func printStanding(p *printer, x api.Standing, now time.Time) {
	state := clean(x.State)
	switch x.State {
	case "help":
		state = p.loud("NEEDS HELP")
	case "relief":
		state = p.loud("needs relief")
	}
	if x.Fatigue > 0 {
		state += fmt.Sprintf(", fatigue %d of 5", x.Fatigue)
	}
	if x.Place != "" {
		state += ", at " + clean(x.Place)
	}
	if x.Text != "" {
		state += ": " + clean(x.Text)
	}
	if x.By != "" {
		state += ", says " + clean(x.By)
	}
	p.line(wrap(fmt.Sprintf(" %s %s ", clock(x.AtMS, now), pad(clean(x.Who), 8)), state, 7))
}
