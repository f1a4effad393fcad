package cockpit

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/signet-scheduler/signet/api"
	"github.com/signet-scheduler/signet/internal/bulletin"
	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/part"
	trustpolicy "github.com/signet-scheduler/signet/internal/policy"
)

func policyText(version int) string {
	return fmt.Sprintf(`{"TYPE":"TrustPolicy","version":%d,"audience":["production"],"issued":"2026-11-30T12:00:00Z",
		"persons":{"alice":{"keys":[%q]}},"rules":[{"name":"all","folders":["/"],"signers":["alice"]}]}`, version, strings.Repeat("a", 64))
}

func publishing(version int) api.PublishTrustPolicyRequest {
	return api.PublishTrustPolicyRequest{Policy: policyText(version), Evidence: json.RawMessage(`{}`)}
}

// answers has the fake's Controller say this to what is brought.
func (b *bench) answers(r bulletin.Receipt, err error) {
	b.fake.mu.Lock()
	defer b.fake.mu.Unlock()
	b.fake.receipt = func(bulletin.Delivery) (bulletin.Receipt, error) { return r, err }
}

func holds(version string) bulletin.Receipt {
	return bulletin.Receipt{Held: []bulletin.Held{{Kind: bulletin.TrustPolicy, ID: "trust-policy", Version: version}}}
}

// A policy is published if a Controller has accepted it, and not otherwise.
func TestPublishTrustPolicy(t *testing.T) { onBoth(t, options{}, testPublishTrustPolicy) }

func testPublishTrustPolicy(t *testing.T, b *bench) {
	refusal := bulletin.Receipt{Refused: []bulletin.Refusal{{Held: bulletin.Held{Kind: bulletin.TrustPolicy}, Code: "UnknownSigner", Message: "nobody knows " + strings.Repeat("x", 10_000)}}}
	for name, c := range map[string]struct {
		receipt bulletin.Receipt
		err     error
		status  int
		code    string
	}{
		"refused":                     {refusal, nil, 422, "UnknownSigner"},
		"a newer one is there":        {holds("5"), nil, 422, trustpolicy.CodeOlder},
		"a newer file is there":       {bulletin.Receipt{}, nil, 422, trustpolicy.CodeOlder},
		"away":                        {bulletin.Receipt{}, fault.New(fault.Unavailable, "CannotConnect", "no way"), 503, "NobodyVerifies"},
		"only something else is held": {bulletin.Receipt{Held: []bulletin.Held{{Kind: bulletin.CRL, ID: "x", Version: "4"}}}, nil, 422, trustpolicy.CodeOlder},
	} {
		b.answers(c.receipt, c.err)
		if p := b.refused(c.status, c.code, "POST", "/trust-policy", publishing(4)); len(p.Detail) > 1000 {
			t.Errorf("%s: a message of %d bytes", name, len(p.Detail))
		}
		var status api.TrustPolicyStatus
		b.call("GET", "/trust-policy", nil, &status)
		if status.Published != nil || status.Holders != nil {
			t.Errorf("%s, and published: %+v", name, status)
		}
	}
	b.answers(holds("4"), nil)
	b.refused(422, "InvalidTrustPolicy", "POST", "/trust-policy", api.PublishTrustPolicyRequest{Policy: "{}", Evidence: json.RawMessage(`{}`)})
	var out api.PublishedTrustPolicy
	b.call("POST", "/trust-policy", publishing(4), &out)
	if d := cmp.Diff(api.PublishedTrustPolicy{Version: 4, Members: []api.PolicyAnswer{{Name: "c", State: "accepted"}}}, out); d != "" {
		t.Error(d)
	}
	var audit api.Audit
	b.call("GET", "/audit", nil, &audit)
	if e := audit.Entries[0]; e.Action != "publishTrustPolicy" || e.Result != "done" || e.Objects[0] != "TrustPolicy:4" {
		t.Errorf("audit: %+v", e)
	}
	if e := audit.Entries[1]; e.Result == "done" {
		t.Errorf("audit of what was refused: %+v", e)
	}
	// An older one isn't published over it, even if a Controller says that it has it.
	b.answers(holds("3"), nil)
	b.refused(409, trustpolicy.CodeOlder, "POST", "/trust-policy", publishing(3))
	b.answers(holds("4"), nil)
	b.refused(409, trustpolicy.CodeVersionReused, "POST", "/trust-policy", api.PublishTrustPolicyRequest{Policy: policyText(4) + " ", Evidence: json.RawMessage(`{}`)})
	b.call("POST", "/trust-policy", publishing(4), &out) // once more does no harm

	// Parts tell which is in force.
	b.call("POST", "/agents", api.AddAgentRequest{Name: "a-1", Uri: "https://localhost:4445"}, nil)
	told := report(b.c.clock.Now())
	told.Trust = &part.Trust{Policy: &part.Policy{Required: true, Version: 3}}
	b.fake.setReport(told)
	b.c.histories[0].known.look(t.Context())
	var status api.TrustPolicyStatus
	b.call("GET", "/trust-policy", nil, &status)
	if p := status.Published; p == nil || p.Version != 4 || p.Audience[0] != "production" || p.Expires != 0 || len(p.Sha256) != 64 {
		t.Errorf("%+v", p)
	}
	if h := status.Holders; h == nil || h.Current != 1 || h.Behind != 2 || h.Parts[0].State != isOlder || h.Parts[0].Version != "3" {
		t.Errorf("%+v", h)
	}
	if d := cmp.Diff([]api.PolicyVersion{{Version: 3, Required: true, Parts: 2}}, status.InForce); d != "" {
		t.Error(d)
	}
	var one api.PartTrust
	b.call("GET", "/parts/agent/a-1/trust", nil, &one)
	if d := cmp.Diff(&api.PartPolicy{Required: true, Version: 3, Published: 4, State: isOlder}, one.Policy); d != "" {
		t.Error(d)
	}
	one = api.PartTrust{}
	b.call("GET", "/parts/cockpit/cockpit/trust", nil, &one)
	if one.Policy != nil {
		t.Errorf("a Cockpit judges no documents: %+v", one.Policy)
	}
	var lists api.RevocationLists
	b.call("GET", "/certificates/revocations", nil, &lists)
	if len(lists.Lists) != 0 {
		t.Errorf("a policy stands among the lists: %+v", lists)
	}
	// Another Cockpit on the database, on another machine, has it too.
	b.stop()
	b.settings.DataDir = t.TempDir()
	b.start()
	b.eventually("it comes from the database", func() bool {
		status = api.TrustPolicyStatus{}
		b.call("GET", "/trust-policy", nil, &status)
		return status.Published != nil && status.Published.Version == 4
	})
}

// It is enough that one member has accepted, whatever the others say.
func TestRefusalOf(t *testing.T) {
	t.Parallel()
	yes := api.PolicyAnswer{Name: "a", State: policyAccepted}
	no := api.PolicyAnswer{Name: "b", State: policyRefused, Code: "X", Message: "no"}
	away := api.PolicyAnswer{Name: "c", State: memberUnreachable, Code: "Y", Message: "away"}
	for code, all := range map[string][]api.PolicyAnswer{"": {no, away, yes}, "X": {away, no, away}, "NobodyVerifies": {away, away}} {
		err := refusalOf(all)
		if code == "" && err != nil || code != "" && !fault.HasCode(err, code) {
			t.Errorf("%q: %v", code, err)
		}
	}
	if err := refusalOf(nil); !fault.HasCode(err, "NobodyVerifies") {
		t.Error(err)
	}
}
