package conf

import "time"

// TLS says what a part proves its identity with, and whom it believes.
type TLS struct {
	KeyFile, CertFile string // PEM; empty if Keystore is set
	Keystore          string // PKCS#12 instead of PEM; empty if KeyFile is set
	KeystorePassword  Secret
	KeystoreAlias     string            // which of its keys; empty if there is one only
	KeyPassword       Secret            // of that key; empty if it is the keystore's
	TrustFiles        []string          // PEM or .p12: the CA certificates the other side is checked against
	TrustPassword     Secret            // of the .p12 files in TrustFiles
	TrustPasswords    map[string]Secret // of those that have one of their own, by file
	CRLFiles          []string          // revocation lists, re-read when changed; empty = none
}

// Trust says whose signatures a Controller or Agent accepts.
type Trust struct {
	X509Dir, PGPDir, SSHDir, PasskeyDir string

	MinRSABits   int           // smaller RSA keys are refused
	SentDir      string        // not a setting: where revocation lists lie that were sent here
	SentPolicy   string        // not a setting: where the trust policy lies that was sent here
	AllowExpired bool          // a document accepted before stays accepted when its signer's certificate expires
	Reload       time.Duration // how often the directories are looked at

	PolicyRootDir string // keys that sign trust policies
	PolicyFile    string // the trust policy

	Installation  string // the audience of the releases that are accepted; "" as long as none is known
	SecurityLevel string // "low", "medium", "high"
}

// Member is one Controller of a Raft group.
type Member struct {
	Name string // its node name = the name in its certificate
	URL  string // https://HOST:PORT
	ID   uint64 // Raft's id, not 0; below 2^32
}

// Controller is the settings of a Controller.
type Controller struct {
	ID           string   // the same in all members
	Name         string   // of this member
	Members      []Member // this one included
	Listen       string   // HOST:PORT
	TLS          TLS
	Trust        Trust
	CockpitNames []string // names of the Cockpits that may connect

	AgentTLS       TLS               // only its keystore: what Agents are called with, if not with TLS
	AgentSubjects  []User            // Agents that are known by their certificates' subjects; only names
	AgentPasswords map[string]Secret // of Agents that are called without TLS
	PlainHTTP      string            // which of these are called: loopback, anywhere, off

	ElectionTimeout, Heartbeat time.Duration

	SnapshotBytes   int64
	SnapshotPeriod  time.Duration
	KeepEvents      int   // so many of the latest events stay readable at least
	MinFreeSpace    int64 // below it, nothing is accepted any more
	AgentBatch      int   // commands in one request to an Agent
	ShutdownTimeout time.Duration
	LogLevel        string   // debug, info, warn, error
	LogFormat       string   // text, json
	Notes           []string // what the log is to tell at the start
}

// Agent is the settings of an Agent.
type Agent struct {
	Name            string // empty: that of the certificate, or of the machine
	Listen          string // HOST:PORT with TLS, or unix:PATH, or empty
	HTTPListen      string // HOST:PORT without TLS, or empty
	PlainHTTP       string // where HTTPListen may be: loopback, anywhere, off
	Proxy           Proxy
	TLS             TLS
	Trust           Trust
	ControllerNames []string // names of the Controllers that may drive this Agent
	Users           []User   // Controllers that are known by subject or password

	ScriptsAllowed bool
	ExecutablesDir string
	WorkDir        string
	SigkillDelay   time.Duration
	ProcessLimit   int   // 0 = what the machine allows
	OutputLimit    int64 // bytes of one task's log
	LogRetention   time.Duration
	Cgroup         string // "auto", "off" or an absolute path

	SnapshotBytes   int64
	SnapshotPeriod  time.Duration
	MinFreeSpace    int64
	ShutdownTimeout time.Duration
	LogLevel        string
	LogFormat       string
	Notes           []string // what the log is to tell at the start
}

// Proxy is the reverse proxy in front of an Agent.
type Proxy struct {
	User   string // whose processes may connect to the Unix socket
	Header string // with the client's certificate; empty: it isn't looked at
}

// ControllerRef is one Controller, alone or a group, that a Cockpit serves.
// URLs[i] belongs to the member named Names[i].
type ControllerRef struct {
	ID    string
	URLs  []string
	Names []string
}

// Cockpit is the settings of a Cockpit.
type Cockpit struct {
	Name        string
	Listen      string
	TLS         TLS      // its identity towards Controllers
	UserTLS     TLS      // the server certificate that users see; no TrustFiles (see UserCA)
	UserCA      []string // CAs of users' client certificates; empty = no login by certificate
	Controllers []ControllerRef

	Database             string // "sqlite:" and an absolute path, or a URL of PostgreSQL without password
	DatabasePassword     Secret
	DatabasePasswordFile string // it is read for each connection
	DatabaseAt           string // where it is set, FILE:LINE, or where it could be
	DataDir              string

	SecurityLevel string // "low", "medium", "high"
	Installation  string // the audience of the releases that are made here

	EnvironmentName  string // what people call this installation
	EnvironmentColor string // one of EnvironmentColors

	SigningKeyFile, SigningCertFile string // at level low
	SigningKeystore                 string // instead of them; empty: none
	SigningKeystorePassword         Secret
	SealingKeyFile                  string // at level medium: opens the keys of accounts

	PasskeyHost    string   // relying party's id; empty: the host by which a browser asks
	PasskeyOrigins []string // of the pages; empty: the address by which a browser asks

	AuthorityDir string        // empty: this Cockpit has no certificate authority
	CertValidity time.Duration // of what it issues to parts

	SessionIdle, SessionMax time.Duration

	LogRetention    time.Duration // of the history; 0 = for ever
	ShutdownTimeout time.Duration
	LogLevel        string
	LogFormat       string
}

// Reader returns the bytes of a file, with fs.ErrNotExist in the error's chain
// if there is none.
type Reader func(path string) ([]byte, error)
