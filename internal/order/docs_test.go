package order

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/signet-scheduler/signet/internal/codec"
	"github.com/signet-scheduler/signet/internal/strictjson"
)

// docTable compares what stands between <!-- name --> and <!-- end --> with
// want; -update writes it.
func docTable(t *testing.T, file, name, want string) {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	begin := "<!-- " + name + " -->\n"
	before, rest, ok := strings.Cut(string(data), begin)
	got, after, ok2 := strings.Cut(rest, "<!-- end -->")
	if !ok || !ok2 {
		t.Fatalf("%s has no table %s", file, name)
	}
	if got == want {
		return
	}
	if !*update {
		t.Errorf("the table %s in %s isn't what the code says (go test ./internal/order -update)", name, file)
		return
	}
	if err := os.WriteFile(file, []byte(before+begin+want+"<!-- end -->"+after), 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestDocumentation keeps the tables of the documentation true.
func TestDocumentation(t *testing.T) { //nolint:paralleltest // its parts write the same files
	var b strings.Builder
	b.WriteString("| event | states | where |\n|---|---|---|\n")
	for _, row := range applicability {
		if row.states == "" {
			continue
		}
		states := row.states
		if list, not := strings.CutPrefix(states, "!"); not {
			states = "all but " + list
		} else if states == "*" {
			states = "all"
		}
		fmt.Fprintf(&b, "| %s | %s | %s |\n", row.event, states, strings.Join(strings.Split(row.where, ""), " "))
	}
	docTable(t, "../../docs/architecture/engine.md", "applicability", b.String())

	names := map[string]string{}
	for _, ev := range samples() {
		n, err := strictjson.Parse(codec.JSON(nil, ev), strictjson.Limits{})
		if err != nil {
			t.Fatal(err)
		}
		names[ev.Type()] = strings.Join(n.Keys, ", ")
	}
	b.Reset()
	b.WriteString("| number | event | fields, in this order |\n|---|---|---|\n")
	var numbers []uint16
	for n := range Registry() {
		numbers = append(numbers, n)
	}
	slices.Sort(numbers)
	for _, n := range numbers {
		name := Registry()[n]().Type()
		fmt.Fprintf(&b, "| %d | %s | %s |\n", n, name, names[name])
	}
	docTable(t, "../../docs/formats/events.md", "orders", b.String())
}

// TestDiagram holds the state diagram against what events do.
func TestDiagram(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile("../../docs/architecture/engine.md")
	if err != nil {
		t.Fatal(err)
	}
	edges := regexp.MustCompile(`(?m)^ +(\S+) --> (\S+): (\S+)$`).FindAllStringSubmatch(string(data), -1)
	shown := map[string]bool{}
	for _, e := range edges {
		from, to, event := e[1], e[2], e[3]
		shown[from], shown[to] = true, true
		if from == "[*]" {
			continue
		}
		found := false
		for _, f := range Registry() {
			if f().Type() != event {
				continue
			}
			ev := filled(f())
			if r, ok := ev.(*Retrying); ok {
				r.DelayedUntil = 1
			}
			for w := Detached; w <= Detaching; w++ {
				now, err := Apply(orderIn(StateKind(from), w), ev)
				if err == nil && (now == nil && to == "[*]" || now != nil && string(now.State.Kind) == to) {
					found = true
				}
			}
		}
		if !found {
			t.Errorf("%s doesn't lead from %s to %s", event, from, to)
		}
	}
	for _, s := range States {
		if !shown[string(s)] {
			t.Errorf("the diagram doesn't show %s", s)
		}
	}
}
