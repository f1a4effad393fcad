package trust

import (
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/signet-scheduler/signet/internal/fault"
)

// Set is what one machine trusts: X.509 certificates, OpenPGP keys, SSH keys and
// passkeys, and the policy for them. It never changes after it was made and is safe for
// concurrent use.
type Set struct {
	policy   Policy
	digest   [32]byte
	signers  []SignerInfo
	warnings []fault.Problem

	roots  *x509.CertPool      // CA certificates: roots, and intermediates without their root
	cas    []*x509.Certificate // the same, for messages
	leaves []*x509.Certificate // signers' own certificates, trusted one by one
	crls   []*x509.RevocationList
	pgp    []*pgpSigningKey
	ssh    map[string]*sshKey // by wire form

	passkeys map[string]*passkey // by credential id
}

// SignerInfo describes one trusted key or certificate, for people.
type SignerInfo struct {
	Kind      Kind
	Name      string    // subject, user id or comment, as printable text
	KeyID     string    // see Signer
	CA        bool      // it vouches for others and doesn't sign itself
	NotBefore time.Time // zero when unlimited
	NotAfter  time.Time // zero when unlimited
	File      string    // base name of the file it came from
}

// anchor is one thing out of a trust file. Exactly one of the pointers is set.
type anchor struct {
	file string
	raw  []byte
	info SignerInfo
	cert *x509.Certificate
	crl  *x509.RevocationList
	pgp  *pgpKey
	ssh  *sshKey

	passkey *passkey
}

// NewSet makes a set of the contents of trust files: X.509 PEM, OpenPGP armour,
// SSH public key lines, and passkeys' JSON. Unlike Load it refuses a file that
// can't be used.
func NewSet(p Policy, x509Files, pgpFiles, sshFiles [][]byte, passkeyFiles ...[]byte) (*Set, error) {
	p, err := p.check()
	if err != nil {
		return nil, err
	}
	var anchors []anchor
	for _, group := range []struct {
		kind  Kind
		files [][]byte
	}{{X509, x509Files}, {PGP, pgpFiles}, {SSH, sshFiles}, {Passkey, passkeyFiles}} {
		for i, content := range group.files {
			name := fmt.Sprintf("%s-%d", strings.ToLower(string(group.kind)), i+1)
			read, err := readAnchors(group.kind, name, content)
			if err != nil {
				return nil, refuse(CodeUnreadableTrust, "trust file %s can't be used: %s", name, err)
			}
			anchors = append(anchors, read...)
		}
	}
	return buildSet(p, anchors, nil), nil
}

// readAnchors reads one trust file.
func readAnchors(kind Kind, name string, content []byte) ([]anchor, error) {
	var anchors []anchor
	var err error
	switch {
	case kind == sentLists, kind == X509 && strings.HasSuffix(name, suffixCRL):
		anchors, err = readCRLFile(content)
	case kind == X509:
		anchors, err = readX509File(content)
	case kind == PGP:
		anchors, err = readPGPFile(content)
	case kind == Passkey:
		anchors, err = readPasskeyFile(content)
	default:
		anchors, err = readSSHFile(content)
	}
	for i := range anchors {
		anchors[i].file, anchors[i].info.File = name, name
	}
	return anchors, err
}

// buildSet puts anchors together. The order of files doesn't matter: equal
// anchors make an equal set with an equal digest.
func buildSet(p Policy, anchors []anchor, warnings []fault.Problem) *Set {
	s := &Set{policy: p, roots: x509.NewCertPool(), ssh: map[string]*sshKey{}, passkeys: map[string]*passkey{}, warnings: slices.Clone(warnings)}
	anchors = slices.Clone(anchors)
	slices.SortStableFunc(anchors, func(a, b anchor) int {
		return bytes.Compare(a.sortKey(), b.sortKey())
	})
	anchors = slices.CompactFunc(anchors, func(a, b anchor) bool {
		return bytes.Equal(a.sortKey(), b.sortKey())
	})
	anchors = s.withoutAmbiguous(anchors)
	h := sha256.New()
	fmt.Fprintf(h, "signet trust set 1\nrsa %d\n", p.MinRSABits)
	for i := range anchors {
		key := anchors[i].sortKey()
		var length [8]byte
		binary.BigEndian.PutUint64(length[:], uint64(len(key)))
		h.Write(length[:])
		h.Write(key)
		s.add(&anchors[i])
	}
	h.Sum(s.digest[:0])
	slices.SortStableFunc(s.signers, func(a, b SignerInfo) int {
		return strings.Compare(string(a.Kind)+"\x00"+a.Name+"\x00"+a.KeyID, string(b.Kind)+"\x00"+b.Name+"\x00"+b.KeyID)
	})
	return s
}

// sortKey identifies the anchor's content.
func (a *anchor) sortKey() []byte {
	kind := "ssh "
	switch {
	case a.cert != nil:
		kind = "x509 "
	case a.crl != nil:
		kind = "crl "
	case a.pgp != nil:
		kind = "pgp "
	case a.passkey != nil:
		kind = "passkey "
	}
	return append([]byte(kind), a.raw...)
}

func (s *Set) add(a *anchor) {
	switch {
	case a.cert != nil:
		if a.info.CA {
			s.roots.AddCert(a.cert)
			s.cas = append(s.cas, a.cert)
		} else {
			s.leaves = append(s.leaves, a.cert)
		}
		s.warn(a, s.policy.checkKey(a.cert.PublicKey, a.info.Name))
		if !a.info.CA {
			s.warn(a, checkSigningUsage(a.cert))
		}
	case a.crl != nil:
		s.crls = append(s.crls, a.crl)
		return
	case a.pgp != nil:
		s.pgp = append(s.pgp, a.pgp.signing...)
		if len(a.pgp.signing) == 0 {
			s.warn(a, refuse(CodeSignerNotAllowed, "the key of %s has no part that can sign", a.info.Name))
		}
		for _, key := range a.pgp.signing {
			s.warn(a, s.policy.checkKey(key.pub, a.info.Name))
		}
	case a.passkey != nil:
		s.passkeys[string(a.passkey.credentialID)] = a.passkey
		s.warn(a, s.policy.checkKey(a.passkey.pub, a.info.Name))
	default:
		s.ssh[string(a.raw)] = a.ssh
		s.warn(a, s.policy.checkKey(a.ssh.pub, a.info.Name))
	}
	s.signers = append(s.signers, a.info)
}

// warn notes why an anchor will be refused when it is used.
func (s *Set) warn(a *anchor, why *fault.Error) {
	if why != nil {
		s.warnings = append(s.warnings, fault.Problem{Where: a.file, Message: why.Message})
	}
}

// Digest identifies the set: the SHA-256 over its policy, certificates and keys.
// Sets of equal digest verify alike.
func (s *Set) Digest() [32]byte { return s.digest }

// Signers lists what is trusted, sorted by kind, name and key id.
func (s *Set) Signers() []SignerInfo { return slices.Clone(s.signers) }

// Authorities returns the certificates of authorities that vouch for signers.
func (s *Set) Authorities() []*x509.Certificate { return slices.Clone(s.cas) }

// Warnings tells which trust files couldn't be used and why, and which trusted
// keys will be refused when they sign.
func (s *Set) Warnings() []fault.Problem { return slices.Clone(s.warnings) }

// Empty tells whether the set trusts nobody.
func (s *Set) Empty() bool { return len(s.signers) == 0 }
