package pki

import (
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"sync"
	"time"

	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/fsys"
)

// CRLSet is a set of certificate revocation lists to check against. A nil set
// revokes nothing. What any list names stays revoked, also when the list's
// nextUpdate has passed: a list that nobody renews must neither open the door
// nor stop the estate; Stale tells of it. Safe for concurrent use.
type CRLSet struct {
	lists []revocations

	mu       sync.Mutex
	verified map[verdictKey]error // signature checks already made
}

type revocations struct {
	list    *x509.RevocationList
	serials map[string]struct{}
}

type verdictKey struct {
	list   int
	issuer [sha256.Size]byte
}

// NewCRLSet returns the set of lists. Delta lists and lists with critical
// extensions (which cover other issuers or only some certificates) are Invalid:
// reading them as complete would let a revoked certificate pass.
func NewCRLSet(lists []*x509.RevocationList) (*CRLSet, error) {
	s := &CRLSet{verified: map[verdictKey]error{}}
	for _, l := range lists {
		for _, ext := range l.Extensions {
			if ext.Critical {
				return nil, fault.New(fault.Invalid, "UnsupportedCRL",
					"the revocation list of %q has the critical extension %s; only complete lists are supported", clip(l.Issuer.String()), ext.Id)
			}
		}
		r := revocations{list: l, serials: make(map[string]struct{}, len(l.RevokedCertificateEntries))}
		for _, e := range l.RevokedCertificateEntries {
			for _, ext := range e.Extensions {
				if ext.Critical {
					return nil, fault.New(fault.Invalid, "UnsupportedCRL",
						"the revocation list of %q has an entry with the critical extension %s", clip(l.Issuer.String()), ext.Id)
				}
			}
			r.serials[string(e.SerialNumber.Bytes())] = struct{}{}
		}
		s.lists = append(s.lists, r)
	}
	return s, nil
}

// ReadCRLs reads the revocation lists in path, PEM (any number) or DER (one),
// of at most 16 MiB.
func ReadCRLs(path string) ([]*x509.RevocationList, error) {
	data, err := readFile(fsys.Real{}, path, maxCRLFile, false)
	if err != nil {
		return nil, err
	}
	lists, err := ParseCRLs(data)
	return lists, about(err, path)
}

// ParseCRLs returns the revocation lists in data, PEM (at least one) or DER
// (one). Signatures are checked later, against the issuer in a chain.
func ParseCRLs(data []byte) ([]*x509.RevocationList, error) {
	if len(data) > maxCRLFile {
		return nil, fault.New(fault.TooLarge, "FileTooLarge", "a revocation list has at most %d bytes", maxCRLFile)
	}
	if !bytes.Contains(data, []byte("-----BEGIN ")) {
		list, err := x509.ParseRevocationList(data)
		if err != nil {
			return nil, fault.New(fault.Invalid, "InvalidCRL", "the revocation list can't be read: %v", err)
		}
		return []*x509.RevocationList{list}, nil
	}
	var lists []*x509.RevocationList
	for block, rest := pem.Decode(data); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != "X509 CRL" {
			return nil, fault.New(fault.Invalid, "InvalidCRL", "PEM block %q has no place among revocation lists", clip(block.Type))
		}
		list, err := x509.ParseRevocationList(block.Bytes)
		if err != nil {
			return nil, fault.New(fault.Invalid, "InvalidCRL", "revocation list %d can't be read: %v", len(lists)+1, err)
		}
		if lists = append(lists, list); len(lists) > maxCerts {
			return nil, fault.New(fault.TooLarge, "TooManyCRLs", "there are more than %d revocation lists", maxCerts)
		}
	}
	if len(lists) == 0 {
		return nil, fault.New(fault.Invalid, "InvalidCRL", "there is no complete PEM revocation list in the file")
	}
	if len(lists) != blocks(data) {
		return nil, fault.New(fault.Invalid, "InvalidCRL", "one of the PEM revocation lists in the file is damaged")
	}
	return lists, nil
}

// Stale returns the issuers, as text, whose newest list should have been
// replaced before now.
func (s *CRLSet) Stale(now time.Time) []string {
	if s == nil {
		return nil
	}
	newest := map[string]*x509.RevocationList{}
	var order []string
	for _, r := range s.lists {
		key := string(r.list.RawIssuer) + string(r.list.AuthorityKeyId)
		if known, ok := newest[key]; !ok {
			order = append(order, key)
			newest[key] = r.list
		} else if r.list.NextUpdate.After(known.NextUpdate) {
			newest[key] = r.list
		}
	}
	var stale []string
	for _, key := range order {
		if l := newest[key]; !l.NextUpdate.IsZero() && now.After(l.NextUpdate) {
			stale = append(stale, l.Issuer.String())
		}
	}
	return stale
}

// check returns an Untrusted fault if a list by issuer names cert, or if a list
// that claims to be by issuer isn't: then nobody knows what is revoked.
func (s *CRLSet) check(cert, issuer *x509.Certificate) error {
	if s == nil {
		return nil
	}
	for i := range s.lists {
		r := &s.lists[i]
		if !sameIssuer(r.list, issuer) {
			continue
		}
		if err := s.authentic(i, issuer); err != nil {
			return fault.New(fault.Untrusted, "UntrustedCRL", "the revocation list of %q isn't authentic: %v", clip(r.list.Issuer.String()), err)
		}
		if _, revoked := r.serials[string(cert.SerialNumber.Bytes())]; revoked {
			return fault.New(fault.Untrusted, "CertificateRevoked", "the certificate with serial %s is revoked", serialText(cert.SerialNumber))
		}
	}
	return nil
}

// authentic checks list i's signature once per issuer. Issuers come from
// verified paths, so their number is small.
func (s *CRLSet) authentic(i int, issuer *x509.Certificate) error {
	key := verdictKey{i, sha256.Sum256(issuer.Raw)}
	s.mu.Lock()
	defer s.mu.Unlock()
	err, known := s.verified[key]
	if !known {
		err = s.lists[i].list.CheckSignatureFrom(issuer)
		s.verified[key] = err
	}
	return err
}
