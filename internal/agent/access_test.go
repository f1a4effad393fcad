package agent

import (
	"io/fs"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/signet-scheduler/signet/internal/conf"
	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/pki"
)

// settings reads an agent.conf.
func settings(t *testing.T, text string) *conf.Agent {
	t.Helper()
	set, err := conf.LoadAgent("/c", "/d", func(path string) ([]byte, error) {
		if path == "/c/agent.conf" {
			return []byte(text), nil
		}
		return nil, fs.ErrNotExist
	})
	if err != nil {
		t.Fatal(err)
	}
	return set
}

func TestPasswords(t *testing.T) {
	t.Parallel()
	a := &Agent{set: settings(t, `
js7.auth.users {
  Controller = "plain:secret"
  Other = "plain:secret2"
  Certificate = [ "CN=x" ]
}`)}
	for _, c := range []struct {
		user, password string
		none           bool
		want           string
	}{
		{"Controller", "secret", false, "Controller"},
		{"Other", "secret2", false, "Other"},
		{"Controller", "secret2", false, ""},
		{"Controller", "", false, ""},
		{"controller", "secret", false, ""},
		{"Certificate", "", false, ""},
		{"", "", false, ""},
		{"", "secret", false, ""},
		{"", "", true, ""},
	} {
		r := httptest.NewRequest(http.MethodGet, "/agent/api/status", http.NoBody)
		if !c.none {
			r.SetBasicAuth(c.user, c.password)
		}
		id, err := a.byPassword(r)
		want := pki.Identity{}
		if c.want != "" {
			want = pki.Identity{Role: pki.RoleController, Name: c.want}
		}
		if id != want || (err == nil) != (c.want != "") || err != nil && !fault.Is(err, fault.Unauthenticated) {
			t.Errorf("%s:%s is %s, %v", c.user, c.password, id, err)
		}
	}
}

// TestPasswordOfAProxy: where a header is to tell who the client is, the password
// alone is nobody's.
func TestPasswordOfAProxy(t *testing.T) {
	t.Parallel()
	a := &Agent{set: settings(t, `
signet.agent { http-listen = "127.0.0.1:0", proxy.identity-header = X-Client }
js7.auth.users.proxy = "plain:secret"`)}
	r := httptest.NewRequest(http.MethodGet, "/agent/api/status", http.NoBody)
	r.SetBasicAuth("proxy", "secret")
	if id, err := a.byPassword(r); !fault.HasCode(err, "NoCertificate") {
		t.Errorf("%s, %v", id, err)
	}
}

func TestWrongSubjects(t *testing.T) {
	t.Parallel()
	for text, code := range map[string]string{
		`js7.auth.users { a = ["CN=x", "O=y, CN=x"], b = ["CN=z"] }`: "",
		`js7.auth.users { a = ["CN=x"], b = ["CN=x"] }`:              "InvalidName",
		`js7.auth.users { a = ["CN=x"], b = ["cn= X"] }`:             "InvalidName",
		`js7.auth.users { a = ["x"] }`:                               "InvalidName",
	} {
		if _, err := subjectsOf(settings(t, text).Users); code == "" && err != nil || code != "" && !fault.HasCode(err, code) {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func TestNameOfTheMachine(t *testing.T) {
	t.Parallel()
	a := &Agent{log: slog.New(slog.DiscardHandler), set: settings(t, `
signet.agent.http-listen = "127.0.0.1:0"
js7.auth.users.C = "plain:x"`)}
	before := a.set
	if err := a.settleName(); err == nil && !conf.ValidName(a.set.Name) || err != nil && !fault.HasCode(err, "NoName") {
		t.Errorf("%q, %v", a.set.Name, err)
	}
	if before.Name != "" {
		t.Error("the caller's settings have changed")
	}
}

// TestGetOnlyReads: a reverse proxy may let some clients only GET. So no GET has an
// effect; whoever adds one adds it here, and to the script reverse-proxy.txtar, which
// asks for each and finds the Agent unchanged.
func TestGetOnlyReads(t *testing.T) {
	t.Parallel()
	reads := []string{
		"/agent/api/activity", "/agent/api/backup", "/agent/api/certificate", "/agent/api/event", "/agent/api/log", "/agent/api/status", "/agent/api/task/{task}/log",
	}
	var gets []string
	for _, r := range (&Agent{}).routes() {
		switch r.Method {
		case http.MethodGet:
			gets = append(gets, r.Pattern)
			if r.MaxBody != 0 {
				t.Errorf("GET %s takes a body", r.Pattern)
			}
		case http.MethodPost:
		default:
			t.Errorf("%s %s: a proxy knows GET and POST only", r.Method, r.Pattern)
		}
	}
	slices.Sort(gets)
	if d := cmp.Diff(reads, gets); d != "" {
		t.Error(d)
	}
}
