package cli

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/signet-scheduler/signet/api"
	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/pki"
)

func (s *session) enrolVerb() *cobra.Command {
	var token, ca string
	o := installOptions{}
	c := s.verb(verb{
		use: "enrol URL --config DIR", short: "Get a certificate for an Agent or a Controller from the Cockpit", args: cobra.ExactArgs(1),
		long: `It makes a key, which never leaves this machine, and has the Cockpit at URL issue a certificate for it, by a token of "signet ca token". Role and name
are the token's. Into the folder of --config go key, certificate, the authorities to trust, and a configuration file if there is none; then
"signet serve agent --config DIR --data DIR" runs. The certificate is short-lived and renewed by itself while the part runs.

The Cockpit is known by the authority whose fingerprint is in the token; the system's authorities don't count. Without --token, the token is the first line
of standard input, so that no list of processes shows it.`,
		example: "  signet enrol https://cockpit.example.com:4446 --config /etc/signet/agent < token",
		run: func(ctx context.Context, args []string) error {
			base, err := checkURL(args[0])
			if err != nil {
				return err
			}
			if o.dir == "" {
				return Usage("--config is missing: the folder that is to hold the part's configuration")
			}
			if token == "" {
				if token, err = readLine(bufio.NewReader(s.io.In)); err != nil || token == "" {
					return Usage("the token is missing: give it as the first line of standard input, or by --token")
				}
			}
			t, err := pki.ParseToken(strings.TrimSpace(token))
			if err != nil {
				return err
			}
			return s.enrol(ctx, base, t, ca, &o)
		},
	})
	c.Flags().StringVar(&token, "token", "", "the token (default: the first line of standard input)")
	c.Flags().StringVar(&ca, "ca", "", "file with the authorities (PEM) of a Cockpit whose users see a certificate of another authority; its host name counts then")
	o.flags(c)
	return c
}

// enrol gets a certificate and writes what came.
func (s *session) enrol(ctx context.Context, base string, t *pki.Token, ca string, o *installOptions) error {
	place, err := o.prepare(t.Identity)
	if err != nil {
		return err
	}
	root, client, err := s.meetCockpit(ctx, base, t, ca)
	if err != nil {
		return err
	}
	defer client.Close()
	key, err := pki.NewKey(pki.ECDSAP256)
	if err != nil {
		return err
	}
	csr, err := pki.NewCSR(key)
	if err != nil {
		return err
	}
	var got api.Enrolled
	if err := client.Post(ctx, "/enrolment", api.EnrolRequest{Token: t.Reveal(), Request: string(csr)}, false, &got); err != nil {
		return err
	}
	material, err := enrolledMaterial(&got, t, root)
	if err != nil {
		return err
	}
	if material.Pair, err = pki.NewKeypair(material.Pair.Chain, key); err != nil {
		return err
	}
	files, err := place.install(material, &got, o)
	if err != nil {
		return err
	}
	if s.json() {
		return s.printJSON(struct {
			Role     string    `json:"role"`
			Name     string    `json:"name"`
			NotAfter time.Time `json:"notAfter"`
			Files    []string  `json:"files"`
		}{got.Role, got.Name, material.Pair.Leaf().NotAfter, files})
	}
	table := s.table("WHO", "VALID UNTIL", "FILE")
	for _, f := range files {
		table.row(t.Identity.String(), localTime(got.NotAfter), f)
	}
	return table.flush()
}

// meetCockpit finds out whether the Cockpit is the one that the token is from. It
// returns the authority's root, and a client that talks to no other.
func (s *session) meetCockpit(ctx context.Context, base string, t *pki.Token, ca string) (*x509.Certificate, *Client, error) {
	pool, err := poolOf(ca)
	if err != nil {
		return nil, nil, err
	}
	var shown []*x509.Certificate
	stranger := pinned(base, pool, func(chain []*x509.Certificate) error {
		shown = chain // it is judged below, before anything is told
		return nil
	})
	defer stranger.Close()
	var authority api.EnrolmentAuthority
	if err := stranger.Get(ctx, "/enrolment", nil, &authority); err != nil {
		return nil, nil, err
	}
	roots, err := pki.ParseCertsPEM([]byte(authority.Root))
	if err != nil {
		return nil, nil, err
	}
	if len(roots) != 1 || !t.For(roots[0]) {
		return nil, nil, fault.New(fault.Untrusted, "ForeignCockpit", "the authority of the Cockpit at %s isn't the one that the token names: this is another Cockpit, or somebody is in between", base)
	}
	judge := func(chain []*x509.Certificate) error { return nil }
	if pool == nil {
		judge = func(chain []*x509.Certificate) error { return cockpitOf(chain, roots[0]) }
	}
	if err := judge(shown); err != nil {
		return nil, nil, fault.Wrap(fault.Untrusted, "ForeignCockpit", err,
			"%s doesn't show the certificate of a Cockpit of the token's authority: %s. If users see another authority's certificate there, name that by --ca", base, fault.Of(err).Public())
	}
	return roots[0], pinned(base, pool, judge), nil
}

// cockpitOf tells whether a chain is that of a Cockpit below a root.
func cockpitOf(chain []*x509.Certificate, root *x509.Certificate) error {
	pool, err := pki.NewPool([]*x509.Certificate{root})
	if err != nil {
		return err
	}
	_, err = pki.CheckNode(chain, pool, nil, time.Now(), pki.RoleCockpit)
	return err
}

// poolOf reads the authorities of --ca; nil without it.
func poolOf(file string) (*x509.CertPool, error) {
	if file == "" {
		return nil, nil
	}
	certs, err := pki.ReadCertsPEM(file)
	if err != nil {
		return nil, err
	}
	return pki.NewPool(certs)
}

// pinned returns a client whose peers are judged by a function, or, where a pool is
// given, by that and their host name.
func pinned(base string, pool *x509.CertPool, judge func(chain []*x509.Certificate) error) *Client {
	settings := &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: pool}
	if pool == nil {
		// Not the host name says who the Cockpit is but the authority in the token.
		settings.InsecureSkipVerify = true
		settings.VerifyConnection = func(cs tls.ConnectionState) error { return judge(cs.PeerCertificates) }
	}
	t := &http.Transport{
		TLSClientConfig:       settings,
		DialContext:           (&net.Dialer{Timeout: 5 * time.Second}).DialContext,
		TLSHandshakeTimeout:   10 * time.Second,
		ResponseHeaderTimeout: 30 * time.Second,
	}
	return &Client{
		base: base + "/api/v1", Patience: 3 * time.Second,
		http: &http.Client{Transport: t, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }},
	}
}

// enrolledMaterial judges what a Cockpit has sent as if it were a stranger's: the
// certificate is of whom the token says, below the root that the token names.
func enrolledMaterial(got *api.Enrolled, t *pki.Token, root *x509.Certificate) (*material, error) {
	chain, err := pki.ParseCertsPEM([]byte(got.Certificate))
	if err != nil {
		return nil, err
	}
	pool, err := pki.NewPool([]*x509.Certificate{root})
	if err != nil {
		return nil, err
	}
	id, err := pki.CheckNode(chain, pool, nil, time.Now())
	if err != nil {
		return nil, err
	}
	if id != t.Identity || got.Role != string(id.Role) || got.Name != id.Name {
		return nil, fault.New(fault.Untrusted, "WrongIdentity", "the certificate is one of %s, but the token is for %s", id, t.Identity)
	}
	m := &material{Pair: pki.Keypair{Chain: chain}}
	// While the root is being replaced, there are two. Who sends them was found to be
	// a Cockpit below the one that the token names.
	if m.Trusted, err = enrolledRoots(got.Roots, root); err != nil {
		return nil, err
	}
	if got.Signers == "" { // they are certified elsewhere
		return m, nil
	}
	if m.Signers, err = pki.ParseCertsPEM([]byte(got.Signers)); err != nil {
		return nil, errors.Join(err, fmt.Errorf("the authorities of signers"))
	}
	return m, nil
}

// enrolledRoots returns the authorities to trust, of which one is the token's.
func enrolledRoots(text string, root *x509.Certificate) ([]*x509.Certificate, error) {
	roots, err := pki.ParseCertsPEM([]byte(text))
	if err != nil {
		return nil, errors.Join(err, fmt.Errorf("the authorities of parts"))
	}
	if len(roots) > 2 || !slices.ContainsFunc(roots, root.Equal) {
		return nil, fault.New(fault.Untrusted, "ForeignCockpit", "the authorities that the Cockpit sends aren't those of the token")
	}
	_, err = pki.NewPool(roots)
	return roots, err
}
