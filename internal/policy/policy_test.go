package policy_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/item"
	"github.com/signet-scheduler/signet/internal/policy"
)

// key returns the id of a person's nth key.
func key(person string, n int) string { return fmt.Sprintf("%060x%04x", person, n)[:64] }

// doc is a policy's document as the tests write it.
type doc struct {
	Type     string            `json:"TYPE"`
	Version  int               `json:"version"`
	Audience []string          `json:"audience"`
	Issued   string            `json:"issued"`
	Expires  string            `json:"expires,omitempty"`
	Persons  map[string]person `json:"persons"`
	Rules    []rule            `json:"rules"`
}

type person struct {
	Keys []string `json:"keys"`
}

type rule struct {
	Name          string   `json:"name"`
	Folders       []string `json:"folders"`
	Except        []string `json:"except,omitempty"`
	Kinds         []string `json:"kinds,omitempty"`
	Agents        []string `json:"agents,omitempty"`
	Environments  []string `json:"environments,omitempty"`
	Signers       []string `json:"signers"`
	Threshold     int      `json:"threshold,omitempty"`
	AuthorDiffers bool     `json:"authorDiffers,omitempty"`
	ReleasesOnly  bool     `json:"releasesOnly,omitempty"`
	HardwareOnly  bool     `json:"hardwareOnly,omitempty"`
}

// base is a policy of four persons with two keys each, for two installations.
func base(rules ...rule) doc {
	d := doc{
		Type: policy.Type, Version: 7, Audience: []string{"prod", "test"}, Issued: "2026-01-01T00:00:00Z",
		Persons: map[string]person{"erin": {Keys: []string{}}}, Rules: rules,
	}
	for _, name := range []string{"alice", "bob", "carol", "dave"} {
		d.Persons[name] = person{Keys: []string{key(name, 1), key(name, 2)}}
	}
	return d
}

func (d doc) parse(t testing.TB) *policy.Policy {
	t.Helper()
	text, err := json.Marshal(d)
	if err != nil {
		t.Fatal(err)
	}
	p, err := policy.Parse(text)
	if err != nil {
		t.Fatalf("%.1000s: %v", text, err)
	}
	return p
}

var now = time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)

// request asks about a workflow that these have signed with their first key.
func request(path string, signers ...string) policy.Request {
	r := policy.Request{Facts: policy.Facts{Kind: item.KindWorkflow, Path: path}, Environment: "prod", Now: now}
	for _, who := range signers {
		r.Signers = append(r.Signers, policy.Signer{KeyID: key(who, 1)})
	}
	return r
}

// with returns the request changed.
func with(r policy.Request, change func(*policy.Request)) policy.Request {
	change(&r)
	return r
}

func agents(names ...string) func(*policy.Request) {
	return func(r *policy.Request) { r.Agents = names }
}

func released(author string) func(*policy.Request) {
	return func(r *policy.Request) { r.Release = &policy.Release{Author: author} }
}

func TestDecide(t *testing.T) {
	t.Parallel()
	all := rule{Name: "all", Folders: []string{"/"}, Signers: []string{"alice", "bob", "carol", "dave"}}
	payments := rule{Name: "payments", Folders: []string{"/payments"}, Signers: []string{"alice", "bob", "carol"}, Threshold: 2}
	change := func(r rule, f func(*rule)) rule { f(&r); return r }
	secondKey := func(r *policy.Request) {
		r.Signers = append(r.Signers, policy.Signer{KeyID: key("alice", 2)})
	}
	for _, tt := range []struct {
		name  string
		rules []rule
		r     policy.Request
		want  bool
		says  string
	}{
		{"one signature", []rule{all}, request("a", "alice"), true, `rule "all"`},
		{"no signature", []rule{all}, request("a"), false, "none of them has signed"},
		{"an unknown key", []rule{all}, request("a", "mallory"), false, "none of them has signed"},
		{"an empty key", []rule{all}, with(request("a"), func(r *policy.Request) { r.Signers = []policy.Signer{{}} }), false, "none of them has signed"},
		{"a person without a part in the rule", []rule{payments}, request("payments/a", "dave", "alice"), false, "only alice has signed"},

		{"two persons", []rule{payments}, request("payments/a", "alice", "carol"), true, ""},
		{"one person of two", []rule{payments}, request("payments/a", "alice"), false, `rule "payments" demands 2 of alice, bob, carol, and only alice has signed`},
		{"two keys of one person", []rule{payments}, with(request("payments/a", "alice"), secondKey), false, "only alice has signed"},
		{"one key twice", []rule{payments}, request("payments/a", "alice", "alice"), false, "only alice has signed"},
		{"two keys of one and another", []rule{payments}, with(request("payments/a", "alice", "bob"), secondKey), true, ""},
		{"two of three demanded", []rule{change(payments, func(r *rule) { r.Threshold = 3 })}, request("payments/a", "alice", "bob"), false, "only alice, bob have signed"},

		{"below the folder", []rule{payments}, request("payments/x/y/a", "alice", "bob"), true, ""},
		{"beside the folder", []rule{payments}, request("paymentsx/a", "alice", "bob"), false, "no rule of the trust policy 7 concerns Workflow:paymentsx/a"},
		{"a name alike", []rule{payments}, request("pay/a", "alice", "bob"), false, "no rule"},
		{"a document named as the folder", []rule{payments}, request("payments", "alice", "bob"), false, "no rule"},
		{"another case", []rule{payments}, request("Payments/a", "alice", "bob"), false, "no rule"},
		{"a folder of that name elsewhere", []rule{payments}, request("x/payments/a", "alice", "bob"), false, "no rule"},
		{"the second folder", []rule{change(payments, func(r *rule) { r.Folders = []string{"/x", "/payments"} })}, request("payments/a", "alice", "bob"), true, ""},
		{"a broad rule doesn't weaken a narrow one", []rule{all, payments}, request("payments/a", "dave", "alice"), false, `rule "payments"`},
		{"nor does a narrow one a broad one", []rule{payments, {Name: "x", Folders: []string{"/payments/x"}, Signers: []string{"dave"}}}, request("payments/x/a", "dave"), false, `rule "payments"`},
		{"the narrow one counts as well", []rule{payments, {Name: "x", Folders: []string{"/payments/x"}, Signers: []string{"dave"}}}, request("payments/x/a", "alice", "bob"), false, `rule "x"`},
		{"both satisfied", []rule{payments, {Name: "x", Folders: []string{"/payments/x"}, Signers: []string{"dave"}}}, request("payments/x/a", "alice", "bob", "dave"), true, `"payments", "x"`},
		{"an exception", []rule{change(all, func(r *rule) { r.Except = []string{"/payments"} }), payments}, request("payments/a", "alice", "bob"), true, ""},
		{"nothing but an exception", []rule{change(all, func(r *rule) { r.Except = []string{"/payments"} })}, request("payments/a", "alice", "bob"), false, "no rule"},
		{"beside an exception", []rule{change(all, func(r *rule) { r.Except = []string{"/payments"} })}, request("paymentsx/a", "alice"), true, ""},
		{"a document named as the exception", []rule{change(all, func(r *rule) { r.Except = []string{"/payments"} })}, request("payments", "alice"), true, ""},

		{"of the kind", []rule{change(all, func(r *rule) { r.Kinds = []string{"JobResource", "Workflow"} })}, request("a", "alice"), true, ""},
		{"of another kind", []rule{change(all, func(r *rule) { r.Kinds = []string{"JobResource"} })}, request("a", "alice"), false, "no rule"},

		{"for the Agent", []rule{change(all, func(r *rule) { r.Agents = []string{"a1", "a2"} })}, with(request("a", "alice"), agents("a2")), true, ""},
		{"for all its Agents", []rule{change(all, func(r *rule) { r.Agents = []string{"a1", "a2"} })}, with(request("a", "alice"), agents("a1", "a2")), true, ""},
		{"for one of two Agents", []rule{change(all, func(r *rule) { r.Agents = []string{"a1"} })}, with(request("a", "alice"), agents("a1", "a2")), false, "at the Agent a2"},
		{"for no Agent", []rule{change(all, func(r *rule) { r.Agents = []string{"a1"} })}, request("a", "alice"), false, "no rule"},
		{"an Agent's own record", []rule{change(all, func(r *rule) { r.Agents = []string{"a1"} })}, with(request("a1", "alice"), func(r *policy.Request) {
			r.Facts = policy.FactsOf(&item.AgentRef{Path: "a1"})
		}), true, ""},
		{"Agents of two rules", []rule{
			change(all, func(r *rule) { r.Agents = []string{"a1"} }),
			{Name: "b", Folders: []string{"/"}, Agents: []string{"a2"}, Signers: []string{"bob"}},
		}, with(request("a", "alice", "bob"), agents("a1", "a2")), true, ""},
		{"Agents of two rules, one unsatisfied", []rule{
			change(all, func(r *rule) { r.Agents = []string{"a1"} }),
			{Name: "b", Folders: []string{"/"}, Agents: []string{"a2"}, Signers: []string{"bob"}},
		}, with(request("a", "alice"), agents("a1", "a2")), false, `rule "b"`},

		{"in the environment", []rule{change(all, func(r *rule) { r.Environments = []string{"test", "prod"} })}, request("a", "alice"), true, ""},
		{"in another environment", []rule{change(all, func(r *rule) { r.Environments = []string{"test"} })}, request("a", "alice"), false, "no rule"},
		{"outside the audience", []rule{all}, with(request("a", "alice"), func(r *policy.Request) { r.Environment = "dev" }), false, "not for the installation"},
		{"without an installation", []rule{all}, with(request("a", "alice"), func(r *policy.Request) { r.Environment = "" }), false, "not for the installation"},

		{"by itself, releases only", []rule{change(all, func(r *rule) { r.ReleasesOnly = true })}, request("a", "alice"), false, "demands a release"},
		{"by a release, releases only", []rule{change(all, func(r *rule) { r.ReleasesOnly = true })}, with(request("a", "alice"), released("")), true, ""},
		{"by a release, anyhow", []rule{all}, with(request("a", "alice"), released("")), true, ""},

		{"another author", []rule{change(all, func(r *rule) { r.AuthorDiffers = true })}, with(request("a", "alice"), released("bob")), true, ""},
		{"an author without keys", []rule{change(all, func(r *rule) { r.AuthorDiffers = true })}, with(request("a", "alice"), released("erin")), true, ""},
		{"the author alone", []rule{change(all, func(r *rule) { r.AuthorDiffers = true })}, with(request("a", "alice"), released("alice")), false, "alice is the author"},
		{"the author and another", []rule{change(all, func(r *rule) { r.AuthorDiffers = true })}, with(request("a", "alice", "bob"), released("alice")), true, ""},
		{"the author makes up the number", []rule{change(payments, func(r *rule) { r.AuthorDiffers = true })}, with(request("payments/a", "alice", "bob"), released("bob")), false, "bob is the author"},
		{"the author with the second key", []rule{change(all, func(r *rule) { r.AuthorDiffers = true })}, with(with(request("a"), secondKey), released("alice")), false, "alice is the author"},
		{"an unknown author", []rule{change(all, func(r *rule) { r.AuthorDiffers = true })}, with(request("a", "alice"), released("Alice")), false, `no person "Alice"`},
		{"no author", []rule{change(all, func(r *rule) { r.AuthorDiffers = true })}, with(request("a", "alice"), released("")), false, `no person ""`},
		{"no release, so no author", []rule{change(all, func(r *rule) { r.AuthorDiffers = true })}, request("a", "alice"), false, "demands a release"},
		{"the author, where it doesn't matter", []rule{all}, with(request("a", "alice"), released("alice")), true, ""},

		{"no hardware", []rule{change(all, func(r *rule) { r.HardwareOnly = true })}, request("a", "alice"), false, "a key of alice isn't bound to a device"},
		{"hardware", []rule{change(all, func(r *rule) { r.HardwareOnly = true })}, with(request("a"), func(r *policy.Request) {
			r.Signers = []policy.Signer{{KeyID: key("alice", 1)}, {KeyID: key("alice", 2), Hardware: true}}
		}), true, ""},
		{"hardware of another", []rule{{Name: "h", Folders: []string{"/"}, Signers: []string{"alice"}, HardwareOnly: true}}, with(request("a"), func(r *policy.Request) {
			r.Signers = []policy.Signer{{KeyID: key("alice", 1)}, {KeyID: key("bob", 1), Hardware: true}}
		}), false, "isn't bound to a device"},

		{"a malformed path", []rule{all}, request("/a", "alice"), false, "has no place"},
		{"a path that climbs", []rule{all}, request("x/../payments/a", "alice"), false, "has no place"},
		{"an empty path", []rule{all}, request("", "alice"), false, "has no place"},
		{"a malformed Agent", []rule{all}, with(request("a", "alice"), agents("")), false, "has no place"},
		{"an unknown kind", []rule{all}, with(request("a", "alice"), func(r *policy.Request) { r.Kind = "workflow" }), false, "has no place"},
		{"no kind", []rule{all}, with(request("a", "alice"), func(r *policy.Request) { r.Kind = "" }), false, "has no place"},
		{"no time", []rule{all}, with(request("a", "alice"), func(r *policy.Request) { r.Now = time.Time{} }), false, "moment"},
	} {
		p := base(tt.rules...).parse(t)
		d := p.Decide(tt.r)
		if d.Allowed() != tt.want || !strings.Contains(d.Reason, tt.says) || d.Reason == "" {
			t.Errorf("%s: got %v, %q; want %v, %q", tt.name, d.Allowed(), d.Reason, tt.want, tt.says)
		}
		if err := d.Err(); (err == nil) != tt.want || err != nil && !fault.HasCode(err, policy.CodeDenied) {
			t.Errorf("%s: got the error %v", tt.name, err)
		}
		// Invariant 3.
		slices.Reverse(tt.rules)
		slices.Reverse(tt.r.Signers)
		slices.Reverse(tt.r.Agents)
		if base(tt.rules...).parse(t).Decide(tt.r).Allowed() != tt.want {
			t.Errorf("%s: in another order it is decided otherwise", tt.name)
		}
	}
}

// Invariant 1.
func TestNothingIsRefused(t *testing.T) {
	t.Parallel()
	var none *policy.Policy
	good := request("a", "alice")
	p := base(rule{Name: "all", Folders: []string{"/"}, Signers: []string{"alice"}}).parse(t)
	if !p.Decide(good).Allowed() {
		t.Fatal("the good request is refused")
	}
	for name, d := range map[string]policy.Decision{
		"no policy": none.Decide(good), "an empty policy": (&policy.Policy{}).Decide(good), "no request": p.Decide(policy.Request{}), "no decision": {},
	} {
		if d.Allowed() || d.Err() == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	if got := policy.FactsOf(nil); got.Kind != "" || got.Path != "" {
		t.Errorf("facts of nothing: %+v", got)
	}
}

func TestExpires(t *testing.T) {
	t.Parallel()
	d := base(rule{Name: "all", Folders: []string{"/"}, Signers: []string{"alice"}})
	d.Expires = "2026-06-01T12:00:00Z"
	p := d.parse(t)
	for at, want := range map[time.Duration]bool{-time.Second: true, 0: false, time.Second: false} {
		got := p.Decide(with(request("a", "alice"), func(r *policy.Request) { r.Now = now.Add(at) }))
		if got.Allowed() != want {
			t.Errorf("%s after the end: got %v, %s", at, got.Allowed(), got.Reason)
		}
	}
	if !p.Expires().Equal(now) || p.Issued().Year() != 2026 || p.Version() != 7 || !slices.Equal(p.Audience(), []string{"prod", "test"}) {
		t.Errorf("got %+v", p)
	}
}

func TestKeysOf(t *testing.T) {
	t.Parallel()
	p := base(rule{Name: "all", Folders: []string{"/"}, Signers: []string{"alice"}}).parse(t)
	for who, want := range map[string][]string{"alice": {key("alice", 1), key("alice", 2)}, "erin": nil, "mallory": nil} {
		if diff := cmp.Diff(want, p.KeysOf(who)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", who, diff)
		}
	}
}

// Invariant 8.
func TestReasonNamesEveryRule(t *testing.T) {
	t.Parallel()
	one := func(name, who string) rule { return rule{Name: name, Folders: []string{"/"}, Signers: []string{who}} }
	d := base(one("first", "alice"), one("second", "bob"), one("third", "carol")).parse(t).Decide(request("a", "bob"))
	if !strings.Contains(d.Reason, `"first"`) || strings.Contains(d.Reason, `"second"`) || !strings.Contains(d.Reason, `"third"`) {
		t.Errorf("got %s", d.Reason)
	}
	want := []policy.Verdict{
		{Rule: "first", Reason: `rule "first" demands 1 of alice, and none of them has signed`},
		{Rule: "second", Satisfied: true, Reason: `rule "second" is satisfied`},
		{Rule: "third", Reason: `rule "third" demands 1 of carol, and none of them has signed`},
	}
	if diff := cmp.Diff(want, d.Rules); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// A reason stays one that can be read, and stored with each refused document.
func TestReasonIsBounded(t *testing.T) {
	t.Parallel()
	d := base()
	var names []string
	for i := range 900 {
		name := fmt.Sprintf("person %080d", i)
		names = append(names, name)
		d.Persons[name] = person{Keys: []string{fmt.Sprintf("%064x", i)}}
	}
	for i := range 12 {
		d.Rules = append(d.Rules, rule{Name: fmt.Sprint("rule ", i), Folders: []string{"/"}, Signers: names[:len(names)-700*(i%2)], Threshold: 150})
	}
	got := d.parse(t).Decide(request("a", "alice"))
	if len(got.Reason) > 32<<10 || !strings.Contains(got.Reason, "and 890 more") || !strings.Contains(got.Reason, `"rule 9"`) || strings.Contains(got.Reason, `"rule 10"`) || !strings.HasSuffix(got.Reason, "; and 2 more") {
		t.Errorf("%d bytes: %.1000s", len(got.Reason), got.Reason)
	}
	if len(got.Rules) != 12 {
		t.Errorf("got %d verdicts", len(got.Rules))
	}
}

func TestFactsOf(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		text string
		want policy.Facts
	}{
		{
			`{"TYPE":"Workflow","path":"f/w","versionId":"1","instructions":[{"TYPE":"Execute.Anonymous","job":{"agentPath":"a2","executable":{"TYPE":"ShellScriptExecutable","script":"x"}}},
				{"TYPE":"If","predicate":"true","then":{"instructions":[{"TYPE":"Execute.Named","jobName":"j"}]}}],
				"jobs":{"j":{"agentPath":"a1","executable":{"TYPE":"ShellScriptExecutable","script":"x"}}}}`,
			policy.Facts{Kind: "Workflow", Path: "f/w", Agents: []string{"a1", "a2"}},
		},
		{`{"TYPE":"JobResource","path":"f/r","variables":{}}`, policy.Facts{Kind: "JobResource", Path: "f/r"}},
		{`{"TYPE":"AgentRef","path":"a1","uri":"https://h:1"}`, policy.Facts{Kind: "AgentRef", Path: "a1", Agents: []string{"a1"}}},
	} {
		i, err := item.Parse([]byte(tt.text))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(tt.want, policy.FactsOf(i)); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}
}

// Invariant 9.
func TestSuccession(t *testing.T) {
	t.Parallel()
	version := func(n int, rules ...rule) *policy.Policy {
		d := base(append(rules, rule{Name: "all", Folders: []string{"/"}, Signers: []string{"alice"}})...)
		d.Version = n
		return d.parse(t)
	}
	other := rule{Name: "other", Folders: []string{"/"}, Signers: []string{"bob"}}
	known := version(7).Known()
	for _, tt := range []struct {
		p    *policy.Policy
		code string
	}{
		{version(7), ""},
		{version(8), ""},
		{version(8, other), ""},
		{version(6), policy.CodeOlder},
		{version(6, other), policy.CodeOlder},
		{version(7, other), policy.CodeVersionReused},
	} {
		err := tt.p.CheckSuccession(known)
		if (err == nil) != (tt.code == "") || err != nil && !fault.HasCode(err, tt.code) {
			t.Errorf("version %d: got %v, want %q", tt.p.Version(), err, tt.code)
		}
		if err := tt.p.CheckSuccession(policy.Known{}); err != nil {
			t.Errorf("the first one: %v", err)
		}
	}
}
