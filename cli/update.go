package cli

import (
	"context"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"muster/node/api"
)

// updateID matches the short id of a public update.
var updateID = regexp.MustCompile(`^u[a-z2-7]{2,12}$`)

// updateVerbs are about what people outside are told. Muster posts nothing itself: it keeps what was approved, and who
// says that they posted it.
func updateVerbs() []write {
	return []write{
		{
			use: `update ["text" [--to AUDIENCE] | UPDATE "new text"]`, short: "draft a text for people outside; alone: list them", group: groupPeople,
			grammar: grammar{text: "text"}, alone: (*app).updates,
			example: "  muster update \"We are looking into failed payments.\"\n  muster update u2k \"Payments work again.\"\n  muster update \"Refunds wait.\" --to finance",
			flags: func(cmd *cobra.Command, in *api.Write) {
				cmd.Flags().StringVar(&in.Topic, "to", "", "who it is for; without it the public")
			},
			fill: func(w words, in *api.Write) error {
				if len(w.rest) == 2 && updateID.MatchString(w.rest[0]) {
					in.Ref, in.Text = w.rest[0], strings.TrimSpace(w.rest[1])
				}
				return needText("update", "the text", in.Text)
			},
		},
		{use: "approve UPDATE", short: "the text of an update may be published", group: groupPeople, grammar: grammar{ref: "update"}},
		{
			use: "publish UPDATE [--on WHERE]", short: "you posted it; muster itself posts nothing", group: groupPeople, grammar: grammar{ref: "update"},
			example: "  muster publish u2k --on statuspage",
			flags: func(cmd *cobra.Command, in *api.Write) {
				cmd.Flags().StringVar(&in.Place, "on", "", "where you posted it")
			},
		},
	}
}

// updates lists what people outside were told and are to be told.
func (a *app) updates(ctx context.Context) error {
	in, err := a.incident(ctx)
	if err != nil {
		return err
	}
	list := append([]api.Update{}, in.Updates...)
	return a.print(list, func(p *printer) {
		if len(list) == 0 {
			p.linef(`%s: no public updates; draft one: muster update "text"`, nameOf(in.Name, in.Drill))
			return
		}
		printUpdates(p, list, now())
	})
}

func printUpdates(p *printer, all []api.Update, now time.Time) {
	if len(all) == 0 {
		return
	}
	p.line(section("PUBLIC UPDATES"))
	for _, u := range all {
		mark := " "
		if u.Mark != "" {
			mark = "!"
		}
		p.line(wrap(mark+pad(u.ID, 4)+" ", updateLine(p, u), 6))
		for _, post := range u.Posts {
			text := fmt.Sprintf("%s published by %s", clock(post.AtMS, now), clean(post.By))
			if post.Where != "" {
				text += " on " + clean(post.Where)
			}
			if post.Text != u.Text {
				text += ": " + clean(post.Text)
			}
			if !post.Stands {
				text += " (DOES NOT STAND)"
			}
			p.line(wrap("      ", text, 8))
		}
	}
}

// updateLine is one update: what is wrong with it, how far it is, what it says.
func updateLine(p *printer, u api.Update) string {
	line := fmt.Sprintf("%s for %s: %s", strings.ToUpper(u.State), clean(u.Audience), clean(u.Text))
	for _, x := range u.Texts {
		if !x.Shown {
			line += fmt.Sprintf(" | or, by %s: %s", clean(x.By), clean(x.Value))
		}
	}
	if len(u.Approved) > 0 {
		line += " (approved by " + clean(u.Approved[0].By) + ")"
	}
	if u.Mark != "" {
		line = p.loud(clean(u.Mark)) + "; " + line
	}
	return line
}
