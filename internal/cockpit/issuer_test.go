package cockpit

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"os"
	"testing"
	"time"

	"github.com/signet-scheduler/signet/api"
	"github.com/signet-scheduler/signet/internal/fsys"
	"github.com/signet-scheduler/signet/internal/pki"
)

// company is an authority that isn't ours.
type company struct {
	root *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newCompany(b *bench) *company {
	b.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	b.check(err)
	root := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Company root"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().AddDate(20, 0, 0),
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign, BasicConstraintsValid: true, IsCA: true, SubjectKeyId: []byte{1},
	}
	der, err := x509.CreateCertificate(rand.Reader, root, root, key.Public(), key)
	b.check(err)
	root, err = x509.ParseCertificate(der)
	b.check(err)
	return &company{root, key}
}

// answer certifies the issuer of a request for parts, with a path length.
func (c *company) answer(b *bench, request string, length int) string {
	b.Helper()
	csr, err := pki.ParseCSR([]byte(request))
	b.check(err)
	der, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: csr.Subject, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().AddDate(5, 0, 0),
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		BasicConstraintsValid: true, IsCA: true, MaxPathLen: length, MaxPathLenZero: length == 0, SubjectKeyId: []byte{2},
	}, c.root, csr.PublicKey, c.key)
	b.check(err)
	issuer, err := x509.ParseCertificate(der)
	b.check(err)
	return string(pki.EncodeCertsPEM(issuer, c.root))
}

// The company certifies the issuer; the own root is trusted as well until it is over.
func TestCompanyIssuer(t *testing.T) {
	t.Parallel()
	b := newBench(t, options{authority: true, noStart: true})
	var asked, again, anew api.IssuerRequest
	b.call("POST", "/authority/request", api.RequestIssuerRequest{Purpose: "node", Reason: "the company's root"}, &asked)
	b.call("POST", "/authority/request", api.RequestIssuerRequest{Purpose: "node"}, &again)
	b.call("POST", "/authority/request", api.RequestIssuerRequest{Purpose: "node", Anew: true}, &anew)
	if asked != again || asked.Request == anew.Request || b.authorityOf(pki.PurposeNode).Request != anew.Request {
		t.Error("the same request until another is wanted")
	}
	c := newCompany(b)
	b.refused(422, "UnusableAnswer", "POST", "/authority/adopt", api.AdoptIssuerRequest{Purpose: "node", Answer: c.answer(b, anew.Request, 1)})
	b.refused(422, "UnusableAnswer", "POST", "/authority/adopt", api.AdoptIssuerRequest{Purpose: "node", Answer: c.answer(b, asked.Request, 0)})
	if m := b.authorityOf(pki.PurposeNode).Members; len(m) != 2 {
		t.Errorf("what was refused has changed it: %+v", m)
	}
	b.call("POST", "/authority/adopt", api.AdoptIssuerRequest{Purpose: "node", Answer: c.answer(b, anew.Request, 0), Reason: "as asked"}, nil)
	node := b.authorityOf(pki.PurposeNode)
	if node.Request != "" || len(node.Members) != 4 || node.Members[0].Subject != "CN=Company root" || node.Members[0].Key || node.Members[1].State != "overlap" || !node.Issues {
		t.Errorf("%+v", node)
	}
	issued := b.issue(api.IssueRequest{Role: "agent", Name: "agent-2"})
	chain, err := pki.ParseCertsPEM([]byte(issued.Certificate))
	b.check(err)
	pool, err := pki.NewPool([]*x509.Certificate{c.root})
	b.check(err)
	if _, err := pki.CheckNode(chain, pool, nil, time.Now(), pki.RoleAgent); err != nil {
		t.Errorf("below the company's root: %v", err)
	}
	var audit api.Audit
	b.call("GET", "/audit?action=adoptIssuer", nil, &audit)
	if e := audit.Entries[0]; len(audit.Entries) != 3 || e.Result != "done" || e.Objects[0] != "Authority:node" || e.Reason != "as asked" || audit.Entries[1].Result != "UnusableAnswer" {
		t.Errorf("%+v", audit.Entries)
	}
}

func TestCompanyIssuerIsRefused(t *testing.T) {
	t.Parallel()
	b := newBench(t, options{authority: true, noStart: true})
	b.refused(422, "UnknownPurpose", "POST", "/authority/request", api.RequestIssuerRequest{Purpose: "x"})
	b.refused(422, "UnknownPurpose", "POST", "/authority/adopt", api.AdoptIssuerRequest{Purpose: "x"})
	b.refused(404, "NoRequest", "POST", "/authority/adopt", api.AdoptIssuerRequest{Purpose: "node", Answer: "x"})
	b.settings.SecurityLevel = levelHigh
	b.refused(403, "SignersElsewhere", "POST", "/authority/request", api.RequestIssuerRequest{Purpose: "signing"})
	b.refused(403, "SignersElsewhere", "POST", "/authority/adopt", api.AdoptIssuerRequest{Purpose: "signing", Answer: "x"})
	without := newBench(t, options{noStart: true})
	without.refused(404, "NoAuthority", "POST", "/authority/request", api.RequestIssuerRequest{Purpose: "node"})
	without.refused(404, "NoAuthority", "POST", "/authority/adopt", api.AdoptIssuerRequest{Purpose: "node", Answer: "x"})
}

// As long as the company hasn't answered, there is nothing to show and to issue with.
func TestAuthorityWaitsForTheCompany(t *testing.T) {
	t.Parallel()
	b := newBench(t, options{authority: true, noStart: true})
	b.check(os.RemoveAll(b.settings.AuthorityDir))
	_, err := pki.InitCA(fsys.Real{}, b.settings.AuthorityDir, pki.CAParams{Organization: "Waiting", Company: pki.Purposes(), Now: time.Now()})
	b.check(err)
	if node := b.authorityOf(pki.PurposeNode); len(node.Members) != 0 || node.Issues || node.Roots != "" || node.Request != "" {
		t.Errorf("%+v", node)
	}
	for _, role := range []string{"agent", "signer", "user"} {
		b.refused(404, "NoIssuer", "POST", "/authority/issue", api.IssueRequest{Role: role, Name: "a", Request: csr(b, elliptic.P256())})
	}
	b.refused(404, "NoIssuer", "POST", "/authority/bundle", api.BundleRequest{Role: "agent", Name: "a", Password: bundleSecret})
}
