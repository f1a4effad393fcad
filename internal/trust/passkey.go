package trust

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/signet-scheduler/signet/internal/strictjson"
)

// Bounds of a passkey's trust file.
const (
	maxCredentialID = 1023 // bytes, as WebAuthn says
	maxOrigins      = 64
	maxPasskeyText  = 255 // bytes of a name, an owner, a relying party's id or an origin
)

// passkey is one trusted passkey: what was recorded when it was enrolled. All
// that a signature is checked against stands here, nothing of it in the evidence.
type passkey struct {
	credentialID     []byte
	spki             []byte // SubjectPublicKeyInfo, canonical DER
	pub              crypto.PublicKey
	rpIDHash         [32]byte
	origins          []string // sorted
	name             string   // with the owner
	keyID            string
	userVerification bool // the device must have asked for PIN or finger
	backupEligible   bool // the key may be copied to other devices
	notBefore        time.Time
	withdrawnAt      time.Time
}

// passkeyFile is the trust file's form, and the identity of its content.
type passkeyFile struct {
	CredentialID     string   `json:"credentialId"`
	PublicKey        string   `json:"publicKey"`
	RPID             string   `json:"rpId"`
	Name             string   `json:"name"`
	Owner            string   `json:"owner,omitempty"`
	Origins          []string `json:"origins"`
	UserVerification string   `json:"userVerification"`
	BackupEligible   bool     `json:"backupEligible"`
	NotBefore        string   `json:"notBefore,omitempty"`
	WithdrawnAt      string   `json:"withdrawnAt,omitempty"`
}

// The values of userVerification.
const (
	verificationRequired  = "required"  // the default
	verificationPreferred = "preferred" // a touch suffices
)

// readPasskeyFile reads a trust file of one passkey.
func readPasskeyFile(content []byte) ([]anchor, error) {
	file, err := parsePasskeyFile(content)
	if err != nil {
		return nil, err
	}
	k, err := file.passkey()
	if err != nil {
		return nil, err
	}
	raw, err := json.Marshal(file)
	if err != nil {
		return nil, fmt.Errorf("writing it in one form: %w", err)
	}
	return []anchor{{raw: raw, passkey: k, info: SignerInfo{
		Kind: Passkey, Name: k.name, KeyID: k.keyID, NotBefore: k.notBefore, NotAfter: k.withdrawnAt,
	}}}, nil
}

// parsePasskeyFile reads the members and fills in the defaults.
func parsePasskeyFile(content []byte) (*passkeyFile, error) {
	n, err := strictjson.Parse(content, strictjson.Limits{MaxBytes: MaxTrustFileSize, MaxDepth: 4, MaxNodes: 4 + 2*maxOrigins})
	if err != nil {
		return nil, err
	}
	if n.Kind != strictjson.Object {
		return nil, errors.New(`it must be a JSON object: {"credentialId", "publicKey", "rpId", "name"}`)
	}
	file := &passkeyFile{UserVerification: verificationRequired}
	texts := map[string]*string{
		"credentialId": &file.CredentialID, "publicKey": &file.PublicKey, "rpId": &file.RPID, "name": &file.Name, "owner": &file.Owner,
		"userVerification": &file.UserVerification, "notBefore": &file.NotBefore, "withdrawnAt": &file.WithdrawnAt,
	}
	for i, key := range n.Keys {
		value := n.Items[i]
		switch text := texts[key]; {
		case text != nil && value.Kind == strictjson.String && value.Text != "":
			*text = value.Text
		case text != nil:
			return nil, fmt.Errorf("%q must be a string that isn't empty", key)
		case key == "backupEligible" && value.Kind == strictjson.Bool:
			file.BackupEligible = value.Bool
		case key == "backupEligible":
			return nil, errors.New(`"backupEligible" must be true or false`)
		case key == "origins":
			if file.Origins, err = readOrigins(value); err != nil {
				return nil, err
			}
		default:
			return nil, fmt.Errorf("unknown member %q", printable(key))
		}
	}
	for _, key := range []string{"credentialId", "publicKey", "rpId", "name"} {
		if *texts[key] == "" {
			return nil, fmt.Errorf("the member %q is missing", key)
		}
	}
	if file.Origins == nil {
		file.Origins = []string{"https://" + file.RPID}
	}
	return file, nil
}

func readOrigins(n *strictjson.Node) ([]string, error) {
	if n.Kind != strictjson.Array || len(n.Items) == 0 || len(n.Items) > maxOrigins {
		return nil, fmt.Errorf(`"origins" must be a list of 1 to %d addresses like "https://cockpit.example.com:4443"`, maxOrigins)
	}
	var origins []string
	for _, o := range n.Items {
		if o.Kind != strictjson.String {
			return nil, errors.New(`"origins" must be a list of strings`)
		}
		origins = append(origins, o.Text)
	}
	slices.Sort(origins)
	return slices.Compact(origins), nil
}

// passkey checks the members.
func (f *passkeyFile) passkey() (*passkey, error) {
	k := &passkey{origins: f.Origins, backupEligible: f.BackupEligible, rpIDHash: sha256.Sum256([]byte(f.RPID))}
	var err error
	if k.credentialID, err = decodeBase64URL(f.CredentialID); err != nil || len(k.credentialID) > maxCredentialID {
		return nil, fmt.Errorf(`"credentialId" must be base64url without padding, of at most %d bytes`, maxCredentialID)
	}
	if err := checkHost(f.RPID); err != nil {
		return nil, fmt.Errorf(`"rpId" can't be used: %w`, err)
	}
	for _, origin := range f.Origins {
		if err := checkOrigin(origin, f.RPID); err != nil {
			return nil, err
		}
	}
	switch f.UserVerification {
	case verificationRequired:
		k.userVerification = true
	case verificationPreferred:
	default:
		return nil, fmt.Errorf(`"userVerification" must be %q or %q`, verificationRequired, verificationPreferred)
	}
	if len(f.Name) > maxPasskeyText || len(f.Owner) > maxPasskeyText {
		return nil, fmt.Errorf(`"name" and "owner" may have %d bytes`, maxPasskeyText)
	}
	k.name = printable(f.Name)
	if f.Owner != "" {
		k.name += " of " + printable(f.Owner)
	}
	if k.notBefore, err = passkeyTime("notBefore", f.NotBefore); err != nil {
		return nil, err
	}
	if k.withdrawnAt, err = passkeyTime("withdrawnAt", f.WithdrawnAt); err != nil {
		return nil, err
	}
	if k.spki, k.pub, err = passkeyPublicKey(f.PublicKey); err != nil {
		return nil, fmt.Errorf(`"publicKey" can't be used: %w`, err)
	}
	k.keyID = keyIDOf(k.spki)
	return k, nil
}

// decodeBase64URL reads base64url without padding in its one spelling; at least
// one byte.
func decodeBase64URL(text string) ([]byte, error) {
	raw, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil {
		return nil, fmt.Errorf("it isn't base64url without padding: %w", err)
	}
	// The decoder skips line ends.
	if len(raw) == 0 || base64.RawURLEncoding.EncodeToString(raw) != text {
		return nil, errors.New("it isn't base64url without padding and line breaks")
	}
	return raw, nil
}

func passkeyTime(name, text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	t, err := time.Parse(time.RFC3339, text)
	if err != nil || !strings.HasSuffix(text, "Z") || t.IsZero() {
		return time.Time{}, fmt.Errorf(`%q must be a time in UTC like "2026-12-31T00:00:00Z"`, name)
	}
	return t, nil
}

// checkHost takes host names as browsers write them: lower case, no port.
func checkHost(host string) error {
	if len(host) > maxPasskeyText {
		return fmt.Errorf("it is longer than %d bytes", maxPasskeyText)
	}
	for label := range strings.SplitSeq(host, ".") {
		if label == "" || label[0] == '-' || label[len(label)-1] == '-' {
			return errors.New("it must be a host name, without scheme and port")
		}
		for _, c := range []byte(label) {
			if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' {
				return errors.New("it must be a host name in lower case, without scheme and port")
			}
		}
	}
	return nil
}

// checkOrigin takes what a browser can state as the origin of a page that may
// use passkeys of that relying party: HTTPS, a host at or below its name, and a
// port unless it is 443.
func checkOrigin(origin, rpID string) error {
	u, err := url.Parse(origin)
	if err != nil || u.Scheme != "https" || u.Host == "" || u.Scheme+"://"+u.Host != origin || u.Port() == "443" || strings.HasSuffix(u.Host, ":") {
		return fmt.Errorf(`the origin %q can't be used: write it as the browser does, like "https://cockpit.example.com" or, with another port than 443, "https://cockpit.example.com:4443"`, printable(origin))
	}
	host := u.Hostname()
	if err := checkHost(host); err != nil {
		return fmt.Errorf("the origin %q can't be used: %w", printable(origin), err)
	}
	if host != rpID && !strings.HasSuffix(host, "."+rpID) {
		return fmt.Errorf("the origin %q can't be used: its host is neither %s nor below it", printable(origin), rpID)
	}
	return nil
}

// passkeyPublicKey reads a key that was made from the COSE key at enrolment:
// one block of PEM, in the only DER form of that key.
func passkeyPublicKey(text string) (spki []byte, pub crypto.PublicKey, err error) {
	block, rest := pem.Decode([]byte(text))
	if block == nil || block.Type != "PUBLIC KEY" || len(bytes.TrimSpace(rest)) > 0 {
		return nil, nil, errors.New(`it must be one block "-----BEGIN PUBLIC KEY-----"`)
	}
	pub, err = x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		return nil, nil, fmt.Errorf("it is no public key: %w", err)
	}
	if der, err := x509.MarshalPKIXPublicKey(pub); err != nil || !bytes.Equal(der, block.Bytes) {
		return nil, nil, errors.New("its DER isn't in the one form of that key")
	}
	switch key := pub.(type) {
	case ed25519.PublicKey, *rsa.PublicKey:
		return block.Bytes, pub, nil
	case *ecdsa.PublicKey:
		if key.Curve == elliptic.P256() {
			return block.Bytes, pub, nil
		}
	}
	return nil, nil, errors.New("its algorithm isn't ES256 (ECDSA on P-256), RS256 or EdDSA (Ed25519)")
}

// withoutAmbiguous leaves out passkeys of which two files tell differently: which
// of them counted would depend on chance. The directory says more than one thing
// of them, so it is believed neither.
func (s *Set) withoutAmbiguous(anchors []anchor) []anchor {
	seen := map[string]int{}
	for i := range anchors {
		if k := anchors[i].passkey; k != nil {
			seen[string(k.credentialID)]++
		}
	}
	return slices.DeleteFunc(anchors, func(a anchor) bool {
		if a.passkey == nil || seen[string(a.passkey.credentialID)] == 1 {
			return false
		}
		s.warn(&a, refuse(CodeUnknownSigner, "another file speaks of the same passkey, and differently; neither is believed"))
		return true
	})
}
