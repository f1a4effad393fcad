package cockpit

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"slices"

	"github.com/signet-scheduler/signet/api"
	"github.com/signet-scheduler/signet/internal/bulletin"
	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/pki"
	"github.com/signet-scheduler/signet/internal/transport"
)

func (k *call) listRevocations() error {
	if q := k.query(); q.err != nil {
		return q.err
	}
	out := api.RevocationLists{Lists: []api.RevocationList{}, Authority: k.settings.AuthorityDir != ""}
	k.lookAgain(k.r.Context())
	tellers := k.tellers(nil)
	for _, e := range k.notices.All() {
		if e.Kind != bulletin.CRL {
			continue
		}
		out.Lists = append(out.Lists, api.RevocationList{
			Id: e.ID, Issuer: e.List.Issuer.String(), Number: e.Version, From: e.List.ThisUpdate.UnixMilli(), Until: e.List.NextUpdate.UnixMilli(),
			Revoked: len(e.List.RevokedCertificateEntries), Holders: holders(tellers, &e),
		})
	}
	return k.answer(out)
}

// publishRevocations sends out a list that another authority has made.
func (k *call) publishRevocations() error {
	in, err := decode[api.PublishRevocationsRequest](k)
	if err != nil {
		return err
	}
	n, issuer, err := k.readList([]byte(in.List))
	if err != nil {
		return err
	}
	if err := k.beginAudit("", []string{"Authority:" + clip(issuer)}, in.Reason); err != nil {
		return err
	}
	if err := k.publish(k.r.Context(), n); err != nil {
		return err
	}
	return k.done()
}

// readList reads a list with its issuers. Without these, the issuer is looked for
// among the authorities that this Cockpit knows.
func (k *call) readList(text []byte) (n bulletin.Notice, issuer string, err error) {
	block, rest := pem.Decode(text)
	if block == nil {
		return n, "", fault.New(fault.Invalid, "InvalidCRL", "there is no complete PEM block with a revocation list")
	}
	list := pem.EncodeToMemory(block)
	lists, err := pki.ParseCRLs(list)
	if err != nil {
		return n, "", err
	}
	var issuers []*x509.Certificate
	if len(bytes.TrimSpace(rest)) > 0 {
		issuers, err = pki.ParseCertsPEM(rest)
	} else {
		issuers = k.issuersOf(lists[0])
	}
	if err != nil {
		return n, "", err
	}
	if len(issuers) == 0 {
		return n, "", fault.New(fault.Invalid, "NoIssuer", "the certificate of the issuer %q is needed: append it, and those of the authorities above it, to the list", clip(lists[0].Issuer.String()))
	}
	n, err = bulletin.NewCRL(list, issuers...)
	return n, lists[0].Issuer.String(), err
}

// issuersOf returns the certificate of a list's issuer, if it is known here.
func (k *call) issuersOf(list *x509.RevocationList) []*x509.Certificate {
	var known []*x509.Certificate
	for _, files := range []*transport.Credentials{k.nodeFiles, k.userFiles} {
		if files != nil {
			chain, trusted := files.Certificates()
			known = slices.Concat(known, chain, trusted)
		}
	}
	for _, c := range known {
		if pki.CheckCRL(list, c) == nil {
			return []*x509.Certificate{c}
		}
	}
	return nil
}

// revokeCertificates revokes all that the authority has issued to somebody.
func (k *call) revokeCertificates() error {
	in, err := decode[api.RevokeCertificatesRequest](k)
	if err != nil {
		return err
	}
	id := pki.Identity{Role: pki.Role(in.Role), Name: in.Name}
	if err := id.Validate(); err != nil {
		return err
	}
	ca, err := k.authority()
	if err != nil {
		return err
	}
	if err := k.beginAudit("", []string{"Certificate:" + id.String()}, in.Reason); err != nil {
		return err
	}
	all, err := ca.List()
	if err != nil {
		return err
	}
	now := k.clock.Now()
	out := api.RevokedCertificates{Serials: []string{}}
	for _, r := range all {
		if r.Identity() != id || r.RevokedAt != nil || now.After(r.NotAfter) {
			continue
		}
		if err := ca.Revoke(r.Serial, pki.Reason(in.Cause), now); err != nil {
			return err
		}
		out.Serials = append(out.Serials, r.Serial)
	}
	if len(out.Serials) == 0 {
		return fault.New(fault.NotFound, "UnknownCertificate", "no certificate of %s is in force that this authority has issued", id).About("Certificate:" + id.String())
	}
	return k.answer(out)
}
