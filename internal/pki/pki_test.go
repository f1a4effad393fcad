package pki_test

import (
	"crypto"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/fsys"
	"github.com/signet-scheduler/signet/internal/pki"
)

// now is when all tests take place.
var now = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

const day = 24 * time.Hour

func newCA(t *testing.T) *pki.CA {
	t.Helper()
	ca, err := pki.InitCA(fsys.Real{}, filepath.Join(t.TempDir(), "ca"), pki.CAParams{Organization: "Test", Now: now})
	if err != nil {
		t.Fatal(err)
	}
	return ca
}

func pool(t *testing.T, certs ...*x509.Certificate) *x509.CertPool {
	t.Helper()
	p, err := pki.NewPool(certs)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func crlSet(t *testing.T, text []byte) *pki.CRLSet {
	t.Helper()
	lists, err := pki.ParseCRLs(text)
	if err != nil {
		t.Fatal(err)
	}
	set, err := pki.NewCRLSet(lists)
	if err != nil {
		t.Fatal(err)
	}
	return set
}

func wantCode(t *testing.T, err error, code string) {
	t.Helper()
	if !fault.HasCode(err, code) {
		t.Fatalf("got error %v, want code %s", err, code)
	}
}

func TestIssuedCertificatesAreForTheirPurposeOnly(t *testing.T) {
	t.Parallel()
	ca := newCA(t)
	node, err := ca.IssueNode(pki.NodeParams{
		Role: pki.RoleAgent, Name: "agent-1", DNSNames: []string{"agent-1.example.org"},
		IPs: []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback}, Now: now,
	})
	if err != nil {
		t.Fatal(err)
	}
	signer, err := ca.IssueSigner(pki.SignerParams{Name: "release-manager", Now: now, Key: pki.KeySource{Algorithm: pki.ECDSAP384}})
	if err != nil {
		t.Fatal(err)
	}
	user, err := ca.IssueUser(pki.UserParams{Name: "anna", Now: now, Key: pki.KeySource{Algorithm: pki.Ed25519}})
	if err != nil {
		t.Fatal(err)
	}
	checks := map[pki.Purpose]func([]*x509.Certificate, *x509.CertPool) (pki.Identity, error){
		pki.PurposeNode: func(c []*x509.Certificate, r *x509.CertPool) (pki.Identity, error) {
			return pki.CheckNode(c, r, nil, now)
		},
		pki.PurposeSigning: func(c []*x509.Certificate, r *x509.CertPool) (pki.Identity, error) {
			return pki.CheckSigner(c, r, nil, now)
		},
		pki.PurposeUser: func(c []*x509.Certificate, r *x509.CertPool) (pki.Identity, error) {
			return pki.CheckUser(c, r, nil, now)
		},
	}
	all := pool(t, ca.Root(pki.PurposeNode), ca.Root(pki.PurposeSigning), ca.Root(pki.PurposeUser))
	for own, issued := range map[pki.Purpose]*pki.Issued{pki.PurposeNode: node, pki.PurposeSigning: signer, pki.PurposeUser: user} {
		for purpose, check := range checks {
			// All roots in one pool: the usages alone have to tell them apart.
			id, err := check(issued.Chain, all)
			if purpose == own {
				if err != nil || id.Name == "" {
					t.Errorf("%s certificate for its own purpose: %v, %v", own, id, err)
				}
				if _, err := check(issued.Chain, pool(t, ca.Root(purpose))); err != nil {
					t.Errorf("%s certificate under its own root: %v", own, err)
				}
				continue
			}
			if err == nil {
				t.Errorf("a %s certificate passes as %s", own, purpose)
			}
			if _, err := check(issued.Chain, pool(t, ca.Root(purpose))); err == nil {
				t.Errorf("a %s certificate passes under the root for %s", own, purpose)
			}
		}
	}
	if got := node.Cert.NotBefore; !got.Equal(now.Add(-10 * time.Second)) {
		t.Errorf("notBefore = %s, want 10 s before now", got)
	}
	if len(node.Cert.IPAddresses) != 2 || len(node.Cert.DNSNames) != 1 || node.Key == nil {
		t.Errorf("node certificate lacks names or key: %+v", node)
	}
}

func TestLifetimeEndsWithTheIssuer(t *testing.T) {
	t.Parallel()
	ca, err := pki.InitCA(fsys.Real{}, filepath.Join(t.TempDir(), "ca"), pki.CAParams{Organization: "Test", Now: now, RootValidity: 30 * day, IssuerValidity: 60 * day})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := ca.Issuer(pki.PurposeNode).NotAfter, ca.Root(pki.PurposeNode).NotAfter; !got.Equal(want) {
		t.Errorf("issuer ends %s, root %s", got, want)
	}
	issued, err := ca.IssueNode(pki.NodeParams{Role: pki.RoleAgent, Name: "a", Validity: 90 * day, Now: now.Add(10 * day)})
	if err != nil {
		t.Fatal(err)
	}
	if want := now.Add(30 * day); !issued.Cert.NotAfter.Equal(want) {
		t.Errorf("leaf ends %s, want %s", issued.Cert.NotAfter, want)
	}
	_, err = ca.IssueNode(pki.NodeParams{Role: pki.RoleAgent, Name: "a", Now: now.Add(31 * day)})
	wantCode(t, err, "AuthorityExpired")
	_, err = ca.IssueNode(pki.NodeParams{Role: pki.RoleAgent, Name: "a", Now: now.Add(-day)})
	wantCode(t, err, "AuthorityExpired")
}

func TestParametersAreChecked(t *testing.T) {
	t.Parallel()
	ca := newCA(t)
	long := make([]byte, 129)
	for i := range long {
		long[i] = 'a'
	}
	tests := map[string]struct {
		p    pki.NodeParams
		code string
	}{
		"no name":         {pki.NodeParams{Role: pki.RoleAgent}, "InvalidIdentity"},
		"dots":            {pki.NodeParams{Role: pki.RoleAgent, Name: ".."}, "InvalidIdentity"},
		"slash":           {pki.NodeParams{Role: pki.RoleAgent, Name: "a/b"}, "InvalidIdentity"},
		"percent":         {pki.NodeParams{Role: pki.RoleAgent, Name: "a%2fb"}, "InvalidIdentity"},
		"umlaut":          {pki.NodeParams{Role: pki.RoleAgent, Name: "ä"}, "InvalidIdentity"},
		"NUL":             {pki.NodeParams{Role: pki.RoleAgent, Name: "a\x00"}, "InvalidIdentity"},
		"long":            {pki.NodeParams{Role: pki.RoleAgent, Name: string(long)}, "InvalidIdentity"},
		"no role":         {pki.NodeParams{Name: "a"}, "InvalidIdentity"},
		"unknown role":    {pki.NodeParams{Role: "root", Name: "a"}, "InvalidIdentity"},
		"role user":       {pki.NodeParams{Role: pki.RoleUser, Name: "a"}, "WrongRole"},
		"role signer":     {pki.NodeParams{Role: pki.RoleSigner, Name: "a"}, "WrongRole"},
		"wildcard":        {pki.NodeParams{Role: pki.RoleAgent, Name: "a", DNSNames: []string{"*.example.org"}}, "InvalidHost"},
		"host with space": {pki.NodeParams{Role: pki.RoleAgent, Name: "a", DNSNames: []string{"a b"}}, "InvalidHost"},
		"empty label":     {pki.NodeParams{Role: pki.RoleAgent, Name: "a", DNSNames: []string{"a..b"}}, "InvalidHost"},
		"any address":     {pki.NodeParams{Role: pki.RoleAgent, Name: "a", IPs: []net.IP{net.IPv4zero}}, "InvalidHost"},
		"no address":      {pki.NodeParams{Role: pki.RoleAgent, Name: "a", IPs: []net.IP{{1}}}, "InvalidHost"},
		"negative":        {pki.NodeParams{Role: pki.RoleAgent, Name: "a", Validity: -1}, "InvalidValidity"},
		"for ever":        {pki.NodeParams{Role: pki.RoleAgent, Name: "a", Validity: 1 << 62}, "InvalidValidity"},
		"weak key":        {pki.NodeParams{Role: pki.RoleAgent, Name: "a", Key: pki.KeySource{Algorithm: "rsa-1024"}}, "UnknownKeyAlgorithm"},
	}
	for name, test := range tests {
		test.p.Now = now
		if _, err := ca.IssueNode(test.p); !fault.HasCode(err, test.code) {
			t.Errorf("%s: got %v, want %s", name, err, test.code)
		}
	}
	if list, err := ca.List(); err != nil || len(list) != 0 {
		t.Errorf("refused requests left records: %v, %v", list, err)
	}
	if _, err := ca.IssueNode(pki.NodeParams{Role: pki.RoleAgent, Name: string(long[:128]), Now: now}); err != nil {
		t.Errorf("name of 128 characters: %v", err)
	}
}

func TestCSRGivesTheKeyOnly(t *testing.T) {
	t.Parallel()
	ca := newCA(t)
	key, err := pki.NewKey(pki.ECDSAP256)
	if err != nil {
		t.Fatal(err)
	}
	text, err := pki.NewCSR(key)
	if err != nil {
		t.Fatal(err)
	}
	csr, err := pki.ParseCSR(text)
	if err != nil {
		t.Fatal(err)
	}
	csr.DNSNames = []string{"evil.example.org"}
	issued, err := ca.IssueNode(pki.NodeParams{Role: pki.RoleAgent, Name: "agent-1", Now: now, Key: pki.KeySource{CSR: csr}})
	if err != nil {
		t.Fatal(err)
	}
	if issued.Key != nil || len(issued.Cert.DNSNames) != 0 {
		t.Errorf("the request decided more than the key: %+v", issued.Cert.DNSNames)
	}
	if _, err := pki.NewKeypair(issued.Chain, key); err != nil {
		t.Error(err)
	}
	csr.Signature[10] ^= 1
	_, err = ca.IssueNode(pki.NodeParams{Role: pki.RoleAgent, Name: "agent-1", Now: now, Key: pki.KeySource{CSR: csr}})
	wantCode(t, err, "InvalidCSR")
}

func TestRevokedAndRenewed(t *testing.T) {
	t.Parallel()
	ca := newCA(t)
	first, err := ca.IssueNode(pki.NodeParams{Role: pki.RoleAgent, Name: "agent-1", DNSNames: []string{"a"}, IPs: []net.IP{net.IPv4(10, 0, 0, 1)}, Now: now})
	if err != nil {
		t.Fatal(err)
	}
	same, err := ca.Renew(first.Serial, pki.RenewParams{KeepKey: true, Now: now.Add(day)})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := pki.NewKeypair(same.Chain, first.Key); err != nil || same.Key != nil {
		t.Errorf("renewed certificate isn't for the key before: %v", err)
	}
	other, err := ca.Renew(first.Serial, pki.RenewParams{Now: now.Add(day)})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := pki.NewKeypair(other.Chain, first.Key); err == nil || len(other.Cert.IPAddresses) != 1 || len(other.Cert.DNSNames) != 1 {
		t.Error("renewed certificate has the old key or lost its names")
	}
	roots := pool(t, ca.Root(pki.PurposeNode))
	if err := ca.Revoke(first.Serial, pki.ReasonKeyCompromise, now.Add(day)); err != nil {
		t.Fatal(err)
	}
	if err := ca.Revoke(first.Serial, pki.ReasonSuperseded, now.Add(2*day)); err != nil {
		t.Fatal(err)
	}
	r, _, err := ca.Show(first.Serial)
	if err != nil || r.Reason != pki.ReasonKeyCompromise || r.Status(now.Add(day)) != "revoked" || !r.RevokedAt.Equal(now.Add(day)) {
		t.Errorf("record of the revoked certificate: %+v, %v", r, err)
	}
	text, err := os.ReadFile(ca.CRLPath(pki.PurposeNode))
	if err != nil {
		t.Fatal(err)
	}
	crls := crlSet(t, text)
	_, err = pki.CheckNode(first.Chain, roots, crls, now.Add(day))
	wantCode(t, err, "CertificateRevoked")
	if _, err := pki.CheckNode(other.Chain, roots, crls, now.Add(day)); err != nil {
		t.Errorf("another certificate than the revoked one: %v", err)
	}
	if stale := crls.Stale(now.Add(20 * day)); len(stale) != 0 {
		t.Errorf("fresh list is stale: %v", stale)
	}
	if stale := crls.Stale(now.Add(40 * day)); len(stale) != 1 {
		t.Errorf("old list isn't stale: %v", stale)
	}
	_, err = pki.CheckNode(first.Chain, roots, crls, now.Add(40*day))
	wantCode(t, err, "CertificateRevoked")
	_, err = ca.Renew(first.Serial, pki.RenewParams{Now: now})
	wantCode(t, err, "CertificateRevoked")
	wantCode(t, ca.Revoke("00", "", now), "UnknownCertificate")
	wantCode(t, ca.Revoke(first.Serial, "boredom", now), "UnknownReason")
	list, err := ca.List()
	if err != nil || len(list) != 3 || list[1].Renews != first.Serial {
		t.Errorf("list: %+v, %v", list, err)
	}
}

func TestForgedAndPartialCRLsAreNotBelieved(t *testing.T) {
	t.Parallel()
	ca := newCA(t)
	node, err := ca.IssueNode(pki.NodeParams{Role: pki.RoleAgent, Name: "agent-1", Now: now})
	if err != nil {
		t.Fatal(err)
	}
	text, err := ca.CRL(pki.PurposeNode, now)
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(text)
	forged := append([]byte(nil), block.Bytes...)
	forged[len(forged)-3] ^= 1
	roots := pool(t, ca.Root(pki.PurposeNode))
	_, err = pki.CheckNode(node.Chain, roots, crlSet(t, forged), now)
	wantCode(t, err, "UntrustedCRL")
	// A list by somebody else says nothing about our certificates.
	strange, err := newCA(t).CRL(pki.PurposeNode, now)
	if err != nil {
		t.Fatal(err)
	}
	if _, err = pki.CheckNode(node.Chain, roots, crlSet(t, strange), now); err != nil {
		t.Errorf("list of a namesake with another key: %v", err)
	}
	lists, err := pki.ParseCRLs(text)
	if err != nil {
		t.Fatal(err)
	}
	lists[0].Extensions[0].Critical = true
	_, err = pki.NewCRLSet(lists)
	wantCode(t, err, "UnsupportedCRL")
}

func TestAnAuthorityIsNeverReplaced(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "deep", "ca")
	p := pki.CAParams{Organization: "Test", Now: now}
	if _, err := pki.InitCA(fsys.Real{}, dir, p); err != nil {
		t.Fatal(err)
	}
	before, err := os.ReadFile(filepath.Join(dir, "node", "root.key"))
	if err != nil {
		t.Fatal(err)
	}
	_, err = pki.InitCA(fsys.Real{}, dir, p)
	wantCode(t, err, "CAExists")
	if after, err := os.ReadFile(filepath.Join(dir, "node", "root.key")); err != nil || string(after) != string(before) {
		t.Errorf("the key changed: %v", err)
	}
	empty := t.TempDir()
	if _, err := pki.InitCA(fsys.Real{}, empty, p); err != nil {
		t.Errorf("empty directory: %v", err)
	}
	lost := filepath.Join(empty, "index.json")
	if err := os.Remove(lost); err != nil {
		t.Fatal(err)
	}
	_, err = pki.InitCA(fsys.Real{}, empty, p)
	wantCode(t, err, "CAExists")
	_, err = pki.OpenCA(fsys.Real{}, t.TempDir())
	wantCode(t, err, "NoCA")
	for _, bad := range []pki.CAParams{
		{Now: now},
		{Organization: "a\nb", Now: now},
		{Organization: "a", Now: now, Algorithm: pki.Ed25519},
		{Organization: "a", Now: now, CRLValidity: -1},
	} {
		if _, err := pki.InitCA(fsys.Real{}, filepath.Join(t.TempDir(), "ca"), bad); !fault.Is(err, fault.Invalid) {
			t.Errorf("%+v: got %v", bad, err)
		}
	}
}

func TestKeysAreForTheOwnerAlone(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "ca")
	if _, err := pki.InitCA(fsys.Real{}, dir, pki.CAParams{Organization: "Test", Now: now}); err != nil {
		t.Fatal(err)
	}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		if (d.IsDir() || filepath.Ext(path) == ".key") && info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s has mode %s", path, info.Mode())
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	key := filepath.Join(dir, "user", "issuer.key")
	if err := os.Chmod(key, 0o640); err != nil {
		t.Fatal(err)
	}
	_, err = pki.OpenCA(fsys.Real{}, dir)
	wantCode(t, err, "KeyFileExposed")
}

func TestRootKeyMayBeAwayAndIssuerRenewed(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "ca")
	if _, err := pki.InitCA(fsys.Real{}, dir, pki.CAParams{Organization: "Test", Now: now}); err != nil {
		t.Fatal(err)
	}
	key := filepath.Join(dir, "node", "root.key")
	if err := os.Rename(key, key+".away"); err != nil {
		t.Fatal(err)
	}
	ca, err := pki.OpenCA(fsys.Real{}, dir)
	if err != nil {
		t.Fatal(err)
	}
	old, err := ca.IssueNode(pki.NodeParams{Role: pki.RoleAgent, Name: "agent-1", Now: now})
	if err != nil {
		t.Fatal(err)
	}
	_, err = ca.RenewIssuer(pki.PurposeNode, 0, now.Add(200*day))
	wantCode(t, err, "NoRootKey")
	if err := os.Rename(key+".away", key); err != nil {
		t.Fatal(err)
	}
	renewed, err := ca.RenewIssuer(pki.PurposeNode, 0, now.Add(200*day))
	if err != nil {
		t.Fatal(err)
	}
	if !renewed.NotAfter.After(old.Chain[1].NotAfter) {
		t.Error("the renewed issuer ends no later")
	}
	if err := ca.Revoke(old.Serial, "", now); err != nil {
		t.Fatal(err)
	}
	text, err := ca.CRL(pki.PurposeNode, now)
	if err != nil {
		t.Fatal(err)
	}
	// The old chain goes on, and so does the list signed by the renewed issuer.
	_, err = pki.CheckNode(old.Chain, pool(t, ca.Root(pki.PurposeNode)), crlSet(t, text), now)
	wantCode(t, err, "CertificateRevoked")
}

func TestConcurrentIssuingLosesNothing(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "ca")
	if _, err := pki.InitCA(fsys.Real{}, dir, pki.CAParams{Organization: "Test", Now: now}); err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for range 4 {
		ca, err := pki.OpenCA(fsys.Real{}, dir) // as if each were a process of its own
		if err != nil {
			t.Fatal(err)
		}
		wg.Go(func() {
			for range 5 {
				issued, err := ca.IssueUser(pki.UserParams{Name: "u", Now: now})
				if err == nil {
					err = ca.Revoke(issued.Serial, "", now)
				}
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	ca, err := pki.OpenCA(fsys.Real{}, dir)
	if err != nil {
		t.Fatal(err)
	}
	list, err := ca.List()
	if err != nil || len(list) != 20 {
		t.Fatalf("%d records, %v", len(list), err)
	}
	for _, r := range list {
		if r.RevokedAt == nil {
			t.Errorf("revocation of %s was lost", r.Serial)
		}
	}
}

func TestDamagedIndexIsReported(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "ca")
	if _, err := pki.InitCA(fsys.Real{}, dir, pki.CAParams{Organization: "Test", Now: now}); err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"", "{", `{"version":4}`, `{"version":1,"other":1}`} {
		if err := os.WriteFile(filepath.Join(dir, "index.json"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := pki.OpenCA(fsys.Real{}, dir); !fault.Is(err, fault.Corrupt) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestKeyFiles(t *testing.T) {
	t.Parallel()
	for _, algorithm := range []pki.KeyAlgorithm{"", pki.ECDSAP256, pki.ECDSAP384, pki.Ed25519} {
		key, err := pki.NewKey(algorithm)
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(t.TempDir(), "key.pem")
		if err := pki.WriteKeyPEM(fsys.Real{}, path, key); err != nil {
			t.Fatal(err)
		}
		back, err := pki.ReadKeyPEM(path)
		if err != nil {
			t.Fatal(err)
		}
		if !back.Public().(interface{ Equal(crypto.PublicKey) bool }).Equal(key.Public()) {
			t.Errorf("%s: another key came back", algorithm)
		}
		if err := os.Chmod(path, 0o604); err != nil {
			t.Fatal(err)
		}
		_, err = pki.ReadKeyPEM(path)
		wantCode(t, err, "KeyFileExposed")
	}
	_, err := pki.ReadKeyPEM(filepath.Join(t.TempDir(), "none"))
	wantCode(t, err, "FileNotFound")
	if !errors.Is(err, fs.ErrNotExist) {
		t.Error("the cause is lost")
	}
	_, err = pki.ReadKeyPEM(t.TempDir())
	wantCode(t, err, "NotAFile")
	big := filepath.Join(t.TempDir(), "big")
	if err := os.WriteFile(big, make([]byte, 65<<10), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err = pki.ReadKeyPEM(big)
	wantCode(t, err, "FileTooLarge")
}

func TestKeystores(t *testing.T) {
	t.Parallel()
	ca := newCA(t)
	node, err := ca.IssueNode(pki.NodeParams{Role: pki.RoleAgent, Name: "agent-1", Now: now})
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	store, trust := filepath.Join(dir, "https-keystore.p12"), filepath.Join(dir, "https-truststore.p12")
	// With the root in it, as the reference's keystores have it: it isn't sent.
	pair := node.Keypair()
	pair.Chain = append([]*x509.Certificate{node.Chain[0], ca.Root(pki.PurposeNode)}, node.Chain[1:]...)
	if err := pki.WritePKCS12(fsys.Real{}, store, pair, "secret"); err != nil {
		t.Fatal(err)
	}
	got, err := pki.ReadKeystore(store, "secret")
	if err != nil {
		t.Fatal(err)
	}
	if len(got.Chain) != 2 || !got.Chain[0].Equal(node.Chain[0]) || !got.Chain[1].Equal(node.Chain[1]) || len(got.TLS().Certificate) != 2 {
		t.Errorf("chain of %d certificates came back", len(got.Chain))
	}
	_, err = pki.ReadKeystore(store, "wrong")
	wantCode(t, err, "WrongPassword")
	if err := os.Chmod(store, 0o644); err != nil {
		t.Fatal(err)
	}
	_, err = pki.ReadKeystore(store, "secret")
	wantCode(t, err, "KeyFileExposed")
	if err := pki.WriteTruststorePKCS12(fsys.Real{}, trust, []*x509.Certificate{ca.Root(pki.PurposeNode)}, "trust"); err != nil {
		t.Fatal(err)
	}
	certs, err := pki.ReadTruststore(trust, "trust")
	if err != nil || len(certs) != 1 || !certs[0].Equal(ca.Root(pki.PurposeNode)) {
		t.Errorf("truststore: %v, %v", certs, err)
	}
	_, err = pki.ReadTruststore(trust, "wrong")
	wantCode(t, err, "WrongPassword")
	_, err = pki.ParseTruststore(pki.EncodeCertsPEM(node.Cert), "")
	wantCode(t, err, "NotAnAuthority")
	if _, err = pki.ParseTruststore(pki.EncodeCertsPEM(ca.Root(pki.PurposeNode), ca.Issuer(pki.PurposeNode)), ""); err != nil {
		t.Error(err)
	}
	_, err = pki.NewKeypair(node.Chain[1:], node.Key)
	wantCode(t, err, "InvalidKeypair")
}
