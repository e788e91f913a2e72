package cli

import (
	"bufio"
	"context"
	"errors"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"golang.org/x/term"

	"muster/node/api"
)

// Exit codes; see help topic exit-codes.
const (
	exitOK          = 0
	exitFailed      = 1
	exitUsage       = 2
	exitUndelivered = 3
	exitHuman       = 4
	exitNoNode      = 5

	// exitBusy is what a node started in the background tells the verb that started it: the directory has a node.
	exitBusy = 75
)

// requestTimeout bounds one call of a verb to its own node.
const requestTimeout = 60 * time.Second

// Streams are what a command reads and writes, and its environment.
type Streams struct {
	In       io.Reader
	Out, Err io.Writer
	Getenv   func(string) string
}

// An app is one run of the command line.
type app struct {
	Streams
	ask   bool // In is a terminal: questions can be asked
	color bool // Out is a terminal that shows colour, and nobody asked for none

	// width returns the columns of the terminal that Out is; nil: it is none.
	width func() int

	set settings

	// open reaches the node of dir, starting it if it must.
	open func(ctx context.Context, dir string) (api.Service, error)
	// reach is open without starting one.
	reach func(dir string) api.Service
	close []func() error // what to do at the end, whatever happened

	code       int  // exit code of a verb that did not fail
	background bool // this is a node that a verb started
}

// Main runs muster with the arguments, streams and environment of the process and returns its exit code.
func Main() int {
	// quic-go would print through the standard logger, into the middle of a board, that a socket buffer is small.
	if err := os.Setenv("QUIC_GO_DISABLE_RECEIVE_BUFFER_WARNING", "true"); err != nil {
		return exitFailed
	}
	a := newApp(Streams{In: os.Stdin, Out: os.Stdout, Err: os.Stderr, Getenv: os.Getenv})
	a.ask = terminal(os.Stdin)
	a.color = terminal(os.Stdout) && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
	if terminal(os.Stdout) {
		a.width = func() int { return columnsOf(os.Stdout) }
	}
	return a.run(context.Background(), os.Args[1:])
}

// newApp returns an app that talks to real nodes.
func newApp(s Streams) *app {
	a := &app{Streams: s, set: settings{output: outText}}
	a.reach = func(dir string) api.Service {
		c := api.NewClient(dir)
		a.close = append(a.close, func() error { c.Close(); return nil })
		return c
	}
	a.open = a.openOrStart
	return a
}

// terminal reports whether f is a terminal, as far as its mode tells: a device for characters that is not the null one.
func terminal(f *os.File) bool {
	info, err := f.Stat()
	if err != nil || info.Mode()&os.ModeCharDevice == 0 {
		return false
	}
	null, err := os.Stat(os.DevNull)
	return err != nil || !os.SameFile(info, null)
}

// columnsOf returns how wide a terminal is; 0: it does not say.
func columnsOf(f *os.File) int {
	width, _, err := term.GetSize(int(f.Fd()))
	if err != nil {
		return 0
	}
	return width
}

// run does one command line and returns its exit code.
func (a *app) run(ctx context.Context, args []string) (code int) {
	defer func() {
		for _, f := range a.close {
			if err := f(); err != nil && code == exitOK {
				code = a.fail(err, args)
			}
		}
	}()
	args = unfold(args)
	root := a.root()
	root.SetArgs(args)
	root.SetIn(a.In)
	root.SetOut(a.Out)
	root.SetErr(a.Err)
	if err := root.ExecuteContext(ctx); err != nil {
		return a.fail(err, args)
	}
	return a.code
}

// fail reports err and returns the exit code for it.
func (a *app) fail(err error, args []string) int {
	e := spoken(err)
	if a.set.output == outText && !asksForJSON(args) {
		say := &printer{w: a.Err} // lines are not wrapped: somebody may search for them
		say.line("muster: " + clean(e.Message))
		if e.Code == api.CodeConfirm && e.Question != "" {
			say.line("        " + clean(e.Question))
		}
		if len(e.Candidates) > 0 && !said(e.Candidates, e.Message, e.Hint) {
			say.line("        perhaps: " + clean(strings.Join(e.Candidates, ", ")))
		}
		if e.Hint != "" {
			say.line("hint: " + clean(e.Hint))
		}
	} else if werr := api.EncodeError(a.Err, e); werr != nil {
		return exitFailed // nobody listens
	}
	if a.background && e.Code == api.CodeDirInUse {
		return exitBusy
	}
	return exitOf(e.Code)
}

// said reports whether every one of some words is in one of the texts already.
func said(words []string, texts ...string) bool {
	return slices.ContainsFunc(texts, func(text string) bool {
		return !slices.ContainsFunc(words, func(w string) bool { return !strings.Contains(text, w) })
	})
}

// exitOf gives the exit code for a code of an error.
func exitOf(code string) int {
	switch code {
	case api.CodeUsage:
		return exitUsage
	case api.CodeConfirm, api.CodeLocked:
		return exitHuman
	case api.CodeNoNode:
		return exitNoNode
	}
	return exitFailed
}

// spoken returns err as an error with a code. What has none comes from the parser of the command line.
func spoken(err error) *api.Error {
	var e *api.Error
	if errors.As(err, &e) {
		return e
	}
	return &api.Error{Code: api.CodeInternal, Message: err.Error()}
}

// asksForJSON looks for -o json where parsing failed before it got there.
func asksForJSON(args []string) bool {
	for i, arg := range args {
		v, joined := "", false
		for _, p := range []string{"-o=", "-o", "--output="} {
			if v, joined = strings.CutPrefix(arg, p); joined && v != "" {
				break
			}
		}
		if (arg == "-o" || arg == "--output") && i+1 < len(args) {
			v = args[i+1]
		}
		if v == "json" || v == "jsonl" {
			return true
		}
	}
	return false
}

// service reaches the node, starting one in the background when none runs.
func (a *app) service(ctx context.Context) (api.Service, error) {
	return a.open(ctx, a.set.dir)
}

// confirm asks a question that ends in a question mark; only y and yes mean yes.
func (a *app) confirm(question string) (bool, error) {
	p := &printer{w: a.Err}
	p.text(clean(question) + " [y/N] ")
	if p.err != nil {
		return false, p.err
	}
	answer, err := bufio.NewReader(a.In).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return false, err
	}
	answer = strings.ToLower(strings.TrimSpace(answer))
	return answer == "y" || answer == "yes", nil
}
