package cockpit

import (
	"cmp"
	"crypto/sha256"
	"crypto/x509"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/signet-scheduler/signet/api"
	"github.com/signet-scheduler/signet/internal/clock"
	"github.com/signet-scheduler/signet/internal/release"
	"github.com/signet-scheduler/signet/internal/trust/trusttest"
)

// register answers a challenge as a browser on https://HOST does.
func (b *bench) register(token, challenge, host string) *httptest.ResponseRecorder {
	b.Helper()
	key, err := x509.MarshalPKIXPublicKey(trusttest.ECDSA(b).Public())
	b.check(err)
	rpID, _, _ := strings.Cut(host, ":")
	hash := sha256.Sum256([]byte(rpID))
	data := append(append(hash[:], 0x45, 0, 0, 0, 0), make([]byte, 16)...)
	data = append(binary.BigEndian.AppendUint16(data, 4), "id-1"...)
	return b.do(request{method: "POST", path: "/me/passkeys", token: token, body: api.AddPasskeyRequest{
		Name: "blue", Challenge: challenge, CredentialId: b64.EncodeToString([]byte("id-1")), PublicKey: b64.EncodeToString(key),
		ClientData:        b64.EncodeToString(fmt.Appendf(nil, `{"type":"webauthn.create","challenge":%q,"origin":"https://%s"}`, challenge, host)),
		AuthenticatorData: b64.EncodeToString(data),
	}})
}

// A passkey is registered by who asked for it, on this page, in time.
func TestPasskeysAreRegistered(t *testing.T) {
	t.Parallel()
	fake := clock.NewFake(time.Unix(1_790_000_000, 0))
	b := newBench(t, options{noStart: true, clock: fake})
	b.call("POST", "/accounts", api.AddAccountRequest{Name: "eve", Role: "viewer", Password: adminPassword}, nil)
	eve := b.login("eve", adminPassword)
	var asked api.NewPasskey
	b.call("GET", "/me/passkeys/new", nil, &asked)
	host := "example.com" // that of httptest
	if asked.RpId != host || asked.Account != "admin" {
		t.Errorf("asked for %+v", asked)
	}
	b.isRefused(422, "InvalidPasskey", b.register(eve, asked.Challenge, host)) // another session
	b.isRefused(422, "InvalidPasskey", b.register(b.token, asked.Challenge, "elsewhere.com"))
	b.isRefused(422, "InvalidPasskey", b.register(b.token, "AAAA", host))
	w := b.register(b.token, asked.Challenge, host)
	var got api.Passkeys
	b.check(json.Unmarshal(w.Body.Bytes(), &got))
	if w.Code != 200 || len(got.Passkeys) != 1 || got.Passkeys[0].Name != "blue" || !strings.Contains(got.Passkeys[0].TrustFile, `"owner": "admin"`) {
		t.Fatal(w.Code, w.Body)
	}
	b.isRefused(409, "DuplicatePasskey", b.register(b.token, asked.Challenge, host))
	fake.Advance(6 * time.Minute)
	b.isRefused(422, "InvalidPasskey", b.register(b.token, asked.Challenge, host))
	// It gets another name, which its trust file has as well.
	id := got.Passkeys[0].Id
	b.call("POST", "/me/passkeys/"+id, api.RenamePasskeyRequest{Name: " navy "}, &got)
	if got.Passkeys[0].Name != "navy" || !strings.Contains(got.Passkeys[0].TrustFile, `"name": "navy"`) {
		t.Errorf("renamed is %+v", got.Passkeys[0])
	}
	for _, name := range []string{"", " ", strings.Repeat("x", 101), "a\nb"} {
		if w := b.do(request{method: "POST", path: "/me/passkeys/" + id, token: b.token, body: api.RenamePasskeyRequest{Name: name}}); w.Code != 422 {
			t.Errorf("the name %q: %d %s", name, w.Code, w.Body)
		}
	}
	// Others have nothing to do with it.
	b.isRefused(404, "UnknownPasskey", b.do(request{method: "POST", path: "/me/passkeys/" + id, token: eve, body: api.RenamePasskeyRequest{Name: "mine"}}))
	b.isRefused(404, "UnknownPasskey", b.do(request{method: "DELETE", path: "/me/passkeys/" + got.Passkeys[0].Id, token: eve}))
	if w := b.do(request{method: "DELETE", path: "/me/passkeys/" + got.Passkeys[0].Id, token: b.token}); w.Code != 204 {
		t.Error(w.Code, w.Body)
	}
	b.call("GET", "/me/passkeys", nil, &got)
	if len(got.Passkeys) != 0 {
		t.Errorf("left are %+v", got)
	}
}

// Where passkeys may be registered is a setting, and the file for machines names all
// of these pages.
func TestPagesOfPasskeys(t *testing.T) {
	t.Parallel()
	const host = "example.com" // that of httptest
	for _, c := range []struct {
		rpID    string
		origins []string
		refused bool
	}{
		{"", nil, false},
		{"", []string{"https://example.com", "https://other.example.com:4446"}, false},
		{"com", nil, false},
		{"", []string{"https://other.com"}, true},
		{"other.com", nil, true},
		{"ample.com", nil, true},
	} {
		b := newBench(t, options{noStart: true})
		b.settings.PasskeyHost, b.settings.PasskeyOrigins = c.rpID, c.origins
		w := b.do(request{method: "GET", path: "/me/passkeys/new", token: b.token})
		if c.refused {
			b.isRefused(422, "InvalidPasskey", w)
			continue
		}
		var asked api.NewPasskey
		b.check(json.Unmarshal(w.Body.Bytes(), &asked))
		if asked.RpId != cmp.Or(c.rpID, host) {
			t.Errorf("%+v: for %s", c, asked.RpId)
		}
		if c.rpID != "" {
			continue
		}
		w = b.register(b.token, asked.Challenge, host)
		var got api.Passkeys
		b.check(json.Unmarshal(w.Body.Bytes(), &got))
		var file struct{ Origins []string }
		b.check(json.Unmarshal([]byte(got.Passkeys[0].TrustFile), &file))
		if want := cmp.Or(len(c.origins), 1); len(file.Origins) != want {
			t.Errorf("%+v: the trust file is %s", c, got.Passkeys[0].TrustFile)
		}
	}
}

// A release of drafts is made here, signed elsewhere, and deployed as it was made or
// not at all.
func TestReleaseOfDrafts(t *testing.T) {
	t.Parallel()
	b := newBench(t, options{level: levelHigh, noSign: true})
	b.fake.mu.Lock()
	b.fake.installation = "here"
	b.fake.mu.Unlock()
	key := api.ObjectKey{Kind: "JobResource", Path: "settings"}
	b.call("POST", "/inventory/drafts", draftOf(`{"variables":{"a":"'1'"}}`), nil)
	var made api.PreparedRelease
	b.call("POST", "/releases/prepare", api.PrepareReleaseRequest{Objects: []api.ReleaseObject{{Kind: key.Kind, Path: key.Path}}, Reason: "first\nof all"}, &made)
	m, err := release.Parse([]byte(made.Document))
	b.check(err)
	if m.Author != "admin" || m.Reason != "first of all" || m.Audience != "here" || m.Serial != made.Serial || len(made.Objects) != 1 {
		t.Errorf("made is %+v", m)
	}
	if sum := sha256.Sum256([]byte(made.Objects[0].Document)); m.Objects[0].SHA256 != sum {
		t.Error("the document isn't the one that the release lists")
	}
	evidence, err := b.signer.Key.Sign([]byte(made.Document))
	b.check(err)
	files := map[string]string{}
	for suffix, text := range evidence.Files() {
		files[suffix] = string(text)
	}
	deploy := func() *httptest.ResponseRecorder {
		return b.do(request{method: "POST", path: "/inventory/deploy", token: b.token, body: api.DeployDraftsRequest{
			Objects: []api.ObjectKey{key}, Reason: "first of all", Release: &api.DeployRelease{Document: made.Document, Evidence: []map[string]string{files}},
		}})
	}
	if w := deploy(); w.Code != 200 {
		t.Fatal(w.Code, w.Body)
	}
	for _, wrong := range []string{
		`{"objects":[{"kind":"JobResource","path":"settings"}],"reason":" "}`,
		`{"objects":[{"kind":"JobResource","path":"settings"}],"reason":"r","name":"a/b"}`,
		`{"objects":[{"kind":"JobResource","path":"settings"}],"reason":"r","expires":1}`,
		fmt.Sprintf(`{"objects":[{"kind":"JobResource","path":"settings"}],"reason":"r","expires":%d}`, time.Now().Add(31*24*time.Hour).UnixMilli()),
	} {
		if w := b.do(request{method: "POST", path: "/releases/prepare", token: b.token, body: wrong}); w.Code != 422 {
			t.Errorf("%s: %d %s", wrong, w.Code, w.Body)
		}
	}
	// A draft that was changed since isn't what was signed.
	b.call("POST", "/inventory/drafts", draftOf(`{"variables":{"a":"'2'"}}`), nil)
	w := deploy()
	if w.Code != 422 || !strings.Contains(w.Body.String(), release.CodeNotInRelease) {
		t.Errorf("a changed draft: %d %s", w.Code, w.Body)
	}
	b.isRefused(422, "InvalidRequest", b.do(request{method: "POST", path: "/releases/prepare", token: b.token, body: `{"objects":[]}`}))
}

func draftOf(text string) api.PutDraftsRequest {
	return api.PutDraftsRequest{Objects: []api.DraftObject{{Kind: "JobResource", Path: "settings", Format: "json", Text: text}}}
}
