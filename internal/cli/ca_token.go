package cli

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/signet-scheduler/signet/api"
)

func (s *session) caTokenVerb() *cobra.Command {
	var in api.TokenRequest
	c := s.verb(verb{
		use: "token NAME", short: "Make a token by which an Agent or a Controller enrols", args: cobra.ExactArgs(1),
		long: `The token is made by the Cockpit of the profile, which has to have the authority, and is printed once. It is good for ten minutes, for one certificate, of
this role and name. Bring it to the new machine, for "signet enrol", by a way on which nobody else reads it. Another token for the same part makes it useless.`,
		example: "  signet ca token agent-2\n  signet ca token controller-2 --role controller --host host2.example.com",
		run: func(ctx context.Context, args []string) error {
			client, err := s.client()
			if err != nil {
				return err
			}
			in.Name, in.Controller = args[0], s.controller
			var out api.EnrolmentToken
			if err := client.Post(ctx, "/certificates/tokens", in, false, &out); err != nil {
				return err
			}
			if s.json() {
				return s.printJSON(out)
			}
			fmt.Fprintf(s.io.Err, "For %s %s, until %s:\n", out.Role, out.Name, localTime(out.Expires))
			_, err = fmt.Fprintln(s.io.Out, out.Token)
			return err
		},
	})
	s.controllerFlag(c)
	c.Flags().StringVar(&in.Role, "role", "agent", "agent or controller")
	c.Flags().StringSliceVar(&in.Hosts, "host", nil, "DNS names and IP addresses that stand in the certificate, for foreign tools")
	reasonFlag(c, &in.Reason)
	return c
}
