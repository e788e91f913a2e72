package cli

import (
	"context"
	"slices"
	"strings"
	"time"

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
					st, away, err := heal(ctx, s)
					if err != nil {
						return err
					}
					return a.print(st, func(p *printer) {
						if len(away) == 0 {
							p.line("healed; this node talks to everybody it can reach")
						} else {
							p.line(wrap("", "healed; no word yet from "+clean(strings.Join(away, ", ")), 2))
						}
					})
				})
			},
		})
	return cmd
}

// healWait is how long heal waits for those who were cut off to be back and in step.
const healWait = 5 * time.Second

// heal ends the cuts and waits a moment until those who were cut off are reached and hold all of this node's operations.
// away names those who are not.
func heal(ctx context.Context, s api.Service) (st api.Status, away []string, err error) {
	before, err := s.Status(ctx)
	if err != nil {
		return st, nil, err
	}
	if _, err := s.Heal(ctx); err != nil {
		return st, nil, err
	}
	waiting, cancel := context.WithTimeout(ctx, healWait)
	defer cancel()
	tick := time.NewTicker(pollInterval)
	defer tick.Stop()
	for {
		if st, err = s.Status(ctx); err != nil {
			return st, nil, err
		}
		away = nil
		for _, was := range before.Peers {
			i := slices.IndexFunc(st.Peers, func(p api.Peer) bool { return p.Device == was.Device })
			if was.Cut && i >= 0 && (!st.Peers[i].Reachable || st.Peers[i].Lacks > 0 || st.Syncing != nil) {
				away = append(away, was.Responder)
			}
		}
		if len(away) == 0 {
			return st, nil, nil
		}
		select {
		case <-waiting.Done():
			return st, away, nil
		case <-tick.C:
		}
	}
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
