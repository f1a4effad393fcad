package cli_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/signet-scheduler/signet/internal/fault"
)

func TestHistory(t *testing.T) {
	t.Parallel()
	row := func(id string, n int) string {
		return fmt.Sprintf(`{"orderId":%q,"workflow":"w","position":[0],"label":"","job":"j","agent":"agent-1","start":%d,"end":%d,"outcome":{"TYPE":"Failed","message":"no"},"returnCode":3,"try":1}`, id, n, n+5)
	}
	f := newCockpit(t)
	f.on("GET /history", answer(`{"rows":[`+row("a", 1)+`],"cursor":"next"}`))
	f.on("GET /history", answer(`{"rows":[`+row("b", 2)+`,`+row("c", 3)+`]}`))
	var rows []map[string]any
	out := f.run(t, "history", "-o", "json", "--order", "x").want(t, 0).out
	if err := json.Unmarshal([]byte(out), &rows); err != nil || len(rows) != 3 || rows[2]["orderId"] != "c" {
		t.Errorf("%v %v", rows, err)
	}
	if q := f.requests()[1].query; q != "cursor=next&order=x" {
		t.Errorf("query %q", q)
	}
	out = f.run(t, "history", "-o", "json", "--limit", "2").want(t, 0).out
	if err := json.Unmarshal([]byte(out), &rows); err != nil || len(rows) != 2 || rows[0]["orderId"] != "c" || rows[1]["orderId"] != "b" {
		t.Errorf("with limit: %v %v", rows, err)
	}
	if q := f.last(t, "GET /history").query; q != "limit=2&newest=true" {
		t.Errorf("query %q", q)
	}
	if out := f.run(t, "history").want(t, 0).out; !strings.Contains(out, "Failed: no") {
		t.Errorf("table: %s", out)
	}
}

func TestEvents(t *testing.T) {
	t.Parallel()
	f := newCockpit(t)
	f.on("GET /events", lines("{\"eventId\":1,\"TYPE\":\"A\"}\n", "\n", "{\"eventId\":2,\"TYPE\":\"B\"}\n"))
	if out := f.run(t, "events").want(t, 0).out; out != "{\"eventId\":1,\"TYPE\":\"A\"}\n{\"eventId\":2,\"TYPE\":\"B\"}\n" {
		t.Errorf("printed %q", out)
	}
}

// Events that are followed over a break come once.
func TestEventsGoOnAfterABreak(t *testing.T) {
	t.Parallel()
	f := newCockpit(t)
	f.on("GET /events", cut("{\"eventId\":5}\n", "{\"eventId\":6}\n"))
	f.on("GET /events", lines("{\"eventId\":7}\n"))
	if out := f.run(t, "events", "-f", "--after", "4").want(t, 0).out; out != "{\"eventId\":5}\n{\"eventId\":6}\n{\"eventId\":7}\n" {
		t.Errorf("printed %q", out)
	}
	all := f.requests()
	if all[0].query != "after=4&follow=true" || all[1].query != "after=6&follow=true" {
		t.Errorf("asked %+v", all)
	}
}

func TestControllerStatus(t *testing.T) {
	t.Parallel()
	f := newCockpit(t)
	f.on("GET /controllers/status", answer(`{"controllers":[{"id":"c","leader":"controller-2","term":4,"members":[{"name":"controller-1","role":"follower","url":"https://a"},{"name":"controller-2","role":"leader","url":"https://b"}],"history":{"eventId":9}}]}`))
	f.on("GET /controllers/status", answer(`{"controllers":[{"id":"c","leader":"controller-2","term":4,"members":[{"name":"controller-1","role":"follower","url":"https://a","state":"joining"},{"name":"controller-2","role":"leader","url":"https://b"}],"history":{"eventId":9}}]}`))
	f.on("GET /controllers/status", answer(`{"controllers":[{"id":"c","members":[],"history":{"eventId":9},"problem":{"code":"NoLeader","message":"there is no leader"}}]}`))
	f.on("GET /controllers/status", answer(`{"controllers":[{"id":"c","members":[],"history":{"eventId":9,"problem":{"code":"NoSpace","message":"the disk is full"}}}]}`))
	var members []map[string]string
	if err := json.Unmarshal([]byte(f.run(t, "controller", "status", "-o", "json").want(t, 0).out), &members); err != nil ||
		len(members) != 2 || members[1]["name"] != "controller-2" || members[1]["role"] != "leader" || members[1]["url"] != "https://b" {
		t.Errorf("%v %v", members, err)
	}
	if out := f.run(t, "controller", "status").want(t, 0).out; !strings.Contains(out, "leader") || !strings.Contains(out, "joining") {
		t.Errorf("table: %s", out)
	}
	f.run(t, "controller", "status").want(t, 6).says(t, "no leader")
	f.run(t, "controller", "status").want(t, 0).says(t, "the history of Controller c isn't written: the disk is full")
	f.run(t, "controller", "status", "--controller", "d").want(t, 3)
}

func TestAgents(t *testing.T) {
	t.Parallel()
	f := newCockpit(t)
	f.on("GET /agents", answer(`{"agents":[{"name":"agent-1","uri":"https://a","disabled":false,"coupled":false,"problem":{"code":"X","message":"not there"},"orders":2,"running":1}]}`))
	f.on("GET /agents/agent-1", answer(`{"name":"agent-1","uri":"https://a","disabled":false,"coupled":true,"orders":2,"running":1}`))
	f.on("POST /agents", noContent)
	if out := f.run(t, "agent", "list").want(t, 0).out; !strings.Contains(out, "not coupled: not there") {
		t.Errorf("list: %s", out)
	}
	if out := f.run(t, "agent", "show", "agent-1").want(t, 0).out; !strings.Contains(out, "coupled") {
		t.Errorf("show: %s", out)
	}
	if out := f.run(t, "agent", "list", "-o", "json").want(t, 0).out; !strings.HasPrefix(out, "[") {
		t.Errorf("JSON: %s", out)
	}
	f.run(t, "agent", "add", "agent-2", "--uri", "https://b:1", "--process-limit", "0").want(t, 0)
	got, _ := json.Marshal(f.last(t, "POST /agents").decode(t))
	if string(got) != `{"name":"agent-2","processLimit":0,"uri":"https://b:1"}` {
		t.Errorf("sent %s", got)
	}
}

func TestWorkflows(t *testing.T) {
	t.Parallel()
	f := newCockpit(t)
	f.on("GET /workflows", answer(`{"workflows":[{"path":"w","versionId":"1","suspended":true,"skip":["mail"],"orders":0,"quarantine":{"code":"UnknownSigner","message":"nobody"}}]}`))
	f.on("GET /workflow", answer(`{"path":"w","versionId":"1","document":"{\"TYPE\":\"Workflow\"}","versions":["1"],"suspended":false,"skip":[],"breakpoints":[],"orders":0,"parameters":[{"name":"p","type":"String","required":true,"final":false}],"allowUndeclared":false}`))
	f.on("POST /workflows/control", noContent)
	if out := f.run(t, "workflow", "list").want(t, 0).out; !strings.Contains(out, "quarantined: nobody; suspended; skips mail") {
		t.Errorf("list: %s", out)
	}
	if out := f.run(t, "workflow", "show", "w").want(t, 0).out; !strings.Contains(out, `"String", required`) || !strings.HasSuffix(out, "{\"TYPE\":\"Workflow\"}\n") {
		t.Errorf("show: %s", out)
	}
	for _, tt := range []struct {
		args []string
		body string
	}{
		{[]string{"suspend", "w"}, `{"path":"w","suspend":true}`},
		{[]string{"resume", "w", "--reason", "r"}, `{"path":"w","reason":"r","suspend":false}`},
		{[]string{"skip", "w", "mail"}, `{"path":"w","skip":[{"label":"mail","skip":true}]}`},
		{[]string{"skip", "w", "mail", "--undo"}, `{"path":"w","skip":[{"label":"mail","skip":false}]}`},
	} {
		f.run(t, append([]string{"workflow"}, tt.args...)...).want(t, 0)
		if got, _ := json.Marshal(f.last(t, "POST /workflows/control").decode(t)); string(got) != tt.body {
			t.Errorf("%v sent %s", tt.args, got)
		}
	}
}

func TestAPI(t *testing.T) {
	t.Parallel()
	f := newCockpit(t)
	f.on("GET /me", answer(`{"account":"anna"}`))
	f.on("POST /orders/cancel", noContent)
	f.on("GET /health", refuse(fault.Forbidden, "NoPermission", "no"))
	for _, path := range []string{"/me", "me", "/api/v1/me"} {
		if out := f.run(t, "api", "get", path).want(t, 0).out; out != `{"account":"anna"}` {
			t.Errorf("%s: %q", path, out)
		}
	}
	f.run(t, "api", "POST", "/orders/cancel?controller=c", "--data", `{"ids":["o"]}`).want(t, 0)
	if a := f.last(t, "POST /orders/cancel"); a.body != `{"ids":["o"]}` || a.query != "controller=c" {
		t.Errorf("sent %+v", a)
	}
	f.run(t, "api", "POST", "/orders/cancel", "--data", "@"+write(t, f.dir+"/b.json", `{"ids":["p"]}`)).want(t, 0)
	if a := f.last(t, "POST /orders/cancel"); a.body != `{"ids":["p"]}` {
		t.Errorf("sent %+v", a)
	}
	f.run(t, "api", "GET", "/health").want(t, 4)
}
