package cli

import (
	"context"
	"errors"
	"io/fs"
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
	testscript.Main(m, map[string]func(){"muster": func() { os.Exit(Main()) }})
}

// TestScripts runs testdata/script: every verb on real nodes, each script with its own home on loopback.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup:               setup,
		Cmds:                map[string]func(*testscript.TestScript, bool, []string){"exits": exits, "capture": capture},
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
	return filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil // went away meanwhile
		}
		dir := filepath.Dir(path)
		if err != nil || d.Name() != "device.key" || !api.Running(dir) {
			return err
		}
		c := api.NewClient(dir)
		defer c.Close()
		_, err = stop(context.Background(), c, dir)
		return err
	})
}

// exits runs a command and checks its exit code: exits 3 muster note x.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE COMMAND...")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	var ended *exec.ExitError
	if err := ts.Exec(args[1], args[2:]...); errors.As(err, &ended) {
		got = ended.ExitCode()
	} else {
		ts.Check(err)
	}
	if got != want {
		ts.Fatalf("%s: exit %d, want %d", strings.Join(args[1:], " "), got, want)
	}
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
