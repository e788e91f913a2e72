package cli

import (
	"github.com/spf13/cobra"

	"muster/node/api"
)

// noteVerbs write on the timeline, and take off it what must not be there.
func noteVerbs() []write {
	return []write{
		{
			use: `note "text" [-k KIND] [--at TIME] [--sealed-to @WHO,...]`, short: "say what you see or did", group: groupTimeline, grammar: grammar{text: "text"},
			example: "  muster note \"db1 is back\" -k obs --at 02:41\n  muster note --sealed-to @bob,@carol \"the root password is ...\"",
			flags: func(cmd *cobra.Command, in *api.Write) {
				cmd.Flags().VarP(kindFlag{&in.Kind}, "kind", "k", "obs, act, risk, todo, comms, handoff or broken (still broken: keeps an incident open)")
				cmd.Flags().Var(atFlag{&in.AtMS}, "at", "when it happened: 02:41 by your clock, or 02:41Z")
				cmd.Flags().Var(sealedFlag{&in.SealTo}, "sealed-to", "only they and you can read the text; everybody sees that there is one")
			},
			fill: func(w words, _ *api.Write) error { return needText("note", "the text", w.text) },
		},
		{
			use: `edit NOTE ["new text"] [-k KIND] [--at TIME]`, short: "say it better; both texts are kept", group: groupTimeline, grammar: grammar{ref: "note", text: "text"},
			flags: func(cmd *cobra.Command, in *api.Write) {
				cmd.Flags().VarP(kindFlag{&in.Kind}, "kind", "k", "one more kind, as of a note")
				cmd.Flags().Var(atFlag{&in.AtMS}, "at", "when it happened: 02:41 by your clock, or 02:41Z")
			},
			fill: func(w words, in *api.Write) error {
				if in.Kind != "" || in.AtMS != 0 {
					return nil
				}
				return needText("edit", "the new text", w.text)
			},
		},
		{
			use: `redact NOTE "why"`, short: "erase the text of a note on every node, for good", group: groupTimeline, grammar: grammar{ref: "note", text: "reason"},
			fill: func(w words, in *api.Write) error {
				if err := needText("redact", "the reason", w.text); err != nil {
					return err
				}
				return reason(w, in)
			},
		},
	}
}

// theoryVerbs keep track of what may be the cause.
func theoryVerbs() []write {
	return []write{
		{
			use: `hyp "what may be the cause"`, short: "a hypothesis", group: groupTimeline, grammar: grammar{text: "hypothesis"},
			fill: func(w words, _ *api.Write) error { return needText("hyp", "the hypothesis", w.text) },
		},
		{
			use: `rule-out HYPOTHESIS ["why"]`, short: "it is not the cause", group: groupTimeline, grammar: grammar{ref: "hypothesis", text: "reason"},
			fill: reason,
		},
	}
}

// decisionVerbs keep the decision log.
func decisionVerbs() []write {
	return []write{
		{
			use: `decide "what" [--topic NAME]`, short: "record a decision", group: groupTimeline, grammar: grammar{text: "decision"},
			flags: func(cmd *cobra.Command, in *api.Write) {
				cmd.Flags().StringVar(&in.Topic, "topic", "", "what it is about: two different decisions on one topic contradict each other")
			},
			fill: func(w words, _ *api.Write) error { return needText("decide", "the decision", w.text) },
		},
		{
			use: `object DECISION "why"`, short: "object to a decision", group: groupTimeline, grammar: grammar{ref: "decision", text: "reason"},
			fill: func(w words, in *api.Write) error {
				if err := needText("object", "the reason", w.text); err != nil {
					return err
				}
				return reason(w, in)
			},
		},
	}
}

// kindFlag is -k.
type kindFlag struct{ kind *string }

func (f kindFlag) String() string { return "" }
func (f kindFlag) Type() string   { return "KIND" }

func (f kindFlag) Set(s string) error {
	switch s {
	case "obs", "act", "risk", "todo", "comms", "handoff", "broken":
		*f.kind = s
		return nil
	}
	return api.Errorf(api.CodeUsage, "", "a note is obs, act, risk, todo, comms, handoff or broken, not %q", s)
}

// atFlag is --at.
type atFlag struct{ ms *int64 }

func (f atFlag) String() string { return "" }
func (f atFlag) Type() string   { return "TIME" }

func (f atFlag) Set(s string) error {
	ms, err := parseAt(s, now())
	*f.ms = ms
	return err
}
