package logline

import (
	"bytes"
	"regexp"
	"regexp/syntax"
	"unicode/utf8"

	"github.com/signet-scheduler/signet/internal/fault"
)

// Bounds of what is looked for. The time that a search takes grows with the
// length of the text times that of the program.
const (
	maxQuery   = 1000 // bytes
	maxProgram = 5000 // instructions of a compiled expression
)

// Query is what a reader looks for.
type Query struct {
	Text  string
	Regex bool // as a regular expression (RE2)
	Case  bool // capitals differ from small letters
}

// Matcher tells which lines have what a reader looks for. Owned by one goroutine.
type Matcher struct {
	word  []byte // a plain text, in small letters unless case counts; nil: by expression
	fold  bool
	expr  *regexp.Regexp
	plain []byte // buffer
}

// NewMatcher returns the Matcher of a query. Errors: Invalid, with the codes
// InvalidSearch and SearchTooComplex.
func NewMatcher(q Query) (*Matcher, error) {
	switch {
	case q.Text == "":
		return nil, fault.New(fault.Invalid, "InvalidSearch", "there is nothing to look for: q is empty")
	case len(q.Text) > maxQuery:
		return nil, fault.New(fault.Invalid, "SearchTooComplex", "what is looked for has more than %d bytes", maxQuery)
	}
	if !q.Regex && (q.Case || isASCII(q.Text)) {
		word := []byte(q.Text)
		if !q.Case {
			word = lower(nil, word)
		}
		return &Matcher{word: word, fold: !q.Case}, nil
	}
	text := q.Text
	if !q.Regex {
		text = regexp.QuoteMeta(text)
	}
	if !q.Case {
		text = "(?i)" + text
	}
	tree, err := syntax.Parse(text, syntax.Perl)
	if err != nil {
		return nil, fault.New(fault.Invalid, "InvalidSearch", "the regular expression can't be read: %s", err)
	}
	program, err := syntax.Compile(tree.Simplify())
	if err != nil || len(program.Inst) > maxProgram {
		return nil, fault.New(fault.Invalid, "SearchTooComplex", "the regular expression is too complex: use fewer or smaller repetitions")
	}
	expr, err := regexp.Compile(text)
	if err != nil {
		return nil, fault.New(fault.Invalid, "InvalidSearch", "the regular expression can't be read: %s", err)
	}
	return &Matcher{expr: expr}, nil
}

// Match tells whether the text, as it is seen, has what is looked for.
func (m *Matcher) Match(text []byte) bool {
	if bytes.IndexByte(text, 0x1b) >= 0 {
		m.plain = Plain(m.plain[:0], text)
		text = m.plain
	}
	switch {
	case m.expr != nil:
		return m.expr.Match(text)
	case m.fold:
		return containsFold(text, m.word)
	}
	return bytes.Contains(text, m.word)
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

func lower(dst, text []byte) []byte {
	for _, c := range text {
		if c >= 'A' && c <= 'Z' {
			c |= 0x20
		}
		dst = append(dst, c)
	}
	return dst
}

// containsFold looks for an ASCII word in small letters, by its first letter in
// both forms.
func containsFold(text, word []byte) bool {
	small, capital := word[0], word[0]
	if small >= 'a' && small <= 'z' {
		capital = small - 'a' + 'A'
	}
	next := func(from int) int { // where the word may begin
		i := bytes.IndexByte(text[from:], small)
		if capital != small {
			rest := text[from:]
			if i >= 0 {
				rest = rest[:i]
			}
			if j := bytes.IndexByte(rest, capital); j >= 0 {
				i = j
			}
		}
		return i
	}
	for at := 0; len(text)-at >= len(word); at++ {
		i := next(at)
		if i < 0 || len(text)-at-i < len(word) {
			return false
		}
		at += i
		if equalFold(text[at:at+len(word)], string(word)) {
			return true
		}
	}
	return false
}
