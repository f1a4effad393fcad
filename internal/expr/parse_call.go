package expr

import (
	"fmt"
	"strings"

	"github.com/signet-scheduler/signet/internal/value"
)

// symbols are the bare words that have a value.
var symbols = map[string]bool{
	"orderId": true, "controllerId": true, "workflowPath": true, "workflowPosition": true, "label": true,
	"tryCount": true, "maxTries": true, "timedOut": true, "workflow": true,
}

// wordFactor reads an operand that begins with a word.
func (p *parser) wordFactor() (node, error) {
	start := p.pos
	word := p.word()
	p.pos += len(word)
	switch word {
	case "true", "false":
		return &constant{pos(start), value.Boolean(word == "true")}, nil
	case "missing":
		return &constant{pos(start), value.Missing{}}, nil
	case "argument", "variable":
		return p.lookup(start, word == "variable")
	case "error":
		return p.call(start, word)
	}
	if word == "" || keywords[word] {
		p.pos = start
		return nil, p.fail("an operand")
	}
	end := p.pos
	p.space()
	if p.peek() == '(' {
		return p.call(start, word)
	}
	if symbols[word] {
		p.pos = end
		return &symbolRef{pos(start), word}, nil
	}
	p.pos = start
	if word == "job" {
		return nil, p.failAt(start, "the symbol job is reserved")
	}
	return nil, p.failAt(start, "unknown symbol %s; a name is written $%s, a text '%s'", shorten(word), shorten(word), shorten(word))
}

// arguments reads (a, b, name=c). A special named argument is read by its
// function instead of as an expression.
func (p *parser) arguments(special map[string]func() error) ([]argument, error) {
	p.space()
	if p.peek() != '(' {
		return nil, p.fail("'('")
	}
	var args []argument
	seen := map[string]bool{}
	err := p.sequence(')', func() error {
		start := p.pos
		name := p.argumentName()
		if seen[name] {
			return p.failAt(start, "the argument %s= occurs twice", shorten(name))
		}
		if name == "" && len(seen) > 0 {
			return p.fail("a named argument: those by position come first")
		}
		if name != "" {
			seen[name] = true
			if read, ok := special[name]; ok {
				return read()
			}
		}
		n, err := p.expr()
		args = append(args, argument{name, n})
		return err
	})
	return args, err
}

// argumentName skips "name=", if it is next.
func (p *parser) argumentName() string {
	start := p.pos
	name := p.word()
	p.pos += len(name)
	p.space()
	if rest := p.rest(); name == "" || !strings.HasPrefix(rest, "=") || strings.HasPrefix(rest, "==") || strings.HasPrefix(rest, "=>") {
		p.pos = start
		return ""
	}
	p.pos++
	p.space()
	return name
}

// lookup reads argument(name, default=…) or variable(name, label=…, job=…,
// default=…).
func (p *parser) lookup(start int, variable bool) (node, error) {
	n := &lookup{pos: pos(start), variable: variable}
	var special map[string]func() error
	if variable {
		special = map[string]func() error{
			"label": func() error { return p.wordOrText(&n.label) },
			"job":   func() error { return p.wordOrText(&n.job) },
		}
	}
	args, err := p.arguments(special)
	if err != nil {
		return nil, err
	}
	for i, a := range args {
		switch {
		case i == 0 && a.name == "":
			n.name = a.node
		case a.name == "default":
			n.otherwise = a.node
		case a.name == "":
			return nil, p.failAt(int(a.node.at()), "only the name is given by position, the rest as default=…")
		default:
			return nil, p.failAt(int(a.node.at()), "unknown argument %s=", shorten(a.name))
		}
	}
	if n.name == nil {
		return nil, p.failAt(start, `expected a name, as in argument("name")`)
	}
	return n, nil
}

// wordOrText reads a label or the name of a job: a name or a text.
func (p *parser) wordOrText(to *string) error {
	start := p.pos
	if c := p.peek(); c == '\'' || c == '"' {
		n, err := p.factor()
		if err != nil {
			return err
		}
		text, ok := constantString(n)
		if !ok || text == "" {
			return p.failAt(start, "expected a constant text that isn't empty")
		}
		*to = text
		return nil
	}
	name, ok, err := p.name()
	if err != nil {
		return err
	}
	if !ok {
		return p.fail("a name or a constant text")
	}
	p.space()
	*to = name
	return nil
}

// call reads the arguments of a function. A function of an unknown name is
// accepted; it fails when it is evaluated.
func (p *parser) call(start int, name string) (node, error) {
	args, err := p.arguments(nil)
	if err != nil {
		return nil, err
	}
	n := &call{pos: pos(start), name: name, args: args}
	if n.known = functions[name]; n.known == nil {
		return n, nil
	}
	if err := p.bind(n); err != nil {
		return nil, err
	}
	return n, p.prepare(n)
}

// bind gives each parameter its argument.
func (p *parser) bind(n *call) error {
	f := n.known
	n.bound = make([]node, len(f.params))
	for i, a := range n.args {
		if a.name != "" {
			for i = 0; i < len(f.params) && f.params[i] != a.name; i++ {
			}
			if i == len(f.params) {
				return p.failAt(int(a.node.at()), "the function %s has no parameter %s; it is %s", f.name, shorten(a.name), f)
			}
		}
		if i >= len(f.params) {
			return p.failAt(int(a.node.at()), "too many arguments for %s", f)
		}
		if n.bound[i] != nil {
			return p.failAt(int(a.node.at()), "the parameter %s of the function %s is given twice", f.params[i], f.name)
		}
		n.bound[i] = a.node
	}
	for i, b := range n.bound {
		if b == nil && i < f.required {
			return p.failAt(int(n.pos), "the function %s needs the argument %s; it is %s", f.name, f.params[i], f)
		}
	}
	return nil
}

// prepare compiles what is constant, so that mistakes show when the
// expression is parsed.
func (p *parser) prepare(n *call) error {
	constantAt := func(i int) (string, bool) {
		if n.bound[i] == nil {
			return "", false
		}
		return constantString(n.bound[i])
	}
	var err error
	at := 0
	switch n.name {
	case "replaceAll", "match":
		if regex, ok := constantAt(1); ok {
			at = 1
			n.pattern, err = compilePattern(regex, n.name == "match")
		}
		if repl, ok := constantAt(2); ok && err == nil && n.pattern != nil {
			at = 2
			_, err = n.pattern.parseReplacement(repl)
		}
	case "now", "scheduledOrEmpty":
		if text, ok := constantAt(0); ok {
			n.format, err = parseFormat(text)
		}
	}
	if err != nil {
		return p.failAt(int(n.bound[at].at()), "%s", message(err))
	}
	return nil
}

// String returns the function's form, for messages: "substring(s, start[, end])".
func (f *function) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s(", f.name)
	for i, param := range f.params {
		switch {
		case i >= f.required && i == 0:
			b.WriteString("[" + param + "]")
		case i >= f.required:
			b.WriteString("[, " + param + "]")
		case i > 0:
			b.WriteString(", " + param)
		default:
			b.WriteString(param)
		}
	}
	return b.String() + ")"
}
