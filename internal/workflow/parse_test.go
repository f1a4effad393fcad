package workflow

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/signet-scheduler/signet/internal/expr"
	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/strictjson"
	"github.com/signet-scheduler/signet/internal/value"
)

func parse(t *testing.T, fields string) *Workflow {
	t.Helper()
	w, err := Parse([]byte(`{"TYPE":"Workflow","path":"A","versionId":"v1",` + fields + `}`))
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func problemsOf(t *testing.T, fields string) []fault.Problem {
	t.Helper()
	_, err := Parse([]byte(`{"TYPE":"Workflow","path":"A","versionId":"v1",` + fields + `}`))
	if err == nil {
		t.Fatal("the document is accepted")
	}
	return fault.Of(err).Problems
}

func TestBounds(t *testing.T) {
	t.Parallel()
	stops := func(n int) string { return strings.TrimSuffix(strings.Repeat(`{"TYPE":"Stop"},`, n), ",") }
	parse(t, `"instructions":[`+stops(MaxInstructions)+`]`)
	two := `"instructions":[{"TYPE":"If","predicate":"true","then":{"instructions":[` + stops(MaxInstructions/2) + `]},"else":{"instructions":[` + stops(MaxInstructions/2) + `]}}]`
	if p := problemsOf(t, two); len(p) != 1 || !strings.Contains(p[0].Message, "more than 10000 instructions") {
		t.Errorf("too many instructions: %v", p)
	}
	var jobs strings.Builder
	for i := range MaxJobs + 2 {
		fmt.Fprintf(&jobs, `,"j%d":{"agentPath":"a","executable":{"TYPE":"PathExecutable","path":"x"}}`, i)
	}
	if p := problemsOf(t, `"instructions":[],"jobs":{`+jobs.String()[1:]+`}`); len(p) != 1 || !strings.Contains(p[0].Message, "more than 10000 jobs") {
		t.Errorf("too many jobs: %v", p)
	}
	if p := problemsOf(t, `"instructions":[`+strings.Repeat(`{"TYPE":"Stop","x":1,"y":2},`, 300)+`1]`); len(p) != MaxProblems+1 || p[MaxProblems].Message != "and 401 more problems" {
		t.Errorf("%d problems, the last is %v", len(p), p[len(p)-1])
	}
	if _, err := Parse([]byte(strings.Repeat(" ", MaxBytes+1))); !fault.Is(err, fault.TooLarge) {
		t.Errorf("too large a document: %v", err)
	}
}

// The greatest nesting in the kind of block that takes most levels of JSON.
func TestNesting(t *testing.T) {
	t.Parallel()
	nested := `{"TYPE":"Fail","namedValues":{"x":` + strings.Repeat("[", value.MaxDepth) + strings.Repeat("]", value.MaxDepth) + `}}`
	for range MaxNesting {
		nested = `{"TYPE":"Fork","branches":[{"id":"A","workflow":{"instructions":[` + nested + `]}}]}`
	}
	w := parse(t, `"instructions":[`+nested+`]`)
	deepest := Position{}
	w.Walk(func(p Position, _ Instruction) {
		if len(p.Block) > len(deepest.Block) {
			deepest = p
		}
	})
	data, err := deepest.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	var again Position
	if err := again.UnmarshalJSON(data); err != nil || again != deepest || strings.Count(string(data), "fork+A") != MaxNesting {
		t.Errorf("%s reads as %v, %v", data, again, err)
	}
}

func TestDurations(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]time.Duration{
		"0": 0, "-0": 0, "1": time.Second, "0.05": 50 * time.Millisecond, "1e3": 1000 * time.Second, "0.000000001": 1, "1.5E-9": -1,
		"3155760000": 3155760000 * time.Second, "-1": -time.Second, "123456789.123456789": 123456789123456789,
	} {
		d, err := parseSeconds(text)
		if want == -1 {
			if err == nil {
				t.Errorf("%s is accepted as %v", text, d)
			}
		} else if err != nil || d != want {
			t.Errorf("%s reads as %v, %v", text, d, err)
		}
	}
}

func TestRange(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		`"0,3..9"`: "0,3..9", `[0,[3,9]]`: "0,3..9", `""`: "", `" "`: "", `[]`: "", `[3,2,1,1]`: "1..3", `"5, 4"`: "4,5", `[[1,2],[4,5],3]`: "1..5",
		`[[-3,-1],7]`: "-3..-1,7", `"-3..-1"`: "-3..-1", `[2147483647,-2147483648]`: "-2147483648,2147483647",
	} {
		n, err := strictjson.Parse([]byte(text), strictjson.Limits{})
		if err != nil {
			t.Fatal(err)
		}
		r, err := ParseRange(n)
		if err != nil || r.String() != want {
			t.Errorf("%s reads as %q, %v", text, r, err)
		}
	}
}

func TestRangeProperties(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		in := map[int]bool{}
		var parts []string
		for range rapid.IntRange(0, 8).Draw(t, "n") {
			from := rapid.IntRange(-20, 20).Draw(t, "from")
			to := from + rapid.IntRange(0, 5).Draw(t, "length")
			for i := from; i <= to; i++ {
				in[i] = true
			}
			if from == to {
				parts = append(parts, fmt.Sprint(from))
			} else {
				parts = append(parts, fmt.Sprintf("[%d,%d]", from, to))
			}
		}
		n, err := strictjson.Parse([]byte("["+strings.Join(parts, ",")+"]"), strictjson.Limits{})
		if err != nil {
			t.Fatal(err)
		}
		r, err := ParseRange(n)
		if err != nil {
			t.Fatal(err)
		}
		for i := -30; i < 30; i++ {
			if r.Contains(i) != in[i] {
				t.Fatalf("%s contains %d: %v", r, i, r.Contains(i))
			}
		}
		again, err := ParseRange(&strictjson.Node{Kind: strictjson.String, Text: r.String()})
		if err != nil || !cmp.Equal(r, again) {
			t.Fatalf("%q reads as %v, %v", r, again, err)
		}
	})
}

func TestReturnCodeMeaning(t *testing.T) {
	t.Parallel()
	for meaning, want := range map[string]string{
		``:                                       "0",
		`,"returnCodeMeaning":{"success":[3]}`:   "3",
		`,"returnCodeMeaning":{"success":[]}`:    "",
		`,"returnCodeMeaning":{"failure":[]}`:    "0123",
		`,"returnCodeMeaning":{"failure":"1"}`:   "023",
		`,"returnCodeMeaning":{"success":"0,2"}`: "02",
	} {
		w := parse(t, `"instructions":[{"TYPE":"Execute.Anonymous","job":{"agentPath":"a","executable":{"TYPE":"PathExecutable","path":"x"`+meaning+`}}}]`)
		got := ""
		for rc := range 4 {
			if w.JobAt(At(0)).Executable.Meaning.IsSuccess(rc) {
				got += fmt.Sprint(rc)
			}
		}
		if got != want {
			t.Errorf("%s: successes are %q, expected %q", meaning, got, want)
		}
	}
}

// names is a scope with some variables.
type names struct {
	expr.NoScope
	m value.Map
}

func (n names) Value(name string) (value.Value, bool, error) {
	v, ok := n.m[name]
	return v, ok, nil
}

func TestCommandLine(t *testing.T) {
	t.Parallel()
	scope := names{m: value.Map{"x": value.String("a b;$y"), "n": value.NewInt(7), "o": value.NewObject(map[string]value.Value{"f": value.String("F")})}}
	for command, want := range map[string][]string{
		`/bin/echo`:                   {"/bin/echo"},
		"  a \t b\nc ":                {"a", "b", "c"},
		`a '' ""`:                     {"a", "", ""},
		`a 'it''s' "x y" z'1 2'"3"`:   {"a", "its", "x y", "z1 23"},
		`a '$x \ "' "'" \\ \" \' \$`:  {"a", `$x \ "`, `'`, `\`, `"`, `'`, `$`},
		`a $x "$x" pre$x-${n}.${o.f}`: {"a", "a b;$y", "a b;$y", "prea b;$y-7.F"},
		`a "\\ \" \' \$x"`:            {"a", `\ " ' $x`},
		"a \"tab\tline\n\"":           {"a", "tab\tline\n"},
		`a ä€😀 -x=$n,$n`:              {"a", "ä€😀", "-x=7,7"},
		`$x`:                          {"a b;$y"},
	} {
		p := &parser{Problems: &Problems{}, resources: map[string]bool{}}
		var got []string
		for _, word := range p.commandLine(command, "$") {
			var text strings.Builder
			for _, part := range word.Parts {
				v, err := part.Eval(scope)
				if err != nil {
					t.Fatal(err)
				}
				s, err := value.ToText(v)
				if err != nil {
					t.Fatal(err)
				}
				text.WriteString(string(s))
			}
			got = append(got, text.String())
		}
		if err := p.Err("", ""); err != nil {
			t.Errorf("%s: %v", command, err)
		} else if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", command, diff)
		}
	}
}

// Any words, quoted in either way, come out as they were.
func TestCommandLineProperties(t *testing.T) {
	t.Parallel()
	text := rapid.StringOfN(rapid.RuneFrom([]rune(" \t\n\r'\"\\${}a0-ä😀;|&")), 1, 10, -1)
	rapid.Check(t, func(t *rapid.T) {
		want := rapid.SliceOfN(text, 1, 5).Draw(t, "words")
		var quotedWords []string
		for _, w := range want {
			if !strings.Contains(w, "'") && rapid.Bool().Draw(t, "single") {
				quotedWords = append(quotedWords, "'"+w+"'")
			} else {
				quotedWords = append(quotedWords, `"`+strings.NewReplacer(`\`, `\\`, `"`, `\"`, `$`, `\$`).Replace(w)+`"`)
			}
		}
		p := &parser{Problems: &Problems{}, resources: map[string]bool{}}
		words := p.commandLine(strings.Join(quotedWords, " "), "$")
		if err := p.Err("", ""); err != nil || len(words) != len(want) {
			t.Fatalf("%d words, %v", len(words), err)
		}
		for i, word := range words {
			if len(word.Parts) != 1 {
				t.Fatalf("word %d has %d parts", i, len(word.Parts))
			}
			v, err := word.Parts[0].Eval(expr.NoScope{})
			if err != nil || !value.Equal(v, value.String(want[i])) {
				t.Fatalf("word %d is %v, %v, expected %q", i, v, err, want[i])
			}
		}
	})
}

func TestNames(t *testing.T) {
	t.Parallel()
	for _, good := range []string{"a", "A-b.c_d", "1", "_x", "ärger", "日本", "a😀", "é́"} {
		if err := CheckName(good); err != nil {
			t.Error(err)
		}
	}
	for _, bad := range []string{"", ".a", "-a", "a.", "a b", "a/b", "a:b", "a~b", "a|b", "a#b", "a\x00", "a\u200b", "a\u202e", "\xff", "😀", "a\U000E0041", "$a", strings.Repeat("a", MaxName+1)} {
		if err := CheckName(bad); !fault.HasCode(err, "InvalidName") {
			t.Errorf("name %q: %v", bad, err)
		}
	}
	for _, good := range []string{"a", "a/b/c", "A.1/2-x"} {
		if err := CheckPath(good); err != nil {
			t.Error(err)
		}
	}
	for _, bad := range []string{"", "/", "/a", "a/", "a//b", "a/../b", "a/./b", "a/b.", strings.Repeat("a/", MaxPath) + "a"} {
		if err := CheckPath(bad); !fault.HasCode(err, "InvalidName") {
			t.Errorf("path %q: %v", bad, err)
		}
	}
	for _, good := range []string{"a", "agent-1", "A_1.example.com", strings.Repeat("a", MaxAgentPath)} {
		if err := CheckAgentPath(good); err != nil {
			t.Error(err)
		}
	}
	for _, bad := range []string{"", "-a", ".a", "a.", "a/b", "ä", "a b", strings.Repeat("a", MaxAgentPath+1)} {
		if err := CheckAgentPath(bad); !fault.HasCode(err, "InvalidName") {
			t.Errorf("Agent path %q: %v", bad, err)
		}
	}
	if CheckVersionID("#2026-01-31T12:00:00Z") != nil || CheckVersionID("") == nil || CheckVersionID("a⊥") == nil || CheckVersionID("a\n") == nil {
		t.Error("version ids")
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(`{"TYPE":"Workflow","path":"A","versionId":"v","instructions":[{"TYPE":"Fork","branches":[{"id":"a/%","workflow":{"instructions":[],"result":{"x":"1"}}}]}]}`))
	f.Add([]byte(`{"TYPE":"Workflow","path":"A","versionId":"v","jobs":{"J":{"agentPath":"a","executable":{"TYPE":"CommandLineExecutable","command":"a '$x' \"$y\""}}},"instructions":[{"TYPE":"Execute.Named","jobName":"J","label":"L"}]}`))
	f.Add([]byte(`{"TYPE":"Workflow","path":"A","versionId":"v","orderPreparation":{"parameters":{"a":{"type":"Number","default":"1","enum":[1]}}},"instructions":[{"TYPE":"Try","try":{"instructions":[]},"catch":{"instructions":[{"TYPE":"Retry"}]},"maxTries":1}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		w, err := Parse(data)
		if err != nil {
			if k := fault.Of(err).Kind; k != fault.Invalid && k != fault.TooLarge {
				t.Fatal(err)
			}
			if len(fault.Of(err).Problems) > MaxProblems+1 {
				t.Fatal("too many problems")
			}
			return
		}
		checkWorkflow(t, w)
	})
}

// checkWorkflow checks what holds for every workflow that Parse returns.
func checkWorkflow(t *testing.T, w *Workflow) {
	t.Helper()
	labels := 0
	w.Walk(func(p Position, ins Instruction) {
		if w.At(p) != ins {
			t.Fatalf("at %v is another instruction", p)
		}
		if p != p.Normalize() {
			t.Fatalf("%v is not normalized", p)
		}
		if ins.Label() != "" {
			if labels++; w.Labels()[ins.Label()] != p {
				t.Fatalf("the label %q is at %v, not at %v", ins.Label(), w.Labels()[ins.Label()], p)
			}
		}
		if e, ok := ins.(*Execute); ok && (e.Job == nil || w.JobAt(p) != e.Job || w.JobKey(p) == "" || e.Job.AgentPath == "") {
			t.Fatalf("%v has no job", p)
		}
		if err := w.Reachable(p, p); err != nil {
			t.Fatal(err)
		}
		for _, b := range Branches(ins) {
			if Child(ins, b.ID) != b.Block || b.Block == nil || !isEnd(b.Block.Instructions[len(b.Block.Instructions)-1]) {
				t.Fatalf("block %s of %v", b.ID, p)
			}
			if b.Block.Outer != w.BlockAt(p.Block) {
				t.Fatalf("block %s of %v is in another block", b.ID, p)
			}
		}
	})
	if labels != len(w.Labels()) {
		t.Fatalf("%d labels, expected %d", len(w.Labels()), labels)
	}
	if w.Preparation != nil {
		w.Preparation.Check(nil)
	}
}

// Wrong or expensive documents are read in little time.
func TestHostileDocuments(t *testing.T) {
	t.Parallel()
	var jobs strings.Builder
	for i := range MaxJobs - 1 {
		fmt.Fprintf(&jobs, `,"%050d":{"agentPath":"a","executable":{"TYPE":"PathExecutable","path":"x"}}`, i)
	}
	const expensive = `replaceAll(replaceAll(replaceAll('aaaaaaaaaaaaaaaaaaaa', 'a', 'aaaaaaaaaaaaaaaaaaaa'), 'a', 'aaaaaaaaaaaaaaaaaaaaa'), 'a', 'aaaaaaaaaaaaaaaaa') == 'x'`
	for name, fields := range map[string]string{
		"unknown jobs":        `"jobs":{` + jobs.String()[1:] + `},"instructions":[` + strings.Repeat(`{"TYPE":"Execute.Named","jobName":"`+strings.Repeat("x", 50)+`"},`, MaxInstructions-1) + `1]`,
		"expensive constants": `"instructions":[` + strings.Repeat(`{"TYPE":"If","predicate":"`+expensive+`","then":{"instructions":[]}},`, 100) + `1]`,
		"unknown types":       `"instructions":[` + strings.Repeat(`{"TYPE":"Nothing"},`, MaxInstructions-1) + `1]`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			start := time.Now()
			problemsOf(t, fields)
			if d := time.Since(start); d > time.Minute {
				t.Errorf("took %v", d)
			} else {
				t.Logf("took %v", d)
			}
		})
	}
}
