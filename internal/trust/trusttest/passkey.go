package trusttest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"testing"

	"github.com/signet-scheduler/signet/internal/trust"
)

// Authenticator makes assertions as a browser and a security key make them, right
// ones and wrong ones. NewAuthenticator returns one that does all right.
type Authenticator struct {
	Key          crypto.Signer
	CredentialID []byte
	Name         string
	RPID         string
	Origin       string
	Flags        byte
	Counter      uint32
	Extensions   []byte // CBOR, stands behind the counter

	Challenge  func(manifest []byte) string                   // as text in the client data
	ClientData func(challenge, origin string) string          // the browser's statement
	Signed     func(authenticatorData, hash []byte) []byte    // what is signed
	SignWith   func(key crypto.Signer, signed []byte) []byte  // how
	Finish     func(*trust.Evidence)                          // changes after signing
	File       func(members map[string]any) (replaced []byte) // changes the trust file; nil: the members
}

// NewAuthenticator returns a security key with user verification, that was
// enrolled at https://localhost:4443.
func NewAuthenticator(t testing.TB, name string, key crypto.Signer) *Authenticator {
	t.Helper()
	id := sha256.Sum256([]byte(name))
	return &Authenticator{
		Key: key, CredentialID: id[:], Name: name, RPID: "localhost", Origin: "https://localhost:4443",
		Flags: 0x05, Counter: 1,
		Challenge: func(manifest []byte) string {
			challenge := trust.PasskeyChallenge(manifest)
			return base64.RawURLEncoding.EncodeToString(challenge[:])
		},
		ClientData: func(challenge, origin string) string {
			return fmt.Sprintf(`{"type":"webauthn.get","challenge":%q,"origin":%q,"crossOrigin":false}`, challenge, origin)
		},
		Signed: func(data, hash []byte) []byte { return append(append([]byte{}, data...), hash...) },
		SignWith: func(key crypto.Signer, signed []byte) []byte {
			digest, hash := signed, crypto.Hash(0)
			switch key.(type) {
			case *ecdsa.PrivateKey, *rsa.PrivateKey:
				sum := sha256.Sum256(signed)
				digest, hash = sum[:], crypto.SHA256
			}
			sig, err := key.Sign(rand.Reader, digest, hash)
			must(t, err)
			return sig
		},
	}
}

// Data returns the authenticator data.
func (a *Authenticator) Data() []byte {
	rp := sha256.Sum256([]byte(a.RPID))
	data := append(rp[:], a.Flags)
	data = binary.BigEndian.AppendUint32(data, a.Counter)
	return append(data, a.Extensions...)
}

// Sign returns the assertion over a manifest.
func (a *Authenticator) Sign(manifest []byte) (trust.Evidence, error) {
	client := []byte(a.ClientData(a.Challenge(manifest), a.Origin))
	hash := sha256.Sum256(client)
	ev := trust.Evidence{Kind: trust.Passkey, CredentialID: a.CredentialID, ClientData: client, AuthenticatorData: a.Data()}
	ev.Signature = a.SignWith(a.Key, a.Signed(ev.AuthenticatorData, hash[:]))
	if a.Finish != nil {
		a.Finish(&ev)
	}
	return ev, nil
}

// TrustFile returns the passkey's trust file.
func (a *Authenticator) TrustFile(t testing.TB) []byte {
	t.Helper()
	members := map[string]any{
		"credentialId": base64.RawURLEncoding.EncodeToString(a.CredentialID),
		"publicKey":    PublicPEM(t, a.Key.Public()), "rpId": "localhost", "name": a.Name,
		"origins": []string{"https://localhost:4443"},
	}
	if a.File != nil {
		if replaced := a.File(members); replaced != nil {
			return replaced
		}
	}
	text, err := json.Marshal(members)
	must(t, err)
	return text
}

// PublicPEM returns the key as SubjectPublicKeyInfo.
func PublicPEM(t testing.TB, key crypto.PublicKey) string {
	t.Helper()
	der, err := x509.MarshalPKIXPublicKey(key)
	must(t, err)
	return string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
}

// authenticatorKey makes an Authenticator a trust.SignerKey.
type authenticatorKey struct{ *Authenticator }

func (k authenticatorKey) Name() string { return k.Authenticator.Name }

func (authenticatorKey) Kind() trust.Kind { return trust.Passkey }

func (k authenticatorKey) KeyID() string {
	spki, err := x509.MarshalPKIXPublicKey(k.Key.Public())
	if err != nil {
		return ""
	}
	sum := sha256.Sum256(spki)
	return hex.EncodeToString(sum[:])
}

// Identity returns the authenticator's owner. What they sign is verified by
// Set.VerifyRelease.
func (a *Authenticator) Identity(t testing.TB) Identity {
	t.Helper()
	return Identity{Kind: trust.Passkey, Name: a.Name, Key: authenticatorKey{a}, Trusted: a.TrustFile(t)}
}

// NewPasskey returns someone with a passkey of ES256.
func NewPasskey(t testing.TB, name string) Identity {
	t.Helper()
	return NewAuthenticator(t, name, ECDSA(t)).Identity(t)
}

// Ed25519FromSeed returns the key of a seed of 32 equal bytes; its signatures are
// the same in every run.
func Ed25519FromSeed(b byte) ed25519.PrivateKey {
	seed := make([]byte, ed25519.SeedSize)
	for i := range seed {
		seed[i] = b
	}
	return ed25519.NewKeyFromSeed(seed)
}
