package api

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Another program at the local door: this test binary, run again with outsiderEnv set to the directory of a node.
const (
	outsiderEnv  = "MUSTER_TEST_OUTSIDER"
	outsiderWait = time.Minute
	nobody       = 65534
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(outsiderEnv); dir != "" {
		fmt.Println(knockAsOutsider(dir))
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// knockAsOutsider tries what somebody with an account on this machine can, and says how far it got.
func knockAsOutsider(dir string) string {
	if _, err := os.ReadDir(dir); err == nil {
		fmt.Println("read the directory")
	}
	if _, err := os.ReadFile(filepath.Join(dir, "device.key")); err == nil {
		fmt.Println("read the key")
	}
	c, err := net.DialTimeout("unix", SocketPath(dir), outsiderWait)
	if err != nil {
		return "not connected: " + errors.Unwrap(errors.Unwrap(err)).Error()
	}
	if err := c.SetDeadline(time.Now().Add(outsiderWait)); err != nil {
		return err.Error()
	}
	// The node may have closed it already: what counts is whether anything comes back.
	_, werr := io.WriteString(c, "POST "+pathStatus+" HTTP/1.1\r\nHost: muster\r\nContent-Type: application/json\r\n"+
		VersionHeader+": "+Version+"\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}")
	answer, rerr := io.ReadAll(c)
	if len(answer) == 0 {
		return fmt.Sprintf("no answer (%v, %v)", werr, rerr)
	}
	line, _, _ := strings.Cut(string(answer), "\r\n")
	return "answered: " + line
}

// TestOtherUsersGetNothing, T6: another user of this machine cannot enter the directory, so reads no file and finds no
// socket; and where its modes were widened since, for whatever reason, the node closes without a word what is not its owner's.
// Tests that do not run as root have only themselves: the owner is answered, and the check is told of others.
func TestOtherUsersGetNothing(t *testing.T) {
	base := t.TempDir()
	home := filepath.Join(base, "home")
	if err := os.Mkdir(home, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(home, "device.key"), []byte("secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	ln, err := Listen(home)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- Serve(ctx, ln, &fake{}, slog.New(slog.DiscardHandler)) }()
	defer func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}()
	program := filepath.Join(base, "outsider")
	self, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.WriteFile(program, self, 0o700), os.Chmod(program, 0o755)); err != nil { // whatever the umask
		t.Fatal(err)
	}
	for dir := base; filepath.Base(dir) != filepath.Base(os.TempDir()) && dir != "/"; dir = filepath.Dir(dir) {
		if err := os.Chmod(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	knock := func(uid int) string {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), program)
		cmd.Dir = "/"
		cmd.Env = append(os.Environ(), outsiderEnv+"="+home)
		if uid != os.Getuid() {
			id := uint32(uid)
			cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: id, Gid: id}}
		}
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		return strings.TrimSpace(string(out))
	}
	const answered = "answered: HTTP/1.1 200 OK"
	if got := knock(os.Getuid()); !strings.HasSuffix(got, answered) {
		t.Errorf("the owner: %s", got)
	}
	if os.Getuid() == 0 {
		if got, want := knock(nobody), "not connected: permission denied"; got != want {
			t.Errorf("another user: %q, want %q", got, want)
		}
		for path, mode := range map[string]os.FileMode{home: 0o755, SocketPath(home): 0o666} {
			if err := os.Chmod(path, mode); err != nil {
				t.Fatal(err)
			}
		}
		got := knock(nobody)
		if !strings.Contains(got, "no answer") || strings.Contains(got, "read the key") {
			t.Errorf("another user through an open door: %q", got)
		}
	}
	for _, c := range []struct {
		uid, self int
		ask, tell bool
	}{
		{1000, 1000, true, true},
		{0, 1000, true, true},
		{0, 0, true, true},
		{nobody, 1000, false, false},
		{nobody, 0, false, true},
		{1000, 0, false, true},
	} {
		if got := mayAsk(c.uid, c.self); got != c.ask {
			t.Errorf("a node of %d answers %d: %t", c.self, c.uid, got)
		}
		if got := mayTell(c.uid, c.self); got != c.tell {
			t.Errorf("a client of %d trusts a node of %d: %t", c.self, c.uid, got)
		}
	}
}
