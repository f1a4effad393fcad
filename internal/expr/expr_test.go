package expr_test

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/signet-scheduler/signet/internal/expr"
	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/value"
)

func parse(t testing.TB, src string) *expr.Expr {
	t.Helper()
	e, err := expr.Parse(src)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func TestParseErrorShowsThePlace(t *testing.T) {
	t.Parallel()
	_, err := expr.Parse("1 +\n  $a %\t2")
	want := "2:6: unexpected '%', expected an operator or the end\n    $a % 2\n       ^"
	if err == nil || err.Error() != want {
		t.Errorf("got\n%v\nwant\n%s", err, want)
	}
	_, err = expr.Parse(strings.Repeat("ä", 100) + "(")
	if err == nil || !strings.Contains(err.Error(), "1:102: unexpected end") || len(err.Error()) > 400 {
		t.Errorf("long line: %v", err)
	}
	for _, bad := range []string{"", " ", "// only a comment", "\xff", "'\xff'", "\ufeff1", "1\x00", "\x00"} {
		if _, err := expr.Parse(bad); !fault.HasCode(err, "InvalidExpression") {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

// Whatever is wrong, the message isn't as long as the source.
func TestMessagesAreShort(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 20_000)
	for _, src := range []string{
		"$" + long, "$`" + long + " y`", "$a." + long, long, long + "()", "JobResource:" + long, "JobResource:a:" + long, "'" + long,
		"{" + long + ": 1, " + long + ": 2}", "min(" + long + "=1)", "f(" + long + "=1, " + long + "=2)", "argument('" + long + "')",
		"argument('a', " + long + "=1)", "toNumber('" + long + "')", "toBoolean('" + long + "')", "env('" + long + "')", "error('" + long + "')",
		"'a' matches '(" + long[:8000] + "'", "now('" + long + "')", "'a' matches '(" + long + "'", "replaceAll('a', 'a', '${" + long + "}')", "now('yyyy', '" + long + "')",
		"'" + long + "' - 1", strings.Repeat("9", 20_000), "1" + long, "{a: 1}." + long, "variable('a', label=" + long + ")",
	} {
		e, err := expr.Parse(src)
		if err == nil {
			_, err = e.Eval(someScope())
		}
		if err == nil || len(fault.Of(err).Public()) > 1500 {
			t.Errorf("%.40s: a message of %d bytes", src, len(fault.Of(err).Public()))
		}
	}
	if _, err := expr.ParseFunction("("+long+", "+long+") => 1", 0, 3); err == nil || len(err.Error()) > 1500 {
		t.Errorf("a function: %.100v", err)
	}
}

func TestSourceLimits(t *testing.T) {
	t.Parallel()
	nested := func(n int) string { return strings.Repeat("(", n) + "1" + strings.Repeat(")", n) }
	elseIfs := strings.Repeat("if false then 1 else ", 3000) + "2"
	for _, c := range []struct {
		name, src string
		ok        bool
	}{
		{"nesting at the limit", nested(99), true},
		{"nesting over the limit", nested(100), false},
		{"deep nesting", nested(30_000), false},
		{"deep lists", strings.Repeat("[", 60_000), false},
		{"deep interpolation", strings.Repeat(`"$(`, 20_000), false},
		{"deep ifs", strings.Repeat("if true then ", 5_000), false},
		{"a chain of else-ifs is no nesting", elseIfs, true},
		{"a long chain of operators is no nesting", "1" + strings.Repeat("+1", 32_000), true},
		{"a long chain of defaults is no nesting", "$a" + strings.Repeat("?$a", 16_000) + "?1", true},
		{"a long chain of fields is no nesting", "$a" + strings.Repeat(".a", 32_000) + "?", true},
		{"a long path in a text", `"${a` + strings.Repeat(".a", 32_000) + `}" ? ""`, true},
		{"source at the limit", "'" + strings.Repeat("x", expr.MaxSource-2) + "'", true},
		{"source over the limit", "'" + strings.Repeat("x", expr.MaxSource-1) + "'", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			e, err := expr.Parse(c.src)
			if (err == nil) != c.ok {
				t.Fatalf("error: %v", err)
			}
			if err == nil {
				if _, err := e.Eval(expr.NoScope{}); err != nil {
					t.Errorf("evaluation: %v", err)
				}
				if again, err := expr.Parse(e.String()); len(e.String()) <= expr.MaxSource && (err != nil || again.String() != e.String()) {
					t.Errorf("canonical form: %v", err)
				}
			}
		})
	}
}

// TestEvaluationIsBounded runs what would take for ever, or all memory.
func TestEvaluationIsBounded(t *testing.T) {
	t.Parallel()
	big := value.String(strings.Repeat("a", 1<<20))
	long := make(value.List, 100_000)
	for i := range long {
		long[i] = value.NewInt(int64(i))
	}
	var shared value.Value = value.String("x")
	for range 40 {
		shared = value.List{shared, shared}
	}
	var deep value.Value = value.NewInt(1)
	for range 64 {
		deep = value.List{deep}
	}
	scope := &tableScope{names: value.Map{"big": big, "long": long, "shared": shared, "deep": deep}}
	for _, c := range []struct{ name, src string }{
		{"doubling text", strings.Repeat("(", 60) + "$big" + strings.Repeat(" ++ $big)", 60)},
		{"doubling by interpolation", `"` + strings.Repeat("$big", 1000) + `"`},
		{"doubling lists", "$long" + strings.Repeat(" ++ $long", 1000)},
		{"a list of lists", "[" + strings.Repeat("$long,", 1000) + "1]"},
		{"replaceAll with a long text", `replaceAll($big, "", $big)`},
		{"replaceAll growing", `replaceAll(replaceAll(replaceAll($big, "a", "aaaa"), "a", "aaaa"), "a", "aaaa")`},
		{"replaceAll of groups", `replaceAll($big, "(a*)", '$1$1$1$1$1$1$1$1$1$1$1$1$1$1$1$1$1$1')`},
		{"a dear pattern", `$big matches "(a?b?c?d?e?f?g?){300}"`},
		{"many dear patterns", "[" + strings.Repeat(`$big matches "(.*)(.*)(.*)(.*)(.*)x",`, 500) + "1]"},
		{"comparing shared values", "$shared == $shared"},
		{"searching shared values", "$shared in [$shared]"},
		{"returning shared values", "$shared"},
		{"comparing again and again", "[" + strings.Repeat("$long == $long,", 2000) + "1]"},
		{"comparing texts again and again", "[" + strings.Repeat("$big==$big,", 5000) + "1]"},
		{"too deep", "[$deep]"},
		{"caught again and again", strings.Repeat("($shared == $shared) ? ", 500) + "1"},
		{"joining", "mkString([" + strings.Repeat("$big,", 100) + "1])"},
		{"many matches", "[" + strings.Repeat(`replaceAll($big, "a", "b"),`, 200) + "1]"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			v, err := parse(t, c.src).Eval(scope)
			if !fault.Is(err, fault.TooLarge) || !fault.HasCode(err, "EvaluationLimitExceeded") {
				t.Errorf("got %T, %v", v, err)
			}
		})
	}
	huge := &tableScope{names: value.Map{"huge": value.String(strings.Repeat("a", expr.DefaultBytes+1))}}
	if _, err := parse(t, "$huge").Eval(huge); !fault.Is(err, fault.TooLarge) {
		t.Errorf("a huge text of the scope: %v", err)
	}
	// Not over the limits, and must not take long.
	for _, src := range []string{
		"$big",
		"$long",
		"$big ++ $big",
		"[" + strings.Repeat("$nope?,", 9_000) + "1]",
		`replaceAll($big, "aaaaaaaaaa", "b")`,
	} {
		if _, err := parse(t, src).Eval(scope); err != nil {
			t.Errorf("%.40s: %v", src, err)
		}
	}
}

func TestOwnLimits(t *testing.T) {
	t.Parallel()
	e := parse(t, "1 + 1 + 1 + 1")
	if _, err := e.EvalWithin(expr.NoScope{}, expr.Limits{Steps: 7}); err != nil {
		t.Error(err)
	}
	if _, err := e.EvalWithin(expr.NoScope{}, expr.Limits{Steps: 6}); !fault.HasCode(err, "EvaluationLimitExceeded") {
		t.Errorf("6 steps: %v", err)
	}
	e = parse(t, "'abcd' ++ 'efgh' ? 'caught'")
	if _, err := e.EvalWithin(expr.NoScope{}, expr.Limits{Bytes: 7}); !fault.HasCode(err, "EvaluationLimitExceeded") {
		t.Errorf("7 bytes: %v", err)
	}
	if v, err := e.EvalWithin(expr.NoScope{}, expr.Limits{Bytes: 8}); err != nil || v != value.String("abcdefgh") {
		t.Errorf("8 bytes: %v, %v", v, err)
	}
}

// failingScope fails in every way a scope can.
type failingScope struct {
	expr.NoScope
	err error
}

func (s failingScope) Value(string) (value.Value, bool, error) { return nil, false, s.err }
func (s failingScope) Env(string) (string, bool, error)        { return "", false, s.err }
func (s failingScope) ToFile(_, _ string) (string, error)      { return "", s.err }

func TestErrorsOfTheScope(t *testing.T) {
	t.Parallel()
	recursive := failingScope{err: fmt.Errorf("reading: %w", fault.New(fault.Invalid, "RecursiveEvaluation", "a needs a"))}
	for _, src := range []string{"1 + $a", `env("X", "default")`, `toFile("x")`} {
		if _, err := parse(t, src).Eval(recursive); !fault.HasCode(err, "RecursiveEvaluation") || !strings.Contains(err.Error(), "at 1:") {
			t.Errorf("%s: %v", src, err)
		}
	}
	if v, err := parse(t, "$a ? 1").Eval(recursive); err != nil || v != value.NewInt(1) {
		t.Errorf("? got %v, %v", v, err)
	}
	limit := failingScope{err: fault.New(fault.TooLarge, "EvaluationLimitExceeded", "too much inside")}
	if _, err := parse(t, "$a ? 1").Eval(limit); !fault.Is(err, fault.TooLarge) {
		t.Errorf("? catches a limit: %v", err)
	}
	foreign := failingScope{err: io.ErrUnexpectedEOF}
	_, err := parse(t, "$a").Eval(foreign)
	if !errors.Is(err, io.ErrUnexpectedEOF) || strings.Contains(fault.Of(err).Public(), "EOF") || !fault.Is(err, fault.Invalid) {
		t.Errorf("foreign error: %v", err)
	}
}

func TestEverythingIsUnknownInNoScope(t *testing.T) {
	t.Parallel()
	for _, src := range []string{
		"$x", "orderId", `argument("x")`, `variable("x")`, "JobResource:a:b", "JobResource:a", `env("X")`, `now("yyyy")`, `toFile("x")`,
		"$js7EpochMilli", "subagentIds()", `uniqueOrderId("%d")`,
	} {
		e := parse(t, src)
		if v, err := e.Eval(expr.NoScope{}); !fault.Is(err, fault.Invalid) {
			t.Errorf("%s: %v, %v", src, v, err)
		}
		if e.Pure() {
			t.Errorf("%s is pure", src)
		}
	}
}

// placeScope has the functions of one place.
type placeScope struct{ expr.NoScope }

func (placeScope) Function(name string, args []value.Value) (value.Value, bool, error) {
	if name != "uniqueOrderId" {
		return nil, false, nil
	}
	return "got " + args[0].(value.String), true, nil
}

func TestFunctionsOfAPlace(t *testing.T) {
	t.Parallel()
	if v, err := parse(t, `uniqueOrderId("#%d")`).Eval(placeScope{}); err != nil || v != value.String("got #%d") {
		t.Errorf("%v, %v", v, err)
	}
	if _, err := parse(t, `subagentIds()`).Eval(placeScope{}); err == nil || !strings.Contains(err.Error(), "not available here") {
		t.Errorf("%v", err)
	}
	f, err := expr.ParseFunction(`x => uniqueOrderId($x)`, 1, 1)
	if err != nil {
		t.Fatal(err)
	}
	if v, err := f.Call(placeScope{}, value.String("a")); err != nil || v != value.String("got a") {
		t.Errorf("in a function: %v, %v", v, err)
	}
}

func TestParseFunction(t *testing.T) {
	t.Parallel()
	f, err := expr.ParseFunction(" ( element , i )  =>  $element ++ $i ++ $y ", 1, 2)
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(f.Params(), ","); got != "element,i" {
		t.Errorf("params %s", got)
	}
	if got, want := f.String(), "(element, i) => $element ++ $i ++ $y"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got := f.Body().Source(); got != "$element ++ $i ++ $y " {
		t.Errorf("body %q", got)
	}
	if got := strings.Join(f.Body().Names(), ","); got != "element,i,y" {
		t.Errorf("names %s", got)
	}
	_, err = f.Call(expr.NoScope{}, value.String("a"), value.NewInt(1))
	if err == nil || !strings.Contains(err.Error(), "unknown name $y (at 1:41 of: ( element , i ) => ") {
		t.Errorf("place in a function: %v", err)
	}
	if _, err := f.Call(expr.NoScope{}, value.String("a")); err == nil {
		t.Error("too few arguments")
	}
	for src, message := range map[string]string{
		"":                      "the name of a parameter",
		"$x => 1":               "the name of a parameter",
		"x":                     "expected '=>'",
		"x + 1":                 "expected '=>'",
		"x => ":                 "expected an operand",
		"x => 1 2":              "expected an operator or the end",
		"() => 1":               "0 parameters, expected 1 to 2",
		"(a, b, c) => 1":        "3 parameters, expected 1 to 2",
		"(a, a) => 1":           "occurs twice",
		"(a b) => 1":            "',' or ')'",
		"(a,) => 1":             "the name of a parameter",
		"(a => 1":               "',' or ')'",
		"x => y => $x":          "unknown symbol y",
		"x = > 1":               "expected '=>'",
		"(x) => $x matches '('": "bad regular expression",
	} {
		if _, err := expr.ParseFunction(src, 1, 2); err == nil || !strings.Contains(err.Error(), message) {
			t.Errorf("%s: got %v, want %s", src, err, message)
		}
	}
	if _, err := expr.ParseFunction("x => 1", 2, 2); err == nil || !strings.Contains(err.Error(), "1 parameter, expected 2") {
		t.Errorf("%v", err)
	}
}

// sources makes expressions of every form, most of them meaningful.
func sources(depth int) *rapid.Generator[string] {
	return rapid.Custom(func(t *rapid.T) string {
		if depth == 0 {
			return rapid.SampledFrom([]string{
				"1", "-2", "0.5", "'a'", `"b $x"`, `""`, "''It's''", "true", "false", "missing", "$x", "$s", "$list", "$o", "${o.a}", "$1", "$`a b`", "$nope",
				"orderId", "[]", "{}", "JobResource:R:a", "JobResource:R", `argument("x")`, `variable("x", label=L)`, "now('yyyy')",
			}).Draw(t, "leaf")
		}
		sub := func() string {
			s := sources(rapid.IntRange(0, depth-1).Draw(t, "depth")).Draw(t, "part")
			if rapid.Bool().Draw(t, "parenthesis") {
				return "(" + s + ")"
			}
			return s
		}
		switch form := rapid.IntRange(0, 9).Draw(t, "form"); form {
		case 0, 1, 2, 3:
			op := rapid.SampledFrom([]string{"||", "&&", "==", "!=", "<", "<=", ">", ">=", "++", "+", "-", "*", "/", "?", "in", "matches"}).Draw(t, "op")
			return sub() + " " + op + " " + sub()
		case 4:
			return rapid.SampledFrom([]string{"!(", "- (", "mkString(", "toNumber(", "(", "[", `"<$(`}).Draw(t, "open") + sub() // closed below
		case 5:
			return "(if " + sub() + " then " + sub() + " else " + sub() + ")"
		case 6:
			return sub() + rapid.SampledFrom([]string{".a", ".mkString", ".`toNumber`", "(0)", "?", " ? 1", ".toNumber"}).Draw(t, "suffix")
		case 7:
			return "[" + sub() + ", " + sub() + "]"
		case 8:
			return "{a: " + sub() + ", `b c`: " + sub() + "}"
		default:
			return rapid.SampledFrom([]string{"min", "max", "f", "substring"}).Draw(t, "function") + "(" + sub() + ", " + sub() + ")"
		}
	})
}

// closed adds the closing characters that a generated source lacks.
func closed(src string) string {
	var open []byte
	for i := range len(src) {
		switch c := src[i]; c {
		case '(', '[', '{':
			open = append(open, c)
		case ')', ']', '}':
			if len(open) > 0 {
				open = open[:len(open)-1]
			}
		}
	}
	for _, o := range slices.Backward(open) {
		src += map[byte]string{'(': ")", '[': "]", '{': "}"}[o]
	}
	return src
}

func someScope() *tableScope {
	return &tableScope{
		names: value.Map{
			"x": value.NewInt(7), "s": value.String("a"), "list": value.List{value.NewInt(1), value.String("b")}, "1": value.String("one"), "a b": value.Missing{},
			"o": value.NewObject(map[string]value.Value{"a": value.NewInt(1), "toNumber": value.NewInt(2)}),
		},
		symbols:   value.Map{"orderId": value.String("O")},
		resources: value.Map{"R": value.NewObject(map[string]value.Value{"a": value.NewInt(1)})},
		arguments: value.Map{"x": value.NewInt(1)},
		now:       time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC),
	}
}

func TestCanonicalFormMeansTheSame(t *testing.T) {
	t.Parallel()
	scope := someScope()
	parsed := 0
	rapid.Check(t, func(rt *rapid.T) {
		src := closed(sources(4).Draw(rt, "source"))
		e, err := expr.Parse(src)
		if err != nil {
			return // not every mixture is an expression
		}
		parsed++
		checkCanonical(t, "generated", e, scope)
		if t.Failed() {
			rt.Fatalf("source: %s", src)
		}
		if e.Pure() {
			a, errA := e.Eval(scope)
			b, errB := e.Eval(expr.NoScope{})
			if (errA == nil) != (errB == nil) || errA == nil && !value.Equal(a, b) {
				rt.Fatalf("pure, but depends on the scope: %s", src)
			}
		}
	})
	if parsed < 20 {
		t.Errorf("only %d sources were expressions", parsed)
	}
}

func FuzzParseEval(f *testing.F) {
	files, err := filepath.Glob("testdata/*.test")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		for line := range strings.Lines(string(data)) {
			word, rest, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
			switch word {
			case "eval", "fail", "parse-fail", "print", "facts", "call":
				f.Add(rest)
			}
		}
	}
	scope := someScope()
	f.Fuzz(func(t *testing.T, src string) {
		if fn, err := expr.ParseFunction(src, 0, 3); err == nil {
			if _, err := expr.ParseFunction(fn.String(), 0, 3); err != nil {
				t.Fatalf("canonical form %s: %v", fn, err)
			}
		}
		e, err := expr.Parse(src)
		if err != nil {
			if !fault.HasCode(err, "InvalidExpression") {
				t.Fatalf("code: %v", err)
			}
			return
		}
		start := time.Now()
		checkCanonical(t, "fuzz", e, scope)
		const generous = 20 * time.Second // a busy machine, race detector
		if took := time.Since(start); took > generous {
			t.Fatalf("took %v", took)
		}
	})
}

func BenchmarkEval(b *testing.B) {
	e := parse(b, `if $x > 5 && $s == "a" then "job-$x" else $nope ? "none"`)
	scope := someScope()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := e.Eval(scope); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkParse(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := expr.Parse(`if $x > 5 && $s == "a" then "job-$x" else $nope ? "none"`); err != nil {
			b.Fatal(err)
		}
	}
}
