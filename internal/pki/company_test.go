package pki_test

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/fsys"
	"github.com/signet-scheduler/signet/internal/pki"
)

// company is a company's authority: a root, and possibly authorities below it.
type company struct {
	t    testing.TB
	path []*x509.Certificate // from the root down
	keys []crypto.Signer
}

// newCompany makes one with so many authorities below the root.
func newCompany(t testing.TB, name string, below int) *company {
	t.Helper()
	c := &company{t: t}
	for i := range below + 1 {
		key := newKey(t)
		template := authorityTemplate(name+" root", 2000-i)
		template.MaxPathLen = below + 1 - i
		if i > 0 {
			template.Subject.CommonName = name + " authority " + string(rune('0'+i))
		}
		c.path = append(c.path, c.sign(template, key.Public(), key))
		c.keys = append(c.keys, key)
	}
	return c
}

func newKey(t testing.TB) crypto.Signer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// authorityTemplate is valid for some days.
func authorityTemplate(name string, days int) *x509.Certificate {
	id := make([]byte, 20)
	_, _ = rand.Read(id)
	return &x509.Certificate{
		SerialNumber: new(big.Int).SetBytes(id[:10]), Subject: pkix.Name{Organization: []string{"Company"}, CommonName: name},
		NotBefore: now.Add(-day), NotAfter: now.AddDate(0, 0, days), SubjectKeyId: id,
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign, BasicConstraintsValid: true, IsCA: true,
	}
}

// sign signs by the lowest authority; the first one is signed by itself.
func (c *company) sign(template *x509.Certificate, pub crypto.PublicKey, own crypto.Signer) *x509.Certificate {
	c.t.Helper()
	parent, key := template, own
	if n := len(c.path); n > 0 {
		parent, key = c.path[n-1], c.keys[n-1]
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, pub, key)
	if err != nil {
		c.t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		c.t.Fatal(err)
	}
	return cert
}

func (c *company) root() *x509.Certificate { return c.path[0] }

// certify answers a request as a company does that grants what was asked for, but for
// what change does.
func (c *company) certify(request []byte, change func(*x509.Certificate)) *x509.Certificate {
	c.t.Helper()
	csr, err := pki.ParseCSR(request)
	if err != nil {
		c.t.Fatal(err)
	}
	template := authorityTemplate("", 500)
	template.RawSubject = csr.RawSubject
	template.MaxPathLenZero = true
	for _, e := range csr.Extensions {
		if e.Id.Equal(asn1.ObjectIdentifier{2, 5, 29, 37}) {
			template.ExtraExtensions = append(template.ExtraExtensions, e)
		}
	}
	if change != nil {
		change(template)
	}
	return c.sign(template, csr.PublicKey, nil)
}

// answer is the certificate with all above it, the root first, as somebody may put
// them together.
func (c *company) answer(issuer *x509.Certificate) []byte {
	return append(pki.EncodeCertsPEM(c.path...), pki.EncodeCertsPEM(issuer)...)
}

func request(t testing.TB, ca *pki.CA, p pki.Purpose) []byte {
	t.Helper()
	text, err := ca.RequestIssuer(pki.RequestParams{Purpose: p})
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// adopt asks a company and takes its answer.
func adopt(t testing.TB, ca *pki.CA, p pki.Purpose, c *company) {
	t.Helper()
	answer := c.answer(c.certify(request(t, ca, p), nil))
	if err := ca.AdoptIssuer(pki.AdoptParams{Purpose: p, Answer: answer, Now: now}); err != nil {
		t.Fatal(err)
	}
}

func accepted(t *testing.T, who *pki.Issued, roots ...*x509.Certificate) bool {
	t.Helper()
	_, err := pki.CheckNode(who.Chain, pool(t, roots...), nil, now)
	return err == nil
}

// From an own root to a company's: with overlap, as in a rotation; then to another
// issuer below the same root; then to another company's.
func TestAdoptIssuer(t *testing.T) {
	t.Parallel()
	for below := range 3 {
		dir := filepath.Join(t.TempDir(), "ca")
		ca, err := pki.InitCA(fsys.Real{}, dir, pki.CAParams{Organization: "Test", Now: now})
		if err != nil {
			t.Fatal(err)
		}
		one := newCompany(t, "One", below)
		own := ca.Root(pki.PurposeNode)
		before := agentCert(t, ca, "before", now)
		text := request(t, ca, pki.PurposeNode)
		if again := request(t, ca, pki.PurposeNode); !bytes.Equal(text, again) {
			t.Error("asked again, it is another request")
		}
		if waits, err := ca.Requested(pki.PurposeNode); err != nil || !bytes.Equal(waits, text) {
			t.Errorf("requested: %v", err)
		}
		adopt(t, ca, pki.PurposeNode, one)
		during := agentCert(t, ca, "during", now)
		if !accepted(t, before, ca.Roots(pki.PurposeNode)...) || !accepted(t, during, own) || !accepted(t, during, one.root()) || accepted(t, before, one.root()) {
			t.Error("during the overlap")
		}
		if !ca.CommonRoot(pki.PurposeNode).Equal(own) || len(during.Chain) != 3+below {
			t.Errorf("common root %s, %d certificates shown", ca.CommonRoot(pki.PurposeNode).Subject, len(during.Chain))
		}
		if waits, err := ca.Requested(pki.PurposeNode); err != nil || waits != nil {
			t.Errorf("requested: %v", err)
		}
		for _, gone := range []string{"request.key", "request.csr"} {
			if _, err := os.Stat(filepath.Join(dir, "node", gone)); err == nil {
				t.Errorf("%s is still there", gone)
			}
		}
		wantCode(t, ca.AdoptIssuer(pki.AdoptParams{Purpose: pki.PurposeNode, Answer: text, Now: now}), "NoRequest")
		wantCode(t, ca.Rotate(pki.RotateParams{Purpose: pki.PurposeNode, Now: now}), "CompanyRoot")
		wantCode(t, ca.FinishRotation(pki.PurposeNode, false, now), "CertificatesInForce")
		if err := ca.Revoke(before.Serial, "", now); err != nil {
			t.Fatal(err)
		}
		if err := ca.FinishRotation(pki.PurposeNode, false, now); err != nil {
			t.Fatal(err)
		}
		_, err = ca.RenewIssuer(pki.PurposeNode, 0, now)
		wantCode(t, err, "CompanyRoot")
		if _, err := os.Stat(filepath.Join(dir, "node", "root.key")); err == nil {
			t.Error("the key of the old root is still there")
		}

		// Another issuer of the same company: nothing new is to be trusted.
		adopt(t, ca, pki.PurposeNode, one)
		second := agentCert(t, ca, "second", now)
		if !accepted(t, second, one.root()) || len(ca.Roots(pki.PurposeNode)) != 1 || second.Chain[1].Equal(during.Chain[1]) {
			t.Error("another issuer of the same company")
		}
		if err := ca.Revoke(during.Serial, "", now); err != nil {
			t.Fatal(err)
		}
		_, err = pki.CheckNode(during.Chain, pool(t, one.root()), lists(t, ca, pki.PurposeNode), now)
		wantCode(t, err, "CertificateRevoked")
		list, err := pki.ReadCRLs(ca.CRLPath(pki.PurposeNode))
		if err != nil || len(list) != 3 || len(ca.IssuersOf(pki.PurposeNode, list[0])) != 1+below {
			t.Fatalf("%d lists, %v", len(list), err)
		}
		if err := pki.CheckIssuer(ca.IssuersOf(pki.PurposeNode, list[0]), []*x509.Certificate{one.root()}, now); err != nil {
			t.Error(err)
		}

		// Another company: nobody's key can certify its issuer for those who trust the
		// one before.
		two := newCompany(t, "Two", below)
		answer := two.answer(two.certify(request(t, ca, pki.PurposeNode), nil))
		wantCode(t, ca.AdoptIssuer(pki.AdoptParams{Purpose: pki.PurposeNode, Answer: answer, Now: now}), "CompanyRoot")
		if err := ca.AdoptIssuer(pki.AdoptParams{Purpose: pki.PurposeNode, Answer: answer, NoCross: true, Now: now}); err != nil {
			t.Fatal(err)
		}
		third := agentCert(t, ca, "third", now)
		if !accepted(t, third, two.root()) || accepted(t, third, one.root()) || !accepted(t, second, ca.Roots(pki.PurposeNode)...) || !ca.CommonRoot(pki.PurposeNode).Equal(two.root()) {
			t.Error("another company")
		}
		if again, err := pki.OpenCA(fsys.Real{}, dir); err != nil || !again.Issuer(pki.PurposeNode).Equal(third.Chain[1]) {
			t.Errorf("opened again: %v", err)
		}
	}
}

// An authority may begin with a company's answers; until then, it says so.
func TestBegunByACompany(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "ca")
	ca, err := pki.InitCA(fsys.Real{}, dir, pki.CAParams{Organization: "Test", Company: []pki.Purpose{pki.PurposeNode, pki.PurposeSigning}, Now: now})
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range []pki.Purpose{pki.PurposeNode, pki.PurposeSigning} {
		wantCode(t, ca.Established(p), "NoIssuer")
		wantCode(t, ca.Rotate(pki.RotateParams{Purpose: p, Now: now}), "NoIssuer")
		wantCode(t, ca.FinishRotation(p, true, now), "NoRotation")
		_, err = ca.CRL(p, now)
		wantCode(t, err, "NoIssuer")
		_, err = ca.RenewIssuer(p, 0, now)
		wantCode(t, err, "NoIssuer")
		members, err := ca.Members(p)
		if err != nil || len(members) != 0 {
			t.Errorf("%d members, %v", len(members), err)
		}
		if ca.Root(p) != nil || ca.CommonRoot(p) != nil || len(ca.Roots(p)) != 0 || ca.Issuer(p) != nil || ca.Issues(p) || ca.HoldsKey(p) || ca.Lacks(p, nil) {
			t.Error("there is something")
		}
		if keys, _ := filepath.Glob(filepath.Join(dir, string(p), "*.key")); len(keys) != 0 {
			t.Errorf("keys: %q", keys)
		}
	}
	_, err = ca.IssueNode(pki.NodeParams{Role: pki.RoleAgent, Name: "a", Now: now})
	wantCode(t, err, "NoIssuer")
	if _, err := ca.IssueUser(pki.UserParams{Name: "u", Now: now}); err != nil || ca.Established(pki.PurposeUser) != nil {
		t.Errorf("the purpose with a root of its own: %v", err)
	}
	c := newCompany(t, "One", 1)
	request(t, ca, pki.PurposeSigning)
	if !ca.HoldsKey(pki.PurposeSigning) {
		t.Error("the key of a request makes signers, once it is answered")
	}
	adopt(t, ca, pki.PurposeSigning, c)
	adopt(t, ca, pki.PurposeNode, c)
	if !accepted(t, agentCert(t, ca, "a", now), c.root()) {
		t.Error("it isn't accepted")
	}
	signer, err := ca.IssueSigner(pki.SignerParams{Name: "s", Now: now})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := pki.CheckSigner(signer.Chain, pool(t, c.root()), nil, now); err != nil {
		t.Error(err)
	}
	_, err = ca.IssueNode(pki.NodeParams{Role: pki.RoleSigner, Name: "a", Now: now})
	wantCode(t, err, "WrongRole")
}

// Keys and texts that are lost or damaged between request and answer.
func TestRequestIsRepaired(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "ca")
	ca, err := pki.InitCA(fsys.Real{}, dir, pki.CAParams{Organization: "Test", Now: now})
	if err != nil {
		t.Fatal(err)
	}
	keyOf := func(text []byte) any {
		csr, err := pki.ParseCSR(text)
		if err != nil {
			t.Fatal(err)
		}
		return csr.PublicKey
	}
	file := filepath.Join(dir, "node", "request.csr")
	first := request(t, ca, pki.PurposeNode)
	for _, damaged := range [][]byte{nil, []byte("x"), otherRequest(t)} {
		if err := os.WriteFile(file, damaged, 0o600); err != nil {
			t.Fatal(err)
		}
		if again := request(t, ca, pki.PurposeNode); !keyOf(first).(*ecdsa.PublicKey).Equal(keyOf(again)) {
			t.Error("the request is for another key")
		}
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	if again := request(t, ca, pki.PurposeNode); !keyOf(first).(*ecdsa.PublicKey).Equal(keyOf(again)) {
		t.Error("the request is for another key")
	}
	anew, err := ca.RequestIssuer(pki.RequestParams{Purpose: pki.PurposeNode, Anew: true, Algorithm: pki.ECDSAP384})
	if err != nil || keyOf(first).(*ecdsa.PublicKey).Equal(keyOf(anew)) {
		t.Errorf("anew: %v", err)
	}
	if err := os.Chmod(filepath.Join(dir, "node", "request.key"), 0o644); err != nil {
		t.Fatal(err)
	}
	_, err = ca.RequestIssuer(pki.RequestParams{Purpose: pki.PurposeNode})
	wantCode(t, err, "KeyFileExposed")
	_, err = ca.RequestIssuer(pki.RequestParams{Purpose: "other"})
	wantCode(t, err, "UnknownPurpose")
	_, err = ca.RequestIssuer(pki.RequestParams{Purpose: pki.PurposeNode, Algorithm: pki.Ed25519})
	wantCode(t, err, "UnknownKeyAlgorithm")
}

// Whatever operation of the disk fails: the authority can be used, and the answer be
// taken again, or it was taken.
func TestAdoptionSurvivesFailingDisk(t *testing.T) {
	t.Parallel()
	c := newCompany(t, "One", 1)
	for n := 1; ; n++ {
		disk := fsys.NewFailing(fsys.NewMem())
		ca, err := pki.InitCA(disk, "/signet-test-ca", pki.CAParams{Organization: "Test", Now: now})
		if err != nil {
			t.Fatal(err)
		}
		held := agentCert(t, ca, "held", now)
		disk.SetRules(fsys.Rule{Nth: n, Err: syscall.EIO})
		text, err := ca.RequestIssuer(pki.RequestParams{Purpose: pki.PurposeNode})
		if err != nil {
			text = request(t, ca, pki.PurposeNode)
		}
		answer := pki.AdoptParams{Purpose: pki.PurposeNode, Answer: c.answer(c.certify(text, nil)), Now: now}
		err = ca.AdoptIssuer(answer)
		hit := disk.Hits() > 0
		disk.SetRules()
		if !hit {
			if err != nil || n < 10 {
				t.Fatalf("operation %d: %v", n, err)
			}
			return
		}
		stillGood(t, ca, held)
		if err := ca.AdoptIssuer(answer); err != nil && !fault.HasCode(err, "NoRequest") {
			t.Errorf("again after operation %d: %v", n, err)
		}
		again, err := pki.OpenCA(disk, "/signet-test-ca")
		if err != nil {
			t.Fatal(err)
		}
		stillGood(t, again, held)
		if len(again.Roots(pki.PurposeNode)) != 2 {
			t.Errorf("after operation %d, it was never taken", n)
		}
		// The key of the issuer in force is never offered for another request.
		csr, err := pki.ParseCSR(request(t, again, pki.PurposeNode))
		if err != nil || csr.PublicKey.(*ecdsa.PublicKey).Equal(again.Issuer(pki.PurposeNode).PublicKey) {
			t.Errorf("after operation %d: %v", n, err)
		}
	}
}

// While a root is being replaced, another issuer below the new one may follow, and
// nothing else.
func TestAdoptDuringOverlap(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "ca")
	ca, err := pki.InitCA(fsys.Real{}, dir, pki.CAParams{Organization: "Test", Now: now})
	if err != nil {
		t.Fatal(err)
	}
	own, one := ca.Root(pki.PurposeNode), newCompany(t, "One", 1)
	adopt(t, ca, pki.PurposeNode, one)
	if len(ca.Issuers(pki.PurposeNode)) != 2 {
		t.Errorf("%d issuers", len(ca.Issuers(pki.PurposeNode)))
	}
	other := newCompany(t, "Other", 1)
	text := request(t, ca, pki.PurposeNode)
	wrong := pki.AdoptParams{Purpose: pki.PurposeNode, Answer: other.answer(other.certify(text, nil)), NoCross: true, Now: now}
	wantCode(t, ca.AdoptIssuer(wrong), "RotationUnfinished")
	wantCode(t, ca.Rotate(pki.RotateParams{Purpose: pki.PurposeNode, Root: true, Now: now}), "RotationUnfinished")
	adopt(t, ca, pki.PurposeNode, one)
	second := agentCert(t, ca, "second", now)
	if !accepted(t, second, own) || !accepted(t, second, one.root()) {
		t.Error("the second issuer during the overlap")
	}

	// Without the key of the own root, parts that trust only that refuse what is issued:
	// that has to be asked for.
	if err := os.Remove(filepath.Join(dir, "node", "root.key")); err != nil {
		t.Fatal(err)
	}
	answer := pki.AdoptParams{Purpose: pki.PurposeNode, Answer: one.answer(one.certify(request(t, ca, pki.PurposeNode), nil)), Now: now}
	wantCode(t, ca.AdoptIssuer(answer), "NoRootKey")
	answer.NoCross = true
	if err := ca.AdoptIssuer(answer); err != nil {
		t.Fatal(err)
	}
	third := agentCert(t, ca, "third", now)
	if accepted(t, third, own) || !accepted(t, third, one.root()) || !ca.CommonRoot(pki.PurposeNode).Equal(one.root()) {
		t.Error("the third issuer during the overlap")
	}
	if err := ca.FinishRotation(pki.PurposeNode, false, now); err != nil {
		t.Fatal(err)
	}
	if n := len(ca.Issuers(pki.PurposeNode)); n != 3 {
		t.Errorf("%d issuers after the overlap", n)
	}
}

// A signer shows one path, as evidence has to have it: to the root that all trust.
func TestSignersOfACompany(t *testing.T) {
	t.Parallel()
	ca := newCA(t)
	own, one := ca.Root(pki.PurposeSigning), newCompany(t, "One", 2)
	adopt(t, ca, pki.PurposeSigning, one)
	signer := func() *pki.Issued {
		issued, err := ca.IssueSigner(pki.SignerParams{Name: "s", Now: now})
		if err != nil {
			t.Fatal(err)
		}
		return issued
	}
	during := signer()
	if _, err := pki.CheckSigner(during.Chain, pool(t, own), nil, now); err != nil || len(during.Chain) != 2 {
		t.Errorf("during the overlap: %d certificates, %v", len(during.Chain), err)
	}
	if err := ca.FinishRotation(pki.PurposeSigning, false, now); err != nil {
		t.Fatal(err)
	}
	after := signer()
	if _, err := pki.CheckSigner(after.Chain, pool(t, one.root()), nil, now); err != nil || len(after.Chain) != 4 {
		t.Errorf("afterwards: %d certificates, %v", len(after.Chain), err)
	}
}

// A company that grants exactly what a request asks for makes an issuer that is taken.
func TestRequestAsksForEnough(t *testing.T) {
	t.Parallel()
	ca := newCA(t)
	c := newCompany(t, "One", 0)
	for _, p := range pki.Purposes() {
		csr, err := pki.ParseCSR(request(t, ca, p))
		if err != nil {
			t.Fatal(err)
		}
		template := authorityTemplate("", 10)
		template.RawSubject, template.ExtraExtensions = csr.RawSubject, csr.Extensions
		template.IsCA, template.BasicConstraintsValid, template.KeyUsage = false, false, 0
		answer := c.answer(c.sign(template, csr.PublicKey, nil))
		if err := ca.AdoptIssuer(pki.AdoptParams{Purpose: p, Answer: answer, Now: now}); err != nil {
			t.Errorf("%s: %v", p, err)
		}
	}
}

// Files of an authority that don't belong together aren't used.
func TestCorruptCompanyFiles(t *testing.T) {
	t.Parallel()
	one := newCompany(t, "One", 1)
	key, err := pki.EncodeKeyPEM(newKey(t))
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string][]byte{
		"issuer-2.pem": pki.EncodeCertsPEM(one.path[1]), "issuer-2.key": key, "cross-2.pem": pki.EncodeCertsPEM(one.root()),
		"root-2.pem": pki.EncodeCertsPEM(newCompany(t, "Other", 0).root()), "root.pem": pki.EncodeCertsPEM(one.path...),
	} {
		dir := filepath.Join(t.TempDir(), "ca")
		ca, err := pki.InitCA(fsys.Real{}, dir, pki.CAParams{Organization: "Test", Now: now})
		if err != nil {
			t.Fatal(err)
		}
		adopt(t, ca, pki.PurposeNode, one)
		if err := os.WriteFile(filepath.Join(dir, "node", name), text, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := pki.OpenCA(fsys.Real{}, dir); !fault.HasCode(err, "CorruptCA") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A part's request states what its certificate is to have, and nothing that it can't.
func TestNodeCSR(t *testing.T) {
	t.Parallel()
	key := newKey(t)
	id := pki.Identity{Role: pki.RoleAgent, Name: "agent-2"}
	text, err := pki.NewNodeCSR(key, id, []string{"host.example.com"}, []net.IP{net.IPv4(10, 0, 0, 7)})
	if err != nil {
		t.Fatal(err)
	}
	csr, err := pki.ParseCSR(text)
	if err != nil || csr.CheckSignature() != nil {
		t.Fatal(err)
	}
	if len(csr.URIs) != 1 || csr.URIs[0].String() != "signet://agent/agent-2" || len(csr.DNSNames) != 1 || len(csr.IPAddresses) != 1 {
		t.Errorf("%v %v %v", csr.URIs, csr.DNSNames, csr.IPAddresses)
	}
	// A company that grants it makes a part's certificate.
	c := newCompany(t, "One", 0)
	template := authorityTemplate("", 10)
	template.Subject, template.URIs, template.ExtraExtensions = csr.Subject, csr.URIs, csr.Extensions
	template.IsCA, template.BasicConstraintsValid, template.KeyUsage = false, false, 0
	cert := c.sign(template, csr.PublicKey, nil)
	if got, err := pki.CheckNode([]*x509.Certificate{cert}, pool(t, c.root()), nil, now); err != nil || got != id {
		t.Errorf("%s, %v", got, err)
	}
	for _, bad := range []pki.Identity{{Role: pki.RoleUser, Name: "u"}, {Role: pki.RoleAgent, Name: "a/b"}, {}} {
		if _, err := pki.NewNodeCSR(key, bad, nil, nil); err == nil {
			t.Errorf("a request for %s", bad)
		}
	}
	if _, err := pki.NewNodeCSR(key, id, []string{"*.example.com"}, nil); err == nil {
		t.Error("a request for a wildcard")
	}
}
