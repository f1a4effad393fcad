package cli

import (
	"context"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/signet-scheduler/signet/api"
	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/fsys"
	"github.com/signet-scheduler/signet/internal/pki"
)

// maxCSR bounds the file of a certificate request.
const maxCSR = 64 << 10

func (s *session) certificateAuthorityVerb() *cobra.Command {
	return s.verb(verb{
		use: "authority", short: "List the roots and issuers of the Cockpit's authority", example: "  signet certificate authority\n  signet certificate authority -o json",
		long: "The exit code is 1 when one has ended or ends within 90 days.",
		run: func(ctx context.Context, _ []string) error {
			client, err := s.client()
			if err != nil {
				return err
			}
			var out api.Authority
			if err := client.Get(ctx, "/authority", nil, &out); err != nil {
				return err
			}
			if s.json() {
				err = s.printJSON(out.Purposes)
			} else {
				err = s.printAuthority(out)
			}
			for _, p := range out.Purposes {
				for _, m := range p.Members {
					if m.Ends != "good" && m.State != "retired" && err == nil {
						err = &exitError{exitNegative}
					}
				}
			}
			return err
		},
	})
}

func (s *session) printAuthority(a api.Authority) error {
	t := s.table("PURPOSE", "KIND", "STATE", "SUBJECT", "UNTIL", "KEY HERE", "ENDS")
	for _, p := range a.Purposes {
		for _, m := range p.Members {
			key := "no"
			if m.Key {
				key = "yes"
			}
			t.row(p.Purpose, m.Kind, m.State, m.Subject, localTime(m.Until), key, m.Ends)
		}
	}
	return t.flush()
}

func (s *session) certificateIssuedVerb() *cobra.Command {
	var purpose, state, text string
	limit := 100
	c := s.verb(verb{
		use: "issued", short: "List the certificates that the Cockpit's authority has issued, those first that end soon",
		example: "  signet certificate issued --state soon\n  signet certificate issued --text agent-2 -o json",
		run: func(ctx context.Context, _ []string) error {
			client, err := s.client()
			if err != nil {
				return err
			}
			query := url.Values{"limit": {strconv.Itoa(limit)}}
			for name, value := range map[string]string{"purpose": purpose, "state": state, "text": text} {
				if value != "" {
					query.Set(name, value)
				}
			}
			var out api.IssuedCertificates
			if err := client.Get(ctx, "/authority/certificates", query, &out); err != nil {
				return err
			}
			if s.json() {
				return s.printJSON(out.Certificates)
			}
			t := s.table("SERIAL", "WHO", "VALID UNTIL", "STATE")
			for _, x := range out.Certificates {
				t.row(x.Serial, x.Role+"/"+x.Name, localTime(x.NotAfter), x.State)
			}
			return t.flush()
		},
	})
	c.Flags().StringVar(&purpose, "purpose", "", "only certificates for: node, signing or user")
	c.Flags().StringVar(&state, "state", "", "only in these states, with commas: soon, valid, renewed, ended, revoked")
	c.Flags().StringVar(&text, "text", "", "only with this text in role/name, serial number or host")
	c.Flags().IntVar(&limit, "limit", limit, "at most so many")
	return c
}

// issueFlags are those of verbs by which the Cockpit makes a certificate.
type issueFlags struct {
	csr, out, validity string
}

func (f *issueFlags) add(c *cobra.Command) {
	c.Flags().StringVar(&f.csr, "csr", "", "certificate request whose key is used; the private key stays where it is")
	c.Flags().StringVar(&f.out, "out", "", "folder that certificate and roots are written to")
	f.addValidity(c)
}

func (f *issueFlags) addValidity(c *cobra.Command) {
	c.Flags().StringVar(&f.validity, "validity", "", "like 90d or 48h (default: that of the authority, 1 year)")
}

// hours returns how long it is to be valid.
func (f *issueFlags) hours() (int64, error) {
	d, err := days(f.validity)
	return int64(d.Hours()), err
}

// read returns the request, and how long the certificate is to be valid.
func (f *issueFlags) read() (csr string, hours int64, err error) {
	if f.csr == "" || f.out == "" {
		return "", 0, Usage("--csr and --out are needed: the file with the request, and the folder for the certificate")
	}
	text, err := readBounded(f.csr, maxCSR)
	if err != nil {
		return "", 0, err
	}
	hours, err = f.hours()
	return string(text), hours, err
}

// makeCertificate sends a request for a certificate and writes what comes.
func (s *session) makeCertificate(ctx context.Context, path string, in any, out string) error {
	client, err := s.client()
	if err != nil {
		return err
	}
	var got api.IssuedCertificate
	if err := client.Post(ctx, path, in, false, &got); err != nil {
		return err
	}
	files, err := writeCertificate(out, got)
	if err != nil {
		return err
	}
	if s.json() {
		return s.printJSON(struct {
			Serial   string   `json:"serial"`
			Role     string   `json:"role"`
			Name     string   `json:"name"`
			NotAfter int64    `json:"notAfter"`
			Files    []string `json:"files"`
		}{got.Serial, got.Role, got.Name, got.NotAfter, files})
	}
	t := s.table("SERIAL", "WHO", "VALID UNTIL", "FILE")
	for _, file := range files {
		t.row(got.Serial, got.Role+"/"+got.Name, localTime(got.NotAfter), file)
	}
	return t.flush()
}

// writeCertificate writes the chain and the roots, each checked to be certificates,
// under the names that "signet ca issue" gives them.
func writeCertificate(dir string, got api.IssuedCertificate) (files []string, err error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fault.Wrap(fault.Invalid, "CannotWrite", err, "%s", err)
	}
	prefix := filepath.Join(dir, issueKinds[got.Role].file)
	for _, f := range []struct{ name, text string }{{prefix + "-cert.pem", got.Certificate}, {prefix + "-trust.pem", got.Roots}} {
		certs, err := pki.ParseCertsPEM([]byte(f.text))
		if err == nil {
			err = pki.WriteCertsPEM(fsys.Real{}, f.name, certs...)
		}
		if err != nil {
			return files, err
		}
		files = append(files, f.name)
	}
	return files, nil
}

func (s *session) certificateIssueVerb() *cobra.Command {
	f := &issueFlags{}
	var in api.IssueRequest
	c := s.verb(verb{
		use: "issue agent|controller|cockpit|signer|user NAME", short: "Have the Cockpit make a certificate for the key of a request", args: cobra.ExactArgs(2),
		long: `Of the request (CSR), the key is used and nothing else. Into the folder of --out go PREFIX-cert.pem and PREFIX-trust.pem, as "signet ca issue" names them.
At the security level high a Cockpit issues no signers.`,
		example:  "  signet certificate issue user anna --csr anna.csr --out anna --validity 90d",
		complete: completeRoles,
		run: func(ctx context.Context, args []string) (err error) {
			if _, known := issueKinds[args[0]]; !known {
				return Usage("%q is no kind of certificate: controller, agent, cockpit, signer or user", args[0])
			}
			if in.Request, in.ValidHours, err = f.read(); err != nil {
				return err
			}
			in.Role, in.Name = args[0], args[1]
			return s.makeCertificate(ctx, "/authority/issue", in, f.out)
		},
	})
	f.add(c)
	c.Flags().StringSliceVar(&in.Hosts, "host", nil, "DNS names and IP addresses of a part, for browsers and foreign tools")
	reasonFlag(c, &in.Reason)
	return c
}

// completeRoles offers the roles as the first argument.
func completeRoles(_ context.Context, args []string) []string {
	if len(args) > 0 {
		return nil
	}
	return strings.Fields("controller agent cockpit signer user")
}

func (s *session) certificateRenewVerb() *cobra.Command {
	f := &issueFlags{}
	var in api.RenewRequest
	c := s.verb(verb{
		use: "renew SERIAL", short: "Have the Cockpit make a certificate with the names of another, for the key of a request", args: cobra.ExactArgs(1),
		long:    "The one before stays in force until it ends or is revoked.",
		example: "  signet certificate renew 4f1a9c0de2b34c5d6e7f8091a2b3c4d5 --csr new.csr --out new",
		run: func(ctx context.Context, args []string) (err error) {
			if in.Request, in.ValidHours, err = f.read(); err != nil {
				return err
			}
			in.Serial = args[0]
			return s.makeCertificate(ctx, "/authority/renew", in, f.out)
		},
	})
	f.add(c)
	reasonFlag(c, &in.Reason)
	return c
}
