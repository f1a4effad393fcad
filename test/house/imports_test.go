package house

import (
	"maps"
	"slices"
	"strings"
	"testing"
)

func TestDependencyDirection(t *testing.T) {
	t.Parallel()
	for _, f := range sources() {
		for _, imp := range f.ast.Imports {
			target := strings.Trim(imp.Path.Value, `"`)
			if imp.Name != nil && imp.Name.Name == "." {
				t.Errorf("%s: dot imports hide where a name comes from", position(imp))
			}
			if err := allowed(f.dir, target, f.inTest); err != nil {
				t.Errorf("%s: imports %s: %v", position(imp), target, err)
			}
		}
	}
}

// The rule itself, so that a change of the table can't loosen it unseen.
func TestAllowed(t *testing.T) {
	t.Parallel()
	tests := []struct {
		from, to string
		inTest   bool
		ok       bool
	}{
		{"internal/engine", module + "/internal/order", false, true},
		{"internal/engine", "strings", false, true},
		{"internal/engine", "os", false, false},
		{"internal/engine", "sync", false, false},
		{"internal/engine", "context", false, false},
		{"internal/engine", "os", true, true},
		{"internal/engine", module + "/internal/clock", false, false},
		{"internal/value", "github.com/cockroachdb/apd/v3", false, true},
		{"internal/engine", "golang.org/x/sync/errgroup", false, false},
		{"internal/journal", module + "/internal/fsys", false, true},
		{"internal/journal", module + "/internal/codec", false, true},
		{"internal/journal", module + "/internal/trust", false, false},
		{"internal/journal", module + "/internal/trust", true, true},
		{"internal/consensus", module + "/internal/journal", false, true},
		{"internal/journal", module + "/internal/consensus", false, false},
		{"internal/clock", module + "/internal/fsys", false, false},
		{"internal/store/sqlite", module + "/internal/store", false, true},
		{"internal/store/postgres", module + "/internal/store/rows", false, true},
		{"internal/store/postgres", module + "/internal/engine", false, true},
		{"internal/store/postgres", module + "/internal/conf", false, false},
		{"internal/agent", module + "/internal/trust", false, true},
		{"internal/agent", module + "/internal/controller", false, false},
		{"internal/agent", module + "/internal/controller", true, false},
		{"internal/app", module + "/internal/agent", false, true},
		{"internal/cockpit", module + "/web", false, true},
		{"internal/conf", module + "/web", false, false},
		{"cmd/signet", module + "/internal/app", false, true},
		{"cmd/signet", module + "/internal/agent", false, false},
		{"test/sim", module + "/internal/controller", false, true},
		{"internal/agent", module + "/test/sim", true, false},
		{"internal/nowhere", "strings", false, false},
	}
	for _, tt := range tests {
		if err := allowed(tt.from, tt.to, tt.inTest); (err == nil) != tt.ok {
			t.Errorf("allowed(%s, %s, inTest=%v) = %v, want ok=%v", tt.from, tt.to, tt.inTest, err, tt.ok)
		}
	}
}

// One importer for each module of others: so we know what leaving it costs.
func TestModuleHasOneImporter(t *testing.T) {
	t.Parallel()
	importers := map[string]map[string]bool{} // module -> folders
	for _, f := range sources() {
		if f.inTest || rooms[roomOf(f.dir)].kind == outside {
			continue
		}
		for _, imp := range f.ast.Imports {
			target := strings.Trim(imp.Path.Value, `"`)
			if isStd(target) || strings.HasPrefix(target, module+"/") {
				continue
			}
			if reason, found := lookup(testModules, target); found {
				t.Errorf("%s: imports %s, which is for tests only (%s)", position(imp), target, reason)
			}
			if _, free := lookup(freeModules, target); free {
				continue
			}
			m := moduleOf(target)
			if importers[m] == nil {
				importers[m] = map[string]bool{}
			}
			importers[m][f.dir] = true
		}
	}
	for _, m := range slices.Sorted(maps.Keys(importers)) {
		if len(importers[m]) > 1 {
			t.Errorf("%s is imported by %v: a module of others has one importer", m, slices.Sorted(maps.Keys(importers[m])))
		}
	}
}

func lookup(modules map[string]string, target string) (string, bool) {
	for m, reason := range modules {
		if within(target, m) {
			return reason, true
		}
	}
	return "", false
}

// moduleOf returns host and the next two elements, which is the module's path
// up to a version suffix for the hosts in use.
func moduleOf(target string) string {
	parts := strings.Split(target, "/")
	return strings.Join(parts[:min(3, len(parts))], "/")
}
