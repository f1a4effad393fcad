package hocon

import (
	"sort"
	"strings"
	"unicode"
	"unicode/utf8"
)

// scanner walks over one text. Offsets are bytes.
type scanner struct {
	name  string
	text  string
	at    int
	lines []int // offsets where lines begin
}

// end is what peek returns at the end of the text; it is no valid character.
const end rune = -1

func newScanner(src Source) scanner {
	s := scanner{name: src.Name, text: string(src.Text), lines: []int{0}}
	for i := range len(s.text) {
		if s.text[i] == '\n' {
			s.lines = append(s.lines, i+1)
		}
	}
	return s
}

// posAt returns the position of an offset.
func (s *scanner) posAt(offset int) Pos {
	line := sort.SearchInts(s.lines, offset+1) - 1
	col := utf8.RuneCountInString(s.text[s.lines[line]:offset]) + 1
	return Pos{File: s.name, Line: line + 1, Col: col}
}

// pos returns the position of the next character.
func (s *scanner) pos() Pos { return s.posAt(s.at) }

// peek returns the next character, or end.
func (s *scanner) peek() rune {
	if s.at >= len(s.text) {
		return end
	}
	if c := s.text[s.at]; c < utf8.RuneSelf {
		return rune(c)
	}
	r, _ := utf8.DecodeRuneInString(s.text[s.at:])
	return r
}

// skip passes the next character.
func (s *scanner) skip() {
	_, n := utf8.DecodeRuneInString(s.text[s.at:])
	s.at += n
}

// has tells whether text comes next.
func (s *scanner) has(text string) bool { return strings.HasPrefix(s.text[s.at:], text) }

// take passes text if it comes next.
func (s *scanner) take(text string) bool {
	if !s.has(text) {
		return false
	}
	s.at += len(text)
	return true
}

// isSpace tells whether r is white space that ends no line.
func isSpace(r rune) bool {
	switch {
	case r == '\n':
		return false
	case r == '\ufeff' || r >= 0x1c && r <= 0x1f:
		return true
	default:
		return unicode.IsSpace(r) && r != 0x85 || unicode.In(r, unicode.Zs, unicode.Zl, unicode.Zp)
	}
}

// isSpaceOrNewline is isSpace with the end of line.
func isSpaceOrNewline(r rune) bool { return r == '\n' || isSpace(r) }

// blanks passes white space within the line and returns it.
func (s *scanner) blanks() string {
	from := s.at
	for isSpace(s.peek()) {
		s.skip()
	}
	return s.text[from:s.at]
}

// atComment tells whether a comment begins here.
func (s *scanner) atComment() bool { return s.has("#") || s.has("//") }

// gap passes white space, line ends and comments, and tells whether a line
// ended.
func (s *scanner) gap() (newline bool) {
	for {
		s.blanks()
		switch {
		case s.atComment():
			if i := strings.IndexByte(s.text[s.at:], '\n'); i >= 0 {
				s.at += i
			} else {
				s.at = len(s.text)
			}
		case s.peek() == '\n':
			newline = true
			s.at++
		default:
			return newline
		}
	}
}

// reserved are the characters that stand in no unquoted string.
const reserved = "$\"{}[]:=,+#`^?!@*&\\"

// atUnquotedEnd tells whether an unquoted string can't go on here.
func (s *scanner) atUnquotedEnd() bool {
	r := s.peek()
	return r == end || isSpaceOrNewline(r) || strings.ContainsRune(reserved, r) || s.has("//")
}

// unquoted passes and returns the longest unquoted string here; it is empty
// at a reserved character.
func (s *scanner) unquoted() string {
	from := s.at
	for !s.atUnquotedEnd() {
		s.skip()
	}
	return s.text[from:s.at]
}

// what names the next character for a message.
func (s *scanner) what() string {
	switch r := s.peek(); {
	case r == end:
		return "the end of the file"
	case r == '\n':
		return "the end of the line"
	case unicode.IsPrint(r):
		return "'" + string(r) + "'"
	default:
		return "a control character"
	}
}
