package cockpit

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"encoding/hex"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/signet-scheduler/signet/api"
	"github.com/signet-scheduler/signet/internal/fsys"
	"github.com/signet-scheduler/signet/internal/pki"
)

// An authority whose issuers a company certifies: until its answer comes, nobody
// enrols, and nothing is wrong; then everything is as with an own one.
func TestCompanyCertifiesTheIssuer(t *testing.T) {
	t.Parallel()
	b := newBench(t, options{authority: true})
	b.stop()
	b.check(os.RemoveAll(b.settings.AuthorityDir))
	ca, err := pki.InitCA(fsys.Real{}, b.settings.AuthorityDir, pki.CAParams{Organization: "Waiting", Company: pki.Purposes(), Now: time.Now()})
	b.check(err)
	b.start()
	b.refused(404, "NoIssuer", "POST", "/certificates/tokens", api.TokenRequest{Role: "agent", Name: "agent-2"})
	b.refused(404, "NoIssuer", "GET", "/enrolment", nil)
	for _, p := range pki.Purposes() {
		if err := b.c.lookAtList(t.Context(), p, map[pki.Purpose]string{}); err != nil {
			t.Errorf("%s: %v", p, err)
		}
	}

	root, answer := answered(b, ca)
	b.check(ca.AdoptIssuer(pki.AdoptParams{Purpose: pki.PurposeNode, Answer: answer, Now: time.Now()}))
	var made api.EnrolmentToken
	b.call("POST", "/certificates/tokens", api.TokenRequest{Role: "agent", Name: "agent-2"}, &made)
	if sum := sha256.Sum256(root.Raw); made.Fingerprint != hex.EncodeToString(sum[:]) {
		t.Errorf("%+v", made)
	}
	b.eventually("its list is sent", func() bool {
		b.fake.mu.Lock()
		defer b.fake.mu.Unlock()
		for _, n := range b.fake.notices {
			block, _ := pem.Decode([]byte(n.Text))
			if list, err := x509.ParseRevocationList(block.Bytes); err == nil && list.Issuer.CommonName == "Waiting node issuer" {
				return true
			}
		}
		return false
	})
}

// answered has the root of another authority certify what an authority has requested.
func answered(b *bench, ca *pki.CA) (root *x509.Certificate, answer []byte) {
	b.Helper()
	dir := b.TempDir()
	company, err := pki.InitCA(fsys.Real{}, filepath.Join(dir, "company"), pki.CAParams{Organization: "Company", Now: time.Now()})
	b.check(err)
	key, err := pki.ReadKeyPEM(filepath.Join(dir, "company", "node", "root.key"))
	b.check(err)
	text, err := ca.RequestIssuer(pki.RequestParams{Purpose: pki.PurposeNode})
	b.check(err)
	request, err := pki.ParseCSR(text)
	b.check(err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(7), RawSubject: request.RawSubject, NotBefore: time.Now().Add(-time.Second), NotAfter: time.Now().Add(time.Hour),
		BasicConstraintsValid: true, IsCA: true, MaxPathLenZero: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
	}
	for _, e := range request.Extensions {
		if e.Id.Equal(asn1.ObjectIdentifier{2, 5, 29, 37}) {
			template.ExtraExtensions = append(template.ExtraExtensions, e)
		}
	}
	root = company.Root(pki.PurposeNode)
	der, err := x509.CreateCertificate(rand.Reader, template, root, request.PublicKey, key)
	b.check(err)
	issuer, err := x509.ParseCertificate(der)
	b.check(err)
	return root, pki.EncodeCertsPEM(issuer, root)
}
