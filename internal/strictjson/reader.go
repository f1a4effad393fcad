package strictjson

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/signet-scheduler/signet/internal/fault"
)

// reader is a recursive descent over the bytes of one document.
type reader struct {
	data   []byte
	limits Limits
	pos    int
	nodes  int
	path   []step // where the reader is, for the path of an error
	slab   []Node // nodes are cut from slabs: one allocation for many
}

// step is one step of the path: a key, or an index when isIndex.
type step struct {
	key     string
	index   int
	isIndex bool
}

func (r *reader) document() (*Node, error) {
	if len(r.data) >= 3 && r.data[0] == 0xEF && r.data[1] == 0xBB && r.data[2] == 0xBF {
		return nil, r.fail(0, "a byte order mark is not allowed; save the file as UTF-8 without BOM")
	}
	r.space()
	n, err := r.value(0)
	if err != nil {
		return nil, err
	}
	r.space()
	if r.pos < len(r.data) {
		return nil, r.fail(r.pos, "unexpected %s after the end of the document", r.found())
	}
	return n, nil
}

func (r *reader) space() {
	for r.pos < len(r.data) {
		switch r.data[r.pos] {
		case ' ', '\t', '\n', '\r':
			r.pos++
		default:
			return
		}
	}
}

func (r *reader) newNode(k Kind) (*Node, error) {
	if r.nodes++; r.nodes > r.limits.MaxNodes {
		return nil, r.tooLarge("more than %d values", r.limits.MaxNodes)
	}
	if len(r.slab) == 0 {
		// Grows with the document, so that small documents stay small.
		r.slab = make([]Node, min(max(r.nodes, 8), 512))
	}
	n := &r.slab[0]
	r.slab = r.slab[1:]
	n.Kind, n.Offset = k, r.pos
	return n, nil
}

func (r *reader) value(depth int) (*Node, error) {
	if r.pos >= len(r.data) {
		return nil, r.fail(r.pos, "unexpected end of the document, expected a value")
	}
	switch c := r.data[r.pos]; {
	case c == '{':
		return r.object(depth + 1)
	case c == '[':
		return r.array(depth + 1)
	case c == '"':
		n, err := r.newNode(String)
		if err != nil {
			return nil, err
		}
		n.Text, err = r.string()
		return n, err
	case c == '-' || c >= '0' && c <= '9':
		return r.number()
	}
	return r.literal()
}

func (r *reader) literal() (*Node, error) {
	for _, l := range [...]struct {
		text string
		kind Kind
	}{{"null", Null}, {"true", Bool}, {"false", Bool}} {
		if end := r.pos + len(l.text); end <= len(r.data) && string(r.data[r.pos:end]) == l.text {
			n, err := r.newNode(l.kind)
			if err != nil {
				return nil, err
			}
			n.Bool = l.text == "true"
			r.pos = end
			return n, nil
		}
	}
	return nil, r.fail(r.pos, "unexpected %s, expected a value", r.found())
}

func (r *reader) array(depth int) (*Node, error) {
	if depth > r.limits.MaxDepth {
		return nil, r.tooLarge("nested deeper than %d", r.limits.MaxDepth)
	}
	n, err := r.newNode(Array)
	if err != nil {
		return nil, err
	}
	r.pos++
	r.space()
	if r.accept(']') {
		return n, nil
	}
	for {
		r.path = append(r.path, step{index: len(n.Items), isIndex: true})
		item, err := r.value(depth)
		if err != nil {
			return nil, err
		}
		r.path = r.path[:len(r.path)-1]
		n.Items = append(n.Items, item)
		r.space()
		if r.accept(']') {
			return n, nil
		}
		if !r.accept(',') {
			return nil, r.fail(r.pos, "unexpected %s, expected ',' or ']'", r.found())
		}
		r.space()
	}
}

func (r *reader) object(depth int) (*Node, error) {
	if depth > r.limits.MaxDepth {
		return nil, r.tooLarge("nested deeper than %d", r.limits.MaxDepth)
	}
	n, err := r.newNode(Object)
	if err != nil {
		return nil, err
	}
	r.pos++
	r.space()
	if r.accept('}') {
		return n, nil
	}
	var seen keySet
	for {
		if err := r.member(n, &seen, depth); err != nil {
			return nil, err
		}
		r.space()
		if r.accept('}') {
			return n, nil
		}
		if !r.accept(',') {
			return nil, r.fail(r.pos, "unexpected %s, expected ',' or '}'", r.found())
		}
		r.space()
	}
}

func (r *reader) member(n *Node, seen *keySet, depth int) error {
	start := r.pos
	if r.pos >= len(r.data) || r.data[r.pos] != '"' {
		return r.fail(r.pos, `unexpected %s, expected a key in "…"`, r.found())
	}
	key, err := r.string()
	if err != nil {
		return err
	}
	if !seen.add(n.Keys, key) {
		return r.fail(start, "the key %q occurs twice", excerpt(key))
	}
	r.space()
	if !r.accept(':') {
		return r.fail(r.pos, "unexpected %s, expected ':'", r.found())
	}
	r.space()
	r.path = append(r.path, step{key: key})
	item, err := r.value(depth)
	if err != nil {
		return err
	}
	r.path = r.path[:len(r.path)-1]
	n.Keys = append(n.Keys, key)
	n.Items = append(n.Items, item)
	return nil
}

// keySet finds duplicates: by looking at each key while they are few, by a
// map when they are many.
type keySet struct{ keys map[string]struct{} }

func (s *keySet) add(before []string, key string) bool {
	const few = 12
	if s.keys == nil {
		if slices.Contains(before, key) {
			return false
		}
		if len(before) < few {
			return true
		}
		s.keys = make(map[string]struct{}, 4*few)
		for _, k := range before {
			s.keys[k] = struct{}{}
		}
	}
	if _, ok := s.keys[key]; ok {
		return false
	}
	s.keys[key] = struct{}{}
	return true
}

func (r *reader) accept(c byte) bool {
	if r.pos < len(r.data) && r.data[r.pos] == c {
		r.pos++
		return true
	}
	return false
}

func (r *reader) number() (*Node, error) {
	n, err := r.newNode(Number)
	if err != nil {
		return nil, err
	}
	start := r.pos
	r.accept('-')
	if r.accept('0') {
		if r.isDigit() {
			return nil, r.fail(start, "a number must not begin with 0")
		}
	} else if !r.digits() {
		return nil, r.fail(r.pos, "unexpected %s, expected a digit", r.found())
	}
	if r.accept('.') && !r.digits() {
		return nil, r.fail(r.pos, "unexpected %s, expected a digit", r.found())
	}
	if r.accept('e') || r.accept('E') {
		if !r.accept('+') {
			r.accept('-')
		}
		if !r.digits() {
			return nil, r.fail(r.pos, "unexpected %s, expected a digit", r.found())
		}
	}
	n.Text = string(r.data[start:r.pos])
	return n, nil
}

func (r *reader) isDigit() bool {
	return r.pos < len(r.data) && r.data[r.pos] >= '0' && r.data[r.pos] <= '9'
}

func (r *reader) digits() bool {
	start := r.pos
	for r.isDigit() {
		r.pos++
	}
	return r.pos > start
}

// string reads a string at its opening quote and returns it decoded.
func (r *reader) string() (string, error) {
	open := r.pos
	r.pos++
	start := r.pos
	var b strings.Builder // used from the first escape on
	for r.pos < len(r.data) {
		switch c := r.data[r.pos]; {
		case c == '"':
			chunk := r.data[start:r.pos]
			r.pos++
			if b.Len() == 0 {
				return string(chunk), nil
			}
			b.Write(chunk)
			return b.String(), nil
		case c == '\\':
			b.Write(r.data[start:r.pos])
			char, err := r.escape()
			if err != nil {
				return "", err
			}
			b.WriteRune(char)
			start = r.pos
		case c < ' ':
			return "", r.fail(r.pos, "a control character (U+%04X) in a string must be written as an escape", c)
		case c < utf8.RuneSelf:
			r.pos++
		default:
			char, size := utf8.DecodeRune(r.data[r.pos:])
			if char == utf8.RuneError && size == 1 {
				return "", r.fail(r.pos, "the byte 0x%02X is not valid UTF-8", c)
			}
			r.pos += size
		}
	}
	return "", r.fail(open, "the string is not closed")
}

// escape reads one escape, or a pair that makes up one character.
func (r *reader) escape() (rune, error) {
	start := r.pos
	r.pos++
	if r.pos >= len(r.data) {
		return 0, r.fail(start, "the string is not closed")
	}
	c := r.data[r.pos]
	r.pos++
	switch c {
	case '"', '\\', '/':
		return rune(c), nil
	case 'b':
		return '\b', nil
	case 'f':
		return '\f', nil
	case 'n':
		return '\n', nil
	case 'r':
		return '\r', nil
	case 't':
		return '\t', nil
	case 'u':
		return r.unicodeEscape(start)
	}
	return 0, r.fail(start, `unknown escape in a string; write \\ for a backslash`)
}

func (r *reader) unicodeEscape(start int) (rune, error) {
	first, ok := r.hex4()
	if !ok {
		return 0, r.fail(start, `\u must be followed by four hexadecimal digits`)
	}
	if !utf16.IsSurrogate(first) {
		return first, nil
	}
	if r.accept('\\') && r.accept('u') {
		if second, ok := r.hex4(); ok {
			if char := utf16.DecodeRune(first, second); char != utf8.RuneError {
				return char, nil
			}
		}
	}
	return 0, r.fail(start, "a surrogate without its other half (U+%04X)", first)
}

func (r *reader) hex4() (rune, bool) {
	if len(r.data)-r.pos < 4 {
		return 0, false
	}
	var v rune
	for _, c := range r.data[r.pos : r.pos+4] {
		switch {
		case c >= '0' && c <= '9':
			v = v<<4 | rune(c-'0')
		case c >= 'a' && c <= 'f':
			v = v<<4 | rune(c-'a'+10)
		case c >= 'A' && c <= 'F':
			v = v<<4 | rune(c-'A'+10)
		default:
			return 0, false
		}
	}
	r.pos += 4
	return v, true
}

// found names what stands at the reader's position, for messages.
func (r *reader) found() string {
	if r.pos >= len(r.data) {
		return "end of the document"
	}
	char, size := utf8.DecodeRune(r.data[r.pos:])
	switch {
	case char == utf8.RuneError && size == 1:
		return fmt.Sprintf("byte 0x%02X", r.data[r.pos])
	case char == '/' || char == '#':
		return fmt.Sprintf("%q (comments are not allowed)", char)
	}
	return fmt.Sprintf("%q", char)
}

func (r *reader) fail(offset int, format string, args ...any) *fault.Error {
	return r.problem(fault.Invalid, "InvalidJson", "this is not valid JSON", offset, format, args...)
}

func (r *reader) tooLarge(format string, args ...any) *fault.Error {
	return r.problem(fault.TooLarge, "DocumentTooLarge", "the JSON document is too large", r.pos, format, args...)
}

func (r *reader) problem(k fault.Kind, code, message string, offset int, format string, args ...any) *fault.Error {
	line, col := LineCol(r.data, offset)
	e := fault.New(k, code, "%s", message)
	e.Problems = []fault.Problem{{
		Where:   fmt.Sprintf("%d:%d %s", line, col, r.pathText()),
		Message: fmt.Sprintf(format, args...),
	}}
	return e
}

func (r *reader) pathText() string {
	path := "$"
	for _, s := range r.path {
		if s.isIndex {
			path = IndexPath(path, s.index)
		} else {
			path = KeyPath(path, s.key)
		}
	}
	return path
}
