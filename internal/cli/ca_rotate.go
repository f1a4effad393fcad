package cli

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"time"

	"github.com/spf13/cobra"

	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/fsys"
	"github.com/signet-scheduler/signet/internal/pki"
)

// memberView is the JSON of a certificate of the authority itself.
type memberView struct {
	Purpose     pki.Purpose  `json:"purpose"`
	Kind        string       `json:"kind"` // root or issuer
	Subject     string       `json:"subject"`
	Standing    pki.Standing `json:"standing"`
	Key         bool         `json:"key"` // it is in the folder
	Until       time.Time    `json:"until"`
	Fingerprint string       `json:"fingerprint"`
}

func (s *session) caStatusVerb(f *caFlags) *cobra.Command {
	return s.verb(verb{
		use: "status", short: "List the roots and issuers of the authority",
		long: `An issuer that was replaced is "retired": it issues nothing, but goes on revoking what it has issued, until the last of that has ended. A root is "replaced"
from "signet ca rotate --root" on until the rotation is finished. KEY tells whether the key is in the folder.`,
		example: "  signet ca status --dir ca\n  signet ca status -o json",
		run: func(context.Context, []string) error {
			ca, err := pki.OpenCA(fsys.Real{}, f.dir)
			if err != nil {
				return err
			}
			return s.printMembers(ca, pki.Purposes()...)
		},
	})
}

func (s *session) printMembers(ca *pki.CA, purposes ...pki.Purpose) error {
	views := []memberView{}
	for _, p := range purposes {
		members, err := ca.Members(p)
		if err != nil {
			return err
		}
		for _, m := range members {
			sum := sha256.Sum256(m.Cert.Raw)
			v := memberView{Purpose: p, Kind: "issuer", Subject: m.Cert.Subject.CommonName, Standing: m.Standing, Key: m.Key, Until: m.Until, Fingerprint: hex.EncodeToString(sum[:])}
			if m.Root {
				v.Kind = "root"
			}
			views = append(views, v)
		}
	}
	if s.json() {
		return s.printJSON(views)
	}
	words := map[pki.Standing]string{pki.InForce: "in force", pki.Replaced: "replaced", pki.Retired: "retired"}
	here := map[bool]string{true: "here", false: "elsewhere"}
	t := s.table("PURPOSE", "KIND", "NAME", "STANDING", "KEY", "UNTIL")
	for _, v := range views {
		t.row(string(v.Purpose), v.Kind, v.Subject, words[v.Standing], here[v.Key], day(v.Until))
	}
	return t.flush()
}

// purposeFlag reads --purpose where it has to be given.
func purposeFlag(text string) (pki.Purpose, error) {
	if text == "" {
		return "", Usage("--purpose is missing: node, signing or user")
	}
	p, err := pki.ParsePurpose(text)
	if err != nil {
		return "", Usage("--purpose: %s", fault.Of(err).Public())
	}
	return p, nil
}

func (s *session) caRotateVerb(f *caFlags) *cobra.Command {
	var purpose string
	var root, finish, force bool
	c := s.verb(verb{
		use: "rotate --purpose node|signing|user", short: "Replace the issuer of a purpose, or its root with overlap",
		long: `It makes a new issuer, by which everything is issued from then on. The one before retires: what it has issued stays in force until it ends, is renewed or
revoked. The key of the root is needed, PURPOSE/root.key.

With --root, the root is replaced as well. The root before certifies the new issuer, too, so that parts that trust only the old root, only the new, or both
accept what is issued. Bring both to all parts (signet ca trust), renew all certificates, then end the overlap by --finish. That is refused while a certificate
is in force to which only the old root leads; --force drops the old root nevertheless.`,
		example: "  signet ca rotate --purpose node\n  signet ca rotate --purpose node --root\n  signet ca trust --purpose node > https-trust.pem\n  signet ca rotate --purpose node --finish",
		run: func(context.Context, []string) error {
			p, err := purposeFlag(purpose)
			if err != nil {
				return err
			}
			if finish && root {
				return Usage("--finish ends a rotation that --root has begun: give one of them")
			}
			if force && !finish {
				return Usage("--force is for --finish")
			}
			ca, err := pki.OpenCA(fsys.Real{}, f.dir)
			if err != nil {
				return err
			}
			if finish {
				err = ca.FinishRotation(p, force, time.Now())
			} else {
				err = ca.Rotate(pki.RotateParams{Purpose: p, Root: root, Now: time.Now()})
			}
			if err != nil {
				return err
			}
			return s.printMembers(ca, p)
		},
	})
	c.Flags().StringVar(&purpose, "purpose", "", "node, signing or user")
	c.Flags().BoolVar(&root, "root", false, "replace the root as well, with overlap")
	c.Flags().BoolVar(&finish, "finish", false, "end the overlap: the root before counts no more, and its key is removed")
	c.Flags().BoolVar(&force, "force", false, "with --finish: although certificates below the root before are in force")
	return c
}

func (s *session) caTrustVerb(f *caFlags) *cobra.Command {
	var purpose string
	var issuers bool
	c := s.verb(verb{
		use: "trust --purpose node|signing|user", short: "Print the roots that others are to trust (PEM)",
		long: `That is one root, and while it is being replaced also the one before. With --issuers, it is the issuers instead, those that have retired included: who trusts
these trusts nothing else that a company's root vouches for.`,
		example: "  signet ca trust --purpose node > /etc/signet/agent/private/https-trust.pem",
		run: func(context.Context, []string) error {
			p, err := purposeFlag(purpose)
			if err != nil {
				return err
			}
			ca, err := pki.OpenCA(fsys.Real{}, f.dir)
			if err != nil {
				return err
			}
			if err := ca.Established(p); err != nil {
				return err
			}
			trusted := ca.Roots(p)
			if issuers {
				trusted = ca.Issuers(p)
			}
			text := string(pki.EncodeCertsPEM(trusted...))
			if s.json() {
				return s.printJSON(struct {
					Purpose pki.Purpose `json:"purpose"`
					Roots   string      `json:"roots"`
				}{p, text})
			}
			_, err = s.io.Out.Write([]byte(text))
			return err
		},
	})
	c.Flags().StringVar(&purpose, "purpose", "", "node, signing or user")
	c.Flags().BoolVar(&issuers, "issuers", false, "the issuers instead of the roots")
	return c
}
