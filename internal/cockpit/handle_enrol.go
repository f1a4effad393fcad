package cockpit

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"slices"
	"time"

	"github.com/signet-scheduler/signet/api"
	"github.com/signet-scheduler/signet/internal/conf"
	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/identity"
	"github.com/signet-scheduler/signet/internal/pki"
	"github.com/signet-scheduler/signet/internal/store"
)

// How long a token is good, and how long after that it is kept, so that a part that
// comes too late is told so.
const (
	tokenLasts = 10 * time.Minute
	keepTokens = 24 * time.Hour
)

// byToken is how a part asks that has nothing else yet, in the audit trail.
const byToken identity.Method = "token"

// makeToken makes the right to get one certificate.
func (k *call) makeToken() error {
	in, err := decode[api.TokenRequest](k)
	if err != nil {
		return err
	}
	id := pki.Identity{Role: pki.Role(in.Role), Name: in.Name}
	if id.Role != pki.RoleAgent && id.Role != pki.RoleController {
		return fault.New(fault.Invalid, "InvalidRequest", "a token is for an agent or a controller, not for %q", clip(in.Role))
	}
	h, err := k.history(in.Controller)
	if err != nil {
		return err
	}
	if ref := k.controllerRef(h.id); id.Role == pki.RoleController && !slices.Contains(ref.Names, id.Name) {
		return fault.New(fault.NotFound, "UnknownMember", "%s is no member of the Controller %s in this Cockpit's configuration: add it to signet.cockpit.controllers first", clip(id.Name), h.id)
	}
	if _, _, err := pki.Hosts(in.Hosts); err != nil {
		return err
	}
	ca, err := k.authorityOfParts()
	if err != nil {
		return err
	}
	token, err := pki.NewToken(ca.CommonRoot(pki.PurposeNode), id)
	if err != nil {
		return err
	}
	if err := k.beginAudit(h.id, []string{"Certificate:" + id.String()}, in.Reason); err != nil {
		return err
	}
	now := k.clock.Now()
	e := store.Enrolment{
		Hash: token.Hash(), Role: in.Role, Name: in.Name, Hosts: in.Hosts, Controller: h.id, Authority: token.Authority[:],
		MadeBy: k.session.Account.Name, MadeAt: now.UnixMilli(), ExpiresAt: now.Add(tokenLasts).UnixMilli(),
	}
	if err := k.db.Write(k.r.Context(), func(w store.Writer) error { return w.AddEnrolment(e) }); err != nil {
		return err
	}
	return k.answer(api.EnrolmentToken{Token: token.Reveal(), Role: in.Role, Name: in.Name, Expires: e.ExpiresAt, Fingerprint: hex.EncodeToString(token.Authority[:])})
}

func (c *Cockpit) controllerRef(id string) conf.ControllerRef {
	for _, ref := range c.settings.Controllers {
		if ref.ID == id {
			return ref
		}
	}
	return conf.ControllerRef{}
}

// getEnrolment shows the root, whose fingerprint is in each token: the one to which
// also a path from this Cockpit's certificate leads, when the root is being replaced.
func (k *call) getEnrolment() error {
	ca, err := k.authorityOfParts()
	if err != nil {
		return err
	}
	return k.answer(api.EnrolmentAuthority{Root: string(pki.EncodeCertsPEM(ca.CommonRoot(pki.PurposeNode)))})
}

// enrol gives a part its certificate. Whatever can be found wrong without the token
// is found before the token is used up.
func (k *call) enrol() error {
	now := k.clock.Now()
	if wait := k.enrolling.Begin(k.address, k.address, now); wait > 0 {
		return identity.TooEarly(wait, "attempts")
	}
	in, err := decode[api.EnrolRequest](k)
	if err != nil {
		return err
	}
	csr, err := pki.ParseCSR([]byte(in.Request))
	if err != nil {
		return err
	}
	if err := csr.CheckSignature(); err != nil {
		return fault.New(fault.Invalid, "InvalidCSR", "the certificate request isn't signed by its own key: %v", err)
	}
	if err := pki.CheckKey(csr.PublicKey); err != nil {
		return err
	}
	ca, err := k.authorityOfParts()
	if err != nil {
		return err
	}
	k.session = identity.Session{Method: byToken}
	e, err := k.redeem(in.Token, ca, now)
	if err != nil {
		if k.audit == 0 {
			if auditErr := k.beginAudit("", nil, ""); auditErr != nil {
				return auditErr
			}
		}
		return err
	}
	k.enrolling.Succeeded(k.address, k.address)
	names, ips, err := pki.Hosts(e.Hosts)
	if err != nil {
		return err
	}
	issued, err := ca.IssueNode(pki.NodeParams{
		Role: pki.Role(e.Role), Name: e.Name, DNSNames: names, IPs: ips, Validity: k.settings.CertValidity, Key: pki.KeySource{CSR: csr}, Enrolled: true, Now: now,
	})
	if err != nil {
		return err
	}
	k.log.Info("a part has enrolled", "part", e.Role+"/"+e.Name, "address", k.address, "serial", issued.Serial)
	return k.answer(k.enrolled(e, ca, issued))
}

// redeem uses a token up and returns what it is for. One answer for all that was
// never a token here; who has the right one is told why it is too late.
func (k *call) redeem(text string, ca *pki.CA, now time.Time) (e store.Enrolment, err error) {
	unknown := fault.New(fault.Unauthenticated, "UnknownToken", "there is no such token here: it was made at another Cockpit, or replaced by a newer one")
	token, err := pki.ParseToken(text)
	if err != nil || !token.For(ca.CommonRoot(pki.PurposeNode)) {
		return e, unknown
	}
	hash := token.Hash()
	err = k.db.Read(k.r.Context(), func(r store.Reader) (err error) {
		e, err = r.Enrolment(hash)
		return err
	})
	own := sha256.Sum256(ca.CommonRoot(pki.PurposeNode).Raw)
	switch {
	case fault.HasCode(err, "UnknownEnrolment"):
		return e, unknown
	case err != nil:
		return e, err
	case subtle.ConstantTimeCompare(e.Hash[:], hash[:]) != 1 || subtle.ConstantTimeCompare(e.Authority, own[:]) != 1:
		return e, unknown
	}
	if err := k.beginAudit(e.Controller, []string{"Certificate:" + e.Role + "/" + e.Name}, "token of "+e.MadeBy); err != nil {
		return e, err
	}
	switch {
	case e.UsedAt != 0:
		return e, tokenUsed()
	case now.UnixMilli() >= e.ExpiresAt:
		return e, fault.New(fault.Unauthenticated, "TokenExpired", "the token has expired: it is good for %s; make another one", tokenLasts)
	}
	err = k.db.Write(k.r.Context(), func(w store.Writer) error { return w.UseEnrolment(hash, now.UnixMilli()) })
	if fault.HasCode(err, "EnrolmentOver") {
		return e, tokenUsed() // by another, at the same moment
	}
	return e, err
}

func tokenUsed() error {
	return fault.New(fault.Unauthenticated, "TokenUsed", "the token was used already; if that wasn't you, revoke the certificate of that part, and make another token")
}

// enrolled is all that a part needs to begin.
func (k *call) enrolled(e store.Enrolment, ca *pki.CA, issued *pki.Issued) api.Enrolled {
	out := api.Enrolled{
		Role: e.Role, Name: e.Name, Controller: e.Controller, Cockpit: k.settings.Name, Members: []api.EnrolledMember{}, NotAfter: issued.Cert.NotAfter.UnixMilli(),
		Installation: k.settings.Installation, SecurityLevel: k.settings.SecurityLevel,
		Certificate: string(pki.EncodeCertsPEM(issued.Chain...)),
		Roots:       string(pki.EncodeCertsPEM(ca.Roots(pki.PurposeNode)...)),
		Signers:     string(pki.EncodeCertsPEM(ca.Roots(pki.PurposeSigning)...)),
	}
	ref := k.controllerRef(e.Controller)
	for i := range ref.Names {
		out.Members = append(out.Members, api.EnrolledMember{Name: ref.Names[i], Url: ref.URLs[i]})
	}
	return out
}
