package cockpit

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/signet-scheduler/signet/api"
)

// The rows of a list have the fields that were asked for, the rest of the answer is
// as it is.
func TestRowsHaveFields(t *testing.T) {
	t.Parallel()
	b := newBench(t, options{})
	b.deploy(map[string]string{"a/W": job("rc 1"), "a/V": job("rc 0")})
	b.settled()
	b.draft("Workflow:a/gone", empty)
	if w := b.do(request{method: "DELETE", path: objectURL("Workflow:a/gone"), token: b.token}); w.Code != 204 {
		t.Fatal(w.Body)
	}
	b.await(b.add(api.AddOrdersRequest{Workflow: "a/W", Id: "F", Keep: true})...)
	for path, c := range map[string]struct{ list, fields string }{
		"/orders?limit=1":                              {"orders", "id,state"},
		"/overview/orders?limit=1":                     {"orders", "id,status"},
		"/workflows?limit=1":                           {"workflows", "path"},
		"/overview/workflows?deep=true&limit=1":        {"workflows", "path,counts"},
		"/items?limit=1":                               {"items", "kind,path"},
		"/inventory?recursive=true&limit=1":            {"objects", "path,deployments"},
		"/inventory/trash?":                            {"objects", "path"},
		"/inventory/search?q=agent-1&limit=1":          {"hits", "path,line"},
		"/inventory/usedby?kind=AgentRef&path=agent-1": {"users", "path,pointers"},
		"/history?limit=1":                             {"rows", "orderId,start"},
		"/audit?limit=1":                               {"entries", "id,action"},
	} {
		var all, some map[string]json.RawMessage
		var rows []map[string]json.RawMessage
		b.call("GET", path, nil, &all)
		b.call("GET", path+"&fields="+c.fields, nil, &some)
		b.check(json.Unmarshal(some[c.list], &rows))
		if len(rows) == 0 {
			t.Errorf("%s: no rows: %s", path, all[c.list])
		}
		for _, row := range rows {
			var names []string
			for name := range row {
				names = append(names, name)
			}
			slices.Sort(names)
			want := strings.Split(c.fields, ",")
			slices.Sort(want)
			if d := cmp.Diff(want, names); d != "" {
				t.Errorf("%s: %s", path, d)
			}
		}
		for name := range all {
			if name != c.list && string(some[name]) != string(all[name]) {
				t.Errorf("%s: %s is %s, want %s", path, name, some[name], all[name])
			}
		}
		if c.list != "orders" || strings.Contains(path, "overview") {
			b.refused(422, "InvalidQuery", "GET", path+"&fields=path,secret", nil)
		}
	}
}

// A change that needs no revision is refused when it names one that is out of date.
func TestRevisionsThatAreNamedCount(t *testing.T) {
	t.Parallel()
	b := newBench(t, options{})
	change := func(path, body, match string, want int) {
		t.Helper()
		if w := b.do(request{method: "POST", path: path, body: json.RawMessage(body), token: b.token, match: match}); w.Code != want {
			t.Errorf("%s with %s: %d %s, want %d", path, match, w.Code, w.Body, want)
		}
	}
	b.deploy(map[string]string{"w": empty})
	b.settled()
	b.draft("Workflow:w", `{"instructions": [{"TYPE": "Fail"}]}`)
	b.draft("Workflow:v", empty)
	is := func(about string) string { return fmt.Sprintf("\"%d\"", b.object(about).Object.Revision) }
	w := `{"kind":"Workflow","path":"w"}`
	change("/inventory/discard", w, `"99"`, 412)
	change("/inventory/discard", w, `99`, 422)
	change("/inventory/discard", w, is("Workflow:w"), 204)
	rename := `{"kind":"Workflow","from":"v","to":"u"}`
	change("/inventory/rename", rename, `"99"`, 412)
	change("/inventory/rename", `{"from":"a","to":"b"}`, `"1"`, 422)
	change("/inventory/rename", rename, is("Workflow:v"), 200)
	u := `{"kind":"Workflow","path":"u"}`
	if w := b.do(request{method: "DELETE", path: objectURL("Workflow:u"), token: b.token, match: is("Workflow:u")}); w.Code != 204 {
		t.Fatal(w.Body)
	}
	change("/inventory/restore", u, `"1"`, 412)
	change("/inventory/restore", u, is("Workflow:u"), 204)
	if w := b.do(request{method: "DELETE", path: objectURL("Workflow:u"), token: b.token}); w.Code != 204 {
		t.Fatal(w.Body)
	}
	change("/inventory/purge", u, `"1"`, 412)
	change("/inventory/purge", u, is("Workflow:u"), 204)

	filter := "/filters/history/mine"
	if w := b.do(request{method: "PUT", path: filter, body: json.RawMessage(`{"query":"a"}`), token: b.token, match: "*"}); w.Code != 200 {
		t.Fatal(w.Body)
	}
	for _, c := range []struct {
		match string
		code  int
	}{{`"2"`, 412}, {`"1"`, 204}, {"", 404}} {
		if w := b.do(request{method: "DELETE", path: filter, token: b.token, match: c.match}); w.Code != c.code {
			t.Errorf("deleting a filter at %s: %d %s, want %d", c.match, w.Code, w.Body, c.code)
		}
	}
}
