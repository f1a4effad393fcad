package cli

import (
	"bufio"
	"bytes"
	"context"
	"crypto/x509"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/pki"
)

func (s *session) keystoreGroup() *cobra.Command {
	return s.group("keystore", "Keys and certificates of a part on this machine", "", "  signet keystore import agent-2.p12 --config /etc/signet/agent < password", s.keystoreImportVerb())
}

func (s *session) keystoreImportVerb() *cobra.Command {
	o := installOptions{}
	var trust string
	c := s.verb(verb{
		use: "import FILE --config DIR", short: "Install a key with its certificate into a part's configuration", args: cobra.ExactArgs(1),
		long: `FILE is a PKCS#12 keystore, whose password is the first line of standard input, or a bundle of PEM blocks: one key, its certificate, the issuers, and
possibly the root. Before anything is written it is checked that the key belongs to the certificate, that the certificate is one for connections of this
part (by its configuration, if there is one), and that it leads to an authority: that of --trust, of the bundle, or the one that the part trusts already.`,
		example: "  signet keystore import agent-2.p12 --config /etc/signet/agent --trust root.pem < password\n  signet keystore import agent-2.pem --config /etc/signet/agent --replace",
		run: func(_ context.Context, args []string) error {
			if o.dir == "" {
				return Usage("--config is missing: the folder with the part's configuration")
			}
			m, err := s.readBundle(args[0])
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
	o.flags(c)
	return c
}

// readBundle reads a keystore or PEM blocks.
func (s *session) readBundle(file string) (*material, error) {
	data, err := readBounded(file, 4<<20)
	if err != nil {
		return nil, err
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
	pair, others, err := pki.ParseBundle(data)
	if err != nil {
		return nil, fault.Of(err).About(file)
	}
	m := &material{Pair: pair}
	if len(others) > 0 {
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
		if trusted, err = pki.ReadCertsPEM(place.trust); fault.Is(err, fault.NotFound) {
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
	if _, err := os.Stat(p.key); err == nil && p.hasConf {
		return "A part that runs uses it within a second, without a restart."
	}
	return "Start the part: signet serve " + string(p.id.Role) + " --config " + filepath.Clean(p.dir) + " --data DIR"
}
