package trust

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	_ "crypto/sha512" // SHA-384 and SHA-512 for crypto.Hash
	"fmt"
	"math/big"
	"slices"

	"github.com/signet-scheduler/signet/internal/fault"
)

// The sizes of RSA keys.
const (
	DefaultRSABits = 3072 // the smallest RSA modulus by default
	LowestRSABits  = 2048 // the smallest that a policy can allow
	maxRSABits     = 8192 // bounds the cost of one verification
)

// Policy says what keys are strong enough. The zero value is the default.
type Policy struct {
	// MinRSABits is the smallest RSA modulus in bits, for signers and for the
	// CAs above them: 0 means DefaultRSABits, below LowestRSABits is an error.
	MinRSABits int
	// TellRevoked has Verify tell of a revocation that leaves earlier signatures good
	// (Signer.Revoked), instead of refusing. Only for a caller that knows when the
	// document came, and refuses by that.
	TellRevoked bool
}

// check returns the policy with its defaults filled in.
func (p Policy) check() (Policy, error) {
	if p.MinRSABits == 0 {
		p.MinRSABits = DefaultRSABits
	}
	if p.MinRSABits < LowestRSABits || p.MinRSABits > maxRSABits {
		return p, fault.New(fault.Invalid, "InvalidPolicy", "the smallest RSA key must be between %d and %d bits, not %d", LowestRSABits, maxRSABits, p.MinRSABits)
	}
	return p, nil
}

// checkKey refuses keys that are too weak to be believed, whoever owns them.
// The name is for the message.
func (p Policy) checkKey(pub crypto.PublicKey, name string) *fault.Error {
	if why := p.weakness(pub); why != "" {
		return refuse(CodeWeakKey, "the key of %s is refused: %s", printable(name), why)
	}
	return nil
}

// weakness says why a key is too weak; "" means it is strong enough.
func (p Policy) weakness(pub crypto.PublicKey) string {
	switch key := pub.(type) {
	case *rsa.PublicKey:
		return p.rsaWeakness(key)
	case *ecdsa.PublicKey:
		if key.Curve != elliptic.P256() && key.Curve != elliptic.P384() {
			return fmt.Sprintf("its curve is %s; P-256 and P-384 are accepted", key.Curve.Params().Name)
		}
		return ""
	case ed25519.PublicKey:
		return ed25519Weakness(key)
	default:
		return "its algorithm isn't RSA, ECDSA on P-256 or P-384, or Ed25519"
	}
}

func (p Policy) rsaWeakness(key *rsa.PublicKey) string {
	switch bits := key.N.BitLen(); {
	case bits < p.MinRSABits:
		return fmt.Sprintf("RSA with %d bits; at least %d are needed", bits, p.MinRSABits)
	case bits > maxRSABits:
		return fmt.Sprintf("RSA with %d bits; at most %d are accepted", bits, maxRSABits)
	case key.E < 65537 || key.E%2 == 0:
		return fmt.Sprintf("its RSA exponent is %d; it must be odd and at least 65537", key.E)
	case key.N.Bit(0) == 0:
		return "its RSA modulus is even"
	}
	return ""
}

// fieldPrime is the prime 2^255-19 of Ed25519's field.
func fieldPrime() *big.Int {
	p := new(big.Int).Lsh(big.NewInt(1), 255)
	return p.Sub(p, big.NewInt(19))
}

// ed25519Order8 is the y coordinate of two of the four points of order 8,
// little-endian; the other two have the negative of it.
var ed25519Order8 = [32]byte{
	0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98, 0xf0,
	0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53, 0xfc, 0x05,
}

// ed25519Weakness refuses the eight points of small order, for which anybody can
// make signatures, and spellings of points that aren't the canonical one. The
// order of a point depends on its y coordinate only.
func ed25519Weakness(key ed25519.PublicKey) string {
	if len(key) != ed25519.PublicKeySize {
		return "it isn't an Ed25519 key of 32 bytes"
	}
	p := fieldPrime()
	y := littleEndian(key)
	y.SetBit(y, 255, 0)
	if y.Cmp(p) >= 0 {
		return "its Ed25519 point isn't in canonical form"
	}
	order8 := littleEndian(ed25519Order8[:])
	for _, small := range []*big.Int{
		big.NewInt(0), big.NewInt(1), new(big.Int).Sub(p, big.NewInt(1)),
		order8, new(big.Int).Sub(p, order8),
	} {
		if y.Cmp(small) == 0 {
			return "its Ed25519 point has a small order"
		}
	}
	return ""
}

func littleEndian(b []byte) *big.Int {
	turned := slices.Clone(b)
	slices.Reverse(turned)
	return new(big.Int).SetBytes(turned)
}

// verifyRaw tells whether sig is a raw signature (ECDSA in minimal DER, RSA
// PKCS #1 v1.5 of the modulus' length, Ed25519 over the document itself) of doc
// by pub. The key decides the algorithm. For ECDSA and RSA the hash is SHA-256
// or SHA-512; since nothing states which, both are tried.
func verifyRaw(pub crypto.PublicKey, doc, sig []byte) bool {
	switch key := pub.(type) {
	case ed25519.PublicKey:
		return ed25519.Verify(key, doc, sig)
	case *ecdsa.PublicKey:
		return ecdsa.VerifyASN1(key, digestOf(crypto.SHA256, doc), sig) || ecdsa.VerifyASN1(key, digestOf(crypto.SHA512, doc), sig)
	case *rsa.PublicKey:
		return verifyRSA(key, crypto.SHA256, digestOf(crypto.SHA256, doc), sig) || verifyRSA(key, crypto.SHA512, digestOf(crypto.SHA512, doc), sig)
	default:
		return false
	}
}

// verifyRSA tells whether sig is the one PKCS #1 v1.5 signature of that digest.
// The standard library demands sig to be as long as the modulus and below it.
func verifyRSA(key *rsa.PublicKey, hash crypto.Hash, digest, sig []byte) bool {
	return rsa.VerifyPKCS1v15(key, hash, digest, sig) == nil
}

// digestOf returns the hash of the parts one after the other.
func digestOf(hash crypto.Hash, parts ...[]byte) []byte {
	h := hash.New()
	for _, part := range parts {
		h.Write(part)
	}
	return h.Sum(nil)
}
