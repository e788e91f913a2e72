package cli

import (
	"bufio"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"muster/node/api"
)

const (
	carryTimeout   = 15 * time.Minute // a slow stick and a large board
	passphraseMin  = 12               // characters, of what a person makes up to seal a file or a laptop that may be lost
	passphraseMost = 1 << 10          // bytes
)

// carryCommands take operations where no network is.
func (a *app) carryCommands() []*cobra.Command {
	return []*cobra.Command{a.exportCommand(), a.importCommand()}
}

// A secretFlags says where a passphrase comes from.
type secretFlags struct {
	ask  bool
	file string
}

func (f *secretFlags) add(cmd *cobra.Command, what string) {
	cmd.Flags().BoolVar(&f.ask, "passphrase", false, what)
	cmd.Flags().StringVar(&f.file, "passphrase-file", "", "read it from the first line of a file")
}

// exportCommand writes operations into a sealed file.
func (a *app) exportCommand() *cobra.Command {
	var secret secretFlags
	cmd := &cobra.Command{
		Use: "export FILE [INCIDENT]", Short: "write the board into a sealed file, to be carried by hand", GroupID: groupMerge,
		Example: "  muster export /media/usb/board.muster\n  muster export board.muster amber-otter\n  muster export board.muster --passphrase",
		RunE: func(cmd *cobra.Command, args []string) error {
			in := api.Export{Incident: a.set.incident, Yes: a.set.yes}
			switch {
			case len(args) == 0:
				return usage("export", "which file?")
			case len(args) > 2 || len(args) == 2 && in.Incident != "":
				return usage("export", "%q is one word too many", args[len(args)-1])
			case len(args) == 2:
				in.Incident = args[1]
			}
			var err error
			if in.File, err = filepath.Abs(args[0]); err != nil {
				return err
			}
			if in.Passphrase, err = a.secret(secret, "passphrase for the file", true); err != nil {
				return err
			}
			return a.carry(cmd.Context(), func(ctx context.Context, s api.Service) error {
				out, err := s.Export(ctx, in)
				if err != nil && !in.Yes {
					if err = a.answer(err); err == nil {
						in.Yes = true
						out, err = s.Export(ctx, in)
					}
				}
				if err != nil {
					return err
				}
				return a.print(out, func(p *printer) { printExported(p, out) })
			})
		},
	}
	secret.add(cmd, "seal it with a passphrase instead of the team key, for somebody who may not have that")
	return cmd
}

func printExported(p *printer, out api.Exported) {
	what := count(len(out.Incidents), "incident")
	if len(out.Incidents) == 1 {
		what = clean(out.Incidents[0])
	}
	p.line(wrap("", "wrote "+count(out.Operations, "operation")+" ("+what+" and the team) to "+clean(out.File)+", "+size(out.Bytes), 2))
	for _, n := range out.Notes {
		p.line(wrap("  ", clean(n), 2))
	}
	if out.Sealed == "team key" {
		p.line("sealed with the team key: any laptop of the team opens it")
	} else {
		p.line("sealed with your passphrase: tell it on another way than the file goes")
	}
	p.line("on the other laptop: muster import FILE")
}

// size writes a number of bytes as people say it.
func size(n int64) string {
	switch {
	case n < 10<<10:
		return count(int(n), "byte")
	case n < 10<<20:
		return count(int(n>>10), "kilobyte")
	}
	return count(int(n>>20), "megabyte")
}

// importCommand takes in what such a file holds.
func (a *app) importCommand() *cobra.Command {
	var secret secretFlags
	cmd := &cobra.Command{
		Use: "import FILE", Short: "take in a file that another laptop exported", GroupID: groupMerge,
		Example: "  muster import /media/usb/board.muster\n  muster import board.muster --passphrase",
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usage("import", "which file?")
			}
			if len(args) > 1 {
				return usage("import", "%q is one word too many", args[1])
			}
			var in api.Import
			var err error
			if in.File, err = filepath.Abs(args[0]); err != nil {
				return err
			}
			if in.Passphrase, err = a.secret(secret, "passphrase of the file", false); err != nil {
				return err
			}
			return a.carry(cmd.Context(), func(ctx context.Context, s api.Service) error {
				out, err := s.Import(ctx, in)
				if err != nil {
					return outOfTeam(ctx, s, err)
				}
				if err := a.print(out, func(p *printer) { printImported(p, out, now()) }); err != nil {
					return err
				}
				return a.ownTrouble(ctx, s)
			})
		},
	}
	secret.add(cmd, "it is sealed with a passphrase")
	return cmd
}

// ownTrouble says beside an answer that this laptop is out of the team, and what to do.
func (a *app) ownTrouble(ctx context.Context, s api.Service) error {
	st, err := s.Status(ctx)
	if err != nil || !isOut(st) {
		return err
	}
	return a.note("%s", st.Warnings[0])
}

// outOfTeam adds to why a file could not be read that this laptop is out of the team: it does not get the newest key then.
func outOfTeam(ctx context.Context, s api.Service, err error) error {
	st, serr := s.Status(ctx)
	if serr != nil || !isOut(st) {
		return err
	}
	e := *api.AsError(err)
	e.Message += "; and " + st.Warnings[0]
	return &e
}

// isOut reports whether this laptop was removed from the team; the first warning says it.
func isOut(st api.Status) bool {
	return st.Removed != nil && st.Removed.Mode != api.DeviceSuspended && len(st.Warnings) > 0
}

func printImported(p *printer, out api.Imported, now time.Time) {
	by := ""
	if out.By != "" {
		by = " by " + clean(out.By)
	}
	p.line(wrap("", "read "+count(out.Operations, "operation")+", written "+clock(out.MadeMS, now)+by, 2))
	switch {
	case out.New == 0:
		p.line("nothing was new here")
	case len(out.Incidents) == 0:
		p.linef("%d new, all about the team", out.New)
	default:
		p.line(wrap("", count(out.New, "new operation")+" in "+clean(strings.Join(out.Incidents, ", ")), 2))
		p.line("muster merge tells what that changed")
	}
	if out.Waiting > 0 {
		p.line(wrap("", count(out.Waiting, "operation")+" cannot be shown yet: what comes before them is not here; any peer brings it, or a file of the whole board", 2))
	}
}

// carry reaches the node and does one thing with it that may take long.
func (a *app) carry(ctx context.Context, do func(context.Context, api.Service) error) error {
	s, err := a.service(ctx)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, carryTimeout)
	defer cancel()
	return do(ctx, s)
}

// secret reads a passphrase: from a file, from the terminal without showing it, or from a line of standard input. It is
// empty where none is asked for. Fresh ones are asked for twice.
func (a *app) secret(f secretFlags, what string, fresh bool) (string, error) {
	var words string
	switch {
	case f.file != "":
		file, err := os.Open(f.file)
		if err != nil {
			return "", api.Errorf(api.CodeUsage, "", "%s", err)
		}
		words, err = firstLine(file)
		if err = errors.Join(err, file.Close()); err != nil {
			return "", err
		}
	case !f.ask:
		return "", nil
	default:
		var err error
		if words, err = a.askSecret(what); err != nil {
			return "", err
		}
		if err := strongEnough(words); fresh && err != nil { // before it is asked for again
			return "", err
		}
		if fresh && a.ask {
			again, err := a.askSecret("once more")
			if err != nil {
				return "", err
			}
			if again != words {
				return "", api.Errorf(api.CodeUsage, "", "the two are not the same")
			}
		}
	}
	if err := strongEnough(words); fresh && err != nil {
		return "", err
	}
	if words == "" {
		return "", api.Errorf(api.CodeUsage, "", "the passphrase is empty")
	}
	return words, nil
}

// strongEnough refuses a fresh passphrase that guards nothing.
func strongEnough(words string) error {
	if n := len([]rune(words)); n < passphraseMin {
		return api.Errorf(api.CodeUsage, "four words that do not belong together are easy to say and hard to guess",
			"a passphrase of %d characters is too short, %d are wanted", n, passphraseMin)
	}
	return nil
}

// askSecret reads one line, hidden where somebody types it.
func (a *app) askSecret(what string) (string, error) {
	if in, ok := a.In.(*os.File); ok && a.ask && term.IsTerminal(int(in.Fd())) {
		p := &printer{w: a.Err}
		p.text(what + ": ")
		b, err := term.ReadPassword(int(in.Fd()))
		p.line("")
		return strings.TrimSpace(string(b)), errors.Join(err, p.err)
	}
	return firstLine(a.In)
}

// firstLine reads up to the first line end.
func firstLine(r io.Reader) (string, error) {
	line, err := bufio.NewReader(io.LimitReader(r, passphraseMost)).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return "", err
	}
	return strings.TrimSpace(line), nil
}
