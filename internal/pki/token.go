package pki

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"crypto/x509"
	"encoding/base64"
	"net"
	"strings"

	"github.com/signet-scheduler/signet/internal/fault"
)

// Token is the right to get one certificate. Its text goes from the person who
// made it to the machine that enrols, and nowhere else.
type Token struct {
	// Authority is the SHA-256 of the root that will issue the certificate, by
	// which the machine knows that it talks to the right Cockpit.
	Authority [sha256.Size]byte
	Identity  Identity // that the certificate will have
	text      string
}

const (
	tokenPrefix = "signet-"
	tokenSecret = 20 // random bytes
	maxToken    = 400
)

// NewToken makes a token for an identity below a root.
func NewToken(root *x509.Certificate, id Identity) (*Token, error) {
	if err := id.Validate(); err != nil {
		return nil, err
	}
	t := &Token{Authority: sha256.Sum256(root.Raw), Identity: id}
	var secret [tokenSecret]byte
	_, _ = rand.Read(secret[:]) // it never fails
	t.text = tokenPrefix + base64.RawURLEncoding.EncodeToString(append(append(secret[:], t.Authority[:]...), id.String()...))
	return t, nil
}

// ParseToken reads the text of a token. The error never repeats it.
func ParseToken(text string) (*Token, error) {
	bad := fault.New(fault.Invalid, "InvalidToken", "this is no token as \"signet ca token\" makes it; is it whole?")
	encoded, ok := strings.CutPrefix(text, tokenPrefix)
	if !ok || len(text) > maxToken {
		return nil, bad
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(encoded)
	if err != nil || len(b) <= tokenSecret+sha256.Size {
		return nil, bad
	}
	t := &Token{text: text}
	copy(t.Authority[:], b[tokenSecret:])
	role, name, ok := strings.Cut(string(b[tokenSecret+sha256.Size:]), "/")
	t.Identity = Identity{Role(role), name}
	if !ok || t.Identity.Validate() != nil {
		return nil, bad
	}
	return t, nil
}

// Reveal returns the token's text.
func (t *Token) Reveal() string { return t.text }

// String hides the text: it is a secret.
func (t *Token) String() string { return masked }

// Hash is what may be kept of a token.
func (t *Token) Hash() [sha256.Size]byte { return sha256.Sum256([]byte(t.text)) }

// For tells whether the token is for certificates below a root.
func (t *Token) For(root *x509.Certificate) bool {
	have := sha256.Sum256(root.Raw)
	return subtle.ConstantTimeCompare(have[:], t.Authority[:]) == 1
}

// Hosts sorts texts into DNS names and IP addresses for a certificate; one that is
// neither is Invalid.
func Hosts(texts []string) (names []string, ips []net.IP, err error) {
	for _, text := range texts {
		switch ip := net.ParseIP(text); {
		case ip != nil && !ip.IsUnspecified():
			ips = append(ips, ip)
		case ip == nil && validHost(text):
			names = append(names, text)
		default:
			return nil, nil, fault.New(fault.Invalid, "InvalidHost", "%q is neither a host name nor the address of a host (wildcards are not used)", clip(text))
		}
	}
	if len(names) > maxDNSNames || len(ips) > maxIPs {
		return nil, nil, fault.New(fault.TooLarge, "TooManyNames", "a certificate names at most %d hosts and %d addresses", maxDNSNames, maxIPs)
	}
	return names, ips, nil
}
