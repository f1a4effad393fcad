package pki

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"fmt"
	"slices"
	"time"

	"github.com/signet-scheduler/signet/internal/fault"
)

// answer is what a company's authority has sent: an issuer, and what leads from it to
// a root.
type answer struct {
	issuer *x509.Certificate
	above  []*x509.Certificate
	root   *x509.Certificate
}

// maxAbove bounds the authorities between the issuer and the root, so that with a
// cross-certificate no part shows more than maxChain.
const maxAbove = 2

func (a *answer) refuse(format string, args ...any) error {
	return fault.New(fault.Untrusted, "UnusableAnswer", "the answer can't be used: %s", fmt.Sprintf(format, args...))
}

// readAnswer judges a company's answer to the request for key.
func readAnswer(p Purpose, key crypto.Signer, text []byte, now time.Time) (*answer, error) {
	certs, err := ParseCertsPEM(text)
	if err != nil {
		return nil, err
	}
	a := &answer{}
	if err := a.arrange(key, certs); err != nil {
		return nil, err
	}
	if err := a.checkPath(now); err != nil {
		return nil, err
	}
	if err := a.checkIssuer(p); err != nil {
		return nil, err
	}
	return a, a.try(p, key, now)
}

// arrange finds the issuer by its key and goes up to the root. All certificates have
// to be used: nobody knows what a surplus one is meant for.
func (a *answer) arrange(key crypto.Signer, certs []*x509.Certificate) error {
	for _, c := range certs {
		if !samePublicKey(key.Public(), c.PublicKey) {
			continue
		}
		if a.issuer != nil {
			return a.refuse("it has two certificates of the requested key")
		}
		a.issuer = c
	}
	if a.issuer == nil {
		return a.refuse("none of its certificates is one of the requested key")
	}
	rest := slices.DeleteFunc(slices.Clone(certs), a.issuer.Equal)
	for last := a.issuer; a.root == nil; {
		if selfIssued(last) {
			return a.refuse("the certificate of the issuer is self-signed")
		}
		n := slices.IndexFunc(rest, func(c *x509.Certificate) bool {
			return bytes.Equal(c.RawSubject, last.RawIssuer) && last.CheckSignatureFrom(c) == nil
		})
		if n < 0 {
			return a.refuse("the certificate of %q, by which %q was signed, is missing, or is none that may", clip(last.Issuer.String()), clip(last.Subject.String()))
		}
		last = rest[n]
		rest = slices.Delete(rest, n, n+1)
		if !selfIssued(last) {
			a.above = append(a.above, last)
			continue
		}
		a.root = last
	}
	if err := a.root.CheckSignatureFrom(a.root); err != nil {
		return a.refuse("the root %q isn't signed by itself: %v", clip(a.root.Subject.String()), err)
	}
	if len(rest) > 0 {
		return a.refuse("the certificate of %q doesn't belong to the path from the issuer to the root", clip(rest[0].Subject.String()))
	}
	if len(a.above) > maxAbove {
		return a.refuse("%d authorities are between the issuer and the root, at most %d are accepted", len(a.above), maxAbove)
	}
	return nil
}

// checkPath checks each certificate, and that none outlives the one above it.
func (a *answer) checkPath(now time.Time) error {
	path := slices.Concat([]*x509.Certificate{a.issuer}, a.above, []*x509.Certificate{a.root})
	for n, c := range path {
		name := clip(c.Subject.String())
		if err := checkAuthority(c); err != nil {
			return a.refuse("%s", fault.Of(err).Public())
		}
		if err := checkValidity(c, now); err != nil {
			return a.refuse("%q: %s", name, fault.Of(err).Public())
		}
		if len(c.Subject.ToRDNSequence()) == 0 {
			return a.refuse("one of its certificates has no name")
		}
		if slices.ContainsFunc(path[:n], func(below *x509.Certificate) bool { return bytes.Equal(below.RawSubject, c.RawSubject) }) {
			return a.refuse("two of its certificates have the name %q", name)
		}
		if n > 0 && path[n-1].NotAfter.After(c.NotAfter) {
			return a.refuse("%q, valid until %s, outlives %q above it, which ends at %s", clip(path[n-1].Subject.String()), stamp(path[n-1].NotAfter), name, stamp(c.NotAfter))
		}
	}
	return nil
}

// checkIssuer checks that the issuer can do what was asked for, and no more.
func (a *answer) checkIssuer(p Purpose) error {
	c := a.issuer
	switch {
	case c.KeyUsage&x509.KeyUsageCRLSign == 0:
		return a.refuse("the issuer may not sign revocation lists: it lacks the key usage cRLSign")
	case c.MaxPathLen != 0 || !c.MaxPathLenZero:
		return a.refuse("the issuer could make further authorities: ask for the basic constraints CA:TRUE, pathlen:0")
	case len(c.SubjectKeyId) == 0:
		return a.refuse("the issuer's certificate lacks the identifier of its key (subjectKeyIdentifier)")
	}
	// Where one root is trusted for several purposes, these usages alone keep them apart.
	stated := slices.Clone(c.ExtKeyUsage)
	for _, u := range usages[p].required {
		if !slices.Contains(stated, u) {
			return a.refuse("the issuer isn't limited to its purpose: ask for the extended key usage %s", usageName(u))
		}
		stated = slices.DeleteFunc(stated, func(s x509.ExtKeyUsage) bool { return s == u })
	}
	if len(stated) > 0 || len(c.UnknownExtKeyUsage) > 0 {
		return a.refuse("the issuer isn't limited to its purpose: it has further extended key usages")
	}
	return nil
}

// try issues a certificate for each role and judges it as its receivers will: it finds
// what stands against it anywhere in the path.
func (a *answer) try(p Purpose, key crypto.Signer, now time.Time) error {
	pool, err := NewPool([]*x509.Certificate{a.root})
	if err != nil {
		return err
	}
	for _, role := range []Role{RoleController, RoleAgent, RoleCockpit, RoleUser, RoleSigner} {
		if !usages[p].role(role) {
			continue
		}
		template, err := leafTemplate(leafParams{purpose: p, identity: Identity{role, "trial"}, now: now}, a.issuer)
		if err != nil {
			return err
		}
		leaf, err := sign(template, a.issuer, key.Public(), key)
		if err != nil {
			return err
		}
		chain := slices.Concat([]*x509.Certificate{leaf, a.issuer}, a.above)
		if _, _, err := checkChain(p, chain, pool, nil, now, nil); err != nil {
			return a.refuse("what the issuer issues would be refused: %s", fault.Of(err).Public())
		}
	}
	return nil
}
