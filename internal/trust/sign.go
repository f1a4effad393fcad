package trust

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"strings"

	"github.com/signet-scheduler/signet/internal/fault"
)

// SignerKey makes evidence. Implementations are safe for concurrent use.
type SignerKey interface {
	// Sign returns canonical evidence over the exact bytes of doc.
	Sign(doc []byte) (Evidence, error)
	// Name tells people whose key it is.
	Name() string
	// Kind is the kind of the evidence, and KeyID identifies the key as Signer does.
	Kind() Kind
	KeyID() string
}

// selfVerifier is a SignerKey that knows its public part.
type selfVerifier interface {
	// ours tells whether ev is a signature over doc by this very key.
	ours(doc []byte, ev Evidence) bool
	// claims tells whether ev says to be by this key, whatever it is over.
	claims(ev Evidence) bool
}

// SameKey tells whether evidence is by this key, as far as can be told: it is a
// signature over doc by it, or says to be by it, of another text.
func SameKey(key SignerKey, doc []byte, ev Evidence) bool {
	v, ok := key.(selfVerifier)
	return ok && ev.Kind == key.Kind() && (v.ours(doc, ev) || v.claims(ev))
}

// SignChecked signs, and verifies what came out with the public part of the key
// before it returns it. A device, an agent or a machine that computes wrongly
// must not leave a signature behind that others refuse later, or that tells
// something of the key.
func SignChecked(key SignerKey, doc []byte) (Evidence, error) {
	ev, err := key.Sign(doc)
	if err != nil {
		return Evidence{}, err
	}
	if v, ok := key.(selfVerifier); !ok || !v.ours(doc, ev) {
		return Evidence{}, unusableKey(nil, "the signature that the key of %s has made isn't valid; nothing was written", key.Name())
	}
	return ev, nil
}

// unusableKey is the error of a private key or certificate that can't sign.
func unusableKey(cause error, format string, args ...any) *fault.Error {
	return fault.Wrap(fault.Invalid, "UnusableSigningKey", cause, format, args...)
}

// x509Signer signs with a key that has, or whose verifiers have, a certificate.
type x509Signer struct {
	key          crypto.Signer
	name         string
	certificates []byte
}

// X509Signer returns a signer for a private key and the PEM of its certificate,
// followed by the intermediates. Without certificates (nil) the machines that
// verify must trust the signer's own certificate. A certificate of another key,
// or one that no machine would accept for signing, is refused.
//
// ECDSA signs SHA-256 with P-256 and SHA-512 with P-384, RSA signs SHA-512 with
// PKCS #1 v1.5, Ed25519 signs the document itself.
func X509Signer(key crypto.Signer, chainPEM []byte) (SignerKey, error) {
	// A key that not even the most tolerant policy takes is of no use.
	if why := (Policy{MinRSABits: LowestRSABits}).weakness(key.Public()); why != "" {
		return nil, unusableKey(nil, "the signing key is refused: %s", why)
	}
	if len(chainPEM) == 0 {
		return &x509Signer{key: key, name: "a key without certificate"}, nil
	}
	text, err := certificatesFromFile(chainPEM)
	if err != nil {
		return nil, err
	}
	certs, fail := parseCertificates(text)
	if fail != nil {
		return nil, fail
	}
	leaf := certs[0]
	if pub, ok := leaf.PublicKey.(interface{ Equal(crypto.PublicKey) bool }); !ok || !pub.Equal(key.Public()) {
		return nil, unusableKey(nil, "the first certificate, of %s, belongs to another key", printable(leaf.Subject.String()))
	}
	if fail := checkSigningUsage(leaf); fail != nil {
		return nil, fail
	}
	name, err := certificateName(leaf)
	if err != nil {
		return nil, unusableKey(nil, "the signer's certificate is refused: %s", err)
	}
	return &x509Signer{key: key, name: name, certificates: text}, nil
}

func (s *x509Signer) Name() string { return s.name }

func (*x509Signer) Kind() Kind { return X509 }

func (s *x509Signer) KeyID() string {
	spki, err := x509.MarshalPKIXPublicKey(s.key.Public())
	if err != nil {
		return "" // of no key that is accepted
	}
	return keyIDOf(spki)
}

// keyIDOf identifies a public key, given as SubjectPublicKeyInfo.
func keyIDOf(spki []byte) string {
	sum := sha256.Sum256(spki)
	return hex.EncodeToString(sum[:])
}

func (s *x509Signer) Sign(doc []byte) (Evidence, error) {
	hash := crypto.Hash(0)
	switch pub := s.key.Public().(type) {
	case *rsa.PublicKey:
		hash = crypto.SHA512
	case *ecdsa.PublicKey:
		hash = crypto.SHA512
		if pub.Params().BitSize == 256 {
			hash = crypto.SHA256
		}
	}
	// A key that is elsewhere may want the document and hash itself.
	sig, err := crypto.SignMessage(s.key, rand.Reader, doc, hash)
	if err != nil {
		return Evidence{}, fmt.Errorf("signing with the key of %s: %w", s.name, err)
	}
	return Evidence{Kind: X509, Signature: sig, Certificates: bytes.Clone(s.certificates)}, nil
}

func (s *x509Signer) ours(doc []byte, ev Evidence) bool {
	return ev.checkForm() == nil && verifyRaw(s.key.Public(), doc, ev.Signature)
}

func (s *x509Signer) claims(ev Evidence) bool {
	certs, err := decodeCertificatePEM(ev.Certificates)
	if err != nil || len(certs) == 0 {
		return false
	}
	cert, err := x509.ParseCertificate(certs[0])
	return err == nil && keyIDOf(cert.RawSubjectPublicKeyInfo) == s.KeyID()
}

// LoadSigner makes a signer of key files: a private key in PEM (PKCS #8, SEC 1,
// PKCS #1) with its certificates, an OpenSSH private key, or an armoured OpenPGP
// private key. The latter two have no certificates. The key must not be
// protected by a passphrase; see LoadSignerWithPassphrase.
func LoadSigner(keyPEM, certPEM []byte) (SignerKey, error) {
	return LoadSignerWithPassphrase(keyPEM, certPEM, nil)
}

// LoadSignerWithPassphrase is LoadSigner for OpenSSH and OpenPGP keys that are
// protected by a passphrase; PEM keys must be stored without one.
func LoadSignerWithPassphrase(key, certPEM, passphrase []byte) (SignerKey, error) {
	text := string(bytes.TrimSpace(key))
	kind := "X509"
	switch {
	case strings.HasPrefix(text, "-----BEGIN PGP PRIVATE KEY BLOCK-----"):
		kind = "PGP"
	case strings.HasPrefix(text, "-----BEGIN OPENSSH PRIVATE KEY-----"):
		kind = "SSH"
	}
	if kind != "X509" && len(certPEM) > 0 {
		return nil, unusableKey(nil, "a private key of kind %s has no certificates", kind)
	}
	switch kind {
	case "PGP":
		return PGPSigner(key, passphrase)
	case "SSH":
		return SSHSignerWithPassphrase(key, passphrase)
	}
	private, err := parsePrivateKey(key)
	if err != nil {
		return nil, unusableKey(nil, "the private key can't be used: %s", err)
	}
	return X509Signer(private, certPEM)
}

// parsePrivateKey reads the first private key of a PEM text; the curve parameters
// that openssl writes before an EC key are skipped.
func parsePrivateKey(text []byte) (crypto.Signer, error) {
	block, rest := pem.Decode(text)
	if block != nil && block.Type == "EC PARAMETERS" {
		block, _ = pem.Decode(rest)
	}
	if block == nil {
		return nil, fmt.Errorf("it isn't in PEM form, nor an OpenSSH or OpenPGP private key")
	}
	if block.Type == "ENCRYPTED PRIVATE KEY" || block.Headers["DEK-Info"] != "" {
		return nil, fmt.Errorf("it is protected by a passphrase; write it without one by `openssl pkcs8 -topk8 -nocrypt`")
	}
	var key any
	var err error
	switch block.Type {
	case "PRIVATE KEY":
		key, err = x509.ParsePKCS8PrivateKey(block.Bytes)
	case "EC PRIVATE KEY":
		key, err = x509.ParseECPrivateKey(block.Bytes)
	case "RSA PRIVATE KEY":
		key, err = x509.ParsePKCS1PrivateKey(block.Bytes)
	default:
		return nil, fmt.Errorf("it is a PEM block %q, not a private key", printable(block.Type))
	}
	if err != nil {
		return nil, fmt.Errorf("it is damaged: %w", err)
	}
	switch key := key.(type) {
	case *rsa.PrivateKey:
		return key, nil
	case *ecdsa.PrivateKey:
		return key, nil
	case ed25519.PrivateKey:
		return key, nil
	default:
		return nil, fmt.Errorf("its algorithm can't sign")
	}
}
