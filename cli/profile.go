package cli

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"muster/node/api"
)

// profileCommand shows who somebody is and how to reach them, and lets a person say it about themselves.
func (a *app) profileCommand() *cobra.Command {
	var name, callsign, tz, shift string
	var phones []string
	cmd := &cobra.Command{
		Use:   "profile [@WHO] [--name N] [--callsign C] [--phone P]... [--tz ZONE] [--shift S]",
		Short: "who somebody is and how to call them; say it about yourself", GroupID: groupPeople,
		Example: "  muster profile @bob\n  muster profile --name \"Bob Baker\" --phone \"+44 20 7946 0018\" --tz Europe/London\n" +
			"  muster profile --callsign B2 --shift \"09-17\"\n  muster profile --phone \"\"   (no phone any more)",
		RunE: func(cmd *cobra.Command, args []string) error {
			who, err := profileOf(args)
			if err != nil {
				return err
			}
			var in api.SetProfile
			set := false
			for _, f := range []struct {
				flag string
				from *string
				to   **string
			}{{"name", &name, &in.Name}, {"callsign", &callsign, &in.Callsign}, {"tz", &tz, &in.TZ}, {"shift", &shift, &in.Shift}} {
				if cmd.Flags().Changed(f.flag) {
					*f.to, set = f.from, true
				}
			}
			if cmd.Flags().Changed("phone") {
				in.Phones, set = &phones, true
			}
			switch {
			case set && who != "":
				return usage("profile", "each says it about themselves: leave @%s out, or ask them", who)
			case set:
				return a.setProfile(cmd.Context(), in)
			}
			return a.showProfile(cmd.Context(), who)
		},
	}
	cmd.Flags().StringVar(&name, "name", "", "your name")
	cmd.Flags().StringVar(&callsign, "callsign", "", "what you are called on a bad line")
	cmd.Flags().StringArrayVar(&phones, "phone", nil, "your phone; again for another, the one to try first is first")
	cmd.Flags().StringVar(&tz, "tz", "", "your time zone, as Europe/London")
	cmd.Flags().StringVar(&shift, "shift", "", "when you are at work, in your words")
	return cmd
}

// profileOf reads whose profile is meant.
func profileOf(args []string) (string, error) {
	switch {
	case len(args) > 1:
		return "", usage("profile", "one person at a time, as @bob")
	case len(args) == 1 && !handlePattern.MatchString("@"+strings.TrimPrefix(args[0], "@")):
		return "", usage("profile", "%q names nobody", args[0])
	case len(args) == 1:
		return strings.TrimPrefix(args[0], "@"), nil
	}
	return "", nil
}

func (a *app) showProfile(ctx context.Context, who string) error {
	return a.call(ctx, func(ctx context.Context, s api.Service) error {
		p, err := s.Profile(ctx, who)
		if err != nil {
			return err
		}
		return a.print(p, func(out *printer) { printProfile(out, p, now()) })
	})
}

func (a *app) setProfile(ctx context.Context, in api.SetProfile) error {
	return a.call(ctx, func(ctx context.Context, s api.Service) error {
		p, err := s.SetProfile(ctx, in)
		if err != nil {
			return err
		}
		if d := p.Delivery; d != nil && d.Known > 0 && d.Delivered == 0 {
			a.code = exitUndelivered
		}
		return a.print(p, func(out *printer) {
			printProfile(out, p, now())
			for _, n := range p.Notes {
				out.line(wrap("  ", clean(n), 2))
			}
			if p.Delivery != nil {
				out.line(wrap("", delivery(*p.Delivery), 2))
			}
		})
	})
}

// printProfile is who somebody is, how to call them, what time it is there, and whether they are there.
func printProfile(p *printer, in api.Profile, now time.Time) {
	head := clean(in.Responder)
	if in.Name != "" {
		head += "  " + clean(in.Name)
	}
	if in.Callsign != "" {
		head += ", callsign " + clean(in.Callsign)
	}
	p.line(wrap("", head, 2))
	for _, phone := range in.Phones {
		p.line("  phone  " + clean(phone))
	}
	if len(in.Phones) == 0 && in.Me {
		p.line(`  no phone; say it while the network is there: muster profile --phone "+44 ..."`)
	} else if len(in.Phones) == 0 {
		p.line("  no phone said")
	}
	if in.TZ != "" {
		p.line(wrap("  time   ", zoneTime(in.TZ, now), 9))
	}
	if in.Shift != "" {
		p.line(wrap("  shift  ", clean(in.Shift), 9))
	}
	there := heard(in.HeardMS, in.Via, in.Never)
	switch {
	case in.Me:
		there = "this node"
	case in.Reachable:
		there = "reachable"
	}
	p.linef("  %s, %s; %s", clean(in.Role), count(in.Devices, "device"), there)
}

// zoneTime says what time it is where somebody is, if this laptop knows the zone.
func zoneTime(zone string, now time.Time) string {
	at, err := time.LoadLocation(zone)
	if err != nil {
		return clean(zone) + " (not known on this laptop)"
	}
	return fmt.Sprintf("%s there (%s)", now.In(at).Format("15:04"), clean(zone))
}
