package cli

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// shellBlocks returns the lines of the ```sh blocks of a Markdown text, in order, and those of what is indented by four.
func shellBlocks(md string) (blocks, indented []string) {
	in := false
	for line := range strings.Lines(md) {
		line = strings.TrimSuffix(line, "\n")
		switch {
		case strings.HasPrefix(line, "```"):
			in = !in && line == "```sh"
		case in:
			blocks = append(blocks, line)
		case strings.HasPrefix(line, "    "):
			indented = append(indented, strings.TrimSpace(line))
		}
	}
	return blocks, indented
}

// TestReadmeWorks: the first five minutes of the README, typed line by line into one shell, do what it says. Exit codes 3
// and 4 are among the things it tells of. A person types no faster than laptops that reach each other come to hold the same.
func TestReadmeWorks(t *testing.T) {
	md, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	blocks, indented := shellBlocks(string(md))
	if len(blocks) < 15 || len(indented) < 2 {
		t.Fatalf("the README has %d lines of shell and %d commands", len(blocks), len(indented))
	}
	home := t.TempDir()
	defer func() {
		if err := stopAll(home); err != nil {
			t.Error(err)
		}
	}()
	bin := filepath.Join(home, "bin")
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(bin, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"muster", "settled"} { // TestMain goes by the name
		if err := os.Symlink(exe, filepath.Join(bin, name)); err != nil {
			t.Fatal(err)
		}
	}
	var script strings.Builder
	for _, line := range blocks {
		script.WriteString(line + "\n")
		if line != "" {
			script.WriteString("case $? in 0|3|4) ;; *) echo 'failed: " + strings.ReplaceAll(line, "'", `'\''`) + "' >&2; exit 1;; esac; settled || exit 1\n")
		}
	}
	cmd := exec.Command("sh", "-c", script.String())
	cmd.Env = append(os.Environ(), "HOME="+home, "PATH="+bin+":"+os.Getenv("PATH"), "MUSTER_LISTEN=127.0.0.1:0", "MUSTER_DISCOVER=off", "MUSTER_KEYRING=off")
	var out, diag bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &diag
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v\n%s\n%s", err, diag.String(), out.String())
	}
	for _, want := range []string{
		"you are ann in team sre\n", `declared "checkout 500s", sev 1; you command`, "you are bob in team sre, let in by ann; 2 members", "delivered 1/1\n",
		"you owe: ", "cut from bob", "delivered 0/1; not: bob", "bob: lag is 40s", "stopped the node in " + home + "/muster-ann\n",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the output lacks %q", want)
		}
	}
	if t.Failed() {
		t.Logf("%s\n%s", out.String(), diag.String())
	}
}

// TestMakefileHasWhatTheReadmeNames: the two commands of the first screen are targets, and every target explains itself.
func TestMakefileHasWhatTheReadmeNames(t *testing.T) {
	mk, err := os.ReadFile("../Makefile")
	if err != nil {
		t.Fatal(err)
	}
	md, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, target := range []string{"run", "demo", "build", "test", "race", "test-net", "bench", "fmt", "check"} {
		if !strings.Contains(string(mk), "\n"+target+":") {
			t.Errorf("no target %s", target)
		}
	}
	for line := range strings.Lines(string(mk)) {
		name, rest, ok := strings.Cut(line, ":")
		if ok && name != "" && !strings.ContainsAny(name, " \t#.=?") && !strings.Contains(rest, "## ") {
			t.Errorf("target %s says nothing in the list", name)
		}
	}
	_, indented := shellBlocks(string(md))
	for _, want := range []string{"make run", "make test"} {
		if !strings.HasPrefix(strings.Join(indented, "\n"), "make run") || !strings.Contains(strings.Join(indented, "\n"), want) {
			t.Errorf("the first screen lacks %q", want)
		}
	}
}
