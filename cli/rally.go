package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"muster/node/api"
)

// rallyCommand makes the page that is in the drawer when nothing else works.
func (a *app) rallyCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "rally", Short: "the page to print: who, where, and how to find each other again", GroupID: groupTeam,
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usage("rally", "there is no rally %q: print", args[0])
			}
			return usage("rally", "muster rally print")
		},
	}
	cmd.AddCommand(a.rallyPrintCommand())
	return cmd
}

func (a *app) rallyPrintCommand() *cobra.Command {
	var file string
	var html, invite bool
	var uses int
	cmd := &cobra.Command{
		Use: "print [--file F] [--html] [--with-invite]", Short: "write that page, as text or as HTML", Args: none,
		Example: "  muster rally print | lp\n  muster rally print --html --file rally.html\n  muster rally print --with-invite --uses 8",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if uses < 1 || cmd.Flags().Changed("uses") && !invite {
				return usage("rally print", "--uses goes with --with-invite and is 1 or more")
			}
			if err := a.mayReplace(file); err != nil {
				return err
			}
			return a.call(cmd.Context(), func(ctx context.Context, s api.Service) error {
				page := rallyPage{}
				var err error
				if page.Rally, err = s.Rally(ctx); err != nil {
					return err
				}
				if invite {
					inv, err := s.Invite(ctx, api.Invite{Uses: uses})
					if err != nil {
						return err
					}
					page.code, page.uses = inv.Code, inv.Uses
				}
				return a.printRally(page, file, html)
			})
		},
	}
	cmd.Flags().StringVar(&file, "file", "", "write it there")
	cmd.Flags().BoolVar(&html, "html", false, "as a page for a browser, which prints it or makes a PDF of it")
	cmd.Flags().BoolVar(&invite, "with-invite", false, "make an invitation and put it on the page: whoever holds the page can join")
	cmd.Flags().IntVar(&uses, "uses", 1, "how many may use that invitation")
	return cmd
}

// A rallyPage is what is on the page.
type rallyPage struct {
	api.Rally
	code string // of the invitation; empty: room for one
	uses int
}

// mayReplace asks before a file that is there is replaced.
func (a *app) mayReplace(file string) error {
	if file == "" || a.set.yes {
		return nil
	}
	info, err := os.Stat(file)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return api.Errorf(api.CodeRefused, "", "%s", err)
	case !info.Mode().IsRegular():
		return nil // a printer
	}
	e := api.Errorf(api.CodeConfirm, "use another name, or --yes", "there is a file %s", file)
	e.Question = file + " is there already: replace it?"
	return a.answer(e)
}

// printRally writes the page where it was asked for.
func (a *app) printRally(page rallyPage, file string, html bool) error {
	if file == "" && a.set.output != outText {
		return a.print(page.Rally, nil)
	}
	var b bytes.Buffer
	write := rallyText
	if html {
		write = rallyHTML
	}
	if err := write(&b, page); err != nil {
		return err
	}
	if file == "" {
		_, err := io.Copy(a.Out, &b)
		return err
	}
	if err := os.WriteFile(file, b.Bytes(), 0o600); err != nil {
		return api.Errorf(api.CodeRefused, "", "%s", err)
	}
	return a.note("wrote %s; print it, keep it where you would keep a key, and print it anew when people change", file)
}

// rallySteps are the same on every page. Words in backquotes are typed.
func rallySteps(port int) []string {
	return []string{
		"Open your laptop and type `muster`. The whole board is on your own disk, and everything works alone.",
		"Get on one network with anybody on this page: the office network, one cable, or the hotspot of one phone. No internet is needed. Laptops on one network find each other in seconds.",
		fmt.Sprintf("Not seen after a minute? `muster doctor` says why. Then try an address from above: `muster down`, then `muster up --join ADDRESS:%d`.", port),
		"A laptop that is not in the team yet: a member types `muster invite` and reads the words out, and you type `muster join WORDS`. Compare the fingerprint words on both screens.",
		"No network at all: `muster export FILE` on a stick, and `muster import FILE` on the other laptop. Whoever you reach by telephone tells you who commands.",
	}
}

// rallyStolen stands below the steps.
const rallyStolen = "A laptop is lost or stolen: `muster revoke @WHO/LAPTOP --stolen WHY`. Everything else that can go wrong: `muster help recovery`."

// rallyKeep is the last line of the page.
const rallyKeep = "Names and telephone numbers: keep this page where you would keep a key."

// rallyDate is when the page was made, with its date: it may be read in a year.
func rallyDate(ms int64) string { return time.UnixMilli(ms).UTC().Format("2006-01-02 15:04Z") }

// spokenName is who somebody is besides their handle.
func spokenName(p api.RallyPerson) string {
	name := clean(p.Name)
	if p.Callsign != "" {
		name += " (" + clean(p.Callsign) + ")"
	}
	return strings.TrimSpace(name)
}
