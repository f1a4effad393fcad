package expr

import (
	"strings"

	"github.com/signet-scheduler/signet/internal/value"
)

func (ev *evaluation) unary(n *unary) (value.Value, error) {
	if n.op == "!" {
		b, err := ev.boolean(n.x, "the operand of !")
		return value.Boolean(!b), err
	}
	v, err := ev.eval(n.x)
	if err != nil {
		return nil, err
	}
	switch v := v.(type) {
	case value.Missing:
		return v, nil
	case value.Number:
		return v.Neg(), nil
	}
	return nil, ev.wrongKind(n, "the operand of -", v, value.NumberKind)
}

func (ev *evaluation) binary(n *binary) (value.Value, error) {
	if n.op == "&&" || n.op == "||" {
		return ev.shortCircuit(n)
	}
	a, err := ev.eval(n.a)
	if err != nil {
		return nil, err
	}
	b, err := ev.eval(n.b)
	if err != nil {
		return nil, err
	}
	switch n.op {
	case "==":
		equal, err := ev.equal(n, a, b)
		return value.Boolean(equal), err
	case "!=":
		equal, err := ev.equal(n, a, b)
		return value.Boolean(!equal), err
	case "<", "<=", ">", ">=":
		return ev.compare(n, a, b)
	case "++":
		return ev.concat(n, a, b)
	case "in":
		return ev.in(n, a, b)
	case "matches":
		return ev.matches(n, a, b)
	}
	return ev.calculate(n, a, b)
}

func (ev *evaluation) shortCircuit(n *binary) (value.Value, error) {
	a, err := ev.boolean(n.a, "the left side of "+n.op)
	if err != nil {
		return nil, err
	}
	if a == (n.op == "||") {
		return value.Boolean(a), nil
	}
	b, err := ev.boolean(n.b, "the right side of "+n.op)
	return value.Boolean(b), err
}

// equal charges for the left side: the comparison looks at no more of either.
func (ev *evaluation) equal(n node, a, b value.Value) (bool, error) {
	if a.Kind() != b.Kind() {
		return false, nil
	}
	if as, ok := a.(value.String); ok && len(as) != len(b.(value.String)) {
		return false, nil
	}
	if err := ev.spendWalk(n, a); err != nil {
		return false, err
	}
	return value.Equal(a, b), nil
}

func (ev *evaluation) compare(n *binary, a, b value.Value) (value.Value, error) {
	var c int
	switch x := a.(type) {
	case value.Missing:
		return x, nil
	case value.Number:
		y, ok := b.(value.Number)
		if !ok {
			return ev.incomparable(n, a, b)
		}
		c = x.Cmp(y)
	case value.String:
		y, ok := b.(value.String)
		if !ok {
			return ev.incomparable(n, a, b)
		}
		if err := ev.spend(n, min(len(x), len(y))/bytesPerStep); err != nil {
			return nil, err
		}
		c = strings.Compare(string(x), string(y))
	default:
		return ev.incomparable(n, a, b)
	}
	return value.Boolean(n.op == "<" && c < 0 || n.op == "<=" && c <= 0 || n.op == ">" && c > 0 || n.op == ">=" && c >= 0), nil
}

func (ev *evaluation) incomparable(n *binary, a, b value.Value) (value.Value, error) {
	if b.Kind() == value.MissingKind {
		return b, nil
	}
	return nil, ev.failf(n, codeFailed, "%s and %s are not comparable with %s", aKind(a.Kind()), aKind(b.Kind()), n.op)
}

func (ev *evaluation) calculate(n *binary, a, b value.Value) (value.Value, error) {
	for _, v := range [...]value.Value{a, b} {
		if k := v.Kind(); k != value.NumberKind && k != value.MissingKind {
			return nil, ev.wrongKind(n, "an operand of "+n.op, v, value.NumberKind)
		}
	}
	x, xNumber := a.(value.Number)
	y, yNumber := b.(value.Number)
	if !xNumber || !yNumber {
		return value.Missing{}, nil
	}
	var result value.Number
	var err error
	switch n.op {
	case "+":
		result, err = x.Add(y)
	case "-":
		result, err = x.Sub(y)
	case "*":
		result, err = x.Mul(y)
	default:
		result, err = x.Quo(y)
	}
	if err != nil {
		return nil, ev.fail(n, err)
	}
	return result, nil
}

func (ev *evaluation) concat(n *binary, a, b value.Value) (value.Value, error) {
	x, xList := a.(value.List)
	y, yList := b.(value.List)
	if xList && yList {
		const perElement = 16 // bytes copied
		if err := ev.spendBytes(n, (len(x)+len(y))*perElement); err != nil {
			return nil, err
		}
		list := make(value.List, 0, len(x)+len(y))
		return append(append(list, x...), y...), nil
	}
	var texts [2]value.String
	for i, v := range [...]value.Value{a, b} {
		s, err := value.ToText(v)
		if err != nil {
			return nil, ev.failf(n, codeFailed, "++ joins texts or lists, but one side is %s", aKind(v.Kind()))
		}
		texts[i] = s
	}
	return ev.join(n, texts[:])
}

func (ev *evaluation) in(n *binary, a, b value.Value) (value.Value, error) {
	list, ok := b.(value.List)
	if !ok {
		return nil, ev.wrongKind(n, "the right side of in", b, value.ListKind)
	}
	for _, item := range list {
		if err := ev.spend(n, 1); err != nil {
			return nil, err
		}
		equal, err := ev.equal(n, a, item)
		if err != nil || equal {
			return value.Boolean(equal), err
		}
	}
	return value.Boolean(false), nil
}
