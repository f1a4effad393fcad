package pki

import (
	"crypto"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/signet-scheduler/signet/internal/fault"
)

// CA is a certificate authority in a directory (mode 0700):
//
//	index.json                     what was issued and revoked
//	lock                           orders changes by several processes
//	certs/SERIAL.pem               each certificate issued, with its chain
//	PURPOSE/root.pem, root.key     self-signed; the key is used for nothing but
//	                               the intermediate and may be taken off-line
//	PURPOSE/issuer.pem, issuer.key the intermediate, which signs leaves and lists
//	PURPOSE/crl.pem                the newest revocation list
//
// Safe for concurrent use, also by several processes.
type CA struct {
	dir      string
	branches map[Purpose]*branch
	mu       sync.Mutex
}

// branch is the authority of one purpose.
type branch struct {
	root, issuer *x509.Certificate
	issuerKey    crypto.Signer
}

// CAParams says what an authority is made with. The zero durations mean: root
// 10 years, issuers 5, leaves 1 year, revocation lists 30 days.
type CAParams struct {
	Organization   string       // stands in every subject; 1 to 40 characters
	Algorithm      KeyAlgorithm // ECDSAP256 (default) or ECDSAP384
	RootValidity   time.Duration
	IssuerValidity time.Duration
	LeafValidity   time.Duration // where a certificate's parameters say none
	CRLValidity    time.Duration
	Now            time.Time
}

func (p CAParams) check() error {
	if p.Organization == "" || len(p.Organization) > 40 || strings.ContainsFunc(p.Organization, func(r rune) bool { return r < ' ' || r == 0x7f || r == 0xfffd }) {
		return fault.New(fault.Invalid, "InvalidOrganization", "the organization's name has to have 1 to 40 printable characters")
	}
	switch p.Algorithm {
	case "", ECDSAP256, ECDSAP384:
	default:
		return fault.New(fault.Invalid, "UnknownKeyAlgorithm", "an authority's key is %s or %s, not %q", ECDSAP256, ECDSAP384, clip(string(p.Algorithm)))
	}
	for _, d := range []time.Duration{p.RootValidity, p.IssuerValidity, p.LeafValidity, p.CRLValidity} {
		if err := checkTimes(p.Now, d); err != nil {
			return err
		}
	}
	return nil
}

// InitCA makes an authority in dir, which must not exist or be empty (Conflict,
// CAExists). It appears there whole or not at all.
func InitCA(dir string, p CAParams) (*CA, error) {
	if err := p.check(); err != nil {
		return nil, err
	}
	dir = filepath.Clean(dir)
	if entries, err := os.ReadDir(dir); err == nil && len(entries) > 0 {
		return nil, fault.New(fault.Conflict, "CAExists", "%s is not empty: an authority is made in a new directory and never replaced", dir)
	}
	parent := filepath.Dir(dir)
	if err := os.MkdirAll(parent, 0o700); err != nil {
		return nil, fmt.Errorf("make the authority's directory: %w", err)
	}
	temp, err := os.MkdirTemp(parent, filepath.Base(dir)+".new-")
	if err != nil {
		return nil, fmt.Errorf("make the authority's directory: %w", err)
	}
	defer os.RemoveAll(temp)
	if err := fillCA(temp, p); err != nil {
		return nil, err
	}
	if err := os.Remove(dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fault.New(fault.Conflict, "CAExists", "%s is not empty: an authority is made in a new directory and never replaced", dir)
	}
	if err := os.Rename(temp, dir); err != nil {
		return nil, fmt.Errorf("make the authority's directory: %w", err)
	}
	if err := syncDir(parent); err != nil {
		return nil, fmt.Errorf("make the authority's directory: %w", err)
	}
	ca, err := OpenCA(dir)
	if err != nil {
		return nil, err
	}
	// An empty list from the first day on: parts can name the file at once.
	for _, purpose := range Purposes() {
		if _, err := ca.CRL(purpose, p.Now); err != nil {
			return nil, err
		}
	}
	return ca, nil
}

func fillCA(dir string, p CAParams) error {
	if err := os.Mkdir(filepath.Join(dir, "certs"), 0o700); err != nil {
		return err
	}
	for _, purpose := range Purposes() {
		sub := filepath.Join(dir, string(purpose))
		if err := os.Mkdir(sub, 0o700); err != nil {
			return err
		}
		rootKey, err := NewKey(p.Algorithm)
		if err != nil {
			return err
		}
		template := rootTemplate(purpose, p.Organization, p.RootValidity, p.Now)
		root, err := sign(template, template, rootKey.Public(), rootKey)
		if err != nil {
			return err
		}
		issuerKey, err := NewKey(p.Algorithm)
		if err != nil {
			return err
		}
		template, err = intermediateTemplate(purpose, p.Organization, p.IssuerValidity, p.Now, root)
		if err != nil {
			return err
		}
		issuer, err := sign(template, root, issuerKey.Public(), rootKey)
		if err != nil {
			return err
		}
		if err := validateBranch(purpose, root, issuer, p.Now); err != nil {
			return err
		}
		if err := errors.Join(
			WriteKeyPEM(filepath.Join(sub, "root.key"), rootKey),
			WriteCertsPEM(filepath.Join(sub, "root.pem"), root),
			WriteKeyPEM(filepath.Join(sub, "issuer.key"), issuerKey),
			WriteCertsPEM(filepath.Join(sub, "issuer.pem"), issuer),
		); err != nil {
			return err
		}
	}
	x := &index{
		Version: indexVersion, Organization: p.Organization,
		LeafValidity: p.LeafValidity, CRLValidity: p.CRLValidity, CRLNumbers: map[Purpose]int64{},
	}
	return x.write(dir, p.Now)
}

// OpenCA opens the authority in dir. Root keys are not read, so they may be
// kept elsewhere. A key that others can read is refused.
func OpenCA(dir string) (*CA, error) {
	if _, err := os.Stat(filepath.Join(dir, indexFile)); err != nil {
		return nil, fault.Wrap(fault.NotFound, "NoCA", err, "there is no certificate authority in %s; make one with \"signet ca init\"", dir)
	}
	if _, err := readIndex(dir); err != nil {
		return nil, err
	}
	ca := &CA{dir: dir, branches: map[Purpose]*branch{}}
	for _, purpose := range Purposes() {
		b, err := openBranch(filepath.Join(dir, string(purpose)))
		if err != nil {
			return nil, err
		}
		ca.branches[purpose] = b
	}
	return ca, nil
}

func openBranch(dir string) (*branch, error) {
	root, err := readOneCert(filepath.Join(dir, "root.pem"))
	if err != nil {
		return nil, err
	}
	issuer, err := readOneCert(filepath.Join(dir, "issuer.pem"))
	if err != nil {
		return nil, err
	}
	path := filepath.Join(dir, "issuer.key")
	key, err := ReadKeyPEM(path)
	if err != nil {
		return nil, err
	}
	if !samePublicKey(key.Public(), issuer.PublicKey) {
		return nil, fault.New(fault.Corrupt, "CorruptCA", "the key doesn't belong to issuer.pem beside it").About(path)
	}
	if err := issuer.CheckSignatureFrom(root); err != nil {
		return nil, fault.New(fault.Corrupt, "CorruptCA", "issuer.pem was not signed by root.pem: %v", err).About(dir)
	}
	return &branch{root: root, issuer: issuer, issuerKey: key}, nil
}

func readOneCert(path string) (*x509.Certificate, error) {
	certs, err := ReadCertsPEM(path)
	if err != nil {
		return nil, err
	}
	if len(certs) != 1 {
		return nil, fault.New(fault.Corrupt, "CorruptCA", "there are %d certificates; expected one", len(certs)).About(path)
	}
	return certs[0], nil
}

// Root returns the root certificate of a purpose: what others are to trust.
func (c *CA) Root(p Purpose) *x509.Certificate {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.branches[p].root
}

// Issuer returns the intermediate certificate of a purpose.
func (c *CA) Issuer(p Purpose) *x509.Certificate {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.branches[p].issuer
}

// CRLPath returns where the newest revocation list of a purpose lies.
func (c *CA) CRLPath(p Purpose) string { return filepath.Join(c.dir, string(p), "crl.pem") }

// change runs f on the newest index under the lock, and stores what f made of it.
func (c *CA) change(now time.Time, f func(*index) error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	unlock, err := lockDir(c.dir)
	if err != nil {
		return err
	}
	defer unlock()
	x, err := readIndex(c.dir)
	if err != nil {
		return err
	}
	if err := f(x); err != nil {
		return err
	}
	return x.write(c.dir, now)
}
