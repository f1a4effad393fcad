package trust_test

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"strings"
	"testing"

	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/trust"
	"github.com/signet-scheduler/signet/internal/trust/trusttest"
)

// Files of certificates that can't be believed are refused when they are read.
func TestRefusedCertificateFiles(t *testing.T) {
	t.Parallel()
	key := trusttest.ECDSA(t)
	root := trusttest.NewCA(t, "root", key)
	good := trusttest.PEM(root.Cert)
	odd := root.Issue(t, trusttest.CertOptions{Change: commonNames}, key)
	for name, content := range map[string][]byte{
		"nothing":               {},
		"text":                  []byte("hello"),
		"private key":           trusttest.PrivatePEM(t, key),
		"private key beside":    append(bytes.Clone(good), trusttest.PrivatePEM(t, key)...),
		"openssl's trusted":     bytes.ReplaceAll(good, []byte("CERTIFICATE"), []byte("TRUSTED CERTIFICATE")),
		"damaged":               pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: root.Cert.Raw[:100]}),
		"cut off":               good[:len(good)-40],
		"good and cut off":      append(bytes.Clone(good), good[:100]...),
		"two common names":      trusttest.PEM(odd.Cert),
		"revocation list there": root.CRL(t),
	} {
		if set, err := trust.NewSet(trust.Policy{}, [][]byte{content}, nil, nil); !fault.HasCode(err, trust.CodeUnreadableTrust) {
			t.Errorf("%s: got %v, %v, want code %s", name, set, err, trust.CodeUnreadableTrust)
		}
	}
	text := append(append([]byte("Certificate:\n  Data: ...\n"), good...), "the end\n"...)
	if set, err := trust.NewSet(trust.Policy{}, [][]byte{text}, nil, nil); err != nil || len(set.Signers()) != 1 {
		t.Errorf("with text around: got %v, %v", set, err)
	}
}

// Whoever has no common name is named by the subject, and at last by the number.
func TestCertificateNames(t *testing.T) {
	t.Parallel()
	key := trusttest.ECDSA(t)
	root := trusttest.NewCA(t, "root", key)
	for want, subject := range map[string]pkix.Name{
		"Ann":         {CommonName: "Ann", Organization: []string{"Example"}},
		"O=Example":   {Organization: []string{"Example"}},
		"certificate": {},
	} {
		leaf := root.Issue(t, trusttest.CertOptions{Change: func(c *x509.Certificate) { c.Subject = subject }}, key)
		set, err := trust.NewSet(trust.Policy{}, [][]byte{trusttest.PEM(root.Cert)}, nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		v, err := set.Verify(doc, signBy(t, leaf), trusttest.Now())
		if err != nil || !strings.HasPrefix(v.Signer().Name, want) {
			t.Errorf("got %+v, %v, want %s", v, err, want)
		}
	}
}

// Without a certificate the signer is found among all who are trusted.
func TestSignerIsFoundAmongMany(t *testing.T) {
	t.Parallel()
	root := trusttest.NewCA(t, "root", trusttest.ECDSA(t))
	var files [][]byte
	leaves := map[string]*trusttest.Cert{}
	for _, name := range []string{"a", "b", "c", "d"} {
		leaves[name] = root.Issue(t, trusttest.CertOptions{Name: name}, trusttest.ECDSA(t))
		files = append(files, trusttest.PEM(leaves[name].Cert))
	}
	set, err := trust.NewSet(trust.Policy{}, files, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, leaf := range leaves {
		v, err := set.Verify(doc, rawSign(t, leaf.Key, crypto.SHA256), trusttest.Now())
		if err != nil || v.Signer().Name != name {
			t.Errorf("%s: got %+v, %v", name, v, err)
		}
	}
	if _, err := set.Verify(doc, rawSign(t, trusttest.ECDSA(t), crypto.SHA256), trusttest.Now()); !fault.HasCode(err, trust.CodeSignatureInvalid) {
		t.Errorf("a stranger: got %v", err)
	}
}

// Keys that will be refused when they sign are told when they are read.
func TestWarnings(t *testing.T) {
	t.Parallel()
	key := trusttest.ECDSA(t)
	root := trusttest.NewCA(t, "root", key)
	tls := root.Issue(t, trusttest.CertOptions{Name: "tls", Change: usage(x509.ExtKeyUsageServerAuth)}, key)
	weakRoot := trusttest.NewCA(t, "weak", trusttest.RSA(t, 1024))
	weak := trusttest.RSA(t, 1024)
	pgp := trusttest.NewPGPKeyring(t, trusttest.PGPOptions{Key: weak}).PublicArmour(t)
	mute := trusttest.NewPGPKeyring(t, trusttest.PGPOptions{Key: trusttest.ECDSAOn(t, p521())}).PublicArmour(t)
	for name, files := range map[string][3][]byte{
		"certificate for servers":  {trusttest.PEM(tls.Cert)},
		"weak CA":                  {trusttest.PEM(weakRoot.Cert)},
		"weak OpenPGP key":         {nil, pgp},
		"OpenPGP key that is mute": {nil, mute},
		"weak SSH key":             {nil, nil, keyLine(rsaPublic(weak))},
	} {
		var lists [3][][]byte
		for i, content := range files {
			if content != nil {
				lists[i] = [][]byte{content}
			}
		}
		set, err := trust.NewSet(trust.Policy{}, lists[0], lists[1], lists[2])
		if err != nil || len(set.Warnings()) != 1 {
			t.Errorf("%s: got %v, %v, want one warning", name, set.Warnings(), err)
		}
	}
}
