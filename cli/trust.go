package cli

import (
	"context"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"muster/node/api"
)

// trustCommands change who belongs to the team and what they may do. Each is one call of [api.Truster.Trust]; what it
// does is printed before it is done where the node asks a question first, and after it otherwise.
func (a *app) trustCommands() []*cobra.Command {
	return []*cobra.Command{
		a.membersCommand(), a.whoisCommand(), a.revokeCommand(), a.suspendCommand(), a.reinstateCommand(), a.adoptCommand(), a.cosignCommand(), a.policyCommand(),
	}
}

// revokeCommand throws a device, or all devices of a person, out of the team.
func (a *app) revokeCommand() *cobra.Command {
	in := api.Trust{Verb: "revoke"}
	var stolen, left, dry bool
	var since string
	cmd := &cobra.Command{
		Use: `revoke @WHO[/DEVICE] --stolen|--left "why" [--since TIME]`, Short: "throw a laptop, or all of somebody's, out of the team", GroupID: groupTeam,
		Example: "  muster revoke @bob/laptop-2 --stolen \"left in a taxi\" --since 02:10\n  muster revoke @bob --left \"changed jobs\"\n" +
			"stolen: what it wrote after that time, or that nobody had until now, does not count\nleft: what it wrote before it heard of this counts\n" +
			"a device is also named by the words of its fingerprint: muster members",
		RunE: func(cmd *cobra.Command, args []string) error {
			switch {
			case len(args) == 0:
				return whom("revoke", args, true, &in)
			case stolen && left:
				return usage("revoke", "stolen or left? they differ in what still counts")
			case !stolen && !left:
				return usage("revoke", "say --stolen (somebody else may have it) or --left (nobody uses it any more)")
			}
			in.Mode = "left"
			if stolen {
				in.Mode = "stolen"
			}
			if since != "" {
				if left {
					return usage("revoke", "--since goes with --stolen: what is written by one who left counts until they hear of it")
				}
				var err error
				if in.SinceMS, err = parseAt(since, now()); err != nil {
					return err
				}
			}
			if err := whom("revoke", args, true, &in); err != nil {
				return err
			}
			in.DryRun = dry
			return a.trust(cmd.Context(), in)
		},
	}
	cmd.Flags().BoolVar(&stolen, "stolen", false, "somebody else may have it: lost, stolen, broken into")
	cmd.Flags().BoolVar(&left, "left", false, "nobody uses it any more: sold, broken, its person has left")
	cmd.Flags().StringVar(&since, "since", "", "when it was last in good hands, as 02:10")
	cmd.Flags().BoolVar(&dry, "dry-run", false, "say what it would do, and do nothing")
	return cmd
}

// suspendCommand is the break-glass that any responder has.
func (a *app) suspendCommand() *cobra.Command {
	return &cobra.Command{
		Use: `suspend @WHO[/DEVICE] "why"`, Short: "what they write does not count, until somebody reinstates them", GroupID: groupTeam,
		Example: `  muster suspend @bob/laptop-2 "it writes nonsense; bob is asleep"`,
		RunE: func(cmd *cobra.Command, args []string) error {
			in := api.Trust{Verb: "suspend"}
			if err := whom("suspend", args, true, &in); err != nil {
				return err
			}
			return a.trust(cmd.Context(), in)
		},
	}
}

// reinstateCommand undoes a suspension or revocation.
func (a *app) reinstateCommand() *cobra.Command {
	return &cobra.Command{
		Use: `reinstate @WHO[/DEVICE] ["why"]`, Short: "take back a suspension or a revocation", GroupID: groupTeam,
		Example: `  muster reinstate @bob/laptop-2 "found under the seat, still locked"`,
		RunE: func(cmd *cobra.Command, args []string) error {
			in := api.Trust{Verb: "reinstate"}
			if err := whom("reinstate", args, false, &in); err != nil {
				return err
			}
			return a.trust(cmd.Context(), in)
		},
	}
}

// cosignCommand stands behind what somebody else proposed.
func (a *app) cosignCommand() *cobra.Command {
	return &cobra.Command{
		Use: "cosign [N|ID]", Short: "stand behind what another proposed; alone: list what waits", GroupID: groupTeam,
		Example: "  muster cosign\n  muster cosign 1",
		RunE: func(cmd *cobra.Command, args []string) error {
			in := api.Trust{Verb: "cosign"}
			switch len(args) {
			case 0:
			case 1:
				in.Ref = args[0]
			default:
				return usage("cosign", "one at a time")
			}
			return a.trust(cmd.Context(), in)
		},
	}
}

// adoptCommand makes lines of a removed device count.
func (a *app) adoptCommand() *cobra.Command {
	var why string
	cmd := &cobra.Command{
		Use: `adopt [@WHO[/DEVICE]] [ID...|all]`, Short: "let lines of a removed laptop count; without ids: show them", GroupID: groupTeam,
		Example: "  muster adopt @bob\n  muster adopt @bob n3q 7f3a\n  muster adopt @bob all --why \"bob read them to me on the phone\"",
		RunE: func(cmd *cobra.Command, args []string) error {
			in := api.Trust{Verb: "adopt", Reason: why, Incident: a.set.incident}
			for i, arg := range args {
				if i == 0 && handlePattern.MatchString(arg) {
					in.Who = arg[1:]
					continue
				}
				in.Refs = append(in.Refs, strings.TrimSpace(arg))
			}
			return a.trust(cmd.Context(), in)
		},
	}
	cmd.Flags().StringVar(&why, "why", "", "how you know that they are genuine")
	return cmd
}

// policyCommand sets who may invite.
func (a *app) policyCommand() *cobra.Command {
	return &cobra.Command{
		Use: "policy invite steward|responder", Short: "who may let others in", GroupID: groupTeam, Example: "  muster policy invite steward",
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) != 2 || args[0] != "invite" || args[1] != "steward" && args[1] != "responder" {
				return usage("policy", "who may invite: every responder (the default), or stewards alone?")
			}
			return a.trust(cmd.Context(), api.Trust{Verb: "policy", Role: args[1]})
		},
	}
}

// standingRoles are the roles a person has in the team, as against those in an incident.
var standingRoles = map[string]bool{"steward": true, "responder": true, "observer": true}

// giveRole is "muster role @bob steward": a role in the team is given by another door than one in an incident. It reports
// whether the words are about one.
func (a *app) giveRole(ctx context.Context, w words) (bool, error) {
	if len(w.who) != 1 || len(w.rest) == 0 {
		return false, nil
	}
	role, why, _ := strings.Cut(w.text, " ")
	if role = strings.ToLower(role); !standingRoles[role] {
		return false, nil
	}
	return true, a.trust(ctx, api.Trust{Verb: "role", Who: w.who[0], Role: role, Reason: strings.TrimSpace(why)})
}

// confirmMember is "muster confirm @eve": of a person it means that they are who they say. It reports whether the words
// are about one.
func (a *app) confirmMember(ctx context.Context, args []string) (bool, error) {
	if len(args) == 0 || len(args) == 1 && !strings.HasPrefix(args[0], "@") && !strings.ContainsAny(args[0], "-0123456789") {
		return false, nil // a stray word
	}
	in := api.Trust{Verb: "confirm"}
	if err := whom("confirm", args, false, &in); err != nil {
		return true, err
	}
	return true, a.trust(ctx, in)
}

// fingerprintWords is how many words name a device.
const fingerprintWords = 4

// whom reads who is meant, then why. A device is named as @bob/laptop-2, by the start of its key, or by the four words of
// its fingerprint with spaces or dashes between them.
func whom(verb string, args []string, why bool, in *api.Trust) error {
	if len(args) == 0 {
		return usage(verb, "whom? @bob, @bob/laptop-2 or the words of a laptop's fingerprint (muster members)")
	}
	n := 1
	if first := args[0]; !strings.HasPrefix(first, "@") && !strings.ContainsAny(first, "-0123456789 ") && len(args) >= fingerprintWords && plainWords(args[:fingerprintWords]) {
		n = fingerprintWords
	}
	in.Who = strings.TrimPrefix(strings.Join(args[:n], "-"), "@")
	in.Reason = strings.TrimSpace(strings.Join(args[n:], " "))
	switch {
	case strings.TrimSpace(in.Who) == "":
		return usage(verb, "%q names nobody", args[0])
	case why && in.Reason == "":
		return usage(verb, "say why: the others, and they, will read it")
	}
	return nil
}

func plainWords(args []string) bool {
	for _, w := range args {
		if w == "" || strings.ContainsFunc(w, func(r rune) bool { return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') }) {
			return false
		}
	}
	return true
}

// trust does one verb about the team. Where the node asks first, what the verb would do is printed before the question.
func (a *app) trust(ctx context.Context, in api.Trust) error {
	return a.call(ctx, func(ctx context.Context, s api.Service) error {
		in.Yes = a.set.yes
		out, err := s.Trust(ctx, in)
		if err != nil && !in.Yes && spoken(err).Code == api.CodeConfirm {
			if out, err = a.trustAsked(ctx, s, in, err); err != nil {
				return err
			}
		}
		if err != nil {
			return err
		}
		if d := out.Delivery; d != nil && d.Known > 0 && d.Delivered == 0 {
			a.code = exitUndelivered
		}
		if out.Proposed != nil && out.Done {
			a.code = exitHuman
		}
		return a.print(out, func(p *printer) { printTrusted(p, out, now()) })
	})
}

// trustAsked shows what would be done, asks, and does it.
func (a *app) trustAsked(ctx context.Context, s api.Service, in api.Trust, asked error) (api.Trusted, error) {
	dry := in
	dry.DryRun = true
	would, err := s.Trust(ctx, dry)
	if err != nil {
		return api.Trusted{}, asked
	}
	if a.set.output == outText {
		p := &printer{w: a.Err, color: a.color}
		printTrusted(p, would, now())
		if p.err != nil {
			return api.Trusted{}, p.err
		}
	}
	if err := a.answer(asked); err != nil {
		return api.Trusted{}, err
	}
	in.Yes = true
	return s.Trust(ctx, in)
}

// printTrusted says what was done, what follows from it, and who must do something now.
func printTrusted(p *printer, t api.Trusted, now time.Time) {
	if t.Text != "" {
		p.line(wrap("", clean(t.Text), 2))
	}
	for _, e := range t.Effects {
		p.line(wrap("  ", clean(e), 4))
	}
	for _, e := range t.Entries {
		printEntry(p, e, now)
	}
	if t.More > 0 {
		p.linef("  and %d more", t.More)
	}
	if q := t.Proposed; q != nil {
		p.line(wrap("  ", cosigners(*q), 4))
	}
	for _, q := range t.Waiting {
		printProposal(p, q, now)
	}
	if t.Delivery != nil {
		p.line(delivery(*t.Delivery))
	}
}

// cosigners says who can make a proposal true, and how.
func cosigners(q api.Proposal) string {
	if len(q.Can) == 0 {
		return "nobody here can co-sign it yet: it takes another person who is a responder or more"
	}
	names := make([]string, 0, len(q.Can))
	for i, who := range q.Can {
		if i == missingMax {
			break
		}
		names = append(names, "@"+clean(who))
	}
	return strings.Join(names, " or ") + ": muster cosign " + clean(q.ID)
}

func printProposal(p *printer, q api.Proposal, now time.Time) {
	p.line(wrap("  ", clean(q.Text), 4))
	said := "    proposed " + clock(q.AtMS, now) + " by " + clean(q.By)
	if q.Reason != "" {
		said += `: "` + clean(q.Reason) + `"`
	}
	p.line(wrap("    ", strings.TrimSpace(said), 6))
	if others := q.Behind; len(others) > 1 {
		p.line(wrap("    ", "behind it: "+clean(strings.Join(others, ", ")), 6))
	}
	if q.Mine {
		p.linef("    you can: muster cosign %d   (or muster cosign %s)", q.N, clean(q.ID))
		return
	}
	p.line(wrap("    ", cosigners(q), 6))
}
