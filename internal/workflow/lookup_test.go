package workflow

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/signet-scheduler/signet/internal/fault"
)

func TestEverythingHolds(t *testing.T) {
	t.Parallel()
	w, err := Parse(readFile(t, "testdata/everything.json"))
	if err != nil {
		t.Fatal(err)
	}
	checkWorkflow(t, w)
	for in, typ := range map[string]string{
		`[4,"try+7",0]`: "Execute.Named", `[4,"catch+7",0,"then",0]`: "Retry", `[2,"then+2",0]`: "EmptyInstruction", `[5,"fork+A/1",0]`: "Finish",
		`[6,"fork",0]`: "Execute.Named", `[9]`: "ImplicitEnd", `[10]`: "", `[4,"try+x",0]`: "", `[2,"then+1",0]`: "", `[2,"then+3",0]`: "", `[5,"fork",0]`: "",
		`[5,"fork+",0]`: "", `[6,"fork+A",0]`: "", `[3,"else",0]`: "", `[0,"then",0]`: "", `[7,"options",2]`: "", `[20,"then",0]`: "",
	} {
		got := ""
		if ins := w.At(position(t, in)); ins != nil {
			got = ins.Type()
		}
		if got != typ {
			t.Errorf("at %s is %q, expected %q", in, got, typ)
		}
	}
	if w.At(Position{Nr: -1}) != nil {
		t.Error("there is an instruction at -1")
	}
	for in, want := range map[string]string{
		`[0]`: "nightly/load~v17:#LOAD", `[4,"try+7",1]`: "nightly/load~v17:#LOAD", `[4,"try+7",0]`: "nightly/load~v17:4/try#INNER", `[1]`: "nightly/load~v17:1", `[2]`: "", `[99]`: "",
	} {
		if got := w.JobKey(position(t, in)); got != want {
			t.Errorf("job key at %s is %q, expected %q", in, got, want)
		}
	}
	if w.JobAt(At(2)) != nil || w.JobAt(At(99)) != nil {
		t.Error("there is a job where none is executed")
	}
}

func position(t *testing.T, s string) Position {
	t.Helper()
	var p Position
	if err := json.Unmarshal([]byte(s), &p); err != nil {
		t.Fatal(err)
	}
	return p
}

// A version id made to look like a part of the key doesn't give the key of
// another version's job.
func TestJobKeyIsUnique(t *testing.T) {
	t.Parallel()
	const job = `{"agentPath":"a","executable":{"TYPE":"PathExecutable","path":"x"}}`
	keys := map[string]string{}
	for _, version := range []string{"v", "v:", "v:0/fork+x", "v%3A", "v#J", "v:0", "v%3a"} {
		doc := `{"TYPE":"Workflow","path":"A","versionId":"` + version + `","jobs":{"J":` + job + `},"instructions":[
			{"TYPE":"Fork","branches":[{"id":"x:","workflow":{"jobs":{"J":` + job + `,"1":` + job + `},"instructions":[
				{"TYPE":"Execute.Named","jobName":"J"},{"TYPE":"Execute.Anonymous","job":` + job + `},{"TYPE":"Execute.Named","jobName":"1"}]}}]},
			{"TYPE":"Execute.Named","jobName":"J"},{"TYPE":"Execute.Anonymous","job":` + job + `}]}`
		w, err := Parse([]byte(doc))
		if err != nil {
			t.Fatal(err)
		}
		w.Walk(func(p Position, _ Instruction) {
			key := w.JobKey(p)
			if key == "" {
				return
			}
			if other, taken := keys[key]; taken {
				t.Errorf("%s of version %s has the key %s of %s", p, version, key, other)
			}
			keys[key] = p.String() + " of version " + version
		})
	}
	if len(keys) != 7*5 {
		t.Errorf("%d keys", len(keys))
	}
}

func TestReachable(t *testing.T) {
	t.Parallel()
	const in = `{"instructions":[
		{"TYPE":"Try","try":{"instructions":[{"TYPE":"Stop"}]},"catch":{"instructions":[]}},
		{"TYPE":"Fork","branches":[{"id":"A","workflow":{"instructions":[{"TYPE":"If","predicate":"true","then":{"instructions":[]}}]}},{"id":"B","workflow":{"instructions":[]}}]},
		{"TYPE":"ForkList","children":"[]","childToId":"x => $x","workflow":{"instructions":[]}}]}`
	w := parse(t, `"instructions":[{"TYPE":"If","predicate":"true","then":`+in+`,"else":{"instructions":[]}},{"TYPE":"Options","block":`+in+`}]`)
	for _, test := range []struct {
		from, to string
		ok       bool
	}{
		{`[0]`, `[1]`, true},
		{`[0]`, `[0,"then",0,"try+3",0]`, true},
		{`[0,"then",0,"catch+1",0]`, `[1,"options",0,"try",1]`, true},
		{`[0,"else",0]`, `[2]`, true},
		{`[0,"then",1,"fork+A",0]`, `[0,"then",1,"fork+A",0,"then",0]`, true},
		{`[0,"then",1,"fork+A",0,"then",0]`, `[0,"then",1,"fork+A",1]`, true},
		{`[0,"then",1,"fork+A",0]`, `[0,"then",1,"fork+B",0]`, false},
		{`[0,"then",1,"fork+A",0]`, `[0]`, false},
		{`[0]`, `[0,"then",1,"fork+A",0]`, false},
		{`[0]`, `[0,"then",2,"fork",0]`, false},
		{`[0,"then",2,"fork",0]`, `[0,"then",2,"fork",0]`, true},
		{`[0,"then",1,"fork+A",0]`, `[1,"options",1,"fork+A",0]`, false},
		{`[0]`, `[3]`, false},
		{`[3]`, `[0]`, false},
		{`[0]`, `[0,"then",0,"try+x",0]`, false},
	} {
		err := w.Reachable(position(t, test.from), position(t, test.to))
		if (err == nil) != test.ok {
			t.Errorf("%s from %s: %v", test.to, test.from, err)
		}
		if err != nil && !fault.HasCode(err, "UnreachablePosition") {
			t.Error(err)
		}
	}
}

// Every instruction of the table is refused or understood, and none is in two
// lists.
func TestInstructionTables(t *testing.T) {
	t.Parallel()
	table := instructionParsers()
	for _, later := range laterInstructions {
		if table[later] != nil {
			t.Errorf("%s is in both tables", later)
		}
	}
	for typ := range table {
		p := problemsOf(t, `"instructions":[{"TYPE":"`+typ+`","unknown":1}]`)
		for _, problem := range p {
			if strings.Contains(problem.Message, "unknown instruction") || strings.Contains(problem.Message, "not supported") {
				t.Errorf("%s: %v", typ, problem)
			}
		}
		if !strings.Contains(p[len(p)-1].Message, `unknown field "unknown"`) {
			t.Errorf("%s accepts an unknown field: %v", typ, p)
		}
	}
}
