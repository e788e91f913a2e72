package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"muster/node/api"
)

// inviteOptions are the flags of invite.
type inviteOptions struct {
	api.Invite
	code   bool // print the long code and nothing else
	ascii  bool
	wait   bool
	bundle string
}

// inviteCommand makes an invitation and shows the ways to use it: words for who is in the room, the QR code for a camera,
// the long code for everybody else.
func (a *app) inviteCommand() *cobra.Command {
	in := inviteOptions{}
	cmd := &cobra.Command{
		Use: "invite [--uses N] [--for me|@WHO] [--observer]", Short: "let others into the team: words, a QR code, a long code", GroupID: groupTeam, Args: none,
		Example: "  muster invite\n  muster invite --uses 30 --wait\n  muster invite --for me         a second laptop of yours\n" +
			"  muster invite --bundle FILE    by a stick, with no network at all\n  CODE=$(muster invite --code)",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if in.Uses < 1 {
				return usage("invite", "--uses is 1 or more, not %d", in.Uses)
			}
			if in.code && in.wait {
				return usage("invite", "--code is for scripts and --wait for people: choose one")
			}
			in.Words, in.Invite.Bundle = !in.code, in.bundle != ""
			return a.invite(cmd.Context(), in)
		},
	}
	f := cmd.Flags()
	f.IntVar(&in.Uses, "uses", 1, "how many may use it")
	f.StringVar(&in.For, "for", "", "a further laptop of this person's: me or @WHO")
	f.BoolVar(&in.Observer, "observer", false, "who joins may read and not write")
	f.BoolVar(&in.code, "code", false, "print the long code and nothing else")
	f.StringVar(&in.bundle, "bundle", "", "write a `file` by which one can join without a network")
	f.BoolVar(&in.ascii, "ascii", false, "draw the QR code of plain characters, for paper")
	f.BoolVar(&in.wait, "wait", false, "stay, and say who comes in")
	return cmd
}

func (a *app) invite(ctx context.Context, in inviteOptions) error {
	if in.bundle != "" {
		if _, err := os.Lstat(in.bundle); !errors.Is(err, fs.ErrNotExist) {
			return api.Errorf(api.CodeUsage, "give another name", "%s is there already", in.bundle)
		}
	}
	var inv api.Invitation
	err := a.call(ctx, func(ctx context.Context, s api.Service) (err error) {
		inv, err = s.Invite(ctx, in.Invite)
		return err
	})
	if err != nil {
		return err
	}
	if in.bundle != "" {
		if err := writeNew(in.bundle, inv.Bundle); err != nil {
			return err
		}
	}
	err = a.print(inv, func(p *printer) {
		if in.code {
			p.line(clean(inv.Code))
			return
		}
		a.printInvitation(p, in, inv)
	})
	if err == nil {
		err = a.inviteNotes(in, inv)
	}
	if err == nil && in.wait {
		err = a.awaitGuests(ctx, inv)
	}
	return err
}

// writeNew writes a file that must not be there yet, for its owner alone, durably.
func writeNew(path string, b []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	return errors.Join(err, f.Sync(), f.Close())
}

// printInvitation shows an invitation, what is said aloud first.
func (a *app) printInvitation(p *printer, in inviteOptions, inv api.Invitation) {
	who := ""
	if inv.For != "" {
		who = " as a further laptop of " + clean(inv.For)
	}
	p.linef("in this room, tell them these words:\n\n      %s\n", p.strong(clean(inv.Words)))
	p.linef("they type: muster join %s", clean(inv.Words))
	p.line(wrap("", fmt.Sprintf("good for %s%s, for %s, while this node runs; who came in: muster invites",
		count(inv.Uses, "laptop"), who, age(api.WordsForMS)), 2))
	if in.bundle != "" {
		p.line(wrap("", fmt.Sprintf("by a stick, with no network: %s (%d kB); they type: muster join %s", clean(in.bundle), (len(inv.Bundle)+999)/1000, clean(in.bundle)), 2))
	}
	if drawn := a.drawCode(p, in.ascii, inv.Code); drawn {
		p.line("anywhere else they scan that, or paste this:")
	} else {
		p.line("anywhere else they paste this:")
	}
	p.linef("\nmuster join %s", clean(inv.Code))
}

// drawCode draws a QR code where a person can see it: on a terminal that is wide enough, or anywhere when it was asked for
// in plain characters.
func (a *app) drawCode(p *printer, ascii bool, code string) bool {
	lines, err := qrLines(qrText(code), ascii)
	if err != nil {
		return false // the code itself is printed below
	}
	if !ascii && (a.width == nil || a.width() < utf8.RuneCountInString(lines[0])) {
		return false
	}
	p.line("")
	for _, l := range lines {
		p.line(l)
	}
	p.line("")
	return true
}

// inviteNotes says beside the answer what goes with it.
func (a *app) inviteNotes(in inviteOptions, inv api.Invitation) error {
	var err error
	if in.code {
		err = a.note("on the other laptop: muster join CODE (good for %s)", count(inv.Uses, "laptop"))
	}
	for _, n := range inv.Notes {
		err = errors.Join(err, a.note("%s", n))
	}
	if in.bundle != "" {
		err = errors.Join(err, a.note("whoever has %s can join: keep it as you would a key", in.bundle))
		if len(inv.Bundle) > qrBytesMax {
			err = errors.Join(err, a.note("it is too large for a QR code, which holds the long code alone"))
		}
	}
	return err
}

// awaitGuests says who comes in by an invitation until it is used up or its words have had their time.
func (a *app) awaitGuests(ctx context.Context, inv api.Invitation) error {
	s, err := a.service(ctx)
	if err != nil {
		return err
	}
	if err := a.note("waiting for %s; end this with ctrl-c, the words stay good", count(inv.Uses, "laptop")); err != nil {
		return err
	}
	tick := time.NewTicker(guestInterval)
	defer tick.Stop()
	for told := 0; ; {
		all, err := s.Invites(ctx)
		if err != nil {
			return err
		}
		i := slices.IndexFunc(all, func(p api.Pending) bool { return p.ID == inv.ID })
		if i < 0 {
			return nil
		}
		for ; told < len(all[i].Came); told++ {
			c := all[i].Came[told]
			if err := a.print(c, func(p *printer) {
				p.linef("%s is in; the words of that laptop: %s", clean(c.Responder), clean(c.Words))
			}); err != nil {
				return err
			}
		}
		if st := all[i].WordsState; st != api.WordsOpen || all[i].Left == 0 {
			if st == api.WordsBurnt {
				return api.Errorf(api.CodeRefused, "make new ones: muster invite", "the words were guessed wrong %d times and are burnt", all[i].Wrong)
			}
			return nil
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// guestInterval is how often --wait looks whether somebody came.
const guestInterval = 200 * time.Millisecond

// invitesCommand lists invitations, and closes one.
func (a *app) invitesCommand() *cobra.Command {
	var all bool
	cmd := &cobra.Command{
		Use: "invites [--all]", Short: "which invitations there are, and who came by them", GroupID: groupTeam, Args: none,
		Example: "  muster invites\n  muster invites close 2",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.call(cmd.Context(), func(ctx context.Context, s api.Service) error {
				list, err := s.Invites(ctx)
				if err != nil {
					return err
				}
				return a.print(list, func(p *printer) { printInvites(p, list, all) })
			})
		},
	}
	cmd.Flags().BoolVar(&all, "all", false, "those too that let nobody in any more")
	cmd.AddCommand(&cobra.Command{
		Use: "close N|ID", Short: "let nobody in by an invitation any more",
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usage("invites close", `which one? give its number, as "muster invites" shows it`)
			}
			return a.call(cmd.Context(), func(ctx context.Context, s api.Service) error {
				inv, err := s.CloseInvite(ctx, args[0])
				if err != nil {
					return err
				}
				return a.print(inv, func(p *printer) { p.linef("invitation %d of %s is closed", inv.N, clean(inv.By)) })
			})
		},
	})
	return cmd
}

func printInvites(p *printer, list []api.Pending, all bool) {
	shown, used, closed := 0, 0, 0
	for _, inv := range list {
		over := inv.Closed || inv.Left == 0
		if over && !all && len(inv.Came) == 0 {
			if inv.Closed {
				closed++
			} else {
				used++
			}
			continue
		}
		shown++
		p.line(wrap("", inviteLine(inv), 4))
		for _, c := range inv.Came {
			p.line(wrap("    ", fmt.Sprintf("%s came in %s ago; the words of that laptop: %s", clean(c.Responder), age(now().UnixMilli()-c.AtMS), clean(c.Words)), 6))
		}
	}
	if shown == 0 {
		p.line("no invitation is open; make one with: muster invite")
	}
	switch {
	case used > 0 && closed > 0:
		p.linef("%d used up, %d closed: muster invites --all", used, closed)
	case used > 0:
		p.linef("%d used up: muster invites --all", used)
	case closed > 0:
		p.linef("%d closed: muster invites --all", closed)
	}
}

// inviteLine is one invitation in the list.
func inviteLine(inv api.Pending) string {
	line := pad(strconv.Itoa(inv.N), 3) + " "
	switch {
	case inv.Closed:
		line += "closed"
	case inv.Left == 0:
		line += "used up"
	default:
		line += fmt.Sprintf("%d of %d left", inv.Left, inv.Uses)
	}
	line += ", by " + clean(inv.By)
	if inv.For != "" {
		line += ", a laptop of " + clean(inv.For)
	}
	if inv.Role != "responder" {
		line += ", " + clean(inv.Role)
	}
	switch inv.WordsState {
	case "":
	case api.WordsOpen:
		line += fmt.Sprintf("; words %s for %s", clean(inv.Words), age(max(0, inv.ExpiresMS-now().UnixMilli())))
		if inv.Wrong > 0 {
			line += ", guessed wrong " + count(inv.Wrong, "time")
		}
	default:
		line += fmt.Sprintf("; words %s %s", clean(inv.Words), clean(inv.WordsState))
	}
	return line + " [" + clean(inv.ID) + "]"
}
