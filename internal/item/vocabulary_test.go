package item

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/signet-scheduler/signet/internal/expr"
	"github.com/signet-scheduler/signet/internal/workflow"
)

var update = flag.Bool("update", false, "rewrite the list of words that the pages' editor knows")

// vocabularyFile is what the pages' editor completes and explains.
const vocabularyFile = "../../web/src/editor/vocabulary.gen.ts"

// TestVocabularyOfPages keeps the editor's list of functions, symbols and names the
// one of the language. -update writes it anew.
func TestVocabularyOfPages(t *testing.T) {
	t.Parallel()
	want := vocabulary(t)
	if *update {
		if err := os.WriteFile(vocabularyFile, want, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(vocabularyFile)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("the list is not current; go test ./internal/item -run Vocabulary -update writes it (-want +got):\n%s", diff)
	}
}

// TestFunctionsParse calls every function as its entry says: with what it needs, and
// with each of the others.
func TestFunctionsParse(t *testing.T) {
	t.Parallel()
	argument := func(param string) string {
		switch param {
		case "start", "end", "a", "b":
			return "7"
		}
		return "'7'"
	}
	for _, f := range expr.Functions() {
		var needed []string
		for _, param := range f.Params[:f.Required] {
			needed = append(needed, argument(param))
		}
		calls := []string{f.Name + "(" + strings.Join(needed, ", ") + ")"}
		for _, param := range f.Params[f.Required:] {
			more := append(slices.Clone(needed), param+"="+argument(param))
			calls = append(calls, f.Name+"("+strings.Join(more, ", ")+")")
		}
		for _, call := range calls {
			if _, err := expr.Parse(call); err != nil {
				t.Errorf("%s: %v", call, err)
			}
		}
	}
}

func vocabulary(t *testing.T) []byte {
	t.Helper()
	symbols, keywords := expr.Words()
	places, nowhere := workflow.Places()
	type function struct {
		Params   []string `json:"params"`
		Required int      `json:"required"`
		Named    bool     `json:"named,omitempty"`
	}
	functions := map[string]function{}
	for _, f := range expr.Functions() {
		functions[f.Name] = function{f.Params, f.Required, f.Named}
	}
	type place struct {
		Refused []string `json:"refused"`
		Symbols []string `json:"symbols,omitempty"`
	}
	names := map[workflow.Place]string{
		workflow.PlaceInstruction: "instruction", workflow.PlaceProcess: "process",
		workflow.PlaceParameter: "parameter", workflow.PlaceJobResource: "jobResource",
	}
	rules := map[string]place{}
	for _, p := range places {
		rules[names[p.Place]] = place{append(append([]string{}, p.Refused...), nowhere...), p.Symbols}
	}
	var b bytes.Buffer
	b.WriteString("// Written by `go test ./internal/item -run Vocabulary -update`.\n")
	for _, part := range []struct {
		comment, name string
		value         any
	}{
		{"Functions, and forms that look like one.", "functions", functions},
		{"Bare words that have a value.", "symbols", symbols},
		{"Words of the grammar.", "keywords", keywords},
		{"Names that every order has, as $js7OrderId.", "builtIns", builtIns},
		{"What may not be used in the expressions of a place.", "places", rules},
	} {
		data, err := json.MarshalIndent(part.value, "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&b, "\n/** %s */\nexport const %s = %s as const;\n", part.comment, part.name, data)
	}
	return b.Bytes()
}
