//go:build faults

package faults

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"muster/node/api"
)

const (
	startTimeout = 30 * time.Second // for a process to say that it is ready
	stopTimeout  = 20 * time.Second
	askTimeout   = 20 * time.Second // for one answer
)

// A laptop is one home directory and at most one process that runs its node.
type laptop struct {
	t    *testing.T
	name string
	dir  string
	addr string // it listens there, after every start
	join []string
	log  string
	node *api.Client

	cmd   *exec.Cmd  // nil while no process runs
	ended chan error // gets how the process ended, once
}

// newLaptop prepares one whose home is at dir. Its process ends with the test at the latest.
func newLaptop(t *testing.T, name, dir string) *laptop {
	t.Helper()
	l := &laptop{t: t, name: name, dir: dir, addr: freeAddr(t), log: filepath.Join(t.TempDir(), name+".log"), node: api.NewClient(dir)}
	t.Cleanup(l.node.Close)
	t.Cleanup(func() {
		l.kill()
		if log, err := os.ReadFile(l.log); err == nil && (t.Failed() || strings.Contains(string(log), "panic:")) {
			t.Errorf("log of %s:\n%s", name, log[max(0, len(log)-3000):])
		}
	})
	return l
}

// freeAddr returns a UDP address on loopback that nobody has. Ports below those that the kernel hands out stay free while
// a node is down.
func freeAddr(t *testing.T) string {
	t.Helper()
	for port := 20000 + os.Getpid()%5000; port < 32000; port++ {
		c, err := net.ListenPacket("udp", "127.0.0.1:"+strconv.Itoa(port))
		if errors.Is(err, syscall.EADDRINUSE) {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		ports.Lock()
		taken := ports.taken[port]
		ports.taken[port] = true
		ports.Unlock()
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
		if !taken {
			return "127.0.0.1:" + strconv.Itoa(port)
		}
	}
	t.Fatal("no port is free")
	return ""
}

// start runs the node and waits until it is ready.
func (l *laptop) start() {
	l.t.Helper()
	if err := l.tryStart(); err != nil {
		l.t.Fatalf("start %s: %v", l.name, err)
	}
}

// tryStart is start, and returns what the program says when it does not come up.
func (l *laptop) tryStart() error {
	log, err := os.OpenFile(l.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	r, w, err := os.Pipe()
	if err != nil {
		return errors.Join(err, log.Close())
	}
	args := []string{"up", "-v", "--dir", l.dir, "--listen", l.addr, "--no-discover"}
	for _, a := range l.join {
		args = append(args, "--join", a)
	}
	cmd := exec.Command(binary, args...)
	cmd.Env = environ()
	cmd.Stdout, cmd.Stderr = w, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
	ended := make(chan error, 1)
	err = startOnThread(cmd, ended)
	err = errors.Join(err, w.Close(), log.Close())
	if err != nil {
		return errors.Join(err, r.Close())
	}
	l.cmd, l.ended = cmd, ended
	err = r.SetReadDeadline(time.Now().Add(startTimeout))
	line, rerr := bufio.NewReader(r).ReadString('\n')
	if err = errors.Join(err, r.Close()); err != nil {
		return err
	}
	if rerr != nil || !strings.HasPrefix(line, "ready ") {
		said, _ := os.ReadFile(l.log) // it was written above
		l.kill()
		return fmt.Errorf("it said %q, and in its log: %s", line, tail(string(said), 600))
	}
	return nil
}

func tail(s string, n int) string { return s[max(0, len(s)-n):] }

// startOnThread starts cmd on a thread that stays until the process ends: the kernel's word "when the parent dies" means
// the thread.
func startOnThread(cmd *exec.Cmd, ended chan<- error) error {
	started := make(chan error)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			ended <- cmd.Wait()
		}
	}()
	return <-started
}

// environ is the environment without what would steer a muster.
func environ() []string {
	return slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "MUSTER_") })
}

// signal sends sig to the process, if there is one.
func (l *laptop) signal(sig syscall.Signal) {
	if l.cmd == nil {
		return
	}
	if err := l.cmd.Process.Signal(sig); err != nil && !errors.Is(err, os.ErrProcessDone) {
		l.t.Errorf("%v to %s: %v", sig, l.name, err)
	}
}

// kill ends the process at once and waits until it is gone.
func (l *laptop) kill() {
	if l.cmd == nil {
		return
	}
	l.signal(syscall.SIGKILL)
	if err := <-l.ended; err == nil {
		l.t.Errorf("%s had ended before it was killed", l.name)
	}
	l.cmd = nil
}

// stop ends the process in order and returns how it ended.
func (l *laptop) stop() error {
	if l.cmd == nil {
		return nil
	}
	l.signal(syscall.SIGTERM)
	timer := time.NewTimer(stopTimeout)
	defer timer.Stop()
	select {
	case err := <-l.ended:
		l.cmd = nil
		return err
	case <-timer.C:
		l.kill()
		return fmt.Errorf("%s did not stop within %v", l.name, stopTimeout)
	}
}

// alive reports whether the process still runs.
func (l *laptop) alive() bool {
	if l.cmd == nil {
		return false
	}
	select {
	case err := <-l.ended:
		l.ended <- err
		return false
	default:
		return true
	}
}

// status asks the node.
func (l *laptop) status() (api.Status, error) {
	ctx, cancel := context.WithTimeout(l.t.Context(), askTimeout)
	defer cancel()
	return l.node.Status(ctx)
}

// muster runs a verb as a person would.
func (l *laptop) muster(args ...string) (out string, code int) {
	l.t.Helper()
	ctx, cancel := context.WithTimeout(l.t.Context(), askTimeout)
	defer cancel()
	verb := exec.CommandContext(ctx, binary, append([]string{"--dir", l.dir}, args...)...)
	verb.Env = environ()
	b, err := verb.CombinedOutput()
	if _, exited := errors.AsType[*exec.ExitError](err); err != nil && !exited {
		l.t.Fatalf("muster %v: %v", args, err)
	}
	return strings.TrimSpace(string(b)), verb.ProcessState.ExitCode()
}

// until waits until ok returns an empty text; what it returned last is the reason for giving up.
func until(t *testing.T, limit time.Duration, ok func() string) {
	t.Helper()
	end := time.NewTimer(limit)
	defer end.Stop()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		why := ok()
		if why == "" {
			return
		}
		select {
		case <-tick.C:
		case <-end.C:
			t.Fatalf("not within %v: %s", limit, why)
		}
	}
}

// let passes time while faults and people do their work.
func let(d time.Duration) { <-time.After(d) }

// ports are the ports given out by this process.
var ports = struct {
	sync.Mutex
	taken map[int]bool
}{taken: map[int]bool{}}

// slurp reads a file.
func slurp(t *testing.T, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
