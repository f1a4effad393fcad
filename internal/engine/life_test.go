package engine_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/signet-scheduler/signet/internal/engine"
	"github.com/signet-scheduler/signet/internal/fault"
)

// revived returns what a machine's state becomes when it is restored for a life.
func revived(t *testing.T, c *engine.Controller, life string) *engine.Controller {
	t.Helper()
	var b bytes.Buffer
	if _, err := c.Freeze().WriteTo(&b); err != nil {
		t.Fatal(err)
	}
	r, err := engine.RestoreController(engine.Config{ControllerID: "c"}, &b)
	if err != nil {
		t.Fatal(err)
	}
	events := r.BeginLife(life, 77)
	// The same for every member, and as the log has them.
	read, err := engine.ReadEvents(engine.AppendEvents(nil, r.BeginLife(life, 77)))
	if err != nil || len(read) != len(events) || events[0].ID != r.LastEventID()+1 {
		t.Fatalf("%d events, %d read: %v", len(events), len(read), err)
	}
	if err := r.Apply(read); err != nil {
		t.Fatal(err)
	}
	return r
}

// Those that were restored together for the same life know each other; nobody
// else does, and what was given up stays given up in every life.
func TestLives(t *testing.T) {
	t.Parallel()
	now := int64(1_790_000_000_000_000)
	tick := func() int64 { now += 1000; return now }
	c := engine.NewController(engine.Config{ControllerID: "c"})
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	refused := func(err error, text string) {
		t.Helper()
		if !fault.HasCode(err, "AgentLogMismatch") || !strings.Contains(err.Error(), text) {
			t.Errorf("got %v, want %q", err, text)
		}
	}
	check(c.Lead(1, tick()))
	check(c.AgentDedicated("A", "BORN", tick()))
	check(c.AgentEvents("A", "BORN", []engine.Stamped{{ID: 41, Event: &engine.AgentReady{}}}, tick()))
	check(c.AgentDedicated("never", "", tick()))
	c.Committed(c.Take())

	agent := engine.NewAgent(engine.Config{Agent: "A"})
	check(agent.Apply([]engine.Stamped{{ID: 40, Event: &engine.AgentInitialized{Agent: "A", LogID: "BORN"}}}))
	check(agent.Apply(agent.BeginLife("A", "one")))

	first := revived(t, c, "one")
	check(first.Lead(78, tick()))
	check(first.AgentDedicated("A", agent.LogID(), tick()))
	if a, _ := first.Agent("A"); a.LogID != "BORN~one" || a.Observed != 41 {
		t.Errorf("it expects %+v", a)
	}
	refused(first.AgentDedicated("A", "BORN", tick()), "not restored together")
	refused(first.AgentDedicated("A", "BORN~two", tick()), "not restored together")
	refused(first.AgentDedicated("A", "OTHER", tick()), "another log")
	refused(c.AgentDedicated("A", agent.LogID(), tick()), "not restored together") // only the Agent was restored

	first.Committed(first.Take())
	check(first.Apply([]engine.Stamped{{ID: tick(), Key: "A", Event: &engine.AgentReset{LogID: "BORN~one"}}}))
	for _, id := range []string{"BORN", "BORN~one", "BORN~two"} {
		refused(first.AgentDedicated("A", id, tick()), "ResetAgent gave up")
	}
	check(first.AgentDedicated("A", "NEW", tick()))
	first.Committed(first.Take())

	second := revived(t, first, "three")
	if a, _ := second.Agent("A"); a.LogID != "NEW~three" || a.Observed != 0 {
		t.Errorf("it expects %+v", a)
	}
	if again := revived(t, second, "four"); again.LastEventID() <= second.LastEventID() {
		t.Error("ids don't rise")
	} else if a, _ := again.Agent("A"); a.LogID != "NEW~four" {
		t.Errorf("it expects %+v", a)
	}
}
