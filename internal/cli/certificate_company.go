package cli

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/signet-scheduler/signet/api"
)

// maxCompany bounds a file of a company's answer.
const maxCompany = 256 << 10

func (s *session) certificateRequestVerb() *cobra.Command {
	var in api.RequestIssuerRequest
	c := s.verb(verb{
		use: "request", short: "Have the Cockpit's authority ask for an issuer below the company's root", example: "  signet certificate request --purpose node > node.csr",
		long: "The request (CSR) is printed. The key stays in the authority's folder. Given again, it is the same one; with --new, it and its key are dropped.",
		run: func(ctx context.Context, _ []string) error {
			client, err := s.client()
			if err != nil {
				return err
			}
			var out api.IssuerRequest
			if err := client.Post(ctx, "/authority/request", in, !in.Anew, &out); err != nil {
				return err
			}
			if s.json() {
				return s.printJSON(out)
			}
			_, err = fmt.Fprint(s.io.Out, out.Request)
			return err
		},
	})
	c.Flags().StringVar(&in.Purpose, "purpose", "node", "node, signing or user")
	c.Flags().BoolVar(&in.Anew, "new", false, "drop a request that was not answered")
	reasonFlag(c, &in.Reason)
	return c
}

func (s *session) certificateAdoptVerb() *cobra.Command {
	var in api.AdoptIssuerRequest
	c := s.verb(verb{
		use: "adopt FILE...", short: "Give the Cockpit's authority the company's answer", args: cobra.MinimumNArgs(1),
		long:    "The files have the issuer's certificate and all above it, the company's root included, in PEM and in any order.",
		example: "  signet certificate adopt node.pem company-root.pem --purpose node",
		run: func(ctx context.Context, args []string) error {
			answer, err := readTogether(args, maxCompany)
			if err != nil {
				return err
			}
			client, err := s.client()
			if err != nil {
				return err
			}
			in.Answer = string(answer)
			if err := client.Post(ctx, "/authority/adopt", in, false, nil); err != nil {
				return err
			}
			fmt.Fprintln(s.io.Err, "The issuer is in force. See \"signet certificate authority\".")
			return nil
		},
	})
	c.Flags().StringVar(&in.Purpose, "purpose", "node", "node, signing or user")
	c.Flags().BoolVar(&in.NoCross, "no-cross", false, "the root before doesn't certify the issuer: all have to trust the new root already")
	reasonFlag(c, &in.Reason)
	return c
}
