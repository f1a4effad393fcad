package trust

import (
	"bytes"
	"crypto"
	"encoding/hex"
	"fmt"
	"slices"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp"
	"github.com/ProtonMail/go-crypto/openpgp/packet"
)

// pgpSigner signs as gpg --detach-sign does.
type pgpSigner struct {
	entity *openpgp.Entity
	name   string
	now    func() time.Time
}

// PGPSigner returns a signer for an armoured OpenPGP private key; the passphrase
// is nil for a key without one. The newest signing subkey signs, else the
// primary key.
func PGPSigner(armoured, passphrase []byte) (SignerKey, error) {
	entities, err := openpgp.ReadArmoredKeyRing(bytes.NewReader(armoured))
	if err != nil {
		return nil, unusableKey(err, "the OpenPGP private key can't be read")
	}
	if len(entities) != 1 {
		return nil, unusableKey(nil, "the OpenPGP key file holds %d keys; export just the one that signs", len(entities))
	}
	s := &pgpSigner{entity: entities[0], now: time.Now}
	if identity := mainIdentity(s.entity); identity != nil {
		s.name = printable(identity.Name)
	}
	key, ok := s.entity.SigningKey(s.now())
	if !ok || key.PrivateKey == nil || key.PrivateKey.Dummy() {
		return nil, unusableKey(nil, "the OpenPGP key of %s has no valid private part that is marked for signing", s.name)
	}
	pub := publicKeyOf(key.PublicKey)
	if why := (Policy{MinRSABits: LowestRSABits}).weakness(pub); why != "" {
		return nil, unusableKey(nil, "the OpenPGP key of %s is refused: %s", s.name, why)
	}
	if key.PrivateKey.Encrypted {
		if len(passphrase) == 0 {
			return nil, unusableKey(nil, "the OpenPGP private key of %s is protected by a passphrase", s.name)
		}
		if err := key.PrivateKey.Decrypt(passphrase); err != nil {
			return nil, unusableKey(err, "the passphrase doesn't open the OpenPGP private key of %s", s.name)
		}
	}
	return s, nil
}

func (s *pgpSigner) Name() string { return s.name }

func (*pgpSigner) Kind() Kind { return PGP }

func (s *pgpSigner) KeyID() string { return hex.EncodeToString(s.entity.PrimaryKey.Fingerprint) }

func (s *pgpSigner) Sign(doc []byte) (Evidence, error) {
	var packets bytes.Buffer
	config := &packet.Config{DefaultHash: crypto.SHA512, Time: s.now}
	if err := openpgp.DetachSign(&packets, s.entity, bytes.NewReader(doc), config); err != nil {
		return Evidence{}, fmt.Errorf("signing with the OpenPGP key of %s: %w", s.name, err)
	}
	text, err := canonicalPGP(packets.Bytes())
	if err != nil {
		return Evidence{}, fmt.Errorf("signing with the OpenPGP key of %s: %w", s.name, err)
	}
	return Evidence{Kind: PGP, Signature: text}, nil
}

func (s *pgpSigner) ours(doc []byte, ev Evidence) bool {
	var public bytes.Buffer
	if err := s.entity.Serialize(&public); err != nil {
		return false
	}
	key, err := readPGPKey(public.Bytes())
	if err != nil {
		return false
	}
	own := &Set{policy: Policy{MinRSABits: LowestRSABits}, pgp: key.signing}
	_, refused := own.verifyPGP(doc, ev, s.now())
	return refused == nil
}

func (s *pgpSigner) claims(ev Evidence) bool {
	sig, err := parsePGPEvidence(ev.Signature)
	if err != nil {
		return false
	}
	keys := []*packet.PublicKey{s.entity.PrimaryKey}
	for i := range s.entity.Subkeys {
		keys = append(keys, s.entity.Subkeys[i].PublicKey)
	}
	return slices.ContainsFunc(keys, func(k *packet.PublicKey) bool { return (&pgpSigningKey{fingerprint: k.Fingerprint}).named(sig) })
}
