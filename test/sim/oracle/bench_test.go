package oracle_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/signet-scheduler/signet/internal/engine"
	"github.com/signet-scheduler/signet/internal/engine/enginetest"
	"github.com/signet-scheduler/signet/internal/order"
	"github.com/signet-scheduler/signet/test/sim/oracle"
)

// manyOrders returns the Controller's stream of n orders with one job each.
func manyOrders(tb testing.TB, n int) []engine.Stamped {
	tb.Helper()
	c, err := enginetest.New("A")
	if err != nil {
		tb.Fatal(err)
	}
	text := `{"TYPE":"Workflow","path":"W","versionId":"1","jobs":{"J":{"agentPath":"A","processLimit":100000,"executable":{"TYPE":"ShellScriptExecutable","script":"rc=0"}}},"instructions":[{"TYPE":"Execute.Named","jobName":"J"}]}`
	if err := c.Deploy("alice", text); err != nil {
		tb.Fatal(err)
	}
	for i := range n {
		f := engine.FreshOrder{ID: order.ID(fmt.Sprintf("order-%d", i)), WorkflowPath: "W", DeleteWhenTerminated: true}
		if _, err := c.Submit(engine.Command{ID: fmt.Sprintf("c%d", i), Body: &engine.AddOrders{Orders: []engine.FreshOrder{f}}}); err != nil {
			tb.Fatal(err)
		}
		if i%50 == 49 {
			if err := c.Pump(); err != nil {
				tb.Fatal(err)
			}
		}
	}
	if err := c.Pump(); err != nil {
		tb.Fatal(err)
	}
	return c.Log
}

// perEvent tells a fresh oracle a stream and returns the time of one event.
func perEvent(tb testing.TB, log []engine.Stamped) time.Duration {
	tb.Helper()
	s := oracle.NewStream(oracle.Options{})
	begin := time.Now()
	for i := range log {
		if err := s.Event(&log[i]); err != nil {
			tb.Fatal(err)
		}
	}
	return time.Since(begin) / time.Duration(len(log))
}

// slowest is what one event may cost, also on a busy machine and under the race
// detector; on an idle one it is 0.6 µs. A simulation tells millions.
const slowest = 30 * time.Microsecond

func TestEventsAreCheap(t *testing.T) {
	if testing.Short() {
		t.Skip("measures")
	}
	log := manyOrders(t, 2000)
	best := time.Hour
	for tries := 0; tries < 5 || best > slowest && tries < 20; tries++ { // the machine may be busy with something else
		best = min(best, perEvent(t, log))
	}
	t.Logf("%d events, %v each", len(log), best)
	if best > slowest {
		t.Errorf("one event takes %v, more than %v", best, slowest)
	}
}

func BenchmarkEvent(b *testing.B) {
	log := manyOrders(b, 5000)
	b.ReportAllocs()
	for b.Loop() {
		perEvent(b, log)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(log)), "ns/event")
}

func BenchmarkLine(b *testing.B) {
	log := manyOrders(b, 2000)
	lines := make([][]byte, len(log))
	for i := range log {
		lines[i] = log[i].AppendJSON(nil)
	}
	for b.Loop() {
		s := oracle.NewStream(oracle.Options{})
		for _, line := range lines {
			if err := s.Line(line); err != nil {
				b.Fatal(err)
			}
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(log)), "ns/event")
}
