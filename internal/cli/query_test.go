package cli_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

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

func TestHistoryFilters(t *testing.T) {
	t.Parallel()
	f := newCockpit(t)
	f.on("GET /history/steps", answer(`{"rows":[{"orderId":"a","workflow":"w","position":[0],"label":"","job":"j","agent":"agent-1","start":1,"end":2,"outcome":{"TYPE":"Failed"},"returnCode":3,"try":1}],"cursor":"next","more":true,"reached":5}`))
	f.on("GET /history/steps", answer(`{"rows":[]}`))
	f.on("GET /history/runs", answer(`{"rows":[{"event":2000,"orderId":"a","workflow":"w","account":"ada","added":2,"start":3,"end":1003,"state":"Stopped","result":"failed","message":"no disk"},{"event":1000,"orderId":"b","workflow":"w","added":1,"result":"open"}]}`))
	if out := f.run(t, "history", "--result", "failed", "--job", "j", "--rc", "-3", "--text", "x y").want(t, 0).out; !strings.Contains(out, "Failed, return code 3") {
		t.Errorf("table: %s", out)
	}
	fields := "fields=orderId%2Cworkflow%2Cposition%2Clabel%2Cjob%2Cagent%2Cstart%2Cend%2Coutcome%2CreturnCode%2Ctry"
	if q := f.requests()[1].query; q != "cursor=next&"+fields+"&job=j&oldest=true&result=failed&returnCode=-3&text=x+y" {
		t.Errorf("query %q", q)
	}
	out := f.run(t, "history", "--runs", "--limit", "2", "--from", "2026-11-22T23:00:00Z", "--to", "2026-11-22T23:00:01Z", "--state", "Stopped", "--account", "ada").want(t, 0).out
	if a, b := strings.Index(out, "failed (Stopped): no disk"), strings.Index(out, "open"); a < 0 || b < 0 || a < b || !strings.Contains(out, "1.0s") {
		t.Errorf("table: %s", out)
	}
	if q := f.last(t, "GET /history/runs").query; q != "account=ada&from=1795388400000&limit=2&state=Stopped&to=1795388401000" {
		t.Errorf("query %q", q)
	}
	for _, flags := range [][]string{{"--from", "yesterday"}, {"--from", "-7x"}, {"--to", "-xd"}, {"--from", "+3h"}, {"--rc", "x"}, {"--limit", "-1"}} {
		f.run(t, append([]string{"history"}, flags...)...).want(t, 2)
	}
	f.on("GET /history/steps", refuse(fault.Invalid, "InvalidQuery", "no such result"))
	f.run(t, "history", "--result", "x").want(t, 0) // the last answer stays for one more call
	f.run(t, "history", "--result", "x").want(t, 7).says(t, "no such result")
}

func TestTimesOfThePast(t *testing.T) {
	t.Parallel()
	f := newCockpit(t)
	f.on("GET /audit", answer(`{"entries":[]}`))
	for flag, back := range map[string]time.Duration{"-24h": 24 * time.Hour, "-90m": 90 * time.Minute, "-1d12h": 36 * time.Hour, "-0d": 0} {
		before := time.Now()
		f.run(t, "audit", "--from", flag).want(t, 0)
		q, err := url.ParseQuery(f.last(t, "GET /audit").query)
		if err != nil {
			t.Fatal(err)
		}
		ms, err := strconv.ParseInt(q.Get("from"), 10, 64)
		// A day may be an hour longer or shorter in the zone of this machine.
		if got := before.Add(-back).Sub(time.UnixMilli(ms)).Abs(); err != nil || got > time.Minute && (got-time.Hour).Abs() > time.Minute {
			t.Errorf("%s became %q", flag, q.Get("from"))
		}
	}
}

func TestAudit(t *testing.T) {
	t.Parallel()
	f := newCockpit(t)
	f.on("GET /audit", answer(`{"entries":[{"id":2,"time":5,"account":"ada","method":"password","action":"deploy","objects":["Workflow:w","Lock:l"],"reason":"new\u001b[31m","ticket":"T-1","result":"done"}],"cursor":"next","more":true}`))
	f.on("GET /audit", answer(`{"entries":[{"id":1,"time":4,"account":"bob","method":"password","action":"addOrders","objects":[],"result":"NotPermitted"}]}`))
	out := f.run(t, "audit", "--account", "x", "--action", "y", "--object", "Order:a b", "--result", "refused", "--text", "t").want(t, 0).out
	if !strings.Contains(out, "Workflow:w Lock:l") || !strings.Contains(out, "NotPermitted") || strings.Contains(out, "\x1b") {
		t.Errorf("table: %q", out)
	}
	if q := f.requests()[1].query; q != "account=x&action=y&cursor=next&object=Order%3Aa+b&result=refused&text=t" {
		t.Errorf("query %q", q)
	}
	var entries []map[string]any
	out = f.run(t, "audit", "--limit", "1", "-o", "json").want(t, 0).out
	if err := json.Unmarshal([]byte(out), &entries); err != nil || len(entries) != 1 || entries[0]["account"] != "bob" {
		t.Errorf("%v %v", entries, err)
	}
	f.run(t, "audit", "--from", "x").want(t, 2)
	f.run(t, "audit", "--limit", "-1").want(t, 2)
	f.on("GET /audit", refuse(fault.Forbidden, "NotPermitted", "no"))
	f.run(t, "audit").want(t, 0)
	f.run(t, "audit").want(t, 4)
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
	f.on("PUT /filters/history/x", func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, r.Header.Get("If-Match")+" "+r.Header.Get("If-None-Match"))
	})
	if out := f.run(t, "api", "PUT", "/filters/history/x", "--data", `{"query":"q"}`, "--if-match", `"3"`).want(t, 0).out; out != `"3" ` {
		t.Errorf("sent If-Match %q", out)
	}
	if out := f.run(t, "api", "PUT", "/filters/history/x", "--data", `{"query":"q"}`, "--if-none-match", "*").want(t, 0).out; out != ` *` {
		t.Errorf("sent If-None-Match %q", out)
	}
}
