package pki

import (
	"bytes"
	"crypto/x509"
	"time"

	"github.com/signet-scheduler/signet/internal/fault"
)

// CheckCRL tells whether a list is complete, names its issuer's key, and was
// signed by issuer, which may sign lists. It doesn't tell whether the issuer is
// trusted.
func CheckCRL(list *x509.RevocationList, issuer *x509.Certificate) error {
	if _, err := NewCRLSet([]*x509.RevocationList{list}); err != nil {
		return err
	}
	if err := checkAuthority(issuer); err != nil {
		return err
	}
	// A list without the key's identifier would speak for every authority of that
	// name.
	if len(list.AuthorityKeyId) == 0 || !bytes.Equal(list.AuthorityKeyId, issuer.SubjectKeyId) {
		return fault.New(fault.Untrusted, "UntrustedCRL", "the revocation list of %q doesn't name the key of the issuer that comes with it", clip(list.Issuer.String()))
	}
	if issuer.KeyUsage&x509.KeyUsageCRLSign == 0 {
		return fault.New(fault.Untrusted, "UntrustedCRL", "%q may not sign revocation lists: its certificate lacks the key usage cRLSign", clip(issuer.Subject.String()))
	}
	if !bytes.Equal(list.RawIssuer, issuer.RawSubject) {
		return fault.New(fault.Untrusted, "UntrustedCRL", "the revocation list is one of %q, not of %q", clip(list.Issuer.String()), clip(issuer.Subject.String()))
	}
	if err := list.CheckSignatureFrom(issuer); err != nil {
		return fault.New(fault.Untrusted, "UntrustedCRL", "the revocation list of %q isn't authentic: %v", clip(list.Issuer.String()), err)
	}
	return nil
}

// CheckIssuer tells whether the first certificate is an authority among anchors,
// or one below them by way of the others, at time now.
func CheckIssuer(issuers, anchors []*x509.Certificate, now time.Time) error {
	if len(issuers) == 0 {
		return fault.New(fault.Untrusted, "NoCertificate", "no certificate of an issuer was presented")
	}
	roots, intermediates := x509.NewCertPool(), x509.NewCertPool()
	for _, c := range anchors {
		if c.IsCA {
			roots.AddCert(c)
		}
	}
	for _, c := range issuers[1:] {
		intermediates.AddCert(c)
	}
	paths, err := issuers[0].Verify(x509.VerifyOptions{
		Roots: roots, Intermediates: intermediates, CurrentTime: now, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny},
	})
	if err != nil {
		return fault.New(fault.Untrusted, "UntrustedIssuer", "the issuer %q is not trusted here: %v", clip(issuers[0].Subject.String()), err)
	}
	for _, path := range paths {
		if err = checkPath(path, nil); err == nil {
			return nil
		}
	}
	return err
}
