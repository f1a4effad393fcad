package hocon

import (
	"errors"
	"slices"
	"strconv"
	"strings"
)

// parser makes nodes of one text.
type parser struct {
	scanner

	includes     *includes
	budget       *budget
	includeDepth int

	path    []string // of the object that is parsed, from the root of all
	prefix  int      // so many elements of path are those of the include
	inLists int      // lists around the present place
}

// root parses a whole text: an object with braces or without.
func (p *parser) root() (*node, error) {
	p.gap()
	pos := p.pos()
	switch p.peek() {
	case '[':
		return nil, invalid(pos, "the file must be an object, not a list")
	case '{':
		n, err := p.objectInBraces()
		if err != nil {
			return nil, err
		}
		p.gap()
		if p.peek() != end {
			return nil, invalid(p.pos(), "expected the end of the file after the closing brace, found %s", p.what())
		}
		return n, nil
	}
	o := &object{fields: map[string]*layers{}}
	if err := p.fields(o, end, pos); err != nil {
		return nil, err
	}
	return &node{kind: objectNode, pos: pos, object: o}, nil
}

// objectInBraces parses { ... }.
func (p *parser) objectInBraces() (*node, error) {
	pos := p.pos()
	p.at++
	if err := p.enter(pos); err != nil {
		return nil, err
	}
	o := &object{fields: map[string]*layers{}}
	if err := p.fields(o, '}', pos); err != nil {
		return nil, err
	}
	p.at++ // the closing brace
	return &node{kind: objectNode, pos: pos, object: o}, nil
}

// enter checks the depth of an object or list that begins at pos.
func (p *parser) enter(pos Pos) error {
	if p.inLists+len(p.path) >= MaxDepth {
		return tooLarge(pos, "objects and lists are nested more than %d deep", MaxDepth)
	}
	return p.budget.spend(1, pos)
}

// fields parses fields and includes up to the closing character, which it
// leaves. open is where the object begins.
func (p *parser) fields(o *object, closing rune, open Pos) error {
	for {
		p.gap()
		switch r := p.peek(); {
		case r == closing:
			return nil
		case r == end:
			return invalid(open, "this opening brace has no closing brace")
		case r == ',':
			return invalid(p.pos(), "a comma without a field before it")
		case r == '}' || r == ']':
			return invalid(p.pos(), "%s closes nothing that is open here", p.what())
		}
		if err := p.fieldOrInclude(o); err != nil {
			return err
		}
		if err := p.separator(closing, "field"); err != nil {
			return err
		}
	}
}

// separator passes what stands between two fields or elements: line ends, and
// at most one comma. Before the closing character there may be none.
func (p *parser) separator(closing rune, what string) error {
	newline := p.gap()
	if p.take(",") || newline || p.peek() == closing {
		return nil
	}
	if p.peek() == end {
		return nil // the caller knows what is open
	}
	return invalid(p.pos(), "expected a comma or a new line after the %s, found %s", what, p.whatAfterValue())
}

// whatAfterValue is what with advice for the slips that are common there.
func (p *parser) whatAfterValue() string {
	switch p.peek() {
	case ':', '=':
		return p.what() + "; a value with that character, like a URL, must stand in quotes"
	}
	return p.whatReserved()
}

func (p *parser) fieldOrInclude(o *object) error {
	pos := p.pos()
	if p.atIncludeKeyword() {
		return p.include(o)
	}
	path, err := p.keyPath()
	if err != nil {
		return err
	}
	p.gap()
	if p.inLists+len(p.path)+len(path) > MaxDepth {
		return tooLarge(pos, "the key is nested more than %d deep", MaxDepth)
	}
	if err := p.budget.spend(len(path), pos); err != nil {
		return err
	}
	p.path = append(p.path, path...)
	n, err := p.fieldValue(pos)
	p.path = p.path[:len(p.path)-len(path)]
	if err != nil {
		return err
	}
	for _, key := range slices.Backward(path[1:]) {
		inner := &object{fields: map[string]*layers{}}
		inner.assign(key, n, pos)
		n = &node{kind: objectNode, pos: pos, object: inner}
	}
	o.assign(path[0], n, pos)
	return nil
}

// fieldValue parses what follows a key: "= value", ": value", "+= value", or
// an object.
func (p *parser) fieldValue(key Pos) (*node, error) {
	switch {
	case p.take("+="):
		return p.appended(key)
	case p.take("=") || p.take(":"):
		p.gap()
		return p.concatenation()
	case p.peek() == '{':
		return p.objectInBraces()
	}
	return nil, invalid(p.pos(), "expected '=', ':' or '{' after the key, found %s", p.whatReserved())
}

// appended parses the value of  a += value,  which is  a = ${?a} [value].
func (p *parser) appended(key Pos) (*node, error) {
	if p.inLists > 0 {
		return nil, invalid(key, "+= can't be used within a list")
	}
	p.gap()
	value, err := p.concatenation()
	if err != nil {
		return nil, err
	}
	self := &node{kind: refNode, pos: key, ref: &reference{path: slices.Clone(p.path), prefix: p.prefix, optional: true}}
	list := &node{kind: arrayNode, pos: value.pos, parts: []*node{value}}
	return &node{kind: concatNode, pos: key, parts: []*node{self, list}}, nil
}

// list parses [ ... ].
func (p *parser) list() (*node, error) {
	open := p.pos()
	p.at++
	if err := p.enter(open); err != nil {
		return nil, err
	}
	p.inLists++
	defer func() { p.inLists-- }()
	n := &node{kind: arrayNode, pos: open}
	for {
		p.gap()
		switch p.peek() {
		case ']':
			p.at++
			return n, nil
		case end:
			return nil, invalid(open, "this opening bracket has no closing bracket")
		case ',':
			return nil, invalid(p.pos(), "a comma without an element before it")
		}
		element, err := p.concatenation()
		if err != nil {
			return nil, err
		}
		n.parts = append(n.parts, element)
		if err := p.separator(']', "element"); err != nil {
			return nil, err
		}
	}
}

// atValueEnd tells whether a value, begun or not, can't go on here.
func (p *parser) atValueEnd() bool {
	switch p.peek() {
	case end, '\n', ',', '}', ']':
		return true
	}
	return p.atComment()
}

// concatenation parses one value: parts side by side up to the end of the
// line, a comma or a closing character.
func (p *parser) concatenation() (*node, error) {
	pos := p.pos()
	if p.atValueEnd() {
		return nil, invalid(pos, "expected a value, found %s", p.what())
	}
	var parts []*node
	for {
		part, err := p.part()
		if err != nil {
			return nil, err
		}
		parts = append(parts, part)
		if err := p.budget.spend(1, pos); err != nil {
			return nil, err
		}
		at := p.pos()
		blank := p.blanks()
		if p.atValueEnd() || strings.ContainsRune(":=", p.peek()) {
			return p.join(parts)
		}
		if blank != "" {
			parts = append(parts, &node{kind: scalarNode, pos: at, blank: true, value: &Value{kind: String, text: blank, pos: at}})
		}
	}
}

// part parses one part of a value.
func (p *parser) part() (*node, error) {
	pos := p.pos()
	switch p.peek() {
	case '{':
		return p.objectInBraces()
	case '[':
		return p.list()
	case '"':
		text, err := p.quoted()
		return scalar(String, text, pos), err
	case '$':
		return p.substitution()
	}
	if text := p.number(); text != "" {
		return scalar(Number, text, pos), nil
	}
	switch text := p.unquoted(); text {
	case "":
		return nil, invalid(pos, "expected a value, found %s", p.whatReserved())
	case "true", "false":
		return scalar(Bool, text, pos), nil
	case "null":
		return scalar(Null, text, pos), nil
	default:
		return scalar(String, text, pos), nil
	}
}

func scalar(kind Kind, text string, pos Pos) *node {
	return &node{kind: scalarNode, pos: pos, value: &Value{kind: kind, text: text, pos: pos}}
}

// number passes and returns a number; if none is here it passes nothing. It
// looks at more characters than unquoted strings have, as in 1e+5.
func (p *parser) number() string {
	if r := p.peek(); r != '-' && (r < '0' || r > '9') {
		return ""
	}
	rest := p.text[p.at:]
	n := 0
	for n < len(rest) && strings.IndexByte("0123456789eE+-.", rest[n]) >= 0 {
		n++
	}
	text := rest[:n]
	var err error
	if strings.ContainsAny(text, ".eE") {
		if _, err = strconv.ParseFloat(text, 64); errors.Is(err, strconv.ErrRange) {
			err = nil // it is a number, if one that nothing here can take
		}
	} else {
		_, err = strconv.ParseInt(text, 10, 64)
	}
	if err != nil {
		return ""
	}
	p.at += n
	return text
}

// substitution parses ${path} and ${?path}.
func (p *parser) substitution() (*node, error) {
	pos := p.pos()
	if !p.take("${") {
		return nil, invalid(pos, "expected { after $; a dollar sign itself must stand in quotes")
	}
	optional := p.take("?")
	p.blanks()
	path, err := p.keyPath()
	if err != nil {
		return nil, err
	}
	p.blanks()
	if !p.take("}") {
		return nil, invalid(pos, "this substitution has no closing brace")
	}
	if len(path) > MaxDepth {
		return nil, tooLarge(pos, "the path has more than %d parts", MaxDepth)
	}
	prefix := slices.Clone(p.path[:p.prefix])
	return &node{kind: refNode, pos: pos, ref: &reference{path: append(prefix, path...), prefix: p.prefix, optional: optional}}, nil
}
