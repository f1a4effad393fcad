package cluster_test

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/signet-scheduler/signet/internal/conf"
	"github.com/signet-scheduler/signet/internal/controller"
	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/test/cluster"
)

// runner adds orders and waits until they have finished.
type runner struct {
	t *testing.T
	c *cluster.Cluster
	n int
}

func (r *runner) run(rounds, count int) {
	r.t.Helper()
	for range rounds {
		var ids []string
		for range count {
			r.n++
			ids = append(ids, fmt.Sprintf("S%d", r.n))
		}
		add(r.t, r.c, "S", ids...)
		for _, id := range ids {
			r.c.Eventually(id+" finishes", func() bool { return r.c.State(id) == "Finished" })
		}
	}
}

// memberState returns how the leader finds a member.
func memberState(c *cluster.Cluster, name string) string {
	var st struct {
		Leader  string
		Members []struct{ Name, State string }
	}
	for _, p := range c.Controllers {
		if p.Running == nil || c.Client().GetJSON(context.Background(), p.URL+"/controller/api/status", &st) != nil || st.Leader != p.Name {
			continue
		}
		for _, m := range st.Members {
			if m.Name == name {
				return m.State
			}
		}
	}
	return ""
}

// journalFile returns the first file of a Controller's log in a folder of it.
func journalFile(t *testing.T, p *cluster.Part[controller.Controller], folder string) string {
	t.Helper()
	list, err := filepath.Glob(filepath.Join(p.Data, "journal", folder, "0*"))
	if err != nil || len(list) == 0 {
		t.Fatalf("%s has no file in %s: %v", p.Name, folder, err)
	}
	return list[0]
}

func takeSnapshot(t *testing.T, c *cluster.Cluster, p *cluster.Part[controller.Controller]) {
	t.Helper()
	cmd := map[string]any{"TYPE": "TakeSnapshot", "commandId": "snapshot of " + p.Name, "by": map[string]any{"account": "admin", "method": "test"}}
	var answer struct{}
	if err := c.Client().PostJSON(t.Context(), p.URL+"/controller/api/command", cmd, &answer); err != nil {
		t.Fatal(err)
	}
}

func flipBit(t *testing.T, name string) {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	at := len(b) / 2
	if strings.HasSuffix(name, ".seg") {
		at = 200 // behind its records a log file is empty: there nothing is damaged
	}
	b[at] ^= 16
	if err := os.WriteFile(name, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

// A Controller of three whose log or snapshot is damaged, or gone, repairs
// itself from the others: then it can be one of the two that go on when the
// leader is lost, and nothing is.
func TestControllerIsRepaired(t *testing.T) {
	t.Parallel()
	for name, damage := range map[string]func(*testing.T, *cluster.Part[controller.Controller]){
		"log":      func(t *testing.T, p *cluster.Part[controller.Controller]) { flipBit(t, journalFile(t, p, "log")) },
		"snapshot": func(t *testing.T, p *cluster.Part[controller.Controller]) { flipBit(t, journalFile(t, p, "snapshots")) },
		"wiped": func(t *testing.T, p *cluster.Part[controller.Controller]) {
			if err := os.RemoveAll(filepath.Join(p.Data, "journal")); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := cluster.New(t, 3, 1, cluster.ControllerKey("signet.journal.keep-events", "100"),
				cluster.ControllerKey("signet.controller.raft.heartbeat", "50ms"), cluster.ControllerKey("signet.controller.raft.election-timeout", "500ms"))
			deploy(t, c, script("S", "1", "true"))
			reads := follow(t, c)
			r := &runner{t: t, c: c}
			r.run(3, 2)
			for _, p := range c.Controllers { // each begins a new file of its log
				closeController(t, p)
				c.StartController(p)
				c.Eventually(p.Name+" is back", func() bool { return memberState(c, p.Name) == "ready" })
			}
			r.run(60, 2)
			p := leader(t, c)
			takeSnapshot(t, c, p)
			closeController(t, p)
			damage(t, p)
			r.run(3, 2)
			for _, other := range c.Controllers {
				if other != p {
					takeSnapshot(t, c, other)
				}
			}
			c.StartController(p)
			r.run(3, 2)
			c.Eventually(p.Name+" is repaired", func() bool { return memberState(c, p.Name) == "ready" })
			if _, err := os.Stat(filepath.Join(p.Data, "journal.damaged", "manifest")); (err == nil) != (name != "wiped") {
				t.Errorf("what was damaged: %v", err)
			}
			lost := leader(t, c)
			closeController(t, lost)
			r.run(3, 2)
			for i := range r.n {
				if s := c.State(fmt.Sprintf("S%d", i+1)); s != "Finished" && s != "" {
					t.Errorf("S%d is %s", i+1, s)
				}
			}
			c.StartController(lost)
			all := stopReader(t, c, reads)
			for _, p := range c.Controllers {
				c.Eventually(p.Name+" has all", func() bool {
					var st struct{ LastEventID int64 }
					return c.Client().GetJSON(t.Context(), p.URL+"/controller/api/status", &st) == nil && st.LastEventID >= all[len(all)-1]
				})
				ids, _, err := read(t, c, p, 0)
				if err != nil || len(ids) == 0 {
					t.Fatalf("%s: %d events, %v", p.Name, len(ids), err)
				}
				sameTail(t, p.Name, all, ids)
			}
			if ids, _, err := read(t, c, p, 0); err != nil || ids[0] == all[0] {
				t.Errorf("the repaired member has all events from the first on: it got no state (%v)", err)
			}
		})
	}
}

// stopReader waits until the reader has all, and returns what it read.
func stopReader(t *testing.T, c *cluster.Cluster, r *reader) []int64 {
	t.Helper()
	var st struct{ LastEventID int64 }
	if err := c.Get("/status", &st); err != nil {
		t.Fatal(err)
	}
	c.Eventually("the reader has all", func() bool { return r.last() >= st.LastEventID })
	r.stop()
	if !slices.IsSorted(r.ids) || len(slices.Compact(slices.Clone(r.ids))) != len(r.ids) {
		t.Error("the reader saw events twice, or in another order")
	}
	return r.ids
}

// A Controller that is alone has nobody to get anything from: it says where
// the damage is, and how to restore.
func TestDamagedAloneDoesNotStart(t *testing.T) {
	t.Parallel()
	for _, folder := range []string{"log", "snapshots"} {
		t.Run(folder, func(t *testing.T) {
			t.Parallel()
			c := cluster.New(t, 1, 1)
			deploy(t, c, script("S", "1", "true"))
			(&runner{t: t, c: c}).run(1, 3)
			p := c.Controllers[0]
			takeSnapshot(t, c, p)
			closeController(t, p)
			name := journalFile(t, p, folder)
			flipBit(t, name)
			set, err := conf.LoadController(p.Config, p.Data, os.ReadFile)
			if err != nil {
				t.Fatal(err)
			}
			running, err := controller.Start(controller.Options{Settings: set, DataDir: p.Data, Log: slog.New(slog.DiscardHandler)})
			if err == nil {
				t.Fatal("it started", running.Close())
			}
			for _, part := range []string{name, "offset", "signet restore FILE"} {
				if !fault.Is(err, fault.Corrupt) || !strings.Contains(err.Error(), part) {
					t.Errorf("the error doesn't say %q: %v", part, err)
				}
			}
		})
	}
}
