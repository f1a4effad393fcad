package cluster_test

import (
	"fmt"
	"os/exec"
	"testing"

	"github.com/signet-scheduler/signet/test/cluster"
)

// BenchmarkOneStepOrders measures orders of one job, added in one request,
// without a Cockpit; floor is the bare start of the same command.
func BenchmarkOneStepOrders(b *testing.B) {
	b.Run("orders", func(b *testing.B) {
		c := cluster.New(b, 1, 1)
		if err := c.DeployAgents(); err != nil {
			b.Fatal(err)
		}
		if err := c.Deploy(script("B", "1", "#!/bin/sh\nexit 0\n")); err != nil {
			b.Fatal(err)
		}
		b.ResetTimer()
		var orders []any
		for i := range b.N {
			orders = append(orders, map[string]any{"id": fmt.Sprintf("B%d", i), "workflowPath": "B", "deleteWhenTerminated": true})
		}
		if err := c.Command("AddOrders", map[string]any{"orders": orders}); err != nil {
			b.Fatal(err)
		}
		c.Eventually("all orders end", func() bool {
			var list struct{ Orders []any }
			return c.Get("/order?limit=1", &list) == nil && len(list.Orders) == 0
		})
	})
	b.Run("floor", func(b *testing.B) {
		for range b.N {
			if err := exec.Command("/bin/sh", "-c", "exit 0").Run(); err != nil {
				b.Fatal(err)
			}
		}
	})
}
