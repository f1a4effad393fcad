package expr_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	_ "time/tzdata" // the zones of the tests, on every machine

	"github.com/signet-scheduler/signet/internal/expr"
	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/value"
)

// tableScope is a scope filled by the test files.
type tableScope struct {
	expr.NoScope
	names, symbols, arguments, variables, resources value.Map
	env                                             map[string]string
	now, scheduled                                  time.Time
}

func get(m value.Map, name string) (value.Value, bool, error) {
	v, ok := m[name]
	return v, ok, nil
}

func (s *tableScope) Value(name string) (value.Value, bool, error)  { return get(s.names, name) }
func (s *tableScope) Symbol(name string) (value.Value, bool, error) { return get(s.symbols, name) }

func (s *tableScope) Argument(name string) (value.Value, bool, error) { return get(s.arguments, name) }

func (s *tableScope) Variable(name, label, job string) (value.Value, bool, error) {
	return get(s.variables, name+"|"+label+"|"+job)
}

func (s *tableScope) JobResource(path, name string) (value.Value, bool, error) {
	all, ok := s.resources[path].(value.Object)
	if !ok || name == "" {
		return all, ok, nil
	}
	v, ok := all.Get(name)
	return v, ok, nil
}

func (s *tableScope) Env(name string) (string, bool, error) {
	v, ok := s.env[name]
	return v, ok, nil
}

func (s *tableScope) Now() (time.Time, bool)       { return s.now, !s.now.IsZero() }
func (s *tableScope) Scheduled() (time.Time, bool) { return s.scheduled, !s.scheduled.IsZero() }

func (s *tableScope) ToFile(content, filename string) (string, error) {
	return "/tmp/" + filename + "=" + content, nil
}

func newTableScope() *tableScope {
	return &tableScope{
		names: value.Map{}, symbols: value.Map{}, arguments: value.Map{}, variables: value.Map{}, resources: value.Map{},
		env: map[string]string{},
	}
}

// set carries out a setting line: "let x = 7", "arg x = 7", "symbol label =
// "L"", "variable x|LABEL|JOB = 7", "resource R = {…}", "env X = text",
// "now = 2026-…", "scheduled = 2026-…".
func (s *tableScope) set(t *testing.T, where, what, rest string) {
	t.Helper()
	name, text, ok := strings.Cut(rest, "=")
	name, text = strings.TrimSpace(name), strings.TrimSpace(text)
	if !ok {
		t.Fatalf("%s: %s needs '='", where, what)
	}
	switch what {
	case "env":
		s.env[name] = text
		return
	case "now", "scheduled":
		at, err := time.Parse(time.RFC3339Nano, text)
		if err != nil {
			t.Fatalf("%s: %v", where, err)
		}
		if what == "now" {
			s.now = at
		} else {
			s.scheduled = at
		}
		return
	}
	target := map[string]value.Map{
		"let": s.names, "arg": s.arguments, "symbol": s.symbols, "variable": s.variables, "resource": s.resources,
	}[what]
	target[name] = parseValue(t, where, text)
}

func parseValue(t *testing.T, where, text string) value.Value {
	t.Helper()
	if text == "missing" {
		return value.Missing{}
	}
	v, err := value.ParseJSON([]byte(text))
	if err != nil {
		t.Fatalf("%s: %v", where, err)
	}
	return v
}

// TestLanguage runs testdata/*.test. Lines:
//
//	# comment
//	let x = JSON            a named value; see set for arg, symbol and so on
//	eval EXPR               followed by: = JSON (or missing)
//	fail EXPR               followed by: ! part of the message
//	parse-fail EXPR         followed by: ! part of the message
//	print EXPR              followed by: = canonical text
//	facts EXPR              followed by: = pure clock names=a,b symbols=… functions=… resources=…
//	call FUNCTION           followed by: ( JSON list of arguments, and = JSON
//
// An indented line goes on with the line before it.
func TestLanguage(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/*.test")
	if err != nil || len(files) == 0 {
		t.Fatalf("no test files: %v", err)
	}
	total := 0
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		cases := strings.Count(string(data), "\n= ") + strings.Count(string(data), "\n! ")
		total += cases
		t.Run(filepath.Base(file), func(t *testing.T) {
			t.Parallel()
			if ran := runFile(t, file, string(data)); ran != cases {
				t.Errorf("%d expectations, but %d cases were run", cases, ran)
			}
		})
	}
	if total < 400 {
		t.Errorf("only %d cases", total)
	}
}

func runFile(t *testing.T, file, data string) int {
	t.Helper()
	lines := strings.Split(strings.ReplaceAll(data, "\n  ", "\x00"), "\n")
	scope := newTableScope()
	number, ran := 0, 0
	var pending, text, args, where string
	for _, line := range lines {
		number++
		at := filepath.Base(file) + ":" + itoa(number)
		number += strings.Count(line, "\x00")
		line = strings.ReplaceAll(line, "\x00", "\n")
		if strings.TrimSpace(line) == "" || strings.HasPrefix(line, "#") {
			continue
		}
		word, rest, _ := strings.Cut(line, " ")
		switch word {
		case "let", "arg", "symbol", "variable", "resource", "env", "now", "scheduled":
			scope.set(t, at, word, rest)
		case "eval", "fail", "parse-fail", "print", "facts", "call":
			if pending != "" {
				t.Fatalf("%s: the case before has no expectation", at)
			}
			pending, text, where = word, rest, at
		case "(":
			args = rest
		case "=", "!":
			runCase(t, where, scope, pending, text, args, word, rest)
			pending = ""
			ran++
		default:
			t.Fatalf("%s: unknown line %q", at, line)
		}
	}
	return ran
}

func itoa(n int) string { return value.NewInt(int64(n)).String() }

func runCase(t *testing.T, where string, scope *tableScope, what, text, args, sign, want string) {
	t.Helper()
	if (sign == "!") != (what == "fail" || what == "parse-fail") {
		t.Fatalf("%s: %s is followed by %q", where, what, sign)
	}
	if what == "call" {
		runCall(t, where, scope, text, args, want)
		return
	}
	e, err := expr.Parse(text)
	if what == "parse-fail" {
		checkError(t, where, text, err, want)
		if err != nil && !fault.HasCode(err, "InvalidExpression") {
			t.Errorf("%s: wrong code: %#v", where, err)
		}
		return
	}
	if err != nil {
		t.Errorf("%s: %v", where, err)
		return
	}
	switch what {
	case "print":
		if got := e.String(); got != want {
			t.Errorf("%s: %s\n got %s\nwant %s", where, text, got, want)
		}
	case "facts":
		if got := factsText(e); got != want {
			t.Errorf("%s: %s\n got %s\nwant %s", where, text, got, want)
		}
	case "fail":
		_, err := e.Eval(scope)
		checkError(t, where, text, err, want)
	case "eval":
		v, err := e.Eval(scope)
		if err != nil {
			t.Errorf("%s: %s\n%v", where, text, err)
			return
		}
		if expected := parseValue(t, where, want); !value.Equal(v, expected) {
			t.Errorf("%s: %s\n got %s\nwant %s", where, text, value.AppendJSON(nil, v), want)
		}
	}
	checkCanonical(t, where, e, scope)
}

func runCall(t *testing.T, where string, scope *tableScope, text, args, want string) {
	t.Helper()
	f, err := expr.ParseFunction(text, 0, 3)
	if err != nil {
		t.Errorf("%s: %v", where, err)
		return
	}
	list := parseValue(t, where, args).(value.List)
	again, err := expr.ParseFunction(f.String(), 0, 3)
	if err != nil {
		t.Errorf("%s: canonical form: %v", where, err)
		return
	}
	for _, f := range []*expr.Function{f, again} {
		v, err := f.Call(scope, list...)
		if err != nil {
			t.Errorf("%s: %v", where, err)
		} else if expected := parseValue(t, where, want); !value.Equal(v, expected) {
			t.Errorf("%s: %s\n got %s\nwant %s", where, f, value.AppendJSON(nil, v), want)
		}
	}
}

func checkError(t *testing.T, where, text string, err error, want string) {
	t.Helper()
	if err == nil {
		t.Errorf("%s: %s: no error, want %q", where, text, want)
	} else if !strings.Contains(err.Error(), want) {
		t.Errorf("%s: %s\n got %v\nwant %s", where, text, err, want)
	}
}

// checkCanonical checks that the canonical form means the same and is stable.
func checkCanonical(t testing.TB, where string, e *expr.Expr, scope expr.Scope) {
	t.Helper()
	again, err := expr.Parse(e.String())
	if err != nil {
		t.Errorf("%s: canonical form of %s: %v", where, e.Source(), err)
		return
	}
	if again.String() != e.String() {
		t.Errorf("%s: canonical form isn't stable: %s, then %s", where, e, again)
	}
	v, err := e.Eval(scope)
	v2, err2 := again.Eval(scope)
	if (err == nil) != (err2 == nil) || err == nil && !value.Equal(v, v2) {
		t.Errorf("%s: %s evaluates to %v (%v), its canonical form %s to %v (%v)", where, e.Source(), v, err, e, v2, err2)
	}
	if e.Pure() != again.Pure() || e.UsesClock() != again.UsesClock() {
		t.Errorf("%s: the canonical form %s has other facts", where, e)
	}
}

func factsText(e *expr.Expr) string {
	var parts []string
	if e.Pure() {
		parts = append(parts, "pure")
	}
	if e.UsesClock() {
		parts = append(parts, "clock")
	}
	for _, list := range []struct {
		name  string
		items []string
	}{
		{"names", e.Names()}, {"symbols", e.Symbols()}, {"functions", e.Functions()}, {"resources", e.JobResources()},
	} {
		if len(list.items) > 0 {
			parts = append(parts, list.name+"="+strings.Join(list.items, ","))
		}
	}
	return strings.Join(parts, " ")
}
