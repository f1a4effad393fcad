package trust

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/crypto/ssh"
)

// sshSigner signs as ssh-keygen -Y sign does.
type sshSigner struct {
	signer ssh.Signer
	key    *sshKey
	name   string
}

// SSHSigner returns a signer for an OpenSSH private key without passphrase.
func SSHSigner(key []byte) (SignerKey, error) { return SSHSignerWithPassphrase(key, nil) }

// SSHSignerWithPassphrase is SSHSigner for a key that a passphrase protects.
func SSHSignerWithPassphrase(key, passphrase []byte) (SignerKey, error) {
	signer, err := ssh.ParsePrivateKey(key)
	if _, protected := errors.AsType[*ssh.PassphraseMissingError](err); protected {
		if len(passphrase) == 0 {
			return nil, unusableKey(err, "the SSH private key is protected by a passphrase")
		}
		signer, err = ssh.ParsePrivateKeyWithPassphrase(key, passphrase)
	}
	if err != nil {
		return nil, unusableKey(err, "the SSH private key can't be used")
	}
	return SSHSignerOf(signer, "")
}

// SSHSignerOf returns a signer for a key that is elsewhere, in an agent or a
// device. The comment is for people and may be empty.
func SSHSignerOf(signer ssh.Signer, comment string) (SignerKey, error) {
	parsed, err := parseSSHKey(signer.PublicKey().Marshal())
	if err != nil {
		return nil, unusableKey(nil, "the SSH private key can't be used: %s", err)
	}
	if why := (Policy{MinRSABits: LowestRSABits}).weakness(parsed.pub); why != "" {
		return nil, unusableKey(nil, "the SSH private key is refused: %s", why)
	}
	name := printable(strings.TrimSpace(comment))
	if name == "" {
		name = "SSH key " + parsed.keyID[:16]
	}
	return &sshSigner{signer: signer, key: parsed, name: name}, nil
}

// Name returns the comment, else the key's id: a private key's file has none.
func (s *sshSigner) Name() string { return s.name }

// Kind implements SignerKey.
func (*sshSigner) Kind() Kind { return SSH }

// KeyID implements SignerKey.
func (s *sshSigner) KeyID() string { return s.key.keyID }

func (s *sshSigner) Sign(doc []byte) (Evidence, error) {
	const hashName = "sha512"
	text := sshSignedText(sshNamespace, hashName, digestOf(crypto.SHA512, doc))
	sig, err := s.signText(text)
	if err != nil {
		return Evidence{}, fmt.Errorf("signing with %s: %w", s.Name(), err)
	}
	inner := appendSSHString(nil, []byte(sig.Format))
	inner = appendSSHString(inner, sig.Blob)
	inner = append(inner, sig.Rest...) // flags and counter of a security key
	blob := append([]byte(sshMagic), 0, 0, 0, sshVersion)
	for _, field := range [][]byte{s.signer.PublicKey().Marshal(), []byte(sshNamespace), nil, []byte(hashName), inner} {
		blob = appendSSHString(blob, field)
	}
	return Evidence{Kind: SSH, Signature: encodeSSHArmour(blob)}, nil
}

// signText signs with the strongest format of the key. Without naming one, RSA
// would sign with SHA-1.
func (s *sshSigner) signText(text []byte) (*ssh.Signature, error) {
	if _, ok := s.key.pub.(*rsa.PublicKey); !ok {
		return s.signer.Sign(rand.Reader, text)
	}
	signer, ok := s.signer.(ssh.AlgorithmSigner)
	if !ok {
		return nil, errors.New("its RSA key can't sign with SHA-512")
	}
	return signer.SignWithAlgorithm(rand.Reader, text, sshRSA512)
}

func (s *sshSigner) ours(doc []byte, ev Evidence) bool {
	own := &Set{policy: Policy{MinRSABits: LowestRSABits}, ssh: map[string]*sshKey{string(s.signer.PublicKey().Marshal()): s.key}}
	_, err := own.verifySSH(doc, ev, sshNamespace)
	return err == nil
}

func (s *sshSigner) claims(ev Evidence) bool {
	blob, err := decodeSSHArmour(ev.Signature)
	if err != nil {
		return false
	}
	sig, err := parseSSHSignature(blob, sshNamespace)
	return err == nil && bytes.Equal(sig.publicKey, s.signer.PublicKey().Marshal())
}
