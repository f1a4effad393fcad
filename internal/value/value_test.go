package value_test

import (
	"encoding/binary"
	"encoding/json"
	"runtime"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/signet-scheduler/signet/internal/value"
)

// anyValue generates values of every kind, up to some depth.
func anyValue(depth int) *rapid.Generator[value.Value] {
	return rapid.Custom(func(t *rapid.T) value.Value {
		most := 7
		if depth == 0 {
			most = 4
		}
		switch rapid.IntRange(0, most).Draw(t, "kind") {
		case 0:
			return value.Missing{}
		case 1:
			return value.Boolean(rapid.Bool().Draw(t, "boolean"))
		case 2:
			return value.NewInt(rapid.Int64().Draw(t, "integer"))
		case 3:
			return anyNumber().Draw(t, "number")
		case 4:
			return value.String(rapid.String().Draw(t, "string"))
		case 5:
			return value.NewObject(rapid.MapOfN(rapid.String(), anyValue(depth-1), 0, 5).Draw(t, "object"))
		}
		return value.List(rapid.SliceOfN(anyValue(depth-1), 0, 5).Draw(t, "list"))
	})
}

func anyNumber() *rapid.Generator[value.Number] {
	return rapid.Custom(func(t *rapid.T) value.Number {
		digits := rapid.StringMatching(`-?[0-9]{1,34}`).Draw(t, "digits")
		places := rapid.IntRange(0, 100).Draw(t, "places")
		if rapid.Bool().Draw(t, "big") {
			places = -rapid.IntRange(0, 65).Draw(t, "zeros")
		}
		n, err := value.ParseNumber(digits + "e" + value.NewInt(int64(-places)).String())
		if err != nil {
			t.Fatalf("%se%d: %v", digits, -places, err)
		}
		return n
	})
}

func TestRoundTrips(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		v := anyValue(4).Draw(t, "value")
		text := value.AppendJSON(nil, v)
		if !json.Valid(text) {
			t.Fatalf("not JSON: %s", text)
		}
		if back, err := value.ParseJSON(text); err != nil || !value.Equal(v, back) {
			t.Fatalf("JSON %s: %v", text, err)
		}
		bytes := value.AppendBinary([]byte("x"), v)
		back, rest, err := value.ReadBinary(append(bytes[1:len(bytes):len(bytes)], "rest"...))
		if err != nil || string(rest) != "rest" || !value.Equal(v, back) {
			t.Fatalf("binary %x: %v, rest %q", bytes, err, rest)
		}
		if !value.Equal(v, v) {
			t.Fatal("a value doesn't equal itself")
		}
		if size := value.Size(v); value.SizeUpTo(v, size) != size || size < len(bytes)/2 {
			t.Fatalf("size %d", size)
		}
	})
}

func TestBinaryIsRefusedWhenCut(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		bytes := value.AppendBinary(nil, anyValue(3).Draw(t, "value"))
		cut := rapid.IntRange(0, len(bytes)-1).Draw(t, "cut")
		if v, _, err := value.ReadBinary(bytes[:cut]); err == nil {
			t.Fatalf("%x cut to %d bytes is read as %v", bytes, cut, v)
		}
	})
}

// Each of the nested lists claims half of the input as its elements. Not
// parallel, since it measures what the process allocates.
func TestCountsDontAllocate(t *testing.T) { //nolint:paralleltest // see above
	const size = 1 << 20
	var data []byte
	for range 100 {
		data = binary.AppendUvarint(append(data, 6), size/2)
	}
	data = append(data, make([]byte, size)...)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	if _, _, err := value.ReadBinary(data); err == nil {
		t.Fatal("cut lists are accepted")
	}
	runtime.ReadMemStats(&after)
	if grown := after.TotalAlloc - before.TotalAlloc; grown > 200*size {
		t.Errorf("%d bytes were allocated for an input of %d bytes", grown, size)
	}
}

func FuzzReadBinary(f *testing.F) {
	for _, text := range []string{
		`null`, `"abc"`, `7`, `-7`, `0.5`, `1e99`, `-12345678901234567890123456789012.34`, `true`, `[1,[2,"x"]]`, `{"a":1,"b":{"c":[]}}`,
	} {
		v, err := value.ParseJSON([]byte(text))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(value.AppendBinary(nil, v))
	}
	f.Add([]byte{3, 0, 0, 1, 5})
	f.Add([]byte(strings.Repeat("\x06\x01", 200)))
	f.Fuzz(func(t *testing.T, data []byte) {
		v, rest, err := value.ReadBinary(data)
		if err != nil {
			return
		}
		used := data[:len(data)-len(rest)]
		if again := value.AppendBinary(nil, v); string(again) != string(used) {
			t.Fatalf("%x is read as %v, which is written as %x", used, v, again)
		}
	})
}

func FuzzParseJSON(f *testing.F) {
	for _, text := range []string{`null`, `"a\u0000\ud83d\ude00"`, `-1.50e3`, `[1,{"a":[]}]`, `{"b":1,"a":0.1}`, `1e400`} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		v, err := value.ParseJSON(data)
		if err != nil {
			return
		}
		text := value.AppendJSON(nil, v)
		back, err := value.ParseJSON(text)
		if err != nil || !value.Equal(v, back) {
			t.Fatalf("%s becomes %s: %v", data, text, err)
		}
	})
}

func TestEqual(t *testing.T) {
	t.Parallel()
	values := []value.Value{
		nil,
		value.Missing{},
		value.String(""), value.String("1"), value.NewInt(1), value.NewInt(0), number(t, "1.5"), value.Boolean(true), value.Boolean(false),
		value.List{},
		value.List{value.NewInt(1)},
		value.List{value.Missing{}},
		value.Object{},
		value.NewObject(map[string]value.Value{"a": value.NewInt(1)}), value.NewObject(map[string]value.Value{"b": value.NewInt(1)}),
	}
	for i, a := range values {
		for j, b := range values {
			if got := value.Equal(a, b); got != (i == j) {
				t.Errorf("Equal(%v, %v) = %v", a, b, got)
			}
		}
	}
	if !value.Equal(value.List(nil), value.List{}) {
		t.Error("nil List differs from the empty one")
	}
	if !value.Equal(number(t, "1"), number(t, "1.0")) || !value.Equal(number(t, "100"), number(t, "1e2")) {
		t.Error("1 differs from 1.0, or 100 from 1e2")
	}
}

func TestJSON(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ in, out string }{
		{`null`, `null`},
		{` [ 1 , 2.50 , "x" ] `, `[1,2.5,"x"]`},
		{`{"b":1,"a":{"d":null,"c":true}}`, `{"a":{"c":true,"d":null},"b":1}`},
		{`1e3`, `1000`},
		{`-0`, `0`},
		{`-0.0`, `0`},
		{`1e-3`, `0.001`},
		{`"\u0000\u001f\u007f\n\t\r\"\\\/\u2028\u2029\u00e4\ud83d\ude00"`, `"\u0000\u001f\u007f\n\t\r\"\\/\u2028\u2029ä😀"`},
		{`9007199254740993`, `9007199254740993`},
		{`0.1`, `0.1`},
	} {
		v, err := value.ParseJSON([]byte(c.in))
		if err != nil {
			t.Errorf("%s: %v", c.in, err)
			continue
		}
		if got := string(value.AppendJSON(nil, v)); got != c.out {
			t.Errorf("%s becomes %s, want %s", c.in, got, c.out)
		}
		if got, err := json.Marshal(v); err != nil || string(got) != strings.NewReplacer("\u007f", `\u007f`).Replace(c.out) {
			t.Errorf("json.Marshal: %s, %v", got, err)
		}
	}
	if got := string(value.AppendJSON(nil, value.List{value.String("a\xffb"), nil})); got != `["a\ufffdb",null]` {
		t.Errorf("bad UTF-8 or nil: %s", got)
	}
	for text, message := range map[string]string{
		`1e400`:                               "$: \"1e400\" is not a number: it must be below 10^100",
		`{"a":[1,1e-101]}`:                    "$.a[1]: ",
		`{"a":1,"a":2}`:                       "occurs twice",
		strings.Repeat("1", 35):               "more than 34 significant digits",
		strings.Repeat("[", 65) + "]":         "nested deeper than 64",
		`[0.` + strings.Repeat("3", 50) + `]`: "$[0]: ",
	} {
		if _, err := value.ParseJSON([]byte(text)); err == nil || !strings.Contains(err.Error(), message) {
			t.Errorf("%s: got %v, want %s", text, err, message)
		}
	}
}

func TestMap(t *testing.T) {
	t.Parallel()
	var m value.Map
	if err := json.Unmarshal([]byte(`{"b":1,"a":null}`), &m); err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(m.Names(), ","); got != "a,b" {
		t.Errorf("names: %s", got)
	}
	if got, err := json.Marshal(m); err != nil || string(got) != `{"a":null,"b":1}` {
		t.Errorf("%s, %v", got, err)
	}
	for _, bad := range []string{`[]`, `7`, `{"a":1,"a":2}`, `{"a":1e999}`} {
		if err := m.UnmarshalJSON([]byte(bad)); err == nil {
			t.Errorf("%s is accepted", bad)
		}
	}
	if err := m.UnmarshalJSON([]byte(`null`)); err != nil || m != nil {
		t.Errorf("null: %v, %v", m, err)
	}
	if got, err := json.Marshal(value.Map(nil)); err != nil || string(got) != `{}` {
		t.Errorf("nil map: %s, %v", got, err)
	}
}

func TestObjectIsACopy(t *testing.T) {
	t.Parallel()
	m := map[string]value.Value{"b": value.NewInt(1), "a": value.NewInt(2)}
	o := value.NewObject(m)
	m["b"] = value.NewInt(9)
	m["c"] = value.NewInt(9)
	if v, ok := o.Get("b"); !ok || v != value.NewInt(1) {
		t.Errorf("b: %v, %v", v, ok)
	}
	if _, ok := o.Get("c"); ok || o.Len() != 2 {
		t.Error("c came later")
	}
	if got := strings.Join(o.Names(), ","); got != "a,b" {
		t.Errorf("names: %s", got)
	}
}

func TestToText(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		v    value.Value
		text value.String
		ok   bool
	}{
		{value.String("a"), "a", true},
		{value.String(""), "", true},
		{number(t, "1.50"), "1.5", true},
		{value.Boolean(true), "true", true},
		{value.Boolean(false), "false", true},
		{value.Missing{}, "", false},
		{nil, "", false},
		{value.List{}, "", false},
		{value.Object{}, "", false},
	} {
		if got, err := value.ToText(c.v); got != c.text || (err == nil) != c.ok {
			t.Errorf("%v: got %q, %v", c.v, got, err)
		}
	}
}

func TestSizeStopsAtTheLimit(t *testing.T) {
	t.Parallel()
	// 2^40 strings when walked, but only 40 lists in memory.
	var v value.Value = value.String("x")
	for range 40 {
		v = value.List{v, v}
	}
	if got := value.SizeUpTo(v, 10_000); got <= 10_000 || got > 20_000 {
		t.Errorf("got %d", got)
	}
	if got := value.Depth(value.List{value.List{}, value.NewInt(1)}); got != 2 {
		t.Errorf("depth %d", got)
	}
}

func TestTooDeepToStorePanics(t *testing.T) {
	t.Parallel()
	var v value.Value = value.NewInt(1)
	for range 128 {
		v = value.List{v}
	}
	if _, _, err := value.ReadBinary(value.AppendBinary(nil, v)); err != nil {
		t.Errorf("depth 128: %v", err)
	}
	defer func() {
		if recover() == nil {
			t.Error("depth 129 is written")
		}
	}()
	value.AppendBinary(nil, value.List{v})
}

func BenchmarkBinary(b *testing.B) {
	v, err := value.ParseJSON([]byte(`{"host":"db1","port":5432,"list":[1,2,3.5],"ok":true}`))
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	var buffer []byte
	for b.Loop() {
		buffer = value.AppendBinary(buffer[:0], v)
		if _, _, err := value.ReadBinary(buffer); err != nil {
			b.Fatal(err)
		}
	}
}
