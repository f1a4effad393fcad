package policy_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/signet-scheduler/signet/internal/item"
	"github.com/signet-scheduler/signet/internal/policy"
)

var (
	decisions = flag.Int("decisions", 100_000, "how many generated decisions are compared with the oracle")
	seed      = flag.Uint64("seed", 0, "repeats a comparison with the oracle; 0: a new one")
)

// oracle decides from the document as it is written, Agent by Agent. It shares no
// code with the package and is written otherwise on purpose.
func oracle(d doc, r policy.Request) bool {
	voters := map[string]map[bool]bool{} // person -> with hardware or not
	for name, p := range d.Persons {
		for _, s := range r.Signers {
			for _, k := range p.Keys {
				if k == s.KeyID {
					if voters[name] == nil {
						voters[name] = map[bool]bool{}
					}
					voters[name][s.Hardware] = true
				}
			}
		}
	}
	author, authorKnown := "", false
	if r.Release != nil {
		author = r.Release.Author
		_, authorKnown = d.Persons[author]
	}
	matches := func(list []string, one string) bool {
		return len(list) == 0 || strings.Contains("\n"+strings.Join(list, "\n")+"\n", "\n"+one+"\n")
	}
	lies := func(folders []string) (in bool) {
		for _, f := range folders {
			in = in || strings.HasPrefix("/"+r.Path, strings.TrimSuffix(f, "/")+"/")
		}
		return in
	}
	passes := func(agent string) bool {
		asked := 0
		for _, u := range d.Rules {
			if agent == "" && len(u.Agents) > 0 || !matches(u.Agents, agent) || !matches(u.Kinds, string(r.Kind)) || !matches(u.Environments, r.Environment) || !lies(u.Folders) || lies(u.Except) {
				continue
			}
			asked++
			missing := max(u.Threshold, 1)
			for _, name := range u.Signers {
				if votes := voters[name]; votes[true] || votes[false] && !u.HardwareOnly {
					if !u.AuthorDiffers || name != author {
						missing--
					}
				}
			}
			if missing > 0 || u.ReleasesOnly && r.Release == nil || u.AuthorDiffers && !authorKnown {
				return false
			}
		}
		return asked > 0
	}
	if len(r.Agents) == 0 {
		return matches(d.Audience, r.Environment) && passes("")
	}
	for _, agent := range r.Agents {
		if !passes(agent) {
			return false
		}
	}
	return matches(d.Audience, r.Environment)
}

// source is where choices come from: a seed, or rapid.
type source interface{ below(n int) int }

type seeded struct{ *rand.Rand }

func (s seeded) below(n int) int { return s.IntN(n) }

type drawn struct{ t *rapid.T }

func (d drawn) below(n int) int { return rapid.IntRange(0, n-1).Draw(d.t, "n") }

func pick[T any](s source, from []T) T { return from[s.below(len(from))] }

// some returns some of a list; none with chance 1 in n, never with 0.
func some[T any](s source, from []T, n int) []T {
	if n > 0 && s.below(n) == 0 {
		return nil
	}
	var list []T
	for _, one := range from {
		if s.below(2) == 0 {
			list = append(list, one)
		}
	}
	if list == nil {
		list = []T{pick(s, from)}
	}
	return list
}

var (
	people  = []string{"alice", "bob", "carol", "dave"}
	places  = []string{"/", "/pay", "/payments", "/pay/in", "/payments/in", "/pay/in/x"}
	paths   = []string{"pay", "payments", "in", "pay/a", "payments/a", "pay/in/a", "payments/in/a", "pay/in/x/a", "pay/in/x", "other/pay/a"}
	servers = []string{"a1", "a2", "a3"}
	kinds   = []string{"Workflow", "JobResource", "AgentRef"}
)

func randomRule(s source, name string) rule {
	u := rule{Name: name, Folders: []string{pick(s, places)}, Signers: some(s, people, 0), Threshold: 1}
	for _, f := range places {
		if s.below(6) == 0 && f != u.Folders[0] && f != "/" && strings.HasPrefix(f, strings.TrimSuffix(u.Folders[0], "/")+"/") {
			u.Except = append(u.Except, f)
		}
	}
	if s.below(3) == 0 {
		u.Kinds = some(s, kinds, 4)
	}
	if s.below(3) == 0 {
		u.Agents = some(s, servers, 4)
	}
	if s.below(4) == 0 {
		u.Environments = some(s, []string{"prod", "test"}, 4)
	}
	if s.below(2) == 0 {
		u.Threshold = 1 + s.below(len(u.Signers))
	}
	u.AuthorDiffers, u.ReleasesOnly, u.HardwareOnly = s.below(6) == 0, s.below(6) == 0, s.below(6) == 0
	return u
}

func randomDoc(s source) doc {
	d := base()
	for i := range 1 + s.below(4) {
		d.Rules = append(d.Rules, randomRule(s, fmt.Sprint("rule ", i)))
	}
	return d
}

func randomRequest(s source) policy.Request {
	r := policy.Request{Facts: policy.Facts{Kind: item.Kind(pick(s, kinds)), Path: pick(s, paths)}, Environment: pick(s, []string{"prod", "prod", "prod", "test", "dev"}), Now: now}
	if r.Kind == item.KindAgentRef {
		r.Path = pick(s, servers)
		r.Agents = []string{r.Path}
	} else if s.below(3) > 0 {
		r.Agents = some(s, servers, 3)
	}
	for range 1 + s.below(5) {
		r.Signers = append(r.Signers, policy.Signer{KeyID: key(pick(s, append(people, "mallory")), 1+s.below(2)), Hardware: s.below(2) == 0})
	}
	if s.below(3) > 0 {
		r.Release = &policy.Release{Author: pick(s, append(people, "erin", "mallory", ""))}
	}
	return r
}

// TestOracle compares decisions with the oracle's. More of them:
//
//	go test ./internal/policy -run Oracle -args -decisions 5000000
func TestOracle(t *testing.T) {
	t.Parallel()
	number := *seed
	if number == 0 {
		number = uint64(time.Now().UnixNano())
	}
	s := seeded{rand.New(rand.NewPCG(number, 0))}
	accepted := 0
	for done := 0; done < *decisions; {
		d := randomDoc(s)
		p := d.parse(t)
		for range 50 {
			r := randomRequest(s)
			got, want := p.Decide(r), oracle(d, r)
			if got.Allowed() != want {
				text, err := json.MarshalIndent(d, "", " ")
				t.Fatalf("seed %d: got %v, want %v (%s) for %+v, release %+v by %s %v", number, got.Allowed(), want, got.Reason, r, r.Release, text, err)
			}
			if want {
				accepted++
			}
			done++
		}
	}
	// A comparison of refusals only would compare nothing.
	if accepted < *decisions/20 || accepted > *decisions/2 {
		t.Errorf("seed %d: %d of %d were accepted: the generator is out of balance", number, accepted, *decisions)
	}
}

// Invariant 2: to remove a rule never refuses what was accepted, unless the
// document, at one of its Agents, is concerned by no other.
func TestNoRuleWeakensAnother(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s := drawn{t}
		d, r := randomDoc(s), randomRequest(s)
		more := d
		more.Rules = append(slices.Clone(d.Rules), randomRule(s, "one more"))
		before, after := mustParse(t, d).Decide(r), mustParse(t, more).Decide(r)
		for _, v := range before.Rules {
			if !v.Satisfied && after.Allowed() {
				t.Fatalf("%q isn't satisfied (%s), but with one more rule the document is accepted: %s", v.Rule, v.Reason, after.Reason)
			}
		}
		if len(before.Rules) > len(after.Rules) {
			t.Fatalf("one more rule, and fewer concern the document: %v, %v", before.Rules, after.Rules)
		}
	})
}

// Invariants 4 and 5: more signatures never harm, repeated ones and those of
// strangers never help, and a harder rule never accepts more.
func TestMonotone(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s := drawn{t}
		d, r := randomDoc(s), randomRequest(s)
		p := mustParse(t, d)
		was := p.Decide(r).Allowed()
		twice := r
		twice.Signers = append(append(slices.Clone(r.Signers), r.Signers...), policy.Signer{KeyID: key("mallory", 1), Hardware: true}, policy.Signer{Hardware: true})
		if p.Decide(twice).Allowed() != was {
			t.Fatalf("repeated signatures and a stranger's changed the decision from %v", was)
		}
		more := r
		more.Signers = append(slices.Clone(r.Signers), policy.Signer{KeyID: key(pick(s, people), 1), Hardware: true})
		if was && !p.Decide(more).Allowed() {
			t.Fatal("one more signature made a refusal")
		}
		harder := d
		harder.Rules = slices.Clone(d.Rules)
		u := &harder.Rules[s.below(len(harder.Rules))]
		switch s.below(4) {
		case 0:
			u.Threshold = min(u.Threshold+1, len(u.Signers))
		case 1:
			u.AuthorDiffers = true
		case 2:
			u.ReleasesOnly = true
		default:
			u.HardwareOnly = true
		}
		if !was && mustParse(t, harder).Decide(r).Allowed() {
			t.Fatal("a harder rule accepted more")
		}
	})
}

func mustParse(t *rapid.T, d doc) *policy.Policy {
	text, err := json.Marshal(d)
	if err != nil {
		t.Fatal(err)
	}
	p, err := policy.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return p
}
