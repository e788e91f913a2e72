package archtest

import (
	"go/ast"
	"go/token"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// maxLines is the longest a Go file may be. Past it, ask which two ideas it holds.
const maxLines = 800

// checkLength finds files that are too long.
func checkLength(f *file) []finding {
	if n := len(f.lines()) - 1; n > maxLines {
		return []finding{{f.at(f.ast), strconv.Itoa(n) + " lines, at most " + strconv.Itoa(maxLines)}}
	}
	return nil
}

// unfinished matches what a line may not say: a note to do it later, or a place on the machine it was written on. The
// words are taken apart here, since this is a line too.
var unfinished = regexp.MustCompile(`\b(?:TO` + `DO|FIX` + `ME)\b|/wo` + `rk/`)

// checkMarks finds lines that say so.
func checkMarks(f *file) (out []finding) {
	for i, line := range f.lines() {
		if m := unfinished.Find(line); m != nil {
			out = append(out, finding{token.Position{Filename: f.name, Line: i + 1}, "the line says " + string(m)})
		}
	}
	return out
}

// checkPackageComment finds packages of which no file says what they are. Packages that are all tests may say it there.
func checkPackageComment(files []*file) []finding {
	allTests := !slices.ContainsFunc(files, func(f *file) bool { return !f.isTest() })
	for _, f := range files {
		if f.ast.Doc == nil || f.isTest() && !allTests {
			continue
		}
		text, name := f.ast.Doc.Text(), strings.TrimSuffix(f.ast.Name.Name, "_test")
		if strings.HasPrefix(text, "Package "+name+" ") || name == "main" && len(text) > 0 {
			return nil
		}
		return []finding{{f.at(f.ast), "the package comment does not begin with \"Package " + name + "\""}}
	}
	return []finding{{f0(files), "no package comment"}}
}

// f0 returns the place to complain about a whole package.
func f0(files []*file) token.Position { return files[0].at(files[0].ast) }

// bubbleMakers returns the functions of a package's tests that run something in a bubble of virtual time.
func bubbleMakers(files []*file) (out []string) {
	for _, f := range files {
		for _, d := range f.ast.Decls {
			fn, ok := d.(*ast.FuncDecl)
			if !ok || !f.isTest() || fn.Body == nil {
				continue
			}
			ast.Inspect(fn.Body, func(n ast.Node) bool {
				if call, ok := n.(*ast.CallExpr); ok && calledIn("synctest", call) == "Test" {
					out = append(out, fn.Name.Name)
				}
				return true
			})
		}
	}
	return out
}

// calledIn returns the name of what call calls, if it is x.name for the given x.
func calledIn(x string, call *ast.CallExpr) string {
	if sel, ok := call.Fun.(*ast.SelectorExpr); ok {
		if id, ok := sel.X.(*ast.Ident); ok && id.Name == x {
			return sel.Sel.Name
		}
	}
	return ""
}

// checkTest finds tests that are skipped or wait in real time. In a file that calls one of the package's makers of
// bubbles, time.Sleep is taken to be in a bubble.
func checkTest(f *file, bubbles []string) (out []finding) {
	if !f.isTest() {
		return nil
	}
	imported := map[string]bool{} // name -> imported, for names that are not renamed
	for _, spec := range f.ast.Imports {
		p := strings.Trim(spec.Path.Value, `"`)
		imported[p[strings.LastIndex(p, "/")+1:]] = true
	}
	inBubble := imported["synctest"]
	ast.Inspect(f.ast, func(n ast.Node) bool {
		if call, ok := n.(*ast.CallExpr); ok {
			id, ok := call.Fun.(*ast.Ident)
			inBubble = inBubble || ok && slices.Contains(bubbles, id.Name)
		}
		return true
	})
	ast.Inspect(f.ast, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok {
			return true
		}
		sel, ok := call.Fun.(*ast.SelectorExpr)
		if !ok {
			return true
		}
		x, ok := sel.X.(*ast.Ident)
		switch name := sel.Sel.Name; {
		case !ok:
		case !imported[x.Name] && slices.Contains([]string{"Skip", "SkipNow", "Skipf"}, name):
			out = append(out, finding{f.at(call), "a skipped test proves nothing"})
		case x.Name == "testing" && name == "Short":
			out = append(out, finding{f.at(call), "testing.Short is a skip by another name"})
		case x.Name == "time" && name == "Sleep" && !inBubble:
			out = append(out, finding{f.at(call), "time.Sleep in a test outside a bubble; wait for the event"})
		}
		return true
	})
	return out
}

// checkTopLevel finds names at the root of the repository that have no business there. A test that was compiled there has:
// git ignores it.
func checkTopLevel(names []string) (out []finding) {
	for _, name := range names {
		if !strings.HasPrefix(name, ".") && !strings.HasSuffix(name, ".test") && !slices.Contains(topLevel, name) && !slices.Contains(ignored, name) {
			out = append(out, finding{token.Position{Filename: name}, "not one of the names at the root of the repository"})
		}
	}
	return out
}
