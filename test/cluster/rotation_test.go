package cluster_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/fsys"
	"github.com/signet-scheduler/signet/internal/pki"
	"github.com/signet-scheduler/signet/internal/trust"
	"github.com/signet-scheduler/signet/test/cluster"
)

// reconnect is how long a part may be without its connection when what it trusts
// changes: connections are judged again, and made anew.
const reconnect = 10 * time.Second

// member is a part of an installation whose files are replaced.
type member struct {
	config  string
	address string // "" for the Cockpit, which only asks
}

// renew writes a renewed certificate over the one that a part has, as an
// administrator does.
func renew(t *testing.T, c *cluster.Cluster, m member) {
	t.Helper()
	private := filepath.Join(m.config, "private")
	chain, err := pki.ReadCertsPEM(filepath.Join(private, "https-cert.pem"))
	if err != nil {
		t.Fatal(err)
	}
	issued, err := c.CA().Renew(pki.Serial(chain[0]), pki.RenewParams{Now: time.Now()})
	if err != nil {
		t.Fatal(err)
	}
	if err := pki.WriteKeyPEM(fsys.Real{}, filepath.Join(private, "https-key.pem"), issued.Key); err != nil {
		t.Fatal(err)
	}
	if err := pki.WriteCertsPEM(fsys.Real{}, filepath.Join(private, "https-cert.pem"), issued.Chain...); err != nil {
		t.Fatal(err)
	}
}

// trusting replaces what a part trusts.
func trusting(t *testing.T, m member, roots ...*x509.Certificate) {
	t.Helper()
	if err := pki.WriteCertsPEM(fsys.Real{}, filepath.Join(m.config, "private", "https-trust.pem"), roots...); err != nil {
		t.Fatal(err)
	}
}

// addSafely adds an order. When its connection is cut, because the certificates that
// it was made with count no more, for the Controller or for the client itself, it is
// repeated as any client does: as the same command, which is done once.
func addSafely(ctx context.Context, c *cluster.Cluster, id string) error {
	command := map[string]any{
		"TYPE": "AddOrders", "commandId": "add " + id, "by": map[string]any{"account": "admin", "method": "test"},
		"orders": []any{map[string]any{"id": id, "workflowPath": "LOAD"}},
	}
	deadline := time.Now().Add(reconnect)
	for {
		err := c.Post("/command", command, nil)
		cut := fault.Is(err, fault.Unavailable) || fault.Is(err, fault.Untrusted)
		if err == nil || ctx.Err() != nil || !cut || time.Now().After(deadline) {
			return err
		}
	}
}

// load adds orders, one after the other, until it is stopped, and tells which.
func load(c *cluster.Cluster) (stop func() []string, failed func() error) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	var ids []string
	var err error
	go func() {
		defer close(done)
		tick := time.NewTicker(100 * time.Millisecond)
		defer tick.Stop()
		for n := 0; ; n++ {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			id := fmt.Sprintf("L%d", n)
			if err = addSafely(ctx, c, id); err != nil {
				return
			}
			ids = append(ids, id)
		}
	}()
	var once sync.Once
	return func() []string { once.Do(cancel); <-done; return ids }, func() error { <-done; return err }
}

// All certificates of parts are replaced twice while orders run: by those of a new
// issuer, then by those of a new root with overlap, at whose beginning half of the
// parts trust only the old root, and at whose end nobody trusts it any more. No job
// fails, and no part is without its connection for longer than a reconnect.
func TestRotationUnderLoad(t *testing.T) {
	t.Parallel()
	c := cluster.New(t, 1, 1)
	ctx, cancel := context.WithCancel(t.Context())
	agents := make([]*standIn, *agentsFlag)
	parts := []member{{config: filepath.Join(c.Dir, "cockpit", "config")}}
	for _, p := range c.Controllers {
		parts = append(parts, member{p.Config, p.Listen})
	}
	for _, p := range c.Agents {
		parts = append(parts, member{p.Config, p.Listen})
	}
	var documents []string
	for i := range agents {
		name := fmt.Sprintf("stand-in-%d", i)
		agents[i] = newStandIn(t, c, ctx, name)
		parts = append(parts, member{agents[i].config, agents[i].server.Addr().String()})
		documents = append(documents, fmt.Sprintf(`{"TYPE":"AgentRef","path":%q,"uri":"https://%s"}`, name, agents[i].server.Addr()))
	}
	defer func() {
		cancel()
		for _, a := range agents {
			<-a.ended
		}
	}()
	deploy(t, c, append(documents, script("LOAD", "1", "sleep 1"))...)
	all := len(agents) + len(c.Agents)
	c.Eventually("all are coupled", func() bool { return coupled(c) == all })
	stop, failed := load(c)
	defer stop()

	// A certificate of before, which is never renewed.
	leftover, serial := c.NewNode(pki.RoleController, "controller-2")
	late := c.ClientOf(leftover)
	letIn := func(a *standIn) bool {
		return late.GetJSON(ctx, "https://"+a.server.Addr().String()+"/agent/api/status", nil) == nil
	}

	// 1. A new issuer: what is trusted stays.
	old := c.CA().Root(pki.PurposeNode)
	rotate(t, c, false)
	for _, m := range parts {
		renew(t, c, m)
	}
	c.Eventually("all show certificates of the new issuer", func() bool { return allShow(t, c, parts) })

	// 2. A new root: half of the parts don't know it yet.
	rotate(t, c, true)
	for i, m := range parts {
		if i%2 == 0 {
			trusting(t, m, c.CA().Roots(pki.PurposeNode)...)
		}
		renew(t, c, m)
	}
	c.Eventually("all show certificates of the new root", func() bool { return allShow(t, c, parts) })
	c.Eventually("all are coupled with half of the parts not knowing the new root", func() bool { return coupled(c) == all })
	for _, m := range parts {
		trusting(t, m, c.CA().Roots(pki.PurposeNode)...)
	}
	for i, a := range agents {
		if !letIn(a) {
			t.Errorf("stand-in-%d refuses a certificate of before during the overlap", i)
		}
	}
	if err := c.CA().FinishRotation(pki.PurposeNode, false, time.Now()); !fault.HasCode(err, "CertificatesInForce") {
		t.Fatalf("finished with a certificate of before in force: %v", err)
	}
	if err := c.CA().Revoke(serial, pki.ReasonSuperseded, time.Now()); err != nil {
		t.Fatal(err)
	}
	if err := c.CA().FinishRotation(pki.PurposeNode, false, time.Now()); err != nil {
		t.Fatal(err)
	}

	// 3. Nobody trusts the old root any more.
	for _, m := range parts {
		trusting(t, m, c.CA().Roots(pki.PurposeNode)...)
	}
	if roots := c.CA().Roots(pki.PurposeNode); len(roots) != 1 || roots[0].Equal(old) {
		t.Fatalf("%d roots are trusted at the end", len(roots))
	}
	c.Eventually("nobody trusts the old root", func() bool { return !slices.ContainsFunc(agents, letIn) })
	c.Eventually("all are coupled without the old root", func() bool { return coupled(c) == all })
	add(t, c, "LOAD", "LAST")
	c.Eventually("an order runs at the end", func() bool { return c.State("LAST") == "Finished" })

	ids := stop()
	if err := failed(); err != nil {
		t.Errorf("adding orders: %v", err)
	}
	if len(ids) < 10 {
		t.Errorf("only %d orders ran meanwhile", len(ids))
	}
	for _, id := range ids {
		c.Eventually(id+" is finished", func() bool { return c.State(id) == "Finished" || c.State(id) == "Failed" })
		if s := c.State(id); s != "Finished" {
			t.Errorf("order %s: %s", id, s)
		}
	}
	var longest time.Duration
	for i, a := range agents {
		a.streaming(0)
		a.mu.Lock()
		longest = max(longest, a.longest)
		if a.longest > reconnect {
			t.Errorf("stand-in-%d was without connection for %s", i, a.longest)
		}
		a.mu.Unlock()
	}
	t.Logf("%d Agents, %d orders: no Agent was without connection for longer than %s", len(agents), len(ids), longest.Round(time.Millisecond))
}

// allShow tells whether every part shows a certificate of the issuer in force to who
// connects now.
func allShow(t *testing.T, c *cluster.Cluster, parts []member) bool {
	t.Helper()
	issuer := c.CA().Issuer(pki.PurposeNode)
	for _, m := range parts {
		if m.address == "" {
			continue
		}
		d := tls.Dialer{Config: &tls.Config{InsecureSkipVerify: true}}
		conn, err := d.DialContext(t.Context(), "tcp", m.address)
		if err != nil {
			return false
		}
		leaf := conn.(*tls.Conn).ConnectionState().PeerCertificates[0]
		_ = conn.Close() // nothing was sent
		if leaf.CheckSignatureFrom(issuer) != nil {
			return false
		}
	}
	return true
}

func rotate(t *testing.T, c *cluster.Cluster, root bool) {
	t.Helper()
	if err := c.CA().Rotate(pki.RotateParams{Purpose: pki.PurposeNode, Root: root, Now: time.Now()}); err != nil {
		t.Fatal(err)
	}
}

// A signer who is issued a certificate after a rotation is trusted where the root
// before is, and revoked by the list of the new issuer; one of before stays trusted.
func TestSignersAfterRotation(t *testing.T) {
	t.Parallel()
	c := cluster.New(t, 1, 1)
	deploy(t, c, script("BEFORE", "1", "true"))
	for i, root := range []bool{false, true} {
		if err := c.CA().Rotate(pki.RotateParams{Purpose: pki.PurposeSigning, Root: root, Now: time.Now()}); err != nil {
			t.Fatal(err)
		}
		issued, err := c.CA().IssueSigner(pki.SignerParams{Name: fmt.Sprintf("carol-%d", i), Now: time.Now()})
		if err != nil {
			t.Fatal(err)
		}
		carol, err := trust.X509Signer(issued.Key, pki.EncodeCertsPEM(issued.Chain...))
		if err != nil {
			t.Fatal(err)
		}
		path := fmt.Sprintf("AFTER-%d", i)
		if err := postItem(c, asItem(cluster.SignedBy(t, carol, fmt.Sprintf(`{"TYPE":"Workflow","path":%q,"versionId":"1","instructions":[%s]}`, path, job("true"))))); err != nil {
			t.Fatal(err)
		}
		add(t, c, path, path)
		c.Eventually("an order of "+path+" runs", func() bool { return c.State(path) == "Finished" })
		if err := c.CA().Revoke(issued.Serial, pki.ReasonKeyCompromise, time.Now()); err != nil {
			t.Fatal(err)
		}
		send(t, c, pki.PurposeSigning)
		c.Eventually(path+" is in quarantine", func() bool { return quarantined(c, path) == trust.CodeRevokedSigner })
	}
	if code := quarantined(c, "BEFORE"); code != "" {
		t.Errorf("a signer of before: %s", code)
	}
}
