package transport

import (
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/signet-scheduler/signet/internal/clock"
	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/pki"
)

// Files names where a part's key and trust lie. Either Keystore (PKCS#12), or
// Cert and Key (PEM; the chain without the root).
type Files struct {
	Keystore         string
	KeystorePassword pki.Secret
	KeystoreKey      pki.KeyChoice
	Cert, Key        string
	// Keyless has no key at all, only trust: for whoever sits behind a proxy that
	// has one.
	Keyless bool
	// Trust are PEM files or PKCS#12 truststores with the authorities that
	// issue peers' certificates: those of nodes between parts, those of users
	// for a listener of users (where it may be empty: nobody logs in by
	// certificate).
	Trust          []string
	TrustPassword  pki.Secret
	TrustPasswords map[string]pki.Secret // of those that have another
	// CRLs are revocation lists: files, or directories with *.pem and *.crl.
	CRLs []string
	// Renewed is a file with a key and its chain (PEM) that came by renewal, or is
	// to: of it and the pair above, the one that was issued last counts. "": the
	// certificate isn't renewed by itself.
	Renewed string
}

// snapshot is one consistent reading of all files. Never changed.
type snapshot struct {
	generation uint64
	pair       pki.Keypair
	cert       *tls.Certificate // nil: keyless
	trusted    []*x509.Certificate
	roots      *x509.CertPool // of trusted; nil without Trust
	crls       *pki.CRLSet
}

// Credentials are a part's key, whom it trusts, and what is revoked. When a
// file changes they are read anew, on a handshake or a use of a connection, at
// most once a second. A state of the files that can't be read is reported and
// the one before stays in force, so that a half-copied file doesn't stop the
// estate. Safe for concurrent use.
type Credentials struct {
	files Files
	clock clock.Clock
	log   *slog.Logger

	state   atomic.Pointer[snapshot]
	checked atomic.Int64 // nanoseconds of the last look at the files

	mu     sync.Mutex // orders reloads
	stamps string
	young  bool // a file was so new that its time may not tell of a next change
	err    error

	renewing  sync.Mutex
	requested crypto.Signer // the key whose certificate was asked for
}

// reloadEvery is how often the files are looked at, at most.
const reloadEvery = time.Second

// youngAge is the age up to which a file may change again without a visible
// change of its time.
const youngAge = 3 * time.Second

// CredentialOptions are the surroundings of credentials; the zero value means
// the machine's clock and no log.
type CredentialOptions struct {
	Clock clock.Clock
	Log   *slog.Logger
}

// LoadCredentials reads the files. A key file that others can read, a key that
// isn't the certificate's, or a trusted certificate that is no authority is
// refused.
func LoadCredentials(f Files) (*Credentials, error) {
	return LoadCredentialsWith(f, CredentialOptions{})
}

// LoadCredentialsWith is LoadCredentials with a clock and a log for what
// happens later.
func LoadCredentialsWith(f Files, o CredentialOptions) (*Credentials, error) {
	c := &Credentials{files: f, clock: o.Clock, log: o.Log}
	if c.clock == nil {
		c.clock = clock.Real{}
	}
	if c.log == nil {
		c.log = slog.New(slog.DiscardHandler)
	}
	now := c.clock.Now()
	c.checked.Store(now.UnixNano())
	c.stamps, c.young = f.stamps(now)
	s, err := f.load()
	if err != nil {
		return nil, err
	}
	s.generation = 1
	c.publish(s, now)
	return c, nil
}

// Err returns why the files as they are now can't be used, nil if they can.
func (c *Credentials) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

// Keypair returns the key and chain in force.
func (c *Credentials) Keypair() pki.Keypair { return c.current().pair }

// Certificates returns the chain in force, and the authorities that are trusted.
func (c *Credentials) Certificates() (chain, trusted []*x509.Certificate) {
	s := c.current()
	return s.pair.Chain, s.trusted
}

// current returns the state in force, after a look at the files when one is due.
func (c *Credentials) current() *snapshot {
	now := c.clock.Now()
	last := c.checked.Load()
	// A clock that was set back must not put the next look off.
	if d := now.UnixNano() - last; d >= int64(reloadEvery) || d < 0 {
		if c.checked.CompareAndSwap(last, now.UnixNano()) {
			c.reload(now)
		}
	}
	return c.state.Load()
}

func (c *Credentials) reload(now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	stamps, young := c.files.stamps(now)
	if stamps == c.stamps && !c.young && c.err == nil {
		return
	}
	s, err := c.files.load()
	if err != nil {
		if c.err == nil || c.err.Error() != err.Error() {
			c.log.Error("certificates can't be reloaded; those before stay in force", "error", err)
		}
		c.err = err
		return
	}
	c.stamps, c.young, c.err = stamps, young, nil
	s.generation = c.state.Load().generation + 1
	c.publish(s, now)
}

func (c *Credentials) publish(s *snapshot, now time.Time) {
	c.state.Store(s)
	for _, issuer := range s.crls.Stale(now) {
		c.log.Warn("a revocation list is out of date; what it names stays revoked, what was revoked since is not known", "issuer", issuer)
	}
}

// load reads all files.
func (f Files) load() (*snapshot, error) {
	s := &snapshot{}
	var err error
	if s.pair, err = f.keypair(); err != nil {
		return nil, err
	}
	if !f.Keyless {
		if s.pair, err = f.newest(s.pair); err != nil {
			return nil, err
		}
		s.cert = s.pair.TLS()
	}
	for _, path := range f.Trust {
		password, ok := f.TrustPasswords[path]
		if !ok {
			password = f.TrustPassword
		}
		certs, err := pki.ReadTruststore(path, password)
		if err != nil {
			return nil, err
		}
		s.trusted = append(s.trusted, certs...)
	}
	if len(s.trusted) > 0 {
		if s.roots, err = pki.NewPool(s.trusted); err != nil {
			return nil, err
		}
	}
	var lists []*x509.RevocationList
	paths, err := f.crlFiles()
	if err != nil {
		return nil, err
	}
	for _, path := range paths {
		more, err := pki.ReadCRLs(path)
		if err != nil {
			return nil, err
		}
		lists = append(lists, more...)
	}
	s.crls, err = pki.NewCRLSet(lists)
	return s, err
}

func (f Files) keypair() (pki.Keypair, error) {
	switch {
	case f.Keyless:
		return pki.Keypair{}, nil
	case f.Keystore != "" && (f.Cert != "" || f.Key != ""):
		return pki.Keypair{}, fault.New(fault.Invalid, "InvalidFiles", "name a keystore, or certificate and key, not both")
	case f.Keystore != "":
		return pki.ReadKeystoreWith(f.Keystore, f.KeystorePassword, f.KeystoreKey)
	case f.Cert == "" || f.Key == "":
		return pki.Keypair{}, fault.New(fault.Invalid, "InvalidFiles", "a keystore, or certificate and key, is missing")
	}
	chain, err := pki.ReadCertsPEM(f.Cert)
	if err != nil {
		return pki.Keypair{}, err
	}
	key, err := pki.ReadKeyPEM(f.Key)
	if err != nil {
		return pki.Keypair{}, err
	}
	pair, err := pki.NewKeypair(chain, key)
	if err != nil {
		return pki.Keypair{}, fault.Of(err).About(f.Cert + " with " + f.Key)
	}
	return pair, nil
}

// crlFiles returns the files with revocation lists, those in directories too.
func (f Files) crlFiles() ([]string, error) {
	var files []string
	for _, path := range f.CRLs {
		info, err := os.Stat(path)
		if err != nil {
			return nil, fault.Wrap(fault.NotFound, "FileNotFound", err, "%s can't be read", path)
		}
		if !info.IsDir() {
			files = append(files, path)
			continue
		}
		entries, err := os.ReadDir(path)
		if err != nil {
			return nil, fault.Wrap(fault.Unavailable, "FileUnreadable", err, "%s can't be read", path)
		}
		for _, e := range entries {
			if ext := filepath.Ext(e.Name()); ext == ".pem" || ext == ".crl" {
				files = append(files, filepath.Join(path, e.Name()))
			}
		}
	}
	return files, nil
}

// stamps returns a text that changes when a file does, and whether one of them
// is so young that it may change again unseen.
func (f Files) stamps(now time.Time) (text string, young bool) {
	paths := slices.Concat([]string{f.Keystore, f.Cert, f.Key, f.Renewed}, f.Trust, f.CRLs)
	inDirs, _ := f.crlFiles() // what can't be read shows as missing below
	var b strings.Builder
	for _, path := range append(paths, inDirs...) {
		if path == "" {
			continue
		}
		info, err := os.Stat(path)
		if err != nil {
			fmt.Fprintf(&b, "%s missing\n", path)
			continue
		}
		fmt.Fprintf(&b, "%s %d %d %o\n", path, info.ModTime().UnixNano(), info.Size(), info.Mode())
		if age := now.Sub(info.ModTime()); age < youngAge && age > -youngAge {
			young = true
		}
	}
	return b.String(), young
}

// Require refuses credentials of another identity: a part must not start with
// another part's certificate.
func (c *Credentials) Require(want pki.Identity) error {
	pair := c.Keypair()
	if pair.Key == nil {
		return fault.New(fault.Invalid, "InvalidFiles", "there is no certificate")
	}
	got, err := pki.ParseIdentity(pair.Leaf())
	if err != nil {
		return err
	}
	if got != want {
		return fault.New(fault.Invalid, "WrongCertificate", "the certificate is one of %s, but this is %s: check the name in the configuration and the certificate's URI", got.URI(), want.URI())
	}
	return nil
}
