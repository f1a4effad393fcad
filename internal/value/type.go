package value

import (
	"fmt"
	"sort"
	"strings"

	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/strictjson"
)

// Type is the type of a parameter. The zero Type is Any. Types are immutable.
type Type struct {
	kind    typeKind
	element *Type       // of a list
	fields  []typeField // of an object, sorted by name
}

type typeKind uint8

const (
	anyType typeKind = iota
	stringType
	numberType
	booleanType
	listType
	objectType
)

type typeField struct {
	name string
	typ  Type
}

// The simple types.
var (
	Any         = Type{}                  // every value, Missing too
	StringType  = Type{kind: stringType}  // String
	NumberType  = Type{kind: numberType}  // Number
	BooleanType = Type{kind: booleanType} // Boolean
)

// ListOf returns the type of lists whose elements all have that type.
func ListOf(element Type) Type { return Type{kind: listType, element: &element} }

// ObjectOf returns the type of objects with exactly these fields: all are
// mandatory, and there are no others.
func ObjectOf(fields map[string]Type) Type {
	t := Type{kind: objectType}
	for name, typ := range fields {
		t.fields = append(t.fields, typeField{name, typ})
	}
	sort.Slice(t.fields, func(i, j int) bool { return t.fields[i].name < t.fields[j].name })
	return t
}

// simpleNames maps the simple types to their names in documents.
var simpleNames = [...]string{anyType: "Any", stringType: "String", numberType: "Number", booleanType: "Boolean"}

// String returns the type for people: "Number", "List(String)",
// "Object(host: String, port: Number)".
func (t Type) String() string {
	switch t.kind {
	case listType:
		return "List(" + t.element.String() + ")"
	case objectType:
		parts := make([]string, len(t.fields))
		for i, f := range t.fields {
			parts[i] = f.name + ": " + f.typ.String()
		}
		return "Object(" + strings.Join(parts, ", ") + ")"
	}
	return simpleNames[t.kind]
}

// IsAny tells whether every value is of this type.
func (t Type) IsAny() bool { return t.kind == anyType }

// Element returns the type of a list type's elements.
func (t Type) Element() (Type, bool) {
	if t.kind != listType {
		return Type{}, false
	}
	return *t.element, true
}

// Fields returns the names of an object type's fields, sorted.
func (t Type) Fields() ([]string, bool) {
	if t.kind != objectType {
		return nil, false
	}
	names := make([]string, len(t.fields))
	for i, f := range t.fields {
		names[i] = f.name
	}
	return names, true
}

// Field returns the type of an object type's field.
func (t Type) Field(name string) (Type, bool) {
	for _, f := range t.fields {
		if f.name == name {
			return f.typ, true
		}
	}
	return Type{}, false
}

// Equal tells whether both types accept the same values.
func (t Type) Equal(other Type) bool {
	if t.kind != other.kind || len(t.fields) != len(other.fields) {
		return false
	}
	for i, f := range t.fields {
		if f.name != other.fields[i].name || !f.typ.Equal(other.fields[i].typ) {
			return false
		}
	}
	return t.kind != listType || t.element.Equal(*other.element)
}

// maxTypeProblems bounds what Check tells about one value.
const maxTypeProblems = 20

// Check returns what is wrong with v as a value of type t, at most 20
// problems; nil when v is of type t. Nothing is converted: the String "7" is
// no Number. path names the value ("$.arguments.n", or just "n").
func (t Type) Check(path string, v Value) []fault.Problem {
	var problems []fault.Problem
	t.check(path, v, &problems)
	return problems
}

func (t Type) check(path string, v Value, problems *[]fault.Problem) {
	if len(*problems) >= maxTypeProblems || t.kind == anyType {
		return
	}
	report := func(format string, args ...any) {
		*problems = append(*problems, fault.Problem{Where: path, Message: fmt.Sprintf(format, args...)})
	}
	kind := MissingKind
	if v != nil {
		kind = v.Kind()
	}
	if want := [...]Kind{
		stringType: StringKind, numberType: NumberKind, booleanType: BooleanKind, listType: ListKind, objectType: ObjectKind,
	}[t.kind]; kind != want {
		report("WrongValueType: expected %s, but this is %s", t.String(), described(kind))
		return
	}
	switch v := v.(type) {
	case List:
		for i, item := range v {
			t.element.check(strictjson.IndexPath(path, i), item, problems)
		}
	case Object:
		if missing := t.missingFields(v); len(missing) > 0 {
			report("MissingObjectFields: %s", strings.Join(missing, ", "))
		}
		if undeclared := t.undeclaredFields(v); len(undeclared) > 0 {
			report("UndeclaredObjectFields: %s", strings.Join(undeclared, ", "))
		}
		for _, f := range t.fields {
			if fv, ok := v.Get(f.name); ok {
				f.typ.check(strictjson.KeyPath(path, f.name), fv, problems)
			}
		}
	}
}

func (t Type) missingFields(o Object) []string {
	var names []string
	for _, f := range t.fields {
		if _, ok := o.Get(f.name); !ok {
			names = append(names, f.name)
		}
	}
	return names
}

func (t Type) undeclaredFields(o Object) []string {
	const most = 10
	var names []string
	for _, f := range o.fields {
		if _, ok := t.Field(f.name); !ok {
			if len(names) == most {
				return append(names, "…")
			}
			names = append(names, shortened(f.name))
		}
	}
	return names
}

// ParseType reads a type as documents write it: "String", "Number", "Boolean"
// or "Any" (also as {"TYPE": "String"}), {"TYPE": "List", "elementType": T},
// {"TYPE": "Object", field: T, …}. path is the node's JSON path. All problems
// are collected; the Type is valid only when there are none.
func ParseType(n *strictjson.Node, path string) (Type, []fault.Problem) {
	problem := func(where, format string, args ...any) []fault.Problem {
		return []fault.Problem{{Where: where, Message: fmt.Sprintf(format, args...)}}
	}
	const names = `"String", "Number", "Boolean", "Any" or an object with "TYPE": "List" or "Object"`
	switch n.Kind {
	case strictjson.String:
		if t, ok := simpleType(n.Text); ok {
			return t, nil
		}
		return Type{}, problem(path, "unknown type %q, expected %s", shortened(n.Text), names)
	case strictjson.Object:
		tag, ok := n.Get("TYPE")
		if !ok || tag.Kind != strictjson.String {
			return Type{}, problem(path, `a type object needs the field "TYPE": "List" or "Object"`)
		}
		return parseTypeObject(n, tag.Text, path)
	}
	return Type{}, problem(path, "expected a type (%s), but this is %s", names, n.Kind)
}

func simpleType(name string) (Type, bool) {
	for kind, known := range simpleNames {
		if known == name {
			return Type{kind: typeKind(kind)}, true
		}
	}
	return Type{}, false
}

func parseTypeObject(n *strictjson.Node, tag, path string) (Type, []fault.Problem) {
	var t Type
	var problems []fault.Problem
	tagPath := strictjson.KeyPath(path, "TYPE")
	switch simple, ok := simpleType(tag); {
	case ok:
		t = simple
		for _, key := range n.Keys {
			if key != "TYPE" {
				problems = append(problems, fault.Problem{Where: strictjson.KeyPath(path, key), Message: "unknown field of the type " + tag})
			}
		}
	case tag == "List":
		var element Type
		for i, key := range n.Keys {
			switch key {
			case "TYPE":
			case "elementType":
				var more []fault.Problem
				element, more = ParseType(n.Items[i], strictjson.KeyPath(path, key))
				problems = append(problems, more...)
			default:
				problems = append(problems, fault.Problem{Where: strictjson.KeyPath(path, key), Message: `unknown field of a List type, only "elementType" is known`})
			}
		}
		if _, ok := n.Get("elementType"); !ok {
			problems = append(problems, fault.Problem{Where: path, Message: `a List type needs the field "elementType"`})
		}
		t = ListOf(element)
	case tag == "Object":
		fields := map[string]Type{}
		for i, key := range n.Keys {
			if key == "TYPE" {
				continue
			}
			typ, more := ParseType(n.Items[i], strictjson.KeyPath(path, key))
			problems = append(problems, more...)
			fields[key] = typ
		}
		t = ObjectOf(fields)
	default:
		problems = append(problems, fault.Problem{Where: tagPath, Message: fmt.Sprintf("unknown type %q", shortened(tag))})
	}
	return t, problems
}

// AppendJSON appends the type as documents write it; ParseType reads it back.
func (t Type) AppendJSON(dst []byte) []byte {
	switch t.kind {
	case listType:
		dst = append(dst, `{"TYPE":"List","elementType":`...)
		return append(t.element.AppendJSON(dst), '}')
	case objectType:
		dst = append(dst, `{"TYPE":"Object"`...)
		for _, f := range t.fields {
			dst = append(appendQuoted(append(dst, ','), f.name), ':')
			dst = f.typ.AppendJSON(dst)
		}
		return append(dst, '}')
	}
	return appendQuoted(dst, simpleNames[t.kind])
}

// MarshalJSON returns AppendJSON of the type.
func (t Type) MarshalJSON() ([]byte, error) { return t.AppendJSON(nil), nil }
