package engine

import (
	"path"
	"strings"
	"time"

	"github.com/signet-scheduler/signet/internal/expr"
	"github.com/signet-scheduler/signet/internal/item"
	"github.com/signet-scheduler/signet/internal/order"
	"github.com/signet-scheduler/signet/internal/value"
	"github.com/signet-scheduler/signet/internal/workflow"
)

// scope answers what expressions ask about an order (section 2.4 of the
// reference, which also gives the order of look-up).
type scope struct {
	expr.NoScope
	m        *machine
	o        *order.Order
	w        *workflow.Workflow
	job      *jobScope              // set while a job's expressions are evaluated
	defaults []workflow.NamedExpr   // weakest: default arguments, first hit wins
	extra    map[string]value.Value // strongest: what a caller adds
	depth    int
}

// jobScope is what is known only while a job's start is prepared.
type jobScope struct {
	job       *workflow.Job
	name      string
	execution int64
	dir       string // where toFile puts its files
	files     []LaunchFile
}

func (m *machine) scope(o *order.Order, w *workflow.Workflow) *scope {
	return &scope{m: m, o: o, w: w}
}

// Value returns $name.
func (s *scope) Value(name string) (value.Value, bool, error) {
	if v, ok := s.extra[name]; ok {
		return v, true, nil
	}
	if s.job != nil && strings.HasPrefix(name, "js7Job") {
		if v, ok := s.jobValue(name); ok {
			return v, true, nil
		}
	}
	if v, ok, err := s.Argument(name); ok || err != nil {
		return v, ok, err
	}
	for h := s.o.History; h != nil; h = h.Prev {
		if v, ok := h.Outcome.Named()[name]; ok {
			return v, true, nil
		}
	}
	if v, ok := s.builtin(name); ok {
		return v, true, nil
	}
	for _, d := range s.defaults {
		if d.Name == name {
			return s.nested(d.Expr)
		}
	}
	return nil, false, nil
}

// nested evaluates an expression on behalf of another one.
func (s *scope) nested(e *expr.Expr) (value.Value, bool, error) {
	if s.depth >= 16 {
		return nil, false, problemf("RecursiveEvaluation", "the expression %s leads back to itself", e.Source())
	}
	s.depth++
	defer func() { s.depth-- }()
	v, err := e.Eval(s)
	return v, err == nil, err
}

// Argument returns an argument of the order, or the constant default or final
// value of a parameter, which isn't stored with the order.
func (s *scope) Argument(name string) (value.Value, bool, error) {
	if v, ok := s.o.Arguments[name]; ok {
		return v, true, nil
	}
	if s.w == nil || s.w.Preparation == nil {
		return nil, false, nil
	}
	p := s.w.Preparation.Parameter(name)
	switch {
	case p == nil:
		return nil, false, nil
	case p.Final != nil && p.Final.Pure():
		return s.nested(p.Final)
	case p.Default != nil && p.Default.Pure():
		return s.nested(p.Default)
	}
	return nil, false, nil
}

// Variable returns what the last execution at a label, or of a job, gave.
func (s *scope) Variable(name, label, job string) (value.Value, bool, error) {
	if label == "" && job == "" {
		return s.Value(name)
	}
	for h := s.o.History; h != nil; h = h.Prev {
		ins := s.w.At(h.Position)
		if ins == nil || label != "" && ins.Label() != label {
			continue
		}
		if ex, ok := ins.(*workflow.Execute); job != "" && (!ok || ex.JobName != job) {
			continue
		}
		v, ok := h.Outcome.Named()[name]
		return v, ok, nil
	}
	return nil, false, nil
}

// Symbol returns a bare word.
func (s *scope) Symbol(name string) (value.Value, bool, error) {
	switch name {
	case "orderId":
		return value.String(s.o.ID), true, nil
	case "controllerId":
		return value.String(s.m.rules.controllerID()), true, nil
	case "workflowPath":
		return value.String(s.o.Workflow.Path), true, nil
	case "workflowPosition":
		return value.String(s.o.Workflow.String() + ":" + s.o.Position.String()), true, nil
	case "label":
		return value.String(s.label()), true, nil
	case "tryCount":
		return value.NewInt(int64(workflow.TryCount(s.o.Position))), true, nil
	case "maxTries":
		return s.maxTries(), true, nil
	case "timedOut":
		return value.Boolean(s.timedOut()), true, nil
	case "workflow":
		zone := "UTC"
		if s.w != nil {
			zone = s.w.TimeZone
		}
		return value.NewObject(map[string]value.Value{"timezone": value.String(zone)}), true, nil
	}
	return nil, false, nil
}

func (s *scope) label() string {
	if s.w != nil {
		if ins := s.w.At(s.o.Position); ins != nil {
			return ins.Label()
		}
	}
	return ""
}

func (s *scope) maxTries() value.Value {
	if s.w != nil {
		if try, _, ok := enclosingTry(s.w, s.o.Position); ok && try.Retry.MaxTries > 0 {
			return value.NewInt(int64(try.Retry.MaxTries))
		}
	}
	return value.Missing{}
}

// timedOut looks at the last outcome, through Caught.
func (s *scope) timedOut() bool {
	for h := s.o.History; h != nil; h = h.Prev {
		if h.Outcome.Kind != order.Caught {
			return h.Outcome.Kind == order.TimedOut
		}
	}
	return false
}

// builtin returns the names that every order has, and those of the clock.
func (s *scope) builtin(name string) (value.Value, bool) {
	switch name {
	case "js7OrderId":
		return value.String(s.o.ID), true
	case "js7ControllerId":
		return value.String(s.m.rules.controllerID()), true
	case "js7WorkflowPath":
		return value.String(s.o.Workflow.Path), true
	case "js7WorkflowPosition":
		return value.String(s.o.Workflow.String() + ":" + s.o.Position.String()), true
	case "js7Label":
		return value.String(s.label()), true
	case "js7TryCount":
		return value.NewInt(int64(workflow.TryCount(s.o.Position))), true
	case "js7MaxTries":
		return s.maxTries(), true
	case "js7WorkflowTimezone":
		if s.w != nil {
			return value.String(s.w.TimeZone), true
		}
	case "js7EpochMilli":
		return value.NewInt(s.m.now), true
	case "js7EpochSecond":
		return value.NewInt(s.m.now / 1000), true
	}
	return nil, false
}

func (s *scope) jobValue(name string) (value.Value, bool) {
	j := s.job
	switch name {
	case "js7JobName":
		return value.String(j.name), true
	case "js7JobExecutionCount":
		return value.NewInt(j.execution), true
	case "js7Job":
		return value.NewObject(map[string]value.Value{
			"name":               value.String(j.name),
			"processLimit":       value.NewInt(int64(j.job.ProcessLimit)),
			"executionCount":     value.NewInt(j.execution),
			"sigkillDelayMillis": value.NewInt(j.job.SigkillDelay.Milliseconds()),
			"timeoutMillis":      value.NewInt(j.job.Timeout.Milliseconds()),
		}), true
	}
	return nil, false
}

// JobResource returns a variable of a job resource.
func (s *scope) JobResource(path, name string) (value.Value, bool, error) {
	return s.m.jobResourceValue(s, path, name)
}

// Env returns an environment variable of this part.
func (s *scope) Env(name string) (string, bool, error) {
	if s.m.cfg.Env == nil {
		return "", false, nil
	}
	v, ok := s.m.cfg.Env(name)
	return v, ok, nil
}

// Now returns the moment of the transaction.
func (s *scope) Now() (time.Time, bool) { return time.UnixMilli(s.m.now).UTC(), true }

// Scheduled returns the order's scheduledFor.
func (s *scope) Scheduled() (time.Time, bool) {
	if s.o.ScheduledFor == 0 {
		return time.Time{}, false
	}
	return time.UnixMilli(s.o.ScheduledFor).UTC(), true
}

// ToFile notes a file to be written before the job starts, and returns its
// path. A '*' in the name is replaced by a number that makes it unique; an
// equal name gets a folder of its own.
func (s *scope) ToFile(content, filename string) (string, error) {
	if s.job == nil {
		return s.NoScope.ToFile(content, filename)
	}
	n := len(s.job.files) + 1
	if n > maxJobFiles {
		return "", problemf("TooManyFiles", "toFile: more than %d files for one job", maxJobFiles)
	}
	if filename == "" {
		filename = "file-*.txt"
	}
	if filename != path.Base(filename) || filename == "." || filename == ".." || strings.ContainsAny(filename, "/\\\x00") {
		return "", problemf("InvalidFileName", "toFile: %q is not a plain file name", filename)
	}
	number := value.NewInt(int64(n)).String()
	name := strings.ReplaceAll(filename, "*", number)
	file := path.Join(s.job.dir, name)
	for _, f := range s.job.files {
		if f.Path == file {
			file = path.Join(s.job.dir, number, name)
			break
		}
	}
	s.job.files = append(s.job.files, LaunchFile{Path: file, Content: content})
	return file, nil
}

// maxJobFiles bounds how many files the expressions of one job may make.
const maxJobFiles = 100

// resourceScope is what the expressions of a job resource see: built-in names,
// the clock, env(), toFile() and the resource's own variables; never the
// order's.
type resourceScope struct {
	*scope
	resource *item.JobResource
	depth    int
}

// Value returns a variable of the resource, or a built-in name.
func (r *resourceScope) Value(name string) (value.Value, bool, error) {
	if e := named(r.resource.Variables, name); e != nil {
		if r.depth >= 16 {
			return nil, false, problemf("RecursiveEvaluation", "the job resource's variable %s leads back to itself", name)
		}
		r.depth++
		defer func() { r.depth-- }()
		v, err := e.Eval(r)
		return v, err == nil, err
	}
	v, ok := r.builtin(name)
	return v, ok, nil
}

// named returns the expression of that name, or nil.
func named(list []workflow.NamedExpr, name string) *expr.Expr {
	for i := range list {
		if list[i].Name == name {
			return list[i].Expr
		}
	}
	return nil
}

// Argument knows no order argument.
func (r *resourceScope) Argument(string) (value.Value, bool, error) { return nil, false, nil }

// Variable knows no result.
func (r *resourceScope) Variable(_, _, _ string) (value.Value, bool, error) { return nil, false, nil }
