package cockpit

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/signet-scheduler/signet/api"
	"github.com/signet-scheduler/signet/internal/bulletin"
	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/part"
	"github.com/signet-scheduler/signet/internal/pki"
	"github.com/signet-scheduler/signet/internal/store"
)

// endsSoon is how long before its end a certificate is warned of: a short-lived one
// in the last quarter of its life, since it is renewed by itself before that.
const endsSoon = 30 * 24 * time.Hour

// certificateEnd returns when the certificate ends that a part shows to others.
func certificateEnd(certificates []part.Certificate) int64 {
	for _, c := range certificates {
		if c.Use == part.ForParts {
			return c.NotAfter
		}
	}
	return 0
}

// teller is a part with what it has told of itself.
type teller struct {
	role   pki.Role
	name   string
	at     int64
	listed []part.Certificate

	trust     *part.Trust      // nil: unknown
	published []bulletin.Entry // what it is to hold
}

// tellers returns all parts, with what they have told of themselves.
func (c *Cockpit) tellers(only *history) []teller {
	own := c.present()
	forCockpits, forMembers := c.notices.All(), c.forMembers()
	all := []teller{{pki.RoleCockpit, own.Name, own.heard, own.Report.Certificates, own.Report.Trust, forCockpits}}
	for _, p := range c.others.list(c.clock.Now()) {
		if p.Name != own.Name {
			all = append(all, teller{pki.RoleCockpit, p.Name, p.heard, p.Report.Certificates, p.Report.Trust, forCockpits})
		}
	}
	for _, h := range c.histories {
		if only != nil && h != only {
			continue
		}
		for name, r := range h.known.memberReports() {
			all = append(all, teller{pki.RoleController, name, r.at, r.Certificates, r.Trust, forMembers})
		}
		agents, forAgents := h.known.lastAgents(), c.forAgents(h)
		for i := range agents {
			t := teller{role: pki.RoleAgent, name: agents[i].Path, at: agents[i].Heard, published: forAgents}
			if r := agents[i].Report; r != nil {
				t.listed, t.trust = r.Certificates, r.Trust
			}
			all = append(all, t)
		}
	}
	return all
}

// certificates returns all certificates, an authority once, the first to end at
// the top.
func certificates(tellers []teller, now time.Time) []api.Certificate {
	all := []api.Certificate{}
	authorities := map[part.Certificate]int{} // index in all
	slices.SortFunc(tellers, func(a, b teller) int { return cmp.Or(cmp.Compare(a.role, b.role), cmp.Compare(a.name, b.name)) })
	for _, t := range tellers {
		for _, c := range t.listed {
			if at, ok := authorities[c]; ok && c.Use == part.ForAuthority {
				all[at].Parts++
				all[at].Heard = max(all[at].Heard, t.at)
				continue
			}
			row := api.Certificate{
				Part: string(t.role), Name: t.name, Use: c.Use, Subject: c.Subject, Issuer: c.Issuer, NotAfter: c.NotAfter, State: stateOf(c, now), Heard: t.at,
			}
			if c.Use == part.ForAuthority {
				row.Parts, authorities[c] = 1, len(all)
			}
			all = append(all, row)
		}
	}
	slices.SortStableFunc(all, func(a, b api.Certificate) int { return cmp.Compare(a.NotAfter, b.NotAfter) })
	return all
}

func stateOf(c part.Certificate, now time.Time) string {
	return endState(c.NotBefore, c.NotAfter, endsSoon, now)
}

// endState tells how close the end of a certificate is: soon is long before, or the
// last quarter of its life.
func endState(notBefore, notAfter int64, soon time.Duration, now time.Time) string {
	if notBefore > 0 {
		soon = min(soon, time.Duration(notAfter-notBefore)*time.Millisecond/4)
	}
	switch {
	case notAfter <= now.UnixMilli():
		return "over"
	case notAfter <= now.Add(soon).UnixMilli():
		return "soon"
	}
	return "good"
}

func (k *call) listCertificates() error {
	if q := k.query(); q.err != nil {
		return q.err
	}
	signers, err := k.signerCertificates(k.r.Context())
	if err != nil {
		return err
	}
	k.lookAgain(k.r.Context())
	return k.answer(api.Certificates{Certificates: certificates(append(k.tellers(nil), signers...), k.clock.Now())})
}

// signerCertificates tells of the certificates of the accounts' signing keys, which
// belong to no Cockpit alone.
func (c *Cockpit) signerCertificates(ctx context.Context) ([]teller, error) {
	if c.settings.SecurityLevel != levelMedium {
		return nil, nil
	}
	var keys []store.AccountKey
	err := c.db.Read(ctx, func(r store.Reader) (err error) {
		keys, err = r.AccountKeys()
		return err
	})
	if err != nil {
		return nil, err
	}
	own := teller{role: pki.RoleCockpit, name: c.settings.Name, at: c.clock.Now().UnixMilli()}
	for i := range keys {
		if keys[i].ExpiresAt == 0 {
			continue // no certificate
		}
		chain, err := pki.ParseCertsPEM([]byte(keys[i].Certificates))
		if err != nil {
			continue // somebody has changed it: whoever signs with it is told
		}
		own.listed = append(own.listed, part.Certificates(part.ForSigning, chain[:1], nil)...)
	}
	return []teller{own}, nil
}

// endingSoon returns the certificates that a person has to renew.
func (c *Cockpit) endingSoon(ctx context.Context, h *history) ([]api.Certificate, error) {
	signers, err := c.signerCertificates(ctx)
	if err != nil {
		return nil, err
	}
	all := certificates(append(c.tellers(h), signers...), c.clock.Now())
	all = slices.DeleteFunc(all, func(x api.Certificate) bool { return x.State == "good" })
	return all[:min(len(all), dashboardRows)], nil
}

func (k *call) listCockpits() error {
	if q := k.query(); q.err != nil {
		return q.err
	}
	now := k.clock.Now()
	own := k.present()
	published := k.notices.All()
	out := api.Cockpits{Cockpits: []api.CockpitInfo{cockpitOf(&own, published, now)}}
	out.Cockpits[0].Answers = true
	for _, p := range k.others.list(now) {
		if p.Name != own.Name {
			out.Cockpits = append(out.Cockpits, cockpitOf(&p, published, now))
		}
	}
	slices.SortFunc(out.Cockpits, func(a, b api.CockpitInfo) int { return cmp.Compare(a.Name, b.Name) })
	return k.answer(out)
}

func cockpitOf(p *presence, published []bulletin.Entry, now time.Time) api.CockpitInfo {
	alive := p.heard >= now.Add(-aliveFor).UnixMilli()
	return api.CockpitInfo{
		Name: p.Name, Version: p.Report.Version, Since: p.Report.Since, Heard: p.heard, Services: p.Services && alive, Alive: alive,
		CertificateEnds: certificateEnd(p.Report.Certificates), Behind: behindWith(p.Report.Trust, published),
	}
}

func (k *call) getAgentActivity() error {
	h, err := k.named()
	if err != nil {
		return err
	}
	name := k.r.PathValue("name")
	a, err := h.controller.Activity(k.r.Context(), name)
	if err != nil {
		return err
	}
	out := api.AgentActivity{
		Version: a.Report.Version, Since: a.Report.Since, ProcessLimit: a.ProcessLimit, LimitReason: a.LimitReason,
		Running: stepsOf(a.Running), RunningCount: a.RunningCount, Waiting: stepsOf(a.Waiting), WaitingCount: a.WaitingCount,
	}
	now := k.clock.Now()
	out.Certificates = certificates([]teller{{role: pki.RoleAgent, name: name, at: now.UnixMilli(), listed: a.Report.Certificates}}, now)
	return k.answer(out)
}

func stepsOf(all []StepInfo) []api.AgentStep {
	out := make([]api.AgentStep, len(all))
	for i, s := range all {
		out[i] = api.AgentStep{
			OrderId: s.OrderID, Workflow: s.Workflow, Label: s.Label, Job: s.Job, Task: s.Task, Since: s.Since, Pid: s.PID, Place: s.Place, JobFull: s.JobFull,
		}
	}
	return out
}

func (k *call) getAgentLog() error {
	return k.partLog(func(ctx context.Context, h *history, after int64, limit int) (part.Lines, error) {
		return h.controller.PartLog(ctx, PartName{Agent: k.r.PathValue("name")}, after, limit)
	})
}

func (k *call) getControllerLog() error {
	return k.partLog(func(ctx context.Context, h *history, after int64, limit int) (part.Lines, error) {
		return h.controller.PartLog(ctx, PartName{Member: k.r.PathValue("name")}, after, limit)
	})
}

// partLog answers with lines of a Controller's part.
func (k *call) partLog(read func(ctx context.Context, h *history, after int64, limit int) (part.Lines, error)) error {
	q := k.query("controller", "after", "limit")
	after, limit := q.logRange()
	if q.err != nil {
		return q.err
	}
	h, err := k.history(q.text("controller"))
	if err != nil {
		return err
	}
	lines, err := read(k.r.Context(), h, after, limit)
	if err != nil {
		return err
	}
	return k.answer(partLogOf(lines))
}

func (k *call) getCockpitLog() error {
	q := k.query("after", "limit")
	after, limit := q.logRange()
	if q.err != nil {
		return q.err
	}
	return k.answer(partLogOf(k.deps.Self.Log.After(after, limit)))
}

func (q *query) logRange() (after int64, limit int) {
	if q.err != nil {
		return 0, 0
	}
	return q.number("after", 0, 0, 1<<62), int(q.number("limit", 500, 1, 2000))
}

func partLogOf(l part.Lines) api.PartLog {
	out := api.PartLog{Lines: make([]api.PartLogLine, len(l.Lines)), Missed: l.Missed}
	for i, x := range l.Lines {
		out.Lines[i] = api.PartLogLine{Id: x.ID, Time: x.Time, Level: x.Level, Text: x.Text}
	}
	return out
}

// unknownPart is about a part that nothing is known of.
func unknownPart(role pki.Role, name string) error {
	return fault.New(fault.NotFound, "UnknownPart", "there is no %s %q", clip(string(role)), clip(name)).About(clip(string(role)) + ":" + clip(name))
}

// unknownMember is about a member that isn't configured here.
func unknownMember(name string) error {
	return fault.New(fault.NotFound, "UnknownMember", "the Controller has no member %q", clip(name)).About("Controller:" + clip(name))
}
