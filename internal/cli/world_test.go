package cli_test

import (
	"bytes"
	"encoding/json"
	"encoding/pem"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/signet-scheduler/signet/internal/cli"
	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/transport"
)

// fakeCockpit answers as the tests say, and remembers what it was asked.
type fakeCockpit struct {
	*httptest.Server
	dir     string
	profile string

	mu      sync.Mutex
	asked   []asked
	answers map[string][]http.HandlerFunc // by "METHOD path"; the last one stays
}

type asked struct {
	what, query, token string
	body               string
}

func newCockpit(t *testing.T) *fakeCockpit {
	t.Helper()
	f := &fakeCockpit{answers: map[string][]http.HandlerFunc{}, dir: t.TempDir()}
	f.Server = httptest.NewUnstartedServer(f)
	f.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	f.StartTLS()
	t.Cleanup(f.Close)
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: f.Certificate().Raw})
	f.profile = filepath.Join(f.dir, "profile.json")
	p := cli.Profile{URL: f.URL, Token: "sgn_secret", CA: string(ca), Account: "anna"}
	if err := p.Write(f.profile); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(f.dir, "ca.pem"), ca, 0o600); err != nil {
		t.Fatal(err)
	}
	return f
}

func (f *fakeCockpit) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	what := r.Method + " " + strings.TrimPrefix(r.URL.EscapedPath(), "/api/v1")
	f.mu.Lock()
	f.asked = append(f.asked, asked{what, r.URL.RawQuery, r.Header.Get("Authorization"), string(body)})
	list := f.answers[what]
	if len(list) > 1 {
		f.answers[what] = list[1:]
	}
	f.mu.Unlock()
	if len(list) == 0 {
		transport.WriteProblem(w, fault.New(fault.NotFound, "UnknownRoute", "no answer for %s", what))
		return
	}
	list[0](w, r)
}

// on adds an answer to a request.
func (f *fakeCockpit) on(what string, answer http.HandlerFunc) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.answers[what] = append(f.answers[what], answer)
}

func (f *fakeCockpit) requests() []asked {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]asked(nil), f.asked...)
}

// last returns the newest request to an address.
func (f *fakeCockpit) last(t *testing.T, what string) asked {
	t.Helper()
	all := f.requests()
	for _, a := range slices.Backward(all) {
		if a.what == what {
			return a
		}
	}
	t.Fatalf("nobody asked for %s; asked was %+v", what, all)
	return asked{}
}

func answer(text string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, text)
	}
}

func refuse(kind fault.Kind, code, message string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		transport.WriteProblem(w, fault.New(kind, code, "%s", message))
	}
}

func noContent(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }

// result is what a run of the command line left.
type result struct {
	code     int
	out, err string
}

// run carries out a command line without a profile.
func run(t *testing.T, stdin string, env []string, args ...string) result {
	t.Helper()
	var out, errs bytes.Buffer
	p := cli.Program{Version: "1.2.3", Commit: "abc", GoVersion: "go1"}
	code := cli.Run(t.Context(), p, args, cli.Streams{In: strings.NewReader(stdin), Out: &out, Err: &errs}, env)
	return result{code, out.String(), errs.String()}
}

// run carries out a command line with the fake's profile.
func (f *fakeCockpit) run(t *testing.T, args ...string) result {
	t.Helper()
	return run(t, "", []string{"SIGNET_PROFILE=" + f.profile, "HOME=" + f.dir}, args...)
}

// body decodes the body of a request.
func (a asked) decode(t *testing.T) map[string]any {
	t.Helper()
	var m map[string]any
	if err := json.Unmarshal([]byte(a.body), &m); err != nil {
		t.Fatalf("%s: %q: %s", a.what, a.body, err)
	}
	return m
}

func (r result) want(t *testing.T, code int) result {
	t.Helper()
	if r.code != code {
		t.Fatalf("exit code %d, want %d\nstdout: %s\nstderr: %s", r.code, code, r.out, r.err)
	}
	return r
}

func (r result) says(t *testing.T, parts ...string) result {
	t.Helper()
	for _, p := range parts {
		if !strings.Contains(r.err, p) {
			t.Errorf("standard error lacks %q:\n%s", p, r.err)
		}
	}
	return r
}

func write(t *testing.T, path, text string) string {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
