package house

import (
	"go/ast"
	"go/token"
	"path"
	"strings"
	"testing"
)

func TestForbiddenUses(t *testing.T) {
	t.Parallel()
	for _, f := range sources() {
		room := roomOf(f.dir)
		byPackage := map[string][]use{}
		for _, u := range uses {
			if u.concerns(room, f.inTest) {
				byPackage[u.pkg] = append(byPackage[u.pkg], u)
			}
		}
		for _, imp := range f.ast.Imports {
			for _, u := range byPackage[strings.Trim(imp.Path.Value, `"`)] {
				if len(u.names) == 0 {
					t.Errorf("%s: imports %s: %s", position(imp), u.pkg, u.reason)
				}
			}
		}
		ast.Inspect(f.ast, func(n ast.Node) bool {
			sel, ok := n.(*ast.SelectorExpr)
			if !ok {
				return true
			}
			id, ok := sel.X.(*ast.Ident)
			if !ok || isLocal(id) {
				return true
			}
			for _, u := range byPackage[f.names[id.Name]] {
				if len(u.names) > 0 && u.forbids(sel.Sel.Name) {
					t.Errorf("%s: uses %s.%s: %s", position(sel), u.pkg, sel.Sel.Name, u.reason)
				}
			}
			return true
		})
	}
}

// isLocal tells whether the name is one that the file declares itself, not that
// of an imported package.
func isLocal(id *ast.Ident) bool { return id.Obj != nil }

func TestPurePackagesHaveNoConcurrency(t *testing.T) {
	t.Parallel()
	for _, f := range sources() {
		if rooms[roomOf(f.dir)].kind != pure || f.inTest {
			continue
		}
		ast.Inspect(f.ast, func(n ast.Node) bool {
			var what string
			switch n := n.(type) {
			case *ast.GoStmt:
				what = "a goroutine"
			case *ast.ChanType, *ast.SendStmt, *ast.SelectStmt:
				what = "a channel"
			case *ast.UnaryExpr:
				if n.Op == token.ARROW {
					what = "a channel"
				}
			}
			if what != "" {
				t.Errorf("%s: %s in language or engine: the order of events must come from the log alone", position(n), what)
			}
			return true
		})
	}
}

func TestInitFunctions(t *testing.T) {
	t.Parallel()
	for _, f := range sources() {
		for _, d := range f.ast.Decls {
			fn, ok := d.(*ast.FuncDecl)
			if ok && fn.Recv == nil && fn.Name.Name == "init" && initAllowed[f.path] == "" {
				t.Errorf("%s: init runs before anybody asked for it: use a variable's initial value, or a row in initAllowed with the reason", position(fn))
			}
		}
	}
}

// A package-level variable is a constant in fact: set where it is declared, never
// assigned, and of no type that changes by being used.
func TestPackageVariablesAreConstant(t *testing.T) {
	t.Parallel()
	declared := map[string]map[string]bool{} // folder -> names
	for _, f := range sources() {
		if f.inTest || rooms[roomOf(f.dir)].kind == outside {
			continue
		}
		for _, spec := range packageVars(f) {
			for i, name := range spec.Names {
				if name.Name == "_" {
					continue
				}
				if declared[f.dir] == nil {
					declared[f.dir] = map[string]bool{}
				}
				declared[f.dir][name.Name] = true
				if stateAllowed[f.dir+"."+name.Name] != "" {
					continue
				}
				if why := mutable(spec, i, f); why != "" {
					t.Errorf("%s: %s %s: hand state in, or add a row to stateAllowed with the reason", position(name), name.Name, why)
				}
			}
		}
	}
	for _, f := range sources() {
		if f.inTest || rooms[roomOf(f.dir)].kind == outside {
			continue
		}
		ast.Inspect(f.ast, func(n ast.Node) bool {
			var targets []ast.Expr
			switch n := n.(type) {
			case *ast.AssignStmt:
				if n.Tok != token.DEFINE {
					targets = n.Lhs
				}
			case *ast.IncDecStmt:
				targets = []ast.Expr{n.X}
			}
			for _, target := range targets {
				id := leftmost(target)
				if id == nil || !declared[f.dir][id.Name] || stateAllowed[f.dir+"."+id.Name] != "" {
					continue
				}
				if id.Obj == nil || isPackageLevel(f, id) {
					t.Errorf("%s: assigns to package-level variable %s", position(id), id.Name)
				}
			}
			return true
		})
	}
}

func packageVars(f *file) []*ast.ValueSpec {
	var specs []*ast.ValueSpec
	for _, d := range f.ast.Decls {
		if g, ok := d.(*ast.GenDecl); ok && g.Tok == token.VAR {
			for _, s := range g.Specs {
				// An embedded file has no initial value and is none of our state.
				spec := s.(*ast.ValueSpec)
				if !isEmbed(g.Doc) && !isEmbed(spec.Doc) {
					specs = append(specs, spec)
				}
			}
		}
	}
	return specs
}

func isEmbed(doc *ast.CommentGroup) bool {
	if doc == nil {
		return false
	}
	for _, c := range doc.List {
		if strings.HasPrefix(c.Text, "//go:embed ") {
			return true
		}
	}
	return false
}

// mutable tells why the variable looks like state, or "".
func mutable(spec *ast.ValueSpec, i int, f *file) string {
	if spec.Type != nil {
		if s := typeText(spec.Type, f); s != "" {
			return "is of type " + s
		}
	}
	if len(spec.Values) == 0 {
		return "has no initial value"
	}
	if i >= len(spec.Values) {
		return ""
	}
	v := spec.Values[i]
	if u, ok := v.(*ast.UnaryExpr); ok {
		v = u.X
	}
	switch v := v.(type) {
	case *ast.CompositeLit:
		if s := typeText(v.Type, f); s != "" {
			return "is of type " + s
		}
	case *ast.CallExpr:
		if id, ok := v.Fun.(*ast.Ident); ok && (id.Name == "make" || id.Name == "new") && len(v.Args) > 0 {
			return "is made empty, to be filled later"
		}
	}
	return ""
}

// typeText returns the text of a type that changes by being used, or "".
func typeText(e ast.Expr, f *file) string {
	switch e := e.(type) {
	case *ast.SelectorExpr:
		if id, ok := e.X.(*ast.Ident); ok {
			if p := f.names[id.Name]; p == "sync" || p == "sync/atomic" {
				return path.Base(p) + "." + e.Sel.Name
			}
		}
	case *ast.IndexExpr:
		return typeText(e.X, f)
	case *ast.StarExpr:
		return typeText(e.X, f)
	case *ast.ChanType:
		return "chan"
	}
	return ""
}

func leftmost(e ast.Expr) *ast.Ident {
	for {
		switch x := e.(type) {
		case *ast.Ident:
			return x
		case *ast.IndexExpr:
			e = x.X
		case *ast.SelectorExpr:
			e = x.X
		case *ast.StarExpr:
			e = x.X
		case *ast.ParenExpr:
			e = x.X
		default:
			return nil
		}
	}
}

// isPackageLevel tells whether the name means what the file declares at its top.
func isPackageLevel(f *file, id *ast.Ident) bool {
	return f.ast.Scope != nil && f.ast.Scope.Lookup(id.Name) == id.Obj
}
