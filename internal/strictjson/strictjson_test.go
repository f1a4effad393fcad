package strictjson_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/strictjson"
)

// checkAgainstStandard checks that the standard library reads the same value.
func checkAgainstStandard(t *testing.T, data []byte, n *strictjson.Node) {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		t.Errorf("%q is accepted, but encoding/json says: %v", data, err)
		return
	}
	if got := plain(n); !same(got, v) {
		t.Errorf("%q is read as %#v, but encoding/json reads %#v", data, got, v)
	}
}

func plain(n *strictjson.Node) any {
	switch n.Kind {
	case strictjson.Null:
		return nil
	case strictjson.Bool:
		return n.Bool
	case strictjson.Number:
		return json.Number(n.Text)
	case strictjson.String:
		return n.Text
	case strictjson.Array:
		list := make([]any, len(n.Items))
		for i, item := range n.Items {
			list[i] = plain(item)
		}
		return list
	case strictjson.Object:
		m := make(map[string]any, len(n.Keys))
		for i, key := range n.Keys {
			m[key] = plain(n.Items[i])
		}
		return m
	}
	panic(fmt.Sprintf("unknown kind %v", n.Kind))
}

func same(a, b any) bool {
	switch a := a.(type) {
	case []any:
		b, ok := b.([]any)
		if !ok || len(a) != len(b) {
			return false
		}
		for i := range a {
			if !same(a[i], b[i]) {
				return false
			}
		}
		return true
	case map[string]any:
		b, ok := b.(map[string]any)
		if !ok || len(a) != len(b) {
			return false
		}
		for key := range a {
			other, ok := b[key]
			if !ok || !same(a[key], other) {
				return false
			}
		}
		return true
	}
	switch b.(type) {
	case []any, map[string]any:
		return false
	}
	return a == b
}

func FuzzParse(f *testing.F) {
	for _, s := range accepted {
		f.Add([]byte(s))
	}
	for _, c := range refused {
		f.Add([]byte(c.json))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		limits := strictjson.Limits{MaxBytes: 1 << 16, MaxNodes: 5000}
		n, err := strictjson.Parse(data, limits)
		if err != nil {
			if e := fault.Of(err); e.Kind != fault.Invalid && e.Kind != fault.TooLarge {
				t.Fatalf("unexpected kind: %v", err)
			}
			return
		}
		checkAgainstStandard(t, data, n)
		checkOffsets(t, data, n)
	})
}

// checkOffsets checks that each node's offset points at its text.
func checkOffsets(t *testing.T, data []byte, n *strictjson.Node) {
	t.Helper()
	first := map[strictjson.Kind]string{
		strictjson.Null: "n", strictjson.Bool: "tf", strictjson.Number: "-0123456789",
		strictjson.String: `"`, strictjson.Array: "[", strictjson.Object: "{",
	}
	if !strings.ContainsRune(first[n.Kind], rune(data[n.Offset])) {
		t.Errorf("offset %d of %v points at %q", n.Offset, n.Kind, data[n.Offset])
	}
	for _, item := range n.Items {
		checkOffsets(t, data, item)
	}
}

func TestLimits(t *testing.T) {
	t.Parallel()
	deep := func(n int) string { return strings.Repeat("[", n) + strings.Repeat("]", n) }
	many := func(n int) string { return "[" + strings.Repeat("1,", n-1) + "1]" }
	for _, c := range []struct {
		name   string
		json   string
		limits strictjson.Limits
		ok     bool
	}{
		{"size at the limit", `"abc"`, strictjson.Limits{MaxBytes: 5}, true},
		{"size over the limit", `"abcd"`, strictjson.Limits{MaxBytes: 5}, false},
		{"size comes before content", `x-----`, strictjson.Limits{MaxBytes: 5}, false},
		{"default depth", deep(64), strictjson.Limits{}, true},
		{"over the default depth", deep(65), strictjson.Limits{}, false},
		{"objects count too", strings.Repeat(`{"a":`, 65) + "1" + strings.Repeat("}", 65), strictjson.Limits{}, false},
		{"own depth", deep(3), strictjson.Limits{MaxDepth: 3}, true},
		{"over own depth", deep(4), strictjson.Limits{MaxDepth: 3}, false},
		{"greatest depth", deep(1000), strictjson.Limits{MaxDepth: 1 << 30}, true},
		{"over the greatest depth", deep(1001), strictjson.Limits{MaxDepth: 1 << 30}, false},
		{"only opening", strings.Repeat("[", 1<<20), strictjson.Limits{}, false},
		{"nodes at the limit", many(9), strictjson.Limits{MaxNodes: 10}, true},
		{"nodes over the limit", many(10), strictjson.Limits{MaxNodes: 10}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			_, err := strictjson.Parse([]byte(c.json), c.limits)
			if (err == nil) != c.ok {
				t.Fatalf("error: %v", err)
			}
			if err != nil && !(fault.Is(err, fault.TooLarge) && fault.HasCode(err, "DocumentTooLarge")) {
				t.Errorf("wrong error: %#v", err)
			}
		})
	}
}

func TestManyKeysAreCheckedForDuplicates(t *testing.T) {
	t.Parallel()
	for _, n := range []int{2, 11, 12, 13, 14, 1000} {
		var b strings.Builder
		b.WriteByte('{')
		for i := range n {
			fmt.Fprintf(&b, `"k%d":%d,`, i, i)
		}
		unique := b.String() + `"last":0}`
		if _, err := strictjson.Parse([]byte(unique), strictjson.Limits{}); err != nil {
			t.Errorf("%d keys: %v", n, err)
		}
		for _, again := range []int{0, n / 2, n - 1} {
			doubled := fmt.Sprintf(`%s"k%d":0}`, b.String(), again)
			if _, err := strictjson.Parse([]byte(doubled), strictjson.Limits{}); err == nil {
				t.Errorf("%d keys: a second k%d is accepted", n, again)
			}
		}
	}
}

func TestInt(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		json string
		want int64
		ok   bool
	}{
		{"0", 0, true},
		{"7", 7, true},
		{"-7", -7, true},
		{"9007199254740991", 1<<53 - 1, true},
		{"-9007199254740991", -(1<<53 - 1), true},
		{"9007199254740992", 0, false},
		{"-9007199254740992", 0, false},
		{"99999999999999999999", 0, false},
		{"-0", 0, false},
		{"1.0", 0, false},
		{"1e3", 0, false},
		{"0.0", 0, false},
		{`"7"`, 0, false},
		{"null", 0, false},
		{"[7]", 0, false},
	} {
		n, err := strictjson.Parse([]byte(c.json), strictjson.Limits{})
		if err != nil {
			t.Fatal(err)
		}
		if got, err := n.Int(); (err == nil) != c.ok || got != c.want {
			t.Errorf("%s: got %d, %v", c.json, got, err)
		}
	}
	var none *strictjson.Node
	if _, err := none.Int(); err == nil {
		t.Error("a nil node is an integer")
	}
}

func TestGetMatchesExactly(t *testing.T) {
	t.Parallel()
	n, err := strictjson.Parse([]byte(`{"path":"A","Path":"B","x":null}`), strictjson.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	if v, ok := n.Get("path"); !ok || v.Text != "A" {
		t.Errorf("path: %v %v", v, ok)
	}
	if v, ok := n.Get("Path"); !ok || v.Text != "B" {
		t.Errorf("Path: %v %v", v, ok)
	}
	if v, ok := n.Get("x"); !ok || v.Kind != strictjson.Null {
		t.Errorf("x: %v %v", v, ok)
	}
	if _, ok := n.Get("PATH"); ok {
		t.Error("PATH is found")
	}
	if _, ok := n.Items[0].Get("path"); ok {
		t.Error("a string has a key")
	}
}

func TestNodesDontReferToTheInput(t *testing.T) {
	t.Parallel()
	data := []byte(`{"key":["text",12]}`)
	n, err := strictjson.Parse(data, strictjson.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	for i := range data {
		data[i] = 'X'
	}
	if n.Keys[0] != "key" || n.Items[0].Items[0].Text != "text" || n.Items[0].Items[1].Text != "12" {
		t.Errorf("changed with the input: %v %v", n.Keys, n.Items[0].Items)
	}
}

func TestLineCol(t *testing.T) {
	t.Parallel()
	data := []byte("aä\n€b\r\nc")
	for _, c := range []struct{ offset, line, col int }{
		{-1, 1, 1}, {0, 1, 1}, {1, 1, 2}, {3, 1, 3}, {4, 2, 1}, {7, 2, 2}, {8, 2, 3}, {10, 3, 1}, {11, 3, 2}, {99, 3, 2},
	} {
		if line, col := strictjson.LineCol(data, c.offset); line != c.line || col != c.col {
			t.Errorf("offset %d: got %d:%d, want %d:%d", c.offset, line, col, c.line, c.col)
		}
	}
}

func TestPaths(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("é", 100)
	for got, want := range map[string]string{
		strictjson.KeyPath("$", "a_1"):                             "$.a_1",
		strictjson.KeyPath("$.a", "b c"):                           `$.a["b c"]`,
		strictjson.KeyPath("$", "1a"):                              `$["1a"]`,
		strictjson.KeyPath("$", ""):                                `$[""]`,
		strictjson.KeyPath("$", `"`):                               `$["\""]`,
		strictjson.IndexPath("$.a", 3):                             "$.a[3]",
		strictjson.KeyPath("$", long):                              `$["` + strings.Repeat("é", 30) + `…"]`,
		strictjson.KeyPath("$", strings.Repeat("a", 61)):           `$["` + strings.Repeat("a", 60) + `…"]`,
		strictjson.KeyPath(strictjson.IndexPath("$", 0), "\u202e"): `$[0]["\u202e"]`,
	} {
		if got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

func BenchmarkParse(b *testing.B) {
	data := []byte("[" + strings.Repeat(`{"TYPE":"Execute.Named","jobName":"job","arguments":{"a":"'x'","b":"1"}},`, 2000) + "null]")
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := strictjson.Parse(data, strictjson.Limits{}); err != nil {
			b.Fatal(err)
		}
	}
}
