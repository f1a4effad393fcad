package transport_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/signet-scheduler/signet/internal/fsys"
	"github.com/signet-scheduler/signet/internal/pki"
	"github.com/signet-scheduler/signet/internal/transport"
)

const day = 24 * time.Hour

// authority is a certificate authority that makes any certificate whatever,
// also such as package pki never would.
type authority struct {
	cert *x509.Certificate
	key  crypto.Signer
}

// world holds the authorities and keys of all tests; made once.
type world struct {
	start                       time.Time
	nodeRoot, nodeIssuer        authority
	userRoot, userIssuer        authority
	signRoot, signIssuer        authority
	otherRoot, otherIssuer      authority // same names as nodeRoot and nodeIssuer, other keys
	revokedIssuer, oldIssuer    authority // below nodeRoot
	key, thief                  crypto.Signer
	rsa1024, p224               crypto.Signer
	revoked                     *big.Int // serial number revoked at nodeIssuer and userIssuer
	nodeCRL, userCRL, issuerCRL []byte
}

var theWorld = sync.OnceValue(func() *world {
	w := &world{start: time.Now().Truncate(time.Second), revoked: big.NewInt(4711)}
	w.key, w.thief = newKey(elliptic.P256()), newKey(elliptic.P256())
	w.p224 = newKey(elliptic.P224())
	w.rsa1024 = must(rsa.GenerateKey(rand.Reader, 1024))
	node := []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}
	user := []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	sign := []x509.ExtKeyUsage{x509.ExtKeyUsageCodeSigning}
	w.nodeRoot = w.root("node root")
	w.nodeIssuer = w.nodeRoot.sub(w, "node issuer", node, nil)
	w.userRoot = w.root("user root")
	w.userIssuer = w.userRoot.sub(w, "user issuer", user, nil)
	w.signRoot = w.root("signing root")
	w.signIssuer = w.signRoot.sub(w, "signing issuer", sign, nil)
	w.otherRoot = w.root("node root")
	w.otherIssuer = w.otherRoot.sub(w, "node issuer", node, nil)
	w.revokedIssuer = w.nodeRoot.sub(w, "revoked issuer", node, nil)
	w.oldIssuer = w.nodeRoot.sub(w, "old issuer", node, func(c *x509.Certificate) { c.NotAfter = w.start.Add(-time.Minute) })
	w.nodeCRL = w.nodeIssuer.crl(w, w.revoked)
	w.userCRL = w.userIssuer.crl(w, w.revoked)
	w.issuerCRL = w.nodeRoot.crl(w, w.revokedIssuer.cert.SerialNumber)
	return w
})

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func newKey(c elliptic.Curve) crypto.Signer { return must(ecdsa.GenerateKey(c, rand.Reader)) }

func (w *world) caTemplate(name string) *x509.Certificate {
	return &x509.Certificate{
		SerialNumber: must(rand.Int(rand.Reader, big.NewInt(1<<62))), Subject: pkix.Name{CommonName: name},
		NotBefore: w.start.Add(-30 * day), NotAfter: w.start.Add(30 * day),
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign, BasicConstraintsValid: true, IsCA: true,
	}
}

func (w *world) root(name string) authority {
	key := newKey(elliptic.P256())
	t := w.caTemplate(name)
	return authority{must(x509.ParseCertificate(must(x509.CreateCertificate(rand.Reader, t, t, key.Public(), key)))), key}
}

func (a authority) sub(w *world, name string, usages []x509.ExtKeyUsage, change func(*x509.Certificate)) authority {
	key := newKey(elliptic.P256())
	t := w.caTemplate(name)
	t.ExtKeyUsage = usages
	t.MaxPathLenZero = true
	if change != nil {
		change(t)
	}
	return authority{a.sign(t, key.Public()), key}
}

func (a authority) sign(t *x509.Certificate, pub crypto.PublicKey) *x509.Certificate {
	return must(x509.ParseCertificate(must(x509.CreateCertificate(rand.Reader, t, a.cert, pub, a.key))))
}

func (a authority) crl(w *world, serials ...*big.Int) []byte {
	t := &x509.RevocationList{Number: big.NewInt(1), ThisUpdate: w.start.Add(-time.Minute), NextUpdate: w.start.Add(day)}
	for _, s := range serials {
		t.RevokedCertificateEntries = append(t.RevokedCertificateEntries, x509.RevocationListEntry{SerialNumber: s, RevocationTime: w.start})
	}
	return pem.EncodeToMemory(&pem.Block{Type: "X509 CRL", Bytes: must(x509.CreateRevocationList(rand.Reader, t, a.cert, a.key))})
}

// nodeTemplate is a good node's certificate; userTemplate a good user's.
func (w *world) nodeTemplate(uri string) *x509.Certificate {
	return &x509.Certificate{
		SerialNumber: must(rand.Int(rand.Reader, big.NewInt(1<<62))), Subject: pkix.Name{CommonName: "controller-1"},
		NotBefore: w.start.Add(-time.Hour), NotAfter: w.start.Add(day), KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		BasicConstraintsValid: true, URIs: []*url.URL{must(url.Parse(uri))},
	}
}

func (w *world) userTemplate(uri string) *x509.Certificate {
	t := w.nodeTemplate(uri)
	t.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	return t
}

// leaf signs a template for the common key and returns it with its issuer.
func (w *world) leaf(a authority, t *x509.Certificate) *tls.Certificate {
	return w.leafFor(a, t, w.key)
}

func (w *world) leafFor(a authority, t *x509.Certificate, key crypto.Signer) *tls.Certificate {
	cert := a.sign(t, key.Public())
	return &tls.Certificate{Certificate: [][]byte{cert.Raw, a.cert.Raw}, PrivateKey: key, Leaf: cert}
}

func (w *world) node(uri string) *tls.Certificate { return w.leaf(w.nodeIssuer, w.nodeTemplate(uri)) }

// files writes what a part needs into a directory.
func (w *world) files(t *testing.T, cert *tls.Certificate, trust *x509.Certificate, crls ...[]byte) transport.Files {
	t.Helper()
	dir := t.TempDir()
	f := transport.Files{
		Cert: filepath.Join(dir, "cert.pem"), Key: filepath.Join(dir, "key.pem"),
		CRLs: []string{filepath.Join(dir, "crl")},
	}
	var chain []*x509.Certificate
	for _, der := range cert.Certificate {
		chain = append(chain, must(x509.ParseCertificate(der)))
	}
	err := pki.WriteCertsPEM(fsys.Real{}, f.Cert, chain...)
	if err == nil {
		err = pki.WriteKeyPEM(fsys.Real{}, f.Key, cert.PrivateKey.(crypto.Signer))
	}
	if err == nil && trust != nil {
		f.Trust = []string{filepath.Join(dir, "trust.pem")}
		err = pki.WriteCertsPEM(fsys.Real{}, f.Trust[0], trust)
	}
	if err == nil {
		err = os.Mkdir(f.CRLs[0], 0o700)
	}
	for i, text := range crls {
		if err == nil {
			err = os.WriteFile(filepath.Join(f.CRLs[0], string(rune('a'+i))+".pem"), text, 0o600)
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func load(t *testing.T, f transport.Files, o transport.CredentialOptions) *transport.Credentials {
	t.Helper()
	c, err := transport.LoadCredentialsWith(f, o)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// serve starts a server and returns its address.
func serve(t *testing.T, o transport.Options) string {
	t.Helper()
	if o.Listen == "" && o.Listener == nil {
		o.Listen = "127.0.0.1:0"
	}
	s, err := transport.NewServer(o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
	return s.Addr().String()
}

func client(t *testing.T, o transport.ClientOptions) *transport.Client {
	t.Helper()
	c, err := transport.NewClient(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func expect(role pki.Role, name string) func(pki.Identity) bool {
	return func(id pki.Identity) bool { return id == pki.Identity{Role: role, Name: name} }
}

func okHandler(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write([]byte(`{"peer":"` + transport.PeerOf(r).String() + `"}`))
}
