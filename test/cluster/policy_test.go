package cluster_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/signet-scheduler/signet/internal/bulletin"
	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/part"
	"github.com/signet-scheduler/signet/internal/policy"
	"github.com/signet-scheduler/signet/internal/transport"
	"github.com/signet-scheduler/signet/internal/trust/trusttest"
	"github.com/signet-scheduler/signet/test/cluster"
)

// allowing is a policy by which each of these may sign everything.
func allowing(t *testing.T, version int, who ...trusttest.Identity) string {
	t.Helper()
	var persons, names []string
	for i, w := range who {
		v, err := trusttest.Set(t, w).Verify([]byte("x"), trusttest.Sign(t, w.Key, []byte("x")), trusttest.Now())
		if err != nil {
			t.Fatal(err)
		}
		persons = append(persons, fmt.Sprintf(`"p%d":{"keys":[%q]}`, i, v.Signer().KeyID))
		names = append(names, fmt.Sprintf(`"p%d"`, i))
	}
	return fmt.Sprintf(`{"TYPE":"TrustPolicy","version":%d,"audience":["here"],"issued":%q,"persons":{%s},"rules":[{"name":"all","folders":["/"],"signers":[%s]}]}`,
		version, time.Now().UTC().Format(time.RFC3339), strings.Join(persons, ","), strings.Join(names, ","))
}

func policyNotice(t *testing.T, text string, by trusttest.Identity) bulletin.Delivery {
	t.Helper()
	evidence, err := json.Marshal(trusttest.Sign(t, by.Key, []byte(text)))
	if err != nil {
		t.Fatal(err)
	}
	n, err := bulletin.NewPolicy(policy.Bundle{Policy: text, Evidence: evidence})
	if err != nil {
		t.Fatal(err)
	}
	return bulletin.Delivery{Notices: []bulletin.Notice{n}}
}

// sendPolicy brings a policy to every Controller that runs, as a Cockpit does; it
// returns the codes of refusals.
func sendPolicy(t *testing.T, c *cluster.Cluster, d bulletin.Delivery) (codes []string) {
	t.Helper()
	for _, x := range c.Controllers {
		if x.Running != nil {
			codes = append(codes, bring(t, c.Client(), x.URL+"/controller/api/bulletin", d))
		}
	}
	return codes
}

func bring(t *testing.T, client *transport.Client, url string, d bulletin.Delivery) string {
	t.Helper()
	var r bulletin.Receipt
	if err := client.PostJSON(t.Context(), url, d, &r); err != nil {
		t.Fatal(err)
	}
	if len(r.Refused) > 0 {
		return r.Refused[0].Code
	}
	return ""
}

// placeRoot makes somebody a root of policies at a part.
func placeRoot(t *testing.T, config string, root trusttest.Identity) {
	t.Helper()
	dir := filepath.Join(config, "private", "policy-root")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "root.pub"), root.Trusted, 0o600); err != nil {
		t.Fatal(err)
	}
}

// trustOf returns what a part itself tells of its trust material.
func trustOf(t *testing.T, client *transport.Client, status string) *part.Trust {
	t.Helper()
	var s struct{ Report part.Report }
	if err := client.GetJSON(t.Context(), status, &s); err != nil {
		return nil
	}
	return s.Report.Trust
}

// A policy that a Cockpit has brought is in force at all Controllers and Agents within
// five seconds, what it no longer accepts is in quarantine, and who was away has it
// after coupling. It outlives restarts, and nobody in between can make one, bring an
// older one back, or another of the same version.
func TestTrustPolicyIsPassedOn(t *testing.T) {
	t.Parallel()
	alice, carol, root := trusttest.NewSSH(t, "alice"), trusttest.NewSSH(t, "carol"), trusttest.NewSSH(t, "root")
	c := cluster.New(t, 3, 3, cluster.Line(here), cluster.Trusting(alice, carol))
	ofController := c.ClientOf(c.Controllers[0].Config)
	agent := func(i int, path string) string { return c.Agents[i].URL + "/agent/api" + path }
	version := func(i int) int {
		if told := trustOf(t, ofController, agent(i, "/status")); told != nil {
			return told.Policy.Version
		}
		return -1
	}
	for _, x := range c.Controllers {
		placeRoot(t, x.Config, root)
	}
	placeRoot(t, c.Agents[0].Config, root)
	placeRoot(t, c.Agents[1].Config, root) // the third has none
	both := policyNotice(t, allowing(t, 1, alice, carol), root)
	c.Eventually("all Controllers have the root key and the first policy", func() bool {
		return strings.Join(sendPolicy(t, c, both), "") == ""
	})
	var documents []string
	for _, a := range c.Agents {
		documents = append(documents, fmt.Sprintf(`{"TYPE":"AgentRef","path":%q,"uri":%q}`, a.Name, a.URL))
	}
	documents = append(documents, `{"TYPE":"Workflow","path":"A","versionId":"1","instructions":[`+job("true")+`]}`)
	for _, d := range documents {
		if err := postItem(c, asItem(cluster.SignedBy(t, alice.Key, d))); err != nil {
			t.Fatal(err)
		}
	}
	if err := postItem(c, asItem(cluster.SignedBy(t, carol.Key, `{"TYPE":"Workflow","path":"C","versionId":"1","instructions":[`+job("true")+`]}`))); err != nil {
		t.Fatal(err)
	}
	// An order fails where its documents are refused: it waits until they wouldn't be.
	c.Eventually("two Agents have the policy", func() bool { return version(0) == 1 && version(1) == 1 })
	add(t, c, "C", "C1")
	c.Eventually("an order of carol's runs", func() bool { return c.State("C1") == "Finished" })

	// Carol goes, while one Agent is away.
	c.StopAgent(c.Agents[1])
	only := policyNotice(t, allowing(t, 2, alice), root)
	began := time.Now()
	if codes := sendPolicy(t, c, only); strings.Join(codes, "") != "" {
		t.Fatal(codes)
	}
	keeps(t, c, "carol's workflow is in quarantine, and the Agent has the policy", began, func() bool {
		return quarantined(c, "C") == policy.CodeDenied && version(0) == 2
	})
	if code := quarantined(c, "A"); code != "" {
		t.Errorf("alice's is, too: %s", code)
	}
	c.Eventually("the Agent without root keys says that it has no use for it", func() bool {
		told := trustOf(t, ofController, agent(2, "/status"))
		return told != nil && !told.Policy.Required && told.Policy.Version == 0 && len(told.Holds) == 1 && told.Holds[0].Refused == "NoPolicyRoots"
	})
	c.StartAgent(c.Agents[1])
	c.Eventually("the one that was away has it", func() bool { return version(1) == 2 })

	// A Controller that was broken into, and a Cockpit.
	forged := policyNotice(t, allowing(t, 9, carol), carol)
	other := policyNotice(t, allowing(t, 2, carol), root)
	for what, x := range map[string]struct {
		d    bulletin.Delivery
		code string
	}{"a forged one": {forged, "UnknownSigner"}, "an older one": {both, ""}, "another of the version": {other, policy.CodeVersionReused}} {
		for _, code := range append(sendPolicy(t, c, x.d), bring(t, ofController, agent(0, "/bulletin"), x.d)) {
			if code != x.code {
				t.Errorf("%s: %q, want %q", what, code, x.code)
			}
		}
		if version(0) != 2 || quarantined(c, "C") != policy.CodeDenied {
			t.Errorf("%s has an effect: version %d", what, version(0))
		}
	}
	// An Agent may bring nothing to a Controller, nor a Cockpit to an Agent.
	if err := c.Client().PostJSON(t.Context(), agent(0, "/bulletin"), only, nil); !fault.Is(err, fault.Untrusted) && !fault.Is(err, fault.Unavailable) {
		t.Errorf("a Cockpit at an Agent: %v", err)
	}

	// All restart, and nobody sends anything again.
	for _, a := range c.Agents[:2] {
		c.StopAgent(a)
		c.StartAgent(a)
	}
	for _, x := range c.Controllers {
		if err := x.Running.Close(); err != nil {
			t.Fatal(err)
		}
		x.Running = nil
		c.StartController(x)
		told := trustOf(t, c.Client(), x.URL+"/controller/api/status")
		if told == nil || told.Policy.Version != 2 || len(told.Holds) != 1 || told.Holds[0].Version != "2" {
			t.Errorf("%s after a restart: %+v", x.Name, told)
		}
	}
	if version(0) != 2 || version(1) != 2 {
		t.Errorf("after a restart: versions %d, %d", version(0), version(1))
	}
	c.Eventually("carol's is still in quarantine", func() bool { return quarantined(c, "C") == policy.CodeDenied })
	if codes := sendPolicy(t, c, both); strings.Join(codes, "") != "" || version(0) != 2 {
		t.Errorf("an older one after a restart: %v, version %d", codes, version(0))
	}
	// She comes back by a newer policy.
	began = time.Now()
	sendPolicy(t, c, policyNotice(t, allowing(t, 3, alice, carol), root))
	keeps(t, c, "carol is trusted again", began, func() bool { return quarantined(c, "C") == "" && version(0) == 3 && version(1) == 3 })
}
