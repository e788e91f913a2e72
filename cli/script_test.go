package cli

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"muster/node/api"
)

// raceExit is what the race detector is told in the environment.
const raceExit = "atexit_sleep_ms=0"

// TestMain lets the test binary be muster when it is run under that name, as scripts and nodes in the background do.
func TestMain(m *testing.M) {
	// A program under the race detector sleeps a second at its end; there are hundreds of ends here.
	if err := os.Setenv("GORACE", raceExit); err != nil {
		panic(err)
	}
	programs := map[string]func(){"muster": func() { os.Exit(Main()) }, "settled": func() { os.Exit(settledProgram()) }}
	if programs[filepath.Base(os.Args[0])] == nil {
		if err := forget(os.Environ()); err != nil {
			panic(err)
		}
	}
	testscript.Main(m, programs)
}

// forget takes what the person who runs the tests has set for muster of their own out of the environment, and the keyring
// of their desktop: it would seal what some tests look for on disk.
func forget(environ []string) error {
	var errs []error
	for _, v := range environ {
		name, _, _ := strings.Cut(v, "=")
		if strings.HasPrefix(name, "MUSTER_") && name != rewrite || name == "DBUS_SESSION_BUS_ADDRESS" || name == "XDG_RUNTIME_DIR" {
			errs = append(errs, os.Unsetenv(name))
		}
	}
	return errors.Join(errs...)
}

// TestScripts runs testdata/script: every verb on real nodes, each script with its own home on loopback.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup:               setup,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"does": does, "exits": exits, "capture": capture, "protected": protected, "together": together, "until": until,
		},
	})
}

// setup keeps nodes on loopback, out of each other's sight unless a script joins them, and ends them with the script.
func setup(env *testscript.Env) error {
	for k, v := range map[string]string{"HOME": env.WorkDir, "MUSTER_LISTEN": "127.0.0.1:0", "MUSTER_DISCOVER": "off", "MUSTER_KEYRING": "off", "TZ": "UTC", "GORACE": raceExit} {
		env.Setenv(k, v)
	}
	env.Defer(func() {
		if err := stopAll(env.WorkDir); err != nil {
			panic(err) // a node outlives its test
		}
	})
	return nil
}

// stopAll stops every node whose home is somewhere below root.
func stopAll(root string) error {
	dirs, err := homes(root)
	for _, dir := range dirs {
		c := api.NewClient(dir)
		_, serr := stop(context.Background(), c, dir)
		err = errors.Join(err, serr)
		c.Close()
	}
	return err
}

// execute runs a command and returns its exit code.
func execute(ts *testscript.TestScript, args []string) int {
	var ended *exec.ExitError
	err := ts.Exec(args[0], args[1:]...)
	if errors.As(err, &ended) {
		return ended.ExitCode()
	}
	ts.Check(err)
	return exitOK
}

// exits runs a command and checks its exit code: exits 3 muster note x. What it wrote all the same is waited for as after does.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE COMMAND...")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	if got := execute(ts, args[1:]); got != want {
		ts.Fatalf("%s: exit %d, want %d", strings.Join(args[1:], " "), got, want)
	}
	ts.Check(settled(ts.Getenv("WORK"), false))
}

// capture puts what the last output matched, or its first group, into a variable: capture CODE '(.+)'.
func capture(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: capture NAME PATTERN")
	}
	re, err := regexp.Compile("(?m)" + args[1])
	ts.Check(err)
	m := re.FindStringSubmatch(ts.ReadFile("stdout"))
	if m == nil {
		ts.Fatalf("the output does not match %s", args[1])
	}
	ts.Setenv(args[0], m[len(m)-1])
}
