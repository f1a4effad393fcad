package pki

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"

	"github.com/signet-scheduler/signet/internal/fault"
)

// KeyAlgorithm names a kind of key with its size. The zero value means
// ECDSAP256.
type KeyAlgorithm string

// The kinds of keys that Signet makes.
const (
	ECDSAP256 KeyAlgorithm = "ecdsa-p256"
	ECDSAP384 KeyAlgorithm = "ecdsa-p384"
	Ed25519   KeyAlgorithm = "ed25519"
	RSA3072   KeyAlgorithm = "rsa-3072"
	RSA4096   KeyAlgorithm = "rsa-4096"
)

// NewKey makes a private key from the system's random source.
func NewKey(a KeyAlgorithm) (crypto.Signer, error) {
	switch a {
	case "", ECDSAP256:
		return ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case ECDSAP384:
		return ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	case Ed25519:
		_, key, err := ed25519.GenerateKey(rand.Reader)
		return key, err
	case RSA3072:
		return rsa.GenerateKey(rand.Reader, 3072)
	case RSA4096:
		return rsa.GenerateKey(rand.Reader, 4096)
	}
	return nil, fault.New(fault.Invalid, "UnknownKeyAlgorithm",
		"%q is no key algorithm: use %s, %s, %s, %s or %s", clip(string(a)), ECDSAP256, ECDSAP384, Ed25519, RSA3072, RSA4096)
}

// The bounds on RSA keys in presented certificates. The lower one admits the
// smart cards and company authorities of today; what Signet makes has 3072 bits.
// The upper one keeps a stranger from making us compute.
const (
	minRSABits  = 2048
	maxRSABits  = 8192
	minRSAPower = 65537
)

// CheckKey returns an Untrusted fault unless pub is strong enough to be relied
// on: ECDSA on P-256, P-384 or P-521, Ed25519, or RSA of 2048 to 8192 bits with
// an exponent of at least 65537.
func CheckKey(pub crypto.PublicKey) error {
	switch k := pub.(type) {
	case *ecdsa.PublicKey:
		switch k.Curve {
		case elliptic.P256(), elliptic.P384(), elliptic.P521():
			return nil
		}
		return fault.New(fault.Untrusted, "WeakKey", "the key's curve %s is not among P-256, P-384 and P-521", k.Params().Name)
	case ed25519.PublicKey:
		if len(k) == ed25519.PublicKeySize {
			return nil
		}
	case *rsa.PublicKey:
		bits := k.N.BitLen()
		if bits < minRSABits || bits > maxRSABits {
			return fault.New(fault.Untrusted, "WeakKey", "the RSA key has %d bits; %d to %d are accepted", bits, minRSABits, maxRSABits)
		}
		if k.E < minRSAPower || k.E%2 == 0 {
			return fault.New(fault.Untrusted, "WeakKey", "the RSA key's exponent %d is not an odd number from %d on", k.E, minRSAPower)
		}
		return nil
	}
	return fault.New(fault.Untrusted, "WeakKey", "a key of type %T is not accepted: use ECDSA, Ed25519 or RSA", pub)
}

// samePublicKey tells whether two public keys are equal.
func samePublicKey(a, b crypto.PublicKey) bool {
	k, ok := a.(interface{ Equal(crypto.PublicKey) bool })
	return ok && k.Equal(b)
}
