package trust

import (
	"bytes"
	"crypto/x509"
	"slices"
	"time"

	"github.com/signet-scheduler/signet/internal/fault"
)

// explainPath says why path validation refused the certificates. The refusal is
// decided already; this only finds the code and words that help most, since the
// standard library says "unknown authority" for nearly everything.
func (s *Set) explainPath(certs []*x509.Certificate, cause error, now time.Time) *fault.Error {
	for i, cert := range certs {
		name := printable(cert.Subject.String())
		if err := checkDates(cert, now); err != nil {
			return err
		}
		if len(cert.UnhandledCriticalExtensions) > 0 {
			return refuseFor(CodeSignerNotAllowed, cause, "the certificate of %s has the unknown critical extension %s", name, cert.UnhandledCriticalExtensions[0])
		}
		if i > 0 && !cert.IsCA {
			return refuseFor(CodeSignerNotAllowed, cause, "%s isn't a CA, but a certificate beside the signature was made with its key", name)
		}
		if isWeakHash(cert.SignatureAlgorithm) {
			return refuseFor(CodeWeakHash, cause, "the certificate of %s is signed with %s; SHA-256 or better is needed", name, cert.SignatureAlgorithm)
		}
	}
	last := certs[len(certs)-1]
	issuer := printable(last.Issuer.String())
	for _, ca := range s.cas {
		if !bytes.Equal(ca.RawSubject, last.RawIssuer) || last.CheckSignatureFrom(ca) != nil {
			continue
		}
		if err := checkDates(ca, now); err != nil {
			return err
		}
		return refuse(CodeSignerNotAllowed, "%s is trusted, but may not certify the signer's certificate that way: %s", issuer, cause)
	}
	if slices.ContainsFunc(s.leaves, func(leaf *x509.Certificate) bool { return bytes.Equal(leaf.RawSubject, last.RawIssuer) }) {
		return refuseFor(CodeUnknownSigner, cause, "%s is trusted as a signer, not as a CA; it can't vouch for others", issuer)
	}
	return refuseFor(CodeUnknownSigner, cause, "the signer's certificate doesn't lead to a certificate that is trusted here; its issuer is %s", issuer)
}

func isWeakHash(algorithm x509.SignatureAlgorithm) bool {
	switch algorithm {
	case x509.MD2WithRSA, x509.MD5WithRSA, x509.SHA1WithRSA, x509.ECDSAWithSHA1, x509.DSAWithSHA1:
		return true
	default:
		return false
	}
}
