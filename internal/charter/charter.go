// Package charter brings a trust policy into force: it knows which keys are the
// roots, and takes a policy only with their signature and only forwards.
//
// The roots are what lies in one folder (config/private/policy-root), in the forms
// of the trust directories. If anything lies there, a policy is required: without
// one, nothing is trusted. The package must not keep anything, decide about
// documents (package policy does) or fetch policies. Controller and Agent ask it
// when they start and when a policy arrives; the command line asks it to check one.
package charter

import (
	"bytes"
	"encoding/json"
	"slices"
	"time"

	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/policy"
	"github.com/signet-scheduler/signet/internal/trust"
)

// The codes of this package's refusals.
const (
	CodeNoRoots         = "NoPolicyRoots"         // no key here can sign policies
	CodeForeignAudience = "ForeignTrustPolicy"    // the policy is for other installations
	CodeNotYet          = "TrustPolicyNotYetMade" // the policy says that it was made in the future
)

// MaxSignatures bounds the signatures of one policy.
const MaxSignatures = 16

// maxEvidence bounds the evidence before it is read.
const maxEvidence = MaxSignatures * 128 << 10

// clockSkew is how far the clock of whoever issued a policy may be ahead.
const clockSkew = 10 * time.Minute

// Dirs returns the folder of root keys in the form that package trust reads and
// follows. There are no passkeys among roots: a touch is for releases.
func Dirs(folder string) trust.Dirs { return trust.OneDir(folder) }

// Required tells whether a policy is required, given what was read of the folder
// of root keys. A file that can't be used requires one as well: else a damaged key
// would switch the policy off.
func Required(roots *trust.Set) bool {
	return roots == nil || !roots.Empty() || len(roots.Warnings()) > 0
}

// Accepted is a policy that may come into force, with those who signed it.
type Accepted struct {
	Policy  *policy.Policy
	Signers []trust.Signer
}

// Accept verifies a policy's text and evidence (one signature, or a list of up to
// MaxSignatures, all of which must be good and by different keys), reads it, and
// compares it with the newest that is known. It must be for that installation.
// Errors are faults: those of trust.Set.Verify and policy.Parse, and Untrusted
// with a code of this package or of policy.CheckSuccession.
//
// A policy that has ended is accepted: it refuses every document that comes after
// its end, and what was accepted before stays subject to it.
func Accept(roots *trust.Set, text, evidence []byte, installation string, known policy.Known, now time.Time) (*Accepted, error) {
	if roots == nil || roots.Empty() {
		return nil, fault.New(fault.Untrusted, CodeNoRoots, "no key can sign trust policies here: the folder of root keys holds none")
	}
	list, err := readEvidence(evidence)
	if err != nil {
		return nil, err
	}
	verified, err := trust.VerifyAll(list, func(ev trust.Evidence) (*trust.Verified, error) { return roots.Verify(text, ev, now) })
	if err != nil {
		return nil, err
	}
	a := Accepted{Signers: trust.SignersOf(verified)}
	if a.Policy, err = policy.Parse(verified[0].Bytes()); err != nil {
		return nil, err
	}
	if err := check(a.Policy, installation, known, now); err != nil {
		return nil, err
	}
	return &a, nil
}

func check(p *policy.Policy, installation string, known policy.Known, now time.Time) error {
	switch {
	case !slices.Contains(p.Audience(), installation):
		return fault.New(fault.Untrusted, CodeForeignAudience, "the trust policy %d isn't for the installation %.100q", p.Version(), installation)
	case p.Issued().After(now.Add(clockSkew)):
		return fault.New(fault.Untrusted, CodeNotYet, "the trust policy %d says that it was made at %s", p.Version(), p.Issued().Format(time.RFC3339))
	}
	return p.CheckSuccession(known)
}

// readEvidence reads one evidence or a list of them.
func readEvidence(text []byte) ([]trust.Evidence, error) {
	if len(text) > maxEvidence {
		return nil, fault.New(fault.Untrusted, trust.CodeMalformedEvidence, "the evidence of the trust policy is longer than %d bytes", maxEvidence)
	}
	if !bytes.HasPrefix(bytes.TrimLeft(text, " \t\r\n"), []byte("[")) {
		var ev trust.Evidence
		if err := ev.UnmarshalJSON(text); err != nil {
			return nil, err
		}
		return []trust.Evidence{ev}, nil
	}
	var raw []json.RawMessage
	if err := json.Unmarshal(text, &raw); err != nil {
		return nil, fault.Wrap(fault.Untrusted, trust.CodeMalformedEvidence, err, "the evidence of the trust policy isn't a list of signatures")
	}
	switch {
	case len(raw) == 0:
		return nil, fault.New(fault.Untrusted, trust.CodeMissingEvidence, "the trust policy has no signature")
	case len(raw) > MaxSignatures:
		return nil, fault.New(fault.Untrusted, trust.CodeSurplusEvidence, "the trust policy has %d signatures; %d are accepted", len(raw), MaxSignatures)
	}
	list := make([]trust.Evidence, len(raw))
	for i := range raw {
		if err := list[i].UnmarshalJSON(raw[i]); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// Signers returns verified signers as a policy counts them.
func Signers(verified []trust.Signer) []policy.Signer {
	signers := make([]policy.Signer, len(verified))
	for i, s := range verified {
		signers[i] = policy.Signer{KeyID: s.KeyID, Hardware: s.Hardware}
	}
	return signers
}
