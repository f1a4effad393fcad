package cockpit

import (
	"crypto/elliptic"
	"crypto/x509"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/signet-scheduler/signet/api"
	"github.com/signet-scheduler/signet/internal/clock"
	"github.com/signet-scheduler/signet/internal/pki"
)

// issue makes a certificate by the API.
func (b *bench) issue(in api.IssueRequest) (out api.IssuedCertificate) {
	b.Helper()
	if in.Request == "" {
		in.Request = csr(b, elliptic.P256())
	}
	b.call("POST", "/authority/issue", in, &out)
	return out
}

func (b *bench) authorityOf(p pki.Purpose) api.AuthorityPurpose {
	b.Helper()
	var out api.Authority
	b.call("GET", "/authority", nil, &out)
	i := slices.IndexFunc(out.Purposes, func(x api.AuthorityPurpose) bool { return x.Purpose == string(p) })
	if len(out.Purposes) != 3 || i < 0 {
		b.Fatalf("%+v", out)
	}
	return out.Purposes[i]
}

// Of a request the key counts and nothing else: usages and names are ours.
func TestIssueFromRequest(t *testing.T) {
	t.Parallel()
	b := newBench(t, options{authority: true, noStart: true})
	for _, c := range []struct {
		role  string
		hosts []string
		usage []x509.ExtKeyUsage
		check func(chain []*x509.Certificate, roots *x509.CertPool) (pki.Identity, error)
	}{
		{"agent", []string{"host.example.com", "10.0.0.7"}, []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}, func(chain []*x509.Certificate, roots *x509.CertPool) (pki.Identity, error) {
			return pki.CheckNode(chain, roots, nil, time.Now(), pki.RoleAgent)
		}},
		{"signer", nil, []x509.ExtKeyUsage{x509.ExtKeyUsageCodeSigning}, func(chain []*x509.Certificate, roots *x509.CertPool) (pki.Identity, error) {
			return pki.CheckSigner(chain, roots, nil, time.Now())
		}},
		{"user", nil, []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}, func(chain []*x509.Certificate, roots *x509.CertPool) (pki.Identity, error) {
			return pki.CheckUser(chain, roots, nil, time.Now())
		}},
	} {
		got := b.issue(api.IssueRequest{Role: c.role, Name: "anna", Hosts: c.hosts, ValidHours: 48, Reason: "for a test"})
		chain, err := pki.ParseCertsPEM([]byte(got.Certificate))
		b.check(err)
		roots, err := pki.ParseCertsPEM([]byte(got.Roots))
		b.check(err)
		pool, err := pki.NewPool(roots)
		b.check(err)
		id, err := c.check(chain, pool)
		if err != nil || id.Name != "anna" || string(id.Role) != c.role {
			t.Errorf("%s: it is %s's, %v", c.role, id, err)
		}
		if d := cmp.Diff(c.usage, chain[0].ExtKeyUsage); d != "" || chain[0].Subject.CommonName != "anna" {
			t.Errorf("%s: %s %s", c.role, d, chain[0].Subject)
		}
		if names := slices.Concat(chain[0].DNSNames, ipTexts(chain[0])); !slices.Equal(names, c.hosts) || !slices.Equal(got.Hosts, c.hosts) {
			t.Errorf("%s: hosts %v, %v", c.role, names, got.Hosts)
		}
		if life := chain[0].NotAfter.Sub(chain[0].NotBefore); life > 48*time.Hour+time.Minute {
			t.Errorf("%s: valid for %s", c.role, life)
		}
		if got.State != "valid" || got.Serial != pki.Serial(chain[0]) || got.Fingerprint != fingerprint(chain[0].Raw) {
			t.Errorf("%s: %+v", c.role, got)
		}
		var again api.IssuedCertificate
		b.call("GET", "/authority/certificates/"+got.Serial, nil, &again)
		if d := cmp.Diff(got, again); d != "" {
			t.Error(d)
		}
	}
	var audit api.Audit
	b.call("GET", "/audit?action=issueCertificate", nil, &audit)
	if e := audit.Entries[0]; len(audit.Entries) != 3 || e.Result != "done" || e.Objects[0] != "Certificate:user/anna" || e.Reason != "for a test" {
		t.Errorf("audit: %+v", audit.Entries)
	}
}

func ipTexts(c *x509.Certificate) (all []string) {
	for _, ip := range c.IPAddresses {
		all = append(all, ip.String())
	}
	return all
}

func TestIssueIsRefused(t *testing.T) {
	t.Parallel()
	b := newBench(t, options{authority: true, noStart: true})
	good := csr(b, elliptic.P256())
	for _, c := range []struct {
		status int
		code   string
		in     api.IssueRequest
	}{
		{422, "InvalidIdentity", api.IssueRequest{Role: "boss", Name: "a", Request: good}},
		{422, "InvalidIdentity", api.IssueRequest{Role: "agent", Name: "a/b", Request: good}},
		{422, "InvalidIdentity", api.IssueRequest{Role: "agent", Name: "", Request: good}},
		{422, "InvalidHost", api.IssueRequest{Role: "agent", Name: "a", Hosts: []string{"*.example.com"}, Request: good}},
		{422, "InvalidHost", api.IssueRequest{Role: "agent", Name: "a", Hosts: []string{"0.0.0.0"}, Request: good}},
		{422, "InvalidRequest", api.IssueRequest{Role: "signer", Name: "a", Hosts: []string{"a.example.com"}, Request: good}},
		{422, "InvalidValidity", api.IssueRequest{Role: "agent", Name: "a", ValidHours: maxValidHours + 1, Request: good}},
		{422, "InvalidValidity", api.IssueRequest{Role: "agent", Name: "a", ValidHours: -1, Request: good}},
		{422, "InvalidCSR", api.IssueRequest{Role: "agent", Name: "a", Request: "nonsense"}},
		{422, "InvalidCSR", api.IssueRequest{Role: "agent", Name: "a", Request: good + good}},
		{413, "BodyTooLarge", api.IssueRequest{Role: "agent", Name: "a", Request: strings.Repeat("x", keyBody)}},
	} {
		b.refused(c.status, c.code, "POST", "/authority/issue", c.in)
	}
	if w := b.do(request{method: "POST", path: "/authority/issue", body: api.IssueRequest{Role: "agent", Name: "a", Request: csr(b, elliptic.P224())}}); w.Code == http.StatusOK {
		t.Error("a weak key got a certificate")
	}
	all, err := b.ca().List()
	b.check(err)
	if len(all) != 1 { // the Cockpit's own
		t.Errorf("%d certificates were issued", len(all))
	}
	without := newBench(t, options{noStart: true})
	without.refused(404, "NoAuthority", "GET", "/authority", nil)
	without.refused(404, "NoAuthority", "GET", "/authority/certificates", nil)
	without.refused(404, "NoAuthority", "GET", "/authority/certificates/4f", nil)
	without.refused(404, "NoAuthority", "POST", "/authority/issue", api.IssueRequest{Role: "agent", Name: "a", Request: good})
	without.refused(404, "NoAuthority", "POST", "/authority/renew", api.RenewRequest{Serial: "4f", Request: good})
	without.refused(404, "NoAuthority", "POST", "/authority/revoke", api.RevokeCertificateRequest{Serial: "4f"})
}

// At the level high no Cockpit makes a signer, neither from a request nor by
// renewing, even if somebody puts the key into the folder (invariant 26).
func TestNoSignersAtLevelHigh(t *testing.T) {
	t.Parallel()
	b := newBench(t, options{authority: true, noStart: true})
	signer := b.issue(api.IssueRequest{Role: "signer", Name: "anna"})
	if !b.authorityOf(pki.PurposeSigning).Issues {
		t.Error("it should issue signers at the level low")
	}
	b.settings.SecurityLevel = levelHigh
	good := csr(b, elliptic.P256())
	b.refused(403, "SignersElsewhere", "POST", "/authority/issue", api.IssueRequest{Role: "signer", Name: "bob", Request: good})
	b.refused(403, "SignersElsewhere", "POST", "/authority/renew", api.RenewRequest{Serial: signer.Serial, Request: good})
	if b.authorityOf(pki.PurposeSigning).Issues || !b.authorityOf(pki.PurposeNode).Issues {
		t.Error("which purposes it issues for")
	}
	b.issue(api.IssueRequest{Role: "agent", Name: "agent-2"})
	b.check(os.Remove(filepath.Join(b.settings.AuthorityDir, "user", "issuer.key")))
	b.refused(404, "NoIssuerKey", "POST", "/authority/issue", api.IssueRequest{Role: "user", Name: "anna", Request: good})
}

func TestRenewAndRevokeBySerial(t *testing.T) {
	t.Parallel()
	b := newBench(t, options{authority: true, noStart: true})
	first := b.issue(api.IssueRequest{Role: "agent", Name: "agent-2", Hosts: []string{"host2.example.com"}})
	other := b.issue(api.IssueRequest{Role: "agent", Name: "agent-2"})
	var next api.IssuedCertificate
	b.call("POST", "/authority/renew", api.RenewRequest{Serial: first.Serial, Request: csr(b, elliptic.P384())}, &next)
	if next.Renews != first.Serial || next.Name != "agent-2" || !slices.Equal(next.Hosts, first.Hosts) {
		t.Errorf("%+v", next)
	}
	states := func() map[string]string {
		var out api.IssuedCertificates
		b.call("GET", "/authority/certificates?text=agent/", nil, &out)
		got := map[string]string{}
		for _, c := range out.Certificates {
			got[c.Serial] = c.State
		}
		return got
	}
	if d := cmp.Diff(map[string]string{first.Serial: "renewed", other.Serial: "valid", next.Serial: "valid"}, states()); d != "" {
		t.Error(d)
	}
	var revoked api.RevokedCertificates
	for range 2 { // again changes nothing
		b.call("POST", "/authority/revoke", api.RevokeCertificateRequest{Serial: next.Serial, Cause: "keyCompromise", Reason: "stolen"}, &revoked)
		if !slices.Equal(revoked.Serials, []string{next.Serial}) {
			t.Errorf("%v", revoked)
		}
	}
	// Its successor being revoked, the first one counts again, and has to be seen.
	if d := cmp.Diff(map[string]string{first.Serial: "valid", other.Serial: "valid", next.Serial: "revoked"}, states()); d != "" {
		t.Error(d)
	}
	if n := b.authorityOf(pki.PurposeNode).Issued; n != (api.IssuedCounts{Valid: 3, Revoked: 1}) {
		t.Errorf("%+v", n)
	}
	good := csr(b, elliptic.P256())
	b.refused(409, "CertificateRevoked", "POST", "/authority/renew", api.RenewRequest{Serial: next.Serial, Request: good})
	b.refused(404, "UnknownCertificate", "POST", "/authority/renew", api.RenewRequest{Serial: "4f", Request: good})
	b.refused(422, "InvalidCSR", "POST", "/authority/renew", api.RenewRequest{Serial: first.Serial, Request: "x"})
	b.refused(422, "InvalidValidity", "POST", "/authority/renew", api.RenewRequest{Serial: first.Serial, Request: good, ValidHours: -1})
	b.refused(404, "UnknownCertificate", "POST", "/authority/revoke", api.RevokeCertificateRequest{Serial: "../index"})
	b.refused(422, "UnknownReason", "POST", "/authority/revoke", api.RevokeCertificateRequest{Serial: first.Serial, Cause: "dislike"})
	b.refused(404, "UnknownCertificate", "GET", "/authority/certificates/4f", nil)
	var audit api.Audit
	b.call("GET", "/audit?action=revokeCertificate", nil, &audit)
	if e := audit.Entries[len(audit.Entries)-1]; e.Result != "done" || e.Objects[0] != "Certificate:agent/agent-2" || e.Reason != "stolen" {
		t.Errorf("audit: %+v", e)
	}
}

// The list has those first that need somebody, in pages, and finds.
func TestListIssued(t *testing.T) {
	t.Parallel()
	fake := clock.NewFake(time.Now())
	b := newBench(t, options{authority: true, noStart: true, clock: fake})
	b.settings.SessionMax = 100 * 24 * time.Hour
	for i, hours := range []int64{24 * 300, 24 * 200, 24 * 100, 24 * 104, 24} {
		b.issue(api.IssueRequest{Role: "agent", Name: "agent-" + strconv.Itoa(i), Hosts: []string{"HOST" + strconv.Itoa(i)}, ValidHours: hours})
	}
	user := b.issue(api.IssueRequest{Role: "user", Name: "anna", ValidHours: 24 * 330})
	fake.Advance(80 * 24 * time.Hour)
	b.token = b.login("admin", adminPassword)
	list := func(query string) (names []string, out api.IssuedCertificates) {
		b.call("GET", "/authority/certificates?"+query, nil, &out)
		for _, c := range out.Certificates {
			names = append(names, c.State+" "+c.Name)
		}
		return names, out
	}
	whole, out := list("")
	want := []string{"soon agent-2", "soon agent-3", "valid agent-1", "valid agent-0", "valid anna", "valid cockpit", "ended agent-4"}
	if d := cmp.Diff(want, whole); d != "" || out.Total != 7 || out.Cursor != "" {
		t.Errorf("%s %+v", d, out)
	}
	var paged []string
	cursor := ""
	for range 4 {
		names, out := list("limit=2&cursor=" + cursor)
		paged, cursor = append(paged, names...), out.Cursor
		if out.Total != 7 {
			t.Errorf("total %d", out.Total)
		}
	}
	if d := cmp.Diff(want, paged); d != "" || cursor != "" {
		t.Errorf("in pages: %s, then %q", d, cursor)
	}
	for query, want := range map[string][]string{
		"purpose=user": {"valid anna"}, "state=soon,ended": {"soon agent-2", "soon agent-3", "ended agent-4"}, "text=host1": {"valid agent-1"},
		"text=" + user.Serial[:12]: {"valid anna"}, "text=AGENT/agent-0": {"valid agent-0"}, "text=nobody": nil, "purpose=node&state=valid&limit=1": {"valid agent-1"},
	} {
		if names, _ := list(query); !slices.Equal(names, want) {
			t.Errorf("%s: %q", query, names)
		}
	}
	for _, query := range []string{"purpose=x", "state=x", "limit=0", "limit=20000", "text=" + strings.Repeat("x", 201), "nonsense=1"} {
		b.refused(422, "InvalidQuery", "GET", "/authority/certificates?"+query, nil)
	}
	b.refused(422, "InvalidCursor", "GET", "/authority/certificates?cursor=%21", nil)
	b.refused(409, "PageGone", "GET", "/authority/certificates?cursor="+writeCursor("4f"), nil)
}

// A rotation is seen: roots that are trusted for a time, issuers that only revoke.
func TestGetAuthority(t *testing.T) {
	t.Parallel()
	b := newBench(t, options{authority: true, noStart: true})
	b.issue(api.IssueRequest{Role: "agent", Name: "agent-2"})
	b.check(b.ca().Rotate(pki.RotateParams{Purpose: pki.PurposeNode, Root: true, IssuerValidity: 60 * 24 * time.Hour, Now: time.Now()}))
	b.check(os.Remove(filepath.Join(b.settings.AuthorityDir, "node", "root.key")))
	node := b.authorityOf(pki.PurposeNode)
	var got []string
	for _, m := range node.Members {
		got = append(got, m.Kind+" "+m.State+" "+strconv.FormatBool(m.Key)+" "+m.Ends)
	}
	want := []string{"root inForce true good", "root overlap false good", "issuer inForce true good", "issuer retired true good"}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	root := b.ca().Root(pki.PurposeNode)
	if m := node.Members[0]; m.Serial != pki.Serial(root) || m.Fingerprint != fingerprint(root.Raw) || m.Subject != root.Subject.String() || m.NotAfter != root.NotAfter.UnixMilli() {
		t.Errorf("%+v", m)
	}
	roots, err := pki.ParseCertsPEM([]byte(node.Roots))
	b.check(err)
	if len(roots) != 2 || !node.Issues || node.Issued.Valid != 2 {
		t.Errorf("%d roots, %+v", len(roots), node)
	}
	if until := node.Members[3].Until; until >= node.Members[3].NotAfter {
		t.Error("a retired issuer is of use until the last that it has issued ends")
	}
}

// What ends within 90 days, or in the last quarter of a shorter life, is warned of.
func TestAuthorityEnds(t *testing.T) {
	t.Parallel()
	const day = int64(24 * 60 * 60 * 1000)
	for _, c := range []struct {
		from, to, now int64
		want          string
	}{
		{0, 3650, 3559, "good"}, {0, 3650, 3561, "soon"}, {0, 3650, 3650, "over"}, {0, 40, 29, "good"}, {0, 40, 31, "soon"},
	} {
		if got := endState(c.from*day+1, c.to*day, authorityEndsSoon, time.UnixMilli(c.now*day)); got != c.want {
			t.Errorf("day %d of %d: %s", c.now, c.to, got)
		}
	}
}
