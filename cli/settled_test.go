package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"muster/node"
	"muster/node/api"
)

// What a write says of its delivery is what is known within a moment of real time, which a busy machine can outlast; the
// script would then go on with nodes that differ. So scripts wait for what they build on, and only what never happens takes
// as long as the patience here.
const patience = 3 * time.Minute

// homes are the homes below root in which a node runs.
func homes(root string) (dirs []string, err error) {
	err = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil // went away meanwhile
		}
		if dir := filepath.Dir(path); err == nil && d.Name() == "device.key" && api.Running(dir) {
			dirs = append(dirs, dir)
		}
		return err
	})
	return dirs, err
}

// eventually asks until nothing is missing.
func eventually(missing func(context.Context) (string, error)) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	tick := time.NewTicker(pollInterval)
	defer tick.Stop()
	for {
		what, err := missing(ctx)
		if err != nil || what == "" {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("not within %v: %s", patience, what)
		case <-tick.C:
		}
	}
}

// statusOf asks the node of dir how it is.
func statusOf(ctx context.Context, dir string) (api.Status, error) {
	c := api.NewClient(dir)
	defer c.Close()
	return c.Status(ctx)
}

// settled waits until no node below root has something that a node which it reaches lacks, and with meet also until all who
// run there and know each other reach each other. Who is cut off by a drill of the other side's takes a while to notice, and
// is not waited for.
func settled(root string, meet bool) error {
	dirs, err := homes(root)
	if err != nil {
		return err
	}
	return eventually(func(ctx context.Context) (string, error) {
		var all []api.Status
		runs, cut := map[string]bool{}, map[[2]string]bool{} // who; who and whom
		for _, dir := range dirs {
			st, err := statusOf(ctx, dir)
			if err != nil {
				return "", fmt.Errorf("%s: %w", dir, err)
			}
			all, runs[st.Responder] = append(all, st), true
			for _, p := range st.Peers {
				cut[[2]string{st.Responder, p.Responder}] = p.Cut
			}
		}
		for _, st := range all {
			for _, p := range st.Peers {
				switch {
				case p.Cut, cut[[2]string{p.Responder, st.Responder}]:
				case p.Reachable && p.Lacks > 0:
					return fmt.Sprintf("%s has %d operations that %s lacks", st.Responder, p.Lacks, p.Responder), nil
				case !p.Reachable && meet && runs[p.Responder]:
					return st.Responder + " does not reach " + p.Responder, nil
				}
			}
		}
		return "", nil
	})
}

// delivered waits until somebody whom the node of dir reaches lacks nothing of it.
func delivered(dir string) error {
	return eventually(func(ctx context.Context) (string, error) {
		st, err := statusOf(ctx, dir)
		if err != nil || slices.ContainsFunc(st.Peers, func(p api.Peer) bool { return p.Reachable && p.Lacks == 0 }) {
			return "", err
		}
		return "nobody has what " + st.Responder + " wrote", nil
	})
}

// does runs a verb that must succeed and waits until all who can be reached have what it wrote: does muster --dir ann note x.
func does(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 3 || args[1] != "--dir" {
		ts.Fatalf("usage: does muster --dir HOME VERB...")
	}
	switch code := execute(ts, args); code {
	case exitOK:
	case exitUndelivered: // yet
		ts.Check(delivered(ts.MkAbs(args[2])))
	default:
		ts.Fatalf("exit %d", code)
	}
	ts.Check(settled(ts.Getenv("WORK"), false))
}

// together waits until the nodes of some homes, which are called as their people are, reach each other and hold the same:
// together ann bob.
func together(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: together HOME HOME...")
	}
	ts.Check(eventually(func(ctx context.Context) (string, error) {
		digest := ""
		for _, name := range args {
			st, err := statusOf(ctx, ts.MkAbs(name))
			if err != nil {
				return "", err
			}
			for _, other := range args {
				if other != name && !slices.ContainsFunc(st.Peers, func(p api.Peer) bool { return p.Responder == other && p.Reachable && p.Lacks == 0 }) {
					return name + " does not reach " + other + ", or has something that they lack", nil
				}
			}
			if digest != "" && st.Digest != digest {
				return args[0] + " and " + name + " hold different boards", nil
			}
			digest = st.Digest
		}
		return "", nil
	}))
}

// until runs a command until its output matches: until '^bob +last heard ' muster --dir ann peers.
func until(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: until PATTERN COMMAND...")
	}
	re, err := regexp.Compile("(?m)" + args[0])
	ts.Check(err)
	ts.Check(eventually(func(context.Context) (string, error) {
		execute(ts, args[1:])
		if re.MatchString(ts.ReadFile("stdout")) {
			return "", nil
		}
		return "the output does not match " + args[0], nil
	}))
}

// protected makes a home whose passphrase, the first line of a file, costs next to nothing to try: protected HOME FILE.
func protected(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: protected HOME FILE")
	}
	passphrase, err := readPassphrase(ts.MkAbs(args[1]))
	ts.Check(err)
	ts.Check(node.Prepare(node.Config{Dir: ts.MkAbs(args[0]), PassphraseWork: 10}, api.ProtectedPassphrase, passphrase))
}

// settledProgram is settled for a shell: of all homes below HOME.
func settledProgram() int {
	if err := settled(os.Getenv("HOME"), true); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return exitFailed
	}
	return exitOK
}
