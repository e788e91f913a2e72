//go:build unix

package cli

import (
	"context"
	"errors"
	"os"
	"syscall"
	"time"

	"muster/node/api"
)

// lock takes an advisory lock on the file at path, waiting for its turn as long as ctx lasts. The kernel gives it back
// when this process ends, however it ends.
func lock(ctx context.Context, path string) (unlock func() error, err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	tick := time.NewTicker(pollInterval)
	defer tick.Stop()
	for {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			return f.Close, nil
		}
		if !errors.Is(err, syscall.EWOULDBLOCK) && !errors.Is(err, syscall.EINTR) {
			return nil, errors.Join(err, f.Close())
		}
		select {
		case <-ctx.Done():
			return nil, errors.Join(api.Errorf(api.CodeNoNode, "try again", "another verb has been starting the node for long"), f.Close())
		case <-tick.C:
		}
	}
}

// exited reports whether a child has ended, and how, and lets the kernel forget it. It does not wait.
func exited(pid int) (code int, ended bool) {
	var ws syscall.WaitStatus
	got, err := syscall.Wait4(pid, &ws, syscall.WNOHANG, nil)
	if err != nil {
		return exitFailed, !errors.Is(err, syscall.EINTR)
	}
	return ws.ExitStatus(), got == pid
}

// detached makes a child outlive this terminal.
func detached() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setsid: true} }
