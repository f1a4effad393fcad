package bulletin

import (
	"math/big"

	"github.com/signet-scheduler/signet/internal/policy"
)

// TrustPolicy is a trust policy with the signatures of root keys, as policy.Bundle
// encodes it. Its own version counts.
const TrustPolicy Kind = "TrustPolicy"

// Policies is the shelf of trust policies.
const Policies = "policy"

// policyID is the id of every trust policy: a newer one replaces the one before,
// whatever stands in it.
const policyID = "trust-policy"

// NewPolicy makes the notice of a trust policy.
func NewPolicy(b policy.Bundle) (Notice, error) {
	text, err := b.Encode()
	if err != nil {
		return Notice{}, err
	}
	n := Notice{Kind: TrustPolicy, Text: text}
	_, err = read(n)
	return n, err
}

func readPolicy(text string) (*content, error) {
	b, err := policy.ReadBundle(text)
	if err != nil {
		return nil, err
	}
	p, err := policy.Parse([]byte(b.Policy))
	if err != nil {
		return nil, err
	}
	version := big.NewInt(int64(p.Version()))
	return &content{held: Held{TrustPolicy, policyID, version.Text(10)}, version: version, text: text, bundle: &b}, nil
}
