package store

// FactLevel is the name of the fact that is the installation's security level.
const FactLevel = "security-level"

// FactSealingKey is the name of the fact that is the id of the key that accounts' keys
// are sealed with.
const FactSealingKey = "sealing-key"

// Passkey is a security key of an account, by which a browser signs releases.
type Passkey struct {
	ID             []byte // credential id
	Account        string
	Name           string
	PublicKey      []byte // SubjectPublicKeyInfo, DER
	RPID           string // relying party's id: the host that it is for
	Origin         string // of the page where it was registered
	BackupEligible bool   // it may be copied to other devices
	MadeAt         int64
	LastUsedAt     int64 // when it last signed a release; 0: never
}

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
