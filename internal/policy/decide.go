package policy

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/item"
)

// Facts are what of a document decides who must sign it.
type Facts struct {
	Kind   item.Kind
	Path   string   // as in its key: without a slash before it
	Agents []string // all that it names
}

// FactsOf returns the facts of a document. An Agent's own record names that Agent.
func FactsOf(i item.Item) Facts {
	if i == nil {
		return Facts{}
	}
	key := i.Key()
	facts := Facts{Kind: key.Kind, Path: key.Path}
	switch i := i.(type) {
	case item.Workflow:
		facts.Agents = slices.Clone(i.AgentPaths())
	case *item.AgentRef:
		facts.Agents = []string{i.Path}
	}
	return facts
}

// Signer is one verified signature.
type Signer struct {
	KeyID    string
	Hardware bool // the key can't leave its device
}

// Release is what a release states of a document that it lists.
type Release struct {
	Author string // a person of the policy
}

// Request asks whether a document is signed by those who may sign it.
type Request struct {
	Facts
	Environment string    // the id of the installation that is to use the document
	Signers     []Signer  // of the document, or of the release that lists it; all of them verified
	Release     *Release  // nil: the document is signed by itself
	Now         time.Time // the moment for which is decided
}

// Decision is the answer to a Request. The zero value refuses.
type Decision struct {
	allowed bool
	// Reason says in words why, and names the rules.
	Reason string
	// Rules are those that concern the document, in the order of the policy. It is
	// empty when it didn't come to rules.
	Rules []Verdict
}

// Verdict is what became of one rule.
type Verdict struct {
	Rule      string `json:"rule"`
	Satisfied bool   `json:"satisfied"`
	Reason    string `json:"reason"`
}

// Allowed tells whether the document is accepted.
func (d Decision) Allowed() bool { return d.allowed }

// Err returns nil if the document is accepted, else an error of kind Untrusted
// with code DeniedByTrustPolicy and the reason.
func (d Decision) Err() error {
	if d.allowed {
		return nil
	}
	if d.Reason == "" {
		return fault.New(fault.Untrusted, CodeDenied, "nothing was decided about the document")
	}
	return fault.New(fault.Untrusted, CodeDenied, "%s", d.Reason)
}

func deny(format string, args ...any) Decision { return Decision{Reason: fmt.Sprintf(format, args...)} }

// Decide answers a request.
func (p *Policy) Decide(r Request) Decision {
	if p == nil {
		return deny("no trust policy is in force, but one is required")
	}
	key := item.Key{Kind: r.Kind, Path: r.Path}
	if err := key.Check(); err != nil {
		return deny("the document has no place in the trust policy: %s", fault.Of(err).Message)
	}
	for _, agent := range r.Agents {
		if err := (item.Key{Kind: item.KindAgentRef, Path: agent}).Check(); err != nil {
			return deny("the document has no place in the trust policy: %s", fault.Of(err).Message)
		}
	}
	switch {
	case !slices.Contains(p.audience, r.Environment):
		return deny("the trust policy %d is for %s, not for the installation %.100q", p.version, few(p.audience, ", "), r.Environment)
	case r.Now.IsZero():
		return deny("the moment for which is to be decided is missing")
	case !p.expires.IsZero() && !r.Now.Before(p.expires):
		return deny("the trust policy %d has ended at %s", p.version, p.expires.Format(time.RFC3339))
	}
	return p.decide(key, r)
}

// decide asks every rule that concerns the document.
func (p *Policy) decide(key item.Key, r Request) Decision {
	var d Decision
	uncovered := slices.Clone(r.Agents)
	covered := false
	for i := range p.rules {
		rule := &p.rules[i]
		if !rule.concerns(r) {
			continue
		}
		covered = true
		uncovered = slices.DeleteFunc(uncovered, rule.coversAgent)
		verdict := Verdict{Rule: rule.name, Satisfied: true, Reason: fmt.Sprintf("rule %q is satisfied", rule.name)}
		if why := p.unsatisfied(rule, r); why != "" {
			verdict.Satisfied, verdict.Reason = false, fmt.Sprintf("rule %q %s", rule.name, why)
		}
		d.Rules = append(d.Rules, verdict)
	}
	switch {
	case !covered:
		d.Reason = fmt.Sprintf("no rule of the trust policy %d concerns %s", p.version, key)
		return d
	case len(uncovered) > 0:
		d.Reason = fmt.Sprintf("no rule of the trust policy %d concerns %s at the Agent %s", p.version, key, uncovered[0])
		return d
	}
	var good, bad []string
	for _, v := range d.Rules {
		if v.Satisfied {
			good = append(good, fmt.Sprintf("%q", v.Rule))
		} else {
			bad = append(bad, v.Reason)
		}
	}
	if len(bad) > 0 {
		d.Reason = fmt.Sprintf("%s: %s", key, few(bad, "; "))
		return d
	}
	d.allowed = true
	d.Reason = fmt.Sprintf("%s is signed as the trust policy %d demands (rule %s)", key, p.version, few(good, ", "))
	return d
}

// concerns tells whether the rule concerns the document, for at least one of its
// Agents.
func (r *rule) concerns(q Request) bool {
	in := parseFolder(q.Path)
	in = in[:len(in)-1] // the last name is the document's own
	inside := func(f folder) bool { return f.contains(in) }
	return slices.ContainsFunc(r.folders, inside) &&
		!slices.ContainsFunc(r.except, inside) &&
		(r.kinds == nil || slices.Contains(r.kinds, q.Kind)) &&
		(r.environments == nil || slices.Contains(r.environments, q.Environment)) &&
		(r.agents == nil || slices.ContainsFunc(q.Agents, r.coversAgent))
}

func (r *rule) coversAgent(agent string) bool {
	return r.agents == nil || slices.Contains(r.agents, agent)
}

// unsatisfied tells what a rule misses; "" if nothing.
func (p *Policy) unsatisfied(rule *rule, r Request) string {
	author := ""
	switch {
	case r.Release == nil && (rule.releasesOnly || rule.authorDiffers):
		return "demands a release, but the document is signed by itself"
	case rule.authorDiffers:
		author = r.Release.Author
		if _, known := p.persons[author]; !known {
			return fmt.Sprintf("demands that the author is known, but the policy has no person %.100q", author)
		}
	}
	var counted, passed []string
	for _, signer := range r.Signers {
		person := p.personOf[signer.KeyID]
		switch {
		case !slices.Contains(rule.signers, person) || slices.Contains(counted, person):
		case rule.authorDiffers && person == author:
			passed = append(passed, person+" is the author")
		case rule.hardwareOnly && !signer.Hardware:
			passed = append(passed, "a key of "+person+" isn't bound to a device")
		default:
			counted = append(counted, person)
		}
	}
	if len(counted) >= rule.threshold {
		return ""
	}
	why := fmt.Sprintf("demands %d of %s, and %s signed", rule.threshold, few(rule.signers, ", "), whoSigned(counted))
	if len(passed) > 0 {
		why += " (not counted: " + few(passed, ", ") + ")"
	}
	return why
}

func whoSigned(persons []string) string {
	switch len(persons) {
	case 0:
		return "none of them has"
	case 1:
		return "only " + persons[0] + " has"
	default:
		return "only " + few(persons, ", ") + " have"
	}
}

// maxTold is how many names or rules a message tells.
const maxTold = 10

// few joins the first of a list, since a message must stay one that is read.
func few(list []string, between string) string {
	if len(list) <= maxTold {
		return strings.Join(list, between)
	}
	return fmt.Sprintf("%s%sand %d more", strings.Join(list[:maxTold], between), between, len(list)-maxTold)
}
