//go:build unix && !linux

package cli

import (
	"errors"
	"syscall"
)

// bound keeps the terminal's interrupt from a child; nothing here makes it die with us, so the runner stops it.
func bound() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }

// alive reports whether a process exists.
func alive(pid int) bool { return pid > 0 && !errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) }
