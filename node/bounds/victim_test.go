//go:build linux

package bounds

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"muster/node/api"
)

const (
	memoryLimitBytes = 256 << 20
	startTimeout     = 3 * time.Minute
	writeTimeout     = 2 * time.Minute // what a write may take is judged by all of them
)

// A victim is a node in a process of its own.
type victim struct {
	t    *testing.T
	dir  string
	addr netip.AddrPort
	cmd  *exec.Cmd
	node *api.Client
}

// startVictim builds the program and runs a node until the test ends.
func startVictim(t *testing.T) *victim {
	t.Helper()
	bin := filepath.Join(t.TempDir(), "muster")
	if out, err := exec.Command("go", "build", "-o", bin, "muster/cli/muster").CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	v := &victim{t: t, dir: filepath.Join(t.TempDir(), "home")}
	v.cmd = exec.Command(bin, "up", "--dir", v.dir, "--listen", "127.0.0.1:0")
	v.cmd.Env = slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "MUSTER_") })
	v.cmd.Env = append(v.cmd.Env, "MUSTER_KEYRING=off", fmt.Sprintf("GOMEMLIMIT=%d", memoryLimitBytes))
	v.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	var log strings.Builder
	v.cmd.Stderr = &log
	out, err := v.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := v.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ready := make(chan string, 1)
	read := make(chan struct{})
	go func() {
		defer close(read)
		for in := bufio.NewScanner(out); in.Scan(); {
			if addr, ok := strings.CutPrefix(in.Text(), "ready "); ok {
				ready <- addr
			}
		}
	}()
	t.Cleanup(func() {
		if err := v.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
			t.Error(err)
		}
		<-read
		if err := v.cmd.Wait(); err != nil {
			t.Errorf("the node ended with %v\n%s", err, log.String())
		}
	})
	select {
	case addr := <-ready:
		if v.addr, err = netip.ParseAddrPort(addr); err != nil {
			t.Fatal(err)
		}
	case <-time.After(startTimeout):
		t.Fatal("the node is not ready")
	}
	v.node = api.NewClient(v.dir)
	t.Cleanup(v.node.Close)
	return v
}

// write writes as the person at the victim, and returns how long that took.
func (v *victim) write(w api.Write) time.Duration {
	v.t.Helper()
	ctx, cancel := context.WithTimeout(v.t.Context(), writeTimeout)
	defer cancel()
	w.Yes = true
	begun := time.Now()
	if _, err := v.node.Write(ctx, w); err != nil {
		v.t.Fatalf("write after %v: %v", time.Since(begun), err)
	}
	return time.Since(begun)
}

// writesMax is how many notes the person writes during one flood, about: what is measured is room beside the flood, and
// in a long one the person would else outdo it.
const writesMax = 500

// writing writes notes one after the other until flood returns, and returns how long each took.
func (v *victim) writing(flood func()) []time.Duration {
	v.t.Helper()
	done := make(chan struct{})
	go func() {
		defer close(done)
		flood()
	}()
	pause := time.NewTimer(0)
	defer pause.Stop()
	var took []time.Duration
	for n := 0; ; n++ { // one at least, however short the flood was
		took = append(took, v.write(api.Write{Verb: "note", Text: "note number " + strconv.Itoa(n)}))
		pause.Reset(*span / writesMax)
		select {
		case <-done:
			return took
		case <-pause.C:
		}
	}
}

// memory returns the most memory the process has had at a time, and has now, in bytes, and how much of that is its own:
// the rest is files, which the kernel takes back when it likes.
func (v *victim) memory() (peak, now, own uint64) {
	v.t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", v.cmd.Process.Pid))
	if err != nil {
		v.t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		f := strings.Fields(line)
		if len(f) == 3 && f[2] == "kB" {
			n, err := strconv.ParseUint(f[1], 10, 64)
			if err != nil {
				v.t.Fatal(err)
			}
			switch f[0] {
			case "VmHWM:":
				peak = n << 10
			case "VmRSS:":
				now = n << 10
			case "RssAnon:":
				own = n << 10
			}
		}
	}
	return peak, now, own
}

// p99 returns the 99th percentile, which of less than a hundred is the largest.
func p99(ds []time.Duration) time.Duration {
	ds = slices.Sorted(slices.Values(ds))
	return ds[min(len(ds)*99/100, len(ds)-1)]
}
