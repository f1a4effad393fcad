package cli_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/signet-scheduler/signet/api"
	"github.com/signet-scheduler/signet/internal/fault"
)

func TestPut(t *testing.T) {
	t.Parallel()
	f := newCockpit(t)
	dir := t.TempDir()
	const yaml = "# as it is\ninstructions: []\n"
	for name, text := range map[string]string{
		"a/load.workflow.yaml": yaml, "db.jobresource.json": "{ not JSON", "a/load.workflow.yaml.bak": "",
	} {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	f.run(t, "put", dir).want(t, 7).says(t, "load.workflow.yaml.bak")
	if err := os.Remove(filepath.Join(dir, "a/load.workflow.yaml.bak")); err != nil {
		t.Fatal(err)
	}
	f.on("POST /inventory/drafts", answer(`{"objects":[{"kind":"JobResource","path":"db","state":"invalid","saved":true,"problems":[{"line":1,"column":3,"message":"no key","hint":"write one"}]},{"kind":"Workflow","path":"a/load","state":"draft","saved":false,"problems":[]}]}`))
	r := f.run(t, "put", dir, "--reason", "why").want(t, 0)
	r.says(t, "JobResource:db line 1 no key; write one")
	if !strings.Contains(r.out, "as it was") || !strings.Contains(r.out, "invalid") {
		t.Errorf("printed %s", r.out)
	}
	var in api.PutDraftsRequest
	if err := json.Unmarshal([]byte(f.last(t, "POST /inventory/drafts").body), &in); err != nil || len(in.Objects) != 2 || in.Reason != "why" {
		t.Fatalf("%+v, %v", in, err)
	}
	if o := in.Objects[1]; o.Path != "a/load" || o.Text != yaml || o.Format != "yaml" {
		t.Errorf("sent %+v", o)
	}
	if o := in.Objects[0]; o.Kind != "JobResource" || o.Text != "{ not JSON" || o.Format != "json" {
		t.Errorf("sent %+v", o)
	}
	f.run(t, "put", t.TempDir()).want(t, 7).says(t, "no object files")
	f.run(t, "put").want(t, 2)
}

func TestInventoryList(t *testing.T) {
	t.Parallel()
	f := newCockpit(t)
	const one = `{"kind":"Workflow","path":"a/w","title":"","state":"changed","deployed":true,"format":"json","problems":2,"revision":3,"changedAt":1,"changedBy":"ada"}`
	f.on("GET /inventory", answer(`{"objects":[`+one+`],"cursor":"next"}`))
	f.on("GET /inventory", answer(`{"objects":[`+strings.Replace(one, `"title"`, `"former":"old","title"`, 1)+`]}`))
	out := f.run(t, "inventory", "list", "--folder", "a", "--state", "changed", "--kind", "Workflow", "--text", "w").want(t, 0).out
	if !strings.Contains(out, "changed, deployed as old") {
		t.Errorf("printed %s", out)
	}
	if q := f.requests()[1].query; q != "cursor=next&folder=a&kind=Workflow&q=w&recursive=true&state=changed" {
		t.Errorf("asked %s", q)
	}
	var all []api.InventorySummary
	if err := json.Unmarshal([]byte(f.run(t, "inventory", "list", "-o", "json").want(t, 0).out), &all); err != nil || len(all) != 1 {
		t.Errorf("%v, %v", all, err)
	}
	f.on("GET /inventory", refuse(fault.Forbidden, "NotPermitted", "no"))
	f.run(t, "inventory", "list").want(t, 0) // the page before
	f.run(t, "inventory", "list").want(t, 4)
}

func TestInventoryGet(t *testing.T) {
	t.Parallel()
	f := newCockpit(t)
	f.on("GET /inventory/object", answer(`{"object":{"kind":"AgentRef","path":"agent-1"},"text":"the text\n","format":"json","problems":[],"deployments":[],"references":[]}`))
	if out := f.run(t, "inventory", "get", "Agent:agent-1", "--deployed").want(t, 0).out; out != "the text\n" {
		t.Errorf("printed %q", out)
	}
	if q := f.last(t, "GET /inventory/object").query; q != "kind=AgentRef&path=agent-1&source=deployed" {
		t.Errorf("asked %s", q)
	}
	var o api.InventoryObject
	if err := json.Unmarshal([]byte(f.run(t, "inventory", "get", "a/w", "-o", "json").want(t, 0).out), &o); err != nil || o.Text != "the text\n" {
		t.Errorf("%v, %v", o, err)
	}
	if q := f.last(t, "GET /inventory/object").query; q != "kind=Workflow&path=a%2Fw" {
		t.Errorf("asked %s", q)
	}
	f.run(t, "inventory", "get", "/bad").want(t, 7)
	f.run(t, "inventory", "get").want(t, 2)
}

func TestInventoryRename(t *testing.T) {
	t.Parallel()
	f := newCockpit(t)
	f.on("POST /inventory/rename", answer(`{"dryRun":true,"moved":[{"kind":"JobResource","from":"db","to":"x/db","deployed":true}],"adjusted":[{"kind":"Workflow","path":"w","pointer":"/jobResourcePaths/0","old":"db","new":"x/db"}],"problems":[]}`))
	f.on("POST /inventory/rename", answer(`{"dryRun":true,"moved":[],"adjusted":[],"problems":[{"kind":"Workflow","path":"w","pointer":"/a","message":"hidden"}]}`))
	out := f.run(t, "inventory", "rename", "JobResource:db", "x/db", "--dry-run").want(t, 0).out
	if !strings.Contains(out, "moves when it is deployed") || !strings.Contains(out, "/jobResourcePaths/0") {
		t.Errorf("printed %s", out)
	}
	if body := f.last(t, "POST /inventory/rename").body; body != `{"dryRun":true,"from":"db","kind":"JobResource","to":"x/db"}` {
		t.Errorf("sent %s", body)
	}
	f.run(t, "inventory", "rename", "--folder", "a/b", "c", "-o", "json").want(t, 7).says(t, "Workflow:w /a: hidden")
	if body := f.last(t, "POST /inventory/rename").body; body != `{"from":"a/b","to":"c"}` {
		t.Errorf("sent %s", body)
	}
	f.run(t, "inventory", "rename", "a").want(t, 2)
}

func TestInventoryDeleteAndRestore(t *testing.T) {
	t.Parallel()
	f := newCockpit(t)
	f.on("DELETE /inventory/object", noContent)
	f.on("DELETE /inventory/object", refuse(fault.Conflict, "StillDeployed", "it is deployed"))
	f.on("POST /inventory/restore", noContent)
	f.run(t, "inventory", "delete", "a/w", "JobResource:db", "--reason", "old").want(t, 7).says(t, "it is deployed")
	if q := f.last(t, "DELETE /inventory/object").query; q != "kind=JobResource&path=db&reason=old" {
		t.Errorf("asked %s", q)
	}
	f.run(t, "inventory", "restore", "a/w").want(t, 0)
	if body := f.last(t, "POST /inventory/restore").body; body != `{"kind":"Workflow","path":"a/w"}` {
		t.Errorf("sent %s", body)
	}
	f.on("POST /inventory/restore", refuse(fault.NotFound, "UnknownObject", "none"))
	f.run(t, "inventory", "restore", "a/w").want(t, 0)
	f.run(t, "inventory", "restore", "a/w").want(t, 3)
}

func TestInventorySearch(t *testing.T) {
	t.Parallel()
	f := newCockpit(t)
	f.on("GET /inventory/search", answer(`{"hits":[{"kind":"Workflow","path":"w","state":"draft","field":"script","job":"J","line":3,"excerpt":"  sqlplus","at":2,"length":7}],"cursor":"next"}`))
	f.on("GET /inventory/search", answer(`{"hits":[]}`))
	if out := f.run(t, "inventory", "search", "sqlplus", "--folder", "a", "--kind", "Workflow").want(t, 0).out; !strings.Contains(out, "script of J") {
		t.Errorf("printed %s", out)
	}
	if q := f.requests()[1].query; q != "cursor=next&folder=a&kind=Workflow&limit=100&q=sqlplus" {
		t.Errorf("asked %s", q)
	}
	if out := f.run(t, "inventory", "search", "sqlplus", "-o", "json").want(t, 1).out; strings.TrimSpace(out) != "[]" {
		t.Errorf("printed %s", out)
	}
	f.run(t, "inventory", "search", "x", "--limit", "0").want(t, 2)
}

func TestInventoryDeploy(t *testing.T) {
	t.Parallel()
	f := newCockpit(t)
	f.on("POST /inventory/deploy", answer(`{"dryRun":true,"deploys":[{"kind":"Workflow","path":"w","change":"changed","problems":[{"message":"bad"}]}],"unchanged":[{"kind":"Workflow","path":"v"}],"withdraws":[{"kind":"Workflow","path":"old"}],
		"needs":[{"kind":"AgentRef","path":"a","by":"Workflow:w"}],"users":[{"kind":"Workflow","path":"u","by":"Workflow:w"}],"orders":[{"workflow":"w","versionId":"1","orders":3,"newest":true}]}`))
	out := f.run(t, "inventory", "deploy", "w", "Workflow:v", "--dry-run", "--controller", "c").want(t, 0).out
	for _, want := range []string{"deploy, changed", "bad", "stays as it is", "it was renamed", "by Workflow:w; not in the inventory", "uses it", "3 of version 1"} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in %s", want, out)
		}
	}
	if a := f.last(t, "POST /inventory/deploy"); a.query != "controller=c" || !strings.Contains(a.body, `"dryRun":true,"objects":[{"kind":"Workflow","path":"w"},{"kind":"Workflow","path":"v"}]`) {
		t.Errorf("asked %+v", a)
	}
	f.on("POST /inventory/deploy", refuse(fault.Untrusted, "InvalidEvidence", "no"))
	f.run(t, "inventory", "deploy", "w", "-o", "json").want(t, 0)
	f.run(t, "inventory", "deploy", "w").want(t, 5)
}
