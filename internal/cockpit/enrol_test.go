package cockpit

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/signet-scheduler/signet/api"
	"github.com/signet-scheduler/signet/internal/clock"
	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/fsys"
	"github.com/signet-scheduler/signet/internal/pki"
)

func (b *bench) ca() *pki.CA {
	b.Helper()
	ca, err := pki.OpenCA(fsys.Real{}, b.settings.AuthorityDir)
	b.check(err)
	return ca
}

// csr makes a request for a new key, with names that nobody is to believe.
func csr(b *bench, curve elliptic.Curve) string {
	b.Helper()
	key, err := ecdsa.GenerateKey(curve, rand.Reader)
	b.check(err)
	boss, err := url.Parse("signet://cockpit/boss")
	b.check(err)
	der, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{
		Subject: pkix.Name{CommonName: "boss"}, URIs: []*url.URL{boss}, DNSNames: []string{"boss.example.com"},
	}, key)
	b.check(err)
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: der}))
}

func (b *bench) tokenFor(name string) string {
	b.Helper()
	var out api.EnrolmentToken
	b.call("POST", "/certificates/tokens", api.TokenRequest{Role: "agent", Name: name, Hosts: []string{"host.example.com", "10.0.0.7"}}, &out)
	return out.Token
}

func (b *bench) enrol(token, request string) *httptest.ResponseRecorder {
	b.Helper()
	return b.do(enrolRequest(token, request))
}

func enrolRequest(token, text string) request {
	return request{method: "POST", path: "/enrolment", body: api.EnrolRequest{Token: token, Request: text}}
}

func TestEnrol(t *testing.T) { onBoth(t, options{authority: true, noStart: true}, testEnrol) }

func testEnrol(t *testing.T, b *bench) {
	var made api.EnrolmentToken
	b.call("POST", "/certificates/tokens", api.TokenRequest{Role: "agent", Name: "agent-2", Hosts: []string{"host.example.com", "10.0.0.7"}}, &made)
	root := sha256.Sum256(b.ca().Root(pki.PurposeNode).Raw)
	if made.Fingerprint != hex.EncodeToString(root[:]) || made.Role != "agent" || made.Name != "agent-2" {
		t.Errorf("%+v", made)
	}
	var authority api.EnrolmentAuthority
	b.call("GET", "/enrolment", nil, &authority)
	if authority.Root != string(pki.EncodeCertsPEM(b.ca().Root(pki.PurposeNode))) {
		t.Errorf("another root: %s", authority.Root)
	}
	w := b.enrol(made.Token, csr(b, elliptic.P256()))
	if w.Code != http.StatusOK {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	var got api.Enrolled
	b.check(json.Unmarshal(w.Body.Bytes(), &got))
	chain, err := pki.ParseCertsPEM([]byte(got.Certificate))
	b.check(err)
	pool, err := pki.NewPool([]*x509.Certificate{b.ca().Root(pki.PurposeNode)})
	b.check(err)
	id, err := pki.CheckNode(chain, pool, nil, time.Now(), pki.RoleAgent)
	if err != nil || id.Name != "agent-2" {
		t.Errorf("the certificate is one of %s, %v", id, err)
	}
	if d := cmp.Diff([]string{"host.example.com"}, chain[0].DNSNames); d != "" || len(chain[0].IPAddresses) != 1 {
		t.Errorf("hosts: %s, %v", d, chain[0].IPAddresses)
	}
	if life := chain[0].NotAfter.Sub(chain[0].NotBefore); life > 24*time.Hour+time.Minute {
		t.Errorf("it is valid for %s", life)
	}
	if d := cmp.Diff([]api.EnrolledMember{{Name: "c", Url: "https://localhost:1"}}, got.Members); d != "" || got.Cockpit != "cockpit" || got.Controller != "controller" {
		t.Errorf("%s %+v", d, got)
	}
	b.isRefused(401, "TokenUsed", b.enrol(made.Token, csr(b, elliptic.P256())))
	all, err := b.ca().List()
	b.check(err)
	if last := all[len(all)-1]; !last.Enrolled || last.Name != "agent-2" {
		t.Errorf("the record: %+v", last)
	}
	var audit api.Audit
	b.call("GET", "/audit", nil, &audit)
	if e := audit.Entries[1]; e.Action != "enrol" || e.Result != "done" || e.Method != "token" || e.Objects[0] != "Certificate:agent/agent-2" || !strings.Contains(e.Reason, "admin") {
		t.Errorf("audit: %+v", e)
	}
	for _, e := range audit.Entries {
		if strings.Contains(strings.Join(append(e.Objects, e.Reason), " "), made.Token) {
			t.Error("the token stands in the audit trail")
		}
	}
}

// However many come with the same token at once, at one Cockpit or two, one gets a
// certificate.
func TestTokenIsUsedOnce(t *testing.T) {
	t.Parallel()
	b := newBench(t, options{authority: true, noStart: true, postgres: true})
	other, err := New(context.Background(), b.deps)
	b.check(err)
	defer other.Close()
	token := b.tokenFor("agent-2")
	requests := make([]*http.Request, 8)
	codes := make([]int, len(requests))
	texts := make([]string, len(requests))
	var wg sync.WaitGroup
	for i := range requests {
		handler := b.handler
		if i%2 == 1 {
			handler = other.Handler()
		}
		req := b.request(enrolRequest(token, csr(b, elliptic.P256())))
		wg.Go(func() {
			w := httptest.NewRecorder()
			handler.ServeHTTP(w, req)
			codes[i], texts[i] = w.Code, w.Body.String()
		})
	}
	wg.Wait()
	won := 0
	for i, code := range codes {
		switch {
		case code == http.StatusOK:
			won++
		case code != http.StatusUnauthorized && code != http.StatusTooManyRequests:
			t.Errorf("%d %s", code, texts[i])
		}
	}
	if won != 1 {
		t.Errorf("%d got a certificate: %v", won, texts)
	}
	all, err := b.ca().List()
	b.check(err)
	n := 0
	for _, r := range all {
		if r.Name == "agent-2" {
			n++
		}
	}
	if n != 1 {
		t.Errorf("%d certificates were issued", n)
	}
}

func TestEnrolIsRefused(t *testing.T) {
	t.Parallel()
	fake := clock.NewFake(time.Now())
	b := newBench(t, options{authority: true, noStart: true, clock: fake})
	good := csr(b, elliptic.P256())
	next := func() { fake.Advance(16 * time.Minute); b.token = b.login("admin", adminPassword) } // guessing is forgotten

	// What is wrong with the request doesn't use the token up.
	token := b.tokenFor("agent-2")
	b.isRefused(422, "InvalidCSR", b.enrol(token, "nonsense"))
	damaged := strings.Replace(good, "M", "N", 20)
	if w := b.enrol(token, damaged); w.Code != 422 {
		t.Errorf("a damaged request: %d %s", w.Code, w.Body)
	}
	if w := b.enrol(token, csr(b, elliptic.P224())); w.Code == http.StatusOK {
		t.Error("a weak key got a certificate")
	}
	if w := b.enrol(token, good); w.Code != http.StatusOK {
		t.Errorf("then a good one: %d %s", w.Code, w.Body)
	}

	next()
	token = b.tokenFor("agent-2")
	raw, err := base64.RawURLEncoding.DecodeString(strings.TrimPrefix(token, "signet-"))
	b.check(err)
	// No bit of a token can be changed: neither secret, authority, role nor name.
	for i := 0; i < len(raw); i += 7 {
		changed := append([]byte(nil), raw...)
		changed[i] ^= 1
		b.isRefused(401, "UnknownToken", b.enrol("signet-"+base64.RawURLEncoding.EncodeToString(changed), good))
		next()
	}
	b.isRefused(401, "UnknownToken", b.enrol("", good))
	b.isRefused(401, "TokenExpired", b.enrol(token, good)) // hours have passed
}

func TestTokenExpires(t *testing.T) {
	t.Parallel()
	fake := clock.NewFake(time.Now())
	b := newBench(t, options{authority: true, noStart: true, clock: fake})
	good := csr(b, elliptic.P256())
	first, second := b.tokenFor("agent-2"), b.tokenFor("agent-3")
	fake.Advance(tokenLasts - time.Millisecond)
	if w := b.enrol(first, good); w.Code != http.StatusOK {
		t.Errorf("in time: %d %s", w.Code, w.Body)
	}
	fake.Advance(time.Millisecond)
	b.isRefused(401, "TokenExpired", b.enrol(second, good))
	third := b.tokenFor("agent-3")
	b.isRefused(401, "UnknownToken", b.enrol(second, good))
	if w := b.enrol(third, good); w.Code != http.StatusOK {
		t.Errorf("the newer: %d %s", w.Code, w.Body)
	}
}

// Guessing is slowed down.
func TestEnrolIsThrottled(t *testing.T) {
	t.Parallel()
	b := newBench(t, options{authority: true, noStart: true, clock: clock.NewFake(time.Now())})
	good := csr(b, elliptic.P256())
	last := 0
	for range 10 {
		last = b.enrol("signet-guess", good).Code
	}
	if last != http.StatusTooManyRequests {
		t.Errorf("the tenth guess: %d", last)
	}
}

func TestMakeTokenIsRefused(t *testing.T) {
	t.Parallel()
	b := newBench(t, options{authority: true, noStart: true})
	b.refused(422, "InvalidRequest", "POST", "/certificates/tokens", api.TokenRequest{Role: "cockpit", Name: "cockpit"})
	b.refused(422, "InvalidIdentity", "POST", "/certificates/tokens", api.TokenRequest{Role: "agent", Name: "a/b"})
	b.refused(422, "InvalidHost", "POST", "/certificates/tokens", api.TokenRequest{Role: "agent", Name: "a", Hosts: []string{"*.example.com"}})
	b.refused(404, "UnknownMember", "POST", "/certificates/tokens", api.TokenRequest{Role: "controller", Name: "d"})
	b.refused(404, "UnknownController", "POST", "/certificates/tokens", api.TokenRequest{Role: "agent", Name: "a", Controller: "x"})
	without := newBench(t, options{noStart: true})
	without.refused(404, "NoAuthority", "POST", "/certificates/tokens", api.TokenRequest{Role: "agent", Name: "a"})
	without.refused(404, "NoAuthority", "GET", "/enrolment", nil)
	without.refused(404, "NoAuthority", "POST", "/certificates/revoke", api.RevokeCertificatesRequest{Role: "agent", Name: "a"})
}

// The authority's lists, and those that an administrator puts in, come to every
// member, and stay in the database for other Cockpits.
func TestRevocationListsAreSent(t *testing.T) { onBoth(t, options{authority: true}, testListsAreSent) }

func testListsAreSent(t *testing.T, b *bench) {
	numbers := func() map[string]string {
		b.fake.mu.Lock()
		defer b.fake.mu.Unlock()
		got := map[string]string{}
		for _, n := range b.fake.notices {
			block, _ := pem.Decode([]byte(n.Text))
			list, err := x509.ParseRevocationList(block.Bytes)
			b.check(err)
			got[list.Issuer.CommonName] = list.Number.String()
		}
		return got
	}
	b.eventually("the first lists come", func() bool { return len(numbers()) == 3 })
	issued, err := b.ca().IssueNode(pki.NodeParams{Role: pki.RoleAgent, Name: "agent-2", Now: time.Now()})
	b.check(err)
	var revoked api.RevokedCertificates
	b.call("POST", "/certificates/revoke", api.RevokeCertificatesRequest{Role: "agent", Name: "agent-2", Cause: "keyCompromise", Reason: "stolen"}, &revoked)
	if d := cmp.Diff([]string{issued.Serial}, revoked.Serials); d != "" {
		t.Error(d)
	}
	b.eventually("the next list comes", func() bool { return numbers()["Test node issuer"] == "2" })
	b.refused(404, "UnknownCertificate", "POST", "/certificates/revoke", api.RevokeCertificatesRequest{Role: "agent", Name: "agent-2"})

	// An issuer that has retired goes on revoking, beside the new one.
	held, err := b.ca().IssueNode(pki.NodeParams{Role: pki.RoleAgent, Name: "agent-3", Now: time.Now()})
	b.check(err)
	b.check(b.ca().Rotate(pki.RotateParams{Purpose: pki.PurposeNode, Root: true, Now: time.Now()}))
	b.eventually("the lists of both issuers come", func() bool {
		return numbers()["Test node issuer"] == "3" && numbers()["Test node issuer 2"] == "3"
	})
	b.check(b.ca().Revoke(held.Serial, pki.ReasonSuperseded, time.Now()))
	b.eventually("the next ones come", func() bool {
		return numbers()["Test node issuer"] == "4" && numbers()["Test node issuer 2"] == "4"
	})

	company, err := pki.InitCA(fsys.Real{}, t.TempDir(), pki.CAParams{Organization: "Company", Now: time.Now()})
	b.check(err)
	list, err := company.CRL(pki.PurposeSigning, time.Now())
	b.check(err)
	b.refused(422, "NoIssuer", "POST", "/certificates/revocations", api.PublishRevocationsRequest{List: string(list)})
	b.refused(422, "InvalidCRL", "POST", "/certificates/revocations", api.PublishRevocationsRequest{List: "x"})
	whole := string(list) + string(pki.EncodeCertsPEM(company.Issuer(pki.PurposeSigning)))
	b.call("POST", "/certificates/revocations", api.PublishRevocationsRequest{List: whole}, nil)
	b.eventually("that list comes", func() bool { return numbers()["Company signing issuer"] == "2" })
	newer, err := company.CRL(pki.PurposeSigning, time.Now())
	b.check(err)
	b.call("POST", "/certificates/revocations", api.PublishRevocationsRequest{List: string(newer) + string(pki.EncodeCertsPEM(company.Issuer(pki.PurposeSigning)))}, nil)
	b.refused(409, "OlderCRL", "POST", "/certificates/revocations", api.PublishRevocationsRequest{List: whole})
	var all api.RevocationLists
	b.call("GET", "/certificates/revocations", nil, &all)
	if len(all.Lists) != 5 || !all.Authority {
		t.Errorf("%d lists: %+v", len(all.Lists), all.Lists)
	}
	// Another Cockpit on the database, on another machine, has them too.
	b.stop()
	b.settings.DataDir, b.settings.AuthorityDir = t.TempDir(), ""
	b.fake.mu.Lock()
	b.fake.notices = nil
	b.fake.mu.Unlock()
	b.start()
	b.eventually("they come from there", func() bool { return numbers()["Company signing issuer"] == "3" && numbers()["Test node issuer"] == "4" })
}

// At the level high the Cockpit can't make signers, whatever it is given.
func TestNoSignersKeyAtLevelHigh(t *testing.T) {
	t.Parallel()
	b := newBench(t, options{authority: true, noStart: true})
	set := *b.settings
	set.SecurityLevel = "high"
	c := &Cockpit{deps: b.deps, settings: &set}
	c.deps.FS = fsys.Real{}
	for _, key := range []string{"issuer.key", "root.key"} {
		if err := c.checkAuthority(); !fault.HasCode(err, "SignersKeyHere") {
			t.Errorf("with %s: %v", key, err)
		}
		b.check(os.Remove(filepath.Join(set.AuthorityDir, "signing", key)))
	}
	if err := c.checkAuthority(); err != nil {
		t.Errorf("without it: %v", err)
	}
}

// Nor by the key of an issuer that has retired.
func TestNoRetiredSignersKeyAtLevelHigh(t *testing.T) {
	t.Parallel()
	b := newBench(t, options{authority: true, noStart: true})
	set := *b.settings
	set.SecurityLevel = "high"
	c := &Cockpit{deps: b.deps, settings: &set}
	c.deps.FS = fsys.Real{}
	b.check(b.ca().Rotate(pki.RotateParams{Purpose: pki.PurposeSigning, Now: time.Now()}))
	for _, key := range []string{"issuer-2.key", "root.key"} {
		b.check(os.Remove(filepath.Join(set.AuthorityDir, "signing", key)))
	}
	if err := c.checkAuthority(); !fault.HasCode(err, "SignersKeyHere") {
		t.Errorf("with the key of the issuer before: %v", err)
	}
}
