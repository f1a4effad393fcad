package trusttest

import (
	"crypto"
	"testing"
	"time"
)

// PGPOptions describes an OpenPGP key with user id and maybe a signing subkey.
// The zero value but for Key is a good primary key that signs.
type PGPOptions struct {
	UserID  string // "": pgp@example.test
	Key     crypto.Signer
	Created time.Time // of both keys; zero: an hour before Now
	Native  bool      // Ed25519 as RFC 9580 has it
	Subkey  crypto.Signer

	Passphrase string // of the private key

	Flags       []byte // key flags of the primary key; nil: certify and sign
	NoFlags     bool   // no subpacket of key flags at all
	SubFlags    []byte // key flags of the subkey; nil: sign
	Self        PGPSig // the self-signature, its type and flags are added
	Binding     PGPSig // the subkey's binding
	Back        PGPSig // the signing subkey's own binding
	NoBack      bool
	BackBy      *PGPKey // makes the back binding instead of the subkey
	Lifetime    uint32  // of the primary key, in seconds
	SubLifetime uint32
	Revoked     *PGPSig // a revocation of the key
	SubRevoked  *PGPSig
	UIDRevoked  *PGPSig
	Direct      *PGPSig      // a signature directly over the key
	More        []MoreUserID // further user ids
	Extra       [][]byte     // packets at the end
}

// MoreUserID is one more user id of a key.
type MoreUserID struct {
	ID   string
	Self PGPSig
}

// PGPKeyring is an OpenPGP key as it is exported.
type PGPKeyring struct {
	Options PGPOptions
	Primary *PGPKey
	Sub     *PGPKey
}

// NewPGPKeyring makes the keys.
func NewPGPKeyring(t testing.TB, o PGPOptions) *PGPKeyring {
	t.Helper()
	if o.UserID == "" {
		o.UserID = "pgp@example.test"
	}
	k := &PGPKeyring{Options: o, Primary: NewPGPKey(t, o.Key)}
	if o.Native {
		k.Primary.Algorithm = PGPEd25519
	}
	if o.Subkey != nil {
		k.Sub = NewPGPKey(t, o.Subkey)
	}
	if !o.Created.IsZero() {
		k.Primary.Created = o.Created
		if k.Sub != nil {
			k.Sub.Created = o.Created
		}
	}
	return k
}

// Signing returns the key that makes signatures: the subkey if there is one.
func (k *PGPKeyring) Signing() *PGPKey {
	if k.Sub != nil {
		return k.Sub
	}
	return k.Primary
}

// PublicArmour returns the public key as a trust file holds it.
func (k *PGPKeyring) PublicArmour(t testing.TB) []byte {
	t.Helper()
	return Armour("PUBLIC KEY BLOCK", k.packets(t, false))
}

// PrivateArmour returns the private key, without passphrase.
func (k *PGPKeyring) PrivateArmour(t testing.TB) []byte {
	t.Helper()
	return Armour("PRIVATE KEY BLOCK", k.packets(t, true))
}

// Packets returns the packets of the public key.
func (k *PGPKeyring) Packets(t testing.TB) []byte {
	t.Helper()
	return k.packets(t, false)
}

func (k *PGPKeyring) packets(t testing.TB, secret bool) []byte {
	t.Helper()
	o := k.Options
	b := k.keyPacket(t, k.Primary, TagPublicKey, TagSecretKey, secret)
	primary := k.Primary.Hashed(t)
	add := func(s *PGPSig, kind byte, parts ...[]byte) {
		if s != nil {
			made := *s
			made.Type = kind
			b = append(b, OldPacket(TagSignature, k.Primary.Sign(t, made, parts...))...)
		}
	}
	add(o.Revoked, 0x20, primary)
	add(o.Direct, 0x1f, primary)
	uid := append([]byte{0xb4, 0, 0, 0, byte(len(o.UserID))}, o.UserID...)
	b = append(b, OldPacket(TagUserID, []byte(o.UserID))...)
	self := o.Self
	if !o.NoFlags {
		self.Hashed = append(self.Hashed, Subpacket{Kind: SubKeyFlags, Value: orElse(o.Flags, FlagCertify|FlagSign)})
	}
	if o.Lifetime > 0 {
		self.Hashed = append(self.Hashed, SubTime(SubKeyExpires, o.Lifetime))
	}
	self.Created = orTime(self.Created, k.Primary.Created)
	add(&self, 0x13, primary, uid)
	add(o.UIDRevoked, 0x30, primary, uid)
	for _, more := range o.More {
		b = append(b, OldPacket(TagUserID, []byte(more.ID))...)
		more.Self.Hashed = append(more.Self.Hashed, Subpacket{Kind: SubKeyFlags, Value: []byte{FlagCertify | FlagSign}})
		more.Self.Created = orTime(more.Self.Created, k.Primary.Created)
		add(&more.Self, 0x13, primary, append([]byte{0xb4, 0, 0, 0, byte(len(more.ID))}, more.ID...))
	}
	if k.Sub != nil {
		b = append(b, k.keyPacket(t, k.Sub, TagPublicSubkey, TagSecretSubkey, secret)...)
		sub := k.Sub.Hashed(t)
		binding := o.Binding
		binding.Created = orTime(binding.Created, k.Sub.Created)
		binding.Hashed = append(binding.Hashed, Subpacket{Kind: SubKeyFlags, Value: orElse(o.SubFlags, FlagSign)})
		if o.SubLifetime > 0 {
			binding.Hashed = append(binding.Hashed, SubTime(SubKeyExpires, o.SubLifetime))
		}
		if !o.NoBack {
			back, by := o.Back, k.Sub
			if o.BackBy != nil {
				by = o.BackBy
			}
			back.Type = 0x19
			back.Created = orTime(back.Created, k.Sub.Created)
			binding.Hashed = append(binding.Hashed, Subpacket{Kind: SubEmbedded, Value: by.Sign(t, back, primary, sub)})
		}
		add(&binding, 0x18, primary, sub)
		add(o.SubRevoked, 0x28, primary, sub)
	}
	for _, extra := range o.Extra {
		b = append(b, extra...)
	}
	return b
}

func (k *PGPKeyring) keyPacket(t testing.TB, key *PGPKey, public, private byte, secret bool) []byte {
	if secret {
		return OldPacket(private, append(key.Body(t), key.secret(t, k.Options.Passphrase)...))
	}
	return OldPacket(public, key.Body(t))
}

func orElse(flags []byte, other byte) []byte {
	if flags == nil {
		return []byte{other}
	}
	return flags
}

func orTime(t, other time.Time) time.Time {
	if t.IsZero() {
		return other
	}
	return t
}
