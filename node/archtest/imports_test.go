package archtest

import (
	"maps"
	"slices"
	"strconv"
	"strings"
)

// importsOf returns what check says of each import of f; nothing is said of one that is in order.
func importsOf(f *file, check func(path string) string) (out []finding) {
	for _, spec := range f.ast.Imports {
		p, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			out = append(out, finding{f.at(spec), err.Error()})
			continue
		}
		if what := check(p); what != "" {
			out = append(out, finding{f.at(spec), what})
		}
	}
	return out
}

// checkLayer finds imports that the layer table does not allow. Tests may import any package but the command line's.
func checkLayer(name string, f *file) []finding {
	allowed, ok := layers[name]
	if !ok {
		return []finding{{f.at(f.ast), name + " is not in the layer table"}}
	}
	return importsOf(f, func(p string) string {
		in, mine := ours(p)
		switch {
		case !mine || slices.Contains(allowed, in) || in == name:
			return ""
		case f.isTest() && in != "cli":
			return ""
		}
		return name + " may not import " + in
	})
}

// checkLibraries finds imports of third-party libraries by packages that do not own them.
func checkLibraries(name string, f *file) []finding {
	return importsOf(f, func(p string) string {
		if first, _, _ := strings.Cut(p, "/"); !strings.Contains(first, ".") {
			return ""
		}
		lib, ok := libraryOf(p)
		switch {
		case !ok:
			return p + " is not in the table of libraries"
		case slices.Contains(libraries[lib], name) || f.isTest():
			return ""
		case slices.Contains(testSupport, name) && len(libraries[lib]) == 0:
			return ""
		}
		return name + " may not import " + lib
	})
}

// libraryOf returns the longest entry of the table that p is in.
func libraryOf(p string) (lib string, ok bool) {
	for _, l := range slices.Sorted(maps.Keys(libraries)) { // a prefix sorts before what it is a prefix of
		if p == l || strings.HasPrefix(p, l+"/") {
			lib, ok = l, true
		}
	}
	return lib, ok
}

// impureImports are packages, with all below them, that pure packages may not import.
var impureImports = []string{
	"context", "crypto/rand", "embed", "flag", "io/fs", "io/ioutil", "log", "math/rand", "net", "os", "plugin", "runtime",
	"sync", "syscall", "testing", "unique", "unsafe", "weak",
}

// pureImports are exceptions to impureImports: sources that are made from a seed, and parsers of addresses.
var pureImports = []string{"math/rand/v2", "net/netip"}

// checkPureImports finds imports that can only be of use to something that is not pure.
func checkPureImports(name string, f *file) []finding {
	if f.isTest() {
		return nil
	}
	return importsOf(f, func(p string) string {
		for _, bad := range impureImports {
			if (p == bad || strings.HasPrefix(p, bad+"/")) && !slices.Contains(pureImports, p) {
				return name + " is pure and may not import " + p
			}
		}
		return ""
	})
}

// checkGlobalImports finds what no package may import, because it is one global thing. A test may have flags: the
// command that runs it is its only caller.
func checkGlobalImports(f *file) []finding {
	if f.isTest() {
		return nil
	}
	return importsOf(f, func(p string) string {
		if p == "flag" || p == "expvar" {
			return "package " + p + " keeps global state"
		}
		return ""
	})
}
