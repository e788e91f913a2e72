package cli

import (
	"github.com/spf13/cobra"

	"muster/node/api"
)

// taskVerbs give work to people.
func taskVerbs() []write {
	return []write{
		{
			use: `do [@WHO] "what" [TIME] [--once] [--vital] [--on RESOURCE]`, short: "give one person one task; without a name it is nobody's yet",
			example: "  muster do @bob \"check replica lag\" 5m\n  muster do @carol \"fail over db1\" 10m --once --vital --on db1",
			group:   groupTasks, grammar: grammar{who: 1, span: true, text: "task"},
			flags: func(cmd *cobra.Command, in *api.Write) {
				cmd.Flags().BoolVar(&in.Once, "once", false, "must not be done twice")
				cmd.Flags().BoolVar(&in.Vital, "vital", false, "the incident cannot end while this is open")
				cmd.Flags().StringVar(&in.Resource, "on", "", "what it has its hands on, as db1")
			},
			fill: func(w words, _ *api.Write) error { return needText("do", "what is to be done", w.text) },
		},
		{
			use: "assign TASK @WHO [TIME]", short: "give an existing task to somebody", group: groupTasks, grammar: grammar{ref: "task", who: 1, span: true},
			fill: func(w words, _ *api.Write) error { return needWho("assign", w.who) },
		},
		{use: "claim TASK", short: "take a task yourself", group: groupTasks, grammar: grammar{ref: "task"}},
		{
			use: "assist TASK [--withdraw]", short: "help with somebody's task", group: groupTasks, grammar: grammar{ref: "task"},
			flags: func(cmd *cobra.Command, in *api.Write) {
				cmd.Flags().BoolVar(&in.Withdraw, "withdraw", false, "stop helping")
			},
		},
		{
			use: `verify [TASK ["how"]]`, short: "I have checked that it is done; alone: audit this node's store", group: groupTasks,
			grammar: grammar{ref: "task", text: "text"}, example: "  muster verify t7f \"looked at the graph\"\n  muster verify",
			alone: (*app).audit,
		},
		{use: `cancel TASK ["why"]`, short: "call a task off", group: groupTasks, grammar: grammar{ref: "task", text: "reason"}, fill: reason},
	}
}

// answerVerbs are what somebody who was given a task says. None costs face.
func answerVerbs() []write {
	return []write{
		{
			use: "ack [TASK]", short: "I have it (somebody else's: I take it; cancelled: I have heard)", group: groupTasks,
			grammar: grammar{ref: "task", bare: true}, example: "  muster ack t7f\n  muster ack          when only one waits for you",
		},
		{use: `no TASK ["why"]`, short: "I cannot; somebody else should", group: groupTasks, grammar: grammar{ref: "task", text: "reason"}, fill: reason},
		{
			use: `stuck TASK ["on what"]`, short: "I need help", group: groupTasks, grammar: grammar{ref: "task", text: "reason"}, fill: reason,
			example: `  muster stuck t7f "need vpn"`,
		},
		{
			use: `done TASK ["result"]`, short: "it is done", group: groupTasks, grammar: grammar{ref: "task", text: "result"},
			example: `  muster done t7f "lag is 40s"`,
		},
		{
			use: "extend +TIME TASK", short: "more time; typed as: muster +5m t7f", group: groupTasks, grammar: grammar{ref: "task", span: true, text: "text"},
			example: "  muster +5m t7f",
			fill: func(w words, _ *api.Write) error {
				switch {
				case moreTime.MatchString(w.ref):
					return usage("extend", "%q is not a length of time", w.ref)
				case w.spanMS == 0:
					return usage("extend", "how much more time? as +5m")
				case w.text != "":
					return usage("extend", "%q is one word too many", w.text)
				}
				return nil
			},
		},
	}
}
