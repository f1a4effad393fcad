package hocon_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/hocon"
)

func parse(t *testing.T, text string) *hocon.Value {
	t.Helper()
	v, err := hocon.Parse(hocon.Source{Name: "f", Text: []byte(text)}, hocon.Options{})
	if err != nil {
		t.Fatalf("Parse(%q): %v", text, err)
	}
	return v
}

// problem returns the only problem of err, which must be of kind k.
func problem(t *testing.T, err error, k fault.Kind) string {
	t.Helper()
	if !fault.Is(err, k) {
		t.Fatalf("error is %v, want kind %v", err, k)
	}
	p := fault.Of(err).Problems
	if len(p) != 1 {
		t.Fatalf("problems %v, want one", p)
	}
	return p[0].String()
}

// TestCharacters has what a transcript can't show.
func TestCharacters(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ text, want string }{
		{"\ufeffa=1", `{"a":1}`},
		{"a\u00a0=\u00a0x", `{"a":"x"}`},
		{"a:1\r\nb:2\r\n", `{"a":1,"b":2}`},
		{"a=x y\tz\t", `{"a":"x y\tz"}`},
		{"a=x\u2028y", `{"a":"x` + "\u2028" + `y"}`},
		{"a = \"\u0085\"", "{\"a\":\"\u0085\"}"},
	} {
		if got := hocon.Render(parse(t, c.text)); got != c.want {
			t.Errorf("%q = %s, want %s", c.text, got, c.want)
		}
	}
	for _, c := range []struct{ text, where string }{
		{"a:1\rb:2", "f:1:6:"}, // a lone carriage return ends no line
		{"a=\"\t\"", "f:1:4:"},
		{"{a=1 # x }", "f:1:1:"},
		{"a=1\nb=\xff", "f:2:3:"},
		{"ü=1\nü=]", "f:2:3:"}, // columns count characters
		{"a=\"\x00\"", "f:1:4:"},
	} {
		_, err := hocon.Parse(hocon.Source{Name: "f", Text: []byte(c.text)}, hocon.Options{})
		if got := problem(t, err, fault.Invalid); !strings.HasPrefix(got, c.where) {
			t.Errorf("%q: %s, want it at %s", c.text, got, c.where)
		}
	}
}

func TestPositions(t *testing.T) {
	t.Parallel()
	v := parse(t, "# x\na {\n  b.c = [1,\n    {d: x}]\n}\na.e = ${a.b.c}")
	list, ok := v.At("a", "b", "c")
	if !ok || list.Pos().String() != "f:3:9" {
		t.Errorf("a.b.c is at %v", list.Pos())
	}
	d, _ := list.Items()[1].Get("d")
	if got := d.Pos(); got != (hocon.Pos{File: "f", Line: 4, Col: 9}) {
		t.Errorf("d is at %v", got)
	}
	a, _ := v.Get("a")
	if got := a.KeyPos("e").String(); got != "f:6:1" {
		t.Errorf("key e is at %s", got)
	}
	if e, _ := a.Get("e"); e.Pos().String() != "f:3:9" {
		t.Errorf("a substituted value is at %s, want where it was written", e.Pos())
	}
	if got, want := a.Keys(), []string{"b", "e"}; !slices.Equal(got, want) {
		t.Errorf("keys %v, want %v", got, want)
	}
	if _, ok := v.At("a", "b", "nope"); ok {
		t.Error("At found what isn't there")
	}
	if got := a.KeyPos("nope"); got != (hocon.Pos{}) {
		t.Errorf("KeyPos of nothing is %v", got)
	}
}

func TestNilValueIsNull(t *testing.T) {
	t.Parallel()
	var v *hocon.Value
	if _, ok := v.At("a"); ok || v.Kind() != hocon.Null || v.Keys() != nil || v.Items() != nil || v.String() != "null" || v.Pos() != (hocon.Pos{}) {
		t.Error("a nil Value isn't null")
	}
}

func TestFallbacksAreMergedBeforeSubstitution(t *testing.T) {
	t.Parallel()
	src := func(name, text string) hocon.Source { return hocon.Source{Name: name, Text: []byte(text)} }
	v, err := hocon.ParseAll(hocon.Options{Lookup: func(name string) (string, bool) {
		return "/etc/" + name, name == "js7.config-directory"
	}},
		src("private", "a.secret = s\nhost = private\npath = ${?path}\":2\""),
		src("part", "a.b = ${host}\nhost = part\npath = 1\nfile = ${js7.config-directory}\"/x\""))
	if err != nil {
		t.Fatal(err)
	}
	want := `{"a":{"b":"private","secret":"s"},"file":"/etc/js7.config-directory/x","host":"private","path":"1:2"}`
	if got := hocon.Render(v); got != want {
		t.Errorf("got %s\nwant %s", got, want)
	}
	host, _ := v.Get("host")
	if host.Pos().File != "private" {
		t.Errorf("host is from %v", host.Pos())
	}
	if v, err := hocon.ParseAll(hocon.Options{}); err != nil || hocon.Render(v) != "{}" {
		t.Errorf("no source is %v, %v", v, err)
	}
}

func TestDefinedKeyWinsOverLookup(t *testing.T) {
	t.Parallel()
	o := hocon.Options{Lookup: func(string) (string, bool) { return "outside", true }}
	v, err := hocon.Parse(hocon.Source{Text: []byte("x.y = own\na = ${x.y}\nb = ${z}\nc = ${?z}\nd = ${x.z.q}")}, o)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := hocon.Render(v), `{"a":"own","b":"outside","c":"outside","d":"outside","x":{"y":"own"}}`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestMergeOfResolved(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ over, under, want string }{
		{"a = 1", "b = 2", `{"a":1,"b":2}`},
		{"a {x = 1}", "a {x = 2, y = 3}", `{"a":{"x":1,"y":3}}`},
		{"a = 1", "a {x = 2}", `{"a":1}`},
		{"a {x = 1}", "a = 1", `{"a":{"x":1}}`},
		{"a = [1]", "a = [2]", `{"a":[1]}`},
		{"a = null", "a = 1", `{"a":null}`},
	} {
		if got := hocon.Render(hocon.Merge(parse(t, c.over), parse(t, c.under))); got != c.want {
			t.Errorf("%s over %s = %s, want %s", c.over, c.under, got, c.want)
		}
	}
	v := parse(t, "a = 1")
	if hocon.Merge(nil, v) != v || hocon.Merge(v, nil) != v {
		t.Error("Merge with nothing changes something")
	}
}

func TestUnits(t *testing.T) {
	t.Parallel()
	get := func(text string) *hocon.Value {
		v, _ := parse(t, "x = "+text).Get("x")
		return v
	}
	for text, want := range map[string]time.Duration{
		"15s": 15 * time.Second, "15 s": 15 * time.Second, `"1.5 hours"`: 90 * time.Minute, "500": 500 * time.Millisecond, "7d": 168 * time.Hour,
		"3 minutes": 3 * time.Minute, "10us": 10 * time.Microsecond, "10 nanos": 10, "0.5ms": 500 * time.Microsecond, "0": 0, "-1s": -time.Second,
		"1.0000000001s": time.Second, "106751d": 106751 * 24 * time.Hour,
	} {
		if got, err := get(text).Duration(); err != nil || got != want {
			t.Errorf("duration %s = %v, %v; want %v", text, got, err, want)
		}
	}
	for text, want := range map[string]error{
		"x": hocon.ErrNotDuration, "1x": hocon.ErrNotDuration, "1S": hocon.ErrNotDuration, "s": hocon.ErrNotDuration, "1e3s": hocon.ErrNotDuration, "1e3": hocon.ErrNotDuration,
		"1.s": hocon.ErrNotDuration, "--1s": hocon.ErrNotDuration, "106752d": hocon.ErrRange, "[1]": hocon.ErrNotScalar, "null": hocon.ErrNotScalar, `""`: hocon.ErrNotDuration,
		strings.Repeat("9", 41) + "s": hocon.ErrNotDuration,
	} {
		if got, err := get(text).Duration(); !errors.Is(err, want) {
			t.Errorf("duration %s = %v, %v; want %v", text, got, err, want)
		}
	}
	for text, want := range map[string]int64{
		"65536": 65536, "64KiB": 65536, "64k": 65536, "8m": 8 << 20, "8MB": 8e6, "1 GiB": 1 << 30, "1.5K": 1536, "1B": 1, "7EiB": 7 << 60, "2kB": 2000, "1 megabyte": 1e6, "0": 0,
	} {
		if got, err := get(text).Size(); err != nil || got != want {
			t.Errorf("size %s = %v, %v; want %v", text, got, err, want)
		}
	}
	for text, want := range map[string]error{"8EiB": hocon.ErrRange, "-1": hocon.ErrNotSize, "1KB": hocon.ErrNotSize, "x": hocon.ErrNotSize, "{}": hocon.ErrNotScalar} {
		if got, err := get(text).Size(); !errors.Is(err, want) {
			t.Errorf("size %s = %v, %v; want %v", text, got, err, want)
		}
	}
	for text, want := range map[string]bool{"yes": true, "on": true, "true": true, `"true"`: true, "no": false, "off": false, "false": false} {
		if got, err := get(text).Bool(); err != nil || got != want {
			t.Errorf("bool %s = %v, %v", text, got, err)
		}
	}
	for _, text := range []string{"True", "1", "x", `""`} {
		if _, err := get(text).Bool(); !errors.Is(err, hocon.ErrNotBool) {
			t.Errorf("bool %s: %v", text, err)
		}
	}
	if n, err := get("007").Int(); err != nil || n != 7 {
		t.Errorf("int 007 = %d, %v", n, err)
	}
	if n, err := get("-9223372036854775808").Int(); err != nil || n != math.MinInt64 {
		t.Errorf("int = %d, %v", n, err)
	}
	for text, want := range map[string]error{"1.0": hocon.ErrNotInt, "x": hocon.ErrNotInt, `"+1"`: hocon.ErrNotInt, "9223372036854775808": hocon.ErrRange, "[]": hocon.ErrNotScalar} {
		if _, err := get(text).Int(); !errors.Is(err, want) {
			t.Errorf("int %s: %v, want %v", text, err, want)
		}
	}
}

func TestBounds(t *testing.T) {
	t.Parallel()
	deep := func(n int) string { return "a=" + strings.Repeat("[", n) + strings.Repeat("]", n) }
	chain := func(n int) string { // x0 = {x: ${x1}} ...
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, "k%d = {x: ${k%d}}\n", i, i+1)
		}
		fmt.Fprintf(&b, "k%d = 1", n)
		return b.String()
	}
	double := func(n int, value string) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, "k%d = %s\n", i, fmt.Sprintf(value, fmt.Sprintf("${?k%d}", i+1), fmt.Sprintf("${?k%d}", i+1)))
		}
		return b.String()
	}
	for _, c := range []struct{ name, good, bad string }{
		{"lists", deep(63), deep(64)},
		{"objects", strings.Repeat("{a:", 63) + "{}" + strings.Repeat("}", 63), strings.Repeat("{a:", 64) + "{}" + strings.Repeat("}", 64)},
		{"many braces", "", strings.Repeat("a{", 100_000)},
		{"many brackets", "", "a=" + strings.Repeat("[", 100_000)},
		{"path", strings.Repeat("a.", 63) + "a=1", strings.Repeat("a.", 64) + "a=1"},
		{"path of a substitution", "", "x=${?" + strings.Repeat("a.", 64) + "a}"},
		{"depth by substitution", chain(62), chain(70)},
		{"doubled lists", "", double(40, "[%s,%s]") + "k40 = 1"},
		{"doubled text", double(10, "%s%s") + "k10 = x", double(40, "%s%s") + "k40 = x"},
		{"doubled nothing", "", double(40, "%s%s")},
		{"doubled objects", "", double(40, "{a: %s, b: %s}") + "k40 = 1"},
		{"source", "", strings.Repeat("#", hocon.MaxSource+1)},
	} {
		if c.good != "" {
			parse(t, c.good)
		}
		_, err := hocon.Parse(hocon.Source{Name: "f", Text: []byte(c.bad)}, hocon.Options{MaxNodes: 200_000})
		if !fault.Is(err, fault.TooLarge) {
			t.Errorf("%s: %v, want TooLarge", c.name, err)
		}
	}
}

// TestLongButFine has what is long and must not be refused or slow.
func TestLongButFine(t *testing.T) {
	t.Parallel()
	v := parse(t, strings.Repeat("a += x\n", 1000))
	if a, _ := v.Get("a"); len(a.Items()) != 1000 {
		t.Errorf("%d elements", len(a.Items()))
	}
	parse(t, strings.Repeat("a = ${?a} {x: 1}\n", 500))
	parse(t, strings.Repeat("a.b.c = 1\n", 50_000))
	parse(t, strings.Repeat("a = ${?b}\n", 20_000))
}

func TestIncludeBounds(t *testing.T) {
	t.Parallel()
	include := func(text string) (reads int, err error) {
		_, err = hocon.Parse(hocon.Source{Name: "f", Text: []byte(text)}, hocon.Options{Include: func(_, target string) (hocon.Source, error) {
			reads++
			if target == "leaf" {
				return hocon.Source{Name: target}, nil
			}
			return hocon.Source{Name: target, Text: []byte(text)}, nil
		}})
		return reads, err
	}
	if n, err := include(`include "f"`); !fault.Is(err, fault.TooLarge) || n != hocon.MaxIncludeDepth {
		t.Errorf("circle: %d reads, %v", n, err)
	}
	if n, err := include(strings.Repeat("include \"leaf\"\n", hocon.MaxIncludes)); err != nil || n != hocon.MaxIncludes {
		t.Errorf("many: %d reads, %v", n, err)
	}
	if n, err := include(strings.Repeat("include \"leaf\"\n", hocon.MaxIncludes+1)); !fault.Is(err, fault.TooLarge) || n != hocon.MaxIncludes {
		t.Errorf("too many: %d reads, %v", n, err)
	}
}

func TestIncludeErrors(t *testing.T) {
	t.Parallel()
	src := hocon.Source{Name: "f", Text: []byte("\ninclude \"x\"")}
	if _, err := hocon.Parse(src, hocon.Options{}); problem(t, err, fault.Invalid) != "f:2:1: include can't be used in this text" {
		t.Errorf("without Include: %v", err)
	}
	_, err := hocon.Parse(src, hocon.Options{Include: func(string, string) (hocon.Source, error) { return hocon.Source{}, fs.ErrPermission }})
	if !strings.Contains(problem(t, err, fault.Invalid), "f:2:1: the included file can't be read") {
		t.Errorf("without permission: %v", err)
	}
}

func TestCheckSyntaxResolvesNothing(t *testing.T) {
	t.Parallel()
	if err := hocon.CheckSyntax(hocon.Source{Text: []byte("a = ${b}")}, hocon.Options{}); err != nil {
		t.Error(err)
	}
	if err := hocon.CheckSyntax(hocon.Source{Text: []byte("a = ")}, hocon.Options{}); err == nil {
		t.Error("a missing value is accepted")
	}
}

// TestReadsJSON: whatever JSON holds, HOCON reads as the same.
func TestReadsJSON(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		want := drawJSON(t, 4)
		text, err := json.Marshal(map[string]any{"root": want})
		if err != nil {
			t.Skip("not JSON")
		}
		v, err := hocon.Parse(hocon.Source{Text: text}, hocon.Options{})
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		var got, again any
		if err := json.Unmarshal([]byte(hocon.Render(v)), &got); err != nil {
			t.Fatalf("Render(%s) = %s: %v", text, hocon.Render(v), err)
		}
		_ = json.Unmarshal(text, &again)
		if d := cmp.Diff(again, got); d != "" {
			t.Fatalf("%s: %s", text, d)
		}
	})
}

func drawJSON(t *rapid.T, depth int) any {
	n := 4
	if depth > 0 {
		n = 6
	}
	switch rapid.IntRange(0, n-1).Draw(t, "kind") {
	case 0:
		return rapid.String().Draw(t, "string")
	case 1:
		return rapid.Float64Range(-9e18, 9e18).Draw(t, "float")
	case 2:
		return rapid.Bool().Draw(t, "bool")
	case 3:
		return nil
	case 4:
		out := make([]any, rapid.IntRange(0, 3).Draw(t, "length"))
		for i := range out {
			out[i] = drawJSON(t, depth-1)
		}
		return out
	default:
		out := map[string]any{}
		for range rapid.IntRange(0, 3).Draw(t, "size") {
			out[rapid.String().Draw(t, "key")] = drawJSON(t, depth-1)
		}
		return out
	}
}

func TestQuoteComesBack(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.String().Draw(t, "s")
		v, err := hocon.Parse(hocon.Source{Text: []byte(hocon.Quote(s) + " = [" + hocon.Quote(s) + "]")}, hocon.Options{})
		if err != nil {
			t.Fatal(err)
		}
		list, ok := v.Get(s)
		if !ok || list.Items()[0].String() != s {
			t.Fatalf("%q came back as %s", s, hocon.Render(v))
		}
	})
}
