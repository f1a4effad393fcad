package pki

import (
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"net"
	"path/filepath"
	"slices"
	"time"

	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/fsys"
)

// Issued is a certificate that has just been made.
type Issued struct {
	Cert   *x509.Certificate
	Chain  []*x509.Certificate // the certificate, then its issuer and what else is shown, by which all who trust the authority accept it
	Key    crypto.Signer       // nil if the key was made elsewhere (CSR)
	Serial string
}

// Keypair returns key and chain for a keystore; only where Key is set.
func (i *Issued) Keypair() Keypair { return Keypair{Chain: i.Chain, Key: i.Key} }

// KeySource says where a certificate's key comes from: from a certificate
// request, of which nothing but its key is used (names come from the
// authority's side), or made here with Algorithm.
type KeySource struct {
	Algorithm KeyAlgorithm
	CSR       *x509.CertificateRequest
}

// NodeParams describes a part's certificate. Parts find out who the other is by
// Role and Name; DNSNames and IPs are for browsers and foreign tools. Validity 0
// means the authority's default.
type NodeParams struct {
	Role     Role
	Name     string
	DNSNames []string
	IPs      []net.IP
	Validity time.Duration
	Key      KeySource
	Enrolled bool // the part renews it by itself
	Now      time.Time
}

// SignerParams describes a certificate for signing documents.
type SignerParams struct {
	Name     string
	Validity time.Duration
	Key      KeySource
	Now      time.Time
}

// UserParams describes a certificate for logging in as the account Name.
type UserParams struct {
	Name     string
	Validity time.Duration
	Key      KeySource
	Now      time.Time
}

// IssueNode makes a certificate for a Controller, Agent or Cockpit: TLS server
// and client.
func (c *CA) IssueNode(p NodeParams) (*Issued, error) {
	return c.issue(leafParams{
		purpose: PurposeNode, identity: Identity{p.Role, p.Name},
		dnsNames: p.DNSNames, ips: p.IPs, validity: p.Validity, now: p.Now, enrolled: p.Enrolled,
	}, p.Key, nil)
}

// IssueSigner makes a certificate for signing documents: code signing only.
func (c *CA) IssueSigner(p SignerParams) (*Issued, error) {
	return c.issue(leafParams{
		purpose: PurposeSigning, identity: Identity{RoleSigner, p.Name}, validity: p.Validity, now: p.Now,
	}, p.Key, nil)
}

// IssueUser makes a certificate for logging in: TLS client only.
func (c *CA) IssueUser(p UserParams) (*Issued, error) {
	return c.issue(leafParams{
		purpose: PurposeUser, identity: Identity{RoleUser, p.Name}, validity: p.Validity, now: p.Now,
	}, p.Key, nil)
}

// RenewParams says what a renewed certificate gets. With KeepKey it is for the
// same key as before; else for that of Key.
type RenewParams struct {
	KeepKey  bool
	Key      KeySource
	Validity time.Duration
	Now      time.Time
}

// Renew makes a certificate with purpose, identity and names of the one with
// that serial number, which stays as it is. A revoked one is not renewed
// (Conflict): issue a new one.
func (c *CA) Renew(serial string, p RenewParams) (*Issued, error) {
	old, chain, err := c.Show(serial)
	if err != nil {
		return nil, err
	}
	if old.RevokedAt != nil {
		return nil, fault.New(fault.Conflict, "CertificateRevoked", "certificate %s of %s is revoked; issue a new one", serial, old.Identity())
	}
	if p.KeepKey && (p.Key != KeySource{}) {
		return nil, fault.New(fault.Invalid, "InvalidKey", "a renewed certificate keeps its key or gets a new one, not both")
	}
	params := leafParams{
		purpose: old.Purpose, identity: old.Identity(), dnsNames: old.DNSNames,
		ips: chain[0].IPAddresses, validity: p.Validity, now: p.Now, enrolled: old.Enrolled,
	}
	if !p.KeepKey {
		return c.issue(params, p.Key, old)
	}
	return c.issueFor(params, chain[0].PublicKey, nil, old)
}

func (c *CA) issue(p leafParams, source KeySource, old *Record) (*Issued, error) {
	if source.CSR != nil {
		if err := source.CSR.CheckSignature(); err != nil {
			return nil, fault.New(fault.Invalid, "InvalidCSR", "the certificate request isn't signed by its own key: %v", err)
		}
		return c.issueFor(p, source.CSR.PublicKey, nil, old)
	}
	if err := p.check(); err != nil { // before a key is made for nothing
		return nil, err
	}
	key, err := NewKey(source.Algorithm)
	if err != nil {
		return nil, err
	}
	return c.issueFor(p, key.Public(), key, old)
}

// issueFor makes the certificate, checks it, and records it. Only then does it
// leave: no certificate exists outside that the authority doesn't know.
func (c *CA) issueFor(p leafParams, pub crypto.PublicKey, key crypto.Signer, old *Record) (*Issued, error) {
	if err := p.check(); err != nil {
		return nil, err
	}
	if err := CheckKey(pub); err != nil {
		return nil, err
	}
	var issued *Issued
	var ended []string
	err := c.change(func(x *index) error {
		if old != nil {
			if current, err := x.find(old.Serial); err != nil || current.RevokedAt != nil {
				return fault.New(fault.Conflict, "CertificateRevoked", "certificate %s was revoked meanwhile", old.Serial)
			}
		}
		b := c.branches[p.purpose]
		if err := b.signs(p.purpose); err != nil {
			return err
		}
		p.organization = x.Organization
		if p.validity == 0 {
			p.validity = x.LeafValidity
		}
		template, err := leafTemplate(p, b.issuer.cert)
		if err != nil {
			return err
		}
		cert, err := sign(template, b.issuer.cert, pub, b.issuer.key)
		if err != nil {
			return err
		}
		if err := validateLeaf(p, cert, pub, b); err != nil {
			return err
		}
		issued = &Issued{Cert: cert, Chain: append([]*x509.Certificate{cert}, b.shown(p.purpose)...), Key: key, Serial: serialText(cert.SerialNumber)}
		if err := WriteCertsPEM(c.disk, c.certPath(issued.Serial), issued.Chain...); err != nil {
			return err
		}
		r := record(p, cert, key, old)
		r.Issuer = b.issuer.record()
		x.Certificates = append(x.Certificates, r)
		if p.enrolled {
			x.Version = max(x.Version, enrolledVersion)
			ended = x.dropEnded(p.now)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	for _, serial := range ended {
		_ = c.disk.Remove(c.certPath(serial)) // nobody looks for it any more
	}
	return issued, nil
}

// sign makes the certificate of template. It is the only place in Signet where
// a certificate is signed.
func sign(template, issuer *x509.Certificate, pub crypto.PublicKey, issuerKey crypto.Signer) (*x509.Certificate, error) {
	der, err := x509.CreateCertificate(rand.Reader, template, issuer, pub, issuerKey)
	if err != nil {
		return nil, fault.Wrap(fault.Internal, "SigningFailed", err, "the certificate can't be signed")
	}
	return x509.ParseCertificate(der)
}

func record(p leafParams, cert *x509.Certificate, key crypto.Signer, old *Record) Record {
	r := Record{
		Serial: serialText(cert.SerialNumber), Purpose: p.purpose, Role: p.identity.Role, Name: p.identity.Name,
		DNSNames: cert.DNSNames, NotBefore: cert.NotBefore, NotAfter: cert.NotAfter, Enrolled: p.enrolled,
	}
	for _, ip := range cert.IPAddresses {
		r.IPs = append(r.IPs, ip.String())
	}
	if key != nil {
		r.Algorithm = algorithmOf(key.Public())
	}
	if old != nil {
		r.Renews = old.Serial
	}
	return r
}

func (c *CA) certPath(serial string) string {
	return filepath.Join(c.dir, "certs", serial+".pem")
}

// List returns what was issued, the newest last.
func (c *CA) List() ([]Record, error) {
	x, err := readIndex(c.disk, c.dir)
	if err != nil {
		return nil, err
	}
	return x.Certificates, nil
}

// Show returns the record of a certificate and its chain.
func (c *CA) Show(serial string) (*Record, []*x509.Certificate, error) {
	x, err := readIndex(c.disk, c.dir)
	if err != nil {
		return nil, nil, err
	}
	r, err := x.find(serial)
	if err != nil {
		return nil, nil, err
	}
	chain, err := readCerts(c.disk, c.certPath(r.Serial))
	if err != nil {
		return nil, nil, err
	}
	if serialText(chain[0].SerialNumber) != r.Serial {
		return nil, nil, fault.New(fault.Corrupt, "CorruptCA", "the file holds another certificate").About(c.certPath(r.Serial))
	}
	return r, chain, nil
}

// NewCSR makes a certificate request for key. It carries no names: the
// authority decides about these.
func NewCSR(key crypto.Signer) ([]byte, error) {
	der, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{}, key)
	if err != nil {
		return nil, fault.Wrap(fault.Invalid, "InvalidKey", err, "the certificate request can't be made")
	}
	return pem.EncodeToMemory(&pem.Block{Type: csrBlock, Bytes: der}), nil
}

const csrBlock = "CERTIFICATE REQUEST"

// ParseCSR returns the one PEM certificate request in data, of at most 64 KiB.
func ParseCSR(data []byte) (*x509.CertificateRequest, error) {
	if len(data) > maxKeyFile {
		return nil, fault.New(fault.TooLarge, "FileTooLarge", "a certificate request has at most %d bytes", maxKeyFile)
	}
	block, rest := pem.Decode(data)
	if block == nil || (block.Type != csrBlock && block.Type != "NEW "+csrBlock) {
		return nil, fault.New(fault.Invalid, "InvalidCSR", "there is no PEM certificate request")
	}
	if again, _ := pem.Decode(rest); again != nil {
		return nil, fault.New(fault.Invalid, "InvalidCSR", "there is more than one PEM block beside the certificate request")
	}
	csr, err := x509.ParseCertificateRequest(block.Bytes)
	if err != nil {
		return nil, fault.New(fault.Invalid, "InvalidCSR", "the certificate request can't be read: %v", err)
	}
	return csr, nil
}

// ReadCSR reads the certificate request in path.
func ReadCSR(path string) (*x509.CertificateRequest, error) {
	data, err := readFile(fsys.Real{}, path, maxKeyFile, false)
	if err != nil {
		return nil, err
	}
	csr, err := ParseCSR(data)
	return csr, about(err, path)
}

// RenewIssuer makes a new intermediate certificate for the same key and name
// with a new validity, so that all that it has issued and revoked goes on. It
// needs PURPOSE/root.key in its place.
func (c *CA) RenewIssuer(p Purpose, validity time.Duration, now time.Time) (*x509.Certificate, error) {
	if !slices.Contains(Purposes(), p) {
		return nil, fault.New(fault.Invalid, "UnknownPurpose", "%q is no purpose: use node, signing or user", clip(string(p)))
	}
	if err := checkTimes(now, validity); err != nil {
		return nil, err
	}
	var renewed *x509.Certificate
	err := c.change(func(x *index) error {
		b := c.branches[p]
		if err := b.established(p); err != nil {
			return err
		}
		if b.oldRoot != nil {
			return unfinishedRotation(p)
		}
		rootKey, err := c.rootKey(p, b.state.Root, b.root)
		if err != nil {
			return err
		}
		template, err := intermediateTemplate(p, x.Organization, 1, validity, now, b.root)
		if err != nil {
			return err
		}
		template.Subject, template.SubjectKeyId = b.issuer.cert.Subject, b.issuer.cert.SubjectKeyId
		if renewed, err = sign(template, b.root, b.issuer.cert.PublicKey, rootKey); err != nil {
			return err
		}
		if err := validateBranch(p, b.root, renewed, now); err != nil {
			return err
		}
		return WriteCertsPEM(c.disk, c.branchFile(p, b.issuer.state.File+".pem"), renewed)
	})
	if err != nil {
		return nil, err
	}
	return renewed, nil
}
