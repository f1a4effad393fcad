package expr

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// parser is a recursive descent; each method reads one rule of the grammar and
// the white space behind it.
type parser struct {
	scanner
	nesting int
}

func newParser(src string) (*parser, error) {
	p := &parser{scanner: scanner{src: src}}
	if len(src) > MaxSource {
		p.src = ""
		return nil, p.failAt(0, "the expression has %d bytes, at most %d are allowed", len(src), MaxSource)
	}
	if !utf8.ValidString(src) {
		at := strings.IndexRune(src, utf8.RuneError) // also finds a bad byte
		return nil, p.failAt(at, "the expression is not valid UTF-8")
	}
	p.space()
	return p, nil
}

func (p *parser) whole() (node, error) {
	n, err := p.expr()
	if err != nil {
		return nil, err
	}
	if !p.atEnd() {
		return nil, p.fail("an operator or the end")
	}
	return n, nil
}

// function reads "x => expr", "(a, b) => expr" or "() => expr".
func (p *parser) function(minParams, maxParams int) (*Function, error) {
	params, err := p.params()
	if err != nil {
		return nil, err
	}
	if n := len(params); n < minParams || n > maxParams {
		return nil, p.failAt(0, "the function has %s, expected %s", plural(n, "parameter"), wanted(minParams, maxParams))
	}
	if !strings.HasPrefix(p.rest(), "=>") {
		return nil, p.fail("'=>' (a function is written x => …)")
	}
	p.pos += 2
	p.space()
	start := p.pos
	root, err := p.whole()
	if err != nil {
		return nil, err
	}
	body := &Expr{source: p.src[start:], text: p.src, root: root, facts: factsOf(root)}
	return &Function{source: p.src, params: params, body: body}, nil
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

func wanted(least, most int) string {
	if least == most {
		return fmt.Sprint(least)
	}
	return fmt.Sprintf("%d to %d", least, most)
}

func (p *parser) params() ([]string, error) {
	if p.peek() != '(' {
		name, err := p.param(nil)
		return []string{name}, err
	}
	p.pos++
	p.space()
	var params []string
	for p.peek() != ')' {
		if len(params) > 0 {
			if !p.accept(',') {
				return nil, p.fail("',' or ')'")
			}
			p.space()
		}
		name, err := p.param(params)
		if err != nil {
			return nil, err
		}
		params = append(params, name)
	}
	p.pos++
	p.space()
	return params, nil
}

func (p *parser) param(before []string) (string, error) {
	start := p.pos
	name, ok, err := p.name()
	if err != nil {
		return "", err
	}
	if !ok {
		return "", p.fail("the name of a parameter (a function is written x => …)")
	}
	if slices.Contains(before, name) {
		return "", p.failAt(start, "the parameter %s occurs twice", shorten(name))
	}
	p.space()
	return name, nil
}

// expr reads "if c then a else b" or a word. A chain of else-ifs is read in a
// loop, so that it isn't nesting.
func (p *parser) expr() (node, error) {
	if p.nesting++; p.nesting > MaxNesting {
		return nil, p.failAt(p.pos, "nested deeper than %d", MaxNesting)
	}
	defer func() { p.nesting-- }()
	var chain []*conditional
	var last node
	for last == nil {
		start := p.pos
		if !p.keyword("if") {
			n, err := p.inMatches()
			if err != nil {
				return nil, err
			}
			last = n
			continue
		}
		c, err := p.ifThen(start)
		if err != nil {
			return nil, err
		}
		chain = append(chain, c)
	}
	for _, c := range slices.Backward(chain) {
		c.no = last
		last = c
	}
	return last, nil
}

// ifThen reads what follows "if", up to and with "else".
func (p *parser) ifThen(start int) (*conditional, error) {
	p.space()
	cond, err := p.inMatches()
	if err != nil {
		return nil, err
	}
	if !p.keyword("then") {
		return nil, p.fail("an operator or 'then'")
	}
	p.space()
	yes, err := p.expr()
	if err != nil {
		return nil, err
	}
	if !p.keyword("else") {
		return nil, p.fail("an operator or 'else'")
	}
	p.space()
	return &conditional{pos: pos(start), cond: cond, yes: yes}, nil
}

// inMatches reads the loosest operators. Their words can't be confused with
// names, since keywords aren't symbols.
func (p *parser) inMatches() (node, error) {
	a, err := p.level(0)
	for err == nil {
		start := p.pos
		var op string
		switch {
		case p.keyword("in"):
			op = "in"
		case p.keyword("matches"):
			op = "matches"
		default:
			return a, nil
		}
		p.space()
		var b node
		if b, err = p.level(0); err != nil {
			break
		}
		n := &binary{pos: pos(start), op: op, a: a, b: b}
		if regex, ok := constantString(b); ok && op == "matches" {
			if n.pattern, err = compilePattern(regex, true); err != nil {
				return nil, p.failAt(int(b.at()), "%s", message(err))
			}
		}
		a = n
	}
	return nil, err
}

// levels are the operators from the loosest to the tightest level; longer
// ones first.
var levels = [...][]string{
	{"||"},
	{"&&"},
	{"==", "!="},
	{"<=", "<", ">=", ">"},
	{"++", "+", "-"},
	{"*", "/"},
}

func (p *parser) level(l int) (node, error) {
	if l == len(levels) {
		return p.prefix()
	}
	a, err := p.level(l + 1)
	for err == nil {
		start := p.pos
		op, glued := p.operator(levels[l]...)
		if glued {
			return nil, p.failAt(start, "put a space behind %s: an operator must not be followed directly by another one", op)
		}
		if op == "" {
			return a, nil
		}
		p.space()
		var b node
		if b, err = p.level(l + 1); err == nil {
			a = &binary{pos: pos(start), op: op, a: a, b: b}
		}
	}
	return nil, err
}

// prefix reads !q, -q or q.
func (p *parser) prefix() (node, error) {
	start := p.pos
	if p.numberEnd() > p.pos {
		return p.question()
	}
	op, glued := p.operator("!", "-")
	if glued {
		return nil, p.failAt(start, "put a space or a parenthesis behind %s: an operator must not be followed directly by another one", op)
	}
	if op == "" {
		return p.question()
	}
	p.space()
	x, err := p.question()
	if err != nil {
		return nil, err
	}
	return &unary{pos: pos(start), op: op, x: x}, nil
}

// question reads a ? b ? c; the right side may be absent.
func (p *parser) question() (node, error) {
	a, err := p.dot()
	for err == nil {
		start := p.pos
		if !p.accept('?') {
			return a, nil
		}
		p.space()
		var b node
		if p.atFactor() {
			if b, err = p.dot(); err != nil {
				break
			}
		}
		a = &orElse{pos: pos(start), a: a, b: b}
	}
	return nil, err
}

// atFactor tells whether an operand can begin at the position.
func (p *parser) atFactor() bool {
	switch c := p.peek(); {
	case c == 0:
		return false
	case strings.IndexByte("([{$'\"`", c) >= 0:
		return true
	case p.numberEnd() > p.pos:
		return true
	}
	switch p.word() {
	case "", "in", "matches", "then", "else", "if":
		return false
	}
	return true
}

// suffixes are the functions that may be written behind a dot.
var suffixes = map[string]bool{"toNumber": true, "toBoolean": true, "stripMargin": true, "mkString": true}

// dot reads x.name and x(index).
func (p *parser) dot() (node, error) {
	x, err := p.factor()
	for err == nil {
		start := p.pos
		switch {
		case p.accept('.'):
			p.space()
			quoted := p.peek() == '`'
			name, ok, nameErr := p.name()
			if nameErr != nil {
				return nil, nameErr
			}
			if !ok {
				return nil, p.fail("the name of a field")
			}
			p.space()
			if suffixes[name] && !quoted {
				f := functions[name]
				x = &call{pos: pos(start), name: name, known: f, args: []argument{{node: x}}, bound: []node{x}, suffix: true}
			} else {
				x = &fieldRef{pos: pos(start), x: x, name: name}
			}
		case p.accept('('):
			p.space()
			var index node
			if index, err = p.expr(); err != nil {
				break
			}
			if !p.accept(')') {
				return nil, p.fail("an operator or ')'")
			}
			p.space()
			x = &element{pos: pos(start), x: x, index: index}
		default:
			return x, nil
		}
	}
	return nil, err
}
