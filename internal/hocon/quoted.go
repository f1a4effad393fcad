package hocon

import (
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// quoted passes a string in one or three quotes and returns its value.
func (s *scanner) quoted() (string, error) {
	if s.has(`"""`) {
		return s.tripleQuoted()
	}
	open := s.pos()
	s.at++
	var b strings.Builder
	for {
		r := s.peek()
		switch {
		case r == end:
			return "", invalid(open, "this quoted string has no closing quote")
		case r == '\n':
			return "", invalid(open, `this quoted string has no closing quote in its line; for several lines use """`)
		case r < 0x20:
			return "", invalid(s.pos(), `a control character in a quoted string: write it as \t or \u0000`)
		case r == '"':
			s.at++
			return b.String(), nil
		case r == '\\':
			if err := s.escape(&b); err != nil {
				return "", err
			}
		default:
			b.WriteRune(r)
			s.skip()
		}
	}
}

// tripleQuoted passes a string in three quotes. Nothing in it is an escape;
// quotes right before the closing three belong to it.
func (s *scanner) tripleQuoted() (string, error) {
	open := s.pos()
	s.at += 3
	n := strings.Index(s.text[s.at:], `"""`)
	if n < 0 {
		return "", invalid(open, `this string has no closing """`)
	}
	from, to := s.at, s.at+n
	for strings.HasPrefix(s.text[to+3:], `"`) {
		to++
	}
	s.at = to + 3
	return s.text[from:to], nil
}

// simpleEscapes maps the letter after a backslash to what it stands for.
const simpleEscapes = `""\\//b` + "\b" + `f` + "\f" + `n` + "\n" + `r` + "\r" + `t` + "\t"

// escape passes one escape sequence and writes what it stands for.
func (s *scanner) escape(b *strings.Builder) error {
	pos := s.pos()
	s.at++
	letter := s.peek()
	if letter == 'u' {
		return s.unicodeEscape(b, pos)
	}
	for i := 0; i < len(simpleEscapes); i += 2 {
		if letter == rune(simpleEscapes[i]) {
			b.WriteByte(simpleEscapes[i+1])
			s.at++
			return nil
		}
	}
	return invalid(pos, `a backslash before %s is no escape; a backslash itself is written \\`, s.what())
}

// unicodeEscape passes "uXXXX", and the second half of a surrogate pair.
func (s *scanner) unicodeEscape(b *strings.Builder, pos Pos) error {
	r, ok := s.hex4()
	if !ok {
		return invalid(pos, `four hexadecimal digits must follow \u`)
	}
	if utf16.IsSurrogate(r) {
		low := utf8.RuneError
		if s.take(`\`) {
			low, ok = s.hex4()
		}
		if r = utf16.DecodeRune(r, low); !ok || r == utf8.RuneError {
			return invalid(pos, `half a surrogate pair: two \u escapes must make one character`)
		}
	}
	b.WriteRune(r)
	return nil
}

// hex4 passes "u" and four hexadecimal digits.
func (s *scanner) hex4() (rune, bool) {
	rest := s.text[s.at:]
	if len(rest) < 5 || rest[0] != 'u' || strings.ContainsAny(rest[1:5], "+-_") {
		return 0, false
	}
	n, err := strconv.ParseUint(rest[1:5], 16, 16)
	if err != nil {
		return 0, false
	}
	s.at += 5
	return rune(n), true
}
