package cli

import (
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"muster/node/api"
)

// incidentVerbs are those about the incident as a whole.
func incidentVerbs() []write {
	return []write{
		{
			use: `declare "what is wrong" [--sev N] [--svc NAME]... [--label K=V]... [--drill]`, short: "open an incident; you command it",
			example: `  muster declare "checkout 500s" --sev 1 --svc payments`,
			group:   groupIncident, grammar: grammar{text: "title"},
			flags: func(cmd *cobra.Command, in *api.Write) {
				cmd.Flags().Var(severityFlag{&in.Severity}, "sev", "1 (worst) to 5")
				cmd.Flags().StringArrayVar(&in.Services, "svc", nil, "a service that is affected; may be repeated")
				cmd.Flags().StringArrayVar(&in.Labels, "label", nil, "as region=eu or alert=FINGERPRINT; may be repeated")
				cmd.Flags().BoolVar(&in.Drill, "drill", false, "an exercise; every page says so")
			},
			fill: func(w words, _ *api.Write) error { return needText("declare", "what is wrong", w.text) },
		},
		{
			use: `title "new title"`, short: "say better what is wrong", group: groupIncident, grammar: grammar{text: "title"},
			fill: func(w words, _ *api.Write) error { return needText("title", "the new title", w.text) },
		},
		{
			use: `resolve ["how it ended"]`, short: "it is over", group: groupIncident, grammar: grammar{text: "reason"},
			example: `  muster resolve "rolled back v212"`, fill: reason,
			flags: func(cmd *cobra.Command, in *api.Write) {
				cmd.Flags().BoolVar(&in.Force, "force", false, "although vital tasks are open")
			},
		},
		{
			use: `reopen ["why"]`, short: "it is not over after all", group: groupIncident, grammar: grammar{text: "reason"},
			fill: reason,
		},
	}
}

// serviceVerbs are about what is affected, and whether it is one incident or two.
func serviceVerbs() []write {
	return []write{{
		use: "same [A] B [--withdraw]", short: "two incidents are one outage", group: groupMerge, grammar: grammar{text: "incident"},
		example: "  muster same amber-otter red-fox",
		flags: func(cmd *cobra.Command, in *api.Write) {
			cmd.Flags().BoolVar(&in.Withdraw, "withdraw", false, "they are not after all")
		},
		fill: func(w words, in *api.Write) error {
			in.Text = ""
			switch len(w.rest) {
			case 1:
				in.Ref = w.rest[0]
			case 2:
				in.Incident, in.Ref = w.rest[0], w.rest[1]
			default:
				return usage("same", "name the two incidents")
			}
			return nil
		},
	}, {
		use: "service NAME... [--gone]", short: "add to the services that are affected", group: groupIncident, grammar: grammar{text: "services"},
		flags: func(cmd *cobra.Command, in *api.Write) {
			cmd.Flags().BoolVar(&in.Withdraw, "gone", false, "not affected after all")
		},
		fill: func(w words, in *api.Write) error {
			in.Text, in.Services = "", strings.Fields(w.text)
			return needText("service", "the name of the service", w.text)
		},
	}}
}

// severityVerbs hold the one about severity.
func severityVerbs() []write {
	return []write{{
		use: `sev N ["why"]`, short: "set the severity, 1 (worst) to 5", group: groupIncident, grammar: grammar{text: "severity"},
		example: `  muster sev 1 "payments are lost"`,
		fill: func(w words, in *api.Write) error {
			word, why, _ := strings.Cut(w.text, " ")
			n, err := parseSeverity(word)
			if err != nil {
				return err
			}
			in.Severity, in.Text, in.Reason = n, "", strings.TrimSpace(why)
			return nil
		},
	}}
}

// reason puts the text of a verb where reasons go.
func reason(_ words, in *api.Write) error {
	in.Text, in.Reason = "", in.Text
	return nil
}

// parseSeverity reads 1, sev1 and SEV1.
func parseSeverity(s string) (int, error) {
	n, err := strconv.Atoi(strings.TrimPrefix(strings.ToLower(s), "sev"))
	if err != nil || n < 1 || n > 5 {
		if s == "" {
			return 0, api.Errorf(api.CodeUsage, "1 is the worst, 5 the least: muster sev 2", "which severity?")
		}
		return 0, api.Errorf(api.CodeUsage, "1 is the worst, 5 the least", "%q is not a severity", s)
	}
	return n, nil
}

// severityFlag is --sev.
type severityFlag struct{ n *int }

func (f severityFlag) String() string { return "" }
func (f severityFlag) Type() string   { return "N" }

func (f severityFlag) Set(s string) error {
	n, err := parseSeverity(s)
	*f.n = n
	return err
}
