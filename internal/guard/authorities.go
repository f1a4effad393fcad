package guard

import "crypto/x509"

// Authorities returns the authorities that the trust set in force has for
// signers: their revocation lists count here.
func (g *Guard) Authorities() []*x509.Certificate { return g.watcher.Current().Authorities() }
