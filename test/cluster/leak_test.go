package cluster_test

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"runtime/pprof"
	"strings"
	"testing"

	"github.com/signet-scheduler/signet/test/cluster"
)

// usage is what a process must not lose.
type usage struct{ fds, goroutines, processes, cgroups, files int }

func measure(t *testing.T, c *cluster.Cluster) usage {
	t.Helper()
	list := func(pattern string) []string {
		files, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		return files
	}
	u := usage{fds: len(list("/proc/self/fd/*")), goroutines: runtime.NumGoroutine()}
	own := fmt.Sprintf("\nPPid:\t%d\n", os.Getpid())
	starters := map[string]bool{}
	statuses := list("/proc/[0-9]*/status")
	for _, s := range statuses {
		if b, err := os.ReadFile(s); err == nil && strings.Contains(string(b), own) {
			starters[filepath.Base(filepath.Dir(s))] = true
		}
	}
	for _, s := range statuses {
		b, err := os.ReadFile(s)
		if err != nil {
			continue
		}
		_, after, _ := strings.Cut(string(b), "\nPPid:\t")
		parent, _, _ := strings.Cut(after, "\n")
		if starters[parent] || strings.Contains(string(b), own) {
			u.processes++
		}
	}
	for s := range starters {
		u.fds += len(list("/proc/" + s + "/fd/*"))
		if b, err := os.ReadFile("/proc/" + s + "/cgroup"); err == nil {
			for line := range strings.SplitSeq(string(b), "\n") {
				if path, ok := strings.CutPrefix(line, "0::"); ok {
					for _, root := range []string{"/sys/fs/cgroup/unified", "/sys/fs/cgroup"} {
						u.cgroups += len(list(root + path + "/*/cgroup.procs"))
					}
				}
			}
		}
	}
	u.files = len(list(filepath.Join(c.Agents[0].Data, "tasks", "*")))
	return u
}

// After many orders everything is as it was. Not parallel: it counts what the
// whole process has.
func TestNothingLeaks(t *testing.T) {
	orders := 2000
	if raceEnabled || testing.Short() {
		orders = 300
	}
	c := cluster.New(t, 1, 1)
	deploy(t, c, script("L", "1", "exit 0"))
	run := func(name string, n int) {
		var list []any
		for i := range n {
			list = append(list, map[string]any{"id": fmt.Sprintf("%s-%d", name, i), "workflowPath": "L", "deleteWhenTerminated": true})
		}
		if err := c.Command("AddOrders", map[string]any{"orders": list}); err != nil {
			t.Fatal(err)
		}
		c.Eventually("all orders end", func() bool {
			var list struct{ Orders []any }
			return c.Get("/order?limit=1", &list) == nil && len(list.Orders) == 0
		})
	}
	run("WARM", 50)
	base := measure(t, c)
	run("L", orders)
	var now usage
	defer func() {
		if t.Failed() {
			t.Logf("before %+v, after %+v", base, now)
			_ = pprof.Lookup("goroutine").WriteTo(os.Stderr, 1)
		}
	}()
	const noise = 8 // connections and timers come and go
	c.Eventually("everything is as it was", func() bool {
		now = measure(t, c)
		return now.fds <= base.fds+noise && now.goroutines <= base.goroutines+noise && now.processes <= base.processes && now.cgroups <= base.cgroups && now.files == 0
	})
}
