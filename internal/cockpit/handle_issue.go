package cockpit

import (
	"time"

	"github.com/signet-scheduler/signet/api"
	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/pki"
)

// mayIssue is Forbidden where this Cockpit must not make certificates of a purpose,
// even if the key were put here while it runs: at the level high, who can make a
// signer can run anything.
func (k *call) mayIssue(p pki.Purpose) error {
	if p == pki.PurposeSigning && k.settings.SecurityLevel == levelHigh {
		return fault.New(fault.Forbidden, "SignersElsewhere",
			"at the security level high, signers are issued where the key of their authority is kept, never at a Cockpit: use \"signet ca issue signer NAME --csr FILE\" there")
	}
	return nil
}

// purposeOf returns the purpose that certificates of a role have.
func purposeOf(r pki.Role) pki.Purpose {
	switch r {
	case pki.RoleSigner:
		return pki.PurposeSigning
	case pki.RoleUser:
		return pki.PurposeUser
	}
	return pki.PurposeNode
}

// maxValidHours is 30 years, as the authority has it.
const maxValidHours = 30 * 365 * 24

// validity reads how long a certificate is to be valid; 0: as the authority does.
func validity(hours int64) (time.Duration, error) {
	if hours < 0 || hours > maxValidHours {
		return 0, fault.New(fault.Invalid, "InvalidValidity", "a certificate is valid for 1 to %d hours", maxValidHours)
	}
	return time.Duration(hours) * time.Hour, nil
}

// issueCertificate makes a certificate for a key that stays with its owner.
func (k *call) issueCertificate() error {
	in, err := decode[api.IssueRequest](k)
	if err != nil {
		return err
	}
	id := pki.Identity{Role: pki.Role(in.Role), Name: in.Name}
	if err := id.Validate(); err != nil {
		return err
	}
	names, ips, err := pki.Hosts(in.Hosts)
	if err != nil {
		return err
	}
	if !id.Role.Node() && len(in.Hosts) > 0 {
		return fault.New(fault.Invalid, "InvalidRequest", "hosts are for certificates of parts, not for a %s", id.Role)
	}
	lasts, err := validity(in.ValidHours)
	if err != nil {
		return err
	}
	csr, err := pki.ParseCSR([]byte(in.Request))
	if err != nil {
		return err
	}
	if err := k.mayIssue(purposeOf(id.Role)); err != nil {
		return err
	}
	ca, err := k.authority()
	if err != nil {
		return err
	}
	if err := k.beginAudit("", []string{"Certificate:" + id.String()}, in.Reason); err != nil {
		return err
	}
	key, now := pki.KeySource{CSR: csr}, k.clock.Now()
	var issued *pki.Issued
	switch id.Role {
	case pki.RoleSigner:
		issued, err = ca.IssueSigner(pki.SignerParams{Name: id.Name, Validity: lasts, Key: key, Now: now})
	case pki.RoleUser:
		issued, err = ca.IssueUser(pki.UserParams{Name: id.Name, Validity: lasts, Key: key, Now: now})
	default:
		issued, err = ca.IssueNode(pki.NodeParams{Role: id.Role, Name: id.Name, DNSNames: names, IPs: ips, Validity: lasts, Key: key, Now: now})
	}
	if err != nil {
		return err
	}
	return k.deliver(ca, id, issued)
}

// deliver answers with a certificate that was just made.
func (k *call) deliver(ca *pki.CA, id pki.Identity, issued *pki.Issued) error {
	k.log.Info("a certificate was issued", "who", id.String(), "serial", issued.Serial, "account", k.session.Account.Name)
	return k.answerIssued(ca, issued.Serial)
}

// renewCertificate makes a certificate with the names of another.
func (k *call) renewCertificate() error {
	in, err := decode[api.RenewRequest](k)
	if err != nil {
		return err
	}
	lasts, err := validity(in.ValidHours)
	if err != nil {
		return err
	}
	csr, err := pki.ParseCSR([]byte(in.Request))
	if err != nil {
		return err
	}
	ca, old, err := k.issued(in.Serial)
	if err != nil {
		return err
	}
	if err := k.mayIssue(old.Purpose); err != nil {
		return err
	}
	if err := k.beginAudit("", []string{"Certificate:" + old.Identity().String()}, in.Reason); err != nil {
		return err
	}
	issued, err := ca.Renew(old.Serial, pki.RenewParams{Key: pki.KeySource{CSR: csr}, Validity: lasts, Now: k.clock.Now()})
	if err != nil {
		return err
	}
	return k.deliver(ca, old.Identity(), issued)
}

// issued finds a certificate that the authority has issued.
func (k *call) issued(serial string) (*pki.CA, *pki.Record, error) {
	ca, err := k.authority()
	if err != nil {
		return nil, nil, err
	}
	r, _, err := ca.Show(serial)
	return ca, r, err
}

// revokeCertificate revokes one certificate; the others of its holder stay.
func (k *call) revokeCertificate() error {
	in, err := decode[api.RevokeCertificateRequest](k)
	if err != nil {
		return err
	}
	ca, r, err := k.issued(in.Serial)
	if err != nil {
		return err
	}
	if err := k.beginAudit("", []string{"Certificate:" + r.Identity().String()}, in.Reason); err != nil {
		return err
	}
	if err := ca.Revoke(r.Serial, pki.Reason(in.Cause), k.clock.Now()); err != nil {
		return err
	}
	return k.answer(api.RevokedCertificates{Serials: []string{r.Serial}})
}
