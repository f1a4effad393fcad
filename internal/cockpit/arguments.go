package cockpit

import (
	"encoding/json"

	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/strictjson"
	"github.com/signet-scheduler/signet/internal/value"
	"github.com/signet-scheduler/signet/internal/workflow"
)

// given are the arguments of a request: values as they are, and texts that are read
// by the types that a workflow declares.
type given struct {
	values map[string]json.RawMessage
	texts  map[string]string
}

// read returns the arguments. What the workflow declares is asked
// for only if there are texts.
func (g given) read(declared func() (*workflow.OrderPreparation, error)) (value.Map, error) {
	args := make(value.Map, len(g.values)+len(g.texts))
	var problems []fault.Problem
	report := func(where string, err error) {
		problems = append(problems, fault.Problem{Where: where, Message: fault.Of(err).Public()})
	}
	for name, raw := range g.values {
		v, err := value.ParseJSON(raw)
		if err != nil {
			report(strictjson.KeyPath("$.arguments", name), err)
			continue
		}
		args[name] = v
	}
	if len(g.texts) > 0 {
		p, err := declared()
		if err != nil {
			return nil, err
		}
		for name, text := range g.texts {
			where := strictjson.KeyPath("$.argumentTexts", name)
			if _, twice := g.values[name]; twice {
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

// preparationOf returns what the workflow of an order, in its version, says about
// the order's arguments.
func (k *call) preparationOf(h *history, id string) (*workflow.OrderPreparation, error) {
	raw, err := h.controller.Order(k.r.Context(), id)
	if err != nil {
		return nil, err
	}
	var o struct {
		Workflow struct {
			Path    string `json:"path"`
			Version string `json:"versionId"`
		} `json:"workflow"`
	}
	if err := json.Unmarshal(raw, &o); err != nil {
		return nil, fault.Wrap(fault.Internal, "BadAnswer", err, "the Controller's answer can't be read")
	}
	return k.preparation(h, o.Workflow.Path, o.Workflow.Version)
}

// preparation returns what a version of a workflow ("": the newest) says about its
// orders' arguments; nil when it says nothing.
func (k *call) preparation(h *history, path, version string) (*workflow.OrderPreparation, error) {
	w, err := h.controller.Workflow(k.r.Context(), path, version)
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
