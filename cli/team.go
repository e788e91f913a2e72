package cli

import (
	"context"
	"strings"

	"github.com/spf13/cobra"

	"muster/node/api"
)

// initCommand names the person and the team of a node. Nobody has to: the first verb founds a team of one.
func (a *app) initCommand() *cobra.Command {
	var in api.Init
	cmd := &cobra.Command{
		Use: "init [--name RESPONDER] [--team NAME]", Short: "name yourself and your team", GroupID: groupNode, Args: none,
		RunE: func(cmd *cobra.Command, _ []string) error {
			in.Responder = strings.TrimPrefix(in.Responder, "@")
			return a.call(cmd.Context(), func(ctx context.Context, s api.Service) error {
				st, err := s.Init(ctx, in)
				if err != nil {
					return err
				}
				return a.print(st, func(p *printer) { p.linef("you are %s in team %s", clean(st.Responder), clean(st.Team)) })
			})
		},
	}
	cmd.Flags().StringVar(&in.Responder, "name", "", "your handle, as others will type it after @")
	cmd.Flags().StringVar(&in.Team, "team", "", "what the team is called")
	return cmd
}

// inviteCommand prints a code, and nothing else, on its output.
func (a *app) inviteCommand() *cobra.Command {
	var in api.Invite
	cmd := &cobra.Command{
		Use: "invite [--uses N]", Short: "a code that lets others into the team", GroupID: groupNode, Args: none,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if in.Uses < 1 {
				return usage("invite", "--uses is 1 or more, not %d", in.Uses)
			}
			return a.call(cmd.Context(), func(ctx context.Context, s api.Service) error {
				inv, err := s.Invite(ctx, in)
				if err != nil {
					return err
				}
				if err := a.print(inv, func(p *printer) { p.line(clean(inv.Code)) }); err != nil {
					return err
				}
				return a.note("on the other laptop: muster join CODE (good for %s)", count(inv.Uses, "laptop"))
			})
		},
	}
	cmd.Flags().IntVar(&in.Uses, "uses", 1, "how many may use it")
	return cmd
}

// joinCommand enters the team of a code.
func (a *app) joinCommand() *cobra.Command {
	var in api.Join
	cmd := &cobra.Command{
		Use: "join CODE [--name RESPONDER]", Short: "enter the team of somebody who invited you", GroupID: groupNode,
		RunE: func(cmd *cobra.Command, args []string) error {
			in.Code = strings.TrimSpace(strings.Join(args, " "))
			in.Responder = strings.TrimPrefix(in.Responder, "@")
			if in.Code == "" {
				return usage("join", `the code is missing; a member gets one from "muster invite"`)
			}
			return a.call(cmd.Context(), func(ctx context.Context, s api.Service) error {
				j, err := s.Join(ctx, in)
				if err != nil {
					return err
				}
				return a.print(j, func(p *printer) {
					p.linef("you are %s in team %s, let in by %s; %s, %s", clean(j.Responder), clean(j.Team), clean(j.Via),
						count(j.Members, "member"), count(j.Operations, "operation"))
				})
			})
		},
	}
	cmd.Flags().StringVar(&in.Responder, "name", "", "your handle, as others will type it after @")
	return cmd
}

// drillCommand cuts this node from others for practice: a real cut, shown on every screen while it lasts.
func (a *app) drillCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "drill", Short: "practise: cut this node from others, and heal", GroupID: groupNode,
		Example: "  muster drill cut @bob\n  muster drill cut all\n  muster drill heal",
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usage("drill", "there is no drill %q: cut or heal", args[0])
			}
			return usage("drill", "cut or heal?")
		},
	}
	cmd.AddCommand(
		&cobra.Command{
			Use: "cut @WHO...|all", Short: "exchange no packet with them until healed",
			RunE: func(cmd *cobra.Command, args []string) error {
				who, err := cutWhom(args)
				if err != nil {
					return err
				}
				return a.call(cmd.Context(), func(ctx context.Context, s api.Service) error {
					st, err := s.Cut(ctx, who)
					if err != nil {
						return err
					}
					return a.print(st, func(p *printer) {
						p.line(wrap("", "cut from "+clean(strings.Join(st.Cut, ", "))+`; end it with "muster drill heal"`, 2))
					})
				})
			},
		},
		&cobra.Command{
			Use: "heal", Short: "end every cut", Args: none,
			RunE: func(cmd *cobra.Command, _ []string) error {
				return a.call(cmd.Context(), func(ctx context.Context, s api.Service) error {
					st, err := s.Heal(ctx)
					if err != nil {
						return err
					}
					return a.print(st, func(p *printer) { p.line("healed; this node talks to everybody it can reach") })
				})
			},
		})
	return cmd
}

// cutWhom reads the names of a cut; nil means everybody.
func cutWhom(args []string) ([]string, error) {
	if len(args) == 1 && (args[0] == "all" || args[0] == "@all") {
		return nil, nil
	}
	var who []string
	for _, arg := range args {
		if !handlePattern.MatchString("@" + strings.TrimPrefix(arg, "@")) {
			return nil, usage("drill", "%q names nobody", arg)
		}
		who = append(who, strings.TrimPrefix(arg, "@"))
	}
	if len(who) == 0 {
		return nil, usage("drill", "cut from whom? name them as @bob, or say all")
	}
	return who, nil
}

// call reaches the node and does one bounded thing with it.
func (a *app) call(ctx context.Context, do func(context.Context, api.Service) error) error {
	s, err := a.service(ctx)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	return do(ctx, s)
}
