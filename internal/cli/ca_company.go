package cli

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"github.com/signet-scheduler/signet/internal/fsys"
	"github.com/signet-scheduler/signet/internal/pki"
)

func (s *session) caRequestVerb(f *caFlags) *cobra.Command {
	var purpose string
	p := pki.RequestParams{}
	c := s.verb(verb{
		use: "request --purpose node|signing|user", short: "Ask a company's authority for an issuer",
		long: `It makes the key of an issuer, and prints the certificate request (PEM) for the company's authority. Asked again, it prints the same one. The answer is
taken by "signet ca adopt". Until then, all stays as it is.

The certificate has to be that of an authority with the path length 0, the key usages keyCertSign and cRLSign, and the extended key usages of its purpose:
serverAuth and clientAuth for parts, codeSigning for signers, clientAuth for users. The request asks for these.

For the certificate of one part, below a company's authority, see "signet keystore request".`,
		example: "  signet ca request --dir ca --purpose node > node.csr\n  signet ca adopt answer.pem company-root.pem --dir ca --purpose node",
		run: func(context.Context, []string) error {
			var err error
			if p.Purpose, err = purposeFlag(purpose); err != nil {
				return err
			}
			p.Algorithm = pki.KeyAlgorithm(f.algorithm)
			ca, err := pki.OpenCA(fsys.Real{}, f.dir)
			if err != nil {
				return err
			}
			request, err := ca.RequestIssuer(p)
			if err != nil {
				return err
			}
			return s.printRequest(request)
		},
	})
	c.Flags().StringVar(&purpose, "purpose", "", "node, signing or user")
	c.Flags().StringVar(&f.algorithm, "key-algorithm", string(pki.ECDSAP256), "ecdsa-p256 or ecdsa-p384")
	c.Flags().BoolVar(&p.Anew, "new", false, "drop a request that wasn't answered, and its key")
	return c
}

// printRequest prints a certificate request.
func (s *session) printRequest(request []byte) error {
	if s.json() {
		return s.printJSON(struct {
			Request string `json:"request"`
		}{string(request)})
	}
	_, err := s.io.Out.Write(request)
	return err
}

func (s *session) caAdoptVerb(f *caFlags) *cobra.Command {
	var purpose string
	p := pki.AdoptParams{}
	c := s.verb(verb{
		use: "adopt FILE... --purpose node|signing|user", short: "Take a company's answer to a request", args: cobra.MinimumNArgs(1),
		long: `The files (PEM) have together the issuer's certificate and all certificates above it, up to the company's root, in any order, and nothing else. If they
can be used, the issuer is in force from then on; the one before retires, as with "signet ca rotate". Below another root than before, an overlap begins: bring
both roots to all parts (signet ca trust), renew all certificates, then end it by "signet ca rotate --finish".

The root before certifies the new issuer as well, so that parts that trust only that accept what is issued; its key is needed. With --no-cross it doesn't: then
all parts have to trust the company's root beforehand.`,
		example: "  signet ca adopt answer.pem company-root.pem --dir ca --purpose node",
		run: func(_ context.Context, args []string) error {
			var err error
			if p.Purpose, err = purposeFlag(purpose); err != nil {
				return err
			}
			if p.Answer, err = readTogether(args, 1<<20); err != nil {
				return err
			}
			ca, err := pki.OpenCA(fsys.Real{}, f.dir)
			if err != nil {
				return err
			}
			p.Now = time.Now()
			if err := ca.AdoptIssuer(p); err != nil {
				return err
			}
			return s.printMembers(ca, p.Purpose)
		},
	})
	c.Flags().StringVar(&purpose, "purpose", "", "node, signing or user")
	c.Flags().BoolVar(&p.NoCross, "no-cross", false, "all parts trust the new root already: the one before needn't certify the issuer")
	return c
}

// readTogether reads files of PEM blocks, each of at most so many bytes, as one text.
func readTogether(files []string, most int64) ([]byte, error) {
	var all []byte
	for _, file := range files {
		text, err := readBounded(file, most)
		if err != nil {
			return nil, err
		}
		all = append(append(all, text...), '\n')
	}
	return all, nil
}

// companyPurposes reads --company.
func companyPurposes(names []string) (list []pki.Purpose, err error) {
	for _, name := range names {
		p, err := pki.ParsePurpose(name)
		if err != nil {
			return nil, Usage("--company: %q is no purpose: node, signing or user", name)
		}
		list = append(list, p)
	}
	return list, nil
}
