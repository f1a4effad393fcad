package engine_test

import (
	"fmt"
	"testing"

	"github.com/signet-scheduler/signet/internal/engine"
	"github.com/signet-scheduler/signet/internal/engine/enginetest"
	"github.com/signet-scheduler/signet/internal/item"
	"github.com/signet-scheduler/signet/internal/order"
	"github.com/signet-scheduler/signet/internal/value"
	"github.com/signet-scheduler/signet/internal/workflow"
)

func benchCluster(b *testing.B) *enginetest.Cluster {
	b.Helper()
	c, err := enginetest.New("A")
	if err != nil {
		b.Fatal(err)
	}
	if err := c.Deploy("alice", `{"TYPE":"Workflow","path":"W","versionId":"1","instructions":[{"TYPE":"Execute.Anonymous","job":{"agentPath":"A","processLimit":1000,"executable":{"TYPE":"ShellScriptExecutable","script":"rc=0"}}}]}`); err != nil {
		b.Fatal(err)
	}
	if err := c.Pump(); err != nil {
		b.Fatal(err)
	}
	return c
}

func addOrders(b *testing.B, c *enginetest.Cluster, from, n int, remove bool) {
	b.Helper()
	add := &engine.AddOrders{}
	for i := range n {
		add.Orders = append(add.Orders, engine.FreshOrder{ID: order.ID(fmt.Sprintf("O%d", from+i)), WorkflowPath: "W", DeleteWhenTerminated: remove})
	}
	if _, err := c.Submit(engine.Command{Body: add}); err != nil {
		b.Fatal(err)
	}
}

// BenchmarkOneJobOrder is one order with one job, through Controller and Agent
// machines and the binary form of both logs, in groups of 100.
func BenchmarkOneJobOrder(b *testing.B) {
	c := benchCluster(b)
	b.ReportAllocs()
	for i := 0; i < b.N; i += 100 {
		addOrders(b, c, i, min(100, b.N-i), true)
		if err := c.Pump(); err != nil {
			b.Fatal(err)
		}
		c.Log = c.Log[:0]
	}
}

// BenchmarkFold folds a log of 10 events an order.
func BenchmarkFold(b *testing.B) {
	c := benchCluster(b)
	addOrders(b, c, 0, 10_000, true)
	if err := c.Pump(); err != nil {
		b.Fatal(err)
	}
	data := engine.AppendEvents(nil, c.Log)
	b.ResetTimer()
	b.ReportAllocs()
	n := 0
	for range b.N {
		m := engine.NewController(engine.Config{ControllerID: enginetest.ControllerID, Verifier: enginetest.Signers{}})
		events, err := engine.ReadEvents(data)
		if err != nil {
			b.Fatal(err)
		}
		if err := m.Apply(events); err != nil {
			b.Fatal(err)
		}
		n += len(events)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(n), "ns/event")
}

func BenchmarkFreeze100k(b *testing.B) {
	c := benchCluster(b)
	c.Agents["A"].Cut = true
	addOrders(b, c, 0, 100_000, false)
	c.Commit()
	b.ResetTimer()
	for range b.N {
		c.Controller.Freeze()
	}
}

// BenchmarkCommandAmong100k is a command when there are 100,000 orders.
func BenchmarkCommandAmong100k(b *testing.B) {
	c := benchCluster(b)
	c.Agents["A"].Cut = true
	addOrders(b, c, 0, 100_000, false)
	c.Commit()
	b.ResetTimer()
	b.ReportAllocs()
	for i := range b.N {
		if _, err := c.Submit(engine.Command{Body: &engine.ChangeOrder{OrderID: "O5", Priority: int64(i + 1)}}); err != nil {
			b.Fatal(err)
		}
		if i%100 == 0 {
			c.Commit()
		}
	}
}

func workflows(from, n int, version string) *engine.UpdateItems {
	u := &engine.UpdateItems{}
	for i := range n {
		path := fmt.Sprintf("folder/W%d", from+i)
		text := fmt.Sprintf(`{"TYPE":"Workflow","path":%q,"versionId":%q,"instructions":[{"TYPE":"Execute.Anonymous","job":{"agentPath":"A","executable":{"TYPE":"ShellScriptExecutable","script":"rc=0"}}}]}`, path, version)
		it, err := item.Parse([]byte(text))
		if err != nil {
			panic(err)
		}
		u.Add = append(u.Add, engine.NewItem{Ref: engine.ItemRef{Kind: item.KindWorkflow, Path: path, VersionID: version}, Document: engine.Document{Text: text, Evidence: "alice"}, Signer: "alice", Item: it})
	}
	return u
}

// BenchmarkDeployAmong100k deploys one workflow when there are 100,000.
func BenchmarkDeployAmong100k(b *testing.B) {
	c := benchCluster(b)
	for i := 0; i < 100_000; i += 1000 {
		if _, err := c.Submit(engine.Command{Body: workflows(i, 1000, "1")}); err != nil {
			b.Fatal(err)
		}
		c.Commit()
	}
	c.Log = c.Log[:0]
	b.ResetTimer()
	b.ReportAllocs()
	for i := range b.N {
		b.StopTimer()
		u := workflows(i%100_000, 1, fmt.Sprint(i+2))
		b.StartTimer()
		if _, err := c.Submit(engine.Command{Body: u}); err != nil {
			b.Fatal(err)
		}
		c.Commit()
	}
}

// BenchmarkJoin forks into 10,000 children that end one by one in reverse
// order, each in a transaction of its own, and joins them; per child.
func BenchmarkJoin(b *testing.B) {
	const n = 10_000
	for range b.N {
		c, err := enginetest.New()
		if err != nil {
			b.Fatal(err)
		}
		if err := c.Deploy("alice", `{"TYPE":"Workflow","path":"W","versionId":"1","instructions":[{"TYPE":"ForkList","children":"$l","childToId":"x => $x","workflow":{"instructions":[{"TYPE":"Sleep","duration":"10000"}]}}]}`); err != nil {
			b.Fatal(err)
		}
		list := make(value.List, n)
		for i := range list {
			list[i] = value.NewInt(int64(i))
		}
		if _, err := c.Submit(engine.Command{Body: &engine.AddOrders{Orders: []engine.FreshOrder{{ID: "P", WorkflowPath: "W", Arguments: value.Map{"l": list}}}}}); err != nil {
			b.Fatal(err)
		}
		c.Commit()
		at := workflow.At(0).Into("fork")
		for i := n - 1; i >= 0; i-- {
			if _, err := c.Submit(engine.Command{Body: &engine.GoOrder{OrderID: order.ID(fmt.Sprintf("P|%d", i)), Position: at}}); err != nil {
				b.Fatal(err)
			}
		}
		if o := c.Controller.Order("P"); o.State.Kind != order.Finished {
			b.Fatal(o.State.Kind)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/child")
}
