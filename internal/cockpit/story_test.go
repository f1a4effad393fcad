package cockpit

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/signet-scheduler/signet/api"
)

// The events of an order are told in their order, with those of its children and no
// others, and where each stands.
func TestOrderEvents(t *testing.T) { onBoth(t, options{}, testOrderEvents) }

func testOrderEvents(t *testing.T, b *bench) {
	run := `{"TYPE":"Execute.Anonymous","job":{"agentPath":"agent-1","executable":{"TYPE":"ShellScriptExecutable","script":"rc 0"}}}`
	b.deploy(map[string]string{
		"W": `{"instructions":[` + run + `,{"TYPE":"Fork","branches":[{"id":"a","workflow":{"instructions":[` + run + `]}}]}]}`,
	})
	b.add(api.AddOrdersRequest{Workflow: "W", Id: "A1"})
	b.add(api.AddOrdersRequest{Workflow: "W", Id: "A"})
	b.await("A", "A1")
	read := func(id string, limit int) (told []string, pages int) {
		t.Helper()
		for cursor := ""; ; pages++ {
			var out api.OrderEvents
			b.call("GET", orderPath(id, fmt.Sprintf("/events?limit=%d&cursor=%s", limit, url.QueryEscape(cursor))), nil, &out)
			if out.Torn {
				t.Error("torn")
			}
			for _, e := range out.Events {
				told = append(told, strings.TrimPrefix(e.OrderId+" "+e.Type+" "+string(e.Position), "A "))
				var raw struct{ EventID int64 }
				if err := json.Unmarshal(e.Event, &raw); err != nil || raw.EventID != e.Id || e.Time == 0 {
					t.Errorf("event %s: %v", e.Event, err)
				}
			}
			if cursor = out.Cursor; cursor == "" || !out.More {
				return told, pages + 1
			}
		}
	}
	want := []string{
		"OrderAdded [0]", "OrderAttachable [0]", "OrderAttached [0]", "OrderStarted [0]", "OrderProcessingStarted [0]", "OrderProcessed [0]", "OrderMoved [1]",
		"OrderForked [1]", "OrderDetachable [1]", "OrderDetached [1]",
		`A|a OrderProcessingStarted [1,"fork+a",0]`, `A|a OrderProcessed [1,"fork+a",0]`,
		`A|a OrderMoved [1,"fork+a",1]`, `A|a OrderDetachable [1,"fork+a",1]`, `A|a OrderDetached [1,"fork+a",1]`,
		"OrderJoined [1]", "OrderMoved [2]", "OrderFinished [2]", "OrderDeleted [2]",
	}
	all, pages := read("A", 500)
	if d := cmp.Diff(want, all); d != "" || pages != 1 {
		t.Errorf("%d pages: %s", pages, d)
	}
	inParts, pages := read("A", 4)
	if d := cmp.Diff(want, inParts); d != "" || pages < 4 {
		t.Errorf("%d pages: %s", pages, d)
	}

	// One that goes on is told further from where the last page ended.
	b.deploy(map[string]string{"H": job("hold")})
	b.add(api.AddOrdersRequest{Workflow: "H", Id: "H"})
	if !b.fake.isHeld("H") {
		t.Fatal("H doesn't run")
	}
	var first, then api.OrderEvents
	b.call("GET", orderPath("H", "/events"), nil, &first)
	if n := len(first.Events); n == 0 || first.Events[n-1].Type != "OrderProcessingStarted" || first.More || first.Cursor == "" {
		t.Errorf("before: %+v", first)
	}
	b.fake.release("H", "bye")
	b.await("H")
	b.call("GET", orderPath("H", "/events?cursor="+first.Cursor), nil, &then)
	if len(then.Events) == 0 || then.Events[0].Type != "OrderProcessed" || string(then.Events[0].Position) != "[0]" || then.Cursor != "" {
		t.Errorf("then: %+v", then)
	}

	b.refused(422, "InvalidCursor", "GET", orderPath("A", "/events?cursor=x"), nil)
	b.refused(422, "InvalidCursor", "GET", orderPath("A", "/events?cursor="+writeCursor(`{"e":5,"at":{"A":"x"}}`)), nil)
	b.refused(404, "UnknownOrder", "GET", orderPath("nobody", "/events"), nil)
}

// What is for pages only: the one word for how an order is, and what failed last.
func TestStatusAndFailures(t *testing.T) { onBoth(t, options{}, testStatusAndFailures) }

func testStatusAndFailures(t *testing.T, b *bench) {
	b.deploy(map[string]string{"W": job("err disk full\nrc 3"), "L": job("rc 0")})
	b.add(api.AddOrdersRequest{Workflow: "W", Id: "F"})
	b.add(api.AddOrdersRequest{Workflow: "W", Id: "G"})
	b.add(api.AddOrdersRequest{Workflow: "L", Id: "later", ScheduledFor: json.RawMessage(`"2099-01-01T00:00:00Z"`)})
	b.await("F", "G")
	status := func(id string) string {
		var o struct{ Status string }
		b.call("GET", orderPath(id, ""), nil, &o)
		return o.Status
	}
	b.call("POST", "/orders/cancel", api.CancelOrdersRequest{Ids: []string{"G"}, Reason: "x"}, nil)
	b.await("G")
	for id, want := range map[string]string{"F": "Failed", "G": "Cancelled", "later": "Scheduled"} {
		if got := status(id); got != want {
			t.Errorf("%s is %s, want %s", id, got, want)
		}
	}
	b.call("POST", "/orders/suspend", api.SuspendOrdersRequest{Ids: []string{"later"}}, nil)
	if got := status("later"); got != "Suspended" {
		t.Errorf("later is %s", got)
	}
	var d api.Dashboard
	b.call("GET", "/overview/dashboard", nil, &d)
	if len(d.Failed) != 1 || d.Failed[0].OrderId != "G" || d.Failed[0].State != "Cancelled" || d.Failed[0].ReturnCode == nil || *d.Failed[0].ReturnCode != 3 || d.Failed[0].End == 0 {
		t.Errorf("failed: %+v", d.Failed)
	}
	b.call("GET", "/overview/dashboard?folder=other", nil, &d)
	if len(d.Failed) != 0 {
		t.Errorf("failed in another folder: %+v", d.Failed)
	}
}

func TestReturnCodeIn(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]int64{
		`{"TYPE":"Failed","namedValues":{"returnCode":3}}`:                             3,
		`{"TYPE":"Killed","outcome":{"TYPE":"Failed","namedValues":{"returnCode":9}}}`: 9,
		`{"TYPE":"Failed","namedValues":{"returnCode":"x"}}`:                           -1,
		`{"TYPE":"Failed"}`: -1,
		``:                  -1,
	} {
		got := int64(-1)
		if rc := returnCodeIn(text); rc != nil {
			got = *rc
		}
		if got != want {
			t.Errorf("%s: %d, want %d", text, got, want)
		}
	}
}
