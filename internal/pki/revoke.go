package pki

import (
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"slices"
	"time"

	"github.com/signet-scheduler/signet/internal/fault"
)

// Reason is why a certificate was revoked, by its name in RFC 5280.
type Reason string

// The reasons; empty counts as ReasonUnspecified.
const (
	ReasonUnspecified          Reason = "unspecified"
	ReasonKeyCompromise        Reason = "keyCompromise"
	ReasonAffiliationChanged   Reason = "affiliationChanged"
	ReasonSuperseded           Reason = "superseded"
	ReasonCessationOfOperation Reason = "cessationOfOperation"
	ReasonPrivilegeWithdrawn   Reason = "privilegeWithdrawn"
)

// code returns the reason's number in a revocation list.
func (r Reason) code() (int, error) {
	switch r {
	case "", ReasonUnspecified:
		return 0, nil
	case ReasonKeyCompromise:
		return 1, nil
	case ReasonAffiliationChanged:
		return 3, nil
	case ReasonSuperseded:
		return 4, nil
	case ReasonCessationOfOperation:
		return 5, nil
	case ReasonPrivilegeWithdrawn:
		return 9, nil
	}
	return 0, fault.New(fault.Invalid, "UnknownReason", "%q is no reason: use %s, %s, %s, %s, %s or %s", clip(string(r)),
		ReasonUnspecified, ReasonKeyCompromise, ReasonAffiliationChanged, ReasonSuperseded, ReasonCessationOfOperation, ReasonPrivilegeWithdrawn)
}

// Revoke revokes a certificate for ever and renews the purpose's revocation
// list in its file. Revoking again changes nothing and is no error.
func (c *CA) Revoke(serial string, reason Reason, now time.Time) error {
	if _, err := reason.code(); err != nil {
		return err
	}
	if err := checkTimes(now, 0); err != nil {
		return err
	}
	var purpose Purpose
	err := c.change(func(x *index) error {
		r, err := x.find(serial)
		if err != nil {
			return err
		}
		purpose = r.Purpose
		if err := c.branches[purpose].signsFor(*r); err != nil {
			return err
		}
		if r.RevokedAt == nil {
			at := now.UTC().Truncate(time.Second)
			r.RevokedAt, r.Reason = &at, reason
			if reason == "" {
				r.Reason = ReasonUnspecified
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	// The index holds the truth; if this step is lost, the next list has it.
	_, err = c.CRL(purpose, now)
	return err
}

// signsFor is a NotFound fault if the key isn't here that revokes a certificate.
func (b *branch) signsFor(r Record) error {
	for _, i := range b.issuers() {
		if i.state.File == r.issuerFile() && !b.state.over(i.state) {
			return i.signs(r.Purpose)
		}
	}
	return fault.New(fault.Conflict, "IssuerGone", "the issuer %s of certificate %s is in force no more: its root was replaced, or all that it has issued has ended", r.issuerFile(), clip(r.Serial))
}

// CRL signs the revocation lists of a purpose as of now, that of the issuer and
// those of issuers that have retired, replaces the file by them and returns it: PEM,
// that of the issuer first. After a rotation each list is in a file of its own as
// well (ISSUER.crl), as a trust directory takes it. A retired issuer whose key is
// kept elsewhere keeps the list that it has; so does, once its root was dropped, one
// whose key was removed, for those who still trust that root.
func (c *CA) CRL(p Purpose, now time.Time) ([]byte, error) {
	if !slices.Contains(Purposes(), p) {
		return nil, fault.New(fault.Invalid, "UnknownPurpose", "%q is no purpose: use node, signing or user", clip(string(p)))
	}
	if err := checkTimes(now, 0); err != nil {
		return nil, err
	}
	var text []byte
	var gone []string
	err := c.change(func(x *index) (err error) {
		if err := c.branches[p].signs(p); err != nil {
			return err
		}
		if gone, err = c.tidy(x, p, now); err != nil {
			return err
		}
		before, err := c.lists(p, crlFile)
		if err != nil {
			return err
		}
		// The file may be newer than the index, if a crash came between: no number is
		// used twice, since others take a list only for a greater one.
		for _, l := range before {
			if l.Number != nil && l.Number.IsInt64() {
				x.CRLNumbers[p] = max(x.CRLNumbers[p], l.Number.Int64())
			}
		}
		x.CRLNumbers[p]++
		text = nil
		for _, i := range c.branches[p].issuers() {
			der, err := c.listOf(i, before, x, p, now)
			if err != nil {
				return err
			}
			if der == nil {
				continue
			}
			block := pem.EncodeToMemory(&pem.Block{Type: "X509 CRL", Bytes: der})
			text = append(text, block...)
			if x.Branches == nil {
				continue // one list, which is in the file below
			}
			if err := writeFile(c.disk, c.branchFile(p, i.state.File+".crl"), block); err != nil {
				return err
			}
		}
		return writeFile(c.disk, c.CRLPath(p), text)
	})
	if err != nil {
		return nil, err
	}
	return text, c.remove(p, gone)
}

// lists returns the lists in a file of a purpose: none if there is no file, or a
// damaged one, which is made anew.
func (c *CA) lists(p Purpose, name string) ([]*x509.RevocationList, error) {
	data, err := readFile(c.disk, c.branchFile(p, name), maxCRLFile, false)
	if fault.Is(err, fault.NotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	lists, err := ParseCRLs(data)
	if err != nil {
		return nil, nil //nolint:nilerr // as said above
	}
	return lists, nil
}

// listOf makes the list of an issuer, or returns the one of before if its key isn't
// here.
func (c *CA) listOf(i issuer, before []*x509.RevocationList, x *index, p Purpose, now time.Time) ([]byte, error) {
	if i.key != nil {
		return i.list(x, p, now)
	}
	own, err := c.lists(p, i.state.File+".crl")
	if err != nil {
		return nil, err
	}
	for _, l := range slices.Concat(before, own) {
		if CheckCRL(l, i.cert) == nil {
			return l.Raw, nil
		}
	}
	return nil, nil
}

func (i issuer) list(x *index, p Purpose, now time.Time) ([]byte, error) {
	validity := x.CRLValidity
	if validity == 0 {
		validity = defaultCRLValidity
	}
	template := &x509.RevocationList{
		Number:     big.NewInt(x.CRLNumbers[p]),
		ThisUpdate: now.UTC().Truncate(time.Second).Add(-backdate),
		NextUpdate: now.UTC().Truncate(time.Second).Add(validity),
	}
	if x.state(p).over(i.state) && i.cert.NotAfter.After(template.NextUpdate) {
		template.NextUpdate = i.cert.NotAfter // its last list
	}
	for _, r := range x.Certificates {
		if r.Purpose != p || r.RevokedAt == nil || r.issuerFile() != i.state.File {
			continue
		}
		serial, ok := new(big.Int).SetString(r.Serial, 16)
		reason, err := r.Reason.code()
		if !ok || err != nil {
			return nil, fault.New(fault.Corrupt, "CorruptIndex", "the record of certificate %q is damaged", clip(r.Serial))
		}
		template.RevokedCertificateEntries = append(template.RevokedCertificateEntries, x509.RevocationListEntry{
			SerialNumber: serial, RevocationTime: *r.RevokedAt, ReasonCode: reason,
		})
	}
	der, err := x509.CreateRevocationList(rand.Reader, template, i.cert, i.key)
	if err != nil {
		return nil, fault.Wrap(fault.Internal, "SigningFailed", err, "the revocation list can't be signed")
	}
	list, err := x509.ParseRevocationList(der)
	if err != nil {
		return nil, refused(err)
	}
	if err := list.CheckSignatureFrom(i.cert); err != nil {
		return nil, refused(err)
	}
	return der, nil
}
