package cockpit

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"
	"time"

	"github.com/signet-scheduler/signet/api"
	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/pki"
)

// authorityEndsSoon is how long before its end a root or an issuer is warned of: what
// is issued never outlives it, and replacing it takes people's time.
const authorityEndsSoon = 90 * 24 * time.Hour

// issuedStates are the states of issued certificates, in the order of lists.
var issuedStates = []string{"soon", "valid", "renewed", "ended", "revoked"}

// memberStates are how the API calls the standings of roots and issuers.
var memberStates = map[pki.Standing]string{pki.InForce: "inForce", pki.Replaced: "overlap", pki.Retired: "retired"}

func (k *call) getAuthority() error {
	if q := k.query(); q.err != nil {
		return q.err
	}
	ca, err := k.authority()
	if err != nil {
		return err
	}
	all, err := ca.List()
	if err != nil {
		return err
	}
	now := k.clock.Now()
	counts := map[string]map[string]int{}
	for _, c := range issuedOf(all, now) {
		if counts[c.Purpose] == nil {
			counts[c.Purpose] = map[string]int{}
		}
		counts[c.Purpose][c.State]++
	}
	out := api.Authority{Purposes: []api.AuthorityPurpose{}}
	for _, p := range pki.Purposes() {
		members, err := ca.Members(p)
		if err != nil {
			return err
		}
		request, err := ca.Requested(p)
		if err != nil {
			return err
		}
		n := counts[string(p)]
		purpose := api.AuthorityPurpose{
			Request: string(request), Purpose: string(p), Issues: ca.Issues(p) && k.mayIssue(p) == nil, Members: []api.AuthorityMember{},
			Issued: api.IssuedCounts{Valid: n["valid"], Soon: n["soon"], Renewed: n["renewed"], Ended: n["ended"], Revoked: n["revoked"]},
			Roots:  string(pki.EncodeCertsPEM(ca.Roots(p)...)),
		}
		for _, m := range members {
			purpose.Members = append(purpose.Members, authorityMember(m, now))
		}
		out.Purposes = append(out.Purposes, purpose)
	}
	return k.answer(out)
}

func authorityMember(m pki.Member, now time.Time) api.AuthorityMember {
	kind := "issuer"
	if m.Root {
		kind = "root"
	}
	from, to := m.Cert.NotBefore.UnixMilli(), m.Cert.NotAfter.UnixMilli()
	return api.AuthorityMember{
		Kind: kind, State: memberStates[m.Standing], Subject: m.Cert.Subject.String(), Serial: pki.Serial(m.Cert), Fingerprint: fingerprint(m.Cert.Raw),
		NotBefore: from, NotAfter: to, Until: m.Until.UnixMilli(), Key: m.Key, Ends: endState(from, to, authorityEndsSoon, now),
	}
}

func fingerprint(raw []byte) string {
	sum := sha256.Sum256(raw)
	return hex.EncodeToString(sum[:])
}

// issuedOf returns what the authority has issued, with the states of now, in the
// order of lists.
func issuedOf(all []pki.Record, now time.Time) []api.IssuedCertificate {
	renewed := map[string]bool{}
	for _, r := range all {
		if r.RevokedAt == nil {
			renewed[r.Renews] = true
		}
	}
	out := make([]api.IssuedCertificate, len(all))
	for i, r := range all {
		out[i] = api.IssuedCertificate{
			Serial: r.Serial, Purpose: string(r.Purpose), Role: string(r.Role), Name: r.Name, Hosts: slices.Concat(r.DNSNames, r.IPs),
			NotBefore: r.NotBefore.UnixMilli(), NotAfter: r.NotAfter.UnixMilli(), Enrolled: r.Enrolled, Renews: r.Renews, Cause: string(r.Reason),
			State: issuedState(r, renewed[r.Serial], now),
		}
		if r.RevokedAt != nil {
			out[i].RevokedAt = r.RevokedAt.UnixMilli()
		}
	}
	slices.SortFunc(out, compareIssued)
	return out
}

func issuedState(r pki.Record, renewed bool, now time.Time) string {
	switch end := endState(r.NotBefore.UnixMilli(), r.NotAfter.UnixMilli(), endsSoon, now); {
	case r.RevokedAt != nil:
		return "revoked"
	case renewed:
		return "renewed"
	case end == "over":
		return "ended"
	case end == "soon":
		return "soon"
	}
	return "valid"
}

// compareIssued is the order of lists: those in force by their end, the others from
// the newest on.
func compareIssued(a, b api.IssuedCertificate) int {
	ranks := cmp.Compare(slices.Index(issuedStates, a.State), slices.Index(issuedStates, b.State))
	ends := cmp.Compare(a.NotAfter, b.NotAfter)
	if a.State != "soon" && a.State != "valid" {
		ends = -ends
	}
	return cmp.Or(ranks, ends, cmp.Compare(a.Serial, b.Serial))
}

func (k *call) listIssued() error {
	q := k.query("purpose", "state", "text", "limit", "cursor")
	if q.err != nil {
		return q.err
	}
	purposes, states := q.list("purpose", []string{"node", "signing", "user"}), q.list("state", issuedStates)
	text, limit := strings.ToLower(q.word("text")), q.limit()
	if q.err != nil {
		return q.err
	}
	after, err := readCursor(q.text("cursor"))
	if err != nil {
		return err
	}
	ca, err := k.authority()
	if err != nil {
		return err
	}
	records, err := ca.List()
	if err != nil {
		return err
	}
	found := slices.DeleteFunc(issuedOf(records, k.clock.Now()), func(c api.IssuedCertificate) bool {
		return len(purposes) > 0 && !slices.Contains(purposes, c.Purpose) || len(states) > 0 && !slices.Contains(states, c.State) || !matches(c, text)
	})
	out := api.IssuedCertificates{Certificates: []api.IssuedCertificate{}, Total: len(found)}
	if after != "" {
		at := slices.IndexFunc(found, func(c api.IssuedCertificate) bool { return c.Serial == after })
		if at < 0 {
			return fault.New(fault.Conflict, "PageGone", "the list has changed since its page before: begin at its start")
		}
		found = found[at+1:]
	}
	if len(found) > limit {
		found = found[:limit]
		out.Cursor = writeCursor(found[limit-1].Serial)
	}
	out.Certificates = append(out.Certificates, found...)
	return k.answer(out)
}

// matches looks for a text, which is in small letters.
func matches(c api.IssuedCertificate, text string) bool {
	return strings.Contains(strings.ToLower(c.Role+"/"+c.Name), text) || strings.Contains(c.Serial, text) ||
		slices.ContainsFunc(c.Hosts, func(h string) bool { return strings.Contains(strings.ToLower(h), text) })
}

func (k *call) getIssued() error {
	if q := k.query(); q.err != nil {
		return q.err
	}
	ca, err := k.authority()
	if err != nil {
		return err
	}
	return k.answerIssued(ca, k.r.PathValue("serial"))
}

// answerIssued tells all of one certificate.
func (k *call) answerIssued(ca *pki.CA, serial string) error {
	_, chain, err := ca.Show(serial)
	if err != nil {
		return err
	}
	all, err := ca.List()
	if err != nil {
		return err
	}
	list := issuedOf(all, k.clock.Now())
	at := slices.IndexFunc(list, func(c api.IssuedCertificate) bool { return c.Serial == serial })
	if at < 0 {
		return fault.New(fault.NotFound, "UnknownCertificate", "the certificate %s is forgotten: it has ended", clip(serial))
	}
	out := list[at]
	out.Fingerprint = fingerprint(chain[0].Raw)
	out.Certificate = string(pki.EncodeCertsPEM(chain...))
	out.Roots = string(pki.EncodeCertsPEM(ca.Roots(pki.Purpose(out.Purpose))...))
	return k.answer(out)
}
