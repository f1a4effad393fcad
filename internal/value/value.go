// Package value owns the values that orders carry and expressions compute:
// strings, decimal numbers, booleans, lists, objects and Missing; their types,
// their JSON and their compact binary form.
//
// Values are immutable by convention: nobody changes a List or the map behind
// an Object after handing it over. The package must not know expressions,
// orders or documents; it has no I/O, no clock and no dependence on the order
// of a map. The expression language, the engine, the item readers and all
// programs call it.
package value

import (
	"sort"
	"strconv"

	"github.com/signet-scheduler/signet/internal/fault"
)

// MaxDepth is how deep lists and objects may be nested in values that come
// from JSON or from an expression.
const MaxDepth = 64

// Kind is the kind of a value.
type Kind uint8

// The kinds of values. The numbers are part of no format.
const (
	MissingKind Kind = iota
	StringKind
	NumberKind
	BooleanKind
	ListKind
	ObjectKind
)

// String returns the kind's name: "String", "Number", "Missing" and so on.
func (k Kind) String() string {
	switch k {
	case MissingKind:
		return "Missing"
	case StringKind:
		return "String"
	case NumberKind:
		return "Number"
	case BooleanKind:
		return "Boolean"
	case ListKind:
		return "List"
	case ObjectKind:
		return "Object"
	}
	return "Kind(" + strconv.Itoa(int(k)) + ")"
}

// Value is one of String, Number, Boolean, List, Object and Missing. Compare
// values with Equal: == panics for List and Object.
type Value interface {
	// Kind returns the value's kind.
	Kind() Kind
	isValue()
}

// String is a text. From JSON and expressions it is valid UTF-8.
type String string

// Boolean is true or false.
type Boolean bool

// List is a sequence of values. An element is never nil.
type List []Value

// Missing is the value that isn't there: null in JSON. It equals itself.
type Missing struct{}

// Kind returns StringKind.
func (String) Kind() Kind { return StringKind }

// Kind returns BooleanKind.
func (Boolean) Kind() Kind { return BooleanKind }

// Kind returns ListKind.
func (List) Kind() Kind { return ListKind }

// Kind returns MissingKind.
func (Missing) Kind() Kind { return MissingKind }

// Kind returns NumberKind.
func (Number) Kind() Kind { return NumberKind }

// Kind returns ObjectKind.
func (Object) Kind() Kind { return ObjectKind }

func (String) isValue()  {}
func (Boolean) isValue() {}
func (List) isValue()    {}
func (Missing) isValue() {}
func (Number) isValue()  {}
func (Object) isValue()  {}

// Object is a set of named values. The zero Object is empty.
type Object struct{ fields []field } // sorted by name, names unique

type field struct {
	name  string
	value Value
}

// NewObject returns an Object of the map's entries. It copies the map.
func NewObject(m map[string]Value) Object {
	if len(m) == 0 {
		return Object{}
	}
	fields := make([]field, 0, len(m))
	for name, v := range m {
		fields = append(fields, field{name, v})
	}
	sort.Slice(fields, func(i, j int) bool { return fields[i].name < fields[j].name })
	return Object{fields}
}

// Get returns the value of a field.
func (o Object) Get(name string) (Value, bool) {
	i := sort.Search(len(o.fields), func(i int) bool { return o.fields[i].name >= name })
	if i < len(o.fields) && o.fields[i].name == name {
		return o.fields[i].value, true
	}
	return nil, false
}

// Len returns the number of fields.
func (o Object) Len() int { return len(o.fields) }

// Names returns the names of the fields, sorted.
func (o Object) Names() []string {
	names := make([]string, len(o.fields))
	for i, f := range o.fields {
		names[i] = f.name
	}
	return names
}

// Equal is the function Equal, for go-cmp.
func (o Object) Equal(other Object) bool { return Equal(o, other) }

// Map is a set of named values that may be built up: the arguments and results
// of an order. The zero Map is empty.
type Map map[string]Value

// Names returns the names, sorted.
func (m Map) Names() []string {
	names := make([]string, 0, len(m))
	for name := range m {
		names = append(names, name)
	}
	sort.Strings(names)
	return names
}

// Equal tells whether a and b are the same value: of the same kind and with
// equal content. Numbers are equal when they are numerically, so 1 equals 1.0;
// the String "1" doesn't equal the Number 1. Missing equals Missing. A nil
// value equals only nil.
func Equal(a, b Value) bool {
	switch a := a.(type) {
	case List:
		b, ok := b.(List)
		if !ok || len(a) != len(b) {
			return false
		}
		for i := range a {
			if !Equal(a[i], b[i]) {
				return false
			}
		}
		return true
	case Object:
		b, ok := b.(Object)
		if !ok || len(a.fields) != len(b.fields) {
			return false
		}
		for i, f := range a.fields {
			if f.name != b.fields[i].name || !Equal(f.value, b.fields[i].value) {
				return false
			}
		}
		return true
	}
	if b != nil && (b.Kind() == ListKind || b.Kind() == ObjectKind) {
		return false
	}
	return a == b // comparable kinds; a Number has one representation only
}

// ToText converts a value to a string as environment variables, "++" and
// mkString need it: a String as is, a Number as plain decimal text, a Boolean
// as true or false. A List, an Object and Missing are errors.
func ToText(v Value) (String, error) {
	switch v := v.(type) {
	case String:
		return v, nil
	case Number:
		return String(v.String()), nil
	case Boolean:
		if v {
			return "true", nil
		}
		return "false", nil
	}
	kind := MissingKind
	if v != nil {
		kind = v.Kind()
	}
	return "", fault.New(fault.Invalid, "EvaluationFailed", "%s can't be converted to a String", described(kind))
}

// described returns the kind with its article.
func described(k Kind) string {
	switch k {
	case MissingKind:
		return "a missing value"
	case ObjectKind:
		return "an Object"
	}
	return "a " + k.String()
}

// Size returns roughly how many bytes of memory the value takes, for limits.
// What occurs twice in it counts twice.
func Size(v Value) int { return SizeUpTo(v, int(^uint(0)>>1)) }

// SizeUpTo is Size that stops counting when limit is exceeded; the result is
// then some number greater than limit. The time it takes is bounded by limit,
// also for lists that hold the same big value many times.
func SizeUpTo(v Value, limit int) int {
	const header, perField = 24, 32
	switch v := v.(type) {
	case String:
		return header + len(v)
	case List:
		n := header
		for _, item := range v {
			if n > limit {
				return n
			}
			n += SizeUpTo(item, limit-n)
		}
		return n
	case Object:
		n := header
		for _, f := range v.fields {
			if n > limit {
				return n
			}
			n += perField + len(f.name)
			n += SizeUpTo(f.value, limit-n)
		}
		return n
	}
	return header
}

// Depth returns how deep lists and objects are nested in v: 0 for a simple
// value, 1 for a list of them. Who puts values into lists or objects checks
// that it stays within MaxDepth, so that others can read the value.
func Depth(v Value) int {
	deepest := 0
	switch v := v.(type) {
	case List:
		for _, item := range v {
			deepest = max(deepest, Depth(item))
		}
	case Object:
		for _, f := range v.fields {
			deepest = max(deepest, Depth(f.value))
		}
	default:
		return 0
	}
	return deepest + 1
}
