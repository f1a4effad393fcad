package workflow

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/strictjson"
	"github.com/signet-scheduler/signet/internal/value"
)

// Parameter returns the parameter of that name, or nil.
func (p *OrderPreparation) Parameter(name string) *Parameter {
	if p == nil {
		return nil
	}
	i, ok := slices.BinarySearchFunc(p.Parameters, name, func(q Parameter, name string) int { return strings.Compare(q.Name, name) })
	if !ok {
		return nil
	}
	return &p.Parameters[i]
}

// Required tells whether an order has to give the parameter.
func (p *Parameter) Required() bool { return p.Default == nil && p.Final == nil }

// Check tells everything that is wrong with the arguments of a new order, at
// most MaxProblems problems, each at "$.arguments.NAME" and beginning with its
// code: MissingOrderArgument, UndeclaredOrderArgument, FinalOrderArgument,
// WrongValueType, MissingObjectFields, UndeclaredObjectFields or
// InvalidOrderArgument (a constraint). Values are never repeated in a message.
// A nil *OrderPreparation allows every argument.
func (p *OrderPreparation) Check(args value.Map) []fault.Problem {
	if p == nil {
		return nil
	}
	var problems []fault.Problem
	report := func(name, format string, a ...any) {
		problems = append(problems, fault.Problem{Where: argumentPath(name), Message: fmt.Sprintf(format, a...)})
	}
	for i := range p.Parameters {
		param := &p.Parameters[i]
		v, given := args[param.Name]
		switch {
		case given && param.Final != nil:
			report(param.Name, "FinalOrderArgument: the parameter is computed and must not be given")
		case given:
			problems = append(problems, param.CheckValue(v)...)
		case param.Required():
			report(param.Name, "MissingOrderArgument: the workflow requires this argument, type %s", param.Type)
		}
	}
	if !p.AllowUndeclared {
		for _, name := range args.Names() {
			if len(problems) >= MaxProblems {
				break
			}
			if p.Parameter(name) == nil {
				report(name, "UndeclaredOrderArgument: the workflow has no such parameter%s", didYouMean(name, p.names()))
			}
		}
	}
	return problems[:min(len(problems), MaxProblems)]
}

func (p *OrderPreparation) names() []string {
	names := make([]string, len(p.Parameters))
	for i := range p.Parameters {
		names[i] = p.Parameters[i].Name
	}
	return names
}

func argumentPath(name string) string { return strictjson.KeyPath("$.arguments", name) }

// CheckValue tells everything that is wrong with v as the value of the
// parameter, whether the order gives it or its default or final expression
// computes it: type and constraints. Where and codes are those of
// OrderPreparation.Check.
func (p *Parameter) CheckValue(v value.Value) []fault.Problem {
	return p.check(argumentPath(p.Name), v)
}

func (p *Parameter) check(where string, v value.Value) []fault.Problem {
	if problems := p.Type.Check(where, v); len(problems) > 0 {
		return problems
	}
	var problems []fault.Problem
	p.constrain(where, v, p.Type, &problems)
	return problems
}

// maxConstraintProblems bounds what is told about one list.
const maxConstraintProblems = 20

// constrain checks the constraints of a value of the right type; in a List,
// of every element.
func (p *Parameter) constrain(where string, v value.Value, t value.Type, problems *[]fault.Problem) {
	if element, isList := t.Element(); isList {
		list, _ := v.(value.List)
		for i, item := range list {
			if len(*problems) >= maxConstraintProblems {
				return
			}
			p.constrain(strictjson.IndexPath(where, i), item, element, problems)
		}
		return
	}
	report := func(format string, a ...any) {
		*problems = append(*problems, fault.Problem{Where: where, Message: "InvalidOrderArgument: " + fmt.Sprintf(format, a...)})
	}
	if len(p.Enum) > 0 && !slices.ContainsFunc(p.Enum, func(e value.Value) bool { return value.Equal(e, v) }) {
		report("the value is not one of %s", enumText(p.Enum))
	}
	switch v := v.(type) {
	case value.String:
		if p.MaxLength > 0 && utf8.RuneCountInString(string(v)) > p.MaxLength {
			report("the value is longer than %d characters", p.MaxLength)
		} else if p.Pattern != nil && !p.Pattern.Matches(string(v)) {
			report("the value doesn't match the pattern %s", quoted(p.Pattern.Source))
		}
	case value.Number:
		if p.Minimum != nil && v.Cmp(*p.Minimum) < 0 {
			report("the value is less than the minimum %s", p.Minimum)
		}
		if p.Maximum != nil && v.Cmp(*p.Maximum) > 0 {
			report("the value is greater than the maximum %s", p.Maximum)
		}
	}
}

// enumText lists the allowed values, shortened.
func enumText(values []value.Value) string {
	const most = 10
	var parts []string
	for i, v := range values {
		if i == most {
			parts = append(parts, "…")
			break
		}
		text := string(value.AppendJSON(nil, v))
		if len(text) > 60 {
			text = strings.ToValidUTF8(text[:60], "") + "…"
		}
		parts = append(parts, text)
	}
	return strings.Join(parts, ", ")
}
