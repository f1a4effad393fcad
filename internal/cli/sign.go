package cli

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"slices"

	"github.com/spf13/cobra"

	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/item"
	"github.com/signet-scheduler/signet/internal/objectfile"
	"github.com/signet-scheduler/signet/internal/trust"
)

// maxKey bounds key and certificate files in bytes.
const maxKey = 1 << 20

func (s *session) signVerb() *cobra.Command {
	var key, cert, passphrase string
	c := s.verb(verb{
		use: "sign --key KEY [--cert CERT] PATH...", short: "Write a detached signature beside each object file", args: cobra.MinimumNArgs(1),
		long: `KEY is a private key in PEM (with its certificate in CERT, intermediates behind it), an OpenSSH private key, or an armoured OpenPGP private
key. What is written is named after the file: .sig and .pem, .sshsig, or .asc. A document with a signature of its own must state TYPE, path and,
for a workflow, versionId; YAML can't be signed. A signature that is there is replaced by one of the same form.`,
		example: "  signet sign --key signing-key.pem --cert signing-cert.pem workflows/\n  signet sign --key ~/.ssh/id_ed25519 load.workflow.json",
		run: func(_ context.Context, args []string) error {
			if key == "" {
				return Usage("--key is missing: the file with the private key")
			}
			signer, err := s.loadSigner(key, cert, passphrase)
			if err != nil {
				return err
			}
			objects, err := objectfile.Collect(args, objectfile.Disk{})
			if err != nil {
				return err
			}
			if len(objects) == 0 {
				return fault.New(fault.Invalid, "NothingToSign", "there are no object files in what was named; they are called like NAME.workflow.json")
			}
			return s.sign(signer, objects)
		},
	})
	c.Flags().StringVar(&key, "key", "", "file with the private key")
	c.Flags().StringVar(&cert, "cert", "", "file with the key's certificate (PEM), intermediates behind it")
	c.Flags().StringVar(&passphrase, "passphrase-file", "", "file with the passphrase of an OpenSSH or OpenPGP key (- is standard input)")
	return c
}

// loadSigner reads the key, and its passphrase if there is one.
func (s *session) loadSigner(key, cert, passphrase string) (trust.SignerKey, error) {
	keyText, err := readBounded(key, maxKey)
	if err != nil {
		return nil, err
	}
	var certText []byte
	if cert != "" {
		if certText, err = readBounded(cert, maxKey); err != nil {
			return nil, err
		}
	}
	if passphrase == "" {
		return trust.LoadSigner(keyText, certText)
	}
	var secret []byte
	if passphrase == "-" {
		secret, err = s.readIn(maxKey)
	} else {
		secret, err = readBounded(passphrase, maxKey)
	}
	if err != nil {
		return nil, err
	}
	return trust.LoadSignerWithPassphrase(keyText, certText, bytes.TrimRight(secret, "\r\n"))
}

// sign signs all objects, after all were found good, and writes the files.
func (s *session) sign(signer trust.SignerKey, objects []objectfile.Object) error {
	files := map[string][]byte{}
	var names []string
	wrong := fault.New(fault.Invalid, "CannotSign", "nothing was signed")
	for i := range objects {
		o := &objects[i]
		evidence, problems := signOne(signer, o)
		wrong.Problems = append(wrong.Problems, problems...)
		for suffix, data := range evidence {
			names = append(names, o.File+suffix)
			files[o.File+suffix] = data
		}
	}
	if len(wrong.Problems) > 0 {
		return wrong
	}
	slices.Sort(names)
	for _, name := range names {
		if err := writeFile(name, files[name], 0o644); err != nil {
			return err
		}
	}
	// A raw signature without a certificate must not stand beside the
	// certificate of the key before.
	for i := range objects {
		pem := objects[i].File + ".pem"
		if files[objects[i].File+".sig"] != nil && files[pem] == nil && exists(pem) {
			if err := os.Remove(pem); err != nil {
				return fault.Wrap(fault.Invalid, "CannotWrite", err, "%s", err)
			}
		}
	}
	if s.json() {
		return s.printJSON(struct {
			Signer string   `json:"signer"`
			Files  []string `json:"files"`
		}{signer.Name(), names})
	}
	for _, name := range names {
		fmt.Fprintln(s.io.Out, name)
	}
	return nil
}

// signOne signs one document, or tells why it can't be.
func signOne(signer trust.SignerKey, o *objectfile.Object) (map[string][]byte, []fault.Problem) {
	if o.YAML {
		return nil, []fault.Problem{{Where: o.File, Message: "YAML can't carry a signature of its own: sign the document in JSON"}}
	}
	unsigned := *o
	unsigned.Evidence = map[string][]byte{".sig": nil} // it states everything itself
	if problems := objectfile.Validate([]objectfile.Object{unsigned}); len(problems) > 0 {
		return nil, problems
	}
	if _, err := item.Parse(o.Bytes); err != nil {
		return nil, []fault.Problem{{Where: o.File, Message: fault.Of(err).Public()}}
	}
	evidence, err := signer.Sign(o.Bytes)
	if err != nil {
		return nil, []fault.Problem{{Where: o.File, Message: fault.Of(err).Public()}}
	}
	files := evidence.Files()
	for suffix := range o.Evidence {
		if files[suffix] == nil && !(suffix == ".pem" && files[".sig"] != nil) {
			return nil, []fault.Problem{{Where: o.File + suffix, Message: "there is a signature of another form; remove it first"}}
		}
	}
	return files, nil
}
