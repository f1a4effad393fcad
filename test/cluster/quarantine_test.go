package cluster_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/signet-scheduler/signet/internal/trust/trusttest"
	"github.com/signet-scheduler/signet/test/cluster"
)

// quarantined returns the workflow's quarantine as the Controller tells it.
func quarantined(c *cluster.Cluster, path string) string {
	var w struct {
		Quarantine struct{ Code, Message string }
	}
	if err := c.Get("/workflow?path="+path, &w); err != nil {
		return ""
	}
	return w.Quarantine.Code
}

func obstacles(c *cluster.Cluster, id string) string {
	o, err := c.Order(id)
	if err != nil {
		return ""
	}
	return fmt.Sprint(o["obstacles"])
}

// hot is how soon a removed key has to be without effect.
const hot = 2 * time.Second

// within is Eventually with the promised time, and what a busy machine takes.
func within(t *testing.T, c *cluster.Cluster, what string, f func() bool) {
	t.Helper()
	began := time.Now()
	c.Eventually(what, f)
	if took := time.Since(began); took > hot+time.Second {
		t.Errorf("%s: only after %s", what, took)
	}
}

// When a signer is removed at the Controller or at the Agent, hot or while
// the part is down: the job that runs goes on to its end, no new one of
// the signer's documents starts, and the order tells why; others go on. When
// the signer comes back, it all goes on.
func TestSignerRemoved(t *testing.T) {
	t.Parallel()
	for _, part := range []string{"Controller", "Agent"} {
		for _, how := range []string{"hot", "down"} {
			t.Run(part+" "+how, func(t *testing.T) {
				t.Parallel()
				signerRemoved(t, part == "Agent", how == "down")
			})
		}
	}
}

func signerRemoved(t *testing.T, atAgent, down bool) {
	bob := trusttest.NewX509(t, "bob")
	c := cluster.New(t, 1, 1, cluster.Trusting(bob))
	files := []string{cluster.TrustFile(c.Controllers[0].Config, bob), cluster.TrustFile(c.Agents[0].Config, bob)}
	deploy(t, c, script("OTHER", "1", "true"))
	out := filepath.Join(t.TempDir(), "out")
	doc := cluster.SignedBy(t, bob.Key, fmt.Sprintf(`{"TYPE":"Workflow","path":"Q","versionId":"1","instructions":[%s,%s]}`,
		job(fmt.Sprintf("echo first >>%s; while [ ! -e %s.go ]; do sleep 0.02; done", out, out)), job(fmt.Sprintf("echo second >>%s", out))))
	if err := postItem(c, asItem(doc)); err != nil {
		t.Fatal(err)
	}
	add(t, c, "Q", "Q1")
	ran := func() string { b, _ := os.ReadFile(out); return string(b) }
	c.Eventually("the first job runs", func() bool { return ran() == "first\n" })

	file := files[0]
	if atAgent {
		file = files[1]
	}
	restart := func(change func()) {
		if !down {
			change()
			return
		}
		if atAgent {
			if err := c.Agents[0].Running.Close(); err != nil {
				t.Fatal(err)
			}
			change()
			c.StartAgent(c.Agents[0])
			return
		}
		if err := c.Controllers[0].Running.Close(); err != nil {
			t.Fatal(err)
		}
		change()
		c.StartController(c.Controllers[0])
	}
	restart(func() {
		if err := os.Remove(file); err != nil {
			t.Fatal(err)
		}
	})
	within(t, c, "the quarantine is known", func() bool {
		if !atAgent {
			return quarantined(c, "Q") != ""
		}
		for _, e := range c.Events() {
			if e["TYPE"] == "ItemQuarantined" && e["agentPath"] == "agent-1" {
				return true
			}
		}
		return false
	})
	if err := os.WriteFile(out+".go", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if atAgent {
		if !down { // a restarted Agent has lost the process
			c.Eventually("the first job has ended", func() bool { return strings.Contains(strings.Join(eventsOf(c, "Q1"), " "), "OrderProcessed") })
		}
		c.Eventually("Q1 tells why it waits", func() bool { return strings.Contains(obstacles(c, "Q1"), "trust") })
	}
	add(t, c, "OTHER", "OTHER")
	c.Eventually("OTHER finishes", func() bool { return c.State("OTHER") == "Finished" })
	if atAgent {
		if got := ran(); got != "first\n" {
			t.Errorf("after the removal, these have run: %q", got)
		}
	} else {
		// The Agent trusts bob still, and has the order: it goes on. A new order doesn't.
		if err := c.Command("AddOrders", map[string]any{"orders": []any{map[string]any{"id": "Q2", "workflowPath": "Q"}}}); err == nil {
			c.Eventually("Q2 tells why it waits", func() bool { return strings.Contains(obstacles(c, "Q2"), "trust") })
			if events := eventsOf(c, "Q2"); strings.Contains(strings.Join(events, " "), "Attach") {
				t.Errorf("Q2 went to the Agent: %q", events)
			}
		} else if !strings.Contains(err.Error(), "trust") {
			t.Errorf("the refusal doesn't tell why: %v", err)
		}
	}
	restart(func() {
		if err := os.WriteFile(file, bob.Trusted, 0o600); err != nil {
			t.Fatal(err)
		}
	})
	if atAgent && down {
		// Its process was lost while nobody vouched for what the workflow says about repeating it.
		c.Eventually("Q1 ends", func() bool { s := c.State("Q1"); return s == "Failed" || s == "Finished" })
	} else {
		c.Eventually("Q1 finishes", func() bool { return c.State("Q1") == "Finished" })
	}
	c.Eventually("Q is released", func() bool { return quarantined(c, "Q") == "" })
	add(t, c, "Q", "Q3")
	c.Eventually("Q3 finishes", func() bool { return c.State("Q3") == "Finished" })
}

// A member that begins to lead verifies anew: the key was removed there while
// another led.
func TestSignerRemovedAtFollower(t *testing.T) {
	t.Parallel()
	bob := trusttest.NewX509(t, "bob")
	c := cluster.New(t, 3, 1, cluster.Trusting(bob))
	deploy(t, c)
	doc := cluster.SignedBy(t, bob.Key, script("Q", "1", "true"))
	if err := postItem(c, asItem(doc)); err != nil {
		t.Fatal(err)
	}
	var st struct{ Leader string }
	if err := c.Get("/status", &st); err != nil {
		t.Fatal(err)
	}
	for _, p := range c.Controllers {
		if p.Name != st.Leader {
			if err := os.Remove(cluster.TrustFile(p.Config, bob)); err != nil {
				t.Fatal(err)
			}
		}
	}
	if q := quarantined(c, "Q"); q != "" {
		t.Errorf("quarantined where bob is trusted: %s", q)
	}
	for _, p := range c.Controllers {
		if p.Name == st.Leader {
			if err := p.Running.Close(); err != nil {
				t.Fatal(err)
			}
			p.Running = nil
		}
	}
	c.Eventually("the next leader has quarantined Q", func() bool { return quarantined(c, "Q") != "" })
}

// An Agent whose address changes is driven on in the same term.
func TestAgentMoves(t *testing.T) {
	t.Parallel()
	c := cluster.New(t, 1, 1)
	deploy(t, c, script("M", "1", "true"))
	for i := range 4 {
		id := fmt.Sprintf("M%d", i)
		add(t, c, "M", id)
		c.Eventually(id+" finishes", func() bool { return c.State(id) == "Finished" })
	}
	p := c.Agents[0]
	if err := c.Deploy(fmt.Sprintf(`{"TYPE":"AgentRef","path":"agent-1","uri":%q}`, strings.Replace(p.URL, "127.0.0.1", "localhost", 1))); err != nil {
		t.Fatal(err)
	}
	c.Eventually("the Agent is coupled", func() bool {
		n := 0
		for _, e := range c.Events() {
			if e["TYPE"] == "AgentCoupled" {
				n++
			}
		}
		return n > 0
	})
	for i := range 4 {
		id := fmt.Sprintf("N%d", i)
		add(t, c, "M", id)
		c.Eventually(id+" finishes", func() bool { return c.State(id) == "Finished" })
	}
}
