package expr

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/strictjson"
)

// scanner reads the characters of a source text: white space, comments,
// names, operators and quoted texts.
type scanner struct {
	src string
	pos int
}

// operatorChars are the characters of operators. An operator isn't directly
// followed by another of them: "a&&!b" is written "a && !b".
const operatorChars = "!=<>+-*/&|"

func (s *scanner) rest() string { return s.src[s.pos:] }

func (s *scanner) atEnd() bool { return s.pos >= len(s.src) }

// peek returns the byte at the position, or 0 at the end. A NUL in the source
// matches nothing either.
func (s *scanner) peek() byte {
	if s.atEnd() {
		return 0
	}
	return s.src[s.pos]
}

// space skips white space and comments. An unclosed comment is not skipped;
// whatever is expected next fails there.
func (s *scanner) space() {
	for !s.atEnd() {
		switch rest := s.rest(); {
		case strings.ContainsRune(" \t\r\n", rune(rest[0])):
			s.pos++
		case strings.HasPrefix(rest, "//"):
			end := strings.IndexByte(rest, '\n')
			if end < 0 {
				end = len(rest)
			}
			s.pos += end
		case strings.HasPrefix(rest, "/*"):
			end := strings.Index(rest[2:], "*/")
			if end < 0 {
				return
			}
			s.pos += end + 4
		default:
			return
		}
	}
}

// accept skips the character c, if it is next.
func (s *scanner) accept(c byte) bool {
	if s.peek() == c && !s.atEnd() {
		s.pos++
		return true
	}
	return false
}

// operator skips one of the operators, if it is next. Longer ones come first
// in ops. glued tells that another operator character follows directly.
func (s *scanner) operator(ops ...string) (op string, glued bool) {
	for _, op := range ops {
		after, found := strings.CutPrefix(s.rest(), op)
		if !found || isComment(s.rest()) { // a comment here is one that isn't closed
			continue
		}
		if after != "" && strings.IndexByte(operatorChars, after[0]) >= 0 && !isComment(after) {
			return op, true
		}
		s.pos += len(op)
		return op, false
	}
	return "", false
}

func isComment(s string) bool { return strings.HasPrefix(s, "//") || strings.HasPrefix(s, "/*") }

// keyword skips the word, if it is next as a whole word.
func (s *scanner) keyword(word string) bool {
	if s.word() != word {
		return false
	}
	s.pos += len(word)
	return true
}

// word returns the identifier at the position, or "".
func (s *scanner) word() string {
	for i, c := range s.rest() {
		if i == 0 && !isNameStart(c) || i > 0 && !isNamePart(c) {
			return s.rest()[:i]
		}
	}
	return s.rest()
}

func isNameStart(c rune) bool { return c == '_' || unicode.IsLetter(c) || unicode.Is(unicode.Nl, c) }

func isNamePart(c rune) bool {
	return isNameStart(c) || unicode.In(c, unicode.Nd, unicode.Mn, unicode.Mc, unicode.Pc)
}

func isName(s string) bool {
	for i, c := range s {
		if i == 0 && !isNameStart(c) || i > 0 && !isNamePart(c) {
			return false
		}
	}
	return s != ""
}

func isDigits(s string) bool {
	return s != "" && strings.Trim(s, "0123456789") == ""
}

// keywords can't be symbols or names of functions.
var keywords = map[string]bool{
	"argument": true, "else": true, "error": true, "false": true, "if": true, "in": true, "matches": true,
	"missing": true, "then": true, "true": true, "variable": true,
}

// name reads an identifier or a back-ticked name; ok is false when there is
// none.
func (s *scanner) name() (name string, ok bool, err error) {
	if s.peek() != '`' {
		name = s.word()
		s.pos += len(name)
		return name, name != "", nil
	}
	start := s.pos
	var b strings.Builder
	for s.accept('`') { // a doubled back-tick is one
		end := strings.IndexByte(s.rest(), '`')
		if end < 0 {
			return "", false, s.failAt(start, "the name in back-ticks is not closed")
		}
		if s.pos > start+1 {
			b.WriteByte('`')
		}
		b.WriteString(s.rest()[:end])
		s.pos += end + 1
	}
	if b.Len() == 0 {
		return "", false, s.failAt(start, "a name in back-ticks must not be empty")
	}
	return b.String(), true, nil
}

// variableName reads what stands behind $: a name or digits.
func (s *scanner) variableName() (name string, ok bool, err error) {
	digits := len(s.rest()) - len(strings.TrimLeft(s.rest(), "0123456789"))
	if digits > 0 {
		name = s.rest()[:digits]
		s.pos += digits
		return name, true, nil
	}
	return s.name()
}

// numberEnd returns the end of the number literal at the position, or the
// position when there is none.
func (s *scanner) numberEnd() int {
	i := s.pos
	digits := func() bool {
		start := i
		for i < len(s.src) && s.src[i] >= '0' && s.src[i] <= '9' {
			i++
		}
		return i > start
	}
	if c := s.peek(); c == '+' || c == '-' {
		i++
	}
	if !digits() {
		return s.pos
	}
	whole := i
	if i < len(s.src) && s.src[i] == '.' {
		if i++; !digits() {
			return whole
		}
	}
	return i
}

// singleQuoted reads a text in one or more single quotes on both sides.
func (s *scanner) singleQuoted() (string, error) {
	start := s.pos
	quotes := len(s.rest()) - len(strings.TrimLeft(s.rest(), "'"))
	quote := s.rest()[:quotes]
	s.pos += quotes
	end := strings.Index(s.rest(), quote)
	if end < 0 {
		if quotes%2 == 0 {
			return "", s.failAt(start, `%s is not closed; the empty string is written ""`, quote)
		}
		return "", s.failAt(start, "the string is not closed, expected %s", quote)
	}
	text := s.rest()[:end]
	s.pos += end + quotes
	return strings.ReplaceAll(text, "\r\n", "\n"), nil
}

// escape reads an escape of a double-quoted text.
func (s *scanner) escape() (byte, error) {
	start := s.pos
	s.pos++
	c := s.peek()
	s.pos++
	switch c {
	case '\\', '"', '$':
		return c, nil
	case 't':
		return '\t', nil
	case 'r':
		return '\r', nil
	case 'n':
		return '\n', nil
	}
	s.pos = start
	return 0, s.failAt(start, `unknown escape; known are \\ \" \t \r \n \$`)
}

// fail says what was expected at the position.
func (s *scanner) fail(expected string) error {
	if strings.HasPrefix(s.rest(), "/*") {
		return s.failAt(s.pos, "the comment is not closed")
	}
	return s.failAt(s.pos, "unexpected %s, expected %s", s.found(), expected)
}

func (s *scanner) found() string {
	if s.atEnd() {
		return "end"
	}
	if word := s.word(); word != "" {
		return "'" + shorten(word) + "'"
	}
	c, _ := utf8.DecodeRuneInString(s.rest())
	if c == '\'' {
		return `"'"`
	}
	return fmt.Sprintf("%q", c)
}

// failAt returns the error of a source text, with line, column and the place
// shown.
func (s *scanner) failAt(offset int, format string, args ...any) error {
	where, shown := place(s.src, offset)
	return fault.New(fault.Invalid, codeInvalid, "%s: %s\n%s", where, fmt.Sprintf(format, args...), shown)
}

// place returns "line:column" of an offset, and the line around it with a
// caret below the place.
func place(src string, offset int) (where, shown string) {
	const before, after = 50, 25 // characters shown on both sides
	offset = min(offset, len(src))
	line, col := strictjson.LineCol([]byte(src), offset)
	start := strings.LastIndexByte(src[:offset], '\n') + 1
	head := []rune(src[start:offset])
	tail, _, _ := strings.Cut(src[offset:], "\n")
	rest := []rune(tail)
	if len(head) > before {
		head = append([]rune("…"), head[len(head)-before:]...)
	}
	if len(rest) > after {
		rest = append(rest[:after:after], '…')
	}
	visible := func(r []rune) string {
		for i, c := range r {
			if !unicode.IsPrint(c) {
				r[i] = ' '
			}
		}
		return string(r)
	}
	return fmt.Sprintf("%d:%d", line, col),
		"  " + strings.TrimRight(visible(head)+visible(rest), " ") + "\n  " + strings.Repeat(" ", len(head)) + "^"
}
