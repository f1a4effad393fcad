package cluster_test

import (
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/signet-scheduler/signet/internal/cockpit"
	"github.com/signet-scheduler/signet/internal/part"
	"github.com/signet-scheduler/signet/internal/pki"
	"github.com/signet-scheduler/signet/test/cluster"
)

// What the parts tell of themselves, as the Cockpit asks for it: versions,
// certificates, what runs where under which process id, and their logs.
func TestPartsTellOfThemselves(t *testing.T) {
	t.Parallel()
	c := cluster.New(t, 1, 1)
	stop := filepath.Join(t.TempDir(), "stop")
	deploy(t, c, script("W", "1", "echo $$ >"+stop+".pid; while [ ! -e "+stop+" ]; do sleep 0.01; done"))
	add(t, c, "W", "O")
	c.Eventually("it runs", func() bool { _, err := os.ReadFile(stop + ".pid"); return err == nil && c.State("O") == "Processing" })

	var a cockpit.Activity
	name, task := c.TaskOf("O")
	if err := c.Get("/agent/"+name+"/activity", &a); err != nil {
		t.Fatal(err)
	}
	if len(a.Running) != 1 || a.RunningCount != 1 || len(a.Waiting) != 0 || a.ProcessLimit < 1 || a.LimitReason == "" {
		t.Fatalf("%+v", a)
	}
	r := a.Running[0]
	if r.OrderID != "O" || r.Workflow != "W" || r.Task != task || time.Since(time.UnixMilli(r.Since)) > time.Minute {
		t.Errorf("%+v", r)
	}
	if told, err := os.ReadFile(stop + ".pid"); err != nil || strings.TrimSpace(string(told)) != strconv.Itoa(r.PID) {
		t.Errorf("process %d, but it says %q, %v", r.PID, told, err)
	}

	var st cockpit.Status
	if err := c.Get("/status", &st); err != nil {
		t.Fatal(err)
	}
	certificateOf(t, st.Report, pki.Identity{Role: pki.RoleController, Name: st.Name})
	var agents struct{ Agents []cockpit.AgentInfo }
	if err := c.Get("/agent", &agents); err != nil {
		t.Fatal(err)
	}
	if x := agents.Agents[0]; x.Report == nil || x.Heard == 0 {
		t.Fatalf("%+v", x)
	}
	certificateOf(t, *agents.Agents[0].Report, pki.Identity{Role: pki.RoleAgent, Name: name})
	certificateOf(t, a.Report, pki.Identity{Role: pki.RoleAgent, Name: name})

	var log part.Lines
	if err := c.Get("/agent/"+name+"/log?limit=2000", &log); err != nil {
		t.Fatal(err)
	}
	if !tells(log, "process limit part=") {
		t.Errorf("the Agent's log: %+v", log)
	}
	if err := c.Get("/log", &log); err != nil {
		t.Fatal(err)
	}
	if !tells(log, "the Agent is coupled") {
		t.Errorf("the Controller's log: %+v", log)
	}
	if err := c.Get("/log?after=x", &log); err == nil {
		t.Error("a query that makes no sense is answered")
	}
	if err := c.Get("/agent/nobody/log", &log); err == nil {
		t.Error("an Agent that isn't there has a log")
	}
	// Agents answer Controllers only.
	if status, err := ask(c.Agents[0].URL+"/agent/api/log", pairOf(t, c.Controllers[0].Config)); status != http.StatusOK {
		t.Errorf("the Controller isn't let in: %d, %v", status, err)
	}
	if err := os.WriteFile(stop, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	c.Eventually("it finishes", func() bool { return c.State("O") == "Finished" })
}

func tells(l part.Lines, text string) bool {
	for _, line := range l.Lines {
		if strings.Contains(line.Text, text) {
			return true
		}
	}
	return false
}

func certificateOf(t *testing.T, r part.Report, id pki.Identity) {
	t.Helper()
	authorities := 0
	for _, c := range r.Certificates {
		switch {
		case c.NotAfter < time.Now().UnixMilli():
			t.Errorf("%+v is over", c)
		case c.Use == part.ForAuthority:
			authorities++
		case c.Use != part.ForParts || c.Subject != id.URI().String():
			t.Errorf("%+v, want the one of %s", c, id)
		}
	}
	if authorities == 0 || len(r.Certificates) != authorities+1 || r.Version != "test" || r.Since == 0 {
		t.Errorf("%+v", r)
	}
}
