package pki

import (
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"math/big"
	"net"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/signet-scheduler/signet/internal/fault"
)

// Purpose is what a branch of the authority issues certificates for.
type Purpose string

// The purposes. Each has its own root and intermediate.
const (
	PurposeNode    Purpose = "node"    // TLS between parts, and the Cockpit's listener
	PurposeSigning Purpose = "signing" // signatures of documents
	PurposeUser    Purpose = "user"    // log-in by certificate
)

// Purposes returns all purposes.
func Purposes() []Purpose { return []Purpose{PurposeNode, PurposeSigning, PurposeUser} }

// ParsePurpose returns the purpose of that name, or an Invalid fault.
func ParsePurpose(name string) (Purpose, error) {
	if p := Purpose(name); slices.Contains(Purposes(), p) {
		return p, nil
	}
	return "", fault.New(fault.Invalid, "UnknownPurpose", "%q is no purpose: use node, signing or user", clip(name))
}

// backdate is how far a certificate's validity reaches back, for clocks that
// are a little behind.
const backdate = 10 * time.Second

// Default and greatest lifetimes.
const (
	defaultRootValidity = 10 * 365 * 24 * time.Hour
	defaultInterValid   = 5 * 365 * 24 * time.Hour
	defaultLeafValidity = 365 * 24 * time.Hour
	defaultCRLValidity  = 30 * 24 * time.Hour
	maxValidity         = 30 * 365 * 24 * time.Hour
)

// Bounds on what one certificate names.
const (
	maxDNSNames = 100
	maxIPs      = 100
)

// leafParams is what the leaf templates of all purposes are made from.
type leafParams struct {
	purpose      Purpose
	identity     Identity
	organization string
	dnsNames     []string
	ips          []net.IP
	validity     time.Duration // 0 = default
	enrolled     bool
	now          time.Time
}

func (p leafParams) check() error {
	if err := p.identity.Validate(); err != nil {
		return err
	}
	if u := usages[p.purpose]; !u.role(p.identity.Role) {
		return fault.New(fault.Invalid, "WrongRole", "a certificate for %s can't have the role %s", u.what, p.identity.Role)
	}
	if err := checkTimes(p.now, p.validity); err != nil {
		return err
	}
	if len(p.dnsNames) > maxDNSNames || len(p.ips) > maxIPs {
		return fault.New(fault.TooLarge, "TooManyNames", "a certificate names at most %d hosts and %d addresses", maxDNSNames, maxIPs)
	}
	for _, name := range p.dnsNames {
		if !validHost(name) {
			return fault.New(fault.Invalid, "InvalidHost", "%q is not a host name (wildcards are not used)", clip(name))
		}
	}
	for _, ip := range p.ips {
		if ip.To16() == nil || ip.IsUnspecified() {
			return fault.New(fault.Invalid, "InvalidHost", "%q is not the address of a host", ip)
		}
	}
	return nil
}

func checkTimes(now time.Time, validity time.Duration) error {
	if now.IsZero() {
		return fault.New(fault.Internal, "NoTime", "the time is missing")
	}
	if validity < 0 || validity > maxValidity {
		return fault.New(fault.Invalid, "InvalidValidity", "a certificate can't be valid for %s; use at most 30 years", validity)
	}
	return nil
}

// validHost tells whether name is a DNS name: labels of letters, digits,
// hyphens and underscores, joined by dots.
func validHost(name string) bool {
	if name == "" || len(name) > 253 {
		return false
	}
	for label := range strings.SplitSeq(name, ".") {
		if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' {
			return false
		}
		for _, c := range label {
			if !strings.ContainsRune("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_", c) {
				return false
			}
		}
	}
	return true
}

// leafTemplate makes the certificate to be signed, but for its key. It never
// outlives issuer.
func leafTemplate(p leafParams, issuer *x509.Certificate) (*x509.Certificate, error) {
	notBefore, notAfter, err := window(p.now, p.validity, defaultLeafValidity, issuer)
	if err != nil {
		return nil, err
	}
	return &x509.Certificate{
		SerialNumber:          newSerial(),
		Subject:               subject(p.organization, p.identity.Name),
		NotBefore:             notBefore,
		NotAfter:              notAfter,
		KeyUsage:              x509.KeyUsageDigitalSignature,
		ExtKeyUsage:           usages[p.purpose].required,
		BasicConstraintsValid: true,
		URIs:                  []*url.URL{p.identity.URI()},
		DNSNames:              p.dnsNames,
		IPAddresses:           p.ips,
	}, nil
}

func rootTemplate(p Purpose, organization string, number int, validity time.Duration, now time.Time) *x509.Certificate {
	notBefore, notAfter, _ := window(now, validity, defaultRootValidity, nil)
	return &x509.Certificate{
		SerialNumber:          newSerial(),
		Subject:               subject(organization, numbered(organization+" "+string(p)+" root", number)),
		NotBefore:             notBefore,
		NotAfter:              notAfter,
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
		BasicConstraintsValid: true,
		IsCA:                  true,
		MaxPathLen:            1,
	}
}

// intermediateTemplate makes an authority that can issue leaves only, and these
// for its purpose only.
func intermediateTemplate(p Purpose, organization string, number int, validity time.Duration, now time.Time, root *x509.Certificate) (*x509.Certificate, error) {
	notBefore, notAfter, err := window(now, validity, defaultInterValid, root)
	if err != nil {
		return nil, err
	}
	return &x509.Certificate{
		SerialNumber:          newSerial(),
		Subject:               subject(organization, numbered(organization+" "+string(p)+" issuer", number)),
		NotBefore:             notBefore,
		NotAfter:              notAfter,
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
		ExtKeyUsage:           usages[p].required,
		BasicConstraintsValid: true,
		IsCA:                  true,
		MaxPathLen:            0,
		MaxPathLenZero:        true,
	}, nil
}

// window returns the validity from now (a little earlier) on, capped to the
// issuer's end.
func window(now time.Time, validity, otherwise time.Duration, issuer *x509.Certificate) (from, to time.Time, err error) {
	if validity == 0 {
		validity = otherwise
	}
	now = now.UTC().Truncate(time.Second)
	from, to = now.Add(-backdate), now.Add(validity)
	if issuer != nil {
		if to.After(issuer.NotAfter) {
			to = issuer.NotAfter
		}
		if from.Before(issuer.NotBefore) {
			from = issuer.NotBefore
		}
		if !to.After(now) || now.Before(issuer.NotBefore) {
			return from, to, fault.New(fault.Conflict, "AuthorityExpired",
				"the authority %q is valid from %s to %s, not now (%s)", issuer.Subject, stamp(issuer.NotBefore), stamp(issuer.NotAfter), stamp(now))
		}
	}
	return from, to, nil
}

func subject(organization, name string) pkix.Name {
	n := pkix.Name{CommonName: name}
	// The standard bounds a common name to 64 characters; the identity has the
	// name in full.
	if len(n.CommonName) > 64 {
		n.CommonName = n.CommonName[:64]
	}
	if organization != "" {
		n.Organization = []string{organization}
	}
	return n
}

// newSerial returns a random positive number of 127 bits, its top bit set so
// that all serials have the same length as text.
func newSerial() *big.Int {
	var b [16]byte
	_, _ = rand.Read(b[:])
	b[0] = b[0]&0x3f | 0x40
	return new(big.Int).SetBytes(b[:])
}

// Serial returns a certificate's serial number as the authority writes it.
func Serial(c *x509.Certificate) string { return serialText(c.SerialNumber) }

// serialText returns a serial number as lower-case hexadecimal of whole bytes.
func serialText(n *big.Int) string { return hex.EncodeToString(n.Bytes()) }
