package cli

import (
	"strings"

	"github.com/spf13/cobra"

	"muster/node/api"
)

// peopleVerbs look after the persons.
func peopleVerbs() []write {
	return []write{
		{
			use: "par [--due TIME]", short: "roll call: ask everybody how they are", group: groupPeople, grammar: grammar{},
			flags: func(cmd *cobra.Command, in *api.Write) {
				cmd.Flags().Var(spanFlag{&in.ForMS}, "due", "until when answers are wanted, as 3m")
			},
		},
		{
			use: `here [ok|busy|relief|help|leaving] ["text"] [--fatigue N] [--place PLACE]`, short: "answer a roll call, or say how you are (@WHO: how they are)", group: groupPeople, grammar: grammar{who: 1, text: "state"},
			flags: func(cmd *cobra.Command, in *api.Write) {
				cmd.Flags().IntVar(&in.Fatigue, "fatigue", 0, "1 (fresh) to 5 (done in)")
				cmd.Flags().StringVar(&in.Place, "place", "", "where you are, as office")
			},
			fill: here,
		},
		{
			use: `page @WHO... ["why"]`, short: "record that somebody is called in", group: groupPeople, grammar: grammar{who: -1, text: "reason"},
			fill: func(w words, in *api.Write) error {
				if err := needWho("page", w.who); err != nil {
					return err
				}
				return reason(w, in)
			},
		},
		{
			use: `thanks @WHO... ["for what"]`, short: "say thanks; kept for the review", group: groupPeople, grammar: grammar{who: -1, text: "text"},
			fill: func(w words, _ *api.Write) error { return needWho("thanks", w.who) },
		},
	}
}

// here checks the state that a person gives themselves.
func here(w words, in *api.Write) error {
	state, text, _ := strings.Cut(w.text, " ")
	in.Text, in.Value = strings.TrimSpace(text), strings.ToLower(state)
	switch in.Value {
	case "":
		in.Value = "ok"
	case "ok", "busy", "relief", "help", "leaving":
	default:
		return usage("here", "you are ok, busy, relief (take over), help (need help) or leaving, not %q", state)
	}
	if in.Fatigue < 0 || in.Fatigue > 5 {
		return usage("here", "fatigue is 1 (fresh) to 5 (done in), not %d", in.Fatigue)
	}
	return nil
}

// settleVerbs hold the one that ends a conflict.
func settleVerbs() []write {
	return []write{{
		use: `settle N KEY ["why"] | settle SUBJECT VALUE ["why"]`, short: "end a conflict that the board must not decide", group: groupMerge,
		example: "  muster conflicts\n  muster settle 1 y\n  muster settle command bob \"he has the team\"\n" +
			"  muster settle t7f done \"it ran\"\n  muster settle decision \"kill the WAF\"",
		grammar: grammar{ref: "conflict", text: "value"},
		fill: func(w words, in *api.Write) error {
			if len(w.rest) == 0 {
				return usage("settle", "settle %s how?", w.ref)
			}
			in.Ref, in.Text = "", ""
			in.Subject, in.Value = w.ref, strings.TrimPrefix(strings.TrimSpace(w.rest[0]), "@")
			in.Reason = strings.TrimSpace(strings.Join(w.rest[1:], " "))
			return nil
		},
	}}
}
