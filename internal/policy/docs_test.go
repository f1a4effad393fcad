package policy_test

import (
	"os"
	"strings"
	"testing"

	"github.com/signet-scheduler/signet/internal/item"
	"github.com/signet-scheduler/signet/internal/policy"
)

// fromDocs returns the policy that a page of the documentation shows.
func fromDocs(t *testing.T, page string) *policy.Policy {
	t.Helper()
	text, err := os.ReadFile("../../docs/" + page)
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), "```json\n")
	example, _, ok := strings.Cut(rest, "```")
	if !ok {
		t.Fatalf("%s shows no policy", page)
	}
	p, err := policy.Parse([]byte(example))
	if err != nil {
		t.Fatalf("%s: %v", page, err)
	}
	return p
}

// What the documentation shows works as it says.
func TestDocumentedPolicies(t *testing.T) {
	t.Parallel()
	fromDocs(t, "formats/trust-policy.md")
	p := fromDocs(t, "operations/trust-policy.md")
	keys := map[string]string{
		"alice": strings.Repeat("1", 64), "bob": strings.Repeat("2", 64), "carol": strings.Repeat("3", 40), "erin": strings.Repeat("4", 64),
	}
	for _, tt := range []struct {
		kind    item.Kind
		path    string
		agents  string
		signers string
		author  string // of the release; "": signed by itself
		want    bool
		says    string
	}{
		{item.KindWorkflow, "payments/daily", "agent-1", "alice bob", "carol", true, ""},
		{item.KindWorkflow, "payments/daily", "agent-test-1", "alice bob", "erin", true, ""},
		{item.KindWorkflow, "payments/daily", "agent-1", "alice bob", "bob", false, `Workflow:payments/daily: rule "payments" demands 2 of alice, bob, carol, and only alice has signed (not counted: bob is the author)`},
		{item.KindWorkflow, "payments/daily", "agent-1", "alice bob", "", false, "demands a release"},
		{item.KindWorkflow, "payments/daily", "agent-test-1", "erin", "bob", false, "payments"},
		{item.KindWorkflow, "x/a", "agent-test-1", "erin", "", true, ""},
		{item.KindWorkflow, "x/a", "agent-1", "erin", "", false, "production machines"},
		{item.KindWorkflow, "x/a", "agent-1", "alice", "", true, ""},
		{item.KindWorkflow, "x/a", "agent-test-1 agent-1", "erin", "", false, "production machines"},
		{item.KindWorkflow, "x/a", "agent-test-1 agent-1", "alice", "", true, ""},
		{item.KindWorkflow, "x/a", "agent-3", "alice bob carol erin", "erin", false, "no rule"},
		{item.KindWorkflow, "x/a", "", "alice", "", false, "no rule"},
		{item.KindJobResource, "x/r", "", "alice", "", true, ""},
		{item.KindJobResource, "x/r", "", "erin", "", false, "job resources"},
		{item.KindJobResource, "payments/r", "", "alice", "bob", false, "payments"},
		{item.KindAgentRef, "agent-3", "agent-3", "carol", "", true, ""},
	} {
		r := policy.Request{Facts: policy.Facts{Kind: tt.kind, Path: tt.path, Agents: strings.Fields(tt.agents)}, Environment: "production", Now: now}
		for who := range strings.FieldsSeq(tt.signers) {
			r.Signers = append(r.Signers, policy.Signer{KeyID: keys[who]})
		}
		if tt.author != "" {
			r.Release = &policy.Release{Author: tt.author}
		}
		if d := p.Decide(r); d.Allowed() != tt.want || !strings.Contains(d.Reason, tt.says) {
			t.Errorf("%s at %q by %s: got %v, %s", tt.path, tt.agents, tt.signers, d.Allowed(), d.Reason)
		}
	}
}
