package cockpit

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/signet-scheduler/signet/api"
	"github.com/signet-scheduler/signet/internal/clock"
	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/mirror"
	"github.com/signet-scheduler/signet/internal/order"
)

func TestNewsAreGathered(t *testing.T) {
	t.Parallel()
	n := newNews(clock.Real{})
	n.changed("c", mirror.Change{})
	n.publish()
	if frames, _, _ := n.after(0); len(frames) != 0 {
		t.Errorf("a frame about nothing: %s", frames[0].data)
	}
	n.changed("c", mirror.Change{Orders: map[order.ID]string{"P|a": "W", "P|b": "W", "O": "V"}, Agents: true})
	n.changed("c", mirror.Change{Items: true})
	n.tell("inventory")
	n.publish()
	frames, _, ok := n.after(0)
	if want := `{"orders":["O","P"],"workflows":["V","W"],"topics":["agents","inventory","items"]}`; !ok || len(frames) != 1 || string(frames[0].data) != want {
		t.Errorf("got %v, want %s", frames, want)
	}
	n.changed("c", mirror.Change{All: true})
	n.publish()
	if frames, _, _ := n.after(1); len(frames) != 1 || string(frames[0].data) != `{"more":true,"topics":["agents","items"]}` {
		t.Errorf("anything may have changed: %v", frames)
	}
	many := map[order.ID]string{}
	for i := range 3 * newsNames {
		many[order.ID(fmt.Sprint(i))] = "W"
	}
	n.changed("c", mirror.Change{Orders: many})
	n.publish()
	frames, _, _ = n.after(2)
	var h headlines
	if err := json.Unmarshal(frames[0].data, &h); err != nil || len(h.Orders) != newsNames || !h.More {
		t.Errorf("%v: %d orders, more %t", err, len(h.Orders), h.More)
	}
}

func TestNewsAreKeptForAWhile(t *testing.T) {
	t.Parallel()
	n := newNews(clock.Real{})
	for range newsKept + 10 {
		n.tell("x")
		n.publish()
	}
	last := int64(newsKept + 10)
	for id, want := range map[string]struct {
		number int64
		ok     bool
	}{
		"":                    {last, true},
		n.id(last):            {last, true},
		n.id(last - newsKept): {last, false},
		n.id(last - 5):        {last - 5, true},
		n.id(last + 1):        {last, false}, // of the future
		n.id(0):               {last, false},
		"other-3":             {last, false}, // of another process
		"nonsense":            {last, false},
		n.boot + "-x":         {last, false},
	} {
		if got, ok := n.place(id); got != want.number || ok != want.ok {
			t.Errorf("place(%q) = %d, %t", id, got, ok)
		}
	}
	frames, _, ok := n.after(last - newsKept)
	var numbers []int64
	for _, f := range frames {
		numbers = append(numbers, f.number)
	}
	if !ok || len(numbers) != newsKept || !slices.IsSorted(numbers) || numbers[0] != last-newsKept+1 {
		t.Errorf("%t, %d frames", ok, len(numbers))
	}
	if _, _, ok := n.after(last - newsKept - 1); ok {
		t.Error("frames that are gone are there")
	}
}

// stream opens the stream of news over a real connection.
func (b *bench) stream(ctx context.Context, url, lastID string) *bufio.Scanner {
	b.Helper()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	b.check(err)
	req.Header.Set("Authorization", "Bearer "+b.token)
	if lastID != "" {
		req.Header.Set("Last-Event-ID", lastID)
	}
	r, err := http.DefaultClient.Do(req)
	b.check(err)
	b.Cleanup(func() { _ = r.Body.Close() })
	if r.StatusCode != http.StatusOK || r.Header.Get("Content-Type") != "text/event-stream" {
		b.Fatalf("%d %s", r.StatusCode, r.Header)
	}
	return bufio.NewScanner(r.Body)
}

// event reads one event: its type, id and data.
func (b *bench) event(in *bufio.Scanner) (kind, id, data string) {
	b.Helper()
	for in.Scan() {
		name, value, _ := strings.Cut(in.Text(), ": ")
		switch name {
		case "event":
			kind = value
		case "id":
			id = value
		case "data":
			data = value
		case "":
			return kind, id, data
		}
	}
	b.Fatalf("the stream has ended: %v", in.Err())
	return "", "", ""
}

func TestLiveStream(t *testing.T) {
	t.Parallel()
	b := newBench(t, options{})
	server := httptest.NewServer(b.handler)
	t.Cleanup(server.Close)
	url := server.URL + basePath + "/live"
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(cancel)
	in := b.stream(ctx, url, "")
	kind, first, _ := b.event(in)
	if kind != "ready" {
		t.Fatalf("first %s", kind)
	}
	b.deploy(map[string]string{"folder/W": job("rc 1")})
	b.await(b.add(api.AddOrdersRequest{Workflow: "folder/W", Id: "O"})...)
	seen := api.News{}
	last := first
	for !slices.Contains(seen.Orders, "O") || !slices.Contains(seen.Topics, "items") {
		kind, id, data := b.event(in)
		var n api.News
		b.check(json.Unmarshal([]byte(data), &n))
		if kind != "news" || id == "" || id == last {
			t.Fatalf("%s %s %s", kind, id, data)
		}
		last = id
		seen.Orders, seen.Topics = append(seen.Orders, n.Orders...), append(seen.Topics, n.Topics...)
	}
	// Another stream goes on behind what was seen, by header and by address.
	if kind, id, _ := b.event(b.stream(ctx, url+"?after=nonsense", first)); kind != "ready" || id != first {
		t.Errorf("got %s %s, want ready %s", kind, id, first)
	}
	again := b.stream(ctx, url+"?after="+first, "")
	if kind, id, _ := b.event(again); kind != "ready" || id != first {
		t.Errorf("got %s %s, want ready %s", kind, id, first)
	}
	if kind, _, _ := b.event(again); kind != "news" {
		t.Errorf("%s, want what was missed", kind)
	}
	if kind, _, _ := b.event(b.stream(ctx, url+"?after=other-1", "")); kind != "gap" {
		t.Errorf("%s, want gap", kind)
	}
	b.refused(422, "InvalidQuery", "GET", "/live?after="+strings.Repeat("x", 65), nil)
}

// There are so many streams and no more, and a place that was left is free again.
func TestAudience(t *testing.T) {
	t.Parallel()
	b := newBench(t, options{noStart: true})
	var leave []func()
	enter := func(account string) {
		t.Helper()
		f, err := b.c.audience.enter(account)
		b.check(err)
		leave = append(leave, f)
	}
	full := func(account, why string) {
		t.Helper()
		if _, err := b.c.audience.enter(account); !fault.HasCode(err, "TooManyStreams") || !strings.Contains(err.Error(), why) {
			t.Errorf("%s: got %v, want %s", account, err, why)
		}
	}
	for range maxStreamsOf {
		enter("admin")
	}
	full("admin", "one account")
	b.refused(503, "TooManyStreams", "GET", "/live", nil)
	for range maxStreams - maxStreamsOf {
		enter("ada")
	}
	full("bob", "2000 browsers")
	leave[0]()
	enter("bob")
	full("bob", "2000 browsers")
	for _, f := range leave[1:] {
		f()
	}
	if b.c.audience.all != 0 || len(b.c.audience.of) != 0 {
		t.Errorf("all left, and %d are there: %v", b.c.audience.all, b.c.audience.of)
	}
}

// What no event tells, a changed draft and an audit entry, is told by the call.
func TestCallsTellNews(t *testing.T) {
	t.Parallel()
	b := newBench(t, options{noStart: true})
	topics := func() (all []string) {
		at, _ := b.c.news.place("")
		b.c.news.publish()
		frames, _, _ := b.c.news.after(at)
		for _, f := range frames {
			var n api.News
			b.check(json.Unmarshal(f.data, &n))
			all = append(all, n.Topics...)
		}
		return all
	}
	topics() // of the login
	b.call("GET", "/me", nil, nil)
	if got := topics(); got != nil {
		t.Errorf("looking tells %q", got)
	}
	b.call("POST", "/inventory/drafts", json.RawMessage(`{"objects":[{"kind":"Workflow","path":"a/W","format":"json","text":"{}"}]}`), nil)
	if got := topics(); !slices.Equal(got, []string{"audit", "inventory"}) {
		t.Errorf("a draft tells %q", got)
	}
}

// A stream ends with the session that opened it.
func TestLiveStreamEndsWithItsSession(t *testing.T) {
	t.Parallel()
	b := newBench(t, options{})
	server := httptest.NewServer(b.handler)
	t.Cleanup(server.Close)
	in := b.stream(context.Background(), server.URL+basePath+"/live", "")
	b.event(in)
	b.call("POST", "/logout", nil, nil)
	for in.Scan() { // what was sent before
	}
}

func TestOverviews(t *testing.T) {
	t.Parallel()
	b := newBench(t, options{})
	b.deploy(map[string]string{"a/W": job("rc 3"), "a/b/V": job("rc 0"), "a-b": job("rc 0")})
	b.await(b.add(api.AddOrdersRequest{Workflow: "a/W", Id: "F"})...)
	b.add(api.AddOrdersRequest{Workflow: "a/b/V", Id: "S", Count: 3, ScheduledFor: json.RawMessage(`"2099-01-01T00:00:00Z"`)})
	b.await("F")
	var rows api.OrderRows
	for rows.Counts["Scheduled"] < 3 { // the history has caught up when an order was awaited, not when one was added
		b.call("GET", "/overview/orders?status=Failed", nil, &rows)
	}
	three := int64(3)
	want := api.OrderRow{
		Id: "F", Workflow: api.WorkflowVersion{Path: "a/W", VersionId: rows.Orders[0].Workflow.VersionId}, Status: "Failed", Position: api.Position(`[0]`),
		Label: "L", Job: "J", Since: rows.Orders[0].Since, ReturnCode: &three,
	}
	if d := cmp.Diff([]api.OrderRow{want}, rows.Orders); d != "" || rows.Total != 1 {
		t.Errorf("total %d: %s", rows.Total, d)
	}
	if d := cmp.Diff(api.Counts{"Failed": 1, "Scheduled": 3}, rows.Counts); d != "" {
		t.Error(d)
	}
	var w api.WorkflowRows
	b.call("GET", "/overview/workflows", nil, &w)
	if len(w.Workflows) != 1 || w.Workflows[0].Path != "a-b" || w.Total != 1 {
		t.Errorf("top: %+v", w)
	}
	if d := cmp.Diff([]api.FolderRow{{Path: "a", Workflows: 2, Counts: api.Counts{"Failed": 1, "Scheduled": 3}}}, w.Folders); d != "" {
		t.Error(d)
	}
	w = api.WorkflowRows{}
	b.call("GET", "/overview/workflows?folder=a&deep=true&limit=1", nil, &w)
	if len(w.Workflows) != 1 || w.Workflows[0].Path != "a/W" || w.Total != 2 || w.Cursor == "" {
		t.Errorf("first page: %+v", w)
	}
	next := api.WorkflowRows{}
	b.call("GET", "/overview/workflows?folder=a&deep=true&limit=1&cursor="+w.Cursor, nil, &next)
	if len(next.Workflows) != 1 || next.Workflows[0].Path != "a/b/V" || next.Cursor != "" {
		t.Errorf("second page: %+v", next)
	}
	w = api.WorkflowRows{}
	b.call("GET", "/overview/workflows?deep=true&q=V&status=Scheduled", nil, &w)
	if len(w.Workflows) != 1 || w.Workflows[0].Path != "a/b/V" {
		t.Errorf("search: %+v", w)
	}
	var places api.Places
	b.call("GET", "/overview/places?workflow=a/W", nil, &places)
	if len(places.Places) != 1 || string(places.Places[0].Position) != "[0]" || places.Places[0].Counts["Failed"] != 1 || places.Places[0].Sample[0] != "F" {
		t.Errorf("places: %+v", places)
	}
	var d api.Dashboard
	b.call("GET", "/overview/dashboard", nil, &d)
	if len(d.Attention) != 1 || d.Attention[0].OrderId != "F" || d.Attention[0].Count != 1 || *d.Attention[0].ReturnCode != 3 || len(d.Controllers) != 1 || len(d.Agents) != 1 {
		t.Errorf("dashboard: %+v", d)
	}
	for _, path := range []string{"/overview/orders?status=Lost", "/overview/orders?sort=random", "/overview/orders?offset=-1", "/overview/places", "/overview/workflows?status=x"} {
		b.refused(422, "InvalidQuery", "GET", path, nil)
	}
	b.refused(422, "InvalidCursor", "GET", "/overview/workflows?cursor=%21", nil)
}
