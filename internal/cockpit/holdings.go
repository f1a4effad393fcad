package cockpit

import (
	"cmp"
	"context"
	"slices"
	"strconv"
	"sync"

	"github.com/signet-scheduler/signet/api"
	"github.com/signet-scheduler/signet/internal/bulletin"
	"github.com/signet-scheduler/signet/internal/part"
	"github.com/signet-scheduler/signet/internal/pki"
)

// How a part stands to a file that is sent to all parts.
const (
	isCurrent = "current" // it holds the newest, or a newer one
	isOlder   = "older"   // it holds an older one
	isMissing = "missing" // it holds none
	isRefused = "refused" // it refuses this one
	isForeign = "foreign" // it isn't for this part, which trusts nobody who signs such
	isUnknown = "unknown" // its program is too old to tell, or it was never heard
)

// foreignCodes are refusals by which a part says that it trusts nobody who signs
// such files: nothing is amiss with them.
var foreignCodes = []string{"UntrustedIssuer", "NoPolicyRoots"}

// standing is how one part stands to one file, and which version it has.
type standing struct {
	state, version, code string
}

// behind tells whether something is amiss.
func (s standing) behind() bool {
	return s.state == isOlder || s.state == isMissing || s.state == isRefused
}

func standingOf(t *part.Trust, e *bulletin.Entry) standing {
	if t == nil {
		return standing{state: isUnknown}
	}
	held, refused := t.Find(string(e.Kind), e.ID)
	s := standing{state: isMissing}
	if held != nil {
		s.version = held.Version
	}
	// Of policies, what counts is which is in force: it may be that of a file.
	if e.Kind == bulletin.TrustPolicy && t.Policy != nil {
		s.version = ""
		if t.Policy.Version > 0 {
			s.version = strconv.Itoa(t.Policy.Version)
		}
		if !t.Policy.Required {
			s.state = isForeign
		}
	}
	if s.version != "" {
		s.state = isOlder
		if !bulletin.Newer(e.Version, s.version) {
			s.state = isCurrent
		}
	}
	if refused != nil && s.state != isCurrent {
		s.state, s.code = isRefused, refused.Refused
		if slices.Contains(foreignCodes, refused.Refused) {
			s.state = isForeign
		}
	}
	return s
}

// forMembers returns what a Controller's members are to hold: all that is passed on.
func (c *Cockpit) forMembers() []bulletin.Entry {
	return slices.DeleteFunc(c.notices.All(), func(e bulletin.Entry) bool { return e.Local })
}

// forAgents returns what a Controller's Agents are to hold: they can't have what
// isn't for their Controller.
func (c *Cockpit) forAgents(h *history) []bulletin.Entry {
	members := h.known.memberReports()
	return slices.DeleteFunc(c.forMembers(), func(e bulletin.Entry) bool {
		if e.Kind == bulletin.TrustPolicy {
			return false // whether it is for an Agent is told by the Agent's own root keys
		}
		foreign := 0
		for _, m := range members {
			if standingOf(m.Trust, &e).state == isForeign {
				foreign++
			}
		}
		return foreign > 0 && foreign == len(members)
	})
}

// behindWith counts of what a part isn't up to date.
func behindWith(t *part.Trust, published []bulletin.Entry) int {
	n := 0
	for i := range published {
		if standingOf(t, &published[i]).behind() {
			n++
		}
	}
	return n
}

// policyVersion returns the version of the trust policy in force at a part; 0: none.
func policyVersion(t *part.Trust) int {
	if t == nil || t.Policy == nil {
		return 0
	}
	return t.Policy.Version
}

// mostHolders bounds how many parts are named that are behind.
const mostHolders = 100

// holders tells which of the parts are behind with a file.
func holders(tellers []teller, e *bulletin.Entry) api.Holders {
	out := api.Holders{Parts: []api.Holder{}}
	for i := range tellers {
		t := &tellers[i]
		if !slices.ContainsFunc(t.published, func(x bulletin.Entry) bool { return x.Kind == e.Kind && x.ID == e.ID }) {
			continue
		}
		s := standingOf(t.trust, e)
		switch {
		case s.state == isCurrent:
			out.Current++
		case s.state == isForeign:
			out.Foreign++
		case s.state == isUnknown:
			out.Unknown++
		case s.behind():
			if out.Behind++; out.Behind <= mostHolders {
				out.Parts = append(out.Parts, api.Holder{Part: string(t.role), Name: t.name, State: s.state, Version: s.version, Code: s.code, Heard: t.at})
			}
		}
	}
	return out
}

// lookAgain asks all Controllers how their parts are, for an answer about right now.
func (c *Cockpit) lookAgain(ctx context.Context) {
	var looking sync.WaitGroup
	for _, h := range c.histories {
		looking.Go(func() { h.known.look(ctx) })
	}
	looking.Wait()
}

func (k *call) getPartTrust() error {
	q := k.query("controller")
	if q.err != nil {
		return q.err
	}
	role, name := pki.Role(k.r.PathValue("part")), k.r.PathValue("name")
	var only *history // nil: any
	if id := q.text("controller"); id != "" {
		var err error
		if only, err = k.history(id); err != nil {
			return err
		}
	}
	k.lookAgain(k.r.Context())
	all := k.tellers(only)
	i := slices.IndexFunc(all, func(t teller) bool { return t.role == role && t.name == name })
	if i < 0 {
		return unknownPart(role, name)
	}
	t := &all[i]
	out := api.PartTrust{Heard: t.at, Told: t.trust != nil, Lists: []api.PartList{}}
	var policy api.PartPolicy
	for j := range t.published {
		e := &t.published[j]
		s := standingOf(t.trust, e)
		if e.Kind == bulletin.CRL {
			out.Lists = append(out.Lists, api.PartList{Id: e.ID, Issuer: e.List.Issuer.String(), Number: e.Version, Held: s.version, State: s.state, Code: s.code})
			continue
		}
		published, _ := strconv.Atoi(e.Version) // it was read as a policy
		policy.Published, policy.State, policy.Code = published, s.state, s.code
	}
	if t.trust != nil && t.trust.Policy != nil {
		policy.Required, policy.Version = t.trust.Policy.Required, t.trust.Policy.Version
		out.Policy = &policy
	}
	slices.SortStableFunc(out.Lists, func(a, b api.PartList) int { return cmp.Compare(a.Issuer, b.Issuer) })
	return k.answer(out)
}
