package value

import (
	"errors"
	"slices"
	"strconv"
	"unicode/utf8"

	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/strictjson"
)

// FromJSON returns the value of a JSON node; null is Missing. A number that a
// Number can't hold exactly, and nesting deeper than MaxDepth, are errors:
// Invalid, with the JSON path in Problems.
func FromJSON(n *strictjson.Node) (Value, error) {
	v, problem := fromNode(n, 0)
	if problem != nil {
		e := fault.New(fault.Invalid, "InvalidValue", "the value can't be read")
		where := "$"
		for _, v := range slices.Backward(problem.path) {
			where = v(where)
		}
		e.Problems = []fault.Problem{{Where: where, Message: problem.message}}
		return nil, e
	}
	return v, nil
}

// badNode is why a node is no value; path is collected from the inside out.
type badNode struct {
	message string
	path    []func(outer string) string
}

func fromNode(n *strictjson.Node, depth int) (Value, *badNode) {
	if depth > MaxDepth {
		return nil, &badNode{message: "nested deeper than " + strconv.Itoa(MaxDepth)}
	}
	switch n.Kind {
	case strictjson.Bool:
		return Boolean(n.Bool), nil
	case strictjson.String:
		return String(n.Text), nil
	case strictjson.Number:
		number, err := ParseNumber(n.Text)
		if err != nil {
			return nil, &badNode{message: fault.Of(err).Public()}
		}
		return number, nil
	case strictjson.Array:
		list := make(List, len(n.Items))
		for i, item := range n.Items {
			v, bad := fromNode(item, depth+1)
			if bad != nil {
				bad.path = append(bad.path, func(outer string) string { return strictjson.IndexPath(outer, i) })
				return nil, bad
			}
			list[i] = v
		}
		return list, nil
	case strictjson.Object:
		m := make(map[string]Value, len(n.Items))
		for i, item := range n.Items {
			v, bad := fromNode(item, depth+1)
			if bad != nil {
				bad.path = append(bad.path, func(outer string) string { return strictjson.KeyPath(outer, n.Keys[i]) })
				return nil, bad
			}
			m[n.Keys[i]] = v
		}
		return NewObject(m), nil
	}
	return Missing{}, nil
}

// ParseJSON reads a value from strict JSON, with the default limits of
// strictjson. Errors are those of strictjson.Parse and FromJSON.
func ParseJSON(data []byte) (Value, error) {
	n, err := strictjson.Parse(data, strictjson.Limits{MaxDepth: MaxDepth})
	if err != nil {
		return nil, err
	}
	return FromJSON(n)
}

// AppendJSON appends the value's JSON: numbers as plain decimals, the keys of
// objects sorted, no white space; Missing (and nil) as null. The same value
// always gives the same bytes. Bytes that aren't UTF-8 become U+FFFD.
func AppendJSON(dst []byte, v Value) []byte {
	switch v := v.(type) {
	case String:
		return appendQuoted(dst, string(v))
	case Number:
		return append(dst, v.String()...)
	case Boolean:
		return strconv.AppendBool(dst, bool(v))
	case List:
		dst = append(dst, '[')
		for i, item := range v {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = AppendJSON(dst, item)
		}
		return append(dst, ']')
	case Object:
		dst = append(dst, '{')
		for i, f := range v.fields {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = append(appendQuoted(dst, f.name), ':')
			dst = AppendJSON(dst, f.value)
		}
		return append(dst, '}')
	}
	return append(dst, "null"...)
}

// appendQuoted escapes what JSON demands, and U+2028 and U+2029, which old
// JavaScript takes for line ends.
func appendQuoted(dst []byte, s string) []byte {
	const hex = "0123456789abcdef"
	dst = append(dst, '"')
	for i := 0; i < len(s); {
		c := s[i]
		switch {
		case c == '"' || c == '\\':
			dst = append(dst, '\\', c)
		case c == '\n':
			dst = append(dst, '\\', 'n')
		case c == '\r':
			dst = append(dst, '\\', 'r')
		case c == '\t':
			dst = append(dst, '\\', 't')
		case c < ' ' || c == 0x7F:
			dst = append(dst, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		case c < utf8.RuneSelf:
			dst = append(dst, c)
		default:
			char, size := utf8.DecodeRuneInString(s[i:])
			switch {
			case char == utf8.RuneError && size == 1:
				dst = append(dst, `\ufffd`...)
			case char == '\u2028' || char == '\u2029':
				dst = append(dst, '\\', 'u', '2', '0', '2', hex[char&15])
			default:
				dst = append(dst, s[i:i+size]...)
			}
			i += size
			continue
		}
		i++
	}
	return append(dst, '"')
}

// MarshalJSON returns AppendJSON of the value.
func (s String) MarshalJSON() ([]byte, error) { return AppendJSON(nil, s), nil }

// MarshalJSON returns AppendJSON of the value.
func (b Boolean) MarshalJSON() ([]byte, error) { return AppendJSON(nil, b), nil }

// MarshalJSON returns AppendJSON of the value: a plain decimal.
func (n Number) MarshalJSON() ([]byte, error) { return AppendJSON(nil, n), nil }

// MarshalJSON returns AppendJSON of the value; a nil List is [].
func (l List) MarshalJSON() ([]byte, error) { return AppendJSON(nil, l), nil }

// MarshalJSON returns AppendJSON of the value; keys are sorted.
func (o Object) MarshalJSON() ([]byte, error) { return AppendJSON(nil, o), nil }

// MarshalJSON returns null.
func (m Missing) MarshalJSON() ([]byte, error) { return AppendJSON(nil, m), nil }

// MarshalJSON returns the JSON of an Object with these fields.
func (m Map) MarshalJSON() ([]byte, error) { return AppendJSON(nil, NewObject(m)), nil }

// UnmarshalJSON reads a JSON object; null leaves the map nil. It refuses what
// ParseJSON refuses, as far as encoding/json lets it see the original text.
func (m *Map) UnmarshalJSON(data []byte) error {
	v, err := ParseJSON(data)
	if err != nil {
		return err
	}
	switch v := v.(type) {
	case Missing:
		*m = nil
		return nil
	case Object:
		*m = make(Map, len(v.fields))
		for _, f := range v.fields {
			(*m)[f.name] = f.value
		}
		return nil
	}
	return fault.Wrap(fault.Invalid, "InvalidValue", errors.New("not an object"), "expected a JSON object with named values, but this is %s", described(v.Kind()))
}
