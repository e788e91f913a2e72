package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// serve runs s on the socket of a fresh directory and returns a client of it and the directory.
func serve(t *testing.T, s Service) (*Client, string) {
	t.Helper()
	dir := t.TempDir()
	ln, err := Listen(dir)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- Serve(ctx, ln, s, nil) }()
	c := NewClient(dir)
	t.Cleanup(func() {
		c.Close()
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("Serve ended with %v", err)
		}
	})
	return c, dir
}

// methods calls every method but Watch through any Service; the name says what the fake must have seen.
func methods() map[string]func(context.Context, Service) (got, want, seen any, err error) {
	w := Write{Verb: "do", Who: []string{"bob"}, Text: "check \"lag\"", ForMS: 300000, Once: true, Yes: true, Severity: 2}
	return map[string]func(context.Context, Service) (got, want, seen any, err error){
		"write": func(ctx context.Context, s Service) (_, _, _ any, err error) {
			r, err := s.Write(ctx, w)
			return r, fakeReceipt, w, err
		},
		"status": func(ctx context.Context, s Service) (_, _, _ any, err error) {
			r, err := s.Status(ctx)
			return r, fakeStatus, "status", err
		},
		"show": func(ctx context.Context, s Service) (_, _, _ any, err error) {
			r, err := s.Show(ctx, "amber")
			return r, fakeIncident, "show amber", err
		},
		"brief": func(ctx context.Context, s Service) (_, _, _ any, err error) {
			r, err := s.Brief(ctx, "amber")
			return r, fakeBriefing, "brief amber", err
		},
		"log": func(ctx context.Context, s Service) (_, _, _ any, err error) {
			r, err := s.Log(ctx, "amber")
			return r, fakeLog, "log amber", err
		},
		"merge": func(ctx context.Context, s Service) (_, _, _ any, err error) {
			r, err := s.Merge(ctx, "amber")
			return r, fakeMerge, "merge amber", err
		},
		"init": func(ctx context.Context, s Service) (_, _, _ any, err error) {
			r, err := s.Init(ctx, Init{Responder: "ann", Team: "sre"})
			return r, fakeStatus, Init{Responder: "ann", Team: "sre"}, err
		},
		"invite": func(ctx context.Context, s Service) (_, _, _ any, err error) {
			r, err := s.Invite(ctx, Invite{Uses: 3})
			return r, Invitation{Code: "7-amber", Uses: 3}, Invite{Uses: 3}, err
		},
		"join": func(ctx context.Context, s Service) (_, _, _ any, err error) {
			r, err := s.Join(ctx, Join{Code: "7-amber", Responder: "bob"})
			return r, Joined{Team: "t", Responder: "bob"}, Join{Code: "7-amber", Responder: "bob"}, err
		},
		"profile": func(ctx context.Context, s Service) (_, _, _ any, err error) {
			r, err := s.Profile(ctx, "bob")
			return r, fakeProfile, "profile bob", err
		},
		"set profile": func(ctx context.Context, s Service) (_, _, _ any, err error) {
			in := SetProfile{Name: new(""), Phones: &[]string{}}
			r, err := s.SetProfile(ctx, in)
			return r, fakeProfile, in, err
		},
		"members": func(ctx context.Context, s Service) (_, _, _ any, err error) {
			r, err := s.Members(ctx)
			return r, fakeMembers, "members", err
		},
		"whois": func(ctx context.Context, s Service) (_, _, _ any, err error) {
			r, err := s.Whois(ctx, "n3q", "amber")
			return r, fakeWhois, "whois n3q in amber", err
		},
		"trust": func(ctx context.Context, s Service) (_, _, _ any, err error) {
			in := Trust{Verb: "revoke", Who: "bob/x", Mode: "stolen", Reason: "left in a taxi", SinceMS: 7, Refs: []string{"ab"}, Yes: true}
			r, err := s.Trust(ctx, in)
			return r, fakeTrusted, in, err
		},
		"export": paperMethods()["export"], "import": paperMethods()["import"], "rally": paperMethods()["rally"],
		"protect": protectMethods()["protect"], "unlock": protectMethods()["unlock"],
		"invites": doorMethods()["invites"], "close invite": doorMethods()["close invite"], "teams": doorMethods()["teams"], "switch team": doorMethods()["switch team"],
		"cut": func(ctx context.Context, s Service) (_, _, _ any, err error) {
			r, err := s.Cut(ctx, []string{"bob", "erin"})
			return r, fakeStatus, []string{"bob", "erin"}, err
		},
		"verify": func(ctx context.Context, s Service) (_, _, _ any, err error) {
			r, err := s.Verify(ctx)
			return r, fakeVerified, "verify", err
		},
		"doctor": func(ctx context.Context, s Service) (_, _, _ any, err error) {
			r, err := s.Doctor(ctx, []string{"bob"})
			return r, fakeDiagnosis, []string{"bob"}, err
		},
		"heal": func(ctx context.Context, s Service) (_, _, _ any, err error) {
			r, err := s.Heal(ctx)
			return r, fakeStatus, "heal", err
		},
		"stop": func(ctx context.Context, s Service) (_, _, _ any, err error) {
			err = s.Stop(ctx)
			return 0, 0, "stop", err
		},
	}
}

// TestClientAsTheServiceItself: what the client returns is what the service returned, and the service was asked what the
// client was asked.
func TestClientAsTheServiceItself(t *testing.T) {
	f := &fake{}
	c, _ := serve(t, f)
	for name, do := range methods() {
		t.Run(name, func(t *testing.T) {
			got, want, seen, err := do(t.Context(), c)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(want, got); d != "" {
				t.Errorf("answer (-want +got)\n%s", d)
			}
			if d := cmp.Diff(seen, f.last()); d != "" {
				t.Errorf("asked (-want +got)\n%s", d)
			}
		})
	}
}

// TestErrorsCrossTheSocketWhole: an error keeps all its fields; one that is none of ours becomes internal.
func TestErrorsCrossTheSocketWhole(t *testing.T) {
	whole := &Error{Code: CodeConfirm, Message: "ann still commands", Hint: "add --yes", Question: "take command from ann?", Candidates: []string{"a", "b"}}
	f := &fake{}
	c, _ := serve(t, f)
	for name, do := range methods() {
		t.Run(name, func(t *testing.T) {
			f.err = whole
			_, _, _, err := do(t.Context(), c)
			if d := cmp.Diff(whole, AsError(err)); d != "" {
				t.Errorf("error (-want +got)\n%s", d)
			}
			f.err = errors.New("db is on fire")
			if _, _, _, err = do(t.Context(), c); AsError(err).Code != CodeInternal || err.Error() != "db is on fire" {
				t.Errorf("got %v (%s), want an internal error with the text", err, AsError(err).Code)
			}
		})
	}
}

// TestCodesAndStatuses pins the HTTP status of every code.
func TestCodesAndStatuses(t *testing.T) {
	for code, want := range map[string]int{
		CodeUsage: 400, CodeBadCode: 400, CodeNotFound: 404, CodeAmbiguous: 409, CodeRefused: 409, CodeDirInUse: 409,
		CodeAddrInUse: 409, CodeConfirm: 428, CodeTooLarge: 413, CodeDiskFull: 507, CodeUnreached: 504, CodeStopped: 503,
		CodeNoNode: 503, CodeDisk: 500, CodeInternal: 500, "of a later version": 500,
	} {
		if got := statusOf(code); got != want {
			t.Errorf("%s: status %d, want %d", code, got, want)
		}
	}
}

// TestPanicCostsOneRequest: a bug in a method is told to its caller, logged with its stack, and the node goes on.
func TestPanicCostsOneRequest(t *testing.T) {
	var log bytes.Buffer
	f := &fake{panics: "out of cheese"}
	h := NewHandler(f, slog.New(slog.NewTextHandler(&log, nil)))
	if code, body := post(h, pathStatus, "{}"); code != 500 || !strings.Contains(body, `"code":"internal"`) {
		t.Errorf("got %d %s, want 500 with code internal", code, body)
	}
	if !strings.Contains(log.String(), "out of cheese") || !strings.Contains(log.String(), "fake_test.go") {
		t.Errorf("log lacks the panic or its stack: %s", log.String())
	}
	f.panics = nil
	if code, body := post(h, pathStatus, "{}"); code != 200 {
		t.Errorf("after the panic: %d %s", code, body)
	}
}

// post sends body to h as a client of our version would.
func post(h http.Handler, path, body string) (int, string) {
	r := httptest.NewRequest("POST", path, strings.NewReader(body))
	r.Header.Set(VersionHeader, Version)
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Code, w.Body.String()
}

// TestBadRequests: what is not a request of ours gets a code and reaches no method.
func TestBadRequests(t *testing.T) {
	f := &fake{}
	h := NewHandler(f, slog.New(slog.DiscardHandler))
	for _, c := range []struct{ name, path, body, code string }{
		{"no body", pathWrite, "", CodeUsage},
		{"not json", pathWrite, "verb=note", CodeUsage},
		{"wrong type", pathWrite, `{"verb":7}`, CodeUsage},
		{"an array", pathShow, `[]`, CodeUsage},
		{"two documents", pathWrite, `{"verb":"note"}{"verb":"note"}`, CodeUsage},
		{"cut off", pathWrite, `{"verb":"no`, CodeUsage},
		{"too large", pathWrite, `{"text":"` + strings.Repeat("x", RequestBytesMax) + `"}`, CodeTooLarge},
		{"watch not json", pathWatch, "x", CodeUsage},
		{"unknown method", "/v1/reboot", "{}", CodeNotFound},
		{"root", "/", "{}", CodeNotFound},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, body := post(h, c.path, c.body)
			var got failure
			if err := json.Unmarshal([]byte(body), &got); err != nil || got.Error == nil || got.Error.Code != c.code {
				t.Errorf("got %s, want code %s", body, c.code)
			}
		})
	}
	if len(f.seen) != 0 {
		t.Errorf("the service was asked: %v", f.seen)
	}
	if code, body := post(h, pathWrite, `{"verb":"note","later_field":1}`); code != 200 {
		t.Errorf("a field of a later version: %d %s, want it ignored", code, body)
	}
}

// TestOtherVersionIsRefused: both sides notice, and say the way out.
func TestOtherVersionIsRefused(t *testing.T) {
	f := &fake{}
	r := httptest.NewRequest("POST", pathStatus, strings.NewReader("{}"))
	r.Header.Set(VersionHeader, "0")
	w := httptest.NewRecorder()
	NewHandler(f, slog.New(slog.DiscardHandler)).ServeHTTP(w, r)
	if w.Code != 400 || !strings.Contains(w.Body.String(), "muster down") || len(f.seen) != 0 {
		t.Errorf("node: %d %s, asked %v", w.Code, w.Body, f.seen)
	}

	dir := t.TempDir()
	ln, err := Listen(dir)
	if err != nil {
		t.Fatal(err)
	}
	srv := &httptest.Server{Listener: ln, Config: &http.Server{Handler: http.NotFoundHandler()}}
	srv.Start()
	defer srv.Close()
	c := NewClient(dir)
	defer c.Close()
	if _, err := c.Status(t.Context()); AsError(err).Code != CodeInternal || !strings.Contains(AsError(err).Hint, "muster down") {
		t.Errorf("client: %v, want a hint to stop the node", err)
	}
}

// TestWatchStreams: events arrive one by one while the watch goes on, and leaving ends the node's side too.
func TestWatchStreams(t *testing.T) {
	f := &fake{events: []Event{{Status: &fakeStatus}, {Incident: &fakeIncident, Entries: fakeLog}}, left: make(chan error, 1)}
	c, _ := serve(t, f)
	var got []Event
	for ev, err := range c.Watch(t.Context(), "amber") {
		if err != nil {
			t.Fatal(err)
		}
		if got = append(got, ev); len(got) == 2 {
			break
		}
	}
	if d := cmp.Diff(f.events, got); d != "" {
		t.Errorf("events (-want +got)\n%s", d)
	}
	if f.last() != "watch amber" {
		t.Errorf("asked %v", f.last())
	}
	if err := <-f.left; !errors.Is(err, context.Canceled) {
		t.Errorf("the node's watch ended with %v, want canceled", err)
	}
}

// TestWatchEnds: the caller's context ends it silently, an error of the service ends it with that error, a node that
// ends the stream has stopped.
func TestWatchEnds(t *testing.T) {
	drain := func(ctx context.Context, s Service) (n int, last error) {
		for _, err := range s.Watch(ctx, "") {
			n, last = n+1, err
		}
		return n, last
	}
	t.Run("by the caller", func(t *testing.T) {
		f := &fake{events: []Event{{Status: &fakeStatus}}, left: make(chan error, 1)}
		c, _ := serve(t, f)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		for _, err := range c.Watch(ctx, "") {
			if err != nil {
				t.Fatalf("got %v, want silence", err)
			}
			cancel()
		}
		if err := <-f.left; !errors.Is(err, context.Canceled) {
			t.Errorf("the node's watch ended with %v, want canceled", err)
		}
	})
	t.Run("by an error", func(t *testing.T) {
		c, _ := serve(t, &fake{err: Errorf(CodeNotFound, "", "no incident")})
		if n, err := drain(t.Context(), c); n != 1 || AsError(err).Code != CodeNotFound {
			t.Errorf("got %d events, %v", n, err)
		}
	})
	t.Run("by the node", func(t *testing.T) {
		c, _ := serve(t, &fake{events: []Event{{Status: &fakeStatus}}})
		if n, err := drain(t.Context(), c); n != 2 || AsError(err).Code != CodeStopped {
			t.Errorf("got %d events, %v", n, err)
		}
	})
	t.Run("no node", func(t *testing.T) {
		c := NewClient(t.TempDir())
		if n, err := drain(t.Context(), c); n != 1 || AsError(err).Code != CodeNoNode {
			t.Errorf("got %d events, %v", n, err)
		}
	})
}

// TestServeEndsWatches: a node that stops does not wait for those who watch it.
func TestServeEndsWatches(t *testing.T) {
	dir := t.TempDir()
	ln, err := Listen(dir)
	if err != nil {
		t.Fatal(err)
	}
	f := &fake{events: []Event{{Status: &fakeStatus}}, left: make(chan error, 1)}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	ended := make(chan error, 1)
	go func() { ended <- Serve(ctx, ln, f, nil) }()
	c := NewClient(dir)
	defer c.Close()
	var last error
	for _, err := range c.Watch(t.Context(), "") {
		if last = err; err == nil {
			cancel()
		}
	}
	if AsError(last).Code != CodeStopped {
		t.Errorf("watch ended with %v, want stopped", last)
	}
	if err := <-ended; err != nil {
		t.Errorf("Serve: %v", err)
	}
	if _, err := os.Stat(SocketPath(dir)); !os.IsNotExist(err) {
		t.Errorf("the socket is still there: %v", err)
	}
}

// TestNoNode: a directory nobody serves, and a socket a dead node left, are both code no_node with the way out.
func TestNoNode(t *testing.T) {
	dir := t.TempDir()
	c := NewClient(dir)
	defer c.Close()
	check := func(what string) {
		t.Helper()
		_, err := c.Status(t.Context())
		if e := AsError(err); e.Code != CodeNoNode || e.Hint == "" {
			t.Errorf("%s: %v (%s, hint %q), want no_node with a hint", what, err, e.Code, e.Hint)
		}
	}
	check("empty directory")
	leave(t, SocketPath(dir))
	check("left socket")
}

// leave leaves a socket without a listener, as kill -9 does.
func leave(t *testing.T, path string) {
	t.Helper()
	ln, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	ln.SetUnlinkOnClose(false)
	if err := ln.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestInterruptedCall: a caller who gives up is told so, not that the node is gone.
func TestInterruptedCall(t *testing.T) {
	c, _ := serve(t, &fake{})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := c.Status(ctx); AsError(err).Code != CodeStopped || err.Error() != "interrupted" {
		t.Errorf("got %v", err)
	}
}

// TestNodeDiesMidAnswer: a write whose answer never came may have been saved; the hint says so.
func TestNodeDiesMidAnswer(t *testing.T) {
	for name, answer := range map[string]string{
		"nothing":     "",
		"half":        "HTTP/1.1 200 OK\r\nMuster-Api: 1\r\nContent-Length: 100\r\n\r\n{\"op\":",
		"not an http": "hello\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			ln, err := Listen(dir)
			if err != nil {
				t.Fatal(err)
			}
			ended := make(chan error, 1)
			go func() {
				conn, err := ln.Accept()
				if err == nil {
					_, err = conn.Read(make([]byte, 1<<16))
					_, werr := io.WriteString(conn, answer)
					err = errors.Join(err, werr, conn.Close())
				}
				ended <- err
			}()
			c := NewClient(dir)
			defer c.Close()
			_, err = c.Write(t.Context(), Write{Verb: "note", Text: "x"})
			if e := AsError(err); e.Code != CodeStopped || !strings.Contains(e.Hint, "may have been saved") {
				t.Errorf("got %v (%s, hint %q)", err, e.Code, e.Hint)
			}
			if err := errors.Join(<-ended, ln.Close()); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestListen: one node a directory; a dead node's socket is in nobody's way; nobody else may enter.
func TestListen(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "home")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	leave(t, SocketPath(dir))
	ln, err := Listen(dir)
	if err != nil {
		t.Fatalf("over a left socket: %v", err)
	}
	defer func() {
		if err := ln.Close(); err != nil {
			t.Error(err)
		}
	}()
	for path, want := range map[string]os.FileMode{dir: 0o700, SocketPath(dir): 0o600} {
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: mode %v, %v, want %o", path, info.Mode(), err, want)
		}
	}
	if _, err := Listen(dir); AsError(err).Code != CodeDirInUse || AsError(err).Hint == "" {
		t.Errorf("second node: %v, want dir_in_use with a hint", err)
	}
}

// TestListenRefusesSharedDirectory: /tmp itself is not made private to one user.
func TestListenRefusesSharedDirectory(t *testing.T) {
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o777|os.ModeSticky); err != nil {
		t.Fatal(err)
	}
	if _, err := Listen(dir); AsError(err).Code != CodeUsage {
		t.Errorf("got %v, want usage", err)
	}
	if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o777 {
		t.Errorf("mode is %v, %v", info.Mode(), err)
	}
}

// TestLongDirectory: a home whose path is too long for a socket has it elsewhere, reached from any spelling.
func TestLongDirectory(t *testing.T) {
	base, run := t.TempDir(), t.TempDir()
	long := filepath.Join(base, strings.Repeat("long/", 30))
	if err := os.MkdirAll(long, 0o700); err != nil {
		t.Fatal(err)
	}
	for name, env := range map[string][2]string{
		"runtime directory": {run, "/tmp"},
		"temp directory":    {"", run},
		"relative runtime":  {"run", run},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("XDG_RUNTIME_DIR", env[0])
			t.Setenv("TMPDIR", env[1])
			path := SocketPath(long)
			if len(path) > SocketPathMax || !strings.HasPrefix(path, run) {
				t.Fatalf("socket at %s (%d bytes), want it under %s", path, len(path), run)
			}
			ln, err := Listen(long)
			if err != nil {
				t.Fatal(err)
			}
			if info, err := os.Stat(filepath.Dir(path)); err != nil || info.Mode().Perm() != 0o700 {
				t.Errorf("its directory: %v, %v", info.Mode(), err)
			}
			if other := SocketPath(long + "x/"); other == path {
				t.Error("two directories share a socket")
			}
			link := filepath.Join(base, strings.ReplaceAll(name, " ", "-"))
			if err := os.Symlink(long, link); err != nil {
				t.Fatal(err)
			}
			if got := SocketPath(link + strings.Repeat("/.", 60)); filepath.Dir(got) != link {
				t.Errorf("a short spelling is not made long: %s", got)
			}
			if err := ln.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	t.Setenv("XDG_RUNTIME_DIR", "/"+strings.Repeat("x", 100))
	t.Setenv("TMPDIR", "/"+strings.Repeat("y", 100))
	if path := SocketPath(long); !strings.HasPrefix(path, "/tmp/") || len(path) > SocketPathMax {
		t.Errorf("all roots long: %s", path)
	}
}

// TestConnectionsAreBounded: with all slots taken the next caller waits, and gets in when one leaves.
func TestConnectionsAreBounded(t *testing.T) {
	dir := t.TempDir()
	ln, err := Listen(dir)
	if err != nil {
		t.Fatal(err)
	}
	g := newGate(ln, 1)
	dial := func() net.Conn {
		c, err := net.Dial("unix", SocketPath(dir))
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	one, two := dial(), dial()
	in, err := g.Accept()
	if err != nil {
		t.Fatal(err)
	}
	next := make(chan net.Conn, 1)
	go func() {
		c, err := g.Accept()
		if err != nil {
			t.Error(err)
		}
		next <- c
	}()
	if len(next) != 0 {
		t.Error("a second connection got in")
	}
	if err := errors.Join(in.Close(), in.Close()); err == nil {
		t.Error("closing twice is the caller's mistake and should say so")
	}
	err = errors.Join((<-next).Close(), one.Close(), two.Close())
	full := newGate(ln, 0)
	waiting := make(chan error, 1)
	go func() { _, err := full.Accept(); waiting <- err }()
	err = errors.Join(err, full.Close())
	if got := <-waiting; !errors.Is(got, net.ErrClosed) {
		t.Errorf("Accept after Close: %v", got)
	}
	if err != nil {
		t.Error(err)
	}
}

// TestVerbsAreNamedOnce: the table of verbs holds no name twice and says what each reads.
func TestVerbsAreNamedOnce(t *testing.T) {
	seen := map[string]bool{}
	for _, v := range Verbs() {
		if seen[v.Name] || v.Name == "" || v.Reads == "" {
			t.Errorf("verb %q: twice, or says nothing", v.Name)
		}
		seen[v.Name] = true
	}
}

// TestEncodeError pins the form scripts read.
func TestEncodeError(t *testing.T) {
	var b bytes.Buffer
	if err := EncodeError(&b, Errorf(CodeNoNode, hintStart, "no node is running in %s", "/x")); err != nil {
		t.Fatal(err)
	}
	want := `{"error":{"code":"no_node","message":"no node is running in /x","hint":"start one with \"muster up\""}}` + "\n"
	if b.String() != want {
		t.Errorf("got %swant %s", b.String(), want)
	}
}
