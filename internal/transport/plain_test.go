package transport_test

import (
	"bufio"
	"context"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/signet-scheduler/signet/internal/clock"
	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/pki"
	"github.com/signet-scheduler/signet/internal/transport"
)

var theController = pki.Identity{Role: pki.RoleController, Name: "Controller"}

// byPassword knows one user.
func byPassword(r *http.Request) (pki.Identity, error) {
	if user, password, ok := r.BasicAuth(); ok && user == "Controller" && password == "secret" {
		return theController, nil
	}
	return pki.Identity{}, fault.New(fault.Unauthenticated, "WrongPassword", "name or password is wrong")
}

// servePlain starts a server without TLS on loopback.
func servePlain(t *testing.T, o transport.PlainOptions) string {
	t.Helper()
	if o.Listener == nil {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		o.Listener = l
	}
	if o.Handler == nil {
		o.Handler = transport.Mux(agentRoutes())
	}
	s, err := transport.NewPlainServer(o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
	return s.Addr().String()
}

// plainClient calls by http with a password.
func plainClient(t *testing.T, p *transport.Plain, change func(*transport.ClientOptions)) *transport.Client {
	t.Helper()
	w := theWorld()
	o := transport.ClientOptions{
		Credentials: load(t, w.files(t, w.node("signet://controller/controller-1"), w.nodeRoot.cert), transport.CredentialOptions{}),
		Expect:      expect(pki.RoleAgent, "agent-1"), Plain: p,
	}
	if change != nil {
		change(&o)
	}
	return client(t, o)
}

func TestPlainWithPassword(t *testing.T) {
	t.Parallel()
	addr := servePlain(t, transport.PlainOptions{Who: byPassword})
	good := plainClient(t, &transport.Plain{User: "Controller", Password: "secret"}, nil)
	var out struct{ Peer string }
	if err := good.GetJSON(t.Context(), "http://"+addr+"/ok", &out); err != nil || out.Peer != "controller/Controller" {
		t.Errorf("%+v, %v", out, err)
	}
	var back []byte
	if err := good.PostJSON(t.Context(), "http://"+addr+"/echo", []byte("x"), &back); err != nil || string(back) != "x" {
		t.Errorf("%s, %v", back, err)
	}
	for name, p := range map[string]*transport.Plain{
		"another password": {User: "Controller", Password: "Secret"}, "another user": {User: "controller", Password: "secret"}, "none": {},
	} {
		if err := plainClient(t, p, nil).GetJSON(t.Context(), "http://"+addr+"/ok", nil); !fault.Is(err, fault.Unauthenticated) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := plainClient(t, nil, nil).GetJSON(t.Context(), "http://"+addr+"/ok", nil); !fault.HasCode(err, "PlainHTTP") {
		t.Errorf("a client that has no password at all: %v", err)
	}
	if err := good.GetJSON(t.Context(), "https://"+addr+"/ok", nil); err == nil {
		t.Error("TLS is spoken to a server without")
	}
	resp, err := http.Get("http://" + addr + "/ok") //nolint:noctx // a stranger
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusUnauthorized || !strings.HasPrefix(resp.Header.Get("WWW-Authenticate"), "Basic ") {
		t.Errorf("%s, %v", resp.Status, resp.Header)
	}
}

// TestWrongPasswordsTakeTime: whoever guesses waits, and holds nobody up.
func TestWrongPasswordsTakeTime(t *testing.T) {
	t.Parallel()
	c := clock.NewFake(time.Now())
	addr := servePlain(t, transport.PlainOptions{Who: byPassword, Clock: c})
	answered := make(chan error, 1)
	bad := plainClient(t, &transport.Plain{User: "x"}, nil)
	go func() { answered <- bad.GetJSON(context.Background(), "http://"+addr+"/ok", nil) }()
	if err := c.AwaitWaiters(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	if err := plainClient(t, &transport.Plain{User: "Controller", Password: "secret"}, nil).GetJSON(t.Context(), "http://"+addr+"/ok", nil); err != nil {
		t.Error(err)
	}
	select {
	case err := <-answered:
		t.Errorf("answered at once: %v", err)
	default:
	}
	c.Advance(time.Second)
	if err := <-answered; !fault.Is(err, fault.Unauthenticated) {
		t.Error(err)
	}
}

// moved is a connection that seems to lead to another machine.
type moved struct {
	net.Conn
	sent *atomic.Int64
}

func (moved) RemoteAddr() net.Addr { return &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 80} }

func (m moved) Write(b []byte) (int, error) {
	m.sent.Add(int64(len(b)))
	return m.Conn.Write(b)
}

// TestPasswordStaysHere: without TLS, no password leaves the machine unless that
// was asked for.
func TestPasswordStaysHere(t *testing.T) {
	t.Parallel()
	addr := servePlain(t, transport.PlainOptions{Who: byPassword})
	for _, anywhere := range []bool{false, true} {
		var sent atomic.Int64
		call := plainClient(t, &transport.Plain{User: "Controller", Password: "secret", Anywhere: anywhere}, func(o *transport.ClientOptions) {
			o.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
				c, err := (&net.Dialer{}).DialContext(ctx, network, addr)
				return moved{c, &sent}, err
			}
		})
		err := call.GetJSON(t.Context(), "http://agent.example.com:4445/ok", nil)
		if anywhere && err != nil || !anywhere && (!fault.HasCode(err, "PlainHTTP") || sent.Load() != 0) {
			t.Errorf("anywhere is %t: %d bytes were sent, %v", anywhere, sent.Load(), err)
		}
	}
}

// proxied is a server that knows its peers by a header, and what a proxy sets.
type proxied struct {
	addr  string
	clock *clock.Fake
	files transport.Files
}

const header = "X-Client"

func newProxied(t *testing.T, handler http.Handler) *proxied {
	t.Helper()
	w := theWorld()
	p := &proxied{clock: clock.NewFake(time.Now())}
	p.files = w.files(t, w.node("signet://agent/agent-1"), w.nodeIssuer.cert) // the header has no intermediates
	p.files.Cert, p.files.Key, p.files.Keyless = "", "", true
	creds := load(t, p.files, transport.CredentialOptions{Clock: p.clock})
	subjects, err := pki.NewSubjects(map[string]pki.Identity{"CN=c1, O=Company": theController})
	if err != nil {
		t.Fatal(err)
	}
	p.addr = servePlain(t, transport.PlainOptions{Clock: p.clock, Handler: handler, Who: func(r *http.Request) (pki.Identity, error) {
		chain, err := transport.CertificateIn(r.Header, header)
		if err != nil {
			return pki.Identity{}, err
		}
		return creds.Identify(chain, subjects, expect(pki.RoleController, "controller-1"))
	}})
	return p
}

func inHeader(certs ...*x509.Certificate) string {
	var text []byte
	for _, c := range certs {
		text = append(text, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw})...)
	}
	return url.PathEscape(string(text))
}

// get asks with such headers; what is refused is answered when time passes.
func (p *proxied) get(t *testing.T, path string, values ...string) (*http.Response, error) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+p.addr+path, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range values {
		req.Header.Add(header, v)
	}
	done := make(chan struct{})
	defer close(done)
	go func() {
		tick := time.NewTicker(10 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-done:
				return
			case <-tick.C:
				p.clock.Advance(time.Second / 2)
			}
		}
	}()
	return http.DefaultClient.Do(req)
}

func TestIdentityInAHeader(t *testing.T) {
	t.Parallel()
	w := theWorld()
	p := newProxied(t, nil)
	node := func(uri string) *x509.Certificate { return w.node(uri).Leaf }
	company := w.nodeTemplate("signet://x/x")
	company.URIs, company.Subject.CommonName, company.Subject.Organization = nil, "c1", []string{"Company"}
	stranger := w.nodeTemplate("signet://x/x")
	stranger.URIs = nil
	good := inHeader(node("signet://controller/controller-1"))
	for name, c := range map[string]struct {
		values []string
		peer   string
	}{
		"good":               {[]string{good}, "controller/controller-1"},
		"by its subject":     {[]string{inHeader(w.leaf(w.nodeIssuer, company).Leaf)}, "controller/Controller"},
		"unknown subject":    {[]string{inHeader(w.leaf(w.nodeIssuer, stranger).Leaf)}, ""},
		"another Controller": {[]string{inHeader(node("signet://controller/controller-2"))}, ""},
		"an Agent":           {[]string{inHeader(node("signet://agent/agent-1"))}, ""},
		"a user":             {[]string{inHeader(w.leaf(w.userIssuer, w.userTemplate("signet://user/anna")).Leaf)}, ""},
		"another authority":  {[]string{inHeader(w.leaf(w.otherIssuer, w.nodeTemplate("signet://controller/controller-1")).Leaf)}, ""},
		"none":               {nil, ""},
		"empty":              {[]string{""}, ""},
		"two":                {[]string{good, good}, ""},
		"a name":             {[]string{"CN=c1, O=Company"}, ""},
		"not escaped":        {[]string{"%zz"}, ""},
		"no certificate":     {[]string{url.PathEscape("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")}, ""},
		"half of it":         {[]string{good[:len(good)/2]}, ""},
	} {
		resp, err := p.get(t, "/ok", c.values...)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		body, _ := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if ok := resp.StatusCode == http.StatusOK; ok != (c.peer != "") || ok && !strings.Contains(string(body), `"`+c.peer+`"`) {
			t.Errorf("%s: %s, %s", name, resp.Status, body)
		}
	}
}

// TestRevokedInAHeader: a stream through a proxy ends when its reader's
// certificate is revoked, also if its handler looks at nothing.
func TestRevokedInAHeader(t *testing.T) {
	t.Parallel()
	w := theWorld()
	p := newProxied(t, http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		rc := http.NewResponseController(rw)
		for {
			if _, err := fmt.Fprintln(rw, "beat"); err != nil || rc.Flush() != nil {
				return
			}
		}
	}))
	controller := w.nodeTemplate("signet://controller/controller-1")
	controller.SerialNumber = w.revoked
	value := inHeader(w.leaf(w.nodeIssuer, controller).Leaf)
	resp, err := p.get(t, "/ok", value)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	lines := bufio.NewReader(resp.Body)
	if _, err := lines.ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(p.files.CRLs[0], "new.pem"), w.nodeCRL, 0o600); err != nil {
		t.Fatal(err)
	}
	p.clock.Advance(2 * time.Second)
	if _, err := io.Copy(io.Discard, lines); err == nil {
		t.Error("the stream ended in order")
	}
	again, err := p.get(t, "/ok", value)
	if err != nil {
		t.Fatal(err)
	}
	_ = again.Body.Close()
	if again.StatusCode == http.StatusOK {
		t.Error("it may connect again")
	}
}

const nobody = 65534

func TestUnixSocketIsOfOneUser(t *testing.T) {
	t.Parallel()
	dir, err := os.MkdirTemp("", "signet-") // a path that is short enough for a socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "s")
	log := slog.New(slog.DiscardHandler)
	if _, err := transport.ListenUnix(path, os.Geteuid(), log); !fault.HasCode(err, "ProxyUser") {
		t.Errorf("the own user as the proxy's: %v", err)
	}
	asked := make(chan struct{}, 10)
	l, err := transport.ListenUnix(path, nobody, log)
	if err != nil {
		t.Fatal(err)
	}
	servePlain(t, transport.PlainOptions{Listener: l, Who: func(*http.Request) (pki.Identity, error) {
		asked <- struct{}{}
		return theController, nil
	}})
	if _, err := transport.ListenUnix(path, nobody, log); !fault.HasCode(err, "CannotListen") {
		t.Errorf("a second listener: %v", err)
	}
	ours, err := net.Dial("unix", path) //nolint:noctx // at once
	if err != nil {
		t.Fatal(err)
	}
	defer ours.Close()
	_, _ = ours.Write([]byte("GET /ok HTTP/1.1\r\nHost: x\r\n\r\n")) // it may be closed already
	if b, err := io.ReadAll(ours); len(b) > 0 || len(asked) > 0 {
		t.Errorf("another user's request was answered: %s, %v", b, err)
	}
	curl, err := exec.LookPath("curl")
	if err != nil || os.Geteuid() != 0 {
		t.Skip("to be another user takes root, and curl")
	}
	cmd := exec.CommandContext(t.Context(), curl, "--silent", "--show-error", "--unix-socket", path, "http://x/ok")
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	out, err := cmd.CombinedOutput()
	if err != nil || string(out) != `{"peer":"controller/Controller"}` {
		t.Errorf("%s, %v", out, err)
	}
}

func TestSocketDirectories(t *testing.T) {
	t.Parallel()
	log := slog.New(slog.DiscardHandler)
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	if _, err := transport.ListenUnix(filepath.Join(dir, "s"), nobody, log); !fault.HasCode(err, "SocketDirectory") {
		t.Errorf("others may write to it: %v", err)
	}
	if err := os.Chmod(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "f")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{file, filepath.Join(dir, "none", "s"), filepath.Join(file, "s")} {
		if _, err := transport.ListenUnix(path, nobody, log); !fault.HasCode(err, "CannotListen") {
			t.Errorf("%s: %v", path, err)
		}
	}
	if os.Geteuid() == 0 {
		if err := os.Chown(dir, nobody, nobody); err != nil {
			t.Fatal(err)
		}
		if _, err := transport.ListenUnix(filepath.Join(dir, "s"), 1, log); !fault.HasCode(err, "SocketDirectory") {
			t.Errorf("a stranger's: %v", err)
		}
	}
}

// TestKnownBySubjectInHandshakes: a company's certificates, without an identity of
// ours, on both sides.
func TestKnownBySubjectInHandshakes(t *testing.T) {
	t.Parallel()
	w := theWorld()
	company := func(name string) transport.Files {
		c := w.nodeTemplate("signet://x/x")
		c.URIs, c.Subject.CommonName = nil, name
		return w.files(t, w.leaf(w.nodeIssuer, c), w.nodeRoot.cert)
	}
	known := func(names map[string]pki.Identity) *pki.Subjects { return must(pki.NewSubjects(names)) }
	agent := pki.Identity{Role: pki.RoleAgent, Name: "agent-1"}
	for name, c := range map[string]struct {
		server, client *pki.Subjects
		code           string
	}{
		"both known":          {known(map[string]pki.Identity{"cn=the controller": theController}), known(map[string]pki.Identity{"CN=The Agent": agent}), ""},
		"server not expected": {known(map[string]pki.Identity{"cn=the controller": theController}), known(map[string]pki.Identity{"CN=The Agent": {Role: pki.RoleAgent, Name: "agent-2"}}), "UnexpectedServer"},
		"server unknown":      {known(map[string]pki.Identity{"cn=the controller": theController}), nil, "NoIdentity"},
		"client unknown":      {known(map[string]pki.Identity{"cn=another": theController}), known(map[string]pki.Identity{"CN=The Agent": agent}), "RefusedByServer"},
		"client an Agent":     {known(map[string]pki.Identity{"cn=the controller": agent}), known(map[string]pki.Identity{"CN=The Agent": agent}), "WrongRole"},
	} {
		addr := serve(t, transport.Options{
			Credentials: load(t, company("The Agent"), transport.CredentialOptions{}), Handler: transport.Mux(agentRoutes()),
			Peers: func(pki.Identity) bool { return false }, Subjects: c.server,
		})
		call := client(t, transport.ClientOptions{
			Credentials: load(t, company("The Controller"), transport.CredentialOptions{}), Expect: expect(pki.RoleAgent, "agent-1"), Subjects: c.client,
		})
		var out struct{ Peer string }
		err := call.GetJSON(t.Context(), "https://"+addr+"/ok", &out)
		if c.code == "RefusedByServer" {
			wantRefused(t, err)
			continue
		}
		if c.code == "" && (err != nil || out.Peer != "controller/Controller") || c.code != "" && !fault.HasCode(err, c.code) {
			t.Errorf("%s: %+v, %v", name, out, err)
		}
	}
}
