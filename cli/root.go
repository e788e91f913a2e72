package cli

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"muster/cli/help"
	"muster/node/api"
)

// Groups of verbs, in the order "muster help" lists them.
const (
	groupIncident = "incident"
	groupCommand  = "command"
	groupTasks    = "tasks"
	groupTimeline = "timeline"
	groupPeople   = "people"
	groupMerge    = "merge"
	groupTeam     = "team"
	groupNode     = "node"
)

// root builds the command tree.
func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "muster",
		Short: "an incident board that needs no server",
		Long: "muster keeps one incident board on every responder's laptop, with no server and\n" +
			"no internet. Alone it says who you are, what you owe and what to do next.",
		Args:              a.unknownVerb,
		RunE:              func(cmd *cobra.Command, _ []string) error { return a.standing(cmd.Context()) },
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error { return a.resolve(cmd) },
		SilenceErrors:     true,
		SilenceUsage:      true,
		CompletionOptions: cobra.CompletionOptions{HiddenDefaultCmd: true},
	}
	root.SuggestionsMinimumDistance = 2
	flags := root.PersistentFlags()
	flags.String("dir", "", "home of the node: keys, store, socket (MUSTER_DIR)")
	flags.StringP("output", "o", outText, "text, json or jsonl")
	flags.StringP("incident", "i", "", "which incident: its name, or the start of its title")
	flags.BoolP("yes", "y", false, "answer every question with yes")
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		var ours *api.Error
		if errors.As(err, &ours) { // of a flag's own words
			return ours
		}
		return usage(verbOf(cmd), "%s", err)
	})
	root.AddGroup(
		&cobra.Group{ID: groupIncident, Title: "The incident"},
		&cobra.Group{ID: groupCommand, Title: "Command"},
		&cobra.Group{ID: groupTasks, Title: "Tasks"},
		&cobra.Group{ID: groupTimeline, Title: "Timeline"},
		&cobra.Group{ID: groupPeople, Title: "People"},
		&cobra.Group{ID: groupMerge, Title: "After a time apart"},
		&cobra.Group{ID: groupTeam, Title: "The team"},
		&cobra.Group{ID: groupNode, Title: "This node"},
	)
	for _, w := range writes() {
		root.AddCommand(a.writeCommand(w))
	}
	root.AddCommand(
		a.statusCommand(), a.showCommand(), a.briefCommand(), a.logCommand(), a.peersCommand(), a.conflictsCommand(), a.mergeCommand(),
		a.upCommand(), a.downCommand(), a.initCommand(), a.inviteCommand(), a.invitesCommand(), a.joinCommand(),
		a.teamCommand(), a.drillCommand(),
		a.doctorCommand(), a.profileCommand(),
		a.replayCommand(), a.demoCommand(), a.configCommand(), a.versionCommand(),
	)
	root.AddCommand(a.trustCommands()...)
	root.AddCommand(a.carryCommands()...)
	root.AddCommand(a.rallyCommand())
	root.AddCommand(a.protectCommand(), a.unlockCommand())
	root.SetHelpCommand(a.helpCommand(root))
	root.SetHelpTemplate("{{with (or .Long .Short)}}{{.}}\n{{end}}{{if or .Runnable .HasSubCommands}}\n{{.UsageString}}{{end}}")
	root.SetUsageTemplate(usageTemplate)
	return root
}

// usageTemplate is how a verb explains itself.
const usageTemplate = `usage: {{.UseLine}}{{if .HasAvailableSubCommands}}
{{$cmd := .}}{{range $group := .Groups}}
{{.Title}}:{{range $cmd.Commands}}{{if and (eq .GroupID $group.ID) .IsAvailableCommand}}
  {{rpad .Name 10}} {{.Short}}{{end}}{{end}}
{{end}}{{if not .Groups}}{{range .Commands}}{{if .IsAvailableCommand}}
  {{rpad .Name 10}} {{.Short}}{{end}}{{end}}
{{end}}{{end}}{{if .HasExample}}
examples:
{{.Example}}
{{end}}{{if .HasAvailableLocalFlags}}
flags:
{{.LocalFlags.FlagUsages | trimTrailingWhitespaces}}
{{end}}{{if .HasAvailableInheritedFlags}}
on every verb:
{{.InheritedFlags.FlagUsages | trimTrailingWhitespaces}}
{{end}}`

// unknownVerb refuses words after a bare muster, naming the nearest verbs.
func (a *app) unknownVerb(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	hint := `"muster help" lists the verbs`
	if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
		quoted := make([]string, len(near))
		for i, n := range near {
			quoted[i] = fmt.Sprintf("%q", "muster "+n)
		}
		hint = "did you mean " + strings.Join(quoted, " or ") + "?"
	}
	return api.Errorf(api.CodeUsage, hint, "there is no verb %q", args[0])
}

// none refuses arguments.
func none(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return usage(verbOf(cmd), "%q is one word too many", args[0])
	}
	return nil
}

// verbOf is a command as it is typed after "muster".
func verbOf(cmd *cobra.Command) string {
	return strings.TrimPrefix(strings.TrimPrefix(cmd.CommandPath(), "muster"), " ")
}

// helpCommand explains a verb or a topic.
func (a *app) helpCommand(root *cobra.Command) *cobra.Command {
	return &cobra.Command{
		Use: "help [VERB or TOPIC]", Short: "explain a verb or a topic", GroupID: groupNode,
		PersistentPreRunE: func(*cobra.Command, []string) error { return nil }, // help works with a broken configuration
		RunE: func(cmd *cobra.Command, args []string) error {
			p := &printer{w: a.Out}
			if len(args) == 0 {
				if err := root.Help(); err != nil {
					return err
				}
				p.line("\nTopics (muster help TOPIC):")
				for _, t := range help.Topics() {
					p.linef("  %s %s", pad(t.Name, 18), t.Title)
				}
				return p.err
			}
			found, _, err := root.Find(unfold(args))
			verb := err == nil && found != root
			if verb {
				if err := found.Help(); err != nil {
					return err
				}
			}
			if text, ok := help.Text(args[0]); ok {
				if verb { // one word for both
					p.line("")
				}
				p.text(text)
				return p.err
			}
			if !verb {
				return api.Errorf(api.CodeNotFound, `"muster help" lists verbs and topics`, "there is no verb or topic %q", args[0])
			}
			return nil
		},
	}
}
