package cluster_test

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/signet-scheduler/signet/internal/bulletin"
	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/pki"
	"github.com/signet-scheduler/signet/internal/transport"
	"github.com/signet-scheduler/signet/internal/trust"
	"github.com/signet-scheduler/signet/test/cluster"
)

var agentsFlag = flag.Int("agents", 40, "how many Agents there are in TestRevocationReachesAll and TestRotationUnderLoad")

// promised is how soon a revocation has to be effective everywhere.
const promised = 5 * time.Second

// send brings the new revocation lists of a purpose, one of each issuer, to the
// Controllers, as a Cockpit does.
func send(t *testing.T, c *cluster.Cluster, p pki.Purpose) {
	t.Helper()
	text, err := c.CA().CRL(p, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	lists, err := pki.ParseCRLs(text)
	if err != nil {
		t.Fatal(err)
	}
	var notices []bulletin.Notice
	for _, l := range lists {
		n, err := bulletin.NewCRL(l.Raw, c.CA().IssuersOf(p, l)...)
		if err != nil {
			t.Fatal(err)
		}
		notices = append(notices, n)
	}
	for _, x := range c.Controllers {
		var r bulletin.Receipt
		if err := c.Client().PostJSON(t.Context(), x.URL+"/controller/api/bulletin", bulletin.Delivery{Notices: notices}, &r); err != nil {
			t.Fatal(err)
		}
		if len(r.Refused) > 0 {
			t.Fatalf("refused: %v", r.Refused)
		}
	}
}

// keeps fails the test if f doesn't hold within the promised time.
func keeps(t *testing.T, c *cluster.Cluster, what string, began time.Time, f func() bool) {
	t.Helper()
	c.Eventually(what, f)
	if took := time.Since(began); took > promised {
		t.Errorf("%s: only after %s", what, took)
	}
}

// A list that was sent to the Controller has effect there and at its Agents: on
// connections, and on documents whose signer is revoked.
func TestRevocationIsPassedOn(t *testing.T) {
	t.Parallel()
	c := cluster.New(t, 1, 2)
	issued, err := c.CA().IssueSigner(pki.SignerParams{Name: "carol", Now: time.Now()})
	if err != nil {
		t.Fatal(err)
	}
	carol, err := trust.X509Signer(issued.Key, pki.EncodeCertsPEM(issued.Chain...))
	if err != nil {
		t.Fatal(err)
	}
	deploy(t, c, script("OTHER", "1", "true"))
	if err := postItem(c, asItem(cluster.SignedBy(t, carol, `{"TYPE":"Workflow","path":"C","versionId":"1","instructions":[`+job("true")+`]}`))); err != nil {
		t.Fatal(err)
	}
	add(t, c, "C", "C1")
	c.Eventually("an order of carol's runs", func() bool { return c.State("C1") == "Finished" })

	// Somebody has stolen a Controller's key, and is connected to an Agent.
	config, serial := c.NewNode(pki.RoleController, "controller-1")
	thief := c.ClientOf(config)
	agent := c.Agents[0].URL + "/agent/api/status"
	if err := thief.GetJSON(t.Context(), agent, nil); err != nil {
		t.Fatal(err)
	}
	// This Agent is away meanwhile.
	c.StopAgent(c.Agents[1])
	if err := c.CA().Revoke(serial, pki.ReasonKeyCompromise, time.Now()); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	send(t, c, pki.PurposeNode)
	keeps(t, c, "the thief is shut out", began, func() bool {
		return fault.Is(thief.GetJSON(t.Context(), agent, nil), fault.Untrusted)
	})
	if err := c.CA().Revoke(issued.Serial, pki.ReasonKeyCompromise, time.Now()); err != nil {
		t.Fatal(err)
	}
	began = time.Now()
	send(t, c, pki.PurposeSigning)
	keeps(t, c, "carol's workflow is in quarantine", began, func() bool { return quarantined(c, "C") == trust.CodeRevokedSigner })
	if code := quarantined(c, "OTHER"); code != "" {
		t.Errorf("another's is, too: %s", code)
	}

	// The Controller tells which Agent holds the list, and which doesn't yet.
	c.Eventually("one Agent holds the newest lists of both kinds", func() bool {
		held := heldBy(c)
		return held["agent-1"] != "" && held["agent-1"] != held["agent-2"]
	})
	// Coupling brings the lists to the one that was away, and they stay.
	c.StartAgent(c.Agents[1])
	c.Eventually("both hold the same", func() bool {
		held := heldBy(c)
		return strings.Count(held["agent-1"], "CRL") == 2 && held["agent-1"] == held["agent-2"]
	})
	late := c.ClientOf(config)
	c.Eventually("the thief is shut out of the other Agent", func() bool {
		return fault.Is(late.GetJSON(t.Context(), c.Agents[1].URL+"/agent/api/status", nil), fault.Untrusted)
	})
	c.StopAgent(c.Agents[0])
	c.StartAgent(c.Agents[0])
	if err := thief.GetJSON(t.Context(), agent, nil); !fault.Is(err, fault.Untrusted) {
		t.Errorf("after a restart: %v", err)
	}
}

// heldBy returns what each Agent holds, as the Controller tells.
func heldBy(c *cluster.Cluster) map[string]string {
	var all struct {
		Agents []struct {
			Path  string
			Holds *int
		}
		Holdings []json.RawMessage
	}
	held := map[string]string{}
	if err := c.Get("/agent", &all); err != nil {
		return held
	}
	for _, a := range all.Agents {
		if a.Holds != nil {
			held[a.Path] = string(all.Holdings[*a.Holds])
		}
	}
	return held
}

// What a receiver is brought by somebody who may connect, but signed by an
// authority that it doesn't trust, has no effect.
func TestForeignListIsRefused(t *testing.T) {
	t.Parallel()
	c := cluster.New(t, 1, 1)
	other := cluster.New(t, 1, 0)
	text, err := other.CA().CRL(pki.PurposeNode, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	n, err := bulletin.NewCRL(text, other.CA().Issuer(pki.PurposeNode))
	if err != nil {
		t.Fatal(err)
	}
	d := bulletin.Delivery{Notices: []bulletin.Notice{n}}
	for _, to := range []struct {
		url string
		as  *transport.Client
	}{{c.Controllers[0].URL + "/controller/api/bulletin", c.Client()}, {c.Agents[0].URL + "/agent/api/bulletin", c.ClientOf(c.Controllers[0].Config)}} {
		var r bulletin.Receipt
		if err := to.as.PostJSON(t.Context(), to.url, d, &r); err != nil {
			t.Fatal(err)
		}
		if len(r.Held) != 0 || len(r.Refused) != 1 || r.Refused[0].Code != "UntrustedIssuer" {
			t.Errorf("%s: %+v", to.url, r)
		}
	}
	// An Agent may not bring anything to a Controller, nor a Cockpit to an Agent.
	if err := c.ClientOf(c.Agents[0].Config).PostJSON(t.Context(), c.Controllers[0].URL+"/controller/api/bulletin", d, nil); !fault.Is(err, fault.Untrusted) && !fault.Is(err, fault.Unavailable) {
		t.Errorf("an Agent at the Controller: %v", err)
	}
	if err := c.Client().PostJSON(t.Context(), c.Agents[0].URL+"/agent/api/bulletin", d, nil); !fault.Is(err, fault.Untrusted) && !fault.Is(err, fault.Unavailable) {
		t.Errorf("a Cockpit at an Agent: %v", err)
	}
}

// standIn answers a Controller as an Agent does that has nothing to do: two hundred
// real ones would each have a process that starts processes.
type standIn struct {
	server *transport.Server
	board  *bulletin.Board
	config string
	ended  chan struct{}

	mu      sync.Mutex
	streams int           // that are open
	lost    time.Time     // when the last was closed
	longest time.Duration // without any
}

func newStandIn(t *testing.T, c *cluster.Cluster, ctx context.Context, name string) *standIn {
	t.Helper()
	config, _ := c.NewNode(pki.RoleAgent, name)
	private := filepath.Join(config, "private")
	s := &standIn{config: config, ended: make(chan struct{})}
	var creds *transport.Credentials
	var err error
	data := t.TempDir()
	s.board, err = bulletin.Open(bulletin.Options{Dir: filepath.Join(data, "trust"), Shelves: []bulletin.Shelf{{Name: bulletin.Connections, Anchors: func() []*x509.Certificate {
		_, trusted := creds.Certificates()
		return trusted
	}}}})
	if err != nil {
		t.Fatal(err)
	}
	creds, err = transport.LoadCredentials(transport.Files{
		Cert: filepath.Join(private, "https-cert.pem"), Key: filepath.Join(private, "https-key.pem"), Trust: []string{filepath.Join(private, "https-trust.pem")},
		CRLs: []string{bulletin.Dir(data, bulletin.Connections)},
	})
	if err != nil {
		t.Fatal(err)
	}
	role := []pki.Role{pki.RoleController}
	s.server, err = transport.NewServer(transport.Options{
		Listen: "127.0.0.1:0", Mode: transport.Parts, Credentials: creds,
		Handler: transport.Mux([]transport.Route{
			{Method: "GET", Pattern: "/agent/api/status", Roles: role, Handler: func(w http.ResponseWriter, _ *http.Request) {
				_ = json.NewEncoder(w).Encode(map[string]any{"agentPath": name, "logId": name})
			}},
			{Method: "POST", Pattern: "/agent/api/command", Roles: role, MaxBody: 1 << 20, Handler: func(http.ResponseWriter, *http.Request) {}},
			{Method: "GET", Pattern: "/agent/api/event", Roles: role, Handler: s.beat},
			{Method: "POST", Pattern: "/agent/api/bulletin", Roles: role, MaxBody: bulletin.MaxDelivery, Handler: func(w http.ResponseWriter, r *http.Request) {
				body, err := transport.ReadBody(r)
				if err == nil {
					var receipt bulletin.Receipt
					if receipt, err = s.board.Receive(body); err == nil {
						_ = json.NewEncoder(w).Encode(receipt)
						return
					}
				}
				transport.WriteProblem(w, err)
			}},
		}),
	})
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(s.ended)
		_ = s.server.Serve(ctx)
	}()
	return s
}

// streaming counts the open streams, and how long there was none.
func (s *standIn) streaming(more int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.streams == 0 && !s.lost.IsZero() {
		s.longest = max(s.longest, time.Since(s.lost))
	}
	if s.streams += more; s.streams == 0 {
		s.lost = time.Now()
	}
}

// beat is an event stream without events.
func (s *standIn) beat(w http.ResponseWriter, r *http.Request) {
	s.streaming(1)
	defer s.streaming(-1)
	rc := http.NewResponseController(w)
	_ = rc.SetWriteDeadline(time.Time{})
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		if _, err := w.Write([]byte{0}); err != nil {
			return
		}
		if err := rc.Flush(); err != nil {
			return
		}
		select {
		case <-tick.C:
		case <-r.Context().Done():
			return
		}
	}
}

// However many Agents there are, a list that a Cockpit brings to the Controller is in
// force at all of them within five seconds: open connections of who is revoked are
// closed, new ones refused.
func TestRevocationReachesAll(t *testing.T) {
	t.Parallel()
	c := cluster.New(t, 1, 0)
	ctx, cancel := context.WithCancel(t.Context())
	agents := make([]*standIn, *agentsFlag)
	var documents []string
	for i := range agents {
		name := fmt.Sprintf("stand-in-%d", i)
		agents[i] = newStandIn(t, c, ctx, name)
		documents = append(documents, fmt.Sprintf(`{"TYPE":"AgentRef","path":%q,"uri":"https://%s"}`, name, agents[i].server.Addr()))
	}
	defer func() {
		cancel()
		for _, a := range agents {
			<-a.ended
		}
	}()
	if err := c.Deploy(documents...); err != nil {
		t.Fatal(err)
	}
	c.Eventually("all are coupled", func() bool { return coupled(c) == len(agents) })

	config, serial := c.NewNode(pki.RoleController, "controller-2")
	thief := c.ClientOf(config)
	streams := make([]io.ReadCloser, len(agents))
	for i, a := range agents {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://"+a.server.Addr().String()+"/agent/api/event", http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := thief.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		streams[i] = resp.Body
	}
	if err := c.CA().Revoke(serial, pki.ReasonKeyCompromise, time.Now()); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	send(t, c, pki.PurposeNode)
	var wg sync.WaitGroup
	var mu sync.Mutex
	var slowest time.Duration
	for _, s := range streams {
		wg.Go(func() {
			_, _ = io.Copy(io.Discard, s) // until it is cut
			_ = s.Close()
			mu.Lock()
			defer mu.Unlock()
			slowest = max(slowest, time.Since(began))
		})
	}
	wg.Wait()
	t.Logf("%d Agents: the last connection was closed after %s", len(agents), slowest.Round(time.Millisecond))
	if slowest > promised {
		t.Errorf("the last connection was closed only after %s", slowest)
	}
	for i, a := range agents {
		if err := thief.GetJSON(ctx, "https://"+a.server.Addr().String()+"/agent/api/status", nil); !fault.Is(err, fault.Untrusted) {
			t.Errorf("Agent %d: a new connection: %v", i, err)
		}
	}
	if n := coupled(c); n != len(agents) {
		t.Errorf("%d Agents are coupled afterwards", n)
	}
}

func coupled(c *cluster.Cluster) int {
	var all struct{ Agents []struct{ Coupled bool } }
	if err := c.Get("/agent", &all); err != nil {
		return -1
	}
	n := 0
	for _, a := range all.Agents {
		if a.Coupled {
			n++
		}
	}
	return n
}
