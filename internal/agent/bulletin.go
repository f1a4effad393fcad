package agent

import (
	"crypto/x509"
	"net/http"
	"path/filepath"

	"github.com/signet-scheduler/signet/internal/bulletin"
	"github.com/signet-scheduler/signet/internal/policy"
	"github.com/signet-scheduler/signet/internal/transport"
)

// openBoard opens what was sent here: revocation lists of those who sign
// certificates of parts, and of those who sign certificates of signers, and the
// trust policy.
func (a *Agent) openBoard(o Options) (err error) {
	a.notices, err = bulletin.Open(bulletin.Options{Dir: filepath.Join(o.DataDir, "trust"), Clock: a.clock, Shelves: []bulletin.Shelf{
		{Name: bulletin.Connections, Anchors: func() []*x509.Certificate {
			if a.creds == nil {
				return nil // passwords only: there are no certificates
			}
			_, trusted := a.creds.Certificates()
			return trusted
		}},
		{Name: bulletin.Signers, Anchors: func() []*x509.Certificate { return a.guard.Authorities() }},
		{Name: bulletin.Policies, Accept: func(b policy.Bundle) error { return a.guard.CheckPolicy(b) }},
	}})
	return err
}

// postBulletin takes in what a Controller brings.
func (a *Agent) postBulletin(w http.ResponseWriter, r *http.Request) {
	body, err := transport.ReadBody(r)
	if err != nil {
		transport.WriteProblem(w, err)
		return
	}
	receipt, err := a.notices.Receive(body)
	if err != nil {
		transport.WriteProblem(w, err)
		return
	}
	a.guard.Look()
	for _, x := range receipt.Refused {
		a.log.Warn("trust material was refused", "kind", string(x.Kind), "from", transport.PeerOf(r).String(), "code", x.Code, "problem", x.Message)
	}
	writeJSON(w, receipt)
}
