//go:build netns

package nettest

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"muster/node/api"
)

const (
	startTimeout = 30 * time.Second // for a process to say what it is to say first
	stopTimeout  = 20 * time.Second
	verbTimeout  = 30 * time.Second
)

// A host is one laptop: a namespace with one interface, a home directory, and at most one node.
type host struct {
	l    *lab
	name string
	ns   string
	port string // of the switch, that its cable ends in
	dir  string // home of its node
	up   *process
	node *api.Client
}

// A process is a program that runs in a host's namespace.
type process struct {
	h     *host
	cmd   *exec.Cmd
	lines chan string // its standard output, line by line; closed at its end
	ended chan error  // gets how it ended, once
	gone  bool        // ended was read
	log   string      // file that holds its standard error
}

// spawn starts a program in the host's namespace. It ends with the test at the latest.
func (h *host) spawn(env []string, args ...string) *process {
	h.l.t.Helper()
	log, err := os.CreateTemp(h.l.t.TempDir(), h.name+"-*.log")
	if err != nil {
		h.l.t.Fatal(err)
	}
	p := &process{h: h, lines: make(chan string, 4096), ended: make(chan error, 1), log: log.Name()}
	p.cmd = exec.Command("ip", append([]string{"netns", "exec", h.ns}, args...)...)
	p.cmd.Env = append(environ(), env...)
	p.cmd.Stderr = log
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
	out, err := p.cmd.StdoutPipe()
	if err == nil {
		err = p.start()
	}
	if err = errors.Join(err, log.Close()); err != nil {
		h.l.t.Fatal(err)
	}
	go func() {
		defer close(p.lines)
		for in := bufio.NewScanner(out); in.Scan(); {
			p.lines <- in.Text()
		}
		_ = out.Close() // it was read to its end, or to the end of the process
	}()
	h.l.t.Cleanup(p.kill)
	return p
}

// start starts the process on a thread that stays until the process ends: the kernel's word "when the parent dies"
// means the thread.
func (p *process) start() error {
	started := make(chan error)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := p.cmd.Start()
		started <- err
		if err == nil {
			_, err := p.cmd.Process.Wait()
			p.ended <- err
		}
	}()
	return <-started
}

// environ is the environment without what would steer a muster.
func environ() []string {
	return slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "MUSTER_") })
}

// line returns the next line of output, which must come in time.
func (p *process) line(limit time.Duration) string {
	p.h.l.t.Helper()
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case s, ok := <-p.lines:
		if !ok {
			p.h.l.t.Fatalf("%s: %v ended without a word: %s", p.h.name, p.cmd.Args, p.tail())
		}
		return s
	case <-timer.C:
		p.h.l.t.Fatalf("%s: %v says nothing within %v: %s", p.h.name, p.cmd.Args, limit, p.tail())
	}
	return ""
}

// kill ends the process at once, as a power cut would, and waits until it is gone.
func (p *process) kill() {
	if p.gone {
		return
	}
	if err := p.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		p.h.l.t.Errorf("kill %v: %v", p.cmd.Args, err)
	}
	p.wait()
}

// wait waits until the process is gone.
func (p *process) wait() {
	timer := time.NewTimer(stopTimeout)
	defer timer.Stop()
	select {
	case err := <-p.ended:
		if p.gone = true; err != nil {
			p.h.l.t.Errorf("wait for %v: %v", p.cmd.Args, err)
		}
	case <-timer.C:
		p.h.l.t.Errorf("%v is still there after %v", p.cmd.Args, stopTimeout)
	}
}

// tail returns the end of what the process wrote on its standard error.
func (p *process) tail() string {
	b, err := os.ReadFile(p.log)
	if err != nil {
		return err.Error()
	}
	return string(b[max(0, len(b)-4000):])
}

// start runs the host's node and waits until it is ready. It returns when it asked for it.
func (h *host) start(args ...string) (since time.Time) {
	h.l.t.Helper()
	since = h.launch(args...)
	h.ready()
	return since
}

// launch is start without waiting.
func (h *host) launch(args ...string) (since time.Time) {
	h.l.t.Helper()
	since = time.Now()
	h.up = h.spawn(nil, append([]string{os.Getenv(binaryEnv), "up", "-v", "--dir", h.dir}, args...)...)
	h.l.t.Cleanup(h.stop)
	if h.node == nil {
		h.node = api.NewClient(h.dir)
		h.l.t.Cleanup(h.node.Close)
	}
	return since
}

// ready waits for the node's first line.
func (h *host) ready() {
	h.l.t.Helper()
	if line := h.up.line(startTimeout); !strings.HasPrefix(line, "ready ") {
		h.l.t.Fatalf("%s says %q, want ready ADDR:PORT", h.name, line)
	}
}

// stop ends the host's node in order, and looks whether it had anything bad to say.
func (h *host) stop() {
	h.l.t.Helper()
	p := h.up
	if p.gone {
		return
	}
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		h.l.t.Error(err)
	}
	p.wait()
	if log := p.tail(); strings.Contains(log, "panic:") || strings.Contains(log, "goroutine ") || h.l.t.Failed() {
		h.l.t.Errorf("log of %s:\n%s", h.name, log)
	}
}

// muster runs a verb on the host as a person would, and returns what it prints and its exit code.
func (h *host) muster(args ...string) (out string, code int) {
	h.l.t.Helper()
	out, said, code := h.tries(args...)
	if code != 0 && code != 3 && code != 4 {
		h.l.t.Fatalf("%s: muster %v: exit %d: %s", h.name, args, code, said)
	}
	return out, code
}

// tries is muster for a verb that may fail. What it said about that is returned too.
func (h *host) tries(args ...string) (out, said string, code int) {
	h.l.t.Helper()
	ctx, cancel := context.WithTimeout(h.l.t.Context(), verbTimeout)
	defer cancel()
	verb := exec.CommandContext(ctx, "ip", append([]string{"netns", "exec", h.ns, os.Getenv(binaryEnv), "--dir", h.dir}, args...)...)
	var stdout, stderr bytes.Buffer
	verb.Env, verb.Stdout, verb.Stderr = environ(), &stdout, &stderr
	err := verb.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		h.l.t.Fatalf("%s: muster %v: %v", h.name, args, err)
	}
	return strings.TrimSpace(stdout.String()), strings.TrimSpace(stderr.String()), verb.ProcessState.ExitCode()
}

// team makes the hosts' nodes one team: the first invites, the others join with what it read to them. It returns when the
// last of them began to.
func (l *lab) team(hosts ...*host) (since time.Time) {
	l.t.Helper()
	hosts[0].muster("init", "--name", hosts[0].name, "--team", "net")
	_, code := hosts[0].invites(9)
	for _, h := range hosts[1:] {
		since = time.Now()
		h.muster("join", code, "--name", h.name)
		l.t.Logf("%s joined in %.2f s", h.name, time.Since(since).Seconds())
	}
	return since
}

// What an invitation looks like, as words to be said in a room and as the code that holds everything.
var (
	invitationWords = regexp.MustCompile(`\b[0-9]+(-[a-z]+){3}\b`)
	invitationCode  = regexp.MustCompile(`\bmuster-[a-z2-7]{40,}\b`)
)

// invites lets the host's node invite, and returns what a person would read out and what they would paste.
func (h *host) invites(uses int) (words, code string) {
	h.l.t.Helper()
	out, _ := h.muster("invite", "--uses", strconv.Itoa(uses))
	words, code = invitationWords.FindString(out), invitationCode.FindString(out)
	if code == "" {
		out, _ = h.muster("invite", "--uses", strconv.Itoa(uses), "--code")
		code = invitationCode.FindString(out)
	}
	if code == "" {
		h.l.t.Fatalf("%s: no code in %q", h.name, out)
	}
	return words, code
}

// note writes a note on each of the hosts' nodes, on all at once: a write waits a moment for peers to say that they have
// it. The text is what follows the host's name.
func (l *lab) note(text string, hosts ...*host) {
	l.t.Helper()
	ctx, cancel := context.WithTimeout(l.t.Context(), verbTimeout)
	defer cancel()
	var all sync.WaitGroup
	for _, h := range hosts {
		all.Go(func() {
			if _, err := h.node.Write(ctx, api.Write{Verb: "note", Text: h.name + ": " + text}); err != nil {
				l.t.Errorf("%s: note %q: %v", h.name, text, err)
			}
		})
	}
	all.Wait()
}

// status asks the host's node.
func (h *host) status() (api.Status, error) {
	ctx, cancel := context.WithTimeout(context.Background(), verbTimeout)
	defer cancel()
	return h.node.Status(ctx)
}

// notes returns the texts on the host's board, in its order.
func (h *host) notes() []string {
	h.l.t.Helper()
	ctx, cancel := context.WithTimeout(h.l.t.Context(), verbTimeout)
	defer cancel()
	inc, err := h.node.Show(ctx, "")
	if err != nil {
		h.l.t.Fatalf("%s: show: %v", h.name, err)
	}
	var out []string
	for _, n := range inc.Notes {
		out = append(out, n.Text)
	}
	return out
}

// write puts a file into the test's own directory.
func (h *host) write(name, text string) string {
	h.l.t.Helper()
	path := filepath.Join(h.l.t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		h.l.t.Fatal(err)
	}
	return path
}
