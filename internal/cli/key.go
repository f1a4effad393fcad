package cli

import (
	"bufio"
	"cmp"
	"context"
	"encoding/base64"
	"encoding/pem"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/signet-scheduler/signet/api"
)

// keyPath is the route of the caller's own signing key.
const keyPath = "/me/signing-key"

func (s *session) keyGroup() *cobra.Command {
	return s.group("key", "Your own signing key, where each account signs with its own (security level medium)",
		"The private key stays at the Cockpit, sealed with a key that isn't in its database. Controllers and Agents have to trust its certificate, or the authority that issued it.",
		"  signet key create", s.keyShowVerb(), s.keyCreateVerb(), s.keyImportVerb(), s.keyWithdrawVerb())
}

func (s *session) keyShowVerb() *cobra.Command {
	return s.verb(verb{
		use: "show", short: "Tell with which key what you deploy is signed", example: "  signet key show",
		run: func(ctx context.Context, _ []string) error {
			client, err := s.client()
			if err != nil {
				return err
			}
			var out api.SigningKey
			if err := client.Get(ctx, keyPath, nil, &out); err != nil {
				return err
			}
			return s.tellKey(&out)
		},
	})
}

func (s *session) keyCreateVerb() *cobra.Command {
	var in api.MakeSigningKeyRequest
	c := s.verb(verb{
		use: "create", short: "Make yourself a signing key, in place of the one there is",
		long:    "The Cockpit makes the key, and its authority of signers the certificate. What was signed with the key before stays good.",
		example: "  signet key create --reason 'the certificate ends'",
		run:     func(ctx context.Context, _ []string) error { return s.giveKey(ctx, in) },
	})
	reasonFlag(c, &in.Reason)
	return c
}

func (s *session) keyImportVerb() *cobra.Command {
	var in api.MakeSigningKeyRequest
	var cert string
	c := s.verb(verb{
		use: "import FILE", short: "Bring a signing key of your own, in place of the one there is", args: cobra.ExactArgs(1),
		long: `FILE is a private key without passphrase: PEM with --cert, OpenSSH, or OpenPGP; or a PKCS#12 keystore, whose password is the first line of standard input.
The key goes to the Cockpit, which seals it. To keep it to yourself, sign with "signet deploy --sign-with" instead, which works at every level.`,
		example: "  signet key import anna-key.pem --cert anna-cert.pem\n  signet key import anna.p12 < password",
		run: func(ctx context.Context, args []string) error {
			data, err := readBounded(args[0], maxKey)
			if err != nil {
				return err
			}
			if block, _ := pem.Decode(data); block == nil { // not text: a keystore
				if cert != "" {
					return Usage("--cert is for a key in PEM: a keystore has its certificates")
				}
				in.Keystore = base64.StdEncoding.EncodeToString(data)
				if in.Password, err = readLine(bufio.NewReader(s.io.In)); err != nil {
					return Usage("%s is a PKCS#12 keystore: its password is to be the first line of standard input", args[0])
				}
				return s.giveKey(ctx, in)
			}
			in.Key = string(data)
			if cert != "" {
				text, err := readBounded(cert, maxKey)
				if err != nil {
					return err
				}
				in.Certificates = string(text)
			}
			return s.giveKey(ctx, in)
		},
	})
	c.Flags().StringVar(&cert, "cert", "", "file with the key's certificate (PEM), intermediates behind it")
	reasonFlag(c, &in.Reason)
	return c
}

func (s *session) keyWithdrawVerb() *cobra.Command {
	return s.verb(verb{
		use: "withdraw", short: "Delete your signing key",
		long:    "A certificate that was made at the Cockpit is revoked: within seconds, all that it has signed is in quarantine at Controllers and Agents.",
		example: "  signet key withdraw",
		run: func(ctx context.Context, _ []string) error {
			client, err := s.client()
			if err != nil {
				return err
			}
			if err := client.call(ctx, "DELETE", keyPath, nil, false, nil); err != nil {
				return err
			}
			fmt.Fprintln(s.io.Err, "Your signing key is deleted.")
			return nil
		},
	})
}

func (s *session) giveKey(ctx context.Context, in api.MakeSigningKeyRequest) error {
	client, err := s.client()
	if err != nil {
		return err
	}
	var out api.SigningKey
	if err := client.Post(ctx, keyPath, in, false, &out); err != nil {
		return err
	}
	return s.tellKey(&out)
}

func (s *session) tellKey(k *api.SigningKey) error {
	if s.json() {
		return s.printJSON(k)
	}
	if k.Key == nil {
		fmt.Fprintln(s.io.Out, map[api.SigningKeySecurityLevel]string{
			"low":    "The Cockpit has no key to sign with: what you deploy has to be signed.",
			"medium": `You have no signing key: make one by "signet key create", or bring one by "signet key import".`,
			"high":   "The Cockpit holds no private keys: what you deploy has to be signed.",
		}[k.SecurityLevel])
		return nil
	}
	until := "no end"
	if k.Key.ExpiresAt != 0 {
		until = localTime(k.Key.ExpiresAt)
	}
	whose := map[api.SigningKeySecurityLevel]string{"low": "the Cockpit's", "medium": "yours"}[k.SecurityLevel]
	t := s.table("SIGNER", "WHOSE", "KIND", "KEY", "VALID UNTIL", "ORIGIN")
	t.row(k.Key.Signer, whose, k.Key.Kind, cmp.Or(k.Key.KeyId[:min(16, len(k.Key.KeyId))], "?"), until, k.Key.Origin)
	return t.flush()
}
