package cockpit

import (
	"encoding/json"
	"net/http/httptest"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/signet-scheduler/signet/api"
	"github.com/signet-scheduler/signet/internal/clock"
	"github.com/signet-scheduler/signet/internal/release"
	"github.com/signet-scheduler/signet/internal/trust/trusttest"
)

// pending calls about the release with this number.
func (b *bench) pending(method string, id int64, more, token string, body any) *httptest.ResponseRecorder {
	b.Helper()
	return b.do(request{method: method, path: "/releases/" + strconv.FormatInt(id, 10) + more, token: token, body: body})
}

// A release is kept as it was made, for another person who signs it; then it is
// deployed, and forgotten (DESIGN.md, 25).
func TestReleaseWaitsForSignatures(t *testing.T) {
	t.Parallel()
	b := newHigh(t)
	b.call("POST", "/accounts", api.AddAccountRequest{Name: "dora", Role: "deployer", Password: adminPassword}, nil)
	dora := b.login("dora", adminPassword)
	b.call("POST", "/inventory/drafts", draftOf(`{"variables":{"a":"'1'"}}`), nil)
	made := b.prepare(0)
	var kept api.KeptRelease
	b.call("POST", "/releases", api.PackReleaseRequest{Document: made.Document, Objects: made.Objects}, &kept)
	if kept.Sha256 != made.Sha256 || kept.Author != "admin" || kept.Objects != 1 || kept.Reason != "r" || kept.Release != nil {
		t.Fatalf("kept is %+v", kept)
	}
	var got api.KeptRelease
	b.check(json.Unmarshal(b.pending("GET", kept.Id, "", dora, nil).Body.Bytes(), &got))
	if d := cmp.Diff(&made, got.Release); d != "" {
		t.Error(d)
	}

	// Without a signature nothing is deployed, nor with one that isn't believed.
	b.isRefused(422, "MissingEvidence", b.pending("POST", kept.Id, "/deploy", b.token, api.DeployReleaseRequest{}))
	touch, err := trusttest.NewAuthenticator(b, "blue", trusttest.ECDSA(b)).Sign([]byte(made.Document))
	b.check(err)
	sign := func(token string, evidence map[string]string) *httptest.ResponseRecorder {
		return b.pending("POST", kept.Id, "/signatures", token, api.SignReleaseRequest{Evidence: evidence})
	}
	for code, wrong := range map[string]map[string]string{"MissingEvidence": {}, "MalformedEvidence": {".passkey": "{}"}, "SurplusEvidence": {".txt": "x"}} {
		b.isRefused(422, code, sign(dora, wrong))
	}
	if w := sign(dora, textsOf(touch.Files())); w.Code != 200 {
		t.Fatal(w.Code, w.Body)
	}
	b.isRefused(422, "SignerNotAllowed", b.pending("POST", kept.Id, "/deploy", dora, api.DeployReleaseRequest{}))
	// An account's new signature takes the place of its former one.
	for _, token := range []string{b.token, dora, dora} {
		b.check(json.Unmarshal(sign(token, b.sign(made)).Body.Bytes(), &got))
	}
	var who []string
	for _, s := range got.Signatures {
		who = append(who, s.Account+" "+s.Kind)
	}
	if d := cmp.Diff([]string{"dora X509", "admin X509"}, who); d != "" || len(got.Release.Evidence) != 2 {
		t.Error(d)
	}
	var all api.KeptReleases
	b.call("GET", "/releases", nil, &all)
	if len(all.Releases) != 1 || len(all.Releases[0].Signatures) != 2 || all.Releases[0].Release != nil {
		t.Errorf("there are %+v", all.Releases)
	}
	var done api.ReleaseDeployed
	b.check(json.Unmarshal(b.pending("POST", kept.Id, "/deploy", dora, api.DeployReleaseRequest{RequestId: "1"}).Body.Bytes(), &done))
	if len(done.Deployed) != 1 || done.Deployment == 0 || got.Deployed != nil {
		t.Errorf("deployed: %+v, before: %+v", done, got.Deployed)
	}
	// Of the next one it is told what it replaces.
	b.call("POST", "/inventory/drafts", draftOf(`{"variables":{"a":"'2'"}}`), nil)
	made = b.prepare(0)
	var next api.KeptRelease
	b.call("POST", "/releases", api.PackReleaseRequest{Document: made.Document, Objects: made.Objects}, &next)
	b.check(json.Unmarshal(b.pending("GET", next.Id, "", dora, nil).Body.Bytes(), &next))
	var before api.ObjectVersion
	if len(next.Deployed) != 1 {
		t.Fatalf("deployed is %+v", next.Deployed)
	}
	b.call("GET", "/inventory/version?id="+strconv.FormatInt(next.Deployed[0].Version, 10), nil, &before)
	if before.Text != got.Release.Objects[0].Document {
		t.Errorf("it replaces %q", before.Text)
	}
	for _, method := range []string{"GET", "DELETE"} {
		b.isRefused(404, "UnknownRelease", b.pending(method, kept.Id, "", b.token, nil))
	}
}

// What isn't a release of just these documents isn't kept, nor is one for ever.
func TestReleasesAreKeptWithinBounds(t *testing.T) {
	t.Parallel()
	fake := clock.NewFake(time.Unix(1_790_000_000, 0))
	b := newBench(t, options{level: levelHigh, noSign: true, noStart: true, clock: fake})
	b.fake.mu.Lock()
	b.fake.installation = "here"
	b.fake.mu.Unlock()
	b.call("POST", "/inventory/drafts", draftOf(`{"variables":{"a":"'1'"}}`), nil)
	made := b.prepare(0)
	keep := func(in api.PackReleaseRequest) *httptest.ResponseRecorder {
		return b.do(request{method: "POST", path: "/releases", token: b.token, body: in})
	}
	good := api.PackReleaseRequest{Document: made.Document, Objects: made.Objects, Evidence: []map[string]string{b.sign(made)}}
	other := []api.DeployObject{{Kind: "JobResource", Path: "settings", Document: made.Objects[0].Document + " "}}
	b.isRefused(422, release.CodeNotInRelease, keep(api.PackReleaseRequest{Document: made.Document, Objects: other}))
	b.isRefused(422, "MalformedSignature", keep(api.PackReleaseRequest{Document: made.Document, Objects: made.Objects, Evidence: []map[string]string{{".sig": "?"}}}))
	crowd := good
	for len(crowd.Evidence) <= release.MaxSignatures {
		crowd.Evidence = append(crowd.Evidence, b.sign(made))
	}
	b.isRefused(422, "SurplusEvidence", keep(crowd))
	var kept api.KeptRelease
	b.call("POST", "/releases", good, &kept)
	if len(kept.Signatures) != 1 || kept.Signatures[0].Account != "" {
		t.Errorf("what came with it is of %+v", kept.Signatures)
	}
	for range mostReleases - 1 {
		b.call("POST", "/releases", good, nil)
	}
	b.isRefused(413, "TooManyReleases", keep(good))
	if w := b.pending("DELETE", kept.Id, "", b.token, nil); w.Code != 204 {
		t.Error(w.Code, w.Body)
	}
	b.isRefused(404, "UnknownRelease", b.pending("POST", kept.Id, "/signatures", b.token, api.SignReleaseRequest{Evidence: b.sign(made)}))
	b.isRefused(404, "UnknownRelease", b.do(request{method: "GET", path: "/releases/x", token: b.token}))

	// When its time is over, it is as if it were gone.
	fake.Advance(2 * time.Hour)
	b.token = b.login("admin", adminPassword)
	var all api.KeptReleases
	b.call("GET", "/releases", nil, &all)
	if len(all.Releases) != 0 {
		t.Errorf("%d that are over are listed", len(all.Releases))
	}
	b.isRefused(404, "UnknownRelease", b.pending("POST", kept.Id+1, "/deploy", b.token, api.DeployReleaseRequest{}))
	b.isRefused(422, codeReleaseOver, keep(good))
	var audit api.Audit
	b.call("GET", "/audit?action=deleteRelease", nil, &audit)
	if len(audit.Entries) != 1 || audit.Entries[0].Objects[0] != "Release:n" || audit.Entries[0].Reason != "r" || audit.Entries[0].Result != "done" {
		t.Errorf("the trail has %+v", audit.Entries)
	}
}
