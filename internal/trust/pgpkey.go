package trust

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp"
	"github.com/ProtonMail/go-crypto/openpgp/armor"
	pgpecdsa "github.com/ProtonMail/go-crypto/openpgp/ecdsa"
	pgped25519 "github.com/ProtonMail/go-crypto/openpgp/ed25519"
	"github.com/ProtonMail/go-crypto/openpgp/eddsa"
	"github.com/ProtonMail/go-crypto/openpgp/packet"
)

// readPGPFile reads a trust file: armoured public keys.
func readPGPFile(content []byte) ([]anchor, error) {
	block, err := armor.Decode(bytes.NewReader(content))
	if err != nil {
		return nil, fmt.Errorf("it isn't an armoured OpenPGP key: %w", err)
	}
	if block.Type != openpgp.PublicKeyType {
		return nil, fmt.Errorf("it holds a block %q; only public keys belong here (gpg --armor --export)", printable(block.Type))
	}
	data, err := io.ReadAll(block.Body)
	if err != nil {
		return nil, fmt.Errorf("its armour is damaged: %w", err)
	}
	parts, err := splitKeys(data)
	if err != nil {
		return nil, err
	}
	var anchors []anchor
	for i, part := range parts {
		key, err := readPGPKey(part)
		if err != nil {
			return nil, fmt.Errorf("key %d: %w", i+1, err)
		}
		anchors = append(anchors, anchor{raw: part, pgp: key, info: SignerInfo{
			Kind: PGP, Name: key.name, KeyID: key.keyID, NotBefore: key.created, NotAfter: key.self.keyUntil,
		}})
	}
	return anchors, nil
}

// splitKeys cuts a key ring into its keys, since the library would leave out
// keys that it can't read without a word.
func splitKeys(data []byte) ([][]byte, error) {
	const tagPublicKey = 6
	var parts [][]byte
	for rest := data; len(rest) > 0; {
		tag, _, tail, err := cutPacket(rest)
		if err != nil {
			return nil, err
		}
		whole := rest[:len(rest)-len(tail)]
		if tag == tagPublicKey {
			parts = append(parts, nil)
		}
		if len(parts) == 0 {
			return nil, fmt.Errorf("it begins with a packet of type %d, not with a public key", tag)
		}
		parts[len(parts)-1] = append(parts[len(parts)-1], whole...)
		rest = tail
	}
	if len(parts) == 0 {
		return nil, errors.New("it holds no key")
	}
	return parts, nil
}

// readPGPKey reads one key. The library verifies the signatures inside it: those
// of user ids, subkeys, signing subkeys over the primary key, and revocations.
// Whatever it can't verify makes the key unusable. What the key then may do is
// decided by us, from the records made here.
func readPGPKey(data []byte) (*pgpKey, error) {
	packets := packet.NewReader(bytes.NewReader(data))
	entity, err := openpgp.ReadEntity(packets)
	if err != nil {
		return nil, fmt.Errorf("it can't be read: %w", err)
	}
	if _, err := packets.Next(); !errors.Is(err, io.EOF) {
		return nil, errors.New("something that doesn't belong to the key follows it")
	}
	primary := entity.PrimaryKey
	if primary.Version != pgpVersion {
		return nil, fmt.Errorf("it has version %d; version %d is accepted", primary.Version, pgpVersion)
	}
	identity := mainIdentity(entity)
	if identity == nil {
		return nil, errors.New("it has no user id with a valid self-signature")
	}
	key := &pgpKey{
		name: printable(identity.Name), keyID: hex.EncodeToString(primary.Fingerprint),
		created: primary.CreationTime.UTC(), self: certification(identity.SelfSignature, primary),
		revoked: len(entity.Revocations) > 0, nameRevoked: len(identity.Revocations) > 0,
	}
	if strings.TrimSpace(key.name) == "" {
		key.name = "OpenPGP key " + key.keyID
	}
	if err := key.applyDirectSignatures(data, primary); err != nil {
		return nil, err
	}
	key.addSigning(primary, nil)
	for i := range entity.Subkeys {
		key.addSigning(entity.Subkeys[i].PublicKey, &entity.Subkeys[i])
	}
	return key, nil
}

// mainIdentity chooses the user id whose self-signature speaks for the key: not
// revoked, marked as the primary one, the newest, the first by name. (The
// library's own choice depends on the order of a map.)
func mainIdentity(entity *openpgp.Entity) *openpgp.Identity {
	var best *openpgp.Identity
	for _, name := range slices.Sorted(maps.Keys(entity.Identities)) {
		identity := entity.Identities[name]
		if identity.SelfSignature != nil && (best == nil || rank(identity, best) > 0) {
			best = identity
		}
	}
	return best
}

// rank is above 0 if a goes before b.
func rank(a, b *openpgp.Identity) int {
	score := func(yes bool, weight int) int {
		if yes {
			return weight
		}
		return 0
	}
	marked := func(i *openpgp.Identity) bool {
		return i.SelfSignature.IsPrimaryId != nil && *i.SelfSignature.IsPrimaryId
	}
	points := func(i *openpgp.Identity) int {
		return score(len(i.Revocations) == 0, 4) + score(marked(i), 2)
	}
	return points(a) - points(b) + score(a.SelfSignature.CreationTime.After(b.SelfSignature.CreationTime), 1) -
		score(b.SelfSignature.CreationTime.After(a.SelfSignature.CreationTime), 1)
}

// certification records what a signature inside a key says about a key.
func certification(sig *packet.Signature, key *packet.PublicKey) pgpCertification {
	return pgpCertification{
		hash: sig.Hash, signs: sig.FlagsValid && sig.FlagSign,
		until: endOf(sig.CreationTime, sig.SigLifetimeSecs), keyUntil: endOf(key.CreationTime, sig.KeyLifetimeSecs),
	}
}

// endOf returns start plus a lifetime in seconds; none and 0 mean no end.
func endOf(start time.Time, seconds *uint32) time.Time {
	if seconds == nil || *seconds == 0 {
		return time.Time{}
	}
	return start.Add(time.Duration(*seconds) * time.Second).UTC()
}

// applyDirectSignatures takes in the end of the key that a signature directly
// over the key states; the library doesn't look at those of version 4 keys. The
// earlier end counts.
func (k *pgpKey) applyDirectSignatures(data []byte, primary *packet.PublicKey) error {
	packets := packet.NewReader(bytes.NewReader(data))
	for {
		p, err := packets.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("it can't be read: %w", err)
		}
		sig, ok := p.(*packet.Signature)
		if !ok || sig.SigType != packet.SigTypeDirectSignature || !sig.CheckKeyIdOrFingerprint(primary) {
			continue
		}
		if err := primary.VerifyDirectKeySignature(sig); err != nil {
			return fmt.Errorf("a signature over the key is wrong: %w", err)
		}
		end := endOf(primary.CreationTime, sig.KeyLifetimeSecs)
		if !end.IsZero() && (k.self.keyUntil.IsZero() || end.Before(k.self.keyUntil)) {
			k.self.keyUntil = end
		}
	}
}

// addSigning lists a key if its algorithm can sign. Whether it may is decided
// when it does.
func (k *pgpKey) addSigning(pk *packet.PublicKey, subkey *openpgp.Subkey) {
	pub := publicKeyOf(pk)
	if pub == nil {
		return
	}
	signing := &pgpSigningKey{
		owner: k, pub: pub, algorithm: byte(pk.PubKeyAlgo), fingerprint: pk.Fingerprint, created: pk.CreationTime,
	}
	if subkey != nil {
		signing.subkey, signing.revoked = true, len(subkey.Revocations) > 0
		signing.binding = certification(subkey.Sig, pk)
		if back := subkey.Sig.EmbeddedSignature; back != nil {
			made := certification(back, pk)
			signing.backBinding = &made
		}
	}
	k.signing = append(k.signing, signing)
}

// publicKeyOf returns the key as the standard library has it, nil for algorithms
// that aren't accepted (and for keys that only encrypt).
func publicKeyOf(pk *packet.PublicKey) crypto.PublicKey {
	switch key := pk.PublicKey.(type) {
	case *rsa.PublicKey:
		if pk.PubKeyAlgo == packet.PubKeyAlgoRSA {
			return key
		}
	case *pgpecdsa.PublicKey:
		for _, curve := range []elliptic.Curve{elliptic.P256(), elliptic.P384()} {
			pub, err := ecdsa.ParseUncompressedPublicKey(curve, key.MarshalPoint())
			if err == nil && key.GetCurve().GetCurveName() == curve.Params().Name {
				return pub
			}
		}
	case *eddsa.PublicKey:
		if len(key.X) == ed25519.PublicKeySize {
			return ed25519.PublicKey(key.X)
		}
	case *pgped25519.PublicKey:
		return ed25519.PublicKey(key.Point)
	}
	return nil
}
