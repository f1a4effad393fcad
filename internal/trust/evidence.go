package trust

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/signet-scheduler/signet/internal/fault"
)

// Bounds of what is taken in before anything is believed.
const (
	MaxDocument     = 64 << 20 // bytes of a document that is signed or verified
	MaxSignature    = 16 << 10 // bytes of Evidence.Signature
	MaxCertificates = 64 << 10 // bytes of Evidence.Certificates
	maxChain        = 8        // certificates in Evidence.Certificates
	maxEvidenceJSON = 128 << 10
)

// Kind names the form of a signature. It is part of the stored format.
type Kind string

// The kinds of signature.
const (
	X509 Kind = "X509" // made with a key that has a certificate
	PGP  Kind = "PGP"  // OpenPGP, version 4
	SSH  Kind = "SSH"  // ssh-keygen -Y sign, namespace "signet"

	// Passkey is an assertion of WebAuthn, for releases only: see VerifyRelease.
	Passkey Kind = "Passkey"
)

// Evidence is a detached signature over the exact bytes of one document.
//
// Signature holds for X509 the raw signature (ECDSA as DER, RSA PKCS #1 v1.5, or
// 64 bytes of Ed25519), for PGP and SSH the armoured text. Certificates is for
// X509 only: PEM of the signer's certificate, then of the intermediates, each
// certifying the one before; it may be empty when the signer's own certificate
// is trusted. Both are canonical: see docs/formats/signatures.md. What isn't
// canonical is refused by Set.Verify.
//
// The last three are for Passkey only, where Signature is the raw signature over
// AuthenticatorData and the SHA-256 of ClientData, each the exact bytes that the
// browser gave.
//
// Evidence is not an identity: one document may have many valid signatures by
// one signer. Compare documents and signers, never evidence.
type Evidence struct {
	Kind         Kind
	Signature    []byte
	Certificates []byte

	CredentialID      []byte
	ClientData        []byte
	AuthenticatorData []byte
}

// evidenceJSON is the stored form; field order is part of the format.
type evidenceJSON struct {
	Type         Kind   `json:"TYPE"`
	Signature    string `json:"signature"`
	Certificates string `json:"certificates,omitempty"`
}

// passkeyJSON is the stored form of a passkey's evidence; all members but TYPE
// are base64url without padding.
type passkeyJSON struct {
	Type              Kind   `json:"TYPE"`
	CredentialID      string `json:"credentialId"`
	ClientData        string `json:"clientData"`
	AuthenticatorData string `json:"authenticatorData"`
	Signature         string `json:"signature"`
}

// MarshalJSON returns {"TYPE":KIND,"signature":TEXT,"certificates":PEM}, where
// TEXT is base64 for X509 and the armoured text for PGP and SSH; "certificates"
// is left out when empty. For Passkey it returns {"TYPE":"Passkey",
// "credentialId","clientData","authenticatorData","signature"}, all base64url
// without padding. It fails for evidence whose form is wrong.
func (e Evidence) MarshalJSON() ([]byte, error) {
	if err := e.checkForm(); err != nil {
		return nil, err
	}
	if e.Kind == Passkey {
		text := base64.RawURLEncoding.EncodeToString
		return json.Marshal(passkeyJSON{e.Kind, text(e.CredentialID), text(e.ClientData), text(e.AuthenticatorData), text(e.Signature)})
	}
	text := string(e.Signature)
	if e.Kind == X509 {
		text = base64.StdEncoding.EncodeToString(e.Signature)
	}
	return json.Marshal(evidenceJSON{e.Kind, text, string(e.Certificates)})
}

// UnmarshalJSON reads what MarshalJSON writes and nothing else: unknown,
// repeated and differently written members, other values than strings, and
// base64 with line breaks are refused with code MalformedEvidence.
func (e *Evidence) UnmarshalJSON(data []byte) error {
	if len(data) > maxEvidenceJSON {
		return refuse(CodeMalformedEvidence, "evidence is longer than %d bytes", maxEvidenceJSON)
	}
	members, err := stringMembers(data)
	if err != nil {
		return refuse(CodeMalformedEvidence, `evidence must be {"TYPE":"X509","signature":"...","certificates":"..."}: %s`, err)
	}
	read := Evidence{Kind: Kind(members["TYPE"]), Signature: []byte(members["signature"])}
	for name, part := range read.passkeyParts() {
		text, ok := members[name]
		if !ok {
			continue // checkForm misses it where it is needed
		}
		raw, err := decodeBase64URL(text)
		if err != nil {
			return refuse(CodeMalformedEvidence, "the member %q of the evidence can't be used: %s", name, err)
		}
		*part = raw
	}
	if read.Kind == X509 {
		raw, err := decodeBase64([]byte(members["signature"]))
		if err != nil || base64.StdEncoding.EncodeToString(raw) != members["signature"] {
			return refuse(CodeMalformedEvidence, "the signature in the evidence isn't base64 without line breaks")
		}
		read.Signature = raw
	}
	if certificates, ok := members["certificates"]; ok {
		if certificates == "" {
			return refuse(CodeMalformedEvidence, `"certificates" in the evidence is empty; leave it out`)
		}
		read.Certificates = []byte(certificates)
	}
	if err := read.checkForm(); err != nil {
		return err
	}
	*e = read
	return nil
}

// passkeyParts returns the members that are base64url: of Passkey its signature
// too. They are set for other kinds as well, so that checkForm refuses them.
func (e *Evidence) passkeyParts() map[string]*[]byte {
	parts := map[string]*[]byte{"credentialId": &e.CredentialID, "clientData": &e.ClientData, "authenticatorData": &e.AuthenticatorData}
	if e.Kind == Passkey {
		parts["signature"] = &e.Signature
	}
	return parts
}

// evidenceMembers are the names that the JSON of evidence can have.
var evidenceMembers = []string{"TYPE", "signature", "certificates", "credentialId", "clientData", "authenticatorData"}

// stringMembers reads one JSON object of the members of evidence, whose values
// are strings. encoding/json alone would let the last duplicate win and match
// names in any case.
func stringMembers(data []byte) (map[string]string, error) {
	dec := json.NewDecoder(bytes.NewReader(data))
	if tok, err := dec.Token(); err != nil || tok != json.Delim('{') {
		return nil, errors.New("it isn't a JSON object")
	}
	members := map[string]string{}
	for dec.More() {
		tok, err := dec.Token()
		if err != nil {
			return nil, fmt.Errorf("reading a name: %w", err)
		}
		name, _ := tok.(string)
		if !slices.Contains(evidenceMembers, name) {
			return nil, fmt.Errorf("unknown member %q", name)
		}
		if _, double := members[name]; double {
			return nil, fmt.Errorf("member %q occurs twice", name)
		}
		tok, err = dec.Token()
		if err != nil {
			return nil, fmt.Errorf("reading %q: %w", name, err)
		}
		text, ok := tok.(string)
		if !ok {
			return nil, fmt.Errorf("member %q isn't a string", name)
		}
		members[name] = text
	}
	if _, err := dec.Token(); err != nil {
		return nil, fmt.Errorf("reading the end: %w", err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("something follows the object")
	}
	return members, nil
}

// checkForm refuses evidence whose members don't fit its kind. It doesn't look
// into the signature.
func (e Evidence) checkForm() *fault.Error {
	switch e.Kind {
	case X509, PGP, SSH, Passkey:
	default:
		return refuse(CodeMalformedEvidence, "%q is no kind of signature; there are X509, PGP, SSH and Passkey", printable(string(e.Kind)))
	}
	if len(e.Signature) == 0 {
		return refuse(CodeMissingEvidence, "the signature is empty")
	}
	if len(e.Signature) > MaxSignature {
		return refuse(CodeMalformedSignature, "the signature is longer than %d bytes", MaxSignature)
	}
	if len(e.Certificates) > MaxCertificates {
		return refuse(CodeMalformedCertificate, "the certificates are longer than %d bytes", MaxCertificates)
	}
	if e.Kind != X509 && len(e.Certificates) > 0 {
		return refuse(CodeSurplusEvidence, "a signature of kind %s has no certificates", e.Kind)
	}
	if e.Kind == Passkey {
		return e.checkPasskeyForm()
	}
	if len(e.CredentialID)+len(e.ClientData)+len(e.AuthenticatorData) > 0 {
		return refuse(CodeSurplusEvidence, "a signature of kind %s has no parts of a passkey", e.Kind)
	}
	return nil
}

// checkPasskeyForm bounds the parts of a passkey's evidence.
func (e Evidence) checkPasskeyForm() *fault.Error {
	for _, part := range []struct {
		name        string
		bytes       []byte
		least, most int
	}{
		{"credentialId", e.CredentialID, 1, maxCredentialID},
		{"clientData", e.ClientData, 1, maxClientData},
		{"authenticatorData", e.AuthenticatorData, authenticatorDataSize, maxAuthenticatorData},
		{"signature", e.Signature, 1, maxPasskeySignature},
	} {
		if len(part.bytes) < part.least || len(part.bytes) > part.most {
			return refuse(CodeMalformedEvidence, "the passkey's %s has %d bytes; it must have %d to %d", part.name, len(part.bytes), part.least, part.most)
		}
	}
	return nil
}
