package workflow

import (
	"bytes"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/signet-scheduler/signet/internal/fault"
)

var update = flag.Bool("update", false, "rewrite the expected parts of testdata")

// TestValid reads testdata/*.json and compares what is understood with the
// outline beside it.
func TestValid(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/*.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("no test data: %v", err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			t.Parallel()
			document := readFile(t, file)
			w, err := Parse(document)
			if err != nil {
				t.Fatal(err)
			}
			golden(t, strings.TrimSuffix(file, ".json")+".outline", outline(w))
		})
	}
}

// separator stands between the document and its problems.
const separator = "\n=== problems\n"

// TestInvalid reads testdata/invalid/*.txt: a document, then every problem.
func TestInvalid(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/invalid/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no test data: %v", err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			t.Parallel()
			document, _, _ := strings.Cut(string(readFile(t, file)), separator)
			_, err := Parse([]byte(document))
			if err == nil {
				t.Fatal("the document is accepted")
			}
			if !fault.Is(err, fault.Invalid) {
				t.Fatalf("unexpected kind of error: %v", err)
			}
			var b strings.Builder
			b.WriteString(document + separator)
			for _, p := range fault.Of(err).Problems {
				fmt.Fprintf(&b, "%s\n", p)
			}
			golden(t, file, []byte(b.String()))
		})
	}
}

func readFile(t *testing.T, file string) []byte {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func golden(t *testing.T, file string, got []byte) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s (-want +got; -update rewrites it):\n%s", file, diff)
	}
}

// outline shows everything that was understood of a workflow.
func outline(w *Workflow) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "workflow %s timeZone=%s jobResources=%q source=%q\n", w.ID, w.TimeZone, w.JobResourcePaths, w.Source)
	fmt.Fprintf(&b, "refers to agents=%q jobResources=%q\n", w.AgentPaths(), w.JobResources())
	if p := w.Preparation; p != nil {
		fmt.Fprintf(&b, "parameters allowUndeclared=%v\n", p.AllowUndeclared)
		for i := range p.Parameters {
			q := &p.Parameters[i]
			fmt.Fprintf(&b, "  %s: %s required=%v", q.Name, q.Type, q.Required())
			if q.Default != nil {
				fmt.Fprintf(&b, " default=%s", q.Default)
			}
			if q.Final != nil {
				fmt.Fprintf(&b, " final=%s", q.Final)
			}
			if q.Pattern != nil {
				fmt.Fprintf(&b, " pattern=%q", q.Pattern.Source)
			}
			if q.Minimum != nil || q.Maximum != nil || q.MaxLength > 0 {
				fmt.Fprintf(&b, " minimum=%v maximum=%v maxLength=%d", q.Minimum, q.Maximum, q.MaxLength)
			}
			if len(q.Enum) > 0 {
				fmt.Fprintf(&b, " enum=%s", enumText(q.Enum))
			}
			b.WriteByte('\n')
		}
	}
	outlineJobs(&b, "", w.Block)
	w.Walk(func(p Position, ins Instruction) {
		fmt.Fprintf(&b, "[%s] %s%s\n", p, ins.Type(), outlineInstruction(ins))
		if key := w.JobKey(p); key != "" {
			fmt.Fprintf(&b, "    job %s on %s\n", key, w.JobAt(p).AgentPath)
			if ins.(*Execute).JobName == "" {
				fmt.Fprintf(&b, "    %s\n", outlineJob(w.JobAt(p)))
			}
		}
		for _, branch := range Branches(ins) {
			outlineJobs(&b, string(p.Branch(branch.ID)), branch.Block)
		}
	})
	return b.Bytes()
}

func outlineJobs(b *bytes.Buffer, block string, seq *Sequence) {
	for _, name := range slices.Sorted(maps.Keys(seq.Jobs)) {
		fmt.Fprintf(b, "job %s#%s %s\n", block, name, outlineJob(seq.Jobs[name]))
	}
	if len(seq.Result) > 0 {
		fmt.Fprintf(b, "result %s %s\n", block, outlineExprs(seq.Result))
	}
}

func outlineJob(j *Job) string {
	x := j.Executable
	return fmt.Sprintf("agent=%s type=%s script=%q path=%q command=%s env=%s meaning=%v/%v/%s v1=%v arguments=%s resources=%q limit=%d timeout=%s sigkill=%s stderrFails=%v notRestartable=%v",
		j.AgentPath, x.Type, x.Script, x.Path, outlineCommand(x.Command), outlineExprs(x.Env), x.Meaning.Set, x.Meaning.Failure, x.Meaning.Codes, x.V1,
		outlineExprs(j.DefaultArguments), j.JobResourcePaths, j.ProcessLimit, j.Timeout, j.SigkillDelay, j.FailOnErrWritten, j.NotRestartable)
}

func outlineCommand(words []CommandWord) string {
	var parts []string
	for _, w := range words {
		var exprs []string
		for _, e := range w.Parts {
			exprs = append(exprs, e.Source())
		}
		parts = append(parts, strings.Join(exprs, "+"))
	}
	return "[" + strings.Join(parts, " | ") + "]"
}

func outlineExprs(named []NamedExpr) string {
	var parts []string
	for _, e := range named {
		parts = append(parts, e.Name+"="+e.Expr.Source())
	}
	return "{" + strings.Join(parts, "; ") + "}"
}

func outlineInstruction(ins Instruction) string {
	s := ""
	if ins.Label() != "" {
		s = fmt.Sprintf(" label=%q", ins.Label())
	}
	switch ins := ins.(type) {
	case *Execute:
		return s + fmt.Sprintf(" jobName=%q arguments=%s", ins.JobName, outlineExprs(ins.DefaultArguments))
	case *If:
		for _, b := range ins.IfThens {
			s += " if " + b.Predicate.Source()
		}
		return s + fmt.Sprintf(" else=%v", ins.Else != nil)
	case *Try:
		return s + fmt.Sprintf(" maxTries=%d delays=%s", ins.Retry.MaxTries, ins.Retry.Delays)
	case *Fork:
		for _, b := range ins.Branches {
			s += fmt.Sprintf(" branch=%q", b.ID)
		}
		return s + fmt.Sprintf(" joinIfFailed=%v agent=%q", ins.JoinIfFailed, ins.AgentPath)
	case *ForkList:
		s += fmt.Sprintf(" children=%s id=%s", ins.Children.Source(), ins.ChildToID.Source())
		if ins.ChildToArguments != nil {
			s += " arguments=" + ins.ChildToArguments.Source()
		}
		return s + fmt.Sprintf(" joinIfFailed=%v agent=%q", ins.JoinIfFailed, ins.AgentPath)
	case *Fail:
		if ins.Message != nil {
			s += " message=" + ins.Message.Source()
		}
		return s + fmt.Sprintf(" uncatchable=%v values=%v", ins.Uncatchable, ins.NamedValues)
	case *Finish:
		if o := ins.Outcome; o != nil {
			s += fmt.Sprintf(" failed=%v message=%q values=%v", o.Failed, o.Message, o.NamedValues)
		}
		return s
	case *Options:
		if ins.StopOnFailure != nil {
			s += fmt.Sprintf(" stopOnFailure=%v", *ins.StopOnFailure)
		}
		return s
	case *Sleep:
		return s + " " + ins.Duration.Source()
	}
	return s
}
