package engine_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/signet-scheduler/signet/internal/engine"
	"github.com/signet-scheduler/signet/internal/engine/enginetest"
	"github.com/signet-scheduler/signet/internal/order"
)

// Load tells what runs at an Agent and who waits in which line, in the order in
// which they will be started.
func TestLoad(t *testing.T) {
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
	for _, path := range []string{"V", "W"} {
		must(c.Deploy("alice", `{"TYPE":"Workflow","path":"`+path+`","versionId":"1","jobs":{"J":{"agentPath":"A","processLimit":1,"executable":{"TYPE":"ShellScriptExecutable","script":"hold"}}},
			"instructions":[{"TYPE":"Execute.Named","jobName":"J","label":"L"}]}`))
		for i := range 3 {
			id := fmt.Sprintf("%s%d", path, i)
			_, err := c.Submit(engine.Command{ID: id, Body: &engine.AddOrders{Orders: []engine.FreshOrder{{ID: order.ID(id), WorkflowPath: path}}}})
			must(err)
		}
	}
	must(c.Pump())
	running, waiting := c.Agents["A"].Machine.Load(10)
	tell := func(all []engine.AgentStep) (out []string) {
		for _, s := range all {
			out = append(out, fmt.Sprintf("%s %s %s %s place %d full %t task %t", s.Order, s.Workflow.Path, s.Job, s.Label, s.Place, s.JobFull, s.Task != ""))
		}
		return out
	}
	if d := cmp.Diff([]string{"V0 V J L place 0 full false task true", "W0 W J L place 0 full false task true"}, tell(running)); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff([]string{
		"V1 V J L place 1 full true task false", "V2 V J L place 2 full true task false",
		"W1 W J L place 1 full true task false", "W2 W J L place 2 full true task false",
	}, tell(waiting)); d != "" {
		t.Error(d)
	}
	running, waiting = c.Agents["A"].Machine.Load(1)
	if len(running) != 1 || len(waiting) != 1 {
		t.Errorf("%d and %d, want 1 of each", len(running), len(waiting))
	}
}
