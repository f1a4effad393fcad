package transport_test

import (
	"context"
	"crypto/tls"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/signet-scheduler/signet/internal/clock"
	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/fsys"
	"github.com/signet-scheduler/signet/internal/pki"
	"github.com/signet-scheduler/signet/internal/transport"
)

// renewal is a part that has a certificate of a day, and its authority.
type renewal struct {
	t     *testing.T
	ca    *pki.CA
	clock *clock.Fake
	files transport.Files
	creds *transport.Credentials
}

func newRenewal(t *testing.T) *renewal {
	t.Helper()
	now := time.Now()
	dir := t.TempDir()
	r := &renewal{t: t, clock: clock.NewFake(now), files: transport.Files{
		Cert: filepath.Join(dir, "cert.pem"), Key: filepath.Join(dir, "key.pem"), Trust: []string{filepath.Join(dir, "trust.pem")}, Renewed: filepath.Join(dir, "renewed.pem"),
	}}
	var err error
	r.ca, err = pki.InitCA(fsys.Real{}, filepath.Join(dir, "ca"), pki.CAParams{Organization: "Test", Now: now})
	r.check(err)
	issued, err := r.ca.IssueNode(pki.NodeParams{Role: pki.RoleAgent, Name: "a", Validity: day, Enrolled: true, Now: now})
	r.check(err)
	r.check(pki.WriteKeyPEM(fsys.Real{}, r.files.Key, issued.Key))
	r.check(pki.WriteCertsPEM(fsys.Real{}, r.files.Cert, issued.Chain...))
	r.check(pki.WriteCertsPEM(fsys.Real{}, r.files.Trust[0], r.ca.Root(pki.PurposeNode)))
	r.creds = r.load()
	return r
}

func (r *renewal) check(err error) {
	r.t.Helper()
	if err != nil {
		r.t.Fatal(err)
	}
}

func (r *renewal) load() *transport.Credentials {
	r.t.Helper()
	c, err := transport.LoadCredentialsWith(r.files, transport.CredentialOptions{Clock: r.clock})
	r.check(err)
	return c
}

// answer makes a certificate for what the part requests.
func (r *renewal) answer(p pki.NodeParams) transport.NewCertificate {
	r.t.Helper()
	request, err := r.creds.Request()
	r.check(err)
	csr, err := pki.ParseCSR([]byte(request.Request))
	r.check(err)
	p.Key, p.Now = pki.KeySource{CSR: csr}, r.clock.Now()
	issued, err := r.ca.IssueNode(p)
	r.check(err)
	return transport.NewCertificate{Certificate: string(pki.EncodeCertsPEM(issued.Chain...))}
}

func (r *renewal) refused(code string, n transport.NewCertificate) {
	r.t.Helper()
	before := r.creds.Shown()
	if err := r.creds.Install(n); !fault.HasCode(err, code) {
		r.t.Errorf("Install: %v, want %s", err, code)
	}
	if r.creds.Shown() != before {
		r.t.Errorf("%s has changed the certificate", code)
	}
	if _, err := os.Stat(r.files.Renewed); err == nil {
		r.t.Errorf("%s has written a file", code)
	}
}

func TestRenew(t *testing.T) {
	t.Parallel()
	r := newRenewal(t)
	before := r.creds.Shown()
	r.clock.Advance(16 * time.Hour)
	n := r.answer(pki.NodeParams{Role: pki.RoleAgent, Name: "a", Validity: day})
	r.check(r.creds.Install(n))
	after := r.creds.Shown()
	if after.Serial == before.Serial || after.NotAfter <= before.NotAfter {
		t.Errorf("before %+v, after %+v", before, after)
	}
	if info, err := os.Stat(r.files.Renewed); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the file: %v, %v", info, err)
	}
	// It counts after a restart, also when the first one is long over; and it is
	// installed once.
	r.clock.Advance(12 * time.Hour)
	if got := r.load().Shown(); got != after {
		t.Errorf("after a restart %+v, want %+v", got, after)
	}
	if err := r.creds.Install(n); !fault.HasCode(err, "NotRequested") {
		t.Errorf("again: %v", err)
	}
	// What an administrator puts in later counts more.
	issued, err := r.ca.IssueNode(pki.NodeParams{Role: pki.RoleAgent, Name: "a", Now: r.clock.Now()})
	r.check(err)
	r.check(pki.WriteKeyPEM(fsys.Real{}, r.files.Key, issued.Key))
	r.check(pki.WriteCertsPEM(fsys.Real{}, r.files.Cert, issued.Chain...))
	if got := r.load().Shown(); got.Serial != issued.Serial {
		t.Errorf("the administrator's certificate isn't used: %+v", got)
	}
	// What came for another identity doesn't count.
	other, err := r.ca.IssueNode(pki.NodeParams{Role: pki.RoleAgent, Name: "b", Now: r.clock.Now().Add(time.Minute)})
	r.check(err)
	r.check(pki.WritePairPEM(fsys.Real{}, r.files.Renewed, other.Keypair()))
	if got := r.load().Shown(); got.Serial != issued.Serial {
		t.Errorf("another part's certificate is used: %+v", got)
	}
}

func TestRenewIsRefused(t *testing.T) {
	t.Parallel()
	r := newRenewal(t)
	own := pki.NodeParams{Role: pki.RoleAgent, Name: "a", Validity: 2 * day}
	r.refused("NotRequested", transport.NewCertificate{Certificate: string(pki.EncodeCertsPEM(r.creds.Keypair().Chain...))})
	for _, c := range []struct {
		code string
		p    pki.NodeParams
	}{
		{"WrongCertificate", pki.NodeParams{Role: pki.RoleAgent, Name: "b", Validity: 2 * day}},
		{"WrongCertificate", pki.NodeParams{Role: pki.RoleController, Name: "a", Validity: 2 * day}},
		{"OlderCertificate", pki.NodeParams{Role: pki.RoleAgent, Name: "a", Validity: time.Hour}},
	} {
		r.refused(c.code, r.answer(c.p))
	}
	n := r.answer(own)
	if _, err := r.creds.Request(); err != nil {
		t.Fatal(err)
	}
	r.refused("InvalidKeypair", n) // for the key before
	foreign := newRenewal(t)
	r.ca = foreign.ca
	r.clock.Set(foreign.clock.Now())
	r.refused("UntrustedCertificate", r.answer(own))
	r.refused("InvalidCertificate", transport.NewCertificate{Certificate: "x"})
	none := r.files
	none.Renewed = ""
	c, err := transport.LoadCredentials(none)
	r.check(err)
	if _, err := c.Request(); !fault.HasCode(err, "NotRenewable") {
		t.Errorf("without a place: %v", err)
	}
}

// A stream that is open goes on when the certificates of both sides are renewed.
func TestRenewLeavesStreams(t *testing.T) {
	t.Parallel()
	r := newRenewal(t)
	more := make(chan struct{})
	server, err := transport.NewServer(transport.Options{
		Listen: "127.0.0.1:0", Mode: transport.Parts, Credentials: r.creds,
		Handler: transport.Mux(append(transport.RenewalRoutes("/x", []pki.Role{pki.RoleAgent}, func() *transport.Credentials { return r.creds }),
			transport.Route{Method: "GET", Pattern: "/stream", Roles: []pki.Role{pki.RoleAgent}, Handler: func(w http.ResponseWriter, _ *http.Request) {
				for range 2 {
					_, _ = w.Write([]byte("x"))
					_ = http.NewResponseController(w).Flush()
					<-more
				}
			}})),
	})
	r.check(err)
	ctx, cancel := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- server.Serve(ctx) }()
	defer func() { cancel(); <-served }()
	client, err := transport.NewClient(transport.ClientOptions{Credentials: r.creds, Expect: func(pki.Identity) bool { return true }})
	r.check(err)
	defer client.Close()
	url := "https://" + server.Addr().String()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url+"/stream", http.NoBody)
	r.check(err)
	resp, err := client.Do(req)
	r.check(err)
	defer resp.Body.Close()
	one := make([]byte, 1)
	if _, err := resp.Body.Read(one); err != nil {
		t.Fatal(err)
	}
	r.clock.Advance(16 * time.Hour)
	var request transport.CertificateRequest
	r.check(client.PostJSON(t.Context(), url+"/x/certificate/request", []byte{}, &request))
	csr, err := pki.ParseCSR([]byte(request.Request))
	r.check(err)
	renewed, err := r.ca.Renew(r.creds.Shown().Serial, pki.RenewParams{Key: pki.KeySource{CSR: csr}, Validity: day, Now: r.clock.Now()})
	r.check(err)
	var shown transport.Shown
	r.check(client.PostJSON(t.Context(), url+"/x/certificate", transport.NewCertificate{Certificate: string(pki.EncodeCertsPEM(renewed.Chain...))}, &shown))
	if shown.Serial != renewed.Serial {
		t.Errorf("shown: %+v", shown)
	}
	close(more)
	if _, err := resp.Body.Read(one); err != nil {
		t.Errorf("the stream: %v", err)
	}
	// A new connection shows the new certificate.
	conn, err := tls.Dial("tcp", server.Addr().String(), &tls.Config{InsecureSkipVerify: true, Certificates: []tls.Certificate{*r.creds.Keypair().TLS()}})
	r.check(err)
	defer conn.Close()
	if got := pki.Serial(conn.ConnectionState().PeerCertificates[0]); got != renewed.Serial {
		t.Errorf("a new connection shows %s, want %s", got, renewed.Serial)
	}
}
