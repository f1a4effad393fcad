package cluster_test

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/signet-scheduler/signet/internal/engine"
	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/item"
	"github.com/signet-scheduler/signet/internal/order"
	"github.com/signet-scheduler/signet/internal/value"
	"github.com/signet-scheduler/signet/internal/workflow"
	"github.com/signet-scheduler/signet/test/cluster"
)

// The parameters of a signed workflow bind whoever sends the order.
const constrained = `"orderPreparation":{"parameters":{
	"word":{"type":"String","pattern":"[a-z]+","default":"'a'"},"one":{"type":"String","enum":["a","b"],"default":"'a'"},
	"n":{"type":"Number","minimum":1,"maximum":9,"default":"1"},"short":{"type":"String","maxLength":3,"default":"'a'"}}},`

func number(t *testing.T, s string) value.Value {
	t.Helper()
	n, err := value.ParseNumber(s)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// What a compromised Controller sends doesn't run unless it is signed, and
// fits what is signed.
func TestCompromisedController(t *testing.T) {
	t.Parallel()
	x := newCompromised(t)
	out := filepath.Join(t.TempDir(), "ran")
	text := fmt.Sprintf(`{"TYPE":"Workflow","path":"W","versionId":"1",%s"instructions":[%s]}`, constrained, job("echo $ID >>"+out))
	w := workflow.ID{Path: "W", VersionID: "1"}
	fresh := func(id string, args value.Map) *order.Order {
		return order.New(order.ID(id), &order.Added{Workflow: w, Arguments: args}, 1)
	}
	attach := func(id string, args value.Map) engine.AgentCommand {
		return &engine.AttachOrder{Order: fresh(id, args)}
	}
	signed := x.attach(item.KindWorkflow, "W", "1", text)

	// The order comes before the workflow that it has to fit.
	x.next(x.agentRef(), attach("early", value.Map{"word": value.String("A B")}), signed)

	processing := fresh("processing", nil)
	processing.State = order.State{Kind: order.Processing, Task: "../../evil"}
	x.next(
		attach("pattern", value.Map{"word": value.String("a; rm -rf /")}),
		attach("enum", value.Map{"one": value.String("c")}),
		attach("minimum", value.Map{"n": number(t, "0")}),
		attach("maximum", value.Map{"n": number(t, "10")}),
		attach("length", value.Map{"short": value.String("abcd")}),
		attach("type", value.Map{"n": value.String("1")}),
		attach("undeclared", value.Map{"x": value.String("1")}),
		&engine.AttachOrder{Order: processing},
		attach("", nil),
		attach("good", value.Map{"word": value.String("b")}),
	)

	// An unsigned workflow, and one of another than the Agent trusts.
	mallory := cluster.SignedBy(t, stranger(t).Key, strings.Replace(text, `"path":"W"`, `"path":"M"`, 1))
	m := order.New("unsigned", &order.Added{Workflow: workflow.ID{Path: "M", VersionID: "1"}}, 1)
	x.next(&engine.AttachItem{Item: engine.ItemRef{Kind: item.KindWorkflow, Path: "M", VersionID: "1"}, Document: mallory}, &engine.AttachOrder{Order: m})

	// A signed document under another name, and another text of a version.
	x.next(&engine.AttachItem{Item: engine.ItemRef{Kind: item.KindWorkflow, Path: "OTHER", VersionID: "1"}, Document: signed.Document},
		x.attach(item.KindWorkflow, "W", "1", strings.Replace(text, "[a-z]+", ".*", 1)),
		attach("changed", value.Map{"word": value.String("a; rm -rf /")}))

	// A restart reads all that from the log.
	if err := x.c.Agents[0].Running.Close(); err != nil {
		t.Fatal(err)
	}
	x.c.StartAgent(x.c.Agents[0])
	x.c.Eventually("the good order's job has run", func() bool { b, _ := os.ReadFile(out); return len(b) > 0 })
	x.next(attach("late", value.Map{"word": value.String("1")}))
	events := x.next() // what followed from the batch before comes first
	if got := slices.Sorted(maps.Keys(started(events))); !slices.Equal(got, []string{"good"}) {
		t.Errorf("processes were started for %q", got)
	}
	reasons := map[string]string{}
	for _, e := range events {
		switch ev := e.Event.(type) {
		case *order.OutcomeAdded:
			reasons[e.Key] += fmt.Sprintf("%s %+v", ev.Outcome.Message, ev.Outcome.Problem)
		case *engine.ItemRefused:
			reasons[ev.Item.String()] += ev.Problem.Code
		}
	}
	for what, want := range map[string]string{
		"pattern": "", "enum": "", "minimum": "", "maximum": "", "length": "", "type": "", "undeclared": "", "unsigned": "",
		"changed": "", "early": "", "late": "", "Workflow:M~1": "UnknownSigner", "Workflow:OTHER~1": "KeyMismatch", "Workflow:W~1": "VersionChanged",
	} {
		if r, ok := reasons[what]; !ok || !strings.Contains(r, want) {
			t.Errorf("%s: the events don't tell why it was refused: %q", what, r)
		}
	}
	unsafeName(t, x.c)
	if t.Failed() {
		t.Log(reasons)
	}
}

// Batches are accepted from the Controller that the Agent belongs to, for the
// log that it has, in order, and not from a leader that was replaced.
func TestBatchNumbers(t *testing.T) {
	t.Parallel()
	x := newCompromised(t)
	x.sequence = 4
	x.next(x.agentRef())
	before := x.c.StatusOf(x.c.ClientOf(x.c.Controllers[0].Config), x.c.Agents[0]).LastEventID
	for _, k := range []struct {
		name   string
		change func(b *engine.AgentBatch)
		code   string // "": answered, and without effect
	}{
		{"lower term", func(b *engine.AgentBatch) { b.Term = 6; b.Sequence = 100 }, "DeposedLeader"},
		{"other log", func(b *engine.AgentBatch) { b.LogID = "ANOTHERLOG" }, "AgentLogMismatch"},
		{"no log", func(b *engine.AgentBatch) { b.LogID = "" }, "AgentLogMismatch"},
		{"other Controller", func(b *engine.AgentBatch) { b.ControllerID = "mallory" }, "AgentWrongController"},
		{"repeated", func(b *engine.AgentBatch) { b.Sequence = 5 }, ""},
		{"older", func(b *engine.AgentBatch) { b.Sequence = 4 }, ""},
	} {
		b := x.batch
		b.Sequence, b.Commands = 6, []engine.AgentCommand{&engine.DetachItem{Item: engine.ItemRef{Kind: item.KindAgentRef, Path: "agent-1"}}}
		k.change(&b)
		switch err := x.send(&b); {
		case k.code == "" && err != nil:
			t.Errorf("%s: %v", k.name, err)
		case k.code != "" && !fault.HasCode(err, k.code):
			t.Errorf("%s: got %v, want %s", k.name, err, k.code)
		}
	}
	if after := x.c.StatusOf(x.c.ClientOf(x.c.Controllers[0].Config), x.c.Agents[0]).LastEventID; after != before {
		t.Errorf("something happened: event %d after %d", after, before)
	}
	x.next(x.agentRef()) // 6 is still free
}
