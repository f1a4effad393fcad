package hocon

import (
	"errors"
	"io/fs"
	"slices"
	"strings"
)

// includes is what all texts of one ParseAll share.
type includes struct {
	options Options
	left    int
}

// atIncludeKeyword tells whether the word include stands here as a word of
// its own; "include" in quotes or include.x is a key.
func (p *parser) atIncludeKeyword() bool {
	if !p.has("include") {
		return false
	}
	at := p.at
	defer func() { p.at = at }()
	return p.unquoted() == "include"
}

// include parses an include statement and puts the fields of what it names
// into o.
func (p *parser) include(o *object) error {
	pos := p.pos()
	p.take("include")
	p.blanks()
	target, required, err := p.includeTarget(pos)
	if err != nil {
		return err
	}
	if p.inLists > 0 {
		return invalid(pos, "include can't be used within a list")
	}
	if p.includes.options.Include == nil {
		return invalid(pos, "include can't be used in this text")
	}
	if p.includeDepth >= MaxIncludeDepth {
		return tooLarge(pos, "files include each other more than %d deep, perhaps in a circle", MaxIncludeDepth)
	}
	if p.includes.left--; p.includes.left < 0 {
		return tooLarge(pos, "more than %d files are included", MaxIncludes)
	}
	src, err := p.includes.options.Include(p.name, target)
	if errors.Is(err, fs.ErrNotExist) && !required {
		return nil
	}
	if err != nil {
		return invalid(pos, "the included file can't be read: %v", err)
	}
	n, err := parseSource(src, p.includes, p.budget, slices.Clone(p.path), p.includeDepth+1)
	if err != nil {
		return err
	}
	for _, key := range n.object.keys {
		l := n.object.fields[key]
		for _, layer := range l.nodes {
			o.assign(key, layer, l.pos)
		}
	}
	return nil
}

// includeTarget parses "F", file("F"), required("F") or required(file("F")).
func (p *parser) includeTarget(pos Pos) (target string, required bool, err error) {
	closing := 0
	if p.take("required(") {
		required = true
		closing++
		p.blanks()
	}
	if p.take("file(") {
		closing++
		p.blanks()
	}
	if p.has("url(") || p.has("classpath(") {
		return "", false, invalid(p.pos(), "only files can be included")
	}
	if p.peek() != '"' {
		return "", false, invalid(pos, `expected "FILE", file("FILE") or required(file("FILE")) after include; a key of that name must stand in quotes`)
	}
	if target, err = p.quoted(); err != nil {
		return "", false, err
	}
	for range closing {
		p.blanks()
		if !p.take(")") {
			return "", false, invalid(p.pos(), "expected ')' after the file's name, found %s", p.what())
		}
	}
	if target == "" || strings.ContainsRune(target, 0) {
		return "", false, invalid(pos, "the name of the included file is empty or has a zero character")
	}
	return target, required, nil
}
