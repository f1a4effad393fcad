package trust_test

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"math/big"
	"net"
	"net/url"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/trust"
	"github.com/signet-scheduler/signet/internal/trust/trusttest"
)

var doc = []byte(`{"TYPE":"Workflow","path":"A","versionId":"v1"}`)

// forgery is evidence that must be refused with a code by whoever trusts the
// files. The zero time is the fixtures' time.
type forgery struct {
	name    string
	trusted []byte // PEM, armour or key line
	ev      trust.Evidence
	now     time.Time
	code    string
}

// refuse checks forgeries of one kind.
func refuse(t *testing.T, kind trust.Kind, forgeries []forgery) {
	t.Helper()
	seen := map[string]bool{}
	for _, f := range forgeries {
		if seen[f.name] {
			t.Errorf("two forgeries are named %q", f.name)
		}
		seen[f.name] = true
		t.Run(f.name, func(t *testing.T) {
			t.Parallel()
			files := map[trust.Kind][][]byte{}
			if f.trusted != nil {
				files[kind] = [][]byte{f.trusted}
			}
			set, err := trust.NewSet(trust.Policy{}, files[trust.X509], files[trust.PGP], files[trust.SSH])
			if err != nil {
				t.Fatal(err)
			}
			now := f.now
			if now.IsZero() {
				now = trusttest.Now()
			}
			v, err := set.Verify(doc, f.ev, now)
			if err == nil {
				t.Fatalf("it was accepted as signed by %+v", v.Signer())
			}
			if !fault.Is(err, fault.Untrusted) || !fault.HasCode(err, f.code) {
				t.Errorf("got %v (code %s), want code %s", err, fault.Of(err).Code, f.code)
			}
		})
	}
}

// rawSign makes evidence without asking whether anybody should.
func rawSign(t testing.TB, key crypto.Signer, hash crypto.Hash, certs ...*x509.Certificate) trust.Evidence {
	t.Helper()
	digest := doc
	if hash != 0 {
		h := hash.New()
		h.Write(doc)
		digest = h.Sum(nil)
	}
	sig, err := key.Sign(rand.Reader, digest, hash)
	if err != nil {
		t.Fatal(err)
	}
	return trust.Evidence{Kind: trust.X509, Signature: sig, Certificates: trusttest.PEM(certs...)}
}

// signBy is rawSign with SHA-256 for a certificate and all above it.
func signBy(t testing.TB, c *trusttest.Cert) trust.Evidence {
	t.Helper()
	return rawSign(t, c.Key, crypto.SHA256, append([]*x509.Certificate{c.Cert}, c.Above...)...)
}

func p521() elliptic.Curve { return elliptic.P521() }

type change = func(*x509.Certificate)

func usage(usages ...x509.ExtKeyUsage) change {
	return func(c *x509.Certificate) { c.ExtKeyUsage = usages }
}

func keyUsage(u x509.KeyUsage) change { return func(c *x509.Certificate) { c.KeyUsage = u } }

func critical(c *x509.Certificate) {
	c.ExtraExtensions = []pkix.Extension{{Id: asn1.ObjectIdentifier{1, 2, 3, 4}, Critical: true, Value: []byte{5, 0}}}
}

func pathLen(n int) change {
	return func(c *x509.Certificate) { c.MaxPathLen, c.MaxPathLenZero = n, n == 0 }
}

func commonNames(c *x509.Certificate) {
	c.Subject = pkix.Name{ExtraNames: []pkix.AttributeTypeAndValue{
		{Type: asn1.ObjectIdentifier{2, 5, 4, 3}, Value: "boss"},
		{Type: asn1.ObjectIdentifier{2, 5, 4, 3}, Value: "clerk"},
	}}
}

func expiredThen(c *x509.Certificate) { c.NotAfter = trusttest.Now().Add(-time.Minute) }
func laterOnly(c *x509.Certificate)   { c.NotBefore = trusttest.Now().Add(time.Minute) }

// Certificates that must not vouch, each wrong in one point.
func TestForgedCertificates(t *testing.T) {
	t.Parallel()
	key := trusttest.ECDSA(t)
	root := trusttest.NewCA(t, "root", trusttest.ECDSA(t))
	rootPEM := trusttest.PEM(root.Cert)
	sub := root.SubCA(t, "sub", trusttest.ECDSA(t))
	var all []forgery
	add := func(name, code string, trusted []byte, ev trust.Evidence) {
		all = append(all, forgery{name: name, trusted: trusted, ev: ev, code: code})
	}

	for name, c := range map[string]struct {
		change change
		code   string
	}{
		"expired":                       {expiredThen, trust.CodeSignerExpired},
		"not yet valid":                 {laterOnly, trust.CodeSignerNotYetValid},
		"no extended key usage":         {usage(), trust.CodeSignerNotAllowed},
		"any usage":                     {usage(x509.ExtKeyUsageAny), trust.CodeSignerNotAllowed},
		"any usage beside codeSigning":  {usage(x509.ExtKeyUsageCodeSigning, x509.ExtKeyUsageAny), trust.CodeSignerNotAllowed},
		"server":                        {usage(x509.ExtKeyUsageServerAuth), trust.CodeSignerNotAllowed},
		"client":                        {usage(x509.ExtKeyUsageClientAuth), trust.CodeSignerNotAllowed},
		"server beside codeSigning":     {usage(x509.ExtKeyUsageCodeSigning, x509.ExtKeyUsageServerAuth), trust.CodeSignerNotAllowed},
		"client beside codeSigning":     {usage(x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageCodeSigning), trust.CodeSignerNotAllowed},
		"gated crypto beside":           {usage(x509.ExtKeyUsageCodeSigning, x509.ExtKeyUsageMicrosoftServerGatedCrypto), trust.CodeSignerNotAllowed},
		"netscape gated crypto beside":  {usage(x509.ExtKeyUsageCodeSigning, x509.ExtKeyUsageNetscapeServerGatedCrypto), trust.CodeSignerNotAllowed},
		"e-mail only":                   {usage(x509.ExtKeyUsageEmailProtection), trust.CodeSignerNotAllowed},
		"no key usage":                  {keyUsage(0), trust.CodeSignerNotAllowed},
		"key usage without signature":   {keyUsage(x509.KeyUsageKeyEncipherment | x509.KeyUsageContentCommitment), trust.CodeSignerNotAllowed},
		"key usage of a CA":             {keyUsage(x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign), trust.CodeSignerNotAllowed},
		"key usage of a list issuer":    {keyUsage(x509.KeyUsageDigitalSignature | x509.KeyUsageCRLSign), trust.CodeSignerNotAllowed},
		"a CA signs":                    {func(c *x509.Certificate) { c.IsCA = true }, trust.CodeSignerNotAllowed},
		"unknown critical extension":    {critical, trust.CodeSignerNotAllowed},
		"two common names":              {commonNames, trust.CodeMalformedCertificate},
		"control character in the name": {func(c *x509.Certificate) { c.Subject.CommonName = "boss\x00" }, trust.CodeMalformedCertificate},
	} {
		leaf := root.Issue(t, trusttest.CertOptions{Name: "who", Change: c.change}, key)
		add(name, c.code, rootPEM, signBy(t, leaf))
		under := sub.Issue(t, trusttest.CertOptions{Name: "who", Change: c.change}, key)
		add(name+", below an intermediate", c.code, rootPEM, signBy(t, under))
		add(name+", below a trusted intermediate", c.code, trusttest.PEM(sub.Cert), rawSign(t, key, crypto.SHA256, under.Cert))
		if c.code != trust.CodeMalformedCertificate {
			// The same when just this certificate is trusted, shown or not.
			add(name+", itself trusted", c.code, trusttest.PEM(leaf.Cert), signBy(t, leaf))
			hidden := c.code
			if leaf.Cert.IsCA { // it isn't among the signers at all
				hidden = trust.CodeUnknownSigner
			}
			add(name+", itself trusted and not shown", hidden, trusttest.PEM(leaf.Cert), rawSign(t, key, crypto.SHA256))
		}
	}

	good := root.Issue(t, trusttest.CertOptions{Name: "who"}, key)
	below := sub.Issue(t, trusttest.CertOptions{Name: "who"}, key)
	other := trusttest.NewCA(t, "root", trusttest.ECDSA(t)) // same name, another key
	add("nobody is trusted", trust.CodeUnknownSigner, nil, signBy(t, good))
	add("nobody is trusted and no certificate", trust.CodeUnknownSigner, nil, rawSign(t, key, crypto.SHA256))
	add("root of the same name with another key", trust.CodeUnknownSigner, trusttest.PEM(other.Cert), signBy(t, good))
	add("intermediate missing", trust.CodeUnknownSigner, rootPEM, rawSign(t, key, crypto.SHA256, below.Cert))
	add("intermediate of another root", trust.CodeUnknownSigner, rootPEM, signBy(t, other.SubCA(t, "sub", trusttest.ECDSA(t)).Issue(t, trusttest.CertOptions{Name: "who"}, key)))
	add("self-signed", trust.CodeUnknownSigner, rootPEM, signBy(t, selfSigned(t, "who", key)))
	add("brings its own root", trust.CodeUnknownSigner, rootPEM, rawSign(t, key, crypto.SHA256, other.Issue(t, trusttest.CertOptions{Name: "who"}, key).Cert, other.Cert))

	// Who isn't a CA doesn't vouch.
	minted := good.Issue(t, trusttest.CertOptions{Name: "boss"}, trusttest.ECDSA(t))
	add("child of a certificate that is no CA", trust.CodeSignerNotAllowed, rootPEM, signBy(t, &trusttest.Cert{Cert: minted.Cert, Key: minted.Key, Above: []*x509.Certificate{good.Cert}}))
	add("child of a trusted signer", trust.CodeUnknownSigner, trusttest.PEM(good.Cert), rawSign(t, minted.Key, crypto.SHA256, minted.Cert))
	add("child of a trusted signer, who is shown", trust.CodeSignerNotAllowed, trusttest.PEM(good.Cert), rawSign(t, minted.Key, crypto.SHA256, minted.Cert, good.Cert))
	noCertSign := root.SubCA(t, "no certSign", trusttest.ECDSA(t), keyUsage(x509.KeyUsageCRLSign))
	add("issuer without key usage certSign", trust.CodeSignerNotAllowed, rootPEM, signBy(t, noCertSign.Issue(t, trusttest.CertOptions{Name: "who"}, key)))
	tls := root.SubCA(t, "tls", trusttest.ECDSA(t), usage(x509.ExtKeyUsageServerAuth))
	add("CA for servers only", trust.CodeSignerNotAllowed, rootPEM, signBy(t, tls.Issue(t, trusttest.CertOptions{Name: "who"}, key)))

	// Lengths, names and dates above the signer.
	short := root.SubCA(t, "short", trusttest.ECDSA(t), pathLen(0))
	add("path length of the intermediate", trust.CodeSignerNotAllowed, rootPEM, signBy(t, short.SubCA(t, "deep", trusttest.ECDSA(t)).Issue(t, trusttest.CertOptions{Name: "who"}, key)))
	shortRoot := trusttest.NewCA(t, "short root", trusttest.ECDSA(t), pathLen(0))
	add("path length of the root", trust.CodeSignerNotAllowed, trusttest.PEM(shortRoot.Cert), signBy(t, shortRoot.SubCA(t, "deep", trusttest.ECDSA(t)).Issue(t, trusttest.CertOptions{Name: "who"}, key)))
	named := root.SubCA(t, "named", trusttest.ECDSA(t), func(c *x509.Certificate) {
		c.PermittedDNSDomainsCritical, c.PermittedDNSDomains = true, []string{"example.test"}
	})
	add("name constraint", trust.CodeSignerNotAllowed, rootPEM, signBy(t, named.Issue(t, trusttest.CertOptions{Name: "who", Change: func(c *x509.Certificate) { c.DNSNames = []string{"other.test"} }}, key)))
	add("intermediate expired", trust.CodeSignerExpired, rootPEM, signBy(t, root.SubCA(t, "old", trusttest.ECDSA(t), expiredThen).Issue(t, trusttest.CertOptions{Name: "who"}, key)))
	add("intermediate not yet valid", trust.CodeSignerNotYetValid, rootPEM, signBy(t, root.SubCA(t, "new", trusttest.ECDSA(t), laterOnly).Issue(t, trusttest.CertOptions{Name: "who"}, key)))
	add("intermediate with unknown critical extension", trust.CodeSignerNotAllowed, rootPEM, signBy(t, root.SubCA(t, "odd", trusttest.ECDSA(t), critical).Issue(t, trusttest.CertOptions{Name: "who"}, key)))
	oldRoot := trusttest.NewCA(t, "old root", trusttest.ECDSA(t), expiredThen)
	add("root expired", trust.CodeSignerExpired, trusttest.PEM(oldRoot.Cert), signBy(t, oldRoot.Issue(t, trusttest.CertOptions{Name: "who"}, key)))
	newRoot := trusttest.NewCA(t, "new root", trusttest.ECDSA(t), laterOnly)
	add("root not yet valid", trust.CodeSignerNotYetValid, trusttest.PEM(newRoot.Cert), signBy(t, newRoot.Issue(t, trusttest.CertOptions{Name: "who"}, key)))

	// Names that an authority may not vouch for.
	for name, change := range map[string]struct{ authority, leaf change }{
		"excluded DNS name": {func(c *x509.Certificate) {
			c.PermittedDNSDomainsCritical, c.ExcludedDNSDomains = true, []string{"example.test"}
		}, func(c *x509.Certificate) { c.DNSNames = []string{"a.example.test"} }},
		"permitted e-mail": {func(c *x509.Certificate) {
			c.PermittedDNSDomainsCritical, c.PermittedEmailAddresses = true, []string{"example.test"}
		}, func(c *x509.Certificate) { c.EmailAddresses = []string{"who@other.test"} }},
		"permitted address": {func(c *x509.Certificate) {
			c.PermittedDNSDomainsCritical, c.PermittedIPRanges = true, []*net.IPNet{{IP: net.IP{10, 0, 0, 0}, Mask: net.CIDRMask(8, 32)}}
		}, func(c *x509.Certificate) { c.IPAddresses = []net.IP{{192, 168, 0, 1}} }},
		"permitted URI": {func(c *x509.Certificate) {
			c.PermittedDNSDomainsCritical, c.PermittedURIDomains = true, []string{"example.test"}
		}, func(c *x509.Certificate) { c.URIs = []*url.URL{{Scheme: "https", Host: "other.test"}} }},
	} {
		authority := root.SubCA(t, "constrained", trusttest.ECDSA(t), change.authority)
		add("name constraint: "+name, trust.CodeSignerNotAllowed, rootPEM, signBy(t, authority.Issue(t, trusttest.CertOptions{Name: "who", Change: change.leaf}, key)))
	}

	// Chains that lead in a circle, or to somebody of the same name or key.
	x, y := trusttest.ECDSA(t), trusttest.ECDSA(t)
	first := other.SubCA(t, "x", x)
	second := first.SubCA(t, "y", y)
	third := second.SubCA(t, "x", x)
	add("two that vouch for each other", trust.CodeUnknownSigner, rootPEM, rawSign(t, key, crypto.SHA256, third.Issue(t, trusttest.CertOptions{Name: "who"}, key).Cert, third.Cert, second.Cert))
	namesake := root.SubCA(t, "sub", trusttest.ECDSA(t))
	add("intermediate of the same name with another key", trust.CodeSignerNotAllowed, rootPEM, rawSign(t, key, crypto.SHA256, below.Cert, namesake.Cert))
	add("intermediate of the same name, itself trusted", trust.CodeUnknownSigner, trusttest.PEM(namesake.Cert), rawSign(t, key, crypto.SHA256, below.Cert))
	add("root's key in an authority of another name", trust.CodeUnknownSigner, trusttest.PEM(trusttest.NewCA(t, "another", root.Key).Cert), signBy(t, good))
	add("signed by the key of its authority", trust.CodeSignatureInvalid, rootPEM, rawSign(t, root.Key, crypto.SHA256, good.Cert))
	add("signed by the key of its intermediate", trust.CodeSignatureInvalid, rootPEM, rawSign(t, sub.Key, crypto.SHA256, below.Cert, sub.Cert))
	add("signed by the key of another of the same name", trust.CodeSignatureInvalid, rootPEM, rawSign(t, x, crypto.SHA256, good.Cert))
	add("intermediate below itself", trust.CodeSurplusEvidence, rootPEM, rawSign(t, key, crypto.SHA256, below.Cert, selfSigned(t, "sub", sub.Key).Cert, sub.Cert))

	// What isn't part of the chain.
	add("surplus certificate", trust.CodeSurplusEvidence, rootPEM, rawSign(t, key, crypto.SHA256, good.Cert, sub.Cert))
	add("surplus certificate above the root", trust.CodeSurplusEvidence, trusttest.PEM(sub.Cert), rawSign(t, key, crypto.SHA256, below.Cert, sub.Cert, root.Cert))
	add("wrong order", trust.CodeSignerNotAllowed, rootPEM, rawSign(t, key, crypto.SHA256, sub.Cert, below.Cert))
	add("signer twice", trust.CodeSurplusEvidence, rootPEM, rawSign(t, key, crypto.SHA256, good.Cert, good.Cert))
	add("intermediate twice", trust.CodeSurplusEvidence, rootPEM, rawSign(t, key, crypto.SHA256, below.Cert, sub.Cert, sub.Cert))
	add("surplus beside a trusted signer", trust.CodeUnknownSigner, trusttest.PEM(good.Cert), rawSign(t, key, crypto.SHA256, good.Cert, root.Cert))
	renewed := root.Issue(t, trusttest.CertOptions{Name: "who"}, key)
	add("another certificate of a trusted signer's key", trust.CodeUnknownSigner, trusttest.PEM(good.Cert), signBy(t, renewed))
	many := make([]*x509.Certificate, 9)
	for i := range many {
		many[i] = good.Cert
	}
	add("too many certificates", trust.CodeMalformedCertificate, rootPEM, rawSign(t, key, crypto.SHA256, many...))

	// Weak keys and hashes.
	rsa1024, rsa2048 := trusttest.RSA(t, 1024), trusttest.RSA(t, 2048)
	for name, weak := range map[string]crypto.Signer{
		"RSA-1024": rsa1024, "RSA-2048 by default": rsa2048,
		"P-224": trusttest.ECDSAOn(t, elliptic.P224()), "P-521": trusttest.ECDSAOn(t, elliptic.P521()),
		"RSA with exponent 3": exponent3(t),
	} {
		leaf := root.Issue(t, trusttest.CertOptions{Name: "weak"}, weak)
		add(name, trust.CodeWeakKey, rootPEM, signBy(t, leaf))
		add(name+", itself trusted", trust.CodeWeakKey, trusttest.PEM(leaf.Cert), rawSign(t, weak, crypto.SHA256))
		if name != "RSA with exponent 3" {
			weakRoot := trusttest.NewCA(t, "weak root", weak)
			add(name+" root", trust.CodeWeakKey, trusttest.PEM(weakRoot.Cert), signBy(t, weakRoot.Issue(t, trusttest.CertOptions{Name: "who"}, key)))
			weakSub := root.SubCA(t, "weak sub", weak)
			add(name+" intermediate", trust.CodeWeakKey, rootPEM, signBy(t, weakSub.Issue(t, trusttest.CertOptions{Name: "who"}, key)))
		}
	}
	sha1Root, sha1Leaf := sha1Chain(t)
	add("chain with SHA-1", trust.CodeWeakHash, trusttest.PEM(sha1Root), rawSign(t, trusttest.RSA(t, 3072), crypto.SHA256, sha1Leaf))
	refuse(t, trust.X509, all)
}

// The signature itself, each wrong in one point; the certificate is good.
func TestForgedRawSignatures(t *testing.T) {
	t.Parallel()
	key, rsaKey, edKey := trusttest.ECDSA(t), trusttest.RSA(t, 3072), trusttest.Ed25519(t)
	root := trusttest.NewCA(t, "root", trusttest.ECDSA(t))
	var all []forgery
	add := func(name string, certs, sig []byte) {
		all = append(all, forgery{name: name, trusted: trusttest.PEM(root.Cert), code: trust.CodeSignatureInvalid, ev: trust.Evidence{Kind: trust.X509, Signature: sig, Certificates: certs}})
	}
	leaf := func(k crypto.Signer) []byte {
		return root.Issue(t, trusttest.CertOptions{Name: "who"}, k).ChainPEM()
	}
	ec, rs, ed := leaf(key), leaf(rsaKey), leaf(edKey)
	sign := func(k crypto.Signer, hash crypto.Hash) []byte { return rawSign(t, k, hash).Signature }
	der := func(r, s *big.Int) []byte {
		b, err := asn1.Marshal(struct{ R, S *big.Int }{r, s})
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	var good struct{ R, S *big.Int }
	goodDER := sign(key, crypto.SHA256)
	if _, err := asn1.Unmarshal(goodDER, &good); err != nil {
		t.Fatal(err)
	}
	n, zero, one := elliptic.P256().Params().N, big.NewInt(0), big.NewInt(1)

	add("ECDSA r = s = 0", ec, der(zero, zero))
	add("ECDSA r = 0", ec, der(zero, good.S))
	add("ECDSA s = 0", ec, der(good.R, zero))
	add("ECDSA r = s = 1", ec, der(one, one))
	add("ECDSA r = n", ec, der(n, good.S))
	add("ECDSA s = n", ec, der(good.R, n))
	add("ECDSA r = s = n", ec, der(n, n))
	add("ECDSA r + n", ec, der(new(big.Int).Add(good.R, n), good.S))
	add("ECDSA s + n", ec, der(good.R, new(big.Int).Add(good.S, n)))
	add("ECDSA negative r", ec, der(new(big.Int).Sub(good.R, n), good.S))
	add("ECDSA negative s", ec, der(good.R, new(big.Int).Neg(good.S)))
	add("ECDSA r and s swapped", ec, der(good.S, good.R))
	add("ECDSA needless zero before r", ec, nonMinimal(good.R, good.S))
	add("ECDSA long length", ec, append([]byte{0x30, 0x81, goodDER[1]}, goodDER[2:]...))
	add("ECDSA indefinite length", ec, append(append([]byte{0x30, 0x80}, goodDER[2:]...), 0, 0))
	add("ECDSA trailing byte", ec, append(bytes.Clone(goodDER), 0))
	add("ECDSA trailing number", ec, append(append([]byte{0x30, goodDER[1] + 3}, goodDER[2:]...), 2, 1, 0))
	add("ECDSA as r || s", ec, append(good.R.FillBytes(make([]byte, 32)), good.S.FillBytes(make([]byte, 32))...))
	add("ECDSA over SHA-1", ec, sign(key, crypto.SHA1))
	add("ECDSA over SHA-224", ec, sign(key, crypto.SHA224))
	add("ECDSA over SHA-384", ec, sign(key, crypto.SHA384))
	add("ECDSA over the document's start", ec, firstBytes(t, key))
	add("ECDSA of another key", ec, sign(trusttest.ECDSA(t), crypto.SHA256))
	add("ECDSA null", ec, []byte{5, 0})
	add("ECDSA empty sequence", ec, []byte{0x30, 0})
	add("RSA in place of ECDSA", ec, sign(rsaKey, crypto.SHA256))
	add("Ed25519 in place of ECDSA", ec, sign(edKey, 0))

	add("RSA PSS", rs, pss(t, rsaKey))
	add("RSA over SHA-1", rs, sign(rsaKey, crypto.SHA1))
	add("RSA over SHA-384", rs, sign(rsaKey, crypto.SHA384))
	add("RSA without digest info", rs, sign(rsaKey, 0)[:0:0])
	all[len(all)-1].code = trust.CodeMissingEvidence
	sum := sha256.Sum256(doc)
	bare, err := rsa.SignPKCS1v15(nil, rsaKey, 0, sum[:])
	if err != nil {
		t.Fatal(err)
	}
	add("RSA bare digest", rs, bare)
	goodRSA := sign(rsaKey, crypto.SHA256)
	add("RSA garbage after the digest", rs, paddedRSA(rsaKey, sum[:], 8))
	add("RSA block type 2", rs, paddedRSA(rsaKey, sum[:], -1))
	add("RSA plus the modulus", rs, new(big.Int).Add(new(big.Int).SetBytes(goodRSA), rsaKey.N).Bytes())
	add("RSA leading zero", rs, append([]byte{0}, goodRSA...))
	add("RSA cut off", rs, goodRSA[:len(goodRSA)-1])
	add("RSA zeros", rs, make([]byte, len(goodRSA)))
	add("RSA one", rs, one.FillBytes(make([]byte, len(goodRSA))))
	add("RSA n - 1", rs, new(big.Int).Sub(rsaKey.N, one).Bytes())
	add("ECDSA in place of RSA", rs, goodDER)

	goodEd := sign(edKey, 0)
	ctx, err := edKey.Sign(nil, doc, &ed25519.Options{Context: "signet"})
	if err != nil {
		t.Fatal(err)
	}
	add("Ed25519 with context", ed, ctx)
	add("Ed25519 over the hash", ed, edPrehash(t, edKey))
	add("Ed25519 S plus the order", ed, edPlusOrder(goodEd))
	add("Ed25519 cut off", ed, goodEd[:63])
	add("Ed25519 longer", ed, append(bytes.Clone(goodEd), 0))
	add("Ed25519 zeros", ed, make([]byte, 64))
	add("Ed25519 halves swapped", ed, append(bytes.Clone(goodEd[32:]), goodEd[:32]...))
	refuse(t, trust.X509, all)
}

// A signature with a high s is as good: openssl and hardware make them.
func TestHighSIsAccepted(t *testing.T) {
	t.Parallel()
	who := trusttest.NewX509(t, "who")
	ev := trusttest.Sign(t, who.Key, doc)
	var rs struct{ R, S *big.Int }
	if _, err := asn1.Unmarshal(ev.Signature, &rs); err != nil {
		t.Fatal(err)
	}
	rs.S.Sub(elliptic.P256().Params().N, rs.S)
	other, err := asn1.Marshal(rs)
	if err != nil {
		t.Fatal(err)
	}
	for _, sig := range [][]byte{ev.Signature, other} {
		ev.Signature = sig
		if _, err := trusttest.Set(t, who).Verify(doc, ev, trusttest.Now()); err != nil {
			t.Error(err)
		}
	}
}

// What must be accepted beside the plain case.
func TestAcceptedChains(t *testing.T) {
	t.Parallel()
	key := trusttest.ECDSA(t)
	root := trusttest.NewCA(t, "root", trusttest.ECDSA(t))
	sub := root.SubCA(t, "sub", trusttest.ECDSA(t), pathLen(0))
	leaf := sub.Issue(t, trusttest.CertOptions{Name: "who"}, key)
	old := sub.Issue(t, trusttest.CertOptions{Name: "old", Change: expiredThen}, key)
	rsa2048 := root.Issue(t, trusttest.CertOptions{Name: "rsa"}, trusttest.RSA(t, 2048))
	mail := root.Issue(t, trusttest.CertOptions{Name: "mail", Change: usage(x509.ExtKeyUsageCodeSigning, x509.ExtKeyUsageEmailProtection)}, key)
	nameless := root.Issue(t, trusttest.CertOptions{Change: func(c *x509.Certificate) { c.Subject = pkix.Name{Organization: []string{"Example"}} }}, key)
	for _, tt := range []struct {
		name    string
		trusted [][]byte
		ev      trust.Evidence
		policy  trust.Policy
	}{
		{"root", [][]byte{trusttest.PEM(root.Cert)}, signBy(t, leaf), trust.Policy{}},
		{"root, which is shown", [][]byte{trusttest.PEM(root.Cert)}, rawSign(t, key, crypto.SHA256, leaf.Cert, sub.Cert, root.Cert), trust.Policy{}},
		{"intermediate without its root", [][]byte{trusttest.PEM(sub.Cert)}, rawSign(t, key, crypto.SHA256, leaf.Cert), trust.Policy{}},
		{"intermediate without its root, which is shown", [][]byte{trusttest.PEM(sub.Cert)}, signBy(t, leaf), trust.Policy{}},
		{"root and intermediate", [][]byte{trusttest.PEM(root.Cert, sub.Cert)}, signBy(t, leaf), trust.Policy{}},
		{"the signer's own", [][]byte{trusttest.PEM(leaf.Cert)}, rawSign(t, key, crypto.SHA256, leaf.Cert), trust.Policy{}},
		{"the signer's own, not shown", [][]byte{trusttest.PEM(leaf.Cert)}, rawSign(t, key, crypto.SHA512), trust.Policy{}},
		{"the signer's own and the root", [][]byte{trusttest.PEM(leaf.Cert), trusttest.PEM(root.Cert)}, signBy(t, leaf), trust.Policy{}},
		{"renewed beside an expired one of the same key", [][]byte{trusttest.PEM(old.Cert, leaf.Cert)}, rawSign(t, key, crypto.SHA256), trust.Policy{}},
		{"RSA-2048 by policy", [][]byte{trusttest.PEM(root.Cert)}, signBy(t, rsa2048), trust.Policy{MinRSABits: 2048}},
		{"e-mail beside codeSigning", [][]byte{trusttest.PEM(root.Cert)}, signBy(t, mail), trust.Policy{}},
		{"subject without common name", [][]byte{trusttest.PEM(root.Cert)}, signBy(t, nameless), trust.Policy{}},
		{"SHA-512 with P-256", [][]byte{trusttest.PEM(root.Cert)}, rawSign(t, key, crypto.SHA512, leaf.Cert, sub.Cert), trust.Policy{}},
	} {
		set, err := trust.NewSet(tt.policy, tt.trusted, nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := set.Verify(doc, tt.ev, trusttest.Now()); err != nil {
			t.Errorf("%s: %s", tt.name, err)
		}
	}
}

func selfSigned(t testing.TB, name string, key crypto.Signer) *trusttest.Cert {
	return trusttest.NewCA(t, name, key, func(c *x509.Certificate) {
		c.IsCA, c.KeyUsage, c.ExtKeyUsage = false, x509.KeyUsageDigitalSignature, []x509.ExtKeyUsage{x509.ExtKeyUsageCodeSigning}
	})
}

// exponent3 returns the process' RSA key with the public exponent 3.
func exponent3(t testing.TB) *rsa.PrivateKey {
	t.Helper()
	key, err := makeExponent3()
	if err != nil {
		t.Fatal(err)
	}
	return key
}

var makeExponent3 = sync.OnceValues(func() (*rsa.PrivateKey, error) {
	// A prime below which 3 divides won't do.
	prime := func() (*big.Int, error) {
		for {
			p, err := rand.Prime(rand.Reader, 1536)
			if err != nil || new(big.Int).Mod(p, big.NewInt(3)).Int64() == 2 {
				return p, err
			}
		}
	}
	p, err := prime()
	if err != nil {
		return nil, err
	}
	q, err := prime()
	if err != nil {
		return nil, err
	}
	one := big.NewInt(1)
	phi := new(big.Int).Mul(new(big.Int).Sub(p, one), new(big.Int).Sub(q, one))
	key := &rsa.PrivateKey{
		PublicKey: rsa.PublicKey{N: new(big.Int).Mul(p, q), E: 3},
		D:         new(big.Int).ModInverse(big.NewInt(3), phi), Primes: []*big.Int{p, q},
	}
	key.Precompute()
	return key, nil
})

// sha1Chain is a chain whose signer's certificate is signed over SHA-1. The
// standard library makes none, so the certificate is signed anew by hand.
func sha1Chain(t testing.TB) (root, leaf *x509.Certificate) {
	t.Helper()
	key := trusttest.RSA(t, 3072)
	ca := trusttest.NewCA(t, "sha1 root", key)
	made := ca.Issue(t, trusttest.CertOptions{Name: "who", Change: func(c *x509.Certificate) { c.SignatureAlgorithm = x509.SHA256WithRSA }}, key)
	var cert struct {
		TBS asn1.RawValue
		Alg asn1.RawValue
		Sig asn1.BitString
	}
	if _, err := asn1.Unmarshal(made.Cert.Raw, &cert); err != nil {
		t.Fatal(err)
	}
	// sha256WithRSAEncryption is 1.2.840.113549.1.1.11, sha1WithRSAEncryption ...5.
	weaken := func(b []byte) []byte {
		return bytes.ReplaceAll(b, []byte{0xf7, 0x0d, 1, 1, 11}, []byte{0xf7, 0x0d, 1, 1, 5})
	}
	cert.TBS.FullBytes, cert.Alg.FullBytes = weaken(cert.TBS.FullBytes), weaken(cert.Alg.FullBytes)
	sum := sha1.Sum(cert.TBS.FullBytes)
	sig, err := rsa.SignPKCS1v15(nil, key, crypto.SHA1, sum[:])
	if err != nil {
		t.Fatal(err)
	}
	cert.Sig = asn1.BitString{Bytes: sig, BitLength: len(sig) * 8}
	der, err := asn1.Marshal(cert)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err = x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return ca.Cert, leaf
}

func nonMinimal(r, s *big.Int) []byte {
	number := func(n *big.Int) []byte {
		b := n.Bytes()
		if b[0]&0x80 != 0 {
			b = append([]byte{0}, b...)
		}
		return b
	}
	rb := append([]byte{0}, number(r)...)
	sb := number(s)
	body := append([]byte{2, byte(len(rb))}, rb...)
	body = append(append(body, 2, byte(len(sb))), sb...)
	return append([]byte{0x30, byte(len(body))}, body...)
}

// firstBytes signs the first 32 bytes of the document in place of its hash.
func firstBytes(t testing.TB, key *ecdsa.PrivateKey) []byte {
	sig, err := ecdsa.SignASN1(rand.Reader, key, doc[:32])
	if err != nil {
		t.Fatal(err)
	}
	return sig
}

func pss(t testing.TB, key *rsa.PrivateKey) []byte {
	sum := sha256.Sum256(doc)
	sig, err := rsa.SignPSS(rand.Reader, key, crypto.SHA256, sum[:], nil)
	if err != nil {
		t.Fatal(err)
	}
	return sig
}

// paddedRSA signs a block whose padding is short and followed by garbage, or, for
// garbage below 0, of the type for encryption.
func paddedRSA(key *rsa.PrivateKey, digest []byte, garbage int) []byte {
	prefix := []byte{0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0x04, 0x20}
	block := make([]byte, key.Size())
	block[1] = 1
	if garbage < 0 {
		block[1], garbage = 2, 0
	}
	tail := append(append([]byte{0}, prefix...), digest...)
	end := len(block) - garbage
	for i := 2; i < end-len(tail); i++ {
		block[i] = 0xff
	}
	copy(block[end-len(tail):], tail)
	m := new(big.Int).SetBytes(block)
	return m.Exp(m, key.D, key.N).FillBytes(make([]byte, key.Size()))
}

// edPrehash signs the hash of the document as a document.
func edPrehash(t testing.TB, key ed25519.PrivateKey) []byte {
	sum := sha512.Sum512(doc)
	sig, err := key.Sign(nil, sum[:], &ed25519.Options{Hash: crypto.SHA512})
	if err != nil {
		t.Fatal(err)
	}
	return sig
}

// edPlusOrder adds the group's order to S, which verifies for lax verifiers.
func edPlusOrder(sig []byte) []byte {
	order, _ := new(big.Int).SetString("7237005577332262213973186563042994240857116359379907606001950938285454250989", 10)
	s := bytes.Clone(sig[32:])
	slices.Reverse(s)
	sum := new(big.Int).Add(new(big.Int).SetBytes(s), order).FillBytes(make([]byte, 32))
	slices.Reverse(sum)
	return append(bytes.Clone(sig[:32]), sum...)
}
