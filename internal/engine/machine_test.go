package engine_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/signet-scheduler/signet/internal/engine"
	"github.com/signet-scheduler/signet/internal/engine/enginetest"
	"github.com/signet-scheduler/signet/internal/item"
	"github.com/signet-scheduler/signet/internal/order"
	"github.com/signet-scheduler/signet/internal/workflow"
)

func cluster(t *testing.T, agents ...string) *enginetest.Cluster {
	t.Helper()
	c, err := enginetest.New(agents...)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func job(path, version, script string, limit int) string {
	return fmt.Sprintf(`{"TYPE":"Workflow","path":%q,"versionId":%q,"instructions":[{"TYPE":"Execute.Anonymous","job":{"agentPath":"A","processLimit":%d,"executable":{"TYPE":"ShellScriptExecutable","script":%q}}}]}`, path, version, limit, script)
}

func add(t *testing.T, c *enginetest.Cluster, path string, ids ...string) {
	t.Helper()
	b := &engine.AddOrders{}
	for _, id := range ids {
		b.Orders = append(b.Orders, engine.FreshOrder{ID: order.ID(id), WorkflowPath: path})
	}
	_, err := c.Submit(engine.Command{Body: b})
	must(t, err)
	must(t, c.Pump())
}

// TestAnsweredCommandsAreBounded keeps the newest answers, in the same way
// live, folded and restored.
func TestAnsweredCommandsAreBounded(t *testing.T) {
	t.Parallel()
	c := cluster(t, "A")
	must(t, c.Deploy("alice", job("W", "1", "hold", 1)))
	add(t, c, "W", "O")
	change := func(i int) string {
		reply, err := c.Submit(engine.Command{ID: fmt.Sprint(i), Body: &engine.ChangeOrder{OrderID: "O", Priority: int64(i)}})
		must(t, err)
		return reply
	}
	const n = 25_000
	for i := range n {
		change(i + 1)
		if i%1000 == 0 {
			c.Commit()
		}
	}
	must(t, c.Snapshot())
	must(t, c.Check())
	change(n)         // known
	change(n - 9_000) // known, too
	if p := c.Controller.Order("O").Priority; p != n {
		t.Errorf("a repetition has set the priority to %d", p)
	}
	change(1) // forgotten long ago
	if p := c.Controller.Order("O").Priority; p != 1 {
		t.Errorf("the priority is %d", p)
	}
	c.Commit()
	must(t, c.Check())
}

// TestTrustIsCheckedBitByBit distrusts a signer of more documents than are
// verified in one transaction; nothing of any starts meanwhile.
func TestTrustIsCheckedBitByBit(t *testing.T) {
	t.Parallel()
	c := cluster(t, "A")
	const n = 1200
	for i := range n {
		must(t, c.Deploy("bob", job(fmt.Sprintf("W%04d", i), "1", "rc=0", 1)))
	}
	must(t, c.Deploy("alice", job("X", "1", "rc=0", 1)))
	c.Commit()
	quarantined := func() int {
		k := 0
		for _, it := range c.Controller.Items() {
			if it.Quarantine != nil {
				k++
			}
		}
		return k
	}
	must(t, c.Trust("", "bob", false))
	if k := quarantined(); k == 0 || k >= n {
		t.Errorf("%d documents verified in one transaction", k)
	}
	if _, err := c.Submit(engine.Command{Body: &engine.AddOrders{Orders: []engine.FreshOrder{{ID: "O", WorkflowPath: "W1199"}}}}); err == nil {
		t.Error("an order of a document that isn't trusted was added")
	}
	for i := 0; c.Controller.NextWake() == 1; i++ {
		must(t, c.Controller.Tick(c.Now))
		if i > 10 {
			t.Fatal("it doesn't end")
		}
	}
	if k := quarantined(); k != n {
		t.Errorf("%d documents are in quarantine", k)
	}
	must(t, c.Trust("", "bob", true))
	for c.Controller.NextWake() == 1 {
		must(t, c.Controller.Tick(c.Now))
	}
	if k := quarantined(); k != 0 {
		t.Errorf("%d documents stay in quarantine", k)
	}
	must(t, c.Pump())
	must(t, c.Check())
}

// TestFirstComeFirstServed lets orders wait for the processes of two jobs, and
// for those of the Agent.
func TestFirstComeFirstServed(t *testing.T) {
	t.Parallel()
	c := cluster(t, "A")
	a := c.Agents["A"]
	must(t, c.Deploy("alice", job("W", "1", "hold", 2), job("V", "1", "hold", 2)))
	must(t, c.Deploy("root", `{"TYPE":"AgentRef","path":"A","uri":"https://A:1","processLimit":3}`))
	add(t, c, "W", "W1", "W2", "W3", "W4")
	add(t, c, "V", "V1", "V2", "V3")
	ended := map[string]bool{}
	end := func(id order.ID) {
		for task, l := range a.Running {
			if l.OrderID == id {
				a.End(task, enginetest.Result("rc=0"))
				ended[string(id)] = true
				break
			}
		}
		must(t, c.Pump())
		if a.Machine.Running() > 3 {
			t.Fatalf("%d processes", a.Machine.Running())
		}
	}
	started := func() string {
		var ids []string
		for _, l := range a.Started {
			ids = append(ids, string(l.OrderID))
		}
		return strings.Join(ids, " ")
	}
	if got := started(); got != "W1 W2 V1" {
		t.Fatalf("started %s", got)
	}
	// W3, the first in its line, goes away.
	_, err := c.Submit(engine.Command{Body: &engine.SuspendOrders{OrderIDs: []string{"W3"}}})
	must(t, err)
	must(t, c.Pump())
	for _, id := range []order.ID{"W1", "W2", "V1", "V2", "W4", "V3"} {
		end(id)
	}
	if got := started(); !strings.HasPrefix(got, "W1 W2 V1 ") || strings.Contains(got, "W3") || len(strings.Fields(got)) != 6 ||
		strings.Index(got, "V2") > strings.Index(got, "V3") {
		t.Errorf("started %s", got)
	}
	if a.Machine.Running() != 0 || a.Machine.Waiting() != 0 {
		t.Errorf("%d running, %d waiting", a.Machine.Running(), a.Machine.Waiting())
	}
}

// TestAgentUndo takes back what an Agent couldn't store; it decides the same
// again.
func TestAgentUndo(t *testing.T) {
	t.Parallel()
	c := cluster(t, "A")
	a := c.Agents["A"]
	must(t, c.Deploy("alice", job("W", "1", "hold", 1)))
	add(t, c, "W", "O1", "O2")
	before := a.Machine.Freeze().Digest()
	task := a.Machine.Order("O1").State.Task
	must(t, a.Machine.ProcessEnded("O1", task, enginetest.Result("rc=0"), c.Now))
	if a.Machine.Order("O2").State.Kind != order.Processing {
		t.Fatal("O2 doesn't run")
	}
	a.Machine.Undo()
	if a.Machine.Freeze().Digest() != before || a.Machine.Running() != 1 {
		t.Fatalf("something stays; %d processes", a.Machine.Running())
	}
	if w := a.Machine.Take(); len(w.Launches) != 0 || len(w.Events) != 0 {
		t.Errorf("a process would start that was never decided: %+v", w)
	}
	a.End(task, enginetest.Result("rc=0"))
	if o := a.Machine.Order("O2"); o.State.Kind != order.Processing || a.Machine.Running() != 1 {
		t.Errorf("O2 is %s", o.State.Kind)
	}
	must(t, c.Pump())
	must(t, c.Check())
}

// TestLooksDecideNothing looks at a follower whose trust set doesn't know the
// signer: it says so, and its state stays what the log says.
func TestLooksDecideNothing(t *testing.T) {
	t.Parallel()
	c := cluster(t, "A")
	must(t, c.Deploy("bob", job("W", "1", "hold", 1)))
	add(t, c, "W", "O")
	follower := engine.NewController(engine.Config{ControllerID: enginetest.ControllerID, Verifier: enginetest.Signers{"bob": true}})
	must(t, follower.Apply(c.Log))
	before := follower.Freeze().Digest()
	if _, err := follower.Workflow("W", ""); err == nil {
		t.Error("the document is shown as good")
	}
	for _, o := range follower.Orders() {
		follower.Obstacles(o)
	}
	if _, err := follower.AgentItem("A"); err != nil {
		t.Error(err)
	}
	if w := follower.Take(); len(w.Events) != 0 || follower.Freeze().Digest() != before {
		t.Errorf("a look has decided %d events", len(w.Events))
	}
}

func TestLooks(t *testing.T) {
	t.Parallel()
	c := cluster(t, "A")
	must(t, c.Deploy("alice", job("W", "1", "hold", 1)))
	add(t, c, "W", "O1", "O2", "O3")
	m := c.Controller
	if got := m.OrdersAfter("O1", 0, func(*order.Order) bool { return true }); len(got) != 2 || got[0].ID != "O2" {
		t.Errorf("after O1: %v", got)
	}
	if got := m.OrdersAfter("", 1, func(o *order.Order) bool { return o.ID != "O1" }); len(got) != 1 || got[0].ID != "O2" {
		t.Errorf("one but O1: %v", got)
	}
	must(t, c.Deploy("alice", job("W", "0", "hold", 1), job("a/V", "1", "hold", 1), job("X", "1", "hold", 1)))
	refs := func(all []*engine.Item) (names []string) {
		for _, it := range all {
			names = append(names, it.Ref.String())
		}
		return names
	}
	for name, c := range map[string]struct {
		got  []*engine.Item
		want []string
	}{
		"all items":           {m.Items(), []string{"AgentRef:A", "Workflow:W~1", "Workflow:W~0", "Workflow:X~1", "Workflow:a/V~1"}},
		"a page of items":     {m.ItemsAfter(item.Key{}, 2), []string{"AgentRef:A", "Workflow:W~1", "Workflow:W~0"}},
		"the rest of them":    {m.ItemsAfter(item.Key{Kind: item.KindWorkflow, Path: "W"}, 10), []string{"Workflow:X~1", "Workflow:a/V~1"}},
		"workflows":           {m.WorkflowsAfter("", 0), []string{"Workflow:W~0", "Workflow:X~1", "Workflow:a/V~1"}},
		"a page of workflows": {m.WorkflowsAfter("W", 1), []string{"Workflow:X~1"}},
		"versions":            {m.VersionsOf("W"), []string{"Workflow:W~1", "Workflow:W~0"}},
		"no versions":         {m.VersionsOf("none"), nil},
	} {
		if d := cmp.Diff(c.want, refs(c.got)); d != "" {
			t.Errorf("%s: %s", name, d)
		}
	}
	if orders, running := m.AgentLoad("A"); orders != 3 || running != 1 {
		t.Errorf("load %d, %d", orders, running)
	}
	if n := m.OrdersOf(workflow.ID{Path: "W", VersionID: "1"}); n != 3 {
		t.Errorf("%d orders", n)
	}
	if got := m.AgentPaths(); !slices.Equal(got, []string{"A"}) {
		t.Errorf("Agents %v", got)
	}
	if _, ok := m.Retained(); ok {
		t.Error("somebody reads")
	}
	last := m.LastEventID()
	for _, until := range []int64{last - 1, last, last} {
		_, err := c.Submit(engine.Command{Body: &engine.ReleaseEvents{Reader: "r", Until: until}})
		must(t, err)
	}
	if after, ok := m.Retained(); !ok || after != last {
		t.Errorf("retained after %d", after)
	}
	for _, until := range []int64{last - 5, 1 << 52} {
		if _, err := c.Submit(engine.Command{Body: &engine.ReleaseEvents{Reader: "r", Until: until}}); err == nil {
			t.Errorf("released until %d", until)
		}
	}
	c.Agents["A"].Cut = true
	must(t, m.AgentFailed("A", &order.Problem{Code: "X", Message: "unplugged"}, c.Now))
	if why := m.Obstacles(m.Order("O1")); len(why) != 1 || !strings.Contains(why[0], "unplugged") {
		t.Errorf("obstacles %v", why)
	}
}
