package cockpit

import (
	"encoding/json"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/signet-scheduler/signet/api"
	"github.com/signet-scheduler/signet/internal/archive"
	"github.com/signet-scheduler/signet/internal/release"
	"github.com/signet-scheduler/signet/internal/trust/trusttest"
)

var settings = api.ObjectKey{Kind: "JobResource", Path: "settings"}

// prepare makes a release of the job resource "settings": of its draft, or of a
// version.
func (b *bench) prepare(version int64) (made api.PreparedRelease) {
	b.Helper()
	objects := []api.ReleaseObject{{Kind: settings.Kind, Path: settings.Path, Version: version}}
	b.call("POST", "/releases/prepare", api.PrepareReleaseRequest{Objects: objects, Reason: "r", Name: "n"}, &made)
	return made
}

// sign is evidence of a release by the one whom the Controller trusts.
func (b *bench) sign(made api.PreparedRelease) map[string]string {
	b.Helper()
	evidence, err := b.signer.Key.Sign([]byte(made.Document))
	b.check(err)
	return textsOf(evidence.Files())
}

// deployRelease deploys a release with the documents that came with it.
func (b *bench) deployRelease(made api.PreparedRelease, evidence ...map[string]string) *httptest.ResponseRecorder {
	b.Helper()
	return b.do(request{method: "POST", path: "/deployments", token: b.token, body: api.DeployRequest{
		Objects: made.Objects, Reason: "r", Release: &api.DeployRelease{Document: made.Document, Evidence: evidence},
	}})
}

func newHigh(t *testing.T) *bench {
	t.Helper()
	b := newBench(t, options{level: levelHigh, noSign: true})
	b.fake.mu.Lock()
	b.fake.installation = "here"
	b.fake.mu.Unlock()
	return b
}

// An earlier version comes again as a release of its own.
func TestReleaseOfVersions(t *testing.T) {
	t.Parallel()
	b := newHigh(t)
	var texts []string
	for _, text := range []string{`{"variables":{"a":"'1'"}}`, `{"variables":{"a":"'2'"}}`} {
		b.call("POST", "/inventory/drafts", draftOf(text), nil)
		made := b.prepare(0)
		if w := b.deployRelease(made, b.sign(made)); w.Code != 200 {
			t.Fatal(w.Code, w.Body)
		}
		b.settled()
		texts = append(texts, made.Objects[0].Document)
	}
	var all api.ObjectVersions
	b.call("GET", "/inventory/versions?kind=JobResource&path=settings", nil, &all)
	if len(all.Versions) != 2 {
		t.Fatalf("versions are %+v", all)
	}
	first := all.Versions[1].Id
	made := b.prepare(first)
	if d := cmp.Diff(texts[0], made.Objects[0].Document); d != "" {
		t.Error(d)
	}
	if w := b.deployRelease(made, b.sign(made)); w.Code != 200 {
		t.Error(w.Code, w.Body)
	}
	// A version is one of the object that is named.
	b.call("POST", "/inventory/drafts", api.PutDraftsRequest{Objects: []api.DraftObject{{Kind: "JobResource", Path: "other", Format: "json", Text: "{}"}}}, nil)
	b.isRefused(404, "UnknownVersion", b.do(request{method: "POST", path: "/releases/prepare", token: b.token, body: api.PrepareReleaseRequest{
		Objects: []api.ReleaseObject{{Kind: "JobResource", Path: "other", Version: first}}, Reason: "r",
	}}))
}

// A release goes to a second signer in an archive, and comes back as it was.
func TestReleaseForAnotherSigner(t *testing.T) {
	t.Parallel()
	b := newHigh(t)
	b.call("POST", "/inventory/drafts", draftOf(`{"variables":{"a":"'1'"}}`), nil)
	made := b.prepare(0)
	device := trusttest.NewAuthenticator(b, "blue", trusttest.ECDSA(b))
	touch, err := device.Sign([]byte(made.Document))
	b.check(err)
	pack := func(in api.PackReleaseRequest) *httptest.ResponseRecorder {
		return b.do(request{method: "POST", path: "/releases/archive", token: b.token, body: in})
	}
	w := pack(api.PackReleaseRequest{Document: made.Document, Objects: made.Objects, Evidence: []map[string]string{textsOf(touch.Files())}})
	if w.Code != 200 || w.Header().Get("Content-Disposition") != `attachment; filename="n.zip"` {
		t.Fatal(w.Code, w.Header(), w.Body)
	}
	files := b.unpack(w.Body.Bytes())
	if files["n.release.json"] != made.Document || files["settings.jobresource.json"] != made.Objects[0].Document || files["n.release.json.passkey"] == "" || len(files) != 3 {
		t.Errorf("in the archive are %q", files)
	}
	open := func(files map[string]string) *httptest.ResponseRecorder {
		return b.doWith(request{method: "POST", path: "/releases/open", token: b.token, body: b.pack(archive.Zip, files)}, "Content-Type", archive.Zip.MediaType())
	}
	var got api.PreparedRelease
	b.check(json.Unmarshal(open(files).Body.Bytes(), &got))
	want := made
	want.Evidence = []map[string]string{textsOf(touch.Files())}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	// Another signature of the same form has a label.
	device.CredentialID = []byte("id-2")
	second, err := device.Sign([]byte(made.Document))
	b.check(err)
	two := []map[string]string{textsOf(touch.Files()), textsOf(second.Files())}
	w = pack(api.PackReleaseRequest{Document: made.Document, Objects: made.Objects, Evidence: two})
	var both api.PreparedRelease
	b.check(json.Unmarshal(open(b.unpack(w.Body.Bytes())).Body.Bytes(), &both))
	if d := cmp.Diff(two, both.Evidence); d != "" || b.unpack(w.Body.Bytes())["n.release.json.2.passkey"] != two[1][".passkey"] {
		t.Error(d)
	}

	// The second signs as well; the Controller of these tests takes no touches.
	b.isRefused(422, "SignerNotAllowed", b.deployRelease(got, got.Evidence[0], b.sign(got)))
	if w := b.deployRelease(got, b.sign(got)); w.Code != 200 {
		t.Error(w.Code, w.Body)
	}

	other := made
	other.Objects = []api.DeployObject{{Kind: "JobResource", Path: "settings", Document: made.Objects[0].Document + " "}}
	b.isRefused(422, release.CodeNotInRelease, pack(api.PackReleaseRequest{Document: made.Document, Objects: other.Objects}))
	b.isRefused(422, "SurplusEvidence", pack(api.PackReleaseRequest{Document: made.Document, Objects: made.Objects, Evidence: []map[string]string{textsOf(touch.Files()), textsOf(touch.Files())}}))
	b.isRefused(422, "NoRelease", open(map[string]string{"settings.jobresource.json": "{}"}))
	changed := map[string]string{"n.release.json": made.Document, "settings.jobresource.json": strings.Replace(made.Objects[0].Document, "'1'", "'2'", 1)}
	b.isRefused(422, release.CodeNotInRelease, open(changed))
	changed["settings.jobresource.json"], changed["more.jobresource.json"] = made.Objects[0].Document, "{}"
	b.isRefused(422, release.CodeNotInRelease, open(changed))
}

// A passkey's use is noted when a release was deployed that it signed.
func TestPasskeyIsUsed(t *testing.T) {
	t.Parallel()
	b := newHigh(t)
	var asked api.NewPasskey
	b.call("GET", "/me/passkeys/new", nil, &asked)
	if w := b.register(b.token, asked.Challenge, "example.com"); w.Code != 200 {
		t.Fatal(w.Code, w.Body)
	}
	b.call("POST", "/inventory/drafts", draftOf(`{}`), nil)
	made := b.prepare(0)
	device := trusttest.NewAuthenticator(b, "blue", trusttest.ECDSA(b))
	device.CredentialID = []byte("id-1")
	touch, err := device.Sign([]byte(made.Document))
	b.check(err)
	used := func() int64 {
		var all api.Passkeys
		b.call("GET", "/me/passkeys", nil, &all)
		return all.Passkeys[0].LastUsedAt
	}
	b.isRefused(422, "SignerNotAllowed", b.deployRelease(made, textsOf(touch.Files())))
	if used() != 0 {
		t.Error("a refused release counts as a use")
	}
	in, err := bringRelease(&api.DeployRelease{Document: made.Document, Evidence: []map[string]string{textsOf(touch.Files())}})
	b.check(err)
	k := &call{Cockpit: b.c, r: httptest.NewRequestWithContext(t.Context(), "POST", "/", nil)}
	k.session.Account.Name = "eve"
	k.passkeysUsed(in.passkeys) // not hers
	if used() != 0 {
		t.Error("another account's use counts")
	}
	k.session.Account.Name = "admin"
	k.passkeysUsed(in.passkeys)
	if used() == 0 {
		t.Error("the use isn't noted")
	}
}
