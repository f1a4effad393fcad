package engine

import (
	"maps"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/signet-scheduler/signet/internal/expr"
	"github.com/signet-scheduler/signet/internal/order"
	"github.com/signet-scheduler/signet/internal/value"
	"github.com/signet-scheduler/signet/internal/workflow"
)

// Launch is a process to be started: everything is evaluated, nothing is left
// to be decided.
type Launch struct {
	OrderID          order.ID
	Task             string
	Dir              string       // the task's own directory, for Files and the return values
	Script           string       // text of a script, or ""
	Argv             []string     // else: the words of the command
	Env              []LaunchEnv  // sorted by name
	Files            []LaunchFile // to be written before the start
	Timeout          time.Duration
	SigkillDelay     time.Duration // negative: the Agent's setting
	FailOnErrWritten bool
	Meaning          workflow.ReturnCodeMeaning
	V1               bool // SCHEDULER_RETURN_VALUES names the file of return values, too
}

// LaunchEnv sets a variable of the environment, or takes it away.
type LaunchEnv struct {
	Name  string
	Value string
	Unset bool
}

// LaunchFile is a file made by toFile.
type LaunchFile struct {
	Path    string
	Content string
}

// launch evaluates everything that the process of a step needs.
func (a *Agent) launch(o *order.Order, w *workflow.Workflow, ex *workflow.Execute, task, name string, execution int64) (*Launch, error) {
	job := ex.Job
	l := &Launch{
		OrderID: o.ID, Task: task, Dir: path.Join(a.cfg.Job.TaskDir, task),
		Timeout: job.Timeout, SigkillDelay: job.SigkillDelay, FailOnErrWritten: job.FailOnErrWritten,
		Meaning: job.Executable.Meaning, V1: job.Executable.V1,
	}
	s := a.scope(o, w)
	s.job = &jobScope{job: job, name: name, execution: execution, dir: l.Dir}
	s.defaults = append(slices.Clone(ex.DefaultArguments), job.DefaultArguments...)
	if err := a.executable(l, s, job); err != nil {
		return nil, err
	}
	env := map[string]LaunchEnv{}
	if job.Executable.V1 {
		v1Environment(env, o, w)
	}
	if err := setEnvironment(env, job.Executable.Env, s); err != nil {
		return nil, err
	}
	paths := append(slices.Clone(job.JobResourcePaths), w.JobResourcePaths...)
	slices.Reverse(paths) // the first in the list wins
	for _, name := range paths {
		r, err := a.jobResource(name)
		if err != nil {
			return nil, err
		}
		if err := setEnvironment(env, r.Env, &resourceScope{scope: s, resource: r}); err != nil {
			return nil, err
		}
	}
	for _, n := range slices.Sorted(maps.Keys(env)) {
		l.Env = append(l.Env, env[n])
	}
	l.Files = s.job.files
	return l, nil
}

// executable finds out what is executed.
func (a *Agent) executable(l *Launch, s *scope, job *workflow.Job) error {
	e := &job.Executable
	injected := e.Type != workflow.Path || path.IsAbs(e.Path)
	if injected && !a.cfg.Job.ScriptsAllowed {
		return problemf("SignedInjectionNotAllowed",
			"this Agent runs only executables of its own directory; signet.job.signed-script-injection-allowed in its configuration would let it run what a workflow brings")
	}
	switch e.Type {
	case workflow.ShellScript:
		l.Script = e.Script
	case workflow.Path:
		l.Argv = []string{e.Path}
		if !path.IsAbs(e.Path) {
			l.Argv[0] = path.Join(a.cfg.Job.ExecutablesDir, e.Path)
		}
	default:
		for _, word := range e.Command {
			var b strings.Builder
			for _, part := range word.Parts {
				t, err := evalText(part, s)
				if err != nil {
					return err
				}
				b.WriteString(t)
			}
			l.Argv = append(l.Argv, b.String())
		}
	}
	return nil
}

func evalText(e *expr.Expr, s expr.Scope) (string, error) {
	v, err := e.Eval(s)
	if err != nil {
		return "", err
	}
	t, err := value.ToText(v)
	return string(t), err
}

// setEnvironment evaluates variables; Missing takes one away.
func setEnvironment(env map[string]LaunchEnv, vars []workflow.NamedExpr, s expr.Scope) error {
	for _, x := range vars {
		v, err := x.Expr.Eval(s)
		if err != nil {
			return problemf("EvaluationFailed", "environment variable %s: %s", x.Name, order.ProblemOf(err).Message)
		}
		if _, missing := v.(value.Missing); missing {
			env[x.Name] = LaunchEnv{Name: x.Name, Unset: true}
			continue
		}
		t, err := value.ToText(v)
		if err != nil {
			return problemf("EvaluationFailed", "environment variable %s: %s", x.Name, order.ProblemOf(err).Message)
		}
		if strings.ContainsRune(string(t), 0) {
			return problemf("EvaluationFailed", "environment variable %s contains a NUL character", x.Name)
		}
		env[x.Name] = LaunchEnv{Name: x.Name, Value: string(t)}
	}
	return nil
}

// v1Environment gives every value of the order as SCHEDULER_PARAM_NAME, as
// jobs of JobScheduler 1 expect it. Results win over arguments there.
func v1Environment(env map[string]LaunchEnv, o *order.Order, w *workflow.Workflow) {
	put := func(name string, v value.Value) {
		if t, err := value.ToText(v); err == nil && !strings.ContainsRune(string(t), 0) {
			n := "SCHEDULER_PARAM_" + strings.ToUpper(name)
			env[n] = LaunchEnv{Name: n, Value: string(t)}
		}
	}
	if w.Preparation != nil {
		for _, p := range w.Preparation.Parameters {
			if p.Default != nil && p.Default.Pure() {
				if v, err := p.Default.Eval(expr.NoScope{}); err == nil {
					put(p.Name, v)
				}
			}
		}
	}
	for _, n := range o.Arguments.Names() {
		put(n, o.Arguments[n])
	}
	for _, h := range o.Steps() {
		named := h.Outcome.Named()
		for _, n := range named.Names() {
			put(n, named[n])
		}
	}
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// KillOf tells whether the process of an order is to be killed, and whether at
// once.
func KillOf(o *order.Order) (kill, immediately bool) {
	if o.State.Kind != order.Processing || o.Mark == nil {
		return false, false
	}
	var k *order.KillMode
	switch o.Mark.Kind {
	case order.Cancelling:
		k = o.Mark.Cancel.Kill
	case order.Suspending:
		k = o.Mark.Suspend.Kill
	}
	if k == nil || k.At != nil && *k.At != o.At() {
		return false, false
	}
	return true, k.Immediately
}
