package engine_test

import (
	"testing"

	"github.com/signet-scheduler/signet/internal/engine"
	"github.com/signet-scheduler/signet/internal/engine/enginetest"
	"github.com/signet-scheduler/signet/internal/order"
)

// A mark that an Agent gets once more, since nobody knows whether it came, does
// nothing more, also when something else keeps the order from going on.
func TestGoMarkTwice(t *testing.T) {
	t.Parallel()
	c, err := enginetest.New("A")
	if err != nil {
		t.Fatal(err)
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(c.Deploy("alice", `{"TYPE":"Workflow","path":"W","versionId":"1","jobs":{"J":{"agentPath":"A","executable":{"TYPE":"ShellScriptExecutable","script":"rc=0"}}},
		"instructions":[{"TYPE":"Execute.Named","jobName":"J"}]}`))
	_, err = c.Submit(engine.Command{ID: "1", Body: &engine.AddOrders{Orders: []engine.FreshOrder{{ID: "O", WorkflowPath: "W", ScheduledFor: c.Now/1000 + 60_000}}}})
	must(err)
	must(c.Pump())
	must(c.Trust("A", "alice", false)) // it will wait for the document
	a := c.Agents["A"]
	mark := order.Mark{Kind: order.Going, Go: enginetest.Position(0)}
	for range 2 {
		b := *a.Last()
		b.Sequence += 100
		b.Commands = []engine.AgentCommand{&engine.MarkOrder{OrderID: "O", Mark: mark}}
		must(a.Deliver(&b))
		b.Sequence++
		must(a.Deliver(&b))
	}
	goes := 0
	for i := range a.Log {
		if _, ok := a.Log[i].Event.(*order.GoesEvent); ok {
			goes++
		}
	}
	if goes != 1 {
		t.Errorf("the order's waiting was ended %d times", goes)
	}
}
