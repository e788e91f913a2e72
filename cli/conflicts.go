package cli

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"muster/node/api"
)

// A merge is what conflicts prints: what waits for a human, and what was merged without one.
type merge struct {
	Schema    string         `json:"schema"` // muster.conflicts/1
	Incident  string         `json:"incident"`
	Conflicts []api.Conflict `json:"conflicts"`
	Merged    []api.Notice   `json:"merged"`
	Settled   []api.Settled  `json:"settled"`
}

// conflictsCommand lists what a time apart has left to settle. It ends with exit code 4 while something is.
func (a *app) conflictsCommand() *cobra.Command {
	return &cobra.Command{
		Use: "conflicts", Short: "what waits for a human, and what was merged without one", GroupID: groupMerge, Args: none,
		RunE: func(cmd *cobra.Command, _ []string) error {
			in, err := a.incident(cmd.Context())
			if err != nil {
				return err
			}
			settles := ""
			if len(in.Conflicts) > 0 {
				a.code = exitHuman
				st, err := a.status(cmd.Context())
				if err != nil {
					return err
				}
				settles = whoSettles(in.Command, st.Responder)
			}
			m := merge{Schema: "muster.conflicts/1", Incident: in.Name, Conflicts: []api.Conflict{}, Merged: []api.Notice{}, Settled: []api.Settled{}} // lists, never null
			m.Conflicts, m.Merged, m.Settled = append(m.Conflicts, in.Conflicts...), append(m.Merged, in.Merged...), append(m.Settled, in.Settled...)
			return a.print(m, func(p *printer) {
				if len(in.Conflicts) == 0 {
					p.linef("%s: nothing to settle", nameOf(in.Name, in.Drill))
				} else {
					p.linef("%s: %s to settle%s", nameOf(in.Name, in.Drill), p.loud(fmt.Sprint(len(in.Conflicts))), settles)
					printConflicts(p, in)
				}
				printMerged(p, in)
			})
		},
	}
}

// whoSettles says who may settle, to somebody who may not; empty: the reader may.
func whoSettles(c api.Command, me string) string {
	if me == "" || c.Commander == "" || c.Commander == me || slices.ContainsFunc(c.Terms, func(t api.Term) bool { return t.Holder == me }) {
		return ""
	}
	return fmt.Sprintf("; %s commands and settles, not you", clean(c.Commander))
}

// printConflicts lists what waits, each with the keys that settle it.
func printConflicts(p *printer, in api.Incident) {
	for _, c := range in.Conflicts {
		p.line(wrap(fmt.Sprintf(" %d %s  ", c.N, clean(c.Subject)), clean(c.Text), 4))
		for _, k := range c.Choices {
			p.line(wrap(fmt.Sprintf("    [%s] ", clean(k.Key)), clean(k.Label), 8))
		}
		example := "KEY"
		if len(c.Choices) > 0 {
			example = clean(c.Choices[0].Key)
		}
		p.line(wrap("    ", fmt.Sprintf("shown meanwhile: %s; settle it with: muster settle %d %s \"why\"", clean(c.Shown), c.N, example), 4))
	}
}

// printMerged lists what was merged, and what humans have settled.
func printMerged(p *printer, in api.Incident) {
	if len(in.Merged) > 0 {
		p.line(section("MERGED (the safe side is shown)"))
		for _, m := range in.Merged {
			name := m.Kind
			if m.Subject != "" && m.Subject != m.Kind {
				name = m.Subject + " " + m.Kind
			}
			p.line(wrap(" "+pad(clean(name), 12)+" ", clean(m.Text), 4))
		}
	}
	if len(in.Settled) > 0 {
		p.line(section("SETTLED"))
		for _, s := range in.Settled {
			over := slices.DeleteFunc(slices.Clone(s.Values), func(v string) bool { return v == s.Chosen })
			text := fmt.Sprintf("%s, by %s, over %s", clean(s.Chosen), clean(s.By), clean(strings.Join(over, " | ")))
			if s.Reason != "" {
				text += ": " + clean(s.Reason)
			}
			p.line(wrap(" "+pad(clean(s.Subject), 12)+" ", text, 4))
		}
	}
}
