package cli

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/signet-scheduler/signet/api"
	"github.com/signet-scheduler/signet/internal/archive"
)

func (s *session) certificateBundleVerb() *cobra.Command {
	f := &issueFlags{}
	var in api.BundleRequest
	c := s.verb(verb{
		use: "bundle agent|controller|cockpit NAME", short: "Have the Cockpit make key, certificate and authorities of a part, ready to copy", args: cobra.ExactArgs(2),
		long: `Into the .zip file of --out (mode 0600) go the files of the part's configuration folder: PEM files, PKCS#12 stores, or both. The password of the stores is
the first line of standard input. The Cockpit makes the key in its memory and keeps nothing of it; still, it travels. Where the part can reach the Cockpit, "signet ca token" is better.`,
		example: "  signet certificate bundle agent agent-2 --out agent-2.zip < password",
		run: func(ctx context.Context, args []string) (err error) {
			if !strings.HasSuffix(f.out, ".zip") {
				return Usage("--out is missing, or isn't the name of a .zip file")
			}
			if in.ValidHours, err = f.hours(); err != nil {
				return err
			}
			if in.Form != "pem" {
				if in.Password, err = readLine(bufio.NewReader(s.io.In)); err != nil || in.Password == "" {
					return Usage("the password of the stores is to be the first line of standard input")
				}
			}
			in.Role, in.Name = args[0], args[1]
			body, err := json.Marshal(in) //nolint:gosec // the password is for the Cockpit
			if err != nil {
				return err
			}
			client, err := s.client()
			if err != nil {
				return err
			}
			data, err := client.exchange(ctx, "/authority/bundle", "application/json", archive.Zip.MediaType(), body, false)
			if err != nil {
				return err
			}
			if err := writeFile(f.out, data, 0o600); err != nil {
				return err
			}
			fmt.Fprintf(s.io.Err, "%s has the private key of %s/%s: bring it to its machine, and delete it here.\n", f.out, in.Role, in.Name)
			return nil
		},
	})
	f.addValidity(c)
	c.Flags().StringVar(&f.out, "out", "", "the .zip file to be written")
	c.Flags().StringVar(&in.Form, "form", "", "pem, pkcs12 or both (default: both)")
	c.Flags().StringSliceVar(&in.Hosts, "host", nil, "DNS names and IP addresses of the part, for browsers and foreign tools")
	reasonFlag(c, &in.Reason)
	return c
}
