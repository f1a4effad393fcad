package item

import (
	"os"
	"strings"
	"testing"

	"github.com/signet-scheduler/signet/internal/workflow"
)

// The complete documents that the documentation shows are valid, and it names
// every kind and every instruction.
func TestDocumentation(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile("../../docs/formats/documents.md")
	if err != nil {
		t.Fatal(err)
	}
	found := map[Kind]bool{}
	for i, block := range strings.Split(string(data), "```json\n")[1:] {
		document, _, _ := strings.Cut(block, "```")
		parsed, err := Parse([]byte(document))
		if err != nil {
			t.Errorf("example %d: %v", i+1, err)
			continue
		}
		found[parsed.Key().Kind] = true
	}
	for _, kind := range Kinds() {
		if !found[kind.Kind] {
			t.Errorf("there is no example of a %s", kind.Kind)
		}
	}
	for _, typ := range workflow.InstructionTypes() {
		if !strings.Contains(string(data), "`"+typ+"`") {
			t.Errorf("the instruction %s is not mentioned", typ)
		}
	}
}
