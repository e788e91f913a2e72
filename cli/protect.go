package cli

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"muster/node"
	"muster/node/api"
)

// A passphrase comes from a file, from the environment or from the terminal, in that order; never from an argument, which
// every program on the machine could read.
const (
	envPassphrase = "MUSTER_PASSPHRASE"
	envKeyring    = "MUSTER_KEYRING" // "off": as if the session had none
)

// protectionWords say what each protection means for whoever reads the status.
func protectionWords(p string) string {
	switch p {
	case api.ProtectedKeyring:
		return "protected by the keyring of your desktop session"
	case api.ProtectedPassphrase:
		return "protected by a passphrase"
	case api.ProtectedLocked:
		return "locked: muster unlock"
	}
	return "not protected: a thief of this laptop can read the board (muster protect)"
}

// keyring is what fresh homes are guarded by.
func (a *app) keyring() node.Keyring {
	if a.Getenv(envKeyring) == "off" {
		return nil
	}
	return node.SystemKeyring()
}

// protectCommand says or changes what guards this laptop's directory.
func (a *app) protectCommand() *cobra.Command {
	var file string
	var noRelay bool
	cmd := &cobra.Command{
		Use: "protect [keyring | passphrase | none]", Short: "seal this disk against thieves; alone: say how it stands",
		GroupID: groupNode, Args: cobra.MaximumNArgs(1),
		Example: "  muster protect passphrase\n  muster protect passphrase --passphrase-file ~/secret\n  muster protect keyring\n" +
			"  muster protect passphrase --no-relay   after a restart, connect to nobody until it is unlocked",
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return a.protection(cmd.Context())
			}
			if noRelay && args[0] == api.ProtectedNone {
				return usage("protect", "--no-relay is for a laptop that is protected: one that is not never starts locked")
			}
			return a.protect(cmd.Context(), api.Protect{Mode: args[0], NoRelay: noRelay}, file)
		},
	}
	cmd.Flags().StringVar(&file, "passphrase-file", "", "file with the passphrase in its first line")
	cmd.Flags().BoolVar(&noRelay, "no-relay", false, "while locked, pass nothing on: no key for it on this disk")
	return cmd
}

// unlockCommand opens a node that was started without its passphrase.
func (a *app) unlockCommand() *cobra.Command {
	var file string
	cmd := &cobra.Command{
		Use: "unlock", Short: "open a node that has started locked", GroupID: groupNode, Args: none,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.unlock(cmd.Context(), file) },
	}
	cmd.Flags().StringVar(&file, "passphrase-file", "", "file with the passphrase in its first line")
	return cmd
}

// protection prints how the directory is guarded.
func (a *app) protection(ctx context.Context) error {
	s, err := a.open(ctx, a.set.dir)
	if err != nil {
		return err
	}
	st, err := s.Status(ctx)
	if err != nil {
		return err
	}
	return a.printProtection(st)
}

func (a *app) printProtection(st api.Status) error {
	return a.print(map[string]string{"home": st.Home, "protection": st.Protection}, func(p *printer) {
		p.line(protectionWords(st.Protection))
		switch st.Protection {
		case api.ProtectedNone:
			p.line(wrap("", `muster protect passphrase, or muster protect keyring; "muster help protection" says what each is good for`, 2))
		case api.ProtectedKeyring, api.ProtectedPassphrase:
			for _, w := range st.Warnings {
				p.line(wrap("warning: ", clean(w), 2))
			}
		}
	})
}

// protect changes the guard. A directory without a device gets its guard before anything else is written.
func (a *app) protect(ctx context.Context, in api.Protect, file string) error {
	mode := in.Mode
	if mode == api.ProtectedPassphrase {
		var err error
		if in.Passphrase, err = a.passphrase(file, true); err != nil {
			return err
		}
	}
	_, err := os.Lstat(filepath.Join(a.set.dir, "device.key"))
	if fresh := errors.Is(err, fs.ErrNotExist); fresh && mode != api.ProtectedNone {
		if err := node.Prepare(node.Config{Dir: a.set.dir, Keyring: a.keyring()}, mode, in.Passphrase); err != nil {
			return err
		}
		if err := a.unlockWith(ctx, in.Passphrase); err != nil || !in.NoRelay {
			return err
		}
		s, err := a.open(ctx, a.set.dir)
		if err == nil {
			_, err = s.Protect(ctx, in) // there is a team now that it can be said to
		}
		return err
	}
	s, err := a.open(ctx, a.set.dir)
	if err != nil {
		return err
	}
	st, err := s.Protect(ctx, in)
	if err != nil {
		return err
	}
	return a.printProtection(st)
}

func (a *app) unlock(ctx context.Context, file string) error {
	s, err := a.open(ctx, a.set.dir)
	if err != nil {
		return err
	}
	st, err := s.Status(ctx)
	if err != nil {
		return err
	}
	if st.Protection != api.ProtectedLocked {
		return a.printProtection(st)
	}
	st, err = s.Unlock(ctx, api.Unlock{}) // the keyring needs no passphrase
	if err == nil {
		return a.printProtection(st)
	}
	if api.AsError(err).Code != api.CodeUsage {
		return err
	}
	text, err := a.passphrase(file, false)
	if err != nil {
		return err
	}
	return a.unlockWith(ctx, text)
}

func (a *app) unlockWith(ctx context.Context, passphrase string) error {
	s, err := a.open(ctx, a.set.dir)
	if err != nil {
		return err
	}
	st, err := s.Unlock(ctx, api.Unlock{Passphrase: passphrase})
	if err != nil {
		return err
	}
	return a.printProtection(st)
}

// passphrase gets the passphrase; a new one must not be short, and is asked for twice.
func (a *app) passphrase(file string, fresh bool) (string, error) {
	var p string
	var err error
	typed := false
	switch env := a.Getenv(envPassphrase); {
	case file != "":
		p, err = readPassphrase(file)
	case env != "":
		p = env
	case !a.ask:
		err = api.Errorf(api.CodeUsage, "type it at a terminal, or give it in "+envPassphrase+" or --passphrase-file", "there is nobody to ask for the passphrase")
	default:
		typed = true
		p, err = a.askSecret("passphrase")
	}
	if err == nil && fresh {
		err = strongEnough(p)
	}
	if err != nil || !fresh || !typed {
		return p, err
	}
	again, err := a.askSecret("again")
	if err == nil && again != p {
		err = api.Errorf(api.CodeUsage, "nothing was changed", "the two are not the same")
	}
	return p, err
}

// readPassphrase reads the first line of a file.
func readPassphrase(path string) (_ string, err error) {
	f, err := os.Open(path)
	if err != nil {
		return "", api.Errorf(api.CodeUsage, "", "the passphrase file: %s", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	line, err := firstLine(f)
	if err == nil && line == "" {
		err = api.Errorf(api.CodeUsage, "its first line is the passphrase", "%s is empty", path)
	}
	return line, err
}
