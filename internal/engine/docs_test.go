package engine

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/signet-scheduler/signet/internal/codec"
	"github.com/signet-scheduler/signet/internal/strictjson"
)

// TestEventTable keeps the table in docs/formats/events.md complete
// (SIGNET_GOLDEN=add writes it).
func TestEventTable(t *testing.T) {
	t.Parallel()
	const file = "../../docs/formats/events.md"
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	fields := map[uint16]string{}
	for _, ev := range samples() {
		n, err := strictjson.Parse(codec.JSON(nil, ev), strictjson.Limits{})
		if err != nil {
			t.Fatal(err)
		}
		fields[codes[ev.Type()]] = strings.Join(n.Keys, ", ")
	}
	var numbers []uint16
	for n := range registry {
		numbers = append(numbers, n)
	}
	slices.Sort(numbers)
	var b strings.Builder
	b.WriteString("| number | event | fields, in this order |\n|---|---|---|\n")
	for _, n := range numbers {
		name := registry[n]().Type()
		if n == codes["VersionedItemAdded"] {
			name = "VersionedItemAdded"
		}
		fmt.Fprintf(&b, "| %d | %s | %s |\n", n, name, fields[n])
	}
	before, rest, ok := strings.Cut(string(data), "<!-- others -->\n")
	got, after, ok2 := strings.Cut(rest, "<!-- end -->")
	switch {
	case !ok || !ok2:
		t.Fatal("the page has no table")
	case got == b.String():
	case goldenUpdate:
		if err := os.WriteFile(file, []byte(before+"<!-- others -->\n"+b.String()+"<!-- end -->"+after), 0o600); err != nil {
			t.Fatal(err)
		}
	default:
		t.Error("the table isn't what the code says (SIGNET_GOLDEN=add go test ./internal/engine -run TestEventTable)")
	}
}
