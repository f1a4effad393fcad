// Package part is what a part of an installation tells of itself: its version,
// since when it runs, when its certificates end, and the last lines of its log.
//
// It owns the forms of these answers, which one part gives and another reads,
// and the lines that are kept in memory. It must not decide who may read them,
// nor know how they travel. internal/app makes a Self before it starts the
// part; Controller, Agent and Cockpit answer with it.
package part

import (
	"crypto/x509"
	"time"
)

// Self is a running part, as it knows itself. The zero value tells nothing.
type Self struct {
	Version string
	Started time.Time
	Log     *Ring // nil: nothing is kept
}

// Report is what a part tells of itself.
type Report struct {
	Version      string        `json:"version"`
	Since        int64         `json:"since"` // milliseconds; 0: unknown
	Certificates []Certificate `json:"certificates"`
	Trust        *Trust        `json:"trust,omitempty"` // nil from a part of an older program
}

// The uses of a certificate.
const (
	ForParts     = "parts"     // what it shows other parts
	ForUsers     = "users"     // what it shows browsers and programs
	ForSigning   = "signing"   // it signs documents with it
	ForAuthority = "authority" // it trusts whom this one has issued
)

// Certificate is one certificate of a part, without the key.
type Certificate struct {
	Use      string `json:"use"`
	Subject  string `json:"subject"`
	Issuer   string `json:"issuer"`
	NotAfter int64  `json:"notAfter"` // milliseconds
	// NotBefore is 0 from a part of an older program.
	NotBefore int64 `json:"notBefore,omitempty"`
}

// mostCertificates bounds how many are told: a truststore may be long.
const mostCertificates = 100

// Report makes the answer of certificates that are grouped already.
func (s Self) Report(groups ...[]Certificate) Report {
	r := Report{Version: s.Version, Certificates: []Certificate{}}
	if !s.Started.IsZero() {
		r.Since = s.Started.UnixMilli()
	}
	seen := map[Certificate]bool{}
	for _, g := range groups {
		for _, c := range g {
			if !seen[c] && len(r.Certificates) < mostCertificates {
				seen[c] = true
				r.Certificates = append(r.Certificates, c)
			}
		}
	}
	return r
}

// Certificates tells of a chain: the first is for use, those behind it are
// authorities, as are all that the part trusts.
func Certificates(use string, chain, trusted []*x509.Certificate) []Certificate {
	var all []Certificate
	for i, c := range chain {
		if i > 0 {
			use = ForAuthority
		}
		all = append(all, certificate(use, c))
	}
	for _, c := range trusted {
		all = append(all, certificate(ForAuthority, c))
	}
	return all
}

func certificate(use string, c *x509.Certificate) Certificate {
	told := Certificate{Use: use, Subject: subject(c), Issuer: c.Issuer.String(), NotAfter: c.NotAfter.UnixMilli()}
	if !c.NotBefore.IsZero() {
		told.NotBefore = c.NotBefore.UnixMilli()
	}
	return told
}

// subject names a certificate: by the identity in it, which is what counts, or
// else by its subject.
func subject(c *x509.Certificate) string {
	if len(c.URIs) > 0 {
		return c.URIs[0].String()
	}
	return c.Subject.String()
}
