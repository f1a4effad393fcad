package cluster_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/signet-scheduler/signet/test/cluster"
)

// script is a workflow of one job that runs a shell script.
func script(path, version, text string) string {
	return fmt.Sprintf(`{"TYPE":"Workflow","path":%q,"versionId":%q,"instructions":[%s]}`, path, version, job(text))
}

func job(text string) string {
	return fmt.Sprintf(`{"TYPE":"Execute.Anonymous","job":{"agentPath":"agent-1","processLimit":1000,"executable":{"TYPE":"ShellScriptExecutable","script":%q}}}`, text)
}

func add(t *testing.T, c *cluster.Cluster, workflow string, ids ...string) {
	t.Helper()
	var orders []any
	for _, id := range ids {
		orders = append(orders, map[string]any{"id": id, "workflowPath": workflow})
	}
	if err := c.Command("AddOrders", map[string]any{"orders": orders}); err != nil {
		t.Fatal(err)
	}
}

func deploy(t *testing.T, c *cluster.Cluster, docs ...string) {
	t.Helper()
	if err := c.DeployAgents(); err != nil {
		t.Fatal(err)
	}
	if len(docs) == 0 {
		return
	}
	if err := c.Deploy(docs...); err != nil {
		t.Fatal(err)
	}
}

func TestAgentGoesOnAlone(t *testing.T) {
	t.Parallel()
	c := cluster.New(t, 1, 1)
	out := filepath.Join(t.TempDir(), "out")
	var jobs []string
	for i := range 10 {
		jobs = append(jobs, job(fmt.Sprintf("echo %d >>%s; sleep 0.1", i, out)))
	}
	deploy(t, c, fmt.Sprintf(`{"TYPE":"Workflow","path":"TEN","versionId":"1","instructions":[%s]}`, strings.Join(jobs, ",")))
	add(t, c, "TEN", "T")
	c.Eventually("the first job runs", func() bool { b, _ := os.ReadFile(out); return len(b) > 0 })
	if err := c.Controllers[0].Running.Close(); err != nil {
		t.Fatal(err)
	}
	c.Controllers[0].Running = nil
	c.Eventually("the Agent goes through all jobs", func() bool { b, _ := os.ReadFile(out); return string(b) == "0\n1\n2\n3\n4\n5\n6\n7\n8\n9\n" })
	c.StartController(c.Controllers[0])
	c.Eventually("T finishes", func() bool { return c.State("T") == "Finished" })
	if n := strings.Count(strings.Join(eventsOf(c, "T"), " "), "OrderProcessed"); n != 10 {
		t.Errorf("%d jobs in the Controller's events, not 10", n)
	}
}

func TestLostProcessIsRepeated(t *testing.T) {
	t.Parallel()
	c := cluster.New(t, 1, 1)
	out := filepath.Join(t.TempDir(), "out")
	deploy(t, c, script("L", "1", fmt.Sprintf("echo x >>%s; [ $(wc -l <%s) -ge 2 ] || sleep 100", out, out)))
	add(t, c, "L", "L")
	c.Eventually("the job runs", func() bool { b, _ := os.ReadFile(out); return len(b) > 0 })
	if err := c.Agents[0].Running.Close(); err != nil {
		t.Fatal(err)
	}
	c.StartAgent(c.Agents[0])
	c.Eventually("L finishes", func() bool { return c.State("L") == "Finished" })
	if n := strings.Count(strings.Join(eventsOf(c, "L"), " "), "OrderProcessingStarted"); n != 2 {
		t.Errorf("the job was started %d times, not 2", n)
	}
}

func TestLeaderIsLost(t *testing.T) {
	t.Parallel()
	c := cluster.New(t, 3, 1)
	deploy(t, c, script("S", "1", "sleep 0.2"))
	var ids []string
	for i := range 20 {
		ids = append(ids, fmt.Sprintf("S%d", i))
	}
	add(t, c, "S", ids...)
	var st struct{ Leader string }
	if err := c.Get("/status", &st); err != nil {
		t.Fatal(err)
	}
	for _, p := range c.Controllers {
		if p.Name == st.Leader {
			if err := p.Running.Close(); err != nil {
				t.Fatal(err)
			}
			p.Running = nil
		}
	}
	for _, id := range ids {
		c.Eventually(id+" finishes", func() bool { return c.State(id) == "Finished" })
	}
}

func TestKeyIsRemoved(t *testing.T) {
	t.Parallel()
	c := cluster.New(t, 1, 1)
	deploy(t, c, script("Q", "1", "true"))
	add(t, c, "Q", "Q1")
	c.Eventually("Q1 finishes", func() bool { return c.State("Q1") == "Finished" })
	key := filepath.Join(c.Agents[0].Config, "private", "trusted-x509-keys", "signers.pem")
	pem, err := os.ReadFile(key)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(key); err != nil {
		t.Fatal(err)
	}
	c.Eventually("the Agent's quarantine is known", func() bool {
		for _, e := range c.Events() {
			if e["TYPE"] == "ItemQuarantined" {
				return true
			}
		}
		return false
	})
	add(t, c, "Q", "Q2")
	c.Eventually("Q2 tells why it waits", func() bool {
		o, err := c.Order("Q2")
		return err == nil && strings.Contains(fmt.Sprint(o["obstacles"]), "trust")
	})
	if s := c.State("Q2"); s != "Ready" && s != "Fresh" {
		t.Errorf("Q2 is %s", s)
	}
	if err := os.WriteFile(key, pem, 0o600); err != nil {
		t.Fatal(err)
	}
	c.Eventually("Q2 finishes", func() bool { return c.State("Q2") == "Finished" })
}

func TestKill(t *testing.T) {
	t.Parallel()
	c := cluster.New(t, 1, 1)
	deploy(t, c, script("K", "1", "(setsid sleep 100 &) ; sleep 100"))
	add(t, c, "K", "K")
	c.Eventually("K runs", func() bool { return c.State("K") == "Processing" })
	if err := c.Command("CancelOrders", map[string]any{"orderIds": []string{"K"}, "mode": map[string]any{"TYPE": "FreshOrStarted", "kill": map[string]any{}}}); err != nil {
		t.Fatal(err)
	}
	c.Eventually("K is cancelled", func() bool { return c.State("K") == "Cancelled" })
}
