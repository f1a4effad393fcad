// Package expr owns the expression language of workflows: it parses an
// expression, tells what it needs, prints it and evaluates it.
//
// Parsing and evaluation are total and bounded: any source gives an expression
// or an error, any evaluation a value or an error, within fixed limits of
// nesting, steps and size, so that a state machine may run what users write.
// The package must not do I/O, read a clock or keep state: everything outside
// comes through a Scope. One exception: time zones named by expressions are
// loaded with time.LoadLocation, which may read the zone database.
//
// The engine, the workflow reader and the agents call it. The language is
// described in docs/architecture/expressions.md.
package expr

import (
	"errors"

	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/value"
)

// Limits of a source text.
const (
	MaxSource  = 64 << 10 // bytes
	MaxNesting = 100      // parentheses, lists, calls and the like
)

// Limits bound one evaluation. A field of 0 means its default.
type Limits struct {
	// Steps is the amount of work: about one per operation and one per 64
	// bytes copied, compared or searched. Default 1,000,000.
	Steps int
	// Bytes is the size of the result and of every value on the way to it
	// (value.Size). Default 16 MiB.
	Bytes int
}

// Defaults of Limits.
const (
	DefaultSteps = 1_000_000
	DefaultBytes = 16 << 20
)

func (l Limits) withDefaults() Limits {
	if l.Steps <= 0 {
		l.Steps = DefaultSteps
	}
	if l.Bytes <= 0 {
		l.Bytes = DefaultBytes
	}
	return l
}

// Expr is a parsed expression. It is immutable and safe for concurrent use.
type Expr struct {
	source string // this expression's own text
	text   string // the text in which positions count: source, or the whole function
	root   node
	facts  facts
}

// Parse parses an expression. The error is a *fault.Error: Invalid, code
// InvalidExpression; the message names line and column and shows the place.
func Parse(src string) (*Expr, error) {
	p, err := newParser(src)
	if err != nil {
		return nil, err
	}
	root, err := p.whole()
	if err != nil {
		return nil, err
	}
	return &Expr{source: src, text: src, root: root, facts: factsOf(root)}, nil
}

// Eval evaluates the expression with the default limits. The error is a
// *fault.Error: Invalid, code EvaluationFailed, UnknownNameInExpression,
// UnknownKey or ErrorInExpression; TooLarge, code EvaluationLimitExceeded; or
// what the scope returned.
func (e *Expr) Eval(s Scope) (value.Value, error) { return e.EvalWithin(s, Limits{}) }

// EvalWithin is Eval with the caller's limits.
func (e *Expr) EvalWithin(s Scope, limits Limits) (value.Value, error) {
	return evaluate(e.text, e.root, s, limits)
}

// Source returns the text that was parsed.
func (e *Expr) Source() string { return e.source }

// String returns the expression in canonical form. Parsed again it means the
// same; its text may differ from Source.
func (e *Expr) String() string { return printed(e.root) }

// Pure tells whether the value depends on nothing but the expression itself:
// it reads no name, symbol, clock, environment or job resource.
func (e *Expr) Pure() bool { return e.facts.pure }

// UsesClock tells whether the expression uses what may only be used after the
// order has started: now, $js7EpochMilli, $js7EpochSecond, a job resource.
func (e *Expr) UsesClock() bool { return e.facts.clock }

// JobResources returns the paths of job resources that occur as constants,
// sorted.
func (e *Expr) JobResources() []string { return e.facts.jobResources.sorted() }

// Names returns the names read as $name, sorted.
func (e *Expr) Names() []string { return e.facts.names.sorted() }

// Symbols returns the symbols (bare words) used, sorted.
func (e *Expr) Symbols() []string { return e.facts.symbols.sorted() }

// Functions returns the names of the functions called, sorted; the forms
// error(…), argument(…) and variable(…) are among them.
func (e *Expr) Functions() []string { return e.facts.functions.sorted() }

// Function is a parsed function: "x => $x + 1". It is immutable and safe for
// concurrent use.
type Function struct {
	source string
	params []string
	body   *Expr
}

// ParseFunction parses a function: "x => …", "(x, i) => …" or "() => …", with
// at least minParams and at most maxParams parameters. Errors are those of
// Parse.
func ParseFunction(src string, minParams, maxParams int) (*Function, error) {
	p, err := newParser(src)
	if err != nil {
		return nil, err
	}
	return p.function(minParams, maxParams)
}

// Call evaluates the function's body, where the parameters hide names of the
// scope. Arguments beyond the parameters are ignored. Errors are those of
// Eval, and EvaluationFailed when there are too few arguments.
func (f *Function) Call(s Scope, args ...value.Value) (value.Value, error) {
	if len(args) < len(f.params) {
		return nil, fault.New(fault.Invalid, codeFailed, "the function %q needs %d arguments, but got %d", shorten(f.source), len(f.params), len(args))
	}
	local := make(map[string]value.Value, len(f.params))
	for i, name := range f.params {
		local[name] = args[i]
	}
	return f.body.Eval(&localScope{Scope: s, local: local})
}

// localScope puts a function's parameters before the names of a scope.
type localScope struct {
	Scope
	local map[string]value.Value
}

func (s *localScope) Value(name string) (value.Value, bool, error) {
	if v, ok := s.local[name]; ok {
		return v, true, nil
	}
	return s.Scope.Value(name)
}

func (s *localScope) Function(name string, args []value.Value) (value.Value, bool, error) {
	if f, ok := s.Scope.(FunctionScope); ok {
		return f.Function(name, args)
	}
	return nil, false, nil
}

// Source returns the text that was parsed.
func (f *Function) Source() string { return f.source }

// Params returns the names of the parameters.
func (f *Function) Params() []string { return append([]string(nil), f.params...) }

// Body returns the expression behind the arrow; its parameters are among its
// names.
func (f *Function) Body() *Expr { return f.body }

// String returns the function in canonical form.
func (f *Function) String() string { return printedFunction(f) }

// Codes of errors.
const (
	codeInvalid = "InvalidExpression"
	codeFailed  = "EvaluationFailed"
	codeLimit   = "EvaluationLimitExceeded"
	codeUnknown = "UnknownNameInExpression"
	codeNoKey   = "UnknownKey"
	codeError   = "ErrorInExpression"
)

func notAvailable(what string) error {
	return fault.New(fault.Invalid, codeFailed, "%s is not available here", what)
}

// isLimit tells whether err says that a bound was passed. Such an error is
// never caught by "?", or a loop of catches would undo the bound.
func isLimit(err error) bool {
	var e *fault.Error
	return errors.As(err, &e) && e.Kind == fault.TooLarge
}

// shorten cuts a source text for messages.
func shorten(s string) string {
	const most = 60
	chars := 0
	for i := range s {
		if chars++; chars > most {
			return s[:i] + "…"
		}
	}
	return s
}
