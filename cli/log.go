package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"muster/node/api"
)

// logCommand prints the timeline, oldest first.
func (a *app) logCommand() *cobra.Command {
	var follow bool
	cmd := &cobra.Command{
		Use: "log [-f]", Short: "the timeline, oldest first", GroupID: groupTimeline, Args: none,
		Example: "  muster log\n  muster log -f\n  muster log -o jsonl",
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, err := a.service(cmd.Context())
			if err != nil {
				return err
			}
			ctx, cancel := context.WithTimeout(cmd.Context(), requestTimeout)
			defer cancel()
			entries, err := s.Log(ctx, a.set.incident)
			if err != nil {
				return err
			}
			if entries == nil {
				entries = []api.Entry{} // a list that is empty, not a null
			}
			err = a.print(entries, func(p *printer) {
				for _, e := range entries {
					printEntry(p, e, now())
				}
			})
			if err != nil || !follow {
				return err
			}
			return a.follow(cmd.Context(), s, entries)
		},
	}
	cmd.Flags().BoolVarP(&follow, "follow", "f", false, "go on as entries come, until interrupted")
	return cmd
}

// follow prints entries as they come until the person interrupts it. What came between the list and the watch is in the
// watch's first event or in one of the later ones; nothing is printed twice.
func (a *app) follow(ctx context.Context, s api.Service, before []api.Entry) error {
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	seen := make(map[string]bool, len(before)) // operation -> printed
	for _, e := range before {
		seen[e.Op] = true
	}
	enc := json.NewEncoder(a.Out)
	p := &printer{w: a.Out, color: a.color}
	for ev, err := range s.Watch(ctx, a.set.incident) {
		if err != nil {
			return err
		}
		for _, e := range ev.Entries {
			if seen[e.Op] {
				continue
			}
			seen[e.Op] = true
			if a.set.output == outText {
				printEntry(p, e, now())
			} else if err := enc.Encode(e); err != nil {
				return err
			}
			if p.err != nil {
				return p.err
			}
		}
	}
	return nil
}

// printEntry is one line of the timeline; <> marks what came by a merge, a question mark what does not count.
func printEntry(p *printer, e api.Entry, now time.Time) {
	merged := "  "
	if e.Merged {
		merged = "<>"
	}
	if e.Grey != "" {
		merged = " ?"
	}
	text := clean(e.Text)
	switch ref := clean(e.Ref); {
	case e.About != "":
		text = fmt.Sprintf("%s \"%s\": %s", ref, clean(e.About), text)
	case ref != "" && e.Kind != "settle":
		text = ref + " " + text
	}
	if e.OccurredMS > 0 {
		text += fmt.Sprintf(" (happened %s)", clock(e.OccurredMS, now))
	}
	if e.Grey != "" {
		text += " [" + greyWhy(e.Grey) + ": does not count]"
	}
	actor := clean(e.Actor)
	if e.From != "" {
		actor = clean(e.From)
	}
	head := fmt.Sprintf("%s %s %s ", clock(e.AtMS, now), merged, pad(actor, 8))
	p.line(wrap(head, text, len([]rune(head))))
}
