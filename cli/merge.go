package cli

import (
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"muster/node/api"
)

// mergeCommand shows what the last merge did. It ends with exit code 4 while something of it waits for a human.
func (a *app) mergeCommand() *cobra.Command {
	return &cobra.Command{
		Use: "merge", Short: "what the last merge did, on one screen", GroupID: groupMerge, Args: none,
		RunE: func(cmd *cobra.Command, _ []string) error {
			r, err := look(cmd.Context(), a, api.Service.Merge)
			if err != nil {
				return err
			}
			if len(r.Settle) > 0 {
				a.code = exitHuman
			}
			return a.print(r, func(p *printer) {
				for _, l := range mergeLines(r, now(), a.arrow()) {
					p.line(l)
				}
			})
		},
	}
}

// arrow marks what came by a merge: two arrows where the terminal shows more than ASCII.
func (a *app) arrow() string {
	for _, name := range []string{"LC_ALL", "LC_CTYPE", "LANG"} { // the first that is set counts
		if v := a.Getenv(name); v != "" {
			v = strings.ToLower(v)
			if strings.Contains(v, "utf-8") || strings.Contains(v, "utf8") {
				return "⇄"
			}
			break
		}
	}
	return "<->"
}

// rejoinedLine points to a report that has not been read.
func rejoinedLine(r api.Rejoined, now time.Time) string {
	waits := "nothing to settle"
	if r.Settle > 0 {
		waits = fmt.Sprintf("%d to settle", r.Settle)
	}
	return fmt.Sprintf("REJOINED %s after %s apart: %s: muster merge", clock(r.AtMS, now), stint(r.ApartMS), waits)
}
