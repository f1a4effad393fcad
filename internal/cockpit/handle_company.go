package cockpit

import (
	"github.com/signet-scheduler/signet/api"
	"github.com/signet-scheduler/signet/internal/pki"
)

// asked opens the authority for a purpose whose issuer is the company's, unless the
// issuer's key must not be here.
func (k *call) asked(purpose string) (*pki.CA, pki.Purpose, error) {
	p, err := pki.ParsePurpose(purpose)
	if err != nil {
		return nil, "", err
	}
	if err := k.mayIssue(p); err != nil {
		return nil, "", err
	}
	ca, err := k.authority()
	return ca, p, err
}

// requestIssuer makes the request that the company's authority answers.
func (k *call) requestIssuer() error {
	in, err := decode[api.RequestIssuerRequest](k)
	if err != nil {
		return err
	}
	ca, p, err := k.asked(in.Purpose)
	if err != nil {
		return err
	}
	if err := k.beginAudit("", []string{"Authority:" + string(p)}, in.Reason); err != nil {
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
	ca, p, err := k.asked(in.Purpose)
	if err != nil {
		return err
	}
	if err := k.beginAudit("", []string{"Authority:" + string(p)}, in.Reason); err != nil {
		return err
	}
	if err := ca.AdoptIssuer(pki.AdoptParams{Purpose: p, Answer: []byte(in.Answer), NoCross: in.NoCross, Now: k.clock.Now()}); err != nil {
		return err
	}
	k.log.Info("an issuer of the company is in force", "purpose", string(p), "account", k.session.Account.Name)
	return k.done()
}
