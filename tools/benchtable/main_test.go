package main

import (
	"bytes"
	"strings"
	"testing"
)

func TestTable(t *testing.T) {
	t.Parallel()
	const input = `goos: linux
pkg: example.org/x/internal/journal
BenchmarkCommit/floor-2     	    100	  200000 ns/op
BenchmarkCommit/group-2     	    100	  300000 ns/op	  3.5 MB/s
BenchmarkOther-2            	 100000	      12.5 ns/op
PASS
ok  	example.org/x/internal/journal	1.0s
`
	var out bytes.Buffer
	if err := run(strings.NewReader(input), &out); err != nil {
		t.Fatal(err)
	}
	want := `FIGURE                VALUE   UNIT   FLOOR   RATIO
journal.Commit/group  300000  ns/op  200000  1.50
journal.Commit/group  3.5     MB/s   -       -
journal.Other         12.5    ns/op  -       -
`
	if out.String() != want {
		t.Errorf("got\n%s\nwant\n%s", out.String(), want)
	}
}

func TestFailuresAreToldApart(t *testing.T) {
	t.Parallel()
	for input, want := range map[string]string{
		"":                              "no figures",
		"FAIL\texample.org/x 1.0s\n":    "failed: FAIL example.org/x",
		"BenchmarkX-2 10 1.2.3 ns/op\n": "invalid syntax",
	} {
		err := run(strings.NewReader(input), &bytes.Buffer{})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("run(%q) = %v, want an error with %q", input, err, want)
		}
	}
}
