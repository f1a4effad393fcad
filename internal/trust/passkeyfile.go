package trust

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"encoding/pem"

	"github.com/signet-scheduler/signet/internal/fault"
)

// Registration is what a browser tells when a passkey is made for a page.
type Registration struct {
	CredentialID      []byte
	PublicKey         []byte // SubjectPublicKeyInfo, DER
	ClientData        []byte // JSON
	AuthenticatorData []byte
}

// EnrolledPasskey is what is to be trusted of a passkey, by those who put its file
// into their folder of trusted passkeys.
type EnrolledPasskey struct {
	CredentialID   []byte
	PublicKey      []byte
	RPID           string
	Name, Owner    string
	Origins        []string // of the pages where it is used
	BackupEligible bool
}

// Sizes within the authenticator data of a registration (WebAuthn, 6.1 and 6.5.1).
const (
	credentialDataAt = 37      // behind hash, flags and counter
	credentialHead   = 16 + 2  // AAGUID, length of the id
	maxRegistration  = 8 << 10 // bytes of client data, and of authenticator data
)

func wrongRegistration(format string, args ...any) error {
	return fault.New(fault.Invalid, "InvalidPasskey", "the passkey can't be registered: "+format, args...)
}

// Check checks a registration for a page: that it answers the challenge, was made on
// the origin for the relying party, by a user who was verified, and that its key is
// one that can sign releases. It returns whether the key may be copied to other
// devices. Nobody vouches for the key: who trusts it does so by its file. Errors are
// Invalid, InvalidPasskey.
func (r *Registration) Check(challenge []byte, rpID, origin string) (backupEligible bool, err error) {
	if len(r.ClientData) > maxRegistration || len(r.AuthenticatorData) > maxRegistration {
		return false, wrongRegistration("it is too large")
	}
	data, err := readClientData(r.ClientData)
	if err != nil {
		return false, wrongRegistration("the client data can't be used: %s", err)
	}
	switch {
	case data.kind != "webauthn.create":
		return false, wrongRegistration("the client data is of type %q", printable(data.kind))
	case data.challenge != base64.RawURLEncoding.EncodeToString(challenge):
		return false, wrongRegistration("it answers another challenge")
	case data.origin != origin || data.cross || data.framed:
		return false, wrongRegistration("it was made on the page %q, not on %s", printable(data.origin), origin)
	}
	return r.checkDevice(rpID)
}

func (r *Registration) checkDevice(rpID string) (backupEligible bool, err error) {
	d := r.AuthenticatorData
	if len(d) < credentialDataAt+credentialHead {
		return false, wrongRegistration("the authenticator data is too short")
	}
	flags := d[authenticatorFlags]
	id := d[credentialDataAt+credentialHead:]
	length := int(binary.BigEndian.Uint16(d[credentialDataAt+16:]))
	hash := sha256.Sum256([]byte(rpID))
	switch {
	case !bytes.Equal(d[:authenticatorFlags], hash[:]):
		return false, wrongRegistration("it is for another relying party than %s", rpID)
	case flags&flagUserPresent == 0 || flags&flagUserVerified == 0:
		return false, wrongRegistration("the device didn't ask for PIN or finger")
	case flags&flagCredentialData == 0 || length > len(id) || !bytes.Equal(id[:length], r.CredentialID):
		return false, wrongRegistration("the device speaks of another key")
	}
	return flags&flagBackupEligible != 0, nil
}

// File returns the file for a folder of trusted passkeys. It is Invalid,
// InvalidPasskey, when no machine would take it.
func (p *EnrolledPasskey) File() ([]byte, error) {
	file := passkeyFile{
		CredentialID: base64.RawURLEncoding.EncodeToString(p.CredentialID), PublicKey: string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: p.PublicKey})),
		RPID: p.RPID, Name: p.Name, Owner: p.Owner, Origins: p.Origins, UserVerification: verificationRequired, BackupEligible: p.BackupEligible,
	}
	text, err := json.MarshalIndent(file, "", "  ")
	if err == nil {
		_, err = readPasskeyFile(text)
	}
	if err != nil {
		return nil, wrongRegistration("%s", err)
	}
	return append(text, '\n'), nil
}

// KeyID identifies the passkey's key, as a Signer has it.
func (p *EnrolledPasskey) KeyID() string { return keyIDOf(p.PublicKey) }
