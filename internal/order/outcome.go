package order

import (
	"slices"

	"github.com/signet-scheduler/signet/internal/codec"
	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/value"
	"github.com/signet-scheduler/signet/internal/workflow"
)

// OutcomeKind names an outcome (section 2.7 of the reference).
type OutcomeKind string

// The outcomes.
const (
	Succeeded OutcomeKind = "Succeeded"
	Fails     OutcomeKind = "Failed"
	TimedOut  OutcomeKind = "TimedOut" // wraps the outcome that the process had
	Killed    OutcomeKind = "Killed"   // wraps the outcome that the process had
	Disrupted OutcomeKind = "Disrupted"
	Caught    OutcomeKind = "Caught"
)

// Outcome is how a step of an order ended. It is immutable.
type Outcome struct {
	Kind        OutcomeKind
	Message     string
	Values      value.Map
	Uncatchable bool
	ProcessLost bool     // Disrupted: the process was lost; the step is repeated
	Problem     *Problem // Disrupted
	Inner       *Outcome // TimedOut, Killed
}

// Problem is an error as part of a state or an outcome.
type Problem struct {
	Code    string
	Message string
}

// Walk describes the fields.
func (p *Problem) Walk(w codec.Walker) {
	w.Str("code", &p.Code)
	w.Str("message", &p.Message)
}

// ProblemOf returns err as users may see it.
func ProblemOf(err error) *Problem {
	e := fault.Of(err)
	return &Problem{Code: e.Code, Message: e.Public()}
}

// DisruptedBy returns the outcome of a step that couldn't be carried out.
func DisruptedBy(err error) *Outcome { return &Outcome{Kind: Disrupted, Problem: ProblemOf(err)} }

// FailedWith returns a failed outcome with a message.
func FailedWith(message string) *Outcome { return &Outcome{Kind: Fails, Message: message} }

// IsSucceeded tells whether the order goes on after this outcome.
func (o *Outcome) IsSucceeded() bool { return o.Kind == Succeeded || o.Kind == Caught }

// Named returns the values that expressions see, also those of a process that
// timed out or was killed.
func (o *Outcome) Named() value.Map {
	if o.Inner != nil {
		return o.Inner.Named()
	}
	return o.Values
}

// Text returns the outcome in words, for messages and tables.
func (o *Outcome) Text() string {
	switch {
	case o.Inner != nil:
		return string(o.Kind) + "(" + o.Inner.Text() + ")"
	case o.Problem != nil && o.ProcessLost:
		return "ProcessLost(" + o.Problem.Message + ")"
	case o.Problem != nil:
		return string(o.Kind) + "(" + o.Problem.Message + ")"
	case o.Message != "":
		return string(o.Kind) + "(" + o.Message + ")"
	}
	if rc, ok := o.Values["returnCode"]; ok && o.Kind == Fails {
		if t, err := value.ToText(rc); err == nil {
			return string(o.Kind) + "(returnCode=" + string(t) + ")"
		}
	}
	return string(o.Kind)
}

// Walk describes the fields.
func (o *Outcome) Walk(w codec.Walker) {
	o.walkKind(w)
	w.Str("message", &o.Message)
	w.Map("namedValues", &o.Values)
	w.Bool("uncatchable", &o.Uncatchable)
	w.Obj("reason", o.Kind == Disrupted, func(w codec.Walker) {
		kind := "Other"
		if o.ProcessLost {
			kind = "ProcessLost"
		}
		w.Str("TYPE", &kind)
		codec.Opt(w, "problem", &o.Problem)
		if w.Reading() { // what is written may be shared
			o.ProcessLost = kind == "ProcessLost"
		}
	})
	// Not codec.Opt: an outcome is nested once at most, and reading must end.
	in := o.Inner
	if in == nil {
		in = &Outcome{}
	}
	if w.Obj("outcome", o.Inner != nil, in.walkInner) && w.Reading() {
		o.Inner = in
	}
}

func (o *Outcome) walkKind(w codec.Walker) {
	codec.Text(w, "TYPE", &o.Kind)
	if !w.Reading() {
		return
	}
	switch o.Kind {
	case Succeeded, Fails, TimedOut, Killed, Disrupted, Caught:
	default:
		w.Fail(fault.New(fault.Invalid, "InvalidJson", "unknown outcome %.40q: Succeeded, Failed, TimedOut, Killed, Disrupted or Caught", string(o.Kind)))
	}
}

func (o *Outcome) walkInner(w codec.Walker) {
	o.walkKind(w)
	w.Str("message", &o.Message)
	w.Map("namedValues", &o.Values)
	w.Bool("uncatchable", &o.Uncatchable)
}

// HistoryOperation changes the history at resumption (section 5.6 of the
// reference): Replace, Insert, Delete or Append.
type HistoryOperation struct {
	Kind    string
	At      workflow.Position // Replace, Delete: the step; Insert: the step before which
	New     workflow.Position // Insert, Append
	Outcome *Outcome
}

// Walk describes the fields.
func (h *HistoryOperation) Walk(w codec.Walker) {
	w.Str("TYPE", &h.Kind)
	name := "position"
	if h.Kind == "Insert" {
		name = "before"
	}
	switch h.Kind {
	case "Insert", "Replace", "Delete":
		w.Pos(name, &h.At)
	case "Append":
	default:
		w.Fail(fault.New(fault.Invalid, "InvalidJson", "unknown history operation %q: Replace, Insert, Delete or Append", h.Kind))
	}
	if h.Kind == "Insert" || h.Kind == "Append" {
		w.Pos("position", &h.New)
	}
	codec.Opt(w, "outcome", &h.Outcome)
	if w.Reading() && h.Outcome == nil && h.Kind != "Delete" {
		w.Fail(fault.New(fault.Invalid, "InvalidJson", "the history operation %s needs an outcome", h.Kind))
	}
}

// apply returns the history with the operation carried out; ok is false when
// there is no step at its position.
func (h *HistoryOperation) apply(newest *Step) (*Step, bool) {
	if h.Kind == "Append" {
		return newest.push(h.New, h.Outcome), true
	}
	var newer []*Step // than the one at the position
	at := newest
	for ; at != nil && at.Position != h.At; at = at.Prev {
		newer = append(newer, at)
	}
	if at == nil {
		return nil, false
	}
	list := at.Prev
	switch h.Kind {
	case "Delete":
	case "Replace":
		list = list.push(at.Position, h.Outcome)
	default:
		list = list.push(h.New, h.Outcome).push(at.Position, at.Outcome)
	}
	for _, s := range slices.Backward(newer) {
		list = list.push(s.Position, s.Outcome)
	}
	return list, true
}
