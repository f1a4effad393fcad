package cockpit

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/signet-scheduler/signet/api"
	"github.com/signet-scheduler/signet/internal/clock"
	"github.com/signet-scheduler/signet/internal/store"
)

// pastBench is a Cockpit without Controllers that run, and a history of so many
// orders of one step each; each fourth failed.
func pastBench(t *testing.T, orders int64, o options) *bench {
	t.Helper()
	o.noStart = true
	b := newBench(t, o)
	b.check(b.c.db.Write(t.Context(), func(w store.Writer) error {
		for n := range orders {
			if err := addPast(w, n); err != nil {
				return err
			}
		}
		return nil
	}))
	return b
}

const pastBegin = int64(1_790_000_000_000) // milliseconds

func addPast(w store.Writer, n int64) error {
	at, id := pastBegin+n*1000, "order-"+string(rune('a'+n%26))
	rc := int64(0)
	end := store.StepEnd{End: at + 400, Outcome: `{"TYPE":"Succeeded"}`, Result: store.Succeeded, ReturnCode: &rc}
	state := "Finished"
	if n%4 == 3 {
		rc = 3
		end = store.StepEnd{End: at + 700, Outcome: `{"TYPE":"Failed","message":"=cmd|' /C calc'!A0"}`, Result: store.Failed, Message: "=cmd|' /C calc'!A0", ReturnCode: &rc}
		state = "Failed"
	}
	s := store.Step{
		StepKey: store.StepKey{Controller: "controller", Event: at * 1000}, OrderID: id, Root: id, Run: at * 1000, Workflow: "f/W", Version: "1", Position: "[0]",
		Job: "J", Label: "L", Agent: "agent-1", Task: "t", Start: at, Try: 1, Attempt: 1, StepEnd: end, Log: store.LogStatus{State: store.LogComplete, Bytes: 12},
	}
	if err := w.AddStep(s); err != nil {
		return err
	}
	return w.AddRun(store.Run{
		RunKey: s.StepKey, OrderID: id, Workflow: "f/W", Version: "1", Account: "ada", Method: "password", Start: at,
		RunEnd: store.RunEnd{State: state, Result: end.Result, End: end.End, Outcome: end.Outcome, Message: end.Message},
	})
}

// The fields of the table and those of the description are the same, and what is
// sent has their types.
func TestRowFields(t *testing.T) {
	t.Parallel()
	compare := func(kind reflect.Type, names []string) {
		t.Helper()
		var fields []string
		for f := range kind.Fields() {
			name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
			fields = append(fields, name)
		}
		slices.Sort(fields)
		slices.Sort(names)
		if d := cmp.Diff(fields, names); d != "" {
			t.Errorf("%s (-described +sent):\n%s", kind, d)
		}
	}
	compare(reflect.TypeFor[api.HistoryStep](), namesOf(stepColumns()))
	compare(reflect.TypeFor[api.HistoryRun](), namesOf(runColumns()))
	compare(reflect.TypeFor[api.AuditEntry](), namesOf(auditColumns()))
	b := pastBench(t, 4, options{})
	for _, path := range []string{"/history/steps", "/history/runs"} {
		d := json.NewDecoder(b.do(request{method: "GET", path: path, token: b.token}).Body)
		d.DisallowUnknownFields()
		var steps api.HistorySteps
		var runs api.HistoryRuns
		var err error
		if path == "/history/steps" {
			err = d.Decode(&steps)
		} else {
			err = d.Decode(&runs)
		}
		if err != nil || len(steps.Rows)+len(runs.Rows) != 4 {
			t.Errorf("%s: %v, %v", path, steps, err)
		}
	}
}

func namesOf[T any](columns []column[T]) (names []string) {
	for _, c := range columns {
		names = append(names, c.name)
	}
	return names
}

func TestHistorySteps(t *testing.T) {
	t.Parallel()
	b := pastBench(t, 60, options{})
	list := func(query string) (starts []int64) {
		t.Helper()
		for cursor, pages := "", 0; ; pages++ {
			var out api.HistorySteps
			b.call("GET", "/history/steps?"+query+cursor, nil, &out)
			for _, r := range out.Rows {
				starts = append(starts, (r.Start-pastBegin)/1000)
			}
			if out.Cursor == "" || pages > 100 {
				return starts
			}
			cursor = "&cursor=" + out.Cursor
		}
	}
	from := func(n int64) string { return "from=" + number(pastBegin+n*1000) }
	for _, c := range []struct {
		query string
		want  []int64
	}{
		{from(56), []int64{59, 58, 57, 56}},
		{from(55) + "&limit=2&oldest=true", []int64{55, 56, 57, 58, 59}},
		{"to=" + number(pastBegin+8000) + "&result=failed,lost", []int64{7, 3}},
		{from(50) + "&workflow=f/W&job=J&label=L&agent=agent-1&returnCode=3&limit=1", []int64{59, 55, 51}},
		{from(50) + "&folder=f&text=CALC", []int64{59, 55, 51}},
		{"order=order-b&controller=controller", []int64{53, 27, 1}},
		{"text=ORDER-Z", []int64{51, 25}},
		{"folder=g", nil},
	} {
		if d := cmp.Diff(c.want, list(c.query)); d != "" {
			t.Errorf("%s (-want +got):\n%s", c.query, d)
		}
	}
	w := b.do(request{method: "GET", path: "/history/steps?fields=orderId,start,end,returnCode&limit=1&count=true", token: b.token})
	if want := `{"rows":[{"orderId":"order-h","start":1790000059000,"end":1790000059700,"returnCode":3}],"cursor":"MTc5MDAwMDA1OTAwMDAwMCBjb250cm9sbGVy","count":60}` + "\n"; w.Body.String() != want {
		t.Errorf("sparse: %s", w.Body)
	}
	for query, code := range map[string]string{
		"nonsense=1": "InvalidQuery", "fields=orderId,secret": "InvalidQuery", "fields=": "", "result=cancelled": "InvalidQuery", "result=Failed": "InvalidQuery",
		"from=-1": "InvalidQuery", "from=9007199254741": "InvalidQuery", "returnCode=x": "InvalidQuery", "state=Failed": "InvalidQuery", "count=yes": "InvalidQuery",
		"cursor=x": "InvalidCursor", "limit=10001": "InvalidQuery", "text=%00": "InvalidQuery", "text=%ff": "InvalidQuery", "from=1&from=2": "InvalidQuery",
		"text=" + strings.Repeat("x", 201): "InvalidQuery", "agent=" + strings.Repeat("x", 2001): "InvalidQuery",
	} {
		if code != "" {
			b.refused(422, code, "GET", "/history/steps?"+query, nil)
		} else {
			b.call("GET", "/history/steps?"+query, nil, nil)
		}
	}
	b.refused(404, "UnknownController", "GET", "/history/steps?controller=x", nil)
}

func TestHistoryRuns(t *testing.T) {
	t.Parallel()
	b := pastBench(t, 60, options{})
	var out api.HistoryRuns
	b.call("GET", "/history/runs?result=failed&state=Failed,Broken&account=ada&workflow=f/W&text=calc&limit=2&count=true", nil, &out)
	if len(out.Rows) != 2 || out.Cursor == "" || out.More || *out.Count != 15 || out.CountMore {
		t.Fatalf("%+v", out)
	}
	want := api.HistoryRun{
		Event: (pastBegin + 59_000) * 1000, Controller: "controller", OrderId: "order-h", Workflow: "f/W", Version: "1", Account: "ada", Method: "password", Added: pastBegin + 59_000,
		Start: pastBegin + 59_000, End: pastBegin + 59_700, State: "Failed", Result: "failed", Message: "=cmd|' /C calc'!A0",
		Outcome: json.RawMessage(`{"TYPE":"Failed","message":"=cmd|' /C calc'!A0"}`),
	}
	if d := cmp.Diff(want, out.Rows[0]); d != "" {
		t.Errorf("row (-want +got):\n%s", d)
	}
	b.refused(422, "InvalidQuery", "GET", "/history/runs?agent=a", nil)
	b.refused(422, "InvalidQuery", "GET", "/history/runs?state=Ready", nil)
	b.refused(422, "InvalidQuery", "GET", "/history/runs?result=lost", nil)
}

// A filter that nothing passes ends a call early, and says how far it came; what
// is counted ends there, too (DESIGN.md, 12).
func TestLookingHasABudget(t *testing.T) {
	t.Parallel()
	b := pastBench(t, 110, options{budget: 100, lookTime: time.Hour})
	var out api.HistorySteps
	b.call("GET", "/history/steps?text=nowhere&count=true", nil, &out)
	if len(out.Rows) != 0 || !out.More || out.Reached != pastBegin+10_000 || out.Cursor == "" || *out.Count != 0 || !out.CountMore {
		t.Fatalf("%d rows, more %t, reached %d, count %d %t", len(out.Rows), out.More, out.Reached, *out.Count, out.CountMore)
	}
	var rest api.HistorySteps
	b.call("GET", "/history/steps?text=nowhere&cursor="+out.Cursor, nil, &rest)
	if len(rest.Rows) != 0 || rest.More || rest.Cursor != "" || rest.Reached != 0 {
		t.Errorf("the rest: %+v", rest)
	}
	var all api.HistoryRuns
	b.call("GET", "/history/runs?count=true&limit=1", nil, &all) // nothing has to be looked up for it
	if *all.Count != 110 || all.CountMore {
		t.Errorf("counted %d, more %t", *all.Count, all.CountMore)
	}
	// An export goes on.
	w := b.do(request{method: "GET", path: "/history/export?kind=steps&format=json&text=order-a&fields=orderId", token: b.token})
	var rows []api.HistoryStep
	if err := json.Unmarshal(w.Body.Bytes(), &rows); err != nil || len(rows) != 5 {
		t.Errorf("%d rows, %v", len(rows), err)
	}
}

// A search that takes too long ends early as well, after a part of its budget.
func TestLookingHasATime(t *testing.T) {
	t.Parallel()
	b := pastBench(t, 110, options{budget: 100, lookTime: 1})
	var out api.HistorySteps
	b.call("GET", "/history/steps?text=nowhere&count=true", nil, &out)
	if len(out.Rows) != 0 || !out.More || out.Reached != pastBegin+100_000 || *out.Count != 0 || !out.CountMore {
		t.Fatalf("%d rows, more %t, reached %d, count %d %t", len(out.Rows), out.More, out.Reached, *out.Count, out.CountMore)
	}
	pages := 1
	for ; out.Cursor != ""; pages++ {
		cursor := out.Cursor
		out = api.HistorySteps{}
		b.call("GET", "/history/steps?text=nowhere&cursor="+cursor, nil, &out)
	}
	if pages != 12 { // whether there is something behind the last part, nobody knows before
		t.Errorf("110 steps were looked at in %d pages, want 12", pages)
	}
	var entries api.Audit
	b.call("GET", "/audit?text=nowhere", nil, &entries)
	for range 20 {
		b.call("POST", "/inventory/drafts", json.RawMessage(`{"objects":[{"kind":"Workflow","path":"a/W","format":"json","text":"{}"}]}`), nil)
	}
	b.call("GET", "/audit?text=nowhere", nil, &entries)
	if !entries.More || entries.Cursor == "" || len(entries.Entries) > 0 {
		t.Errorf("audit: %+v", entries)
	}
}

func TestExport(t *testing.T) {
	t.Parallel()
	b := pastBench(t, 1005, options{})
	get := func(query string) *http.Response {
		t.Helper()
		w := b.do(request{method: "GET", path: "/history/export?" + query, token: b.token})
		if w.Code != http.StatusOK {
			t.Fatalf("%s: %d %s", query, w.Code, w.Body)
		}
		return w.Result()
	}
	r := get("kind=steps&format=csv&from=" + number(pastBegin) + "&workflow=f/W&fields=orderId,start,outcome,message,returnCode&oldest=true")
	if got, want := r.Header.Get("Content-Disposition"), `attachment; filename="signet_steps_from=20260921T141320Z_oldest=true_workflow=f_W.csv"`; got != want {
		t.Errorf("Content-Disposition %s", got)
	}
	if got := r.Header.Get("Content-Type"); got != "text/csv; charset=utf-8; header=present" {
		t.Errorf("Content-Type %s", got)
	}
	rows, err := csv.NewReader(r.Body).ReadAll()
	if err != nil || len(rows) != 1006 {
		t.Fatalf("%d rows, %v", len(rows), err)
	}
	want := [][]string{
		{"orderId", "start", "outcome", "message", "returnCode"},
		{"order-a", "2026-09-21T14:13:20.000Z", `{"TYPE":"Succeeded"}`, "", "0"},
	}
	if d := cmp.Diff(want, rows[:2]); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	if rows[4][3] != "'=cmd|' /C calc'!A0" {
		t.Errorf("a formula: %q", rows[4][3])
	}
	var list []api.HistoryRun
	if err := json.NewDecoder(get("kind=runs&format=json&result=failed").Body).Decode(&list); err != nil || len(list) != 251 || list[0].Start < list[250].Start {
		t.Errorf("%d runs, %v", len(list), err)
	}
	var none []api.HistoryRun
	if err := json.NewDecoder(get("kind=runs&format=json&account=nobody").Body).Decode(&none); err != nil || len(none) != 0 {
		t.Errorf("none: %v, %v", none, err)
	}
	for _, query := range []string{"", "kind=x&format=csv", "kind=steps", "kind=steps&format=xlsx", "kind=steps&format=csv&fields=x", "kind=runs&format=csv&agent=a", "kind=steps&format=csv&limit=3"} {
		b.refused(422, "InvalidQuery", "GET", "/history/export?"+query, nil)
	}
	for range maxExports {
		b.c.exports <- struct{}{}
	}
	b.refused(503, "ExportsRun", "GET", "/history/export?kind=steps&format=csv", nil)
	for range maxExports {
		<-b.c.exports
	}
	get("kind=steps&format=json")
}

// cutWriter is gone after some bytes.
type cutWriter struct {
	http.ResponseWriter
	left int
}

func (w *cutWriter) Write(p []byte) (int, error) {
	if w.left -= len(p); w.left < 0 {
		return 0, http.ErrHandlerTimeout
	}
	return w.ResponseWriter.Write(p)
}

// What was cut off doesn't look whole: the connection is broken off.
func TestExportIsCut(t *testing.T) {
	t.Parallel()
	b := pastBench(t, 1005, options{})
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, basePath+"/history/export?kind=steps&format=json", nil)
	b.check(err)
	r.Header.Set("Authorization", "Bearer "+b.token)
	w := &cutWriter{httptest.NewRecorder(), 100_000}
	defer func() {
		if p := recover(); p != http.ErrAbortHandler {
			t.Errorf("got %v", p)
		}
	}()
	b.handler.ServeHTTP(w, r)
}

func TestCells(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"": "", "a=b": "a=b", "=1+1": "'=1+1", "+1": "'+1", "-1": "'-1", "@SUM": "'@SUM", "\tx": "'\tx", "\r=x": "'\r=x", "\n=x": "'\n=x", "'x": "'x", "ä": "ä",
	} {
		if got := cell(text); got != want {
			t.Errorf("%q became %q", text, got)
		}
	}
	if got := cell(int64(-3)); got != "-3" {
		t.Errorf("a number became %q", got)
	}
	if got := exportName("steps", url.Values{"text": {`"../` + strings.Repeat("ü", 200)}, "format": {"csv"}}); len(got) != 154 || strings.ContainsAny(got, `"/ü`) {
		t.Errorf("name %q", got)
	}
}

func TestOrderSteps(t *testing.T) {
	t.Parallel()
	b := newBench(t, options{})
	branch := func(id, script string) string {
		return `{"id":"` + id + `","workflow":{"instructions":[{"TYPE":"Execute.Anonymous","label":"L` + id + `","job":{"agentPath":"agent-1","executable":{"TYPE":"ShellScriptExecutable","script":"` + script + `"}}}]}}`
	}
	b.deploy(map[string]string{"P": `{"instructions":[{"TYPE":"Fork","branches":[` + branch("a", "out one") + `,` + branch("b", "rc 0") + `]}]}`})
	for range 2 { // an id that is used again
		b.add(api.AddOrdersRequest{Workflow: "P", Id: "P"})
		b.await("P")
	}
	var page, rest api.HistorySteps
	b.call("GET", orderPath("P", "/steps?limit=1"), nil, &page)
	if len(page.Rows) != 1 || page.Cursor == "" || page.Rows[0].OrderId != "P|a" || page.Rows[0].Label != "La" || page.Rows[0].LogState != "complete" || page.Rows[0].LogSize == 0 {
		t.Fatalf("%+v", page)
	}
	b.call("GET", orderPath("P", "/steps?limit=9&fields=orderId,position&cursor="+page.Cursor), nil, &rest)
	if d := cmp.Diff([]api.HistoryStep{{OrderId: "P|b", Position: json.RawMessage(`[0,"fork+b",0]`)}}, rest.Rows); d != "" || rest.Cursor != "" {
		t.Errorf("the rest (-want +got):\n%s", d)
	}
	b.call("GET", orderPath("P|b", "/steps"), nil, &rest)
	if len(rest.Rows) != 1 {
		t.Errorf("of a child: %+v", rest)
	}
	b.refused(404, "UnknownOrder", "GET", "/orders/nobody/steps", nil)
	b.refused(422, "InvalidQuery", "GET", orderPath("P", "/steps?fields=x"), nil)
	b.refused(422, "InvalidQuery", "GET", orderPath("P", "/steps?text=x"), nil)
}

func TestStatistics(t *testing.T) {
	t.Parallel()
	now := clock.NewFake(time.UnixMilli(pastBegin + 3600_000))
	b := pastBench(t, 130, options{clock: now})
	var s api.JobStats
	b.call("GET", "/jobs/stats?workflow=f/W&job=J&runs=2", nil, &s)
	if len(s.Runs) != 2 || s.Runs[0].Result != "succeeded" || s.Runs[0].Start != pastBegin+129_000 || *s.Runs[0].ReturnCode != 0 {
		t.Errorf("runs: %+v", s.Runs)
	}
	if d := cmp.Diff(api.UsualTime{Count: 98, P50: 400, P95: 400}, s.Usual); d != "" {
		t.Error(d)
	}
	day := pastBegin / msPerDay * msPerDay
	if d := cmp.Diff([]api.JobDay{{Day: day, Count: 100, Failed: 25, P50: 400, P95: 400, More: true}}, s.Days); d != "" {
		t.Error(d)
	}
	b.call("GET", "/jobs/stats?workflow=f/W&label=other", nil, &s)
	if len(s.Runs) != 0 || s.Usual.Count != 0 || len(s.Days) != 0 {
		t.Errorf("of another label: %+v", s)
	}
	for _, query := range []string{"", "workflow=f/W", "job=J", "workflow=f/W&job=J&runs=101", "workflow=f/W&job=J&x=y"} {
		b.refused(422, "InvalidQuery", "GET", "/jobs/stats?"+query, nil)
	}

	hour := now.Now().UnixMilli() / msPerHour
	b.check(b.c.db.Write(t.Context(), func(w store.Writer) error {
		for _, h := range []int64{hour + 1, hour, hour - 2, hour - 3} {
			if err := w.AddHour(store.Hour{Controller: "controller", Hour: h, Succeeded: h - hour + 5, Failed: 1, Cancelled: 2}); err != nil {
				return err
			}
		}
		return nil
	}))
	var through api.Throughput
	b.call("GET", "/history/throughput?hours=3", nil, &through)
	want := []api.EndedInHour{{Hour: (hour - 2) * msPerHour, Succeeded: 3, Failed: 1, Cancelled: 2}, {Hour: (hour - 1) * msPerHour}, {Hour: hour * msPerHour, Succeeded: 5, Failed: 1, Cancelled: 2}}
	if d := cmp.Diff(want, through.Hours); d != "" {
		t.Error(d)
	}
	b.refused(422, "InvalidQuery", "GET", "/history/throughput?hours=0", nil)
	b.refused(404, "UnknownController", "GET", "/history/throughput?controller=x", nil)
}

func TestSavedFilters(t *testing.T) {
	t.Parallel()
	b := newBench(t, options{noStart: true})
	b.call("POST", "/accounts", api.AddAccountRequest{Name: "eve", Role: "viewer", Password: adminPassword}, nil)
	eve := b.login("eve", adminPassword)
	put := func(token, path, body string, header ...string) *http.Response {
		t.Helper()
		w := b.doWith(request{method: "PUT", path: path, body: body, token: token}, header...)
		return w.Result()
	}
	name := "/filters/history/" + url.PathEscape("Failed / last night")
	r := put(eve, name, `{"query":"from=-12h","shared":true}`, "If-None-Match", "*")
	var f api.SavedFilter
	b.check(json.NewDecoder(r.Body).Decode(&f))
	if f.ChangedAt == 0 || r.Header.Get("ETag") != `"1"` {
		t.Errorf("%+v, ETag %s", f, r.Header.Get("ETag"))
	}
	f.ChangedAt = 0
	if d := cmp.Diff(api.SavedFilter{Owner: "eve", Page: "history", Name: "Failed / last night", Query: "from=-12h", Shared: true, Revision: 1}, f); d != "" {
		t.Error(d)
	}
	if r := put(eve, name, `{"query":"x"}`, "If-None-Match", "*"); r.StatusCode != http.StatusPreconditionFailed {
		t.Errorf("made twice: %d", r.StatusCode)
	}
	if r := put(eve, name, `{"query":"x"}`); r.StatusCode != http.StatusPreconditionRequired {
		t.Errorf("without a revision: %d", r.StatusCode)
	}
	if r := put(eve, name, `{"query":"y","shared":true}`, "If-Match", `"1"`); r.Header.Get("ETag") != `"2"` {
		t.Errorf("changed: %d", r.StatusCode)
	}
	if r := put(eve, name, `{"query":"z"}`, "If-Match", `"1"`); r.StatusCode != http.StatusPreconditionFailed {
		t.Errorf("changed by somebody who has an old one: %d", r.StatusCode)
	}
	put(eve, "/filters/history/own", `{"query":"q"}`, "If-None-Match", "*")
	var all api.SavedFilters
	b.call("GET", "/filters?page=history", nil, &all)
	if len(all.Filters) != 1 || all.Filters[0].Query != "y" || all.Filters[0].Owner != "eve" {
		t.Errorf("the administrator sees %+v", all)
	}
	for _, c := range []struct {
		path, body string
		status     int
		code       string
	}{
		{"/filters/History/x", `{"query":"q"}`, 422, "InvalidName"},
		{"/filters/history/%20", `{"query":"q"}`, 422, "InvalidName"},
		{"/filters/history/" + strings.Repeat("x", 101), `{"query":"q"}`, 422, "InvalidName"},
		{"/filters/history/x", `{"query":"` + strings.Repeat("x", 2001) + `"}`, 422, "InvalidRequest"},
		{"/filters/history/x", `{"query":"\u0000"}`, 422, "InvalidRequest"},
		{"/filters/history/x", `{"shared":true}`, 422, "InvalidRequest"},
		{"/filters/history/x", `{"query":"` + strings.Repeat("x", 20<<10) + `"}`, 413, "BodyTooLarge"},
	} {
		b.isRefused(c.status, c.code, b.doWith(request{method: "PUT", path: c.path, body: c.body, token: eve}, "If-None-Match", "*"))
	}
	b.refused(422, "InvalidName", "GET", "/filters", nil)
	b.isRefused(403, "NotPermitted", b.do(request{method: "DELETE", path: "/filters/history/x?owner=admin", token: eve}))
	b.refused(404, "UnknownFilter", "DELETE", "/filters/history/own?owner=eve", nil)
	b.refused(404, "UnknownFilter", "DELETE", name, nil)
	b.call("DELETE", name+"?owner=eve", nil, nil)
	if w := b.do(request{method: "DELETE", path: "/filters/history/own", token: eve}); w.Code != http.StatusNoContent {
		t.Errorf("own: %d %s", w.Code, w.Body)
	}
	var audit api.Audit
	b.call("GET", "/audit?text=own&account=eve", nil, &audit)
	if len(audit.Entries) != 2 || audit.Entries[0].Action != "deleteFilter" {
		t.Errorf("audit: %+v", audit)
	}
}

func TestAuditTrail(t *testing.T) {
	t.Parallel()
	b := newBench(t, options{noStart: true})
	for i, body := range []string{
		`{"name":"u1","role":"viewer","password":"` + adminPassword + `","reason":"=new","ticket":"OPS-1","timeSpent":5}`,
		`{"name":"u2","role":"viewer","password":"` + adminPassword + `","reason":"new","ticket":"OPS-2"}`,
		`{"name":"u1","role":"viewer","password":"` + adminPassword + `","ticket":"OPS-3"}`,
	} {
		if w := b.do(request{method: "POST", path: "/accounts", body: body, token: b.token}); (w.Code == http.StatusNoContent) != (i < 2) {
			t.Fatalf("%s: %d %s", body, w.Code, w.Body)
		}
	}
	list := func(query string) (tickets []string) {
		t.Helper()
		for cursor := ""; ; {
			var out api.Audit
			b.call("GET", "/audit?action=addAccount&"+query+cursor, nil, &out)
			for _, e := range out.Entries {
				tickets = append(tickets, e.Ticket)
			}
			if out.Cursor == "" {
				return tickets
			}
			cursor = "&cursor=" + out.Cursor
		}
	}
	for query, want := range map[string][]string{
		"":                  {"OPS-3", "OPS-2", "OPS-1"},
		"limit=1":           {"OPS-3", "OPS-2", "OPS-1"},
		"object=Account:u1": {"OPS-3", "OPS-1"},
		"result=refused":    {"OPS-3"},
		"result=done":       {"OPS-2", "OPS-1"},
		"text=ops-2":        {"OPS-2"},
		"account=nobody":    nil,
		"from=" + number(b.c.clock.Now().Add(time.Hour).UnixMilli()): nil,
		"to=1000": nil,
	} {
		if d := cmp.Diff(want, list(query)); d != "" {
			t.Errorf("%s (-want +got):\n%s", query, d)
		}
	}
	var one api.Audit
	b.call("GET", "/audit?text=OPS-1", nil, &one)
	if e := one.Entries[0]; e.TimeSpent != 5 || e.Reason != "=new" || e.Account != "admin" {
		t.Errorf("%+v", e)
	}
	w := b.do(request{method: "GET", path: "/audit/export?format=csv&action=addAccount", token: b.token})
	rows, err := csv.NewReader(bytes.NewReader(w.Body.Bytes())).ReadAll()
	b.check(err)
	if len(rows) != 4 || rows[0][8] != "reason" || rows[3][8] != "'=new" || rows[3][7] != `["Account:u1"]` || rows[3][9] != "OPS-1" {
		t.Errorf("%q", rows)
	}
	w = b.do(request{method: "GET", path: "/audit/export?format=json&result=refused", token: b.token})
	var entries []api.AuditEntry
	if err := json.Unmarshal(w.Body.Bytes(), &entries); err != nil || len(entries) != 1 || entries[0].Ticket != "OPS-3" {
		t.Errorf("%v, %+v", err, entries)
	}
	b.refused(422, "InvalidQuery", "GET", "/audit?limit=0", nil)
	b.refused(422, "InvalidQuery", "GET", "/audit?text=%01", nil)
	b.refused(422, "InvalidCursor", "GET", "/audit?cursor=x", nil)
	b.refused(422, "InvalidQuery", "GET", "/audit/export", nil)
	b.refused(422, "InvalidQuery", "GET", "/audit/export?format=csv&limit=1", nil)
	add := func(more string) string { return `{"name":"u3","role":"viewer",` + more + `}` }
	b.refused(413, "TicketTooLong", "POST", "/accounts", add(`"ticket":"`+strings.Repeat("x", 201)+`"`))
	b.refused(422, "InvalidRequest", "POST", "/accounts", add(`"timeSpent":-1`))
	b.refused(422, "InvalidRequest", "POST", "/accounts", add(`"timeSpent":"5"`))
}
