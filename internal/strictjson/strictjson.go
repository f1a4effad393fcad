// Package strictjson reads JSON so that two readers can't understand it
// differently: what it accepts has exactly one meaning, the rest is refused.
//
// It refuses duplicate keys, bad UTF-8, lone surrogates, a byte order mark,
// trailing data, comments, NaN, raw control characters in strings, and
// anything over its limits of size, depth and number of nodes. Numbers keep
// their text. It must not know any document of Signet: unknown and
// case-variant keys are refused by those who know the right ones, and a NUL
// written as \u0000 by those who can't store it.
//
// Every reader of signed documents, of order values and of the wire calls it.
package strictjson

import (
	"strconv"

	"github.com/signet-scheduler/signet/internal/fault"
)

// Kind is the kind of a JSON value.
type Kind uint8

// The kinds of JSON values.
const (
	Null Kind = iota
	Bool
	Number
	String
	Array
	Object
)

// String returns the kind's name as used in messages: "an object" and so on.
func (k Kind) String() string {
	switch k {
	case Null:
		return "null"
	case Bool:
		return "a boolean"
	case Number:
		return "a number"
	case String:
		return "a string"
	case Array:
		return "an array"
	case Object:
		return "an object"
	}
	return "unknown kind " + strconv.Itoa(int(k))
}

// Node is one value of a parsed document. It is immutable by convention.
type Node struct {
	Kind   Kind
	Bool   bool     // the value of a Bool
	Text   string   // a Number as written, or a String decoded
	Items  []*Node  // elements of an Array, or values of an Object
	Keys   []string // keys of an Object in the order written, parallel to Items
	Offset int      // byte offset of the value's first character
}

// Limits bound what Parse accepts. A field of 0 means its default.
type Limits struct {
	MaxBytes int // length of the input; default 4 MiB
	MaxDepth int // nesting of arrays and objects; default 64, at most 1000
	MaxNodes int // number of values; default 500,000
}

// Defaults of Limits.
const (
	DefaultMaxBytes = 4 << 20
	DefaultMaxDepth = 64
	DefaultMaxNodes = 500_000
	greatestDepth   = 1000 // the reader recurses
)

func (l Limits) withDefaults() Limits {
	if l.MaxBytes <= 0 {
		l.MaxBytes = DefaultMaxBytes
	}
	if l.MaxDepth <= 0 {
		l.MaxDepth = DefaultMaxDepth
	}
	if l.MaxNodes <= 0 {
		l.MaxNodes = DefaultMaxNodes
	}
	l.MaxDepth = min(l.MaxDepth, greatestDepth)
	return l
}

// Parse reads one JSON document. It runs in linear time and reads nothing
// before the size is checked. The error is a *fault.Error: Invalid with code
// InvalidJson, or TooLarge with code DocumentTooLarge. Its one problem is the
// first thing wrong, at "line:column path"; columns count characters from 1.
// The nodes don't refer to data.
func Parse(data []byte, limits Limits) (*Node, error) {
	limits = limits.withDefaults()
	if len(data) > limits.MaxBytes {
		return nil, fault.New(fault.TooLarge, "DocumentTooLarge",
			"the JSON document has %d bytes, at most %d are allowed", len(data), limits.MaxBytes)
	}
	r := reader{data: data, limits: limits}
	n, err := r.document()
	if err != nil {
		return nil, err
	}
	return n, nil
}

// Get returns the value of an Object's key. Keys match exactly.
func (n *Node) Get(key string) (*Node, bool) {
	if n == nil || n.Kind != Object {
		return nil, false
	}
	for i, k := range n.Keys {
		if k == key {
			return n.Items[i], true
		}
	}
	return nil, false
}

// Int returns a structural integer: a Number written without fraction and
// exponent, below 2^53 in magnitude, and not "-0", so that every reader of the
// document sees the same integer.
func (n *Node) Int() (int64, error) {
	const limit = 1 << 53
	if n == nil || n.Kind != Number {
		kind := Null
		if n != nil {
			kind = n.Kind
		}
		return 0, fault.New(fault.Invalid, "InvalidInteger", "expected an integer, but this is %s", kind)
	}
	if n.Text == "-0" {
		return 0, fault.New(fault.Invalid, "InvalidInteger", "-0 is not allowed here, write 0")
	}
	i, err := strconv.ParseInt(n.Text, 10, 64)
	if err != nil || i >= limit || i <= -limit {
		return 0, fault.New(fault.Invalid, "InvalidInteger",
			"%s is not an integer below 2^53 written without fraction and exponent", excerpt(n.Text))
	}
	return i, nil
}

// LineCol returns the line and the column, both from 1, of a byte offset. A
// column counts characters; a line ends with LF. An offset beyond the data is
// its end.
func LineCol(data []byte, offset int) (line, col int) {
	offset = max(0, min(offset, len(data)))
	line, col = 1, 1
	for _, b := range data[:offset] {
		switch {
		case b == '\n':
			line, col = line+1, 1
		case b&0xC0 != 0x80: // the first byte of a character
			col++
		}
	}
	return line, col
}

// KeyPath returns the JSON path of a key of the object at path:
// "$.instructions", or `$["a b"]` for a key that isn't a plain word.
func KeyPath(path, key string) string {
	if isWord(key) {
		return path + "." + key
	}
	return path + "[" + strconv.Quote(excerpt(key)) + "]"
}

// IndexPath returns the JSON path of an element of the array at path: "$[3]".
func IndexPath(path string, index int) string {
	return path + "[" + strconv.Itoa(index) + "]"
}

func isWord(s string) bool {
	for i := range len(s) {
		c := s[i]
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_'
		if !letter && (i == 0 || c < '0' || c > '9') {
			return false
		}
	}
	return s != "" && len(s) <= excerptSize
}

// excerptSize bounds what of the input is repeated in messages.
const excerptSize = 60

func excerpt(s string) string {
	if len(s) <= excerptSize {
		return s
	}
	end := excerptSize
	for end > 0 && s[end]&0xC0 == 0x80 {
		end--
	}
	return s[:end] + "…"
}
