package cli

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/signet-scheduler/signet/api"
	"github.com/signet-scheduler/signet/internal/policy"
)

func (s *session) policyPublishVerb() *cobra.Command {
	var in api.PublishTrustPolicyRequest
	c := s.verb(verb{
		use: "publish FILE", short: "Send a signed trust policy to all Controllers and Agents", args: cobra.ExactArgs(1),
		long: `FILE is the policy, its signature by a root key lies beside it (FILE.sshsig, .asc, or .sig with .pem). Each machine verifies it against its own root keys, and takes it only if its version
is higher than any that it knows. The members of the Controllers are asked first: if they refuse it, it isn't sent out.`,
		example: "  signet policy publish policy.json --reason 'carol has left'",
		run: func(ctx context.Context, args []string) error {
			text, err := readBounded(args[0], policy.MaxBytes)
			if err != nil {
				return err
			}
			in.Policy = string(text)
			if in.Evidence, err = evidenceBeside(args[0]); err != nil {
				return err
			}
			client, err := s.client()
			if err != nil {
				return err
			}
			var out api.PublishedTrustPolicy
			if err := client.Post(ctx, "/trust-policy", in, true, &out); err != nil {
				return err
			}
			if s.json() {
				return s.printJSON(out)
			}
			t := s.table("CONTROLLER", "ANSWER", "REASON")
			for _, m := range out.Members {
				t.row(m.Name, m.State, m.Message)
			}
			if err := t.flush(); err != nil {
				return err
			}
			fmt.Fprintf(s.io.Err, "Version %d is being sent to all Controllers and Agents.\n", out.Version)
			return nil
		},
	})
	reasonFlag(c, &in.Reason)
	return c
}

func (s *session) policyStatusVerb() *cobra.Command {
	return s.verb(verb{
		use: "status", short: "Show which trust policy was published, and which is in force where", args: cobra.NoArgs,
		example: "  signet policy status",
		run: func(ctx context.Context, _ []string) error {
			client, err := s.client()
			if err != nil {
				return err
			}
			var out api.TrustPolicyStatus
			if err := client.Get(ctx, "/trust-policy", nil, &out); err != nil {
				return err
			}
			if s.json() {
				return s.printJSON(out)
			}
			return s.printPolicyStatus(&out)
		},
	})
}

func (s *session) printPolicyStatus(p *api.TrustPolicyStatus) error {
	if p.Published != nil {
		t := s.table("PUBLISHED", "AUDIENCE", "ISSUED", "EXPIRES", "HELD BY", "BEHIND")
		end := "never"
		if p.Published.Expires > 0 {
			end = localTime(p.Published.Expires)
		}
		t.row(strconv.Itoa(p.Published.Version), strings.Join(p.Published.Audience, ", "), localTime(p.Published.Issued), end, strconv.Itoa(p.Holders.Current), whoIsBehind(p.Holders))
		if err := t.flush(); err != nil {
			return err
		}
		fmt.Fprintln(s.io.Out)
	}
	t := s.table("IN FORCE", "PARTS")
	for _, v := range p.InForce {
		name := "version " + strconv.Itoa(v.Version)
		switch {
		case !v.Required:
			name = "none: no root keys"
		case v.Version == 0:
			name = "none: nothing is trusted"
		}
		t.row(name, strconv.Itoa(v.Parts))
	}
	return t.flush()
}
