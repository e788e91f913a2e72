package archtest

import (
	"os"
	"slices"
	"testing"
)

// The rules that need no types: who imports whom, and what every file must and may not say.
func TestSourceKeepsTheRules(t *testing.T) {
	files := readTree(t)
	for _, f := range files {
		report(t, checkMarks(f))
	}
	for name, pkg := range goFiles(files) {
		report(t, checkPackageComment(pkg))
		bubbles := bubbleMakers(pkg)
		for _, f := range pkg {
			report(t, checkLayer(name, f))
			report(t, checkLibraries(name, f))
			report(t, checkGlobalImports(f))
			report(t, checkLength(f))
			report(t, checkTest(f, bubbles))
			if slices.Contains(pure, name) {
				report(t, checkPureImports(name, f))
			}
		}
	}
}

// The rules that need types: purity, and no package variable that can change. On planted source the same rules find
// what was planted and nothing else; both are in one test because loading is what takes the time.
func TestTypedSourceKeepsTheRules(t *testing.T) {
	pkgs, planted := load(t)
	for _, p := range pkgs {
		report(t, checkGlobals(p))
		if slices.Contains(pure, shortName(p.PkgPath)) {
			report(t, checkPure(p))
		}
	}
	t.Run("planted", func(t *testing.T) {
		f := readFile(t, plantedDir+"/planted.go")
		checkPlanted(t, f, append(checkPure(planted), checkGlobals(planted)...))
	})
}

// The root of the repository holds the four things a reader starts from, and nothing else.
func TestRootIsTidy(t *testing.T) {
	entries, err := os.ReadDir(root)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	report(t, checkTopLevel(names))
}
