package cli

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/signet-scheduler/signet/internal/keyagent"
	"github.com/signet-scheduler/signet/internal/pki"
	"github.com/signet-scheduler/signet/internal/trust"
)

// maxKey bounds key and certificate files in bytes.
const maxKey = 1 << 20

// keystorePassword is the variable with the password of a keystore.
const keystorePassword = "SIGNET_KEYSTORE_PASSWORD" //nolint:gosec // its name, not what is in it

// signFlags say with which key is signed.
type signFlags struct {
	key             string // the flag's name stands in keyFlag
	keystore, alias string
	agent           string
	cert            string
	passphrase      string

	keyFlag string
}

// register adds the flags to a verb; the key file's has a name of the verb's own.
func (f *signFlags) register(c *cobra.Command, keyFlag, keyUsage string) {
	f.keyFlag = "--" + keyFlag
	flags := c.Flags()
	flags.StringVar(&f.key, keyFlag, "", keyUsage)
	flags.StringVar(&f.keystore, "keystore", "", "sign with the key in this PKCS#12 keystore, and the certificates in it")
	flags.StringVar(&f.alias, "alias", "", "the key's name in the keystore, where there are several")
	flags.StringVar(&f.agent, "agent", "", "sign with a key of the ssh-agent at $SSH_AUTH_SOCK: its fingerprint (SHA256:...), comment, or public key file")
	flags.StringVar(&f.cert, "cert", "", "file with the certificate of the key (PEM), intermediates behind it")
	flags.StringVar(&f.passphrase, "passphrase-file", "", "file with the passphrase of an OpenSSH or OpenPGP key, or the password of the keystore (- is standard input)")
}

// given tells whether something is to be signed.
func (f *signFlags) given() bool { return f.key != "" || f.keystore != "" || f.agent != "" }

func (f *signFlags) check() error {
	n := 0
	for _, source := range []string{f.key, f.keystore, f.agent} {
		if source != "" {
			n++
		}
	}
	switch {
	case n > 1:
		return Usage("%s, --keystore and --agent exclude each other: one key signs", f.keyFlag)
	case f.alias != "" && f.keystore == "":
		return Usage("--alias names a key of a --keystore")
	case f.cert != "" && f.keystore != "":
		return Usage("--cert isn't for a keystore, which has the certificates of its key")
	case f.passphrase != "" && f.agent != "":
		return Usage("--passphrase-file isn't for --agent, which has opened its keys already")
	case n == 0 && (f.cert != "" || f.passphrase != ""):
		return Usage("there is no key to sign with: name it by %s, --keystore or --agent", f.keyFlag)
	}
	return nil
}

// signer returns who signs. Whoever calls it calls end, too, which is never nil.
func (s *session) signer(ctx context.Context, f *signFlags) (signer trust.SignerKey, end func(), err error) {
	end = func() {}
	if err := f.check(); err != nil {
		return nil, end, err
	}
	switch {
	case f.keystore != "":
		signer, err = s.keystoreSigner(f)
	case f.agent != "":
		return s.agentSigner(ctx, f)
	default:
		signer, err = s.fileSigner(f)
	}
	return signer, end, err
}

// fileSigner reads a key file, and its passphrase if there is one.
func (s *session) fileSigner(f *signFlags) (trust.SignerKey, error) {
	keyText, err := readBounded(f.key, maxKey)
	if err != nil {
		return nil, err
	}
	certText, err := f.certificates()
	if err != nil {
		return nil, err
	}
	if f.passphrase == "" {
		return trust.LoadSigner(keyText, certText)
	}
	secret, err := s.passphraseIn(f.passphrase)
	if err != nil {
		return nil, err
	}
	return trust.LoadSignerWithPassphrase(keyText, certText, secret)
}

func (f *signFlags) certificates() ([]byte, error) {
	if f.cert == "" {
		return nil, nil
	}
	return readBounded(f.cert, maxKey)
}

// passphraseIn reads a passphrase out of a file, or of standard input (-).
func (s *session) passphraseIn(file string) (secret []byte, err error) {
	if file == "-" {
		secret, err = s.readIn(maxKey)
	} else {
		secret, err = readBounded(file, maxKey)
	}
	return bytes.TrimRight(secret, "\r\n"), err
}

func (s *session) keystoreSigner(f *signFlags) (trust.SignerKey, error) {
	password, err := s.passwordOf(f)
	if err != nil {
		return nil, err
	}
	pair, err := pki.ReadKeystoreWith(f.keystore, password, pki.KeyChoice{Alias: f.alias})
	if err != nil {
		return nil, err
	}
	return trust.X509Signer(pair.Key, pki.EncodeCertsPEM(pair.Chain...))
}

// passwordOf gets a keystore's password: from the file, the environment, or a
// person. It never stands on the command line, which others see.
func (s *session) passwordOf(f *signFlags) (pki.Secret, error) {
	if f.passphrase != "" {
		secret, err := s.passphraseIn(f.passphrase)
		return pki.Secret(secret), err
	}
	if secret, ok := s.env[keystorePassword]; ok {
		return pki.Secret(secret), nil
	}
	in := bufio.NewReader(io.LimitReader(s.io.In, maxPassword))
	if terminal, ok := s.io.In.(*os.File); ok && isTerminal(s.io.In) {
		fmt.Fprintf(s.io.Err, "Password of %s: ", printable(f.keystore))
		password, err := hidden(terminal, in)
		fmt.Fprintln(s.io.Err)
		return pki.Secret(password), err
	}
	password, err := readLine(in)
	if err != nil {
		return "", Usage("the password of the keystore is missing: give it by --passphrase-file, %s, or as the first line of standard input", keystorePassword)
	}
	return pki.Secret(password), nil
}

// agentSigner signs with a key of an ssh-agent: as SSH does, or, with a
// certificate, raw.
func (s *session) agentSigner(ctx context.Context, f *signFlags) (signer trust.SignerKey, end func(), err error) {
	end = func() {}
	certText, err := f.certificates()
	if err != nil {
		return nil, end, err
	}
	name, err := agentKeyName(f.agent)
	if err != nil {
		return nil, end, err
	}
	agent, err := keyagent.Dial(ctx, s.env["SSH_AUTH_SOCK"])
	if err != nil {
		return nil, end, err
	}
	end = func() { _ = agent.Close() } // nothing was written that could be lost
	key, err := agent.Find(name)
	if err != nil {
		return nil, end, err
	}
	if certText == nil {
		signer, err = trust.SSHSignerOf(key, key.Comment())
		return signer, end, err
	}
	raw, err := key.Raw()
	if err != nil {
		return nil, end, err
	}
	signer, err = trust.X509Signer(raw, certText)
	return signer, end, err
}

// agentKeyName returns what names a key to an agent: of a file the public key line
// in it.
func agentKeyName(text string) (string, error) {
	if strings.HasPrefix(text, "SHA256:") {
		return text, nil
	}
	if !isFile(text) {
		return text, nil
	}
	line, err := readBounded(text, maxKey)
	if err != nil {
		return "", err
	}
	name := string(bytes.TrimSpace(line))
	if strings.HasPrefix(name, "-----BEGIN") {
		return "", Usage("%s is a private key: --agent wants the public one, which ssh-keygen has written beside it (.pub)", text)
	}
	return name, nil
}

func isFile(name string) bool {
	info, err := os.Stat(name)
	return err == nil && info.Mode().IsRegular()
}
