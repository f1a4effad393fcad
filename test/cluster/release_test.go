package cluster_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/signet-scheduler/signet/internal/engine"
	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/item"
	"github.com/signet-scheduler/signet/internal/order"
	"github.com/signet-scheduler/signet/internal/release"
	"github.com/signet-scheduler/signet/internal/trust"
	"github.com/signet-scheduler/signet/internal/trust/trusttest"
	"github.com/signet-scheduler/signet/internal/workflow"
	"github.com/signet-scheduler/signet/test/cluster"
)

// signedRelease is a release as it travels.
type signedRelease struct {
	manifest release.Manifest
	text     string
	evidence []trust.Evidence
	texts    []string
}

// newRelease makes a release of documents for the installation "here".
func newRelease(t *testing.T, serial int64, change func(*release.Manifest), by []trust.SignerKey, texts ...string) *signedRelease {
	t.Helper()
	now := time.Now().UTC().Truncate(time.Second)
	r := &signedRelease{texts: texts, manifest: release.Manifest{Name: "r", Audience: "here", Serial: serial, Author: "alice", Created: now, Expires: now.Add(time.Hour)}}
	for _, text := range texts {
		it, err := item.Parse([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		version := ""
		if w, ok := it.(item.Workflow); ok {
			version = w.ID.VersionID
		}
		r.manifest.Objects = append(r.manifest.Objects, release.NewObject(it.Key(), version, []byte(text)))
	}
	if change != nil {
		change(&r.manifest)
	}
	body, err := r.manifest.Text()
	if err != nil {
		t.Fatal(err)
	}
	r.text, r.evidence = string(body), []trust.Evidence{}
	for _, key := range by {
		r.evidence = append(r.evidence, trusttest.Sign(t, key, body))
	}
	return r
}

// reference is the evidence of the release's documents.
func (r *signedRelease) reference() string { return release.Refer(&r.manifest, r.text).Evidence() }

// request is the deployment of the release by a Cockpit.
func (r *signedRelease) request() map[string]any {
	var add []any
	for _, text := range r.texts {
		add = append(add, map[string]any{"string": text, "evidence": json.RawMessage(r.reference())})
	}
	return map[string]any{
		"commandId": fmt.Sprint(time.Now().UnixNano()), "by": map[string]any{"account": "admin", "method": "test"},
		"release": map[string]any{"string": r.text, "evidence": r.evidence}, "add": add,
	}
}

// attach is what a Controller sends to an Agent: the release, then its documents.
func (r *signedRelease) attach(t *testing.T) []engine.AgentCommand {
	t.Helper()
	list, err := json.Marshal(r.evidence)
	if err != nil {
		t.Fatal(err)
	}
	ref := release.Refer(&r.manifest, r.text)
	cmds := []engine.AgentCommand{&engine.AttachItem{Item: engine.ItemRef{Kind: "Release", Path: ref.Path()}, Document: engine.Document{Text: r.text, Evidence: string(list)}}}
	for _, text := range r.texts {
		it, err := item.Parse([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		at := &engine.AttachItem{Item: engine.ItemRef{Kind: it.Key().Kind, Path: it.Key().Path}, Document: engine.Document{Text: text, Evidence: r.reference()}}
		if w, ok := it.(item.Workflow); ok {
			at.Item.VersionID = w.ID.VersionID
		}
		cmds = append(cmds, at)
	}
	return cmds
}

func wantUntrusted(t *testing.T, what string, err error, code string) {
	t.Helper()
	if !fault.Is(err, fault.Untrusted) || !fault.HasCode(err, code) {
		t.Errorf("%s: got %v, want an Untrusted fault with code %s", what, err, code)
	}
}

const here = "signet.installation = here"

func version(n, script string) string {
	return fmt.Sprintf(`{"TYPE":"Workflow","path":"W","versionId":%q,"instructions":[%s]}`, n, job(script))
}

// What somebody with the Cockpit's certificate can't do with releases: bring back an
// older one, a part of one, one for another installation, or one with a text more.
func TestHostileCockpit(t *testing.T) {
	t.Parallel()
	c := cluster.New(t, 1, 1, cluster.Line(here))
	if err := c.DeployAgents(); err != nil {
		t.Fatal(err)
	}
	alice := []trust.SignerKey{c.Signer()}
	post := func(r *signedRelease, change func(map[string]any)) error {
		request := r.request()
		if change != nil {
			change(request)
		}
		return c.Post("/item", request, nil)
	}
	first := newRelease(t, 5, nil, alice, version("1", "true"), `{"TYPE":"JobResource","path":"R","variables":{}}`)
	if err := post(first, nil); err != nil {
		t.Fatal(err)
	}
	second := newRelease(t, 9, nil, alice, version("2", "true"))
	if err := post(second, nil); err != nil {
		t.Fatal(err)
	}
	wantUntrusted(t, "the older release", post(first, nil), release.CodeReleaseOutdated)
	wantUntrusted(t, "a document of it alone", post(first, func(q map[string]any) {
		delete(q, "release")
		q["add"] = q["add"].([]any)[:1]
	}), release.CodeReleaseOutdated)
	third := newRelease(t, 11, nil, alice, version("3", "true"), `{"TYPE":"JobResource","path":"R","variables":{"a":"1"}}`)
	wantUntrusted(t, "a part of a release", post(third, func(q map[string]any) { q["add"] = q["add"].([]any)[:1] }), release.CodeIncomplete)
	wantUntrusted(t, "a text that it doesn't list", post(third, func(q map[string]any) {
		q["add"] = append(q["add"].([]any), map[string]any{"string": version("4", "evil"), "evidence": json.RawMessage(third.reference())})
	}), release.CodeNotInRelease)
	wantUntrusted(t, "the documents of another release", post(third, func(q map[string]any) { q["add"] = second.request()["add"] }), release.CodeIncomplete)
	wantUntrusted(t, "a release for others", post(newRelease(t, 12, func(m *release.Manifest) { m.Audience = "there" }, alice, version("4", "true")), nil), release.CodeWrongAudience)
	wantUntrusted(t, "a release of yesterday", post(newRelease(t, 12, func(m *release.Manifest) {
		m.Created, m.Expires = m.Created.Add(-48*time.Hour), m.Created.Add(-24*time.Hour)
	}, alice, version("4", "true")), nil), release.CodeReleaseExpired)
	wantUntrusted(t, "a release that nobody has signed", post(newRelease(t, 12, nil, nil, version("4", "true")), nil), trust.CodeMissingEvidence)
	wantUntrusted(t, "a stranger's release", post(newRelease(t, 12, nil, []trust.SignerKey{stranger(t).Key}, version("4", "true")), nil), trust.CodeUnknownSigner)
	wantUntrusted(t, "signed by one of us and a stranger", post(newRelease(t, 12, nil, append(slices.Clone(alice), stranger(t).Key), version("4", "true")), nil), trust.CodeUnknownSigner)
	wantUntrusted(t, "a changed release", post(third, func(q map[string]any) {
		q["release"] = map[string]any{"string": strings.Replace(third.text, `"name":"r"`, `"name":"s"`, 1), "evidence": third.evidence}
	}), trust.CodeSignatureInvalid)
	if err := post(third, nil); err != nil {
		t.Errorf("the good release: %v", err)
	}
	if err := c.Command("AddOrders", map[string]any{"orders": []any{map[string]any{"id": "O", "workflowPath": "W"}}}); err != nil {
		t.Fatal(err)
	}
	c.Eventually("the order has finished", func() bool { return c.State("O") == "Finished" })
}

// What somebody with the Controller's certificate can't make an Agent do.
func TestHostileControllerWithReleases(t *testing.T) {
	t.Parallel()
	x := newCompromised(t, cluster.Line(here))
	out := filepath.Join(t.TempDir(), "ran")
	alice := []trust.SignerKey{x.c.Signer()}
	script := func(s string) string { return "echo " + s + " >>" + out }
	attach := func(id, version string) engine.AgentCommand {
		return &engine.AttachOrder{Order: order.New(order.ID(id), &order.Added{Workflow: workflow.ID{Path: "W", VersionID: version}}, 1)}
	}
	one := newRelease(t, 1, nil, alice, version("1", script("one")))
	two := newRelease(t, 2, nil, alice, version("2", script("two")))
	x.next(x.agentRef())
	x.next(append(two.attach(t), attach("good", "2"))...)
	x.next(append(one.attach(t), attach("older", "1"))...)
	x.next(one.attach(t)[1:]...)
	x.next(append(newRelease(t, 3, func(m *release.Manifest) { m.Audience = "there" }, alice, version("3", script("there"))).attach(t), attach("foreign", "3"))...)
	x.next(append(newRelease(t, 4, nil, []trust.SignerKey{stranger(t).Key}, version("4", script("stranger"))).attach(t), attach("stranger", "4"))...)
	mixed := newRelease(t, 5, nil, alice, version("5", script("five")))
	mixed.texts = []string{version("6", script("six"))}
	x.next(append(mixed.attach(t), attach("mixed", "6"))...)
	x.c.Eventually("the good order's job has run", func() bool { b, _ := os.ReadFile(out); return len(b) > 0 })
	refused := map[string]string{}
	events := x.next()
	for _, e := range events {
		if r, ok := e.Event.(*engine.ItemRefused); ok {
			refused[r.Item.String()] = r.Problem.Code
		}
	}
	for ref, code := range map[string]string{
		"Release:1": release.CodeReleaseOutdated, "Workflow:W~1": release.CodeReleaseMissing, "Release:3": release.CodeWrongAudience,
		"Workflow:W~3": release.CodeWrongAudience, "Release:4": trust.CodeUnknownSigner, "Workflow:W~6": release.CodeNotInRelease,
	} {
		if refused[ref] != code {
			t.Errorf("%s was refused for %q, want %s", ref, refused[ref], code)
		}
	}
	if got := started(events); len(got) != 1 || !got["good"] {
		t.Errorf("processes were started for %v", got)
	}
	if b, _ := os.ReadFile(out); string(b) != "two\n" {
		t.Errorf("what has run: %q", b)
	}
	// Another installation's Controller, and one of a lower level.
	b := x.batch
	b.Sequence, b.Estate = x.sequence+1, engine.Estate{Installation: "there"}
	if err := x.send(&b); !fault.HasCode(err, "WrongInstallation") {
		t.Errorf("a Controller of another installation: %v", err)
	}
}

// A Cockpit of a lower level than its Controller's gets no answer, and a
// Controller of a lower level than its Agent's neither.
func TestLowerLevel(t *testing.T) {
	t.Parallel()
	for level, lower := range map[string][]string{"medium": {"", "low", "higher"}, "high": {"", "low", "medium", "higher"}} {
		t.Run(level, func(t *testing.T) {
			t.Parallel()
			testLowerLevel(t, level, lower)
		})
	}
}

func testLowerLevel(t *testing.T, level string, lower []string) {
	x := newCompromised(t, cluster.Line(here), cluster.Line("signet.security-level = "+level))
	for _, path := range []string{"/status", "/order", "/item", "/release"} {
		var answer json.RawMessage
		err := x.c.Client().GetJSON(t.Context(), x.c.Controllers[0].URL+"/controller/api"+path, &answer)
		if !fault.Is(err, fault.Forbidden) || !fault.HasCode(err, "SecurityLevelTooLow") {
			t.Errorf("GET %s: %v", path, err)
		}
	}
	b := x.batch
	b.Sequence = 1
	for _, theirs := range lower {
		b.Estate = engine.Estate{Installation: "here", Level: theirs}
		if err := x.send(&b); !fault.Is(err, fault.Forbidden) || !fault.HasCode(err, "SecurityLevelTooLow") {
			t.Errorf("a Controller of level %q: %v", theirs, err)
		}
	}
	b.Estate.Level = level
	if err := x.send(&b); err != nil {
		t.Error(err)
	}
}

// What somebody who rules the Cockpit at level medium or high, but has nobody's key,
// can't do: have a Controller take documents. Its own certificate vouches for nothing.
func TestHostileCockpitWithoutKeys(t *testing.T) {
	t.Parallel()
	for _, level := range []string{"medium", "high"} {
		t.Run(level, func(t *testing.T) {
			t.Parallel()
			testWithoutKeys(t, level)
		})
	}
}

func testWithoutKeys(t *testing.T, level string) {
	c := cluster.New(t, 1, 1, cluster.Line(here), cluster.Line("signet.security-level = "+level))
	private := filepath.Join(c.Cockpit, "private")
	key, err := os.ReadFile(filepath.Join(private, "https-key.pem"))
	if err != nil {
		t.Fatal(err)
	}
	cert, err := os.ReadFile(filepath.Join(private, "https-cert.pem"))
	if err != nil {
		t.Fatal(err)
	}
	bare, err := trust.LoadSigner(key, nil)
	if err != nil {
		t.Fatal(err)
	}
	const text, other = `{"TYPE":"JobResource","path":"R","variables":{}}`, `{"TYPE":"JobResource","path":"S","variables":{}}`
	post := func(evidence any) error {
		document := map[string]any{"string": text}
		if evidence != nil {
			document["evidence"] = evidence
		}
		return c.PostAs(level, "/item", map[string]any{
			"commandId": fmt.Sprint(time.Now().UnixNano()), "by": map[string]any{"account": "anna", "method": "test"}, "add": []any{document},
		})
	}
	anna := c.Signer() // whose key the Cockpit can't open
	wantUntrusted(t, "no signature", post(nil), trust.CodeMalformedEvidence)
	own := trusttest.Sign(t, bare, []byte(text))
	wantUntrusted(t, "signed with the Cockpit's own key", post(own), trust.CodeUnknownSigner)
	own.Certificates = cert
	wantUntrusted(t, "and with its certificate", post(own), trust.CodeSignerNotAllowed)
	wantUntrusted(t, "signed with a key that calls itself anna", post(trusttest.Sign(t, trusttest.NewX509(t, "anna").Key, []byte(text))), trust.CodeUnknownSigner)
	wantUntrusted(t, "a signature of anna's for another text", post(trusttest.Sign(t, anna, []byte(other))), trust.CodeSignatureInvalid)
	if err := post(trusttest.Sign(t, anna, []byte(text))); err != nil {
		t.Errorf("signed with anna's key: %v", err)
	}
}
