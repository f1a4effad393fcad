package expr

import (
	"slices"
	"strings"

	"github.com/signet-scheduler/signet/internal/value"
)

// How tightly a form binds, for parentheses. A form of one level may stand
// where that level or a looser one is asked for.
const (
	looseExpr   = iota // if … then … else
	wordLevel          // in, matches
	firstLevel         // || and on, the levels of the parser
	prefixLevel = firstLevel + len(levels)
	questLevel  = prefixLevel + 1
	dotLevel    = questLevel + 1
	factorLevel = dotLevel + 1
)

// binaryLevels tells the level of each binary operator.
var binaryLevels = func() map[string]int {
	m := map[string]int{"in": wordLevel, "matches": wordLevel}
	for i, ops := range levels {
		for _, op := range ops {
			m[op] = firstLevel + i
		}
	}
	return m
}()

// printer writes an expression in canonical form: with as few parentheses as
// the grammar needs.
type printer struct{ strings.Builder }

func printed(n node) string {
	var p printer
	p.node(n, looseExpr)
	return p.String()
}

func printedFunction(f *Function) string {
	names := make([]string, len(f.params))
	for i, name := range f.params {
		names[i] = printedName(name)
	}
	params := "(" + strings.Join(names, ", ") + ")"
	if len(names) == 1 {
		params = names[0]
	}
	return params + " => " + printed(f.body.root)
}

func printedName(name string) string {
	if isName(name) {
		return name
	}
	return "`" + strings.ReplaceAll(name, "`", "``") + "`"
}

// printedVariable returns the name as it stands behind $.
func printedVariable(name string) string {
	if isDigits(name) {
		return name
	}
	return printedName(name)
}

func levelOf(n node) int {
	switch n := n.(type) {
	case *conditional:
		return looseExpr
	case *binary:
		return binaryLevels[n.op]
	case *unary:
		return prefixLevel
	case *orElse:
		return questLevel
	case *fieldRef, *element:
		return dotLevel
	case *call:
		if n.suffix {
			return dotLevel
		}
	}
	return factorLevel
}

// node writes n where a form of at least that level is asked for.
func (p *printer) node(n node, level int) {
	if levelOf(n) < level {
		p.WriteByte('(')
		p.form(n)
		p.WriteByte(')')
		return
	}
	p.form(n)
}

func (p *printer) form(n node) {
	switch n := n.(type) {
	case *constant:
		p.constant(n.value)
	case *nameRef:
		p.WriteString("$" + printedVariable(n.name))
	case *symbolRef:
		p.WriteString(n.name)
	case *listLit:
		p.WriteByte('[')
		for i, item := range n.items {
			p.comma(i)
			p.node(item, looseExpr)
		}
		p.WriteByte(']')
	case *objectLit:
		p.WriteByte('{')
		for i, item := range n.items {
			p.comma(i)
			p.WriteString(printedName(n.names[i]) + ": ")
			p.node(item, looseExpr)
		}
		p.WriteByte('}')
	case *interpolation:
		p.interpolation(n)
	case *unary:
		p.unary(n)
	case *binary:
		p.binary(n)
	case *orElse:
		p.node(n.a, questLevel)
		p.WriteByte('?')
		if n.b != nil {
			p.WriteByte(' ')
			p.node(n.b, dotLevel)
		}
	case *conditional:
		p.conditional(n)
	case *fieldRef:
		p.base(n.x)
		p.field(n.name)
	case *element:
		p.base(n.x)
		p.WriteByte('(')
		p.node(n.index, looseExpr)
		p.WriteByte(')')
	case *call:
		p.call(n)
	case *lookup:
		p.lookup(n)
	case *resourceRef:
		p.WriteString("JobResource:" + n.path)
		if n.name != "" {
			p.WriteString(":" + printedName(n.name))
		}
	}
}

// base writes what a field or an element is taken from. In parentheses where
// what follows would be read as a part of it: a symbol with an index is a
// call, and the path of a job resource may contain points.
func (p *printer) base(n node) {
	level := dotLevel
	switch n := n.(type) {
	case *symbolRef:
		level = factorLevel + 1
	case *resourceRef:
		if n.name == "" {
			level = factorLevel + 1
		}
	}
	p.node(n, level)
}

func (p *printer) comma(i int) {
	if i > 0 {
		p.WriteString(", ")
	}
}

func (p *printer) constant(v value.Value) {
	switch v := v.(type) {
	case value.String:
		p.WriteString(quoted(string(v)))
	case value.Number:
		p.WriteString(v.String())
	case value.Boolean:
		if v {
			p.WriteString("true")
		} else {
			p.WriteString("false")
		}
	default:
		p.WriteString("missing")
	}
}

// quoted prefers single quotes, which need no escapes; they can't hold a
// quote, a CR (which could be taken for a line end) or nothing.
func quoted(s string) string {
	if s == "" || strings.ContainsAny(s, "'\r") {
		return `"` + escaped(s) + `"`
	}
	return "'" + s + "'"
}

func escaped(s string) string {
	var b strings.Builder
	for i := range len(s) {
		switch c := s[i]; c {
		case '\\', '"', '$':
			b.WriteByte('\\')
			b.WriteByte(c)
		case '\t':
			b.WriteString(`\t`)
		case '\r':
			b.WriteString(`\r`)
		case '\n':
			b.WriteString(`\n`)
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}

// interpolation writes names in braces, which end the name, and the rest as
// $(…).
func (p *printer) interpolation(n *interpolation) {
	p.WriteByte('"')
	for _, part := range n.parts {
		if c, ok := part.(*constant); ok {
			if s, ok := c.value.(value.String); ok {
				p.WriteString(escaped(string(s)))
				continue
			}
		}
		if path, ok := bracedPath(part); ok {
			p.WriteString("${" + path + "}")
			continue
		}
		p.WriteString("$(")
		p.node(part, looseExpr)
		p.WriteByte(')')
	}
	p.WriteByte('"')
}

// bracedPath returns name.field.field, when that is all that n is.
func bracedPath(n node) (string, bool) {
	var fields []string // from the last to the first
	for {
		switch x := n.(type) {
		case *nameRef:
			var b strings.Builder
			b.WriteString(printedVariable(x.name))
			for _, field := range slices.Backward(fields) {
				b.WriteString("." + field)
			}
			return b.String(), true
		case *fieldRef:
			fields = append(fields, printedName(x.name))
			n = x.x
		default:
			return "", false
		}
	}
}

func (p *printer) unary(n *unary) {
	p.WriteString(n.op)
	// "-3" would be a literal, "--3" and "!-3" no operators.
	if c, ok := leftmost(n.x).(*constant); ok && c.value.Kind() == value.NumberKind {
		p.WriteByte('(')
		p.form(n.x)
		p.WriteByte(')')
		return
	}
	p.node(n.x, questLevel)
}

// leftmost returns the operand that is printed first.
func leftmost(n node) node {
	for {
		switch x := n.(type) {
		case *orElse:
			n = x.a
		case *fieldRef:
			n = x.x
		case *element:
			n = x.x
		case *call:
			if !x.suffix {
				return n
			}
			n = x.bound[0]
		default:
			return n
		}
	}
}

// binary writes a chain of operators that bind to the left in a loop, since
// it may be long.
func (p *printer) binary(n *binary) {
	level := binaryLevels[n.op]
	chain := []*binary{n}
	left := n.a
	for {
		next, ok := left.(*binary)
		if !ok || binaryLevels[next.op] != level {
			break
		}
		chain = append(chain, next)
		left = next.a
	}
	p.node(left, level)
	for _, c := range slices.Backward(chain) {
		p.WriteString(" " + c.op + " ")
		p.node(c.b, level+1)
	}
}

func (p *printer) conditional(n *conditional) {
	for {
		p.WriteString("if ")
		p.node(n.cond, wordLevel)
		p.WriteString(" then ")
		p.node(n.yes, looseExpr)
		p.WriteString(" else ")
		next, ok := n.no.(*conditional)
		if !ok {
			p.node(n.no, looseExpr)
			return
		}
		n = next
	}
}

// field writes .name; a field that has the name of a suffix function is
// told from it by back-ticks.
func (p *printer) field(name string) {
	if suffixes[name] {
		p.WriteString(".`" + name + "`")
		return
	}
	p.WriteString("." + printedName(name))
}

func (p *printer) call(n *call) {
	if n.suffix {
		p.base(n.bound[0])
		p.WriteString("." + n.name)
		return
	}
	p.WriteString(n.name + "(")
	for i, a := range n.args {
		p.comma(i)
		if a.name != "" {
			p.WriteString(a.name + "=")
		}
		p.node(a.node, looseExpr)
	}
	p.WriteByte(')')
}

func (p *printer) lookup(n *lookup) {
	form := "argument("
	if n.variable {
		form = "variable("
	}
	p.WriteString(form)
	p.node(n.name, looseExpr)
	if n.label != "" {
		p.WriteString(", label=" + printedName(n.label))
	}
	if n.job != "" {
		p.WriteString(", job=" + printedName(n.job))
	}
	if n.otherwise != nil {
		p.WriteString(", default=")
		p.node(n.otherwise, looseExpr)
	}
	p.WriteByte(')')
}
