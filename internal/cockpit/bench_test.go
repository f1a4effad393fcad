package cockpit

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/signet-scheduler/signet/api"
	"github.com/signet-scheduler/signet/internal/clock"
	"github.com/signet-scheduler/signet/internal/conf"
	"github.com/signet-scheduler/signet/internal/fsys"
	"github.com/signet-scheduler/signet/internal/identity"
	"github.com/signet-scheduler/signet/internal/pki"
	"github.com/signet-scheduler/signet/internal/seal"
	"github.com/signet-scheduler/signet/internal/store/postgres/postgrestest"
	"github.com/signet-scheduler/signet/internal/strictjson"
	"github.com/signet-scheduler/signet/internal/transport"
	"github.com/signet-scheduler/signet/internal/trust"
	"github.com/signet-scheduler/signet/internal/trust/trusttest"
)

var limits = strictjson.Limits{}

const adminPassword = "a password of tests"

// cheap hashes passwords quickly: tests are about other things.
var cheap = identity.HashOptions{MemoryKiB: 64, Passes: 1}

// bench is a Cockpit with one Controller in memory.
type bench struct {
	testing.TB
	fake     *fake
	settings *conf.Cockpit
	deps     Deps
	c        *Cockpit
	handler  http.Handler
	stop     func()
	token    string // of the administrator
	signer   trusttest.Identity
}

// options change a bench before it starts.
type options struct {
	clock    clock.Clock
	retain   time.Duration
	noSign   bool
	two      bool // a second Controller, "other"
	noStart  bool // it doesn't follow its Controllers
	budget   int  // rows that one search looks at
	lookTime time.Duration

	postgres  bool // the database is PostgreSQL
	authority bool // the Cockpit has an authority
	level     string
}

func TestMain(m *testing.M) { os.Exit(postgrestest.Main(m)) }

// onBoth runs a test on each engine of the database.
func onBoth(t *testing.T, o options, test func(*testing.T, *bench)) {
	t.Helper()
	t.Parallel()
	for name, isPostgres := range map[string]bool{"sqlite": false, "postgres": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := o
			o.postgres = isPostgres
			test(t, newBench(t, o))
		})
	}
}

func newBench(t testing.TB, o options) *bench {
	t.Helper()
	dir := t.TempDir()
	b := &bench{TB: t, signer: trusttest.NewX509(t, "Signet signing")}
	set, err := trust.NewSet(trust.Policy{}, [][]byte{b.signer.Trusted}, nil, nil)
	b.check(err)
	b.fake = newFake("controller", set, trusttest.Now())
	key, cert := filepath.Join(dir, "key.pem"), filepath.Join(dir, "cert.pem")
	if !o.noSign {
		b.check(os.WriteFile(key, b.signer.Private, 0o600))
		b.check(os.WriteFile(cert, b.signer.Chain, 0o600))
	}
	b.settings = &conf.Cockpit{
		Name: "cockpit", Listen: "127.0.0.1:0", Database: "sqlite:" + filepath.Join(dir, "cockpit.db"), SecurityLevel: "low",
		SigningKeyFile: key, SigningCertFile: cert, SessionIdle: 30 * time.Minute, SessionMax: 12 * time.Hour, LogRetention: o.retain,
		DataDir: dir, ShutdownTimeout: 5 * time.Second, Controllers: []conf.ControllerRef{{ID: "controller", Names: []string{"c"}, URLs: []string{"https://localhost:1"}}},
	}
	if o.level != "" {
		b.settings.SecurityLevel = o.level
	}
	if o.level == levelMedium {
		b.settings.SealingKeyFile = filepath.Join(dir, "sealing.key")
		_, _, err := seal.MakeKey(b.settings.SealingKeyFile)
		b.check(err)
	}
	if o.postgres {
		b.settings.Database = postgrestest.Database(t)
	}
	if o.two {
		b.settings.Controllers = append(b.settings.Controllers, conf.ControllerRef{ID: "other", Names: []string{"d"}, URLs: []string{"https://localhost:2"}})
	}
	if o.clock == nil {
		o.clock = clock.Real{}
	}
	b.userTLS(dir)
	if o.authority {
		b.settings.AuthorityDir, b.settings.CertValidity = filepath.Join(dir, "ca"), 24*time.Hour
	}
	if o.authority && o.level == levelHigh { // where no keys of signers may be
		for _, key := range []string{"root.key", "issuer.key"} {
			b.check(os.Remove(filepath.Join(dir, "ca", string(pki.PurposeSigning), key)))
		}
	}
	fakes := map[string]*fake{"controller": b.fake, "other": newFake("other", set, trusttest.Now())}
	b.deps = Deps{
		Settings: b.settings, Log: slog.New(slog.NewTextHandler(&testLog{t}, nil)), Clock: o.clock, Version: "1.2.3", Commit: "c", Go: "go1",
		Dial: func(ref conf.ControllerRef) (Controller, error) { return fakes[ref.ID], nil }, Hash: cheap, ConfirmEvery: time.Millisecond, LookBudget: o.budget, LookTime: o.lookTime,
	}
	_, err = Init(context.Background(), InitOptions{Settings: b.settings, Password: adminPassword, Clock: o.clock, Hash: cheap})
	b.check(err)
	if o.noStart {
		b.c, err = New(context.Background(), b.deps)
		b.check(err)
		b.handler = b.c.Handler()
		t.Cleanup(func() { b.check(b.c.Close()) })
	} else {
		b.start()
		t.Cleanup(func() { b.stop() })
	}
	b.token = b.login("admin", adminPassword)
	return b
}

// testLog writes to the test's log what is worth seeing when it fails.
type testLog struct{ t testing.TB }

func (l *testLog) Write(p []byte) (int, error) {
	defer func() { _ = recover() }() // after the test's end
	l.t.Log(strings.TrimSpace(string(p)))
	return len(p), nil
}

func (b *bench) check(err error) {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
}

// userTLS makes the certificate of the users' listener.
func (b *bench) userTLS(dir string) {
	ca, err := pki.InitCA(fsys.Real{}, filepath.Join(dir, "ca"), pki.CAParams{Organization: "Test", Now: time.Now()})
	b.check(err)
	issued, err := ca.IssueNode(pki.NodeParams{Role: pki.RoleCockpit, Name: "cockpit", DNSNames: []string{"localhost"}, Now: time.Now()})
	b.check(err)
	b.settings.UserTLS = conf.TLS{KeyFile: filepath.Join(dir, "tls.key"), CertFile: filepath.Join(dir, "tls.pem")}
	b.check(pki.WriteKeyPEM(fsys.Real{}, b.settings.UserTLS.KeyFile, issued.Key))
	b.check(pki.WriteCertsPEM(fsys.Real{}, b.settings.UserTLS.CertFile, issued.Chain...))
}

// start starts the Cockpit; stop stops it and may be called again.
func (b *bench) start() {
	b.Helper()
	c, err := New(context.Background(), b.deps)
	b.check(err)
	b.c, b.handler = c, c.Handler()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- c.Run(ctx) }()
	stopped := false
	b.stop = func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		if err := <-done; err != nil {
			b.Errorf("Run: %v", err)
		}
	}
}

// request is one call of the API.
type request struct {
	method, path string
	body         any // string: as it is; nil: none
	token        string
	accept       string
	contentType  string
	match        string // If-Match; "*": If-None-Match
	peer         pki.Identity
	ctx          context.Context
}

func (b *bench) do(r request) *httptest.ResponseRecorder {
	b.Helper()
	return b.doWith(r)
}

// doWith makes a call with further headers, by name and value.
func (b *bench) doWith(r request, headers ...string) *httptest.ResponseRecorder {
	b.Helper()
	w := httptest.NewRecorder()
	b.handler.ServeHTTP(w, b.request(r, headers...))
	return w
}

// request makes a request without sending it.
func (b *bench) request(r request, headers ...string) *http.Request {
	b.Helper()
	var in io.Reader
	switch body := r.body.(type) {
	case nil:
	case string:
		in = strings.NewReader(body)
	default:
		text, err := json.Marshal(body)
		b.check(err)
		in = bytes.NewReader(text)
	}
	req := httptest.NewRequest(r.method, basePath+r.path, in)
	if r.ctx != nil {
		req = req.WithContext(r.ctx)
	}
	if r.peer != (pki.Identity{}) {
		req = req.WithContext(transport.WithPeer(req.Context(), r.peer))
	}
	if in != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if r.contentType != "" {
		req.Header.Set("Content-Type", r.contentType)
	}
	if r.token != "" {
		req.Header.Set("Authorization", "Bearer "+r.token)
	}
	if r.accept != "" {
		req.Header.Set("Accept", r.accept)
	}
	switch r.match {
	case "":
	case "*":
		req.Header.Set("If-None-Match", r.match)
	default:
		req.Header.Set("If-Match", r.match)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	return req
}

// eventually waits until f holds.
func (b *bench) eventually(what string, f func() bool) {
	b.Helper()
	deadline := time.Now().Add(30 * time.Second)
	for !f() {
		if time.Now().After(deadline) {
			b.Fatalf("%s: not within 30 s", what)
		}
		timer := time.NewTimer(10 * time.Millisecond)
		<-timer.C
	}
}

// call calls as administrator and expects success.
func (b *bench) call(method, path string, body, out any) {
	b.Helper()
	w := b.do(request{method: method, path: path, body: body, token: b.token})
	if w.Code/100 != 2 {
		b.Fatalf("%s %s: %d %s", method, path, w.Code, w.Body)
	}
	if out != nil {
		if err := json.Unmarshal(w.Body.Bytes(), out); err != nil {
			b.Fatalf("%s %s: %v in %s", method, path, err, w.Body)
		}
	}
}

// refused calls as administrator and expects an error's code.
func (b *bench) refused(status int, code, method, path string, body any) api.Problem {
	b.Helper()
	return b.isRefused(status, code, b.do(request{method: method, path: path, body: body, token: b.token}))
}

func (b *bench) isRefused(status int, code string, w *httptest.ResponseRecorder) (p api.Problem) {
	b.Helper()
	if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil || w.Code != status || p.Code != code {
		b.Fatalf("got %d %s, want %d %s", w.Code, w.Body, status, code)
	}
	if got := w.Header().Get("Content-Type"); got != "application/problem+json" {
		b.Errorf("Content-Type %q", got)
	}
	return p
}

func (b *bench) login(account, password string) string {
	b.Helper()
	w := b.do(request{method: "POST", path: "/login", body: api.LoginRequest{Account: account, Password: password}})
	var s api.Session
	if err := json.Unmarshal(w.Body.Bytes(), &s); err != nil || w.Code != http.StatusOK {
		b.Fatalf("login of %s: %d %s", account, w.Code, w.Body)
	}
	return s.Token
}

// deploy deploys an Agent and workflows of one job each, by path and script.
func (b *bench) deploy(workflows map[string]string) {
	b.Helper()
	b.call("POST", "/agents", api.AddAgentRequest{Name: "agent-1", Uri: "https://localhost:4445"}, nil)
	for path, text := range workflows {
		b.call("POST", "/deployments", api.DeployRequest{Objects: []api.DeployObject{{Kind: "Workflow", Path: path, Document: text}}}, nil)
	}
}

// job returns a workflow of one job.
func job(script string) string {
	text, _ := json.Marshal(script)
	return `{"instructions":[{"TYPE":"Execute.Named","jobName":"J","label":"L"}],"jobs":{"J":{"agentPath":"agent-1","executable":{"TYPE":"ShellScriptExecutable","script":` + string(text) + `}}}}`
}

func (b *bench) add(r api.AddOrdersRequest) []string {
	b.Helper()
	var out api.AddOrdersResponse
	b.call("POST", "/orders", r, &out)
	return out.Ids
}

// await waits until orders have ended and all about them is here.
func (b *bench) await(ids ...string) api.WaitResponse {
	b.Helper()
	var out api.WaitResponse
	timeout := int64(30)
	b.call("POST", "/orders/wait", api.WaitRequest{Ids: ids, Timeout: &timeout}, &out)
	if !out.Complete {
		b.Fatalf("the orders have not ended: %+v", out)
	}
	return out
}

func (b *bench) history(filter string) []api.HistoryRow {
	b.Helper()
	var out api.History
	b.call("GET", "/history?"+filter, nil, &out)
	return out.Rows
}

func orderPath(id, rest string) string { return "/orders/" + url.PathEscape(id) + rest }

func number(n int64) string { return strconv.FormatInt(n, 10) }
