package cockpit

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"encoding/pem"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/signet-scheduler/signet/api"
	"github.com/signet-scheduler/signet/internal/archive"
	"github.com/signet-scheduler/signet/internal/pki"
)

const bundleSecret = "only for this bundle"

func (b *bench) bundle(in api.BundleRequest) *httptest.ResponseRecorder {
	b.Helper()
	return b.do(request{method: "POST", path: "/authority/bundle", body: in, token: b.token})
}

// unpacked returns the files of an archive that was answered.
func (b *bench) unpacked(w *httptest.ResponseRecorder) map[string][]byte {
	b.Helper()
	if w.Code != http.StatusOK || w.Header().Get("Content-Type") != "application/zip" {
		b.Fatalf("%d %s", w.Code, w.Body)
	}
	files := map[string][]byte{}
	b.check(archive.Read(context.Background(), w.Body, archive.DefaultLimits(), func(name string, data []byte) error {
		files[name] = bytes.Clone(data)
		return nil
	}))
	return files
}

// The bundle is a part that others accept; its key is in the answer and nowhere else,
// its password nowhere at all (invariant 26).
func TestBundle(t *testing.T) {
	t.Parallel()
	b := newBench(t, options{authority: true, noStart: true})
	for form, files := range map[string]int{"pem": 4, "pkcs12": 3, "": 6} {
		password := bundleSecret
		if form == "pem" {
			password = ""
		}
		w := b.bundle(api.BundleRequest{Role: "agent", Name: "agent-2", Hosts: []string{"host2.example.com"}, Form: form, Password: password, ValidHours: 48, Reason: "for a test"})
		if name := w.Header().Get("Content-Disposition"); name != `attachment; filename="agent-agent-2.zip"` {
			t.Errorf("called %s", name)
		}
		got := b.unpacked(w)
		if len(got) != files {
			t.Errorf("%q: %d files", form, len(got))
		}
		bundle, err := pki.ParseBundleFiles(got, bundleSecret)
		b.check(err)
		pool, err := pki.NewPool(bundle.Trusted)
		b.check(err)
		id, err := pki.CheckNode(bundle.Pair.Chain, pool, nil, time.Now(), pki.RoleAgent)
		if err != nil || id.Name != "agent-2" || bundle.Pair.Leaf().DNSNames[0] != "host2.example.com" {
			t.Errorf("%q: %s, %v", form, id, err)
		}
		if r, _, err := b.ca().Show(bundle.Serial); err != nil || r.Enrolled || r.NotAfter.Sub(r.NotBefore) > 49*time.Hour {
			t.Errorf("%q: %+v, %v", form, r, err)
		}
		text, err := pki.EncodeKeyPEM(bundle.Pair.Key)
		b.check(err)
		block, _ := pem.Decode(text)
		key, ok := bundle.Pair.Key.(*ecdsa.PrivateKey)
		if !ok {
			t.Fatalf("a key of type %T", bundle.Pair.Key)
		}
		secret, err := key.Bytes()
		b.check(err)
		b.nowhere(secret, block.Bytes, []byte(strings.Split(string(text), "\n")[2]), []byte(bundleSecret))
	}
	var audit api.Audit
	b.call("GET", "/audit?action=makeBundle", nil, &audit)
	if e := audit.Entries[0]; len(audit.Entries) != 3 || e.Result != "done" || e.Objects[0] != "Certificate:agent/agent-2" || e.Reason != "for a test" {
		t.Errorf("audit: %+v", audit.Entries)
	}
}

// nowhere looks for texts in all files of the Cockpit, its database included.
func (b *bench) nowhere(texts ...[]byte) {
	b.Helper()
	seen := 0
	b.check(filepath.WalkDir(b.settings.DataDir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		data, err := os.ReadFile(path)
		seen++
		for _, text := range texts {
			if bytes.Contains(data, text) {
				b.Errorf("%s has %q", path, text)
			}
		}
		return err
	}))
	if seen < 10 {
		b.Errorf("only %d files were looked at", seen)
	}
}

func TestBundleIsRefused(t *testing.T) {
	t.Parallel()
	b := newBench(t, options{authority: true, noStart: true})
	for _, c := range []struct {
		code string
		in   api.BundleRequest
	}{
		{"WrongRole", api.BundleRequest{Role: "signer", Name: "anna", Password: bundleSecret}},
		{"WrongRole", api.BundleRequest{Role: "user", Name: "anna", Password: bundleSecret}},
		{"WrongRole", api.BundleRequest{Role: "", Name: "anna", Password: bundleSecret}},
		{"InvalidIdentity", api.BundleRequest{Role: "agent", Name: "../x", Password: bundleSecret}},
		{"InvalidIdentity", api.BundleRequest{Role: "agent", Name: "a\"; x", Password: bundleSecret}},
		{"InvalidHost", api.BundleRequest{Role: "agent", Name: "a", Hosts: []string{"a b"}, Password: bundleSecret}},
		{"UnknownForm", api.BundleRequest{Role: "agent", Name: "a", Form: "jks", Password: bundleSecret}},
		{"InvalidPassword", api.BundleRequest{Role: "agent", Name: "a"}},
		{"InvalidPassword", api.BundleRequest{Role: "agent", Name: "a", Password: "1234567"}},
		{"InvalidPassword", api.BundleRequest{Role: "agent", Name: "a", Password: strings.Repeat("x", mostPassword+1)}},
		{"InvalidPassword", api.BundleRequest{Role: "agent", Name: "a", Password: "with a\ttab"}},
		{"InvalidPassword", api.BundleRequest{Role: "agent", Name: "a", Password: "a smile \U0001F600"}},
		{"InvalidPassword", api.BundleRequest{Role: "agent", Name: "a", Form: "pem", Password: bundleSecret}},
		{"InvalidValidity", api.BundleRequest{Role: "agent", Name: "a", Password: bundleSecret, ValidHours: -1}},
	} {
		p := b.refused(422, c.code, "POST", "/authority/bundle", c.in)
		if c.in.Password != "" && strings.Contains(p.Detail, c.in.Password) {
			t.Errorf("%s repeats the password: %s", c.code, p.Detail)
		}
	}
	all, err := b.ca().List()
	b.check(err)
	if len(all) != 1 { // the Cockpit's own
		t.Errorf("%d certificates were issued", len(all))
	}
	without := newBench(t, options{noStart: true})
	without.refused(404, "NoAuthority", "POST", "/authority/bundle", api.BundleRequest{Role: "agent", Name: "a", Password: bundleSecret})
}
