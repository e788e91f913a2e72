package archtest

import (
	"go/ast"
	"go/token"
	"go/types"
	"slices"
	"strings"

	"golang.org/x/tools/go/packages"
)

// globalTypes may not be the type of a package variable, nor be within it: they exist to change.
var globalTypes = []string{
	"flag.FlagSet", "log.Logger", "log/slog.Logger", "math/rand.Rand", "math/rand/v2.Rand", "time.Ticker", "time.Timer",
}

// globalLoggers are the functions of the loggers that every package shares.
var globalLoggers = []string{
	"log.Default", "log.Fatal", "log.Fatalf", "log.Fatalln", "log.Panic", "log.Panicf", "log.Panicln", "log.Print",
	"log.Printf", "log.Println", "log.SetFlags", "log.SetOutput", "log.SetPrefix", "log/slog.Debug",
	"log/slog.DebugContext", "log/slog.Default", "log/slog.Error", "log/slog.ErrorContext", "log/slog.Info",
	"log/slog.InfoContext", "log/slog.Log", "log/slog.SetDefault", "log/slog.Warn", "log/slog.WarnContext",
}

// checkGlobals finds package variables that can change, and code that changes one. A variable that has a value from
// the start and is never assigned to, written through or pointed at is a constant that Go cannot write as one.
func checkGlobals(p *packages.Package) (out []finding) {
	add := func(n ast.Node, what string) { out = append(out, finding{p.Fset.Position(n.Pos()), what}) }
	for _, f := range p.Syntax {
		for _, d := range f.Decls {
			switch d := d.(type) {
			case *ast.GenDecl:
				checkVarDecl(p, d, add)
			case *ast.FuncDecl:
				if d.Recv == nil && d.Name.Name == "init" {
					add(d, "init has effects that no caller asked for")
				}
			}
		}
		ast.Inspect(f, func(n ast.Node) bool {
			checkWrite(p, n, add)
			return true
		})
	}
	return out
}

func checkVarDecl(p *packages.Package, d *ast.GenDecl, add func(ast.Node, string)) {
	if d.Tok != token.VAR {
		return
	}
	for _, s := range d.Specs {
		spec := s.(*ast.ValueSpec)
		for _, name := range spec.Names {
			obj := p.TypesInfo.Defs[name]
			switch {
			case name.Name == "_":
			case len(spec.Values) == 0 && !embeds(d, spec):
				add(name, "package variable "+name.Name+" without a value is there to be changed")
			case obj != nil && isFunc(obj.Type()):
				add(name, "package variable "+name.Name+" is a function that can be replaced")
			case obj != nil && changing(obj.Type(), 0):
				add(name, "package variable "+name.Name+" has a type that is there to be changed")
			}
		}
	}
}

func isFunc(t types.Type) bool {
	_, ok := t.Underlying().(*types.Signature)
	return ok
}

// embeds reports whether the variable gets its value from a file at build time.
func embeds(d *ast.GenDecl, spec *ast.ValueSpec) bool {
	for _, doc := range []*ast.CommentGroup{d.Doc, spec.Doc} {
		if doc != nil && slices.ContainsFunc(doc.List, func(c *ast.Comment) bool { return strings.HasPrefix(c.Text, "//go:embed ") }) {
			return true
		}
	}
	return false
}

// changing reports whether a value of type t is shared in order to be changed: a channel, a lock, a logger.
func changing(t types.Type, depth int) bool {
	if depth > 4 {
		return false
	}
	switch t := types.Unalias(t).(type) {
	case *types.Named:
		if obj := t.Obj(); obj.Pkg() != nil {
			path := obj.Pkg().Path()
			return path == "sync" || path == "sync/atomic" || slices.Contains(globalTypes, path+"."+obj.Name()) ||
				obj.Parent() == obj.Pkg().Scope() && strings.HasPrefix(path, module+"/") && changing(t.Underlying(), depth+1)
		}
	case *types.Pointer:
		return changing(t.Elem(), depth+1)
	case *types.Chan:
		return true
	case *types.Struct:
		for f := range t.Fields() {
			if changing(f.Type(), depth+1) {
				return true
			}
		}
	}
	return false
}

// checkWrite finds statements and expressions that change a package variable, or let it be changed.
func checkWrite(p *packages.Package, n ast.Node, add func(ast.Node, string)) {
	write := func(e ast.Expr, how string) {
		if v := globalIn(p, e); v != nil {
			add(e, "package variable "+v.Name()+" is "+how)
		}
	}
	switch n := n.(type) {
	case *ast.AssignStmt:
		if n.Tok != token.DEFINE {
			for _, e := range n.Lhs {
				write(e, "assigned to")
			}
		}
	case *ast.IncDecStmt:
		write(n.X, "assigned to")
	case *ast.RangeStmt:
		if n.Tok == token.ASSIGN {
			write(n.Key, "assigned to")
			write(n.Value, "assigned to")
		}
	case *ast.UnaryExpr:
		if n.Op == token.AND {
			write(n.X, "pointed at")
		}
	case *ast.CallExpr:
		if id, ok := n.Fun.(*ast.Ident); ok && len(n.Args) > 0 && slices.Contains([]string{"clear", "copy", "delete"}, id.Name) {
			if _, ok := p.TypesInfo.Uses[id].(*types.Builtin); ok {
				write(n.Args[0], "changed")
			}
		}
	case *ast.SelectorExpr:
		if s := p.TypesInfo.Selections[n]; s != nil && s.Kind() == types.MethodVal && pointerReceiver(s) {
			write(n.X, "pointed at")
		}
	case *ast.Ident:
		if name := qualified(p.TypesInfo.Uses[n]); slices.Contains(globalLoggers, name) {
			add(n, name+" logs to a global logger")
		}
	}
}

// pointerReceiver reports whether calling the method takes the address of a variable that is not a pointer itself.
func pointerReceiver(s *types.Selection) bool {
	_, have := s.Recv().Underlying().(*types.Pointer)
	_, want := s.Obj().(*types.Func).Signature().Recv().Type().(*types.Pointer)
	return want && !have
}

// globalIn returns the package variable that a write to e would change, if there is one.
func globalIn(p *packages.Package, e ast.Expr) *types.Var {
	for {
		switch x := e.(type) {
		case *ast.ParenExpr:
			e = x.X
		case *ast.IndexExpr:
			e = x.X
		case *ast.SliceExpr:
			e = x.X
		case *ast.StarExpr:
			e = x.X
		case *ast.SelectorExpr:
			if v, ok := p.TypesInfo.Uses[x.Sel].(*types.Var); ok && !v.IsField() {
				return v // another package's
			}
			e = x.X
		case *ast.Ident:
			v, ok := p.TypesInfo.Uses[x].(*types.Var)
			if ok && v.Pkg() != nil && v.Parent() == v.Pkg().Scope() {
				return v
			}
			return nil
		default:
			return nil
		}
	}
}
