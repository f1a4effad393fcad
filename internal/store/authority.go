package store

// Bulletin is trust material that is sent to all parts: the newest version of a
// signed file.
type Bulletin struct {
	Kind    string
	ID      string
	Version string
	Text    string
}

// Enrolment is the right to get one certificate, once. Only the hash of its token
// is kept. Times are in milliseconds since the epoch.
type Enrolment struct {
	Hash       [32]byte
	Role       string
	Name       string
	Hosts      []string // DNS names and addresses that the certificate is to have
	Controller string   // the Controller that the part belongs to
	Authority  []byte   // fingerprint of the authority that is to issue it
	MadeBy     string
	MadeAt     int64
	ExpiresAt  int64
	UsedAt     int64 // 0: not yet
}
