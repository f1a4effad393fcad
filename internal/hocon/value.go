package hocon

import (
	"fmt"
	"slices"
)

// Pos is a place in a source: the name the source was given, line and column
// from 1. Columns count characters, not bytes. The zero Pos is nowhere.
type Pos struct {
	File string
	Line int
	Col  int
}

// String returns "file:line:col".
func (p Pos) String() string {
	if p.Line == 0 {
		return p.File
	}
	return fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Col)
}

// Kind is the type of a value as it was written. Unquoted words but true,
// false, null and numbers are strings; accessors like Bool accept them where
// their text fits.
type Kind uint8

// The kinds of values.
const (
	Null Kind = iota
	Bool
	Number
	String
	Array
	Object
)

var kindNames = [...]string{Null: "null", Bool: "boolean", Number: "number", String: "string", Array: "list", Object: "object"}

// String returns the kind's name for messages, like "list".
func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return "unknown"
}

// Value is a resolved value. It is immutable and safe for concurrent use. A
// value may be shared by several places of a tree. The methods treat a nil
// Value as null.
type Value struct {
	kind   Kind
	pos    Pos
	text   string // of a scalar: as written, unescaped
	items  []*Value
	keys   []string // in the order of first appearance
	fields map[string]field
}

// field is one entry of a resolved object.
type field struct {
	value *Value
	pos   Pos // of the key that set the value
}

// Kind returns the value's type.
func (v *Value) Kind() Kind {
	if v == nil {
		return Null
	}
	return v.kind
}

// Pos returns where the value begins. A value that came through a
// substitution has the place where it was written itself.
func (v *Value) Pos() Pos {
	if v == nil {
		return Pos{}
	}
	return v.pos
}

// IsScalar tells whether the value is a boolean, number or string.
func (v *Value) IsScalar() bool {
	k := v.Kind()
	return k == Bool || k == Number || k == String
}

// String returns the text of a scalar as it was written, and the JSON of
// everything else. It may show secrets: don't log it.
func (v *Value) String() string {
	if v.IsScalar() {
		return v.text
	}
	return Render(v)
}

// Keys returns an object's keys in the order of first appearance, lower
// layers first, and nil for everything else.
func (v *Value) Keys() []string {
	if v == nil {
		return nil
	}
	return slices.Clone(v.keys)
}

// Items returns a list's elements, and nil for everything else.
func (v *Value) Items() []*Value {
	if v == nil {
		return nil
	}
	return slices.Clone(v.items)
}

// Get returns the value of an object's key.
func (v *Value) Get(key string) (*Value, bool) {
	if v == nil {
		return nil, false
	}
	f, ok := v.fields[key]
	return f.value, ok
}

// KeyPos returns where the key stands that set the value of an object's key;
// the zero Pos if the object hasn't that key.
func (v *Value) KeyPos(key string) Pos {
	if v == nil {
		return Pos{}
	}
	return v.fields[key].pos
}

// At returns the value below nested objects. Each argument is one key, dots
// included; At() is the value itself.
func (v *Value) At(path ...string) (*Value, bool) {
	for _, key := range path {
		var ok bool
		if v, ok = v.Get(key); !ok {
			return nil, false
		}
	}
	return v, v != nil
}

// Merge returns over with under as its fallback: keys of objects are merged
// through all levels, everything else in over hides what is in under. Both
// are resolved already, so substitutions in one don't see the other; for that
// use ParseAll.
func Merge(over, under *Value) *Value {
	if over == nil {
		return under
	}
	if over.kind != Object || under.Kind() != Object {
		return over
	}
	m := &Value{kind: Object, pos: over.pos, fields: make(map[string]field, len(over.keys)+len(under.keys))}
	for _, key := range under.keys {
		m.set(key, under.fields[key])
	}
	for _, key := range over.keys {
		f := over.fields[key]
		if low, ok := m.fields[key]; ok {
			f.value = Merge(f.value, low.value)
		}
		m.set(key, f)
	}
	return m
}

// set puts a field into an object under construction.
func (v *Value) set(key string, f field) {
	if _, ok := v.fields[key]; !ok {
		v.keys = append(v.keys, key)
	}
	v.fields[key] = f
}
