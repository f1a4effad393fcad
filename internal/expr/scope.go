package expr

import (
	"time"

	"github.com/signet-scheduler/signet/internal/value"
)

// Scope answers what an expression asks about its surroundings. A method's
// bool tells whether the thing is known there; its error ends the evaluation,
// or makes "?" take its default. The answers must not change during one
// evaluation. Embed NoScope and override what is known.
type Scope interface {
	// Value returns the named value $name.
	Value(name string) (value.Value, bool, error)
	// Symbol returns the value of a bare word: orderId, controllerId,
	// workflowPath, workflowPosition, label, tryCount, maxTries, timedOut, and
	// workflow (an Object with the field timezone).
	Symbol(name string) (value.Value, bool, error)
	// Argument returns an argument of the order, for argument("name").
	Argument(name string) (value.Value, bool, error)
	// Variable returns a result of the last execution at a label or of a job,
	// for variable("name", label=…, job=…); label and job may be empty.
	Variable(name, label, job string) (value.Value, bool, error)
	// JobResource returns a variable of a job resource; with an empty name,
	// an Object of all its variables.
	JobResource(path, name string) (value.Value, bool, error)
	// Env returns an environment variable of the evaluating component.
	Env(name string) (string, bool, error)
	// Now returns the one moment of this evaluation; false: there is no clock
	// here.
	Now() (time.Time, bool)
	// Scheduled returns the time for which the order is scheduled.
	Scheduled() (time.Time, bool)
	// ToFile writes content to a temporary file and returns its path. In the
	// filename, "*" stands for something unique.
	ToFile(content, filename string) (string, error)
}

// FunctionScope is a Scope that also has the functions which belong to one
// place: subagentIds and uniqueOrderId. Function returns false for those it
// doesn't have; arguments are given by position.
type FunctionScope interface {
	Scope
	Function(name string, args []value.Value) (value.Value, bool, error)
}

// NoScope is a Scope where nothing is known. Embed it to answer some questions
// only.
type NoScope struct{}

var _ Scope = NoScope{}

// Value knows no name.
func (NoScope) Value(string) (value.Value, bool, error) { return nil, false, nil }

// Symbol knows no symbol.
func (NoScope) Symbol(string) (value.Value, bool, error) { return nil, false, nil }

// Argument knows no argument.
func (NoScope) Argument(string) (value.Value, bool, error) { return nil, false, nil }

// Variable knows no result.
func (NoScope) Variable(_, _, _ string) (value.Value, bool, error) { return nil, false, nil }

// JobResource knows no job resource.
func (NoScope) JobResource(_, _ string) (value.Value, bool, error) { return nil, false, nil }

// Env knows no environment variable.
func (NoScope) Env(string) (string, bool, error) { return "", false, nil }

// Now has no clock.
func (NoScope) Now() (time.Time, bool) { return time.Time{}, false }

// Scheduled has no scheduled time.
func (NoScope) Scheduled() (time.Time, bool) { return time.Time{}, false }

// ToFile fails: there are no files here.
func (NoScope) ToFile(_, _ string) (string, error) {
	return "", notAvailable("the function toFile")
}
