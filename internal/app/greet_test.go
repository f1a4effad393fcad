package app

import (
	"encoding/json"
	"encoding/pem"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/signet-scheduler/signet/api"
	"github.com/signet-scheduler/signet/internal/cli"
	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/transport"
)

// fakeEstate is a Cockpit that becomes ready step by step.
type fakeEstate struct {
	mu      sync.Mutex
	calls   []string
	asked   map[string]int
	agents  []api.Agent
	token   string
	expires time.Time
}

func (f *fakeEstate) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	what := r.Method + " " + strings.TrimPrefix(r.URL.Path, "/api/v1")
	f.asked[what]++
	n := f.asked[what]
	body, _ := io.ReadAll(r.Body)
	if r.Method == http.MethodPost {
		f.calls = append(f.calls, what)
	}
	if what != "GET /health" && what != "POST /login" && r.Header.Get("Authorization") != "Bearer "+f.token {
		transport.WriteProblem(w, fault.New(fault.Unauthenticated, "SessionUnknown", "no such session"))
		return
	}
	var out any = struct{}{}
	switch what {
	case "POST /login":
		var in api.LoginRequest
		if json.Unmarshal(body, &in) != nil || in.Password != "pw" {
			transport.WriteProblem(w, fault.New(fault.Unauthenticated, "LoginFailed", "no"))
			return
		}
		f.token = "sgn_" + in.Account
		out = api.Session{Token: f.token}
	case "GET /me":
		out = api.Me{ExpiresAt: f.expires.UnixMilli()}
	case "GET /controllers/status":
		s := api.ControllerStatus{Members: []api.Member{{Name: "controller-1", Role: "leader"}}}
		if n > 2 {
			s.Leader = "controller-1"
		}
		out = api.ControllersStatus{Controllers: []api.ControllerStatus{s}}
	case "GET /agents":
		for i := range f.agents {
			f.agents[i].Coupled = n > 4
		}
		out = api.Agents{Agents: f.agents}
	case "POST /agents":
		var in api.AddAgentRequest
		_ = json.Unmarshal(body, &in)
		f.agents = append(f.agents, api.Agent{Name: in.Name, Uri: in.Uri})
	case "POST /orders":
		out = api.AddOrdersResponse{Ids: []string{"hello-1"}, Added: 1}
	}
	_ = json.NewEncoder(w).Encode(out)
}

// fakeInstallation makes a folder of `signet dev` whose Cockpit is a fake.
func fakeInstallation(t *testing.T, f *fakeEstate) *estate {
	t.Helper()
	dir := t.TempDir()
	s := httptest.NewUnstartedServer(f)
	s.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	s.StartTLS()
	t.Cleanup(s.Close)
	e := open(t, flags(dir, nil))
	e.local = "127.0.0.1" // which is in the fake's certificate
	e.ports[cockpitName] = s.Listener.Addr().(*net.TCPAddr).Port
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw})
	if err := errors.Join(os.WriteFile(e.trusted(), ca, 0o600), os.WriteFile(dir+"/"+passwordFile, []byte("pw\n"), 0o600)); err != nil {
		t.Fatal(err)
	}
	return e
}

func TestGreeting(t *testing.T) {
	t.Parallel()
	f := &fakeEstate{asked: map[string]int{}, expires: time.Now().Add(80 * 24 * time.Hour)}
	e := fakeInstallation(t, f)
	greet := func() (calls, printed string) {
		f.calls = nil
		out := newOutput()
		g := &greeter{estate: e, say: func(string) {}, patience: time.Millisecond}
		if err := g.greet(t.Context(), out); err != nil {
			t.Fatal(err)
		}
		return strings.Join(f.calls, ", "), out.text.String()
	}
	calls, printed := greet()
	if want := "POST /login, POST /agents, POST /deployments, POST /orders"; calls != want {
		t.Errorf("called %s, want %s", calls, want)
	}
	if want := "Signet is ready: " + e.url() + "\n"; printed != want {
		t.Errorf("printed %q, want %q", printed, want)
	}
	p, err := cli.ReadProfile(e.dir + "/profile.json")
	if err != nil || p.Token != "sgn_admin" || p.URL != e.url() {
		t.Errorf("profile %+v %v", p, err)
	}
	// The second start has nothing to do.
	if calls, _ := greet(); calls != "" {
		t.Errorf("called %s", calls)
	}
	// A credential that ends soon is replaced.
	f.expires = time.Now().Add(24 * time.Hour)
	if calls, _ := greet(); calls != "POST /login" {
		t.Errorf("called %s", calls)
	}
	// An Agent that listens elsewhere is told to the Controller.
	f.expires = time.Now().Add(80 * 24 * time.Hour)
	e.ports["agent-1"]++
	if calls, _ := greet(); calls != "POST /agents" {
		t.Errorf("called %s", calls)
	}
}
