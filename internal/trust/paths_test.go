package trust_test

import (
	"crypto"
	"crypto/x509"
	"path/filepath"
	"testing"
	"time"

	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/trust"
	"github.com/signet-scheduler/signet/internal/trust/trusttest"
)

// Lists that were sent lie beside the certificates of their issuers, which vouch
// for nobody; each list counts, whichever is read first.
func TestSentLists(t *testing.T) {
	t.Parallel()
	dirs := trusttest.Dirs(t, t.TempDir())
	dirs.Sent = t.TempDir()
	var revoked, good, below []trusttest.Identity
	for _, name := range []string{"a", "b", "c"} {
		root, other := trusttest.NewCA(t, name, trusttest.ECDSA(t)), trusttest.NewCA(t, "issuer of "+name, trusttest.ECDSA(t))
		leaf := root.Issue(t, trusttest.CertOptions{Name: name}, trusttest.ECDSA(t))
		write(t, filepath.Join(dirs.X509, name+".pem"), trusttest.PEM(root.Cert))
		write(t, filepath.Join(dirs.Sent, name+".crl"), root.CRL(t, leaf))
		write(t, filepath.Join(dirs.Sent, name+".issuer"), trusttest.PEM(other.Cert))
		revoked = append(revoked, root.Identity(t, leaf))
		good = append(good, root.Identity(t, root.Issue(t, trusttest.CertOptions{Name: "good"}, trusttest.ECDSA(t))))
		below = append(below, other.Identity(t, other.Issue(t, trusttest.CertOptions{Name: "below"}, trusttest.ECDSA(t))))
	}
	set, err := trust.Load(dirs, trust.Policy{})
	if err != nil || len(set.Warnings()) != 0 {
		t.Fatalf("%v, %v", err, set.Warnings())
	}
	for i := range revoked {
		if believes(t, set, revoked[i]) || !believes(t, set, good[i]) || believes(t, set, below[i]) {
			t.Errorf("%s: the revoked signer, the good one or one of the issuer's isn't as he should be", revoked[i].Name)
		}
	}
}

// An intermediate that two authorities certify leads to trust on either way, also
// where the other one is trusted itself.
func TestCrossCertified(t *testing.T) {
	t.Parallel()
	one, two := trusttest.NewCA(t, "one", trusttest.ECDSA(t)), trusttest.NewCA(t, "two", trusttest.ECDSA(t))
	key := trusttest.ECDSA(t)
	byOne, byTwo := one.SubCA(t, "sub", key), two.SubCA(t, "sub", key)
	leaf := byOne.Issue(t, trusttest.CertOptions{Name: "who"}, trusttest.ECDSA(t))
	sign := func(beside ...*x509.Certificate) trust.Evidence {
		return rawSign(t, leaf.Key, crypto.SHA256, append([]*x509.Certificate{leaf.Cert}, beside...)...)
	}
	for _, tt := range []struct {
		name    string
		trusted []*x509.Certificate
		ev      trust.Evidence
		good    bool
	}{
		{"by the one", []*x509.Certificate{one.Cert, two.Cert}, sign(byOne.Cert), true},
		{"by the other", []*x509.Certificate{one.Cert, two.Cert}, sign(byTwo.Cert), true},
		{"by the other, the one trusted itself", []*x509.Certificate{byOne.Cert, two.Cert}, sign(byTwo.Cert), true},
		{"by none, the one trusted itself", []*x509.Certificate{byOne.Cert, two.Cert}, sign(), true},
		{"by both", []*x509.Certificate{one.Cert, two.Cert}, sign(byOne.Cert, byTwo.Cert), false},
		{"by the other, who isn't trusted", []*x509.Certificate{one.Cert}, sign(byTwo.Cert), false},
	} {
		set, err := trust.NewSet(trust.Policy{}, [][]byte{trusttest.PEM(tt.trusted...)}, nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := set.Verify(doc, tt.ev, trusttest.Now()); (err == nil) != tt.good {
			t.Errorf("%s: got %v", tt.name, err)
		}
	}
}

// Why an authority that is trusted doesn't count is told, whichever it is among
// several.
func TestEndedAuthorityIsNamed(t *testing.T) {
	t.Parallel()
	ended := func(c *x509.Certificate) { c.NotAfter = trusttest.Now().Add(-time.Minute) }
	var trusted []byte
	var signed []trust.Evidence
	for _, name := range []string{"one", "two", "three"} {
		root := trusttest.NewCA(t, name, trusttest.ECDSA(t), ended)
		trusted = append(trusted, trusttest.PEM(root.Cert)...)
		signed = append(signed, signBy(t, root.Issue(t, trusttest.CertOptions{Name: "who"}, trusttest.ECDSA(t))))
	}
	set, err := trust.NewSet(trust.Policy{}, [][]byte{trusted}, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i, ev := range signed {
		if _, err := set.Verify(doc, ev, trusttest.Now()); !fault.HasCode(err, trust.CodeSignerExpired) {
			t.Errorf("below authority %d: got %v", i+1, err)
		}
	}
}
