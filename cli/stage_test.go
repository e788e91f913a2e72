package cli

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"muster/node/api"
)

// run does a command line in this process, on real nodes where it needs them.
func run(t *testing.T, args ...string) result {
	t.Helper()
	var out, diag bytes.Buffer
	dir := t.TempDir()
	a := newApp(Streams{In: strings.NewReader(""), Out: &out, Err: &diag, Getenv: func(k string) string {
		return map[string]string{"MUSTER_DIR": dir}[k]
	}})
	code := a.run(t.Context(), args)
	return result{code, out.String(), diag.String()}
}

// short is a script that takes no time: two people, a cut, a heal.
const short = `people ann bob
net all
13:00:00 ann declare "checkout 500s" --sev 2
13:00:10 ann note "door code 4471-blue"
13:00:20 ann note "stays on every disk"
net ann | bob
13:01:00 ann sev 3
13:01:10 bob sev 1
13:01:20 bob ack "nothing like it"
13:01:30 ann redact "door code" "a secret"
#check @bob severity 1
#check @ann severity 3
net all
expect same-on-all-nodes
expect severity 1
expect merged severity
expect note "door code" redacted
expect purged "4471-blue"
expect purged "stays on every disk"
expect commander bob
`

// scriptFile writes a script and returns its path.
func scriptFile(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "x.replay")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestReplayTellsTrueFromFalse: what holds is ok, what does not is FAIL with where and what was seen, and a line that
// fails is told. A text that nobody redacted is found on the disks: a purged that holds means something.
func TestReplayTellsTrueFromFalse(t *testing.T) {
	t.Parallel()
	keep := filepath.Join(t.TempDir(), "kept")
	r := run(t, "replay", scriptFile(t, short), "--keep", keep)
	said := strings.Join(strings.Fields(r.out), " ")
	for _, want := range []string{
		`ok line 11 check @bob severity 1`, `ok line 12 check @ann severity 3`, `ok line 14 expect same-on-all-nodes`, `ok line 15`, `ok line 16`,
		`ok line 17 expect note "door code" redacted`, `ok line 18 expect purged "4471-blue"`,
		`FAIL line 9 13:01:20 bob ack "nothing like it"`, `FAIL line 19 expect purged "stays on every disk" shown on ann`,
		`FAIL line 20 expect commander bob on ann: ann`, `7 of 10 hold; 2 nodes, 7 lines typed`,
	} {
		if !strings.Contains(said, want) {
			t.Errorf("lacks %q", want)
		}
	}
	if r.code != exitFailed {
		t.Errorf("exit %d, want 1", r.code)
	}
	if t.Failed() {
		t.Log(r.out, r.err)
	}
	s := &stage{root: keep}
	if path, err := s.onDisk("stays on every disk"); err != nil || path == "" {
		t.Errorf("a text that is there is not found on disk: %v", err)
	}
	for _, name := range []string{"ann", "bob"} {
		if api.Running(filepath.Join(keep, name)) {
			t.Errorf("the node of %s still runs", name)
		}
	}
}

// TestRecordedIncidents: each of the real incidents, typed again on real nodes, ends as its script says, and leaves
// nothing behind. The checks in between are judged too.
func TestRecordedIncidents(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/replays/*.replay")
	if err != nil || len(files) != 3 {
		t.Fatalf("%d recorded incidents, %v", len(files), err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			t.Parallel()
			if r := run(t, "replay", file, "--speed", "max"); r.code != exitOK {
				t.Errorf("exit %d\n%s%s", r.code, r.out, r.err)
			}
		})
	}
}

// TestReplayForScripts: the findings as one document, and the checks left out when they are not wanted.
func TestReplayForScripts(t *testing.T) {
	t.Parallel()
	r := run(t, "replay", scriptFile(t, "people ann\nnet all\n13:00 ann declare x\n#check @all commander none\nexpect commander ann\n"), "--checks=false", "-o", "jsonl")
	if r.code != exitOK || r.out != `{"line":5,"text":"expect commander ann","ok":true}`+"\n" {
		t.Errorf("exit %d %s%s", r.code, r.out, r.err)
	}
}

// muster is a command that runs this program with an own directory for temporary files.
func muster(t *testing.T, tmp string, args ...string) *exec.Cmd {
	t.Helper()
	cmd, err := self(args...)
	if err != nil {
		t.Fatal(err)
	}
	cmd.Env = append(os.Environ(), "TMPDIR="+tmp, "HOME="+tmp)
	return cmd
}

// TestDemo: the demonstration shows the cut, both boards, the heal and what is to settle, ends well and leaves nothing.
func TestDemo(t *testing.T) {
	t.Parallel()
	tmp := t.TempDir()
	out, err := muster(t, tmp, "demo", "--speed", "max").CombinedOutput()
	if err != nil {
		t.Errorf("%v", err)
	}
	at := 0
	for _, want := range []string{
		"the network breaks: ann and bob | carol", "delivered 0/2; not: ", "what is seen by ann and bob", "what is seen by carol", "the link returns",
		"TO SETTLE 2", "settle command ann", "at the end, on everybody's node", "MITIGATED", "All three boards are equal.",
	} {
		i := strings.Index(string(out[at:]), want)
		if i < 0 {
			t.Fatalf("lacks %q after byte %d\n%s", want, at, out)
		}
		at += i
	}
	if strings.Contains(string(out), "UNEXPECTED") {
		t.Errorf("the demo does not end as it says\n%s", out)
	}
	if left, err := os.ReadDir(tmp); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

// TestNodesEndWithTheirRunner: a runner that is interrupted stops its nodes and removes their homes; one that is killed
// takes its nodes with it all the same.
func TestNodesEndWithTheirRunner(t *testing.T) {
	t.Parallel()
	slow := "people ann bob\nnet all\n13:00 ann declare x\n14:00 ann note y\nexpect commander ann\n"
	for name, sig := range map[string]syscall.Signal{"interrupted": syscall.SIGINT, "terminated": syscall.SIGTERM, "killed": syscall.SIGKILL} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tmp := t.TempDir()
			cmd := muster(t, tmp, "replay", scriptFile(t, slow), "--speed", "1", "--verbose")
			out, err := cmd.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			lines := bufio.NewScanner(out)
			for lines.Scan() && !strings.Contains(lines.Text(), "declare x") {
			}
			homes, err := filepath.Glob(filepath.Join(tmp, "muster-*", "*", "device.key"))
			if err != nil || len(homes) != 2 {
				t.Fatalf("%d nodes, %v", len(homes), err)
			}
			ended := make(chan string, len(homes))
			watching := make(chan struct{}, len(homes))
			for _, key := range homes {
				go func() { ended <- watch(t.Context(), filepath.Dir(key), watching) }()
				<-watching
			}
			if err := cmd.Process.Signal(sig); err != nil {
				t.Fatal(err)
			}
			for range homes {
				if why := <-ended; why != "" {
					t.Error(why)
				}
			}
			for lines.Scan() {
			}
			if err := cmd.Wait(); err == nil {
				t.Error("an interrupted replay ends with 0")
			}
			if left, err := os.ReadDir(tmp); sig != syscall.SIGKILL && (err != nil || len(left) > 0) {
				t.Errorf("left behind: %v, %v", left, err)
			}
		})
	}
}

// watch follows a node until it ends. It returns "" when it did, else what went wrong.
func watch(ctx context.Context, dir string, watching chan<- struct{}) string {
	c := api.NewClient(dir)
	defer c.Close()
	first := true
	for _, err := range c.Watch(ctx, "") {
		if first {
			watching <- struct{}{}
			first = false
		}
		if err != nil && api.AsError(err).Code != api.CodeStopped {
			return fmt.Sprintf("%s: %v", dir, err)
		}
	}
	if first {
		watching <- struct{}{}
		return dir + ": no node"
	}
	return ""
}
