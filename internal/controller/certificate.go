package controller

import (
	"net/http"

	"github.com/signet-scheduler/signet/internal/pki"
	"github.com/signet-scheduler/signet/internal/transport"
)

// maxCertificateBody bounds a certificate with its issuers, in bytes.
const maxCertificateBody = 64 << 10

// renewalRoutes are the routes by which a Cockpit renews this member's certificate,
// and those by which an Agent's goes through here.
func (c *Controller) renewalRoutes(api string, cockpit []pki.Role) []transport.Route {
	const there = "/agent/{agent}/certificate"
	own := transport.RenewalRoutes(api, cockpit, func() *transport.Credentials { return c.creds })
	return append(own,
		transport.Route{Method: "GET", Pattern: api + there, Roles: cockpit, Handler: func(w http.ResponseWriter, r *http.Request) {
			c.passOn(w, r, http.MethodGet, "/agent/api/certificate", nil)
		}},
		transport.Route{Method: "POST", Pattern: api + there + "/request", Roles: cockpit, Handler: func(w http.ResponseWriter, r *http.Request) {
			c.passOn(w, r, http.MethodPost, "/agent/api/certificate/request", nil)
		}},
		transport.Route{Method: "POST", Pattern: api + there, Roles: cockpit, MaxBody: maxCertificateBody, Handler: func(w http.ResponseWriter, r *http.Request) {
			body, err := transport.ReadBody(r)
			if err != nil {
				c.problem(w, err)
				return
			}
			c.passOn(w, r, http.MethodPost, "/agent/api/certificate", body)
		}},
	)
}
