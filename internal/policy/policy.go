// Package policy owns the trust policy: which persons must have signed which
// documents. It reads the policy's document strictly, and decides.
//
// How rules combine, in three sentences. A rule concerns a document that lies in
// one of its folders, is of one of its kinds, names one of its Agents and is for
// one of its environments; a list that is left out means any. Every rule that
// concerns a document must be satisfied, so no rule can weaken another, and
// neither their order nor the depth of their folders matters. What no rule
// concerns is refused; a document that names several Agents needs a rule for each.
//
// The package must not verify signatures, read files or ask a clock: who signed,
// where and when comes in with the request. Whatever is missing, empty or unknown
// is refused. Package charter brings a policy into force; whoever stands between a
// machine and its documents asks Decide. The format is specified in
// docs/formats/trust-policy.md, the invariants are listed in DESIGN.md.
package policy

import (
	"slices"
	"strings"
	"time"

	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/item"
)

// The codes of this package's refusals.
const (
	CodeDenied        = "DeniedByTrustPolicy"      // the signers may not sign this document here
	CodeOlder         = "TrustPolicyOlder"         // a newer policy has been seen
	CodeVersionReused = "TrustPolicyVersionReused" // another policy of that version has been seen
)

// Policy is one version of a trust policy. It never changes after Parse and is
// safe for concurrent use. A nil Policy refuses everything.
type Policy struct {
	version  int
	audience []string
	issued   time.Time
	expires  time.Time         // zero: never
	keeps    bool              // what was there before its signer's revocation stays
	personOf map[string]string // key id -> person
	persons  map[string]int    // how many keys each has
	rules    []rule
	digest   [32]byte
}

// rule is one rule. Lists that are nil mean any.
type rule struct {
	name         string
	folders      []folder
	except       []folder
	kinds        []item.Kind
	agents       []string
	environments []string
	signers      []string

	threshold     int
	authorDiffers bool
	releasesOnly  bool
	hardwareOnly  bool
}

// folder holds the names on the way to a folder; none for "/".
type folder []string

func parseFolder(path string) folder {
	path = strings.TrimPrefix(path, "/")
	if path == "" {
		return folder{}
	}
	return strings.Split(path, "/")
}

// contains tells whether other is f or below it: name by name, so that "/pay"
// doesn't contain "/payments".
func (f folder) contains(other folder) bool {
	return len(f) <= len(other) && slices.Equal(f, other[:len(f)])
}

// Version returns the policy's number.
func (p *Policy) Version() int { return p.version }

// Audience returns the ids of the installations that the policy is for.
func (p *Policy) Audience() []string { return slices.Clone(p.audience) }

// Issued returns when the policy was made, as it states.
func (p *Policy) Issued() time.Time { return p.issued }

// Expires returns the end of the policy; zero when it has none.
func (p *Policy) Expires() time.Time { return p.expires }

// KeepsBeforeRevocation tells whether a document stays in force that the machine had,
// by its own log, before the date at which its signer's certificate was revoked.
func (p *Policy) KeepsBeforeRevocation() bool { return p != nil && p.keeps }

// KeysOf returns the ids of a person's keys, sorted; none for a stranger.
func (p *Policy) KeysOf(person string) []string {
	var keys []string
	for key, owner := range p.personOf {
		if owner == person {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	return keys
}

// Known is the newest policy that somebody has accepted; the zero value is none.
type Known struct {
	Version int
	Digest  [32]byte // SHA-256 of its bytes
}

// Known returns what is to be remembered of p.
func (p *Policy) Known() Known { return Known{Version: p.version, Digest: p.digest} }

// CheckSuccession refuses p if it is older than what is known, or another policy
// of the same version. The very same one passes.
func (p *Policy) CheckSuccession(known Known) error {
	switch {
	case p.version < known.Version:
		return fault.New(fault.Untrusted, CodeOlder, "the trust policy has version %d, but version %d is known here", p.version, known.Version)
	case p.version == known.Version && p.digest != known.Digest:
		return fault.New(fault.Untrusted, CodeVersionReused, "another trust policy of version %d is known here: a changed policy needs a higher version", p.version)
	}
	return nil
}
