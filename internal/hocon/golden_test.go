package hocon_test

import (
	"flag"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"

	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/hocon"
)

var update = flag.Bool("update", false, "rewrite the results in testdata")

// goldenCase is one case of a transcript in testdata:
//
//	=== name
//	the text of main.conf
//	--- file sub/other.conf     (any number: files that may be included)
//	the text
//	--- json                    (or --- error: the problems)
//	the result
type goldenCase struct {
	name, text   string
	files        map[string]string
	head         string // all before the result, to write it back
	kind, result string
}

func readGolden(t testing.TB, file string) []goldenCase {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var cases []goldenCase
	for _, block := range strings.Split("\n"+string(data), "\n=== ")[1:] {
		name, rest, _ := strings.Cut(block, "\n")
		c := goldenCase{name: name, files: map[string]string{}}
		parts := strings.Split("\n"+rest, "\n--- ")
		c.text = strings.TrimPrefix(parts[0], "\n")
		c.head = "=== " + name + parts[0]
		for _, part := range parts[1:] {
			title, body, _ := strings.Cut(part, "\n")
			if target, ok := strings.CutPrefix(title, "file "); ok {
				c.files[target] = body
				c.head += "\n--- " + part
				continue
			}
			c.kind, c.result = title, strings.TrimRight(body, "\n")
		}
		cases = append(cases, c)
	}
	return cases
}

// run parses a case and returns what kind of result it has.
func (c goldenCase) run() (kind, result string) {
	v, err := hocon.Parse(hocon.Source{Name: "main.conf", Text: []byte(c.text)}, hocon.Options{
		Include: func(from, target string) (hocon.Source, error) {
			name := path.Join(path.Dir(from), target)
			text, ok := c.files[name]
			if !ok {
				return hocon.Source{}, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
			}
			return hocon.Source{Name: name, Text: []byte(text)}, nil
		},
	})
	if err != nil {
		var lines []string
		for _, p := range fault.Of(err).Problems {
			lines = append(lines, p.String())
		}
		return "error", strings.Join(lines, "\n")
	}
	return "json", hocon.Render(v)
}

func TestGolden(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no transcripts: %v", err)
	}
	total := 0
	for _, file := range files {
		cases := readGolden(t, file)
		total += len(cases)
		var out strings.Builder
		for _, c := range cases {
			kind, result := c.run()
			out.WriteString(c.head + "\n--- " + kind + "\n" + result + "\n\n")
			if *update {
				continue
			}
			if kind != c.kind || result != c.result {
				t.Errorf("%s: %s:\n%s\n got %s %s\nwant %s %s", file, c.name, c.text, kind, result, c.kind, c.result)
			}
			if kind == "error" && !strings.Contains(result, ".conf:") {
				t.Errorf("%s: %s: error without a place: %s", file, c.name, result)
			}
		}
		if *update {
			if err := os.WriteFile(file, []byte(strings.TrimRight(out.String(), "\n")+"\n"), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	if total < 120 {
		t.Errorf("only %d cases: transcripts are not read as they should be", total)
	}
}
