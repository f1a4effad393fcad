package pki_test

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"strings"
	"testing"
	"time"

	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/fsys"
	"github.com/signet-scheduler/signet/internal/pki"
)

// Whatever is wrong with an answer: it is refused, and everything stays as it was.
func TestAnswersAreRefused(t *testing.T) {
	t.Parallel()
	ca, err := pki.InitCA(fsys.NewMem(), "/ca", pki.CAParams{Organization: "Test", Now: now})
	if err != nil {
		t.Fatal(err)
	}
	good := newCompany(t, "Good", 1)
	for _, p := range pki.Purposes() {
		text := request(t, ca, p)
		issuer := ca.Issuer(p)
		changed := func(change func(*x509.Certificate)) []byte { return good.answer(good.certify(text, change)) }
		below := func(c *company) []byte { return c.answer(c.certify(text, nil)) }
		whole := changed(nil)
		csr, err := pki.ParseCSR(text)
		if err != nil {
			t.Fatal(err)
		}
		for name, wrong := range map[string]struct {
			answer []byte
			why    string
		}{
			"nothing":               {nil, "no PEM certificate"},
			"the request":           {text, "no place"},
			"the root alone":        {pki.EncodeCertsPEM(good.root()), "requested key"},
			"no root":               {append(pki.EncodeCertsPEM(good.path[1]), pki.EncodeCertsPEM(good.certify(text, nil))...), "is missing"},
			"no authority between":  {append(pki.EncodeCertsPEM(good.path[0]), pki.EncodeCertsPEM(good.certify(text, nil))...), "is missing"},
			"a surplus certificate": {append(pki.EncodeCertsPEM(newCompany(t, "Other", 0).root()), whole...), "doesn't belong"},
			"the root twice":        {append(pki.EncodeCertsPEM(good.root()), whole...), "doesn't belong"},
			"two issuers":           {append(pki.EncodeCertsPEM(good.certify(text, nil)), whole...), "two certificates of the requested key"},
			"a key among them":      {append(keyText(t), whole...), "no place"},
			"cut off":               {whole[:len(whole)-40], "damaged"},
			"another key":           {good.answer(good.certify(otherRequest(t), nil)), "requested key"},
			"self-signed":           {pki.EncodeCertsPEM(selfSigned(t, csr)), "self-signed"},
			"no authority": {changed(func(c *x509.Certificate) {
				c.IsCA, c.MaxPathLenZero, c.KeyUsage = false, false, x509.KeyUsageDigitalSignature
			}), "not that of an authority"},
			"no basic constraints": {changed(func(c *x509.Certificate) { c.BasicConstraintsValid = false }), "not that of an authority"},
			"may not sign":         {changed(func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageCRLSign }), "not that of an authority"},
			"may not sign lists":   {changed(func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageCertSign }), "cRLSign"},
			"no path length":       {changed(func(c *x509.Certificate) { c.MaxPathLenZero = false; c.MaxPathLen = -1 }), "pathlen:0"},
			"path length 1":        {changed(func(c *x509.Certificate) { c.MaxPathLenZero = false; c.MaxPathLen = 1 }), "pathlen:0"},
			"no usages":            {changed(func(c *x509.Certificate) { c.ExtraExtensions = nil }), "isn't limited"},
			"any usage": {changed(func(c *x509.Certificate) {
				c.ExtraExtensions, c.ExtKeyUsage = nil, []x509.ExtKeyUsage{x509.ExtKeyUsageAny}
			}), "isn't limited"},
			"all usages": {changed(func(c *x509.Certificate) {
				c.ExtraExtensions, c.ExtKeyUsage = nil, []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageCodeSigning}
			}), "further"},
			"another's usage": {changed(func(c *x509.Certificate) {
				c.ExtraExtensions, c.ExtKeyUsage = nil, []x509.ExtKeyUsage{x509.ExtKeyUsageEmailProtection}
			}), "isn't limited"},
			"an unknown usage": {changed(func(c *x509.Certificate) {
				c.ExtraExtensions, c.ExtKeyUsage, c.UnknownExtKeyUsage = nil, required(p), []asn1.ObjectIdentifier{{1, 2, 3}}
			}), "further"},
			"a critical extension": {changed(func(c *x509.Certificate) {
				c.ExtraExtensions = append(c.ExtraExtensions, pkix.Extension{Id: asn1.ObjectIdentifier{1, 2, 3, 4}, Critical: true, Value: []byte{5, 0}})
			}), "critical extension"},
			"expired":                {changed(func(c *x509.Certificate) { c.NotAfter = now.Add(-time.Second) }), "expired at"},
			"not valid yet":          {changed(func(c *x509.Certificate) { c.NotBefore = now.Add(time.Minute) }), "valid from"},
			"outlives its authority": {changed(func(c *x509.Certificate) { c.NotAfter = now.Add(3000 * day) }), "outlives"},
			"no name":                {changed(func(c *x509.Certificate) { c.RawSubject, c.Subject = []byte{0x30, 0}, pkix.Name{} }), "no name"},
			"the root's name":        {changed(func(c *x509.Certificate) { c.RawSubject = good.root().RawSubject }), "two of its certificates"},
			"name of an issuer":      {changed(func(c *x509.Certificate) { c.RawSubject = issuer.RawSubject }), "same name"},
			"no key identifier": {changed(func(c *x509.Certificate) {
				c.SubjectKeyId = nil
				c.ExtraExtensions = append(c.ExtraExtensions, pkix.Extension{Id: asn1.ObjectIdentifier{2, 5, 29, 14}, Value: []byte{4, 0}})
			}), "subjectKeyIdentifier"},
			"root by another key": {below(notByItself(t)), "isn't signed by itself"},
			"name of our root":    {changed(func(c *x509.Certificate) { c.RawSubject = ca.Root(p).RawSubject }), "same name"},
			"no host is permitted": {changed(func(c *x509.Certificate) {
				c.PermittedURIDomains, c.PermittedDNSDomainsCritical = []string{"example.com"}, true
			}), "would be refused"},
			"too many authorities": {below(newCompany(t, "Deep", 3)), "at most 2"},
			"path too long above":  {below(shallow(t)), "too many intermediates"},
			"weak key above":       {below(weak(t)), "1024 bits"},
			"usages above":         {below(limited(t)), "incompatible key usage"},
			"signed by a leaf":     {below(leafAbove(t)), "is none that may"},
			"outlives its root":    {below(brief(t)), "outlives"},
		} {
			err := ca.AdoptIssuer(pki.AdoptParams{Purpose: p, Answer: wrong.answer, Now: now})
			if err == nil {
				t.Fatalf("%s: %s is taken", p, name)
			}
			if kind := fault.Of(err).Kind; kind != fault.Untrusted && kind != fault.Invalid || !strings.Contains(err.Error(), wrong.why) {
				t.Errorf("%s: %s: %v", p, name, err)
			}
			if !ca.Issuer(p).Equal(issuer) || len(ca.Roots(p)) != 1 {
				t.Fatalf("%s: %s: something has changed", p, name)
			}
		}
		// The wrong purpose's answer is of another key; and nothing of all that has spoilt
		// the request.
		if again := request(t, ca, p); !bytes.Equal(again, text) {
			t.Error("the request is another")
		}
		if err := ca.AdoptIssuer(pki.AdoptParams{Purpose: p, Answer: whole, Now: now}); err != nil {
			t.Errorf("%s: the good one: %v", p, err)
		}
	}
}

func required(p pki.Purpose) []x509.ExtKeyUsage {
	switch p {
	case pki.PurposeSigning:
		return []x509.ExtKeyUsage{x509.ExtKeyUsageCodeSigning}
	case pki.PurposeUser:
		return []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	}
	return []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}
}

func keyText(t *testing.T) []byte {
	t.Helper()
	text, err := pki.EncodeKeyPEM(newKey(t))
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func otherRequest(t *testing.T) []byte {
	t.Helper()
	text, err := pki.NewCSR(newKey(t))
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// selfSigned is a certificate for the requested key that names itself as its issuer;
// who doesn't have the key can't sign it, but can say so.
func selfSigned(t *testing.T, csr *x509.CertificateRequest) *x509.Certificate {
	t.Helper()
	c := &company{t: t, keys: []crypto.Signer{newKey(t)}}
	parent := authorityTemplate("", 500)
	parent.RawSubject = csr.RawSubject
	c.path = []*x509.Certificate{parent}
	template := authorityTemplate("", 500)
	template.RawSubject, template.MaxPathLenZero = csr.RawSubject, true
	return c.sign(template, csr.PublicKey, nil)
}

// shallow is a company whose authority may not have another one below it.
func shallow(t *testing.T) *company {
	t.Helper()
	c := newCompany(t, "Shallow", 1)
	c.path, c.keys = c.path[:1], c.keys[:1]
	key := newKey(t)
	template := authorityTemplate("Shallow authority", 1000)
	template.MaxPathLenZero = true
	c.path, c.keys = append(c.path, c.sign(template, key.Public(), nil)), append(c.keys, key)
	return c
}

// weak has an authority with an RSA key of 1024 bits.
func weak(t *testing.T) *company {
	t.Helper()
	c := newCompany(t, "Weak", 1)
	c.path, c.keys = c.path[:1], c.keys[:1]
	key, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	template := authorityTemplate("Weak authority", 1000)
	template.MaxPathLen = 1
	c.path, c.keys = append(c.path, c.sign(template, key.Public(), nil)), append(c.keys, key)
	return c
}

// limited has an authority for mail only.
func limited(t *testing.T) *company {
	t.Helper()
	c := newCompany(t, "Limited", 1)
	c.path, c.keys = c.path[:1], c.keys[:1]
	key := newKey(t)
	template := authorityTemplate("Limited authority", 1000)
	template.MaxPathLen, template.ExtKeyUsage = 1, []x509.ExtKeyUsage{x509.ExtKeyUsageEmailProtection}
	c.path, c.keys = append(c.path, c.sign(template, key.Public(), nil)), append(c.keys, key)
	return c
}

// leafAbove has somebody's certificate instead of an authority.
func leafAbove(t *testing.T) *company {
	t.Helper()
	c := newCompany(t, "Leaf", 1)
	c.path, c.keys = c.path[:1], c.keys[:1]
	key := newKey(t)
	template := authorityTemplate("Leaf", 1000)
	template.IsCA, template.KeyUsage = false, x509.KeyUsageDigitalSignature
	c.path, c.keys = append(c.path, c.sign(template, key.Public(), nil)), append(c.keys, key)
	return c
}

// brief has a root that ends before what is below it.
func brief(t *testing.T) *company {
	t.Helper()
	c := &company{t: t, keys: []crypto.Signer{newKey(t)}}
	root := authorityTemplate("Brief root", 200)
	root.MaxPathLen = 1
	c.path = []*x509.Certificate{}
	c.path = append(c.path, c.sign(root, c.keys[0].Public(), c.keys[0]))
	return c
}

// notByItself has a root that somebody else of its name has signed.
func notByItself(t *testing.T) *company {
	t.Helper()
	c := newCompany(t, "Double", 0)
	key := newKey(t)
	template := authorityTemplate("Double root", 1900)
	template.MaxPathLen = 1
	c.path, c.keys = []*x509.Certificate{c.sign(template, key.Public(), nil)}, []crypto.Signer{key}
	return c
}

// Whatever somebody sends as an answer is refused, unless it holds the certificates
// that the company has made.
func FuzzAdoptIssuer(f *testing.F) {
	ca, err := pki.InitCA(fsys.NewMem(), "/ca", pki.CAParams{Organization: "Test", Now: now})
	if err != nil {
		f.Fatal(err)
	}
	c := newCompany(f, "One", 1)
	issuer := c.certify(request(f, ca, pki.PurposeNode), nil)
	f.Add(c.answer(issuer), 10, byte(1))
	f.Add(pki.EncodeCertsPEM(issuer), 0, byte(0))
	f.Add([]byte("-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n"), 3, byte(7))
	whole := c.answer(issuer)
	before := ca.Issuer(pki.PurposeNode)
	f.Fuzz(func(t *testing.T, text []byte, at int, flip byte) {
		mutant := bytes.Clone(whole)
		mutant[int(uint(at)%uint(len(mutant)))] ^= flip
		for _, answer := range [][]byte{text, append(text, mutant...), mutant} {
			err := ca.AdoptIssuer(pki.AdoptParams{Purpose: pki.PurposeNode, Answer: answer, Now: now})
			if err == nil {
				// It holds what the company has made, and nothing else that counts.
				certs, err := pki.ParseCertsPEM(answer)
				if err != nil || len(certs) != 3 || !ca.Issuer(pki.PurposeNode).Equal(issuer) {
					t.Fatalf("%q was taken", answer)
				}
				t.Skip("it is the company's answer")
			}
			if fault.Of(err).Kind == fault.Internal || !ca.Issuer(pki.PurposeNode).Equal(before) && !ca.Issuer(pki.PurposeNode).Equal(issuer) {
				t.Fatalf("%v", err)
			}
		}
	})
}
