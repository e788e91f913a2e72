package cli

import (
	"context"
	"log/slog"
	"os/signal"
	"path/filepath"
	"runtime/debug"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"muster/node"
	"muster/node/api"
)

// gcPercent is how much garbage a node lets come up, of what is in use, before it collects it: half of Go's default. The board
// is in memory and a laptop is for other work too; it costs some of the speed of a first sync.
const gcPercent = 50

// upCommand runs the node of the directory in this process. It is the one place of this package that knows what a node
// is made of.
func (a *app) upCommand() *cobra.Command {
	var verbose bool
	cmd := &cobra.Command{
		Use: "up [--listen ADDR:PORT] [--join ADDR:PORT]... [--no-discover]", Short: "run the node of this directory in the foreground",
		GroupID: groupNode, Args: none,
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			ctx, stop := signal.NotifyContext(cmd.Context(), syscall.SIGINT, syscall.SIGTERM)
			defer stop()
			level := slog.LevelWarn
			if verbose || a.background {
				level = slog.LevelInfo
			}
			out := a.Err
			if a.background {
				file, err := openLog(filepath.Join(a.set.dir, "node.log"))
				if err != nil {
					return err
				}
				a.close = append(a.close, file.Close)
				out = file
			}
			log := slog.New(slog.NewTextHandler(out, &slog.HandlerOptions{Level: level}))
			return a.up(ctx, log)
		},
	}
	flags := cmd.Flags()
	flags.String("listen", "", "address and port of the one UDP socket (default: any address, port 7946 or a free one)")
	flags.StringArray("join", nil, "where another node may answer; may be repeated")
	flags.Bool("no-discover", false, "do not look for other nodes on the links")
	flags.BoolVarP(&verbose, "verbose", "v", false, "log more")
	flags.BoolVar(&a.background, "background", false, "")
	if err := flags.MarkHidden("background"); err != nil {
		panic(err) // the flag is three lines above
	}
	return cmd
}

// up runs a node until ctx ends or it is told to stop.
func (a *app) up(ctx context.Context, log *slog.Logger) error {
	if a.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
	n, err := node.New(node.Config{
		Dir: a.set.dir, Listen: a.set.listen, Join: a.set.join, NoDiscover: !a.set.discover, Log: log, Version: buildVersion().Version,
		Keyring: a.keyring(), Passphrase: a.Getenv(envPassphrase),
	})
	if err != nil {
		return err
	}
	ended := make(chan error, 1)
	go func() { ended <- n.Run(ctx) }()
	select {
	case err := <-ended:
		return err
	case <-n.Ready():
	}
	tick := time.NewTicker(pollInterval)
	defer tick.Stop()
	for !api.Running(a.set.dir) { // ready means that the socket answers too
		select {
		case err := <-ended:
			return err
		case <-tick.C:
		}
	}
	p := &printer{w: a.Out}
	if addrs := n.Addrs(); len(addrs) > 0 {
		p.line("ready " + addrs[0].String())
	} else {
		p.line("ready " + a.set.listen.String())
	}
	if !a.background {
		p.err = a.note("the node runs until ctrl-C or \"muster down\". In another terminal: muster, muster help first-five-minutes")
	}
	if err := <-ended; err != nil {
		return err
	}
	return p.err
}
