package store

// FactLevel is the name of the fact that is the installation's security level.
const FactLevel = "security-level"

// AccountKey is the key that an account signs documents with. The private key is
// sealed: what seals it isn't in the database. Times are in milliseconds since the
// epoch.
type AccountKey struct {
	Account      string
	Kind         string // as evidence has it: X509, PGP, SSH
	KeyID        string // of the public key
	Signer       string // name that evidence will have
	Certificates string // PEM, the signer's first; "" for other kinds than X509
	ExpiresAt    int64  // of the certificate; 0: never
	Origin       string // "generated" here, or "imported"
	MadeAt       int64
	Sealed       []byte
}
