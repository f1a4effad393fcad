package trust

import (
	"bytes"
	"crypto/x509"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"
	"time"
	"unicode"

	"github.com/signet-scheduler/signet/internal/fault"
)

// readX509File reads a file of trusted certificates. It is the administrator's
// own, so text around the blocks is allowed (`openssl x509 -text` writes it),
// but a block of anything else makes the file unusable: above all, a private
// key doesn't belong there.
func readX509File(content []byte) ([]anchor, error) {
	var anchors []anchor
	rest := content
	for {
		block, tail := pem.Decode(rest)
		if block == nil {
			break
		}
		rest = tail
		if block.Type != "CERTIFICATE" {
			return nil, fmt.Errorf("it holds a block %q; only certificates belong here", printable(block.Type))
		}
		cert, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("certificate %d: %w", len(anchors)+1, err)
		}
		name, err := certificateName(cert)
		if err != nil {
			return nil, fmt.Errorf("certificate %d: %w", len(anchors)+1, err)
		}
		anchors = append(anchors, anchor{raw: cert.Raw, cert: cert, info: SignerInfo{
			Kind: X509, Name: name, KeyID: certificateKeyID(cert), CA: cert.IsCA,
			NotBefore: cert.NotBefore, NotAfter: cert.NotAfter,
		}})
	}
	if bytes.Contains(rest, []byte("-----BEGIN")) {
		return nil, errors.New("its last PEM block isn't complete")
	}
	if len(anchors) == 0 {
		return nil, errors.New("it holds no certificate in PEM form")
	}
	return anchors, nil
}

// certificateName returns the subject's common name, else the whole subject. A
// name that could be shown as another one is refused: control characters, and
// two common names.
func certificateName(cert *x509.Certificate) (string, error) {
	commonNames := 0
	for _, attribute := range cert.Subject.Names {
		if attribute.Type.Equal(asn1.ObjectIdentifier{2, 5, 4, 3}) {
			commonNames++
		}
	}
	if commonNames > 1 {
		return "", errors.New("its subject has several common names")
	}
	name := cert.Subject.CommonName
	if name == "" {
		name = cert.Subject.String()
	}
	for _, r := range name {
		if !unicode.IsPrint(r) {
			return "", fmt.Errorf("its subject's name contains the character U+%04X", r)
		}
	}
	if name == "" {
		name = "certificate " + cert.SerialNumber.String()
	}
	return name, nil
}

// certificateKeyID identifies a certificate's key, also across renewals.
func certificateKeyID(cert *x509.Certificate) string {
	return keyIDOf(cert.RawSubjectPublicKeyInfo)
}

// verifyX509 verifies a raw signature and the chain of its certificate.
func (s *Set) verifyX509(doc []byte, ev Evidence, now time.Time) (Signer, *fault.Error) {
	if len(ev.Certificates) == 0 {
		return s.verifyWithoutCertificate(doc, ev.Signature, now)
	}
	certs, err := parseCertificates(ev.Certificates)
	if err != nil {
		return Signer{}, err
	}
	revoked, err := s.checkPath(certs, now)
	if err != nil {
		return Signer{}, err
	}
	return s.verifyByLeaf(doc, ev.Signature, certs[0], revoked)
}

// verifyWithoutCertificate looks for the trusted certificate whose key made the
// signature.
func (s *Set) verifyWithoutCertificate(doc, sig []byte, now time.Time) (Signer, *fault.Error) {
	if len(s.leaves) == 0 {
		return Signer{}, refuse(CodeUnknownSigner, "the signature comes without a certificate, and no signer's own certificate is trusted here; add the certificate as a .pem file beside the signature")
	}
	refused := refuse(CodeSignatureInvalid, "the signature isn't one over this document by any of the %d trusted signing certificates", len(s.leaves))
	var found *x509.Certificate // revoked, at the time since
	var since time.Time
	for _, leaf := range s.leaves {
		if !verifyRaw(leaf.PublicKey, doc, sig) {
			continue
		}
		// A renewed certificate can have the same key: one that is valid is enough.
		revoked, err := s.checkTrustedLeaf(leaf, now)
		switch {
		case err != nil:
			refused = err
		case revoked.IsZero():
			return s.verifyByLeaf(doc, sig, leaf, revoked)
		case found == nil || since.Before(revoked):
			found, since = leaf, revoked
		}
	}
	if found != nil {
		return s.verifyByLeaf(doc, sig, found, since)
	}
	return Signer{}, refused
}

// verifyByLeaf verifies the signature with the key of a certificate that was
// found good, if it is none that was revoked at some time.
func (s *Set) verifyByLeaf(doc, sig []byte, leaf *x509.Certificate, revoked time.Time) (Signer, *fault.Error) {
	name, err := certificateName(leaf)
	if err != nil {
		return Signer{}, refuse(CodeMalformedCertificate, "the signer's certificate is refused: %s", err)
	}
	if err := s.policy.checkKey(leaf.PublicKey, name); err != nil {
		return Signer{}, err
	}
	if !verifyRaw(leaf.PublicKey, doc, sig) {
		return Signer{}, refuse(CodeSignatureInvalid, "the signature isn't one over this document by %s: the document was changed, or another key signed it", name)
	}
	return Signer{Kind: X509, Name: name, KeyID: certificateKeyID(leaf), Revoked: revoked}, nil
}

// parseCertificates reads the certificates of evidence, which must be canonical.
func parseCertificates(text []byte) ([]*x509.Certificate, *fault.Error) {
	ders, err := decodeCertificatePEM(text)
	if err != nil {
		return nil, refuse(CodeMalformedCertificate, "the certificates of the signature can't be used: %s", err)
	}
	certs := make([]*x509.Certificate, 0, len(ders))
	for i, der := range ders {
		cert, err := x509.ParseCertificate(der)
		if err != nil {
			return nil, refuse(CodeMalformedCertificate, "certificate %d of the signature can't be used: %s", i+1, err)
		}
		certs = append(certs, cert)
	}
	return certs, nil
}

// checkPath finds out whether the certificates of the evidence lead to trust:
// the signer's own certificate is trusted and comes alone, or each certificate
// is certified by the next and the last by a trusted CA. It returns when the signer's
// was revoked, as checkRevocation does.
func (s *Set) checkPath(certs []*x509.Certificate, now time.Time) (time.Time, *fault.Error) {
	leaf := certs[0]
	if len(certs) == 1 && slices.ContainsFunc(s.leaves, leaf.Equal) {
		return s.checkTrustedLeaf(leaf, now)
	}
	if err := checkSigningUsage(leaf); err != nil {
		return time.Time{}, err
	}
	intermediates := x509.NewCertPool()
	for _, cert := range certs[1:] {
		intermediates.AddCert(cert)
	}
	chains, err := leaf.Verify(x509.VerifyOptions{
		Roots: s.roots, Intermediates: intermediates, CurrentTime: now,
		KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageCodeSigning},
	})
	if err != nil {
		return time.Time{}, s.explainPath(certs, err, now)
	}
	refused := refuse(CodeSurplusEvidence, "the certificates beside the signature of %s aren't just the signer's and the intermediates up to a CA that is trusted here, in this order; remove the others", printable(leaf.Subject.CommonName))
	for _, chain := range chains {
		if !isPath(certs, chain) {
			continue
		}
		revoked, err := s.checkChain(chain)
		if err == nil {
			return revoked, nil
		}
		refused = err
	}
	return time.Time{}, refused
}

// isPath tells whether the certificates are the chain, in its order, with or
// without the trusted CA at its end. Nothing may be surplus: what no signature
// vouches for could be changed unnoticed.
func isPath(certs, chain []*x509.Certificate) bool {
	if len(certs) != len(chain) && len(certs) != len(chain)-1 {
		return false
	}
	for i, cert := range certs {
		if !cert.Equal(chain[i]) {
			return false
		}
	}
	return true
}

// checkChain checks what the standard library's path validation leaves open:
// the strength of every key, and revocation.
func (s *Set) checkChain(chain []*x509.Certificate) (revoked time.Time, refused *fault.Error) {
	for i, cert := range chain {
		if err := s.policy.checkKey(cert.PublicKey, cert.Subject.String()); err != nil {
			return time.Time{}, err
		}
		at, err := s.checkRevocation(cert)
		switch {
		case err != nil:
			return time.Time{}, err
		case i == 0:
			revoked = at
		case !at.IsZero():
			return time.Time{}, revokedError(cert) // an authority's revocation spares nothing
		}
	}
	return revoked, nil
}

// checkTrustedLeaf checks a signer's own certificate that is trusted as such.
// The standard library's path validation has no part in it.
func (s *Set) checkTrustedLeaf(leaf *x509.Certificate, now time.Time) (revoked time.Time, refused *fault.Error) {
	if err := checkDates(leaf, now); err != nil {
		return time.Time{}, err
	}
	if err := checkSigningUsage(leaf); err != nil {
		return time.Time{}, err
	}
	return s.checkRevocation(leaf)
}

// checkRevocation refuses a certificate that a revocation list in the trust
// directory names. Lists count by their issuer's name: the directory vouches for
// them, and refusing too much is the safe side. With TellRevoked, it returns the date
// of a revocation that leaves earlier signatures good; of several, the first.
func (s *Set) checkRevocation(cert *x509.Certificate) (revoked time.Time, refused *fault.Error) {
	for _, crl := range s.crls {
		if !bytes.Equal(crl.RawIssuer, cert.RawIssuer) {
			continue
		}
		for i := range crl.RevokedCertificateEntries {
			entry := &crl.RevokedCertificateEntries[i]
			if entry.SerialNumber.Cmp(cert.SerialNumber) != 0 {
				continue
			}
			at, spares := sparing(entry)
			if !s.policy.TellRevoked || !spares {
				return time.Time{}, revokedError(cert)
			}
			if revoked.IsZero() || at.Before(revoked) {
				revoked = at
			}
		}
	}
	return revoked, nil
}

func revokedError(cert *x509.Certificate) *fault.Error {
	return refuse(CodeRevokedSigner, "the certificate of %s was revoked by its issuer", printable(cert.Subject.String()))
}

func checkDates(cert *x509.Certificate, now time.Time) *fault.Error {
	name := printable(cert.Subject.String())
	if now.Before(cert.NotBefore) {
		return refuse(CodeSignerNotYetValid, "the certificate of %s isn't valid before %s", name, cert.NotBefore.UTC().Format(time.RFC3339))
	}
	if now.After(cert.NotAfter) {
		return refuse(CodeSignerExpired, "the certificate of %s expired at %s", name, cert.NotAfter.UTC().Format(time.RFC3339))
	}
	return nil
}

// foreignUsages are the extended key usages that a signing certificate must not
// have beside codeSigning: the key of a connection is no signing key.
func foreignUsages() []x509.ExtKeyUsage {
	return []x509.ExtKeyUsage{
		x509.ExtKeyUsageAny, x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth,
		x509.ExtKeyUsageMicrosoftServerGatedCrypto, x509.ExtKeyUsageNetscapeServerGatedCrypto,
	}
}

// checkSigningUsage demands of a signer's certificate what path validation
// doesn't: that it says explicitly that it is for signing code, and nothing that
// contradicts.
func checkSigningUsage(cert *x509.Certificate) *fault.Error {
	name := printable(cert.Subject.String())
	switch {
	case cert.IsCA:
		return refuse(CodeSignerNotAllowed, "%s is a CA; a CA's key must not sign documents", name)
	case cert.KeyUsage&x509.KeyUsageDigitalSignature == 0:
		return refuse(CodeSignerNotAllowed, "the certificate of %s lacks the key usage digitalSignature", name)
	case cert.KeyUsage&(x509.KeyUsageCertSign|x509.KeyUsageCRLSign) != 0:
		return refuse(CodeSignerNotAllowed, "the certificate of %s has the key usage of a CA", name)
	case !slices.Contains(cert.ExtKeyUsage, x509.ExtKeyUsageCodeSigning):
		return refuse(CodeSignerNotAllowed, "the certificate of %s lacks the extended key usage codeSigning", name)
	case len(cert.UnhandledCriticalExtensions) > 0:
		return refuse(CodeSignerNotAllowed, "the certificate of %s has the unknown critical extension %s", name, cert.UnhandledCriticalExtensions[0])
	}
	for _, foreign := range foreignUsages() {
		if slices.Contains(cert.ExtKeyUsage, foreign) {
			return refuse(CodeSignerNotAllowed, "the certificate of %s is also for connections or for any purpose; a signing certificate has codeSigning only", name)
		}
	}
	return nil
}
