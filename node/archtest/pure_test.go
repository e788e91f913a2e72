package archtest

import (
	"go/ast"
	"go/types"
	"slices"
	"strings"

	"golang.org/x/tools/go/packages"
)

// impureFuncs are functions, methods and variables that read the outside world, wait for it, or write to it.
var impureFuncs = []string{
	"crypto/ecdh.Curve.GenerateKey", "crypto/ed25519.GenerateKey", "fmt.Print", "fmt.Printf", "fmt.Println", "fmt.Scan",
	"fmt.Scanf", "fmt.Scanln", "time.After", "time.AfterFunc", "time.LoadLocation", "time.Local", "time.NewTicker",
	"time.NewTimer", "time.Now", "time.Since", "time.Sleep", "time.Tick", "time.Time.Local", "time.Until",
}

// seeded are the functions of math/rand/v2 that make a source from a seed; all others use the global one.
var seeded = []string{"New", "NewChaCha8", "NewPCG", "NewZipf"}

// sorters take map keys or values in any order and do not let that order out.
var sorters = []string{"maps.Collect", "maps.Insert", "slices.Sorted", "slices.SortedFunc", "slices.SortedStableFunc"}

// checkPure finds what makes the result of a function depend on more than its arguments.
func checkPure(p *packages.Package) (out []finding) {
	add := func(n ast.Node, what string) { out = append(out, finding{p.Fset.Position(n.Pos()), what}) }
	for _, f := range p.Syntax {
		var stack []ast.Node
		ast.Inspect(f, func(n ast.Node) bool {
			if n == nil {
				stack = stack[:len(stack)-1]
				return true
			}
			switch n := n.(type) {
			case *ast.GoStmt:
				add(n, "goroutine in a pure package")
			case *ast.SelectStmt:
				add(n, "select in a pure package chooses at random")
			case *ast.RangeStmt:
				if _, ok := p.TypesInfo.TypeOf(n.X).Underlying().(*types.Map); ok && !reasoned(p, f, n) {
					add(n, "range over a map has no fixed order; use slices.Sorted(maps.Keys(m))")
				}
			case *ast.Ident:
				if what := impureUse(p, n, stack); what != "" {
					add(n, what)
				}
			}
			stack = append(stack, n)
			return true
		})
	}
	return out
}

// anyOrder begins the comment on the line of a range over a map whose order cannot leak; the reason follows it.
const anyOrder = "// any order: "

// reasoned reports whether the line of n says why any order will do.
func reasoned(p *packages.Package, f *ast.File, n ast.Node) bool {
	line := p.Fset.Position(n.Pos()).Line
	return slices.ContainsFunc(f.Comments, func(g *ast.CommentGroup) bool {
		return slices.ContainsFunc(g.List, func(c *ast.Comment) bool {
			return p.Fset.Position(c.Pos()).Line == line && strings.HasPrefix(c.Text, anyOrder)
		})
	})
}

// impureUse says what is wrong with naming what id names; stack holds the nodes around it, outermost first.
func impureUse(p *packages.Package, id *ast.Ident, stack []ast.Node) string {
	obj := p.TypesInfo.Uses[id]
	name := qualified(obj)
	switch {
	case slices.Contains(impureFuncs, name):
		return name + " in a pure package"
	case obj == types.Universe.Lookup("print"), obj == types.Universe.Lookup("println"):
		return obj.Name() + " in a pure package"
	case strings.HasPrefix(name, "math/rand/v2.") && isPackageFunc(obj) && !slices.Contains(seeded, obj.Name()):
		return name + " uses the global random source"
	case name == "maps.All", name == "maps.Keys", name == "maps.Values":
		if !slices.Contains(sorters, takenBy(p, stack)) {
			return name + " has no fixed order; give it to slices.Sorted"
		}
	}
	return ""
}

// qualified returns the import path and name of a package's function or variable, or of a type's method.
func qualified(obj types.Object) string {
	if obj == nil || obj.Pkg() == nil {
		return ""
	}
	switch obj := obj.(type) {
	case *types.Func:
		if recv := obj.Signature().Recv(); recv != nil {
			t := recv.Type()
			if ptr, ok := t.(*types.Pointer); ok {
				t = ptr.Elem()
			}
			named, ok := t.(*types.Named)
			if !ok {
				return ""
			}
			return obj.Pkg().Path() + "." + named.Obj().Name() + "." + obj.Name()
		}
	case *types.Var:
		if obj.Parent() != obj.Pkg().Scope() {
			return ""
		}
	}
	return obj.Pkg().Path() + "." + obj.Name()
}

func isPackageFunc(obj types.Object) bool {
	fn, ok := obj.(*types.Func)
	return ok && fn.Signature().Recv() == nil
}

// takenBy returns the function that the call of the function named at the end of stack is a direct argument of.
func takenBy(p *packages.Package, stack []ast.Node) string {
	calls := 0
	for i := len(stack) - 1; i >= 0; i-- {
		call, ok := stack[i].(*ast.CallExpr)
		if !ok {
			if _, ok := stack[i].(ast.Expr); !ok {
				return ""
			}
			continue
		}
		if calls++; calls == 1 {
			continue
		}
		fun := ast.Unparen(call.Fun)
		if index, ok := fun.(*ast.IndexExpr); ok {
			fun = index.X
		}
		if sel, ok := fun.(*ast.SelectorExpr); ok {
			return qualified(p.TypesInfo.Uses[sel.Sel])
		}
		return ""
	}
	return ""
}
