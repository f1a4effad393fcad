package main

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
)

func TestSummary(t *testing.T) {
	t.Parallel()
	const (
		start = `{"Action":"start","Package":"p"}`
		run   = `{"Action":"run","Package":"p","Test":"T"}`
	)
	tests := []struct {
		name  string
		lines []string
		ok    bool
		want  []string
		not   []string
	}{
		{
			name:  "all pass, their output is dropped",
			lines: []string{start, run, `{"Action":"output","Package":"p","Test":"T","Output":"chatter\n"}`, `{"Action":"pass","Package":"p","Test":"T"}`, `{"Action":"pass","Package":"p","Elapsed":0.5}`},
			ok:    true,
			want:  []string{"ok    p  0.5s  1 tests", "\n1 passed, 0 failed\n"},
			not:   []string{"chatter", "failed:"},
		},
		{
			name:  "a failed test shows its output",
			lines: []string{start, run, `{"Action":"output","Package":"p","Test":"T","Output":"    x_test.go:3: got 1\n"}`, `{"Action":"fail","Package":"p","Test":"T"}`, `{"Action":"fail","Package":"p"}`},
			want:  []string{"--- FAIL: T (p)\n    x_test.go:3: got 1\n", "failed:\n  p T\n", "\n0 passed, 1 failed\n"},
		},
		{
			name:  "a package that doesn't build counts as one",
			lines: []string{`{"ImportPath":"p [p.test]","Action":"build-output","Output":"p/x.go:1:1: syntax error\n"}`, start, `{"Action":"fail","Package":"p","FailedBuild":"p [p.test]"}`},
			want:  []string{"syntax error", "\n0 passed, 1 failed\n"},
		},
		{
			name:  "a package that panics outside a test shows what it wrote",
			lines: []string{start, `{"Action":"output","Package":"p","Output":"panic: boom\n"}`, `{"Action":"fail","Package":"p"}`},
			want:  []string{"panic: boom", "\n0 passed, 1 failed\n"},
		},
		{
			name:  "a package without an end failed",
			lines: []string{start, run},
			want:  []string{"p (never ended)", "\n0 passed, 1 failed\n"},
		},
		{
			name:  "skipped with the reason",
			lines: []string{start, run, `{"Action":"output","Package":"p","Test":"T","Output":"    x_test.go:3: gpg is missing\n"}`, `{"Action":"output","Package":"p","Test":"T","Output":"--- SKIP: T (0.00s)\n"}`, `{"Action":"skip","Package":"p","Test":"T"}`, `{"Action":"pass","Package":"p","Test":"U"}`, `{"Action":"pass","Package":"p"}`},
			ok:    true,
			want:  []string{"1 skipped:\n  p T: x_test.go:3: gpg is missing", "\n1 passed, 0 failed\n"},
		},
		{
			name: "nothing ran",
			want: []string{"no test ran", "\n0 passed, 0 failed\n"},
		},
		{
			name:  "words of the go command are passed on, downloads are not",
			lines: []string{"go: downloading example.org/x v1.0.0", "go: go.mod is broken"},
			want:  []string{"go: go.mod is broken"},
			not:   []string{"downloading"},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var out bytes.Buffer
			s := newSummary(&out)
			if err := s.read(strings.NewReader(strings.Join(tt.lines, "\n"))); err != nil {
				t.Fatal(err)
			}
			if ok := s.finish(); ok != tt.ok {
				t.Errorf("finish() = %v, want %v", ok, tt.ok)
			}
			for _, w := range tt.want {
				if !strings.Contains(out.String(), w) {
					t.Errorf("output lacks %q:\n%s", w, out.String())
				}
			}
			for _, n := range tt.not {
				if strings.Contains(out.String(), n) {
					t.Errorf("output has %q:\n%s", n, out.String())
				}
			}
		})
	}
}

func TestKeepBoundsTheOutput(t *testing.T) {
	t.Parallel()
	var lines []string
	for i := range 3 * maxLines {
		lines = keep(lines, fmt.Sprint(i))
	}
	if len(lines) != maxLines {
		t.Fatalf("kept %d lines, want %d", len(lines), maxLines)
	}
	if lines[0] != "0" || lines[maxLines-1] != fmt.Sprint(3*maxLines-1) || lines[maxLines-2] != fmt.Sprint(3*maxLines-2) {
		t.Errorf("ends are not kept: %q ... %q %q", lines[0], lines[maxLines-2], lines[maxLines-1])
	}
}
