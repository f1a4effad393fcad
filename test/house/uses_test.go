package house

import (
	"fmt"
	"go/ast"
	"go/token"
	"path"
	"slices"
	"strings"
	"testing"
)

func TestForbiddenUses(t *testing.T) {
	t.Parallel()
	for _, f := range sources() {
		report(t, forbiddenUses(f, sources()))
	}
}

// report fails the test with each finding.
func report(t *testing.T, findings []string) {
	t.Helper()
	for _, finding := range findings {
		t.Error(finding)
	}
}

func finding(n ast.Node, format string, args ...any) string {
	return position(n) + ": " + fmt.Sprintf(format, args...)
}

// forbiddenUses looks at f; a constant may be declared in any of files.
func forbiddenUses(f *file, files []*file) (findings []string) {
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
				findings = append(findings, finding(imp, "imports %s: %s", u.pkg, u.reason))
			}
		}
	}
	reads := map[ast.Node]bool{} // os.OpenFile where it stands for reading only
	ast.Inspect(f.ast, func(n ast.Node) bool {
		if call, ok := n.(*ast.CallExpr); ok && opensForReading(call, f.dir, files) {
			reads[call.Fun] = true
		}
		sel, ok := n.(*ast.SelectorExpr)
		if !ok || reads[sel] {
			return true
		}
		id, ok := sel.X.(*ast.Ident)
		if !ok || isLocal(id) {
			return true
		}
		for _, u := range byPackage[f.names[id.Name]] {
			if len(u.names) > 0 && u.forbids(sel.Sel.Name) {
				findings = append(findings, finding(sel, "uses %s.%s: %s", u.pkg, sel.Sel.Name, u.reason))
			}
		}
		return true
	})
	return findings
}

// opensForReading tells whether the call is an OpenFile whose flags, named there or
// in a constant of that folder, let nothing be written: os.Open can't say
// O_NOFOLLOW.
func opensForReading(call *ast.CallExpr, dir string, files []*file) bool {
	fun, ok := call.Fun.(*ast.SelectorExpr)
	if !ok || fun.Sel.Name != "OpenFile" || len(call.Args) != 3 {
		return false
	}
	var safe func(ast.Expr) bool
	safe = func(e ast.Expr) bool {
		switch e := e.(type) {
		case *ast.BinaryExpr:
			return e.Op == token.OR && safe(e.X) && safe(e.Y)
		case *ast.SelectorExpr:
			return slices.Contains([]string{"O_RDONLY", "O_NOFOLLOW", "O_NONBLOCK", "O_CLOEXEC", "O_DIRECTORY"}, e.Sel.Name)
		case *ast.Ident:
			values := constants(files, dir, e.Name)
			return len(values) > 0 && !slices.ContainsFunc(values, func(v ast.Expr) bool { return !safe(v) })
		}
		return false
	}
	return safe(call.Args[1])
}

// constants returns the values that a constant of a folder has: one for each
// platform that declares it.
func constants(files []*file, dir, name string) (values []ast.Expr) {
	for _, f := range files {
		if f.dir != dir {
			continue
		}
		for _, d := range f.ast.Decls {
			g, ok := d.(*ast.GenDecl)
			if !ok || g.Tok != token.CONST {
				continue
			}
			for _, s := range g.Specs {
				spec := s.(*ast.ValueSpec)
				for i, n := range spec.Names {
					if n.Name == name && i < len(spec.Values) {
						values = append(values, spec.Values[i])
					}
				}
			}
		}
	}
	return values
}

// isLocal tells whether the name is one that the file declares itself, not that
// of an imported package.
func isLocal(id *ast.Ident) bool { return id.Obj != nil }

func TestPurePackagesHaveNoConcurrency(t *testing.T) {
	t.Parallel()
	for _, f := range sources() {
		report(t, concurrency(f))
	}
}

func concurrency(f *file) (findings []string) {
	if rooms[roomOf(f.dir)].kind != pure || f.inTest {
		return nil
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
			findings = append(findings, finding(n, "%s in language or engine: the order of events must come from the log alone", what))
		}
		return true
	})
	return findings
}

func TestInitFunctions(t *testing.T) {
	t.Parallel()
	for _, f := range sources() {
		report(t, initFunctions(f))
	}
}

func initFunctions(f *file) (findings []string) {
	for _, d := range f.ast.Decls {
		fn, ok := d.(*ast.FuncDecl)
		if ok && fn.Recv == nil && fn.Name.Name == "init" && initAllowed[f.path] == "" {
			findings = append(findings, finding(fn, "init runs before anybody asked for it: use a variable's initial value, or a row in initAllowed with the reason"))
		}
	}
	return findings
}

// A package-level variable is a constant in fact: set where it is declared, never
// assigned, and of no type that changes by being used.
func TestPackageVariablesAreConstant(t *testing.T) {
	t.Parallel()
	report(t, packageState(sources()))
}

func packageState(files []*file) (findings []string) {
	declared := map[string]bool{} // by folder.name; none that stateAllowed has
	for _, f := range files {
		for _, spec := range packageVars(f) {
			for i, name := range spec.Names {
				full := f.dir + "." + name.Name
				if name.Name == "_" || stateAllowed[full] != "" {
					continue
				}
				declared[full] = true
				if why := mutable(spec, i, f); why != "" {
					findings = append(findings, finding(name, "%s %s: hand state in, or add a row to stateAllowed with the reason", name.Name, why))
				}
			}
		}
	}
	for _, f := range files {
		if isExempt(f) {
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
				if id != nil && declared[f.dir+"."+id.Name] && (id.Obj == nil || isPackageLevel(f, id)) {
					findings = append(findings, finding(id, "assigns to package-level variable %s", id.Name))
				}
			}
			return true
		})
	}
	return findings
}

// isExempt tells whether the file is a test's or a tool's.
func isExempt(f *file) bool {
	return f.inTest || rooms[roomOf(f.dir)].kind == outside
}

// packageVars returns what the file declares by var at its top.
func packageVars(f *file) []*ast.ValueSpec {
	var specs []*ast.ValueSpec
	if isExempt(f) {
		return nil
	}
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

// The finders themselves: what they must see, and what they must not.
func TestFinders(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, path, source string
		want               string // part of the only finding, or "" for none
	}{
		{"clock in the engine", "internal/engine/x.go", `import "time"; func f() { _ = time.Now() }`, "uses time.Now"},
		{"clock under another name", "internal/engine/x.go", `import t "time"; func f() { _ = t.Now() }`, "uses time.Now"},
		{"clock as a value", "internal/engine/x.go", `import "time"; func f() func() time.Time { return time.Now }`, "uses time.Now"},
		{"types of time are fine", "internal/engine/x.go", `import "time"; func f(t time.Time) time.Time { return t.Add(time.Second) }`, ""},
		{"a local of that name", "internal/engine/x.go", `import _ "time"; type T struct{}; func (T) Now() {}; func f(time T) { time.Now() }`, ""},
		{"clock in a mechanism", "internal/journal/x.go", `import "time"; func f() { _ = time.Now() }`, ""},
		{"sleep in a mechanism", "internal/journal/x.go", `import "time"; func f() { time.Sleep(1) }`, "uses time.Sleep"},
		{"sleep in a test", "internal/journal/x_test.go", `import "time"; func f() { time.Sleep(1) }`, "uses time.Sleep"},
		{"sleep in test/", "test/sim/x.go", `import "time"; func f() { time.Sleep(1) }`, "uses time.Sleep"},
		{"unsafe", "internal/proc/x.go", `import "unsafe"; var _ unsafe.Pointer`, "imports unsafe"},
		{"processes in proc", "internal/proc/x.go", `import _ "os/exec"`, ""},
		{"processes elsewhere", "internal/agent/x.go", `import _ "os/exec"`, "imports os/exec"},
		{"processes in a test", "internal/agent/x_test.go", `import _ "os/exec"`, ""},
		{"writing", "internal/trust/x.go", `import "os"; func f() { os.OpenFile("x", os.O_RDONLY|os.O_CREATE, 0) }`, "uses os.OpenFile"},
		{"unknown flags", "internal/trust/x.go", `import "os"; func f(n int) { os.OpenFile("x", n, 0) }`, "uses os.OpenFile"},
		{"reading", "internal/trust/x.go", `import ("os"; "syscall"); func f() { os.OpenFile("x", os.O_RDONLY|syscall.O_NOFOLLOW, 0) }`, ""},
		{"reading by a constant", "internal/trust/x.go", `import "os"; const flags = os.O_RDONLY; func f() { os.OpenFile("x", flags, 0) }`, ""},
		{"writing by a constant", "internal/trust/x.go", `import "os"; const flags = os.O_RDWR; func f() { os.OpenFile("x", flags, 0) }`, "uses os.OpenFile"},
		{"goroutine", "internal/order/x.go", `func f() { go f() }`, "a goroutine"},
		{"channel", "internal/order/x.go", `type T chan int`, "a channel"},
		{"goroutine in a mechanism", "internal/journal/x.go", `func f() { go f() }`, ""},
		{"init", "internal/journal/x.go", `func init() {}`, "init runs"},
		{"method named init", "internal/journal/x.go", `type T int; func (T) init() {}`, ""},
		{"sentinel", "internal/journal/x.go", `import "errors"; var errX = errors.New("x")`, ""},
		{"table", "internal/journal/x.go", `var table = map[string]int{"a": 1}`, ""},
		{"counter", "internal/journal/x.go", `var n = 0; func f() { n++ }`, "assigns to package-level variable n"},
		{"table that grows", "internal/journal/x.go", `var m = map[int]int{0: 1}; func f() { m[1] = 2 }`, "assigns to package-level variable m"},
		{"shadowed", "internal/journal/x.go", `var n = 0; func f() { n := 1; n++; _ = n }`, ""},
		{"empty", "internal/journal/x.go", `var n int`, "has no initial value"},
		{"made", "internal/journal/x.go", `var m = make(map[int]int)`, "to be filled later"},
		{"mutex", "internal/journal/x.go", `import "sync"; var mu = sync.Mutex{}`, "sync.Mutex"},
		{"atomic", "internal/journal/x.go", `import "sync/atomic"; var n atomic.Int64`, "atomic.Int64"},
		{"interface check", "internal/journal/x.go", `type T int; var _ interface{} = T(0)`, ""},
		{"set by the linker", "internal/app/x.go", `var Version string`, ""},
		{"in a test", "internal/journal/x_test.go", `var n int`, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f, err := parse(tt.path, "package x\n"+tt.source)
			if err != nil {
				t.Fatal(err)
			}
			found := slices.Concat(forbiddenUses(f, []*file{f}), concurrency(f), initFunctions(f), packageState([]*file{f}))
			if tt.want == "" && len(found) > 0 || tt.want != "" && (len(found) != 1 || !strings.Contains(found[0], tt.want)) {
				t.Errorf("found %q, want %q", found, tt.want)
			}
		})
	}
}
