package cockpit

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/signet-scheduler/signet/api"
	"github.com/signet-scheduler/signet/internal/fsys"
	"github.com/signet-scheduler/signet/internal/store"
)

// deployments tells the history in short, the newest first.
func (b *bench) deployments(filter string) (got []string) {
	b.Helper()
	var out api.Deployments
	b.call("GET", "/deployments?"+filter, nil, &out)
	for _, d := range out.Deployments {
		var signers []string
		for _, s := range d.Signers {
			signers = append(signers, s.Name)
		}
		text := fmt.Sprintf("%s %s +%d ~%d -%d %s", d.Account, d.Reason, d.Added, d.Changed, d.Withdrawn, strings.Join(signers, "+"))
		if d.Release != nil {
			text += " " + d.Release.Name
		}
		got = append(got, text)
	}
	return got
}

// newest returns the deployment that came last.
func (b *bench) newest() (d api.DeploymentDetails) {
	b.Helper()
	var all api.Deployments
	b.call("GET", "/deployments?limit=1", nil, &all)
	if len(all.Deployments) == 0 {
		b.Fatal("there is no deployment")
	}
	b.call("GET", fmt.Sprintf("/deployments/%d", all.Deployments[0].Id), nil, &d)
	return d
}

// deployFor deploys objects of the inventory for a reason.
func (b *bench) deployFor(reason string, keys ...api.ObjectKey) {
	b.Helper()
	b.call("POST", "/inventory/deploy", api.DeployDraftsRequest{Objects: keys, Reason: reason}, nil)
}

func TestDeploymentHistory(t *testing.T) { onBoth(t, options{}, testDeploymentHistory) }

func testDeploymentHistory(t *testing.T, b *bench) {
	load, agent := api.ObjectKey{Kind: "Workflow", Path: "nightly/load"}, api.ObjectKey{Kind: "JobResource", Path: "common/db"}
	b.draft("Workflow:nightly/load", empty)
	b.draft("JobResource:common/db", db)
	b.deployFor("first", load, agent)
	first := b.newest()
	b.draft("Workflow:nightly/load", stopping)
	b.deployFor("second", load)
	second := b.newest()
	if o := second.Objects[0]; len(second.Objects) != 1 || o.Change != "changed" || o.Previous != first.Objects[0].Version && o.Previous != first.Objects[1].Version ||
		!o.Deployed || o.Signers[0].Name != "Signet signing" || !strings.Contains(string(o.Evidence), "X509") || o.VersionId == "" || o.Digest == "" {
		t.Errorf("second: %+v", second)
	}
	b.call("POST", "/deployments/revoke", api.RevokeRequest{Objects: []api.ObjectKey{agent}, Reason: "third"}, nil)
	want := []string{"admin third +0 ~0 -1 ", "admin second +0 ~1 -0 Signet signing", "admin first +2 ~0 -0 Signet signing"}
	if d := cmp.Diff(want, b.deployments("controller=controller&account=admin")); d != "" {
		t.Error(d)
	}
	for filter, n := range map[string]int{
		"path=nightly%2Fload": 2, "folder=common": 2, "folder=comm": 0, "signer=SIGNET": 2, "signer=x": 0, "release=r": 0, "from=9000000000000": 0, "to=1": 0, "account=eve": 0, "limit=1": 1,
	} {
		if got := b.deployments(filter); len(got) != n {
			t.Errorf("%s: %v", filter, got)
		}
	}
	var page, rest api.Deployments
	b.call("GET", "/deployments?limit=2&fields=id,reason", nil, &page)
	b.call("GET", "/deployments?limit=2&cursor="+page.Cursor, nil, &rest)
	if len(page.Deployments) != 2 || len(rest.Deployments) != 1 || rest.Cursor != "" {
		t.Errorf("pages: %+v, %+v", page, rest)
	}
	var part api.DeploymentDetails
	b.call("GET", fmt.Sprintf("/deployments/%d?limit=1", first.Deployment.Id), nil, &part)
	if len(part.Objects) != 1 || part.Cursor == "" {
		t.Errorf("a page of objects: %+v", part)
	}
	b.call("GET", fmt.Sprintf("/deployments/%d?limit=1&cursor=%s", first.Deployment.Id, part.Cursor), nil, &part)
	if len(part.Objects) != 1 || part.Objects[0].Path == "" {
		t.Errorf("the next: %+v", part)
	}
	var versions api.ObjectVersions
	b.call("GET", "/inventory/versions?kind=Workflow&path=nightly/load", nil, &versions)
	if versions.Versions[0].DeploymentId != second.Deployment.Id || versions.Versions[1].DeploymentId != first.Deployment.Id {
		t.Errorf("versions: %+v", versions)
	}
	b.refused(404, "UnknownDeployment", "GET", "/deployments/999", nil)
	b.refused(404, "UnknownDeployment", "GET", "/deployments/x", nil)
	b.refused(404, "UnknownController", "GET", "/deployments?controller=nowhere", nil)
	b.refused(422, "InvalidQuery", "GET", "/deployments?from=x", nil)

	// A refused one is told beside.
	b.refused(404, "UnknownKey", "POST", "/deployments/revoke", api.RevokeRequest{Objects: []api.ObjectKey{agent}, Reason: "again"})
	var refused api.RefusedDeployments
	b.call("GET", "/deployments/refused", nil, &refused)
	if r := refused.Deployments; len(r) != 1 || r[0].Account != "admin" || r[0].Code != "UnknownKey" || r[0].Objects[0] != "JobResource:common/db" {
		t.Errorf("refused: %+v", refused)
	}
}

// Going back: the server signs the old texts anew, what is the same stays.
func TestRedeploy(t *testing.T) { onBoth(t, options{}, testRedeploy) }

func testRedeploy(t *testing.T, b *bench) {
	load, res := api.ObjectKey{Kind: "Workflow", Path: "nightly/load"}, api.ObjectKey{Kind: "JobResource", Path: "common/db"}
	b.draft("Workflow:nightly/load", empty)
	b.draft("JobResource:common/db", db)
	b.deployFor("first", load, res)
	first := b.newest().Deployment.Id
	url := fmt.Sprintf("/deployments/%d/redeploy", first)
	b.draft("Workflow:nightly/load", stopping)
	b.deployFor("second", load)
	var out api.Redeployment
	b.call("POST", url, api.RedeployRequest{DryRun: true}, &out)
	want := api.Redeployment{
		DryRun: true, Signed: "server", Deploys: []api.DeployedObject{{Kind: "Workflow", Path: "nightly/load"}}, Unchanged: []api.ObjectKey{res}, Problems: []api.ProblemDetail{},
	}
	if d := cmp.Diff(want, out); d != "" {
		t.Error(d)
	}
	b.call("POST", url, api.RedeployRequest{Reason: "back"}, &out)
	if o := b.object("Workflow:nightly/load"); o.Text != empty || o.Object.State != "deployed" {
		t.Errorf("after: %+v", o)
	}
	d := b.newest()
	if d.Deployment.Id != out.Deployment || d.Deployment.Reason != "back" || d.Objects[0].VersionId != out.Deploys[0].VersionId || d.Objects[0].Change != "changed" {
		t.Errorf("%+v, %+v", d, out)
	}
	b.call("POST", url, api.RedeployRequest{}, &out)
	if len(out.Deploys) != 0 || len(out.Unchanged) != 2 || b.newest().Deployment.Id != d.Deployment.Id {
		t.Errorf("what says the same comes again: %+v", out)
	}
	b.refused(404, "UnknownDeployment", "POST", "/deployments/999/redeploy", api.RedeployRequest{})
	b.draft("Workflow:nightly/load", stopping)
	b.deployFor("forth", load)
	// What the inventory hasn't seen yet counts, too.
	b.call("POST", "/deployments", api.DeployRequest{Objects: []api.DeployObject{{Kind: "Workflow", Path: "nightly/load", Document: empty}}}, nil)
	b.call("POST", url, api.RedeployRequest{DryRun: true}, &out)
	if len(out.Deploys) != 0 || len(out.Unchanged) != 2 {
		t.Errorf("right behind a deployment: %+v", out)
	}
	// A text that isn't kept any more.
	b.stop()
	db, err := OpenDatabase(context.Background(), b.settings, fsys.Real{})
	b.check(err)
	b.check(db.Write(context.Background(), func(w store.Writer) error {
		o, err := w.Object(store.ObjectKey{Kind: "Workflow", Path: "nightly/load"})
		return errors.Join(err, w.PruneVersions(o.ID, 0))
	}))
	b.check(db.Close())
	b.start()
	if p := b.refused(409, codeCannotRedeploy, "POST", url, api.RedeployRequest{}); p.Problems[0].Where != "Workflow:nightly/load" {
		t.Errorf("%+v", p)
	}
}

// Where the server signs nothing, a deployment comes again as it was, if it may.
func TestRedeployAsBefore(t *testing.T) {
	onBoth(t, options{noSign: true, level: levelHigh}, testRedeployAsBefore)
}

func testRedeployAsBefore(t *testing.T, b *bench) {
	b.fake.installation = "prod-7QK2"
	send := func(reason, version string) {
		text := strings.NewReplacer("nightly/load", "w", `"7"`, `"`+version+`"`).Replace(signedW)
		files := b.evidence(map[string]string{"w.workflow.json": text})
		delete(files, "w.workflow.json")
		evidence := map[string]string{}
		for name, data := range files {
			evidence[strings.TrimPrefix(name, "w.workflow.json")] = data
		}
		b.call("POST", "/deployments", api.DeployRequest{Reason: reason, Objects: []api.DeployObject{{Kind: "Workflow", Path: "w", Document: text, Evidence: evidence}}}, nil)
		b.settled()
	}
	send("first", "1")
	first := b.newest()
	send("second", "2")
	url := fmt.Sprintf("/deployments/%d/redeploy", first.Deployment.Id)
	var out api.Redeployment
	b.call("POST", url, api.RedeployRequest{DryRun: true}, &out)
	if out.Signed != "before" || len(out.Deploys) != 1 || len(out.Problems) != 0 {
		t.Errorf("%+v", out)
	}
	b.call("POST", url, api.RedeployRequest{Reason: "back"}, &out)
	if d := b.newest(); d.Objects[0].VersionId != "1" || string(d.Objects[0].Evidence) != string(first.Objects[0].Evidence) || d.Deployment.Reason != "back" {
		t.Errorf("%+v", d)
	}

	// What came with a release that was replaced doesn't come back.
	var ids []int64
	for i, text := range []string{empty, stopping} {
		b.draft("Workflow:nightly/load", text)
		name := fmt.Sprintf("r-%d", i)
		files := b.exported(api.ExportRequest{Paths: []string{"nightly/load"}, ForSigning: true, Release: name, Reason: "as agreed"})
		maps.Copy(files, b.evidence(map[string]string{name + ".release.json": files[name+".release.json"]}))
		if w := b.send("/deployments/import", "reason="+name, files); w.Code != 200 {
			t.Fatalf("%s: %s", name, w.Body)
		} else if out := b.imported(w); out.Objects[0].Release != name || out.Objects[0].Signed {
			t.Errorf("%+v", out)
		}
		d := b.newest()
		if d.Deployment.Release == nil || d.Deployment.Release.Name != name || d.Deployment.Release.Author != "admin" || !strings.Contains(string(d.Deployment.Release.Evidence), "X509") || len(d.Objects) != 1 {
			t.Errorf("%+v", d)
		}
		ids = append(ids, d.Deployment.Id)
	}
	if got := b.deployments("release=r-1"); len(got) != 1 || !strings.HasSuffix(got[0], "r-1") {
		t.Errorf("%v", got)
	}
	url = fmt.Sprintf("/deployments/%d/redeploy", ids[0])
	b.call("POST", url, api.RedeployRequest{DryRun: true}, &out)
	if len(out.Problems) != 1 || out.Problems[0].Where != "Workflow:nightly/load" {
		t.Errorf("%+v", out)
	}
	b.refused(409, codeCannotRedeploy, "POST", url, api.RedeployRequest{})
}

// Old deployments go with the rest of the history, but not those by which runs what
// runs.
func TestDeploymentsEnd(t *testing.T) {
	t.Parallel()
	b := newBench(t, options{retain: time.Hour}) // the Controller's events are older
	b.deploy(map[string]string{"w": empty})
	b.settled()
	b.deploy(map[string]string{"w": stopping})
	b.settled()
	before := len(b.deployments(""))
	b.check(b.c.tidy(context.Background()))
	after := b.deployments("")
	if before != 4 || len(after) != 2 { // each time an Agent, too
		t.Errorf("%d before, after %v", before, after)
	}
}

func TestSignersOf(t *testing.T) {
	t.Parallel()
	got := signersOf([]string{"anna (X509 00ff)", "anna (X509 00ff), bo, b (PGP 12ab)", "old name", ""})
	want := []api.Signer{{Name: "anna", Kind: "X509", Key: "00ff"}, {Name: "bo, b", Kind: "PGP", Key: "12ab"}, {Name: "old name"}}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}
