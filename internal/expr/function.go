package expr

import (
	"strings"
	"unicode/utf8"

	"github.com/signet-scheduler/signet/internal/value"
)

// function is one of the language's functions.
type function struct {
	name        string
	params      []string
	required    int          // how many of the params must be given
	kinds       []value.Kind // of each argument; MissingKind: any
	impure      bool         // its value depends on more than its arguments
	clock       bool         // only usable after the order has started
	jobResource bool         // its first argument is the path of a job resource
	// eval gets an argument for each parameter, nil where it is not given.
	eval func(ev *evaluation, n *call, args []value.Value) (value.Value, error)
}

const (
	anyKind = value.MissingKind
	text    = value.StringKind
	number  = value.NumberKind
)

// functions is the table of all functions, by name.
var functions = functionTable([]function{
	{name: "toNumber", params: []string{"x"}, required: 1, kinds: []value.Kind{anyKind}, eval: toNumber},
	{name: "toBoolean", params: []string{"x"}, required: 1, kinds: []value.Kind{anyKind}, eval: toBoolean},
	{name: "stripMargin", params: []string{"s"}, required: 1, kinds: []value.Kind{text}, eval: stripMargin},
	{name: "mkString", params: []string{"x"}, required: 1, kinds: []value.Kind{anyKind}, eval: mkString},
	{name: "replaceAll", params: []string{"s", "regex", "replacement"}, required: 3, kinds: []value.Kind{text, text, text}, eval: replace},
	{name: "match", params: []string{"s", "regex", "replacement"}, required: 3, kinds: []value.Kind{text, text, text}, eval: replace},
	{name: "substring", params: []string{"s", "start", "end"}, required: 2, kinds: []value.Kind{text, number, number}, eval: substring},
	{name: "min", params: []string{"a", "b"}, required: 2, kinds: []value.Kind{number, number}, eval: minimum},
	{name: "max", params: []string{"a", "b"}, required: 2, kinds: []value.Kind{number, number}, eval: maximum},
	{name: "impure", params: []string{"x"}, required: 1, kinds: []value.Kind{anyKind}, impure: true, eval: impure},
	{name: "error", params: []string{"message"}, required: 1, kinds: []value.Kind{anyKind}, eval: raise},
	{name: "env", params: []string{"name", "default"}, required: 1, kinds: []value.Kind{text, anyKind}, impure: true, eval: env},
	{name: "now", params: []string{"format", "timezone"}, required: 1, kinds: []value.Kind{text, text}, impure: true, clock: true, eval: now},
	{name: "scheduledOrEmpty", params: []string{"format", "timezone"}, required: 1, kinds: []value.Kind{text, text}, impure: true, eval: scheduledOrEmpty},
	{name: "jobResourceVariable", params: []string{"path", "name"}, required: 2, kinds: []value.Kind{text, text}, impure: true, clock: true, jobResource: true, eval: jobResourceVariable},
	{name: "jobResourceVariables", params: []string{"path"}, required: 1, kinds: []value.Kind{text}, impure: true, clock: true, jobResource: true, eval: jobResourceVariables},
	{name: "toFile", params: []string{"content", "filename"}, required: 1, kinds: []value.Kind{anyKind, text}, impure: true, eval: toFile},
	{name: "subagentIds", params: []string{"bundle"}, required: 0, kinds: []value.Kind{text}, impure: true, eval: ofPlace},
	{name: "uniqueOrderId", params: []string{"pattern"}, required: 1, kinds: []value.Kind{text}, impure: true, eval: ofPlace},
})

func functionTable(list []function) map[string]*function {
	table := make(map[string]*function, len(list))
	for i := range list {
		table[list[i].name] = &list[i]
	}
	return table
}

func (ev *evaluation) call(n *call) (value.Value, error) {
	f := n.known
	if f == nil {
		return nil, ev.failf(n, codeFailed, "Unknown function: %s", shorten(n.name))
	}
	// The default of env is evaluated only when needed.
	lazy := -1
	if f.name == "env" {
		lazy = 1
	}
	args := make([]value.Value, len(n.bound))
	for i, b := range n.bound {
		if b == nil || i == lazy {
			continue
		}
		v, err := ev.eval(b)
		if err != nil {
			return nil, err
		}
		if want := f.kinds[i]; want != anyKind && v.Kind() != want {
			return nil, ev.wrongKind(b, "the argument "+f.params[i]+" of "+f.name, v, want)
		}
		args[i] = v
	}
	return f.eval(ev, n, args)
}

func toNumber(ev *evaluation, n *call, args []value.Value) (value.Value, error) {
	switch v := args[0].(type) {
	case value.Number:
		return v, nil
	case value.Boolean:
		if v {
			return value.NewInt(1), nil
		}
		return value.NewInt(0), nil
	case value.String:
		number, err := value.ParseNumber(string(v))
		if err != nil {
			return nil, ev.fail(n, err)
		}
		return number, nil
	}
	return nil, ev.wrongKind(n, "the argument of toNumber", args[0], value.StringKind, value.NumberKind, value.BooleanKind)
}

func toBoolean(ev *evaluation, n *call, args []value.Value) (value.Value, error) {
	switch v := args[0].(type) {
	case value.Boolean:
		return v, nil
	case value.String:
		if v == "true" || v == "false" {
			return value.Boolean(v == "true"), nil
		}
		return nil, ev.failf(n, codeFailed, "%q is neither true nor false", shorten(string(v)))
	case value.Number:
		if i, ok := v.Int64(); ok && (i == 0 || i == 1) {
			return value.Boolean(i == 1), nil
		}
		return nil, ev.failf(n, codeFailed, "the number %s is neither 0 nor 1", v)
	}
	return nil, ev.wrongKind(n, "the argument of toBoolean", args[0], value.StringKind, value.NumberKind, value.BooleanKind)
}

func stripMargin(ev *evaluation, n *call, args []value.Value) (value.Value, error) {
	s := string(args[0].(value.String))
	if err := ev.spendBytes(n, 2*len(s)); err != nil {
		return nil, err
	}
	var b strings.Builder
	for line := range strings.Lines(s) {
		if stripped, ok := strings.CutPrefix(strings.TrimLeft(line, " \t"), "|"); ok {
			line = stripped
		}
		b.WriteString(line)
	}
	return value.String(b.String()), nil
}

func mkString(ev *evaluation, n *call, args []value.Value) (value.Value, error) {
	list, ok := args[0].(value.List)
	if !ok {
		return ev.toText(n, args[0])
	}
	const perElement = 16
	if err := ev.spendBytes(n, len(list)*perElement); err != nil {
		return nil, err
	}
	texts := make([]value.String, len(list))
	for i, item := range list {
		var err error
		if texts[i], err = ev.toText(n, item); err != nil {
			return nil, err
		}
	}
	return ev.join(n, texts)
}

func replace(ev *evaluation, n *call, args []value.Value) (value.Value, error) {
	return ev.replace(n, args)
}

// substring counts characters (Unicode code points).
func substring(ev *evaluation, n *call, args []value.Value) (value.Value, error) {
	s := string(args[0].(value.String))
	if err := ev.spendBytes(n, 2*len(s)); err != nil {
		return nil, err
	}
	length := int64(utf8.RuneCountInString(s))
	bounds := [2]int64{0, length}
	for i, arg := range args[1:] {
		if arg == nil {
			continue
		}
		var err error
		if bounds[i], err = ev.integer(n.bound[i+1], "the argument "+n.known.params[i+1]+" of substring", arg); err != nil {
			return nil, err
		}
	}
	start, end := bounds[0], bounds[1]
	if start < 0 || end < start || end > length {
		return nil, ev.failf(n, codeFailed, "substring from %d to %d is out of range: the text has %s", start, end, plural(int(length), "character"))
	}
	from := charOffset(s, int(start))
	return value.String(s[from : from+charOffset(s[from:], int(end-start))]), nil
}

// charOffset returns the byte offset of a character.
func charOffset(s string, char int) int {
	for i := range s {
		if char == 0 {
			return i
		}
		char--
	}
	return len(s)
}

func minimum(_ *evaluation, _ *call, args []value.Value) (value.Value, error) {
	if args[0].(value.Number).Cmp(args[1].(value.Number)) <= 0 {
		return args[0], nil
	}
	return args[1], nil
}

func maximum(_ *evaluation, _ *call, args []value.Value) (value.Value, error) {
	if args[0].(value.Number).Cmp(args[1].(value.Number)) >= 0 {
		return args[0], nil
	}
	return args[1], nil
}

func impure(_ *evaluation, _ *call, args []value.Value) (value.Value, error) { return args[0], nil }

func raise(ev *evaluation, n *call, args []value.Value) (value.Value, error) {
	s, err := ev.toText(n, args[0])
	if err != nil {
		return nil, err
	}
	const most = 1000 // the message goes to logs and events
	if len(s) > most {
		s = value.String(strings.ToValidUTF8(string(s[:most]), "")) + "…"
	}
	return nil, ev.failf(n, codeError, "%s", s)
}

func env(ev *evaluation, n *call, args []value.Value) (value.Value, error) {
	name := string(args[0].(value.String))
	v, ok, err := ev.scope.Env(name)
	switch {
	case err != nil:
		return nil, ev.fail(n, err)
	case ok:
		return value.String(v), nil
	case n.bound[1] != nil:
		return ev.eval(n.bound[1])
	}
	return nil, ev.failf(n, codeNoKey, "the environment variable %q is not set", shorten(name))
}

func jobResourceVariable(ev *evaluation, n *call, args []value.Value) (value.Value, error) {
	path, name := string(args[0].(value.String)), string(args[1].(value.String))
	if path == "" || name == "" {
		return nil, ev.failf(n, codeFailed, "the path and the name for jobResourceVariable must not be empty")
	}
	return ev.resource(n, path, name)
}

func jobResourceVariables(ev *evaluation, n *call, args []value.Value) (value.Value, error) {
	path := string(args[0].(value.String))
	if path == "" {
		return nil, ev.failf(n, codeFailed, "the path for jobResourceVariables must not be empty")
	}
	return ev.resource(n, path, "")
}

func toFile(ev *evaluation, n *call, args []value.Value) (value.Value, error) {
	content, err := ev.toText(n, args[0])
	if err != nil {
		return nil, err
	}
	filename := "*"
	if name, ok := args[1].(value.String); ok {
		filename = string(name)
	}
	path, err := ev.scope.ToFile(string(content), filename)
	if err != nil {
		return nil, ev.fail(n, err)
	}
	return value.String(path), nil
}

// ofPlace is a function that only some scopes have.
func ofPlace(ev *evaluation, n *call, args []value.Value) (value.Value, error) {
	given := args
	for len(given) > 0 && given[len(given)-1] == nil {
		given = given[:len(given)-1]
	}
	if scope, ok := ev.scope.(FunctionScope); ok {
		v, known, err := scope.Function(n.name, given)
		if err != nil || known {
			return ev.found(n, v, known, err, codeFailed, "the function %s has no value", n.name)
		}
	}
	return nil, ev.fail(n, notAvailable("the function "+n.name))
}

func now(ev *evaluation, n *call, args []value.Value) (value.Value, error) {
	t, ok := ev.scope.Now()
	if !ok {
		return nil, ev.fail(n, notAvailable("the function now"))
	}
	return ev.formatted(n, t, args)
}

func scheduledOrEmpty(ev *evaluation, n *call, args []value.Value) (value.Value, error) {
	t, ok := ev.scope.Scheduled()
	if !ok {
		return value.String(""), nil
	}
	return ev.formatted(n, t, args)
}
