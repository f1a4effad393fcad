package trusttest

import (
	"bytes"
	"crypto"
	"crypto/aes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1" // OpenPGP fingerprints
	"crypto/sha256"
	"crypto/subtle"
	"encoding/asn1"
	"encoding/base64"
	"encoding/binary"
	"math/big"
	"slices"
	"testing"
	"time"
)

// The OpenPGP numbers of algorithms, hashes, packets and subpackets used here.
const (
	PGPRSA, PGPECDSA, PGPEdDSA, PGPEd25519 = 1, 19, 22, 27

	SubCreated, SubExpires, SubKeyExpires, SubIssuer, SubPrimaryID, SubKeyFlags, SubReason, SubEmbedded, SubFingerprint = 2, 3, 9, 16, 25, 27, 29, 32, 33

	TagSignature, TagPublicKey, TagSecretKey, TagUserID, TagPublicSubkey, TagSecretSubkey = 2, 6, 5, 13, 14, 7

	FlagCertify, FlagSign, FlagEncrypt = 1, 2, 4
)

// PGPKey is one OpenPGP key, primary or subkey.
type PGPKey struct {
	Algorithm byte
	Created   time.Time
	Key       crypto.Signer
}

// NewPGPKey returns a key of the usual algorithm for that private key, created an
// hour before Now.
func NewPGPKey(t testing.TB, key crypto.Signer) *PGPKey {
	t.Helper()
	k := &PGPKey{Created: Now().Add(-time.Hour), Key: key}
	switch key.(type) {
	case *rsa.PrivateKey:
		k.Algorithm = PGPRSA
	case *ecdsa.PrivateKey:
		k.Algorithm = PGPECDSA
	case ed25519.PrivateKey:
		k.Algorithm = PGPEdDSA
	default:
		t.Fatalf("no OpenPGP key can be made of %T", key)
	}
	return k
}

// Body returns the body of the public key packet.
func (k *PGPKey) Body(t testing.TB) []byte {
	t.Helper()
	b := binary.BigEndian.AppendUint32([]byte{4}, uint32(k.Created.Unix()))
	b = append(b, k.Algorithm)
	switch pub := k.Key.Public().(type) {
	case *rsa.PublicKey:
		b = append(b, MPI(pub.N.Bytes())...)
		return append(b, MPI(big.NewInt(int64(pub.E)).Bytes())...)
	case *ecdsa.PublicKey:
		oid := map[string][]byte{
			"P-256": {0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07},
			"P-384": {0x2b, 0x81, 0x04, 0x00, 0x22},
			"P-521": {0x2b, 0x81, 0x04, 0x00, 0x23},
		}[pub.Params().Name]
		point, err := pub.Bytes()
		must(t, err)
		b = append(append(b, byte(len(oid))), oid...)
		return append(b, MPI(point)...)
	case ed25519.PublicKey:
		if k.Algorithm == PGPEd25519 {
			return append(b, pub...)
		}
		oid := []byte{0x2b, 0x06, 0x01, 0x04, 0x01, 0xda, 0x47, 0x0f, 0x01}
		b = append(append(b, byte(len(oid))), oid...)
		return append(b, MPI(append([]byte{0x40}, pub...))...)
	}
	return b
}

// secret returns what follows Body in a secret key packet; an empty passphrase
// protects nothing.
func (k *PGPKey) secret(t testing.TB, passphrase string) []byte {
	t.Helper()
	var numbers []byte
	switch key := k.Key.(type) {
	case *rsa.PrivateKey:
		p, q := key.Primes[0], key.Primes[1]
		for _, n := range []*big.Int{key.D, p, q, new(big.Int).ModInverse(p, q)} {
			numbers = append(numbers, MPI(n.Bytes())...)
		}
	case *ecdsa.PrivateKey:
		raw, err := key.Bytes()
		must(t, err)
		numbers = MPI(raw)
	case ed25519.PrivateKey:
		numbers = MPI(key.Seed())
		if k.Algorithm == PGPEd25519 {
			numbers = key.Seed()
		}
	}
	if passphrase != "" {
		return protected(t, numbers, passphrase)
	}
	sum := uint16(0)
	for _, c := range numbers {
		sum += uint16(c)
	}
	return binary.BigEndian.AppendUint16(append([]byte{0}, numbers...), sum)
}

// protected encrypts the numbers of a secret key as gpg does (RFC 9580, 5.5.3),
// but with 1024 bytes of the passphrase hashed, which is quick.
func protected(t testing.TB, numbers []byte, passphrase string) []byte {
	t.Helper()
	salt, iv := []byte("8 octets"), make([]byte, aes.BlockSize)
	repeated := bytes.Repeat(append(bytes.Clone(salt), passphrase...), 1024)[:1024]
	key := sha256.Sum256(repeated)
	block, err := aes.NewCipher(key[:16])
	must(t, err)
	sum := sha1.Sum(numbers)
	plain := append(bytes.Clone(numbers), sum[:]...)
	// CFB: what came out last is encrypted and covers what comes next.
	out := make([]byte, len(plain))
	last := iv
	for at := 0; at < len(plain); at += aes.BlockSize {
		pad := make([]byte, aes.BlockSize)
		block.Encrypt(pad, last)
		end := min(at+aes.BlockSize, len(plain))
		subtle.XORBytes(out[at:end], plain[at:end], pad)
		last = out[at:end]
	}
	head := append([]byte{254, 7, 3, 8}, salt...) // SHA-1 checks, AES-128, salted and repeated, SHA-256
	return slices.Concat(head, []byte{0}, iv, out)
}

// Hashed returns the key as signatures over it see it.
func (k *PGPKey) Hashed(t testing.TB) []byte {
	body := k.Body(t)
	return append([]byte{0x99, byte(len(body) >> 8), byte(len(body))}, body...)
}

// Fingerprint returns the 20 bytes that identify the key.
func (k *PGPKey) Fingerprint(t testing.TB) []byte {
	sum := sha1.Sum(k.Hashed(t))
	return sum[:]
}

// Subpacket is one subpacket of a signature.
type Subpacket struct {
	Kind  byte
	Value []byte
	Long  bool // its length is stated in five bytes
}

// SubTime returns a subpacket that holds seconds.
func SubTime(kind byte, seconds uint32) Subpacket {
	return Subpacket{Kind: kind, Value: binary.BigEndian.AppendUint32(nil, seconds)}
}

// PGPSig describes a signature. The zero value is a good signature of a document
// with SHA-512, made now, whose hashed part names its issuer.
type PGPSig struct {
	Version   byte // 0: 4
	Type      byte
	Hash      crypto.Hash // 0: SHA-512
	Algorithm byte        // 0: the key's
	Created   time.Time   // zero: Now
	Hashed    []Subpacket
	Unhashed  []Subpacket
	Bare      bool // no creation time and issuer but those in Hashed
	HashStart []byte
	Numbers   func([]byte) []byte // changes the encoded numbers
}

// Sign returns the body of a signature packet by the key over the parts.
func (k *PGPKey) Sign(t testing.TB, s PGPSig, parts ...[]byte) []byte {
	t.Helper()
	if s.Version == 0 {
		s.Version = 4
	}
	if s.Hash == 0 {
		s.Hash = crypto.SHA512
	}
	if s.Algorithm == 0 {
		s.Algorithm = k.Algorithm
	}
	if s.Created.IsZero() {
		s.Created = Now()
	}
	hashed := s.Hashed
	if !s.Bare {
		hashed = append([]Subpacket{
			{Kind: SubFingerprint, Value: append([]byte{4}, k.Fingerprint(t)...)},
			SubTime(SubCreated, uint32(s.Created.Unix())),
		}, hashed...)
	}
	hashIDs := map[crypto.Hash]byte{crypto.SHA1: 2, crypto.SHA256: 8, crypto.SHA384: 9, crypto.SHA512: 10, crypto.SHA224: 11}
	area := subpackets(hashed)
	signed := binary.BigEndian.AppendUint16([]byte{s.Version, s.Type, s.Algorithm, hashIDs[s.Hash]}, uint16(len(area)))
	signed = append(signed, area...)
	h := s.Hash.New()
	for _, part := range parts {
		h.Write(part)
	}
	h.Write(signed)
	h.Write(binary.BigEndian.AppendUint32([]byte{s.Version, 0xff}, uint32(len(signed))))
	digest := h.Sum(nil)
	start := digest[:2]
	if s.HashStart != nil {
		start = s.HashStart
	}
	numbers := k.numbers(t, digest, s.Hash)
	if s.Numbers != nil {
		numbers = s.Numbers(numbers)
	}
	unhashed := subpackets(s.Unhashed)
	body := binary.BigEndian.AppendUint16(bytes.Clone(signed), uint16(len(unhashed)))
	return append(append(append(body, unhashed...), start...), numbers...)
}

func (k *PGPKey) numbers(t testing.TB, digest []byte, hash crypto.Hash) []byte {
	t.Helper()
	if key, ok := k.Key.(ed25519.PrivateKey); ok {
		sig := ed25519.Sign(key, digest)
		if k.Algorithm == PGPEd25519 {
			return sig
		}
		return append(MPI(sig[:32]), MPI(sig[32:])...)
	}
	sig, err := k.Key.Sign(rand.Reader, digest, hash)
	must(t, err)
	if _, ok := k.Key.(*rsa.PrivateKey); ok {
		return MPI(sig)
	}
	var rs struct{ R, S *big.Int }
	_, err = asn1.Unmarshal(sig, &rs)
	must(t, err)
	return append(MPI(rs.R.Bytes()), MPI(rs.S.Bytes())...)
}

func subpackets(list []Subpacket) []byte {
	var b []byte
	for _, s := range list {
		switch n := len(s.Value) + 1; {
		case s.Long:
			b = binary.BigEndian.AppendUint32(append(b, 255), uint32(n))
		case n < 192:
			b = append(b, byte(n))
		default:
			b = append(b, byte((n-192)>>8)+192, byte(n-192))
		}
		b = append(append(b, s.Kind), s.Value...)
	}
	return b
}

// MPI encodes a big-endian number.
func MPI(number []byte) []byte {
	n := new(big.Int).SetBytes(number)
	return append(binary.BigEndian.AppendUint16(nil, uint16(n.BitLen())), n.Bytes()...)
}

// OldPacket frames a body as gpg does.
func OldPacket(tag byte, body []byte) []byte {
	if len(body) < 256 {
		return append([]byte{0x80 | tag<<2, byte(len(body))}, body...)
	}
	return append([]byte{0x81 | tag<<2, byte(len(body) >> 8), byte(len(body))}, body...)
}

// NewPacket frames a body in the new format, with a length of five bytes.
func NewPacket(tag byte, body []byte) []byte {
	return append(binary.BigEndian.AppendUint32([]byte{0xc0 | tag, 255}, uint32(len(body))), body...)
}

// Armour returns packets as armoured text, as gpg writes it.
func Armour(kind string, packets []byte, headers ...string) []byte {
	var b bytes.Buffer
	b.WriteString("-----BEGIN PGP " + kind + "-----\n")
	for _, header := range headers {
		b.WriteString(header + "\n")
	}
	b.WriteString("\n")
	text := base64.StdEncoding.EncodeToString(packets)
	for len(text) > 64 {
		b.WriteString(text[:64] + "\n")
		text = text[64:]
	}
	crc := uint32(0xB704CE)
	for _, c := range packets {
		for bit := 7; bit >= 0; bit-- {
			top := crc>>23&1 ^ uint32(c)>>bit&1
			crc = crc << 1 & 0xffffff
			if top == 1 {
				crc ^= 0x864CFB
			}
		}
	}
	sum := base64.StdEncoding.EncodeToString([]byte{byte(crc >> 16), byte(crc >> 8), byte(crc)})
	b.WriteString(text + "\n=" + sum + "\n-----END PGP " + kind + "-----\n")
	return b.Bytes()
}
