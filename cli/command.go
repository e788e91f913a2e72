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
			use: `handoff @WHO ["why"] [TIME] | handoff --withdraw`, short: "offer command to somebody", group: groupCommand,
			grammar: grammar{who: 1, span: true, text: "reason"},
			example: "  muster handoff @dan \"seven hours in\"\n  muster handoff @dan \"seven hours in\" 30m\nthe offer lapses after that time; without one, after ten minutes",
			flags: func(cmd *cobra.Command, in *api.Write) {
				cmd.Flags().BoolVar(&in.Withdraw, "withdraw", false, "take the offer back")
			},
			fill: func(w words, in *api.Write) error {
				if !in.Withdraw {
					if err := needWho("handoff", w.who); err != nil {
						return err
					}
				} else if len(w.who) > 0 || w.spanMS > 0 {
					return usage("handoff", "--withdraw takes the one offer back; it needs no name and no time")
				}
				return reason(w, in)
			},
		},
		{
			use: `accept "read-back" | accept --tick ID...`, short: "accept the command offered to you", group: groupCommand, grammar: grammar{text: "read-back"},
			example: "  muster accept \"top risk: one copy left; next: watch its rate\"\n  muster accept --tick t7f --tick c2a\nmuster brief lists what is open",
			flags: func(cmd *cobra.Command, in *api.Write) {
				cmd.Flags().StringSliceVar(&in.Refs, "tick", nil, "an open item that you have read, instead of a read-back")
			},
			// Without either, the node says what is open: a better answer than that a word is missing.
		},
		{
			use: "confirm [@WHO]", short: "who you offered command to has it; @WHO: you know this member", group: groupCommand,
			example: "  muster confirm\n  muster confirm @eve\nthe second lets somebody in who joined by a code that was used up or did not count",
			raw:     (*app).confirmMember,
		},
		{
			use: `take-back "what you heard"`, short: "you are back: command from whoever acted for you", group: groupCommand,
			grammar: grammar{text: "what you heard"}, example: `  muster take-back "carol drained the west; the carrier has a fibre cut"`,
			fill: func(w words, _ *api.Write) error {
				return needText("take-back", "what you heard of the time you were away", w.text)
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
		grammar: grammar{who: 1, text: "role"}, example: "  muster role @erin scribe\nin the team, not in an incident:\n  muster role @erin steward|responder|observer [\"why\"]",
		other: (*app).giveRole,
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
