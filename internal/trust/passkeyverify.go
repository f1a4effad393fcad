package trust

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/strictjson"
)

// passkeyDomain separates what a touch can be for from all else that a relying
// party may ask a passkey to sign, its logins first.
const passkeyDomain = "signet release v1\x00"

// The form of authenticator data: SHA-256 of the relying party's id, flags, a
// counter, and extensions.
const (
	authenticatorDataSize = 37
	authenticatorFlags    = 32 // where the flags stand
)

// Bounds of the parts of a passkey's evidence, in bytes.
const (
	maxClientData        = 4096
	maxAuthenticatorData = 1024
	maxPasskeySignature  = 1024 // RSA with 8192 bits
)

// The flags of authenticator data.
const (
	flagUserPresent    = 0x01
	flagReserved1      = 0x02
	flagUserVerified   = 0x04
	flagBackupEligible = 0x08
	flagBackedUp       = 0x10
	flagReserved2      = 0x20
	flagCredentialData = 0x40 // only in registrations
	flagExtensions     = 0x80
)

// PasskeyChallenge returns the challenge that a page asks a passkey to sign, so
// that the assertion is evidence for a release: SHA-256 of "signet release v1",
// a zero byte and the manifest's exact bytes.
func PasskeyChallenge(manifest []byte) [32]byte {
	return [32]byte(digestOf(crypto.SHA256, []byte(passkeyDomain), manifest))
}

// verifyPasskey verifies an assertion of a trusted passkey over a manifest.
func (s *Set) verifyPasskey(manifest []byte, ev Evidence, now time.Time) (Signer, *fault.Error) {
	key := s.passkeys[string(ev.CredentialID)]
	if key == nil {
		return Signer{}, refuse(CodeUnknownSigner, "the passkey that made the signature isn't trusted here")
	}
	if err := s.policy.checkKey(key.pub, key.name); err != nil {
		return Signer{}, err
	}
	if err := key.checkTime(now); err != nil {
		return Signer{}, err
	}
	if err := key.checkClientData(ev.ClientData, manifest); err != nil {
		return Signer{}, err
	}
	if err := key.checkAuthenticatorData(ev.AuthenticatorData); err != nil {
		return Signer{}, err
	}
	// What was signed are the bytes as they are kept, in this order.
	hash := sha256.Sum256(ev.ClientData)
	if !key.verify(slices.Concat(ev.AuthenticatorData, hash[:]), ev.Signature) {
		return Signer{}, refuse(CodeSignatureInvalid, "the signature isn't one by the passkey %s over this client data and authenticator data", key.name)
	}
	return Signer{Kind: Passkey, Name: key.name, KeyID: key.keyID, Hardware: !key.backupEligible}, nil
}

func (k *passkey) checkTime(now time.Time) *fault.Error {
	switch {
	case now.Before(k.notBefore):
		return refuse(CodeSignerNotYetValid, "the passkey %s counts only from %s on", k.name, k.notBefore.UTC().Format(time.RFC3339))
	case !k.withdrawnAt.IsZero() && !now.Before(k.withdrawnAt):
		return refuse(CodeSignerExpired, "the passkey %s was withdrawn at %s", k.name, k.withdrawnAt.UTC().Format(time.RFC3339))
	}
	return nil
}

// clientData is what counts of the browser's statement.
type clientData struct {
	kind      string
	challenge string
	origin    string
	cross     bool // crossOrigin is true
	framed    bool // topOrigin is there
}

// checkClientData checks what the browser says about the page that asked.
func (k *passkey) checkClientData(text, manifest []byte) *fault.Error {
	data, err := readClientData(text)
	if err != nil {
		return refuse(CodeMalformedSignature, "the client data of the passkey %s can't be used: %s", k.name, err)
	}
	if data.kind != "webauthn.get" {
		return refuse(CodeMalformedSignature, "the client data of the passkey %s is of type %q, not \"webauthn.get\"", k.name, printable(data.kind))
	}
	// Compared as text: a lenient decoder would take several spellings.
	want := PasskeyChallenge(manifest)
	if data.challenge != base64.RawURLEncoding.EncodeToString(want[:]) {
		return refuse(CodeSignatureInvalid, "the passkey %s was touched for something else than this release: the challenge differs", k.name)
	}
	if !slices.Contains(k.origins, data.origin) {
		return refuse(CodeForeignOrigin, "the passkey %s was used on the page %q, which isn't one of its origins here (%s)", k.name, printable(data.origin), strings.Join(k.origins, ", "))
	}
	if data.cross || data.framed {
		return refuse(CodeForeignOrigin, "the passkey %s was used in a page within a page of another origin", k.name)
	}
	return nil
}

// readClientData reads the client data strictly. Browsers may add members, so
// unknown ones pass; a known name in other letters doesn't, since readers
// disagree about it.
func readClientData(text []byte) (clientData, error) {
	var data clientData
	n, err := strictjson.Parse(text, strictjson.Limits{MaxBytes: maxClientData, MaxDepth: 16})
	if err != nil {
		return data, err
	}
	if n.Kind != strictjson.Object {
		return data, errors.New("it isn't a JSON object")
	}
	texts := map[string]*string{"type": &data.kind, "challenge": &data.challenge, "origin": &data.origin}
	for i, name := range n.Keys {
		value := n.Items[i]
		switch text := texts[name]; {
		case text != nil && value.Kind == strictjson.String:
			*text = value.Text
		case text != nil:
			return data, fmt.Errorf("its member %q isn't a string", name)
		case name == "crossOrigin" && value.Kind == strictjson.Bool:
			data.cross = value.Bool
		case name == "crossOrigin":
			return data, fmt.Errorf("its member %q isn't true or false", name)
		case name == "topOrigin":
			data.framed = true
		case isOtherSpelling(name):
			return data, fmt.Errorf("its member %q is a known name in other letters", printable(name))
		}
	}
	return data, nil
}

func isOtherSpelling(name string) bool {
	return slices.ContainsFunc([]string{"type", "challenge", "origin", "crossOrigin", "topOrigin"}, func(known string) bool {
		return strings.EqualFold(name, known)
	})
}

// checkAuthenticatorData checks what the device says about itself and its user.
// The counter isn't looked at: synced keys state 0, and each machine sees only
// some of the signatures.
func (k *passkey) checkAuthenticatorData(data []byte) *fault.Error {
	flags := data[authenticatorFlags]
	has := func(flag byte) bool { return flags&flag != 0 }
	switch {
	case [32]byte(data[:authenticatorFlags]) != k.rpIDHash:
		return refuse(CodeForeignOrigin, "the passkey %s signed for another relying party id than the one it is trusted for here", k.name)
	case has(flagReserved1 | flagReserved2):
		return refuse(CodeMalformedSignature, "the authenticator data of the passkey %s has reserved flags (%02x)", k.name, flags)
	case has(flagCredentialData):
		return refuse(CodeMalformedSignature, "the authenticator data of the passkey %s is that of a registration", k.name)
	case has(flagBackedUp) && !has(flagBackupEligible):
		return refuse(CodeMalformedSignature, "the authenticator data of the passkey %s contradicts itself: backed up, but not able to be", k.name)
	case has(flagExtensions) != (len(data) > authenticatorDataSize):
		return refuse(CodeMalformedSignature, "the authenticator data of the passkey %s has %d bytes, which its flags (%02x) don't announce", k.name, len(data), flags)
	case !has(flagUserPresent):
		return refuse(CodeSignerNotAllowed, "the passkey %s signed without being touched", k.name)
	case k.userVerification && !has(flagUserVerified):
		return refuse(CodeSignerNotAllowed, "the passkey %s was touched, but its device didn't ask for a PIN or a finger, which is required here", k.name)
	case has(flagBackupEligible) && !k.backupEligible:
		return refuse(CodeSignerNotAllowed, "the passkey %s can be copied to other devices, which isn't allowed here (backupEligible)", k.name)
	}
	return nil
}

// verify verifies the signature proper. The enrolled key decides the algorithm.
func (k *passkey) verify(text, sig []byte) bool {
	switch pub := k.pub.(type) {
	case ed25519.PublicKey:
		return ed25519.Verify(pub, text, sig)
	case *ecdsa.PublicKey:
		return ecdsa.VerifyASN1(pub, digestOf(crypto.SHA256, text), sig)
	case *rsa.PublicKey:
		return verifyRSA(pub, crypto.SHA256, digestOf(crypto.SHA256, text), sig)
	default:
		return false
	}
}
