package cli

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"syscall"
)

// bound makes a child die with this process, however that ends, and keeps the terminal's interrupt from it.
func bound() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
}

// alive reports whether a process runs. One that has ended and only waits for its parent to notice does not.
func alive(pid int) bool {
	if pid <= 0 || errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) {
		return false
	}
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return false
	}
	_, after, ok := bytes.Cut(stat, []byte(") ")) // the name may hold spaces, its end is the last thing in brackets
	return !ok || len(after) == 0 || after[0] != 'Z'
}
