package cli

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/signet-scheduler/signet/api"
	"github.com/signet-scheduler/signet/internal/bulletin"
)

func (s *session) certificateRevokeVerb() *cobra.Command {
	var in api.RevokeCertificatesRequest
	c := s.verb(verb{
		use: "revoke SERIAL | agent|controller|cockpit|signer|user NAME", short: "Revoke one certificate, or all of somebody, for ever, on all parts", args: cobra.RangeArgs(1, 2),
		long:    "The Cockpit of the profile has to have the authority that issued them. Within seconds all parts refuse them; what a signer has signed is quarantined.",
		example: "  signet certificate revoke agent agent-2 --cause keyCompromise --reason 'the machine was stolen'\n  signet certificate revoke 4f1a9c0de2b34c5d6e7f8091a2b3c4d5 --cause superseded",
		run: func(ctx context.Context, args []string) error {
			client, err := s.client()
			if err != nil {
				return err
			}
			var out api.RevokedCertificates
			who := ""
			if len(args) == 1 {
				err = client.Post(ctx, "/authority/revoke", api.RevokeCertificateRequest{Serial: args[0], Cause: in.Cause, Reason: in.Reason}, true, &out)
			} else {
				in.Role, in.Name = args[0], args[1]
				who = in.Role + "/" + in.Name
				err = client.Post(ctx, "/certificates/revoke", in, false, &out)
			}
			if err != nil {
				return err
			}
			if s.json() {
				return s.printJSON(out)
			}
			t := s.table("REVOKED", "WHO")
			for _, serial := range out.Serials {
				t.row(serial, who)
			}
			return t.flush()
		},
	})
	c.Flags().StringVar(&in.Cause, "cause", "", "unspecified, keyCompromise, affiliationChanged, superseded, cessationOfOperation or privilegeWithdrawn")
	reasonFlag(c, &in.Reason)
	return c
}

func (s *session) certificateRevocationsVerb() *cobra.Command {
	return s.verb(verb{
		use: "revocations", short: "List the revocation lists that are sent to all parts, and who hasn't got them", example: "  signet certificate revocations",
		run: func(ctx context.Context, _ []string) error {
			client, err := s.client()
			if err != nil {
				return err
			}
			var out api.RevocationLists
			if err := client.Get(ctx, "/certificates/revocations", nil, &out); err != nil {
				return err
			}
			if s.json() {
				return s.printJSON(out.Lists)
			}
			t := s.table("ISSUER", "NUMBER", "MADE", "NEXT", "REVOKED", "HELD BY", "BEHIND")
			for _, l := range out.Lists {
				t.row(l.Issuer, l.Number, localTime(l.From), localTime(l.Until), strconv.Itoa(l.Revoked), strconv.Itoa(l.Holders.Current), whoIsBehind(&l.Holders))
			}
			return t.flush()
		},
	})
}

// mostNamed is how many parts are named in a cell.
const mostNamed = 3

// whoIsBehind names parts that haven't got a file.
func whoIsBehind(h *api.Holders) string {
	var names []string
	for _, p := range h.Parts[:min(len(h.Parts), mostNamed)] {
		name := p.Part + "/" + p.Name
		switch {
		case p.Code != "":
			name += " (" + p.Code + ")"
		case p.Version != "":
			name += " (" + p.Version + ")"
		}
		names = append(names, name)
	}
	text := strings.Join(names, ", ")
	if more := h.Behind - len(names); more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	if h.Unknown > 0 {
		text += fmt.Sprintf(" [%d haven't told]", h.Unknown)
	}
	return strings.TrimSpace(text)
}

func (s *session) certificatePublishVerb() *cobra.Command {
	var in api.PublishRevocationsRequest
	var issuer string
	c := s.verb(verb{
		use: "publish FILE", short: "Send a revocation list of another authority to all parts", args: cobra.ExactArgs(1),
		long: `FILE is a complete list in PEM, with a number. The certificates of its issuer, and of the authorities above it, follow in the file, or are in that of --issuer.
Each part verifies it against what it trusts itself, and keeps the newest.`,
		example: "  signet certificate publish company.crl.pem --issuer company-issuer.pem",
		run: func(ctx context.Context, args []string) error {
			list, err := readBounded(args[0], bulletin.MaxNotice)
			if err != nil {
				return err
			}
			in.List = string(list)
			if issuer != "" {
				more, err := readBounded(issuer, bulletin.MaxNotice)
				if err != nil {
					return err
				}
				in.List += "\n" + string(more)
			}
			client, err := s.client()
			if err != nil {
				return err
			}
			if err := client.Post(ctx, "/certificates/revocations", in, true, nil); err != nil {
				return err
			}
			fmt.Fprintln(s.io.Err, "The list is being sent to all parts.")
			return nil
		},
	})
	c.Flags().StringVar(&issuer, "issuer", "", "file with the certificates of the issuer and those above it (PEM)")
	reasonFlag(c, &in.Reason)
	return c
}
