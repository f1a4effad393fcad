package transport_test

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/signet-scheduler/signet/internal/clock"
	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/pki"
	"github.com/signet-scheduler/signet/internal/transport"
)

// pair is a Controller calling an Agent.
type pair struct {
	clock       *clock.Fake
	addr        string
	server      transport.Files
	client      transport.Files
	serverCreds *transport.Credentials
	clientCreds *transport.Credentials
	call        *transport.Client
}

func newPair(t *testing.T, handler http.Handler, change func(*transport.Options, *transport.ClientOptions)) *pair {
	t.Helper()
	w := theWorld()
	controller := w.nodeTemplate("signet://controller/controller-1")
	controller.SerialNumber = w.revoked // by nodeCRL, once that is in force
	p := &pair{clock: clock.NewFake(time.Now())}
	p.server = w.files(t, w.node("signet://agent/agent-1"), w.nodeRoot.cert)
	p.client = w.files(t, w.leaf(w.nodeIssuer, controller), w.nodeRoot.cert)
	p.serverCreds = load(t, p.server, transport.CredentialOptions{Clock: p.clock})
	p.clientCreds = load(t, p.client, transport.CredentialOptions{Clock: p.clock})
	so := transport.Options{Credentials: p.serverCreds, Handler: handler}
	co := transport.ClientOptions{Credentials: p.clientCreds, Expect: expect(pki.RoleAgent, "agent-1")}
	if change != nil {
		change(&so, &co)
	}
	p.addr = serve(t, so)
	p.call = client(t, co)
	return p
}

func (p *pair) url(path string) string { return "https://" + p.addr + path }

// revoke puts a revocation list into a part's directory and lets the time pass
// after which it is seen.
func (p *pair) revoke(t *testing.T, f transport.Files, crl []byte) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(f.CRLs[0], "new.pem"), crl, 0o600); err != nil {
		t.Fatal(err)
	}
	p.clock.Advance(2 * time.Second)
}

func agentRoutes() []transport.Route {
	roles := []pki.Role{pki.RoleController}
	return []transport.Route{
		{Method: "GET", Pattern: "/ok", Roles: roles, Handler: okHandler},
		{Method: "GET", Pattern: "/item/{name}", Roles: roles, Handler: func(w http.ResponseWriter, r *http.Request) {
			transport.WriteProblem(w, fault.New(fault.NotFound, "UnknownItem", "no item %s", r.PathValue("name")).About("Item:x"))
		}},
		{Method: "POST", Pattern: "/echo", Roles: roles, MaxBody: 1000, Handler: func(w http.ResponseWriter, r *http.Request) {
			data, err := transport.ReadBody(r)
			if err != nil {
				transport.WriteProblem(w, err)
				return
			}
			_, _ = w.Write(data)
		}},
		{Method: "POST", Pattern: "/ignore", Roles: roles, MaxBody: 10, Handler: okHandler},
		{Method: "GET", Pattern: "/cockpit", Roles: []pki.Role{pki.RoleCockpit}, Handler: okHandler},
		{Method: "GET", Pattern: "/away", Roles: roles, Handler: func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "/ok", http.StatusFound)
		}},
	}
}

func wantCode(t *testing.T, err error, kind fault.Kind, code string) {
	t.Helper()
	if !fault.HasCode(err, code) || !fault.Is(err, kind) {
		t.Fatalf("got %v, want %s %s", err, kind, code)
	}
}

// wantRefused wants the server's refusal. With TLS 1.3 the client may already be
// writing when it comes; the system then drops the alert, and the client sees a
// broken connection only.
func wantRefused(t *testing.T, err error) {
	t.Helper()
	if !fault.HasCode(err, "RefusedByServer") && !fault.HasCode(err, "CannotConnect") {
		t.Errorf("got %v, want a refusal", err)
	}
}

func TestPartsTalk(t *testing.T) {
	t.Parallel()
	p := newPair(t, transport.Mux(agentRoutes()), nil)
	ctx := t.Context()
	var who struct{ Peer string }
	if err := p.call.GetJSON(ctx, p.url("/ok"), &who); err != nil || who.Peer != "controller/controller-1" {
		t.Fatalf("peer %q, %v", who.Peer, err)
	}
	var back map[string]int
	if err := p.call.PostJSON(ctx, p.url("/echo"), map[string]int{"a": 7}, &back); err != nil || back["a"] != 7 {
		t.Fatalf("echo %v, %v", back, err)
	}
	err := p.call.GetJSON(ctx, p.url("/item/x"), nil)
	wantCode(t, err, fault.NotFound, "UnknownItem")
	if f := fault.Of(err); f.Subject != "Item:x" || f.Message != "no item x" {
		t.Errorf("fault came back as %+v", f)
	}
	wantCode(t, p.call.GetJSON(ctx, p.url("/cockpit"), nil), fault.Forbidden, "WrongRole")
	wantCode(t, p.call.GetJSON(ctx, p.url("/none"), nil), fault.NotFound, "UnknownRoute")
	wantCode(t, p.call.GetJSON(ctx, p.url("/x/../ok"), nil), fault.NotFound, "UnknownRoute")
	wantCode(t, p.call.GetJSON(ctx, p.url("//ok"), nil), fault.NotFound, "UnknownRoute")
	wantCode(t, p.call.PostJSON(ctx, p.url("/ok"), 1, nil), fault.Invalid, "MethodNotAllowed")
	wantCode(t, p.call.PostJSON(ctx, p.url("/echo"), strings.Repeat("x", 2000), nil), fault.TooLarge, "BodyTooLarge")
	wantCode(t, p.call.PostJSON(ctx, p.url("/ignore"), strings.Repeat("x", 20), nil), fault.TooLarge, "BodyTooLarge")
	if err := p.call.GetJSON(ctx, p.url("/away"), nil); err == nil {
		t.Error("a redirect was followed")
	}
	wantCode(t, p.call.GetJSON(ctx, "http://"+p.addr+"/ok", nil), fault.Invalid, "PlainHTTP")
	chunked, err := http.NewRequestWithContext(ctx, http.MethodPost, p.url("/echo"), io.LimitReader(zeros{}, 5000))
	if err != nil {
		t.Fatal(err)
	}
	resp, err := p.call.Do(chunked)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	wantCode(t, transport.ReadProblem(resp), fault.TooLarge, "BodyTooLarge")
	if resp.ProtoMajor != 1 {
		t.Errorf("spoke %s, want HTTP/1.1", resp.Proto)
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// Invariant 3, and cross use: each is refused by the other side's judge.
func TestClientChecksWhoTheServerIs(t *testing.T) {
	t.Parallel()
	w := theWorld()
	const agent = "signet://agent/agent-1"
	user := w.leaf(w.userIssuer, w.userTemplate("signet://user/anna"))
	expired := w.nodeTemplate(agent)
	expired.NotAfter = w.start.Add(-time.Second)
	revoked := w.nodeTemplate(agent)
	revoked.SerialNumber = w.revoked
	clientOnly := w.nodeTemplate(agent)
	clientOnly.ExtKeyUsage = clientOnly.ExtKeyUsage[1:]
	hostOnly := w.nodeTemplate(agent)
	hostOnly.URIs, hostOnly.DNSNames = nil, []string{"localhost", "agent-1"}
	servers := map[string]struct {
		cert *tls.Certificate
		max  uint16
		code string
	}{
		"another agent":          {w.node("signet://agent/agent-2"), 0, "UnexpectedServer"},
		"a controller":           {w.node("signet://controller/agent-1"), 0, "UnexpectedServer"},
		"other authority":        {w.leaf(w.otherIssuer, w.nodeTemplate(agent)), 0, "UntrustedCertificate"},
		"expired":                {w.leaf(w.nodeIssuer, expired), 0, "CertificateExpired"},
		"revoked":                {w.leaf(w.nodeIssuer, revoked), 0, "CertificateRevoked"},
		"client usage only":      {w.leaf(w.nodeIssuer, clientOnly), 0, "WrongKeyUsage"},
		"a user":                 {user, 0, "WrongKeyUsage"},
		"host name, no role":     {w.leaf(w.nodeIssuer, hostOnly), 0, "NoIdentity"},
		"TLS 1.2, else right":    {w.node(agent), tls.VersionTLS12, "RefusedByServer"},
		"right, other host name": {w.node(agent), 0, ""},
	}
	creds := load(t, w.files(t, w.node("signet://controller/controller-1"), w.nodeRoot.cert, w.nodeCRL), transport.CredentialOptions{})
	for name, s := range servers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			asked := make(chan struct{}, 10)
			l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{*s.cert}, MaxVersion: s.max, ClientAuth: tls.RequestClientCert})
			if err != nil {
				t.Fatal(err)
			}
			srv := &http.Server{ReadHeaderTimeout: time.Second, ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelInfo), Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				asked <- struct{}{}
				_, _ = w.Write([]byte("{}"))
			})}
			done := make(chan error, 1)
			go func() { done <- srv.Serve(l) }()
			defer func() { _ = srv.Close(); <-done }()
			c := client(t, transport.ClientOptions{Credentials: creds, Expect: expect(pki.RoleAgent, "agent-1")})
			err = c.GetJSON(t.Context(), "https://"+l.Addr().String()+"/", nil)
			if s.code == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			if !fault.HasCode(err, s.code) {
				t.Errorf("got %v, want %s", err, s.code)
			}
			if len(asked) > 0 {
				t.Error("the request was sent")
			}
		})
	}
}

func TestRefusedClientIsTold(t *testing.T) {
	t.Parallel()
	p := newPair(t, transport.Mux(agentRoutes()), func(so *transport.Options, _ *transport.ClientOptions) {
		so.Peers = expect(pki.RoleController, "controller-2")
	})
	wantRefused(t, p.call.GetJSON(t.Context(), p.url("/ok"), nil))
}

// Invariant 5, on the server's side.
func TestRevokedClientLosesItsConnectionAndStream(t *testing.T) {
	t.Parallel()
	ended := make(chan error, 1)
	routes := append(agentRoutes(), streamRoute(ended))
	p := newPair(t, transport.Mux(routes), nil)
	if err := p.call.GetJSON(t.Context(), p.url("/ok"), nil); err != nil {
		t.Fatal(err)
	}
	s, err := p.call.Stream(t.Context(), p.url("/stream"), 1000, 0)
	if err != nil {
		t.Fatal(err)
	}
	if line, err := s.Next(); err != nil || string(line) != `"first"` {
		t.Fatalf("%s, %v", line, err)
	}
	p.revoke(t, p.server, theWorld().nodeCRL)
	if err := p.call.GetJSON(t.Context(), p.url("/ok"), nil); err == nil {
		t.Error("the connection from before goes on")
	}
	if _, err := s.Next(); !fault.Is(err, fault.Unavailable) {
		t.Errorf("the stream from before goes on: %v", err)
	}
	if err := <-ended; err == nil {
		t.Error("the stream's handler wasn't told")
	}
	wantRefused(t, p.call.GetJSON(t.Context(), p.url("/ok"), nil))
}

// streamRoute sends one line and waits for the stream's end.
func streamRoute(ended chan<- error) transport.Route {
	return transport.Route{Method: "GET", Pattern: "/stream", Roles: []pki.Role{pki.RoleController}, Handler: func(w http.ResponseWriter, r *http.Request) {
		s := transport.NewStreamWriter(w, r, transport.StreamOptions{Heartbeat: 20 * time.Millisecond})
		_ = s.WriteJSON("first")
		<-s.Done()
		ended <- s.Close()
	}}
}

// Invariant 5, on the client's side: an idle stream ends at its next heartbeat.
func TestRevokedServerLosesItsStream(t *testing.T) {
	t.Parallel()
	ended := make(chan error, 1)
	p := newPair(t, transport.Mux([]transport.Route{streamRoute(ended)}), nil)
	s, err := p.call.Stream(t.Context(), p.url("/stream"), 1000, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Next(); err != nil {
		t.Fatal(err)
	}
	w := theWorld()
	leaf := p.serverCreds.Keypair().Leaf()
	p.revoke(t, p.client, w.nodeIssuer.crl(w, leaf.SerialNumber))
	if _, err := s.Next(); err == nil || errors.Is(err, io.EOF) {
		t.Errorf("the stream of a revoked server goes on: %v", err)
	}
	wantCode(t, p.call.GetJSON(t.Context(), p.url("/ok"), nil), fault.Untrusted, "CertificateRevoked")
	<-ended
}

func TestCertificateThatExpiresInUseIsRefused(t *testing.T) {
	t.Parallel()
	p := newPair(t, transport.Mux(agentRoutes()), nil)
	if err := p.call.GetJSON(t.Context(), p.url("/ok"), nil); err != nil {
		t.Fatal(err)
	}
	// The files are seen to be old, so that nothing but the end of the
	// certificate can be what closes the connection.
	for range 2 {
		p.clock.Advance(time.Minute)
		if err := p.call.GetJSON(t.Context(), p.url("/ok"), nil); err != nil {
			t.Fatal(err)
		}
	}
	p.clock.Advance(2 * day)
	err := p.call.GetJSON(t.Context(), p.url("/ok"), nil)
	if !fault.Is(err, fault.Untrusted) && !fault.Is(err, fault.Unavailable) {
		t.Errorf("got %v", err)
	}
}

func TestCredentialsFollowTheirFiles(t *testing.T) {
	t.Parallel()
	w := theWorld()
	now := clock.NewFake(time.Now())
	f := w.files(t, w.node("signet://agent/agent-1"), w.nodeRoot.cert)
	c := load(t, f, transport.CredentialOptions{Clock: now})
	next := w.files(t, w.node("signet://agent/agent-2"), w.nodeRoot.cert)
	copyFile(t, next.Cert, f.Cert)
	name := func() string {
		id, err := pki.ParseIdentity(c.Keypair().Leaf())
		if err != nil {
			t.Fatal(err)
		}
		return id.Name
	}
	if got := name(); got != "agent-1" {
		t.Errorf("%s within the first second", got)
	}
	now.Advance(1100 * time.Millisecond)
	if got := name(); got != "agent-2" || c.Err() != nil {
		t.Errorf("%s after a second, %v", got, c.Err())
	}
	for _, bad := range []struct{ path, text string }{{f.Cert, "half"}, {f.Trust[0], ""}, {filepath.Join(f.CRLs[0], "x.crl"), "noise"}} {
		before, _ := os.ReadFile(bad.path)
		if err := os.WriteFile(bad.path, []byte(bad.text), 0o600); err != nil {
			t.Fatal(err)
		}
		now.Advance(1100 * time.Millisecond)
		if got := name(); got != "agent-2" || c.Err() == nil {
			t.Errorf("%s: %s, %v", bad.path, got, c.Err())
		}
		if before == nil {
			before = w.nodeCRL
		}
		if err := os.WriteFile(bad.path, before, 0o600); err != nil {
			t.Fatal(err)
		}
		now.Advance(1100 * time.Millisecond)
		if got := name(); got != "agent-2" || c.Err() != nil {
			t.Errorf("%s repaired: %s, %v", bad.path, got, c.Err())
		}
	}
	if err := os.Chmod(f.Key, 0o640); err != nil {
		t.Fatal(err)
	}
	_, err := transport.LoadCredentials(f)
	wantCode(t, err, fault.Untrusted, "KeyFileExposed")
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	data, err := os.ReadFile(from)
	if err == nil {
		err = os.WriteFile(to, data, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func TestBadFilesAreRefused(t *testing.T) {
	t.Parallel()
	w := theWorld()
	good := w.files(t, w.node("signet://agent/agent-1"), w.nodeRoot.cert)
	other := w.files(t, w.leafFor(w.nodeIssuer, w.nodeTemplate("signet://agent/agent-1"), w.thief), w.nodeRoot.cert)
	for name, test := range map[string]struct {
		change func(*transport.Files)
		code   string
	}{
		"nothing":         {func(f *transport.Files) { *f = transport.Files{} }, "InvalidFiles"},
		"both":            {func(f *transport.Files) { f.Keystore = "x" }, "InvalidFiles"},
		"no key":          {func(f *transport.Files) { f.Key = "" }, "InvalidFiles"},
		"other key":       {func(f *transport.Files) { f.Key = other.Key }, "InvalidKeypair"},
		"leaf as root":    {func(f *transport.Files) { f.Trust = []string{f.Cert} }, "NotAnAuthority"},
		"no such CRL":     {func(f *transport.Files) { f.CRLs = []string{"none"} }, "FileNotFound"},
		"trust not there": {func(f *transport.Files) { f.Trust = []string{"none"} }, "FileNotFound"},
	} {
		f := good
		test.change(&f)
		if _, err := transport.LoadCredentials(f); !fault.HasCode(err, test.code) {
			t.Errorf("%s: got %v, want %s", name, err, test.code)
		}
	}
	// What a part may not be, it says at its start.
	for name, cert := range map[string]*tls.Certificate{
		"user's":   w.leaf(w.userIssuer, w.userTemplate("signet://user/anna")),
		"nobody's": w.leaf(w.nodeIssuer, w.userTemplate("signet://agent/agent-1")),
	} {
		c := load(t, w.files(t, cert, w.nodeRoot.cert), transport.CredentialOptions{})
		if _, err := transport.NewServer(transport.Options{Listen: "127.0.0.1:0", Credentials: c, Handler: http.NotFoundHandler()}); !fault.Is(err, fault.Untrusted) {
			t.Errorf("%s certificate: %v", name, err)
		}
	}
	noTrust := load(t, w.files(t, w.node("signet://agent/agent-1"), nil), transport.CredentialOptions{})
	if _, err := transport.NewServer(transport.Options{Listen: "127.0.0.1:0", Credentials: noTrust, Handler: http.NotFoundHandler()}); !fault.HasCode(err, "NoRoots") {
		t.Errorf("no roots: %v", err)
	}
	if _, err := transport.NewClient(transport.ClientOptions{Credentials: noTrust, Expect: expect(pki.RoleAgent, "a")}); !fault.HasCode(err, "NoRoots") {
		t.Errorf("no roots: %v", err)
	}
}

// Invariant 8.
func TestStrangersCannotTakeAllConnections(t *testing.T) {
	t.Parallel()
	p := newPair(t, transport.Mux(agentRoutes()), func(so *transport.Options, _ *transport.ClientOptions) {
		so.Limits = transport.Limits{MaxConnections: 5, HeaderTimeout: time.Minute}
	})
	var idle []net.Conn
	for range 20 {
		c, err := net.Dial("tcp", p.addr)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		idle = append(idle, c)
	}
	if err := p.call.GetJSON(t.Context(), p.url("/ok"), nil); err != nil {
		t.Errorf("a good client is kept out: %v", err)
	}
	for range 20 {
		c, err := net.Dial("tcp", p.addr)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
	}
	if err := p.call.GetJSON(t.Context(), p.url("/ok"), nil); err != nil {
		t.Errorf("a good client was thrown out: %v", err)
	}
	_ = idle[0].SetReadDeadline(time.Now().Add(20 * time.Second))
	if _, err := idle[0].Read(make([]byte, 1)); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("the oldest stranger is still there: %v", err)
	}
}

func TestUnfinishedHandshakesAndHeadersAreCutOff(t *testing.T) {
	t.Parallel()
	w := theWorld()
	creds := load(t, w.files(t, w.node("signet://agent/agent-1"), w.nodeRoot.cert), transport.CredentialOptions{})
	addr := serve(t, transport.Options{Credentials: creds, Handler: http.NotFoundHandler(), Limits: transport.Limits{HeaderTimeout: 50 * time.Millisecond}})
	cert := w.node("signet://controller/controller-1")
	for name, say := range map[string]func(net.Conn) net.Conn{
		"handshake": func(c net.Conn) net.Conn { return c },
		"header": func(c net.Conn) net.Conn {
			s := tls.Client(c, &tls.Config{InsecureSkipVerify: true, Certificates: []tls.Certificate{*cert}})
			_, _ = io.WriteString(s, "GET / HTTP/1.1\r\nHost: a\r\n")
			return s
		},
	} {
		raw, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		defer raw.Close()
		_ = raw.SetDeadline(time.Now().Add(20 * time.Second))
		if _, err := io.Copy(io.Discard, say(raw)); errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("%s: the connection stays open", name)
		}
	}
}

func TestCallsEndInTime(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	p := newPair(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-release:
		case <-r.Context().Done():
		}
	}), func(_ *transport.Options, co *transport.ClientOptions) {
		co.Timeouts = transport.Timeouts{Call: 50 * time.Millisecond}
	})
	defer close(release)
	wantCode(t, p.call.GetJSON(t.Context(), p.url("/"), nil), fault.Timeout, "NoAnswerInTime")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := p.call.GetJSON(ctx, p.url("/"), nil); !fault.Is(err, fault.Unavailable) || !errors.Is(err, context.Canceled) {
		t.Errorf("given up: %v", err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = l.Close()
	wantCode(t, p.call.GetJSON(t.Context(), "https://"+l.Addr().String()+"/", nil), fault.Unavailable, "CannotConnect")
	_ = p.call.Close()
	_ = p.call.Close()
	wantCode(t, p.call.GetJSON(t.Context(), p.url("/"), nil), fault.Unavailable, "ClientClosed")
}

// The seam for Agents behind firewalls: the TCP connection may come from
// elsewhere, on either side.
func TestConnectionsMayComeFromElsewhere(t *testing.T) {
	t.Parallel()
	pipes := &pipeListener{conns: make(chan net.Conn), done: make(chan struct{})}
	p := newPair(t, transport.Mux(agentRoutes()), func(so *transport.Options, co *transport.ClientOptions) {
		so.Listener = pipes
		co.Dial = func(context.Context, string, string) (net.Conn, error) {
			near, far := net.Pipe()
			pipes.conns <- far
			return near, nil
		}
	})
	var who struct{ Peer string }
	if err := p.call.GetJSON(t.Context(), "https://agent-1.invalid/ok", &who); err != nil || who.Peer != "controller/controller-1" {
		t.Errorf("%+v, %v", who, err)
	}
}

type pipeListener struct {
	conns chan net.Conn
	done  chan struct{}
}

func (l *pipeListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}

func (l *pipeListener) Close() error {
	select {
	case <-l.done:
		return net.ErrClosed
	default:
		close(l.done)
		return nil
	}
}
func (l *pipeListener) Addr() net.Addr { return &net.UnixAddr{Name: "pipe"} }

func TestRoutesWithoutRolesPanic(t *testing.T) {
	t.Parallel()
	good := agentRoutes()[0]
	for name, change := range map[string]func(*transport.Route){
		"roles":   func(r *transport.Route) { r.Roles = nil },
		"method":  func(r *transport.Route) { r.Method = "" },
		"pattern": func(r *transport.Route) { r.Pattern = "x" },
		"handler": func(r *transport.Route) { r.Handler = nil },
		"body":    func(r *transport.Route) { r.MaxBody = -1 },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: no panic", name)
				}
			}()
			r := good
			change(&r)
			transport.Mux([]transport.Route{r})
		}()
	}
}
