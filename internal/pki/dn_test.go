package pki_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"math/big"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/pki"
)

// js7 is what the users' own documents show.
const js7 = "DNQ=SOS CA, CN=js7-controller-primary, OU=IT, O=SOS, L=Berlin, ST=Berlin, C=DE"

func TestSameNames(t *testing.T) {
	t.Parallel()
	want, err := pki.ParseDN(js7)
	if err != nil {
		t.Fatal(err)
	}
	for text, same := range map[string]bool{
		"dnq=SOS CA,cn=JS7-Controller-PRIMARY,ou=it,o=sos,l=berlin,st=berlin,c=de":                       true,
		"DNQUALIFIER=  SOS   CA , CN=js7-controller-primary,OU=IT,O=SOS,L=Berlin,S=Berlin,C=DE":          true,
		`2.5.4.46=#1306534F53204341,CN="js7-controller-primary",OU=\49\54,O=SOS,L=Berlin,ST=Berlin,C=DE`: true,
		"OID.2.5.4.46=SOS CA; CN=js7-controller-primary; OU=IT; O=SOS; L=Berlin; ST=Berlin; C=DE":        true,
		"C=DE, ST=Berlin, L=Berlin, O=SOS, OU=IT, CN=js7-controller-primary, DNQ=SOS CA":                 false, // as openssl prints it
		"CN=js7-controller-primary, DNQ=SOS CA, OU=IT, O=SOS, L=Berlin, ST=Berlin, C=DE":                 false,
		"CN=js7-controller-primary, OU=IT, O=SOS, L=Berlin, ST=Berlin, C=DE":                             false,
		"DNQ=SOS CA, CN=js7-controller-primary, OU=IT, O=SOS, L=Berlin, ST=Berlin, C=DE, O=x":            false,
		"DNQ=SOS CA, CN=js7-controller-primary, O=IT, OU=SOS, L=Berlin, ST=Berlin, C=DE":                 false,
		"DNQ=SOSCA, CN=js7-controller-primary, OU=IT, O=SOS, L=Berlin, ST=Berlin, C=DE":                  false,
		"DNQ=SOS CA, CN=js7-controller-primary+OU=IT, O=SOS, L=Berlin, ST=Berlin, C=DE":                  false,
		`DNQ=SOS CA, CN=js7-controller-primary\, OU=IT, O=SOS, L=Berlin, ST=Berlin, C=DE`:                false,
		"DNQ=SOS CA, CN=js7-controller-primary, OU=IT, O=\u017fO\u017f, L=Berlin, ST=Berlin, C=DE":       false,
	} {
		got, err := pki.ParseDN(text)
		if err != nil || (got == want) != same {
			t.Errorf("%s: the same is %t, %v", text, got == want, err)
		}
	}
	for a, b := range map[string]string{
		"CN=a+OU=b":        "OU=B + CN=A",
		`O="a, b"`:         `O=a\, b`,
		`O=\"x\"`:          `O="\"X\""`,
		"CN=#0c0141":       "CN=a",
		"CN=ÄÖ":            "CN=äö",
		`CN=\c3\a4`:        "CN=ä",
		"O=a+O=b":          "O=b+O=a",
		"CN=#160141":       "CN=a",
		"CN=#1e0400410042": "CN=ab",
	} {
		x, errX := pki.ParseDN(a)
		y, errY := pki.ParseDN(b)
		if errX != nil || errY != nil || x != y {
			t.Errorf("%s and %s: %v, %v", a, b, errX, errY)
		}
	}
	for a, b := range map[string]string{
		"CN=#040141":   "CN=#040142", // not texts: by their bytes
		"CN=a,OU=b":    "CN=a+OU=b",
		"CN=a":         "CN=#040161",
		"CN=\u212a":    "CN=k", // the Kelvin sign
		"CN=a\u0308":   "CN=ä",
		`CN=\#0c0141`:  "CN=A",
		"O=a+O=a,CN=x": "O=a,CN=x",
	} {
		x, errX := pki.ParseDN(a)
		y, errY := pki.ParseDN(b)
		if errX != nil || errY != nil || x == y {
			t.Errorf("%s and %s are the same: %v, %v", a, b, errX, errY)
		}
	}
}

func TestWrongNames(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"", " ", "CN", "CN=", "CN=a,", ",CN=a", "CN=a,,O=b", "=a", "XY=a", "1=a", "2.5.04.3=a", "CN=a\x00b", `CN=a\00b`, "CN=a\tb", "CN=a\u200bb",
		"CN=a\u202eb", "CN=a\u00a0b", "CN=\xff", `CN=\ff`, `CN=a\`, `CN=a\z`, `CN="a`, `CN="a"b`, `CN=a"b`, "CN=#0c", "CN=#xx", "CN=#0c014100", "CN=#0c0100",
		"CN=#1e0141", "CN=#1e02d800", "CN=#1301e4", strings.Repeat("CN=a,", 40) + "CN=a", "CN=" + strings.Repeat("a", 5000), "CN=a+", `CN="  "`,
	} {
		if dn, err := pki.ParseDN(text); !fault.HasCode(err, "InvalidName") {
			t.Errorf("%q: %v, %v", text, dn, err)
		}
	}
}

// subjectCert is a certificate with a subject's encoding whatever.
func subjectCert(t *testing.T, subject pkix.RDNSequence, change func(*x509.Certificate)) *x509.Certificate {
	t.Helper()
	raw, err := asn1.Marshal(subject)
	if err != nil {
		t.Fatal(err)
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{
		SerialNumber: big.NewInt(1), RawSubject: raw, NotBefore: now.Add(-time.Hour), NotAfter: now.Add(time.Hour), KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	if change != nil {
		change(c)
	}
	der, err := x509.CreateCertificate(rand.Reader, c, c, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return cert
}

func rdn(oid asn1.ObjectIdentifier, value any) pkix.RelativeDistinguishedNameSET {
	return pkix.RelativeDistinguishedNameSET{{Type: oid, Value: value}}
}

var (
	oidCN = asn1.ObjectIdentifier{2, 5, 4, 3}
	oidO  = asn1.ObjectIdentifier{2, 5, 4, 10}
)

// TestNamesOfCertificates: what stands in a certificate meets what is written.
func TestNamesOfCertificates(t *testing.T) {
	t.Parallel()
	utf8String := func(s string) asn1.RawValue { return asn1.RawValue{Tag: asn1.TagUTF8String, Bytes: []byte(s)} }
	for _, c := range []struct {
		subject pkix.RDNSequence
		text    string
		same    bool
	}{
		{pkix.RDNSequence{rdn(oidO, "SOS"), rdn(oidCN, "c1")}, "CN=c1, O=SOS", true},
		{pkix.RDNSequence{rdn(oidO, "SOS"), rdn(oidCN, utf8String("C1"))}, "CN=c1,O=sos", true},
		{pkix.RDNSequence{rdn(oidO, " S  OS "), rdn(oidCN, "c1")}, "CN=c1,O=S OS", true},
		{pkix.RDNSequence{rdn(oidO, "SOS"), rdn(oidCN, "c1")}, "O=SOS, CN=c1", false},
		{pkix.RDNSequence{rdn(oidCN, utf8String("c1, O=SOS"))}, "CN=c1, O=SOS", false},
		{pkix.RDNSequence{rdn(oidCN, utf8String("c1+O=SOS"))}, "CN=c1+O=SOS", false},
		{pkix.RDNSequence{rdn(oidCN, utf8String("c1\x00"))}, "CN=c1", false},
		{pkix.RDNSequence{rdn(oidCN, utf8String("c1\u200b"))}, "CN=c1", false},
		{pkix.RDNSequence{rdn(oidCN, asn1.RawValue{Tag: 20, Bytes: []byte("c1")})}, "CN=c1", false}, // TeletexString: of no certain meaning
		{pkix.RDNSequence{rdn(oidCN, "c1"), rdn(oidCN, "c1")}, "CN=c1", false},
		{pkix.RDNSequence{rdn(oidCN, utf8String(`#a"+,;<=>\ä `)), rdn(asn1.ObjectIdentifier{1, 2, 3}, "x")}, `1.2.3=x, CN="#a\"+,;<=>\\ä"`, true},
		{pkix.RDNSequence{{{Type: oidCN, Value: "c1"}, {Type: oidO, Value: "SOS"}}}, "O=SOS+CN=c1", true},
		{pkix.RDNSequence{{{Type: oidCN, Value: "c1"}, {Type: oidO, Value: "SOS"}}}, "CN=c1,O=SOS", false},
	} {
		want, err := pki.ParseDN(c.text)
		if err != nil {
			t.Fatal(err)
		}
		got, err := pki.SubjectDN(subjectCert(t, c.subject, nil))
		if written, werr := pki.ParseDN(pki.SubjectText(subjectCert(t, c.subject, nil))); err == nil && (werr != nil || written != got) {
			t.Errorf("%v is written as %s: %v", c.subject, pki.SubjectText(subjectCert(t, c.subject, nil)), werr)
		}
		if same := err == nil && got == want; same != c.same {
			t.Errorf("%v and %s: the same is %t, %v", c.subject, c.text, same, err)
		}
	}
}

// TestKnownBySubject: only those that are listed, never with an identity of ours
// in the certificate, and with every other check of a node's certificate.
func TestKnownBySubject(t *testing.T) {
	t.Parallel()
	controller := pki.Identity{Role: pki.RoleController, Name: "Controller"}
	subjects, err := pki.NewSubjects(map[string]pki.Identity{"CN=c1, O=SOS": controller, "cn=C1,o=sos": controller})
	if err != nil {
		t.Fatal(err)
	}
	subject := pkix.RDNSequence{rdn(oidO, "SOS"), rdn(oidCN, "c1")}
	uri := func(texts ...string) func(*x509.Certificate) {
		return func(c *x509.Certificate) {
			for _, text := range texts {
				u, err := url.Parse(text)
				if err != nil {
					t.Error(err)
				}
				c.URIs = append(c.URIs, u)
			}
		}
	}
	for name, c := range map[string]struct {
		change func(*x509.Certificate)
		code   string
		id     pki.Identity
	}{
		"listed":             {nil, "", controller},
		"with a foreign URI": {uri("spiffe://company/c1"), "", controller},
		"identity of ours":   {uri("signet://agent/a"), "", pki.Identity{Role: pki.RoleAgent, Name: "a"}},
		"malformed identity": {uri("signet://agent/"), "InvalidIdentity", pki.Identity{}},
		"identity in capitals": {func(c *x509.Certificate) {
			const uri = "SIGNET://agent/a" // package url would make it lower case
			c.ExtraExtensions = []pkix.Extension{{Id: asn1.ObjectIdentifier{2, 5, 29, 17}, Value: append([]byte{0x30, byte(len(uri) + 2), 0x86, byte(len(uri))}, uri...)}}
		}, "InvalidIdentity", pki.Identity{}},
		"identity and a foreign URI": {uri("signet://agent/a", "spiffe://x/y"), "AmbiguousIdentity", pki.Identity{}},
		"not listed": {func(c *x509.Certificate) {
			c.RawSubject, c.Subject = nil, pkix.Name{CommonName: "c1", Organization: []string{"SOS2"}}
		}, "UnknownName", pki.Identity{}},
		"no subject":  {func(c *x509.Certificate) { c.RawSubject, c.Subject = nil, pkix.Name{} }, "InvalidName", pki.Identity{}},
		"server only": {func(c *x509.Certificate) { c.ExtKeyUsage = c.ExtKeyUsage[:1] }, "WrongKeyUsage", pki.Identity{}},
		"client only": {func(c *x509.Certificate) { c.ExtKeyUsage = c.ExtKeyUsage[1:] }, "WrongKeyUsage", pki.Identity{}},
		"signs code, too": {func(c *x509.Certificate) {
			c.ExtKeyUsage = append(c.ExtKeyUsage, x509.ExtKeyUsageCodeSigning)
		}, "WrongKeyUsage", pki.Identity{}},
		"no digital signature": {func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageKeyEncipherment }, "WrongKeyUsage", pki.Identity{}},
		"an authority":         {func(c *x509.Certificate) { c.IsCA, c.BasicConstraintsValid = true, true }, "AuthorityAsLeaf", pki.Identity{}},
		"expired":              {func(c *x509.Certificate) { c.NotAfter = now.Add(-time.Minute) }, "CertificateExpired", pki.Identity{}},
	} {
		cert := subjectCert(t, subject, c.change)
		roots := x509.NewCertPool()
		roots.AddCert(cert) // it is its own root: only the leaf's checks matter here
		id, bySubject, err := pki.CheckNodeNamed([]*x509.Certificate{cert}, roots, nil, now, subjects)
		if id != c.id || c.code == "" && (err != nil || bySubject != (id == controller)) || c.code != "" && (!fault.HasCode(err, c.code) || !fault.Is(err, fault.Untrusted)) {
			t.Errorf("%s: %v, %t, %v", name, id, bySubject, err)
		}
		if c.id != controller {
			continue
		}
		if id, _, err := pki.CheckNodeNamed([]*x509.Certificate{cert}, x509.NewCertPool(), nil, now, subjects); !fault.HasCode(err, "UntrustedCertificate") {
			t.Errorf("%s, of a strange authority: %v, %v", name, id, err)
		}
		if id, err := pki.CheckNode([]*x509.Certificate{cert}, roots, nil, now); err == nil {
			t.Errorf("%s, where nobody is listed: %v", name, id)
		}
	}
	if _, err := pki.NewSubjects(map[string]pki.Identity{"CN=x": controller, "CN=X": {Role: pki.RoleController, Name: "other"}}); !fault.HasCode(err, "InvalidName") {
		t.Errorf("one name of two: %v", err)
	}
}

func FuzzParseDN(f *testing.F) {
	for _, text := range []string{js7, `CN="a\"b"+O=\ x\ ;OU=#0c0141`, "2.5.4.3=a", ""} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		dn, err := pki.ParseDN(text)
		if (err == nil) == (dn == pki.DN{}) {
			t.Errorf("%q: %v, %v", text, dn, err)
		}
		if strings.ContainsRune(text, 0) && err == nil {
			t.Errorf("%q is taken", text)
		}
	})
}
