package workflow

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/value"
)

func TestCheckArguments(t *testing.T) {
	t.Parallel()
	w := parse(t, `"instructions":[],"orderPreparation":{"parameters":{
		"customer":{"type":"String","pattern":"[a-z]+","maxLength":5},
		"limit":{"type":"Number","default":"10","minimum":1,"maximum":10.5},
		"mode":{"type":"String","default":"'fast'","enum":["fast","slow"]},
		"files":{"type":{"TYPE":"List","elementType":{"TYPE":"List","elementType":"String"}},"default":"[]","maxLength":2},
		"host":{"type":{"TYPE":"Object","name":"String","port":"Number"},"default":"{name: 'a', port: 1}"},
		"any":{"default":"missing","enum":[1,"a",null]},
		"final":{"final":"$customer"}}}`)
	for _, test := range []struct {
		name, args string
		want       []string
	}{
		{"good", `{"customer":"abc","limit":10.5,"mode":"slow","files":[["a"],[]],"host":{"name":"x","port":2},"any":1.0}`, nil},
		{"required only", `{"customer":"a"}`, nil},
		{"none", `{}`, []string{"$.arguments.customer: MissingOrderArgument: the workflow requires this argument, type String"}},
		{"wrong types", `{"customer":7,"limit":"7","mode":null,"files":[["a",1],"b"],"host":{"name":1,"prot":2}}`, []string{
			"$.arguments.customer: WrongValueType: expected String, but this is a Number",
			"$.arguments.files[0][1]: WrongValueType: expected String, but this is a Number",
			"$.arguments.files[1]: WrongValueType: expected List(String), but this is a String",
			"$.arguments.host: MissingObjectFields: port",
			"$.arguments.host: UndeclaredObjectFields: prot",
			"$.arguments.host.name: WrongValueType: expected String, but this is a Number",
			"$.arguments.limit: WrongValueType: expected Number, but this is a String",
			"$.arguments.mode: WrongValueType: expected String, but this is a missing value",
		}},
		{"constraints", `{"customer":"ab\nc","limit":0.999,"mode":"Fast","files":[["ab","abc"],["äö","äöü"]],"any":2}`, []string{
			"$.arguments.any: InvalidOrderArgument: the value is not one of 1, \"a\", null",
			"$.arguments.customer: InvalidOrderArgument: the value doesn't match the pattern \"[a-z]+\"",
			"$.arguments.files[0][1]: InvalidOrderArgument: the value is longer than 2 characters",
			"$.arguments.files[1][1]: InvalidOrderArgument: the value is longer than 2 characters",
			"$.arguments.limit: InvalidOrderArgument: the value is less than the minimum 1",
			"$.arguments.mode: InvalidOrderArgument: the value is not one of \"fast\", \"slow\"",
		}},
		{"final, undeclared", `{"customer":"a","final":"x","Customer":1,"a b":1,"limit":10.51}`, []string{
			"$.arguments.final: FinalOrderArgument: the parameter is computed and must not be given",
			"$.arguments.limit: InvalidOrderArgument: the value is greater than the maximum 10.5",
			"$.arguments.Customer: UndeclaredOrderArgument: the workflow has no such parameter; did you mean \"customer\"? (upper and lower case matter)",
			"$.arguments[\"a b\"]: UndeclaredOrderArgument: the workflow has no such parameter",
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			var args value.Map
			if err := args.UnmarshalJSON([]byte(test.args)); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, texts(w.Preparation.Check(args))); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func texts(problems []fault.Problem) []string {
	var s []string
	for _, p := range problems {
		s = append(s, p.String())
	}
	return s
}

func TestPreparationKinds(t *testing.T) {
	t.Parallel()
	args := value.Map{"x": value.NewInt(1)}
	if p := parse(t, `"instructions":[]`).Preparation; p != nil || p.Check(args) != nil || p.Parameter("x") != nil {
		t.Error("without orderPreparation, not every argument is allowed")
	}
	if p := parse(t, `"instructions":[],"orderPreparation":{}`).Preparation; len(p.Check(args)) != 1 {
		t.Error("an empty orderPreparation allows undeclared arguments")
	}
	if p := parse(t, `"instructions":[],"orderPreparation":{"allowUndeclared":true}`).Preparation; p.Check(args) != nil {
		t.Error("undeclared arguments are refused")
	}
	p := parse(t, `"instructions":[],"orderPreparation":{"parameters":{"c":{},"a":{"default":"1"},"b":{"final":"2"}}}`).Preparation
	for name, required := range map[string]bool{"a": false, "b": false, "c": true} {
		if q := p.Parameter(name); q == nil || q.Name != name || q.Required() != required {
			t.Errorf("parameter %s is %v", name, q)
		}
	}
	if p.Parameter("d") != nil {
		t.Error("there is a parameter d")
	}
	if len(p.Parameter("c").CheckValue(value.List{value.NewInt(1)})) != 0 {
		t.Error("a parameter without type doesn't take every value")
	}
}

func TestManyProblems(t *testing.T) {
	t.Parallel()
	args := value.Map{}
	for i := range 3 * MaxProblems {
		args[strings.Repeat("x", i+1)] = value.NewInt(1)
	}
	if got := len((&OrderPreparation{}).Check(args)); got != MaxProblems {
		t.Errorf("%d problems", got)
	}
}

func TestPattern(t *testing.T) {
	t.Parallel()
	p, err := NewPattern("a|b+")
	if err != nil {
		t.Fatal(err)
	}
	for s, want := range map[string]bool{"a": true, "bbb": true, "ab": false, "": false, "a\n": false, "xa": false} {
		if p.Matches(s) != want {
			t.Errorf("%q matches: %v", s, !want)
		}
	}
	for _, bad := range []string{"(", "a)|(?:b", "(?=a)", `(a)\1`, `a\`, `\Qa`} {
		if _, err := NewPattern(bad); err == nil {
			t.Errorf("the pattern %q is accepted", bad)
		}
	}
}
