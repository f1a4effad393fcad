package cli

import (
	"bufio"
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/signet-scheduler/signet/internal/archive"
	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/fsys"
	"github.com/signet-scheduler/signet/internal/pki"
)

// bundleOptions are the flags of `ca bundle`.
type bundleOptions struct {
	out, list, form string
	hosts           []string
	passwordStdin   bool
}

// bundleView is the JSON of a bundle.
type bundleView struct {
	Serial   string    `json:"serial"`
	Role     pki.Role  `json:"role"`
	Name     string    `json:"name"`
	NotAfter time.Time `json:"notAfter"`
	Password string    `json:"password,omitempty"` // of the PKCS#12 stores, if it was made here
}

func (s *session) caBundleVerb(f *caFlags) *cobra.Command {
	o := &bundleOptions{}
	c := s.verb(verb{
		use: "bundle controller|agent|cockpit NAME...", short: "Make key, certificate and trusted authorities of parts, ready to copy", args: cobra.MinimumNArgs(1),
		long: `For each NAME it makes a key and a certificate, and packs them with the authorities that the part is to trust into --out: a new archive (.zip, .tar.gz), or a
new folder. What is in there belongs into the part's configuration folder:

  private/https-key.pem, https-cert.pem, https-trust.pem   as PEM: used without any setting
  private/https-keystore.p12, https-truststore.p12         as PKCS#12: the configuration names their password
  private/trusted-x509-keys/signing-ca.pem                 the authority of signers (not for a Cockpit)

With several parts, each has a folder of its name. --list names many: one a line, each followed by its hosts. Keys aren't kept anywhere else. Whoever has the
bundle is the part: bring it by a way on which nobody else reads it. With --form pkcs12, the key is encrypted.

The password of the PKCS#12 stores is the first line of standard input with --password-stdin; else one is made for each part, and printed once.
"signet keystore import" installs a bundle.`,
		example: `  signet ca bundle agent agent-2 --dir ca --out agent-2.zip
  signet ca bundle agent agent-2 agent-3 --dir ca --out bundles --form pkcs12 --password-stdin < password
  signet ca bundle agent --list agents.txt --dir ca --out agents.zip`,
		complete: func(_ context.Context, args []string) []string {
			if len(args) > 0 {
				return nil
			}
			return []string{"controller", "agent", "cockpit"}
		},
		run: func(ctx context.Context, args []string) error { return s.bundle(ctx, f, o, args) },
	})
	c.Flags().StringVar(&o.out, "out", "", "archive (.zip, .tar.gz) or folder to make")
	c.Flags().StringVar(&o.list, "list", "", "file with names of parts, one a line, each followed by its hosts")
	c.Flags().StringSliceVar(&o.hosts, "host", nil, "DNS names and IP addresses of the one part, for browsers and foreign tools")
	c.Flags().StringVar(&o.form, "form", string(pki.BundleBoth), "pem, pkcs12 or both")
	c.Flags().BoolVar(&o.passwordStdin, "password-stdin", false, "the password of the PKCS#12 stores is the first line of standard input")
	c.Flags().StringVar(&f.algorithm, "key-algorithm", string(pki.ECDSAP256), "ecdsa-p256, ecdsa-p384, ed25519, rsa-3072 or rsa-4096")
	c.Flags().StringVar(&f.validity, "validity", "", "like 90d or 48h (default: that of the authority, 1 year)")
	return c
}

func (s *session) bundle(ctx context.Context, f *caFlags, o *bundleOptions, args []string) error {
	parts, err := o.parts(f, args)
	if err != nil {
		return err
	}
	form, err := pki.ParseBundleForm(o.form)
	if err != nil {
		return Usage("--form: %s", fault.Of(err).Public())
	}
	if o.out == "" {
		return Usage("--out is missing: the archive or folder to make")
	}
	if exists(o.out) {
		return fault.New(fault.Conflict, "FileExists", "%s is there already: a bundle doesn't replace anything", o.out)
	}
	if !exists(filepath.Dir(o.out)) {
		return fault.New(fault.NotFound, "FolderNotFound", "there is no folder for %s", o.out)
	}
	password, err := s.bundlePassword(o, form)
	if err != nil {
		return err
	}
	ca, err := pki.OpenCA(fsys.Real{}, f.dir)
	if err != nil {
		return err
	}
	var bundles []*pki.Bundle
	views := []bundleView{}
	for _, p := range parts {
		view := bundleView{Role: p.Role, Name: p.Name}
		own := password
		if own == "" && form != pki.BundlePEM {
			own = pki.NewPassword()
			view.Password = string(own)
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		p.Now = time.Now()
		b, err := ca.NewBundle(p, own)
		if err != nil {
			return err
		}
		bundles = append(bundles, b)
		view.Serial, view.NotAfter = b.Serial, b.Pair.Leaf().NotAfter
		views = append(views, view)
	}
	if err := writeBundles(o.out, form, bundles); err != nil {
		return err
	}
	if s.json() {
		return s.printJSON(views)
	}
	t := s.table("SERIAL", "WHO", "VALID UNTIL", "PASSWORD")
	for _, v := range views {
		t.row(v.Serial, pki.Identity{Role: v.Role, Name: v.Name}.String(), day(v.NotAfter), v.Password)
	}
	return t.flush()
}

// bundlePassword reads the password, if it is given.
func (s *session) bundlePassword(o *bundleOptions, form pki.BundleForm) (pki.Secret, error) {
	if !o.passwordStdin {
		return "", nil
	}
	if form == pki.BundlePEM {
		return "", Usage("--password-stdin is for PKCS#12 stores; a bundle of PEM files has none")
	}
	password, err := readLine(bufio.NewReader(s.io.In))
	if err != nil || password == "" {
		return "", Usage("the password is missing on standard input")
	}
	return pki.Secret(password), nil
}

// maxBundles bounds the parts of one call.
const maxBundles = 10_000

// parts returns what is to be made: the names of the command line, or of a file.
func (o *bundleOptions) parts(f *caFlags, args []string) ([]pki.NodeParams, error) {
	kind, known := issueKinds[args[0]]
	if !known || !kind.role.Node() {
		return nil, Usage("%q is no kind of part: controller, agent or cockpit", args[0])
	}
	var lines [][]string
	for _, name := range args[1:] {
		lines = append(lines, append([]string{name}, o.hosts...))
	}
	if len(o.hosts) > 0 && len(lines) != 1 {
		return nil, Usage("--host is for one part; for several, write their hosts into the file of --list")
	}
	if o.list != "" {
		data, err := readBounded(o.list, 4<<20)
		if err != nil {
			return nil, err
		}
		for line := range strings.Lines(string(data)) {
			if fields := strings.Fields(line); len(fields) > 0 && !strings.HasPrefix(fields[0], "#") {
				lines = append(lines, fields)
			}
		}
	}
	if len(lines) == 0 || len(lines) > maxBundles {
		return nil, Usage("there are %d names of parts: give 1 to %d, or a file with --list", len(lines), maxBundles)
	}
	validity, err := days(f.validity)
	if err != nil {
		return nil, err
	}
	seen := map[string]bool{}
	var parts []pki.NodeParams
	for _, line := range lines {
		p := pki.NodeParams{Role: kind.role, Name: line[0], Validity: validity, Key: pki.KeySource{Algorithm: pki.KeyAlgorithm(f.algorithm)}}
		if p.DNSNames, p.IPs, err = pki.Hosts(line[1:]); err != nil {
			return nil, fault.Of(err).About(p.Name)
		}
		// Before the first key is made: their folders are to stand side by side anywhere.
		if err := (pki.Identity{Role: p.Role, Name: p.Name}).Validate(); err != nil {
			return nil, err
		}
		key := strings.ToLower(p.Name)
		if seen[key] {
			return nil, Usage("%s is named twice (capitals don't count)", p.Name)
		}
		seen[key] = true
		parts = append(parts, p)
	}
	return parts, nil
}

// writeBundles makes an archive or a folder.
func writeBundles(out string, form pki.BundleForm, bundles []*pki.Bundle) error {
	format, err := formatOf(out)
	if err != nil {
		return pki.WriteBundles(folder(out), form, bundles...)
	}
	var b bytes.Buffer
	w, err := archive.NewWriter(&b, format, archive.DefaultLimits())
	if err != nil {
		return err
	}
	if err := pki.WriteBundles(w, form, bundles...); err != nil {
		return err
	}
	if err := w.Close(); err != nil {
		return err
	}
	return writeFile(out, b.Bytes(), 0o600)
}

// folder takes the files of bundles.
type folder string

func (f folder) AddPrivate(name string, data []byte) error {
	path := filepath.Join(string(f), filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return fault.Wrap(fault.Invalid, "CannotWrite", err, "%s", err)
	}
	return writeFile(path, data, 0o600)
}
