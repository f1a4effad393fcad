package trust

import (
	"bytes"
	"time"

	"github.com/signet-scheduler/signet/internal/fault"
)

// The first lines of signatures that Git keeps in commits and tags.
const (
	cmsBegin    = "-----BEGIN SIGNED MESSAGE-----"
	pgpMessage  = "-----BEGIN PGP MESSAGE-----"
	sshGitSpace = "git" // the namespace in which Git signs
)

// VerifyGit returns the signed bytes of a commit or tag of Git if the signature that
// Git keeps with it is one over them by a signer that the set trusts: OpenPGP, or
// SSH in the namespace "git". Such a signature is for nothing else, and Verify takes
// none of them; the caller must read the bytes as a commit or tag and as nothing
// else. Errors are as those of Verify.
func (s *Set) VerifyGit(payload, signature []byte, now time.Time) (*Verified, error) {
	suffix := suffixSSHSig
	switch {
	case len(signature) == 0:
		return nil, refuse(CodeMissingEvidence, "there is no signature")
	case bytes.HasPrefix(signature, []byte(pgpBegin)):
		suffix = suffixAsc
	case bytes.HasPrefix(signature, []byte(pgpMessage)), bytes.HasPrefix(signature, []byte(cmsBegin)):
		return nil, refuse(CodeMalformedSignature, "the signature has a form that isn't accepted; detached OpenPGP signatures (gpg) and those of SSH are")
	}
	ev, err := signatureFromFile(suffix, signature)
	if err != nil {
		return nil, err
	}
	return s.verifyBy(payload, ev, now, func(payload []byte) (Signer, *fault.Error) {
		if ev.Kind == PGP {
			return s.verifyPGP(payload, ev, now)
		}
		return s.verifySSH(payload, ev, sshGitSpace)
	})
}
