package workflow

import (
	"maps"
	"slices"

	"github.com/signet-scheduler/signet/internal/expr"
	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/value"
)

// Place is where an expression stands, for the rules of what has sense there.
type Place uint8

// The places of expressions.
const (
	PlaceInstruction Place = iota // conditions, messages, durations, children, results
	PlaceProcess                  // what a process gets: env, arguments, words of a command line
	PlaceParameter                // default and final of an order's parameter
	PlaceJobResource              // variables and env of a job resource
)

// places tells for each place what may not be used there.
var places = [...]struct {
	name      string
	functions []string // refused
	symbols   []string // allowed; nil: all
}{
	PlaceInstruction: {"an instruction", []string{"toFile"}, nil},
	PlaceProcess:     {"a job", nil, nil},
	PlaceParameter:   {"a parameter", []string{"toFile"}, []string{"controllerId", "orderId", "workflowPath"}},
	PlaceJobResource: {"a job resource", []string{"argument", "variable", "jobResourceVariable", "jobResourceVariables"}, nil},
}

// unsupportedFunctions belong to instructions or Agents that this version
// doesn't have.
var unsupportedFunctions = map[string]string{
	"subagentIds":   "the Agents of this version of Signet have no Subagents",
	"uniqueOrderId": "the instruction AddOrder is not supported by this version of Signet",
}

// PlaceInfo tells what has no sense in the expressions of a place.
type PlaceInfo struct {
	Place   Place
	Refused []string // functions
	Symbols []string // those that may be used; nil: all
}

// Places returns the rules of all places, in the order of the constants, and the
// functions that this version refuses everywhere.
func Places() (all []PlaceInfo, nowhere []string) {
	for place, rules := range places {
		all = append(all, PlaceInfo{Place: Place(place), Refused: slices.Clone(rules.functions), Symbols: slices.Clone(rules.symbols)})
	}
	return all, slices.Sorted(maps.Keys(unsupportedFunctions))
}

// parseExpr parses an expression at a JSON path; nil when there are problems,
// which are recorded.
func parseExpr(source, where string, place Place, problems *Problems) *expr.Expr {
	e, err := expr.Parse(source)
	if err != nil {
		problems.Add(where, "%s", message(err))
		return nil
	}
	if !checkUse(e, where, place, problems) {
		return nil
	}
	return e
}

// parseFunction is parseExpr for a function.
func parseFunction(source, where string, least, most int, problems *Problems) *expr.Function {
	f, err := expr.ParseFunction(source, least, most)
	if err != nil {
		problems.Add(where, "%s", message(err))
		return nil
	}
	if !checkUse(f.Body(), where, PlaceInstruction, problems) {
		return nil
	}
	return f
}

// checkUse records what an expression uses that has no sense at the place, and
// every constant path in it that is no path.
func checkUse(e *expr.Expr, where string, place Place, problems *Problems) bool {
	ok := true
	report := func(format string, args ...any) {
		problems.Add(where, format, args...)
		ok = false
	}
	rules := places[place]
	for _, f := range e.Functions() {
		if why, unsupported := unsupportedFunctions[f]; unsupported {
			report("the function %s can't be used: %s", f, why)
		} else if slices.Contains(rules.functions, f) {
			report("the function %s can't be used in %s", f, rules.name)
		}
	}
	if rules.symbols != nil {
		for _, s := range e.Symbols() {
			if !slices.Contains(rules.symbols, s) {
				report("the symbol %s can't be used in %s", s, rules.name)
			}
		}
	}
	for _, path := range e.JobResources() {
		if place == PlaceJobResource {
			report("a job resource can't read another job resource (%s)", quoted(path))
		} else if err := CheckPath(path); err != nil {
			report("%s", message(err))
		}
	}
	return ok
}

// constantLimits bound the evaluation of a constant expression while a
// document is checked; there may be thousands.
var constantLimits = expr.Limits{Steps: 2_000, Bytes: 256 << 10}

// constant evaluates a pure expression. ok is false when e isn't pure, when it
// would take too much work (it is then checked when it is used, like one that
// isn't pure), or when its evaluation fails, which is recorded.
func constant(e *expr.Expr, where string, problems *Problems) (v value.Value, ok bool) {
	if e == nil || !e.Pure() {
		return nil, false
	}
	v, err := e.EvalWithin(expr.NoScope{}, constantLimits)
	if err != nil {
		if !fault.Is(err, fault.TooLarge) {
			problems.Add(where, "EvaluationFailed: %s", message(err))
		}
		return nil, false
	}
	return v, true
}

// checkConstant records a constant expression whose value isn't of one of the
// kinds.
func checkConstant(e *expr.Expr, where string, problems *Problems, kinds ...value.Kind) {
	if v, ok := constant(e, where, problems); ok && !slices.Contains(kinds, v.Kind()) {
		problems.Add(where, "WrongValueType: expected a %s, but this is always a %s", kinds[0], v.Kind())
	}
}
