package trust

import (
	"crypto/x509"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"fmt"
	"time"
)

// suffixCRL is the suffix of revocation lists in the X.509 trust directory.
const suffixCRL = ".crl"

// sentLists is the kind of the directory with lists that were sent, and
// suffixIssuer that of the certificates in it by which they were verified.
const (
	sentLists    Kind   = "CRL"
	suffixIssuer string = ".issuer"
)

// readCRLFile reads a complete revocation list in PEM or DER form. A list that
// speaks of some certificates only, or only of changes, says so in a critical
// extension and isn't accepted.
func readCRLFile(content []byte) ([]anchor, error) {
	der := content
	if block, rest := pem.Decode(content); block != nil {
		if block.Type != "X509 CRL" || len(rest) > 0 {
			return nil, errors.New("it must hold one block \"X509 CRL\"")
		}
		der = block.Bytes
	}
	crl, err := x509.ParseRevocationList(der)
	if err != nil {
		return nil, fmt.Errorf("it isn't a certificate revocation list: %w", err)
	}
	for _, extension := range crl.Extensions {
		if extension.Critical {
			return nil, fmt.Errorf("it has the critical extension %s; only complete lists are accepted", extension.Id)
		}
	}
	for _, entry := range crl.RevokedCertificateEntries {
		for _, extension := range entry.Extensions {
			if extension.Critical {
				return nil, fmt.Errorf("an entry has the critical extension %s; only lists of one issuer are accepted", extension.Id)
			}
		}
	}
	return []anchor{{raw: crl.Raw, crl: crl}}, nil
}

// The causes of a revocation (RFC 5280, 5.3.1) by which the key was its owner's alone
// until then. Of no cause, and of "unspecified", nobody knows that.
const (
	affiliationChanged   = 3
	superseded           = 4
	cessationOfOperation = 5
	privilegeWithdrawn   = 9
)

// sparing tells from when on a certificate is revoked, if what it signed before was
// rightly signed. A date since when the key is in doubt (5.3.2) comes before that of
// the revocation.
func sparing(e *x509.RevocationListEntry) (from time.Time, spares bool) {
	switch e.ReasonCode {
	case affiliationChanged, superseded, cessationOfOperation, privilegeWithdrawn:
	default:
		return time.Time{}, false
	}
	from = e.RevocationTime
	for _, extension := range e.Extensions {
		if !extension.Id.Equal(asn1.ObjectIdentifier{2, 5, 29, 24}) {
			continue
		}
		var doubted time.Time
		rest, err := asn1.UnmarshalWithParams(extension.Value, &doubted, "generalized")
		if err != nil || len(rest) > 0 {
			return time.Time{}, false
		}
		if doubted.Before(from) {
			from = doubted
		}
	}
	return from, !from.IsZero()
}
