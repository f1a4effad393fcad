package cockpit

import (
	"context"
	"errors"
	"fmt"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/signet-scheduler/signet/api"
	"github.com/signet-scheduler/signet/internal/engine"
	"github.com/signet-scheduler/signet/internal/fsys"
	"github.com/signet-scheduler/signet/internal/store"
)

// settled waits until the inventory has what the Controller has.
func (b *bench) settled() {
	b.Helper()
	for _, h := range b.c.histories {
		b.check(h.catchUp(context.Background()))
	}
}

func objectURL(key string) string {
	kind, path, _ := strings.Cut(key, ":")
	return "/inventory/object?" + url.Values{"kind": {kind}, "path": {path}}.Encode()
}

// putDraft saves a draft from a revision; "*": a new one.
func (b *bench) putDraft(key, match, text string) *httptest.ResponseRecorder {
	b.Helper()
	format := "json"
	if !strings.HasPrefix(strings.TrimSpace(text), "{") {
		format = "yaml"
	}
	return b.do(request{method: "PUT", path: objectURL(key), body: api.PutObjectRequest{Text: text, Format: format}, token: b.token, match: match})
}

// draft saves a draft whatever is there.
func (b *bench) draft(key, text string) {
	b.Helper()
	match := "*"
	if w := b.do(request{method: "GET", path: objectURL(key), token: b.token}); w.Code == 200 {
		match = w.Header().Get("ETag")
	}
	if w := b.putDraft(key, match, text); w.Code != 200 {
		b.Fatalf("%s: %d %s", key, w.Code, w.Body)
	}
}

func (b *bench) object(key string) (o api.InventoryObject) {
	b.Helper()
	b.call("GET", objectURL(key), nil, &o)
	return o
}

// objects lists as "Kind:path state", all pages.
func (b *bench) objects(query string) (got []string) {
	b.Helper()
	for cursor := ""; ; {
		var page api.InventoryObjects
		b.call("GET", "/inventory?limit=2&"+query+cursor, nil, &page)
		for _, o := range page.Objects {
			got = append(got, o.Kind+":"+o.Path+" "+o.State)
		}
		if page.Cursor == "" {
			return got
		}
		cursor = "&cursor=" + page.Cursor
	}
}

func (b *bench) deployDrafts(keys ...string) (out api.DraftDeployment) {
	b.Helper()
	b.call("POST", "/inventory/deploy", deployRequestOf(false, keys...), &out)
	return out
}

func deployRequestOf(dryRun bool, keys ...string) api.DeployDraftsRequest {
	in := api.DeployDraftsRequest{DryRun: dryRun, Reason: "because"}
	for _, key := range keys {
		kind, path, _ := strings.Cut(key, ":")
		in.Objects = append(in.Objects, api.ObjectKey{Kind: kind, Path: path})
	}
	return in
}

const (
	empty    = `{"instructions": []}`
	stopping = `{"instructions": [{"TYPE": "Stop"}]}`
	db       = `{"variables": {"host": "'db1'"}}`
	usesDB   = `{ "jobResourcePaths": ["db"], "instructions": [] }`
)

// A draft's way: saved, wrong, right, deployed, changed, given up, withdrawn.
func TestDraft(t *testing.T) { onBoth(t, options{}, testDraft) }

func testDraft(t *testing.T, b *bench) {
	const key = "Workflow:nightly/load"
	w := b.putDraft(key, "*", `{"instructions": [], "jobz": {}}`)
	if w.Code != 200 || w.Header().Get("ETag") != `"1"` {
		t.Fatalf("%d %v %s", w.Code, w.Header(), w.Body)
	}
	o := b.object(key)
	if d := cmp.Diff([]api.DraftProblem{{Pointer: "/jobz", Line: 1, Column: 30, Message: `unknown field "jobz"`, Hint: `did you mean "jobs"?`}}, o.Problems); d != "" {
		t.Error(d)
	}
	if o.Object.State != "invalid" || o.Object.Problems != 1 || o.Object.ChangedBy != "admin" || o.Object.Deployed || o.Text != `{"instructions": [], "jobz": {}}` || o.Format != "json" || len(o.Problems) != 1 {
		t.Errorf("invalid: %+v", o)
	}
	b.refused(422, "InvalidItems", "POST", "/inventory/deploy", deployRequestOf(false, key))

	// Somebody else was faster.
	p := b.isRefused(412, "ObjectChanged", b.putDraft(key, "*", empty))
	if !strings.Contains(p.Detail, "saved by admin at 20") {
		t.Errorf("detail %q", p.Detail)
	}
	b.isRefused(412, "ObjectChanged", b.putDraft(key, `"7"`, empty))
	b.isRefused(428, "RevisionNeeded", b.putDraft(key, "", empty))
	b.isRefused(412, "ObjectChanged", b.putDraft("Workflow:none", `"1"`, empty))

	if w := b.putDraft(key, `"1"`, empty); w.Header().Get("ETag") != `"2"` {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	if d := cmp.Diff([]string{"Workflow:nightly/load draft"}, b.objects("folder=nightly")); d != "" {
		t.Error(d)
	}
	out := b.deployDrafts(key)
	if len(out.Deploys) != 1 || out.Deploys[0].Change != "new" || out.Deploys[0].VersionId == "" {
		t.Errorf("deployed %+v", out)
	}
	o = b.object(key)
	if o.Object.State != "deployed" || o.Object.Format != "" || o.Text != empty || len(o.Deployments) != 1 || o.Deployments[0].VersionId != out.Deploys[0].VersionId ||
		o.Deployments[0].Signer != "Signet signing" || o.Deployments[0].Account != "admin" {
		t.Errorf("deployed: %+v", o)
	}
	var exact api.InventoryObject
	b.call("GET", objectURL(key)+"&source=deployed", nil, &exact)
	if want := `{"TYPE": "Workflow", "path": "nightly/load", "versionId": "` + out.Deploys[0].VersionId + `", "instructions": []}`; exact.Text != want {
		t.Errorf("exact: %s", exact.Text)
	}
	if again := b.deployDrafts(key); len(again.Deploys) != 0 || len(again.Unchanged) != 1 {
		t.Errorf("again: %+v", again)
	}

	// A newer draft stays one, until it is given up.
	b.draft(key, stopping)
	if o = b.object(key); o.Object.State != "changed" || o.Text != stopping {
		t.Errorf("changed: %+v", o)
	}
	b.call("POST", "/inventory/discard", api.ObjectRequest{Kind: "Workflow", Path: "nightly/load"}, nil)
	if o = b.object(key); o.Object.State != "deployed" || o.Text != empty {
		t.Errorf("given up: %+v", o)
	}
	b.draft(key, stopping)
	b.draft(key, empty) // as it was
	if o = b.object(key); o.Object.State != "deployed" || o.Object.Format != "" {
		t.Errorf("as it was: %+v", o)
	}

	b.refused(409, "StillDeployed", "DELETE", objectURL(key), nil)
	b.call("POST", "/deployments/revoke", api.RevokeRequest{Objects: []api.ObjectKey{{Kind: "Workflow", Path: "nightly/load"}}}, nil)
	b.settled()
	if o = b.object(key); o.Object.State != "notDeployed" || len(o.Deployments) != 0 || o.Text != empty {
		t.Errorf("withdrawn: %+v", o)
	}
	if out := b.deployDrafts(key); out.Deploys[0].Change != "again" {
		t.Errorf("again: %+v", out)
	}
	if o = b.object(key); o.Object.State != "deployed" {
		t.Errorf("deployed again: %+v", o)
	}

	var versions api.ObjectVersions
	b.call("GET", strings.Replace(objectURL(key), "object", "versions", 1)+"&limit=1", nil, &versions)
	v := versions.Versions[0]
	if v.Account != "admin" || v.Reason != "because" || v.Deployment == "" || v.Controller != "controller" || versions.Cursor == "" {
		t.Errorf("version %+v", v)
	}
	var whole api.ObjectVersion
	b.call("GET", fmt.Sprintf("/inventory/version?id=%d", v.Id), nil, &whole)
	if whole.Text == "" || whole.Digest != digestOf(whole.Text) {
		t.Errorf("version %+v", whole)
	}
	b.refused(404, "UnknownVersion", "GET", "/inventory/version?id=4711", nil)
	b.refused(404, "UnknownObject", "GET", objectURL("Workflow:none"), nil)
	b.refused(409, "NeverDeployed", "POST", "/inventory/discard", b.makes("Workflow:x"))
	b.refused(404, "NeverDeployed", "GET", objectURL("Workflow:x")+"&source=deployed", nil)
}

// makes saves a draft and returns a request about it.
func (b *bench) makes(key string) api.ObjectRequest {
	b.Helper()
	b.draft(key, empty)
	kind, path, _ := strings.Cut(key, ":")
	return api.ObjectRequest{Kind: kind, Path: path}
}

// What is deployed otherwise is in the inventory as well; drafts stay drafts.
func TestDeployedOtherwise(t *testing.T) { onBoth(t, options{}, testDeployedOtherwise) }

func testDeployedOtherwise(t *testing.T, b *bench) {
	const yaml = "# the author's own text\ninstructions: []\n"
	b.draft("Workflow:same", empty)
	b.draft("Workflow:yaml", yaml)
	b.draft("Workflow:newer", stopping)
	b.draft("Workflow:deleted", stopping)
	b.call("DELETE", objectURL("Workflow:deleted"), nil, nil)
	b.deploy(map[string]string{"same": empty, "yaml": `{"instructions":[]}`, "newer": empty, "deleted": empty, "unknown": job("rc 0")})
	b.settled()
	want := []string{"AgentRef:agent-1 deployed", "Workflow:deleted deployed", "Workflow:newer changed", "Workflow:same deployed", "Workflow:unknown deployed", "Workflow:yaml deployed"}
	if d := cmp.Diff(want, b.objects("recursive=true")); d != "" {
		t.Error(d)
	}
	if o := b.object("Workflow:yaml"); o.Text != yaml || o.Format != "yaml" {
		t.Errorf("the author's text is lost: %+v", o)
	}
	if o := b.object("Workflow:newer"); o.Text != stopping {
		t.Errorf("the draft is lost: %+v", o)
	}
	// What the text was made of is replaced with it, when something else comes.
	b.call("POST", "/deployments", api.DeployRequest{Objects: []api.DeployObject{{Kind: "Workflow", Path: "yaml", Document: stopping}}}, nil)
	b.settled()
	if o := b.object("Workflow:yaml"); o.Object.State != "deployed" || o.Text != stopping || o.Format != "json" {
		t.Errorf("an old text: %+v", o)
	}
	if d := cmp.Diff([]string{"Workflow:newer changed"}, b.objects("recursive=true&state=changed,draft")); d != "" {
		t.Error(d)
	}

	// A document with its own evidence is kept as it is.
	const signed = "{ \"TYPE\":\"Workflow\", \"path\":\"signed\",\n  \"versionId\":\"mine\", \"instructions\":[ ] }\n"
	ev, err := b.signer.Key.Sign([]byte(signed))
	b.check(err)
	evidence := map[string]string{}
	for suffix, text := range ev.Files() {
		evidence[suffix] = string(text)
	}
	b.call("POST", "/deployments", api.DeployRequest{Objects: []api.DeployObject{{Kind: "Workflow", Path: "signed", Document: signed, Evidence: evidence}}}, nil)
	b.settled()
	var exact api.InventoryObject
	b.call("GET", objectURL("Workflow:signed")+"&source=deployed", nil, &exact)
	if exact.Text != signed {
		t.Errorf("exact: %q", exact.Text)
	}
	o := b.object("Workflow:signed")
	if want := strings.Replace(signed, ",\n  \"versionId\":\"mine\"", "", 1); o.Text != want {
		t.Errorf("to be edited: %q", o.Text)
	}
	b.draft("Workflow:signed", o.Text)
	if o := b.object("Workflow:signed"); o.Object.State != "deployed" {
		t.Errorf("nothing was changed: %+v", o.Object)
	}
}

// The history is cut off before it has written, and begins again: the inventory
// has what was deployed meanwhile, once.
func TestDeployedWhileAway(t *testing.T) { onBoth(t, options{}, testDeployedWhileAway) }

func testDeployedWhileAway(t *testing.T, b *bench) {
	b.draft("Workflow:w", empty)
	b.stop()
	ctx := context.Background()
	fresh := b.deps
	c, err := New(ctx, fresh) // it serves, and follows nobody
	b.check(err)
	b.c, b.handler = c, c.Handler()
	b.call("POST", "/deployments", api.DeployRequest{Reason: "why", Objects: []api.DeployObject{{Kind: "Workflow", Path: "w", Document: empty}}}, nil)
	if o := b.object("Workflow:w"); o.Object.State != "draft" {
		t.Errorf("before: %+v", o.Object)
	}
	b.check(c.Close())
	for range 2 {
		b.start()
		b.settled()
		b.stop()
	}
	b.start()
	b.settled()
	var versions api.ObjectVersions
	b.call("GET", "/inventory/versions?kind=Workflow&path=w", nil, &versions)
	if o := b.object("Workflow:w"); o.Object.State != "deployed" || len(versions.Versions) != 1 || versions.Versions[0].Reason != "why" {
		t.Errorf("after: %+v, %+v", o.Object, versions)
	}
}

// What was deployed before there was an inventory, or differs after a database was
// restored, is taken over at the start, once.
func TestTakeOver(t *testing.T) { onBoth(t, options{}, testTakeOver) }

func testTakeOver(t *testing.T, b *bench) {
	b.deploy(map[string]string{"before": empty, "same": empty, "other": empty})
	b.settled()
	b.stop()
	db, err := OpenDatabase(context.Background(), b.settings, fsys.Real{})
	b.check(err)
	b.check(db.Write(context.Background(), func(w store.Writer) error {
		s := &shelf{w: w, now: 1}
		before, err := w.Object(store.ObjectKey{Kind: "Workflow", Path: "before"})
		agent, err2 := w.Object(store.ObjectKey{Kind: "AgentRef", Path: "agent-1"})
		gone := &engine.ItemAdded{Item: engine.ItemRef{Kind: "Workflow", Path: "gone", VersionID: "1"}, Document: engine.Document{Text: empty}}
		old := &engine.ItemAdded{Item: engine.ItemRef{Kind: "Workflow", Path: "other", VersionID: "1"}, Document: engine.Document{Text: stopping}}
		return errors.Join(err, err2, w.DeleteObject(before.ID), w.DeleteObject(agent.ID),
			s.adopt("controller", gone, &engine.Stamped{ID: 1}), s.adopt("controller", old, &engine.Stamped{ID: 2}))
	}))
	b.check(db.Close())
	for range 2 {
		b.start()
		b.settled()
		n, err := b.c.histories[0].takeOver.all(context.Background())
		b.check(err)
		if n > 4 {
			t.Errorf("%d objects differ", n)
		}
		b.stop()
	}
	b.start()
	b.settled()
	want := []string{"AgentRef:agent-1 deployed", "Workflow:before deployed", "Workflow:gone notDeployed", "Workflow:other deployed", "Workflow:same deployed"}
	if d := cmp.Diff(want, b.objects("recursive=true")); d != "" {
		t.Error(d)
	}
	if o := b.object("Workflow:other"); o.Text != empty {
		t.Errorf("an old text: %+v", o)
	}
	if n, err := b.c.histories[0].takeOver.all(context.Background()); n != 0 || err != nil {
		t.Errorf("%d objects differ still, %v", n, err)
	}
	var versions api.ObjectVersions
	b.call("GET", "/inventory/versions?kind=Workflow&path=before", nil, &versions)
	if len(versions.Versions) != 1 || versions.Versions[0].Deployment != unknownDeployment {
		t.Errorf("versions %+v", versions)
	}
}

func TestDeployDryRun(t *testing.T) { onBoth(t, options{}, testDeployDryRun) }

func testDeployDryRun(t *testing.T, b *bench) {
	b.deploy(map[string]string{"w": strings.Replace(job("hold"), "{", `{"jobResourcePaths": [], `, 1)})
	b.add(api.AddOrdersRequest{Workflow: "w", Id: "O"})
	b.settled()
	b.draft("JobResource:db", db)
	b.draft("Workflow:user", usesDB)
	b.draft("Workflow:w", strings.Replace(job("rc 0"), "{", `{"jobResourcePaths": ["db", "none"], `, 1))
	b.draft("Workflow:broken", `{"instructions": [{}]}`)
	b.settled()
	dry := func(keys ...string) (out api.DraftDeployment) {
		b.Helper()
		b.call("POST", "/inventory/deploy", deployRequestOf(true, keys...), &out)
		return out
	}
	out := dry("Workflow:w", "Workflow:broken")
	version := b.object("Workflow:w").Deployments[0].VersionId
	if d := cmp.Diff([]api.RelatedObject{{Kind: "JobResource", Path: "db", By: "Workflow:w", State: "draft"}, {Kind: "JobResource", Path: "none", By: "Workflow:w"}}, out.Needs); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff([]api.WorkflowOrders{{Workflow: "w", VersionId: version, Orders: 1, Newest: true}}, out.Orders); d != "" {
		t.Error(d)
	}
	if len(out.Deploys) != 2 || out.Deploys[0].Change != "changed" || len(out.Deploys[1].Problems) == 0 {
		t.Errorf("deploys %+v", out.Deploys)
	}
	out = dry("JobResource:db")
	if d := cmp.Diff([]api.RelatedObject{{Kind: "Workflow", Path: "user", By: "JobResource:db", State: "draft"}, {Kind: "Workflow", Path: "w", By: "JobResource:db", State: "changed"}}, out.Users); d != "" {
		t.Error(d)
	}
	if o := b.object("JobResource:db"); o.Object.State != "draft" {
		t.Errorf("a dry run deploys: %+v", o.Object)
	}
	b.refused(422, "InvalidItems", "POST", "/inventory/deploy", deployRequestOf(false, "Workflow:w"))
	b.refused(404, "UnknownObject", "POST", "/inventory/deploy", deployRequestOf(false, "Workflow:nothing"))
	b.refused(422, "DuplicateKey", "POST", "/inventory/deploy", deployRequestOf(false, "Workflow:w", "Workflow:w"))
	b.refused(422, "InvalidRequest", "POST", "/inventory/deploy", deployRequestOf(false))
	if out := b.deployDrafts("Workflow:user", "JobResource:db"); len(out.Deploys) != 2 {
		t.Errorf("together: %+v", out)
	}
}

func TestDraftsAtOnce(t *testing.T) { onBoth(t, options{}, testDraftsAtOnce) }

func testDraftsAtOnce(t *testing.T, b *bench) {
	put := api.PutDraftsRequest{Objects: []api.DraftObject{
		{Kind: "Workflow", Path: "a/w", Text: empty, Format: "json"}, {Kind: "JobResource", Path: "db", Text: "variables: [", Format: "yaml"},
	}}
	var out api.PutDraftsResponse
	b.call("POST", "/inventory/drafts", put, &out)
	if len(out.Objects) != 2 || !out.Objects[0].Saved || out.Objects[0].State != "draft" || out.Objects[1].State != "invalid" || out.Objects[1].Problems[0].Line == 0 {
		t.Errorf("put: %+v", out)
	}
	b.call("POST", "/inventory/drafts", put, &out)
	if out.Objects[0].Saved || b.object("Workflow:a/w").Object.Revision != 1 {
		t.Errorf("put again: %+v", out)
	}
	for _, bad := range []api.PutDraftsRequest{
		{},
		{Objects: []api.DraftObject{{Kind: "Workflow", Path: "b", Text: empty, Format: "json"}, {Kind: "Workflow", Path: "b", Text: empty, Format: "json"}}},
		{Objects: []api.DraftObject{{Kind: "Workflow", Path: "b", Text: empty, Format: "json"}, {Kind: "Workflow", Path: "/c", Text: empty, Format: "json"}}},
		{Objects: []api.DraftObject{{Kind: "Workflow", Path: "b", Text: empty, Format: "xml"}}},
		{Objects: []api.DraftObject{{Kind: "Workflow", Path: "b", Text: "\x00", Format: "json"}}},
	} {
		b.refused(422, "InvalidRequest", "POST", "/inventory/drafts", bad)
	}
	b.refused(404, "UnknownObject", "GET", objectURL("Workflow:b"), nil)
	b.refused(413, "DocumentTooLarge", "POST", "/inventory/validate", api.ValidateDraftRequest{Kind: "Workflow", Path: "b", Text: strings.Repeat(" ", 5<<20), Format: "json"})
	if w := b.putDraft("Lock:x", "*", empty); w.Code != 422 {
		t.Errorf("a kind that isn't known: %d", w.Code)
	}

	w := b.do(request{method: "PUT", path: objectURL("Workflow:a/w"), token: b.token, match: `"1"`, body: api.PutObjectRequest{Text: stopping, Format: "json", SaveAs: "the second", Reason: "r"}})
	if w.Code != 200 {
		t.Fatal(w.Body)
	}
	var versions api.ObjectVersions
	b.call("GET", "/inventory/versions?kind=Workflow&path=a/w", nil, &versions)
	if v := versions.Versions; len(v) != 1 || v[0].Name != "the second" || v[0].Account != "admin" || v[0].Reason != "r" {
		t.Errorf("versions %+v", v)
	}
	b.isRefused(422, "InvalidRequest", b.do(request{method: "PUT", path: objectURL("Workflow:a/w"), token: b.token, match: `"2"`, body: api.PutObjectRequest{Text: stopping, Format: "json", SaveAs: "a\nb"}}))
}

func TestTree(t *testing.T) { onBoth(t, options{}, testTree) }

func testTree(t *testing.T, b *bench) {
	for _, key := range []string{"Workflow:a/b/one", "Workflow:a/two", "JobResource:a/two", "Workflow:three", "Workflow:c/four"} {
		b.draft(key, empty)
	}
	tree := func(folder string) (got []string) {
		b.Helper()
		for cursor := ""; ; {
			var page api.InventoryFolders
			b.call("GET", "/inventory/folders?limit=1&folder="+folder+cursor, nil, &page)
			if got == nil {
				got = append(got, fmt.Sprintf("%s %d %d", page.Folder.Path, page.Folder.Objects, page.Folder.Changed))
			}
			for _, f := range page.Folders {
				got = append(got, fmt.Sprintf("%s %s %d %d %t", f.Path, f.Name, f.Objects, f.Changed, f.HasFolders))
			}
			if page.Cursor == "" {
				return got
			}
			cursor = "&cursor=" + page.Cursor
		}
	}
	if d := cmp.Diff([]string{" 5 5", "a a 3 3 true", "c c 1 1 false"}, tree("")); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff([]string{"a 3 3", "a/b b 1 1 false"}, tree("a")); d != "" {
		t.Error(d)
	}
	b.refused(404, "UnknownFolder", "GET", "/inventory/folders?folder=none", nil)
	for query, want := range map[string][]string{
		"":                                 {"Workflow:three draft"},
		"folder=a":                         {"JobResource:a/two invalid", "Workflow:a/two draft"},
		"folder=a&recursive=true&q=ON":     {"Workflow:a/b/one draft"},
		"recursive=true&q=t&kind=Workflow": {"Workflow:a/two draft", "Workflow:three draft"},
		"recursive=true&state=invalid":     {"JobResource:a/two invalid"},
		"recursive=true&q=three":           {"Workflow:three draft"},
		"q=nothing":                        nil,
	} {
		if d := cmp.Diff(want, b.objects(query)); d != "" {
			t.Errorf("%s: %s", query, d)
		}
	}
	for _, query := range []string{"state=trash", "state=x", "kind=Lock", "folder=/a", "fields=text", "limit=0", "recursive=yes", "q=" + strings.Repeat("x", 300)} {
		if w := b.do(request{method: "GET", path: "/inventory?" + query, token: b.token}); w.Code != 422 {
			t.Errorf("%s: %d", query, w.Code)
		}
	}
	b.refused(422, "InvalidCursor", "GET", "/inventory?cursor=eA", nil)

	b.draft("Workflow:uses", usesDB)
	b.deploy(map[string]string{"w": empty})
	b.settled()
	var page api.InventoryObjects
	b.call("GET", "/inventory?fields=path,state,deployments,references", nil, &page)
	for _, o := range page.Objects {
		if (o.Path == "uses") != (len(o.References) == 1) || (o.State == "deployed") != (len(o.Deployments) == 1) {
			t.Errorf("fields: %+v", o)
		}
	}
}

func TestTrash(t *testing.T) { onBoth(t, options{}, testTrash) }

func testTrash(t *testing.T, b *bench) {
	about := b.makes("Workflow:a/w")
	b.makes("Workflow:a/v")
	b.isRefused(412, "ObjectChanged", b.do(request{method: "DELETE", path: objectURL("Workflow:a/w"), token: b.token, match: `"9"`}))
	if w := b.do(request{method: "DELETE", path: objectURL("Workflow:a/w") + "&reason=old", token: b.token, match: `"1"`}); w.Code != 204 {
		t.Fatal(w.Body)
	}
	b.call("DELETE", objectURL("Workflow:a/v"), nil, nil)
	trash := func() (got []string) {
		b.Helper()
		for cursor := ""; ; {
			var page api.InventoryObjects
			b.call("GET", "/inventory/trash?limit=1"+cursor, nil, &page)
			for _, o := range page.Objects {
				got = append(got, o.Path+" "+o.State)
				if o.TrashedAt == 0 {
					t.Errorf("no time: %+v", o)
				}
			}
			if page.Cursor == "" {
				return got
			}
			cursor = "&cursor=" + page.Cursor
		}
	}
	if d := cmp.Diff([]string{"a/v trash", "a/w trash"}, trash()); d != "" {
		t.Error(d)
	}
	if got := b.objects("recursive=true"); got != nil {
		t.Errorf("listed: %v", got)
	}
	if hits := b.search("q=a/w"); hits != nil {
		t.Errorf("found: %v", hits)
	}
	b.refused(404, "UnknownObject", "DELETE", objectURL("Workflow:a/w"), nil)
	b.refused(404, "UnknownObject", "POST", "/inventory/deploy", deployRequestOf(false, "Workflow:a/w"))
	b.call("POST", "/inventory/restore", about, nil)
	b.refused(409, "NotInTrash", "POST", "/inventory/restore", about)
	b.refused(409, "NotInTrash", "POST", "/inventory/purge", about)
	if d := cmp.Diff([]string{"Workflow:a/w draft"}, b.objects("recursive=true")); d != "" {
		t.Error(d)
	}
	if hits := b.search("q=a/w"); len(hits) != 1 {
		t.Errorf("found: %v", hits)
	}
	b.call("POST", "/inventory/purge", api.ObjectRequest{Kind: "Workflow", Path: "a/v"}, nil)
	b.refused(404, "UnknownObject", "POST", "/inventory/restore", api.ObjectRequest{Kind: "Workflow", Path: "a/v"})
	if d := cmp.Diff([]string(nil), trash()); d != "" {
		t.Error(d)
	}
	// A new object may take the place of one in the trash.
	b.call("DELETE", objectURL("Workflow:a/w"), nil, nil)
	if w := b.putDraft("Workflow:a/w", "*", stopping); w.Code != 200 {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if b.object("Workflow:a/w").Text != stopping || trash() != nil {
		t.Error("it isn't there")
	}
	var audit api.Audit
	b.call("GET", "/audit?limit=20", nil, &audit)
	seen := map[string]bool{}
	for _, e := range audit.Entries {
		seen[e.Action+" "+e.Result] = true
		if e.Action == "deleteObject" && e.Reason != "" && (e.Reason != "old" || !cmp.Equal(e.Objects, []string{"Workflow:a/w"})) {
			t.Errorf("audit %+v", e)
		}
	}
	for _, want := range []string{"putObject done", "deleteObject done", "restoreObject done", "purgeObject done", "restoreObject NotInTrash"} {
		if !seen[want] {
			t.Errorf("the audit trail has no %s", want)
		}
	}
}

// search lists hits, all pages.
func (b *bench) search(query string) (got []string) {
	b.Helper()
	for cursor := ""; ; {
		var page api.SearchHits
		b.call("GET", "/inventory/search?limit=1&"+query+cursor, nil, &page)
		for _, h := range page.Hits {
			r := []rune(h.Excerpt)
			got = append(got, fmt.Sprintf("%s:%s %s %s %d [%s]", h.Kind, h.Path, h.Field, h.Job, h.Line, string(r[h.At:h.At+h.Length])))
		}
		if page.Cursor == "" {
			return got
		}
		cursor = "&cursor=" + page.Cursor
	}
}

func TestSearch(t *testing.T) { onBoth(t, options{}, testSearch) }

func testSearch(t *testing.T, b *bench) {
	b.deploy(map[string]string{"nightly/sqlplus": job("out one\nout SqlPlus -s"), "other": job("out two")})
	b.draft("Workflow:yaml", "instructions: []\nsource: calls sqlplus\n")
	b.draft("JobResource:db", `{"env": {"SQLPLUS_HOME": "'/opt'"}}`)
	b.draft("Workflow:broken", "{ sqlplus")
	b.settled()
	want := []string{
		"Workflow:nightly/sqlplus path  1 [sqlplus]", "Workflow:nightly/sqlplus script J 2 [SqlPlus]", "Workflow:yaml source  1 [sqlplus]",
		"JobResource:db env  1 [SQLPLUS]", "Workflow:broken text  1 [sqlplus]",
	}
	got := b.search("q=sqlPLUS")
	for _, w := range want {
		if !strings.Contains(strings.Join(got, "\n"), w) {
			t.Errorf("no %q in %q", w, got)
		}
	}
	if len(got) != len(want) || got[0] != want[0] {
		t.Errorf("got %q", got)
	}
	if got := b.search("q=sqlplus&folder=nightly&kind=Workflow"); len(got) != 2 {
		t.Errorf("in a folder: %q", got)
	}
	if got := b.search("q=agent-1"); len(got) != 3 {
		t.Errorf("an Agent: %q", got)
	}
	for _, bad := range []string{"q=sq", "q=", "q=" + strings.Repeat("x", 201), "q=abc&kind=Lock", "q=abc&kind=,", "q=abc&limit=5000"} {
		b.refused(422, "InvalidQuery", "GET", "/inventory/search?"+bad, nil)
	}
	b.refused(422, "InvalidCursor", "GET", "/inventory/search?q=abc&cursor=eA", nil)

	var users api.ObjectUsers
	b.call("GET", "/inventory/usedby?kind=AgentRef&path=agent-1&limit=1", nil, &users)
	if len(users.Users) != 1 || users.Cursor == "" || !cmp.Equal(users.Users[0].Pointers, []string{"/jobs/J/agentPath"}) {
		t.Errorf("users %+v", users)
	}
	var checked api.ValidateDraftResponse
	b.call("POST", "/inventory/validate", api.ValidateDraftRequest{Kind: "Workflow", Path: "x", Format: "json", Text: `{"jobResourcePaths":["db","none"],"instructions":[{"TYPE":"Fail","message":"1 +"}]}`}, &checked)
	if len(checked.Problems) != 1 || checked.Problems[0].TextColumn != 4 || len(checked.References) != 2 || !cmp.Equal(checked.Missing, []api.ObjectKey{{Kind: "JobResource", Path: "none"}}) {
		t.Errorf("checked %+v", checked)
	}
	var converted api.ConvertDraftResponse
	b.call("POST", "/inventory/convert", api.ConvertDraftRequest{Text: "# c\na: 1\n", Format: "yaml", To: "json"}, &converted)
	if converted.Text != "{\n  \"a\": 1\n}\n" || !converted.Lossy {
		t.Errorf("converted %+v", converted)
	}
	b.call("POST", "/inventory/convert", api.ConvertDraftRequest{Text: converted.Text, Format: "json", To: "yaml"}, &converted)
	if converted.Text != "a: 1\n" || converted.Lossy {
		t.Errorf("converted %+v", converted)
	}
	b.refused(422, "InvalidJson", "POST", "/inventory/convert", api.ConvertDraftRequest{Text: "{", Format: "json", To: "yaml"})
}

func TestRename(t *testing.T) { onBoth(t, options{}, testRename) }

func testRename(t *testing.T, b *bench) {
	b.draft("JobResource:db", db)
	b.draft("Workflow:deployed", usesDB)
	b.deployDrafts("JobResource:db", "Workflow:deployed")
	const yaml = "# mine\njobResourcePaths: [db]   # the old one\ninstructions: []\n"
	b.draft("Workflow:nightly/yaml", yaml)
	b.draft("Workflow:nightly/stated", `{"path": "nightly/stated", "instructions": [{"TYPE": "Sleep", "duration": "JobResource:db:seconds"}]}`)

	rename := api.RenameRequest{Kind: "JobResource", From: "db", To: "common/db-env", DryRun: true}
	var out api.RenameResponse
	b.call("POST", "/inventory/rename", rename, &out)
	want := []api.AdjustedText{
		{Kind: "Workflow", Path: "deployed", Pointer: "/jobResourcePaths/0", Old: "db", New: "common/db-env"},
		{Kind: "Workflow", Path: "nightly/stated", Pointer: "/instructions/0/duration", Old: "JobResource:db:seconds", New: "JobResource:common/db-env:seconds"},
		{Kind: "Workflow", Path: "nightly/yaml", Pointer: "/jobResourcePaths/0", Old: "db", New: "common/db-env"},
	}
	if d := cmp.Diff(want, out.Adjusted); d != "" || !out.Moved[0].Deployed || len(out.Problems) != 0 {
		t.Errorf("%+v %s", out, d)
	}
	if b.object("Workflow:nightly/yaml").Text != yaml {
		t.Error("a dry run changes")
	}
	rename.DryRun = false
	b.call("POST", "/inventory/rename", rename, &out)
	if got, want := b.object("Workflow:nightly/yaml").Text, strings.Replace(yaml, "[db]", "[common/db-env]", 1); got != want {
		t.Errorf("yaml: %q", got)
	}
	if o := b.object("Workflow:deployed"); o.Object.State != "changed" || o.Text != strings.Replace(usesDB, `"db"`, `"common/db-env"`, 1) {
		t.Errorf("user: %+v", o)
	}
	if old, next := b.object("JobResource:db").Object, b.object("JobResource:common/db-env").Object; old.State != "deployed" || old.Successor != next.Path || next.State != "draft" || next.Former != "db" {
		t.Errorf("old %+v, new %+v", old, next)
	}
	b.refused(409, "AlreadyRenamed", "POST", "/inventory/rename", api.RenameRequest{Kind: "JobResource", From: "db", To: "x"})
	// It is renamed once more, then deployed with what uses it: the oldest path goes.
	b.call("POST", "/inventory/rename", api.RenameRequest{From: "common", To: "shared/all"}, &out)
	b.draft("Workflow:nightly/yaml", empty)
	dep := b.deployDrafts("JobResource:shared/all/db-env", "Workflow:deployed")
	if !cmp.Equal(dep.Withdraws, []api.ObjectKey{{Kind: "JobResource", Path: "db"}}) {
		t.Errorf("deployed %+v", dep)
	}
	if old, next := b.object("JobResource:db").Object, b.object("JobResource:shared/all/db-env").Object; old.State != "trash" || next.State != "deployed" || next.Former != "" {
		t.Errorf("old %+v, new %+v", old, next)
	}

	// A folder: paths that documents state change with it.
	b.call("POST", "/inventory/rename", api.RenameRequest{From: "nightly", To: "archive/2026"}, &out)
	if o := b.object("Workflow:archive/2026/stated"); !strings.Contains(o.Text, `"path": "archive/2026/stated"`) || o.Object.Problems != 0 {
		t.Errorf("stated: %+v", o)
	}
	wantAll := []string{"JobResource:shared/all/db-env deployed", "Workflow:archive/2026/stated draft", "Workflow:archive/2026/yaml draft", "Workflow:deployed deployed"}
	got := b.objects("recursive=true")
	if len(got) != len(wantAll) {
		t.Errorf("objects %q", got)
	}
	for _, w := range wantAll {
		if !strings.Contains(strings.Join(got, "\n"), w) {
			t.Errorf("no %q in %q", w, got)
		}
	}

	// What can't be followed: nothing is done.
	b.draft("Workflow:hidden", `{"instructions": [{"TYPE": "Sleep", "duration": "jobResourceVariable(name='x', path='shared/all/db-env')"}]}`)
	p := b.refused(422, "CannotRename", "POST", "/inventory/rename", api.RenameRequest{Kind: "JobResource", From: "shared/all/db-env", To: "db2"})
	if len(p.Problems) != 1 || b.object("JobResource:shared/all/db-env").Object.Successor != "" {
		t.Errorf("problems %+v", p)
	}
	for _, c := range []struct {
		in     api.RenameRequest
		status int
		code   string
	}{
		{api.RenameRequest{Kind: "Workflow", From: "deployed", To: "deployed"}, 422, "InvalidRequest"},
		{api.RenameRequest{Kind: "Workflow", From: "deployed", To: "archive/2026/yaml"}, 409, "DuplicateObject"},
		{api.RenameRequest{Kind: "JobResource", From: "shared/all/db-env", To: "db"}, 409, "DuplicateObject"}, // in the trash
		{api.RenameRequest{Kind: "Workflow", From: "deployed", To: "/x"}, 422, "InvalidName"},
		{api.RenameRequest{Kind: "Workflow", From: "none", To: "x"}, 404, "UnknownObject"},
		{api.RenameRequest{From: "none", To: "x"}, 404, "UnknownFolder"},
		{api.RenameRequest{From: "archive", To: "archive/x"}, 422, "InvalidRequest"},
		{api.RenameRequest{From: "archive", To: "x/"}, 422, "InvalidName"},
	} {
		b.refused(c.status, c.code, "POST", "/inventory/rename", c.in)
	}

	// Giving a rename up: the successor goes, the old path stays.
	b.call("POST", "/inventory/rename", api.RenameRequest{Kind: "Workflow", From: "deployed", To: "moved"}, &out)
	b.call("DELETE", objectURL("Workflow:moved"), nil, nil)
	if o := b.object("Workflow:deployed").Object; o.Successor != "" || o.State != "deployed" {
		t.Errorf("given up: %+v", o)
	}

	var made api.SavedObject
	b.call("POST", "/inventory/copy", api.CopyRequest{Kind: "Workflow", Path: "archive/2026/stated", To: "copied"}, &made)
	if o := b.object("Workflow:copied"); made.Object.State != "draft" || !strings.Contains(o.Text, `"path": "copied"`) {
		t.Errorf("copied %+v, %+v", made, o)
	}
	b.refused(409, "DuplicateObject", "POST", "/inventory/copy", api.CopyRequest{Kind: "Workflow", Path: "deployed", To: "copied"})
	b.refused(404, "UnknownObject", "POST", "/inventory/copy", api.CopyRequest{Kind: "Workflow", Path: "none", To: "x"})
}

// The Controller can't be reached: nothing is said to be deployed.
func TestDeployDraftsWithoutController(t *testing.T) {
	onBoth(t, options{}, testDeployDraftsWithoutController)
}

func testDeployDraftsWithoutController(t *testing.T, b *bench) {
	b.draft("Workflow:w", empty)
	b.fake.setDown(errors.New("away"))
	if w := b.do(request{method: "POST", path: "/inventory/deploy", body: deployRequestOf(false, "Workflow:w"), token: b.token}); w.Code < 500 {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	b.fake.setDown(nil)
	b.settled()
	if o := b.object("Workflow:w").Object; o.State != "draft" {
		t.Errorf("state %s", o.State)
	}
}
