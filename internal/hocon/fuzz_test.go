package hocon_test

import (
	"encoding/json"
	"path/filepath"
	"testing"

	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/hocon"
)

// FuzzParse: no text makes the parser panic or run away; an error has a place;
// what is parsed renders as JSON that reads the same again.
func FuzzParse(f *testing.F) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		f.Fatalf("no transcripts: %v", err)
	}
	for _, file := range files {
		for _, c := range readGolden(f, file) {
			f.Add(c.text, "a = 1\nb = ${?a}")
		}
	}
	f.Fuzz(func(t *testing.T, text, included string) {
		o := hocon.Options{
			MaxNodes: 20_000,
			Include: func(string, string) (hocon.Source, error) {
				return hocon.Source{Name: "included", Text: []byte(included)}, nil
			},
			Lookup: func(name string) (string, bool) { return "x", name == "js7.config-directory" },
		}
		v, err := hocon.Parse(hocon.Source{Name: "main", Text: []byte(text)}, o)
		if err != nil {
			e := fault.Of(err)
			if e.Kind != fault.Invalid && e.Kind != fault.TooLarge || len(e.Problems) != 1 || e.Problems[0].Where == "" {
				t.Fatalf("error without kind or place: %#v", e)
			}
			return
		}
		rendered := hocon.Render(v)
		if !json.Valid([]byte(rendered)) {
			t.Fatalf("Render gives no JSON: %s", rendered)
		}
		again, err := hocon.Parse(hocon.Source{Text: []byte(rendered)}, hocon.Options{})
		if err != nil || hocon.Render(again) != rendered {
			t.Fatalf("%s\nreads as %v %s", rendered, err, hocon.Render(again))
		}
	})
}
