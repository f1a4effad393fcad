package cockpit

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/signet-scheduler/signet/api"
	"github.com/signet-scheduler/signet/internal/clock"
	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/order"
	"github.com/signet-scheduler/signet/internal/part"
)

const day = 24 * time.Hour

// report is what the fake's parts tell of themselves.
func report(now time.Time) *part.Report {
	at := func(d time.Duration) int64 { return now.Add(d).UnixMilli() }
	return &part.Report{Version: "1.4.0", Since: 7, Certificates: []part.Certificate{
		{Use: part.ForParts, Subject: "signet://x/y", Issuer: "CN=root", NotAfter: at(29 * day)},
		{Use: part.ForAuthority, Subject: "CN=root", Issuer: "CN=root", NotAfter: at(300 * day)},
		{Use: part.ForAuthority, Subject: "CN=old", Issuer: "CN=old", NotAfter: at(-day)},
	}}
}

func TestCertificates(t *testing.T) { onBoth(t, options{}, testCertificates) }

func testCertificates(t *testing.T, b *bench) {
	b.call("POST", "/agents", api.AddAgentRequest{Name: "a-1", Uri: "https://localhost:4445"}, nil)
	told := report(b.c.clock.Now())
	b.fake.setReport(told)
	b.c.histories[0].known.look(t.Context())
	var got api.Certificates
	b.call("GET", "/certificates", nil, &got)
	var rows []string
	for _, c := range got.Certificates {
		if c.Part != "cockpit" { // its own files have other ends
			rows = append(rows, strings.Join([]string{c.State, c.Part, c.Name, c.Use, c.Subject, strings.Repeat("*", c.Parts)}, " "))
		}
	}
	want := []string{
		"over agent a-1 authority CN=old **",
		"soon agent a-1 parts signet://x/y ",
		"soon controller controller-1 parts signet://x/y ",
		"good agent a-1 authority CN=root **",
	}
	if d := cmp.Diff(want, rows); d != "" {
		t.Error(d)
	}
	own := map[string]bool{}
	for _, c := range got.Certificates {
		if c.Part == "cockpit" && c.Name == "cockpit" {
			own[c.Use] = true
		}
	}
	if !own[part.ForUsers] || !own[part.ForSigning] {
		t.Errorf("of its own, the Cockpit tells %v", own)
	}
	var d api.Dashboard
	b.call("GET", "/overview/dashboard", nil, &d)
	for _, c := range d.Certificates {
		if c.State == "good" {
			t.Errorf("the dashboard warns of %+v", c)
		}
	}
	if len(d.Certificates) < 3 {
		t.Errorf("the dashboard warns of %+v", d.Certificates)
	}
	var a api.Agent
	b.call("GET", "/agents/a-1", nil, &a)
	if a.Version != "1.4.0" || a.Since != 7 || a.Heard != 5 || a.CertificateEnds != told.Certificates[0].NotAfter {
		t.Errorf("%+v", a)
	}
	var s api.ControllersStatus
	b.call("GET", "/controllers/status", nil, &s)
	if m := s.Controllers[0].Members[0]; m.Version != "1.4.0" || m.CertificateEnds != a.CertificateEnds || m.Heard == 0 {
		t.Errorf("%+v", m)
	}
}

// When the Controller can't be asked, what it told last is shown, with the time
// and the reason.
func TestWhatIsKnown(t *testing.T) { onBoth(t, options{}, testWhatIsKnown) }

func testWhatIsKnown(t *testing.T, b *bench) {
	b.call("POST", "/agents", api.AddAgentRequest{Name: "a-1", Uri: "https://localhost:4445"}, nil)
	b.c.histories[0].known.look(t.Context())
	b.fake.setDown(fault.New(fault.Unavailable, "CannotConnect", "no way"))
	b.refused(503, "CannotConnect", "GET", "/agents", nil)
	var all api.Agents
	b.call("GET", "/agents?known=true", nil, &all)
	if len(all.Agents) != 1 || all.Agents[0].Name != "a-1" || all.AsOf == 0 || all.Problem == nil || all.Problem.Code != "CannotConnect" {
		t.Errorf("%+v", all)
	}
	var d api.Dashboard
	b.call("GET", "/overview/dashboard", nil, &d)
	if len(d.Agents) != 1 || d.AsOf == 0 || d.Problem == nil || len(d.Controllers) != 1 {
		t.Fatalf("%+v", d)
	}
	c := d.Controllers[0]
	if c.Problem == nil || c.AsOf == 0 || len(c.Members) != 1 || c.Members[0].State != "unreachable" || c.Members[0].Role != "" {
		t.Errorf("%+v", c)
	}
	b.fake.setDown(nil)
	all = api.Agents{}
	b.call("GET", "/agents?known=true", nil, &all)
	if all.AsOf != 0 || all.Problem != nil {
		t.Errorf("%+v", all)
	}
}

func TestAgentActivity(t *testing.T) { onBoth(t, options{}, testAgentActivity) }

func testAgentActivity(t *testing.T, b *bench) {
	b.deploy(map[string]string{"W": `{"instructions":[{"TYPE":"Execute.Named","jobName":"J","label":"L"}],"jobs":{"J":{"agentPath":"agent-1","processLimit":1,
		"executable":{"TYPE":"ShellScriptExecutable","script":"hold"}}}}`})
	b.fake.setReport(report(b.c.clock.Now()))
	b.add(api.AddOrdersRequest{Workflow: "W", Id: "O", Count: 3})
	var a api.AgentActivity
	b.call("GET", "/agents/agent-1/activity", nil, &a)
	if len(a.Running) != 1 || len(a.Waiting) != 2 || a.RunningCount != 1 || a.WaitingCount != 2 || a.ProcessLimit != 5 || a.Version != "1.4.0" {
		t.Fatalf("%+v", a)
	}
	run, wait := a.Running[0], a.Waiting[1]
	if run.OrderId != "O-1" || run.Workflow != "W" || run.Label != "L" || run.Job != "J" || run.Pid != 17 || run.Task == "" {
		t.Errorf("%+v", run)
	}
	if wait.OrderId != "O-3" || wait.Place != 2 || !wait.JobFull || wait.Job != "J" {
		t.Errorf("%+v", wait)
	}
	b.refused(404, "UnknownKey", "GET", "/agents/agent-9/activity", nil)
	for _, id := range []string{"O-1", "O-2", "O-3"} {
		b.fake.release(order.ID(id), "")
		b.await(id)
	}
}

func TestPartLogs(t *testing.T) {
	t.Parallel()
	b := newBench(t, options{noStart: true})
	ring := part.NewRing(clock.Real{})
	log := slog.New(ring.Handler(slog.NewTextHandler(io.Discard, nil)))
	b.c.deps.Self.Log = ring
	var l api.PartLog
	b.call("GET", "/agents/agent-1/log?after=7&limit=3", nil, &l)
	if len(l.Lines) != 1 || l.Lines[0].Id != 8 || l.Lines[0].Text != "agent-1 says 3" {
		t.Errorf("%+v", l)
	}
	b.call("GET", "/controllers/controller-1/log", nil, &l)
	if l.Lines[0].Text != "controller-1 says 500" {
		t.Errorf("%+v", l)
	}
	b.refused(404, "UnknownMember", "GET", "/controllers/x/log", nil)
	b.refused(422, "InvalidQuery", "GET", "/cockpits/log?limit=2001", nil)
	log.Info("the Cockpit serves", "address", "here")
	b.call("GET", "/cockpits/log", nil, &l)
	if len(l.Lines) != 1 || l.Lines[0].Text != "the Cockpit serves address=here" || l.Lines[0].Level != "info" {
		t.Errorf("%+v", l)
	}
}

// What a Cockpit writes to its log has no secrets in it that come from settings
// or from users.
func TestNoSecretsInTheLog(t *testing.T) {
	t.Parallel()
	ring := part.NewRing(clock.Real{})
	b := newBench(t, options{noStart: true})
	b.c.deps.Self.Log = ring
	b.c.log = slog.New(ring.Handler(b.deps.Log.Handler()))
	b.isRefused(401, "LoginFailed", b.do(request{method: "POST", path: "/login", body: `{"account":"admin","password":"open sesame"}`}))
	b.isRefused(401, "SessionUnknown", b.do(request{method: "GET", path: "/me", token: "sgn_" + strings.Repeat("Q", 43)}))
	b.c.log.Info("settings", "password", b.settings.TLS.KeystorePassword)
	for _, l := range ring.After(0, 0).Lines {
		if strings.Contains(l.Text, "sesame") || strings.Contains(l.Text, "QQQQ") {
			t.Errorf("%s", l.Text)
		}
	}
	if l := ring.After(0, 0).Lines; !strings.Contains(l[len(l)-1].Text, "password=***") {
		t.Errorf("%+v", l)
	}
}

// Two Cockpits on a database know of each other, and which of them runs the
// services.
func TestCockpitsKnowEachOther(t *testing.T) {
	t.Parallel()
	b := newBench(t, options{postgres: true})
	b.settled() // b has the lease
	other := b.another(t)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var got api.Cockpits
	for len(got.Cockpits) != 2 && ctx.Err() == nil {
		if err := other.c.db.Announce(ctx, `{"name":"cockpit-2","report":{"version":"9","since":3,"certificates":[]}}`); err != nil {
			t.Fatal(err)
		}
		b.check(b.c.histories[0].catchUp(ctx))
		b.call("GET", "/cockpits", nil, &got)
	}
	if len(got.Cockpits) != 2 {
		t.Fatalf("%+v", got)
	}
	one, two := got.Cockpits[0], got.Cockpits[1]
	if one.Name != "cockpit" || !one.Services || !one.Answers || !one.Alive {
		t.Errorf("%+v", one)
	}
	if two.Name != "cockpit-2" || two.Services || two.Answers || !two.Alive || two.Heard == 0 {
		t.Errorf("%+v", two)
	}
	if w := b.do(request{method: "GET", path: "/cockpits?x=1", token: b.token}); w.Code != http.StatusUnprocessableEntity {
		t.Errorf("%d", w.Code)
	}
}

func TestNeighbours(t *testing.T) {
	t.Parallel()
	now := time.Unix(1_790_000_000, 0)
	var n neighbours
	n.hear("garbage", now)
	n.hear(`{"services":true}`, now)
	if got := n.list(now); len(got) != 0 {
		t.Errorf("%+v", got)
	}
	n.hear(`{"name":"b","services":true}`, now)
	n.hear(`{"name":"a"}`, now.Add(time.Minute))
	got := n.list(now.Add(time.Minute))
	if len(got) != 2 || got[0].Name != "a" || !got[1].Services {
		t.Errorf("%+v", got)
	}
	// Who is silent runs no services, whatever it said; after an hour it is forgotten.
	if c := cockpitOf(&got[1], nil, now.Add(time.Minute)); c.Alive || c.Services {
		t.Errorf("%+v", c)
	}
	if got := n.list(now.Add(time.Hour + time.Second)); len(got) != 1 || got[0].Name != "a" {
		t.Errorf("%+v", got)
	}
	for i := range 200 {
		n.hear(`{"name":"x`+strings.Repeat("y", i)+`"}`, now)
	}
	if got := len(n.list(now)); got > mostCockpits {
		t.Errorf("%d are remembered", got)
	}
}

func TestSetUp(t *testing.T) { onBoth(t, options{}, testSetUp) }

func testSetUp(t *testing.T, b *bench) {
	var d api.Dashboard
	b.call("GET", "/overview/dashboard", nil, &d)
	if d := cmp.Diff(api.SetUp{}, d.SetUp); d != "" {
		t.Error(d)
	}
	b.deploy(map[string]string{"W": job("rc 0")})
	b.check(b.c.histories[0].catchUp(t.Context()))
	b.call("GET", "/overview/dashboard", nil, &d)
	if d := cmp.Diff(api.SetUp{Agent: true, Workflow: true}, d.SetUp); d != "" {
		t.Error(d)
	}
	b.await(b.add(api.AddOrdersRequest{Workflow: "W", Id: "O"})...)
	b.call("GET", "/overview/dashboard", nil, &d)
	if d := cmp.Diff(api.SetUp{Agent: true, Workflow: true, Order: true}, d.SetUp); d != "" {
		t.Error(d)
	}
}

// A deployment that the Controller refuses names the objects, not their places.
func TestRefusedObjectsAreNamed(t *testing.T) {
	t.Parallel()
	refused := &fault.Error{Kind: fault.Untrusted, Code: "UnknownSigner", Message: "the objects are refused", Problems: []fault.Problem{
		{Where: "$.add[1]", Message: "no"}, {Where: "$.add[0] $.jobs", Message: "no"}, {Where: "$.add[7]", Message: "no"}, {Where: "file", Message: "no"},
	}}
	got := fault.Of(nameRefused(refused, []string{"Workflow:a", "Workflow:b"}))
	want := []fault.Problem{{Where: "Workflow:b", Message: "no"}, {Where: "Workflow:a $.jobs", Message: "no"}, {Where: "$.add[7]", Message: "no"}, {Where: "file", Message: "no"}}
	if d := cmp.Diff(want, got.Problems); d != "" || got.Code != "UnknownSigner" || got.Kind != fault.Untrusted {
		t.Error(d, got)
	}
	if refused.Problems[0].Where != "$.add[1]" {
		t.Error("the error itself was changed")
	}
	if nameRefused(nil, nil) != nil {
		t.Error("no error becomes one")
	}
}
