package value_test

import (
	"strings"
	"testing"

	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/strictjson"
	"github.com/signet-scheduler/signet/internal/value"
)

func parseType(t *testing.T, text string) (value.Type, []fault.Problem) {
	t.Helper()
	n, err := strictjson.Parse([]byte(text), strictjson.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	return value.ParseType(n, "$.type")
}

func joined(problems []fault.Problem) string {
	var lines []string
	for _, p := range problems {
		lines = append(lines, p.String())
	}
	return strings.Join(lines, "\n")
}

func TestParseType(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ json, text string }{
		{`"String"`, "String"},
		{`"Number"`, "Number"},
		{`"Boolean"`, "Boolean"},
		{`"Any"`, "Any"},
		{`{"TYPE":"String"}`, "String"},
		{`{"TYPE":"List","elementType":"String"}`, "List(String)"},
		{`{"TYPE":"List","elementType":{"TYPE":"List","elementType":"Number"}}`, "List(List(Number))"},
		{`{"TYPE":"Object"}`, "Object()"},
		{`{"TYPE":"Object","port":"Number","host":"String"}`, "Object(host: String, port: Number)"},
		{`{"TYPE":"Object","o":{"TYPE":"Object","a":"Any"}}`, "Object(o: Object(a: Any))"},
	} {
		typ, problems := parseType(t, c.json)
		if len(problems) > 0 || typ.String() != c.text {
			t.Errorf("%s: got %s, %s", c.json, typ, joined(problems))
		}
		again, problems := parseType(t, string(typ.AppendJSON(nil)))
		if len(problems) > 0 || !again.Equal(typ) {
			t.Errorf("%s is read back as %s, %s", typ, again, joined(problems))
		}
	}
	for _, c := range []struct{ json, problems string }{
		{`"string"`, `$.type: unknown type "string"`},
		{`"List"`, `unknown type "List"`},
		{`7`, `$.type: expected a type`},
		{`null`, `but this is null`},
		{`{}`, `needs the field "TYPE"`},
		{`{"TYPE":7}`, `needs the field "TYPE"`},
		{`{"TYPE":"Map"}`, `$.type.TYPE: unknown type "Map"`},
		{`{"TYPE":"List"}`, `$.type: a List type needs the field "elementType"`},
		{`{"TYPE":"List","elementType":"X"}`, `$.type.elementType: unknown type "X"`},
		{`{"TYPE":"List","elementType":"String","size":1}`, `$.type.size: unknown field`},
		{`{"TYPE":"String","x":1}`, `$.type.x: unknown field`},
		{`{"TYPE":"Object","a b":"X","c":7}`, "$.type[\"a b\"]: unknown type \"X\""},
		{`{"TYPE":"Object","a b":"X","c":7}`, "$.type.c: expected a type"},
	} {
		if _, problems := parseType(t, c.json); !strings.Contains(joined(problems), c.problems) {
			t.Errorf("%s: got %q, want %q", c.json, joined(problems), c.problems)
		}
	}
}

func TestCheck(t *testing.T) {
	t.Parallel()
	server := value.ObjectOf(map[string]value.Type{"host": value.StringType, "port": value.NumberType})
	for _, c := range []struct {
		typ      value.Type
		json     string
		problems string
	}{
		{value.Any, `null`, ""},
		{value.Any, `[1]`, ""},
		{value.StringType, `"7"`, ""},
		{value.NumberType, `7`, ""},
		{value.BooleanType, `true`, ""},
		{value.NumberType, `"7"`, "v: WrongValueType: expected Number, but this is a String"},
		{value.StringType, `7`, "v: WrongValueType: expected String, but this is a Number"},
		{value.StringType, `null`, "v: WrongValueType: expected String, but this is a missing value"},
		{value.BooleanType, `{}`, "v: WrongValueType: expected Boolean, but this is an Object"},
		{value.ListOf(value.NumberType), `[]`, ""},
		{value.ListOf(value.NumberType), `[1,2]`, ""},
		{value.ListOf(value.NumberType), `[1,"2"]`, "v[1]: WrongValueType: expected Number, but this is a String"},
		{value.ListOf(value.NumberType), `{}`, "v: WrongValueType: expected List(Number), but this is an Object"},
		{value.ListOf(value.Any), `[1,null]`, ""},
		{server, `{"host":"a","port":1}`, ""},
		{server, `{}`, "v: MissingObjectFields: host, port"},
		{server, `{"host":"a","port":1,"x":1,"a b":2}`, "v: UndeclaredObjectFields: a b, x"},
		{server, `{"host":1,"x":2}`, "v: MissingObjectFields: port\nv: UndeclaredObjectFields: x\nv.host: WrongValueType: expected String, but this is a Number"},
		{server, `[]`, "v: WrongValueType: expected Object(host: String, port: Number), but this is a List"},
		{value.ListOf(server), `[{"host":"a","port":"b"}]`, "v[0].port: WrongValueType: expected Number, but this is a String"},
	} {
		v, err := value.ParseJSON([]byte(c.json))
		if err != nil {
			t.Fatal(err)
		}
		if got := joined(c.typ.Check("v", v)); got != c.problems {
			t.Errorf("%s as %s:\n got %s\nwant %s", c.json, c.typ, got, c.problems)
		}
	}
	many, err := value.ParseJSON([]byte("[" + strings.Repeat("1,", 1000) + "1]"))
	if err != nil {
		t.Fatal(err)
	}
	if n := len(value.ListOf(value.StringType).Check("v", many)); n != 20 {
		t.Errorf("%d problems", n)
	}
}

func TestTypeParts(t *testing.T) {
	t.Parallel()
	list := value.ListOf(value.StringType)
	if e, ok := list.Element(); !ok || !e.Equal(value.StringType) {
		t.Error("element of a list type")
	}
	object := value.ObjectOf(map[string]value.Type{"b": value.NumberType, "a": list})
	if names, ok := object.Fields(); !ok || strings.Join(names, ",") != "a,b" {
		t.Errorf("fields %v", names)
	}
	if f, ok := object.Field("a"); !ok || !f.Equal(list) {
		t.Error("field a")
	}
	if _, ok := object.Field("c"); ok {
		t.Error("field c")
	}
	if !value.Any.IsAny() || list.IsAny() || list.Equal(object) || object.Equal(value.ObjectOf(map[string]value.Type{"b": value.NumberType, "a": value.Any})) {
		t.Error("equality of types")
	}
	if _, ok := value.Any.Element(); ok {
		t.Error("Any has an element")
	}
	if _, ok := list.Fields(); ok {
		t.Error("a list has fields")
	}
}
