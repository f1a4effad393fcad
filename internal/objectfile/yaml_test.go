package objectfile

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/strictjson"
	"github.com/signet-scheduler/signet/internal/workflow"
)

func TestFromYAML(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"a: 1\nb: [x, 'y', \"z\\n\"]\n":                          `{"a":1,"b":["x","y","z\n"]}`,
		"---\nb: 1\na: 2\n...\n":                                 `{"b":1,"a":2}`,
		"# comment\n\na: 1 # more\n":                             `{"a":1}`,
		"script: |\n  #!/bin/sh\n  echo hi\n":                    `{"script":"#!/bin/sh\necho hi\n"}`,
		"a: >-\n  folded\n  text\n":                              `{"a":"folded text"}`,
		"a: |\r\n  x\r\n  y\r\n":                                 `{"a":"x\ny\n"}`,
		"{a: {b: []}, c: {}}":                                    `{"a":{"b":[]},"c":{}}`,
		"[true, True, FALSE, null, ~, Null, ]":                   `[true,true,false,null,null,null]`,
		"a:\nb: ~\n":                                             `{"a":null,"b":null}`,
		"[1, -1, +1, 0, 1.10, .5, -.5, 1., 1e3]":                 `[1,-1,1,0,1.10,0.5,-0.5,1,1e3]`,
		"[1E-3, 1.5e+10, -0.0, 12345678901234567890123456789.0]": `[1E-3,1.5e+10,-0.0,12345678901234567890123456789.0]`,
		"[yes, no, on, off, y, n, Yes, tRUE, nul]":               `["yes","no","on","off","y","n","Yes","tRUE","nul"]`,
		"[2026-11-22, 2026-11-22T12:00:00Z, 12-30]":              `["2026-11-22","2026-11-22T12:00:00Z","12-30"]`,
		"['1', \"0x1\", 1a, 1.2.3, e3, ., -, +, '<<', '0644']":   `["1","0x1","1a","1.2.3","e3",".","-","+","<<","0644"]`,
		"predicate: $a == 'x' && $b\n":                           `{"predicate":"$a == 'x' && $b"}`,
		"'1': a\n\"true\": b\n":                                  `{"1":"a","true":"b"}`,
		"just text":                                              `"just text"`,
		"a: \"\\u0085\\u2028\"":                                  `{"a":"` + "\u0085" + `\u2028"}`,
		"ä: 😀":                                                   `{"ä":"😀"}`,
	} {
		got, err := FromYAML([]byte(in))
		if err != nil {
			t.Errorf("%q: %v", in, err)
		} else if string(got) != want {
			t.Errorf("%q is %s, expected %s", in, got, want)
		} else if _, err := strictjson.Parse(got, strictjson.Limits{}); err != nil {
			t.Errorf("%q: %v", in, err)
		}
	}
}

func TestFromYAMLRefuses(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"":                        "1:1: the document is empty",
		"# only a comment\n":      "1:1: the document is empty",
		"a: 1\n---\nb: 2\n":       "2:1: a second document",
		"a: 1\n---\n":             "2:1: a second document",
		"a: &x 1\nb: 2\n":         "1:4 $.a: anchors",
		"a: &x [1]\nb: *x\n":      "1:4 $.a: anchors",
		"*x":                      "1:1: not YAML: unknown anchor 'x'",
		"a: !!str 1\n":            "1:4 $.a: tags",
		"a: !x {}\n":              "1:4 $.a: tags",
		"a: ! 123\n":              "1:4 $.a: tags",
		"? !!str a\n: 1\n":        "1:3 $: tags",
		"%YAML 1.1\n---\na: 1\n":  "1:1: directives",
		"# x\n%TAG ! x\n---\na":   "2:1: directives",
		"a: 1\nb: 2\na: 3\n":      "3:1 $: the key \"a\" occurs twice",
		"<<: {a: 1}\n":            "1:1 $: merge keys",
		"1: a\n":                  "1:1 $: the key \"1\" is not a string",
		"true: a\n":               "1:1 $: the key \"true\" is not a string",
		"~: a\n":                  "1:1 $: the key \"~\" is not a string",
		"[a]: b\n":                "1:1 $: a key must be a string",
		"a:\n  b: 0644\n":         "2:6 $.a.b: \"0644\" is read differently",
		"[0x1F]":                  "1:2 $[0]: \"0x1F\" is read differently",
		"[0o17]":                  "1:2 $[0]: \"0o17\" is read differently",
		"[0b1]":                   "1:2 $[0]: \"0b1\" is read differently",
		"[1_000]":                 "1:2 $[0]: \"1_000\" is read differently",
		"[.inf]":                  "1:2 $[0]: \".inf\" is read differently",
		"[-.Inf]":                 "1:2 $[0]: \"-.Inf\" is read differently",
		"[.NaN]":                  "1:2 $[0]: \".NaN\" is read differently",
		"[12:30]":                 "1:2 $[0]: \"12:30\" is read differently",
		"[00]":                    "1:2 $[0]: \"00\" is read differently",
		"[007.5]":                 "1:2 $[0]: \"007.5\" is read differently",
		"\xEF\xBB\xBFa: 1":        "1:1: a byte order mark",
		"a: \xff":                 "1:4: the file is not UTF-8",
		"a\x00b":                  "1:1: not YAML",
		"a: 1\rb: 2":              "1:5: a carriage return",
		"a: x\u0085y":             "1:5: the character U+0085",
		"a: x\u2028y":             "1:5: the character U+2028",
		"a: [1, 2":                "1:1: not YAML",
		"a: 1\n b: 2\n":           "2:1: not YAML",
		"\ta: 1":                  "1:1: not YAML",
		strings.Repeat("[", 400):  "1:1: not YAML",
		strings.Repeat("- ", 400): "1:663 $[0][0]",
	} {
		_, err := FromYAML([]byte(in))
		if !fault.HasCode(err, "InvalidYaml") {
			t.Errorf("%q: error is %v", in, err)
			continue
		}
		if got := fault.Of(err).Problems[0].String(); !strings.HasPrefix(got, want) {
			t.Errorf("%q: problem is %q, expected %q", in, got, want)
		}
	}
	if _, err := FromYAML(make([]byte, MaxDocument+1)); !fault.Is(err, fault.TooLarge) {
		t.Errorf("too large: %v", err)
	}
	// All problems at once.
	_, err := FromYAML([]byte("a: 0x1\nb: &x 1\nc: !!int 1\na: 1\n"))
	if n := len(fault.Of(err).Problems); n != 4 {
		t.Errorf("%d problems: %v", n, err)
	}
}

// Texts that make a careless reader slow.
func TestFromYAMLIsFast(t *testing.T) {
	t.Parallel()
	for name, in := range map[string]string{
		"flow list":   "[" + strings.Repeat("a, ", 60_000) + "a]",
		"flow map":    "{" + strings.Repeat("a: , ", 40_000) + "b: 1}",
		"empty nodes": strings.Repeat("-\n", 80_000),
		"deep flow":   strings.Repeat("[", 200_000),
		"deep block":  strings.Repeat("- ", 200_000),
		"deep map":    strings.Repeat("{a: ", 100_000),
		"keys":        strings.Repeat("? ", 100_000),
		"aliases":     "a: &a [" + strings.Repeat("x, ", 1000) + "]\nb: [" + strings.Repeat("*a, ", 40_000) + "]",
		"quotes":      strings.Repeat("\"", 100_000),
		"comments":    strings.Repeat("# x\n", 100_000) + "a: 1",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			start := time.Now()
			_, err := FromYAML([]byte(in))
			if d := time.Since(start); d > time.Minute {
				t.Errorf("%d bytes took %v (%v)", len(in), d, err)
			} else {
				t.Logf("%d bytes took %v", len(in), d)
			}
		})
	}
}

// JSON without numbers that YAML writes otherwise is YAML for the same value.
func TestJSONIsYAML(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		want := drawJSON(t, 4)
		data, err := json.Marshal(want)
		if err != nil {
			t.Fatal(err)
		}
		out, err := FromYAML(data)
		if err != nil {
			t.Fatalf("%s: %v", data, err)
		}
		var got any
		if err := json.Unmarshal(out, &got); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("%s (-want +got):\n%s", data, diff)
		}
	})
}

func drawJSON(t *rapid.T, depth int) any {
	text := rapid.StringOf(rapid.RuneFrom([]rune("ab01 .:-'\"\\{}[]#&*!|>%@`,?~$\n\t/ä😀é")))
	kinds := 4
	if depth == 0 {
		kinds = 2
	}
	switch rapid.IntRange(0, kinds-1).Draw(t, "kind") {
	case 0:
		return text.Draw(t, "text")
	case 1:
		return rapid.SampledFrom([]any{nil, true, false, 0.0, -1.0, 12.5}).Draw(t, "scalar")
	case 2:
		list := []any{}
		for range rapid.IntRange(0, 3).Draw(t, "n") {
			list = append(list, drawJSON(t, depth-1))
		}
		return list
	default:
		m := map[string]any{}
		for range rapid.IntRange(0, 3).Draw(t, "n") {
			m[text.Draw(t, "key")] = drawJSON(t, depth-1)
		}
		return m
	}
}

func FuzzFromYAML(f *testing.F) {
	for _, s := range []string{"a: 1\nb: [x]\n", "- &a 1\n- *a\n", "!!str a", "{a: .5, b: |\n x}", "? a\n: b", "a: \"\\u2028\"", "---\n...\n---"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		doc, out, err := readYAML(data)
		if err != nil {
			if k := fault.Of(err).Kind; k != fault.Invalid && k != fault.TooLarge {
				t.Fatal(err)
			}
			return
		}
		if _, err := strictjson.Parse(out, workflow.DocumentLimits()); err != nil && !fault.Is(err, fault.TooLarge) && !strings.Contains(err.Error(), "deeper") {
			t.Fatalf("%s: %v", out, err)
		}
		if line := doc.line("$.a[0].b"); line < 1 {
			t.Fatalf("line %d", line)
		}
	})
}
