package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"muster/node/api"
)

// These tests run the program as people do, as processes with homes of their own on the loopback interface, and do to
// it what happens to laptops: power cuts, bad disks, strangers on the network.

// asProgram makes this test binary be the program.
const asProgram = "MUSTER_TEST_AS_PROGRAM"

// Only what hangs takes as long as these.
const (
	startLimit   = 3 * time.Minute
	stopLimit    = 2 * time.Minute
	callLimit    = 2 * time.Minute
	syncLimit    = 3 * time.Minute
	pollInterval = 10 * time.Millisecond
)

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		main()
	}
	os.Exit(m.Run())
}

// program is the command for one run of the program.
func program(ctx context.Context, args ...string) (*exec.Cmd, error) {
	exe, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, exe, args...)
	cmd.Env = append(slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "MUSTER_") }), asProgram+"=1", "MUSTER_KEYRING=off")
	return cmd, nil
}

// A laptop is a home directory and the node that may run in it.
type laptop struct {
	t    *testing.T
	name string
	dir  string
	node *api.Client

	cmd   *exec.Cmd
	ended chan error // gets how the process ended, once
	log   string     // file with what the process wrote on its standard error, over all its runs
	addr  string     // of the last ready line
}

// newLaptop makes an empty home. Its node, if one runs at the end of the test, is stopped and must stop in order.
func newLaptop(t *testing.T, name string) *laptop {
	t.Helper()
	dir := filepath.Join(t.TempDir(), name)
	l := &laptop{t: t, name: name, dir: dir, node: api.NewClient(dir), log: dir + ".log"}
	t.Cleanup(func() {
		l.stop()
		l.node.Close()
		text, err := os.ReadFile(l.log)
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			t.Error(err)
		}
		if bytes.Contains(text, []byte("panic:")) || bytes.Contains(text, []byte("goroutine ")) || t.Failed() {
			t.Errorf("log of %s: %s", name, text[max(0, len(text)-8000):])
		}
	})
	return l
}

// start runs the node and waits for its ready line.
func (l *laptop) start(args ...string) {
	l.t.Helper()
	cmd, err := program(context.Background(), append([]string{"up", "--dir", l.dir, "--no-discover"}, args...)...)
	if err != nil {
		l.t.Fatal(err)
	}
	log, err := os.OpenFile(l.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		l.t.Fatal(err)
	}
	out, w, err := os.Pipe()
	if err != nil {
		l.t.Fatal(err)
	}
	cmd.Stdout, cmd.Stderr, cmd.SysProcAttr = w, log, dependent()
	l.cmd, l.ended = cmd, make(chan error, 1)
	begun := make(chan error)
	go func() {
		runtime.LockOSThread() // a dependent process depends on the thread that started it
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		begun <- err
		if err == nil {
			l.ended <- cmd.Wait()
		}
	}()
	if err := errors.Join(<-begun, w.Close(), log.Close()); err != nil {
		l.t.Fatal(err)
	}
	err = out.SetReadDeadline(time.Now().Add(startLimit))
	line, rerr := bufio.NewReader(out).ReadString('\n')
	if err := errors.Join(err, rerr, out.Close()); err != nil {
		l.t.Fatalf("%s does not get ready: %v", l.name, err)
	}
	addr, ok := strings.CutPrefix(strings.TrimSpace(line), "ready ")
	if !ok {
		l.t.Fatalf("%s says %q, want ready ADDR:PORT", l.name, line)
	}
	l.addr = addr
}

// stop ends the node in order, if it runs.
func (l *laptop) stop() {
	l.t.Helper()
	if l.cmd == nil {
		return
	}
	if err := l.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		l.t.Error(err)
	}
	if err := l.wait(); err != nil {
		l.t.Errorf("%s ended with %v", l.name, err)
	}
}

// kill ends the node as a power cut would.
func (l *laptop) kill() {
	l.t.Helper()
	if err := l.cmd.Process.Kill(); err != nil {
		l.t.Fatalf("%s: %v", l.name, err)
	}
	if err := l.wait(); err == nil || err.Error() != "signal: killed" {
		l.t.Fatalf("%s ended with %v before it was killed", l.name, err)
	}
}

// wait waits for the process to end and returns how it did.
func (l *laptop) wait() error {
	limit := time.NewTimer(stopLimit)
	defer limit.Stop()
	select {
	case err := <-l.ended:
		l.cmd = nil
		return err
	case <-limit.C:
		return errors.Join(fmt.Errorf("still running after %v", stopLimit), l.cmd.Process.Kill(), <-l.ended)
	}
}

// A saying is what one run of a verb said.
type saying struct {
	out, err string
	code     int
}

// says runs a verb on the laptop.
func (l *laptop) says(args ...string) saying {
	l.t.Helper()
	ctx, cancel := context.WithTimeout(l.t.Context(), callLimit)
	defer cancel()
	cmd, err := program(ctx, append([]string{"--dir", l.dir}, args...)...)
	if err != nil {
		l.t.Fatal(err)
	}
	var out, diag bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &diag
	var exit *exec.ExitError
	if err := cmd.Run(); err != nil && !errors.As(err, &exit) {
		l.t.Fatalf("%s: muster %v: %v", l.name, args, err)
	}
	return saying{strings.TrimSpace(out.String()), diag.String(), cmd.ProcessState.ExitCode()}
}

// does is says of a verb that must succeed, whether or not somebody else has it yet.
func (l *laptop) does(args ...string) string {
	l.t.Helper()
	s := l.says(args...)
	if s.code != 0 && s.code != 3 {
		l.t.Fatalf("%s: muster %v: exit %d: %s", l.name, args, s.code, s.err)
	}
	return s.out
}

// refuses is says of a verb that must fail with this exit code, and say what is wrong and what to do about it.
func (l *laptop) refuses(code int, want string, args ...string) {
	l.t.Helper()
	s := l.says(args...)
	if s.code != code || !strings.HasPrefix(s.err, "muster: ") || !strings.Contains(s.err, "\nhint: ") || !strings.Contains(s.err, want) {
		l.t.Errorf("muster %v: exit %d, %q; want exit %d, %q and a hint", args, s.code, s.err, code, want)
	}
}

// status asks the node.
func (l *laptop) status() api.Status {
	l.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), callLimit)
	defer cancel()
	st, err := l.node.Status(ctx)
	if err != nil {
		l.t.Fatalf("status of %s: %v", l.name, err)
	}
	return st
}

// until waits for ok, which says what is missing or nothing.
func until(t *testing.T, what string, ok func() string) {
	t.Helper()
	end := time.NewTimer(syncLimit)
	defer end.Stop()
	tick := time.NewTicker(pollInterval)
	defer tick.Stop()
	for {
		missing := ok()
		if missing == "" {
			return
		}
		select {
		case <-tick.C:
		case <-end.C:
			t.Fatalf("%s: not within %v: %s", what, syncLimit, missing)
		}
	}
}

// same says what keeps laptops from reaching each other and showing the same.
func same(laptops ...*laptop) func() string {
	return func() string {
		digest := ""
		for _, l := range laptops {
			st := l.status()
			for _, p := range st.Peers {
				if !p.Reachable || p.Lacks > 0 {
					return fmt.Sprintf("%s sees %s reachable %t, lacking %d", l.name, p.Responder, p.Reachable, p.Lacks)
				}
			}
			if digest == "" {
				digest = st.Digest
			}
			if st.Digest != digest || len(st.Peers) != len(laptops)-1 {
				return fmt.Sprintf("%s shows another board, or knows %d others", l.name, len(st.Peers))
			}
		}
		return ""
	}
}

// Ports to look for one that stays free while a node is down: below those that Linux gives to whoever asks for any.
const portFirst, portEnd = 20_000, 32_000

// freeAddr returns an address that a node can be stopped and started on.
func freeAddr(t *testing.T) string {
	t.Helper()
	var last error
	for port := portFirst + os.Getpid()%(portEnd-portFirst)/2; port < portEnd; port++ { // two runs at a time begin in two places
		var c net.PacketConn
		if c, last = net.ListenPacket("udp4", fmt.Sprintf("127.0.0.1:%d", port)); last == nil {
			if err := c.Close(); err != nil {
				t.Fatal(err)
			}
			return c.LocalAddr().String()
		}
	}
	t.Fatal(last)
	return ""
}

// pair is two laptops in one team with an incident, both running, the second told where the first is.
func pair(t *testing.T) (a, b *laptop) {
	t.Helper()
	a, b = newLaptop(t, "ann"), newLaptop(t, "bob")
	a.start("--listen", freeAddr(t))
	b.start("--listen", freeAddr(t), "--join", a.addr)
	a.does("init", "--name", "ann", "--team", "ops")
	b.does("join", a.does("invite", "--code"), "--name", "bob")
	a.does("declare", "checkout 500s", "--sev", "2")
	until(t, "one team", same(a, b))
	return a, b
}
