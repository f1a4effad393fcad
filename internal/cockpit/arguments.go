package cockpit

import (
	"github.com/signet-scheduler/signet/api"
	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/strictjson"
	"github.com/signet-scheduler/signet/internal/value"
	"github.com/signet-scheduler/signet/internal/workflow"
)

// arguments reads the arguments of new orders: values as they are, texts by the
// types that the workflow declares.
func (k *call) arguments(h *history, in *api.AddOrdersRequest) (value.Map, error) {
	args := make(value.Map, len(in.Arguments)+len(in.ArgumentTexts))
	var problems []fault.Problem
	report := func(where string, err error) {
		problems = append(problems, fault.Problem{Where: where, Message: fault.Of(err).Public()})
	}
	for name, raw := range in.Arguments {
		v, err := value.ParseJSON(raw)
		if err != nil {
			report(strictjson.KeyPath("$.arguments", name), err)
			continue
		}
		args[name] = v
	}
	if len(in.ArgumentTexts) > 0 {
		p, err := k.preparation(h, in.Workflow)
		if err != nil {
			return nil, err
		}
		for name, text := range in.ArgumentTexts {
			where := strictjson.KeyPath("$.argumentTexts", name)
			if _, twice := in.Arguments[name]; twice {
				report(where, fault.New(fault.Invalid, "DuplicateKey", "the argument is given twice, as value and as text"))
				continue
			}
			v, err := readText(p.Parameter(name), text)
			if err != nil {
				report(where, err)
				continue
			}
			args[name] = v
		}
	}
	if len(problems) > 0 {
		return nil, &fault.Error{Kind: fault.Invalid, Code: "InvalidOrderArguments", Message: "the order's arguments can't be read", Problems: sorted(problems)}
	}
	return args, nil
}

// preparation returns what the newest version of a workflow says about its
// orders' arguments; nil when it says nothing.
func (k *call) preparation(h *history, path string) (*workflow.OrderPreparation, error) {
	w, err := h.controller.Workflow(k.r.Context(), path, "")
	if err != nil {
		return nil, err
	}
	// What is read here decides nothing but how a text is converted: the
	// Controller verifies the document and checks the arguments.
	parsed, err := workflow.Parse([]byte(w.Document))
	if err != nil {
		return nil, err
	}
	return parsed.Preparation, nil
}

// readText reads a text as a value of a parameter's type; what isn't declared is
// a string.
func readText(p *workflow.Parameter, text string) (value.Value, error) {
	if p == nil || p.Type.IsAny() || p.Type.Equal(value.StringType) {
		return value.String(text), nil
	}
	switch {
	case p.Type.Equal(value.NumberType):
		return value.ParseNumber(text)
	case p.Type.Equal(value.BooleanType):
		switch text {
		case "true":
			return value.Boolean(true), nil
		case "false":
			return value.Boolean(false), nil
		}
		return nil, fault.New(fault.Invalid, "WrongValueType", "expected true or false")
	}
	return value.ParseJSON([]byte(text))
}
