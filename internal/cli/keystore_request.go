package cli

import (
	"context"
	"crypto"
	"slices"

	"github.com/spf13/cobra"

	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/fsys"
	"github.com/signet-scheduler/signet/internal/pki"
)

func (s *session) keystoreRequestVerb() *cobra.Command {
	o := installOptions{}
	var hosts []string
	var algorithm string
	c := s.verb(verb{
		use: "request controller|agent NAME --config DIR", short: "Ask a company's authority for the certificate of a part", args: cobra.ExactArgs(2),
		long: `It makes a key, which never leaves this machine, and prints the certificate request (PEM). Asked again, the request is for the same key. It asks for what the
certificate has to state: the URI signet://agent/NAME, serverAuth and clientAuth. The answer, with all certificates above it, is installed by "signet keystore
import". Until then, the key that the part has stays in use.`,
		example: "  signet keystore request agent agent-2 --config /etc/signet/agent --host host2.example.com > agent-2.csr\n  signet keystore import answer.pem --config /etc/signet/agent",
		complete: func(_ context.Context, args []string) []string {
			if len(args) > 0 {
				return nil
			}
			return []string{"controller", "agent"}
		},
		run: func(_ context.Context, args []string) error {
			role := issueKinds[args[0]].role
			if role != pki.RoleAgent && role != pki.RoleController {
				return Usage("%q is no part: controller or agent", args[0])
			}
			if o.dir == "" {
				return Usage("--config is missing: the folder with the part's configuration")
			}
			names, ips, err := pki.Hosts(hosts)
			if err != nil {
				return err
			}
			id := pki.Identity{Role: role, Name: args[1]}
			if err := id.Validate(); err != nil {
				return err
			}
			place, err := o.find(id)
			if err != nil {
				return err
			}
			key, err := place.askedKey(pki.KeyAlgorithm(algorithm))
			if err != nil {
				return err
			}
			request, err := pki.NewNodeCSR(key, id, names, ips)
			if err != nil {
				return err
			}
			return s.printRequest(request)
		},
	})
	c.Flags().StringVar(&o.dir, "config", "", "folder of the part's configuration")
	_ = c.MarkFlagDirname("config") // the flag is there
	c.Flags().StringSliceVar(&hosts, "host", nil, "DNS names and IP addresses that should stand in the certificate, for foreign tools")
	c.Flags().StringVar(&algorithm, "key-algorithm", string(pki.ECDSAP256), "ecdsa-p256, ecdsa-p384, ed25519, rsa-3072 or rsa-4096")
	return c
}

// askedKey returns the key that a certificate is asked for; it is made the first time.
func (p *place) askedKey(a pki.KeyAlgorithm) (crypto.Signer, error) {
	file := p.requestKey()
	key, err := pki.ReadKeyPEM(file)
	if !fault.Is(err, fault.NotFound) {
		return key, err
	}
	if key, err = pki.NewKey(a); err != nil {
		return nil, err
	}
	if err := p.makeFolders(); err != nil {
		return nil, err
	}
	return key, pki.WriteKeyPEM(fsys.Real{}, file, key)
}

// withRequestedKey puts the key of "signet keystore request" to the certificates of an
// answer.
func (o *installOptions) withRequestedKey(certs []byte) ([]byte, error) {
	all, err := pki.ParseCertsPEM(certs)
	if err != nil {
		return nil, err
	}
	for _, c := range all {
		id, err := pki.ParseIdentity(c)
		if err != nil || c.IsCA {
			continue
		}
		place, err := o.find(id)
		if err != nil {
			return nil, err
		}
		key, err := pki.ReadKeyPEM(place.requestKey())
		if fault.Is(err, fault.NotFound) {
			break
		}
		if err != nil {
			return nil, err
		}
		text, err := pki.EncodeKeyPEM(key)
		return slices.Concat(text, certs), err
	}
	return nil, fault.New(fault.Invalid, "NoKey", "there is no private key in the file, and none that a certificate was asked for by \"signet keystore request\"; the certificate has to state whose it is (signet://agent/NAME)")
}

// dropRequest removes the key of a request that was answered: it is in its place now.
func (p *place) dropRequest(installed crypto.Signer) error {
	key, err := pki.ReadKeyPEM(p.requestKey())
	if err != nil {
		return nil //nolint:nilerr // there is none, or it is somebody's to look at
	}
	if public, ok := key.Public().(interface{ Equal(crypto.PublicKey) bool }); !ok || !public.Equal(installed.Public()) {
		return nil
	}
	if err := (fsys.Real{}).Remove(p.requestKey()); err != nil {
		return fault.Wrap(fault.Unavailable, "FileUnwritable", err, "%s can't be removed; it is of no use any more", p.requestKey())
	}
	return nil
}
