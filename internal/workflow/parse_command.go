package workflow

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/signet-scheduler/signet/internal/expr"
)

// maxWords bounds the words of a command line.
const maxWords = 1000

// commandLine parses a command line: words separated by white space, of
// characters, '…' (raw), "…", $name and ${name}, where \ stands before \, ", '
// and $. No shell ever sees it: a value goes into its word as it is.
func (p *parser) commandLine(command, where string) []CommandWord {
	c := &commandParser{text: command, where: where, problems: p.Problems}
	words, ok := c.words()
	if !ok {
		return nil
	}
	switch {
	case len(words) == 0 || len(words[0].Parts) == 0:
		p.Add(where, "a command line begins with the file to be executed, which is missing here")
	case len(words) > maxWords:
		p.Add(where, "%d words, at most %d are allowed", len(words), maxWords)
	}
	for _, word := range words {
		for _, part := range word.Parts {
			p.note(part.JobResources())
		}
	}
	return words
}

// commandParser reads one command line. The first problem ends it.
type commandParser struct {
	text     string
	pos      int
	where    string
	problems *Problems
	word     *CommandWord    // nil between words
	literal  strings.Builder // what is read but not yet a part of word
}

func (c *commandParser) words() ([]CommandWord, bool) {
	var words []CommandWord
	end := func() {
		if c.word != nil {
			words = append(words, *c.word)
			c.word = nil
		}
	}
	for c.pos < len(c.text) {
		r, size := utf8.DecodeRuneInString(c.text[c.pos:])
		if unicode.IsSpace(r) {
			if !c.flush() {
				return nil, false
			}
			end()
			c.pos += size
			continue
		}
		if c.word == nil {
			c.word = &CommandWord{}
		}
		if !c.element(r, size) {
			return nil, false
		}
	}
	if !c.flush() {
		return nil, false
	}
	end()
	return words, true
}

// element reads one character, escape, variable or quoted text of a word.
func (c *commandParser) element(r rune, size int) bool {
	switch r {
	case '\'':
		end := strings.IndexByte(c.text[c.pos+1:], '\'')
		if end < 0 {
			return c.fail("the quote ' is never closed")
		}
		c.literal.WriteString(c.text[c.pos+1 : c.pos+1+end])
		c.pos += end + 2
		return true
	case '"':
		return c.doubleQuoted()
	case '\\':
		return c.escape()
	case '$':
		return c.variable()
	}
	c.literal.WriteString(c.text[c.pos : c.pos+size])
	c.pos += size
	return true
}

func (c *commandParser) doubleQuoted() bool {
	start := c.pos
	c.pos++
	for c.pos < len(c.text) {
		ok := true
		switch b := c.text[c.pos]; b {
		case '"':
			c.pos++
			return true
		case '\\':
			ok = c.escape()
		case '$':
			ok = c.variable()
		default:
			c.literal.WriteByte(b)
			c.pos++
		}
		if !ok {
			return false
		}
	}
	c.pos = start
	return c.fail(`the quote " is never closed`)
}

func (c *commandParser) escape() bool {
	if c.pos+1 < len(c.text) && strings.IndexByte(`\"'$`, c.text[c.pos+1]) >= 0 {
		c.literal.WriteByte(c.text[c.pos+1])
		c.pos += 2
		return true
	}
	return c.fail(`a backslash may only stand before \ " ' or $; write \\ for a backslash`)
}

// variable reads $name, ${name} or ${name.field}.
func (c *commandParser) variable() bool {
	rest := c.text[c.pos:]
	var end int
	if strings.HasPrefix(rest, "${") {
		end = strings.IndexByte(rest, '}') + 1
		if end == 0 {
			return c.fail("${ is never closed by }")
		}
	} else {
		end = 1 + len(rest[1:]) - len(strings.TrimLeftFunc(rest[1:], isVariablePart))
	}
	if end == 1 {
		return c.fail(`$ must be followed by a name or by {name}; write \$ for a dollar sign`)
	}
	if !c.flush() {
		return false
	}
	e := c.part(rest[:end])
	if e == nil {
		return false
	}
	c.word.Parts = append(c.word.Parts, e)
	c.pos += end
	return true
}

func isVariablePart(r rune) bool { return r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r) }

// flush makes a part of the literal text read so far.
func (c *commandParser) flush() bool {
	if c.literal.Len() == 0 {
		return true
	}
	e := c.part(`"` + literalEscapes.Replace(c.literal.String()) + `"`)
	c.literal.Reset()
	if e == nil {
		return false
	}
	c.word.Parts = append(c.word.Parts, e)
	return true
}

// literalEscapes writes a text as an expression's "…" string.
var literalEscapes = strings.NewReplacer(`\`, `\\`, `"`, `\"`, `$`, `\$`, "\n", `\n`, "\r", `\r`, "\t", `\t`)

func (c *commandParser) part(source string) *expr.Expr {
	return parseExpr(source, c.where, PlaceProcess, c.problems)
}

func (c *commandParser) fail(why string) bool {
	c.problems.Add(c.where, "character %d: %s", utf8.RuneCountInString(c.text[:c.pos])+1, why)
	return false
}
