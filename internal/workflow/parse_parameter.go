package workflow

import (
	"slices"
	"strings"

	"github.com/signet-scheduler/signet/internal/expr"
	"github.com/signet-scheduler/signet/internal/strictjson"
	"github.com/signet-scheduler/signet/internal/value"
)

// Bounds of a parameter's constraints.
const (
	maxPattern = 1_000
	maxEnum    = 500
	maxLength  = 1 << 30
)

func (p *parser) preparation(f *Fields) *OrderPreparation {
	prep := &OrderPreparation{AllowUndeclared: f.Bool("allowUndeclared")}
	if o := f.Object("parameters"); o != nil {
		if len(o.node.Keys) > MaxParameters {
			f.Problem("parameters", "%d parameters, at most %d are allowed", len(o.node.Keys), MaxParameters)
			return prep
		}
		for i, name := range o.node.Keys {
			where := o.At(name)
			if err := CheckVariable(name); err != nil {
				p.Add(where, "%s", message(err))
			}
			prep.Parameters = append(prep.Parameters, p.parameter(ReadFields(o.node.Items[i], where, p.Problems), name))
		}
		slices.SortFunc(prep.Parameters, func(a, b Parameter) int { return strings.Compare(a.Name, b.Name) })
		p.checkRecursion(prep, o)
	}
	f.Done()
	return prep
}

func (p *parser) parameter(f *Fields, name string) Parameter {
	param := Parameter{Name: name}
	typeOK := true
	if n, _ := f.Get("type"); n != nil {
		typ, problems := value.ParseType(n, f.At("type"))
		for _, problem := range problems {
			p.Add(problem.Where, "%s", problem.Message)
		}
		param.Type, typeOK = typ, len(problems) == 0
	}
	param.Default = f.Expr("default", PlaceParameter)
	param.Final = f.Expr("final", PlaceParameter)
	if f.Has("default") && f.Has("final") {
		f.Problem("final", "a parameter is either optional (\"default\") or computed (\"final\"), not both")
	}
	for _, e := range []*expr.Expr{param.Default, param.Final} {
		if e != nil {
			p.note(e.JobResources())
		}
	}
	count := len(p.list)
	p.constraints(f, &param, typeOK)
	if typeOK && count == len(p.list) {
		p.checkComputed(f, "default", param.Default, &param)
		p.checkComputed(f, "final", param.Final, &param)
	}
	f.Done()
	return param
}

// checkComputed evaluates a constant default or final once, so that a wrong
// one is told at deployment and not at the first order.
func (p *parser) checkComputed(f *Fields, name string, e *expr.Expr, param *Parameter) {
	where := f.At(name)
	v, ok := constant(e, where, p.Problems)
	if !ok {
		return
	}
	for _, problem := range param.check(where, v) {
		p.Add(problem.Where, "%s", problem.Message)
	}
}

// constraints reads what goes beyond the reference: pattern, enum, minimum,
// maximum, maxLength. They are checked against the type, or the type of the
// innermost elements of a List.
func (p *parser) constraints(f *Fields, param *Parameter, typeOK bool) {
	item := innermost(param.Type)
	forType := func(name string, want value.Type) bool {
		if !f.Has(name) {
			return false
		}
		if typeOK && !item.Equal(want) {
			f.Problem(name, "%s needs the type %s, or a List of it, but the type is %s", name, want, param.Type)
		}
		return true
	}
	if forType("pattern", value.StringType) {
		if source, ok := f.Text("pattern"); ok {
			param.Pattern = p.pattern(f, source)
		}
	}
	if forType("maxLength", value.StringType) {
		param.MaxLength = f.Int(1, maxLength, 0, "maxLength")
	}
	if forType("minimum", value.NumberType) {
		param.Minimum = p.number(f, "minimum")
	}
	if forType("maximum", value.NumberType) {
		param.Maximum = p.number(f, "maximum")
	}
	if param.Minimum != nil && param.Maximum != nil && param.Minimum.Cmp(*param.Maximum) > 0 {
		f.Problem("maximum", "the maximum %s is less than the minimum %s", param.Maximum, param.Minimum)
	}
	param.Enum = p.enum(f, item, typeOK)
}

func (p *parser) pattern(f *Fields, source string) *Pattern {
	if len(source) > maxPattern {
		f.Problem("pattern", "the pattern is longer than %d bytes", maxPattern)
		return nil
	}
	pattern, err := NewPattern(source)
	if err != nil {
		f.Problem("pattern", "not a regular expression (RE2: without look-around and back-references): %v", err)
		return nil
	}
	return pattern
}

func (p *parser) number(f *Fields, name string) *value.Number {
	n, _, ok := f.get(strictjson.Number, name)
	if !ok {
		return nil
	}
	number, err := value.ParseNumber(n.Text)
	if err != nil {
		f.Problem(name, "%s", message(err))
		return nil
	}
	return &number
}

func (p *parser) enum(f *Fields, item value.Type, typeOK bool) []value.Value {
	items, ok := f.Array("enum")
	if !ok {
		return nil
	}
	if len(items) == 0 || len(items) > maxEnum {
		f.Problem("enum", "expected 1 to %d values", maxEnum)
		return nil
	}
	var values []value.Value
	for i, n := range items {
		where := strictjson.IndexPath(f.At("enum"), i)
		v, ok := readValue(n, where, p.Problems)
		if !ok {
			continue
		}
		if typeOK {
			for _, problem := range item.Check(where, v) {
				p.Add(problem.Where, "%s", problem.Message)
			}
		}
		if slices.ContainsFunc(values, func(other value.Value) bool { return value.Equal(v, other) }) {
			p.Add(where, "the value occurs twice")
		}
		values = append(values, v)
	}
	return values
}

// innermost returns the type of the elements of a List of a List and so on.
func innermost(t value.Type) value.Type {
	for {
		element, ok := t.Element()
		if !ok {
			return t
		}
		t = element
	}
}

// checkRecursion reports each circle of parameters that are computed from one
// another: without an argument for one of them, none has a value.
func (p *parser) checkRecursion(prep *OrderPreparation, f *Fields) {
	const (
		open = 1
		done = 2
	)
	state := map[string]int{}
	var visit func(name string, way []string)
	visit = func(name string, way []string) {
		param := prep.Parameter(name)
		if param == nil || state[name] == done {
			return
		}
		if state[name] == open {
			circle := slices.Concat(way[slices.Index(way, name):], []string{name})
			f.Problem(name, "RecursiveEvaluation: the parameter depends on itself (%s)", shortCircle(circle))
			return
		}
		state[name] = open
		for _, e := range []*expr.Expr{param.Default, param.Final} {
			if e == nil {
				continue
			}
			for _, other := range e.Names() {
				visit(other, append(way, name))
			}
		}
		state[name] = done
	}
	for i := range prep.Parameters {
		visit(prep.Parameters[i].Name, nil)
	}
}

func shortCircle(names []string) string {
	const most = 6
	if len(names) > most {
		names = append(slices.Clone(names[:most-1]), "…", names[len(names)-1])
	}
	return strings.Join(names, " → ")
}
