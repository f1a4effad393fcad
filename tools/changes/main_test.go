package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestParse(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, text, want, err string
	}{
		{"one line", "Added: `signet run` does everything.\n", "- `signet run` does everything.", ""},
		{"with explanation", "Fixed: It starts again.\n\nIt did not\nbefore.\n", "- It starts again.\n  It did not\n  before.", ""},
		{"unknown kind", "Improved: It is nicer now.", "", "must be a kind"},
		{"no kind", "It is nicer now.", "", "must be a kind"},
		{"empty", "", "", "must be a kind"},
		{"no text", "Added: ", "", "say what changed"},
		{"no sentence", "Added: something nice for all", "", "full stop"},
		{"too long", "Added: " + strings.Repeat("very ", 50) + "long.", "", "longer than"},
		{"heading", "Added: Something nice.\n\n# Head\n", "", "no headings"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f, err := parse(tt.text)
			if tt.err != "" {
				if err == nil || !strings.Contains(err.Error(), tt.err) {
					t.Fatalf("parse() error = %v, want one with %q", err, tt.err)
				}
				return
			}
			if err != nil || f.text != tt.want {
				t.Fatalf("parse() = %q, %v, want %q", f.text, err, tt.want)
			}
		})
	}
}

func TestReleaseMovesTheFragments(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	dir := filepath.Join(root, "changes", "unreleased")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	write := func(path, text string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write(filepath.Join(root, "CHANGELOG.md"), "# Changes\n\n"+marker+"\n## 0.1.0 - 2020-01-01\n")
	write(filepath.Join(dir, "b.md"), "Added: The letter B is here.\n")
	write(filepath.Join(dir, "a.md"), "Added: The letter A is here.\n")
	write(filepath.Join(dir, "c.md"), "Security: The letter C is safe.\n")

	now := time.Date(2021, 2, 3, 4, 5, 6, 0, time.UTC)
	if err := run(root, true, "", now); err != nil {
		t.Fatalf("check: %v", err)
	}
	if err := run(root, false, "one", now); err == nil {
		t.Fatal("a release that is no version was taken")
	}
	if err := run(root, false, "0.2.0", now); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(filepath.Join(root, "CHANGELOG.md"))
	if err != nil {
		t.Fatal(err)
	}
	want := "# Changes\n\n" + marker + `
## 0.2.0 - 2021-02-03

### Security

- The letter C is safe.

### Added

- The letter A is here.
- The letter B is here.

## 0.1.0 - 2020-01-01
`
	if string(got) != want {
		t.Errorf("CHANGELOG.md is\n%s\nwant\n%s", got, want)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "*")); len(left) != 0 {
		t.Errorf("fragments left: %v", left)
	}
	if err := run(root, false, "0.3.0", now); err == nil {
		t.Error("an empty release was made")
	}
	write(filepath.Join(dir, "d.md"), "Fixed: The letter D is back.\n")
	if err := run(root, false, "0.2.0", now); err == nil {
		t.Error("a release was made twice")
	}
}
