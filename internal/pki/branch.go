package pki

import (
	"crypto"
	"crypto/x509"
	"fmt"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"time"

	"github.com/signet-scheduler/signet/internal/fault"
)

// branch is the authority of one purpose. Never changed.
type branch struct {
	state   branchState
	root    *x509.Certificate // nil: it waits for the company's first answer
	oldRoot *x509.Certificate // trusted as well until the rotation is finished; nil: there is none
	issuer  issuer
	retired []issuer // the newest first
}

// issuer is an intermediate, which signs leaves, or has signed some that are
// still in force, and lists.
type issuer struct {
	state issuerState
	cert  *x509.Certificate
	above []*x509.Certificate // a company's authorities between it and the root
	cross *x509.Certificate   // the same key and name, certified by the root before
	key   crypto.Signer       // nil: it is kept elsewhere
}

// branchState says, in the index, which files of a purpose count. So a rotation
// happens when the index is replaced; until then its files have no meaning.
type branchState struct {
	Made    int           `json:"made"` // number of the newest files
	Root    string        `json:"root"` // names of files, without the ending
	OldRoot string        `json:"oldRoot,omitempty"`
	Issuer  issuerState   `json:"issuer"`
	Retired []issuerState `json:"retired,omitempty"`
}

type issuerState struct {
	File      string     `json:"file"`
	Root      string     `json:"root"` // the root to which it leads
	Cross     string     `json:"cross,omitempty"`
	Company   bool       `json:"company,omitempty"` // that root is a company's
	RetiredAt *time.Time `json:"retiredAt,omitempty"`
}

// The files of a purpose that was never rotated.
const (
	firstRoot   = "root"
	firstIssuer = "issuer"
)

// maxRetired bounds the issuers of one purpose that have retired.
const maxRetired = 20

// state returns what counts for a purpose.
func (x *index) state(p Purpose) branchState {
	if s, ok := x.Branches[p]; ok {
		return s
	}
	return branchState{Made: 1, Root: firstRoot, Issuer: issuerState{File: firstIssuer, Root: firstRoot}}
}

// setState changes what counts for a purpose. Programs of before would go on with
// the old files, so the index gets another version.
func (x *index) setState(p Purpose, s branchState) {
	if x.Branches == nil {
		x.Branches = map[Purpose]branchState{}
	}
	x.Branches[p], x.Version = s, rotatedVersion
}

var stateFile = regexp.MustCompile(`^(root|issuer|cross)(-[1-9][0-9]{0,8})?$`)

// waits tells whether there is no issuer yet: a company is to certify the first.
func (s branchState) waits() bool { return s.Root == "" }

// company tells whether a root is a company's.
func (s branchState) company(root string) bool {
	return slices.ContainsFunc(append([]issuerState{s.Issuer}, s.Retired...), func(i issuerState) bool { return i.Company && i.Root == root })
}

// valid tells whether the names are those of files in the purpose's folder.
func (s branchState) valid() bool {
	if s.waits() {
		return s.OldRoot == "" && s.Issuer == issuerState{} && len(s.Retired) == 0
	}
	names := []string{s.Root}
	if s.OldRoot != "" {
		names = append(names, s.OldRoot)
	}
	for _, i := range append([]issuerState{s.Issuer}, s.Retired...) {
		names = append(names, i.File, i.Root)
		if i.Cross != "" {
			names = append(names, i.Cross)
		}
	}
	return s.Made > 0 && len(s.Retired) <= maxRetired && !slices.ContainsFunc(names, func(n string) bool { return !stateFile.MatchString(n) })
}

// over tells whether the root of an issuer isn't to be trusted any more. Its last
// list stays for who still does.
func (s branchState) over(i issuerState) bool { return i.Root != s.Root && i.Root != s.OldRoot }

// numbered returns a name with a number, but for the first.
func numbered(name string, n int) string {
	if n <= 1 {
		return name
	}
	return fmt.Sprintf("%s %d", name, n)
}

// load opens the branches that the index names, if they aren't open.
func (c *CA) load(x *index) error {
	for _, p := range Purposes() {
		s := x.state(p)
		if b := c.branches[p]; b != nil && reflect.DeepEqual(b.state, s) {
			continue
		}
		b, err := c.openBranch(p, s)
		if err != nil {
			return err
		}
		c.branches[p] = b
	}
	return nil
}

func (c *CA) branchFile(p Purpose, name string) string { return filepath.Join(c.dir, string(p), name) }

func (c *CA) openBranch(p Purpose, s branchState) (*branch, error) {
	b := &branch{state: s}
	if s.waits() {
		return b, nil
	}
	var err error
	if b.root, err = readOneCert(c.disk, c.branchFile(p, s.Root+".pem")); err != nil {
		return nil, err
	}
	if s.OldRoot != "" {
		if b.oldRoot, err = readOneCert(c.disk, c.branchFile(p, s.OldRoot+".pem")); err != nil {
			return nil, err
		}
	}
	if b.issuer, err = c.openIssuer(p, s.Issuer); err != nil {
		return nil, err
	}
	for _, r := range s.Retired {
		i, err := c.openIssuer(p, r)
		if err != nil {
			return nil, err
		}
		b.retired = append(b.retired, i)
	}
	below := b.issuer.cert
	for _, above := range append(slices.Clone(b.issuer.above), b.root) {
		if err := below.CheckSignatureFrom(above); err != nil {
			return nil, fault.New(fault.Corrupt, "CorruptCA", "%s.pem doesn't lead to %s.pem: %v", s.Issuer.File, s.Root, err).About(c.branchFile(p, ""))
		}
		below = above
	}
	return b, nil
}

func (c *CA) openIssuer(p Purpose, s issuerState) (issuer, error) {
	i := issuer{state: s}
	chain, err := readCerts(c.disk, c.branchFile(p, s.File+".pem"))
	if err != nil {
		return i, err
	}
	i.cert, i.above = chain[0], chain[1:]
	if s.Cross != "" {
		if i.cross, err = readOneCert(c.disk, c.branchFile(p, s.Cross+".pem")); err != nil {
			return i, err
		}
		if !samePublicKey(i.cross.PublicKey, i.cert.PublicKey) {
			return i, fault.New(fault.Corrupt, "CorruptCA", "the certificate is of another key than %s.pem", s.File).About(c.branchFile(p, s.Cross+".pem"))
		}
	}
	path := c.branchFile(p, s.File+".key")
	i.key, err = readKey(c.disk, path)
	if err != nil && !fault.Is(err, fault.NotFound) {
		return i, err
	}
	if i.key != nil && !samePublicKey(i.key.Public(), i.cert.PublicKey) {
		return i, fault.New(fault.Corrupt, "CorruptCA", "the key doesn't belong to %s.pem beside it", s.File).About(path)
	}
	return i, nil
}

// issuers returns all that sign lists, the one in force first.
func (b *branch) issuers() []issuer {
	if b.state.waits() {
		return nil
	}
	return append([]issuer{b.issuer}, b.retired...)
}

// chain returns an issuer and the authorities between it and the root.
func (i issuer) chain() []*x509.Certificate { return append([]*x509.Certificate{i.cert}, i.above...) }

// shown returns what goes with a leaf, so that both who trusts the root and who
// trusts only the root before find a path. Evidence of a signature has exactly one
// path (package trust): a signer shows that to the root before, which all trust.
func (b *branch) shown(p Purpose) []*x509.Certificate {
	switch {
	case b.issuer.cross == nil:
		return b.issuer.chain()
	case p == PurposeSigning:
		return []*x509.Certificate{b.issuer.cross}
	}
	return append(b.issuer.chain(), b.issuer.cross)
}

// record is how the index names the issuer of a certificate.
func (i issuer) record() string {
	if i.state.File == firstIssuer {
		return ""
	}
	return i.state.File
}

// Established is a NotFound fault as long as there is no authority for a purpose,
// since a company's is asked for.
func (c *CA) Established(p Purpose) error { return c.branch(p).established(p) }

func (b *branch) established(p Purpose) error {
	if b.state.waits() {
		return fault.New(fault.NotFound, "NoIssuer", "there is no authority for %s yet: it waits for the company's answer (signet ca request, signet ca adopt)", p)
	}
	return nil
}

// signs is a NotFound fault if there is no issuer, or its key isn't here.
func (b *branch) signs(p Purpose) error {
	if err := b.established(p); err != nil {
		return err
	}
	return b.issuer.signs(p)
}

func (i issuer) signs(p Purpose) error {
	if i.key == nil {
		return fault.New(fault.NotFound, "NoIssuerKey", "the key %s/%s.key of the authority is kept elsewhere: certificates for this purpose are issued and revoked there", p, i.state.File)
	}
	return nil
}

// rootKey reads the key of a root, which may be kept elsewhere, or be a company's.
func (c *CA) rootKey(p Purpose, file string, root *x509.Certificate) (crypto.Signer, error) {
	if c.branches[p].state.company(file) {
		return nil, fault.New(fault.Conflict, "CompanyRoot", "the root %q is the company's, whose key isn't here: ask for another issuer (signet ca request --purpose %s)", clip(root.Subject.CommonName), p)
	}
	path := c.branchFile(p, file+".key")
	key, err := readKey(c.disk, path)
	switch {
	case fault.Is(err, fault.NotFound):
		return nil, fault.New(fault.NotFound, "NoRootKey", "the root's key is needed: put it back to %s for this step", path)
	case err != nil:
		return nil, err
	case !samePublicKey(key.Public(), root.PublicKey):
		return nil, fault.New(fault.Corrupt, "CorruptCA", "%s.key doesn't belong to %s.pem", file, file).About(path)
	}
	return key, nil
}

// Root returns the root certificate of a purpose; nil as long as there is none
// (Established).
func (c *CA) Root(p Purpose) *x509.Certificate { return c.branch(p).root }

// Roots returns what others are to trust: the root, and while it is being
// replaced also the one before.
func (c *CA) Roots(p Purpose) []*x509.Certificate { return c.branch(p).roots() }

func (b *branch) roots() []*x509.Certificate {
	switch {
	case b.state.waits():
		return nil
	case b.oldRoot == nil:
		return []*x509.Certificate{b.root}
	}
	return []*x509.Certificate{b.root, b.oldRoot}
}

// CommonRoot returns the root to which a path leads from every certificate in
// force: while it is being replaced, the one before, if that has certified the issuer.
func (c *CA) CommonRoot(p Purpose) *x509.Certificate {
	b := c.branch(p)
	if b.oldRoot == nil || b.issuer.cross == nil {
		return b.root
	}
	return b.oldRoot
}

// Issuer returns the intermediate certificate of a purpose; nil as Root.
func (c *CA) Issuer(p Purpose) *x509.Certificate { return c.branch(p).issuer.cert }

// Issuers returns the issuers whose certificates may be in force: that in force, and
// those that have retired.
func (c *CA) Issuers(p Purpose) (certs []*x509.Certificate) {
	b := c.branch(p)
	for _, i := range b.issuers() {
		if !b.state.over(i.state) {
			certs = append(certs, i.cert)
		}
	}
	return certs
}

// Issues tells whether the key is here that issues and revokes for a purpose.
func (c *CA) Issues(p Purpose) bool { return c.branch(p).issuer.key != nil }

// HoldsKey tells whether a key is here by which a certificate of the purpose could
// be made: that of an issuer, also of one that has retired or is asked for, or of a
// root.
func (c *CA) HoldsKey(p Purpose) bool {
	b := c.branch(p)
	return c.hasKey(p, requested) || c.hasKey(p, b.state.Root) || c.hasKey(p, b.state.OldRoot) ||
		slices.ContainsFunc(b.issuers(), func(i issuer) bool { return i.key != nil })
}

func (c *CA) hasKey(p Purpose, file string) bool {
	_, err := c.disk.Stat(c.branchFile(p, file+".key"))
	return err == nil
}

// IssuersOf returns the certificates of the issuer that has signed a list, that by
// the root before first; none if it isn't of this authority.
func (c *CA) IssuersOf(p Purpose, list *x509.RevocationList) []*x509.Certificate {
	for _, i := range c.branch(p).issuers() {
		if CheckCRL(list, i.cert) != nil {
			continue
		}
		if i.cross != nil {
			return append([]*x509.Certificate{i.cross}, i.chain()...)
		}
		return i.chain()
	}
	return nil
}

// Lacks tells whether an issuer whose key is here has none of these lists, as after
// a crash in the middle of a rotation.
func (c *CA) Lacks(p Purpose, lists []*x509.RevocationList) bool {
	return slices.ContainsFunc(c.branch(p).issuers(), func(i issuer) bool {
		return i.key != nil && !slices.ContainsFunc(lists, func(l *x509.RevocationList) bool { return sameIssuer(l, i.cert) })
	})
}

func (c *CA) branch(p Purpose) *branch {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.branches[p]
}
