//go:build netns

package nettest

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"syscall"
	"testing"
)

const (
	binaryEnv      = "NETTEST_MUSTER" // the program under test; TestMain builds it unless it is given
	binarySizeMax  = 30 << 20         // bytes
	namespacesRoot = "/run/netns"
)

// TestMain builds the program once and checks that namespaces can be made here.
func TestMain(m *testing.M) {
	code, err := run(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, "nettest:", err)
		os.Exit(1)
	}
	os.Exit(code)
}

func run(m *testing.M) (code int, err error) {
	if os.Geteuid() != 0 {
		return 0, errors.New("network namespaces need root")
	}
	for _, tool := range []string{"ip", "nft", "ping", "avahi-daemon", "avahi-browse", "dbus-daemon"} {
		if _, err := exec.LookPath(tool); err != nil {
			return 0, fmt.Errorf("%w; see the package comment for what to install", err)
		}
	}
	if err := sweep(); err != nil {
		return 0, err
	}
	if os.Getenv(binaryEnv) != "" {
		return m.Run(), nil // a program built by hand, to look into something
	}
	dir, err := os.MkdirTemp("", "nettest-")
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	binary := filepath.Join(dir, "muster")
	if err := build(binary); err != nil {
		return 0, err
	}
	if err := os.Setenv(binaryEnv, binary); err != nil {
		return 0, err
	}
	return m.Run(), nil
}

// build makes the one static file that people run.
func build(path string) error {
	cmd := exec.Command("go", "build", "-trimpath", "-ldflags=-s -w", "-o", path, "../../cli/muster")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("build muster: %w\n%s", err, out)
	}
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	fmt.Printf("muster is %.1f MB\n", float64(info.Size())/1e6)
	if info.Size() >= binarySizeMax {
		return fmt.Errorf("the binary is %d bytes, want under %d", info.Size(), binarySizeMax)
	}
	return nil
}

// ours matches the names of namespaces that a run of these tests made, and says which process.
var ours = regexp.MustCompile(`^muster([0-9]+)-`)

// sweep removes the namespaces of runs that were killed. Those of a run that still lives are left alone.
func sweep() error {
	entries, err := os.ReadDir(namespacesRoot)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	for _, e := range entries {
		m := ours.FindStringSubmatch(e.Name())
		if m == nil {
			continue
		}
		pid, err := strconv.Atoi(m[1])
		if err != nil || !errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) {
			continue
		}
		if out, err := exec.Command("ip", "netns", "del", e.Name()).CombinedOutput(); err != nil {
			return fmt.Errorf("remove what a killed run left: %w: %s", err, out)
		}
	}
	return nil
}
