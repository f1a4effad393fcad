package trust

import (
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
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
