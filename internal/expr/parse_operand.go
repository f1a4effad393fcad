package expr

import (
	"fmt"
	"strings"

	"github.com/signet-scheduler/signet/internal/value"
)

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
			if constant, ok := constantString(part); ok {
				text.WriteString(constant)
				continue
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
	for name := range strings.SplitSeq(path, "/") {
		switch {
		case name == "":
			return "expected the path of a job resource behind 'JobResource:'"
		case name[0] == '-' || name[0] == '.' || strings.HasSuffix(name, "."):
			return "the path of a job resource has a bad name: " + shorten(name)
		}
	}
	return ""
}
