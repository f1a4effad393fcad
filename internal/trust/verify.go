package trust

import (
	"bytes"
	"time"

	"github.com/signet-scheduler/signet/internal/fault"
)

// Signer tells who signed.
type Signer struct {
	Kind Kind
	// Name is for people: the certificate's common name, the OpenPGP user id, or
	// the comment of the SSH key. Several keys can have the same name.
	Name string
	// KeyID identifies the key, in lower-case hexadecimal: for X509 the SHA-256 of
	// the SubjectPublicKeyInfo, for PGP the fingerprint of the primary key, for SSH
	// the SHA-256 of the public key's wire form (what ssh-keygen -l shows as base64),
	// for Passkey the SHA-256 of the SubjectPublicKeyInfo.
	KeyID string
	// Hardware tells that the key can't leave its device: a security key of SSH, or
	// a passkey that can't be copied. Of other keys it isn't known, so it is false.
	Hardware bool
	// Revoked is the date from which on the signer's certificate is revoked, for a cause
	// by which what it signed before was rightly signed. Always zero unless the set's
	// Policy has TellRevoked: such signers are refused then.
	Revoked time.Time
}

// Verified is a document together with the one who signed it. Only Set.Verify,
// Set.VerifyRelease and Set.VerifyGit make one; the zero value is no document and is
// signed by nobody.
type Verified struct {
	doc    []byte
	signer Signer
}

// Bytes returns the exact bytes that were verified. They must not be modified.
func (v *Verified) Bytes() []byte { return v.doc }

// Signer returns who signed the document.
func (v *Verified) Signer() Signer { return v.signer }

// Verify returns the document if ev is a signature over its exact bytes by a
// signer that the set trusts, and that is valid at the time now. All errors are
// faults of kind Untrusted with one of the codes of this package, but for a
// document above MaxDocument bytes (TooLarge) and a zero now (Invalid).
//
// On arrival now is the clock's time. When a document is verified again later,
// the caller may pass the time at which its own log says that it arrived, so
// that a certificate may expire without stopping what it signed; a removed or
// revoked key counts at all times.
//
// Evidence of a passkey is refused: a touch is for releases. Whoever holds a
// manifest calls VerifyRelease.
//
// The document is copied, so that the caller's later changes can't reach what
// was verified.
func (s *Set) Verify(doc []byte, ev Evidence, now time.Time) (*Verified, error) {
	if ev.Kind == Passkey {
		return nil, refuse(CodeSignerNotAllowed, "a passkey signs releases, not single documents")
	}
	return s.verify(doc, ev, now)
}

// VerifyRelease is Verify for the manifest of a release, and takes evidence of
// all kinds. A passkey signs PasskeyChallenge of the manifest; the others sign its
// bytes, as those of any document. The caller must then read the bytes as a
// manifest and as nothing else.
func (s *Set) VerifyRelease(manifest []byte, ev Evidence, now time.Time) (*Verified, error) {
	return s.verify(manifest, ev, now)
}

func (s *Set) verify(doc []byte, ev Evidence, now time.Time) (*Verified, error) {
	return s.verifyBy(doc, ev, now, func(doc []byte) (Signer, *fault.Error) {
		switch ev.Kind {
		case X509:
			return s.verifyX509(doc, ev, now)
		case PGP:
			return s.verifyPGP(doc, ev, now)
		case Passkey:
			return s.verifyPasskey(doc, ev, now)
		default: // checkForm lets no other kind pass
			return s.verifySSH(doc, ev, sshNamespace)
		}
	})
}

// verifyBy checks what is the same for all kinds, and has the signature verified
// over a copy of the document.
func (s *Set) verifyBy(doc []byte, ev Evidence, now time.Time, signer func(doc []byte) (Signer, *fault.Error)) (*Verified, error) {
	if len(doc) > MaxDocument {
		return nil, fault.New(fault.TooLarge, "DocumentTooLarge", "the document is longer than %d bytes", MaxDocument)
	}
	if now.IsZero() {
		return nil, fault.New(fault.Invalid, "MissingTime", "the time for which the signature is to be verified is missing")
	}
	if err := ev.checkForm(); err != nil {
		return nil, err
	}
	v := &Verified{doc: bytes.Clone(doc)}
	var err *fault.Error
	v.signer, err = signer(v.doc)
	if err != nil {
		return nil, err
	}
	return v, nil
}

// VerifyAll verifies several signatures of one document, each by verify: all must
// be good, and by different keys. It returns one verified document for each.
func VerifyAll(list []Evidence, verify func(Evidence) (*Verified, error)) ([]*Verified, error) {
	verified := make([]*Verified, 0, len(list))
	seen := map[string]bool{}
	for _, ev := range list {
		v, err := verify(ev)
		if err != nil {
			return nil, err
		}
		if seen[v.signer.KeyID] {
			return nil, fault.New(fault.Untrusted, CodeSurplusEvidence, "there are two signatures with the key of %s", v.signer.Name)
		}
		seen[v.signer.KeyID] = true
		verified = append(verified, v)
	}
	if len(verified) == 0 {
		return nil, fault.New(fault.Untrusted, CodeMissingEvidence, "there is no signature")
	}
	return verified, nil
}

// SignersOf returns who signed, in the order of the signatures.
func SignersOf(verified []*Verified) []Signer {
	signers := make([]Signer, len(verified))
	for i, v := range verified {
		signers[i] = v.signer
	}
	return signers
}
