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
		if err := c.branches[purpose].signs(purpose); err != nil {
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

// CRL signs the revocation list of a purpose as of now, replaces its file by it
// and returns it as PEM.
func (c *CA) CRL(p Purpose, now time.Time) ([]byte, error) {
	if !slices.Contains(Purposes(), p) {
		return nil, fault.New(fault.Invalid, "UnknownPurpose", "%q is no purpose: use node, signing or user", clip(string(p)))
	}
	if err := checkTimes(now, 0); err != nil {
		return nil, err
	}
	var text []byte
	err := c.change(func(x *index) error {
		if err := c.branches[p].signs(p); err != nil {
			return err
		}
		x.CRLNumbers[p]++
		der, err := c.branches[p].list(x, p, now)
		if err != nil {
			return err
		}
		text = pem.EncodeToMemory(&pem.Block{Type: "X509 CRL", Bytes: der})
		return writeFile(c.disk, c.CRLPath(p), text)
	})
	if err != nil {
		return nil, err
	}
	return text, nil
}

func (b *branch) list(x *index, p Purpose, now time.Time) ([]byte, error) {
	validity := x.CRLValidity
	if validity == 0 {
		validity = defaultCRLValidity
	}
	template := &x509.RevocationList{
		Number:     big.NewInt(x.CRLNumbers[p]),
		ThisUpdate: now.UTC().Truncate(time.Second).Add(-backdate),
		NextUpdate: now.UTC().Truncate(time.Second).Add(validity),
	}
	for _, r := range x.Certificates {
		if r.Purpose != p || r.RevokedAt == nil {
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
	der, err := x509.CreateRevocationList(rand.Reader, template, b.issuer, b.issuerKey)
	if err != nil {
		return nil, fault.Wrap(fault.Internal, "SigningFailed", err, "the revocation list can't be signed")
	}
	list, err := x509.ParseRevocationList(der)
	if err != nil {
		return nil, refused(err)
	}
	if err := list.CheckSignatureFrom(b.issuer); err != nil {
		return nil, refused(err)
	}
	return der, nil
}
