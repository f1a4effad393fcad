package house

import (
	"bytes"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

func isFile(p string) bool {
	info, err := os.Lstat(filepath.Join(root, filepath.FromSlash(p)))
	return err == nil && info.Mode().IsRegular()
}

func TestPackageComments(t *testing.T) {
	t.Parallel()
	documented := map[string]bool{}
	for _, f := range sources() {
		if strings.HasSuffix(f.path, "_test.go") {
			continue
		}
		ok := f.ast.Doc != nil
		if ok {
			text := f.ast.Doc.Text()
			ok = strings.HasPrefix(text, "Package "+f.ast.Name.Name+" ") || f.ast.Name.Name == "main" && strings.HasPrefix(text, "Command ")
		}
		documented[f.dir] = documented[f.dir] || ok
	}
	for dir, ok := range documented {
		if !ok {
			t.Errorf("%s: no comment \"// Package %s ...\" that says what it owns, what it must not do and who calls it", dir, path.Base(dir))
		}
	}
}

// longFiles may pass the limit, with the reason.
var longFiles = map[string]string{}

func TestFilesHoldOneConcept(t *testing.T) {
	t.Parallel()
	const limit = 600
	generated := regexp.MustCompile(`(?m)^// Code generated .* DO NOT EDIT\.$`)
	for _, f := range sources() {
		if strings.HasSuffix(f.path, "_test.go") || longFiles[f.path] != "" {
			continue
		}
		b := read(t, f.path)
		if n := bytes.Count(b, []byte("\n")); n > limit && !generated.Match(b) {
			t.Errorf("%s has %d lines, more than %d: does it still hold one concept?", f.path, n, limit)
		}
	}
}

// leftovers are texts that must not be in any file. They are put together here,
// so that this file doesn't hold them.
var leftovers = []struct {
	pattern  *regexp.Regexp
	reason   string
	fixtures bool // testdata may hold it
}{
	{regexp.MustCompile(`(^|[^\w.~-])/(wo` + `rk|ro` + `ot|ho` + `me/[a-z]+)/`), "a path of one machine", false},
	{regexp.MustCompile(`\.\./sha` + `red\b`), "a path outside the repository", false},
	{regexp.MustCompile(`proxy\.gol` + `ang\.org|sum\.gol` + `ang\.org|registry\.npm` + `js\.org|(deb|security|ftp)\.deb` + `ian\.org`), "a package registry's host: ordinary clients know where to ask", false},
	{regexp.MustCompile(`\b(TO` + `DO|FIX` + `ME|X` + `XX|HA` + `CK)\b($|[^(]|\([^#])`), "unfinished: do it, or name the issue as (#12)", false},
	{regexp.MustCompile(`^(<<<<` + `<<<|>>>>` + `>>>)( |$)`), "an unresolved merge", false},
	{regexp.MustCompile(`^-----BEGIN [A-Z ]*PRIV` + `ATE KEY`), "a private key: tests make theirs, or keep them in testdata", true},
}

// leftoverAllowed names files in which a left-over is meant, with the reason.
var leftoverAllowed = map[string]string{
	"internal/expr/testdata/datetime.test": "three times X is a letter of date patterns",
}

func TestNothingLeftBehind(t *testing.T) {
	t.Parallel()
	for _, p := range tree() {
		if leftoverAllowed[p] != "" {
			continue
		}
		b := read(t, p)
		if len(b) > 2<<20 {
			t.Errorf("%s has %d bytes: what is big is made by a test or a build", p, len(b))
			continue
		}
		if bytes.IndexByte(b[:min(len(b), 8000)], 0) >= 0 {
			continue // binary
		}
		for i, line := range strings.Split(string(b), "\n") {
			for _, l := range leftovers {
				if l.pattern.MatchString(line) && !(l.fixtures && strings.Contains(p, "testdata/")) {
					t.Errorf("%s:%d: %s: %.120s", p, i+1, l.reason, strings.TrimSpace(line))
				}
			}
		}
	}
}

func TestLeftoverPatterns(t *testing.T) {
	t.Parallel()
	tests := []struct {
		line string
		hit  bool
	}{
		{"see /wo" + "rk/x", true},
		{"\"/ro" + "ot/.ssh\"", true},
		{"cd /ho" + "me/someone/signet", true},
		{"/sys/fs/cgroup/wo" + "rk/x", false},
		{"cert/ro" + "ot/a.pem", false},
		{"../sha" + "red/design", true},
		{"https://proxy.gol" + "ang.org", true},
		{"// TO" + "DO: later", true},
		{"// TO" + "DO(#12): later", false},
		{"mktemp X" + "XXXXX", false},
		{"<<<<" + "<<< HEAD", true},
		{"=======", false},
		{"-----BEGIN EC PRIV" + "ATE KEY-----", true},
		{"-----BEGIN CERTIFICATE-----", false},
	}
	for _, tt := range tests {
		hit := false
		for _, l := range leftovers {
			hit = hit || l.pattern.MatchString(tt.line)
		}
		if hit != tt.hit {
			t.Errorf("%q: found=%v, want %v", tt.line, hit, tt.hit)
		}
	}
}

func read(t *testing.T, p string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(p)))
	if os.IsNotExist(err) {
		return nil // removed while the test runs
	}
	if err != nil {
		t.Fatal(err)
	}
	return b
}
