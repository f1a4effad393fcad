package pki

import (
	"crypto"
	"crypto/x509"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/signet-scheduler/signet/internal/fault"
)

// RotateParams says what is replaced. The zero durations are those of CAParams.
type RotateParams struct {
	Purpose        Purpose
	Root           bool         // the root as well, with overlap
	Algorithm      KeyAlgorithm // empty: that of the issuer before
	RootValidity   time.Duration
	IssuerValidity time.Duration
	Now            time.Time
}

func (p RotateParams) check() error {
	if _, err := ParsePurpose(string(p.Purpose)); err != nil {
		return err
	}
	return CAParams{Organization: "x", Algorithm: p.Algorithm, RootValidity: p.RootValidity, IssuerValidity: p.IssuerValidity, Now: p.Now}.check()
}

// Rotate makes a new issuer, and with Root a new root above it. The issuer before
// retires: it issues nothing any more, but goes on revoking until the last of its
// certificates has ended. A new root comes with overlap: the root before certifies
// the new issuer as well, so that what it issues is accepted both by who trusts the
// one and by who trusts the other, until FinishRotation. It needs the root's key.
//
// New files have names of their own and mean nothing until the index names them.
func (c *CA) Rotate(p RotateParams) error {
	if err := p.check(); err != nil {
		return err
	}
	err := c.change(func(x *index) error {
		b := c.branches[p.Purpose]
		if err := b.signs(p.Purpose); err != nil {
			return err
		}
		if p.Root && b.oldRoot != nil {
			return unfinishedRotation(p.Purpose)
		}
		next, err := c.successor(x, b, p)
		if err != nil {
			return err
		}
		x.setState(p.Purpose, next)
		return nil
	})
	if err != nil {
		return err
	}
	// As in Revoke: if this step is lost, whoever looks at the lists makes it good.
	_, err = c.CRL(p.Purpose, p.Now)
	return err
}

// successor makes the files of a rotation and returns what the index is to say.
func (c *CA) successor(x *index, b *branch, p RotateParams) (branchState, error) {
	next, err := b.state.retire(p.Now)
	if err != nil {
		return next, err
	}
	if p.Algorithm == "" {
		p.Algorithm = algorithmOf(b.issuer.cert.PublicKey)
	}
	rootKey, err := c.rootKey(p.Purpose, b.state.Root, b.root)
	if err != nil {
		return next, err
	}
	above := authority{b.root, rootKey}
	var before *authority // certifies the new issuer, too
	switch {
	case p.Root:
		before = &authority{b.root, rootKey}
		next.OldRoot, next.Root = b.state.Root, fmt.Sprintf("root-%d", next.Made)
		if above, err = c.makeRoot(x.Organization, next, p); err != nil {
			return next, err
		}
	case b.oldRoot != nil:
		key, err := c.rootKey(p.Purpose, b.state.OldRoot, b.oldRoot)
		if err != nil {
			return next, err
		}
		before = &authority{b.oldRoot, key}
	}
	next.Issuer = issuerState{File: fmt.Sprintf("issuer-%d", next.Made), Root: next.Root}
	if before != nil {
		next.Issuer.Cross = fmt.Sprintf("cross-%d", next.Made)
	}
	return next, c.makeIssuer(x.Organization, next, p, above, before)
}

// retire returns what the index is to say when another issuer follows, but for that.
func (s branchState) retire(now time.Time) (branchState, error) {
	if len(s.Retired) >= maxRetired {
		return s, fault.New(fault.TooLarge, "TooManyIssuers", "%d issuers have retired whose certificates are still in force, no more are kept", maxRetired)
	}
	at := now.UTC().Truncate(time.Second)
	if !s.waits() {
		old := s.Issuer
		old.RetiredAt = &at
		s.Retired = append([]issuerState{old}, s.Retired...)
	}
	s.Made++
	return s, nil
}

// authority is what certifies an issuer.
type authority struct {
	cert *x509.Certificate
	key  crypto.Signer
}

func (c *CA) makeRoot(organization string, s branchState, p RotateParams) (authority, error) {
	key, err := NewKey(p.Algorithm)
	if err != nil {
		return authority{}, err
	}
	template := rootTemplate(p.Purpose, organization, s.Made, p.RootValidity, p.Now)
	root, err := sign(template, template, key.Public(), key)
	if err != nil {
		return authority{}, err
	}
	if err := WriteKeyPEM(c.disk, c.branchFile(p.Purpose, s.Root+".key"), key); err != nil {
		return authority{}, err
	}
	return authority{root, key}, WriteCertsPEM(c.disk, c.branchFile(p.Purpose, s.Root+".pem"), root)
}

func (c *CA) makeIssuer(organization string, s branchState, p RotateParams, above authority, before *authority) error {
	key, err := NewKey(p.Algorithm)
	if err != nil {
		return err
	}
	certify := func(a authority, id []byte) (*x509.Certificate, error) {
		template, err := intermediateTemplate(p.Purpose, organization, s.Made, p.IssuerValidity, p.Now, a.cert)
		if err != nil {
			return nil, err
		}
		template.SubjectKeyId = id
		cert, err := sign(template, a.cert, key.Public(), a.key)
		if err != nil {
			return nil, err
		}
		return cert, validateBranch(p.Purpose, a.cert, cert, p.Now)
	}
	cert, err := certify(above, nil)
	if err != nil {
		return err
	}
	if before != nil {
		// Roots allow one authority below them, so not the new root is certified by
		// the one before but its issuer. ADR 0023.
		cross, err := certify(*before, cert.SubjectKeyId)
		if err != nil {
			return err
		}
		if err := WriteCertsPEM(c.disk, c.branchFile(p.Purpose, s.Issuer.Cross+".pem"), cross); err != nil {
			return err
		}
	}
	if err := WriteKeyPEM(c.disk, c.branchFile(p.Purpose, s.Issuer.File+".key"), key); err != nil {
		return err
	}
	return WriteCertsPEM(c.disk, c.branchFile(p.Purpose, s.Issuer.File+".pem"), cert)
}

func unfinishedRotation(p Purpose) error {
	return fault.New(fault.Conflict, "RotationUnfinished", "the root of %s is being replaced: finish that first (signet ca rotate --finish --purpose %s)", p, p)
}

// FinishRotation drops the root before: the new issuer shows only the new root, and
// the keys of the old root and its issuers are removed, after these have signed a last
// list. It is refused, with Conflict, while certificates are in force to which only the
// old root leads, unless forced. One that was renewed doesn't count.
func (c *CA) FinishRotation(p Purpose, force bool, now time.Time) error {
	if _, err := ParsePurpose(string(p)); err != nil {
		return err
	}
	if err := checkTimes(now, 0); err != nil {
		return err
	}
	err := c.change(func(x *index) error {
		s := x.state(p)
		if s.OldRoot == "" {
			return fault.New(fault.Conflict, "NoRotation", "the root of %s isn't being replaced: there is nothing to finish", p)
		}
		if err := c.branches[p].signs(p); err != nil {
			return err
		}
		if who := x.onlyBelow(p, s, now); len(who) > 0 && !force {
			return fault.New(fault.Conflict, "CertificatesInForce",
				"%d certificates below the root before are in force, of %s: renew or revoke them, wait for their end, or force it, and they are refused", len(who), some(who))
		}
		x.finish(p)
		return nil
	})
	if err != nil {
		return err
	}
	// If this step is lost, it is made good when lists are made the next time.
	_, err = c.CRL(p, now)
	return err
}

// onlyBelow returns the holders of certificates in force to which only the root
// before leads.
func (x *index) onlyBelow(p Purpose, s branchState, now time.Time) (who []string) {
	old, renewed := map[string]bool{}, map[string]bool{}
	for _, i := range s.Retired {
		old[i.File] = i.Root == s.OldRoot
	}
	for _, r := range x.Certificates {
		renewed[r.Renews] = true
	}
	for _, r := range x.Certificates {
		if r.Purpose == p && r.Status(now) == "valid" && old[r.issuerFile()] && !renewed[r.Serial] {
			who = append(who, r.Identity().String())
		}
	}
	return who
}

// some returns the first of many names.
func some(names []string) string {
	if len(names) > 5 {
		return strings.Join(names[:5], ", ") + " and others"
	}
	return strings.Join(names, ", ")
}

// finish drops the root before.
func (x *index) finish(p Purpose) {
	s := x.state(p)
	s.Retired = slices.Clone(s.Retired)
	for i := range s.Retired {
		s.Retired[i].Cross = ""
	}
	s.Issuer.Cross, s.OldRoot = "", ""
	x.setState(p, s)
}

// tidy drops what time has made useless: a root before that has ended, and issuers
// all of whose certificates have. It returns the names of files that may go once the
// lists are made, keys of what was dropped among them.
func (c *CA) tidy(x *index, p Purpose, now time.Time) (gone []string, err error) {
	b := c.branches[p]
	if b.oldRoot != nil && now.After(b.oldRoot.NotAfter.Add(keepEnded)) {
		x.finish(p)
	}
	s := x.state(p)
	var kept []issuerState
	for _, i := range s.Retired {
		if s.over(i) {
			gone = append(gone, i.Root+".key", i.File+".key")
		}
		if now.After(x.end(p, i).Add(keepEnded)) {
			gone = append(gone, i.File+".key", i.File+".crl")
		} else {
			kept = append(kept, i)
		}
	}
	if len(kept) < len(s.Retired) {
		s.Retired = kept
		x.setState(p, s)
	}
	return gone, c.load(x)
}

// end returns when the last certificate of an issuer ends.
func (x *index) end(p Purpose, i issuerState) (end time.Time) {
	if i.RetiredAt != nil {
		end = *i.RetiredAt
	}
	for _, r := range x.Certificates {
		if r.Purpose == p && r.issuerFile() == i.File && r.NotAfter.After(end) {
			end = r.NotAfter
		}
	}
	return end
}

// issuerFile returns the name of the file of a certificate's issuer.
func (r Record) issuerFile() string {
	if r.Issuer == "" {
		return firstIssuer
	}
	return r.Issuer
}

// remove removes files of a purpose that have become useless, if they are here.
func (c *CA) remove(p Purpose, names []string) error {
	for _, name := range names {
		path := c.branchFile(p, name)
		if _, err := c.disk.Stat(path); err != nil {
			continue // it is kept elsewhere
		}
		if err := c.disk.Remove(path); err != nil {
			return fault.Wrap(fault.Unavailable, "FileUnwritable", err, "%s is useless now, but can't be removed; remove it", path)
		}
	}
	return nil
}
