package pki

import (
	"crypto/x509"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/fsys"
)

// CA is a certificate authority in a directory (mode 0700):
//
//	index.json                     what was issued and revoked
//	certs/SERIAL.pem               each certificate issued, with its chain
//	PURPOSE/root.pem, root.key     self-signed; the key is used for nothing but
//	                               the intermediate and may be taken off-line
//	PURPOSE/issuer.pem, issuer.key the intermediate, which signs leaves and lists
//	PURPOSE/crl.pem                the newest revocation list of each issuer
//
// After a rotation, index.json names the files that count: root-N and issuer-N
// instead, and cross-N.pem, the issuer certified by the root before. While a company
// is asked for an issuer, request.key and request.csr are there.
//
// Safe for concurrent use, also by several processes: a lock on the directory
// orders their changes.
type CA struct {
	disk     fsys.FS
	dir      string
	branches map[Purpose]*branch
	mu       sync.Mutex
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
	Company        []Purpose // those whose issuers a company certifies: they begin with AdoptIssuer
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
	for _, c := range p.Company {
		if _, err := ParsePurpose(string(c)); err != nil {
			return err
		}
	}
	for _, d := range []time.Duration{p.RootValidity, p.IssuerValidity, p.LeafValidity, p.CRLValidity} {
		if err := checkTimes(p.Now, d); err != nil {
			return err
		}
	}
	return nil
}

// InitCA makes an authority in dir, which must not exist or be empty (Conflict,
// CAExists), and opens it. What a crash left of an authority that was never
// finished is made anew.
func InitCA(disk fsys.FS, dir string, p CAParams) (*CA, error) {
	if err := p.check(); err != nil {
		return nil, err
	}
	if err := disk.MkdirAll(dir); err != nil {
		return nil, pathFault(err, dir)
	}
	unlock, err := lockDir(dir)
	if err != nil {
		return nil, err
	}
	err = makeCA(disk, dir, p)
	unlock()
	if err != nil {
		return nil, err
	}
	ca, err := OpenCA(disk, dir)
	if err != nil {
		return nil, err
	}
	// An empty list from the first day on: parts can name the file at once.
	for _, purpose := range Purposes() {
		if ca.Established(purpose) != nil {
			continue
		}
		if _, err := ca.CRL(purpose, p.Now); err != nil {
			return nil, err
		}
	}
	return ca, nil
}

// unfinished is in an authority's directory until the authority is complete.
// It tells the remains of a crash, which may go, from an authority that has
// lost its index, which must not.
const unfinished = "unfinished"

func makeCA(disk fsys.FS, dir string, p CAParams) error {
	list, err := disk.List(dir)
	if err != nil {
		return pathFault(err, dir)
	}
	names := map[string]bool{}
	for _, i := range list {
		names[i.Name] = true
	}
	if names[indexFile] || len(names) > 0 && !names[unfinished] && !names[unfinished+".new"] {
		return fault.New(fault.Conflict, "CAExists", "%s is not empty: an authority is made in a new directory and never replaced", dir)
	}
	mark := filepath.Join(dir, unfinished)
	if err := writeFile(disk, mark, nil); err != nil {
		return err
	}
	for name := range names {
		if name != unfinished {
			if err := fsys.RemoveAll(disk, filepath.Join(dir, name)); err != nil {
				return pathFault(err, dir)
			}
		}
	}
	if err := fillCA(disk, dir, p); err != nil {
		return err
	}
	if err := disk.Remove(mark); err != nil {
		return pathFault(err, mark)
	}
	return nil
}

func fillCA(disk fsys.FS, dir string, p CAParams) error {
	if err := disk.MkdirAll(filepath.Join(dir, "certs")); err != nil {
		return pathFault(err, dir)
	}
	x := &index{
		Version: indexVersion, Organization: p.Organization,
		LeafValidity: p.LeafValidity, CRLValidity: p.CRLValidity, CRLNumbers: map[Purpose]int64{},
	}
	for _, purpose := range Purposes() {
		sub := filepath.Join(dir, string(purpose))
		if err := disk.MkdirAll(sub); err != nil {
			return pathFault(err, sub)
		}
		if slices.Contains(p.Company, purpose) {
			x.setState(purpose, branchState{})
			continue
		}
		if err := fillBranch(disk, sub, purpose, p); err != nil {
			return err
		}
	}
	// The index comes last: with it, the authority exists.
	return x.write(disk, dir)
}

func fillBranch(disk fsys.FS, dir string, purpose Purpose, p CAParams) error {
	rootKey, err := NewKey(p.Algorithm)
	if err != nil {
		return err
	}
	template := rootTemplate(purpose, p.Organization, 1, p.RootValidity, p.Now)
	root, err := sign(template, template, rootKey.Public(), rootKey)
	if err != nil {
		return err
	}
	issuerKey, err := NewKey(p.Algorithm)
	if err != nil {
		return err
	}
	template, err = intermediateTemplate(purpose, p.Organization, 1, p.IssuerValidity, p.Now, root)
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
	return errors.Join(
		WriteKeyPEM(disk, filepath.Join(dir, "root.key"), rootKey),
		WriteCertsPEM(disk, filepath.Join(dir, "root.pem"), root),
		WriteKeyPEM(disk, filepath.Join(dir, "issuer.key"), issuerKey),
		WriteCertsPEM(disk, filepath.Join(dir, "issuer.pem"), issuer),
	)
}

// OpenCA opens the authority in dir. Root keys are not read, so they may be
// kept elsewhere; so may an issuer's key, without which nothing is issued or
// revoked for that purpose here. A key that others can read is refused.
func OpenCA(disk fsys.FS, dir string) (*CA, error) {
	if _, err := disk.Stat(filepath.Join(dir, indexFile)); err != nil {
		return nil, fault.Wrap(fault.NotFound, "NoCA", err, "there is no certificate authority in %s; make one with \"signet ca init\"", dir)
	}
	x, err := readIndex(disk, dir)
	if err != nil {
		return nil, err
	}
	ca := &CA{disk: disk, dir: dir, branches: map[Purpose]*branch{}}
	return ca, ca.load(x)
}

func readOneCert(disk fsys.FS, path string) (*x509.Certificate, error) {
	certs, err := readCerts(disk, path)
	if err != nil {
		return nil, err
	}
	if len(certs) != 1 {
		return nil, fault.New(fault.Corrupt, "CorruptCA", "there are %d certificates; expected one", len(certs)).About(path)
	}
	return certs[0], nil
}

// CRLPath returns where the newest revocation lists of a purpose lie: that of the
// issuer, then those of the issuers that have retired.
func (c *CA) CRLPath(p Purpose) string { return CRLFile(c.dir, p) }

// CRLFile is CRLPath of the authority in dir, which needn't be open.
func CRLFile(dir string, p Purpose) string { return filepath.Join(dir, string(p), crlFile) }

const crlFile = "crl.pem"

// change is locked, and stores what f made of the index.
func (c *CA) change(f func(*index) error) error {
	return c.locked(func(x *index) error {
		if err := f(x); err != nil {
			return err
		}
		if err := x.write(c.disk, c.dir); err != nil {
			return err
		}
		return c.load(x)
	})
}

// locked runs f on the newest index under the lock. The branches are those of the
// index, also if another process has rotated them.
func (c *CA) locked(f func(*index) error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	unlock, err := lockDir(c.dir)
	if err != nil {
		return err
	}
	defer unlock()
	x, err := readIndex(c.disk, c.dir)
	if err != nil {
		return err
	}
	if err := c.load(x); err != nil {
		return err
	}
	return f(x)
}
