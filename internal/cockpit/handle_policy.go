package cockpit

import (
	"cmp"
	"context"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/signet-scheduler/signet/api"
	"github.com/signet-scheduler/signet/internal/bulletin"
	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/part"
	trustpolicy "github.com/signet-scheduler/signet/internal/policy"
)

func (k *call) getTrustPolicy() error {
	if q := k.query(); q.err != nil {
		return q.err
	}
	k.lookAgain(k.r.Context())
	tellers := k.tellers(nil)
	out := api.TrustPolicyStatus{InForce: versionsInForce(tellers)}
	for _, e := range k.notices.All() {
		if e.Kind != bulletin.TrustPolicy {
			continue
		}
		b, err := trustpolicy.ReadBundle(e.Text)
		if err != nil {
			return err
		}
		p, err := trustpolicy.Parse([]byte(b.Policy))
		if err != nil {
			return err
		}
		out.Published = &api.TrustPolicyInfo{Version: p.Version(), Audience: p.Audience(), Issued: p.Issued().UnixMilli(), Sha256: digestOf(b.Policy)}
		if at := p.Expires(); !at.IsZero() {
			out.Published.Expires = at.UnixMilli()
		}
		h := holders(tellers, &e)
		out.Holders = &h
	}
	return k.answer(out)
}

// versionsInForce counts the policies in force at those who judge documents, the
// newest first.
func versionsInForce(tellers []teller) []api.PolicyVersion {
	counts := map[part.Policy]int{}
	for i := range tellers {
		if t := tellers[i].trust; t != nil && t.Policy != nil {
			counts[*t.Policy]++
		}
	}
	all := []api.PolicyVersion{}
	for p, n := range counts {
		all = append(all, api.PolicyVersion{Version: p.Version, Required: p.Required, Parts: n})
	}
	slices.SortFunc(all, func(a, b api.PolicyVersion) int {
		if a.Version == b.Version && a.Required {
			return -1
		}
		return b.Version - a.Version
	})
	return all
}

// publishTrustPolicy sends a policy to all parts, once a Controller has verified it:
// a Cockpit has no root keys, and what it passes on keeps older versions from being
// published.
func (k *call) publishTrustPolicy() error {
	in, err := decode[api.PublishTrustPolicyRequest](k)
	if err != nil {
		return err
	}
	n, err := bulletin.NewPolicy(trustpolicy.Bundle{Policy: in.Policy, Evidence: in.Evidence})
	if err != nil {
		return err
	}
	p, err := trustpolicy.Parse([]byte(in.Policy))
	if err != nil {
		return err
	}
	if err := k.beginAudit("", []string{"TrustPolicy:" + strconv.Itoa(p.Version())}, in.Reason); err != nil {
		return err
	}
	answers := k.askMembers(k.r.Context(), n, strconv.Itoa(p.Version()))
	if err := refusalOf(answers); err != nil {
		return err
	}
	if err := k.publish(k.r.Context(), n); err != nil {
		return err
	}
	return k.answer(api.PublishedTrustPolicy{Version: p.Version(), Members: answers})
}

// What a member of a Controller says to a policy.
const (
	policyAccepted    = "accepted"
	policyRefused     = "refused"
	memberUnreachable = "unreachable"
)

// askMembers brings a policy to all members of all Controllers at once.
func (c *Cockpit) askMembers(ctx context.Context, n bulletin.Notice, version string) []api.PolicyAnswer {
	ctx, cancel := context.WithTimeout(ctx, lookAtTime)
	defer cancel()
	var mu sync.Mutex
	answers := []api.PolicyAnswer{}
	var asking sync.WaitGroup
	for _, h := range c.histories {
		for _, member := range h.controller.Members() {
			asking.Go(func() {
				r, err := h.controller.Deliver(ctx, member, bulletin.Delivery{Notices: []bulletin.Notice{n}})
				a := policyAnswer(member, r, err, version)
				mu.Lock()
				defer mu.Unlock()
				answers = append(answers, a)
			})
		}
	}
	asking.Wait()
	slices.SortFunc(answers, func(a, b api.PolicyAnswer) int { return cmp.Compare(a.Name, b.Name) })
	return answers
}

// policyAnswer reads what a member has said. It is only believed as far as it says no
// or has the very version.
func policyAnswer(member string, r bulletin.Receipt, err error, version string) api.PolicyAnswer {
	a := api.PolicyAnswer{Name: member}
	if err != nil {
		a.State, a.Code, a.Message = memberUnreachable, fault.Of(err).Code, fault.Of(err).Public()
		return a
	}
	for _, x := range r.Refused {
		if x.Kind == bulletin.TrustPolicy {
			a.State, a.Code, a.Message = policyRefused, clip(x.Code), shortened(x.Message)
			return a
		}
	}
	a.State, a.Code, a.Message = policyRefused, trustpolicy.CodeOlder, "a newer one is known there, by its file"
	for _, h := range r.Held {
		switch {
		case h.Kind != bulletin.TrustPolicy:
		case h.Version == version:
			return api.PolicyAnswer{Name: member, State: policyAccepted}
		default:
			a.Message = "version " + clip(h.Version) + " is known there"
		}
	}
	return a
}

// shortened is a message of another part, as long as ours are.
func shortened(message string) string {
	const most = 500
	return strings.ToValidUTF8(message[:min(len(message), most)], "")
}

// refusalOf returns why nobody has accepted a policy; nil if somebody has.
func refusalOf(answers []api.PolicyAnswer) error {
	var refused, away *api.PolicyAnswer
	for i := range answers {
		switch a := &answers[i]; a.State {
		case policyAccepted:
			return nil
		case policyRefused:
			refused = a
		default:
			away = a
		}
	}
	switch {
	case refused != nil:
		return fault.New(fault.Untrusted, refused.Code, "%s refuses the trust policy: %s", refused.Name, refused.Message)
	case away != nil:
		return fault.New(fault.Unavailable, "NobodyVerifies", "a Controller has to verify the trust policy before it is sent out, and none answers: %s: %s", away.Name, away.Message)
	}
	return fault.New(fault.Unavailable, "NobodyVerifies", "a Controller has to verify the trust policy before it is sent out, and this Cockpit has none")
}
