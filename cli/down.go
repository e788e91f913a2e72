package cli

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"muster/node/api"
)

// downCommand stops the node of the directory and returns when it is gone.
func (a *app) downCommand() *cobra.Command {
	return &cobra.Command{
		Use: "down", Short: "stop the node of this directory", GroupID: groupNode, Args: none,
		RunE: func(cmd *cobra.Command, _ []string) error {
			st, err := stop(cmd.Context(), a.reach(a.set.dir), a.set.dir)
			if err != nil {
				return err
			}
			return a.print(map[string]string{"stopped": st.Home}, func(p *printer) { p.line("stopped the node in " + a.set.dir) })
		},
	}
}

// stop ends a node and waits, for a bounded time, until its process is gone and its directory free.
func stop(ctx context.Context, s api.Service, dir string) (api.Status, error) {
	ctx, cancel := context.WithTimeout(ctx, stopTimeout)
	defer cancel()
	st, err := s.Status(ctx)
	if err != nil {
		return st, err
	}
	if err := s.Stop(ctx); err != nil && api.AsError(err).Code != api.CodeStopped {
		return st, err
	}
	tick := time.NewTicker(pollInterval)
	defer tick.Stop()
	for api.Running(dir) || alive(st.PID) {
		select {
		case <-ctx.Done():
			return st, api.Errorf(api.CodeInternal, "wait, or look at node.log there", "the node in %s is still stopping", dir)
		case <-tick.C:
		}
	}
	return st, nil
}
