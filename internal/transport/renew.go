package transport

import (
	"encoding/json"
	"errors"
	"io/fs"
	"net/http"
	"os"

	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/fsys"
	"github.com/signet-scheduler/signet/internal/pki"
)

// Shown is the certificate that a part shows to others. Times are in milliseconds.
type Shown struct {
	Serial    string `json:"serial"`
	NotBefore int64  `json:"notBefore"`
	NotAfter  int64  `json:"notAfter"`
}

// CertificateRequest asks for a certificate for a part's new key.
type CertificateRequest struct {
	Request string `json:"request"` // PEM
}

// NewCertificate is the answer to it.
type NewCertificate struct {
	Certificate string `json:"certificate"` // PEM: the certificate and its issuer
}

// Shown tells which certificate is in force.
func (c *Credentials) Shown() Shown {
	leaf := c.Keypair().Leaf()
	return Shown{pki.Serial(leaf), leaf.NotBefore.UnixMilli(), leaf.NotAfter.UnixMilli()}
}

// Request makes a new key, keeps it in memory, and returns a request for its
// certificate. What was requested before counts no more.
func (c *Credentials) Request() (CertificateRequest, error) {
	if c.files.Renewed == "" {
		return CertificateRequest{}, fault.New(fault.Conflict, "NotRenewable", "this part's certificate isn't renewed by itself")
	}
	key, err := pki.NewKey(pki.ECDSAP256)
	if err != nil {
		return CertificateRequest{}, err
	}
	csr, err := pki.NewCSR(key)
	if err != nil {
		return CertificateRequest{}, err
	}
	c.renewing.Lock()
	defer c.renewing.Unlock()
	c.requested = key
	return CertificateRequest{string(csr)}, nil
}

// Install puts a certificate in force that was requested: one for the requested
// key, of the same identity, that this part itself would trust, and that is valid
// for longer than the one in force. Connections that are open stay.
func (c *Credentials) Install(n NewCertificate) error {
	chain, err := pki.ParseCertsPEM([]byte(n.Certificate))
	if err != nil {
		return err
	}
	c.renewing.Lock()
	defer c.renewing.Unlock()
	if c.requested == nil {
		return fault.New(fault.Conflict, "NotRequested", "no certificate was requested, or it is installed already")
	}
	pair, err := pki.NewKeypair(chain, c.requested)
	if err != nil {
		return err
	}
	s := c.current()
	now := c.clock.Now()
	got, err := pki.CheckNode(chain, s.roots, s.crls, now)
	if err != nil {
		return err
	}
	if own, err := pki.ParseIdentity(s.pair.Leaf()); err != nil || own != got {
		return fault.New(fault.Untrusted, "WrongCertificate", "the certificate is one of %s, not of this part", got)
	}
	if !pair.Leaf().NotAfter.After(s.pair.Leaf().NotAfter) {
		return fault.New(fault.Conflict, "OlderCertificate", "the certificate ends no later than the one in force")
	}
	if err := pki.WritePairPEM(fsys.Real{}, c.files.Renewed, pair); err != nil {
		return err
	}
	c.requested = nil
	c.reload(now)
	c.log.Info("the certificate was renewed", "serial", pki.Serial(pair.Leaf()), "until", pair.Leaf().NotAfter)
	return c.Err()
}

// newest returns the pair that was issued last: the one of the settings, or the one
// that came by renewal, if it is of the same identity.
func (f Files) newest(own pki.Keypair) (pki.Keypair, error) {
	if f.Renewed == "" {
		return own, nil
	}
	if _, err := os.Lstat(f.Renewed); errors.Is(err, fs.ErrNotExist) {
		return own, nil
	}
	renewed, err := pki.ReadPairPEM(f.Renewed)
	if err != nil {
		return own, err
	}
	a, err := pki.ParseIdentity(own.Leaf())
	if err != nil {
		return own, nil //nolint:nilerr // what has no identity wasn't renewed
	}
	if b, err := pki.ParseIdentity(renewed.Leaf()); err != nil || a != b || renewed.Leaf().NotBefore.Before(own.Leaf().NotBefore) {
		return own, nil //nolint:nilerr // it was another part's
	}
	return renewed, nil
}

// maxCertificateBody bounds a certificate with its issuers, in bytes.
const maxCertificateBody = 64 << 10

// RenewalRoutes are the routes by which a part's certificate is renewed from the
// left side.
func RenewalRoutes(prefix string, roles []pki.Role, creds func() *Credentials) []Route {
	answer := func(w http.ResponseWriter, v any, err error) {
		if err != nil {
			WriteProblem(w, err)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(v) //nolint:errchkjson // texts and numbers; that the peer is gone is noticed by the server
	}
	// A part behind a proxy, or one that knows passwords only, has no certificate.
	owning := func(handle func(*Credentials, http.ResponseWriter, *http.Request)) func(http.ResponseWriter, *http.Request) {
		return func(w http.ResponseWriter, r *http.Request) {
			c := creds()
			if c == nil || c.current().cert == nil {
				WriteProblem(w, fault.New(fault.NotFound, "NoCertificate", "this part has no certificate of its own"))
				return
			}
			handle(c, w, r)
		}
	}
	return []Route{
		{Method: "GET", Pattern: prefix + "/certificate", Roles: roles, Handler: owning(func(c *Credentials, w http.ResponseWriter, _ *http.Request) {
			answer(w, c.Shown(), nil)
		})},
		{Method: "POST", Pattern: prefix + "/certificate/request", Roles: roles, Handler: owning(func(c *Credentials, w http.ResponseWriter, _ *http.Request) {
			request, err := c.Request()
			answer(w, request, err)
		})},
		{Method: "POST", Pattern: prefix + "/certificate", Roles: roles, MaxBody: maxCertificateBody, Handler: owning(func(c *Credentials, w http.ResponseWriter, r *http.Request) {
			body, err := ReadBody(r)
			var n NewCertificate
			if err == nil {
				if err = json.Unmarshal(body, &n); err != nil {
					err = fault.Wrap(fault.Invalid, "BadCertificate", err, "the certificate doesn't decode")
				}
			}
			if err == nil {
				err = c.Install(n)
			}
			answer(w, c.Shown(), err)
		})},
	}
}
