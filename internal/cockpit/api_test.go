package cockpit

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/signet-scheduler/signet/api"
	"github.com/signet-scheduler/signet/internal/conf"
	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/fsys"
	"github.com/signet-scheduler/signet/internal/order"
	"github.com/signet-scheduler/signet/internal/store"
)

func TestOneOrder(t *testing.T) { onBoth(t, options{}, testOneOrder) }

func testOneOrder(t *testing.T, b *bench) {
	b.deploy(map[string]string{"folder/W": job("out hello\nerr oops\nrc 0")})
	ids := b.add(api.AddOrdersRequest{Workflow: "folder/W", Id: "O/1 #?|"[:5], Reason: "why not"})
	got := b.await(ids...)
	if d := cmp.Diff([]api.WaitedOrder{{Id: ids[0], Ended: true, State: "Finished", Successful: true}}, got.Orders); d != "" {
		t.Error(d)
	}

	rows := b.history("order=" + "O%2F1+%23")
	if len(rows) != 1 {
		t.Fatalf("%d rows", len(rows))
	}
	row := rows[0]
	text, err := json.Marshal(row)
	b.check(err)
	var fields map[string]any
	b.check(json.Unmarshal(text, &fields))
	for name := range strings.FieldsSeq("orderId workflow position label job agent start end outcome returnCode try") {
		if _, ok := fields[name]; !ok {
			t.Errorf("the row has no %s: %s", name, text)
		}
		delete(fields, name)
	}
	if len(fields) > 0 {
		t.Errorf("the row has more: %v", fields)
	}
	if row.OrderId != "O/1 #" || row.Workflow != "folder/W" || string(row.Position) != "[0]" || row.Label != "L" || row.Job != "J" ||
		row.Agent != "agent-1" || row.Start == 0 || row.End < row.Start || *row.ReturnCode != 0 || row.Try != 1 ||
		string(row.Outcome) != `{"TYPE":"Succeeded","namedValues":{"returnCode":0}}` {
		t.Errorf("row: %s", text)
	}

	var o struct {
		ID       string
		Workflow struct{ Path, VersionID string }
		State    struct{ TYPE string }
		Outcome  struct{ TYPE string }
		Historic []any `json:"historicOutcomes"`
	}
	b.call("GET", orderPath(ids[0], ""), nil, &o)
	if o.ID != ids[0] || o.State.TYPE != "Finished" || o.Outcome.TYPE != "Succeeded" || len(o.Historic) != 1 || o.Workflow.Path != "folder/W" {
		t.Errorf("order: %+v", o)
	}

	w := b.do(request{method: "GET", path: orderPath(ids[0], "/log"), token: b.token})
	if w.Body.String() != "hello\noops\n" || w.Header().Get("Content-Type") != "text/plain; charset=utf-8" {
		t.Errorf("log: %q", w.Body)
	}
	w = b.do(request{method: "GET", path: orderPath(ids[0], "/log?follow=true"), token: b.token, accept: "application/x-ndjson"})
	var lines []string
	for line := range strings.Lines(w.Body.String()) {
		var l api.LogLine
		if strings.TrimSpace(line) == "" {
			continue
		}
		b.check(json.Unmarshal([]byte(line), &l))
		if l.OrderId != ids[0] || l.Task == "" || l.Time == 0 || l.Label != "L" {
			t.Errorf("line %s", line)
		}
		lines = append(lines, l.Channel+" "+l.Text)
	}
	if d := cmp.Diff([]string{"stdout hello\n", "stderr oops\n"}, lines); d != "" {
		t.Error(d)
	}

	var audit api.Audit
	b.call("GET", "/audit?limit=1", nil, &audit)
	e := audit.Entries[0]
	if e.Account != "admin" || e.Action != "addOrders" || e.Reason != "why not" || e.Result != "done" || e.Controller != "controller" ||
		e.Method != "password" || e.Address == "" || !cmp.Equal(e.Objects, []string{"Workflow:folder/W", "Order:O/1 #"}) || audit.Cursor == "" {
		t.Errorf("audit: %+v", e)
	}
}

func TestAddingOrders(t *testing.T) { onBoth(t, options{}, testAddingOrders) }

func testAddingOrders(t *testing.T, b *bench) {
	const parameters = `{"orderPreparation":{"parameters":{"n":{"type":"Number"},"flag":{"type":"Boolean","default":"false"},"s":{"type":"String","default":"'x'"},
		"l":{"type":{"TYPE":"List","elementType":"String"},"default":"[]"}}},"instructions":[]}`
	b.deploy(map[string]string{"W": parameters, "Free": `{"instructions":[]}`})
	show := func(id string) (o struct {
		Arguments    map[string]json.RawMessage
		ScheduledFor int64
		Priority     int64
	},
	) {
		b.Helper()
		b.call("GET", orderPath(id, ""), nil, &o)
		return o
	}
	ids := b.add(api.AddOrdersRequest{
		Workflow: "W", Id: "A", ArgumentTexts: map[string]string{"n": "3.50", "flag": "true", "s": "7", "l": `["a"]`},
		ScheduledFor: json.RawMessage(`"2099-01-01T00:00:00+01:00"`), Priority: -3,
	})
	o := show(ids[0])
	if string(o.Arguments["n"]) != "3.5" || string(o.Arguments["flag"]) != "true" || string(o.Arguments["s"]) != `"7"` || string(o.Arguments["l"]) != `["a"]` ||
		o.ScheduledFor != 4070905200000 || o.Priority != -3 {
		t.Errorf("order: %+v", o)
	}
	if o := show(b.add(api.AddOrdersRequest{Workflow: "Free", Id: "B", Keep: true, ArgumentTexts: map[string]string{"a": "1"}})[0]); string(o.Arguments["a"]) != `"1"` {
		t.Errorf("undeclared: %s", o.Arguments["a"])
	}
	if d := cmp.Diff([]string{"C-1", "C-2", "C-3"}, b.add(api.AddOrdersRequest{Workflow: "Free", Id: "C", Count: 3})); d != "" {
		t.Error(d)
	}
	if ids := b.add(api.AddOrdersRequest{Workflow: "Free"}); !strings.HasPrefix(ids[0], "#20") {
		t.Errorf("made id %q", ids[0])
	}
	// A repetition has no effect, whatever the id is.
	first := b.add(api.AddOrdersRequest{Workflow: "Free", RequestId: "r1"})
	if again := b.add(api.AddOrdersRequest{Workflow: "Free", RequestId: "r1"}); again[0] != first[0] {
		t.Errorf("repeated: %v, then %v", first, again)
	}
	var out api.AddOrdersResponse
	b.call("POST", "/orders", api.AddOrdersRequest{Workflow: "W", Id: "A", Arguments: map[string]json.RawMessage{"n": json.RawMessage("1")}}, &out)
	if out.Added != 0 || out.Duplicates != 1 {
		t.Errorf("duplicate: %+v", out)
	}

	for _, c := range []struct {
		name string
		body string
		code string
		want string // a problem's place or text
	}{
		{"wrong number", `{"workflow":"W","argumentTexts":{"n":"x"}}`, "InvalidOrderArguments", "$.argumentTexts.n"},
		{"wrong boolean", `{"workflow":"W","argumentTexts":{"n":"1","flag":"yes"}}`, "InvalidOrderArguments", "$.argumentTexts.flag"},
		{"twice", `{"workflow":"W","argumentTexts":{"n":"1"},"arguments":{"n":1}}`, "InvalidOrderArguments", "$.argumentTexts.n"},
		{"missing argument", `{"workflow":"W"}`, "InvalidOrderArguments", "$.arguments.n"},
		{"wrong type", `{"workflow":"W","arguments":{"n":"1"}}`, "InvalidOrderArguments", "$.arguments.n"},
		{"huge number", `{"workflow":"W","arguments":{"n":1e400}}`, "InvalidOrderArguments", "$.arguments.n"},
		{"pipe", `{"workflow":"Free","id":"a|b"}`, "InvalidName", ""},
		{"no workflow", `{}`, "InvalidRequest", "$.workflow"},
		{"unknown field", `{"workflow":"W","worklow":"x"}`, "InvalidRequest", "$.worklow"},
		{"capitals", `{"workflow":"W","Id":"x"}`, "InvalidRequest", "$.Id"},
		{"twice a key", `{"workflow":"W","workflow":"V"}`, "InvalidJson", ""},
		{"no number", `{"workflow":"W","count":"3"}`, "InvalidRequest", "$.count"},
		{"fraction", `{"workflow":"W","count":1.5}`, "InvalidRequest", "$.count"},
		{"too many", `{"workflow":"Free","count":1000000}`, "InvalidRequest", ""},
		{"no time", `{"workflow":"Free","scheduledFor":"tomorrow"}`, "InvalidRequest", ""},
		{"no position", `{"workflow":"Free","startPosition":["x"]}`, "InvalidRequest", "$.startPosition"},
		{"garbage", `{"workflow":"Free"} x`, "InvalidJson", ""},
	} {
		if p := b.refused(422, c.code, "POST", "/orders", c.body); c.want != "" && (len(p.Problems) == 0 || p.Problems[0].Where != c.want) {
			t.Errorf("%s: problems %+v, want one at %s", c.name, p.Problems, c.want)
		}
	}
	b.refused(404, "UnknownKey", "POST", "/orders", `{"workflow":"None"}`)
	b.refused(413, "BodyTooLarge", "POST", "/orders", `{"workflow":"`+strings.Repeat("x", 50<<20)+`"}`)
	b.refused(413, "DocumentTooLarge", "POST", "/orders", `{"workflow":"W","arguments":{"n":`+strings.Repeat("[", 100_000)+strings.Repeat("]", 100_000)+`}}`)
	b.isRefused(422, "NotJson", b.do(request{method: "POST", path: "/orders", body: `{"workflow":"W"}`, token: b.token, contentType: "text/plain"}))
	b.refused(422, "InvalidQuery", "GET", "/orders?stat=Fresh", nil)
	b.refused(422, "InvalidQuery", "GET", "/orders?limit=0", nil)
	b.refused(422, "InvalidCursor", "GET", "/orders?cursor=*", nil)
	b.refused(404, "UnknownController", "GET", "/orders?controller=x", nil)
}

func TestListingOrders(t *testing.T) { onBoth(t, options{}, testListingOrders) }

func testListingOrders(t *testing.T, b *bench) {
	b.deploy(map[string]string{"W": `{"instructions":[]}`, "V": `{"instructions":[]}`})
	far := json.RawMessage(`4070905200000`)
	b.add(api.AddOrdersRequest{Workflow: "W", Id: "W", Count: 5, ScheduledFor: far})
	b.add(api.AddOrdersRequest{Workflow: "V", Id: "V", Count: 2, ScheduledFor: far})
	list := func(query string) (got []string) {
		b.Helper()
		for cursor, pages := "", 0; ; pages++ {
			var out api.Orders
			b.call("GET", "/orders?"+query+cursor, nil, &out)
			for _, raw := range out.Orders {
				var o struct{ ID string }
				b.check(json.Unmarshal(raw, &o))
				got = append(got, o.ID)
			}
			if out.Cursor == "" || pages > 10 {
				return got
			}
			cursor = "&cursor=" + out.Cursor
		}
	}
	for query, want := range map[string][]string{
		"limit=3":                        {"V-1", "V-2", "W-1", "W-2", "W-3", "W-4", "W-5"},
		"workflow=V":                     {"V-1", "V-2"},
		"state=Fresh&workflow=W&limit=5": {"W-1", "W-2", "W-3", "W-4", "W-5"},
		"state=Failed":                   nil,
	} {
		if d := cmp.Diff(want, list(query)); d != "" {
			t.Errorf("%s: %s", query, d)
		}
	}
}

func TestOrderCommands(t *testing.T) { onBoth(t, options{}, testOrderCommands) }

func testOrderCommands(t *testing.T, b *bench) {
	b.deploy(map[string]string{"W": job("hold"), "F": job("rc 1")})
	far := json.RawMessage(`4070905200000`)
	b.add(api.AddOrdersRequest{Workflow: "W", Id: "A", ScheduledFor: far})
	state := func(id string) (o struct {
		State       struct{ TYPE string }
		IsSuspended bool
		Priority    int64
	},
	) {
		b.Helper()
		b.call("GET", orderPath(id, ""), nil, &o)
		return o
	}
	b.call("POST", "/orders/suspend", api.SuspendOrdersRequest{Ids: []string{"A"}}, nil)
	if !state("A").IsSuspended {
		t.Error("not suspended")
	}
	b.call("POST", "/orders/resume", api.ResumeOrdersRequest{Ids: []string{"A"}}, nil)
	if state("A").IsSuspended {
		t.Error("not resumed")
	}
	b.call("POST", "/orders/priority", api.PriorityRequest{Id: "A", Priority: 7}, nil)
	if state("A").Priority != 7 {
		t.Error("no priority")
	}
	b.call("POST", "/orders/go", api.GoOrderRequest{Id: "A", Position: json.RawMessage("[0]")}, nil)
	if !b.fake.isHeld("A") {
		t.Errorf("A doesn't run: %+v", state("A"))
	}
	b.fake.release("A", "bye")
	b.await("A")

	b.add(api.AddOrdersRequest{Workflow: "F", Id: "F"})
	if got := b.await("F").Orders[0]; got.State != "Failed" || got.Successful {
		t.Errorf("F: %+v", got)
	}
	if rows := b.history("order=F"); len(rows) != 1 || *rows[0].ReturnCode != 1 {
		t.Errorf("rows: %+v", rows)
	}
	b.call("POST", "/orders/resume", api.ResumeOrdersRequest{Ids: []string{"F"}, Position: json.RawMessage("[0]")}, nil)
	b.await("F")
	if rows := b.history("order=F"); len(rows) != 2 {
		t.Errorf("rows after resuming: %+v", rows)
	}
	b.call("POST", "/orders/cancel", api.CancelOrdersRequest{Ids: []string{"F"}}, nil)
	if got := b.await("F").Orders[0]; got.State != "Cancelled" {
		t.Errorf("F: %+v", got)
	}
	b.add(api.AddOrdersRequest{Workflow: "W", Id: "K", ScheduledFor: far, Keep: true})
	b.call("POST", "/orders/delete", api.OrdersRequest{Ids: []string{"K"}}, nil)
	b.call("POST", "/orders/cancel", api.CancelOrdersRequest{Ids: []string{"K"}, FreshOnly: true, Reason: "x"}, nil)
	if got := b.await("K").Orders[0]; got.State != "Cancelled" {
		t.Errorf("K: %+v", got)
	}
	b.refused(404, "UnknownOrder", "POST", "/orders/cancel", `{"ids":["nobody"]}`)
	b.refused(422, "InvalidRequest", "POST", "/orders/cancel", `{"ids":[]}`)
	b.refused(404, "UnknownOrder", "POST", "/orders/wait", `{"ids":["nobody"]}`)
	b.refused(404, "UnknownOrder", "GET", "/orders/nobody", nil)
	b.refused(404, "UnknownOrder", "GET", "/orders/nobody/log", nil)
	var out api.WaitResponse
	b.add(api.AddOrdersRequest{Workflow: "W", Id: "L", ScheduledFor: far})
	b.call("POST", "/orders/wait", `{"ids":["L","F"],"timeout":0}`, &out)
	if out.Complete || out.Orders[0].Ended || !out.Orders[1].Ended {
		t.Errorf("wait without patience: %+v", out)
	}
}

func TestChildrenAndTheirLogs(t *testing.T) { onBoth(t, options{}, testChildrenAndTheirLogs) }

func testChildrenAndTheirLogs(t *testing.T, b *bench) {
	branch := func(id, script string) string {
		return `{"id":"` + id + `","workflow":{"instructions":[{"TYPE":"Execute.Anonymous","job":{"agentPath":"agent-1","executable":{"TYPE":"ShellScriptExecutable","script":"` + script + `"}}}]}}`
	}
	b.deploy(map[string]string{"P": `{"instructions":[{"TYPE":"Fork","branches":[` + branch("a", `out one`) + `,` + branch("b", `out two`) + `]}]}`})
	b.add(api.AddOrdersRequest{Workflow: "P", Id: "P"})
	b.await("P")
	rows := b.history("order=P&limit=1")
	if len(rows) != 1 || rows[0].OrderId != "P|a" {
		t.Fatalf("first page: %+v", rows)
	}
	if rows := b.history("order=P&newest=true"); len(rows) != 2 || rows[0].OrderId != "P|b" || string(rows[0].Position) != `[0,"fork+b",0]` {
		t.Errorf("newest: %+v", rows)
	}
	if rows := b.history("order=P%7Ca"); len(rows) != 1 {
		t.Errorf("of the child: %+v", rows)
	}
	if w := b.do(request{method: "GET", path: orderPath("P", "/log"), token: b.token}); w.Body.String() != "one\ntwo\n" {
		t.Errorf("log: %q", w.Body)
	}
	var o struct{ State struct{ TYPE string } }
	b.call("GET", orderPath("P|b", ""), nil, &o)
	if o.State.TYPE == "" {
		t.Error("a child that is gone can't be shown")
	}
}

// Who waits for a child order needn't wait for its parent.
func TestWaitingForAChild(t *testing.T) { onBoth(t, options{}, testWaitingForAChild) }

func testWaitingForAChild(t *testing.T, b *bench) {
	step := func(script string) string {
		return `{"TYPE":"Execute.Anonymous","job":{"agentPath":"agent-1","executable":{"TYPE":"ShellScriptExecutable","script":"` + script + `"}}}`
	}
	b.deploy(map[string]string{"P": `{"instructions":[{"TYPE":"Fork","branches":[{"id":"a","workflow":{"instructions":[` + step("hold") + `]}}]},` + step("hold") + `]}`})
	b.add(api.AddOrdersRequest{Workflow: "P", Id: "P"})
	timeout := int64(50)
	done := make(chan api.WaitResponse)
	go func() {
		var out api.WaitResponse
		b.call("POST", "/orders/wait", api.WaitRequest{Ids: []string{"P|a"}, Timeout: &timeout}, &out)
		done <- out
	}()
	signals := b.c.histories[0].signals
	for waiting := 0; waiting == 0; runtime.Gosched() {
		signals.mu.Lock()
		waiting = len(signals.waiting["P"])
		signals.mu.Unlock()
	}
	b.fake.release("P|a", "")
	if out := <-done; !out.Complete || !out.Orders[0].Ended {
		t.Errorf("%+v", out)
	}
}

// A log is followed while its job runs, and ends with the order.
func TestFollowingALog(t *testing.T) { onBoth(t, options{}, testFollowingALog) }

func testFollowingALog(t *testing.T, b *bench) {
	b.deploy(map[string]string{"W": job("out first\nhold")})
	b.add(api.AddOrdersRequest{Workflow: "W", Id: "A"})
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	w := newPipeWriter()
	done := make(chan struct{})
	go func() {
		defer close(done)
		r, _ := http.NewRequestWithContext(ctx, http.MethodGet, basePath+orderPath("A", "/log?follow=true"), nil)
		r.Header.Set("Authorization", "Bearer "+b.token)
		b.handler.ServeHTTP(w, r)
	}()
	if got := w.line(); got != "first\n" {
		t.Errorf("got %q", got)
	}
	b.fake.release("A", "last")
	if got := w.line(); got != "last\n" {
		t.Errorf("got %q", got)
	}
	select {
	case <-done:
	case <-ctx.Done():
		t.Fatal("the log doesn't end with its order")
	}
	b.await("A")
}

// With the Agent out of reach, waiting ends once the log has been waited for.
func TestLogsThatCannotBeFetched(t *testing.T) { onBoth(t, options{}, testLogsThatCannotBeFetched) }

func testLogsThatCannotBeFetched(t *testing.T, b *bench) {
	b.deploy(map[string]string{"W": job("out x")})
	b.fake.mu.Lock()
	b.fake.noLogs = fault.New(fault.Unavailable, "CannotConnect", "no way")
	b.fake.mu.Unlock()
	b.add(api.AddOrdersRequest{Workflow: "W", Id: "A"})
	var out api.WaitResponse
	b.call("POST", "/orders/wait", `{"ids":["A"],"timeout":1}`, &out)
	if out.Complete {
		t.Error("complete without its log")
	}
	b.fake.mu.Lock()
	b.fake.noLogs = nil
	b.fake.mu.Unlock()
	b.await("A")
	if w := b.do(request{method: "GET", path: orderPath("A", "/log"), token: b.token}); w.Body.String() != "x\n" {
		t.Errorf("log: %q", w.Body)
	}
	b.fake.mu.Lock()
	b.fake.noLogs = fault.New(fault.NotFound, "UnknownTaskLog", "gone")
	b.fake.mu.Unlock()
	b.add(api.AddOrdersRequest{Workflow: "W", Id: "B"})
	b.await("B")
	if w := b.do(request{method: "GET", path: orderPath("B", "/log"), token: b.token}); !strings.HasPrefix(w.Body.String(), "[the log of this step can't be read") {
		t.Errorf("log: %q", w.Body)
	}
}

func TestWorkflows(t *testing.T) { onBoth(t, options{}, testWorkflows) }

func testWorkflows(t *testing.T, b *bench) {
	b.deploy(map[string]string{"A": job("rc 0"), "B/C": `{"orderPreparation":{"parameters":{"p":{"type":"Number","default":"1"}}},"instructions":[]}`})
	var page api.Workflows
	b.call("GET", "/workflows?limit=1", nil, &page)
	if len(page.Workflows) != 1 || page.Workflows[0].Path != "A" || page.Cursor == "" {
		t.Fatalf("page: %+v", page)
	}
	var rest api.Workflows
	b.call("GET", "/workflows?limit=1&cursor="+page.Cursor, nil, &rest)
	if len(rest.Workflows) != 1 || rest.Workflows[0].Path != "B/C" || rest.Cursor != "" {
		t.Fatalf("rest: %+v", rest)
	}
	var w api.Workflow
	b.call("GET", "/workflow?path=B/C", nil, &w)
	want := []api.Parameter{{Name: "p", Type: json.RawMessage(`"Number"`), Default: "1"}}
	if d := cmp.Diff(want, w.Parameters); d != "" || w.AllowUndeclared || w.Signer == "" || len(w.Versions) != 1 || w.VersionId == "" {
		t.Errorf("workflow: %+v %s", w, d)
	}
	yes := true
	b.call("POST", "/workflows/control", api.ControlWorkflowRequest{Path: "A", Suspend: &yes, Skip: []api.SkipLabel{{Label: "L", Skip: true}}}, nil)
	b.call("POST", "/workflows/breakpoints", api.BreakpointsRequest{Path: "A", Add: []api.Position{json.RawMessage("[0]")}}, nil)
	b.call("GET", "/workflow?path=A", nil, &w)
	if !w.Suspended || !cmp.Equal(w.Skip, []string{"L"}) || len(w.Breakpoints) != 1 || string(w.Breakpoints[0]) != "[0]" {
		t.Errorf("controlled: %+v", w)
	}
	old := w.VersionId
	b.add(api.AddOrdersRequest{Workflow: "A", Id: "T", ScheduledFor: json.RawMessage("4070905200000")})
	b.deploy(map[string]string{"A": job("rc 0")})
	b.call("POST", "/orders/transfer", api.TransferOrdersRequest{Workflow: "A", VersionId: old}, nil)
	b.refused(404, "UnknownKey", "GET", "/workflow?path=none", nil)
	b.refused(422, "InvalidQuery", "GET", "/workflow", nil)
	b.refused(422, "UnknownLabel", "POST", "/workflows/control", `{"path":"A","skip":[{"label":"x","skip":true}]}`)
}

func TestDeployments(t *testing.T) { onBoth(t, options{}, testDeployments) }

func testDeployments(t *testing.T, b *bench) {
	doc := `{"TYPE":"Workflow","path":"W","versionId":"7","instructions":[]}`
	ev, err := b.signer.Key.Sign([]byte(doc))
	b.check(err)
	files := map[string]string{}
	for suffix, text := range ev.Files() {
		files[suffix] = string(text)
	}
	deploy := func(objects ...api.DeployObject) api.DeployRequest { return api.DeployRequest{Objects: objects} }
	good := api.DeployObject{Kind: "Workflow", Path: "W", Document: doc, Evidence: files}
	var out api.DeployResponse
	b.call("POST", "/deployments", deploy(good), &out)
	if d := cmp.Diff([]api.DeployedObject{{Kind: "Workflow", Path: "W", VersionId: "7"}}, out.Deployed); d != "" {
		t.Error(d)
	}
	var w api.Workflow
	b.call("GET", "/workflow?path=W", nil, &w)
	if w.Document != doc {
		t.Errorf("the document was changed: %s", w.Document)
	}
	tampered := good
	tampered.Document = strings.Replace(doc, "[]", "[ ]", 1)
	b.refused(422, "SignatureInvalid", "POST", "/deployments", deploy(tampered))
	empty := good
	empty.Evidence = map[string]string{".sig": ""}
	other := api.DeployObject{Kind: "Workflow", Path: "X", Document: `{"instructions":[]}`}
	if p := b.refused(422, "InvalidEvidence", "POST", "/deployments", deploy(other, empty)); p.Kind != "untrusted" {
		t.Errorf("kind %s", p.Kind)
	}
	b.refused(404, "UnknownKey", "GET", "/workflow?path=X", nil) // nothing of it
	b.refused(422, "InvalidItems", "POST", "/deployments", deploy(api.DeployObject{Kind: "Workflow", Path: "X", Document: `{"instructions":[{}]}`}))
	b.refused(422, "InvalidRequest", "POST", "/deployments", deploy(api.DeployObject{Kind: "Workflow", Path: "../X", Document: `{}`}))
	b.refused(422, "InvalidRequest", "POST", "/deployments", deploy(other, other))
	b.refused(422, "InvalidRequest", "POST", "/deployments", `{"objects":[]}`)
	b.refused(422, "InvalidItems", "POST", "/deployments", deploy(api.DeployObject{Kind: "Workflow", Path: "J", Document: job("rc 0")})) // no Agent

	var v api.ValidateResponse
	b.call("POST", "/deployments/validate", deploy(other), &v)
	if len(v.Problems) != 0 {
		t.Errorf("problems: %v", v.Problems)
	}
	b.call("POST", "/deployments/validate", deploy(api.DeployObject{Kind: "Workflow", Path: "J", File: "some/J.workflow.json", Document: job("rc 0")},
		api.DeployObject{Kind: "Workflow", Path: "K", File: "k.workflow.json", Document: "{\n\"instructions\":[{}]}"}), &v)
	if len(v.Problems) < 2 || !strings.HasPrefix(v.Problems[0].Where, "k.workflow.json:2") || !strings.Contains(v.Problems[len(v.Problems)-1].Message, "Agent:agent-1") {
		t.Errorf("problems: %v", v.Problems)
	}

	var items api.Items
	b.call("GET", "/items", nil, &items)
	if len(items.Items) != 1 || items.Items[0].Path != "W" || !items.Items[0].Newest {
		t.Errorf("items: %+v", items)
	}
	b.deploy(map[string]string{"V": job("rc 0"), "a/X": job("rc 0")})
	b.add(api.AddOrdersRequest{Workflow: "V", ScheduledFor: json.RawMessage(`"2099-01-01T00:00:00Z"`)}) // keeps this version
	b.deploy(map[string]string{"V": job("rc 0")})
	var names []string
	for cursor, pages := "", 0; ; pages++ {
		page := api.Items{}
		b.call("GET", "/items?limit=1&cursor="+cursor, nil, &page)
		for _, it := range page.Items {
			names = append(names, fmt.Sprint(pages, it.Path))
		}
		if cursor = page.Cursor; cursor == "" {
			break
		}
	}
	slices.Sort(names)
	if got := strings.Join(names, " "); got != "0agent-1 1V 1V 2W 3a/X" {
		t.Errorf("objects by pages: %s", got)
	}
	b.refused(422, "InvalidCursor", "GET", "/items?cursor=%21", nil)
	b.call("POST", "/deployments/revoke", api.RevokeRequest{Objects: []api.ObjectKey{{Kind: "Workflow", Path: "W"}}}, nil)
	b.refused(404, "UnknownKey", "POST", "/orders", `{"workflow":"W"}`)
	b.refused(404, "UnknownKey", "POST", "/deployments/revoke", `{"objects":[{"kind":"Workflow","path":"W"}]}`)
}

func TestWithoutASigningKey(t *testing.T) { onBoth(t, options{noSign: true}, testWithoutASigningKey) }

func testWithoutASigningKey(t *testing.T, b *bench) {
	if p := b.refused(422, "InvalidEvidence", "POST", "/deployments", `{"objects":[{"kind":"Workflow","path":"X","document":"{\"instructions\":[]}"}]}`); p.Kind != "untrusted" || !strings.Contains(p.Problems[0].Message, "MissingEvidence") {
		t.Errorf("%+v", p)
	}
	b.refused(422, "InvalidEvidence", "POST", "/agents", `{"name":"a","uri":"https://localhost:1"}`)
}

func TestAgentsAndStatus(t *testing.T) { onBoth(t, options{two: true}, testAgentsAndStatus) }

func testAgentsAndStatus(t *testing.T, b *bench) {
	limit := int64(3)
	b.refused(422, "ControllerNeeded", "GET", "/agents", nil)
	b.call("POST", "/agents?controller=controller", api.AddAgentRequest{Name: "a-1", Uri: "https://localhost:4445", ProcessLimit: &limit}, nil)
	var all api.Agents
	b.call("GET", "/agents?controller=controller", nil, &all)
	if len(all.Agents) != 1 || all.Agents[0].Name != "a-1" || *all.Agents[0].ProcessLimit != 3 || !all.Agents[0].Coupled {
		t.Errorf("%+v", all)
	}
	b.call("GET", "/agents/a-1?controller=controller", nil, nil)
	b.refused(404, "UnknownAgent", "GET", "/agents/a-1?controller=other", nil)
	b.refused(422, "InvalidItems", "POST", "/agents?controller=other", `{"name":"a","uri":"ftp://localhost"}`)
	b.call("POST", "/agents/a-1/reset?controller=controller", `{"reason":"gone"}`, nil)
	var s api.ControllersStatus
	b.call("GET", "/controllers/status", nil, &s)
	if len(s.Controllers) != 2 || s.Controllers[0].Leader != "controller-1" || s.Controllers[0].Members[0].Role != "leader" || s.Controllers[1].Id != "other" {
		t.Errorf("%+v", s)
	}
	b.fake.setFull()
	b.call("GET", "/controllers/status", nil, &s)
	if p := s.Controllers[0].Problem; p == nil || p.Code != "OutOfSpace" || s.Controllers[0].Leader != "controller-1" {
		t.Errorf("%+v", s.Controllers[0])
	}
	b.fake.setDown(fault.New(fault.Unavailable, "CannotConnect", "no way"))
	b.call("GET", "/controllers/status", nil, &s)
	if p := s.Controllers[0].Problem; p == nil || p.Code != "CannotConnect" {
		t.Errorf("%+v", s.Controllers[0])
	}
	b.refused(503, "CannotConnect", "GET", "/agents?controller=controller", nil)
}

// A database that can't be opened is an error, and nothing else.
func TestNoDatabase(t *testing.T) {
	t.Parallel()
	set := &conf.Cockpit{Database: "sqlite:" + filepath.Join(t.TempDir(), "cockpit.db")}
	disk := fsys.NewFailing(fsys.Real{}, fsys.Rule{Ops: []fsys.Op{fsys.OpCreate}, Err: syscall.EIO})
	if _, err := New(t.Context(), Deps{Settings: set, Log: slog.New(slog.DiscardHandler), FS: disk}); !fault.HasCode(err, "DatabaseUnreachable") {
		t.Errorf("%v", err)
	}
}

func TestEvents(t *testing.T) { onBoth(t, options{}, testEvents) }

func testEvents(t *testing.T, b *bench) {
	b.deploy(map[string]string{"W": `{"instructions":[]}`})
	b.add(api.AddOrdersRequest{Workflow: "W", Id: "A"})
	w := b.do(request{method: "GET", path: "/events", token: b.token})
	var last int64
	types := map[string]bool{}
	for line := range strings.Lines(w.Body.String()) {
		var e struct {
			EventID int64 `json:"eventId"`
			TYPE    string
			Key     string
		}
		b.check(json.Unmarshal([]byte(line), &e))
		if e.EventID <= last {
			t.Fatalf("%d behind %d", e.EventID, last)
		}
		last = e.EventID
		types[e.TYPE+" "+e.Key] = true
	}
	if !types["OrderAdded A"] || !types["OrderFinished A"] {
		t.Errorf("%v", types)
	}
	b.fake.mu.Lock()
	b.fake.torn = last
	b.fake.mu.Unlock()
	b.refused(404, "EventSeqTorn", "GET", "/events?after=1", nil)
	b.refused(422, "InvalidQuery", "GET", "/events?after=-1", nil)
}

func TestUnknownCalls(t *testing.T) { onBoth(t, options{}, testUnknownCalls) }

func testUnknownCalls(t *testing.T, b *bench) {
	b.refused(404, "UnknownRoute", "GET", "/none", nil)
	b.refused(404, "UnknownRoute", "GET", "/orders/../accounts", nil)
	b.refused(404, "UnknownRoute", "GET", "//orders", nil)
	b.refused(405, "MethodNotAllowed", "DELETE", "/orders", nil)
	b.refused(413, "BodyTooLarge", "GET", "/orders", "x")
	w := b.do(request{method: "GET", path: "/openapi.json"})
	var doc struct{ OpenAPI string }
	if err := json.Unmarshal(w.Body.Bytes(), &doc); err != nil || doc.OpenAPI != "3.0.3" {
		t.Errorf("%v %v", err, doc)
	}
	b.call("GET", "/health", nil, nil)
	b.call("GET", "/version", nil, nil)
}

// An order whose id is used again is the new one; the history has both.
func TestIDsAreUsedAgain(t *testing.T) { onBoth(t, options{}, testIDsAreUsedAgain) }

func testIDsAreUsedAgain(t *testing.T, b *bench) {
	b.deploy(map[string]string{"W": job("out x\nrc 0"), "V": job("out y\nrc 0")})
	b.add(api.AddOrdersRequest{Workflow: "W", Id: "A"})
	b.await("A")
	b.add(api.AddOrdersRequest{Workflow: "V", Id: "A"})
	b.await("A")
	if rows := b.history("order=A"); len(rows) != 2 || rows[1].Workflow != "V" {
		t.Errorf("%+v", rows)
	}
	if rows := b.history("workflow=V"); len(rows) != 1 {
		t.Errorf("%+v", rows)
	}
	if w := b.do(request{method: "GET", path: orderPath("A", "/log"), token: b.token}); w.Body.String() != "y\n" {
		t.Errorf("log: %q", w.Body)
	}
}

// What is kept for so long at first isn't deleted by the services, whenever they begin.
func TestRetention(t *testing.T) { onBoth(t, options{retain: 200_000 * time.Hour}, testRetention) }

func testRetention(t *testing.T, b *bench) {
	b.deploy(map[string]string{"W": job("rc 0"), "F": job("rc 1")})
	b.add(api.AddOrdersRequest{Workflow: "W", Id: "A"})
	b.add(api.AddOrdersRequest{Workflow: "F", Id: "F"})
	b.await("A", "F") // at a time of the fake, which is long ago or far ahead
	b.fake.mu.Lock()
	now := b.fake.micros / 1000
	b.fake.mu.Unlock()
	b.c.settings.LogRetention = time.Since(time.UnixMilli(now)) - time.Hour
	b.check(b.c.tidy(context.Background()))
	if rows := b.history(""); len(rows) != 1 || rows[0].OrderId != "F" {
		t.Errorf("left: %+v", rows)
	}
}

func TestInitOnce(t *testing.T) { onBoth(t, options{noStart: true}, testInitOnce) }

func testInitOnce(t *testing.T, b *bench) {
	_, err := Init(context.Background(), InitOptions{Settings: b.settings, Hash: cheap})
	if !fault.HasCode(err, "AlreadyInitialized") {
		t.Errorf("a second Init: %v", err)
	}
	fresh := *b.settings
	fresh.Database = "sqlite:" + t.TempDir() + "/x.db"
	deps := b.deps
	deps.Settings = &fresh
	if _, err := New(context.Background(), deps); !fault.HasCode(err, "NotInitialized") {
		t.Errorf("New without Init: %v", err)
	}
	password, err := Init(context.Background(), InitOptions{Settings: &fresh, Account: "root", Hash: cheap})
	if err != nil || len(password) < 20 {
		t.Errorf("password %q, %v", password, err)
	}
	if _, err := Init(context.Background(), InitOptions{Settings: &fresh, Account: "a b", Hash: cheap}); !fault.HasCode(err, "InvalidName") {
		t.Errorf("name: %v", err)
	}
}

var errDisk = errors.New("the disk")

// What can't be recorded isn't done.
func TestNothingWithoutAudit(t *testing.T) {
	onBoth(t, options{noStart: true}, testNothingWithoutAudit)
}

func testNothingWithoutAudit(t *testing.T, b *bench) {
	b.deploy(map[string]string{"W": `{"instructions":[]}`})
	b.c.db = failingStore{b.c.db}
	b.refused(500, "InternalError", "POST", "/orders", `{"workflow":"W","id":"A"}`)
	if b.fake.c.Order(order.ID("A")) != nil {
		t.Error("the order was added")
	}
}

type failingStore struct{ store.Store }

func (failingStore) Write(context.Context, func(store.Writer) error) error { return errDisk }
