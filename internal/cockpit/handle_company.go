package cockpit

import (
	"github.com/signet-scheduler/signet/api"
	"github.com/signet-scheduler/signet/internal/pki"
)

// askCompany opens the authority for a purpose whose issuer is the company's, unless
// the issuer's key must not be here, and records who asks and why.
func (k *call) askCompany(purpose, reason string) (*pki.CA, pki.Purpose, error) {
	p, err := pki.ParsePurpose(purpose)
	if err != nil {
		return nil, "", err
	}
	if err := k.mayIssue(p); err != nil {
		return nil, "", err
	}
	ca, err := k.authority()
	if err != nil {
		return nil, "", err
	}
	return ca, p, k.beginAudit("", []string{"Authority:" + string(p)}, reason)
}

// requestIssuer makes the request that the company's authority answers.
func (k *call) requestIssuer() error {
	in, err := decode[api.RequestIssuerRequest](k)
	if err != nil {
		return err
	}
	ca, p, err := k.askCompany(in.Purpose, in.Reason)
	if err != nil {
		return err
	}
	request, err := ca.RequestIssuer(pki.RequestParams{Purpose: p, Anew: in.Anew})
	if err != nil {
		return err
	}
	return k.answer(api.IssuerRequest{Purpose: string(p), Request: string(request)})
}

// adoptIssuer takes the company's answer.
func (k *call) adoptIssuer() error {
	in, err := decode[api.AdoptIssuerRequest](k)
	if err != nil {
		return err
	}
	ca, p, err := k.askCompany(in.Purpose, in.Reason)
	if err != nil {
		return err
	}
	if err := ca.AdoptIssuer(pki.AdoptParams{Purpose: p, Answer: []byte(in.Answer), NoCross: in.NoCross, Now: k.clock.Now()}); err != nil {
		return err
	}
	k.log.Info("an issuer of the company is in force", "purpose", string(p), "account", k.session.Account.Name)
	return k.done()
}
