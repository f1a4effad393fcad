package pki

import (
	"bytes"
	"crypto/x509"
	"slices"
	"time"

	"github.com/signet-scheduler/signet/internal/fault"
)

// maxChain bounds the certificates that a peer may present beside its own.
const maxChain = 4

// usage says what a leaf certificate of a purpose states about itself.
type usage struct {
	what      string
	required  []x509.ExtKeyUsage // all of them, each stated explicitly
	tolerated []x509.ExtKeyUsage
	foreign   bool // usages that crypto/x509 doesn't know are tolerated
	role      func(Role) bool
}

// usages is the one table of what a leaf may be used for. Company authorities
// put mail and log-on usages into users' certificates, so these are tolerated.
var usages = map[Purpose]usage{
	PurposeNode: {
		what:     "a node",
		required: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		role:     Role.Node,
	},
	PurposeSigning: {
		what:     "signing",
		required: []x509.ExtKeyUsage{x509.ExtKeyUsageCodeSigning},
		role:     func(r Role) bool { return r == RoleSigner },
	},
	PurposeUser: {
		what:      "a user",
		required:  []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
		tolerated: []x509.ExtKeyUsage{x509.ExtKeyUsageEmailProtection},
		foreign:   true,
		role:      func(r Role) bool { return r == RoleUser },
	},
}

// CheckNode tells whether chain, a leaf and the intermediates sent with it, is
// at time now that of a node whose role is among want (any node role if none is
// given), and returns who it is. It asks for a path to roots that x509.Verify
// finds, and beyond that for: both TLS usages stated in the leaf and no other,
// digitalSignature, no authority, strong keys all along, exactly one identity,
// nothing revoked by crls (which may be nil). Every refusal is an Untrusted
// fault that names the reason.
func CheckNode(chain []*x509.Certificate, roots *x509.CertPool, crls *CRLSet, now time.Time, want ...Role) (Identity, error) {
	id, _, err := checkChain(PurposeNode, chain, roots, crls, now, nil)
	if err != nil {
		return Identity{}, err
	}
	if len(want) > 0 && !slices.Contains(want, id.Role) {
		return Identity{}, fault.New(fault.Untrusted, "WrongRole", "%s is not allowed here; expected role %v", id, want)
	}
	return id, nil
}

// CheckNodeNamed is CheckNode for a node that may also be known by its subject:
// all that is asked of a node's certificate is asked of such a one as well, but
// for the identity in it. bySubject tells that it is known so.
func CheckNodeNamed(chain []*x509.Certificate, roots *x509.CertPool, crls *CRLSet, now time.Time, subjects *Subjects) (id Identity, bySubject bool, err error) {
	return checkChain(PurposeNode, chain, roots, crls, now, subjects)
}

// CheckUser is CheckNode for a user's certificate: client authentication stated
// in the leaf, role user, and a path to the roots of users.
func CheckUser(chain []*x509.Certificate, roots *x509.CertPool, crls *CRLSet, now time.Time) (Identity, error) {
	id, _, err := checkChain(PurposeUser, chain, roots, crls, now, nil)
	return id, err
}

// CheckSigner is CheckNode for a certificate that Signet's own authority issued
// for signing: code signing stated in the leaf and no other usage, role signer.
func CheckSigner(chain []*x509.Certificate, roots *x509.CertPool, crls *CRLSet, now time.Time) (Identity, error) {
	id, _, err := checkChain(PurposeSigning, chain, roots, crls, now, nil)
	return id, err
}

// CheckNodeLeaf makes the part of CheckNode's checks that need no roots: what a
// node can find out about its own certificate before it uses it.
func CheckNodeLeaf(leaf *x509.Certificate, now time.Time) (Identity, error) {
	if err := checkValidity(leaf, now); err != nil {
		return Identity{}, err
	}
	id, _, err := checkLeaf(PurposeNode, leaf, nil)
	return id, err
}

// CheckNodeUsage is CheckNodeLeaf for a certificate that others know by its
// subject: there needn't be an identity in it.
func CheckNodeUsage(leaf *x509.Certificate, now time.Time) error {
	if err := checkValidity(leaf, now); err != nil {
		return err
	}
	return checkUsage(PurposeNode, leaf)
}

func checkChain(p Purpose, chain []*x509.Certificate, roots *x509.CertPool, crls *CRLSet, now time.Time, subjects *Subjects) (id Identity, bySubject bool, err error) {
	if len(chain) == 0 {
		return Identity{}, false, fault.New(fault.Untrusted, "NoCertificate", "no certificate was presented")
	}
	if len(chain)-1 > maxChain {
		return Identity{}, false, fault.New(fault.Untrusted, "ChainTooLong", "%d certificates were presented; at most %d are accepted", len(chain), maxChain+1)
	}
	// A nil pool means the operating system's roots to x509.Verify: any public
	// authority could then make a node.
	if roots == nil {
		return Identity{}, false, fault.New(fault.Untrusted, "NoRoots", "there are no trusted authorities to check a certificate against")
	}
	leaf := chain[0]
	id, bySubject, err = checkLeaf(p, leaf, subjects)
	if err != nil {
		return Identity{}, false, err
	}
	if err := checkValidity(leaf, now); err != nil {
		return Identity{}, false, err
	}
	intermediates := x509.NewCertPool()
	for _, c := range chain[1:] {
		intermediates.AddCert(c)
	}
	// Verify takes a list of usages as "one of them", so each is asked for alone.
	var chains [][]*x509.Certificate
	for _, u := range usages[p].required {
		chains, err = leaf.Verify(x509.VerifyOptions{
			Roots: roots, Intermediates: intermediates, CurrentTime: now, KeyUsages: []x509.ExtKeyUsage{u},
		})
		if err != nil {
			return Identity{}, false, fault.New(fault.Untrusted, "UntrustedCertificate", "the certificate of %s is not trusted: %v", id, err)
		}
	}
	for _, path := range chains {
		if err = checkPath(path, crls); err == nil {
			return id, bySubject, nil
		}
	}
	if err == nil {
		err = fault.New(fault.Untrusted, "UntrustedCertificate", "no path leads from the certificate to a trusted authority")
	}
	return Identity{}, false, err
}

// checkPath checks what Verify doesn't: strength of every key, and revocation.
func checkPath(path []*x509.Certificate, crls *CRLSet) error {
	for i, c := range path {
		if err := CheckKey(c.PublicKey); err != nil {
			return err
		}
		if i+1 < len(path) {
			if err := crls.check(c, path[i+1]); err != nil {
				return err
			}
		}
	}
	return nil
}

func checkValidity(c *x509.Certificate, now time.Time) error {
	if now.Before(c.NotBefore) {
		return fault.New(fault.Untrusted, "CertificateNotYetValid", "the certificate is valid from %s on; check the clocks", stamp(c.NotBefore))
	}
	if now.After(c.NotAfter) {
		return fault.New(fault.Untrusted, "CertificateExpired", "the certificate expired at %s", stamp(c.NotAfter))
	}
	return nil
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// checkLeaf checks what a leaf states about itself and returns its identity.
func checkLeaf(p Purpose, c *x509.Certificate, subjects *Subjects) (id Identity, bySubject bool, err error) {
	if err := checkUsage(p, c); err != nil {
		return Identity{}, false, err
	}
	id, bySubject, err = subjects.identify(c)
	if err != nil {
		return Identity{}, false, err
	}
	if u := usages[p]; !u.role(id.Role) {
		return Identity{}, false, fault.New(fault.Untrusted, "WrongRole", "%s is not %s", id, u.what)
	}
	return id, bySubject, nil
}

// checkUsage checks what a leaf may be used for, and its key.
func checkUsage(p Purpose, c *x509.Certificate) error {
	u := usages[p]
	if c.IsCA || c.KeyUsage&(x509.KeyUsageCertSign|x509.KeyUsageCRLSign) != 0 {
		return fault.New(fault.Untrusted, "AuthorityAsLeaf", "a certificate authority's own certificate can't be used for %s", u.what)
	}
	if c.KeyUsage&x509.KeyUsageDigitalSignature == 0 {
		return fault.New(fault.Untrusted, "WrongKeyUsage", "the certificate lacks the key usage digitalSignature")
	}
	for _, required := range u.required {
		if !slices.Contains(c.ExtKeyUsage, required) {
			return fault.New(fault.Untrusted, "WrongKeyUsage",
				"the certificate can't be used for %s: it lacks the extended key usage %s", u.what, usageName(required))
		}
	}
	for _, stated := range c.ExtKeyUsage {
		if !slices.Contains(u.required, stated) && !slices.Contains(u.tolerated, stated) {
			return fault.New(fault.Untrusted, "WrongKeyUsage",
				"the certificate can't be used for %s: it has the extended key usage %s", u.what, usageName(stated))
		}
	}
	if !u.foreign && len(c.UnknownExtKeyUsage) > 0 {
		return fault.New(fault.Untrusted, "WrongKeyUsage",
			"the certificate can't be used for %s: it has the extended key usage %s", u.what, c.UnknownExtKeyUsage[0])
	}
	return CheckKey(c.PublicKey)
}

// checkAuthority checks that c may issue certificates.
func checkAuthority(c *x509.Certificate) error {
	if !c.BasicConstraintsValid || !c.IsCA || c.KeyUsage&x509.KeyUsageCertSign == 0 {
		return fault.New(fault.Untrusted, "NotAnAuthority",
			"the certificate of %q is not that of an authority (CA:TRUE and keyCertSign); trust its issuer instead", clip(c.Subject.String()))
	}
	return CheckKey(c.PublicKey)
}

// NewPool returns the pool of trusted authorities of certs. A certificate that
// is no authority is refused.
func NewPool(certs []*x509.Certificate) (*x509.CertPool, error) {
	pool := x509.NewCertPool()
	for _, c := range certs {
		if err := checkAuthority(c); err != nil {
			return nil, err
		}
		pool.AddCert(c)
	}
	return pool, nil
}

func usageName(u x509.ExtKeyUsage) string {
	names := map[x509.ExtKeyUsage]string{
		x509.ExtKeyUsageAny:             "any",
		x509.ExtKeyUsageServerAuth:      "serverAuth",
		x509.ExtKeyUsageClientAuth:      "clientAuth",
		x509.ExtKeyUsageCodeSigning:     "codeSigning",
		x509.ExtKeyUsageEmailProtection: "emailProtection",
		x509.ExtKeyUsageTimeStamping:    "timeStamping",
		x509.ExtKeyUsageOCSPSigning:     "OCSPSigning",
	}
	if name, ok := names[u]; ok {
		return name
	}
	return "of another kind"
}

// sameIssuer tells whether list was issued under the name, and as far as it
// says so the key, of issuer.
func sameIssuer(list *x509.RevocationList, issuer *x509.Certificate) bool {
	if !bytes.Equal(list.RawIssuer, issuer.RawSubject) {
		return false
	}
	return len(list.AuthorityKeyId) == 0 || len(issuer.SubjectKeyId) == 0 ||
		bytes.Equal(list.AuthorityKeyId, issuer.SubjectKeyId)
}
