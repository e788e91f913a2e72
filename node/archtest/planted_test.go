package archtest

import (
	"bytes"
	"go/parser"
	"go/token"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// wanted matches the comment of a planted line: the finding it must cause.
var wanted = regexp.MustCompile("// want `([^`]*)`")

// checkPlanted compares findings with what the lines of f ask for: each wanted one found, and none besides.
func checkPlanted(t *testing.T, f *file, findings []finding) {
	t.Helper()
	if !bytes.HasPrefix(f.text, []byte("// Package planted")) && !f.isTest() {
		t.Fatalf("%s is not the planted source", f.name)
	}
	found := map[int][]string{} // line -> what was found there
	for _, fi := range findings {
		found[fi.pos.Line] = append(found[fi.pos.Line], fi.what)
	}
	for i, line := range f.lines() {
		got := found[i+1]
		for _, m := range wanted.FindAllSubmatch(line, -1) {
			want := string(m[1])
			at := slices.IndexFunc(got, func(what string) bool { return strings.Contains(what, want) })
			if at < 0 {
				t.Errorf("%s:%d: the rule against %q found nothing", f.name, i+1, want)
				continue
			}
			got = slices.Delete(got, at, at+1)
		}
		for _, what := range got {
			t.Errorf("%s:%d: found %q where all is well", f.name, i+1, what)
		}
	}
}

// parse returns src as the file called name.
func parse(t *testing.T, name, src string) *file {
	t.Helper()
	f := &file{name: name, text: []byte(src), fset: token.NewFileSet()}
	var err error
	if f.ast, err = parser.ParseFile(f.fset, name, src, parser.ParseComments|parser.SkipObjectResolution); err != nil {
		t.Fatal(err)
	}
	return f
}

// wantFinding checks that there is exactly one finding, which says want; none if want is empty.
func wantFinding(t *testing.T, got []finding, want string) {
	t.Helper()
	switch {
	case want == "" && len(got) > 0:
		t.Errorf("found %v where all is well", got)
	case want != "" && (len(got) != 1 || !strings.Contains(got[0].what, want)):
		t.Errorf("found %v, want one finding: %q", got, want)
	}
}

// Each rule on imports refuses what it is there to refuse, and lets its exceptions pass.
func TestImportRulesCanFail(t *testing.T) {
	layer := func(f *file) []finding { return checkLayer(f.pkg(), f) }
	library := func(f *file) []finding { return checkLibraries(f.pkg(), f) }
	purity := func(f *file) []finding { return checkPureImports(f.pkg(), f) }
	for _, tt := range []struct {
		rule               func(*file) []finding
		file, path, expect string
	}{
		{layer, "crdt/x.go", "muster/node/wire", "crdt may not import node/wire"},
		{layer, "node/api/x.go", "muster/crdt", "node/api may not import crdt"},
		{layer, "cli/x.go", "muster/crdt/board", "cli may not import crdt/board"},
		{layer, "node/x.go", "muster/node/sim", "node may not import node/sim"},
		{layer, "node/x.go", "muster/node/transport/nettest", "node may not import node/transport/nettest"},
		{layer, "node/x.go", "muster/cli", "node may not import cli"},
		{layer, "node/x_test.go", "muster/cli", "node may not import cli"},
		{layer, "node/novel/x.go", "fmt", "node/novel is not in the layer table"},
		{layer, "crdt/auth/x.go", "muster/crdt", ""},
		{layer, "crdt/x_test.go", "muster/node/sim", ""},
		{layer, "crdt/x_test.go", "muster/crdt", ""},
		{layer, "cli/muster/main.go", "muster/cli", ""},
		{library, "node/x.go", "github.com/dgraph-io/badger/v4", "node may not import github.com/dgraph-io/badger/v4"},
		{library, "crdt/board/x.go", "github.com/fxamacker/cbor/v2", "crdt/board may not import"},
		{library, "crdt/x.go", "pgregory.net/rapid", "crdt may not import"},
		{library, "node/transport/x.go", "github.com/quic-go/quic-go/testutils/simnet", "node/transport may not import"},
		{library, "cli/x_test.go", "example.org/novel", "is not in the table of libraries"},
		{library, "cli/x.go", "github.com/spf13/cobracobra", "is not in the table of libraries"},
		{library, "node/transport/x.go", "github.com/quic-go/quic-go/logging", ""},
		{library, "node/transport/nettest/x.go", "github.com/quic-go/quic-go/testutils/simnet", ""},
		{library, "crdt/x_test.go", "pgregory.net/rapid", ""},
		{library, "crdt/x.go", "encoding/json", ""},
		{purity, "crdt/x.go", "os", "crdt is pure and may not import os"},
		{purity, "crdt/x.go", "net/http", "may not import net/http"},
		{purity, "crdt/x.go", "sync/atomic", "may not import sync/atomic"},
		{purity, "crdt/x.go", "math/rand", "may not import math/rand"},
		{purity, "crdt/x.go", "log/slog", "may not import log/slog"},
		{purity, "crdt/x.go", "math/rand/v2", ""},
		{purity, "crdt/x.go", "crypto/sha256", ""},
		{purity, "crdt/x_test.go", "os", ""},
		{checkGlobalImports, "cli/x.go", "flag", "keeps global state"},
		{checkGlobalImports, "cli/x.go", "fmt", ""},
		{checkGlobalImports, "cli/x_test.go", "flag", ""},
	} {
		t.Run(tt.file+" "+tt.path, func(t *testing.T) {
			wantFinding(t, tt.rule(parse(t, tt.file, "package x\n\nimport _ \""+tt.path+"\"\n")), tt.expect)
		})
	}
}

// Each rule on text refuses what it is there to refuse.
func TestTextRulesCanFail(t *testing.T) {
	long := "package x\n" + strings.Repeat("\n", maxLines-1)
	wantFinding(t, checkLength(parse(t, "x.go", long)), "")
	wantFinding(t, checkLength(parse(t, "x.go", long+"\n")), "801 lines")

	for text, want := range map[string]string{
		"// TO" + "DO: later":        "the line says",
		"// FIX" + "ME":              "the line says",
		"const dir = `/wo" + "rk/x`": "the line says",
		"const dir = `/home/work`":   "",
		"// METHODO, todo":           "",
	} {
		wantFinding(t, checkMarks(&file{name: "x", text: []byte("one\n" + text + "\n")}), want)
	}

	pkg := func(name, comment string) *file { return parse(t, "x/"+name, comment+"package x\n") }
	wantFinding(t, checkPackageComment([]*file{pkg("a.go", ""), pkg("b.go", "// Package x is good.\n")}), "")
	wantFinding(t, checkPackageComment([]*file{pkg("a_test.go", "// Package x is tests.\n")}), "")
	wantFinding(t, checkPackageComment([]*file{pkg("a.go", ""), pkg("b.go", "// Package x is apart.\n\n")}), "no package comment")
	wantFinding(t, checkPackageComment([]*file{pkg("a.go", ""), pkg("a_test.go", "// Package x is in a test.\n")}), "no package comment")
	wantFinding(t, checkPackageComment([]*file{pkg("a.go", "// All about x.\n")}), "does not begin")

	wantFinding(t, checkTopLevel([]string{".git", "go.mod", "node", "bin", "board.test"}), "")
	wantFinding(t, checkTopLevel([]string{"docs"}), "not one of the names")
}

// The rule on tests refuses every way to skip and to wait, but not sleep in a bubble, nor in a file whose bubbles are
// made by a function of another file.
func TestTestRuleCanFail(t *testing.T) {
	var files []*file
	for _, name := range []string{"waits_test.go", "bubble_test.go", "simulated_test.go", "elsewhere_test.go"} {
		files = append(files, readFile(t, plantedDir+"/"+name))
	}
	bubbles := bubbleMakers(files)
	if !slices.Equal(bubbles, []string{"TestBubble", "simulate"}) {
		t.Errorf("the functions that make bubbles are %v", bubbles)
	}
	for _, f := range files {
		checkPlanted(t, f, checkTest(f, bubbles))
	}
}
