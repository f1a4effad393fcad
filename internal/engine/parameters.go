package engine

import (
	"maps"

	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/order"
	"github.com/signet-scheduler/signet/internal/strictjson"
	"github.com/signet-scheduler/signet/internal/value"
	"github.com/signet-scheduler/signet/internal/workflow"
)

// evaluate returns the order's arguments with the parameters' impure defaults
// and finals, which are computed once, when the order is added.
func (c *Controller) evaluate(o *order.Order, w *workflow.Workflow) (value.Map, error) {
	p := w.Preparation
	if p == nil {
		return o.Arguments, nil
	}
	args := make(value.Map, len(o.Arguments))
	maps.Copy(args, o.Arguments)
	s := &parameterScope{scope: c.scope(o, w), busy: map[string]bool{}, done: args}
	var problems []fault.Problem
	for i := range p.Parameters {
		prm := &p.Parameters[i]
		e := prm.Default
		if prm.Final != nil {
			e = prm.Final
		}
		if e == nil || e.Pure() {
			continue
		}
		v, _, err := s.parameter(prm)
		if err != nil {
			problems = append(problems, fault.Problem{Where: "$.arguments." + prm.Name, Message: "EvaluationFailed: " + order.ProblemOf(err).Message})
			continue
		}
		problems = append(problems, prm.CheckValue(v)...)
	}
	if len(problems) > 0 {
		return nil, &fault.Error{Kind: fault.Invalid, Code: "InvalidOrderArguments", Message: "the order's arguments don't fit the workflow", Problems: problems}
	}
	return args, nil
}

// checkChanged tells whether an order may get arguments in the middle of its way.
// Those that it has are changed, as their types allow; others are given as a new
// order would give them.
func checkChanged(o *order.Order, w *workflow.Workflow, args value.Map) *fault.Error {
	p := w.Preparation
	if p == nil {
		return nil
	}
	var problems []fault.Problem
	report := func(name, message string) {
		problems = append(problems, fault.Problem{Where: strictjson.KeyPath("$.arguments", name), Message: message})
	}
	for _, name := range args.Names() {
		prm := p.Parameter(name)
		_, has := o.Arguments[name]
		switch {
		case prm != nil && prm.Final != nil:
			report(name, "FinalOrderArgument: the parameter is computed and must not be given")
		case prm != nil:
			problems = append(problems, prm.CheckValue(args[name])...)
		case !has && !p.AllowUndeclared:
			report(name, "UndeclaredOrderArgument: the workflow has no such parameter")
		}
	}
	if len(problems) == 0 {
		return nil
	}
	return &fault.Error{
		Kind: fault.Invalid, Code: "InvalidOrderArguments", Message: "the changed arguments don't fit the workflow",
		Problems: problems[:min(len(problems), workflow.MaxProblems)],
	}
}

// parameterScope evaluates parameters that may refer to each other.
type parameterScope struct {
	*scope
	busy map[string]bool
	done value.Map
}

func (s *parameterScope) parameter(p *workflow.Parameter) (value.Value, bool, error) {
	if v, ok := s.done[p.Name]; ok {
		return v, true, nil
	}
	e := p.Default
	if p.Final != nil {
		e = p.Final
	}
	if e == nil {
		return nil, false, nil
	}
	if s.busy[p.Name] {
		return nil, false, problemf("RecursiveEvaluation", "parameter %s depends on itself", p.Name)
	}
	s.busy[p.Name] = true
	defer delete(s.busy, p.Name)
	v, err := e.Eval(s)
	if err != nil {
		return nil, false, err
	}
	if !e.Pure() {
		s.done[p.Name] = v
	}
	return v, true, nil
}

// Value returns an argument or another parameter.
func (s *parameterScope) Value(name string) (value.Value, bool, error) {
	if v, ok, err := s.Argument(name); ok || err != nil {
		return v, ok, err
	}
	v, ok := s.builtin(name)
	return v, ok, nil
}

// Argument returns an argument or another parameter.
func (s *parameterScope) Argument(name string) (value.Value, bool, error) {
	if v, ok := s.done[name]; ok {
		return v, true, nil
	}
	if p := s.w.Preparation.Parameter(name); p != nil {
		return s.parameter(p)
	}
	return nil, false, nil
}

// Variable knows no result.
func (s *parameterScope) Variable(_, _, _ string) (value.Value, bool, error) { return nil, false, nil }
