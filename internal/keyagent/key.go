package keyagent

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"encoding/asn1"
	"fmt"
	"io"
	"math/big"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"

	"github.com/signet-scheduler/signet/internal/fault"
)

// maxAgentMessage is what OpenSSH's agent takes of one request, in bytes.
const maxAgentMessage = 256 << 10

// PublicKey implements ssh.Signer.
func (k *Key) PublicKey() ssh.PublicKey { return k.public }

// Sign implements ssh.Signer.
func (k *Key) Sign(_ io.Reader, data []byte) (*ssh.Signature, error) { return k.sign(data, 0) }

// SignWithAlgorithm implements ssh.AlgorithmSigner.
func (k *Key) SignWithAlgorithm(_ io.Reader, data []byte, algorithm string) (*ssh.Signature, error) {
	switch algorithm {
	case "", k.public.Type():
		return k.sign(data, 0)
	case ssh.KeyAlgoRSASHA256:
		return k.sign(data, agent.SignatureFlagRsaSha256)
	case ssh.KeyAlgoRSASHA512:
		return k.sign(data, agent.SignatureFlagRsaSha512)
	}
	return nil, refused(nil, "a key of type %s doesn't sign by %s", k.public.Type(), algorithm)
}

func (k *Key) sign(data []byte, flags agent.SignatureFlags) (*ssh.Signature, error) {
	if err := k.agent.within(signWithin); err != nil {
		return nil, unavailable(err)
	}
	sig, err := k.agent.client.SignWithFlags(k.public, data, flags)
	if err != nil {
		why := err.Error()
		if len(data) > maxAgentMessage-4096 {
			why += fmt.Sprintf("; it takes about %d bytes at most, and this is a raw signature over %d: sign without a certificate (SSH), or with a key file", maxAgentMessage, len(data))
		}
		return nil, refused(err, "the ssh-agent doesn't sign with the key %s: %s", k.Fingerprint(), why)
	}
	return sig, nil
}

func refused(cause error, format string, args ...any) error {
	return fault.Wrap(fault.Invalid, "UnusableSigningKey", cause, format, args...)
}

// Raw returns the key as one for raw signatures, which crypto.SignMessage makes.
// Keys of security keys can't make any: they sign more than what they are given.
func (k *Key) Raw() (crypto.Signer, error) {
	known, ok := k.public.(ssh.CryptoPublicKey)
	if !ok {
		return nil, refused(nil, "a key of type %s makes no raw signatures", k.public.Type())
	}
	public := known.CryptoPublicKey()
	switch k.public.Type() {
	case ssh.KeyAlgoRSA, ssh.KeyAlgoED25519, ssh.KeyAlgoECDSA256:
		return &rawKey{key: k, public: public}, nil
	case ssh.KeyAlgoECDSA384:
		return nil, refused(nil, "an ssh-agent signs with SHA-384 for P-384, but raw signatures are made with SHA-256 or SHA-512: use a P-256, RSA or Ed25519 key, or sign without a certificate (SSH)")
	}
	return nil, refused(nil, "a key of type %s makes no raw signatures; sign without a certificate (SSH)", k.public.Type())
}

// rawKey makes raw signatures: ECDSA as DER, RSA PKCS #1 v1.5, Ed25519.
type rawKey struct {
	key    *Key
	public crypto.PublicKey
}

// Public implements crypto.Signer.
func (r *rawKey) Public() crypto.PublicKey { return r.public }

// Sign implements crypto.Signer, but for one thing: an agent hashes itself.
func (r *rawKey) Sign(io.Reader, []byte, crypto.SignerOpts) ([]byte, error) {
	return nil, refused(nil, "an ssh-agent signs messages, not digests")
}

// SignMessage implements crypto.MessageSigner.
func (r *rawKey) SignMessage(_ io.Reader, message []byte, opts crypto.SignerOpts) ([]byte, error) {
	algorithm, hash := r.key.public.Type(), opts.HashFunc()
	switch r.public.(type) {
	case *rsa.PublicKey:
		algorithm = map[crypto.Hash]string{crypto.SHA256: ssh.KeyAlgoRSASHA256, crypto.SHA512: ssh.KeyAlgoRSASHA512}[hash]
	case *ecdsa.PublicKey:
		if hash != crypto.SHA256 {
			algorithm = ""
		}
	case ed25519.PublicKey:
		if hash != 0 {
			algorithm = ""
		}
	}
	if algorithm == "" {
		return nil, refused(nil, "an ssh-agent doesn't sign by %s with a key of type %s", hash, r.key.public.Type())
	}
	sig, err := r.key.SignWithAlgorithm(nil, message, algorithm)
	if err != nil {
		return nil, err
	}
	if sig.Format != algorithm || len(sig.Rest) > 0 {
		return nil, refused(nil, "the ssh-agent was asked for a signature %s, and made one of form %q", algorithm, sig.Format)
	}
	switch pub := r.public.(type) {
	case *rsa.PublicKey:
		// Agents may leave zeros out at the front.
		return append(make([]byte, max(0, pub.Size()-len(sig.Blob))), sig.Blob...), nil
	case *ecdsa.PublicKey:
		var numbers struct{ R, S *big.Int }
		if err := ssh.Unmarshal(sig.Blob, &numbers); err != nil {
			return nil, refused(err, "the ssh-agent's signature is damaged")
		}
		return asn1.Marshal(numbers)
	}
	return sig.Blob, nil
}
