// Package workflow owns the workflow document: its JSON form, instructions,
// jobs, parameters and positions, and every check that can be made without
// running it.
//
// It must not run anything, know orders, or read a clock. Parse is strict: it
// knows the fields of the reference (and their old names) and no others, and
// reports every problem at once with its JSON path. A parsed Workflow is never
// changed afterwards; engine, controller, agent, cockpit and cli share it.
package workflow

import (
	"time"

	"github.com/signet-scheduler/signet/internal/expr"
	"github.com/signet-scheduler/signet/internal/value"
)

// ID names one version of a workflow.
type ID struct {
	Path      string
	VersionID string
}

// String returns "path~version".
func (id ID) String() string { return id.Path + "~" + id.VersionID }

// Workflow is a parsed workflow, or the block of an instruction. It is
// immutable once Parse has returned it.
type Workflow struct {
	ID               ID
	TimeZone         string // IANA name; "UTC" when absent
	JobResourcePaths []string
	Preparation      *OrderPreparation // nil: no parameters, any argument allowed
	Block            *Sequence
	Source           string // free text of the author

	labels       map[string]Position // by label, normalized positions
	jobResources []string            // sorted
	agents       []string            // sorted
}

// Sequence is a block of instructions with the jobs defined at its level. The
// last instruction is always an *End.
type Sequence struct {
	Instructions []Instruction
	Jobs         map[string]*Job
	Outer        *Sequence   // the enclosing block; nil at the top: job names are looked up outward
	Result       []NamedExpr // what a fork branch returns; sorted by name
}

// NamedExpr is one entry of a map from name to expression. Lists of them are
// sorted by name.
type NamedExpr struct {
	Name string
	Expr *expr.Expr
}

// OrderPreparation declares the order's parameters (section 1.1 of the
// reference). Parameters are sorted by name.
type OrderPreparation struct {
	Parameters      []Parameter
	AllowUndeclared bool
}

// Parameter is one declared parameter of a workflow. Exactly one of these
// holds: Final is set (computed, the order must not give it), Default is set
// (optional), or neither (required).
//
// The constraints Pattern, Enum, Minimum, Maximum and MaxLength go beyond the
// reference. They hold for the value given and for defaults, and are enforced
// by Controller and Agent alike, from the signed document. In a List they
// apply to every element.
type Parameter struct {
	Name      string
	Type      value.Type
	Default   *expr.Expr
	Final     *expr.Expr
	Pattern   *Pattern      // String: whole-value RE2 match
	Enum      []value.Value // one of these
	Minimum   *value.Number // Number: inclusive
	Maximum   *value.Number // Number: inclusive
	MaxLength int           // String: Unicode code points; 0: no limit
}

// RetryPolicy of a Try: at most MaxTries rounds (0: no limit); before the n-th
// repetition, from 1, Delays[n-1] is waited, the last one repeating.
type RetryPolicy struct {
	MaxTries int
	Delays   []time.Duration
}

// Delay returns the wait before repetition n, from 1.
func (r RetryPolicy) Delay(n int) time.Duration {
	switch {
	case len(r.Delays) == 0:
		return 0
	case n > len(r.Delays):
		return r.Delays[len(r.Delays)-1]
	default:
		return r.Delays[n-1]
	}
}
