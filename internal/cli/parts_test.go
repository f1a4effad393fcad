package cli_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/signet-scheduler/signet/api"
)

func answerWith(v any) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(v)
	}
}

func TestPartLogVerbs(t *testing.T) {
	t.Parallel()
	f := newCockpit(t)
	log := api.PartLog{Missed: true, Lines: []api.PartLogLine{{Id: 7, Time: 1_790_000_000_000, Level: "warn", Text: "the Agent is\x1b[31m not coupled"}}}
	for _, path := range []string{"/agents/agent-1/log", "/controllers/controller-1/log", "/cockpits/log"} {
		f.on("GET "+path, answerWith(log))
	}
	for verb, path := range map[string]string{
		"agent log agent-1": "/agents/agent-1/log", "controller log controller-1": "/controllers/controller-1/log", "cockpit log": "/cockpits/log",
	} {
		got := f.run(t, append(strings.Fields(verb), "--limit", "3")...).want(t, 0)
		if !strings.Contains(got.out, "WARN   the Agent is\uFFFD[31m not coupled\n") || !strings.Contains(got.err, "no longer kept") {
			t.Errorf("%s: %q %q", verb, got.out, got.err)
		}
		if last := f.asked[len(f.asked)-1]; last.what != "GET "+path || last.query != "after=0&limit=3" {
			t.Errorf("%s asked %+v", verb, last)
		}
		got = f.run(t, append(strings.Fields(verb), "-o", "json")...).want(t, 0)
		if !strings.HasPrefix(got.out, `{"id":7,"level":"warn",`) {
			t.Errorf("%s: %q", verb, got.out)
		}
		f.run(t, append(strings.Fields(verb), "--limit", "0")...).want(t, 2)
	}
}

// A log that is followed goes on behind the last line, and ends with the command
// or an error.
func TestFollowedPartLog(t *testing.T) {
	t.Parallel()
	f := newCockpit(t)
	f.on("GET /cockpits/log", answerWith(api.PartLog{Lines: []api.PartLogLine{{Id: 7, Text: "one"}}}))
	f.on("GET /cockpits/log", answerWith(api.PartLog{Lines: []api.PartLogLine{{Id: 9, Text: "two"}}}))
	f.on("GET /cockpits/log", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNotFound) })
	got := f.run(t, "cockpit", "log", "-f", "--limit", "1")
	if got.code == 0 || strings.Count(got.out, "\n") != 2 || !strings.Contains(got.out, "two") {
		t.Errorf("%d: %q", got.code, got.out)
	}
	if f.asked[1].query != "after=7&limit=1" || f.asked[2].query != "after=9&limit=1" {
		t.Errorf("%+v", f.asked)
	}
}

func TestCertificateList(t *testing.T) {
	t.Parallel()
	f := newCockpit(t)
	one := api.Certificate{Part: "agent", Name: "a", Use: "parts", Subject: "signet://agent/a", NotAfter: 1_790_000_000_000, State: "good"}
	f.on("GET /certificates", answerWith(api.Certificates{Certificates: []api.Certificate{one}}))
	if got := f.run(t, "certificate", "list").want(t, 0); !strings.Contains(got.out, "signet://agent/a") {
		t.Errorf("%q", got.out)
	}
	soon := one
	soon.State = "soon"
	f = newCockpit(t)
	f.on("GET /certificates", answerWith(api.Certificates{Certificates: []api.Certificate{soon, one}}))
	f.run(t, "certificate", "list").want(t, 1)
	if got := f.run(t, "certificate", "list", "-o", "json").want(t, 1); !strings.Contains(got.out, `"state": "soon"`) {
		t.Errorf("%q", got.out)
	}
}

func TestActivityAndCockpits(t *testing.T) {
	t.Parallel()
	f := newCockpit(t)
	f.on("GET /agents/a/activity", answerWith(api.AgentActivity{
		Running: []api.AgentStep{{OrderId: "O-1", Workflow: "W", Job: "J", Pid: 4711}}, RunningCount: 3,
		Waiting: []api.AgentStep{{OrderId: "O-2", Workflow: "W", Job: "J", Place: 1, JobFull: true}, {OrderId: "O-3", Place: 2}}, WaitingCount: 2,
	}))
	got := f.run(t, "agent", "activity", "a").want(t, 0)
	for _, want := range []string{"4711", "waits: the job is full, place 1", "waits: the Agent is full, place 2"} {
		if !strings.Contains(got.out, want) {
			t.Errorf("no %q in %q", want, got.out)
		}
	}
	if !strings.Contains(got.err, "and 2 more") {
		t.Errorf("%q", got.err)
	}
	f.on("GET /cockpits", answerWith(api.Cockpits{Cockpits: []api.CockpitInfo{{Name: "one", Services: true, Alive: true}, {Name: "two", Alive: true}, {Name: "three"}}}))
	got = f.run(t, "cockpit", "list").want(t, 0)
	for _, want := range []string{"runs the services", "stands by", "silent"} {
		if !strings.Contains(got.out, want) {
			t.Errorf("no %q in %q", want, got.out)
		}
	}
}
