package cli

import (
	"strings"
	"testing"
)

func TestTypedLine(t *testing.T) {
	t.Parallel()
	for typed, want := range map[string]string{
		"secret\n":                       "secret",
		"secret\rmore":                   "secret",
		"x\x15sä\x7fecret\n":             "secret",
		"\x7f\x7fa\n":                    "a",
		"ab\x04":                         "ab",
		"\n":                             "",
		strings.Repeat("x", 2000) + "\n": strings.Repeat("x", maxPassword),
	} {
		if got, err := typedLine(strings.NewReader(typed)); err != nil || got != want {
			t.Errorf("%q: %q, %v", typed, got, err)
		}
	}
	for _, typed := range []string{"", "secret", "secret\x03", "\x04"} {
		if got, err := typedLine(strings.NewReader(typed)); err == nil {
			t.Errorf("%q: %q", typed, got)
		}
	}
}
