package conf_test

import (
	"flag"
	"os"
	"strings"
	"testing"

	"github.com/signet-scheduler/signet/internal/conf"
)

var update = flag.Bool("update", false, "rewrite the tables in docs/operations/configuration.md")

const docFile = "../../docs/operations/configuration.md"

// table is the part of the documentation that comes from the code.
func table(part conf.Part) string {
	var b strings.Builder
	b.WriteString("| key | type | default | allowed | meaning |\n|---|---|---|---|---|\n")
	for _, key := range conf.Keys(part) {
		def, meaning := "", key.Meaning
		if key.Default != "" {
			def = "`" + key.Default + "`"
		}
		if key.Required {
			def = "required"
		}
		if key.Alias != "" {
			meaning += " Also: `" + key.Alias + "`."
		}
		for i, cell := range []string{"`" + key.Name + "`", key.Type, def, key.Range, meaning} {
			if i == 0 {
				b.WriteString("|")
			}
			b.WriteString(" " + strings.ReplaceAll(cell, "|", `\|`) + " |")
		}
		b.WriteString("\n")
	}
	return b.String()
}

// TestDocumentationIsTheCode: configuration.md has a row for every key of
// every part, and no other.
func TestDocumentationIsTheCode(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile(docFile)
	if err != nil {
		t.Fatal(err)
	}
	text := string(data)
	for _, part := range conf.Parts() {
		begin, end := "<!-- keys of "+string(part)+" -->\n", "<!-- end -->"
		before, rest, ok := strings.Cut(text, begin)
		old, after, ok2 := strings.Cut(rest, end)
		if !ok || !ok2 {
			t.Fatalf("%s has no place for the keys of %s", docFile, part)
		}
		if want := table(part); old != want && !*update {
			t.Errorf("%s: the keys of %s are not those of the code; run go test ./internal/conf -run Documentation -update", docFile, part)
		}
		text = before + begin + table(part) + end + after
	}
	if *update {
		if err := os.WriteFile(docFile, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// TestDocumentedExamplesLoad: what the documentation shows as a file is one.
func TestDocumentedExamplesLoad(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile(docFile)
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range conf.Parts() {
		_, section, _ := strings.Cut(string(data), "\n## "+string(part)+".conf\n")
		section, _, _ = strings.Cut(section, "\n## ")
		_, example, ok := strings.Cut(section, "```hocon\n")
		example, _, ok2 := strings.Cut(example, "```")
		if !ok || !ok2 {
			t.Fatalf("no example of %s.conf", part)
		}
		if _, err := loadText(part, example); err != nil {
			t.Errorf("example of %s.conf: %v", part, err)
		}
	}
}
