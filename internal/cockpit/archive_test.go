package cockpit

import (
	"bytes"
	"encoding/json"
	"maps"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/signet-scheduler/signet/api"
	"github.com/signet-scheduler/signet/internal/archive"
	"github.com/signet-scheduler/signet/internal/item"
	"github.com/signet-scheduler/signet/internal/objectfile"
	"github.com/signet-scheduler/signet/internal/release"
	"github.com/signet-scheduler/signet/internal/trust"
)

// pack returns an archive of files.
func (b *bench) pack(f archive.Format, files map[string]string) string {
	b.Helper()
	var out bytes.Buffer
	w, err := archive.NewWriter(&out, f, archive.DefaultLimits())
	b.check(err)
	for _, name := range slices.Sorted(maps.Keys(files)) {
		b.check(w.Add(name, []byte(files[name])))
	}
	b.check(w.Close())
	return out.String()
}

func (b *bench) unpack(data []byte) map[string]string {
	b.Helper()
	files := map[string]string{}
	b.check(archive.Read(b.Context(), bytes.NewReader(data), archive.DefaultLimits(), func(name string, data []byte) error {
		files[name] = string(data)
		return nil
	}))
	return files
}

func (b *bench) exported(in api.ExportRequest) map[string]string {
	b.Helper()
	w := b.do(request{method: "POST", path: "/inventory/export", body: in, token: b.token})
	if w.Code != 200 {
		b.Fatalf("export: %d %s", w.Code, w.Body)
	}
	want := archive.Format("zip")
	if in.Format != "" {
		want = archive.Format(in.Format)
	}
	if t := w.Header().Get("Content-Type"); t != want.MediaType() {
		b.Errorf("content type %s", t)
	}
	return b.unpack(w.Body.Bytes())
}

// send sends an archive; query is like "preview=true&folder=x".
func (b *bench) send(route, query string, files map[string]string) *httptest.ResponseRecorder {
	b.Helper()
	return b.do(request{method: "POST", path: route + "?" + query, body: b.pack(archive.Zip, files), token: b.token, contentType: "application/zip"})
}

func (b *bench) imports(query string, files map[string]string) api.ImportResponse {
	b.Helper()
	return b.imported(b.send("/inventory/import", query, files))
}

func (b *bench) imported(w *httptest.ResponseRecorder) (out api.ImportResponse) {
	b.Helper()
	if w.Code != 200 {
		b.Fatalf("import: %d %s", w.Code, w.Body)
	}
	b.check(json.Unmarshal(w.Body.Bytes(), &out))
	return out
}

// changes returns what became of each object.
func changesOf(out api.ImportResponse) (got []string) {
	for _, o := range out.Objects {
		got = append(got, strings.TrimSpace(o.Kind+":"+o.Path+" "+string(o.Change)+" "+o.Why))
	}
	return got
}

// evidence adds signatures to the documents of an archive.
func (b *bench) evidence(files map[string]string) map[string]string {
	b.Helper()
	key, err := trust.LoadSigner(b.signer.Private, b.signer.Chain)
	b.check(err)
	out := maps.Clone(files)
	for name, text := range files {
		e, err := key.Sign([]byte(text))
		b.check(err)
		for suffix, data := range e.Files() {
			out[name+suffix] = string(data)
		}
	}
	return out
}

const (
	yamlUsesDB = "# why\njobResourcePaths: [common/db] # the one\ninstructions: []\n"
	signedW    = `{"TYPE":"Workflow","path":"nightly/load","versionId":"7","instructions":[]}`
	signedR    = `{"TYPE":"JobResource","path":"db","variables":{"host":"'db1'"}}`
)

func TestExportObjects(t *testing.T) { onBoth(t, options{}, testExportObjects) }

func testExportObjects(t *testing.T, b *bench) {
	b.draft("Workflow:nightly/load", yamlUsesDB)
	b.draft("Workflow:nightly/deep/other", empty)
	b.draft("Workflow:top", `{"jobz": {}}`)
	b.draft("JobResource:common/db", db)
	b.draft("AgentRef:agent-1", `{"uri":"https://agent-1.example.com:4445"}`)
	b.draft("Workflow:gone", empty)
	b.call("DELETE", objectURL("Workflow:gone"), nil, nil)

	nightly := map[string]string{"nightly/load.workflow.yaml": yamlUsesDB, "nightly/deep/other.workflow.json": empty}
	for name, c := range map[string]struct {
		in   api.ExportRequest
		want map[string]string
	}{
		"folder":       {api.ExportRequest{Paths: []string{"nightly/"}}, nightly},
		"by its path":  {api.ExportRequest{Paths: []string{"nightly"}, Format: "tar.gz"}, nightly},
		"with a slash": {api.ExportRequest{Paths: []string{"/nightly"}}, nightly},
		"object":       {api.ExportRequest{Paths: []string{"nightly/load", "Workflow:nightly/load"}}, map[string]string{"nightly/load.workflow.yaml": yamlUsesDB}},
		"dependencies": {
			api.ExportRequest{Paths: []string{"nightly/load"}, Dependencies: true},
			map[string]string{"nightly/load.workflow.yaml": yamlUsesDB, "common/db.jobresource.json": db},
		},
		// An Agent is here, in no folder; what is in the trash isn't.
		"all": {api.ExportRequest{Paths: []string{"/"}}, map[string]string{
			"nightly/load.workflow.yaml": yamlUsesDB, "nightly/deep/other.workflow.json": empty, "common/db.jobresource.json": db, "top.workflow.json": `{"jobz": {}}`,
		}},
	} {
		if d := cmp.Diff(c.want, b.exported(c.in)); d != "" {
			t.Errorf("%s: %s", name, d)
		}
	}
	var twice [2]string
	for i := range twice {
		twice[i] = b.do(request{method: "POST", path: "/inventory/export", body: `{"paths":["/"]}`, token: b.token}).Body.String()
	}
	if twice[0] != twice[1] {
		t.Error("the same objects give other bytes")
	}
	if a := b.exported(api.ExportRequest{Paths: []string{"Agent:agent-1"}}); len(a) != 1 || !strings.Contains(a["agent-1.agent.json"], "uri") {
		t.Errorf("the Agent: %v", a)
	}

	for path, code := range map[string]string{"none": "UnknownObject", "none/": "UnknownObject", "JobResource:none": "UnknownObject", "gone": "UnknownObject", "Workflow:gone": "UnknownObject"} {
		b.refused(404, code, "POST", "/inventory/export", api.ExportRequest{Paths: []string{path}})
	}
	for body, code := range map[string]string{
		`{"paths":[]}`: "InvalidRequest", `{"paths":["a b"]}`: "InvalidRequest", `{"paths":["Lock:x"]}`: "InvalidRequest", `{"paths":["x//"]}`: "InvalidRequest",
		`{"paths":["/"],"format":"rar"}`: "UnknownFormat", `{"paths":["/"],"source":"else"}`: "InvalidRequest", `{"path":"/"}`: "InvalidRequest",
	} {
		b.refused(422, code, "POST", "/inventory/export", body)
	}
	b.draft("Workflow:lonely", `{"jobResourcePaths":["nowhere"],"instructions":[]}`)
	p := b.refused(422, "InvalidItems", "POST", "/inventory/export", api.ExportRequest{Paths: []string{"lonely"}, Dependencies: true})
	if len(p.Problems) != 1 || p.Problems[0].Where != "Workflow:lonely" || !strings.Contains(p.Problems[0].Message, "JobResource:nowhere") {
		t.Errorf("%+v", p)
	}
	var audit api.Audit
	b.call("GET", "/audit?limit=1", nil, &audit)
	if e := audit.Entries[0]; e.Action != "exportObjects" || e.Result != "InvalidItems" || !cmp.Equal(e.Objects, []string{"lonely"}) {
		t.Errorf("audit: %+v", e)
	}
}

// What is exported for signing is what is deployed, byte for byte.
func TestExportForSigning(t *testing.T) { onBoth(t, options{}, testExportForSigning) }

func testExportForSigning(t *testing.T, b *bench) {
	b.draft("Workflow:nightly/load", yamlUsesDB)
	b.draft("JobResource:common/db", db)
	files := b.exported(api.ExportRequest{Paths: []string{"nightly/load"}, Dependencies: true, ForSigning: true, Reason: "to be signed"})
	w := files["nightly/load.workflow.json"]
	_, rest, _ := strings.Cut(w, `"versionId": "`)
	version, _, _ := strings.Cut(rest, `"`)
	if want := `{"TYPE": "Workflow", "path": "nightly/load", "versionId": "` + version + `", `; len(files) != 2 || version == "" || !strings.HasPrefix(w, want) {
		t.Fatalf("files: %q", files)
	}
	if r := files["common/db.jobresource.json"]; r != `{"TYPE": "JobResource", "path": "common/db", `+db[1:] {
		t.Errorf("job resource: %s", r)
	}

	out := b.imported(b.send("/deployments/import", "reason=signed+by+anna", b.evidence(files)))
	if d := cmp.Diff([]string{"JobResource:common/db new its newer draft stays one", "Workflow:nightly/load new its newer draft stays one"}, changesOf(out)); d != "" {
		t.Error(d)
	}
	if len(out.Deployed) != 2 || out.Deployed[1].VersionId != version || !out.Objects[0].Signed {
		t.Errorf("%+v", out)
	}
	for key, text := range map[string]string{"Workflow:nightly/load": w, "JobResource:common/db": files["common/db.jobresource.json"]} {
		var exact api.InventoryObject
		b.call("GET", objectURL(key)+"&source=deployed", nil, &exact)
		// The drafts say the same, so they are what is deployed.
		if exact.Text != text || exact.Object.State != "deployed" || exact.Deployments[0].Account != "admin" {
			t.Errorf("%s: %+v", key, exact)
		}
	}
	if o := b.object("Workflow:nightly/load"); o.Text != yamlUsesDB {
		t.Errorf("the author's text: %q", o.Text)
	}
	var versions api.ObjectVersions
	b.call("GET", strings.Replace(objectURL("Workflow:nightly/load"), "object", "versions", 1), nil, &versions)
	if versions.Versions[0].Reason != "signed by anna" {
		t.Errorf("%+v", versions)
	}

	// The deployed bytes again, and as their author goes on.
	b.draft("Workflow:nightly/load", stopping)
	deployed := b.exported(api.ExportRequest{Paths: []string{"/"}, Source: "deployed", ForSigning: true})
	if d := cmp.Diff(files, deployed); d != "" {
		t.Error(d)
	}
	if again := b.imported(b.send("/deployments/import", "preview=true", b.evidence(deployed))); !cmp.Equal(changesOf(again), []string{"JobResource:common/db same", "Workflow:nightly/load same"}) {
		t.Errorf("again: %q", changesOf(again))
	}
	author := b.exported(api.ExportRequest{Paths: []string{"nightly/load"}, Source: "deployed"})
	if text := author["nightly/load.workflow.json"]; strings.Contains(text, "versionId") || !strings.Contains(text, "common/db") {
		t.Errorf("as its author has it: %s", text)
	}
	b.refused(404, "NotDeployed", "POST", "/inventory/export", api.ExportRequest{Paths: []string{b.makes("Workflow:x").Path}, Source: "deployed"})

	b.draft("Workflow:wrong", `{"instructions": [], "jobz": {}}`)
	if p := b.refused(422, "InvalidItems", "POST", "/inventory/export", api.ExportRequest{Paths: []string{"/"}, ForSigning: true}); p.Problems[0].Where != "Workflow:wrong /jobz" {
		t.Errorf("%+v", p)
	}
}

func TestImport(t *testing.T) { onBoth(t, options{}, testImport) }

func testImport(t *testing.T, b *bench) {
	files := map[string]string{"nightly/load.workflow.yaml": yamlUsesDB, "common/db.jobresource.json": db, "wrong.workflow.json": `{"jobz": {}}`}
	want := []string{"JobResource:common/db new", "Workflow:nightly/load new", "Workflow:wrong new"}
	out := b.imports("preview=true", files)
	if d := cmp.Diff(want, changesOf(out)); d != "" || !out.Preview || len(out.Objects[2].Problems) == 0 {
		t.Errorf("%s %+v", d, out)
	}
	if got := b.objects("state=draft"); got != nil {
		t.Errorf("a preview has made %v", got)
	}
	if d := cmp.Diff(want, changesOf(b.imports("reason=why", files))); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff([]string{"Workflow:nightly/load draft", "Workflow:wrong invalid"}, b.objects("recursive=true&kind=Workflow")); d != "" {
		t.Error(d)
	}
	if o := b.object("Workflow:nightly/load"); o.Text != yamlUsesDB || o.Format != "yaml" || o.Object.ChangedBy != "admin" {
		t.Errorf("%+v", o)
	}
	var audit api.Audit
	b.call("GET", "/audit?limit=1", nil, &audit)
	if e := audit.Entries[0]; e.Action != "importObjects" || e.Result != "done" || e.Reason != "why" || len(e.Objects) != 3 {
		t.Errorf("audit: %+v", e)
	}
	if d := cmp.Diff([]string{"JobResource:common/db same", "Workflow:nightly/load same", "Workflow:wrong same"}, changesOf(b.imports("", files))); d != "" {
		t.Error(d)
	}

	// A draft that is newer isn't replaced unasked; what is deployed gets a draft.
	b.deployDrafts("JobResource:common/db", "Workflow:nightly/load")
	other := map[string]string{"nightly/load.workflow.json": stopping, "wrong.workflow.json": empty, "new.workflow.json": empty}
	p := b.isRefused(409, "ImportConflicts", b.send("/inventory/import", "", other))
	if len(p.Problems) != 1 || p.Problems[0].Where != "Workflow:wrong" || !strings.Contains(p.Problems[0].Message, "saved by admin at 20") {
		t.Errorf("%+v", p)
	}
	b.refused(404, "UnknownObject", "GET", objectURL("Workflow:new"), nil)
	out = b.imports("overwrite=true", other)
	if out.Objects[0].Change != "new" || out.Objects[1].Change != "changed" || out.Objects[2].Change != "conflict" {
		t.Errorf("%q", changesOf(out))
	}
	if o := b.object("Workflow:nightly/load"); o.Text != stopping || o.Object.State != "changed" || o.Format != "json" {
		t.Errorf("%+v", o)
	}
	if o := b.object("Workflow:wrong"); o.Text != empty {
		t.Errorf("%+v", o)
	}
	b.call("DELETE", objectURL("Workflow:new"), nil, nil)
	if d := cmp.Diff([]string{"Workflow:new new it is in the trash, and comes back"}, changesOf(b.imports("", map[string]string{"new.workflow.json": stopping}))); d != "" {
		t.Error(d)
	}
	if o := b.object("Workflow:new"); o.Text != stopping || o.Object.State != "draft" {
		t.Errorf("%+v", o)
	}
	// What was renamed has gone on under another path.
	b.call("POST", "/inventory/rename", api.RenameRequest{Kind: "Workflow", From: "nightly/load", To: "nightly/load-2"}, nil)
	b.isRefused(409, "AlreadyRenamed", b.send("/inventory/import", "overwrite=true", map[string]string{"nightly/load.workflow.json": empty}))
	// A signed document loses its signature, and the version that belongs to it.
	b.imports("", b.evidence(map[string]string{"signed.workflow.json": `{"TYPE":"Workflow","path":"signed","versionId":"7","instructions":[]}`}))
	if o := b.object("Workflow:signed"); strings.Contains(o.Text, "versionId") || o.Object.State != "draft" {
		t.Errorf("%+v", o)
	}
}

// Paths and Agents get other names, and all that names them.
func TestImportMapped(t *testing.T) { onBoth(t, options{}, testImportMapped) }

func testImportMapped(t *testing.T, b *bench) {
	const uses = `{ "path": "dev/a/load", "jobResourcePaths": ["dev/db", "elsewhere"], "instructions": [{"TYPE": "Execute.Anonymous", "job": {"agentPath": "agent-9",
		"executable": {"TYPE": "ShellScriptExecutable", "script": "dev/db", "env": {"X": "JobResource:dev/db:host"}}}}] }`
	files := map[string]string{"dev/a/load.workflow.json": uses, "dev/db.jobresource.json": db, "dev/b/c.workflow.yaml": "jobResourcePaths: [dev/db] # it\ninstructions: []\n"}
	query := url.Values{"mapFolder": {"dev=prod,dev/a=prod/x"}, "prefix": {"p-"}, "suffix": {".s"}, "folder": {"/in/"}, "mapAgent": {"agent-9=agent-1"}}.Encode()
	out := b.imports(query, files)
	want := []string{"JobResource:in/prod/p-db.s new", "Workflow:in/prod/x/p-load.s new", "Workflow:in/prod/b/p-c.s new"}
	got := changesOf(out)
	slices.Sort(got)
	slices.Sort(want)
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	text := strings.NewReplacer(`"dev/a/load"`, `"in/prod/x/p-load.s"`, `["dev/db"`, `["in/prod/p-db.s"`, "JobResource:dev/db:", "JobResource:in/prod/p-db.s:", "agent-9", "agent-1").Replace(uses)
	if o := b.object("Workflow:in/prod/x/p-load.s"); o.Text != text {
		t.Errorf("got %s\nwant %s", o.Text, text)
	}
	if o := b.object("Workflow:in/prod/b/p-c.s"); o.Text != "jobResourcePaths: [in/prod/p-db.s] # it\ninstructions: []\n" {
		t.Errorf("got %s", o.Text)
	}
	for _, o := range out.Objects {
		if o.Path == "in/prod/x/p-load.s" && len(o.Adjusted) != 4 {
			t.Errorf("adjusted: %+v", o.Adjusted)
		}
	}

	for query, code := range map[string]string{
		"prefix=a/b": "InvalidQuery", "suffix=%00": "InvalidQuery", "folder=a//b": "InvalidName", "mapFolder=a": "InvalidQuery", "mapFolder=a=b,a=c": "InvalidQuery", "mapFolder=a=b%20c": "InvalidName",
		"mapAgent=a=": "InvalidName", "mapAgent=a=b/c": "InvalidName", "preview=maybe": "InvalidQuery", "overwrite=1": "InvalidQuery", "other=1": "InvalidQuery",
	} {
		b.isRefused(422, code, b.send("/inventory/import", query, files))
	}
	// Two that would become one, a path that is too long, an expression that can't be followed.
	p := b.isRefused(422, "CannotImport", b.send("/inventory/import", "mapFolder=x=,y=", map[string]string{"x/a.workflow.json": empty, "y/a.workflow.json": empty}))
	if len(p.Problems) != 1 || !strings.Contains(p.Problems[0].Message, "it would become Workflow:a, as x/a.workflow.json") {
		t.Errorf("%+v", p)
	}
	b.isRefused(422, "CannotImport", b.send("/inventory/import", "prefix="+strings.Repeat("n", 200), map[string]string{strings.Repeat("a", 200) + ".workflow.json": empty}))
	p = b.isRefused(422, "CannotImport", b.send("/inventory/import", "folder=x", map[string]string{"a.workflow.json": `{`}))
	if !strings.Contains(p.Problems[0].Message, "can't be read") {
		t.Errorf("%+v", p)
	}
	preview := b.imports("preview=true&folder=x", map[string]string{"a.workflow.json": `{`})
	if len(preview.Problems) != 1 || preview.Problems[0].Where != "a.workflow.json" {
		t.Errorf("%+v", preview)
	}
}

// Signed documents are deployed as they are, or nothing is.
func TestDeployArchive(t *testing.T) { onBoth(t, options{noSign: true}, testDeployArchive) }

func testDeployArchive(t *testing.T, b *bench) {
	good := b.evidence(map[string]string{"nightly/load.workflow.json": signedW, "db.jobresource.json": signedR})
	with := func(name, text string) map[string]string {
		files := maps.Clone(good)
		if files[name] = text; text == "-" {
			delete(files, name)
		}
		return files
	}
	const sig = "nightly/load.workflow.json.sig"
	for name, c := range map[string]struct {
		files map[string]string
		query string
		code  string
		kind  string
	}{
		"missing":           {with(sig, "-"), "", "InvalidEvidence", "untrusted"},
		"missing both":      {map[string]string{"a.workflow.json": signedW}, "", "InvalidItems", "invalid"},
		"unsigned":          {map[string]string{"nightly/load.workflow.json": signedW}, "", "InvalidEvidence", "untrusted"},
		"empty":             {with(sig, ""), "", "InvalidEvidence", "untrusted"},
		"blank":             {with(sig, "\n"), "", "InvalidEvidence", "untrusted"},
		"malformed":         {with(sig, "%%%"), "", "InvalidEvidence", "untrusted"},
		"binary":            {with(sig, "0E\x02\xff\xfe"), "", "InvalidEvidence", "untrusted"},
		"two signatures":    {with("nightly/load.workflow.json.asc", good[sig]), "", "InvalidEvidence", "untrusted"},
		"of nothing":        {with("else.workflow.json.sig", good[sig]), "", "InvalidEvidence", "untrusted"},
		"of another":        {with(sig, good["db.jobresource.json.sig"]), "", "", "untrusted"},
		"tampered":          {with("nightly/load.workflow.json", strings.Replace(signedW, "[]", "[ ]", 1)), "", "", "untrusted"},
		"elsewhere":         {b.evidence(map[string]string{"x/load.workflow.json": signedW}), "", "InvalidItems", "invalid"},
		"without its path":  {b.evidence(map[string]string{"a.workflow.json": empty}), "", "InvalidItems", "invalid"},
		"folder":            {good, "folder=x", "CannotImport", "invalid"},
		"unknown reference": {b.evidence(map[string]string{"a.workflow.json": `{"TYPE":"Workflow","path":"a","versionId":"1","jobResourcePaths":["none"],"instructions":[]}`}), "", "InvalidItems", "invalid"},
	} {
		w := b.send("/deployments/import", c.query, c.files)
		var p api.Problem
		b.check(json.Unmarshal(w.Body.Bytes(), &p))
		if w.Code != 422 || c.code != "" && p.Code != c.code || p.Kind != c.kind {
			t.Errorf("%s: %d %s", name, w.Code, w.Body)
		}
	}
	if _, err := b.fake.Item(b.Context(), item.Key{Kind: item.KindJobResource, Path: "db"}); err == nil {
		t.Error("something was deployed")
	}
	preview := b.imported(b.send("/deployments/import", "preview=true", with(sig, "-")))
	if len(preview.Problems) != 1 || preview.Problems[0].Where != "nightly/load.workflow.json" || len(preview.Deployed) != 0 {
		t.Errorf("preview: %+v", preview)
	}

	out := b.imported(b.do(request{
		method: "POST", path: "/deployments/import?requestId=r&reason=x", body: b.pack(archive.TarGz, good), token: b.token, contentType: "application/gzip",
	}))
	if len(out.Deployed) != 2 {
		t.Errorf("%+v", out)
	}
	for key, text := range map[string]string{"Workflow:nightly/load": signedW, "JobResource:db": signedR} {
		var exact api.InventoryObject
		b.call("GET", objectURL(key)+"&source=deployed", nil, &exact)
		if exact.Text != text {
			t.Errorf("%s: %s", key, exact.Text)
		}
	}
	// The version again, with another text: good signature or not.
	other := b.evidence(map[string]string{"nightly/load.workflow.json": strings.Replace(signedW, "[]", "[ ]", 1)})
	if got := changesOf(b.imported(b.send("/deployments/import", "preview=true", other))); len(got) != 1 || !strings.HasPrefix(got[0], "Workflow:nightly/load conflict the version 7 is deployed") {
		t.Errorf("%q", got)
	}
	b.isRefused(422, "InvalidItems", b.send("/deployments/import", "", other))
}

// An archive of JS7's JOC Cockpit.
func TestArchiveOfJS7(t *testing.T) { onBoth(t, options{}, testArchiveOfJS7) }

func testArchiveOfJS7(t *testing.T, b *bench) {
	const meta = `{"jocVersion":"2.8.1","inventorySchemaVersion":"1","apiVersion":"1","versionId":"4711"}`
	files := b.evidence(map[string]string{"ap/w1.workflow.json": `{"TYPE":"Workflow","path":"w1","versionId":"4711","jobResourcePaths":["res"],"instructions":[]}`, "ap/res.jobresource.json": `{"TYPE":"JobResource","path":"res","env":{"A":"'b'"}}`})
	files["meta_inf"] = meta
	out := b.imported(b.send("/deployments/import", "", files))
	if d := cmp.Diff([]string{"JobResource:res new", "Workflow:w1 new"}, changesOf(out)); d != "" {
		t.Error(d)
	}

	// Drafts of JOC have no paths, and name each other without folders.
	b.imports("", map[string]string{"meta_inf": meta, "ap/w2.workflow.json": `{"jobResourcePaths":["res2"],"instructions":[]}`, "ap/res2.jobresource.json": `{"env":{}}`})
	if o := b.object("Workflow:ap/w2"); o.Text != `{"jobResourcePaths":["ap/res2"],"instructions":[]}` {
		t.Errorf("%s", o.Text)
	}
	p := b.isRefused(422, "InvalidFiles", b.send("/inventory/import", "", map[string]string{"meta_inf": meta, "ap/l.lock.json": `{}`, "ap/s.script.json": `{}`, "ap/w.workflow.json": `{}`}))
	if len(p.Problems) != 2 || p.Problems[0].Where != "ap/l.lock.json" {
		t.Errorf("%+v", p)
	}
}

// What isn't an archive of object files is refused before anything is looked at.
func TestStrangeArchives(t *testing.T) { onBoth(t, options{}, testStrangeArchives) }

func testStrangeArchives(t *testing.T, b *bench) {
	zip := b.pack(archive.Zip, map[string]string{"a.workflow.json": empty})
	for _, route := range []string{"/inventory/import", "/deployments/import"} {
		send := func(contentType, body string) *httptest.ResponseRecorder {
			return b.do(request{method: "POST", path: route, body: body, token: b.token, contentType: contentType})
		}
		b.isRefused(422, "NotAnArchive", send("application/json", zip))
		b.isRefused(422, "NotAnArchive", send("multipart/form-data", zip))
		b.isRefused(422, archive.CodeUnknownFormat, send("application/zip", "{}"))
		b.isRefused(422, archive.CodeTruncated, send("application/zip", zip[:len(zip)-1]))
		b.isRefused(422, archive.CodeSurplus, send("application/zip", zip+"x"))
		evil := strings.ReplaceAll(zip, "a.workflow.json", "../orkflow.json")
		if p := b.isRefused(422, archive.CodeName, send("application/zip", evil)); p.Subject != "../orkflow.json" {
			t.Errorf("%+v", p)
		}
		b.isRefused(422, "NothingToImport", send("application/zip", b.pack(archive.Zip, nil)))
		b.isRefused(422, "InvalidFiles", send("application/zip", b.pack(archive.Zip, map[string]string{"README": "x"})))
		big := strings.Repeat("x", archives+1)
		b.isRefused(413, "BodyTooLarge", send("application/zip", big))
	}
	// One at a time, since it may be large.
	b.c.imports <- struct{}{}
	b.isRefused(503, "ImportRuns", b.send("/inventory/import", "", map[string]string{"a.workflow.json": empty}))
	<-b.c.imports
	b.imports("", map[string]string{"a.workflow.json": empty})
}

// One signature over a release is the evidence of all documents that it lists.
func TestExportRelease(t *testing.T) { onBoth(t, options{noSign: true}, testExportRelease) }

func testExportRelease(t *testing.T, b *bench) {
	b.fake.installation = "prod-7QK2"
	b.draft("Workflow:nightly/load", yamlUsesDB)
	b.draft("JobResource:common/db", db)
	in := api.ExportRequest{Paths: []string{"nightly/load"}, Dependencies: true, ForSigning: true, Release: "r-1", Reason: "as\nagreed", ExpiresInDays: 2}
	files := b.exported(in)
	const name = "r-1.release.json"
	m, err := release.Parse([]byte(files[name]))
	b.check(err)
	if m.Name != "r-1" || m.Audience != "prod-7QK2" || m.Author != "admin" || m.Reason != "as agreed" || len(m.Objects) != 2 || m.Serial < 1_700_000_000_000 || m.Expires.Sub(m.Created) != 48*time.Hour {
		t.Errorf("%+v", m)
	}
	for _, key := range []item.Key{{Kind: item.KindWorkflow, Path: "nightly/load"}, {Kind: item.KindJobResource, Path: "common/db"}} {
		text := files[objectfile.FileOf(key)]
		b.check(m.Covers(key, versionOf(key.Kind, text), text))
	}

	signed := maps.Clone(files)
	maps.Copy(signed, b.evidence(map[string]string{name: files[name]}))
	with := func(name, text string) map[string]string {
		files := maps.Clone(signed)
		if files[name] = text; text == "-" {
			delete(files, name)
		}
		return files
	}
	for what, files := range map[string]map[string]string{
		"no signature":       with(name+".sig", "-"),
		"empty signature":    with(name+".sig", ""),
		"bad signature":      with(name+".sig", "%%%"),
		"no release":         with(name, "-"),
		"tampered release":   with(name, strings.Replace(signed[name], "as agreed", "as decided", 1)),
		"tampered document":  with("common/db.jobresource.json", strings.Replace(signed["common/db.jobresource.json"], "db1", "db2", 1)),
		"surplus document":   with("else.workflow.json", signedW),
		"broken release":     with(name, "{"),
		"other's signature":  with(name+".sig", b.evidence(map[string]string{"x": "y"})["x.sig"]),
		"strange signature":  with(name+".exe", "x"),
		"surplus signature":  with("r-2.release.json.sig", "x"),
		"signature by asc":   with(name+".asc", "%%%"),
		"signed on its own":  with("common/db.jobresource.json.sig", signed[name+".sig"]),
		"passkey of nothing": with(name+".passkey", "{}"),
	} {
		w := b.send("/deployments/import", "", files)
		var p api.Problem
		b.check(json.Unmarshal(w.Body.Bytes(), &p))
		if w.Code != 422 || p.Kind != "untrusted" && what != "surplus document" {
			t.Errorf("%s: %d %s", what, w.Code, w.Body)
		}
	}
	b.isRefused(422, "CannotImport", b.send("/deployments/import", "folder=x", signed))
	for what, n := range map[string]int{name + ".sig": 1, "common/db.jobresource.json": 1} {
		files := with(what, "-")
		if what != name+".sig" {
			files = with(what, strings.Replace(signed[what], "db1", "db2", 1))
		}
		if out := b.imported(b.send("/deployments/import", "preview=true", files)); len(out.Problems) < n {
			t.Errorf("preview without %s: %+v", what, out.Problems)
		}
	}
	if out := b.imported(b.send("/deployments/import", "preview=true", signed)); len(out.Problems) != 0 {
		t.Errorf("preview: %+v", out.Problems)
	}
	if out := b.imported(b.send("/deployments/import", "", signed)); len(out.Deployed) != 2 {
		t.Errorf("%+v", out)
	}
	var exact api.InventoryObject
	b.call("GET", objectURL("Workflow:nightly/load")+"&source=deployed", nil, &exact)
	if exact.Text != files["nightly/load.workflow.json"] {
		t.Errorf("%s", exact.Text)
	}
	// As drafts without it.
	b.imports("folder=copy", signed)

	in.Audience, in.Release = "test-1", "r-2"
	m, err = release.Parse([]byte(b.exported(in)["r-2.release.json"]))
	b.check(err)
	if m.Audience != "test-1" {
		t.Errorf("%+v", m)
	}
	for body, code := range map[string]string{
		`{"paths":["/"],"release":"r","forSigning":true,"expiresInDays":367}`: "InvalidRequest", `{"paths":["/"],"forSigning":true,"expiresInDays":3}`: "InvalidRequest",
		`{"paths":["/"],"release":"r"}`: "InvalidRequest", `{"paths":["/"],"audience":"a","forSigning":true}`: "InvalidRequest",
		`{"paths":["/"],"release":"a/b","forSigning":true}`: "InvalidName", `{"paths":["/"],"release":"a","audience":"a b","forSigning":true}`: "InvalidName",
	} {
		b.refused(422, code, "POST", "/inventory/export", body)
	}
	b.fake.installation = ""
	b.refused(409, "NoInstallation", "POST", "/inventory/export", `{"paths":["/"],"release":"r","forSigning":true}`)
}
