package expr

import (
	"errors"
	"fmt"
	"math"
	"strings"

	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/value"
)

// evaluation is one evaluation of one expression. Every operation spends
// steps before it does its work; what it makes is checked against the limit
// of size. Both errors pass through "?".
type evaluation struct {
	source string
	scope  Scope
	limits Limits
	steps  int // left
	caught int // how many "?" around would catch a failure
}

func evaluate(source string, root node, s Scope, limits Limits) (value.Value, error) {
	limits = limits.withDefaults()
	ev := &evaluation{source: source, scope: s, limits: limits, steps: limits.Steps}
	v, err := ev.eval(root)
	if err != nil {
		return nil, err
	}
	switch v := v.(type) {
	case value.String:
		if len(v) > limits.Bytes {
			return nil, ev.tooBig(root)
		}
		return v, nil
	case value.Number, value.Boolean, value.Missing:
		return v, nil
	}
	if err := ev.spendWalk(root, v); err != nil {
		return nil, err
	}
	if value.SizeUpTo(v, limits.Bytes) > limits.Bytes {
		return nil, ev.tooBig(root)
	}
	if value.Depth(v) > value.MaxDepth {
		return nil, ev.limit(root, "the result is nested deeper than %d", value.MaxDepth)
	}
	return v, nil
}

// bytesPerStep is how many bytes may be copied, compared or searched for one
// step.
const bytesPerStep = 64

func (ev *evaluation) spend(n node, steps int) error {
	if ev.steps -= steps; ev.steps < 0 {
		return ev.limit(n, "more than %d steps", ev.limits.Steps)
	}
	return nil
}

// spendBytes charges for handling that many bytes at once, and checks them
// against the limit of size.
func (ev *evaluation) spendBytes(n node, bytes int) error {
	if bytes > ev.limits.Bytes {
		return ev.tooBig(n)
	}
	return ev.spend(n, 1+bytes/bytesPerStep)
}

// spendWalk charges for a walk over v. It looks at no more of v than the steps
// left allow.
func (ev *evaluation) spendWalk(n node, v value.Value) error {
	affordable := math.MaxInt
	if ev.steps < math.MaxInt/bytesPerStep {
		affordable = (ev.steps + 1) * bytesPerStep
	}
	return ev.spend(n, value.SizeUpTo(v, affordable)/bytesPerStep)
}

func (ev *evaluation) limit(n node, format string, args ...any) error {
	return ev.located(n, fault.New(fault.TooLarge, codeLimit, "the evaluation takes too much: "+format, args...))
}

func (ev *evaluation) tooBig(n node) error {
	return ev.limit(n, "a value of more than %d bytes", ev.limits.Bytes)
}

func (ev *evaluation) failf(n node, code, format string, args ...any) error {
	return ev.located(n, fault.New(fault.Invalid, code, format, args...))
}

// located puts line, column and source behind the message; not where it will
// be caught anyway, since finding the place takes as long as the source.
func (ev *evaluation) located(n node, e *fault.Error) error {
	if ev.caught > 0 && e.Kind != fault.TooLarge {
		return e
	}
	where, _ := place(ev.source, int(n.at()))
	located := *e
	located.Message = fmt.Sprintf("%s (at %s of: %s)", e.Message, where, shorten(strings.Join(strings.Fields(ev.source), " ")))
	return &located
}

// fail adds the place to an error of a scope or of another package. Foreign
// errors become faults, so that users see a message and the log the cause.
func (ev *evaluation) fail(n node, err error) error {
	if e, ok := errors.AsType[*fault.Error](err); ok {
		return ev.located(n, e)
	}
	return ev.located(n, fault.Wrap(fault.Invalid, codeFailed, err, "the evaluation failed"))
}

func (ev *evaluation) wrongKind(n node, what string, v value.Value, want ...value.Kind) error {
	names := make([]string, len(want))
	for i, k := range want {
		names[i] = aKind(k)
	}
	return ev.failf(n, codeFailed, "%s is %s, but must be %s", what, aKind(v.Kind()), strings.Join(names, " or "))
}

func aKind(k value.Kind) string {
	switch k {
	case value.MissingKind:
		return "missing"
	case value.ObjectKind:
		return "an Object"
	}
	return "a " + k.String()
}

// message returns an error's text for users.
func message(err error) string { return fault.Of(err).Public() }

func (ev *evaluation) eval(n node) (value.Value, error) {
	if err := ev.spend(n, 1); err != nil {
		return nil, err
	}
	switch n := n.(type) {
	case *constant:
		return n.value, nil
	case *nameRef:
		return ev.name(n)
	case *symbolRef:
		return ev.symbol(n)
	case *listLit:
		return ev.list(n)
	case *objectLit:
		return ev.object(n)
	case *interpolation:
		return ev.interpolate(n)
	case *unary:
		return ev.unary(n)
	case *binary:
		return ev.binary(n)
	case *orElse:
		return ev.orElse(n)
	case *conditional:
		return ev.conditional(n)
	case *fieldRef:
		return ev.field(n)
	case *element:
		return ev.element(n)
	case *call:
		return ev.call(n)
	case *lookup:
		return ev.lookup(n)
	case *resourceRef:
		return ev.resource(n, n.path, n.name)
	}
	panic(fmt.Sprintf("expr: a node of an unknown type: %T", n))
}

// found checks an answer of the scope.
func (ev *evaluation) found(n node, v value.Value, ok bool, err error, code, format string, args ...any) (value.Value, error) {
	if err != nil {
		return nil, ev.fail(n, err)
	}
	if !ok || v == nil {
		return nil, ev.failf(n, code, format, args...)
	}
	return v, nil
}

func (ev *evaluation) name(n *nameRef) (value.Value, error) {
	v, ok, err := ev.scope.Value(n.name)
	if !ok && err == nil && isClockName(n.name) {
		if now, clock := ev.scope.Now(); clock {
			if n.name == epochSecond {
				return value.NewInt(now.Unix()), nil
			}
			return value.NewInt(now.UnixMilli()), nil
		}
	}
	return ev.found(n, v, ok, err, codeUnknown, "unknown name $%s", shorten(printedName(n.name)))
}

func (ev *evaluation) symbol(n *symbolRef) (value.Value, error) {
	v, ok, err := ev.scope.Symbol(n.name)
	return ev.found(n, v, ok, err, codeFailed, "the symbol %s is not available here", n.name)
}

func (ev *evaluation) resource(n node, path, name string) (value.Value, error) {
	v, ok, err := ev.scope.JobResource(path, name)
	if name == "" {
		return ev.found(n, v, ok, err, codeNoKey, "the job resource %s is not known here", shorten(path))
	}
	return ev.found(n, v, ok, err, codeNoKey, "the variable %s of the job resource %s is not known here", shorten(name), shorten(path))
}

func (ev *evaluation) lookup(n *lookup) (value.Value, error) {
	name, err := ev.text(n.name, "the name")
	if err != nil {
		return nil, err
	}
	form := "argument"
	var v value.Value
	var ok bool
	if n.variable {
		form = "variable"
		v, ok, err = ev.scope.Variable(string(name), n.label, n.job)
	} else {
		v, ok, err = ev.scope.Argument(string(name))
	}
	if err == nil && !ok && n.otherwise != nil {
		if n.variable {
			return ev.converted(n.otherwise)
		}
		return ev.eval(n.otherwise)
	}
	return ev.found(n, v, ok, err, codeUnknown, "unknown %s %q", form, shorten(string(name)))
}

// text evaluates n, which must be a String.
func (ev *evaluation) text(n node, what string) (value.String, error) {
	v, err := ev.eval(n)
	if err != nil {
		return "", err
	}
	s, ok := v.(value.String)
	if !ok {
		return "", ev.wrongKind(n, what, v, value.StringKind)
	}
	return s, nil
}

// converted evaluates n and converts it to a String.
func (ev *evaluation) converted(n node) (value.Value, error) {
	v, err := ev.eval(n)
	if err != nil {
		return nil, err
	}
	return ev.toText(n, v)
}

func (ev *evaluation) toText(n node, v value.Value) (value.String, error) {
	s, err := value.ToText(v)
	if err != nil {
		return "", ev.fail(n, err)
	}
	return s, nil
}

func (ev *evaluation) list(n *listLit) (value.Value, error) {
	list := make(value.List, len(n.items))
	for i, item := range n.items {
		var err error
		if list[i], err = ev.eval(item); err != nil {
			return nil, err
		}
	}
	return list, nil
}

func (ev *evaluation) object(n *objectLit) (value.Value, error) {
	fields := make(map[string]value.Value, len(n.items))
	for i, item := range n.items {
		v, err := ev.eval(item)
		if err != nil {
			return nil, err
		}
		fields[n.names[i]] = v
	}
	return value.NewObject(fields), nil
}

func (ev *evaluation) interpolate(n *interpolation) (value.Value, error) {
	texts := make([]value.String, len(n.parts))
	for i, part := range n.parts {
		v, err := ev.eval(part)
		if err != nil {
			return nil, err
		}
		if texts[i], err = ev.toText(part, v); err != nil {
			return nil, err
		}
	}
	return ev.join(n, texts)
}

func (ev *evaluation) join(n node, texts []value.String) (value.Value, error) {
	size := 0
	for _, s := range texts {
		if size += len(s); size > ev.limits.Bytes {
			return nil, ev.tooBig(n)
		}
	}
	if err := ev.spendBytes(n, size); err != nil {
		return nil, err
	}
	var b strings.Builder
	b.Grow(size)
	for _, s := range texts {
		b.WriteString(string(s))
	}
	return value.String(b.String()), nil
}

// orElse catches every failure but those of the limits.
func (ev *evaluation) orElse(n *orElse) (value.Value, error) {
	ev.caught++
	v, err := ev.eval(n.a)
	ev.caught--
	if err != nil && isLimit(err) {
		return nil, err
	}
	if err == nil && v.Kind() != value.MissingKind {
		return v, nil
	}
	if n.b == nil {
		return value.Missing{}, nil
	}
	return ev.eval(n.b)
}

func (ev *evaluation) conditional(n *conditional) (value.Value, error) {
	cond, err := ev.boolean(n.cond, "the condition of if")
	if err != nil {
		return nil, err
	}
	if cond {
		return ev.eval(n.yes)
	}
	return ev.eval(n.no)
}

func (ev *evaluation) boolean(n node, what string) (bool, error) {
	v, err := ev.eval(n)
	if err != nil {
		return false, err
	}
	b, ok := v.(value.Boolean)
	if !ok {
		return false, ev.wrongKind(n, what, v, value.BooleanKind)
	}
	return bool(b), nil
}

func (ev *evaluation) field(n *fieldRef) (value.Value, error) {
	x, err := ev.eval(n.x)
	if err != nil {
		return nil, err
	}
	object, ok := x.(value.Object)
	if !ok {
		return nil, ev.wrongKind(n, "what the field "+shorten(n.name)+" is taken from", x, value.ObjectKind)
	}
	v, ok := object.Get(n.name)
	if !ok {
		return nil, ev.failf(n, codeUnknown, "unknown field %s", shorten(printedName(n.name)))
	}
	return v, nil
}

func (ev *evaluation) element(n *element) (value.Value, error) {
	x, err := ev.eval(n.x)
	if err != nil {
		return nil, err
	}
	list, ok := x.(value.List)
	if !ok {
		return nil, ev.wrongKind(n, "what an element is taken from", x, value.ListKind)
	}
	v, err := ev.eval(n.index)
	if err != nil {
		return nil, err
	}
	i, err := ev.integer(n.index, "the index", v)
	if err != nil {
		return nil, err
	}
	if i < 0 || i >= int64(len(list)) {
		return nil, ev.failf(n, codeFailed, "the index %d is out of range: the list has %s, the first is 0", i, plural(len(list), "element"))
	}
	return list[i], nil
}

func (ev *evaluation) integer(n node, what string, v value.Value) (int64, error) {
	number, ok := v.(value.Number)
	if !ok {
		return 0, ev.wrongKind(n, what, v, value.NumberKind)
	}
	i, ok := number.Int64()
	if !ok {
		return 0, ev.failf(n, codeFailed, "%s must be an integer", what)
	}
	return i, nil
}
