package trusttest

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"testing"
	"time"

	"github.com/signet-scheduler/signet/internal/trust"
)

// CertOptions describes a certificate. The zero value is a good signing
// certificate; Change makes it another one.
type CertOptions struct {
	Name   string
	Change func(*x509.Certificate)
}

// Cert is a certificate with its private key and those that vouch for it.
type Cert struct {
	Cert *x509.Certificate
	Key  crypto.Signer
	// Above are the intermediates up to, without, the root.
	Above []*x509.Certificate
	root  *x509.Certificate
}

// NewCA returns a self-signed CA; changes are applied to its template.
func NewCA(t testing.TB, name string, key crypto.Signer, changes ...func(*x509.Certificate)) *Cert {
	t.Helper()
	template := caTemplate(t, name)
	for _, change := range changes {
		change(template)
	}
	cert := create(t, template, template, key.Public(), key)
	return &Cert{Cert: cert, Key: key, root: cert}
}

// SubCA returns an intermediate CA below c.
func (c *Cert) SubCA(t testing.TB, name string, key crypto.Signer, changes ...func(*x509.Certificate)) *Cert {
	t.Helper()
	template := caTemplate(t, name)
	for _, change := range changes {
		change(template)
	}
	return c.below(create(t, template, c.Cert, key.Public(), c.Key), key)
}

// Issue returns a signing certificate for the key.
func (c *Cert) Issue(t testing.TB, o CertOptions, key crypto.Signer) *Cert {
	t.Helper()
	template := &x509.Certificate{
		SerialNumber: serial(t), Subject: pkix.Name{CommonName: o.Name},
		NotBefore: Now().Add(-time.Hour), NotAfter: Now().Add(24 * time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageCodeSigning},
		BasicConstraintsValid: true,
	}
	if o.Change != nil {
		o.Change(template)
	}
	return c.below(create(t, template, c.Cert, key.Public(), c.Key), key)
}

func (c *Cert) below(cert *x509.Certificate, key crypto.Signer) *Cert {
	below := &Cert{Cert: cert, Key: key, root: c.root}
	if !c.Cert.Equal(c.root) {
		below.Above = append([]*x509.Certificate{c.Cert}, c.Above...)
	}
	return below
}

// Identity returns the owner of a certificate below c, who is trusted because c's
// root is.
func (c *Cert) Identity(t testing.TB, leaf *Cert) Identity {
	t.Helper()
	signer, err := trust.X509Signer(leaf.Key, leaf.ChainPEM())
	must(t, err)
	return Identity{
		Kind: trust.X509, Name: leaf.Cert.Subject.CommonName, Key: signer,
		Trusted: PEM(c.root), Private: PrivatePEM(t, leaf.Key), Chain: leaf.ChainPEM(),
	}
}

// ChainPEM returns the certificate and the intermediates above it.
func (c *Cert) ChainPEM() []byte { return PEM(append([]*x509.Certificate{c.Cert}, c.Above...)...) }

// PEM returns the certificates one after the other.
func PEM(certs ...*x509.Certificate) []byte {
	var b bytes.Buffer
	for _, cert := range certs {
		b.Write(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert.Raw}))
	}
	return b.Bytes()
}

// CRL returns a revocation list of the CA that names these certificates.
func (c *Cert) CRL(t testing.TB, revoked ...*Cert) []byte {
	t.Helper()
	entries := make([]x509.RevocationListEntry, len(revoked))
	for i, r := range revoked {
		entries[i] = x509.RevocationListEntry{SerialNumber: r.Cert.SerialNumber, RevocationTime: Now()}
	}
	return c.CRLOf(t, entries...)
}

// CRLOf returns a revocation list of the CA with these entries.
func (c *Cert) CRLOf(t testing.TB, entries ...x509.RevocationListEntry) []byte {
	t.Helper()
	template := &x509.RevocationList{Number: big.NewInt(1), ThisUpdate: Now(), NextUpdate: Now().Add(time.Hour), RevokedCertificateEntries: entries}
	der, err := x509.CreateRevocationList(rand.Reader, template, c.Cert, c.Key)
	must(t, err)
	return pem.EncodeToMemory(&pem.Block{Type: "X509 CRL", Bytes: der})
}

func caTemplate(t testing.TB, name string) *x509.Certificate {
	return &x509.Certificate{
		SerialNumber: serial(t), Subject: pkix.Name{CommonName: name},
		NotBefore: Now().Add(-time.Hour), NotAfter: Now().Add(24 * time.Hour),
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign, BasicConstraintsValid: true, IsCA: true,
	}
}

func create(t testing.TB, template, parent *x509.Certificate, pub crypto.PublicKey, key crypto.Signer) *x509.Certificate {
	t.Helper()
	der, err := x509.CreateCertificate(rand.Reader, template, parent, pub, key)
	must(t, err)
	cert, err := x509.ParseCertificate(der)
	must(t, err)
	return cert
}

func serial(t testing.TB) *big.Int {
	n, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	must(t, err)
	return n.Add(n, big.NewInt(1))
}
