package cli

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"muster/node/api"
)

// effective runs muster config and returns name -> "value from origin", with the directory written as DIR.
func effective(t *testing.T, dir string, env map[string]string, args ...string) (map[string]string, result) {
	t.Helper()
	var out, diag bytes.Buffer
	a := newApp(Streams{In: strings.NewReader(""), Out: &out, Err: &diag, Getenv: func(k string) string { return env[k] }})
	code := a.run(t.Context(), append([]string{"config", "-o", "json"}, args...))
	r := result{code, out.String(), strings.ReplaceAll(diag.String(), dir, "DIR")}
	got := map[string]string{}
	if code == exitOK {
		var list []setting
		if err := json.Unmarshal(out.Bytes(), &list); err != nil {
			t.Fatalf("%v\n%s", err, out.String())
		}
		for _, s := range list {
			got[s.Name] = strings.ReplaceAll(s.Value+" from "+s.Origin, dir, "DIR")
		}
	}
	return got, r
}

// TestOneSettingFromFourPlaces: flags beat the environment, that beats the file, that the default; config says which.
func TestOneSettingFromFourPlaces(t *testing.T) {
	dir := t.TempDir()
	check := func(name, want string, env map[string]string, args ...string) {
		t.Helper()
		if got, r := effective(t, dir, env, append(args, "--dir", dir)...); got[name] != want {
			t.Errorf("%s is %q, want %q\n%s", name, got[name], want, r.err)
		}
	}
	env := map[string]string{"MUSTER_INCIDENT": "from env"}
	check("incident", " from default", nil)
	if err := os.WriteFile(filepath.Join(dir, "config"), []byte("# mine\n\nincident = from file\n join=10.0.0.1:7946, [fe80::1%eth0]:7946\ndiscover = off\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	check("incident", "from file from file DIR/config", nil)
	check("incident", "from env from environment MUSTER_INCIDENT", env)
	check("incident", "from flag from flag --incident", env, "-i", "from flag")
	check("discover", "off from file DIR/config", nil)
	check("discover", "on from environment MUSTER_DISCOVER", map[string]string{"MUSTER_DISCOVER": "on"})
	check("join", "10.0.0.1:7946, [fe80::1%eth0]:7946 from file DIR/config", nil)
	check("dir", "DIR from flag --dir", nil)
	check("output", "json from flag --output", nil)
}

// TestWhereANodeLives: the first of the flag, MUSTER_DIR, the data home and the home directory.
func TestWhereANodeLives(t *testing.T) {
	for _, c := range []struct {
		env  map[string]string
		want string
	}{
		{map[string]string{"HOME": "/h"}, "/h/.local/share/muster"},
		{map[string]string{"HOME": "/h", "XDG_DATA_HOME": "/d"}, "/d/muster"},
		{map[string]string{"HOME": "/h", "XDG_DATA_HOME": "relative"}, "/h/.local/share/muster"},
		{map[string]string{"HOME": "/h", "XDG_DATA_HOME": "/d", "MUSTER_DIR": "/m"}, "/m"},
	} {
		if got, r := effective(t, "\x00", c.env); !strings.HasPrefix(got["dir"], c.want+" from ") {
			t.Errorf("%v: %q, want %s\n%s", c.env, got["dir"], c.want, r.err)
		}
	}
	if _, r := effective(t, "\x00", nil); r.code != exitUsage || !strings.Contains(r.err, "--dir") {
		t.Errorf("no home at all: exit %d %s", r.code, r.err)
	}
}

// TestSettingsThatMakeNoSense: a mistake in the file or the environment is named with its place.
func TestSettingsThatMakeNoSense(t *testing.T) {
	dir := t.TempDir()
	for _, c := range []struct {
		file string
		env  map[string]string
		want string
	}{
		{"incident", nil, `config line 1 is not understood`},
		{"\n\ncolour = red\n", nil, `config line 3 is not understood`},
		{"listen = localhost", nil, `not an address and port (file DIR/config)`},
		{"", map[string]string{"MUSTER_LISTEN": "7946"}, `not an address and port (environment MUSTER_LISTEN)`},
		{"", map[string]string{"MUSTER_JOIN": "10.0.0.1:7946,host:1"}, `"host:1" is not an address and port (environment MUSTER_JOIN)`},
		{"", map[string]string{"MUSTER_DISCOVER": "maybe"}, `discover cannot be "maybe" (environment MUSTER_DISCOVER)`},
		{"incident = " + strings.Repeat("x", configBytesMax), nil, "too long"},
	} {
		if err := os.WriteFile(filepath.Join(dir, "config"), []byte(c.file), 0o600); err != nil {
			t.Fatal(err)
		}
		var out, diag bytes.Buffer
		a := newApp(Streams{Out: &out, Err: &diag, Getenv: func(k string) string { return c.env[k] }})
		code := a.run(t.Context(), []string{"config", "--dir", dir})
		said := strings.Join(strings.Fields(strings.ReplaceAll(diag.String(), dir, "DIR")), " ")
		if code == exitOK || !strings.Contains(said, strings.Join(strings.Fields(c.want), " ")) {
			t.Errorf("%.40q %v: exit %d %s, want %q", c.file, c.env, code, said, c.want)
		}
	}
}

// TestBoundedLog: a node's log starts anew when it is full, keeps one predecessor, and loses no line in between.
func TestBoundedLog(t *testing.T) {
	path := filepath.Join(t.TempDir(), "node.log")
	l, err := openLog(path)
	if err != nil {
		t.Fatal(err)
	}
	line := []byte(strings.Repeat("x", 1023) + "\n")
	const lines = 3*logBytesMax/1024 + 10
	for range lines {
		if n, err := l.Write(line); err != nil || n != len(line) {
			t.Fatal(n, err)
		}
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	for p, want := range map[string]int64{path: 10 * 1024, path + ".1": logBytesMax} {
		if info, err := os.Stat(p); err != nil || info.Size() != want {
			t.Errorf("%s: %v, %v, want %d bytes", p, info.Size(), err, want)
		}
	}
	if err := os.Truncate(path, logBytesMax); err != nil {
		t.Fatal(err)
	}
	if err := rotate(path); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); !os.IsNotExist(err) {
		t.Errorf("a full log stays in the way: %v", err)
	}
	if err := rotate(path); err != nil {
		t.Errorf("no log: %v", err)
	}
}

// TestLastWords: the error of a node that could not start is its own, with its hint.
func TestLastWords(t *testing.T) {
	path := filepath.Join(t.TempDir(), "node.log")
	for log, want := range map[string]api.Error{
		"old stuff\nmuster: the port is taken\nhint: use another\n":               {Message: "the node could not start: the port is taken", Hint: "use another"},
		"old stuff\npanic: oh\n\ngoroutine 1\n":                                   {Message: "the node could not start: goroutine 1", Hint: "look at " + path},
		"old stuff\n":                                                             {Message: "the node could not start", Hint: "look at " + path},
		"old stuff\n" + strings.Repeat("y\n", tailBytesMax) + "muster: at last\n": {Message: "the node could not start: at last", Hint: "look at " + path},
	} {
		if err := os.WriteFile(path, []byte(log), 0o600); err != nil {
			t.Fatal(err)
		}
		got := api.AsError(lastWords(path, int64(len("old stuff\n"))))
		if got.Code != api.CodeNoNode || got.Message != want.Message || got.Hint != want.Hint {
			t.Errorf("%.40q: %+v, want %+v", log, got, want)
		}
	}
}
