package strictjson_test

import (
	"strings"
	"testing"

	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/strictjson"
)

var accepted = []string{
	`null`, `true`, `false`, `0`, `-0`, `1`, `-1`, `12`, `1.5`, `-1.5`, `0.0`, `1e5`, `1E5`, `1e+5`, `1e-5`, `1.5e5`,
	`1e400`, `9007199254740993`, `123456789012345678901234567890123456789012345678901234567890`, `-0.0`, `0e0`,
	`""`, `"a"`, `"ä"`, `"€"`, `"😀"`, `"\""`, `"\\"`, `"\/"`, `"\b\f\n\r\t"`, `"\u0041"`, `"\u00e4"`, `"\u20AC"`,
	`"\ud83d\ude00"`, `"\uD83D\uDE00"`, `"\u0000"`, `"\uFFFF"`, `"\ufffd"`, "\"\u2028\"", "\"\x7f\"", "\"\ufeff\"", `"\uFEFF"`,
	"\"\ufffd\"", `"\ue000"`, `"a b"`, `"/"`, `"//"`, `"/*"`,
	`[]`, `[ ]`, `[1]`, `[1,2]`, ` [ 1 , 2 ] `, `[[]]`, `[[],[]]`, `[null]`, "[\n1\r\n,\t2]",
	`{}`, `{ }`, `{"a":1}`, `{"a":1,"b":2}`, ` { "a" : 1 , "b" : [ ] } `, `{"":0}`, `{"a":{"a":{"a":1}}}`, `[{"a":1},{"a":1}]`,
	`{"a":1,"A":2}`, `{"k":1,"\u212a":2}`, `{"s":1,"ſ":2}`, `{"\u0000":1}`, `{"a b":1}`, `{"a.b":1}`, `{"__proto__":1}`,
	" null", "null ", "\tnull\n", "\r\nnull\r\n",
	strings.Repeat("[", 64) + strings.Repeat("]", 64),
	strings.Repeat(`{"a":`, 63) + `[]` + strings.Repeat("}", 63),
}

var refused = []struct{ json, where, message string }{
	{"", "1:1 $", "unexpected end of the document"},
	{" ", "1:2 $", "unexpected end"},
	{"\xef\xbb\xbfnull", "1:1 $", "byte order mark"},
	{"\xff\xfe", "1:1 $", "byte 0xFF"},
	{"nul", "1:1 $", "unexpected 'n'"},
	{"nulll", "1:5 $", "after the end"},
	{"NULL", "1:1 $", "unexpected 'N'"},
	{"True", "1:1 $", "unexpected 'T'"},
	{"tru", "1:1 $", "unexpected 't'"},
	{"truefalse", "1:5 $", "after the end"},
	{"NaN", "1:1 $", "unexpected 'N'"},
	{"Infinity", "1:1 $", "unexpected 'I'"},
	{"-Infinity", "1:2 $", "expected a digit"},
	{"undefined", "1:1 $", "unexpected 'u'"},
	{"1 2", "1:3 $", "after the end"},
	{"{}{}", "1:3 $", "after the end"},
	{"[] x", "1:4 $", "after the end"},
	{"null\x00", "1:5 $", "after the end"},
	{"null,", "1:5 $", "after the end"},
	{"\x00", "1:1 $", "unexpected"},
	{"\u00a0null", "1:1 $", "unexpected"},
	{"\x0cnull", "1:1 $", "unexpected"},
	{"null // c", "1:6 $", "comments are not allowed"},
	{"/* c */ null", "1:1 $", "comments are not allowed"},
	{"# c\nnull", "1:1 $", "comments are not allowed"},
	{"[1, // c\n2]", "1:5 $[1]", "comments are not allowed"},
	{"-", "1:2 $", "expected a digit"},
	{"+1", "1:1 $", "unexpected '+'"},
	{"01", "1:1 $", "must not begin with 0"},
	{"-01", "1:1 $", "must not begin with 0"},
	{"00", "1:1 $", "must not begin with 0"},
	{"1.", "1:3 $", "expected a digit"},
	{".5", "1:1 $", "unexpected '.'"},
	{"-.5", "1:2 $", "expected a digit"},
	{"1.e5", "1:3 $", "expected a digit"},
	{"1e", "1:3 $", "expected a digit"},
	{"1e+", "1:4 $", "expected a digit"},
	{"1e-+5", "1:4 $", "expected a digit"},
	{"1e+-5", "1:4 $", "expected a digit"},
	{"0x10", "1:2 $", "after the end"},
	{"1_000", "1:2 $", "after the end"},
	{"1,5", "1:2 $", "after the end"},
	{"--1", "1:2 $", "expected a digit"},
	{"１", "1:1 $", "unexpected"},
	{`"`, "1:1 $", "not closed"},
	{`"a`, "1:1 $", "not closed"},
	{`"\`, "1:2 $", "not closed"},
	{`"\"`, "1:1 $", "not closed"},
	{`'a'`, "1:1 $", "unexpected"},
	{`a`, "1:1 $", "unexpected 'a'"},
	{`"\a"`, "1:2 $", "unknown escape"},
	{`"\'"`, "1:2 $", "unknown escape"},
	{`"\0"`, "1:2 $", "unknown escape"},
	{`"\x41"`, "1:2 $", "unknown escape"},
	{`"\U0041"`, "1:2 $", "unknown escape"},
	{`"\u"`, "1:2 $", "four hexadecimal digits"},
	{`"\u004"`, "1:2 $", "four hexadecimal digits"},
	{`"\u004g"`, "1:2 $", "four hexadecimal digits"},
	{`"\u+041"`, "1:2 $", "four hexadecimal digits"},
	{`"\u{41}"`, "1:2 $", "four hexadecimal digits"},
	{`"\ud83d"`, "1:2 $", "surrogate"},
	{`"\ude00"`, "1:2 $", "surrogate"},
	{`"\ud83dx"`, "1:2 $", "surrogate"},
	{`"\ud83d\n"`, "1:2 $", "surrogate"},
	{`"\ud83d\u0041"`, "1:2 $", "surrogate"},
	{`"\ude00\ud83d"`, "1:2 $", "surrogate"},
	{`"\ud83d\ud83d\ude00"`, "1:2 $", "surrogate"},
	{`"\ud83d\u"`, "1:2 $", "surrogate"},
	{`"\ud83d\`, "1:2 $", "surrogate"},
	{`{"\ud800":1}`, "1:3 $", "surrogate"},
	{"\"\n\"", "1:2 $", "control character (U+000A)"},
	{"\"\t\"", "1:2 $", "control character (U+0009)"},
	{"\"\x00\"", "1:2 $", "control character (U+0000)"},
	{"\"\x1f\"", "1:2 $", "control character (U+001F)"},
	{"\"\x80\"", "1:2 $", "byte 0x80"},
	{"\"\xff\"", "1:2 $", "byte 0xFF"},
	{"\"\xc0\xaf\"", "1:2 $", "byte 0xC0"},
	{"\"\xe0\x80\xaf\"", "1:2 $", "byte 0xE0"},
	{"\"\xed\xa0\x80\"", "1:2 $", "byte 0xED"},
	{"\"\xf4\x90\x80\x80\"", "1:2 $", "byte 0xF4"},
	{"\"\xc3", "1:2 $", "byte 0xC3"},
	{"\"ä\xc3\"", "1:3 $", "byte 0xC3"},
	{`[`, "1:2 $[0]", "unexpected end"},
	{`[1`, "1:3 $", "expected ',' or ']'"},
	{`[1,`, "1:4 $[1]", "unexpected end"},
	{`[1,]`, "1:4 $[1]", "unexpected ']'"},
	{`[,1]`, "1:2 $[0]", "unexpected ','"},
	{`[1,,2]`, "1:4 $[1]", "unexpected ','"},
	{`[1 2]`, "1:4 $", "expected ',' or ']'"},
	{`[1;2]`, "1:3 $", "expected ',' or ']'"},
	{`[1}`, "1:3 $", "unexpected '}'"},
	{`]`, "1:1 $", "unexpected ']'"},
	{`[1]]`, "1:4 $", "after the end"},
	{`{`, "1:2 $", "expected a key"},
	{`{"a"`, "1:5 $", "expected ':'"},
	{`{"a":`, "1:6 $.a", "unexpected end"},
	{`{"a":1`, "1:7 $", "expected ',' or '}'"},
	{`{"a":1,`, "1:8 $", "expected a key"},
	{`{"a":1,}`, "1:8 $", "expected a key"},
	{`{,"a":1}`, "1:2 $", "expected a key"},
	{`{a:1}`, "1:2 $", "expected a key"},
	{`{'a':1}`, "1:2 $", "expected a key"},
	{`{1:1}`, "1:2 $", "expected a key"},
	{`{null:1}`, "1:2 $", "expected a key"},
	{`{"a" 1}`, "1:6 $", "expected ':'"},
	{`{"a"=1}`, "1:5 $", "expected ':'"},
	{`{"a"::1}`, "1:6 $.a", "unexpected ':'"},
	{`{"a":1 "b":2}`, "1:8 $", "expected ',' or '}'"},
	{`{"a":1]`, "1:7 $", "unexpected ']'"},
	{`{"a"}`, "1:5 $", "expected ':'"},
	{`}`, "1:1 $", "unexpected '}'"},
	{`{"a":1,"a":1}`, "1:8 $", `the key "a" occurs twice`},
	{`{"a":1,"b":2,"a":3}`, "1:14 $", `the key "a" occurs twice`},
	{`{"a":1,"\u0061":2}`, "1:8 $", `the key "a" occurs twice`},
	{`{"":1,"":2}`, "1:7 $", `the key "" occurs twice`},
	{`{"😀":1,"\ud83d\ude00":2}`, "1:8 $", "occurs twice"},
	{`{"x":[{"y":{"a":1,"a":2}}]}`, "1:19 $.x[0].y", "occurs twice"},
	{"{\n  \"a b\": [\n    1, tru\n  ]\n}", `3:8 $["a b"][1]`, "unexpected 't'"},
	{"{\"ä\": \"€\", \"x\": }", "1:17 $.x", "unexpected '}'"},
}

func TestAccepted(t *testing.T) {
	t.Parallel()
	if n := len(accepted) + len(refused); n < 120 {
		t.Errorf("only %d cases", n)
	}
	for _, json := range accepted {
		n, err := strictjson.Parse([]byte(json), strictjson.Limits{})
		if err != nil {
			t.Errorf("%q: %v", json, err)
			continue
		}
		checkAgainstStandard(t, []byte(json), n)
	}
}

func TestRefused(t *testing.T) {
	t.Parallel()
	for _, c := range refused {
		_, err := strictjson.Parse([]byte(c.json), strictjson.Limits{})
		if err == nil {
			t.Errorf("%q is accepted", c.json)
			continue
		}
		e := fault.Of(err)
		if e.Kind != fault.Invalid || e.Code != "InvalidJson" || len(e.Problems) != 1 {
			t.Errorf("%q: %#v", c.json, e)
			continue
		}
		if p := e.Problems[0]; p.Where != c.where || !strings.Contains(p.Message, c.message) {
			t.Errorf("%q: got %q, want %q %q", c.json, p, c.where, c.message)
		}
	}
}
