package cockpit

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/signet-scheduler/signet/api"
	"github.com/signet-scheduler/signet/internal/archive"
	"github.com/signet-scheduler/signet/internal/objectfile"
	"github.com/signet-scheduler/signet/internal/store"
)

// schema is what the walk looks at.
type schema struct {
	Ref                  string `json:"$ref"`
	Type                 string
	Description          string
	Properties           map[string]*schema
	Items                *schema
	AllOf                []*schema
	OneOf, AnyOf         []*schema
	AdditionalProperties json.RawMessage
}

// keyish finds fields that could be meant for a key, or hold one beside what they are
// meant for.
var keyish = regexp.MustCompile(`(?i)key|pkcs|p12|pfx|pem|certificate|private|secret|evidence|signature|password|file|archive`)

// keyFields returns each field of a request whose name or description is about keys
// and the like, as METHOD PATTERN FIELD, and every body that isn't JSON.
func keyFields(t *testing.T) []string {
	t.Helper()
	var doc struct {
		Paths map[string]map[string]struct {
			RequestBody *struct {
				Content map[string]struct{ Schema *schema }
			}
		}
		Components struct{ Schemas map[string]*schema }
	}
	text, err := objectfile.FromYAML([]byte(api.OpenAPI()))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &doc); err != nil {
		t.Fatal(err)
	}
	found := map[string]bool{}
	var walk func(where, name string, s *schema, seen []string)
	walk = func(where, name string, s *schema, seen []string) {
		if s == nil {
			return
		}
		if s.Ref != "" {
			ref := strings.TrimPrefix(s.Ref, "#/components/schemas/")
			if slices.Contains(seen, ref) {
				return
			}
			walk(where, name, doc.Components.Schemas[ref], append(slices.Clone(seen), ref))
			return
		}
		leaf := s.Type == "string" || s.Type == "" && s.Properties == nil && s.AllOf == nil && s.OneOf == nil && s.AnyOf == nil
		if leaf && (keyish.MatchString(name) || keyish.MatchString(s.Description)) {
			found[where] = true
		}
		for _, part := range slices.Concat(s.AllOf, s.OneOf, s.AnyOf) {
			walk(where, name, part, seen)
		}
		for field, of := range s.Properties {
			walk(where+"."+field, field, of, seen)
		}
		walk(where+"[]", name, s.Items, seen)
		var more schema
		if json.Unmarshal(s.AdditionalProperties, &more) == nil && len(s.AdditionalProperties) > 0 {
			walk(where+"{}", name, &more, seen)
		}
	}
	for path, methods := range doc.Paths {
		for method, op := range methods {
			if op.RequestBody == nil {
				continue
			}
			for kind, content := range op.RequestBody.Content {
				where := strings.ToUpper(method) + " " + path + " "
				if kind != "application/json" {
					found[where+kind] = true
					continue
				}
				walk(where+"$", "", content.Schema, nil)
			}
		}
	}
	return slices.Sorted(maps.Keys(found))
}

// withKey holds, for each such field, a request with a private key in it, in the place
// of @. The archives are made below.
var withKey = map[string]string{
	"POST /me/signing-key $.key":          `{"key":"@"}`,
	"POST /me/signing-key $.certificates": `{"key":"@","certificates":"@"}`,
	"POST /me/signing-key $.keystore":     `{"keystore":"@","password":"x"}`,
	"POST /me/signing-key $.password":     `{"keystore":"AAAA","password":"@"}`,

	"POST /deployments $.objects[].evidence{}":          `{"objects":[{"kind":"Workflow","path":"W","document":"DOC","evidence":{".sig":"AAAA",".pem":"@"}}]}`,
	"POST /deployments $.objects[].file":                `{"objects":[{"kind":"Workflow","path":"W","file":"@","document":"DOC"}]}`,
	"POST /deployments $.release.evidence[]{}":          `{"release":{"document":"{}","evidence":[{".sig":"AAAA",".pem":"@"}]},"objects":[{"kind":"Workflow","path":"W","document":"DOC"}]}`,
	"POST /deployments/validate $.objects[].evidence{}": `{"objects":[{"kind":"Workflow","path":"W","document":"DOC","evidence":{".sig":"AAAA",".pem":"@"}}]}`,
	"POST /deployments/validate $.objects[].file":       `{"objects":[{"kind":"Workflow","path":"W","file":"@","document":"DOC"}]}`,
	"POST /deployments/validate $.release.evidence[]{}": `{"release":{"document":"{}","evidence":[{".sig":"AAAA",".pem":"@"}]},"objects":[{"kind":"Workflow","path":"W","document":"DOC"}]}`,
	"POST /deployments/import application/zip":          "",
	"POST /deployments/import application/gzip":         "",
	"POST /inventory/import application/zip":            "",
	"POST /inventory/import application/gzip":           "",
	"POST /inventory/deploy $.release.evidence[]{}":     `{"objects":[{"kind":"Workflow","path":"D"}],"release":{"document":"{}","evidence":[{".sig":"AAAA",".pem":"@"}]}}`,
	"POST /inventory/export $.release":                  `{"paths":["/"],"forSigning":true,"release":"@"}`,
	"POST /authority/adopt $.answer":                    `{"purpose":"node","answer":"@"}`,
	"POST /authority/bundle $.form":                     `{"role":"agent","name":"a","password":"long enough","form":"@"}`,
	"POST /authority/bundle $.password":                 `{"role":"agent","name":"a","password":"@"}`,
	"POST /authority/issue $.request":                   `{"role":"agent","name":"a","request":"@"}`,
	"POST /authority/renew $.request":                   `{"serial":"SERIAL","request":"@"}`,
	"POST /authority/revoke $.cause":                    `{"serial":"SERIAL","cause":"@"}`,
	// RELEASE is a manifest and its documents; FILE and EVIDENCE go into one of these.
	"POST /releases $.evidence[]{}":                 `{RELEASE,"evidence":[{".sig":"AAAA",".pem":"@"}]}`,
	"POST /releases $.objects[].evidence{}":         `{RELEASE,"EVIDENCE":"@"}`,
	"POST /releases $.objects[].file":               `{RELEASE,"FILE":"@"}`,
	"POST /releases/archive $.evidence[]{}":         `{RELEASE,"evidence":[{".sig":"@"}]}`,
	"POST /releases/archive $.objects[].evidence{}": `{RELEASE,"EVIDENCE":"@"}`,
	"POST /releases/archive $.objects[].file":       `{RELEASE,"FILE":"@"}`,
	"POST /releases/open application/gzip":          "",
	"POST /releases/open application/zip":           "",
	"POST /releases/{id}/signatures $.evidence{}":   `{"evidence":{".sig":"AAAA",".pem":"@"}}`,
	"POST /trust-policy $.evidence":                 `{"policy":"@","evidence":"@"}`,
	"POST /trust-policy $.policy":                   `{"policy":"@","evidence":{}}`,
	"POST /certificates/revocations $.list":         `{"list":"@"}`,
	"POST /certificates/revoke $.cause":             `{"role":"agent","name":"agent-9","cause":"@"}`,
	"POST /enrolment $.request":                     `{"token":"x","request":"@"}`,
	"POST /me/passkeys $.challenge":                 `{"name":"p","challenge":"@","credentialId":"AA","publicKey":"AA","clientData":"AA","authenticatorData":"AA"}`,
	"POST /me/passkeys $.publicKey":                 `{"name":"p","challenge":"AA","credentialId":"AA","publicKey":"@","clientData":"AA","authenticatorData":"AA"}`,
	"POST /agents $.name":                           `{"name":"@","uri":"https://localhost:1"}`,
	"POST /login $.method":                          `{"account":"admin","password":"x","method":"@"}`,
	"POST /login $.password":                        `{"account":"admin","password":"@"}`,
	"POST /accounts $.password":                     `{"name":"second","role":"viewer","password":"@"}`,
	"POST /accounts/{name} $.password":              `{"password":"@"}`,
}

// notKept are fields that a key may be taken for what they are meant to be: of
// passwords a hash is kept, of files' names in a release nothing.
var notKept = []string{
	"POST /accounts $.password", "POST /accounts/{name} $.password", "POST /releases $.objects[].file", "POST /releases/archive $.objects[].file",
}

// checksOnly is the call that looks at documents, not at their evidence, and keeps
// nothing of either.
const checksOnly = "POST /deployments/validate "

// At level high no private key comes to the Cockpit: every field of the API that is
// about keys, or evidence, or certificates, or could be taken for that, refuses one,
// and nothing of it is kept. A new field of that kind fails this test until it is
// listed above. (What people write into scripts and reasons is theirs.)
func TestNoPrivateKeyAtLevelHigh(t *testing.T) {
	onBoth(t, options{level: levelHigh, noStart: true, noSign: true, authority: true}, testNoPrivateKey)
}

func testNoPrivateKey(t *testing.T, b *bench) {
	if d := cmp.Diff(slices.Sorted(maps.Keys(withKey)), keyFields(t)); d != "" {
		t.Fatalf("fields that could take a key (-known here, +in the description):\n%s", d)
	}
	b.draft("Workflow:D", `{"instructions":[]}`)
	b.call("POST", "/accounts", api.AddAccountRequest{Name: "other", Role: "viewer", Password: adminPassword}, nil)
	private := string(b.signer.Private)
	quoted, err := json.Marshal(private)
	b.check(err)
	const document = `{"TYPE":"Workflow","path":"W","versionId":"1","instructions":[]}`
	b.fake.mu.Lock()
	b.fake.installation = "here"
	b.fake.mu.Unlock()
	var made api.PreparedRelease
	b.call("POST", "/releases/prepare", api.PrepareReleaseRequest{Objects: []api.ReleaseObject{{Kind: "Workflow", Path: "D"}}, Reason: "r", Name: "n"}, &made)
	var waits api.KeptRelease
	b.call("POST", "/releases", api.PackReleaseRequest{Document: made.Document, Objects: made.Objects}, &waits)
	whole, err := json.Marshal(api.PackReleaseRequest{Document: made.Document, Objects: made.Objects})
	b.check(err)
	issued := b.issue(api.IssueRequest{Role: "agent", Name: "agent-9"})
	places := strings.NewReplacer("{name}", "other", "{id}", strconv.FormatInt(waits.Id, 10))
	key := strings.Trim(string(quoted), `"`)
	// bodyOf puts the key into a body.
	bodyOf := func(body string) string {
		in := strings.TrimSuffix(strings.TrimPrefix(string(whole), "{"), "}")
		file := `"file":"` + made.Objects[0].File + `"`
		for part, with := range map[string]string{`,"FILE":"@"`: `"file":"@"`, `,"EVIDENCE":"@"`: file + `,"evidence":{".pem":"@"}`} {
			if strings.Contains(body, part) {
				body, in = strings.Replace(body, part, "", 1), strings.Replace(in, file, with, 1)
			}
		}
		return strings.NewReplacer("@", key, "SERIAL", issued.Serial, "DOC", strings.ReplaceAll(document, `"`, `\"`)).Replace(strings.Replace(body, "RELEASE", in, 1))
	}
	for field, body := range withKey {
		method, rest, _ := strings.Cut(field, " ")
		pattern, kind, _ := strings.Cut(rest, " ")
		r := request{method: method, path: places.Replace(pattern), body: bodyOf(body), token: b.token}
		if body != "" {
			b.refusesKey(field, r)
			continue
		}
		format := map[string]archive.Format{"application/zip": archive.Zip, "application/gzip": archive.TarGz}[kind]
		for name, files := range map[string]map[string]string{
			"as a certificate": {"W.workflow.json": document, "W.workflow.json.sig": "AAAA", "W.workflow.json.pem": private},
			"as a signature":   {"W.workflow.json": document, "W.workflow.json.sig": private},
			"beside":           {"W.workflow.json": document, "signing-key.pem": private},
			"alone":            {"key.p12": private},
		} {
			r.body, r.contentType = b.pack(format, files), kind
			b.refusesKey(field+" "+name, r)
		}
	}
	// Nothing of it is anywhere, not even in the audit trail.
	block, _ := pem.Decode(b.signer.Private)
	if block == nil {
		t.Fatal("the key isn't PEM")
	}
	needles := []string{string(block.Bytes), base64.StdEncoding.EncodeToString(block.Bytes)[:60], hex.EncodeToString(block.Bytes)[:60]}
	b.check(b.c.db.Read(t.Context(), func(r store.Reader) error {
		keys, err := r.AccountKeys()
		if len(keys) != 0 {
			t.Errorf("keys are kept: %+v", keys)
		}
		return err
	}))
	searched := 0
	b.check(filepath.WalkDir(b.settings.DataDir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		searched += len(text)
		for i, needle := range needles {
			if strings.Contains(string(text), needle) {
				t.Errorf("%s has the key in it, in form %d", path, i)
			}
		}
		return err
	}))
	if b.settings.Database[:6] == "sqlite" && searched < 100_000 {
		t.Errorf("only %d bytes were searched", searched)
	}
	audit, err := json.Marshal(b.auditEntries())
	b.check(err)
	if strings.Contains(string(audit), needles[1]) {
		t.Error("the key stands in the audit trail")
	}
}

func (b *bench) auditEntries() []api.AuditEntry {
	b.Helper()
	var audit api.Audit
	b.call("GET", "/audit?limit=500", nil, &audit)
	return audit.Entries
}

// refusesKey sends a request that must be refused for what is in it.
func (b *bench) refusesKey(field string, r request) {
	b.Helper()
	w := b.do(r)
	if w.Code < 300 && (slices.Contains(notKept, field) || strings.HasPrefix(field, checksOnly)) {
		return
	}
	var p api.Problem
	_ = json.Unmarshal(w.Body.Bytes(), &p)
	if w.Code < 400 || w.Code >= 500 || slices.Contains([]string{"InvalidRequest", "NotJson", "NotPermitted", "UnknownRoute", "NoAuthority", "UnknownCertificate"}, p.Code) {
		b.Errorf("%s: %d %s", field, w.Code, w.Body)
	}
	if strings.HasPrefix(field, "POST /me/signing-key ") && p.Code != codeKeyRefused {
		b.Errorf("%s: %s", field, p.Code)
	}
}
