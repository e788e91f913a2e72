package cli

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"muster/node/api"
)

// joinCommand enters a team by words, by a long code or by a file.
func (a *app) joinCommand() *cobra.Command {
	var in api.Join
	cmd := &cobra.Command{
		Use: "join WORDS|CODE|FILE [--name RESPONDER]", Short: "enter the team of somebody who invited you", GroupID: groupTeam,
		Example: "  muster join 7-amber-falcon-ridge --name bob\n  muster join 7 amber falcon ridge --at 192.0.2.7:7946\n  muster join muster-aeaq... --name bob\n  muster join /media/stick/invite",
		RunE: func(cmd *cobra.Command, args []string) error {
			in.Code = strings.TrimSpace(strings.Join(args, " "))
			in.Responder = strings.TrimPrefix(in.Responder, "@")
			if in.Code == "" {
				return usage("join", `the code is missing; a member gets one, or words, from "muster invite"`)
			}
			if len(args) == 1 && isFile(args[0]) {
				path, err := filepath.Abs(args[0])
				if err != nil {
					return err
				}
				in.Code, in.Bundle = "", path
			}
			return a.join(cmd.Context(), in)
		},
	}
	cmd.Flags().StringVar(&in.Responder, "name", "", "your handle, as others will type it after @")
	cmd.Flags().StringArrayVar(&in.At, "at", nil, "`address:port` of the inviter's node, where it is not found by itself")
	return cmd
}

// isFile reports whether an argument of join is a file: one that is there, or is written as only a path is.
func isFile(arg string) bool {
	info, err := os.Stat(arg)
	return err == nil && !info.IsDir() || strings.ContainsAny(arg, `/\`)
}

func (a *app) join(ctx context.Context, in api.Join) error {
	return a.call(ctx, func(ctx context.Context, s api.Service) error {
		var j api.Joined
		err := a.patiently(lookingFor(in), func() (err error) { j, err = s.Join(ctx, in); return err })
		if err != nil {
			return err
		}
		if err := a.print(j, func(p *printer) { printJoined(p, j) }); err != nil {
			return err
		}
		st, err := s.Status(ctx)
		if err != nil || len(st.Responders) == 0 || st.Responders[0].Role != "observer" {
			return err
		}
		return a.note("you are an observer here: a member can change that (muster confirm)")
	})
}

// joinSilence is how long a join may take before a person at a terminal is told what it is doing.
const joinSilence = 2 * time.Second

// lookingFor says what a join waits for.
func lookingFor(in api.Join) string {
	const long = "; from elsewhere: the long code, or --at ADDR:PORT"
	digits := strings.IndexFunc(in.Code, func(r rune) bool { return r < '0' || r > '9' })
	switch {
	case in.Bundle != "":
		return "reading " + in.Bundle + " ..."
	case digits > 0:
		return "nobody answers yet: asking on this network for the words with number " + in.Code[:digits] + long
	}
	return "nobody answers yet: trying the addresses in the code, and this network"
}

// patiently does what may wait for others. Where somebody sits at a terminal it says after a moment what it is doing.
func (a *app) patiently(say string, do func() error) error {
	if !a.ask {
		return do()
	}
	done := make(chan error, 1)
	go func() { done <- do() }()
	silence := time.NewTimer(joinSilence)
	defer silence.Stop()
	select {
	case err := <-done:
		return err
	case <-silence.C:
	}
	said := a.note("%s", say)
	if err := <-done; err != nil {
		return err
	}
	return said
}

func printJoined(p *printer, j api.Joined) {
	through := "let in by " + clean(j.Via)
	if j.Via == "" {
		through = "by the file; the others learn of it when they are met"
	}
	p.line(wrap("", fmt.Sprintf("you are %s in team %s, %s; %s, %s", clean(j.Responder), clean(j.Team), through,
		count(j.Members, "member"), count(j.Operations, "operation")), 2))
	switch {
	case j.ViaWords != "" && j.Words != "":
		p.line(wrap("", fmt.Sprintf("compare if in doubt: this laptop is %s, that of %s is %s", clean(j.Words), clean(j.Via), clean(j.ViaWords)), 2))
	case j.Words != "":
		p.linef("the words of this laptop: %s", clean(j.Words))
	}
	if j.Kept != "" {
		p.line(wrap("", fmt.Sprintf("the board of %s stays here; back to it: muster team %q", clean(j.Kept), clean(j.Kept)), 2))
	}
}

// teamCommand says which teams have a board here, and goes to another of them.
func (a *app) teamCommand() *cobra.Command {
	return &cobra.Command{
		Use: "team [NAME|ID]", Short: "which teams have a board here; go to another", GroupID: groupTeam,
		RunE: func(cmd *cobra.Command, args []string) error {
			name := strings.TrimSpace(strings.Join(args, " "))
			return a.call(cmd.Context(), func(ctx context.Context, s api.Service) error {
				if name == "" {
					all, err := s.Teams(ctx)
					if err != nil {
						return err
					}
					return a.print(all, func(p *printer) { printTeams(p, all) })
				}
				st, err := s.SwitchTeam(ctx, name)
				if err != nil {
					return err
				}
				return a.print(st, func(p *printer) { p.linef("you are %s in team %s", clean(st.Responder), clean(st.Team)) })
			})
		},
	}
}

func printTeams(p *printer, all []api.TeamHere) {
	for _, t := range all {
		mark := " "
		if t.Current {
			mark = "*"
		}
		if t.Problem != "" {
			p.line(wrap(mark+" ", fmt.Sprintf("[%.8s] cannot be read: %s", clean(t.ID), clean(t.Problem)), 4))
			continue
		}
		p.line(wrap(mark+" ", fmt.Sprintf("%s; you are %s there, %s [%.8s]", clean(t.Name), clean(t.Responder), count(t.Members, "device"), clean(t.ID)), 4))
	}
	if len(all) > 1 {
		p.line("go to another with: muster team NAME")
	}
}
