package cli

import (
	"context"
	"net"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/fsys"
	"github.com/signet-scheduler/signet/internal/pki"
)

// caFlags are flags of several verbs of the CA.
type caFlags struct {
	dir           string
	p12Password   pki.Secret
	out, p12, csr string
	algorithm     string
	dns, ips      []string
	validity      string
	keepKey       bool
	reason        string
	organization  string
	rootYears     int
	purposeFilter string
}

func (s *session) caGroup() *cobra.Command {
	f := &caFlags{}
	g := s.group("ca", "The certificate authority: certificates of parts, signers and users",
		`The authority is a folder with a root and an issuer for each purpose: node (connections between parts), signing (documents) and user
(log-in by certificate). It works on files only; no Cockpit is asked.`,
		"  signet ca init --dir ca\n  signet ca issue agent agent-2 --dir ca --out agent-2/private",
		s.caInitVerb(f), s.caIssueVerb(f), s.caListVerb(f), s.caShowVerb(f), s.caRenewVerb(f), s.caRevokeVerb(f), s.caTokenVerb(),
		s.caStatusVerb(f), s.caRotateVerb(f), s.caTrustVerb(f), s.caRequestVerb(f), s.caAdoptVerb(f), s.caBundleVerb(f))
	g.PersistentFlags().StringVar(&f.dir, "dir", "./ca", "folder of the authority")
	_ = g.MarkPersistentFlagDirname("dir") // the flag is there
	return g
}

func (s *session) caInitVerb(f *caFlags) *cobra.Command {
	var company []string
	c := s.verb(verb{
		use: "init", short: "Make an authority",
		long: `It makes root and issuer for nodes, signers and users, with keys of mode 0600. The keys root.key are needed to renew and replace the issuers only: keep them
elsewhere. With --company, the issuers of all or some purposes are certified by a company's authority: there is no root key, and nothing is issued before
"signet ca request" and "signet ca adopt".`,
		example: "  signet ca init --dir ca --organization 'Example Ltd'\n  signet ca init --dir ca --company=node,user",
		run: func(context.Context, []string) error {
			purposes, err := companyPurposes(company)
			if err != nil {
				return err
			}
			ca, err := pki.InitCA(fsys.Real{}, f.dir, pki.CAParams{
				Organization: f.organization, Algorithm: pki.KeyAlgorithm(f.algorithm), Now: time.Now(),
				RootValidity: time.Duration(f.rootYears) * 365 * 24 * time.Hour, Company: purposes,
			})
			if err != nil {
				return err
			}
			if s.json() {
				return s.printJSON(authority(f.dir, ca))
			}
			t := s.table("PURPOSE", "ROOT", "VALID UNTIL")
			for _, p := range pki.Purposes() {
				if ca.Established(p) != nil {
					t.row(string(p), "asks a company: signet ca request --purpose "+string(p), "")
				} else {
					t.row(string(p), rootFile(f.dir, p), day(ca.Root(p).NotAfter))
				}
			}
			return t.flush()
		},
	})
	c.Flags().StringSliceVar(&company, "company", nil, "purposes whose issuers a company certifies (default: all)")
	c.Flags().Lookup("company").NoOptDefVal = "node,signing,user"
	c.Flags().StringVar(&f.organization, "organization", "Signet", "stands in the subject of every certificate")
	c.Flags().StringVar(&f.algorithm, "key-algorithm", string(pki.ECDSAP256), "ecdsa-p256 or ecdsa-p384")
	c.Flags().IntVar(&f.rootYears, "root-years", 10, "validity of the roots in years")
	return c
}

// issueKinds tells for each word of `ca issue` what it makes, and how the files
// of --out are called.
var issueKinds = map[string]struct {
	role pki.Role
	file string
}{
	"controller": {pki.RoleController, "https"},
	"agent":      {pki.RoleAgent, "https"},
	"cockpit":    {pki.RoleCockpit, "https"},
	"signer":     {pki.RoleSigner, "signing"},
	"user":       {pki.RoleUser, "user"},
}

func (s *session) caIssueVerb(f *caFlags) *cobra.Command {
	c := s.verb(verb{
		use: "issue controller|agent|cockpit|signer|user NAME", short: "Make a certificate", args: cobra.ExactArgs(2),
		long: `NAME is the name of the part, the signer, or the user's account; it is what others know the holder by. --dns and --ip are for browsers: between
parts, host names decide nothing.

Into the folder of --out go PREFIX-key.pem, PREFIX-cert.pem (the chain) and PREFIX-trust.pem (the root), where PREFIX is https for a part, signing for a
signer, user for a user: the names that a part's private/ folder has by default.`,
		example: `  signet ca issue agent agent-2 --out agent-2/private
  signet ca issue cockpit cockpit --dns cockpit.example.com --out cockpit/private
  signet ca issue signer anna --out anna
  signet ca issue user anna --p12 anna.p12 < passphrase`,
		complete: func(_ context.Context, args []string) []string {
			if len(args) > 0 {
				return nil
			}
			return []string{"controller", "agent", "cockpit", "signer", "user"}
		},
		run: func(_ context.Context, args []string) error {
			kind, known := issueKinds[args[0]]
			if !known {
				return Usage("%q is no kind of certificate: controller, agent, cockpit, signer or user", args[0])
			}
			if err := s.readKeystorePassword(f); err != nil {
				return err
			}
			ca, err := pki.OpenCA(fsys.Real{}, f.dir)
			if err != nil {
				return err
			}
			issued, err := f.issue(ca, kind.role, args[1])
			if err != nil {
				return err
			}
			return s.deliver(f, ca, issued, kind.role, kind.file)
		},
	})
	f.issueFlags(c)
	c.Flags().StringSliceVar(&f.dns, "dns", nil, "DNS names of a part, for browsers")
	c.Flags().StringSliceVar(&f.ips, "ip", nil, "IP addresses of a part, for browsers")
	return c
}

func (f *caFlags) issueFlags(c *cobra.Command) {
	c.Flags().StringVar(&f.out, "out", "", "folder that key, certificate and root are written to")
	c.Flags().StringVar(&f.p12, "p12", "", "PKCS#12 file to write; its password is read from standard input")
	c.Flags().StringVar(&f.csr, "csr", "", "certificate request whose key is used; the key stays where it is")
	c.Flags().StringVar(&f.algorithm, "key-algorithm", string(pki.ECDSAP256), "ecdsa-p256, ecdsa-p384, ed25519, rsa-3072 or rsa-4096")
	c.Flags().StringVar(&f.validity, "validity", "", "like 90d or 48h (default: that of the authority, 1 year)")
}

// issue makes a certificate of a role.
func (f *caFlags) issue(ca *pki.CA, role pki.Role, name string) (*pki.Issued, error) {
	source, validity, err := f.source()
	if err != nil {
		return nil, err
	}
	var ips []net.IP
	for _, text := range f.ips {
		ip := net.ParseIP(text)
		if ip == nil {
			return nil, Usage("--ip %q is no IP address", text)
		}
		ips = append(ips, ip)
	}
	if !role.Node() && len(f.dns)+len(ips) > 0 {
		return nil, Usage("--dns and --ip are for certificates of parts")
	}
	now := time.Now()
	switch role {
	case pki.RoleSigner:
		return ca.IssueSigner(pki.SignerParams{Name: name, Validity: validity, Key: source, Now: now})
	case pki.RoleUser:
		return ca.IssueUser(pki.UserParams{Name: name, Validity: validity, Key: source, Now: now})
	}
	return ca.IssueNode(pki.NodeParams{Role: role, Name: name, DNSNames: f.dns, IPs: ips, Validity: validity, Key: source, Now: now})
}

// source tells where the key comes from, and how long the certificate is valid.
func (f *caFlags) source() (pki.KeySource, time.Duration, error) {
	validity, err := days(f.validity)
	if err != nil {
		return pki.KeySource{}, 0, err
	}
	if f.out == "" && f.p12 == "" && !f.keepKey {
		return pki.KeySource{}, 0, Usage("--out is missing: the folder that the certificate is written to")
	}
	if f.csr == "" {
		return pki.KeySource{Algorithm: pki.KeyAlgorithm(f.algorithm)}, validity, nil
	}
	if f.p12 != "" {
		return pki.KeySource{}, 0, Usage("--p12 needs the key, which --csr leaves where it is")
	}
	csr, err := pki.ReadCSR(f.csr)
	if err != nil {
		return pki.KeySource{}, 0, err
	}
	return pki.KeySource{CSR: csr}, validity, nil
}

// days reads a validity: Go's durations, and days as 90d.
func days(text string) (time.Duration, error) {
	if text == "" {
		return 0, nil
	}
	hours := text
	if n, ok := strings.CutSuffix(text, "d"); ok {
		hours = n + "h"
	}
	d, err := time.ParseDuration(hours)
	if hours != text {
		if d > 100*366*time.Hour {
			return 0, Usage("--validity %s is more than 100 years", text)
		}
		d *= 24
	}
	if err != nil || d <= 0 {
		return 0, Usage("--validity %q is no duration; it is like 90d or 48h", text)
	}
	return d, nil
}

func (s *session) caListVerb(f *caFlags) *cobra.Command {
	c := s.verb(verb{
		use: "list", short: "List the certificates that were issued, the newest last", example: "  signet ca list --purpose node\n  signet ca list -o json",
		run: func(context.Context, []string) error {
			if f.purposeFilter != "" {
				if _, err := pki.ParsePurpose(f.purposeFilter); err != nil {
					return Usage("--purpose: %s", fault.Of(err).Public())
				}
			}
			ca, err := pki.OpenCA(fsys.Real{}, f.dir)
			if err != nil {
				return err
			}
			all, err := ca.List()
			if err != nil {
				return err
			}
			records := []pki.Record{}
			for _, r := range all {
				if f.purposeFilter == "" || string(r.Purpose) == f.purposeFilter {
					records = append(records, r)
				}
			}
			if s.json() {
				out := make([]recordView, len(records))
				for i, r := range records {
					out[i] = viewOf(r)
				}
				return s.printJSON(out)
			}
			t := s.table("SERIAL", "PURPOSE", "WHO", "VALID UNTIL", "STATUS")
			for _, r := range records {
				t.row(r.Serial, string(r.Purpose), r.Identity().String(), day(r.NotAfter), r.Status(time.Now()))
			}
			return t.flush()
		},
	})
	c.Flags().StringVar(&f.purposeFilter, "purpose", "", "only certificates for: node, signing or user")
	return c
}

func (s *session) caShowVerb(f *caFlags) *cobra.Command {
	return s.verb(verb{
		use: "show SERIAL", short: "Show a certificate", args: cobra.ExactArgs(1), example: "  signet ca show 1f3a9c",
		run: func(_ context.Context, args []string) error {
			ca, err := pki.OpenCA(fsys.Real{}, f.dir)
			if err != nil {
				return err
			}
			r, chain, err := ca.Show(args[0])
			if err != nil {
				return err
			}
			pem := string(pki.EncodeCertsPEM(chain...))
			if s.json() {
				return s.printJSON(struct {
					recordView
					Chain string `json:"chain"`
				}{viewOf(*r), pem})
			}
			t := s.table("CERTIFICATE", r.Serial)
			t.row("who", r.Identity().String())
			t.row("purpose", string(r.Purpose))
			t.row("names", strings.Join(append(r.DNSNames, r.IPs...), ", "))
			t.row("valid", day(r.NotBefore)+" to "+day(r.NotAfter))
			t.row("status", r.Status(time.Now()))
			t.row("renews", r.Renews)
			if err := t.flush(); err != nil {
				return err
			}
			_, err = s.io.Out.Write([]byte(pem))
			return err
		},
	})
}

func (s *session) caRenewVerb(f *caFlags) *cobra.Command {
	c := s.verb(verb{
		use: "renew SERIAL", short: "Make a certificate with the names of another and a new validity", args: cobra.ExactArgs(1),
		long:    "The one before stays valid until it ends or is revoked. With --keep-key it is for the same key, and only the certificate is written.",
		example: "  signet ca renew 1f3a9c --out agent-2/private",
		run: func(_ context.Context, args []string) error {
			source, validity, err := f.source()
			if err != nil {
				return err
			}
			if f.keepKey {
				if f.out == "" || f.p12 != "" || f.csr != "" {
					return Usage("--keep-key needs --out, and neither --p12 nor --csr: the key isn't here")
				}
				source = pki.KeySource{}
			}
			if err := s.readKeystorePassword(f); err != nil {
				return err
			}
			ca, err := pki.OpenCA(fsys.Real{}, f.dir)
			if err != nil {
				return err
			}
			issued, err := ca.Renew(args[0], pki.RenewParams{KeepKey: f.keepKey, Key: source, Validity: validity, Now: time.Now()})
			if err != nil {
				return err
			}
			id, err := pki.ParseIdentity(issued.Cert)
			if err != nil {
				return err
			}
			file := "https"
			for _, kind := range issueKinds {
				if kind.role == id.Role {
					file = kind.file
				}
			}
			return s.deliver(f, ca, issued, id.Role, file)
		},
	})
	f.issueFlags(c)
	c.Flags().BoolVar(&f.keepKey, "keep-key", false, "for the key of the certificate before")
	return c
}

func (s *session) caRevokeVerb(f *caFlags) *cobra.Command {
	c := s.verb(verb{
		use: "revoke SERIAL", short: "Revoke a certificate for ever", args: cobra.ExactArgs(1),
		long:    "The purpose's revocation list, PURPOSE/crl.pem, is made anew; bring it to the parts that name it in their configuration, or put it into a trust directory as *.crl.",
		example: "  signet ca revoke 1f3a9c --reason keyCompromise",
		run: func(_ context.Context, args []string) error {
			ca, err := pki.OpenCA(fsys.Real{}, f.dir)
			if err != nil {
				return err
			}
			if err := ca.Revoke(args[0], pki.Reason(f.reason), time.Now()); err != nil {
				return err
			}
			r, _, err := ca.Show(args[0])
			if err != nil {
				return err
			}
			if s.json() {
				return s.printJSON(struct {
					recordView
					CRL string `json:"crl"`
				}{viewOf(*r), ca.CRLPath(r.Purpose)})
			}
			t := s.table("REVOKED", "WHO", "REVOCATION LIST")
			t.row(r.Serial, r.Identity().String(), ca.CRLPath(r.Purpose))
			return t.flush()
		},
	})
	c.Flags().StringVar(&f.reason, "reason", "", "unspecified, keyCompromise, affiliationChanged, superseded, cessationOfOperation or privilegeWithdrawn")
	return c
}
