package cli

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestChangedLines(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, before, after string
		want                []string
	}{
		{"nothing", `{"a":1}`, `{"a": 1}`, nil},
		{"a value", `{"a":1,"b":2,"c":3}`, `{"a":1,"b":4,"c":3}`, []string{`-   "b": 2,`, `+   "b": 4,`}},
		{"two places", "a\nb\nc\nd\ne", "x\nb\nc\nd\ny", []string{"- a", "+ x", "- e", "+ y"}},
		{"new", "", "a\nb", []string{"+ a", "+ b"}},
		{"gone", "a\nb", "", []string{"- a", "- b"}},
	} {
		if d := cmp.Diff(c.want, changedLines(c.before, c.after)); d != "" {
			t.Errorf("%s: %s", c.name, d)
		}
	}
	if got := changedLines(strings.Repeat("a\n", maxCompared+1)+"x", strings.Repeat("b\n", maxCompared+1)); len(got) != 2*maxCompared+3 {
		t.Errorf("%d lines", len(got))
	}
}
