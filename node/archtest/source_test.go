package archtest

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/tools/go/packages"
)

const (
	root       = "../.."
	plantedDir = "node/archtest/testdata/planted"
)

// A finding is one place where a rule is broken.
type finding struct {
	pos  token.Position
	what string
}

func (f finding) String() string { return fmt.Sprintf("%v: %s", f.pos, f.what) }

// report fails the test for each finding.
func report(t *testing.T, findings []finding) {
	t.Helper()
	for _, f := range findings {
		t.Error(f)
	}
}

// A file is one text of the repository. Go files are parsed.
type file struct {
	name string // slash-separated, from the root
	text []byte
	ast  *ast.File // nil unless it is Go
	fset *token.FileSet
}

func (f *file) pkg() string  { return path.Dir(f.name) }
func (f *file) isTest() bool { return strings.HasSuffix(f.name, "_test.go") }

// at returns the position of a node of f.
func (f *file) at(n ast.Node) token.Position {
	p := f.fset.Position(n.Pos())
	p.Filename = f.name
	return p
}

// readFile reads the file called name and parses it if it is Go.
func readFile(t *testing.T, name string) *file {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, name))
	if err != nil {
		t.Fatal(err)
	}
	f := &file{name: name, text: text}
	if path.Ext(name) == ".go" {
		f.fset = token.NewFileSet()
		if f.ast, err = parser.ParseFile(f.fset, name, text, parser.ParseComments|parser.SkipObjectResolution); err != nil {
			t.Fatal(err)
		}
	}
	return f
}

// readTree returns every text of the repository that people write, without what is planted or recorded for tests.
func readTree(t *testing.T) []*file {
	t.Helper()
	var files []*file
	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err = filepath.Rel(root, name)
		if err != nil {
			return err
		}
		name = filepath.ToSlash(name)
		switch base := d.Name(); {
		case d.IsDir() && (base == ".git" || base == "testdata" || slices.Contains(ignored, name)):
			return fs.SkipDir
		case d.Type().IsRegular() && isText(base, name):
			files = append(files, readFile(t, name))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(files) == 0 {
		t.Fatal("found no source")
	}
	return files
}

// isText reports whether people write the file and read it as text.
func isText(base, name string) bool {
	return slices.Contains([]string{".go", ".md", ".sh", ".css", ".js", ".html", ".conf", ".yml", ".mod"}, path.Ext(base)) ||
		base == "Makefile" || name == ".ci/run"
}

// goFiles returns the Go files among files, by package.
func goFiles(files []*file) map[string][]*file {
	out := map[string][]*file{}
	for _, f := range files {
		if f.ast != nil {
			out[f.pkg()] = append(out[f.pkg()], f)
		}
	}
	return out
}

// load type-checks every package of the module, and the planted one.
func load(t *testing.T) (pkgs []*packages.Package, planted *packages.Package) {
	t.Helper()
	cfg := &packages.Config{
		Mode: packages.NeedName | packages.NeedFiles | packages.NeedCompiledGoFiles | packages.NeedImports |
			packages.NeedSyntax | packages.NeedTypes | packages.NeedTypesInfo,
		Dir: root,
	}
	all, err := packages.Load(cfg, "./...", "./"+plantedDir)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range all {
		for _, err := range p.Errors {
			t.Errorf("%s: %v", p.PkgPath, err)
		}
		if shortName(p.PkgPath) == plantedDir {
			planted = p
		} else {
			pkgs = append(pkgs, p)
		}
	}
	if planted == nil {
		t.Fatal("the planted package was not loaded")
	}
	return pkgs, planted
}

// shortName returns the name of one of our packages within the module.
func shortName(pkgPath string) string { return strings.TrimPrefix(pkgPath, module+"/") }

// ours returns an import path of this module as a name within it.
func ours(importPath string) (name string, ok bool) { return strings.CutPrefix(importPath, module+"/") }

// lines returns the lines of f.
func (f *file) lines() [][]byte { return bytes.Split(f.text, []byte("\n")) }
