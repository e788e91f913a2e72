//go:build faults

package faults

import (
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

var (
	seed       = flag.Uint64("seed", uint64(time.Now().UnixNano()), "of the moments at which faults happen")
	kills      = flag.Int("kills", 100, "how often a node is killed")
	pauses     = flag.Int("pauses", 8, "how often a node is stopped for seconds")
	powerCuts  = flag.Int("cuts", 40, "how often the power fails")
	fulls      = flag.Int("fulls", 5, "how often a disk fills up")
	flips      = flag.Int("flips", 20, "how often a file rots")
	clones     = flag.Int("clones", 2, "how often a home is copied")
	redactions = flag.Int("redactions", 6, "how often a secret is redacted")
	partitions = flag.Int("partitions", 10, "how often the network is cut in two")
	difference = flag.Int("difference", 10_000, "operations that the two sides of a partition write in all")
)

// The program under test, and the directory that everything lives in.
var binary, root string

const (
	rootPrefix = "muster-faults-" // of names in the temporary directory: rootPrefix PID
	binaryEnv  = "FAULTS_MUSTER"  // a program built by hand, to look into something
)

func TestMain(m *testing.M) {
	flag.Parse()
	code, err := run(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, "faults:", err)
		os.Exit(1)
	}
	os.Exit(code)
}

func run(m *testing.M) (code int, err error) {
	if os.Geteuid() != 0 {
		return 0, errors.New("mounting needs root")
	}
	for _, tool := range []string{"mkfs.ext4", "mount", "umount"} {
		if _, err := exec.LookPath(tool); err != nil {
			return 0, err
		}
	}
	if err := sweep(); err != nil {
		return 0, err
	}
	root = filepath.Join(os.TempDir(), rootPrefix+strconv.Itoa(os.Getpid()))
	if err := os.Mkdir(root, 0o700); err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, remove(root)) }()
	if binary = os.Getenv(binaryEnv); binary == "" {
		binary = filepath.Join(root, "muster")
		build := exec.Command("go", "build", "-trimpath", "-o", binary, "../../cli/muster")
		build.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := build.CombinedOutput(); err != nil {
			return 0, fmt.Errorf("build muster: %w\n%s", err, out)
		}
	}
	fmt.Printf("seed %d\n", *seed)
	began := time.Now()
	code = m.Run()
	fmt.Printf("%-12s %5s %8s %6s %6s %7s\n", "fault", "hits", "acked", "lost", "reused", "seconds")
	for _, s := range sums.lines {
		fmt.Println(s)
	}
	fmt.Printf("all in %.0f s\n", time.Since(began).Seconds())
	return code, nil
}

// sweep removes what killed runs left behind.
func sweep() error {
	left, err := filepath.Glob(filepath.Join(os.TempDir(), rootPrefix+"*"))
	if err != nil {
		return err
	}
	for _, dir := range left {
		pid, err := strconv.Atoi(strings.TrimPrefix(filepath.Base(dir), rootPrefix))
		if err != nil || !errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) {
			continue
		}
		if err := remove(dir); err != nil {
			return err
		}
	}
	return nil
}

var mountPoint = regexp.MustCompile(`(?m)^\S+ (\S+) `)

// remove unmounts what is mounted under dir, which gives the loop devices back too, and removes dir.
func remove(dir string) error {
	mounts, err := os.ReadFile("/proc/mounts")
	if err != nil {
		return err
	}
	var errs []error
	for _, m := range slices.Backward(mountPoint.FindAllStringSubmatch(string(mounts), -1)) {
		if strings.HasPrefix(m[1], dir+"/") {
			errs = append(errs, syscall.Unmount(m[1], syscall.MNT_DETACH))
		}
	}
	return errors.Join(append(errs, os.RemoveAll(dir))...)
}

// random is a source of moments that -seed repeats, one for each test.
func random(t *testing.T) *rand.Rand {
	t.Helper()
	h := uint64(14695981039346656037)
	for _, c := range []byte(t.Name()) {
		h = (h ^ uint64(c)) * 1099511628211
	}
	return rand.New(rand.NewPCG(*seed, h))
}

// sums collects one line for each class of faults.
var sums struct {
	sync.Mutex
	lines []string
}

func report(class string, hits int, a audited, since time.Time, more string) {
	sums.Lock()
	defer sums.Unlock()
	sums.lines = append(sums.lines, fmt.Sprintf("%-12s %5d %8d %6d %6d %7.1f  %s",
		class, hits, a.acked, a.lost, a.reused, time.Since(since).Seconds(), more))
}
