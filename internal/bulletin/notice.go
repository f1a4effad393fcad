package bulletin

import (
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"math/big"
	"slices"
	"time"

	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/pki"
	"github.com/signet-scheduler/signet/internal/policy"
)

// Kind says what a notice is.
type Kind string

// CRL is a complete certificate revocation list: one PEM block with the list,
// then the certificate of its issuer and those above it, without the root (more
// than one of the issuer, if several roots have certified its key). It has a number (RFC 5280, 5.2.3), which is its version.
const CRL Kind = "CRL"

// Bounds. A list of 1 MiB revokes some 25,000 certificates.
const (
	MaxNotice   = 1 << 20  // bytes of one notice
	MaxDelivery = 12 << 20 // bytes of one delivery, as JSON
	maxBatch    = 4 << 20  // of the notices in one delivery
	maxNotices  = 200      // of one board
	maxRefused  = 20       // that are remembered
	maxIssuers  = 5        // certificates behind a list
	maxVersion  = 60       // digits
)

// Notice is one signed file.
type Notice struct {
	Kind Kind   `json:"kind"`
	Text string `json:"text"`
}

// Held tells which version of a file somebody has. An ID stands for everything
// that replaces each other: the lists of one issuer's key.
type Held struct {
	Kind    Kind   `json:"kind"`
	ID      string `json:"id"`
	Version string `json:"version"`
}

// content is a notice that was read.
type content struct {
	held    Held
	version *big.Int
	text    string
	list    *x509.RevocationList // of a CRL
	issuers []*x509.Certificate
	bundle  *policy.Bundle // of a trust policy
	local   bool           // it isn't passed on
}

// NewCRL makes the notice of a list, in PEM, and the certificates of its issuer
// and those above it.
func NewCRL(list []byte, issuers ...*x509.Certificate) (Notice, error) {
	block, _ := pem.Decode(list)
	if block == nil {
		block = &pem.Block{Bytes: list}
	}
	text := pem.EncodeToMemory(&pem.Block{Type: "X509 CRL", Bytes: block.Bytes})
	n := Notice{Kind: CRL, Text: string(text) + string(pki.EncodeCertsPEM(issuers...))}
	_, err := read(n)
	return n, err
}

// read reads a notice, and checks what can be checked without knowing whom the
// machine trusts: that it is whole, has a version, and was signed by the issuer
// that comes with it.
func read(n Notice) (*content, error) {
	if len(n.Text) > MaxNotice {
		return nil, fault.New(fault.TooLarge, "NoticeTooLarge", "a revocation list that is passed on has at most %d bytes with its issuers, a trust policy with its signatures", MaxNotice)
	}
	switch n.Kind {
	case CRL:
		return readCRL(n.Text)
	case TrustPolicy:
		return readPolicy(n.Text)
	default:
		return nil, fault.New(fault.Invalid, "UnknownKind", "this program doesn't know trust material of the kind %q", clip(string(n.Kind), 80))
	}
}

func readCRL(text string) (*content, error) {
	block, rest := pem.Decode([]byte(text))
	if block == nil {
		return nil, fault.New(fault.Invalid, "InvalidCRL", "there is no complete PEM block with a revocation list")
	}
	lists, err := pki.ParseCRLs(pem.EncodeToMemory(&pem.Block{Type: block.Type, Bytes: block.Bytes}))
	if err != nil {
		return nil, err
	}
	list := lists[0]
	issuers, err := pki.ParseCertsPEM(rest)
	if err != nil {
		return nil, err
	}
	if len(issuers) > maxIssuers {
		return nil, fault.New(fault.TooLarge, "TooManyCertificates", "a revocation list comes with at most %d certificates", maxIssuers)
	}
	if err := pki.CheckCRL(list, issuers[0]); err != nil {
		return nil, err
	}
	if list.Number == nil || list.Number.Sign() < 0 || len(list.Number.Text(10)) > maxVersion {
		return nil, fault.New(fault.Invalid, "NoCRLNumber", "the revocation list has no number, by which the newest could be told; with openssl: crl_extensions with crlNumber and authorityKeyIdentifier")
	}
	key := sha256.New()
	key.Write(issuers[0].RawSubject)
	key.Write(issuers[0].RawSubjectPublicKeyInfo)
	return &content{
		held:    Held{CRL, hex.EncodeToString(key.Sum(nil)[:16]), list.Number.Text(10)},
		version: list.Number, text: text, list: list, issuers: issuers,
	}, nil
}

// supersedes refuses what doesn't come after known. It tells whether c is new.
func (c *content) supersedes(known *content) (bool, error) {
	if known == nil {
		return true, nil
	}
	cmp := known.version.Cmp(c.version)
	switch {
	case cmp < 0:
		return true, nil
	case cmp == 0 && c.same(known):
		return false, nil
	case c.bundle != nil && cmp > 0:
		return false, fault.New(fault.Conflict, policy.CodeOlder, "the trust policy has version %s, but version %s is known here", c.version, known.version)
	case c.bundle != nil:
		return false, fault.New(fault.Conflict, policy.CodeVersionReused, "another trust policy of version %s is known here: a changed policy needs a higher version", c.version)
	}
	issuer := clip(c.list.Issuer.String(), 80)
	if cmp > 0 {
		return false, fault.New(fault.Conflict, "OlderCRL", "number %s of the revocation list of %q is older than %s, which is in force", c.version, issuer, known.version)
	}
	return false, fault.New(fault.Conflict, "OtherCRL", "there is another revocation list of %q with the number %s", issuer, c.version)
}

// same tells whether both say the same, whoever has signed it.
func (c *content) same(other *content) bool {
	if c.bundle != nil {
		return c.bundle.Policy == other.bundle.Policy
	}
	return string(c.list.Raw) == string(other.list.Raw)
}

// IsOlder tells whether a notice wasn't taken because a newer one is there.
func IsOlder(err error) bool {
	return fault.HasCode(err, "OlderCRL") || fault.HasCode(err, policy.CodeOlder)
}

// trusted tells whether the file counts for who trusts these authorities. While a
// root is being replaced, an issuer comes with two certificates of its one key: one
// by each root. Either will do.
func (c *content) trusted(anchors []*x509.Certificate, now time.Time) error {
	var refused error
	for i, cert := range c.issuers {
		if !bytes.Equal(cert.RawSubject, c.issuers[0].RawSubject) || !bytes.Equal(cert.RawSubjectPublicKeyInfo, c.issuers[0].RawSubjectPublicKeyInfo) {
			continue
		}
		others := slices.Concat([]*x509.Certificate{cert}, c.issuers[:i], c.issuers[i+1:])
		err := pki.CheckIssuer(others, anchors, now)
		if err == nil {
			return nil
		}
		if refused == nil {
			refused = err
		}
	}
	return refused
}

// older tells whether a version is below another; one that can't be read is below
// all.
func older(version string, than *big.Int) bool {
	if len(version) > maxVersion {
		return true
	}
	v, ok := new(big.Int).SetString(version, 10)
	return !ok || v.Cmp(than) < 0
}

// Newer tells whether version a is above b.
func Newer(a, b string) bool {
	v, ok := new(big.Int).SetString(a, 10)
	return ok && len(a) <= maxVersion && older(b, v)
}

// clip shortens what a stranger wrote before it goes into a message.
func clip(s string, most int) string {
	if len(s) > most {
		return s[:most] + "..."
	}
	return s
}
