package cli

import (
	"strings"

	"github.com/spf13/cobra"

	"muster/node/api"
)

// commandVerbs move command between people. A term ends only by its holder's own word, or when a human settles.
func commandVerbs() []write {
	return []write{
		{
			use: `take ["why"] [--force]`, short: "take command, or ask its holder for it", group: groupCommand, grammar: grammar{text: "reason"},
			flags: func(cmd *cobra.Command, in *api.Write) {
				cmd.Flags().BoolVar(&in.Force, "force", false, "take it from a holder who is here; needs a reason, and somebody has to settle it")
			},
			fill: func(w words, in *api.Write) error {
				if in.Force {
					if err := needText("take", "the reason for --force", w.text); err != nil {
						return err
					}
				}
				return reason(w, in)
			},
		},
		{
			use: `handoff @WHO ["why"] | handoff --withdraw`, short: "offer command to somebody", group: groupCommand, grammar: grammar{who: 1, text: "reason"},
			example: `  muster handoff @dan "seven hours in"`,
			flags: func(cmd *cobra.Command, in *api.Write) {
				cmd.Flags().BoolVar(&in.Withdraw, "withdraw", false, "take the offer back")
			},
			fill: func(w words, in *api.Write) error {
				if !in.Withdraw {
					if err := needWho("handoff", w.who); err != nil {
						return err
					}
				} else if len(w.who) > 0 {
					return usage("handoff", "--withdraw takes the one offer back; it needs no name")
				}
				return reason(w, in)
			},
		},
		{
			use: `accept "read-back"`, short: "accept the command offered to you", group: groupCommand, grammar: grammar{text: "read-back"},
			example: `  muster accept "top risk: one copy left; next: watch its rate"`,
			fill: func(w words, _ *api.Write) error {
				return needText("accept", "the read-back (top risk and next action)", w.text)
			},
		},
		{use: `decline ["why"]`, short: "decline the command offered to you", group: groupCommand, grammar: grammar{text: "reason"}, fill: reason},
		{use: `release ["why"]`, short: "lay command down", group: groupCommand, grammar: grammar{text: "reason"}, fill: reason},
		{
			use: `break TIME --to @WHO ["why"]`, short: "offer command to somebody while you rest", group: groupCommand, grammar: grammar{who: 1, span: true, text: "reason"},
			example: `  muster break 20m --to @dan`,
			flags: func(cmd *cobra.Command, in *api.Write) {
				cmd.Flags().Var(whoFlag{&in.Who}, "to", "who commands meanwhile")
			},
			fill: func(w words, in *api.Write) error {
				if err := needWho("break", in.Who); err != nil {
					return err
				}
				if w.spanMS == 0 {
					return usage("break", "for how long? as 20m")
				}
				return reason(w, in)
			},
		},
	}
}

// roleVerbs hold the one about hats other than command.
func roleVerbs() []write {
	return []write{{
		use: "role [@WHO] ROLE [--withdraw]", short: "give somebody a role: deputy, lead, scribe, comms, liaison, ...", group: groupCommand,
		grammar: grammar{who: 1, text: "role"}, example: `  muster role @erin scribe`,
		flags: func(cmd *cobra.Command, in *api.Write) {
			cmd.Flags().BoolVar(&in.Withdraw, "withdraw", false, "nobody, or not this person, has the role any more")
		},
		fill: func(w words, in *api.Write) error {
			if !in.Withdraw {
				if err := needWho("role", w.who); err != nil {
					return err
				}
			}
			if err := needText("role", "the role", w.text); err != nil {
				return err
			}
			in.Text, in.Value = "", strings.ToLower(w.text)
			return nil
		},
	}}
}
