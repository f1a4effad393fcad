package cli

import (
	"bufio"
	"bytes"
	"context"
	"crypto/x509"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/signet-scheduler/signet/internal/archive"
	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/pki"
)

func (s *session) keystoreGroup() *cobra.Command {
	return s.group("keystore", "Keys and certificates of a part on this machine", "", "  signet keystore import agent-2.p12 --config /etc/signet/agent < password", s.keystoreImportVerb(), s.keystoreRequestVerb())
}

func (s *session) keystoreImportVerb() *cobra.Command {
	o := installOptions{}
	var trust, name string
	c := s.verb(verb{
		use: "import FILE --config DIR", short: "Install a key with its certificate into a part's configuration", args: cobra.ExactArgs(1),
		long: `FILE is a bundle of "signet ca bundle" (.zip, .tar.gz; if it is one of several parts, --name chooses), or a PKCS#12 keystore, or PEM blocks: one key, its
certificate, the issuers, and possibly the root. The password of PKCS#12 is the first line of standard input. Certificates without a key are taken as the answer
to "signet keystore request", whose key is used; a root among them isn't trusted by that: name it by --trust, or let it be among those that the part trusts.

Key and certificate are written as the configuration says: as PEM files, or as a keystore with the password that is set there. Before anything is written it is checked that the key belongs to the certificate, that the certificate is one for connections of this
part (by its configuration, if there is one), and that it leads to an authority: that of --trust, of the bundle, or the one that the part trusts already.`,
		example: "  signet keystore import agent-2.zip --config /etc/signet/agent\n  signet keystore import agent-2.p12 --config /etc/signet/agent --trust root.pem < password\n  signet keystore import agent-2.pem --config /etc/signet/agent --replace",
		run: func(_ context.Context, args []string) error {
			if o.dir == "" {
				return Usage("--config is missing: the folder with the part's configuration")
			}
			m, err := s.readBundle(args[0], name, &o)
			if err != nil {
				return err
			}
			if trust != "" {
				if m.Trusted, err = pki.ReadCertsPEM(trust); err != nil {
					return err
				}
			}
			return s.importBundle(m, &o)
		},
	})
	c.Flags().StringVar(&trust, "trust", "", "file with the authorities of parts (PEM) that this part is to trust")
	c.Flags().StringVar(&name, "name", "", "which part of a bundle of several")
	o.flags(c)
	return c
}

// maxBundle bounds a file that is imported.
const maxBundle = 128 << 20

// readBundle reads a bundle, a keystore or PEM blocks.
func (s *session) readBundle(file, name string, o *installOptions) (*material, error) {
	data, err := readBounded(file, maxBundle)
	if err != nil {
		return nil, err
	}
	if _, err := formatOf(file); err == nil {
		m, err := s.readArchive(data, name)
		if err != nil {
			return nil, fault.Of(err).About(file)
		}
		return m, nil
	}
	if !bytes.Contains(data, []byte("-----BEGIN ")) {
		password, err := readLine(bufio.NewReader(s.io.In))
		if err != nil {
			return nil, Usage("%s is a PKCS#12 keystore: its password is to be the first line of standard input", file)
		}
		pair, err := pki.ParseKeystore(data, pki.Secret(password))
		if err != nil {
			return nil, fault.Of(err).About(file)
		}
		return &material{Pair: pair}, nil
	}
	asked := !bytes.Contains(data, []byte("PRIVATE KEY-----"))
	if asked {
		if data, err = o.withRequestedKey(data); err != nil {
			return nil, fault.Of(err).About(file)
		}
	}
	pair, others, err := pki.ParseBundle(data)
	if err != nil {
		return nil, fault.Of(err).About(file)
	}
	m := &material{Pair: pair}
	if len(others) > 0 && !asked { // whom to trust isn't for an answer to say

		m.Trusted, err = pki.ParseCertsPEM(others)
	}
	return m, err
}

// importBundle checks everything, then writes.
func (s *session) importBundle(m *material, o *installOptions) error {
	id, err := pki.CheckNodeLeaf(m.Pair.Leaf(), time.Now())
	if err != nil {
		return err
	}
	place, err := o.prepare(id)
	if err != nil {
		return err
	}
	trusted := m.Trusted
	if len(trusted) == 0 {
		if trusted, err = pki.ReadTruststore(place.trust, place.trustPassword); fault.Is(err, fault.NotFound) {
			return fault.New(fault.Invalid, "NoRoots", "it isn't known yet whom this part is to trust: name the authorities by --trust")
		} else if err != nil {
			return err
		}
	}
	if err := leadsTo(m.Pair.Chain, trusted); err != nil {
		return err
	}
	began := running(place)
	files, err := place.install(m, nil, o)
	if err != nil {
		return err
	}
	if err := place.dropRequest(m.Pair.Key); err != nil {
		return err
	}
	if s.json() {
		return s.printJSON(struct {
			Role     pki.Role  `json:"role"`
			Name     string    `json:"name"`
			NotAfter time.Time `json:"notAfter"`
			Files    []string  `json:"files"`
		}{id.Role, id.Name, m.Pair.Leaf().NotAfter, files})
	}
	table := s.table("WHO", "VALID UNTIL", "FILE")
	for _, f := range files {
		table.row(id.String(), localTime(m.Pair.Leaf().NotAfter.UnixMilli()), f)
	}
	fmt.Fprintln(s.io.Err, began)
	return table.flush()
}

func leadsTo(chain, trusted []*x509.Certificate) error {
	pool, err := pki.NewPool(trusted)
	if err != nil {
		return err
	}
	_, err = pki.CheckNode(chain, pool, nil, time.Now())
	return err
}

// running tells what is to be done so that the part uses what is installed.
func running(p *place) string {
	if _, err := os.Stat(p.own()[0]); err == nil && p.hasConf {
		return "A part that runs uses it within a second, without a restart."
	}
	return "Start the part: signet serve " + string(p.id.Role) + " --config " + filepath.Clean(p.dir) + " --data DIR"
}

// readArchive reads a bundle of "signet ca bundle".
func (s *session) readArchive(data []byte, name string) (*material, error) {
	files := map[string][]byte{}
	limits := archive.DefaultLimits()
	limits.Entry = 4 << 20
	err := archive.Read(context.Background(), bytes.NewReader(data), limits, func(entry string, data []byte) error {
		files[entry] = data
		return nil
	})
	if err != nil {
		return nil, err
	}
	parts, err := pki.ReadBundles(files)
	if err != nil {
		return nil, err
	}
	names := slices.Sorted(maps.Keys(parts))
	if name == "" && len(names) == 1 {
		name = names[0]
	}
	part, ok := parts[name]
	if !ok {
		if _, alone := parts[""]; alone {
			return nil, fault.New(fault.Invalid, "UnknownPart", "the bundle is one of a single part: leave out --name")
		}
		return nil, fault.New(fault.Invalid, "UnknownPart", "choose a part of the bundle by --name: %s", strings.Join(names[:min(len(names), 20)], ", "))
	}
	var password string
	if part[pki.BundleKey] == nil {
		if password, err = readLine(bufio.NewReader(s.io.In)); err != nil {
			return nil, Usage("the bundle has PKCS#12 stores only: their password is to be the first line of standard input")
		}
	}
	b, err := pki.ParseBundleFiles(part, pki.Secret(password))
	if err != nil {
		return nil, err
	}
	return &material{Pair: b.Pair, Trusted: b.Trusted, Signers: b.Signers}, nil
}
