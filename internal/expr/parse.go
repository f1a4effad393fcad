package expr

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/signet-scheduler/signet/internal/value"
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
	for _, other := range before {
		if other == name {
			return "", p.failAt(start, "the parameter %s occurs twice", name)
		}
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
	for i := len(chain) - 1; i >= 0; i-- {
		chain[i].no = last
		last = chain[i]
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

// factor reads an operand.
func (p *parser) factor() (n node, err error) {
	start := p.pos
	switch c := p.peek(); {
	case c == '(':
		n, err = p.parenthesized()
	case c == '\'':
		var text string
		text, err = p.singleQuoted()
		n = &constant{pos(start), value.String(text)}
	case c == '"':
		n, err = p.doubleQuoted()
	case c == '[':
		n, err = p.list()
	case c == '{':
		n, err = p.object()
	case c == '$':
		n, err = p.variable()
	case p.numberEnd() > p.pos:
		n, err = p.number()
	case strings.HasPrefix(p.rest(), "JobResource:"):
		n, err = p.jobResource()
	default:
		n, err = p.wordFactor()
	}
	if err != nil {
		return nil, err
	}
	p.space()
	return n, nil
}

func (p *parser) parenthesized() (node, error) {
	p.pos++
	p.space()
	n, err := p.expr()
	if err != nil {
		return nil, err
	}
	if !p.accept(')') {
		return nil, p.fail("an operator or ')'")
	}
	return n, nil
}

func (p *parser) number() (node, error) {
	start, end := p.pos, p.numberEnd()
	n, err := value.ParseNumber(p.src[start:end])
	if err != nil {
		return nil, p.failAt(start, "%s", message(err))
	}
	p.pos = end
	if p.word() != "" {
		return nil, p.fail("an operator behind the number")
	}
	return &constant{pos(start), n}, nil
}

func (p *parser) list() (node, error) {
	n := &listLit{pos: pos(p.pos)}
	err := p.sequence(']', func() error {
		item, err := p.expr()
		n.items = append(n.items, item)
		return err
	})
	return n, err
}

func (p *parser) object() (node, error) {
	n := &objectLit{pos: pos(p.pos)}
	seen := map[string]bool{}
	err := p.sequence('}', func() error {
		start := p.pos
		name, ok, err := p.name()
		if err != nil {
			return err
		}
		if !ok {
			return p.fail("the name of a field (other than plain words in back-ticks)")
		}
		if seen[name] {
			return p.failAt(start, "the field %s occurs twice", shorten(name))
		}
		seen[name] = true
		p.space()
		if !p.accept(':') {
			return p.fail("':'")
		}
		p.space()
		item, err := p.expr()
		n.names, n.items = append(n.names, name), append(n.items, item)
		return err
	})
	return n, err
}

// sequence reads an opening character, items separated by commas, and the
// closing character.
func (p *parser) sequence(closing byte, item func() error) error {
	p.pos++
	p.space()
	if p.accept(closing) {
		return nil
	}
	for {
		if err := item(); err != nil {
			return err
		}
		if p.accept(closing) {
			return nil
		}
		if !p.accept(',') {
			return p.fail(fmt.Sprintf("an operator, ',' or '%c'", closing))
		}
		p.space()
	}
}

// variable reads $name, $1 or ${name.field}.
func (p *parser) variable() (node, error) {
	start := p.pos
	p.pos++
	if p.peek() == '{' {
		return p.braced(start)
	}
	name, ok, err := p.variableName()
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, p.fail(`a name behind '$' (in a text, a dollar sign itself is written \$)`)
	}
	return &nameRef{pos(start), name}, nil
}

func (p *parser) braced(start int) (node, error) {
	p.pos++
	name, ok, err := p.variableName()
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, p.fail("a name behind '${'")
	}
	var n node = &nameRef{pos(start), name}
	for p.peek() == '.' {
		dot := p.pos
		p.pos++
		name, ok, err := p.name()
		if err != nil {
			return nil, err
		}
		if !ok {
			return nil, p.fail("the name of a field")
		}
		n = &fieldRef{pos(dot), n, name}
	}
	if !p.accept('}') {
		return nil, p.fail("'}'")
	}
	return n, nil
}

// doubleQuoted reads a text with escapes and interpolation.
func (p *parser) doubleQuoted() (node, error) {
	start := p.pos
	p.pos++
	var parts []node
	var text strings.Builder
	flush := func() {
		if text.Len() > 0 {
			parts = append(parts, &constant{pos(start), value.String(text.String())})
			text.Reset()
		}
	}
	for {
		end := strings.IndexAny(p.rest(), `"\$`)
		if end < 0 {
			return nil, p.failAt(start, "the string is not closed")
		}
		text.WriteString(strings.ReplaceAll(p.rest()[:end], "\r\n", "\n"))
		p.pos += end
		switch p.peek() {
		case '\\':
			c, err := p.escape()
			if err != nil {
				return nil, err
			}
			text.WriteByte(c)
		case '$':
			part, err := p.interpolated()
			if err != nil {
				return nil, err
			}
			flush()
			parts = append(parts, part)
		default:
			p.pos++
			if len(parts) == 0 {
				return &constant{pos(start), value.String(text.String())}, nil
			}
			flush()
			return &interpolation{pos(start), parts}, nil
		}
	}
}

// interpolated reads $name, ${name.field} or $(expr) within a text.
func (p *parser) interpolated() (node, error) {
	if !strings.HasPrefix(p.rest(), "$(") {
		return p.variable()
	}
	p.pos += 2
	p.space()
	n, err := p.expr()
	if err != nil {
		return nil, err
	}
	if !p.accept(')') {
		return nil, p.fail("an operator or ')'")
	}
	return n, nil
}

// jobResource reads JobResource:path:name or JobResource:path.
func (p *parser) jobResource() (node, error) {
	start := p.pos
	p.pos += len("JobResource:")
	n := &resourceRef{pos: pos(start), path: p.path()}
	if problem := checkPath(n.path); problem != "" {
		return nil, p.failAt(start, "%s", problem)
	}
	if p.accept(':') {
		name, ok, err := p.name()
		if err != nil {
			return nil, err
		}
		if !ok {
			return nil, p.fail("the name of a variable of the job resource")
		}
		n.name = name
	}
	return n, nil
}

// path reads the characters of an item's path.
func (p *parser) path() string {
	start := p.pos
	for i, c := range p.rest() {
		if !isNamePart(c) && c != '-' && c != '.' && c != '/' && c < 0x10000 {
			p.pos += i
			return p.src[start:p.pos]
		}
	}
	p.pos = len(p.src)
	return p.src[start:]
}

func checkPath(path string) string {
	for _, name := range strings.Split(path, "/") {
		switch {
		case name == "":
			return "expected the path of a job resource behind 'JobResource:'"
		case name[0] == '-' || name[0] == '.' || strings.HasSuffix(name, "."):
			return "the path of a job resource has a bad name: " + shorten(name)
		}
	}
	return ""
}
