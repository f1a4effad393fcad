package cli_test

import (
	"strings"
	"testing"

	"github.com/signet-scheduler/signet/internal/fault"
)

const shownDeployment = `{"deployment":{"id":42,"controller":"c","time":5,"account":"dora","method":"password","reason":"r\u001b[31m","signers":[{"name":"anna","kind":"SSH","key":"00ff"}],
	"release":{"name":"r-1","serial":7,"author":"anna","digest":"d"},"added":0,"changed":1,"withdrawn":1},
	"objects":[{"kind":"Workflow","path":"w","change":"changed","versionId":"v2","version":2,"previous":1,"signers":[{"name":"anna"}],"deployed":true},
	{"kind":"Workflow","path":"x","change":"withdrawn","previous":3,"signers":[],"deployed":false}]}`

func TestDeploymentVerbs(t *testing.T) {
	t.Parallel()
	f := newCockpit(t)
	f.on("GET /deployments", answer(`{"deployments":[{"id":42,"controller":"c","time":5,"account":"dora","method":"password","signers":[{"name":"anna","kind":"SSH","key":"00ff"}],"added":1,"changed":2,"withdrawn":3}],"cursor":"n"}`))
	f.on("GET /deployments", answer(`{"deployments":[]}`))
	out := f.run(t, "deployment", "list", "--path", "w", "--signer", "anna").want(t, 0).out
	if !strings.Contains(out, "anna (SSH 00ff)") || !strings.Contains(out, "dora") {
		t.Errorf("%s", out)
	}
	if q := f.last(t, "GET /deployments").query; q != "cursor=n&path=w&signer=anna" {
		t.Errorf("query %q", q)
	}
	f.run(t, "deployment", "list", "--limit", "-1").want(t, 2)
	f.run(t, "deployment", "list", "--from", "x").want(t, 2)
	f.on("GET /deployments/refused", answer(`{"deployments":[{"id":1,"time":5,"account":"eve","action":"deploy","objects":["Workflow:w"],"code":"UnknownSigner"}]}`))
	if out := f.run(t, "deployment", "list", "--refused").want(t, 0).out; !strings.Contains(out, "UnknownSigner") {
		t.Errorf("%s", out)
	}

	f.on("GET /deployments/42", answer(shownDeployment))
	f.on("GET /inventory/version", answer(`{"id":3,"text":"{\"a\":1}"}`))
	f.on("GET /inventory/version", answer(`{"id":2,"text":"{\"a\":2}"}`))
	f.on("GET /inventory/version", refuse(fault.NotFound, "UnknownVersion", "none"))
	out = f.run(t, "deployment", "show", "42", "--diff").want(t, 0).out
	for _, want := range []string{"r-1", "anna (SSH 00ff)", "Workflow:w changed", `-   "a": 1`, `+   "a": 2`, "no longer kept"} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in %s", want, out)
		}
	}
	if strings.Contains(out, "\x1b") {
		t.Errorf("%q", out)
	}
	f.run(t, "deployment", "show", "x").want(t, 2)

	f.on("POST /deployments/42/redeploy", answer(`{"dryRun":true,"signed":"before","deploys":[{"kind":"Workflow","path":"w"}],"unchanged":[],"problems":[{"where":"Workflow:w","message":"replaced"}]}`))
	f.run(t, "deployment", "redeploy", "42", "--dry-run").want(t, 1).says(t, "Workflow:w replaced")
	f.on("POST /deployments/42/redeploy", refuse(fault.Conflict, "CannotRedeploy", "no"))
	f.run(t, "deployment", "redeploy", "42").want(t, 1)
	f.run(t, "deployment", "redeploy", "42").want(t, 7)

	f.on("POST /deployments/revoke", answer(``))
	f.run(t, "deployment", "revoke", "42", "--reason", "r").want(t, 0)
	r := f.last(t, "POST /deployments/revoke")
	if r.query != "controller=c" || r.body != `{"objects":[{"kind":"Workflow","path":"w"}],"reason":"r"}` {
		t.Errorf("%q %s", r.query, r.body)
	}
	f.on("GET /deployments/42", answer(`{"deployment":{"id":42},"objects":[]}`))
	f.run(t, "deployment", "revoke", "42").want(t, 0) // the last answer stays for one more call
	f.run(t, "deployment", "revoke", "42").want(t, 7).says(t, "nothing that the deployment brought")
}
