package trust

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"encoding/hex"
	"errors"
	"math/big"
	"time"

	"github.com/signet-scheduler/signet/internal/fault"
)

// pgpKey is one trusted OpenPGP key with its subkeys.
type pgpKey struct {
	name        string // of its main user id
	keyID       string
	created     time.Time
	self        pgpCertification // of its main user id
	revoked     bool             // the whole key
	nameRevoked bool             // every user id
	signing     []*pgpSigningKey
}

// pgpSigningKey is a primary key or subkey whose algorithm can sign.
type pgpSigningKey struct {
	owner       *pgpKey
	pub         crypto.PublicKey
	algorithm   byte
	fingerprint []byte
	created     time.Time
	subkey      bool
	revoked     bool              // the subkey
	binding     pgpCertification  // of a subkey by its primary key
	backBinding *pgpCertification // of the primary key by a signing subkey
}

// pgpCertification is what a signature inside a key says about the key.
type pgpCertification struct {
	hash     crypto.Hash
	signs    bool      // the key is marked for signing
	until    time.Time // end of the certification itself, zero for none
	keyUntil time.Time // end of the key that it certifies, zero for none
}

func (c pgpCertification) strong() bool {
	return c.hash == crypto.SHA256 || c.hash == crypto.SHA384 || c.hash == crypto.SHA512
}

// past tells whether an end was stated and has passed.
func past(end, now time.Time) bool { return !end.IsZero() && now.After(end) }

// pgpClockSkew is how far in the future a signature's own time may lie.
const pgpClockSkew = 10 * time.Minute

// verifyPGP verifies an OpenPGP signature by one of the trusted keys.
func (s *Set) verifyPGP(doc []byte, ev Evidence, now time.Time) (Signer, *fault.Error) {
	sig, err := parsePGPEvidence(ev.Signature)
	if err != nil {
		return Signer{}, refuse(CodeMalformedSignature, "the OpenPGP signature can't be used: %s", err)
	}
	if sig.sigType != pgpTypeBinary {
		return Signer{}, refuse(CodeMalformedSignature, "the OpenPGP signature is of type 0x%02x; only signatures of exact bytes are accepted (0x00, as `gpg --detach-sign` makes them)", sig.sigType)
	}
	hash, ok := sig.hash()
	if !ok {
		return Signer{}, refuse(CodeWeakHash, "the OpenPGP signature uses hash algorithm %d; SHA-256, SHA-384 and SHA-512 are accepted", sig.hashID)
	}
	digest := sig.digest(hash, doc)
	refused := refuse(CodeUnknownSigner, "the OpenPGP key that made the signature, %s, isn't trusted here", sig.issuerText())
	for _, key := range s.pgp {
		if !key.named(sig) {
			continue
		}
		// Two keys can have one key id: the one that made the signature counts.
		if key.verify(sig, hash, digest) {
			if err := key.check(s.policy, sig, now); err != nil {
				return Signer{}, err
			}
			return Signer{Kind: PGP, Name: key.owner.name, KeyID: key.owner.keyID}, nil
		}
		refused = refuse(CodeSignatureInvalid, "the signature isn't one over this document by %s: the document was changed, or another key signed it", key.owner.name)
	}
	return Signer{}, refused
}

// parsePGPEvidence reads the armoured text of evidence, which must be canonical.
func parsePGPEvidence(text []byte) (*pgpSignature, error) {
	packets, err := decodePGPArmour(text)
	if err != nil {
		return nil, err
	}
	body, err := onePacket(packets)
	if err != nil {
		return nil, err
	}
	if !bytes.Equal(encodePGPArmour(framePacket(body)), text) {
		return nil, errors.New("its text isn't in canonical form (no headers, lines of 64 characters, old packet format)")
	}
	return parsePGPSignature(body)
}

// issuerText names the key that the signature says has made it.
func (sig *pgpSignature) issuerText() string {
	if sig.fingerprint != nil {
		return hex.EncodeToString(sig.fingerprint)
	}
	return hex.EncodeToString(sig.issuer)
}

// named tells whether everything that the signature says about its issuer fits
// this key.
func (k *pgpSigningKey) named(sig *pgpSignature) bool {
	return (sig.fingerprint == nil || bytes.Equal(sig.fingerprint, k.fingerprint)) &&
		(sig.issuer == nil || bytes.Equal(sig.issuer, k.fingerprint[len(k.fingerprint)-8:]))
}

// verify verifies the numbers of the signature; the key decides the algorithm.
func (k *pgpSigningKey) verify(sig *pgpSignature, hash crypto.Hash, digest []byte) bool {
	if sig.algorithm != k.algorithm || !bytes.Equal(digest[:2], sig.hashStart[:]) {
		return false
	}
	switch pub := k.pub.(type) {
	case *rsa.PublicKey:
		return verifyRSA(pub, hash, digest, leftPad(sig.numbers[0], pub.Size()))
	case *ecdsa.PublicKey:
		r, s := new(big.Int).SetBytes(sig.numbers[0]), new(big.Int).SetBytes(sig.numbers[1])
		return ecdsa.Verify(pub, digest, r, s)
	case ed25519.PublicKey:
		raw := sig.native
		if sig.algorithm == pgpEdDSA {
			raw = append(leftPad(sig.numbers[0], 32), leftPad(sig.numbers[1], 32)...)
		}
		return ed25519.Verify(pub, digest, raw)
	default:
		return false
	}
}

// leftPad returns number with zeros before it, at least size bytes long.
func leftPad(number []byte, size int) []byte {
	return append(make([]byte, max(0, size-len(number))), number...)
}

// check decides whether a key that made a signature was allowed to.
func (k *pgpSigningKey) check(p Policy, sig *pgpSignature, now time.Time) *fault.Error {
	if err := p.checkKey(k.pub, k.owner.name); err != nil {
		return err
	}
	if err := k.owner.checkPrimary(now); err != nil {
		return err
	}
	if err := k.checkUsage(now); err != nil {
		return err
	}
	return k.checkTimes(sig, now)
}

// checkPrimary checks the primary key, which must be good whichever subkey signs.
func (k *pgpKey) checkPrimary(now time.Time) *fault.Error {
	switch {
	case k.revoked:
		return refuse(CodeRevokedSigner, "the OpenPGP key of %s was revoked by its owner", k.name)
	case k.nameRevoked:
		return refuse(CodeRevokedSigner, "the user id %s was revoked by the key's owner", k.name)
	case !k.self.strong():
		return refuse(CodeWeakHash, "the OpenPGP key of %s certifies itself with %s; let gpg sign it again with SHA-256 or better", k.name, k.self.hash)
	case past(k.self.until, now):
		return refuse(CodeSignerExpired, "the self-signature of the OpenPGP key of %s has expired", k.name)
	case past(k.self.keyUntil, now):
		return refuse(CodeSignerExpired, "the OpenPGP key of %s expired at %s", k.name, k.self.keyUntil.UTC().Format(time.RFC3339))
	}
	return nil
}

// checkUsage checks that the signing key says that it is for signing, and, for a
// subkey, that both keys say that they belong together.
func (k *pgpSigningKey) checkUsage(now time.Time) *fault.Error {
	name := k.owner.name
	if !k.subkey {
		if !k.owner.self.signs {
			return refuse(CodeSignerNotAllowed, "the OpenPGP key of %s isn't marked for signing", name)
		}
		return nil
	}
	switch {
	case k.revoked:
		return refuse(CodeRevokedSigner, "the OpenPGP subkey of %s that signed was revoked by its owner", name)
	case !k.binding.signs:
		return refuse(CodeSignerNotAllowed, "the OpenPGP subkey of %s that signed isn't marked for signing", name)
	case k.backBinding == nil:
		return refuse(CodeSignerNotAllowed, "the OpenPGP subkey of %s doesn't say itself that it belongs to the key", name)
	case !k.binding.strong() || !k.backBinding.strong():
		return refuse(CodeWeakHash, "the OpenPGP subkey of %s is bound with a hash below SHA-256; let gpg sign it again", name)
	case past(k.binding.until, now) || past(k.backBinding.until, now):
		return refuse(CodeSignerExpired, "the binding of the OpenPGP subkey of %s has expired", name)
	case past(k.binding.keyUntil, now):
		return refuse(CodeSignerExpired, "the OpenPGP subkey of %s expired at %s", name, k.binding.keyUntil.UTC().Format(time.RFC3339))
	}
	return nil
}

// checkTimes checks the times that the signature itself states.
func (k *pgpSigningKey) checkTimes(sig *pgpSignature, now time.Time) *fault.Error {
	switch name := k.owner.name; {
	case sig.created.After(now.Add(pgpClockSkew)):
		return refuse(CodeSignatureNotYetValid, "the signature by %s says that it was made at %s, which is in the future", name, sig.created.UTC().Format(time.RFC3339))
	case sig.created.Before(k.created) || sig.created.Before(k.owner.created):
		return refuse(CodeSignerNotYetValid, "the signature by %s says that it was made before the key was", name)
	case sig.lifetime > 0 && now.After(sig.created.Add(sig.lifetime)):
		return refuse(CodeSignatureExpired, "the signature by %s expired at %s", name, sig.created.Add(sig.lifetime).UTC().Format(time.RFC3339))
	}
	return nil
}
